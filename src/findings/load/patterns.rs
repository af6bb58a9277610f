//! Named patterns of load: what a habit of a client costs, and what to do about it.
//!
//! Input: the analysis and the demand. Output: findings under the codes of `codes.toml`. Signatures are
//! those of facts §4.2, most of them inferred from public issues; each number has a name and a reason
//! beside its detector.
//!
//! Detectors look at one caller after another, the narrow ones first: what one explains is taken out
//! before the next looks, so that one cause is one finding. What is left at the end and still takes most
//! of a limit is told as a hot object or a hot caller.

mod arrivals;
mod bursts;
mod failing;
mod found;
mod heavy;
mod reloads;
mod repeated;
mod rough;
mod tools;
mod usage;

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Demand;
use crate::findings::Analysis;
use crate::findings::callers::CallerId;
use crate::findings::failures::finding_id;
use crate::report::Finding;
use found::{Found, Teller};
use usage::{FEWEST, Place, Row, Usage, Work, arrivals, grouped};

/// The time to live with which savings are counted here, in seconds: short enough for any secret. What
/// other times would save is told by the caching what-if.
const CACHE_SECONDS: i64 = 300;

/// Whether what is too little for any detector is looked at all the same, to hold that none finds anything in it.
const LOOKS_AT_ALL: bool = cfg!(debug_assertions);

type Detector = for<'d, 'f, 'u> fn(&'u Usage<'d, 'f>) -> Option<Found<'d, 'f>>;

/// What is looked for in one caller's requests to one vault, the narrow before the general.
const DETECTORS: [Detector; 11] = [
    bursts::backup_sweep,
    bursts::kms_plugin_storm,
    reloads::list_then_get_all,
    reloads::per_pod_polling,
    reloads::fixed_period_reload,
    bursts::startup_storm,
    repeated::operator_hot_loop,
    bursts::signing_burst,
    repeated::unwrap_per_request,
    repeated::remote_public_key_op,
    repeated::read_per_request,
];

/// Every pattern.
pub(crate) fn find<'f>(analysis: &Analysis<'f>, demand: &Demand<'f>) -> Vec<Finding> {
    let teller = &Teller::new(analysis, demand);
    let callers = usage::by_caller(demand, if LOOKS_AT_ALL { 0 } else { FEWEST });
    let habits: Vec<(Vec<Finding>, Vec<Place>)> =
        callers.par_iter().filter_map(|stretches| Some(habits(teller, Work::new(stretches)?))).collect();
    let mut explained: Vec<Vec<bool>> =
        demand.vaults.iter().map(|vault| vec![false; vault.streams.len()]).collect();
    let mut findings = Vec::new();
    for (found, places) in habits {
        findings.extend(found);
        for (vault, at) in places {
            explained[vault][at] = true;
        }
    }
    let rest: Vec<Vec<Finding>> =
        explained.par_iter().enumerate().map(|(vault, explained)| rest(teller, vault, explained)).collect();
    findings.extend(rest.into_iter().flatten());
    findings
}

/// What is found in one caller's requests, and the places of those that it explains.
fn habits<'f>(teller: &Teller<'_, 'f>, mut work: Work<'_, 'f>) -> (Vec<Finding>, Vec<Place>) {
    let (mut findings, mut explained) = (Vec::new(), Vec::new());
    let requests: u64 = work.usages.iter().map(Usage::requests).sum();
    for detect in [tools::iac_refresh, tools::scanner] {
        let Some(found) = detect(&work) else { continue };
        debug_assert!(requests >= FEWEST, "a detector looks at {requests} requests of a caller");
        findings.push(teller.finding(Some(work.caller), &found));
        let places = found.places();
        work.usages.iter_mut().for_each(|usage| usage.remove(&places));
        explained.extend(places);
    }
    for usage in &mut work.usages {
        let requests = usage.requests();
        if requests >= FEWEST || LOOKS_AT_ALL {
            let found = habits_in(teller, work.caller, usage, &mut explained);
            debug_assert!(requests >= FEWEST || found.is_empty(), "a detector looks at {requests} requests");
            findings.extend(found);
        }
    }
    (findings, explained)
}

/// What is found in what a caller asked of one vault; the places of what it explains are added, and taken out.
fn habits_in<'f>(
    teller: &Teller<'_, 'f>,
    caller: CallerId,
    usage: &mut Usage<'_, 'f>,
    explained: &mut Vec<Place>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |found: &Found<'_, 'f>| findings.push(teller.finding(Some(caller), found));
    // Waiting after a 429 is another habit than what brought it about: it explains nothing away.
    if let Some(found) = failing::retry_storm(usage) {
        tell(&found);
    }
    for detect in DETECTORS {
        let Some(found) = detect(usage) else { continue };
        tell(&found);
        let places = found.places();
        usage.remove(&places);
        explained.extend(places);
    }
    if let Some(mut found) = failing::denied_loop(usage) {
        found.explained_by = refusal(teller.analysis, caller, &found);
        tell(&found);
    }
    findings
}

/// What takes most of a limit of a vault, among what nothing explains yet.
fn rest(teller: &Teller<'_, '_>, vault: usize, explained: &[bool]) -> Vec<Finding> {
    let Some(load) = teller.demand.vaults.get(vault) else { return Vec::new() };
    let streams = load.streams.iter().enumerate().filter(|(at, _)| explained.get(*at) != Some(&true));
    let mut rows: Vec<Row<'_, '_>> =
        streams.map(|(at, stream)| Row { stream, place: (vault, at), count: stream.stream.count }).collect();
    let mut findings = Vec::new();
    if let Some((caller, found)) = heavy::mass_write(teller.demand, vault, &rows) {
        findings.push(teller.finding(Some(caller), &found));
        let places = found.places();
        rows.retain(|row| places.binary_search(&row.place).is_err());
    }
    for (caller, found) in heavy::hot(teller.demand, vault, &rows) {
        findings.push(teller.finding(caller, &found));
    }
    findings
}

/// The finding on the failures that most of a loop's requests are.
fn refusal(analysis: &Analysis<'_>, caller: CallerId, found: &Found<'_, '_>) -> Option<String> {
    let mut causes: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
    let of_object = found
        .rows
        .iter()
        .filter(|row| row.stream.operation() == found.operation && row.stream.object() == found.object);
    for row in of_object {
        let vault = analysis.facts.dimensions.vault_row(row.stream.stream.key.vault).name;
        *causes.entry((row.stream.stream.cause(), vault)).or_default() += row.count;
    }
    let (cause, vault) = crate::findings::tally::most_frequent(&causes)?;
    let identity = analysis.callers.identity(Some(caller));
    Some(finding_id(cause, *vault, identity.as_ref(), found.operation, found.object))
}

/// Reads that each instance would not have made with a cache of [`CACHE_SECONDS`].
fn repeats_of_instances(rows: &[Row<'_, '_>]) -> u64 {
    let done: Vec<Row<'_, '_>> = rows.iter().copied().filter(|row| row.stream.is_success()).collect();
    let groups = grouped(&done, |row| (row.stream.client(), row.stream.stream.asked()));
    groups.into_iter().map(|rows| arrivals(rows).repeats(CACHE_SECONDS)).sum()
}
