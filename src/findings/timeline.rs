//! Requests and failures over time, in a few equal intervals.

use super::Analysis;
use crate::classify::causes::Outcome;
use crate::report::Timeline;
use crate::ticks::Ticks;

/// Most intervals; a terminal line holds them.
const MOST_INTERVALS: i64 = 60;

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
    let (mut all, mut failures) = (vec![0_u64; intervals], vec![0_u64; intervals]);
    for stream in requests() {
        for cell in stream.series.cells() {
            let Ok(index) = usize::try_from(cell.second().div_euclid(interval) - start) else { continue };
            let count = u64::from(cell.count);
            all[index] += count;
            if stream.outcome == Outcome::Failure {
                failures[index] += count;
            }
        }
    }
    Some(Timeline {
        start: Ticks::from_second(start * interval),
        interval_s: interval,
        requests: all,
        failures,
    })
}
