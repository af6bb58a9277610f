//! What Azure says when it refuses: the texts of `resultDescription`.
//!
//! In: a failing request. Out: its message with `\n` between lines, or none where Azure is silent. The
//! texts are those that were published; where several are known, one is drawn.

use fastrand::Rng;

use crate::calendar::{TICKS_PER_SECOND, Ticks};
use crate::cause::Cause;
use crate::json::{push_guid, push_time};
use crate::operation::{Family, OPERATIONS, Operation, Route};
use crate::people::Caller;
use crate::random::{below, guid, per_mille, pick};
use crate::traffic::Event;
use crate::world::{Object, Vault, World};

/// Key Vault as the audience of a token.
const AUDIENCE: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
/// Audiences of tokens that are for something else.
const WRONG_AUDIENCES: [&str; 4] = [
    "https://management.azure.com/",
    "https://management.azure.com",
    "https://vault.azure.net/",
    "spn:cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
];
/// Advice in every message about missing roles.
const PROPAGATION: &str = "If role assignments, deny assignments or role definitions were changed recently, \
                           please observe propagation time.";
/// Why nothing was restored.
const RESTORE_CONFLICT: &str = "There was a conflict restoring the {noun} '{url}'. This can happen if either: \
    a second {noun} with the same name was created after the first {noun} was deleted; thus trying to restore a \
    {noun} whose name is already in use. To fix this, rename the second {noun} to something else so that the restore \
    works. The second probable cause of this exception is when multiple operations are performed in parallel against \
    the {noun}. To avoid this error, perform operations against a {noun} in a sequential manner.";
/// The token's signature cannot be checked.
const UNKNOWN_SIGNING_KEY: &str = "AKV10046: Unable to resolve the key used for signature validation.";
/// Where to read more; a number follows.
const HELP: &str = " For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=";
/// What the access policy wants.
const OBO_REQUIRED: &str = "' to use on-behalf-of (OBO) flow. For more information on OBO, please see \
    https://go.microsoft.com/fwlink/?linkid=2152310";
/// The firewall refuses.
const CLIENT_ADDRESS: &str = "Client address is not authorized and caller is not a trusted service.";
/// Only private links are let in, as older vaults say it.
const PUBLIC_ACCESS_DISABLED: &str = "Public network access is disabled and request is not from a trusted service \
    nor via an approved private link.";
/// Only private links are let in, as newer vaults say it, without naming the caller.
const NOT_A_PRIVATE_LINK: &str = "Connection is not an approved private link and caller was ignored because bypass \
    is not set to 'AzureServices' and PublicNetworkAccess is set to 'Disabled'.";
/// Nobody may purge.
const PURGE_PROTECTED: &str = "Operation \"purge\" is not allowed because purge protection is enabled for this \
    vault. Key Vault service will automatically purge it after the retention period has passed.";
/// Too many requests.
const THROTTLED: &str = "Request was not processed because too many requests were received. Reason: \
    VaultRequestTypeLimitReached";
/// A certificate without its key.
const NO_PRIVATE_KEY: &str = "Private key is not specified in the specified X.509 PEM certificate content. Please \
    specify private key in the X.509 PEM certificate content.";
/// Start of a token's header, as every token has one.
const JWT_HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsIng1dCI6";

/// What a message speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The organisation.
    world: &'a World,
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
}

impl<'a> Subject<'a> {
    /// Looks up what an event is about.
    pub(crate) fn new(world: &'a World, event: &'a Event) -> Self {
        let request = &event.request;
        let operation = &OPERATIONS[request.operation];
        let vault = &world.vaults[request.vault];
        Self {
            world,
            event,
            vault,
            caller: &world.callers[request.caller],
            operation,
            object: vault.object(operation.family, request.object),
        }
    }

    /// The message, appended to `out`; nothing where Azure is silent.
    pub(crate) fn describe(&self, rng: &mut Rng, out: &mut String) {
        match self.event.request.cause {
            cause if cause.is_token() => self.token(cause, rng, out),
            cause if cause.is_network() => self.network(cause, rng, out),
            Cause::MissingPolicy | Cause::OboRequired | Cause::FirstPartyDenied => self.policy(rng, out),
            Cause::MissingRole | Cause::DenyAssignment | Cause::ArmRoleDenied => self.role(rng, out),
            Cause::HsmMissingRole => self.hsm_role(rng, out),
            Cause::Throttled if per_mille(rng, 800) => out.push_str(THROTTLED),
            Cause::BadRequest => self.bad_request(rng, out),
            cause => self.state(cause, rng, out),
        }
    }

    /// What is wrong with a token.
    fn token(&self, cause: Cause, rng: &mut Rng, out: &mut String) {
        match cause {
            Cause::ExpiredToken => {
                let texts = [
                    "[TokenExpired] Error validating token: 'S2S12086'.",
                    "Error validating token: IDX10223",
                ];
                out.push_str(pick(rng, &texts));
            }
            Cause::TokenNotYetValid if per_mille(rng, 500) => {
                push(out, &["Token not yet valid (Activity ID: ", &guid(rng), ")"]);
            }
            Cause::TokenNotYetValid => self.not_before(rng, out),
            Cause::WrongAudience => {
                out.push_str("AKV10022: Invalid audience. Expected https://vault.azure.net");
                if per_mille(rng, 500) {
                    push(out, &[" or ", AUDIENCE]);
                }
                push(out, &[", found: ", pick(rng, &WRONG_AUDIENCES), "."]);
            }
            Cause::WrongIssuer => self.issuer(rng, out),
            Cause::UnknownSigningKey => {
                push(
                    out,
                    &[
                        UNKNOWN_SIGNING_KEY,
                        " EncodedJwtHeader: '",
                        JWT_HEADER,
                        &guid(rng).replace('-', ""),
                        "'.",
                    ],
                );
            }
            Cause::ClaimsChallenge => {
                push(out, &["Bearer authorization=\"https://login.windows.net/", &self.world.tenant]);
                out.push_str("\", resource=\"https://vault.azure.net\", error=\"insufficient_claims\"");
            }
            _ => {}
        }
    }

    /// A token for later.
    fn not_before(&self, rng: &mut Rng, out: &mut String) {
        let now = self.event.time;
        out.push_str("IDX10222: Lifetime validation failed. The token is not yet valid. ValidFrom: '");
        push_whole_second(out, now.after(rng.u64(60..600) * TICKS_PER_SECOND));
        out.push_str("', Current time: '");
        push_whole_second(out, now);
        out.push_str("'.");
    }

    /// A token from another tenant; some vaults accept several.
    fn issuer(&self, rng: &mut Rng, out: &mut String) {
        let others = &self.world.foreign_tenants;
        let found = below(rng, others.len());
        push(
            out,
            &["AKV10032: Invalid issuer. Expected one of https://sts.windows.net/", &self.world.tenant, "/"],
        );
        if per_mille(rng, 300) {
            push(out, &[", https://sts.windows.net/", &others[(found + 1) % others.len()], "/"]);
        }
        push(out, &[", found https://sts.windows.net/", &others[found], "/."]);
    }

    /// Refused by an access policy, or a setting of the vault that goes with them.
    fn policy(&self, rng: &mut Rng, out: &mut String) {
        match self.event.request.cause {
            Cause::MissingPolicy => {
                out.push_str("The user, group or application '");
                self.push_caller(out, true);
                push(
                    out,
                    &["' does not have ", self.operation.family.plural(), " ", self.policy_permission()],
                );
                out.push_str(" permission on key vault '");
                self.push_vault(out);
                push(out, &["'.", HELP, "2125287"]);
            }
            Cause::OboRequired => {
                out.push_str("The policy requires the caller '");
                self.push_caller(out, per_mille(rng, 200));
                out.push_str(OBO_REQUIRED);
            }
            _ => {
                out.push_str("Access denied to first party service.\nCaller: ");
                self.push_caller(out, false);
                out.push_str("\nVault: ");
                self.push_vault(out);
            }
        }
    }

    /// Refused by Azure's role-based access control, directly or by way of Resource Manager.
    fn role(&self, rng: &mut Rng, out: &mut String) {
        let cause = self.event.request.cause;
        if cause == Cause::ArmRoleDenied {
            out.push_str("[ForbiddenByRbac (Forbidden)] ");
        }
        push(out, &["Caller is not authorized to perform action on resource.\n", PROPAGATION, "\nCaller: "]);
        if cause == Cause::ArmRoleDenied {
            out.push_str("name=KeyVault/ManagementPlane;");
        }
        self.push_caller(out, false);
        push(out, &["\nAction: 'Microsoft.KeyVault/vaults/", self.operation.action, "'\nResource: '"]);
        out.push_str(&self.vault.management_path.to_lowercase());
        if !matches!(self.operation.route, Route::Collection | Route::DeletedCollection | Route::Restore) {
            push(out, &["/", self.operation.family.plural(), "/", &self.object.name.to_lowercase()]);
        }
        out.push_str("'\nAssignment: (not found)\nDenyAssignmentId: ");
        if cause == Cause::DenyAssignment {
            let (high, low) = self.event.request.assignment();
            out.push('\'');
            push_guid(out, high, low);
            out.push('\'');
        } else {
            out.push_str("null");
        }
        let reason = pick(rng, &["null", "null", "'DeniedWithNoValidRBAC'"]);
        push(out, &["\nDecisionReason: ", reason, " \nVault: "]);
        self.push_vault(out);
    }

    /// Refused by the Managed HSM's own roles.
    fn hsm_role(&self, rng: &mut Rng, out: &mut String) {
        let action = self.operation.action.trim_end_matches("/action");
        push(out, &["Not authorized to access Microsoft.KeyVault/managedHsm/", action, "/action on "]);
        let scope = if per_mille(rng, 300) { "/" } else { "/keys/" };
        push(out, &[scope, if scope == "/" { "" } else { &self.object.name }]);
        push(out, &[" (Activity ID: ", &guid(rng), ")"]);
    }

    /// Refused because of where the request comes from.
    fn network(&self, cause: Cause, rng: &mut Rng, out: &mut String) {
        match cause {
            Cause::UnauthorizedClientAddress => {
                let address = &self.caller.addresses[self.event.request.address];
                let subnet = if per_mille(rng, 200) { " from unknown subnet" } else { "" };
                push(out, &[CLIENT_ADDRESS, "\nClient address: ", address, subnet, "\nCaller: "]);
                self.push_caller(out, false);
                out.push_str("\nVault: ");
            }
            Cause::PublicAccessDisabled if per_mille(rng, 500) => {
                push(out, &[PUBLIC_ACCESS_DISABLED, "\nCaller: "]);
                self.push_caller(out, false);
                out.push_str("\nVault: ");
            }
            Cause::PublicAccessDisabled => push(out, &[NOT_A_PRIVATE_LINK, "\nVault: "]),
            _ => {
                let managed = per_mille(rng, 500);
                out.push_str(if managed { "[ForbiddenByNsp (Forbidden)] " } else { "" });
                out.push_str("The request was forbidden by NSP policy. Caller: ");
                out.push_str(if managed { "name=KeyVault/ManagementPlane;" } else { "" });
                return self.push_caller(out, false);
            }
        }
        self.push_vault(out);
    }

    /// Refused because of the state of the object, or of its vault.
    fn state(&self, cause: Cause, rng: &mut Rng, out: &mut String) {
        let Operation { family, permission, .. } = self.operation;
        let name = self.object.name.as_str();
        match cause {
            Cause::ObjectDisabled => {
                push(out, &["Operation ", permission, " is not allowed on a disabled ", family.noun(), "."]);
            }
            Cause::KeyOperationForbidden => {
                push(out, &["Operation ", permission, " is not permitted on this key."]);
            }
            Cause::KeyOutsideValidity => {
                let state = pick(rng, &["an expired key", "a key that is not yet valid"]);
                push(out, &["Operation ", permission, " is not allowed on ", state, "."]);
            }
            Cause::PurgeProtected => out.push_str(PURGE_PROTECTED),
            Cause::AzurePolicyDenied => {
                push(
                    out,
                    &[
                        "RequestDisallowedByPolicy: ",
                        family.title(),
                        " '",
                        name,
                        "' was disallowed by policy.",
                    ],
                );
                push(out, &[" Policy assignment: 'kv-guardrails'. Policy definition: '", family.title()]);
                out.push_str("s should have the specified maximum validity period'.");
            }
            cause => self.name(cause, out),
        }
    }

    /// Refused because of the object's name: nothing has it, or something still does.
    fn name(&self, cause: Cause, out: &mut String) {
        let family = self.operation.family;
        let name = self.object.name.as_str();
        match cause {
            Cause::NotFound => {
                push(out, &["A ", family.noun(), " with (name/id) ", name]);
                if self.event.request.versioned {
                    push(out, &["/", &self.object.version]);
                }
                push(
                    out,
                    &[" was not found in this key vault. If you recently deleted this ", family.noun()],
                );
                out.push_str(" you may be able to recover it using the correct recovery command.");
                push(out, &[HELP, "2125182"]);
            }
            Cause::NameSoftDeleted => {
                push(
                    out,
                    &[
                        family.title(),
                        " ",
                        name,
                        " is currently in a deleted but recoverable state, and its name ",
                    ],
                );
                push(out, &["cannot be reused; in this state, the ", family.noun()]);
                out.push_str(" can only be recovered or purged.");
            }
            Cause::ObjectBeingDeleted => push(out, &[family.title(), " is currently being deleted."]),
            Cause::RestoreConflict => self.restore(out),
            _ => {}
        }
    }

    /// A name that cannot be restored.
    fn restore(&self, out: &mut String) {
        let family = self.operation.family;
        let Object { name, version, .. } = self.object;
        let url = format!("{}/{}/{name}/{version}", self.vault.address, family.plural());
        let text = RESTORE_CONFLICT.replace("{url}", &url).replace("{noun}", family.noun());
        out.push_str(&text);
    }

    /// A request that makes no sense.
    fn bad_request(&self, rng: &mut Rng, out: &mut String) {
        let name = self.object.name.as_str();
        match (self.operation.route, rng.u64(..3)) {
            (Route::Import, _) => out.push_str(NO_PRIVATE_KEY),
            (Route::Versioned, 0) if self.operation.permission == "get" => {
                push(out, &["Method GET does not allow operation '", name, "_'"]);
            }
            (_, 1) if self.operation.writes() => out.push_str("Property has invalid value\n"),
            _ => push(out, &["The request URI contains an invalid name: ", name, "_"]),
        }
    }

    /// The permission as messages spell it.
    fn policy_permission(&self) -> &'static str {
        match (self.operation.family, self.operation.permission) {
            (Family::Secret, "update") => "set",
            (_, permission) => permission,
        }
    }

    /// The clause that names the caller, perhaps with the number of its groups.
    fn push_caller(&self, out: &mut String, with_groups: bool) {
        out.push_str(&self.caller.clause);
        if with_groups && self.caller.groups > 0 {
            push(out, &[";numgroups=", &self.caller.groups.to_string()]);
        }
        push(out, &[";iss=https://sts.windows.net/", &self.caller.issuer, "/"]);
    }

    /// The clause that names the vault.
    fn push_vault(&self, out: &mut String) {
        push(out, &[&self.vault.name, ";location=", self.vault.region]);
    }
}

/// Whether the first line of a message says all that is needed to tell its cause.
pub(crate) fn first_line_tells(cause: Cause) -> bool {
    cause != Cause::DenyAssignment
}

/// Appends parts.
fn push(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
}

/// Appends an instant without a fraction, as the token library prints it.
fn push_whole_second(out: &mut String, time: Ticks) {
    push_time(out, Ticks(time.0 - time.0 % TICKS_PER_SECOND), 0);
    out.truncate(out.len() - 2);
    out.push('Z');
}
