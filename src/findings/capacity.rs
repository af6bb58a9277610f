//! How close to the limits, what would help, and how to split.
//!
//! Input: merged facts, the causes, how to judge, and what is assumed. Output: [`CapacityReport`].
//! Everything is counted in integers and divided once, for the report.

mod amounts;
mod axis;
mod caching;
pub(crate) mod display;
mod growth;
mod headroom;
mod proposals;
#[cfg(test)]
mod sample;
mod splitting;
mod told;

use std::collections::BTreeMap;

use headroom::ClassLoad;
use rayon::prelude::*;
use splitting::SplitSettings;

use super::advice::{self, Most};
use super::callers::{CallerId, Callers};
use super::grants::Grants;
use super::limits::WINDOW_SECONDS;
use super::load::blocks::Asked;
use super::load::class::{Budgets, Class};
use super::load::fullest::{Fullest, Room};
use super::load::windows::{Load, Seconds, start_of};
use super::load::{Assumptions, Demand, KnownKeys, LoadStream, VaultLoad, Weights};
use super::streams::{KnownCauses, Order, Streams};
use super::{Analysis, Judgement, coverage};
use crate::classify::causes::{Causes, Outcome, Severity};
use crate::facts::{Facts, Map};
use crate::report::capacity::{
    CAPACITY_SCHEMA, CapacityReport, ClassCapacity, Headroom, LimitsReport, PeakPart, SubscriptionCapacity,
    UnknownKey, VaultCapacity, severity_of,
};
use crate::report::{Advice, CallerIdentity, Finding};
use crate::ticks::Ticks;

/// What to look for beside headroom.
#[derive(Clone, Debug)]
pub struct CapacitySettings {
    /// What is assumed.
    pub assumptions: Assumptions,
    /// Times to live to replay, in seconds; `None` is a cache that is kept until the object changes.
    pub ttls: Vec<Option<u64>>,
    /// Greatest utilisation that a split may leave, in thousandths.
    pub target_per_mille: u32,
    /// Objects that the user keeps together: object and the name of its group.
    pub groups: BTreeMap<String, String>,
    /// Seconds of caching before splitting.
    pub after_cache: Option<u64>,
}

/// The times to live that are replayed unless others are asked for, in seconds.
pub const TTLS: [Option<u64>; 10] = [
    Some(10),
    Some(30),
    Some(60),
    Some(300),
    Some(900),
    Some(3600),
    Some(14_400),
    Some(28_800),
    Some(86_400),
    None,
];

/// Applications of a vault whose caching is replayed alone: those with the most reads.
const MOST_APPLICATIONS: usize = 50;

/// The capacity report on facts.
pub fn report(
    mut facts: Facts,
    causes: &Causes,
    judgement: &Judgement,
    settings: &CapacitySettings,
) -> CapacityReport {
    let fact_rows = super::settle(&mut facts, causes, judgement);
    let Judgement { knowledge, applications, .. } = judgement;
    let callers = Callers::new(&facts, knowledge, applications);
    let grants = Grants::new(knowledge, &judgement.roles, &facts);
    let keys = KnownKeys::new(&facts, knowledge);
    judgement.filter.apply(&mut facts, knowledge);
    let mut order = Order::new(&facts);
    order.arrange(&mut facts);
    let known = KnownCauses::new(&facts, causes);
    let analysis = Analysis {
        facts: &facts,
        causes,
        callers: &callers,
        knowledge,
        applications,
        grants: &grants,
        streams: &Streams::new(&facts, &known, order),
        verdicts: None,
    };
    let weights = Weights::new(&analysis, &settings.assumptions, &keys);
    let demand = Demand::new(&analysis, &weights);
    let vaults = vaults(&analysis, &demand, settings);
    let subscriptions = subscriptions(&analysis, &demand);
    let proposals = proposals::of(&vaults, settings.after_cache);
    let profile = demand.budgets.profile();
    let (findings, advice) = patterns(&analysis, &demand);
    CapacityReport {
        schema: CAPACITY_SCHEMA,
        tool: super::tool(causes),
        filter: judgement.filter.echo(),
        coverage: coverage::report(&facts, fact_rows),
        strategy: told::strategy(&vaults, &subscriptions, &proposals),
        proposals,
        limits: LimitsReport {
            profile: profile.name.clone(),
            dated: settings.assumptions.limits.dated.clone(),
            source: profile.source.clone(),
            window_seconds: WINDOW_SECONDS,
            subscription_factor: profile.subscription_factor,
        },
        assumptions: [told::assumptions(&demand, settings), told::what_ifs(&vaults)].concat(),
        vaults,
        subscriptions,
        findings,
        advice,
    }
}

/// Every load pattern, gravest first, and what to do about them.
fn patterns<'f>(analysis: &Analysis<'f>, demand: &Demand<'f>) -> (Vec<Finding>, Vec<Advice>) {
    let mut found = super::load::patterns::find(analysis, demand);
    found.extend(super::clients::find(analysis));
    let chosen = advice::choose(&found, Most::ALL);
    (chosen.take(found), chosen.advice)
}

fn vaults(analysis: &Analysis<'_>, demand: &Demand<'_>, settings: &CapacitySettings) -> Vec<VaultCapacity> {
    let mut vaults: Vec<VaultCapacity> =
        demand.vaults.iter().map(|vault| vault_row(analysis, demand.budgets, vault, settings)).collect();
    vaults.sort_by(|one, other| {
        let peak = |vault: &VaultCapacity| vault.peak().map_or(0.0, |class| class.peak.utilisation_high);
        peak(other).total_cmp(&peak(one)).then_with(|| one.vault.cmp(&other.vault))
    });
    vaults
}

fn vault_row(
    analysis: &Analysis<'_>,
    budgets: &Budgets<'_>,
    load: &VaultLoad<'_>,
    settings: &CapacitySettings,
) -> VaultCapacity {
    let caching = caching::replay(analysis.callers, load, budgets, &settings.ttls, MOST_APPLICATIONS);
    let split = SplitSettings {
        target_per_mille: settings.target_per_mille,
        groups: &settings.groups,
        after_cache: settings.after_cache,
    };
    let loads = loads_of(load);
    let span = load.span.unwrap_or((0, 0));
    let mut growth = Vec::new();
    for (class, seconds) in &loads {
        let peaks = growth::daily_peaks(seconds, span);
        growth.extend(growth::growth(*class, &peaks, u128::from(budgets.whole(*class))));
    }
    VaultCapacity {
        vault: load.vault.name.map(str::to_owned),
        hsm: load.vault.hsm,
        subscription: load.vault.subscription.map(str::to_owned),
        region: load.region.map(str::to_owned),
        requests: load.streams.iter().map(|stream| stream.stream.series.count()).sum(),
        uncounted: uncounted(load),
        first: load.span.map(|span| Ticks::from_second(span.0)),
        last: load.span.map(|span| Ticks::from_second(span.1)),
        classes: loads
            .iter()
            .filter_map(|(class, seconds)| class_row(analysis, budgets, load, *class, seconds))
            .collect(),
        unknown_keys: unknown_keys(load),
        caching: caching.rows,
        knee: caching.knee,
        applications: caching.applications,
        readers: caching.readers,
        local: caching.local,
        split: splitting::plan(analysis.callers, load, budgets, &split),
        growth,
    }
}

/// What each class of a vault's own limits was asked.
fn loads_of(load: &VaultLoad<'_>) -> Vec<(Class, Seconds)> {
    let classes = load.classes().into_iter().filter(|class| class.is_of_vault());
    classes.map(|class| (class, load.seconds(class))).collect()
}

fn class_row(
    analysis: &Analysis<'_>,
    budgets: &Budgets<'_>,
    load: &VaultLoad<'_>,
    class: Class,
    seconds: &Seconds,
) -> Option<ClassCapacity> {
    let throttled = throttled(load, class);
    let row = ClassLoad {
        class,
        limit: u64::from(budgets.limit(class)),
        whole: u128::from(budgets.whole(class)),
        seconds,
        span: load.span?,
        throttled: &throttled,
    };
    headroom::judge(&row, |end| parts(analysis, std::iter::once((None, load)), class, end))
}

/// The 429s of a class's operations by second, ascending.
fn throttled(load: &VaultLoad<'_>, class: Class) -> Vec<(i64, u64)> {
    let streams =
        load.streams.iter().filter(|stream| stream.is_throttled() && stream.charge(class).is_some());
    let mut seconds: BTreeMap<i64, u64> = BTreeMap::new();
    for cell in streams.flat_map(LoadStream::cells) {
        *seconds.entry(cell.second()).or_default() += u64::from(cell.count);
    }
    seconds.into_iter().collect()
}

/// Vault, caller, operation and object.
type Part<'p> = (Option<&'p str>, Option<CallerId>, Option<&'p str>, Option<&'p str>);

/// What made up the window that ends at a second.
fn parts<'v>(
    analysis: &Analysis<'_>,
    vaults: impl Iterator<Item = (Option<&'v str>, &'v VaultLoad<'v>)>,
    class: Class,
    end: i64,
) -> Vec<(PeakPart, u128)> {
    let mut groups: Map<Part<'_>, Load> = Map::default();
    for (name, vault) in vaults {
        for (stream, charge) in vault.charged(class) {
            let count = stream.cells().split_at(start_of(end)).1.split_at(end + 1).0.count();
            if count > 0 {
                let group = (name, stream.caller(), stream.operation(), stream.object());
                groups.entry(group).or_default().add(Load::of(count, charge.low, charge.high));
            }
        }
    }
    let part = |((vault, caller, operation, object), load): (Part<'_>, Load)| {
        let identity = analysis.callers.identity(caller);
        let part = PeakPart {
            vault: vault.map(str::to_owned),
            caller: identity.as_ref().and_then(shown),
            oid: identity.and_then(|identity| identity.oid),
            operation: operation.map(str::to_owned),
            object: object.map(str::to_owned),
            requests: load.requests,
            share_percent: 0.0,
        };
        (part, load.high)
    };
    groups.into_iter().map(part).collect()
}

/// What a caller is called in a table: by name, or by the id there is.
pub(crate) fn shown(identity: &CallerIdentity) -> Option<String> {
    identity.name.clone().or_else(|| identity.oid.clone()).or_else(|| identity.appid.clone())
}

/// Requests that count against no limit, by why.
fn uncounted(load: &VaultLoad<'_>) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    for stream in &load.streams {
        let series = stream.stream.series;
        let why = if stream.charges().next().is_none() {
            "free"
        } else if stream.counted {
            // Counted, but in no second.
            *all.entry("untimed").or_default() += series.untimed;
            continue;
        } else if stream.is_throttled() {
            "throttled"
        } else if stream.operation() == Some("Authentication") || stream.stream.outcome == Outcome::Challenge
        {
            "challenge"
        } else {
            "failure"
        };
        *all.entry(why).or_default() += series.count();
    }
    all.retain(|_, count| *count > 0);
    all
}

/// The keys that make a range of the utilisation, most requests first.
fn unknown_keys(load: &VaultLoad<'_>) -> Vec<UnknownKey> {
    let mut keys: BTreeMap<&str, (String, u64)> = BTreeMap::new();
    for (stream, charge) in load.charged(Class::Keys).chain(load.charged(Class::Pooled)) {
        if let Some(object) = stream.object().filter(|_| charge.low != charge.high) {
            let key = keys.entry(object).or_default();
            key.0 = key.0.clone().max(told::kind(stream.kind()));
            key.1 += stream.stream.series.count();
        }
    }
    let mut keys: Vec<UnknownKey> = keys
        .into_iter()
        .map(|(object, (known, requests))| UnknownKey { object: object.to_owned(), known, requests })
        .collect();
    keys.sort_by(|one, other| other.requests.cmp(&one.requests).then_with(|| one.object.cmp(&other.object)));
    keys
}

/// Every subscription; those of its vaults whose regions are known stand by region.
fn subscriptions(analysis: &Analysis<'_>, demand: &Demand<'_>) -> Vec<SubscriptionCapacity> {
    let mut groups: BTreeMap<(Option<&str>, Option<&str>), Vec<&VaultLoad<'_>>> = BTreeMap::new();
    for vault in &demand.vaults {
        groups.entry((vault.vault.subscription, vault.region)).or_default().push(vault);
    }
    let group = |((subscription, region), vaults): ((Option<&str>, Option<&str>), Vec<&VaultLoad<'_>>)| {
        let classes = Class::ALL.into_iter().filter(|class| *class != Class::ManagedHsm);
        SubscriptionCapacity {
            subscription: subscription.map(str::to_owned),
            region: region.map(str::to_owned),
            vaults: vaults.iter().filter_map(|vault| vault.vault.name).map(str::to_owned).collect(),
            classes: classes
                .filter_map(|class| subscription_row(analysis, demand.budgets, &vaults, class))
                .collect(),
        }
    };
    groups.into_iter().map(group).collect()
}

fn subscription_row(
    analysis: &Analysis<'_>,
    budgets: &Budgets<'_>,
    vaults: &[&VaultLoad<'_>],
    class: Class,
) -> Option<ClassCapacity> {
    let charged = vaults.iter().flat_map(|vault| vault.charged(class));
    let seconds =
        Seconds::of_cells(charged.map(|(stream, charge)| (stream.cells(), charge.low, charge.high)));
    let mut refused: BTreeMap<i64, u64> = BTreeMap::new();
    for (second, count) in vaults.iter().flat_map(|vault| throttled(vault, class)) {
        *refused.entry(second).or_default() += count;
    }
    let refused: Vec<(i64, u64)> = refused.into_iter().collect();
    let factor = if class.is_of_vault() { budgets.profile().subscription_factor } else { 1 };
    let spans = vaults.iter().filter_map(|vault| vault.span);
    let span = spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
    let row = ClassLoad {
        class,
        limit: u64::from(budgets.limit(class)) * u64::from(factor),
        whole: u128::from(budgets.whole(class)) * u128::from(factor),
        seconds: &seconds,
        span,
        throttled: &refused,
    };
    headroom::judge(&row, |end| {
        parts(analysis, vaults.iter().map(|vault| (vault.vault.name, *vault)), class, end)
    })
}

/// The fullest class of each vault, fullest first, for the report of failures.
pub(crate) fn headroom(demand: &Demand<'_>) -> Vec<Headroom> {
    let fullest = |room: &mut Room, vault: &VaultLoad<'_>| fullest(demand.budgets, vault, room);
    let rows: Vec<Option<Headroom>> = demand.vaults.par_iter().map_init(Room::default, fullest).collect();
    let mut rows: Vec<Headroom> = rows.into_iter().flatten().collect();
    rows.sort_by(|one, other| {
        other.utilisation_high.total_cmp(&one.utilisation_high).then_with(|| one.vault.cmp(&other.vault))
    });
    rows
}

fn fullest(budgets: &Budgets<'_>, vault: &VaultLoad<'_>, room: &mut Room) -> Option<Headroom> {
    let span = vault.span?;
    let mut asked: [Vec<Asked<'_>>; Class::ALL.len()] = std::array::from_fn(|_| Vec::new());
    for stream in vault.streams.iter().filter(|stream| stream.counted) {
        for charge in stream.charges().filter(|charge| charge.class.is_of_vault()) {
            asked[charge.class.index()].push((stream.cells(), charge.low, charge.high));
        }
    }
    let mut row = |(class, asked): (Class, Vec<Asked<'_>>)| {
        let whole = u128::from(budgets.whole(class));
        let fullest = room.fullest(&asked, span, whole)?;
        Some((class, fullest, display::fraction(fullest.load.high, whole)))
    };
    // The first of equals, in the order of the classes.
    let (class, Fullest { end, load, over }, utilisation_high) = Class::ALL
        .into_iter()
        .zip(asked)
        .filter_map(&mut row)
        .reduce(|best, next| if next.2 > best.2 { next } else { best })?;
    let throttled = vault.streams.iter().filter(|stream| stream.is_throttled());
    let throttled = throttled.filter(|stream| stream.charge(class).is_some()).flat_map(LoadStream::cells);
    Some(Headroom {
        vault: vault.vault.name.map(str::to_owned),
        class,
        limit: u64::from(budgets.limit(class)),
        at: Ticks::from_second(start_of(end)),
        requests: load.requests,
        utilisation_low: display::fraction(load.low, u128::from(budgets.whole(class))),
        utilisation_high,
        windows_over: over,
        throttled: throttled.map(|cell| u64::from(cell.count)).sum(),
    })
}

/// The gravest that the report tells: of its peaks, where only the log's silence makes them high is left
/// out, and of its findings.
pub fn worst(report: &CapacityReport) -> Option<Severity> {
    let classes = report
        .vaults
        .iter()
        .flat_map(|vault| &vault.classes)
        .filter(|class| class.class != Class::ManagedHsm);
    let peaks = classes.filter_map(|class| severity_of(class.peak.utilisation_low));
    peaks.chain(report.findings.iter().map(|finding| finding.severity)).max()
}
