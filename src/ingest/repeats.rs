//! `--dedup`: which records are repeats of others, known before anything is counted.
//!
//! Input: the fingerprint and place of every record. Output: the places to pass over. Of all records
//! of one request the one that says most is kept: the storage form before rows of Log Analytics, a
//! finer time before a coarser one, then the first by blob and offset; so what is kept depends on the
//! input alone. A record without a time or a vault is never a repeat.

use crate::decode::shape::Shape;
use crate::facts::Map;
use crate::record::fingerprint::Fingerprint;

/// One record, by what it is and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sighted {
    pub(super) fingerprint: Fingerprint,
    pub(super) form: Form,
    /// The blob's place in the listing.
    pub(super) blob: u32,
    pub(super) offset: u64,
}

/// How much a shape says; the least says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form(u8);

impl From<Shape> for Form {
    fn from(shape: Shape) -> Self {
        Self(shape.form as u8)
    }
}

/// The places of all repeats.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    places: Map<(u32, u64), ()>,
}

impl Repeats {
    /// Finds them.
    pub(super) fn new(mut all: Vec<Sighted>) -> Self {
        // By request and time, each with the one to keep in front.
        all.sort_unstable();
        let mut places = Map::default();
        for request in all.chunk_by(|one, other| one.fingerprint.hash == other.fingerprint.hash) {
            let fine = request.iter().any(|sighted| !sighted.fingerprint.is_coarse());
            for same in request.chunk_by(|one, other| one.fingerprint.time == other.fingerprint.time) {
                let kept = usize::from(!(fine && same.iter().all(|sighted| sighted.fingerprint.is_coarse())));
                for sighted in same.iter().skip(kept) {
                    places.insert((sighted.blob, sighted.offset), ());
                }
            }
        }
        Self { places }
    }

    /// Whether the record at a place is a repeat.
    pub(super) fn holds(&self, blob: u32, offset: u64) -> bool {
        !self.places.is_empty() && self.places.contains_key(&(blob, offset))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ticks::Ticks;

    /// Of each request the records kept, looked for one by one.
    fn slow(all: &[Sighted]) -> Vec<Sighted> {
        let repeats = |one: &Sighted| {
            all.iter().any(|other| {
                let (mine, its) = (one.fingerprint, other.fingerprint);
                mine.hash == its.hash
                    && if mine.time == its.time {
                        (other.form, other.blob, other.offset) < (one.form, one.blob, one.offset)
                    } else {
                        mine.is_coarse() && !its.is_coarse()
                    }
            })
        };
        all.iter().filter(|one| !repeats(one)).copied().collect()
    }

    proptest! {
        #[test]
        fn one_of_each_request_is_kept(all in prop::collection::vec((0_u128..4, 9_999_i64..10_003, 0_u8..3, 0_u32..3), 0..40)) {
            let all: Vec<Sighted> = (0..).zip(all).map(|(offset, (hash, time, form, blob))| {
                // One hash is one millisecond.
                let time = Ticks(time.max(10_000));
                Sighted { fingerprint: Fingerprint { hash, time }, form: Form(form), blob, offset }
            }).collect();
            let repeats = Repeats::new(all.clone());
            let kept: Vec<Sighted> = all.iter().filter(|one| !repeats.holds(one.blob, one.offset)).copied().collect();
            prop_assert_eq!(kept, slow(&all));
        }
    }
}
