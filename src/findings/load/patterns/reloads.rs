//! Reading the same again by the clock: `list-then-get-all`, `per-pod-polling`, `fixed-period-reload`.

use std::collections::{BTreeMap, BTreeSet};

use super::arrivals::{Arrivals, Session, in_phase, mixed_period, period};
use super::found::Found;
use super::rough::{Rough, fewest_sessions};
use super::usage::{Row, Usage, addresses, arrivals, cells, count, distinct, grouped, is_get, objects};
use super::{CACHE_SECONDS, LOOKS_AT_ALL, repeats_of_instances};
use crate::findings::wording::numbered;
use crate::report::Confidence;

/// Lists with the reads that follow them.
const LISTS: [(&str, &str, &str); 3] = [
    ("SecretList", "SecretGet", "secrets"),
    ("KeyList", "KeyGet", "keys"),
    ("CertificateList", "CertificateGet", "certificates"),
];

/// Seconds in which the pages of one list come.
const PAGES_SECONDS: i64 = 10;

/// Seconds after a list in which the gets come: #18410 saw a hundred secrets in some seconds, throttled
/// clients take longer.
const SWEEP_SECONDS: i64 = 60;

/// Objects from which a sweep is one: fewer are an application's own few, or a person's look around.
const FEWEST_SWEPT: usize = 10;

/// Sweeps from which it is a habit: one or two are a start.
const FEWEST_SWEEPS: usize = 3;

/// Addresses from which there is a fan-in: the smallest cluster that was complained of had ten.
const FEWEST_POLLING: usize = 5;

/// Reads without which polling is too little to tell.
const FEWEST_POLLS: u64 = 100;

/// Per cent by which a kubelet's gaps may miss their median.
const POLLING_JITTER: i64 = 15;

/// Series of one address and object whose period is looked for: the first in order of names.
const MOST_SERIES: usize = 64;

/// Reads of one address and object without which no period is looked for.
const FEWEST_IN_SERIES: u64 = 5;

/// The Secrets Store CSI driver's own agents.
const DRIVER: &str = "csi-secrets-store";

/// Shortest period of a reload, in seconds: below, a limit's ten seconds see no rounds.
const SHORTEST_RELOAD: i64 = 20;

/// Per cent by which rounds of timers without jitter may miss their period.
const RELOAD_JITTER: i64 = 5;

/// Rounds without which no reload is told.
const FEWEST_ROUNDS: usize = 5;

/// Requests of a round, on average, below which rounds harm nobody.
const FEWEST_IN_ROUND: u64 = 10;

/// Addresses that reload together.
const FEWEST_RELOADING: usize = 3;

/// What one address alone must reload, and how often at least, to be told.
const ALONE: (usize, i64) = (10, 300);

/// Every object of a collection, list by list.
#[derive(Default)]
struct Sweeps<'d, 'f> {
    rows: Vec<Row<'d, 'f>>,
    instances: usize,
    lists: usize,
    sweeps: usize,
    swept: usize,
    gets: u64,
    again: u64,
    period: Option<i64>,
}

/// A list, then a get for each object, again and again.
pub(super) fn list_then_get_all<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    LISTS.iter().find_map(|(list, get, collection)| {
        let asked = |wanted: &str| usage.work(|operation| operation == wanted);
        if asked(list) < FEWEST_SWEEPS as u64 || asked(get) < (FEWEST_SWEEPS * FEWEST_SWEPT) as u64 {
            return None;
        }
        let instances: Vec<Instance<'d, 'f>> =
            usage.instances().filter_map(|instance| Instance::new(instance, list, get)).collect();
        // Most callers are seen to sweep too seldom before any read is looked at, and nearly all others by a rough look.
        let lists: usize = instances.iter().map(|instance| instance.rounds.len()).sum();
        let most = |of: fn(&Instance<'d, 'f>) -> usize| instances.iter().map(of).sum();
        let may_be = is_habit(most(Instance::most_sweeps_by_count), lists)
            && is_habit(most(Instance::most_sweeps), lists);
        if !may_be && !LOOKS_AT_ALL {
            return None;
        }
        let mut all = Sweeps::default();
        for instance in instances {
            all.add(instance);
        }
        if !is_habit(all.sweeps, all.lists) {
            return None;
        }
        debug_assert!(may_be, "{} sweeps behind {} lists were ruled out", all.sweeps, all.lists);
        let every = all.period.map_or_else(String::new, |period| format!(", every {period} seconds"));
        let why = format!(
            "{{who}} listed the {collection} {} times from {}{every}, and within a minute got up to {} of them \
             one by one: {} gets in all, {} a list.",
            all.lists,
            numbered(all.instances, "instance", "instances"),
            all.swept,
            all.gets,
            all.gets / (all.sweeps as u64).max(1)
        );
        let how = "loading once for each instance instead of at every reload".to_owned();
        let saving = (all.again > 0).then_some((all.again, how));
        Some(Found { saving, confidence: Confidence::High, ..Found::new("list-then-get-all", all.rows, why) })
    })
}

/// Whether so many sweeps behind so many lists are a habit: four lists in five are followed by one.
fn is_habit(sweeps: usize, lists: usize) -> bool {
    sweeps >= FEWEST_SWEEPS && sweeps * 5 >= lists * 4
}

/// What one instance lists and gets.
struct Instance<'d, 'f> {
    lists: Vec<Row<'d, 'f>>,
    gets: Vec<Row<'d, 'f>>,
    /// Different objects that it gets.
    known: usize,
    /// Lists, those whose pages belong together as one.
    rounds: Vec<Session>,
}

impl<'d, 'f> Instance<'d, 'f> {
    /// None where it does not list, or gets too few objects to sweep.
    fn new(rows: &[Row<'d, 'f>], list: &str, get: &str) -> Option<Self> {
        let of = |operation: &str| -> Vec<Row<'d, 'f>> {
            let rows = rows.iter().filter(|row| row.is_work() && row.operation() == operation);
            rows.copied().collect()
        };
        let lists = of(list);
        if lists.is_empty() {
            return None;
        }
        let gets = of(get);
        let known = if gets.len() < FEWEST_SWEPT { 0 } else { objects(&gets) };
        if known < FEWEST_SWEPT {
            return None;
        }
        let rounds = arrivals(lists.iter().copied()).sessions(PAGES_SECONDS);
        Some(Self { lists, gets, known, rounds })
    }

    /// Objects of a sweep: all that it gets, or nearly so.
    fn fewest_swept(&self) -> usize {
        FEWEST_SWEPT.max((self.known * 4).div_ceil(5))
    }

    /// The rounds, each with the last second in which its reads come.
    fn reads_until(&self) -> impl Iterator<Item = (Session, i64)> {
        let next = self.rounds.iter().skip(1).map(|next| next.first).chain([i64::MAX]);
        let rounds = self.rounds.iter().zip(next);
        rounds.map(|(round, next)| (*round, (round.last + SWEEP_SECONDS).min(next - 1)))
    }

    /// As many sweeps as there are reads for, or more: no read is of two rounds.
    fn most_sweeps_by_count(&self) -> usize {
        usize::try_from(count(&self.gets)).unwrap_or(usize::MAX) / self.fewest_swept()
    }

    /// Rounds with enough reads for a sweep, or more: as many as they have objects.
    fn most_sweeps(&self) -> usize {
        let rough = Rough::new(cells(&self.gets).map(|cells| (cells, 1)), SWEEP_SECONDS);
        let enough = |(round, until): &(Session, i64)| {
            let reads = rough.most_between(round.first, *until);
            usize::try_from(reads).unwrap_or(usize::MAX) >= self.fewest_swept()
        };
        self.reads_until().filter(enough).count()
    }
}

impl<'d, 'f> Sweeps<'d, 'f> {
    fn add(&mut self, instance: Instance<'d, 'f>) {
        let mut reads: Vec<(i64, u32, u64)> = Vec::new();
        for row in &instance.gets {
            let object = row.object_place();
            reads
                .extend(row.stream.cells().iter().map(|cell| (cell.second(), object, u64::from(cell.count))));
        }
        reads.sort_unstable();
        let mut starts = Vec::new();
        let mut swept_before = false;
        for (round, until) in instance.reads_until() {
            let from = reads.partition_point(|read| read.0 < round.first);
            let inside = || reads.iter().skip(from).take_while(|read| read.0 <= until);
            let distinct = distinct(inside().map(|read| read.1));
            if distinct < instance.fewest_swept() {
                continue;
            }
            let of_round: u64 = inside().map(|read| read.2).sum();
            self.gets += of_round;
            self.again += if swept_before { of_round } else { of_round - distinct as u64 };
            self.swept = self.swept.max(distinct);
            swept_before = true;
            starts.push(round.first);
        }
        self.lists += instance.rounds.len();
        self.sweeps += starts.len();
        if !starts.is_empty() {
            self.instances += 1;
            self.period = self.period.or(period(&starts, POLLING_JITTER));
            self.rows.extend(instance.lists.into_iter().chain(instance.gets));
        }
    }
}

/// Many addresses of one identity that ask for the same few objects at a short period.
pub(super) fn per_pod_polling<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    let total = usage.work(is_get);
    if total < FEWEST_POLLS {
        return None;
    }
    let rows = usage.picked(|row| row.is_get() && row.is_work());
    let fan_in = addresses(&rows);
    if fan_in < FEWEST_POLLING {
        return None;
    }
    let is_driver = rows.iter().any(|row| row.stream.agent().is_some_and(|agent| agent.contains(DRIVER)));
    let series = grouped(&rows, |row| (row.stream.client()[0], row.object_place()));
    let tested: Vec<Arrivals> = series.iter().map(|rows| arrivals(rows.iter().copied())).collect();
    let enough = tested.iter().filter(|series| series.count() >= FEWEST_IN_SERIES).take(MOST_SERIES);
    let starts: Vec<Vec<i64>> = enough.map(starts_of).collect();
    let mut periods: Vec<i64> = starts.iter().filter_map(|starts| polling_period(starts)).collect();
    periods.sort_unstable();
    let regular = !periods.is_empty() && periods.len() * 5 >= starts.len() * 3;
    let every = periods.get(periods.len() / 2).copied().filter(|_| regular);
    let firsts: Vec<i64> = starts.iter().filter_map(|starts| starts.get(starts.len() / 2).copied()).collect();
    let together = every.is_some_and(|every| in_phase(&firsts, every));
    if (every.is_none() || together) && !is_driver {
        return None;
    }
    // Whoever keeps a value for five minutes or more is no matter: the driver's period is 120 seconds, observed are
    // 75 to 83 (facts P2).
    let saved = repeats_of_instances(&rows);
    let done: u64 = rows.iter().filter(|row| row.stream.is_success()).map(|row| row.count).sum();
    if saved * 2 < done {
        return None;
    }
    // Everyone asks for the same: one address on average for at least half of the objects.
    let named = objects(&rows);
    if series.len() * 2 < fan_in * named {
        return None;
    }
    let at = every.map_or_else(|| "again and again".to_owned(), |every| format!("every {every} seconds"));
    let why = format!(
        "{{who}} reads the same {} from {fan_in} addresses, each {at}: about {} requests a round, {total} \
         in all.{}",
        numbered(named, "object", "objects"),
        series.len(),
        if is_driver { " The agent is that of the Secrets Store CSI driver." } else { "" }
    );
    let saving = Some((saved, format!("each address reading an object once in {CACHE_SECONDS} seconds")));
    let confidence = if is_driver && every.is_some() { Confidence::High } else { Confidence::Medium };
    Some(Found { confidence, saving, ..Found::new("per-pod-polling", rows, why) })
}

/// When reads of one address and object begin: those of one round are together.
fn starts_of(series: &Arrivals) -> Vec<i64> {
    series.sessions(5).iter().map(|round| round.first).collect()
}

fn polling_period(starts: &[i64]) -> Option<i64> {
    period(starts, POLLING_JITTER).or_else(|| mixed_period(starts))
}

/// All instances read at the same seconds, round after round.
pub(super) fn fixed_period_reload<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.work(is_get) < FEWEST_IN_ROUND * FEWEST_ROUNDS as u64 {
        return None;
    }
    let rows = usage.picked(|row| row.is_get() && row.is_work());
    let (fan_in, named) = (addresses(&rows), objects(&rows));
    if fan_in < FEWEST_RELOADING && named < ALONE.0 {
        return None;
    }
    // What comes by the clock comes together: most callers are seen not to.
    if count(&rows) < FEWEST_IN_ROUND * fewest_sessions(cells(&rows), PAGES_SECONDS) {
        return None;
    }
    let all = arrivals(rows.iter().copied());
    let rounds = all.sessions(PAGES_SECONDS);
    let starts: Vec<i64> = rounds.iter().map(|round| round.first).collect();
    let every = period(&starts, RELOAD_JITTER).filter(|every| *every >= SHORTEST_RELOAD)?;
    let total = all.count();
    let short = rounds.iter().filter(|round| round.seconds() * 4 <= every).count();
    if rounds.len() < FEWEST_ROUNDS
        || total < FEWEST_IN_ROUND * rounds.len() as u64
        || short * 5 < rounds.len() * 4
        || (fan_in < FEWEST_RELOADING && every > ALONE.1)
        || !are_together(&rows, &rounds, fan_in, named)
    {
        return None;
    }
    let peak = all.busiest(crate::findings::limits::WINDOW_SECONDS);
    let why = format!(
        "{{who}} reads {} from {} every {every} seconds, {} times, all at once: {} of the {} \
         requests of an average round come within ten seconds at most, where {} would if they were spread out.",
        numbered(named, "object", "objects"),
        numbered(fan_in, "address", "addresses"),
        rounds.len(),
        peak.count,
        total / rounds.len() as u64,
        (total * 10).div_ceil(u64::try_from(all.span()).unwrap_or(1).max(1))
    );
    let again = total - distinct(rows.iter().map(|row| (row.stream.client(), row.object_place()))) as u64;
    let saving = Some((again, "loading once for each instance instead of at every reload".to_owned()));
    Some(Found { saving, ..Found::new("fixed-period-reload", rows, why) })
}

/// Whether most rounds hold most addresses (of one address alone, most objects).
fn are_together(rows: &[Row<'_, '_>], rounds: &[Session], fan_in: usize, named: usize) -> bool {
    let alone = fan_in < FEWEST_RELOADING;
    let mut in_rounds: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for row in rows {
        let member = if alone { row.object_place() } else { row.stream.client()[0] };
        for cell in row.stream.cells() {
            let round = rounds.partition_point(|round| round.last < cell.second());
            in_rounds.entry(round).or_default().insert(member);
        }
    }
    let all = if alone { named } else { fan_in };
    let full = in_rounds.values().filter(|members| members.len() * 5 >= all * 3).count();
    full * 5 >= rounds.len() * 4
}
