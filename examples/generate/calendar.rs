//! When things happen: the instant type and the daily rhythm of the traffic.
//!
//! In: how far the run has come. Out: an instant, so that nights are quiet, afternoons busy, and bursts
//! dense.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};
use fastrand::Rng;

use crate::random::below;

/// Ticks in a second.
pub(crate) const TICKS_PER_SECOND: u64 = 10_000_000;
/// Ticks in a millisecond.
pub(crate) const TICKS_PER_MS: u64 = 10_000;
/// Ticks in a minute.
const TICKS_PER_MINUTE: u64 = 60 * TICKS_PER_SECOND;
/// Ticks in an hour.
const TICKS_PER_HOUR: u64 = 60 * TICKS_PER_MINUTE;

/// Requests by hour of the day (UTC), in parts of the busiest hour's hundred.
const RATE_BY_HOUR: [u64; 24] =
    [30, 26, 24, 22, 22, 25, 34, 52, 78, 96, 100, 98, 92, 96, 100, 97, 88, 74, 60, 52, 46, 42, 38, 34];
/// Rate of a weekend in percent of a working day's.
const WEEKEND_PERCENT: u64 = 55;
/// Units in a hundredth of a percent of rate: many, so that every tick of a minute can be reached.
const RATE_UNIT: u64 = 1_000_000;
/// How many times denser a burst is.
const BURST_FACTOR: u64 = 4;
/// One burst in so many hours.
const HOURS_PER_BURST: u32 = 3;
/// Longest burst in minutes.
const BURST_MINUTES: usize = 6;

/// An instant, in units of 100 ns since 1970 (UTC).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ticks(pub(crate) u64);

impl Ticks {
    /// So many ticks later.
    pub(crate) fn after(self, ticks: u64) -> Self {
        Self(self.0 + ticks)
    }

    /// Whole seconds since 1970.
    pub(crate) fn seconds(self) -> u64 {
        self.0 / TICKS_PER_SECOND
    }

    /// Whole hours since 1970.
    pub(crate) fn hour(self) -> u64 {
        self.0 / TICKS_PER_HOUR
    }

    /// Date and time of day.
    pub(crate) fn civil(self) -> NaiveDateTime {
        let seconds = i64::try_from(self.seconds()).unwrap_or(i64::MAX);
        DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC).naive_utc()
    }
}

/// The rhythm of the traffic over the span.
#[derive(Debug)]
pub(crate) struct Calendar {
    /// Start of the span.
    start: Ticks,
    /// End of the span.
    pub(crate) end: Ticks,
    /// Sum of the rates up to and including each minute.
    cumulative: Vec<u64>,
    /// The burst that each minute belongs to.
    bursts: Vec<Option<usize>>,
    /// Number of bursts.
    pub(crate) burst_count: usize,
}

impl Calendar {
    /// Plans the span: its rhythm, and where its bursts are.
    pub(crate) fn new(start: Ticks, hours: u32, rng: &mut Rng) -> Self {
        let minutes = hours as usize * 60;
        let mut bursts = vec![None; minutes];
        let mut burst_count = 0;
        for _ in 0..=hours / HOURS_PER_BURST {
            let first = below(rng, minutes);
            let length = 1 + below(rng, BURST_MINUTES);
            bursts[first..minutes.min(first + length)].fill(Some(burst_count));
            burst_count += 1;
        }
        let mut sum = 0;
        let mut minute_start = start;
        let mut cumulative = Vec::with_capacity(minutes);
        for burst in &bursts {
            sum += rate(minute_start) * if burst.is_some() { BURST_FACTOR } else { 1 };
            cumulative.push(sum);
            minute_start = minute_start.after(TICKS_PER_MINUTE);
        }
        Self { start, end: minute_start, cumulative, bursts, burst_count }
    }

    /// The instant at which `done` of `total` has happened; the end of the span once all has.
    pub(crate) fn at(&self, done: u64, total: u64) -> Ticks {
        let sum = self.cumulative.last().copied().unwrap_or(0);
        let reached = scale(sum, done.min(total), total);
        let minute = self.cumulative.partition_point(|&up_to| up_to <= reached);
        let Some(&up_to) = self.cumulative.get(minute) else {
            return Ticks(self.end.0 - 1);
        };
        let before = minute.checked_sub(1).map_or(0, |previous| self.cumulative[previous]);
        let within = scale(TICKS_PER_MINUTE, reached - before, up_to - before);
        self.start.after(minute as u64 * TICKS_PER_MINUTE + within)
    }

    /// The burst under way at an instant.
    pub(crate) fn burst(&self, now: Ticks) -> Option<usize> {
        let minute = usize::try_from((now.0 - self.start.0) / TICKS_PER_MINUTE).ok()?;
        self.bursts.get(minute).copied().flatten()
    }

    /// Start of the span.
    pub(crate) fn start(&self) -> Ticks {
        self.start
    }
}

/// Rate of the hour that an instant lies in.
fn rate(instant: Ticks) -> u64 {
    let civil = instant.civil();
    let weekend = civil.weekday().number_from_monday() > 5;
    let percent = if weekend { WEEKEND_PERCENT } else { 100 };
    RATE_BY_HOUR[civil.hour() as usize] * percent * RATE_UNIT
}

/// `value * numerator / denominator` without overflow on the way; the result must fit.
fn scale(value: u64, numerator: u64, denominator: u64) -> u64 {
    let product = u128::from(value) * u128::from(numerator) / u128::from(denominator.max(1));
    u64::try_from(product).unwrap_or(u64::MAX)
}
