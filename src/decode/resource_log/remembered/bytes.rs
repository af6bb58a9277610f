//! The two things done with every byte of a record: comparing it, and looking for the end of a text.

/// Whether `text` begins with `with`. The first and the last bytes are compared, which overlap where it
/// is short: a call of the C library's comparison costs more than most texts do.
#[inline]
pub(super) fn begins_with(text: &[u8], with: &[u8]) -> bool {
    let Some(text) = text.get(..with.len()) else { return false };
    if with.len() >= 16 {
        text.first_chunk::<16>() == with.first_chunk() && goes_on_with(text, with)
    } else if with.len() >= 8 {
        text.first_chunk::<8>() == with.first_chunk() && text.last_chunk::<8>() == with.last_chunk()
    } else {
        text.iter().zip(with).all(|(one, other)| one == other)
    }
}

/// The same where the first sixteen bytes of both are known to be equal.
#[inline]
pub(super) fn goes_on_with(text: &[u8], with: &[u8]) -> bool {
    let Some(text) = text.get(..with.len()) else { return false };
    let (chunks, with_chunks) = (text.as_chunks::<16>().0, with.as_chunks::<16>().0);
    text.last_chunk::<16>() == with.last_chunk()
        && chunks.iter().zip(with_chunks).skip(1).all(|(one, other)| one == other)
}

/// How many bytes stand in front of the first that JSON allows in no text as it is: a quote, a backslash or a
/// control byte; all if there is none.
#[inline]
pub(super) fn string_end(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((chunk, behind)) = rest.split_first_chunk::<16>() {
        if let Some(first) = first_mark(chunk) {
            return text.len() - rest.len() + first;
        }
        rest = behind;
    }
    let length = rest.iter().position(|byte| is_mark(*byte)).unwrap_or(rest.len());
    text.len() - rest.len() + length
}

/// Whether a byte ends a text or what of it can be taken as it is.
fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// The first byte of sixteen that [`is_mark`].
#[cfg(target_arch = "x86_64")]
#[inline]
fn first_mark(chunk: &[u8; 16]) -> Option<usize> {
    use safe_arch::{
        bitor_m128i, cmp_eq_mask_i8_m128i, load_unaligned_m128i, min_u8_m128i, move_mask_i8_m128i,
        set_splat_i8_m128i,
    };
    let bytes = load_unaligned_m128i(chunk);
    let quotes = cmp_eq_mask_i8_m128i(bytes, set_splat_i8_m128i(0x22));
    let backslashes = cmp_eq_mask_i8_m128i(bytes, set_splat_i8_m128i(0x5c));
    let controls = cmp_eq_mask_i8_m128i(min_u8_m128i(bytes, set_splat_i8_m128i(0x1f)), bytes);
    let marks = move_mask_i8_m128i(bitor_m128i(bitor_m128i(quotes, backslashes), controls));
    (marks != 0).then_some(marks.trailing_zeros() as usize)
}

/// The first byte of sixteen that [`is_mark`].
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn first_mark(chunk: &[u8; 16]) -> Option<usize> {
    first_mark_by_words(chunk)
}

/// The same, eight bytes at a time: in each byte of a word the highest bit says that it is a mark. A
/// byte behind a mark may say so wrongly, as subtraction borrows; the first one never does.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn first_mark_by_words(chunk: &[u8; 16]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word;
    chunk.as_chunks::<8>().0.iter().enumerate().find_map(|(place, word)| {
        let word = u64::from_le_bytes(*word);
        let (quotes, backslashes) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        let marks = (below(quotes, 1) | below(backslashes, 1) | below(word, 0x20)) & (ONES * 0x80);
        (marks != 0).then_some(place * 8 + marks.trailing_zeros() as usize / 8)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_ends_at_its_first_mark(
            text in prop::collection::vec(prop_oneof![9 => 0x20_u8..=0xff, 1 => any::<u8>()], 0..80),
        ) {
            let slow = text.iter().position(|byte| *byte == b'"' || *byte == b'\\' || *byte < 0x20);
            prop_assert_eq!(string_end(&text), slow.unwrap_or(text.len()));
        }

        #[test]
        fn words_show_the_first_mark(chunk in any::<[u8; 16]>(), plain in any::<u16>()) {
            let mut chunk = chunk;
            for (place, byte) in chunk.iter_mut().enumerate().filter(|(place, _)| plain & 1 << place != 0) {
                *byte = b'a' + u8::try_from(place).unwrap();
            }
            let slow = chunk.iter().position(|byte| is_mark(*byte));
            prop_assert_eq!((first_mark(&chunk), first_mark_by_words(&chunk)), (slow, slow));
        }

        #[test]
        fn a_beginning_is_one(text in "[ab]{0,40}", with in "[ab]{0,20}", own in 0_usize..41) {
            prop_assert_eq!(begins_with(text.as_bytes(), with.as_bytes()), text.starts_with(&with));
            let own = &text.as_bytes()[..own.min(text.len())];
            prop_assert!(begins_with(text.as_bytes(), own));
        }
    }
}
