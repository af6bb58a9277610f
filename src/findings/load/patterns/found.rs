//! From what a detector found to a finding: gravity, evidence, saving, words.
//!
//! Gravity follows the limits: whoever is throttled, or near it, comes first; a pattern that is far from
//! every limit and harms nobody is low.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64;

use super::usage::{Place, Row, count, grouped};
use crate::classify::Basis;
use crate::classify::causes::Severity;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::examples::{Example, ExampleKey, KEPT};
use crate::findings::Analysis;
use crate::findings::callers::{CallerId, Callers};
use crate::findings::codes;
use crate::findings::failures::evidence_of;
use crate::findings::load::Demand;
use crate::findings::load::class::Class;
use crate::findings::load::windows::Seconds;
use crate::findings::tally::{most_frequent, percent};
use crate::findings::verdicts::short;
use crate::findings::wording::{Known, fill_steps};
use crate::report::{CallerIdentity, Confidence, Evidence, Finding, Saving};

/// 429s from which a pattern is grave, if they are one request in a hundred at least: fewer may be one unlucky
/// second, or the odd one in a month.
const MANY_THROTTLED: u64 = 10;

/// Per cent of a limit from which a pattern is grave, and from which it matters: 90 % is where the next
/// busy minute throttles, 50 % leaves room for one doubling.
const GRAVE_PERCENT: f64 = 90.0;
const MATTERS_PERCENT: f64 = 50.0;

/// Addresses that a finding lists, as those of failures do.
const MOST_ADDRESSES: usize = 5;

/// What a detector found.
pub(super) struct Found<'d, 'f> {
    /// Its code in `codes.toml`.
    pub(super) code: &'static str,
    /// The requests that show it.
    pub(super) rows: Vec<Row<'d, 'f>>,
    /// What happened, in sentences that end with a full stop; `{who}` stands for the caller.
    pub(super) why: String,
    pub(super) operation: Option<&'f str>,
    pub(super) object: Option<&'f str>,
    pub(super) confidence: Confidence,
    /// Requests saved, and how.
    pub(super) saving: Option<(u64, String)>,
    /// No more than good to know.
    pub(super) is_information: bool,
    /// The id of the finding that explains it.
    pub(super) explained_by: Option<String>,
}

impl<'d, 'f> Found<'d, 'f> {
    /// What is the same for most.
    pub(super) fn new(code: &'static str, rows: Vec<Row<'d, 'f>>, why: String) -> Self {
        Self {
            code,
            rows,
            why,
            operation: None,
            object: None,
            confidence: Confidence::Medium,
            saving: None,
            is_information: false,
            explained_by: None,
        }
    }

    /// Where its requests stand in the demand, in order.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.rows.iter().map(|row| row.place).collect();
        places.sort_unstable();
        places
    }
}

/// How near requests came to a limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stress {
    /// Class and per cent of its limit, where keys are the cheapest and the dearest they may be.
    pub(super) peak: Option<(Class, f64, f64)>,
    /// Answered with 429.
    pub(super) throttled: u64,
    /// All of them.
    pub(super) requests: u64,
}

impl Stress {
    /// What some requests of one vault came to by themselves.
    pub(super) fn of(demand: &Demand<'_>, rows: &[Row<'_, '_>]) -> Self {
        let throttled = rows.iter().filter(|row| row.stream.is_throttled()).map(|row| row.count).sum();
        let mut peak: Option<(Class, f64, f64)> = None;
        for rows in grouped(rows, |row| row.place.0) {
            let Some(vault) = rows.first().map(|row| row.place.0) else { continue };
            let charges = rows.iter().flat_map(|row| row.stream.charges());
            let classes: BTreeSet<Class> = charges.map(|charge| charge.class).collect();
            for class in classes.into_iter().filter(|class| class.is_of_vault()) {
                let (low, high) = greatest(&rows, vault, class);
                let part = |load: u128| share(load, u128::from(demand.budgets.whole(class)));
                let found = (class, part(low), part(high));
                if high > 0 && peak.is_none_or(|peak| (found.1, found.2) > (peak.1, peak.2)) {
                    peak = Some(found);
                }
            }
        }
        Self { peak, throttled, requests: count(rows) }
    }

    fn severity(&self) -> Severity {
        let (class, low, high) = self.peak.unwrap_or((Class::Keys, 0.0, 0.0));
        // A Managed HSM is measured against benchmarks: it does not throttle.
        let never_throttles = class == Class::ManagedHsm;
        let many = self.throttled >= MANY_THROTTLED && self.throttled * 100 >= self.requests;
        if many || (low >= GRAVE_PERCENT && !never_throttles) {
            Severity::High
        } else if self.throttled > 0 || low >= MATTERS_PERCENT || high >= GRAVE_PERCENT {
            Severity::Medium
        } else {
            Severity::Low
        }
    }

    /// A sentence on it.
    fn told(&self) -> String {
        let mut told = String::new();
        if let Some((class, low, high)) = self.peak {
            let range = if (high - low).abs() < 0.05 {
                format!("{high:.1} %")
            } else {
                format!("{low:.1} to {high:.1} % (the size of a key is not known)")
            };
            let what = if class == Class::ManagedHsm { "benchmark" } else { "limit" };
            told = format!(
                " At its busiest, ten seconds of it take {range} of the {what} of the class {class}."
            );
        }
        if self.throttled > 0 {
            let _ = write!(told, " {} of its requests were answered with 429.", self.throttled);
        }
        told
    }
}

/// The greatest load of any ten seconds, at the cheapest and at the dearest, each for itself.
pub(super) fn greatest(rows: &[Row<'_, '_>], vault: usize, class: Class) -> (u128, u128) {
    let counted = rows.iter().filter(|row| row.place.0 == vault && row.stream.counted);
    let charged = counted.filter_map(|row| {
        let charge = row.stream.charge(class)?;
        Some((row.stream.cells(), charge.low, charge.high))
    });
    let greatest = Seconds::of_cells(charged).greatest();
    (greatest.low, greatest.high)
}

#[allow(clippy::cast_precision_loss, reason = "one place of a share needs no 53 bits")]
fn share(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// What findings are made with.
pub(super) struct Teller<'a, 'f> {
    pub(super) analysis: &'a Analysis<'f>,
    pub(super) demand: &'a Demand<'f>,
    /// Requests that count against limits, by vault.
    counted: Vec<u64>,
    /// Records that show failures, by vault and caller; looked up when one is to be shown.
    shown: OnceLock<ShownBy<'f>>,
}

type ShownBy<'f> = Map<(Option<Text>, CallerId), Vec<(&'f ExampleKey, &'f Example)>>;

impl<'a, 'f> Teller<'a, 'f> {
    /// Counts what counts.
    pub(super) fn new(analysis: &'a Analysis<'f>, demand: &'a Demand<'f>) -> Self {
        let counted = demand.vaults.iter().map(|vault| {
            let streams = vault.streams.iter().filter(|stream| stream.counted);
            streams.map(|stream| stream.stream.count).sum()
        });
        Self { analysis, demand, counted: counted.collect(), shown: OnceLock::new() }
    }

    /// The records to show of failing requests.
    fn evidence(&self, caller: CallerId, rows: &[Row<'_, '_>]) -> Vec<Evidence> {
        let analysis = self.analysis;
        let dimensions = &analysis.facts.dimensions;
        let failing = rows.iter().filter(|row| !row.stream.is_success()).map(|row| row.stream.stream.key);
        let wanted: Map<_, ()> = failing
            .map(|key| {
                let vault = key.vault.map(|vault| dimensions.vaults.get(vault).name);
                ((vault, key.cause, key.operation, key.object), ())
            })
            .collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let shown = self.shown.get_or_init(|| shown_by(analysis));
        let vaults: Map<Option<Text>, ()> = wanted.keys().map(|key| (key.0, ())).collect();
        let mut found: BTreeMap<_, &Example> = BTreeMap::new();
        for vault in vaults.keys() {
            for (key, example) in shown.get(&(*vault, caller)).into_iter().flatten() {
                if wanted.contains_key(&(*vault, key.cause, key.operation, key.object)) {
                    let blob = dimensions.strings.get(example.location.blob);
                    let order = (example.time.is_none(), example.time, blob, example.location.offset);
                    found.insert(order, example);
                }
            }
        }
        found.into_values().take(KEPT).map(|example| evidence_of(analysis, example, false)).collect()
    }

    /// What is saved, held against everything that counts in the vaults concerned.
    fn saving(&self, found: &Found<'_, '_>) -> Option<Saving> {
        let (requests, how) = found.saving.clone().filter(|(requests, _)| *requests > 0)?;
        let vaults: BTreeSet<usize> = found.rows.iter().map(|row| row.place.0).collect();
        let counted: u64 = vaults.iter().filter_map(|vault| self.counted.get(*vault)).sum();
        // 429s do not count against limits, but are part of what is asked.
        let others: u64 = found.rows.iter().filter(|row| !row.stream.counted).map(|row| row.count).sum();
        let counted = counted + others;
        Some(Saving { requests, percent: percent(requests, counted), how })
    }

    /// The finding.
    pub(super) fn finding(&self, caller: Option<CallerId>, found: &Found<'_, 'f>) -> Finding {
        let rows = &found.rows;
        let code = codes::find(found.code);
        let identity = self.analysis.callers.identity(caller);
        let vaults: BTreeSet<Option<&str>> = rows.iter().map(|row| self.vault_name(row)).collect();
        let vault = if vaults.len() == 1 { vaults.first().copied().flatten() } else { None };
        let who = identity.as_ref().map_or_else(|| "Several callers".to_owned(), short);
        let stress = Stress::of(self.demand, rows);
        let bounds = || rows.iter().filter_map(|row| row.stream.stream.bounds());
        let own = |text: Option<&str>| text.map(str::to_owned);
        let known = Known {
            vault: own(vault),
            object: own(found.object),
            operation: own(found.operation),
            ..Known::default()
        };
        let experimental = code.is_some_and(|code| code.experimental);
        Finding {
            id: id_of(found.code, &vaults, identity.as_ref(), found.object),
            code: found.code.to_owned(),
            severity: if found.is_information { Severity::Info } else { stress.severity() },
            title: format!(
                "{}: {}{}",
                code.map_or(found.code, |code| code.title.as_str()),
                subject(identity.as_ref().map(|_| who.as_str()).or(found.object), vault, vaults.len()),
                if experimental { " (experimental)" } else { "" }
            ),
            vault: own(vault),
            operation: own(found.operation),
            object: own(found.object),
            status: status(rows),
            count: count(rows),
            share_percent: 0.0,
            first: bounds().map(|bounds| bounds.0).min(),
            last: bounds().map(|bounds| bounds.1).max(),
            confidence: found.confidence,
            basis: Basis::Pairing,
            why: format!("{}{}", found.why.replace("{who}", &who), stress.told()),
            fix: code.map_or_else(Vec::new, |code| fill_steps(&code.remedy, &known)),
            reference: code.map_or_else(String::new, |code| code.reference.clone()),
            client_addresses: addresses(rows),
            evidence: caller.map_or_else(Vec::new, |caller| self.evidence(caller, rows)),
            asked: None,
            probable_caller: None,
            explained_by: found.explained_by.clone(),
            experimental,
            saving: self.saving(found),
            caller: identity,
        }
    }

    fn vault_name(&self, row: &Row<'_, '_>) -> Option<&'f str> {
        self.demand.vaults.get(row.place.0).and_then(|vault| vault.vault.name)
    }
}

/// Every record that shows a failure of somebody named.
fn shown_by<'f>(analysis: &Analysis<'f>) -> ShownBy<'f> {
    let mut all: ShownBy<'f> = Map::default();
    for (key, examples) in analysis.facts.examples.iter() {
        let vault = key.vault.map(|vault| analysis.facts.dimensions.vaults.get(vault).name);
        if let Some(caller) = Callers::id(analysis.facts, key.caller) {
            all.entry((vault, caller)).or_default().extend(examples.iter().map(|example| (key, example)));
        }
    }
    all
}

fn subject(what: Option<&str>, vault: Option<&str>, vaults: usize) -> String {
    let what = what.unwrap_or("several callers");
    match vault {
        Some(vault) => format!("{what} on {vault}"),
        None if vaults > 1 => format!("{what} on {vaults} vaults"),
        None => format!("{what} on a vault the log does not name"),
    }
}

/// Stable from run to run.
fn id_of(
    code: &str,
    vaults: &BTreeSet<Option<&str>>,
    caller: Option<&CallerIdentity>,
    object: Option<&str>,
) -> String {
    let oid = caller.and_then(|caller| caller.oid.as_deref().or(caller.appid.as_deref()));
    let parts = vaults.iter().copied().chain([oid, object]).map(|part| part.unwrap_or("\u{0}"));
    format!("{code}-{:016x}", xxh3_64(parts.collect::<Vec<_>>().join("\u{1f}").as_bytes()))
}

/// The status that most of the requests have, where they failed.
fn status(rows: &[Row<'_, '_>]) -> Option<u16> {
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    for row in rows {
        if let Some(status) = row.stream.stream.key.status {
            *statuses.entry(status).or_default() += row.count;
        }
    }
    most_frequent(&statuses).copied().filter(|status| *status >= 400)
}

/// Addresses, most requests first.
fn addresses(rows: &[Row<'_, '_>]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows {
        if let Some(address) = row.stream.address() {
            *counts.entry(address).or_default() += row.count;
        }
    }
    let mut all: Vec<(&str, u64)> = counts.into_iter().collect();
    all.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    all.into_iter().take(MOST_ADDRESSES).map(|(address, _)| address.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gravity_follows_the_limits() {
        let stress = |low, high, throttled, class| {
            Stress { peak: Some((class, low, high)), throttled, requests: 1000 }.severity()
        };
        assert_eq!(stress(3.0, 3.0, 0, Class::Secrets), Severity::Low);
        assert_eq!(stress(60.0, 60.0, 0, Class::Secrets), Severity::Medium);
        assert_eq!(stress(12.0, 96.0, 0, Class::Keys), Severity::Medium, "only the dearest reading is near");
        assert_eq!(stress(91.0, 91.0, 0, Class::Keys), Severity::High);
        assert_eq!(stress(91.0, 91.0, 0, Class::ManagedHsm), Severity::Medium, "it does not throttle");
        assert_eq!(stress(1.0, 1.0, 3, Class::Keys), Severity::Medium);
        assert_eq!(stress(1.0, 1.0, 10, Class::Keys), Severity::High);
        assert_eq!(Stress::default().severity(), Severity::Low);
    }
}
