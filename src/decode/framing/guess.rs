//! Guesses where the elements of an array end, by what stood between two earlier ones.
//!
//! Following the structure of every record takes longer than reading it does. What stands between two records of
//! a container is the same nearly everywhere (`},{"time":`), and is found soon; the decoder, which has to read
//! the record anyhow, proves or refuses that it ends there.
//!
//! Input: the bytes at an element. Output: where it may end. Must not be believed: an element that is not proved
//! is framed by its structure.

use std::ops::RangeInclusive;

use memchr::memmem;

/// Elements in a row that were guessed wrongly, or not at all, before no more are guessed.
const PATIENCE: u8 = 8;

/// Elements in a row that were guessed wrongly before it is learned anew what stands between them.
const DOUBT: u8 = 3;

/// How far the end of an element is looked for.
const REACH: usize = 16 << 10;

/// Bytes of what stands between two elements, with the first key of the second.
const BETWEEN: RangeInclusive<usize> = 6..=96;

/// What is known of the elements of an array.
#[derive(Debug, Default)]
pub(super) struct Guess {
    /// From the bracket that ends an element to the colon behind the first key of the next.
    between: Option<memmem::Finder<'static>>,
    /// Offset behind the last element that was framed.
    behind: Option<u64>,
    /// Offset of an element that was refused.
    refused: Option<u64>,
    /// Offset up to which no end was found: no byte is looked at twice for nothing.
    none_until: u64,
    misses: u8,
}

impl Guess {
    /// The length of the element that begins at an offset: `before` are the white space and commas in front of
    /// it, `rest` the bytes from there on. Learns from what stands between elements.
    pub(super) fn length(&mut self, offset: u64, before: &[u8], rest: &[u8]) -> Option<usize> {
        let follows = self.behind.is_some_and(|behind| behind + before.len() as u64 == offset);
        let passed = self.misses >= PATIENCE || self.refused == Some(offset) || offset < self.none_until;
        if passed || !follows {
            return None;
        }
        let Some(between) = &self.between else {
            self.learn(before, rest);
            return None;
        };
        let near = rest.get(..REACH).unwrap_or(rest);
        if let Some(at) = between.find(near) {
            return Some(at + 1);
        }
        self.none_until = offset + near.len() as u64;
        self.between = None;
        // With few bytes left that says little.
        if near.len() == REACH {
            self.missed();
        }
        None
    }

    /// Notes what stands between two elements.
    fn learn(&mut self, before: &[u8], rest: &[u8]) {
        let key = rest.strip_prefix(b"{\"").and_then(|rest| memchr::memchr(b'"', rest));
        let head = key.and_then(|key| rest.get(..key + 4)).filter(|head| head.ends_with(b"\":"));
        let Some(head) = head else { return self.missed() };
        let between = [b"}", before, head].concat();
        if BETWEEN.contains(&between.len()) {
            self.between = Some(memmem::Finder::new(&between).into_owned());
        }
    }

    /// Notes where an element ended.
    pub(super) fn ended(&mut self, offset: u64) {
        self.behind = Some(offset);
    }

    /// Notes that the decoder took an element as it was guessed.
    pub(super) fn proved(&mut self) {
        self.misses = 0;
    }

    /// Notes that it did not take the one at an offset.
    pub(super) fn refuse(&mut self, offset: u64) {
        self.refused = Some(offset);
        self.behind = None;
        self.missed();
        if self.misses >= DOUBT {
            self.between = None;
        }
    }

    fn missed(&mut self) {
        self.misses = self.misses.saturating_add(1);
    }
}
