//! Record and verdict into the tables.

use std::borrow::Cow;
use std::sync::Arc;

use super::changes::{ChangeKey, Settings};
use super::correlation::CorrelationId;
use super::dimensions::{Caller, Denial, Dimensions, Ref, RequestKey, Text, Vault};
use super::examples::{Example, ExampleKey, hour_of};
use super::sightings::Seen;
use super::{Facts, Location};
use crate::classify::Verdict;
use crate::classify::causes::{Causes, Outcome};
use crate::classify::message::{CallerClause, Details};
use crate::record::address::without_port;
use crate::record::caller::{kind_of, name_of, tenant_of};
use crate::record::fingerprint::{fingerprint, upper_half};
use crate::record::object::{VaultName, vault_of_resource_id, vault_of_url};
use crate::record::operation::{Plane, reads_vault};
use crate::record::{Identity, Record, Text as RecordText};
use crate::ticks::Ticks;

impl Facts {
    /// Counts one audit record.
    pub fn update(&mut self, record: &Record<'_>, verdict: &Verdict, causes: &Causes, location: Location) {
        self.update_soon(record, verdict, causes, location);
        self.count_pending();
    }

    /// [`Facts::update`] for records that come in numbers: behind the last one, [`Facts::count_pending`] must be
    /// called, or [`Facts::merge`], behind which the requests must be settled.
    pub fn update_soon(
        &mut self,
        record: &Record<'_>,
        verdict: &Verdict,
        causes: &Causes,
        location: Location,
    ) {
        let cause = causes.get(verdict.cause);
        let key = self.key(record, verdict, &cause.id);
        if key.plane != Plane::Notification
            && let (Some(time), Some(ms)) = (record.time, record.duration_ms)
        {
            self.pending_latency.add(time, key.vault, key.operation, ms);
        }
        if self.pending.add(key, record.time) {
            self.look_up_pending();
        }
        if key.plane != Plane::Data {
            self.change(record, &key);
        }
        if matches!(cause.outcome, Outcome::Failure | Outcome::Challenge) {
            self.example(record, &key, cause.outcome == Outcome::Challenge, location);
        }
        self.sighting(record, &key, location);
        let coverage = self.coverage.blob(location.blob);
        coverage.records += 1;
        *coverage.shapes.entry(record.shape).or_default() += 1;
        coverage.time(record.time);
        coverage.contradictory += u64::from(record.status_disagrees());
    }

    /// The stream that a record belongs to.
    fn key(&mut self, record: &Record<'_>, verdict: &Verdict, cause: &str) -> RequestKey {
        let vault = self.vault(record);
        let strings = &mut self.dimensions.strings;
        let operation = record.operation.as_deref().map(|name| self.memo.operation(name, strings));
        let client_agent = record.client_agent.as_deref().map(|agent| strings.intern_log(agent));
        let object = self.memo.object(record, strings);
        let key_kind = key_kind(record).map(|kind| strings.intern_log(&kind));
        let client_address =
            record.client_address.as_deref().map(|address| strings.intern_log(without_port(address)));
        let cause = self.memo.cause(verdict.cause, cause, strings);
        let told = verdict.details.as_deref().map(|details| &details.caller);
        let caller = self.caller(record, told.filter(|told| **told != CallerClause::default()));
        RequestKey {
            vault,
            plane: operation.map_or(Plane::Data, |(_, plane)| plane),
            operation: operation.map(|(name, _)| name),
            object,
            key_kind,
            caller,
            client_address,
            client_agent,
            status: record.status(),
            cause,
            basis: verdict.basis,
            access: record.access,
            settled: false,
            denial: verdict.details.as_ref().and_then(|details| self.denial(details)),
        }
    }

    /// The caller that the claims name, completed by the caller clause of a denial if it says anything.
    fn caller(&mut self, record: &Record<'_>, clause: Option<&CallerClause>) -> Option<Ref<Caller>> {
        if clause.is_some() {
            return caller(&mut self.dimensions, &record.identity, clause);
        }
        if let Some(caller) = self.memo.caller(&record.identity) {
            return caller;
        }
        let caller = caller(&mut self.dimensions, &record.identity, None);
        self.memo.keep_caller(&record.identity, caller);
        caller
    }

    /// What of a message tells one failure from another.
    fn denial(&mut self, details: &Arc<Details>) -> Option<Ref<Denial>> {
        if let Some(denial) = self.memo.denial(details) {
            return denial;
        }
        let denial = denial(&mut self.dimensions, details);
        self.memo.keep_denial(details, denial);
        denial
    }

    /// The vault that a record is about.
    fn vault(&mut self, record: &Record<'_>) -> Option<Ref<Vault>> {
        let Some(resource_id) = record.resource_id.as_deref() else {
            let url = record.id.as_deref().and_then(vault_of_url);
            let name = url.or_else(|| record.request_uri.as_deref().and_then(vault_of_url))?;
            return Some(intern_vault(&mut self.dimensions, name));
        };
        if let Some(vault) = self.memo.vaults.get(resource_id) {
            return vault;
        }
        let vault = vault_of_resource_id(resource_id).map(|name| intern_vault(&mut self.dimensions, name));
        self.memo.vaults.put(resource_id, vault);
        vault
    }

    /// Notes a control-plane or notification event.
    fn change(&mut self, record: &Record<'_>, key: &RequestKey) {
        let strings = &mut self.dimensions.strings;
        let mut text = |text: &Option<RecordText<'_>>| text.as_deref().map(|text| strings.intern_log(text));
        let settings = Settings {
            sku: text(&record.settings.sku),
            rbac: record.settings.rbac,
            firewall_default: text(&record.settings.firewall_default),
            firewall_bypass: text(&record.settings.firewall_bypass),
            public_access: text(&record.settings.public_access),
            purge_protection: record.settings.purge_protection,
        };
        let reads = record.operation.as_deref().is_some_and(reads_vault);
        let hour = |time: Ticks| Ticks::from_second(time.second().div_euclid(3600) * 3600);
        let time = record.time.map(|time| if reads { hour(time) } else { time });
        let change = ChangeKey {
            time,
            vault: key.vault,
            operation: key.operation,
            caller: key.caller,
            client_address: key.client_address,
            status: key.status,
            settings,
        };
        self.changes.add(change, 1);
    }

    /// Notes the request, if it is in the sample.
    fn sighting(&mut self, record: &Record<'_>, key: &RequestKey, place: Location) {
        let (Some(vault), Some(upper)) = (key.vault, upper_half(record, &mut self.memo.buffer)) else {
            return;
        };
        if !self.sightings.may_want(upper) {
            return;
        }
        let Some(request) = fingerprint(record, &mut self.memo.buffer) else { return };
        if self.sightings.wants(request) {
            let vault = self.dimensions.vaults.get(vault).name;
            let seen = Seen { count: 1, vault, first: place, last: place };
            self.sightings.add(request, seen, &self.dimensions);
        }
    }

    /// Keeps a failure as evidence, if it is among the first of its kind.
    fn example(&mut self, record: &Record<'_>, key: &RequestKey, challenge: bool, location: Location) {
        let kind = ExampleKey {
            hour: hour_of(record.time),
            vault: key.vault,
            cause: key.cause,
            caller: key.caller,
            operation: key.operation,
            object: key.object,
            client: challenge.then_some((key.client_address, key.client_agent)),
        };
        if !self.examples.wants(&kind, record.time) {
            return;
        }
        let strings = &mut self.dimensions.strings;
        let example = Example {
            time: record.time,
            location,
            correlation_id: record.correlation_id.as_deref().map(|id| CorrelationId::new(id, strings)),
            message: record.message.as_deref().map(|message| strings.intern_log_once(message)),
            client_address: key.client_address,
            client_agent: key.client_agent,
        };
        self.examples.add(kind, example, &self.dimensions);
    }
}

/// A key's type and size as facts name them, `RSA-HSM 2048`. A plain type is that of a key in an HSM where
/// the record names the HSM's platform.
fn key_kind<'r>(record: &'r Record<'_>) -> Option<Cow<'r, str>> {
    let kind = record.key_type.as_deref()?;
    let hsm = if record.key_in_hsm == Some(true) && !kind.ends_with("-HSM") { "-HSM" } else { "" };
    Some(match record.key_size {
        Some(size) => format!("{kind}{hsm} {size}").into(),
        None if hsm.is_empty() => kind.into(),
        None => format!("{kind}{hsm}").into(),
    })
}

fn intern_vault(dimensions: &mut Dimensions, name: VaultName<'_>) -> Ref<Vault> {
    let strings = &mut dimensions.strings;
    let vault = Vault {
        name: strings.intern_lower(name.name),
        hsm: name.hsm,
        subscription: name.subscription.map(|text| strings.intern_lower(text)),
        resource_group: name.resource_group.map(|text| strings.intern_lower(text)),
    };
    dimensions.vaults.intern(vault)
}

/// The caller that the claims name, completed by a caller clause.
fn caller(
    dimensions: &mut Dimensions,
    identity: &Identity<'_>,
    clause: Option<&CallerClause>,
) -> Option<Ref<Caller>> {
    if identity.is_empty() && clause.is_none() {
        return None;
    }
    let of_clause = |field: fn(&CallerClause) -> Option<&str>| clause.and_then(field);
    let tid = identity.tid.as_deref().or(of_clause(|clause| clause.tid.as_deref()));
    let iss = identity.iss.as_deref().or(of_clause(|clause| clause.iss.as_deref()));
    let name = name_of(identity).or(of_clause(|clause| clause.name.as_deref()));
    let oid = identity.oid.as_deref().or(of_clause(|clause| clause.oid.as_deref()));
    let appid = identity.appid.as_deref().or(of_clause(|clause| clause.appid.as_deref()));
    let strings = &mut dimensions.strings;
    let caller = Caller {
        oid: oid.map(|text| strings.intern_lower(text)),
        appid: appid.map(|text| strings.intern_lower(text)),
        kind: kind_of(identity, clause.and_then(|clause| clause.appid.as_deref())),
        name: name.map(|text| strings.intern_log(text)),
        tenant: tenant_of(tid, iss).map(|text| strings.intern_lower(text)),
        managed_identity: identity.managed_identity.as_deref().map(|text| strings.intern_lower(text)),
        resource: identity.calling_resource.as_deref().map(|text| strings.intern_lower(text)),
    };
    Some(dimensions.callers.intern(caller))
}

/// What of a message tells one failure from another.
fn denial(dimensions: &mut Dimensions, details: &Details) -> Option<Ref<Denial>> {
    let strings = &mut dimensions.strings;
    let mut text =
        |text: &Option<String>| -> Option<Text> { text.as_deref().map(|text| strings.intern_log(text)) };
    let denial = Denial {
        akv_code: text(&details.akv_code),
        permission: text(&details.permission),
        action: text(&details.action),
        scope: text(&details.scope),
        expected_audience: text(&details.expected_audience),
        found_audience: text(&details.found_audience),
        found_issuer: text(&details.found_issuer),
        deny_assignment: text(&details.deny_assignment),
        throttle_reason: text(&details.throttle_reason),
        region: text(&details.region),
    };
    (denial != Denial::default()).then(|| dimensions.denials.intern(denial))
}
