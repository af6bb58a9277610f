//! Requests and failures over time, in a few equal intervals.

use rayon::prelude::*;

use super::{Analysis, Stream};
use crate::classify::causes::Outcome;
use crate::report::Timeline;
use crate::ticks::{Intervals, Ticks};

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
    let bounds = requests().filter_map(|stream| stream.bounds());
    let (first, last) = bounds.fold(None, |all: Option<(Ticks, Ticks)>, (first, last)| {
        Some(all.map_or((first, last), |all| (all.0.min(first), all.1.max(last))))
    })?;
    let (first, last) = (first.second(), last.second());
    let fits = |length: &i64| last.div_euclid(*length) - first.div_euclid(*length) < MOST_INTERVALS;
    let longest = (last - first) / (MOST_INTERVALS - 1) + 1;
    let interval = LENGTHS.iter().copied().find(fits).unwrap_or(longest);
    let start = first.div_euclid(interval);
    let intervals = usize::try_from(last.div_euclid(interval) - start + 1).ok()?;
    let (start, in_time) = (Ticks::from_second(start * interval), Intervals::of_seconds(interval));
    let counted = analysis.streams.as_slice().par_chunks(COUNTED_TOGETHER).map(|streams| {
        let mut counts = vec![[0; 2]; intervals];
        for stream in streams.iter().filter(|stream| stream.outcome != Outcome::Notification) {
            count(stream, start, in_time, &mut counts);
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
        start,
        interval_s: interval,
        requests: counts.iter().map(|counts| counts[0]).collect(),
        failures: counts.iter().map(|counts| counts[1]).collect(),
    })
}

/// Adds the requests of a stream, and those of them that failed, to the intervals from `start` on.
fn count(stream: &Stream<'_>, start: Ticks, intervals: Intervals, counts: &mut [[u64; 2]]) {
    let failed = u64::from(stream.outcome == Outcome::Failure);
    for cell in stream.series.cells() {
        let at = usize::try_from(intervals.at(cell.first.0.wrapping_sub(start.0).cast_unsigned())).ok();
        if let Some(counts) = at.and_then(|at| counts.get_mut(at)) {
            let count = u64::from(cell.count);
            *counts = [counts[0] + count, counts[1] + count * failed];
        }
    }
}
