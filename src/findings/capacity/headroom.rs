//! How close a class of limits came to 100 %, in every ten seconds at whole seconds.
//!
//! Input: what a class was asked by second ([`Seconds`]), its 429s, and what its whole is. Output: the
//! class's row of the report. The limit acts on windows and not on percentiles: the peak comes first.

use std::collections::BTreeMap;

use super::display;
use crate::findings::limits::WINDOW_SECONDS;
use crate::findings::load::class::Class;
use crate::findings::load::windows::{Load, Run, Seconds, start_of};
use crate::report::capacity::{
    ClassCapacity, Over, PeakPart, PeakWindow, Throttling, UtilisationRange, UtilisationSeries,
};
use crate::ticks::Ticks;

/// Parts of a peak that are shown.
const MOST_PARTS: usize = 5;

/// Intervals of the series for a chart.
const MOST_INTERVALS: i64 = 400;

/// Lengths of those intervals, in seconds; longer ones where these do not do.
const LENGTHS: &[i64] = &[1, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 86_400];

/// Above this part of the limit, in percent, a 429 agrees with the utilisation: the service may count
/// in windows of its own, and clients' clocks are not its clock.
const AGREES_PERCENT: u128 = 90;

/// What one class is judged on.
pub(crate) struct ClassLoad<'s> {
    /// The class.
    pub(crate) class: Class,
    /// Its limit, for transactions that weigh least.
    pub(crate) limit: u64,
    /// What 100 % is.
    pub(crate) whole: u128,
    /// What was asked.
    pub(crate) seconds: &'s Seconds,
    /// First and last second that the log covers for it.
    pub(crate) span: (i64, i64),
    /// 429s by second, ascending.
    pub(crate) throttled: &'s [(i64, u64)],
}

/// Counts above one threshold.
#[derive(Clone, Copy, Default)]
struct Above {
    windows: u64,
    surely: u64,
    longest: u64,
    /// The stretch that is going on, and the end it must go on from.
    stretch: u64,
}

impl Above {
    fn count(&mut self, run: Run, percent: u128, whole: u128) {
        let above = |parts: u128| parts * 100 > percent * whole;
        self.surely += if above(run.load.low) { run.windows() } else { 0 };
        if above(run.load.high) {
            self.windows += run.windows();
            self.stretch += run.windows();
            self.longest = self.longest.max(self.stretch);
        } else {
            self.stretch = 0;
        }
    }
}

/// The row of a class; nothing where it was asked for nothing at a known time.
pub(crate) fn judge(
    class: &ClassLoad<'_>,
    made_of: impl Fn(i64) -> Vec<(PeakPart, u128)>,
) -> Option<ClassCapacity> {
    let (end, load) = class.seconds.peak()?;
    let (first, last) = class.span;
    let mut above = [(75, Above::default()), (90, Above::default()), (100, Above::default())];
    let (mut lows, mut highs): (BTreeMap<u128, u64>, BTreeMap<u128, u64>) = Default::default();
    for run in class.seconds.windows(first, last) {
        for (percent, above) in &mut above {
            above.count(run, *percent, class.whole);
        }
        *lows.entry(run.load.low).or_default() += run.windows();
        *highs.entry(run.load.high).or_default() += run.windows();
    }
    let [p75, p90, p100] = above.map(|(_, above)| above);
    let over = |count: fn(Above) -> u64| Over { p75: count(p75), p90: count(p90), p100: count(p100) };
    let windows: u64 = highs.values().sum();
    let percentile = |per_mille: u64| UtilisationRange {
        low: display::fraction(rank(&lows, windows, per_mille), class.whole),
        high: display::fraction(rank(&highs, windows, per_mille), class.whole),
    };
    let requests = class.seconds.total().requests;
    Some(ClassCapacity {
        class: class.class,
        limit: class.limit,
        requests,
        peak: peak(class, end, load, made_of(end)),
        p999: percentile(999),
        p99: percentile(990),
        p95: percentile(950),
        windows,
        over: over(|above| above.windows),
        surely_over: over(|above| above.surely),
        longest_over_seconds: over(|above| above.longest),
        burst_factor: burst_factor(load.requests, requests, windows),
        throttled: class.throttled.iter().map(|(_, count)| count).sum(),
        throttling: throttling(class),
        series: series(class),
    })
}

/// The value that so many per mille of the windows do not exceed (nearest rank).
fn rank(values: &BTreeMap<u128, u64>, windows: u64, per_mille: u64) -> u128 {
    let wanted = (u128::from(windows) * u128::from(per_mille)).div_ceil(1000);
    let mut passed = 0_u128;
    for (value, count) in values {
        passed += u128::from(*count);
        if passed >= wanted {
            return *value;
        }
    }
    0
}

/// Requests of the peak over the mean of ten seconds; windows are as many as seconds.
#[allow(clippy::cast_precision_loss, reason = "two places of a ratio need no 53 bits")]
fn burst_factor(peak: u64, requests: u64, seconds: u64) -> f64 {
    let mean = requests as f64 * WINDOW_SECONDS as f64 / seconds.max(1) as f64;
    if mean > 0.0 { (peak as f64 * 100.0 / mean).round() / 100.0 } else { 0.0 }
}

fn peak(class: &ClassLoad<'_>, end: i64, load: Load, mut parts: Vec<(PeakPart, u128)>) -> PeakWindow {
    parts.sort_by(|one, other| {
        let text = |part: &PeakPart| {
            (
                part.vault.clone(),
                part.caller.clone(),
                part.oid.clone(),
                part.operation.clone(),
                part.object.clone(),
            )
        };
        (other.1, other.0.requests)
            .cmp(&(one.1, one.0.requests))
            .then_with(|| text(&one.0).cmp(&text(&other.0)))
    });
    let share = |(mut part, parts): (PeakPart, u128)| {
        part.share_percent = display::percent(parts, load.high);
        part
    };
    PeakWindow {
        at: Ticks::from_second(start_of(end)),
        requests: load.requests,
        utilisation_low: display::fraction(load.low, class.whole),
        utilisation_high: display::fraction(load.high, class.whole),
        made_of: parts.into_iter().take(MOST_PARTS).map(share).collect(),
    }
}

/// The 429s beside the utilisation at their time.
fn throttling(class: &ClassLoad<'_>) -> Option<Throttling> {
    let (first, last) = (class.throttled.first()?.0, class.throttled.last()?.0);
    let (mut explained, mut unexplained) = (0_u64, 0_u64);
    let mut lowest: Option<u128> = None;
    for (second, count) in class.throttled {
        // Any window that holds the second.
        let around = class.seconds.windows(*second, second + WINDOW_SECONDS - 1);
        let greatest = around.map(|run| run.load.high).max().unwrap_or(0);
        lowest = Some(lowest.map_or(greatest, |lowest| lowest.min(greatest)));
        if greatest * 100 >= AGREES_PERCENT * class.whole { explained += count } else { unexplained += count }
    }
    let over_without = over_without(class);
    let least_utilisation = display::fraction(lowest.unwrap_or(0), class.whole);
    Some(Throttling {
        first: Ticks::from_second(first),
        last: Ticks::from_second(last),
        explained,
        unexplained,
        least_utilisation,
        over_without,
        told: told(explained, unexplained, over_without, least_utilisation),
    })
}

/// Windows above the limit that no 429 lies in, nor in the ten seconds behind.
fn over_without(class: &ClassLoad<'_>) -> u64 {
    let (first, last) = class.span;
    let over = class.seconds.windows(first, last).filter(|run| run.load.high > class.whole);
    let is_near = |end: i64| {
        let at = class.throttled.partition_point(|(second, _)| *second < start_of(end));
        class.throttled.get(at).is_some_and(|(second, _)| *second <= end + WINDOW_SECONDS)
    };
    over.flat_map(|run| run.from..=run.to).filter(|end| !is_near(*end)).count() as u64
}

fn told(explained: u64, unexplained: u64, over_without: u64, least: f64) -> String {
    let silent = if over_without > 0 {
        " Some windows above the limit saw no 429: the log may not hold every 429, or those keys weigh less than \
         taken."
    } else {
        ""
    };
    match (explained, unexplained) {
        (_, 0) => format!("The 429s agree with the utilisation.{silent}"),
        (0, _) => format!(
            "The service throttled at {:.1} % and below of what is taken for its limit: the keys' sizes or the limit \
             are not what they are taken for, another log holds the rest of the load, or the subscription's limit \
             acted.{silent}",
            least * 100.0
        ),
        _ => format!(
            "{unexplained} of {} 429s came where the utilisation was below 90 % (down to {:.1} %): part of the load is \
             not in this log, or keys weigh more than taken.{silent}",
            explained + unexplained,
            least * 100.0
        ),
    }
}

/// The greatest utilisation of the windows that end in each of equal intervals.
fn series(class: &ClassLoad<'_>) -> UtilisationSeries {
    let (first, last) = class.span;
    let fits = |length: &i64| last.div_euclid(*length) - first.div_euclid(*length) < MOST_INTERVALS;
    let longest = (last - first) / (MOST_INTERVALS - 1) + 1;
    let interval_s = LENGTHS.iter().copied().find(fits).unwrap_or(longest);
    let start = first.div_euclid(interval_s);
    let count = usize::try_from(last.div_euclid(interval_s) - start + 1).unwrap_or(0);
    let mut high = vec![0_u128; count];
    for run in class.seconds.windows(first, last) {
        for interval in run.from.div_euclid(interval_s)..=run.to.div_euclid(interval_s) {
            if let Some(high) = usize::try_from(interval - start).ok().and_then(|at| high.get_mut(at)) {
                *high = (*high).max(run.load.high);
            }
        }
    }
    UtilisationSeries {
        start: Some(Ticks::from_second(start * interval_s)),
        interval_s,
        high: high.into_iter().map(|parts| display::fraction(parts, class.whole)).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "both sides are rounded alike")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::findings::load::windows::tests::slow_windows;

    fn judged(
        rows: &[(i64, Load)],
        throttled: &[(i64, u64)],
        whole: u128,
        span: (i64, i64),
    ) -> ClassCapacity {
        let seconds = Seconds::sorted(rows.to_vec());
        let class = ClassLoad { class: Class::Secrets, limit: 1, whole, seconds: &seconds, span, throttled };
        judge(&class, |_| Vec::new()).unwrap()
    }

    proptest! {
        /// Every number against the windows one by one.
        #[test]
        fn headroom_is_what_windows_say(
            seconds in prop::collection::vec((0_i64..120, 1_u64..9, 0_u64..5, 0_u64..5), 1..60),
            mut throttled in prop::collection::btree_map(0_i64..120, 1_u64..5, 0..6),
            whole in 20_u128..200,
        ) {
            let rows: Vec<(i64, Load)> =
                seconds.iter().map(|(second, n, low, more)| (*second, Load::of(*n, *low, low + more))).collect();
            let span = (rows.iter().map(|row| row.0).min().unwrap(), rows.iter().map(|row| row.0).max().unwrap());
            throttled.retain(|second, _| (span.0..=span.1).contains(second));
            let throttled: Vec<(i64, u64)> = throttled.into_iter().collect();
            let judged = judged(&rows, &throttled, whole, span);
            let slow = slow_windows(&rows, span.0, span.1);
            prop_assert_eq!(judged.windows, slow.len() as u64);
            let over = |percent: u128| slow.iter().filter(|(_, load)| load.high * 100 > percent * whole).count() as u64;
            prop_assert_eq!(judged.over, Over { p75: over(75), p90: over(90), p100: over(100) });
            let surely = |percent: u128| slow.iter().filter(|(_, load)| load.low * 100 > percent * whole).count() as u64;
            prop_assert_eq!(judged.surely_over, Over { p75: surely(75), p90: surely(90), p100: surely(100) });
            let longest = |percent: u128| {
                let text: String =
                    slow.iter().map(|(_, load)| if load.high * 100 > percent * whole { 'x' } else { ' ' }).collect();
                text.split(' ').map(str::len).max().unwrap_or(0) as u64
            };
            prop_assert_eq!(judged.longest_over_seconds, Over { p75: longest(75), p90: longest(90), p100: longest(100) });
            let mut sorted: Vec<u128> = slow.iter().map(|(_, load)| load.high).collect();
            sorted.sort_unstable();
            let rank = |per_mille: usize| display::fraction(sorted[(sorted.len() * per_mille).div_ceil(1000) - 1], whole);
            prop_assert_eq!((judged.p95.high, judged.p99.high, judged.p999.high), (rank(950), rank(990), rank(999)));
            let max = slow.iter().map(|(_, load)| load.high).max().unwrap();
            prop_assert_eq!(judged.peak.utilisation_high, display::fraction(max, whole));
            prop_assert_eq!(judged.series.high.iter().copied().fold(0.0, f64::max), judged.peak.utilisation_high);
            check_throttling(&judged, &rows, &throttled, whole, &slow)?;
        }
    }

    fn check_throttling(
        judged: &ClassCapacity,
        rows: &[(i64, Load)],
        throttled: &[(i64, u64)],
        whole: u128,
        slow: &[(i64, Load)],
    ) -> Result<(), TestCaseError> {
        let Some(told) = &judged.throttling else {
            prop_assert!(throttled.is_empty());
            return Ok(());
        };
        let greatest = |second: i64| {
            slow_windows(rows, second, second + 9).iter().map(|(_, load)| load.high).max().unwrap()
        };
        let agrees = |second: i64| greatest(second) * 100 >= 90 * whole;
        let explained: u64 =
            throttled.iter().filter(|(second, _)| agrees(*second)).map(|(_, count)| count).sum();
        prop_assert_eq!(told.explained, explained);
        prop_assert_eq!(told.explained + told.unexplained, judged.throttled);
        let least = throttled.iter().map(|(second, _)| greatest(*second)).min().unwrap();
        prop_assert_eq!(told.least_utilisation, display::fraction(least, whole));
        let near = |end: i64| throttled.iter().any(|(second, _)| *second > end - 10 && *second <= end + 10);
        let over = slow.iter().filter(|(end, load)| load.high > whole && !near(*end)).count();
        prop_assert_eq!(told.over_without, over as u64);
        Ok(())
    }

    #[test]
    fn at_the_limit_is_not_above_it() {
        let judged = judged(&[(0, Load::of(4, 1, 1))], &[], 4, (0, 0));
        assert_eq!((judged.over.p90, judged.over.p100), (1, 0));
        assert!((judged.peak.utilisation_high - 1.0).abs() < f64::EPSILON);
    }
}
