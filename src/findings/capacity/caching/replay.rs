//! One cache that meets the requests for one object, second by second.
//!
//! Input: arrivals, ascending, and the seconds at which the object changed. Output: [`Answers`].

use super::arrivals::Arrival;

/// How long a cache keeps what it fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// A request at `t` is answered by what was fetched at `f` when `t − f` is below this.
    Seconds(u64),
    /// Until the object changes: a change at `w` with `f < w ≤ t` ends it.
    UntilChanged,
    /// To the end of the day (UTC).
    Day,
}

impl Life {
    /// A time to live; none is until the object changes. Requests of the second of the fetch are
    /// always answered, so 0 is as 1.
    pub(crate) fn of(ttl_seconds: Option<u64>) -> Self {
        ttl_seconds.map_or(Self::UntilChanged, |ttl| Self::Seconds(ttl.max(1)))
    }

    fn holds(self, fetched: i64, at: i64, changed: Option<i64>) -> bool {
        match self {
            Self::Seconds(ttl) => fetched.abs_diff(at) < ttl,
            Self::UntilChanged => changed.is_none_or(|changed| changed > at),
            Self::Day => fetched.div_euclid(86_400) == at.div_euclid(86_400),
        }
    }
}

/// What caches answered; sums and maxima, so they merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Requests.
    pub(crate) requests: u64,
    /// Answered by the cache.
    pub(crate) hits: u64,
    /// First requests.
    pub(crate) compulsory: u64,
    /// Hits at `t` after a change at `w` with `f < w ≤ t`.
    pub(crate) stale_hits: u64,
    /// The greatest `t − w` of those.
    pub(crate) stale_seconds: u64,
}

impl Answers {
    /// Takes in another cache's.
    pub(crate) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.hits += other.hits;
        self.compulsory += other.compulsory;
        self.stale_hits += other.stale_hits;
        self.stale_seconds = self.stale_seconds.max(other.stale_seconds);
    }
}

/// Replays one cache; `second` tells the second of a place. `answered` is told of each arrival and how many of it the cache answers: all,
/// or all but one.
pub(crate) fn replay(
    arrivals: &[Arrival],
    second: impl Fn(u32) -> i64,
    changes: &[i64],
    life: Life,
    mut answered: impl FnMut(&Arrival, u32),
) -> Answers {
    let mut all = Answers { compulsory: u64::from(!arrivals.is_empty()), ..Answers::default() };
    let mut fetched: Option<i64> = None;
    // The changes from the first after the fetch on.
    let mut ahead = changes;
    for arrival in arrivals {
        let at = second(arrival.at);
        let change = ahead.first().copied();
        let hits = if fetched.is_some_and(|fetched| life.holds(fetched, at, change)) {
            if let Some(change) = change.filter(|change| *change <= at) {
                all.stale_hits += u64::from(arrival.count);
                all.stale_seconds = all.stale_seconds.max(change.abs_diff(at));
            }
            arrival.count
        } else {
            fetched = Some(at);
            while let [first, rest @ ..] = ahead
                && *first <= at
            {
                ahead = rest;
            }
            arrival.count - 1
        };
        all.requests += u64::from(arrival.count);
        all.hits += u64::from(hits);
        answered(arrival, hits);
    }
    all
}
