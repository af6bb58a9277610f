//! Requests and failures over time, in a few equal intervals.

use rayon::prelude::*;

use super::{Analysis, Stream};
use crate::classify::causes::Outcome;
use crate::report::Timeline;
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// Most intervals; a terminal line holds them.
const MOST_INTERVALS: i64 = 60;

/// Streams that one thread counts at a time.
const COUNTED_TOGETHER: usize = 1 << 13;

/// Interval lengths to choose from, in seconds.
const LENGTHS: &[i64] = &[
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800,
    604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/// The timeline, if any request has a time. A few far-off times stretch it; they are in the log.
pub(super) fn timeline(analysis: &Analysis<'_>) -> Option<Timeline> {
    let requests = || analysis.streams().filter(|stream| stream.outcome != Outcome::Notification);
    let bounds = requests().filter_map(|stream| stream.bounds);
    let (first, last) = bounds.fold(None, |all: Option<(Ticks, Ticks)>, (first, last)| {
        Some(all.map_or((first, last), |all| (all.0.min(first), all.1.max(last))))
    })?;
    let (first, last) = (first.second(), last.second());
    let fits = |length: &i64| last.div_euclid(*length) - first.div_euclid(*length) < MOST_INTERVALS;
    let longest = (last - first) / (MOST_INTERVALS - 1) + 1;
    let interval = LENGTHS.iter().copied().find(fits).unwrap_or(longest);
    let start = first.div_euclid(interval);
    let intervals = usize::try_from(last.div_euclid(interval) - start + 1).ok()?;
    let in_time = Intervals::new(Ticks::from_second(start * interval), interval);
    let counted = analysis.streams.as_slice().par_chunks(COUNTED_TOGETHER).map(|streams| {
        let mut counts = vec![[0; 2]; intervals];
        for stream in streams.iter().filter(|stream| stream.outcome != Outcome::Notification) {
            count(stream, in_time, &mut counts);
        }
        counts
    });
    let counts = counted.reduce(
        || vec![[0; 2]; intervals],
        |mut all, more| {
            for (all, more) in all.iter_mut().zip(more) {
                *all = [all[0] + more[0], all[1] + more[1]];
            }
            all
        },
    );
    Some(Timeline {
        start: in_time.start,
        interval_s: interval,
        requests: counts.iter().map(|counts| counts[0]).collect(),
        failures: counts.iter().map(|counts| counts[1]).collect(),
    })
}

/// Intervals of equal length. Which of them a tick lies in is asked once for each second of each stream, and told
/// without a division.
#[derive(Clone, Copy)]
struct Intervals {
    start: Ticks,
    /// Ticks of one.
    length: u64,
    /// How many of them are as long as 2^64 ticks, at most one too few.
    number: u64,
}

impl Intervals {
    fn new(start: Ticks, seconds: i64) -> Self {
        let length = (seconds * TICKS_PER_SECOND).max(1).unsigned_abs();
        Self { start, length, number: u64::MAX / length }
    }

    /// The interval of a tick, which does not lie before the first of them.
    #[inline]
    fn at(self, tick: Ticks) -> usize {
        let behind = tick.0.wrapping_sub(self.start.0).cast_unsigned();
        let near = (u128::from(behind) * u128::from(self.number)) >> 64;
        let near = u64::try_from(near).unwrap_or(u64::MAX);
        // It is at most one too few: the number is less than one too small for 2^64 ticks.
        let at = near + u64::from(behind - near * self.length >= self.length);
        usize::try_from(at).unwrap_or(usize::MAX)
    }
}

/// Adds the requests of a stream, and those of them that failed, to the intervals.
fn count(stream: &Stream<'_>, intervals: Intervals, counts: &mut [[u64; 2]]) {
    let failed = u64::from(stream.outcome == Outcome::Failure);
    for cell in stream.series.cells() {
        if let Some(counts) = counts.get_mut(intervals.at(cell.first)) {
            let count = u64::from(cell.count);
            *counts = [counts[0] + count, counts[1] + count * failed];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What division tells is told, up to the ends of what a log can name.
        #[test]
        fn an_interval_is_what_division_tells(
            start in Ticks::FIRST.0..Ticks::LAST.0,
            behind in prop_oneof![0_i64..100_000_000_000, 0_i64..i64::MAX / 4],
            seconds in prop_oneof![1_i64..100, 1_i64..31_536_000 * 200],
            near in -1_i64..=1,
        ) {
            let start = Ticks(start);
            let length = seconds * TICKS_PER_SECOND;
            let intervals = Intervals::new(start, seconds);
            // Around the ends of intervals, too.
            for behind in [behind, (behind / length * length + near).max(0)] {
                let tick = Ticks(start.0.saturating_add(behind));
                let slow = (tick.0 - start.0) / length;
                prop_assert_eq!(intervals.at(tick), usize::try_from(slow).unwrap());
            }
        }
    }
}
