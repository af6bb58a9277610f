//! Durations by hour, vault and operation, in fixed buckets.
//!
//! Buckets are log-linear: sixteen to each power of two, so a bucket's bounds are within 6.25 % of
//! each other; being fixed, they merge exactly. Measures: count (sum), longest (max). The log gives
//! whole milliseconds.

use std::hash::Hash;

use super::dimensions::{Ref, Remap, Text, Vault, number};
use super::table::Table;
use crate::ticks::Ticks;

/// Buckets to a power of two, as a power of two.
const LINEAR_BITS: u32 = 4;

/// The bucket of a duration in milliseconds.
pub fn bucket(ms: u64) -> u16 {
    let linear = 1 << LINEAR_BITS;
    if ms < linear {
        return u16::try_from(ms).unwrap_or(u16::MAX);
    }
    let power = ms.ilog2() - LINEAR_BITS;
    let step = (ms >> power) - linear;
    u16::try_from(u64::from(power + 1) * linear + step).unwrap_or(u16::MAX)
}

/// The shortest duration of a bucket, in milliseconds.
pub fn bucket_floor(bucket: u16) -> u64 {
    let linear = 1_u64 << LINEAR_BITS;
    let bucket = u64::from(bucket);
    if bucket < linear {
        return bucket;
    }
    let (power, step) = (bucket / linear - 1, bucket % linear);
    (linear + step) << power.min(59)
}

/// The grain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyKey {
    /// Hours since 1970.
    pub hour: i64,
    /// The vault.
    pub vault: Option<Ref<Vault>>,
    /// The operation.
    pub operation: Option<Text>,
    /// See [`bucket`].
    pub bucket: u16,
}

/// As the derived one, in fewer steps.
impl Hash for LatencyKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(number(self.vault)) << 32 | u64::from(number(self.operation)));
        state.write_u64(self.hour.cast_unsigned() << 16 | u64::from(self.bucket));
    }
}

/// The measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyCell {
    /// How many requests.
    pub count: u64,
    /// The longest, in milliseconds.
    pub max_ms: u64,
}

/// Durations taken in and not yet counted.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(LatencyKey, LatencyCell)>);

impl Pending {
    /// Takes in one request.
    pub(super) fn add(&mut self, time: Ticks, vault: Option<Ref<Vault>>, operation: Option<Text>, ms: u64) {
        let key = LatencyKey { hour: time.second().div_euclid(3600), vault, operation, bucket: bucket(ms) };
        self.0.push((key, LatencyCell { count: 1, max_ms: ms }));
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Latency {
    table: Table<LatencyKey, LatencyCell>,
}

impl LatencyCell {
    fn touch(&self) -> i64 {
        self.count.cast_signed()
    }

    fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.max_ms = self.max_ms.max(other.max_ms);
    }
}

impl Latency {
    /// Counts what waits.
    pub(super) fn add_pending(&mut self, pending: &mut Pending) {
        self.table.add_all(&mut pending.0, LatencyCell::touch, LatencyCell::absorb);
    }

    /// Counts rows, of which there are about so many.
    pub(super) fn add_cells(&mut self, about: usize, rows: impl Iterator<Item = (LatencyKey, LatencyCell)>) {
        self.table.reserve(about);
        self.table.add_each(rows, LatencyCell::touch, LatencyCell::absorb);
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap) {
        let key = |key: LatencyKey| LatencyKey {
            vault: remap.vault(key.vault),
            operation: remap.maybe(key.operation),
            ..key
        };
        self.table.merge(other.table, key, LatencyCell::touch, LatencyCell::absorb);
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.table.len()
    }

    /// Every row, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&LatencyKey, &LatencyCell)> {
        self.table.iter()
    }

    /// Keeps the rows that `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&LatencyKey) -> bool + Sync) {
        self.table.take(|key| !keep(key));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_in_it(ms in prop_oneof![0_u64..100_000, any::<u64>()]) {
            let floor = bucket_floor(bucket(ms));
            prop_assert!(floor <= ms);
            prop_assert_eq!(bucket(floor), bucket(ms));
            prop_assert!(ms - floor <= floor / 16);
            prop_assert!(bucket(ms.saturating_add(1)) >= bucket(ms));
        }
    }
}
