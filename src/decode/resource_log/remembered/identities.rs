//! Whole identities of earlier records.
//!
//! The claims of a caller come again in each of its records, byte for byte. What stood between the first claim's
//! quote and the end of the last claim's value is remembered with the claims in it, and found again by its first
//! bytes; all its bytes are compared before it is taken.
//!
//! Input: the text behind the first claim's quote. Output: the claims, a number that only the same claims have
//! ([`Met`]), and where reading goes on. What was read one by one from the same bytes behind the same step gave the
//! same, so taking them at once does. Must not grow with the input.

use super::Reached;
use crate::record::{Identity, Met};

/// Identities remembered, at most, and their bytes; beyond either all are forgotten.
const MOST: usize = 8192;
const MOST_BYTES: usize = 4 << 20;

/// Bytes of the longest identity that is remembered.
const LONGEST: usize = 4096;

/// First bytes by which an identity is found: those of an object ID.
const HEAD: usize = 36;

/// Sets of places for identities by their first bytes, as a power of two.
const SET_BITS: u32 = 12;

/// Places in a set: one caller has several identities when its tokens differ.
const WAYS: usize = 4;

/// Records that are not tried when so many in a row had an identity that was not met before.
const PATIENCE: u32 = 2048;
const REST: u32 = 8192;

/// One identity.
#[derive(Clone, Copy, Debug)]
struct Whole {
    /// Its bytes among those of all.
    start: u32,
    length: u16,
    /// Its claims among those of all: the first, and how many.
    claims: (u32, u8),
    /// The step in front of its last claim.
    last: u16,
    met: Met,
    /// The step in front of it, which says what the first claim is.
    entry: u16,
}

/// One claim of an identity.
#[derive(Clone, Copy, Debug)]
struct Claim {
    /// Its place in [`Identity::claims`].
    place: u8,
    /// Where its value stands in the identity.
    start: u16,
    end: u16,
}

impl Claim {
    /// The claim at a place, whose value stands somewhere in the bytes of the identity; `None` for one that was
    /// taken out of escapes.
    fn within(bytes: &[u8], place: usize, value: &str) -> Option<Self> {
        let start = value.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        let end = start.checked_add(value.len())?;
        let is_there = bytes.get(start..end)? == value.as_bytes();
        let short = |number: usize| u16::try_from(number).ok();
        is_there.then_some(Self { place: u8::try_from(place).ok()?, start: short(start)?, end: short(end)? })
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// In the set that its first bytes say, the number of an identity, from 1; the newest first.
    sets: Vec<[u32; WAYS]>,
    all: Vec<Whole>,
    bytes: Vec<u8>,
    claims: Vec<Claim>,
    /// Not met in a row, and how many more are not tried.
    misses: u32,
    rest: u32,
}

impl Identities {
    /// Fills an identity, which must be empty, with the claims of which the first stands behind what is reached;
    /// says how far they reach. `None` where they were not met before.
    #[inline(never)]
    pub(super) fn fill<'a>(
        &mut self,
        text: &'a str,
        Reached { at, step: entry }: Reached,
        identity: &mut Identity<'a>,
    ) -> Option<Reached> {
        if self.rest > 0 {
            return None;
        }
        let bytes = text.as_bytes().get(at..)?;
        let set = self.sets.get(set_of(bytes)?)?;
        let whole = set.iter().find_map(|number| {
            let whole = self.all.get((*number as usize).checked_sub(1)?)?;
            let (start, length) = (whole.start as usize, usize::from(whole.length));
            let known = self.bytes.get(start..start + length)?;
            (whole.entry == entry && bytes.get(..length)? == known).then_some(whole)
        })?;
        let mut claims = identity.claims_mut();
        let first = whole.claims.0 as usize;
        for claim in self.claims.get(first..first + usize::from(whole.claims.1))? {
            let value = text.get(at + usize::from(claim.start)..at + usize::from(claim.end))?;
            **claims.get_mut(usize::from(claim.place))? = Some(value.into());
        }
        identity.met = whole.met;
        self.misses = 0;
        Some(Reached { at: at + usize::from(whole.length), step: whole.last })
    }

    /// Remembers the claims of an identity that were read one by one, the first of them behind `from`, up to
    /// what is reached, and marks it as met.
    pub(super) fn keep(&mut self, text: &str, from: Reached, reached: Reached, identity: &mut Identity<'_>) {
        let Reached { at: start, step: entry } = from;
        if self.is_resting() {
            return;
        }
        let Some(bytes) = text.as_bytes().get(start..reached.at) else { return };
        let (Some(set), HEAD..=LONGEST) = (set_of(bytes), bytes.len()) else { return };
        if self.all.len() >= MOST || self.bytes.len() + bytes.len() > MOST_BYTES {
            self.forget();
        }
        let first = self.claims.len();
        for (place, value) in identity.claims().into_iter().enumerate() {
            let Some(value) = value else { continue };
            let Some(claim) = Claim::within(bytes, place, value) else {
                self.claims.truncate(first);
                return;
            };
            self.claims.push(claim);
        }
        let number = |length: usize| u32::try_from(length).expect("all identities together are short");
        let met = Met::new();
        identity.met = met;
        self.all.push(Whole {
            start: number(self.bytes.len()),
            length: u16::try_from(bytes.len()).expect("an identity is short"),
            claims: (number(first), u8::try_from(self.claims.len() - first).expect("claims are few")),
            last: reached.step,
            met,
            entry,
        });
        self.bytes.extend_from_slice(bytes);
        self.sets.resize(1 << SET_BITS, [0; WAYS]);
        if let (Some(set), Ok(number)) = (self.sets.get_mut(set), u32::try_from(self.all.len())) {
            set.rotate_right(1);
            set[0] = number;
        }
    }

    /// Counts an identity that was not met; whether remembering such has not paid for long.
    fn is_resting(&mut self) -> bool {
        if self.rest > 0 {
            self.rest -= 1;
            return true;
        }
        self.misses += 1;
        if self.misses > PATIENCE.max(2 * u32::try_from(self.all.len()).unwrap_or(0)) {
            (self.misses, self.rest) = (0, REST);
        }
        false
    }

    /// Holds what is remembered against its bounds.
    #[cfg(test)]
    pub(super) fn check_bounds(&self) {
        assert!(self.all.len() <= MOST && self.bytes.len() <= MOST_BYTES);
        assert!(self.claims.len() <= 12 * MOST && self.sets.len() <= 1 << SET_BITS);
    }

    /// Forgets all.
    pub(super) fn forget(&mut self) {
        self.sets.clear();
        self.all.clear();
        self.bytes.clear();
        self.claims.clear();
    }
}

/// The set of identities that begin with those bytes; `None` where they are too few.
#[inline]
fn set_of(bytes: &[u8]) -> Option<usize> {
    let head = bytes.first_chunk::<HEAD>()?;
    let word = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    // Of an object ID all but two digits and two dashes.
    let mixed = |one: u64, other: u64| {
        let product = u128::from(one) * u128::from(other);
        u64::try_from(product >> 64).unwrap_or_default()
            ^ u64::try_from(product & u128::from(u64::MAX)).unwrap_or_default()
    };
    let hash = mixed(word(0)? ^ 0x9e37_79b9_7f4a_7c15, word(8)? ^ 0xe703_7ed1_a0b4_28db)
        ^ mixed(word(20)? ^ 0x8ebc_6af0_9c88_c6e3, word(28)? ^ 0x5899_65cc_7537_4cc3);
    usize::try_from(hash >> (64 - SET_BITS)).ok()
}
