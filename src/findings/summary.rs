//! The sums by cause, vault, caller and operation.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::callers::{CallerId, Callers};
use super::labels::Labels;
use super::tally::{Sum, Tally};
use super::{Analysis, Stream};
use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::rows::VaultRow;
use crate::record::operation::reads_vault;
use crate::report::{CallerOperation, CallerReport, CauseReport, Change, Label, Totals, VaultReport};

/// The sums over everything.
pub(super) fn totals(analysis: &Analysis<'_>) -> Totals {
    let mut totals = Totals::default();
    for stream in analysis.streams() {
        let count = stream.count;
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

/// Requests, without notifications.
fn is_request(stream: &Stream<'_>) -> bool {
    stream.outcome != Outcome::Notification
}

/// What the streams of a cause come to.
#[derive(Default)]
struct OfCause<'f> {
    tally: Tally<'f>,
    /// The first of them.
    first: Option<&'f Stream<'f>>,
    /// The last that names a caller: streams come by caller.
    named: Option<&'f Stream<'f>>,
    callers: u64,
    vaults: Map<Text, ()>,
}

/// Every cause that occurs.
pub(super) fn causes(analysis: &Analysis<'_>) -> Vec<CauseReport> {
    let mut groups: Map<Text, OfCause<'_>> = Map::default();
    for stream in analysis.streams() {
        let group = groups.entry(stream.key.cause).or_default();
        group.tally.add(stream);
        group.first.get_or_insert(stream);
        group.vaults.extend(stream.vault.map(|vault| (vault, ())));
        if stream.caller.is_some() && !group.named.is_some_and(|named| named.same_caller(stream)) {
            group.callers += 1;
            group.named = Some(stream);
        }
    }
    let mut rows: Vec<CauseReport> =
        groups.into_values().filter_map(|group| Some(cause(analysis, group.first?, &group))).collect();
    rows.sort_by_cached_key(|row| (row.outcome != "failure", Reverse(row.count), row.cause.clone()));
    rows
}

fn cause(analysis: &Analysis<'_>, first: &Stream<'_>, group: &OfCause<'_>) -> CauseReport {
    let tally = &group.tally;
    let known = analysis.causes.find(first.cause());
    CauseReport {
        cause: first.cause().to_owned(),
        title: known.map_or(first.cause(), |cause| cause.title.as_str()).to_owned(),
        outcome: first.outcome.to_string(),
        status: tally.status(),
        statuses: tally.statuses.iter().map(|(status, count)| (status.to_string(), *count)).collect(),
        count: tally.sum.count,
        basis: tally.basis,
        first: tally.sum.first,
        last: tally.sum.last,
        callers: group.callers,
        vaults: group.vaults.len() as u64,
    }
}

/// What the streams of a vault come to.
#[derive(Default)]
struct OfVault<'f> {
    sum: Sum<'f>,
    /// Of a vault that moved, the highest is as good as any, and always the same.
    row: VaultRow<'f>,
    region: Option<&'f str>,
    rbac: bool,
    policies: bool,
}

/// Every vault.
pub(super) fn vaults(analysis: &Analysis<'_>) -> Vec<VaultReport> {
    let dimensions = &analysis.facts.dimensions;
    let mut groups: Map<Option<Text>, OfVault<'_>> = Map::default();
    // Streams of one caller and vault stand together.
    for streams in analysis.streams.as_slice().chunk_by(Stream::same_vault) {
        let mut requests = streams.iter().filter(|stream| is_request(stream)).peekable();
        let Some(first) = requests.peek() else { continue };
        let group = groups.entry(first.vault).or_default();
        let mut last = None;
        for stream in requests {
            group.sum.add(stream);
            if last != Some(stream.key.vault) {
                last = Some(stream.key.vault);
                group.row = group.row.max(dimensions.vault_row(stream.key.vault));
            }
            if let Some(denial) = stream.key.denial {
                group.region = group.region.max(dimensions.text(dimensions.denials.get(denial).region));
            }
            group.rbac |= stream.key.access.rbac_authorized.is_some();
            group.policies |= stream.key.access.policy_match.is_some();
        }
    }
    let report = |(name, group): (Option<Text>, OfVault<'_>)| {
        let name = dimensions.text(name);
        VaultReport {
            vault: name.map(str::to_owned),
            hsm: group.row.hsm,
            subscription: group.row.subscription.map(str::to_owned),
            resource_group: group.row.resource_group.map(str::to_owned),
            region: group.region.map(str::to_owned),
            permission_model: permission_model(analysis, name, &group),
            requests: group.sum.count,
            failures: group.sum.failures,
            first: group.sum.first,
            last: group.sum.last,
        }
    };
    let mut rows: Vec<VaultReport> = groups.into_iter().map(report).collect();
    rows.sort_by_cached_key(|row| (Reverse((row.failures, row.requests)), row.vault.clone()));
    rows
}

/// What flags and control-plane records show of a vault's permission model.
fn permission_model(
    analysis: &Analysis<'_>,
    name: Option<&str>,
    group: &OfVault<'_>,
) -> Option<&'static str> {
    let dimensions = &analysis.facts.dimensions;
    let told = |rbac: bool| {
        analysis.facts.changes.iter().any(|(key, _)| {
            key.settings.rbac == Some(rbac) && dimensions.vault_row(key.vault).name == name && name.is_some()
        })
    };
    let rbac = group.rbac || told(true);
    let policies = group.policies || told(false);
    match (rbac, policies) {
        (true, true) => Some("both"),
        (true, false) => Some("rbac"),
        (false, true) => Some("access-policies"),
        (false, false) => None,
    }
}

/// Every caller.
pub(super) fn callers(analysis: &Analysis<'_>) -> Vec<CallerReport> {
    let of_caller = analysis.streams.as_slice().chunk_by(Stream::same_caller);
    let mut rows: Vec<CallerReport> = of_caller.filter_map(|streams| caller(analysis, streams)).collect();
    // Chunks come by caller: of equals the order stays.
    rows.sort_by_key(|row| Reverse((row.failures, row.requests)));
    rows
}

fn caller(analysis: &Analysis<'_>, streams: &[Stream<'_>]) -> Option<CallerReport> {
    let id = streams.first()?.caller?;
    let mut sum = Sum::default();
    let mut vaults: BTreeSet<&str> = BTreeSet::new();
    let mut vault = None;
    for stream in streams.iter().filter(|stream| is_request(stream)) {
        sum.add(stream);
        // Streams of one vault stand together.
        if stream.vault != vault {
            vault = stream.vault;
            vaults.extend(analysis.facts.dimensions.text(vault));
        }
    }
    if sum.count == 0 {
        return None;
    }
    let known = analysis.callers.get(id).cloned().unwrap_or_default();
    let application = known.identity.appid.as_deref();
    let application = application.and_then(|appid| analysis.applications.find(appid));
    Some(CallerReport {
        application: application.map(|application| application.name.clone()),
        caller: known.identity,
        managed_identity: known.managed_identity,
        resource: known.resource,
        requests: sum.count,
        failures: sum.failures,
        causes: sum.causes(),
        vaults: vaults.into_iter().map(str::to_owned).collect(),
        first: sum.first,
        last: sum.last,
    })
}

/// Who did what where.
pub(super) fn by_caller_operation(analysis: &Analysis<'_>) -> Vec<CallerOperation> {
    let mut labels = Labels::new(analysis.facts);
    let mut rows: Vec<(Place, CallerOperation)> = Vec::new();
    let mut name: Option<(Option<CallerId>, Option<Label>)> = None;
    for streams in analysis.streams.as_slice().chunk_by(Stream::same_use) {
        let Some(first) = streams.first() else { continue };
        let (mut sum, mut clients) = (Sum::default(), Vec::new());
        for stream in streams.iter().filter(|stream| is_request(stream)) {
            sum.add(stream);
            clients.push((client(analysis, stream), stream.count));
        }
        if sum.count == 0 {
            continue;
        }
        let oid = first.oid();
        let known = || first.caller.and_then(|id| analysis.callers.get(id)?.identity.name.clone());
        let (of, of_caller) = name.get_or_insert_with(|| (first.caller, known().map(Label::from)));
        if *of != first.caller {
            (*of, *of_caller) = (first.caller, known().map(Label::from));
        }
        let appid = main_client(analysis, clients);
        let rank = |text| analysis.streams.rank(text);
        let place = (
            Reverse((sum.failures, sum.count)),
            [rank(first.vault), rank(oid), rank(appid), rank(first.key.operation)],
        );
        let row = CallerOperation {
            vault: labels.of(first.vault),
            oid: labels.of(oid),
            appid: labels.of(appid),
            name: of_caller.clone(),
            operation: labels.of(first.key.operation),
            requests: sum.count,
            failures: sum.failures,
            causes: sum.causes(),
            first: sum.first,
            last: sum.last,
        };
        rows.push((place, row));
    }
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Where a row of callers and operations stands: most failures, then most requests, then by its texts.
type Place = (Reverse<(u64, u64)>, [u32; 4]);

/// The application id that a request came with.
fn client(analysis: &Analysis<'_>, stream: &Stream<'_>) -> Option<Text> {
    stream.key.caller.and_then(|caller| analysis.facts.dimensions.callers.get(caller).appid)
}

/// The application id of most requests, of equals the first by name: of a person, the client of these
/// very requests.
fn main_client(analysis: &Analysis<'_>, clients: Vec<(Option<Text>, u64)>) -> Option<Text> {
    let mut clients: Vec<(u32, Text, u64)> = clients
        .into_iter()
        .filter_map(|(appid, count)| Some((analysis.streams.rank(appid), appid?, count)))
        .collect();
    clients.sort_unstable_by_key(|client| client.0);
    let of_each = clients.chunk_by(|one, other| one.0 == other.0);
    let counts =
        of_each.filter_map(|each| Some((each.first()?.1, each.iter().map(|client| client.2).sum::<u64>())));
    counts.rev().max_by_key(|(_, count): &(Text, u64)| *count).map(|(appid, _)| appid)
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
