//! How much memory the tables take, near enough to stop before it is gone.

use std::mem::size_of;

use super::Facts;
use super::dimensions::RequestKey;
use super::examples::{Example, ExampleKey};
use super::latency::{Buckets, LatencyCell, LatencyKey};
use super::requests::Series;

/// What a hash map adds to an entry: its hash, and its place at the usual load.
const ENTRY: usize = 8 + 2 * size_of::<usize>();

/// What the allocator adds to a piece of memory.
const ALLOCATED: usize = 16;

/// What a distinct text takes beside its bytes.
const TEXT: usize = size_of::<Box<str>>() + ENTRY + ALLOCATED;

impl Facts {
    /// Bytes that the tables take, about: those that grow with the input are counted, by their entries.
    /// Takes as long as there are durations.
    pub fn weight(&self) -> u64 {
        let keys = self.requests.keys() * (size_of::<(RequestKey, Series)>() + ENTRY + ALLOCATED);
        let (texts, bytes) = self.dimensions.strings.extent();
        let examples = self.examples.iter().len() * (size_of::<(ExampleKey, Example)>() + ENTRY);
        let keys_of_latency = self.latency.iter().len() * (size_of::<(LatencyKey, Buckets)>() + ENTRY);
        let latency = self.latency.room() * size_of::<LatencyCell>() + keys_of_latency;
        (self.requests.weight() + keys + texts * TEXT + bytes + examples + latency) as u64
    }

    /// Rows of durations: what weighing goes through.
    pub fn entries(&self) -> usize {
        self.latency.iter().len()
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::Facts;
    use crate::facts::tests::{any_line, facts_of};
    use proptest::prelude::*;

    proptest! {
        /// More input never weighs less.
        #[test]
        fn tables_only_grow(lines in prop::collection::vec(any_line(), 0..20)) {
            let (few, all) = (facts_of("a", &lines[..lines.len() / 2]), facts_of("a", &lines));
            prop_assert!(few.weight() <= all.weight());
            prop_assert_eq!(Facts::new().weight(), 0);
        }
    }
}
