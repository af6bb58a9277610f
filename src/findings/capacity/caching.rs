//! What caching in clients would leave of a vault's load: exact replays, and no constant.
//!
//! Input: a vault's load and times to live. Output: [`Caching`]: for each time to live what caches
//! would answer, how old that could be, and the vault's peak with what is left; for the vault and for
//! each application; and the same for public-key operations and data keys. A read is a hit when its
//! object was fetched less than the time to live before; several reads in one second are one fetch
//! and hits. One cache an instance (caller, address, agent) and one a caller are two bounds: how many
//! instances hide behind one address the log does not show. Only successful reads are replayed:
//! everything else stays as it is.

mod arrivals;
mod local;
mod replay;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::amounts::Amounts;
use super::axis::{Base, Utilisation};
use super::{display, shown, told};
use crate::findings::callers::{CallerId, Callers};
use crate::findings::load::class::Budgets;
use crate::findings::load::{LoadStream, VaultLoad};
use crate::report::CallerIdentity;
use crate::report::capacity::{ApplicationCaching, CacheScope, CachingRow, Knee, LocalWhatIf};
use arrivals::{Arrival, Arrivals, Group};
use replay::{Answers, Life, replay as replay_one};

/// Longer caching pays while it brings this part of the reads, in percent.
const KNEE_PERCENT: u128 = 1;

/// What the replays of one vault came to.
pub(crate) struct Caching {
    /// Scope by scope, times to live ascending.
    pub(crate) rows: Vec<CachingRow>,
    /// Where longer caching stops paying.
    pub(crate) knee: Option<Knee>,
    /// Each application, most reads first, as many as were asked for.
    pub(crate) applications: Vec<ApplicationCaching>,
    /// How many applications read.
    pub(crate) readers: u64,
    /// Other changes of clients.
    pub(crate) local: Vec<LocalWhatIf>,
}

/// Reads of one object in the seconds in which a cache does not answer.
pub(crate) struct LeftReads<'f> {
    /// `collection/name`.
    pub(crate) object: &'f str,
    /// Index of the class in the base.
    pub(crate) class: usize,
    /// Parts of the whole that each takes.
    pub(crate) parts: u64,
    /// Place on the axis and how many, ascending.
    pub(crate) arrivals: Vec<(u32, u32)>,
}

/// Whether a cache could answer a request: a successful read of an object with a name.
pub(crate) fn is_read(stream: &LoadStream<'_>) -> bool {
    stream.is_success()
        && stream.object().is_some()
        && matches!(stream.operation(), Some("SecretGet" | "KeyGet" | "CertificateGet"))
}

/// Replays a vault's reads with every time to live, in seconds; `None` is until the object changes.
/// At most so many applications are replayed alone.
pub(crate) fn replay(
    callers: &Callers,
    vault: &VaultLoad<'_>,
    budgets: &Budgets<'_>,
    ttls: &[Option<u64>],
    most_applications: usize,
) -> Caching {
    let base = Base::new(vault, budgets);
    let mut ttls = ttls.to_vec();
    ttls.sort_unstable_by_key(|ttl| (ttl.is_none(), *ttl));
    ttls.dedup();
    let local = local::what_ifs(&base, vault, budgets, &ttls);
    let reads = reads(&base, vault);
    let chosen = Chosen::new(callers, &reads, most_applications);
    let of_instances = replayed(&base, &reads, &chosen, &ttls, CacheScope::Instance);
    let of_callers = replayed(&base, &reads.shared(), &chosen, &ttls, CacheScope::Caller);
    let knee = knee(&of_instances.rows);
    let applications =
        chosen.identities.into_iter().zip(of_instances.applications.into_iter().zip(of_callers.applications));
    Caching {
        knee,
        rows: [of_instances.rows, of_callers.rows].concat(),
        applications: applications
            .map(|(identity, (instance, caller))| ApplicationCaching {
                caller: shown(&identity).unwrap_or_default(),
                oid: identity.oid,
                knee: self::knee(&instance),
                caching: [instance, caller].concat(),
            })
            .collect(),
        readers: chosen.readers,
        local,
    }
}

/// The reads that instances with caches of a time to live would still send.
pub(crate) fn left_reads<'f>(base: &Base, vault: &VaultLoad<'f>, ttl_seconds: u64) -> Vec<LeftReads<'f>> {
    let reads = reads(base, vault);
    let left = |group: &Group<'f>| {
        let mut left: Vec<LeftReads<'f>> = Vec::new();
        let life = Life::of(Some(ttl_seconds));
        let second = |place| base.axis.second(place);
        replay_one(reads.of(group), second, reads.changes(group), life, |arrival, hits| {
            let weight = reads.weight(arrival);
            let (Some(class), 1..) = (weight.class, arrival.count - hits) else { return };
            let arrived = (arrival.at, arrival.count - hits);
            match left.iter_mut().find(|left| left.class == class && left.parts == weight.parts) {
                Some(left) => left.arrivals.push(arrived),
                None => left.push(LeftReads {
                    object: group.object,
                    class,
                    parts: weight.parts,
                    arrivals: vec![arrived],
                }),
            }
        });
        left
    };
    reads.groups().iter().flat_map(left).collect()
}

fn reads<'f>(base: &Base, vault: &VaultLoad<'f>) -> Arrivals<'f> {
    Arrivals::new(base, vault, is_read, true, |_, charge| charge.high)
}

/// The applications that are replayed alone.
struct Chosen {
    /// Most reads first.
    ids: Vec<CallerId>,
    identities: Vec<CallerIdentity>,
    /// How many there are to choose from.
    readers: u64,
}

impl Chosen {
    fn new(callers: &Callers, reads: &Arrivals<'_>, most: usize) -> Self {
        let mut all: Vec<(u64, CallerId, CallerIdentity)> = reads
            .by_caller()
            .map(|(id, groups)| (reads.requests(groups), id, callers.identity(Some(id)).unwrap_or_default()))
            .collect();
        let readers = all.len() as u64;
        all.sort_by(|one, other| {
            let text =
                |identity: &CallerIdentity| (shown(identity), identity.oid.clone(), identity.appid.clone());
            Reverse(one.0).cmp(&Reverse(other.0)).then_with(|| text(&one.2).cmp(&text(&other.2)))
        });
        all.truncate(most);
        let (ids, identities) = all.into_iter().map(|(_, id, identity)| (id, identity)).unzip();
        Self { ids, identities, readers }
    }
}

/// The rows of one scope.
struct Replayed {
    rows: Vec<CachingRow>,
    applications: Vec<Vec<CachingRow>>,
}

fn replayed(
    base: &Base,
    reads: &Arrivals<'_>,
    chosen: &Chosen,
    ttls: &[Option<u64>],
    scope: CacheScope,
) -> Replayed {
    if reads.is_empty() {
        return Replayed { rows: Vec::new(), applications: Vec::new() };
    }
    let everything = everything(base, reads);
    let all = |ttl: &Option<u64>| {
        let (answers, mut removed) = without_hits(base, reads, &everything, Life::of(*ttl));
        let peak = base.peak_without(&removed);
        take_first(reads, &mut removed);
        row(*ttl, scope, answers, peak, Some(base.peak_without(&removed)))
    };
    let fullest: Vec<Vec<u32>> = base.classes.iter().map(super::axis::ClassBase::fullest).collect();
    let of_caller: crate::facts::Map<CallerId, &[Group<'_>]> = reads.by_caller().collect();
    let alone = |removed: &mut Vec<Amounts>, id: &CallerId| {
        let groups = of_caller.get(id).copied().unwrap_or_default();
        let one = |ttl: &Option<u64>| {
            let (answers, peak) = alone_without_hits(base, &fullest, reads, groups, Life::of(*ttl), removed);
            row(*ttl, scope, answers, peak, None)
        };
        ttls.iter().map(one).collect()
    };
    Replayed {
        rows: ttls.par_iter().map(all).collect(),
        applications: (&chosen.ids).into_par_iter().map_init(|| nothing(base, reads), alone).collect(),
    }
}

/// Room for what is taken away, by class and place; none for classes that nothing is taken from.
fn nothing(base: &Base, arrivals: &Arrivals<'_>) -> Vec<Amounts> {
    let length = |class| if arrivals.touches(class) { base.axis.len() } else { 0 };
    (0..base.classes.len()).map(|class| Amounts::new(length(class))).collect()
}

/// What all requests take, by class and place.
fn everything(base: &Base, arrivals: &Arrivals<'_>) -> Vec<Amounts> {
    let mut all = nothing(base, arrivals);
    for arrival in arrivals.groups().iter().flat_map(|group| arrivals.of(group)) {
        let weight = arrivals.weight(arrival);
        if let Some(class) = weight.class {
            all[class].add(arrival.at as usize, i128::from(arrival.count) * i128::from(weight.parts));
        }
    }
    all
}

/// Takes the first read of each cache away too: what is left then is asked of caches that were filled
/// before the log begins.
fn take_first(reads: &Arrivals<'_>, removed: &mut [Amounts]) {
    for first in reads.groups().iter().filter_map(|group| reads.of(group).first()) {
        let weight = reads.weight(first);
        if let Some(class) = weight.class {
            removed[class].add(first.at as usize, i128::from(weight.left));
        }
    }
}

/// What caches of all callers answer, and what that takes away. `everything` is what all requests
/// take: where most are hits, what is left is put back to it, because every second that is written to is
/// far from the one before.
fn without_hits(
    base: &Base,
    arrivals: &Arrivals<'_>,
    everything: &[Amounts],
    life: Life,
) -> (Answers, Vec<Amounts>) {
    if !are_mostly_hits(base, arrivals, life) {
        let mut removed = nothing(base, arrivals);
        let answers = take_away(base, arrivals, arrivals.groups(), life, &mut removed);
        return (answers, removed);
    }
    let mut removed = everything.to_vec();
    let answers = replayed_groups(base, arrivals, arrivals.groups(), life, |arrival, hits| {
        let weight = arrivals.weight(arrival);
        if let (Some(class), 1..) = (weight.class, arrival.count - hits) {
            let left = i128::from(arrival.count - hits) * i128::from(weight.left);
            removed[class].add(arrival.at as usize, -left);
        }
    });
    (answers, removed)
}

/// Whether caches answer more than half, by every 64th of them: it decides how to count, not what.
fn are_mostly_hits(base: &Base, arrivals: &Arrivals<'_>, life: Life) -> bool {
    let mut all = Answers::default();
    for group in arrivals.groups().iter().step_by(64) {
        all.add(replayed_groups(base, arrivals, std::slice::from_ref(group), life, |_, _| ()));
    }
    all.hits * 2 > all.requests
}

fn replayed_groups(
    base: &Base,
    arrivals: &Arrivals<'_>,
    groups: &[Group<'_>],
    life: Life,
    mut answered: impl FnMut(&Arrival, u32),
) -> Answers {
    let mut all = Answers::default();
    for group in groups {
        let second = |place| base.axis.second(place);
        all.add(replay_one(arrivals.of(group), second, arrivals.changes(group), life, &mut answered));
    }
    all
}

fn take_away(
    base: &Base,
    arrivals: &Arrivals<'_>,
    groups: &[Group<'_>],
    life: Life,
    removed: &mut [Amounts],
) -> Answers {
    replayed_groups(base, arrivals, groups, life, |arrival, hits| {
        let weight = arrivals.weight(arrival);
        let left = i128::from(arrival.count - hits) * i128::from(weight.left);
        let taken = i128::from(arrival.count) * i128::from(weight.parts) - left;
        if let Some(class) = weight.class.filter(|_| taken != 0) {
            removed[class].add(arrival.at as usize, taken);
        }
    })
}

/// The same when one caller alone caches. `removed` is all zero, before and after. Windows are tried
/// fullest first: one caller's hits change few of them, and what a window held bounds what is left.
fn alone_without_hits(
    base: &Base,
    fullest: &[Vec<u32>],
    arrivals: &Arrivals<'_>,
    groups: &[Group<'_>],
    life: Life,
    removed: &mut [Amounts],
) -> (Answers, Utilisation) {
    let answers = take_away(base, arrivals, groups, life, removed);
    let mut peak = Utilisation::NONE;
    for ((class, removed), fullest) in base.classes.iter().zip(&*removed).zip(fullest) {
        if removed.is_empty() {
            peak = peak.max(class.peak());
            continue;
        }
        let mut parts = 0;
        for end in fullest.iter().map(|end| *end as usize) {
            let before = class.windows.at(end);
            if before <= parts {
                break;
            }
            parts = parts.max(before - base.axis.window(end, |at| removed.at(at)));
        }
        peak = peak.max(Utilisation { parts, whole: class.whole });
    }
    for arrival in groups.iter().flat_map(|group| arrivals.of(group)) {
        if let Some(class) = arrivals.weight(arrival).class {
            removed[class].clear(arrival.at as usize);
        }
    }
    (answers, peak)
}

fn row(
    ttl_seconds: Option<u64>,
    scope: CacheScope,
    answers: Answers,
    peak: Utilisation,
    warm: Option<Utilisation>,
) -> CachingRow {
    CachingRow {
        ttl_seconds,
        scope,
        requests: answers.requests,
        hits: answers.hits,
        compulsory: answers.compulsory,
        left: answers.requests - answers.hits,
        stale_hits: answers.stale_hits,
        stale_seconds: answers.stale_seconds,
        peak_utilisation: peak.fraction(),
        warm_peak_utilisation: warm.map(Utilisation::fraction),
    }
}

/// The first time to live that no longer one beats by 1 % of the reads. Rows are of one scope.
fn knee(rows: &[CachingRow]) -> Option<Knee> {
    let brings = |row: &CachingRow, longer: &CachingRow| {
        let more = u128::from(longer.hits.saturating_sub(row.hits));
        more > 0 && more * 100 >= u128::from(row.requests) * KNEE_PERCENT
    };
    let is_knee = |at: usize| !rows[at + 1..].iter().any(|longer| brings(&rows[at], longer));
    let row = &rows[(0..rows.len()).find(|at| is_knee(*at))?];
    let saved_percent = display::percent(u128::from(row.hits), u128::from(row.requests));
    let told = format!(
        "Values kept {} answer {saved_percent:.1} % of {} reads; keeping them longer brings under {KNEE_PERCENT} % more.",
        kept(row.ttl_seconds),
        row.requests
    );
    Some(Knee { ttl_seconds: row.ttl_seconds, saved_percent, told })
}

/// A time to live in words.
pub(crate) fn kept(ttl_seconds: Option<u64>) -> String {
    ttl_seconds
        .map_or_else(|| "until the object changes".to_owned(), |ttl| format!("for {}", told::span(ttl)))
}
