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
mod tools;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use super::Demand;
use crate::findings::Analysis;
use crate::findings::callers::CallerId;
use crate::findings::failures::finding_id;
use crate::report::Finding;
use found::{Found, Teller};
use usage::{Row, Usage, arrivals, grouped};

/// The time to live with which savings are counted here, in seconds: short enough for any secret. What
/// other times would save is told by the caching what-if.
const CACHE_SECONDS: i64 = 300;

/// Requests of a caller below which no pattern can be: the lowest number that any detector asks for.
const FEWEST_REQUESTS: u64 = 20;

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
    let mut teller = Teller::new(analysis, demand);
    let mut findings = Vec::new();
    let mut explained: BTreeSet<(usize, usize)> = BTreeSet::new();
    let text = |id| analysis.facts.dimensions.text(id);
    for mut work in usage::by_caller(demand, text, FEWEST_REQUESTS) {
        let caller = work.caller;
        let mut tell = |found: &Found<'_, 'f>| findings.push(teller.finding(Some(caller), found));
        for detect in [tools::iac_refresh, tools::scanner] {
            let Some(found) = detect(&work) else { continue };
            tell(&found);
            let places = found.places();
            work.usages.iter_mut().for_each(|usage| usage.remove(&places));
            explained.extend(places);
        }
        for usage in &mut work.usages {
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
                found.explained_by = refusal(analysis, caller, &found);
                tell(&found);
            }
        }
    }
    for vault in 0..demand.vaults.len() {
        let mut rows = left(demand, vault, &explained);
        if let Some((caller, found)) = heavy::mass_write(demand, vault, &rows, text) {
            findings.push(teller.finding(Some(caller), &found));
            let places = found.places();
            rows.retain(|row| !places.contains(&row.place));
        }
        for (caller, found) in heavy::hot(demand, vault, &rows) {
            findings.push(teller.finding(caller, &found));
        }
    }
    findings
}

/// What nothing explains yet.
fn left<'d, 'f>(
    demand: &'d Demand<'f>,
    vault: usize,
    explained: &BTreeSet<(usize, usize)>,
) -> Vec<Row<'d, 'f>> {
    let streams = demand.vaults.get(vault).map_or(&[][..], |vault| vault.streams.as_slice());
    let rows = streams.iter().enumerate().filter(|(at, _)| !explained.contains(&(vault, *at)));
    rows.map(|(at, stream)| Row { stream, place: (vault, at), count: stream.stream.series.count() }).collect()
}

/// The finding on the failures that most of a loop's requests are.
fn refusal(analysis: &Analysis<'_>, caller: CallerId, found: &Found<'_, '_>) -> Option<String> {
    let mut causes: BTreeMap<(&str, Option<&str>), u64> = BTreeMap::new();
    let of_object = found
        .rows
        .iter()
        .filter(|row| row.stream.operation == found.operation && row.stream.object == found.object);
    for row in of_object {
        let vault = analysis.facts.dimensions.vault_row(row.stream.stream.key.vault).name;
        *causes.entry((row.stream.stream.cause, vault)).or_default() += row.count;
    }
    let (cause, vault) = crate::findings::tally::most_frequent(&causes)?;
    let identity = analysis.callers.identity(Some(caller));
    Some(finding_id(cause, *vault, identity.as_ref(), found.operation, found.object))
}

/// Reads that each instance would not have made with a cache of [`CACHE_SECONDS`].
fn repeats_of_instances(rows: &[Row<'_, '_>]) -> u64 {
    let done: Vec<Row<'_, '_>> = rows.iter().copied().filter(|row| row.stream.is_success()).collect();
    let groups =
        grouped(&done, |row| (row.stream.address, row.stream.agent, row.stream.operation, row.stream.object));
    groups.into_values().map(|rows| arrivals(rows).repeats(CACHE_SECONDS)).sum()
}
