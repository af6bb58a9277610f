//! The mergeable tables: what happened, counted, with no judgement.
//!
//! Input: records with their verdicts. Output: [`Facts`], with the four verbs of every aggregate:
//! [`Facts::new`], [`Facts::update`], [`Facts::merge`], and `finish`, which is `findings`. State is
//! integers, minima, maxima, sets and lowest-k by a total order, so merging is exact, commutative
//! and associative, and any split of the input gives the same facts. Must not divide, print, read a
//! clock or a path.
//!
//! Texts are kept once, in [`dimensions::Dimensions`]; the tables hold references.

mod arrivals;
mod cells;
pub mod changes;
pub mod correlation;
pub mod coverage;
pub mod cut;
pub mod dimensions;
pub mod examples;
mod few;
pub mod latency;
mod memo;
mod order;
pub mod parquet;
mod recent;
pub mod requests;
pub mod rows;
pub mod sightings;
mod table;
mod update;
mod weight;

use indexmap::IndexMap;

use changes::Changes;
use coverage::Coverage;
use dimensions::{Dimensions, Remap, Text};
use examples::Examples;
use latency::Latency;
use requests::Requests;
use sightings::Sightings;

/// A map whose keys may come from a log: the hasher is seeded by the process, and the order is that
/// of insertion, so it must be sorted before anything is shown.
pub type Map<K, V> = IndexMap<K, V, foldhash::fast::RandomState>;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The blob's name.
    pub blob: Text,
    /// Bytes before the record, decompressed.
    pub offset: u64,
    /// Line of its first byte, from 1.
    pub line: u64,
}

/// All tables of some input.
#[derive(Debug, Default)]
pub struct Facts {
    /// The texts and their combinations.
    pub dimensions: Dimensions,
    /// Requests by second.
    pub requests: Requests,
    /// Durations by hour.
    pub latency: Latency,
    /// What changed on the vaults.
    pub changes: Changes,
    /// Evidence.
    pub examples: Examples,
    /// A sample of requests and how often each was seen.
    pub sightings: Sightings,
    /// What was read.
    pub coverage: Coverage,
    /// What earlier records looked like, to save looking it up again.
    memo: memo::Memo,
    /// Requests and durations taken in and not yet counted.
    pending: requests::Pending,
    pending_latency: latency::Pending,
}

impl Facts {
    /// No facts: the identity of [`Facts::merge`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in another input's facts.
    pub fn merge(&mut self, mut other: Self) {
        self.look_up_pending();
        other.look_up_pending();
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        let remap = Remap::new(&mut self.dimensions, &other.dimensions);
        let Self { dimensions, requests, latency, changes, examples, sightings, coverage, .. } = self;
        let theirs = std::mem::take(&mut other.requests);
        // The requests take as long as all the others, and as giving back the memory of what was taken in.
        rayon::join(
            || requests.merge(theirs, &remap),
            || {
                latency.merge(other.latency, &remap);
                changes.merge(other.changes, &remap);
                examples.merge(other.examples, &remap, dimensions);
                sightings.merge(other.sightings, &remap, dimensions);
                coverage.merge(other.coverage, &remap);
                drop((other.dimensions, other.memo));
            },
        );
    }

    /// Gives what was read under the names of ranges back to their blob. `ranges` come in the order
    /// of the blob, each with the line ends before it; their names must sort in that order behind
    /// the blob's name, so that evidence stays in order.
    pub fn join_ranges(&mut self, blob: Text, ranges: &[(Text, u64)]) {
        let lines: Map<Text, u64> = ranges.iter().copied().collect();
        let place = |location: Location| match lines.get(&location.blob) {
            Some(before) => Location { blob, line: location.line + before, ..location },
            None => location,
        };
        self.examples.move_to(place);
        self.sightings.move_to(place);
        let mut digests = Vec::new();
        for (range, before) in ranges {
            let Some(mut coverage) = self.coverage.take(*range) else { continue };
            digests.extend(coverage.digest.to_le_bytes());
            for reject in &mut coverage.rejects {
                reject.place.line += before;
            }
            self.coverage.add(blob, coverage);
        }
        self.coverage.blob(blob).digest = xxhash_rust::xxh3::xxh3_128(&digests);
    }

    /// Counts the requests that [`Facts::update_soon`] has left waiting.
    pub fn count_pending(&mut self) {
        self.look_up_pending();
        self.requests.count();
    }

    /// Looks up where the requests that wait belong.
    fn look_up_pending(&mut self) {
        self.requests.add_pending(&mut self.pending);
        self.latency.add_pending(&mut self.pending_latency);
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.coverage.is_empty() && self.requests.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests;
