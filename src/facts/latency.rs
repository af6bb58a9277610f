//! Durations by hour, vault and operation, in fixed buckets.
//!
//! Buckets are log-linear: sixteen to each power of two, so a bucket's bounds are within 6.25 % of
//! each other; being fixed, they merge exactly. Measures: count (sum), longest (max). The log gives
//! whole milliseconds.

use std::hash::Hash;

use super::dimensions::{Ref, Remap, Text, Vault, number};
use super::few::Few;
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

/// The shortest and the longest duration of the bucket of a duration, in milliseconds.
#[inline]
fn bounds(ms: u64) -> (u64, u64) {
    let power = ms.checked_ilog2().unwrap_or(0).saturating_sub(LINEAR_BITS);
    let floor = ms >> power << power;
    (floor, floor | ((1 << power) - 1))
}

/// The grain but for the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyKey {
    /// Hours since 1970.
    pub hour: i64,
    /// The vault.
    pub vault: Option<Ref<Vault>>,
    /// The operation.
    pub operation: Option<Text>,
}

/// As the derived one, in fewer steps.
impl Hash for LatencyKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(number(self.vault)) << 32 | u64::from(number(self.operation)));
        state.write_u64(self.hour.cast_unsigned());
    }
}

/// The measures of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyCell {
    /// How many requests.
    pub count: u64,
    /// The longest, in milliseconds: it tells the bucket, too.
    pub max_ms: u64,
}

impl LatencyCell {
    /// See [`bucket`].
    pub fn bucket(&self) -> u16 {
        bucket(self.max_ms)
    }
}

/// Durations taken in and not yet counted.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(LatencyKey, u64)>);

impl Pending {
    /// Takes in one request.
    pub(super) fn add(&mut self, time: Ticks, vault: Option<Ref<Vault>>, operation: Option<Text>, ms: u64) {
        self.0.push((LatencyKey { hour: time.second().div_euclid(3600), vault, operation }, ms));
    }
}

/// The buckets of a key that have requests, ascending.
#[derive(Debug, Default)]
pub(super) struct Buckets(Few<LatencyCell>);

impl Buckets {
    /// Reads what [`Self::add`] will read: it begins in the middle.
    fn touch(&self) -> i64 {
        let cells = self.0.as_slice();
        cells.get(cells.len() / 2).map_or(0, |cell| cell.count.cast_signed())
    }

    /// Counts a cell.
    fn add(&mut self, cell: LatencyCell) {
        let (shortest, longest) = bounds(cell.max_ms);
        let cells = self.0.as_mut_slice();
        let at = cells.partition_point(|other| other.max_ms < shortest);
        if let Some(same) = cells.get_mut(at).filter(|other| other.max_ms <= longest) {
            same.count += cell.count;
            same.max_ms = same.max_ms.max(cell.max_ms);
            return;
        }
        self.0.push(cell);
        if let Some(behind) = self.0.as_mut_slice().get_mut(at..) {
            behind.rotate_right(1);
        }
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Latency {
    table: Table<LatencyKey, Buckets>,
}

impl Latency {
    /// Counts what waits.
    pub(super) fn add_pending(&mut self, pending: &mut Pending) {
        self.table.add_all(&mut pending.0, Buckets::touch, |buckets, ms| {
            buckets.add(LatencyCell { count: 1, max_ms: ms });
        });
    }

    /// Counts a cell under a key.
    pub(super) fn add(&mut self, key: LatencyKey, cell: LatencyCell) {
        self.table.value(key).add(cell);
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap) {
        let key = |key: LatencyKey| LatencyKey {
            hour: key.hour,
            vault: remap.vault(key.vault),
            operation: remap.maybe(key.operation),
        };
        self.table.merge(other.table, key, Buckets::touch, |mine, theirs| match mine.0 {
            Few::None => *mine = theirs,
            _ => theirs.0.as_slice().iter().for_each(|cell| mine.add(*cell)),
        });
    }

    /// Every key with its cells, ascending by bucket; keys in no order that means anything.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&LatencyKey, &[LatencyCell])> {
        self.table.iter().map(|(key, buckets)| (key, buckets.0.as_slice()))
    }

    /// How many cells there is room for in memory beside those of the keys.
    pub(super) fn room(&self) -> usize {
        self.table.iter().map(|(_, buckets)| buckets.0.room()).sum()
    }

    /// Keeps the rows of the keys that `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&LatencyKey) -> bool + Sync) {
        self.table.take(|key| !keep(key));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::facts::dimensions::Dimensions;

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_in_it(ms in prop_oneof![0_u64..100_000, any::<u64>()]) {
            let floor = bucket_floor(bucket(ms));
            prop_assert!(floor <= ms);
            prop_assert_eq!(bucket(floor), bucket(ms));
            prop_assert!(ms - floor <= floor / 16);
            prop_assert!(bucket(ms.saturating_add(1)) >= bucket(ms));
            let (shortest, longest) = bounds(ms);
            prop_assert_eq!((shortest, bucket(longest)), (floor, bucket(ms)));
            prop_assert!(longest == u64::MAX || bucket(longest + 1) > bucket(ms));
        }
    }

    proptest! {
        /// Cells are what counting by bucket with a sorted map gives, in any order and split.
        #[test]
        fn durations_are_counted_by_bucket(
            durations in prop::collection::vec((0_i64..3, prop_oneof![0_u64..200, any::<u64>()]), 0..60),
            split in 0_usize..60,
        ) {
            let mut slow: BTreeMap<(i64, u16), (u64, u64)> = BTreeMap::new();
            for (hour, ms) in &durations {
                let cell = slow.entry((*hour, bucket(*ms))).or_insert((0, *ms));
                *cell = (cell.0 + 1, cell.1.max(*ms));
            }
            let (left, right) = durations.split_at(split.min(durations.len()));
            let latency = |durations: &[(i64, u64)]| {
                let (mut latency, mut pending) = (Latency::default(), Pending::default());
                for (hour, ms) in durations {
                    pending.add(Ticks::from_second(hour * 3600), None, None, *ms);
                }
                latency.add_pending(&mut pending);
                latency
            };
            let mut merged = latency(left);
            merged.merge(latency(right), &Remap::new(&mut Dimensions::default(), &Dimensions::default()));
            let mut fast: Vec<_> = merged
                .iter()
                .flat_map(|(key, cells)| cells.iter().map(|cell| ((key.hour, cell.bucket()), (cell.count, cell.max_ms))))
                .collect();
            // Of each hour they are in order already.
            fast.sort_by_key(|row| row.0.0);
            prop_assert_eq!(fast, slow.into_iter().collect::<Vec<_>>());
        }
    }
}
