//! Counting a group of streams: how many, from when to when, resting on what.

use std::collections::BTreeMap;

use super::Stream;
use crate::classify::Basis;
use crate::classify::causes::Outcome;
use crate::report::BasisCounts;
use crate::ticks::Ticks;

/// How many requests, from when to when, and of the failures why.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum<'f> {
    /// Requests; notifications count too where the group holds them.
    pub(super) count: u64,
    /// Failures among them.
    pub(super) failures: u64,
    /// First tick.
    pub(super) first: Option<Ticks>,
    /// Last tick.
    pub(super) last: Option<Ticks>,
    /// Failures and challenges by cause.
    causes: BTreeMap<&'f str, u64>,
}

impl<'f> Sum<'f> {
    /// Counts a stream.
    pub(super) fn add(&mut self, stream: &Stream<'f>) {
        self.count += stream.count;
        if stream.outcome == Outcome::Failure {
            self.failures += stream.count;
        }
        if matches!(stream.outcome, Outcome::Failure | Outcome::Challenge) {
            *self.causes.entry(stream.cause()).or_default() += stream.count;
        }
        if let Some((first, last)) = stream.bounds() {
            self.first = Some(self.first.map_or(first, |mine| mine.min(first)));
            self.last = Some(self.last.map_or(last, |mine| mine.max(last)));
        }
    }

    /// Failures and challenges by cause.
    pub(super) fn causes(&self) -> BTreeMap<String, u64> {
        self.causes.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect()
    }
}

/// What a group of streams comes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally<'f> {
    pub(super) sum: Sum<'f>,
    /// What the verdicts rest on.
    pub(super) basis: BasisCounts,
    /// Requests by status.
    pub(super) statuses: BTreeMap<u16, u64>,
}

impl<'f> Tally<'f> {
    /// Counts a stream.
    pub(super) fn add(&mut self, stream: &Stream<'f>) {
        self.sum.add(stream);
        if let Some(status) = stream.key.status {
            *self.statuses.entry(status).or_default() += stream.count;
        }
        let basis = match stream.key.basis {
            Basis::Text => &mut self.basis.text,
            Basis::Flag => &mut self.basis.flag,
            Basis::Pairing => &mut self.basis.pairing,
            Basis::Status => &mut self.basis.status,
        };
        *basis += stream.count;
    }

    /// The most frequent status, the lowest of equals.
    pub(super) fn status(&self) -> Option<u16> {
        most_frequent(&self.statuses).copied()
    }

    /// The basis of most verdicts, the stronger of equals.
    pub(super) fn main_basis(&self) -> Basis {
        let BasisCounts { text, flag, pairing, status } = self.basis;
        let all =
            [(text, Basis::Text), (flag, Basis::Flag), (pairing, Basis::Pairing), (status, Basis::Status)];
        let most = all.iter().map(|(count, _)| *count).max().unwrap_or(0);
        all.iter().find(|(count, _)| *count == most).map_or(Basis::Status, |(_, basis)| *basis)
    }
}

/// The key with the highest count, the lowest key of equals.
pub(super) fn most_frequent<K: Ord>(counts: &BTreeMap<K, u64>) -> Option<&K> {
    counts.iter().max_by(|one, other| one.1.cmp(other.1).then_with(|| other.0.cmp(one.0))).map(|(key, _)| key)
}

/// A part in percent, to two places.
#[allow(clippy::cast_precision_loss, reason = "two places of a share need no 53 bits")]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 10_000.0 / whole as f64).round() / 100.0 }
}
