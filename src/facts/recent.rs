//! Short texts that were interned last, each in one line of the processor's cache.
//!
//! Input: a text of a log. Output: the reference it got before. A set of strings is looked up in four places of
//! memory that depend on each other, this in one. Must not change what a text is kept as: its bytes are compared.

use super::dimensions::Text;

/// Places, as a power of two.
const PLACE_BITS: u32 = 13;

/// Bytes of the longest text that is remembered.
const LONGEST: usize = 58;

/// One text.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Place {
    text: Option<Text>,
    length: u8,
    bytes: [u8; LONGEST],
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Recent(Vec<Place>);

impl Recent {
    /// With fewer texts a table costs more than it saves.
    pub(super) const LEAST: usize = 64;

    /// The reference that a text got before.
    #[inline]
    pub(super) fn get(&self, text: &str) -> Option<Text> {
        let place = self.0.get(place_of(text.as_bytes()))?;
        let same = usize::from(place.length) == text.len()
            && place.bytes.get(..text.len()).is_some_and(|bytes| bytes == text.as_bytes());
        place.text.filter(|_| same)
    }

    /// Remembers it, if the text is short.
    pub(super) fn put(&mut self, text: &str, kept: Text) {
        let Some(length) = u8::try_from(text.len()).ok().filter(|length| usize::from(*length) <= LONGEST)
        else {
            return;
        };
        if self.0.is_empty() {
            self.0.resize(1 << PLACE_BITS, Place { text: None, length: 0, bytes: [0; LONGEST] });
        }
        if let Some(place) = self.0.get_mut(place_of(text.as_bytes())) {
            place.text = Some(kept);
            place.length = length;
            for (to, from) in place.bytes.iter_mut().zip(text.bytes()) {
                *to = from;
            }
        }
    }
}

/// The place of a text, by eight bytes at its beginning, middle and end.
#[inline]
fn place_of(bytes: &[u8]) -> usize {
    let middle = bytes.len() / 2;
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (first, last) = if bytes.len() >= 8 {
        (word(bytes.first_chunk()), word(bytes.last_chunk()))
    } else {
        (bytes.iter().fold(1, |all, byte| all << 8 | u64::from(*byte)), 0)
    };
    let middle = word(bytes.get(middle.saturating_sub(4)..).and_then(<[u8]>::first_chunk));
    let hash = (first.rotate_left(25) ^ middle)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
        .wrapping_add(last)
        .wrapping_mul(0xe703_7ed1_a0b4_28db);
    usize::try_from(hash >> (64 - PLACE_BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::facts::dimensions::{MOST_BYTES, Strings};

    proptest! {
        /// A text is kept as the same whatever was interned before.
        #[test]
        fn texts_are_kept_as_themselves(texts in prop::collection::vec("[ab]{0,3}|[a-c]{0,70}|Bearer [a-c]{0,60}", 0..400)) {
            let mut strings = Strings::default();
            for number in 0..100 {
                strings.intern(&number.to_string());
            }
            for text in texts {
                prop_assert!(text.len() < MOST_BYTES);
                let kept = strings.intern_log(&text);
                prop_assert_eq!(kept, strings.intern_log(&text));
                let redacted = crate::redact::redact(&text);
                prop_assert_eq!(strings.get(kept), redacted.as_ref());
            }
        }
    }
}
