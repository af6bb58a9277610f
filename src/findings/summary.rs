//! The sums by cause, vault, caller and operation.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::callers::{CallerId, Callers};
use super::tally::{Tally, most_frequent};
use super::{Analysis, Stream};
use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::record::operation::reads_vault;
use crate::report::{CallerOperation, CallerReport, CauseReport, Change, Totals, VaultReport};

/// The sums over everything.
pub(super) fn totals(analysis: &Analysis<'_>) -> Totals {
    let mut totals = Totals::default();
    for stream in analysis.streams() {
        let count = stream.series.count();
        match stream.outcome {
            Outcome::Success => totals.successes += count,
            Outcome::Failure => totals.failures += count,
            Outcome::Challenge => totals.challenges += count,
            Outcome::Notification => totals.notifications += count,
        }
        if stream.outcome != Outcome::Notification && stream.key.status.is_none() {
            totals.without_status += count;
        }
    }
    totals.requests = totals.successes + totals.failures + totals.challenges;
    totals
}

/// Groups streams by a key.
fn group<'f, K: std::hash::Hash + Eq>(
    streams: impl Iterator<Item = Stream<'f>>,
    key: impl Fn(&Stream<'f>) -> Option<K>,
) -> Map<K, (Tally, Vec<Stream<'f>>)> {
    let mut groups: Map<K, (Tally, Vec<Stream<'f>>)> = Map::default();
    for stream in streams {
        if let Some(key) = key(&stream) {
            let group = groups.entry(key).or_default();
            group.0.add(stream);
            group.1.push(stream);
        }
    }
    groups
}

/// Requests, without notifications.
fn requests<'f>(analysis: &Analysis<'f>) -> impl Iterator<Item = Stream<'f>> {
    analysis.streams().filter(|stream| stream.outcome != Outcome::Notification)
}

/// Every cause that occurs.
pub(super) fn causes(analysis: &Analysis<'_>) -> Vec<CauseReport> {
    let groups = group(analysis.streams(), |stream| Some(stream.cause));
    let mut rows: Vec<CauseReport> = groups
        .into_iter()
        .map(|(cause, (tally, streams))| {
            let callers: BTreeSet<_> =
                streams.iter().filter_map(|stream| caller_names(analysis, stream)).collect();
            let vaults: BTreeSet<_> =
                streams.iter().filter_map(|stream| vault_name(analysis, stream)).collect();
            let outcome = streams.first().map_or(Outcome::Failure, |stream| stream.outcome);
            CauseReport {
                cause: cause.to_owned(),
                title: analysis
                    .causes
                    .find(cause)
                    .map_or_else(|| cause.to_owned(), |cause| cause.title.clone()),
                outcome: outcome.to_string(),
                status: tally.status(),
                statuses: tally.statuses.iter().map(|(status, count)| (status.to_string(), *count)).collect(),
                count: tally.count,
                basis: tally.basis,
                first: tally.first,
                last: tally.last,
                callers: callers.len() as u64,
                vaults: vaults.len() as u64,
            }
        })
        .collect();
    rows.sort_by_cached_key(|row| (row.outcome != "failure", Reverse(row.count), row.cause.clone()));
    rows
}

/// A caller's ids as texts, for counting and sorting.
fn caller_names<'f>(
    analysis: &Analysis<'f>,
    stream: &Stream<'f>,
) -> Option<(Option<&'f str>, Option<&'f str>)> {
    let id = Callers::id(analysis.facts, stream.key.caller)?;
    let dimensions = &analysis.facts.dimensions;
    Some((dimensions.text(id.0), dimensions.text(id.1)))
}

fn vault_name<'f>(analysis: &Analysis<'f>, stream: &Stream<'f>) -> Option<&'f str> {
    analysis.facts.dimensions.vault_row(stream.key.vault).name
}

/// Every vault.
pub(super) fn vaults(analysis: &Analysis<'_>) -> Vec<VaultReport> {
    let groups = group(requests(analysis), |stream| Some(vault_name(analysis, stream)));
    let mut rows: Vec<VaultReport> = groups
        .into_iter()
        .map(|(name, (tally, streams))| {
            let dimensions = &analysis.facts.dimensions;
            // A vault that moved has several; the highest is as good as any, and always the same.
            let row =
                streams.iter().map(|stream| dimensions.vault_row(stream.key.vault)).max().unwrap_or_default();
            let regions = streams.iter().filter_map(|stream| dimensions.denial_row(stream.key.denial)[9]);
            VaultReport {
                vault: name.map(str::to_owned),
                hsm: row.hsm,
                subscription: row.subscription.map(str::to_owned),
                resource_group: row.resource_group.map(str::to_owned),
                region: regions.max().map(str::to_owned),
                permission_model: permission_model(analysis, name, &streams),
                requests: tally.count,
                failures: tally.failures,
                first: tally.first,
                last: tally.last,
            }
        })
        .collect();
    rows.sort_by_cached_key(|row| (Reverse((row.failures, row.requests)), row.vault.clone()));
    rows
}

/// What flags and control-plane records show of a vault's permission model.
fn permission_model(
    analysis: &Analysis<'_>,
    name: Option<&str>,
    streams: &[Stream<'_>],
) -> Option<&'static str> {
    let dimensions = &analysis.facts.dimensions;
    let told = |rbac: bool| {
        analysis.facts.changes.iter().any(|(key, _)| {
            key.settings.rbac == Some(rbac) && dimensions.vault_row(key.vault).name == name && name.is_some()
        })
    };
    let rbac = streams.iter().any(|stream| stream.key.access.rbac_authorized.is_some()) || told(true);
    let policies = streams.iter().any(|stream| stream.key.access.policy_match.is_some()) || told(false);
    match (rbac, policies) {
        (true, true) => Some("both"),
        (true, false) => Some("rbac"),
        (false, true) => Some("access-policies"),
        (false, false) => None,
    }
}

/// Every caller.
pub(super) fn callers(analysis: &Analysis<'_>) -> Vec<CallerReport> {
    let groups = group(requests(analysis), |stream| Callers::id(analysis.facts, stream.key.caller));
    let mut rows: Vec<CallerReport> = groups
        .into_iter()
        .map(|(id, (tally, streams))| {
            let known = analysis.callers.get(id).cloned().unwrap_or_default();
            let vaults: BTreeSet<&str> =
                streams.iter().filter_map(|stream| vault_name(analysis, stream)).collect();
            let application = known.identity.appid.as_deref();
            let application = application.and_then(|appid| analysis.applications.find(appid));
            CallerReport {
                application: application.map(|application| application.name.clone()),
                caller: known.identity,
                managed_identity: known.managed_identity,
                resource: known.resource,
                requests: tally.count,
                failures: tally.failures,
                causes: tally.causes,
                vaults: vaults.into_iter().map(str::to_owned).collect(),
                first: tally.first,
                last: tally.last,
            }
        })
        .collect();
    rows.sort_by_cached_key(|row| (Reverse((row.failures, row.requests)), row.caller.clone()));
    rows
}

/// Who did what where.
pub(super) fn by_caller_operation(analysis: &Analysis<'_>) -> Vec<CallerOperation> {
    type Key<'f> = (Option<&'f str>, Option<CallerId>, Option<Text>);
    let key = |stream: &Stream<'_>| -> Option<Key<'_>> {
        let caller = Callers::id(analysis.facts, stream.key.caller);
        Some((analysis.facts.dimensions.vault_row(stream.key.vault).name, caller, stream.key.operation))
    };
    let mut rows: Vec<CallerOperation> = group(requests(analysis), key)
        .into_iter()
        .map(|((vault, caller, operation), (tally, streams))| {
            let identity = analysis.callers.identity(caller).unwrap_or_default();
            let clients = clients(analysis, &streams);
            CallerOperation {
                vault: vault.map(str::to_owned),
                oid: identity.oid,
                appid: most_frequent(&clients).map(|appid| (*appid).to_owned()),
                name: identity.name,
                operation: analysis.facts.dimensions.text(operation).map(str::to_owned),
                requests: tally.count,
                failures: tally.failures,
                causes: tally.causes,
                first: tally.first,
                last: tally.last,
            }
        })
        .collect();
    rows.sort_by_cached_key(|row| {
        let who = (row.vault.clone(), row.oid.clone(), row.appid.clone(), row.operation.clone());
        (Reverse((row.failures, row.requests)), who)
    });
    rows
}

/// The application ids that requests came with: of a person, the clients of these very requests.
fn clients<'f>(analysis: &Analysis<'f>, streams: &[Stream<'f>]) -> BTreeMap<&'f str, u64> {
    let dimensions = &analysis.facts.dimensions;
    let mut clients = BTreeMap::new();
    for stream in streams {
        let appid =
            stream.key.caller.and_then(|caller| dimensions.text(dimensions.callers.get(caller).appid));
        if let Some(appid) = appid {
            *clients.entry(appid).or_default() += stream.series.count();
        }
    }
    clients
}

/// What was changed: control-plane requests that do more than read, and notifications.
pub(super) fn changes(analysis: &Analysis<'_>) -> Vec<Change> {
    let rows = analysis.facts.change_rows();
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.operation.is_some_and(reads_vault)) {
        let caller = (row.caller.named, row.caller.oid, row.caller.appid);
        *counts.entry((row.time, row.vault.name, row.operation, caller, row.status)).or_default() +=
            row.count;
    }
    let known: BTreeMap<_, _> = analysis
        .facts
        .changes
        .iter()
        .filter_map(|(key, _)| {
            let row = analysis.facts.dimensions.caller_row(key.caller);
            let identity = analysis.callers.identity(Callers::id(analysis.facts, key.caller))?;
            Some(((row.oid, row.appid), identity))
        })
        .collect();
    counts
        .into_iter()
        .map(|((time, vault, operation, (named, oid, appid), status), count)| Change {
            time,
            vault: vault.map(str::to_owned),
            operation: operation.map(str::to_owned),
            caller: known.get(&(oid, appid)).filter(|_| named).cloned(),
            status,
            count,
        })
        .collect()
}
