//! One step: what stood between two values, and what came behind it.

use super::between::{Between, Next, begins_bare};
use super::bytes::begins_with;

/// The first step: what every record begins behind.
pub(super) const START: u16 = 0;

/// Bytes of a step that lie beside it.
const HEAD: usize = 16;

/// What stood between two values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Its first bytes, and which bits of them are meant.
    head: u128,
    mask: u128,
    pub(super) between: Between,
    /// Where its bytes begin among those of all steps.
    start: usize,
    /// The steps that came behind it.
    pub(super) expected: Expected,
}

impl Step {
    /// A step of those bytes, which begin at `start` among those of all steps; nothing came behind it yet.
    pub(super) fn new(between: Between, bytes: &[u8], start: usize) -> Self {
        let mut head = [0; HEAD];
        for (to, from) in head.iter_mut().zip(bytes) {
            *to = *from;
        }
        let mask = u128::MAX.checked_shr(128 - 8 * bytes.len().min(HEAD) as u32).unwrap_or(0);
        Self { head: u128::from_le_bytes(head), mask, between, start, expected: Expected::default() }
    }

    /// Whether bytes begin with this step, of which `texts` are those of all steps.
    #[inline]
    pub(super) fn begins(&self, bytes: &[u8], texts: &[u8]) -> bool {
        let length = self.between.length;
        if let Some(first) = bytes.first_chunk::<HEAD>() {
            if (u128::from_le_bytes(*first) ^ self.head) & self.mask != 0 {
                return false;
            }
            if length > HEAD && !self.is_whole(bytes, texts) {
                return false;
            }
        } else if !self.is_whole(bytes, texts) {
            return false;
        }
        self.between.next != Next::Bare || bytes.get(length).copied().is_some_and(begins_bare)
    }

    /// Whether bytes begin with all bytes of this step.
    #[inline]
    fn is_whole(&self, bytes: &[u8], texts: &[u8]) -> bool {
        texts.get(self.start..self.start + self.between.length).is_some_and(|text| begins_with(bytes, text))
    }
}

/// The steps that are expected behind a step: four, those that came last first. [`START`] comes behind none, and
/// stands where there are fewer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected(u64);

impl Expected {
    /// Their places.
    pub(super) const PLACES: std::ops::Range<u32> = 0..4;

    /// The step at a place.
    #[inline]
    pub(super) fn at(self, place: u32) -> Option<u16> {
        let number = (self.0 >> (16 * place)) as u16;
        (number != START).then_some(number)
    }

    /// Puts the step at a place in front of those before it.
    #[inline]
    pub(super) fn move_to_front(&mut self, place: u32) {
        let Some(number) = self.at(place) else { return };
        let before = self.0 & ((1 << (16 * place)) - 1);
        let behind = self.0.checked_shr(16 * (place + 1)).map_or(0, |rest| rest << (16 * (place + 1)));
        self.0 = behind | before << 16 | u64::from(number);
    }

    /// Puts another step in front; the last one is forgotten.
    pub(super) fn put_in_front(&mut self, number: u16) {
        self.0 = self.0 << 16 | u64::from(number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_are_expected_in_the_order_in_which_they_came(moves in prop::collection::vec((any::<bool>(), 1_u16..9, 0_u32..4), 0..20)) {
            let (mut expected, mut slow) = (Expected::default(), Vec::new());
            for (is_new, number, place) in moves {
                if is_new {
                    expected.put_in_front(number);
                    slow.insert(0, number);
                    slow.truncate(4);
                } else {
                    expected.move_to_front(place);
                    if (place as usize) < slow.len() {
                        let number = slow.remove(place as usize);
                        slow.insert(0, number);
                    }
                }
                let all: Vec<u16> = Expected::PLACES.map_while(|place| expected.at(place)).collect();
                prop_assert_eq!(&all, &slow);
            }
        }
    }
}
