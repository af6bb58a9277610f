//! A sample of requests with how often each was seen, to notice that the same requests were
//! exported twice.
//!
//! Grain: request, by its [`Fingerprint`]; the [`KEPT`] requests with the lowest hashes, which are
//! as good as drawn by lot and are the same ones in every blob, order and split: lowest-k by a total
//! order merges exactly. Measures: sightings (sum), first and last place (minimum, maximum). Below
//! [`KEPT`] different requests the sample is all of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Location;
use super::dimensions::{Dimensions, Remap, Text};
use crate::record::fingerprint::{Fingerprint, is_coarse};
use crate::ticks::Ticks;

/// Hashes kept.
pub const KEPT: usize = 2048;

/// How one request, at one time, was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// The vault's name.
    pub vault: Text,
    /// The first place, by blob and offset.
    pub first: Location,
    /// The last place.
    pub last: Location,
}

/// The table.
#[derive(Debug, Default)]
pub struct Sightings {
    map: BTreeMap<u128, BTreeMap<Ticks, Seen>>,
    /// The highest hash in a full sample; none higher is in it.
    highest: Option<u128>,
    /// Part of a full sample was cut away.
    was_full: bool,
}

impl Sightings {
    /// Whether a request may be in the sample: asked before anything is kept.
    pub fn wants(&self, fingerprint: Fingerprint) -> bool {
        self.highest.is_none_or(|highest| fingerprint.hash <= highest)
    }

    /// Whether a request may be in the sample as far as the upper half of its hash tells.
    #[inline]
    pub fn may_want(&self, upper_half: u64) -> bool {
        self.highest.is_none_or(|highest| u128::from(upper_half) <= highest >> 64)
    }

    /// Takes in sightings of a request.
    pub fn add(&mut self, fingerprint: Fingerprint, seen: Seen, dimensions: &Dimensions) {
        let times = self.map.entry(fingerprint.hash).or_default();
        times
            .entry(fingerprint.time)
            .and_modify(|mine| {
                mine.count += seen.count;
                if order(&seen.first, &mine.first, dimensions) == Ordering::Less {
                    mine.first = seen.first;
                }
                if order(&seen.last, &mine.last, dimensions) == Ordering::Greater {
                    mine.last = seen.last;
                }
            })
            .or_insert(seen);
        if self.map.len() > KEPT {
            self.map.pop_last();
        }
        self.note_highest();
    }

    fn note_highest(&mut self) {
        self.highest =
            (self.map.len() >= KEPT).then(|| self.map.last_key_value()).flatten().map(|(last, _)| *last);
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap, dimensions: &Dimensions) {
        for (hash, times) in other.map {
            for (time, seen) in times {
                let place = |place: Location| Location { blob: remap.text(place.blob), ..place };
                let seen = Seen {
                    vault: remap.text(seen.vault),
                    first: place(seen.first),
                    last: place(seen.last),
                    ..seen
                };
                self.add(Fingerprint { hash, time }, seen, dimensions);
            }
        }
    }

    /// Gives sightings to other blobs and lines, which must not change their order.
    pub fn move_to(&mut self, place: impl Fn(Location) -> Location) {
        for seen in self.map.values_mut().flat_map(BTreeMap::values_mut) {
            seen.first = place(seen.first);
            seen.last = place(seen.last);
        }
    }

    /// Keeps the sightings whose time and vault `keep` says.
    pub fn retain(&mut self, keep: impl Fn(Ticks, Text) -> bool) {
        self.was_full = self.is_full();
        for times in self.map.values_mut() {
            times.retain(|time, seen| keep(*time, seen.vault));
        }
        self.map.retain(|_, times| !times.is_empty());
        self.note_highest();
    }

    /// Every request and time with how it was seen, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (Fingerprint, &Seen)> {
        self.map.iter().flat_map(|(hash, times)| {
            times.iter().map(|(time, seen)| (Fingerprint { hash: *hash, time: *time }, seen))
        })
    }

    /// Every request in the sample: what was seen of it at each time.
    pub fn requests(&self) -> impl Iterator<Item = &BTreeMap<Ticks, Seen>> {
        self.map.values()
    }

    /// Whether there were more requests than the sample holds.
    pub fn is_full(&self) -> bool {
        self.was_full || self.map.len() >= KEPT
    }
}

/// How often a request was seen, and how many of these sightings are repeats. A time of whole
/// milliseconds is the same request as a finer one within that millisecond.
pub fn repeats(times: &BTreeMap<Ticks, Seen>) -> (u64, u64) {
    let seen: u64 = times.values().map(|seen| seen.count).sum();
    let fine = times.keys().filter(|time| !is_coarse(**time)).count() as u64;
    let different = if fine > 0 { fine } else { times.len() as u64 };
    (seen, seen - different.min(seen))
}

/// By blob name, then offset.
fn order(one: &Location, other: &Location, dimensions: &Dimensions) -> Ordering {
    let name = |location: &Location| dimensions.strings.get(location.blob);
    let by_blob = if one.blob == other.blob { Ordering::Equal } else { name(one).cmp(name(other)) };
    by_blob.then(one.offset.cmp(&other.offset))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fill(all: &[(u128, i64, u64)], dimensions: &mut Dimensions) -> Sightings {
        let mut sightings = Sightings::default();
        let vault = dimensions.strings.intern("kv");
        for (hash, time, offset) in all {
            let blob = dimensions.strings.intern(&format!("blob {}", offset % 3));
            let fingerprint = Fingerprint { hash: *hash, time: Ticks(*time) };
            let place = Location { blob, offset: *offset, line: *offset };
            if sightings.wants(fingerprint) {
                sightings.add(fingerprint, Seen { count: 1, vault, first: place, last: place }, dimensions);
            }
        }
        sightings
    }

    proptest! {
        #[test]
        fn the_lowest_are_kept_in_any_order(
            all in prop::collection::vec((0_u128..6000, 0_i64..3, 0_u64..50), 0..200),
            spread in 1_u128..40,
        ) {
            // More different hashes than are kept, with some of them several times.
            let mut all: Vec<_> = all;
            all.extend((0..3000).map(|hash| (hash * spread, 0, 7)));
            let mut dimensions = Dimensions::default();
            let sightings = fill(&all, &mut dimensions);
            let mut slow: BTreeMap<u128, BTreeMap<i64, u64>> = BTreeMap::new();
            for (hash, time, _) in &all {
                *slow.entry(*hash).or_default().entry(*time).or_default() += 1;
            }
            let slow: Vec<_> = slow.into_iter().take(KEPT).flat_map(|(hash, times)| {
                times.into_iter().map(move |(time, count)| (hash, time, count))
            }).collect();
            let kept: Vec<_> = sightings.iter().map(|(request, seen)| (request.hash, request.time.0, seen.count)).collect();
            prop_assert_eq!(&kept, &slow);
            all.reverse();
            let backwards = fill(&all, &mut dimensions);
            prop_assert!(sightings.iter().eq(backwards.iter()));
        }
    }

    #[test]
    fn repeats_are_what_is_left_of_different_requests() {
        let mut dimensions = Dimensions::default();
        let of = |times: &[(i64, u64)], dimensions: &mut Dimensions| {
            let all: Vec<_> =
                times.iter().flat_map(|(time, count)| (0..*count).map(|offset| (1, *time, offset))).collect();
            let sightings = fill(&all, dimensions);
            repeats(sightings.requests().next().unwrap())
        };
        assert_eq!(of(&[(10_001, 1)], &mut dimensions), (1, 0));
        assert_eq!(of(&[(10_001, 2)], &mut dimensions), (2, 1));
        assert_eq!(of(&[(10_000, 1), (10_001, 1)], &mut dimensions), (2, 1));
        assert_eq!(of(&[(10_000, 2), (10_001, 1), (10_002, 1)], &mut dimensions), (4, 2));
        assert_eq!(of(&[(10_000, 3)], &mut dimensions), (3, 2));
    }
}
