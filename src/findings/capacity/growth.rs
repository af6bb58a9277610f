//! Where daily peaks are heading: days until 75 % and 100 %, with an interval.
//!
//! Input: the peak of each day. Output: the median of the slopes between all pairs of days (Theil, 1950;
//! Sen, 1968), and Sen's interval of 95 % from Kendall's variance. It does not mind a few odd days. The
//! line goes through the median of what the slope leaves of each day. Silent under seven days.

use super::display;
use crate::findings::limits::WINDOW_SECONDS;
use crate::findings::load::class::Class;
use crate::findings::load::windows::Seconds;
use crate::report::capacity::{DaysUntil, GrowthRow};

/// Days with data below which nothing is said.
const FEWEST_DAYS: usize = 7;

/// Days looked at, the last ones: the slopes are as many as pairs of days.
const MOST_DAYS: usize = 1000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Two-sided quantile of the normal distribution for 95 %.
const Z_95: f64 = 1.959_964;

/// The greatest dearest reading of the windows that end on each day, for days with data; the first and
/// the last day count only where the log covers them whole.
pub(crate) fn daily_peaks(seconds: &Seconds, span: (i64, i64)) -> Vec<(i64, u128)> {
    let day = |second: i64| second.div_euclid(DAY);
    let whole = |day: i64| day * DAY >= span.0 - DAY / 24 && (day + 1) * DAY <= span.1 + DAY / 24;
    let mut peaks: Vec<(i64, u128)> = Vec::new();
    for run in seconds.windows(span.0, span.1) {
        if run.load.requests == 0 {
            continue;
        }
        for day in day(run.from)..=day(run.to) {
            match peaks.last_mut().filter(|last| last.0 == day) {
                Some(last) => last.1 = last.1.max(run.load.high),
                None => peaks.push((day, run.load.high)),
            }
        }
    }
    peaks.retain(|(day, _)| whole(*day));
    peaks
}

/// The row of a class; nothing under seven days.
pub(crate) fn growth(class: Class, peaks: &[(i64, u128)], whole: u128) -> Option<GrowthRow> {
    let days = peaks.get(peaks.len().saturating_sub(MOST_DAYS)..)?;
    if days.len() < FEWEST_DAYS {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "days since 1970")]
    let points: Vec<(f64, f64)> = days
        .iter()
        .map(|(day, parts)| ((day - days[0].0) as f64, display::fraction(*parts, whole)))
        .collect();
    let slopes = slopes(&points);
    let slope = median(&slopes);
    let (low, high) = interval(&slopes, points.len());
    let last = points.last()?.0;
    let mut levels: Vec<f64> = points.iter().map(|(day, value)| value + slope * (last - day)).collect();
    levels.sort_by(f64::total_cmp);
    let level = median(&levels);
    let until = |target: f64| DaysUntil {
        days: days_until(level, slope, target),
        soonest: days_until(level, high, target),
        latest: days_until(level, low, target),
    };
    let (until_75, until_100) = (until(0.75), until(1.0));
    let told = told(class, slope, (low, high), until_75, until_100);
    let places = |value: f64| (value * 1e6).round() / 1e6;
    Some(GrowthRow {
        class,
        days: days.len() as u64,
        slope_per_day: places(slope),
        slope_low: places(low),
        slope_high: places(high),
        until_75,
        until_100,
        told,
    })
}

/// The slopes between all pairs of days, ascending.
fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let pairs = points.iter().enumerate().flat_map(|(index, one)| {
        points.iter().skip(index + 1).map(move |other| (other.1 - one.1) / (other.0 - one.0))
    });
    let mut slopes: Vec<f64> = pairs.collect();
    slopes.sort_by(f64::total_cmp);
    slopes
}

/// The middle of ascending values.
fn median(values: &[f64]) -> f64 {
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) }
}

/// Sen's interval: the slopes so many ranks from the middle as Kendall's S varies without a trend.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks of at most half a million slopes"
)]
fn interval(slopes: &[f64], days: usize) -> (f64, f64) {
    let n = days as f64;
    let spread = Z_95 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let all = slopes.len() as f64;
    let lower = ((all - spread) / 2.0).floor().max(0.0) as usize;
    let upper = (f64::midpoint(all, spread).ceil() as usize).min(slopes.len().saturating_sub(1));
    let at = |index: usize| slopes.get(index).copied().unwrap_or(0.0);
    (at(lower), at(upper))
}

/// Days from a level at a slope to a target: none where it is not reached; 0 where it is passed.
fn days_until(level: f64, slope: f64, target: f64) -> Option<f64> {
    if level >= target {
        return Some(0.0);
    }
    let days = (target - level) / slope;
    (slope > 0.0 && days < 36_500.0).then_some((days * 10.0).round() / 10.0)
}

fn told(class: Class, slope: f64, interval: (f64, f64), until_75: DaysUntil, until_100: DaysUntil) -> String {
    if interval.0 <= 0.0 && interval.1 >= 0.0 {
        return format!("The daily peak of {class} shows no trend that its scatter does not explain.");
    }
    let direction = if slope > 0.0 { "rises" } else { "falls" };
    let reach = |name: &str, until: DaysUntil| match (until.days, until.soonest, until.latest) {
        (Some(0.0), ..) => format!("{name} is passed"),
        (Some(days), Some(soonest), Some(latest)) => {
            format!("{name} in {days:.0} days ({soonest:.0} to {latest:.0})")
        }
        (Some(days), Some(soonest), None) => {
            format!("{name} in {days:.0} days (at the soonest {soonest:.0})")
        }
        _ => format!("{name} is not reached"),
    };
    format!(
        "The daily peak of {class} {direction} by {:.2} points a day: {}, {}. In windows of {WINDOW_SECONDS} seconds.",
        (slope * 100.0).abs(),
        reach("75 %", until_75),
        reach("100 %", until_100)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::findings::load::windows::Load;
    use crate::findings::load::windows::tests::slow_windows;

    fn rising(days: i64, by: u128) -> Vec<(i64, u128)> {
        (0..days).map(|day| (20_000 + day, 500 + by * u128::from(day.unsigned_abs()))).collect()
    }

    #[test]
    fn a_straight_line_is_told_exactly() {
        let row = growth(Class::Secrets, &rising(10, 10), 1000).unwrap();
        assert!((row.slope_per_day - 0.01).abs() < 1e-9 && (row.slope_low - 0.01).abs() < 1e-9);
        assert_eq!(row.until_75.days, Some(16.0), "59 % on the last day");
        assert_eq!((row.until_100.days, row.until_100.soonest), (Some(41.0), Some(41.0)));
    }

    #[test]
    fn six_days_say_nothing_and_one_odd_day_changes_little() {
        assert_eq!(growth(Class::Secrets, &rising(6, 10), 1000), None);
        let mut odd = rising(15, 10);
        odd[7].1 = 5000;
        let row = growth(Class::Secrets, &odd, 1000).unwrap();
        assert!((row.slope_per_day - 0.01).abs() < 1e-3, "{row:?}");
    }

    #[test]
    fn no_trend_is_told_as_none() {
        let flat: Vec<(i64, u128)> =
            [5, 7, 4, 6, 5, 7, 4, 6, 5].iter().zip(0..).map(|(peak, day)| (day, *peak)).collect();
        let row = growth(Class::Keys, &flat, 10).unwrap();
        assert!(row.told.contains("no trend"), "{}", row.told);
        assert!(row.slope_low <= 0.0 && row.slope_high >= 0.0);
    }

    #[test]
    fn what_has_passed_is_told_as_passed() {
        let row = growth(Class::Keys, &rising(9, 100), 1000).unwrap();
        assert_eq!((row.until_75.days, row.until_100.days), (Some(0.0), Some(0.0)));
    }

    proptest! {
        #[test]
        fn daily_peaks_are_those_of_the_windows(
            seconds in prop::collection::vec((0_i64..5 * DAY, 1_u64..9), 1..12),
        ) {
            let rows: Vec<(i64, Load)> = seconds.iter().map(|(second, n)| (*second, Load::of(*n, 1, 1))).collect();
            let peaks = daily_peaks(&Seconds::sorted(rows.clone()), (0, 5 * DAY));
            for day in 0..5 {
                // Only ends near a row can have content.
                let ends = rows.iter().flat_map(|(second, _)| *second..second + 10);
                let ends: Vec<i64> = ends.filter(|end| end.div_euclid(DAY) == day).collect();
                let greatest = ends.iter().map(|end| slow_windows(&rows, *end, *end)[0].1.high).max();
                let found = peaks.iter().find(|peak| peak.0 == day).map(|peak| peak.1);
                prop_assert_eq!(found, greatest);
            }
        }
    }
}
