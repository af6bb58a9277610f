//! One record of the log, in Azure's own order of keys.
//!
//! In: an event. Out: a compact JSON object, in one of four shapes: the data plane's, the control
//! plane's, a vault's own notice, or the Managed HSM's.

use fastrand::Rng;

use crate::cause::Cause;
use crate::json::JsonWriter;
use crate::message::{Subject, first_line_tells};
use crate::operation::{Family, OPERATIONS, Operation, Route};
use crate::people::Caller;
use crate::properties::{object_properties, push_hsm_identity, vault_properties};
use crate::random::{below, per_mille, pick};
use crate::traffic::Event;
use crate::world::{Network, Object, Vault, World};

/// Region-less addresses of Resource Manager in a thousand; the rest name the region.
const GLOBAL_MANAGER: u64 = 500;

/// Turns events into records.
#[derive(Debug)]
pub(crate) struct Renderer<'a> {
    /// Who and what there is.
    world: &'a World,
    /// Source of chance for what does not matter to the truth.
    rng: Rng,
    /// The record.
    json: JsonWriter,
    /// The message, the path and the identity, each reused.
    message: String,
    /// Path of the request.
    path: String,
    /// Identity of the Managed HSM's shape.
    identity: String,
}

/// What all shapes need to know of an event.
#[derive(Clone, Copy)]
struct Facts<'a> {
    /// The event.
    event: &'a Event,
    /// Its vault.
    vault: &'a Vault,
    /// Its caller.
    caller: &'a Caller,
    /// Its operation.
    operation: &'static Operation,
    /// Its object.
    object: &'a Object,
    /// Its status.
    status: u64,
}

impl<'a> Renderer<'a> {
    /// Prepares for a world.
    pub(crate) fn new(world: &'a World, rng: Rng) -> Self {
        Self {
            world,
            rng,
            json: JsonWriter::default(),
            message: String::new(),
            path: String::new(),
            identity: String::new(),
        }
    }

    /// The record of an event.
    pub(crate) fn render(&mut self, event: &Event) -> &str {
        let request = &event.request;
        let operation = &OPERATIONS[request.operation];
        let vault = &self.world.vaults[request.vault];
        let facts = Facts {
            event,
            vault,
            caller: &self.world.callers[request.caller],
            operation,
            object: vault.object(operation.family, request.object),
            status: self.status(request.cause, operation),
        };
        self.describe(event);
        self.json.start();
        match operation.route {
            _ if request.vault == self.world.hsm => self.managed_hsm(facts),
            Route::Management => self.control_plane(facts),
            Route::Notice => self.notice(facts),
            _ => self.data_plane(facts),
        }
        self.json.finish()
    }

    /// The status that the client saw.
    fn status(&mut self, cause: Cause, operation: &Operation) -> u64 {
        let accepted = operation.family == Family::Certificate && operation.route == Route::Create;
        if cause == Cause::Success && accepted { 202 } else { cause.status(&mut self.rng) }
    }

    /// Writes the message as it reaches the log: whole, or its first line, with one or the other line break.
    fn describe(&mut self, event: &Event) {
        self.message.clear();
        Subject::new(self.world, event).describe(&mut self.rng, &mut self.message);
        let Some(first_line) = self.message.find('\n') else { return };
        match self.rng.u64(..10) {
            0 if first_line_tells(event.request.cause) => self.message.truncate(first_line),
            0..4 => {
                let with_carriage_return = self.message.replace('\n', "\r\n");
                self.message = with_carriage_return;
                if event.request.cause.role_based() == Some(true) {
                    self.message.push_str("\r\n");
                }
            }
            _ => {}
        }
    }

    /// A request at the vault's own address.
    fn data_plane(&mut self, facts: Facts) {
        self.head(facts);
        self.identity(facts);
        self.json.open("properties");
        self.object_id(facts);
        self.json.string("clientInfo", facts.caller.agent);
        self.json.number("httpStatusCode", facts.status);
        self.request_uri(facts);
        self.permission_flags(facts);
        self.address_flags(facts);
        if facts.event.request.cause == Cause::Success {
            object_properties(&mut self.json, facts.operation, facts.object);
        }
        self.json.string("tlsVersion", facts.caller.tls);
        self.json.close();
        self.tail(facts, facts.caller.api_version);
    }

    /// A request by way of Resource Manager.
    fn control_plane(&mut self, facts: Facts) {
        self.head(facts);
        self.identity(facts);
        self.json.open("properties");
        self.json.strings("id", &[&facts.vault.address, "/"]);
        self.json.string("clientInfo", facts.caller.agent);
        let global = per_mille(&mut self.rng, GLOBAL_MANAGER);
        let region = if global { ["", ""] } else { [facts.vault.region, "."] };
        let polling = facts.operation.name == "VaultGet";
        self.json.strings(
            "requestUri",
            &[
                "https://",
                region[0],
                region[1],
                "management.azure.com",
                &facts.vault.management_path,
                "?api-version=",
                facts.caller.api_version,
                if polling { "&MaskCMKEnabledProperties=true" } else { "" },
            ],
        );
        self.json.number("httpStatusCode", facts.status);
        vault_properties(&mut self.json, facts.vault, &self.world.tenant);
        self.json.close();
        self.tail(facts, facts.caller.api_version);
    }

    /// A vault telling of itself: nobody calls.
    fn notice(&mut self, facts: Facts) {
        self.json.time("time", facts.event.time, 7);
        self.json.string("category", "AuditEvent");
        self.json.string("operationName", facts.operation.name);
        self.json.string("resultType", "Success");
        self.correlation();
        self.json.open("properties");
        match facts.operation.family {
            Family::Vault => self.json.strings("id", &[&facts.vault.address, "/"]),
            family => self.json.strings(
                "id",
                &[
                    &facts.vault.address,
                    "/",
                    family.plural(),
                    "/",
                    &facts.object.name,
                    "/",
                    &facts.object.version,
                ],
            ),
        }
        self.json.number("httpStatusCode", facts.status);
        self.json.close();
        self.tail(facts, "7.4");
    }

    /// A request to the Managed HSM, whose log has a shape of its own.
    fn managed_hsm(&mut self, facts: Facts) {
        self.json.string("TenantId", &self.world.tenant);
        self.json.time("time", facts.event.time, 3);
        self.json.string("resourceId", &facts.vault.resource_id);
        self.json.string("operationName", facts.operation.name);
        self.json.string("operationVersion", facts.caller.api_version);
        self.json.string("category", "AuditEvent");
        self.json.string("resultType", "Success");
        if !self.message.is_empty() {
            self.json.string("resultDescription", &self.message);
        }
        self.json.raw("properties", r#"{"PoolType":"M-HSM","sku_Family":"B","sku_Name":"Standard_B1"}"#);
        let duration = duration_ms(facts.status, &mut self.rng);
        self.json.number("durationMs", duration);
        self.json.string("callerIpAddress", &facts.caller.addresses[facts.event.request.address]);
        push_hsm_identity(&mut self.identity, facts.caller);
        self.json.string("identity", &self.identity);
        self.json.string("clientInfo", facts.caller.agent);
        self.correlation();
        self.json.string("subnetId", "(unknown)");
        self.json.number("httpStatusCode", facts.status);
        self.json.string("PoolName", &facts.vault.name);
        self.request_uri(facts);
        self.json.string("resourceGroup", &facts.vault.resource_group);
        self.json.string("resourceProvider", "MICROSOFT.KEYVAULT");
        self.json.string("resource", &facts.vault.name);
        self.json.string("resourceType", "managedHSMs");
    }

    /// The members before the identity.
    fn head(&mut self, facts: Facts) {
        self.json.time("time", facts.event.time, 7);
        self.json.string("category", "AuditEvent");
        self.json.string("operationName", OPERATIONS[facts.event.request.logged_operation()].name);
        self.json.string("resultType", "Success");
        if !self.message.is_empty() {
            self.json.string("resultDescription", &self.message);
        }
        self.correlation();
        self.json.string("callerIpAddress", &facts.caller.addresses[facts.event.request.address]);
    }

    /// The members after the properties.
    fn tail(&mut self, facts: Facts, version: &str) {
        self.json.string("resourceId", &facts.vault.resource_id);
        self.json.string("operationVersion", version);
        self.json.string("resultSignature", reason_phrase(facts.status, &mut self.rng));
        let duration = duration_ms(facts.status, &mut self.rng);
        self.json.number_string("durationMs", duration);
    }

    /// The id that the client is given.
    fn correlation(&mut self) {
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        self.json.guid("correlationId", high, low);
    }

    /// The claims, where there was a token that could be checked.
    fn identity(&mut self, facts: Facts) {
        self.json.open("identity");
        if facts.event.request.cause.names_caller() {
            self.json.raw("claim", &facts.caller.claims);
        }
        self.json.close();
    }

    /// The object's address: with its version once the request was served, absent from lists and at the door.
    fn object_id(&mut self, facts: Facts) {
        let Operation { family, route, .. } = *facts.operation;
        let listing = matches!(route, Route::Collection | Route::DeletedCollection | Route::Versions);
        if listing || facts.event.request.cause.is_token() {
            return;
        }
        let deleted = if route == Route::Deleted { "deleted" } else { "" };
        let served = facts.event.request.cause == Cause::Success && deleted.is_empty();
        let version = if served { ["/", &facts.object.version] } else { ["", ""] };
        self.json.strings(
            "id",
            &[
                &facts.vault.address,
                "/",
                deleted,
                family.plural(),
                "/",
                &facts.object.name,
                version[0],
                version[1],
            ],
        );
    }

    /// What the client asked for.
    fn request_uri(&mut self, facts: Facts) {
        push_path(&mut self.path, facts);
        let paged = facts.operation.route == Route::Collection && facts.caller.upn.is_some();
        self.json.strings(
            "requestUri",
            &[
                &facts.vault.address,
                &self.path,
                "?api-version=",
                facts.caller.api_version,
                if paged { "&maxresults=25" } else { "" },
            ],
        );
    }

    /// What the vault's permission model said, if it was asked at all.
    fn permission_flags(&mut self, facts: Facts) {
        let cause = facts.event.request.cause;
        let asked = match cause {
            Cause::Throttled | Cause::ServiceError | Cause::ClientError | Cause::FirstPartyDenied => false,
            Cause::Forbidden => per_mille(&mut self.rng, 500),
            _ => !cause.is_token() && !cause.is_network(),
        };
        if !asked {
            return;
        }
        let granted = cause.role_based().is_none();
        if cause.role_based().unwrap_or(facts.vault.role_based) {
            self.json.boolean("isRbacAuthorized", granted);
            if granted || cause == Cause::DenyAssignment {
                let (high, low) = facts.event.request.assignment();
                self.json.guid("appliedAssignmentId", high, low);
            }
        } else {
            self.json.boolean("isAccessPolicyMatch", granted);
        }
    }

    /// What the vault's network rules said, if it has any.
    fn address_flags(&mut self, facts: Facts) {
        let cause = facts.event.request.cause;
        if cause.is_network() {
            self.json.boolean("isAddressAuthorized", false);
            self.json.string("addrAuthType", "PublicIP");
            return;
        }
        if cause.is_token() || facts.vault.network == Network::Open {
            return;
        }
        self.json.boolean("isAddressAuthorized", true);
        match facts.vault.network {
            Network::Open | Network::Firewall => self.json.string("addrAuthType", "PublicIP"),
            Network::Subnet => {
                self.json.string("addrAuthType", "Subnet");
                self.json.string("subnetId", &facts.vault.entrance);
            }
            Network::PrivateLink => self.json.string("privateEndpointId", &facts.vault.entrance),
        }
    }
}

/// Puts together the path of a request.
fn push_path(path: &mut String, facts: Facts) {
    let Operation { family, route, .. } = *facts.operation;
    let name = facts.object.name.as_str();
    path.clear();
    path.push('/');
    if matches!(route, Route::Deleted | Route::DeletedCollection) {
        path.push_str("deleted");
    }
    path.push_str(family.plural());
    let rest: [&str; 4] = match route {
        Route::Versions => ["/", name, "/versions", ""],
        Route::Object | Route::Deleted => ["/", name, "", ""],
        Route::Versioned if facts.event.request.versioned => ["/", name, "/", &facts.object.version],
        Route::Versioned => ["/", name, "/", ""],
        Route::Post(verb @ ("backup" | "rotate")) => ["/", name, "/", verb],
        Route::Post(verb) => {
            path.extend(["/", name]);
            ["/", &facts.object.version, "/", verb]
        }
        Route::Create => ["/", name, "/create", ""],
        Route::Import => ["/", name, "/import", ""],
        Route::Restore => ["/restore", "", "", ""],
        Route::Collection
        | Route::DeletedCollection
        | Route::Management
        | Route::Notice
        | Route::FrontDoor => [""; 4],
    };
    path.extend(rest);
}

/// The words for a status.
fn reason_phrase(status: u64, rng: &mut Rng) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        // The phrase is empty in a response that was captured; what the log says is not known.
        429 => ["Too Many Requests", "Too Many Requests", "429", ""][below(rng, 4)],
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Gateway Timeout",
    }
}

/// How long the answer took: mostly a blink, sometimes long; refusals are quick, failures of the service are not.
fn duration_ms(status: u64, rng: &mut Rng) -> u64 {
    let longest = match status {
        200..300 => pick(rng, &[20, 20, 20, 40, 40, 80, 80, 200, 600]),
        408 | 500..600 => 30_000,
        _ => 40,
    };
    3 + rng.u64(..longest)
}
