//! Texts that were interned last; short ones each in one line of the processor's cache.
//!
//! Input: a text of a log. Output: the reference it got before. A set of strings is looked up in four places of
//! memory that depend on each other, this in one. Must not change what a text is kept as: its bytes are compared.

use super::dimensions::{MOST_BYTES, Text};

/// Places for short texts, and for others, as powers of two. Others are few: the names of client agents. In
/// tests so few that texts take each other's places.
const PLACE_BITS: u32 = if cfg!(test) { 2 } else { 15 };
const LONG_PLACE_BITS: u32 = if cfg!(test) { 1 } else { 9 };

/// Bytes of the longest text that counts as short.
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
pub(super) struct Recent {
    short: Vec<Place>,
    long: Places<Text, LONG_PLACE_BITS>,
}

/// What texts led to, each at the place that its bytes say; the last of those that share one is remembered, in the
/// room of the one before.
#[derive(Debug)]
pub(super) struct Places<T, const BITS: u32>(Vec<Option<(String, T)>>);

impl<T, const BITS: u32> Default for Places<T, BITS> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy, const BITS: u32> Places<T, BITS> {
    /// What a text led to.
    #[inline]
    pub(super) fn get(&self, text: &str) -> Option<T> {
        let (known, value) = self.0.get(place_of(text.as_bytes(), BITS))?.as_ref()?;
        (known == text).then_some(*value)
    }

    /// Remembers it, if the text is no longer than any that is kept.
    pub(super) fn put(&mut self, text: &str, value: T) {
        if text.len() > MOST_BYTES {
            return;
        }
        self.0.resize_with(1 << BITS, || None);
        let Some(place) = self.0.get_mut(place_of(text.as_bytes(), BITS)) else { return };
        let (known, of_known) = place.get_or_insert_with(|| (String::new(), value));
        known.clear();
        known.push_str(text);
        *of_known = value;
    }
}

impl Recent {
    /// With fewer texts a table costs more than it saves.
    pub(super) const LEAST: usize = 64;

    /// The reference that a text got before.
    #[inline]
    pub(super) fn get(&self, text: &str) -> Option<Text> {
        let bytes = text.as_bytes();
        if bytes.len() > LONGEST {
            return self.long.get(text);
        }
        let place = self.short.get(place_of(bytes, PLACE_BITS))?;
        let same = usize::from(place.length) == bytes.len() && place.bytes.get(..bytes.len()) == Some(bytes);
        place.text.filter(|_| same)
    }

    /// Remembers it.
    pub(super) fn put(&mut self, text: &str, kept: Text) {
        let bytes = text.as_bytes();
        let Some(length) = u8::try_from(bytes.len()).ok().filter(|_| bytes.len() <= LONGEST) else {
            return self.long.put(text, kept);
        };
        if self.short.is_empty() {
            self.short.resize(1 << PLACE_BITS, Place { text: None, length: 0, bytes: [0; LONGEST] });
        }
        if let Some(place) = self.short.get_mut(place_of(bytes, PLACE_BITS)) {
            (place.text, place.length) = (Some(kept), length);
            for (to, from) in place.bytes.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
    }
}

/// The place of a text among so many, by eight bytes at its beginning, middle and end.
#[inline]
fn place_of(bytes: &[u8], place_bits: u32) -> usize {
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
    usize::try_from(hash >> (64 - place_bits)).unwrap_or(0)
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
