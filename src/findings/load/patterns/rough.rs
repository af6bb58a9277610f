//! What is told of requests without bringing them in order: bounds that never err to one side.
//!
//! Input: cells of streams, whose seconds ascend within each. Output: numbers that are no greater, or no less, than
//! those that [`mod@super::arrivals`] tells exactly. Most callers are seen to have no pattern by these alone, in one look
//! at each cell; whoever is not is looked at closely. Must not decide that there is a pattern.

use crate::facts::requests::Cells;
use crate::ticks::{Intervals, TICKS_PER_SECOND, Ticks};

/// Bits in which [`fewest_stretches`] notes what it has met, at least and at most.
const NOTED: (usize, usize) = (1 << 9, 1 << 16);

/// Stretches of [`Rough`] for each cell at most: more of them would be empty, and take longer than the cells.
const STRETCHES_PER_CELL: i64 = 4;

/// How many stretches of so many seconds (those of a clock) have a request in them, or fewer.
fn fewest_stretches<'c>(streams: impl Iterator<Item = Cells<'c>> + Clone, seconds: i64) -> u64 {
    let cells: usize = streams.clone().map(Cells::most).sum();
    let bits = (2 * cells).next_power_of_two().clamp(NOTED.0, NOTED.1);
    let stretches = Intervals::of_seconds(seconds);
    let mut noted = vec![0_u64; bits / 64];
    let mut last = None;
    for cell in streams.flatten() {
        let stretch = stretches.at(cell.first.0.wrapping_sub(i64::MIN).cast_unsigned());
        if last != Some(stretch) {
            last = Some(stretch);
            // Two that share a bit count as one. Those that come by the clock are spread all the same.
            let hash = stretch.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let bit = usize::try_from(hash >> (64 - bits.ilog2())).unwrap_or(0);
            noted[bit / 64] |= 1 << (bit % 64);
        }
    }
    noted.iter().map(|bits| u64::from(bits.count_ones())).sum()
}

/// Bits for each cell at most in which [`fewest_sessions`] notes every stretch of a span: with more of them, most would
/// be empty.
const BITS_PER_CELL: u64 = 64;

/// As many sessions as there are at least: see [`super::arrivals::Arrivals::sessions`].
pub(super) fn fewest_sessions<'c>(streams: impl Iterator<Item = Cells<'c>> + Clone, pause: i64) -> u64 {
    if let Some(fewest) = runs(streams.clone(), pause + 1) {
        return fewest;
    }
    // From its first tick to that of its last cell, a session of k cells takes (k - 1) pauses and less than a second,
    // and so lies in (k - 1) / 8 + 2 stretches of eight pauses and as many seconds.
    // Taken for more cells than there are, it is taken for no more sessions.
    let cells: usize = streams.clone().map(Cells::most).sum();
    (8 * fewest_stretches(streams, 8 * (pause + 1))).saturating_sub(cells as u64).div_ceil(15)
}

/// How often a stretch of so many seconds that has a request follows one that has none: what lies behind
/// an empty one is of another session. None where they are few in a span.
fn runs<'c>(streams: impl Iterator<Item = Cells<'c>> + Clone, seconds: i64) -> Option<u64> {
    let (first, last) = ends(streams.clone())?;
    let stretches = Intervals::of_seconds(seconds);
    let at = |tick: Ticks| stretches.at(tick.0.wrapping_sub(first.0).cast_unsigned());
    let cells: usize = streams.clone().map(Cells::most).sum();
    if at(last) / BITS_PER_CELL > cells as u64 {
        return None;
    }
    let mut noted = vec![0_u64; usize::try_from(at(last) / 64 + 1).ok()?];
    for cell in streams.flatten() {
        let stretch = at(cell.first);
        noted[usize::try_from(stretch / 64).ok()?] |= 1 << (stretch % 64);
    }
    let mut before = 0;
    let begins = |bits: &u64| {
        let begins = bits & !(bits << 1 | before);
        before = bits >> 63;
        u64::from(begins.count_ones())
    };
    Some(noted.iter().map(begins).sum())
}

/// The first and the last of the first ticks of the cells.
fn ends<'c>(streams: impl Iterator<Item = Cells<'c>>) -> Option<(Ticks, Ticks)> {
    let ends = streams.filter_map(|cells| Some((cells.first()?.first, cells.last()?.first)));
    ends.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1)))
}

/// What a cache would have answered at most: see [`super::arrivals::Arrivals::repeats`]. `count` are all requests.
pub(super) fn most_repeats<'c>(
    streams: impl Iterator<Item = Cells<'c>> + Clone,
    count: u64,
    ttl: i64,
) -> u64 {
    // What fills the cache answers for a time to live, which lies in two stretches of that length.
    count.saturating_sub(fewest_stretches(streams, ttl).div_ceil(2))
}

/// Sums by stretches of time. What does not fit is as much as fits.
pub(super) struct Rough {
    first: Ticks,
    stretches: Intervals,
    sums: Vec<u64>,
}

impl Rough {
    /// Adds up streams, each its cells and what one request counts for, by stretches of at least so many seconds.
    pub(super) fn new<'c>(streams: impl Iterator<Item = (Cells<'c>, u64)> + Clone, seconds: i64) -> Self {
        let Some((first, last)) = ends(streams.clone().map(|(cells, _)| cells)) else {
            return Self { first: Ticks(0), stretches: Intervals::of_seconds(seconds), sums: Vec::new() };
        };
        let cells: usize = streams.clone().map(|(cells, _)| cells.most()).sum();
        let most = i64::try_from(cells).unwrap_or(i64::MAX).saturating_mul(STRETCHES_PER_CELL).max(1);
        let stretches = Intervals::of_seconds(seconds.max((last.second() - first.second()) / most + 1));
        let at = |tick: Ticks| {
            usize::try_from(stretches.at(tick.0.wrapping_sub(first.0).cast_unsigned())).unwrap_or(usize::MAX)
        };
        let mut sums = vec![0_u64; at(last) + 1];
        for (cells, each) in streams {
            for cell in cells {
                if let Some(sum) = sums.get_mut(at(cell.first)) {
                    *sum = sum.saturating_add(u64::from(cell.count).saturating_mul(each));
                }
            }
        }
        Self { first, stretches, sums }
    }

    /// No less than what lies between two seconds, both included.
    pub(super) fn most_between(&self, first: i64, last: i64) -> u64 {
        let at = |tick: i64| {
            let behind = u64::try_from(tick.saturating_sub(self.first.0)).ok()?;
            usize::try_from(self.stretches.at(behind)).ok()
        };
        let Some(last) = at(last.saturating_add(1).saturating_mul(TICKS_PER_SECOND) - 1) else { return 0 };
        let first = at(first.saturating_mul(TICKS_PER_SECOND)).unwrap_or(0);
        let inside = self.sums.get(first..(last + 1).min(self.sums.len())).unwrap_or_default();
        inside.iter().fold(0, |all, sum| all.saturating_add(*sum))
    }

    /// No less than what any window holds that is no longer than a stretch: it lies in two that follow each other.
    pub(super) fn greatest(&self) -> u64 {
        let next = self.sums.iter().skip(1).chain([&0]);
        self.sums.iter().zip(next).map(|(sum, next)| sum.saturating_add(*next)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arrivals::Arrivals;
    use super::*;
    use crate::facts::requests::{Cell, Series};

    /// A cell somewhere in a second.
    fn cell(second: i64, count: u32) -> Cell {
        let tick = Ticks(second * TICKS_PER_SECOND + (second * 7_919_317).rem_euclid(TICKS_PER_SECOND));
        Cell::new(tick, tick, count).unwrap()
    }

    proptest! {
        /// Bounds are never on the wrong side.
        #[test]
        fn bounds_hold(
            streams in prop::collection::vec(
                (prop::collection::btree_map(-40_i64..2000, 1_u32..5, 0..20), 0_u64..4), 0..6),
            seconds in 1_i64..90,
            from in -60_i64..2100,
            length in 0_i64..300,
        ) {
            let of_stream = |(cells, each): &(std::collections::BTreeMap<i64, u32>, u64)| -> (Series, u64) {
                (cells.iter().map(|(second, count)| cell(*second, *count)).collect(), *each)
            };
            let streams: Vec<(Series, u64)> = streams.iter().map(of_stream).collect();
            let cells = || streams.iter().map(|(series, _)| series.cells());
            let arrivals = Arrivals::of(cells());
            prop_assert!(fewest_sessions(cells(), seconds) <= arrivals.sessions(seconds).len() as u64);
            prop_assert!(most_repeats(cells(), arrivals.count(), seconds) >= arrivals.repeats(seconds));
            let rough = Rough::new(streams.iter().map(|(series, each)| (series.cells(), *each)), seconds);
            let between = |first: i64, last: i64| -> u64 {
                let of_stream = |(series, each): &(Series, u64)| -> u64 {
                    let inside = series.cells().iter().filter(|cell| cell.second() >= first && cell.second() <= last);
                    inside.map(|cell| u64::from(cell.count) * each).sum()
                };
                streams.iter().map(of_stream).sum()
            };
            prop_assert!(rough.most_between(from, from + length) >= between(from, from + length));
            let greatest = (-60..2100).step_by(3).map(|first| between(first, first + seconds - 1)).max();
            prop_assert!(Some(rough.greatest()) >= greatest);
        }
    }

    #[test]
    fn what_is_far_apart_is_seen_to_be() {
        let series: Series = (0..200).map(|at| cell(at * 1000, 1)).collect();
        let streams = || std::iter::once(series.cells());
        assert_eq!(Arrivals::of(streams()).sessions(10).len(), 200);
        assert!(fewest_sessions(streams(), 10) > 60, "{}", fewest_sessions(streams(), 10));
        assert!(most_repeats(streams(), 200, 300) < 150, "{}", most_repeats(streams(), 200, 300));
        let rough = Rough::new(streams().map(|cells| (cells, 3)), 30);
        assert_eq!((rough.greatest(), rough.most_between(990, 1010)), (3, 3));
    }

    #[test]
    fn what_does_not_fit_is_as_much_as_fits() {
        let series = Series::from_iter([cell(0, u32::MAX)]);
        let rough = Rough::new(std::iter::once((series.cells(), u64::MAX)), 30);
        assert_eq!(rough.greatest(), u64::MAX);
    }
}
