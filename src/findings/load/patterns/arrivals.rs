//! When requests came: sessions, rounds, periods, evenness, and what a cache would have kept.
//!
//! Input: cells of streams. Output: numbers about them, exact to the second, the grain of the facts: what
//! came within one second has no order here. Must not know what was asked for.

use crate::facts::requests::{Cell, Cells};

/// Gaps without which no period is told: four equal ones are hardly an accident.
const FEWEST_GAPS: usize = 4;

/// Gaps in a hundred that must be near the median.
const REGULAR_PERCENT: usize = 70;

/// Whole minutes without which evenness says nothing.
const FEWEST_MINUTES: usize = 10;

/// Starts looked at for a period among several phases; periods up to a quarter of an hour show in them.
const MOST_STARTS: usize = 256;

/// Seconds by which a period of several phases may miss: wider, chance finds one everywhere.
const LAG_TOLERANCE: i64 = 2;

/// The shortest and the longest period looked for among several phases, in seconds.
const LAGS: (i64, i64) = (20, 900);

/// Requests by second, ascending, one row a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arrivals {
    rows: Vec<(i64, u64)>,
}

/// A stretch of requests with no pause in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) count: u64,
}

impl Session {
    /// How long it took, both ends included.
    pub(super) fn seconds(&self) -> i64 {
        self.last - self.first + 1
    }
}

impl Arrivals {
    /// The requests of some streams, the cells of each ascending.
    pub(super) fn of<'c>(streams: impl Iterator<Item = Cells<'c>>) -> Self {
        let streams: Vec<Cells<'_>> = streams.filter(|cells| !cells.is_empty()).collect();
        if let Some(moments) = Moments::of(&streams) {
            return Self { rows: moments.rows(&streams) };
        }
        let cells = streams.into_iter().flatten();
        Self::new(cells.map(|cell| (cell.second(), u64::from(cell.count))).collect())
    }

    /// Requests in any order.
    pub(super) fn new(mut rows: Vec<(i64, u64)>) -> Self {
        // Each stream is sorted already: a stable sort is fast on that.
        rows.sort_by_key(|row| row.0);
        rows.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        Self { rows }
    }

    /// Seconds and counts.
    #[cfg(test)]
    fn rows(&self) -> &[(i64, u64)] {
        &self.rows
    }

    /// All requests.
    pub(super) fn count(&self) -> u64 {
        self.rows.iter().map(|row| row.1).sum()
    }

    /// From the first to the last second.
    pub(super) fn span(&self) -> i64 {
        self.rows.first().zip(self.rows.last()).map_or(0, |(first, last)| last.0 - first.0 + 1)
    }

    /// Stretches between which nothing came for more than `pause` seconds.
    pub(super) fn sessions(&self, pause: i64) -> Vec<Session> {
        let mut all: Vec<Session> = Vec::new();
        for (second, count) in &self.rows {
            match all.last_mut().filter(|session| *second - session.last <= pause) {
                Some(session) => {
                    session.last = *second;
                    session.count += count;
                }
                None => all.push(Session { first: *second, last: *second, count: *count }),
            }
        }
        all
    }

    /// The longest of those stretches, the first of equals.
    pub(super) fn longest(&self, pause: i64) -> Option<Session> {
        let sessions = self.sessions(pause);
        sessions.into_iter().reduce(|best, next| if next.seconds() > best.seconds() { next } else { best })
    }

    /// The most requests of any so many seconds, and where they begin: the first of equals.
    pub(super) fn busiest(&self, seconds: i64) -> Session {
        let mut best = Session { first: 0, last: 0, count: 0 };
        let (mut from, mut count) = (0, 0);
        for (second, more) in &self.rows {
            count += more;
            while let Some(row) = self.rows.get(from).filter(|row| row.0 <= second - seconds) {
                count -= row.1;
                from += 1;
            }
            if count > best.count {
                let first = self.rows.get(from).map_or(*second, |row| row.0);
                best = Session { first, last: *second, count };
            }
        }
        best
    }

    /// Requests for which a cache with a time to live would have had the answer: one request fills it,
    /// others of its second and of the `ttl` seconds from it on are answered from it.
    pub(super) fn repeats(&self, ttl: i64) -> u64 {
        let mut filled: Option<i64> = None;
        let mut hits = 0;
        for (second, count) in &self.rows {
            if filled.is_some_and(|filled| second - filled < ttl) {
                hits += count;
            } else {
                filled = Some(*second);
                hits += count - 1;
            }
        }
        hits
    }

    /// Whether the counts by whole minute vary as little as a machine's do: variance at most so many
    /// tenths of the mean. Independent users come with about as much variance as mean.
    pub(super) fn is_even(&self, tenths: u64) -> bool {
        let Some((first, _)) = self.rows.first() else { return false };
        let whole = usize::try_from(self.span() / 60).unwrap_or(0);
        if whole < FEWEST_MINUTES {
            return false;
        }
        let mut minutes = vec![0_u64; whole];
        for (second, count) in &self.rows {
            if let Some(minute) =
                usize::try_from((second - first) / 60).ok().and_then(|at| minutes.get_mut(at))
            {
                *minute += count;
            }
        }
        let (n, sum) = (whole as u128, minutes.iter().map(|count| u128::from(*count)).sum::<u128>());
        let squares: u128 = minutes.iter().map(|count| u128::from(*count).pow(2)).sum();
        // n² · variance <= tenths/10 · n² · mean
        10 * (n * squares - sum * sum) <= u128::from(tenths) * n * sum
    }

    /// The part from one second to another, both included.
    pub(super) fn between(&self, first: i64, last: i64) -> Self {
        let inside = |row: &&(i64, u64)| row.0 >= first && row.0 <= last;
        Self { rows: self.rows.iter().filter(inside).copied().collect() }
    }
}

/// Seconds of a span for each cell at the most, and cells at the least, for which a bit for every second is faster
/// than sorting.
const MOST_SECONDS: i64 = if cfg!(test) { 8 } else { 128 };
const FEWEST_CELLS: usize = if cfg!(test) { 8 } else { 512 };

/// The seconds that have a request: a bit for each second of a span, which stays in a processor's cache where a sort
/// of all cells would not.
struct Moments {
    first: i64,
    bits: Vec<u64>,
}

impl Moments {
    /// The seconds of streams, none of which is empty; none where they are few or far apart.
    fn of(streams: &[Cells<'_>]) -> Option<Self> {
        let cells: usize = streams.iter().map(|cells| cells.most()).sum();
        let first = streams.iter().filter_map(|cells| cells.first()).map(|cell| cell.second()).min()?;
        let last = streams.iter().filter_map(|cells| cells.last()).map(|cell| cell.second()).max()?;
        let seconds = last.checked_sub(first)?.checked_add(1)?;
        if cells < FEWEST_CELLS || seconds / MOST_SECONDS > i64::try_from(cells).ok()? {
            return None;
        }
        let mut bits = vec![0_u64; usize::try_from(seconds / 64 + 1).ok()?];
        for cell in streams.iter().copied().flatten() {
            let at = place(first, &cell);
            bits[at / 64] |= 1 << (at % 64);
        }
        Some(Self { first, bits })
    }

    /// The requests in each of them.
    fn rows(&self, streams: &[Cells<'_>]) -> Vec<(i64, u64)> {
        // How many seconds of requests lie before those of each word.
        let mut before: Vec<u32> = Vec::with_capacity(self.bits.len());
        let mut rows = Vec::new();
        for (mut bits, second) in self.bits.iter().copied().zip((self.first..).step_by(64)) {
            before.push(u32::try_from(rows.len()).expect("fewer than 2^32 seconds"));
            while bits != 0 {
                rows.push((second + i64::from(bits.trailing_zeros()), 0));
                bits &= bits - 1;
            }
        }
        for cell in streams.iter().copied().flatten() {
            let at = place(self.first, &cell);
            let earlier = self.bits[at / 64] & ((1 << (at % 64)) - 1);
            rows[before[at / 64] as usize + earlier.count_ones() as usize].1 += u64::from(cell.count);
        }
        rows
    }
}

/// The place of a cell's second behind another second.
fn place(first: i64, cell: &Cell) -> usize {
    usize::try_from(cell.second() - first).expect("it is the first of all")
}

/// The period of starts that come about equally far from each other: the median gap, when enough gaps
/// are within so many percent (and two seconds) of it.
pub(super) fn period(starts: &[i64], percent: i64) -> Option<i64> {
    let mut gaps: Vec<i64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if gaps.len() < FEWEST_GAPS {
        return None;
    }
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2];
    let most = (median * percent / 100).max(2);
    let near = gaps.iter().filter(|gap| (**gap - median).abs() <= most).count();
    (near * 100 >= gaps.len() * REGULAR_PERCENT).then_some(median)
}

/// The shortest period at which nearly every start is followed by another, where several series with
/// phases of their own are mixed; none where chance would do that too.
pub(super) fn mixed_period(starts: &[i64]) -> Option<i64> {
    let starts = starts.get(..starts.len().min(MOST_STARTS))?;
    let (first, last) = (*starts.first()?, *starts.last()?);
    let lags = usize::try_from(LAGS.1 + LAG_TOLERANCE + 1).ok()?;
    let (mut followed, mut seen) = (vec![0_usize; lags], vec![usize::MAX; lags]);
    for (at, start) in starts.iter().enumerate() {
        for later in starts.iter().skip(at + 1).take_while(|later| **later - start <= LAGS.1 + LAG_TOLERANCE)
        {
            for lag in later - start - LAG_TOLERANCE..=later - start + LAG_TOLERANCE {
                let Some(lag) = usize::try_from(lag).ok().filter(|lag| *lag < lags) else { continue };
                if seen[lag] != at {
                    seen[lag] = at;
                    followed[lag] += 1;
                }
            }
        }
    }
    let span = usize::try_from(last - first + 1).ok()?;
    let width = usize::try_from(2 * LAG_TOLERANCE + 1).ok()?;
    // On average every second window of that width has a start in it: chance alone explains too much.
    if starts.len() * width * 2 > span {
        return None;
    }
    (LAGS.0..=LAGS.1).find(|lag| {
        let judged = starts.partition_point(|start| *start <= last - lag - LAG_TOLERANCE);
        let followed = usize::try_from(*lag).ok().and_then(|lag| followed.get(lag)).copied().unwrap_or(0);
        judged >= 2 * FEWEST_GAPS && followed * 100 >= judged * 85
    })
}

/// Whether starts fall into the same part of a period: all but one in five within a fifth of it.
pub(super) fn in_phase(starts: &[i64], period: i64) -> bool {
    let mut phases: Vec<i64> = starts.iter().map(|start| start.rem_euclid(period.max(1))).collect();
    phases.sort_unstable();
    let count = phases.len();
    let around: Vec<i64> = phases.iter().copied().chain(phases.iter().map(|phase| phase + period)).collect();
    let width = (period / 5).max(2);
    let most = (0..count).map(|at| around.partition_point(|phase| *phase <= around[at] + width) - at).max();
    most.is_some_and(|most| most.min(count) * 5 >= count * 4)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::facts::requests::Series;
    use crate::ticks::Ticks;

    fn arrivals(seconds: &[i64]) -> Arrivals {
        Arrivals::new(seconds.iter().map(|second| (*second, 1)).collect())
    }

    proptest! {
        #[test]
        fn numbers_are_what_their_definitions_say(
            seconds in prop::collection::vec(0_i64..400, 1..60), ttl in 1_i64..90, length in 1_i64..50,
        ) {
            let fast = arrivals(&seconds);
            let mut slow: BTreeMap<i64, u64> = BTreeMap::new();
            for second in &seconds {
                *slow.entry(*second).or_default() += 1;
            }
            prop_assert_eq!(fast.rows(), &slow.iter().map(|(second, count)| (*second, *count)).collect::<Vec<_>>()[..]);
            // The same, stream by stream, with a bit for every second or without.
            let streams: Vec<Series> = seconds
                .chunks(9)
                .map(|seconds| {
                    let mut cells: Vec<Cell> = seconds
                        .iter()
                        .map(|second| Cell::new(Ticks::from_second(*second), Ticks::from_second(*second), 1).unwrap())
                        .collect();
                    cells.sort_unstable();
                    cells.into_iter().collect()
                })
                .collect();
            prop_assert_eq!(&Arrivals::of(streams.iter().map(Series::cells)), &fast);
            // A cache, request by request.
            let mut sorted = seconds.clone();
            sorted.sort_unstable();
            let (mut cached, mut hits) = (None, 0);
            for second in &sorted {
                match cached {
                    Some(at) if second - at < ttl => hits += 1,
                    _ => cached = Some(*second),
                }
            }
            prop_assert_eq!(fast.repeats(ttl), hits);
            let window = |from: i64| slow.range(from..from + length).map(|(_, count)| count).sum::<u64>();
            prop_assert_eq!(fast.busiest(length).count, (-50..400).map(window).max().unwrap());
            let sessions = fast.sessions(length);
            prop_assert_eq!(sessions.iter().map(|session| session.count).sum::<u64>(), fast.count());
            prop_assert!(sessions.windows(2).all(|pair| pair[1].first - pair[0].last > length));
            let inside = |second: &i64| sessions.iter().filter(|s| s.first <= *second && *second <= s.last).count();
            prop_assert!(sorted.iter().all(|second| inside(second) == 1));
            prop_assert_eq!(fast.longest(length).unwrap().seconds(), sessions.iter().map(Session::seconds).max().unwrap());
        }

        #[test]
        fn a_period_is_found_whatever_the_phase_and_a_little_jitter(
            period in 20_i64..2000, phase in 0_i64..2000, jitter in prop::collection::vec(-1_i64..=1, 6..40),
        ) {
            let starts: Vec<i64> = (0..).zip(&jitter).map(|(round, jitter)| phase + round * period + jitter).collect();
            let found = super::period(&starts, 10).unwrap();
            prop_assert!((found - period).abs() <= 2, "{found} for {period}");
            prop_assert!(in_phase(&starts, period));
        }

        #[test]
        fn a_period_is_found_among_phases(period in 60_i64..300, phases in prop::collection::vec(0_i64..60, 2..4)) {
            let mut starts: Vec<i64> =
                phases.iter().flat_map(|phase| (0..40).map(move |round| phase + round * period)).collect();
            starts.sort_unstable();
            starts.dedup();
            let found = mixed_period(&starts);
            // Phases that lie evenly have a period of their own, which divides the other.
            let fits = |found: i64| (1..=3).any(|part| (found * part - period).abs() <= LAG_TOLERANCE * part);
            prop_assert!(found.is_some_and(fits), "{found:?} for {period}");
        }
    }

    #[test]
    fn chance_has_no_period_and_no_evenness() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50 {
            let mut seconds: Vec<i64> = (0..300).map(|_| random.i64(0..30_000)).collect();
            seconds.sort_unstable();
            assert_eq!(period(&seconds, 15), None);
            assert_eq!(mixed_period(&seconds), None);
            let busy: Vec<i64> = (0..3000).map(|_| random.i64(0..3000)).collect();
            assert!(!arrivals(&busy).is_even(3), "independent requests vary");
            assert!(!in_phase(&seconds, 120));
        }
        let machine: Vec<i64> = (0..300).map(|at| at * 7).collect();
        assert!(arrivals(&machine).is_even(3));
        assert!(!arrivals(&machine[..60]).is_even(3), "seven minutes are too few");
    }
}
