//! Words of a message, found whatever their case.
//!
//! Input: bytes, and an ASCII text to look for. Output: where it stands. Must not know what it means.

/// Where ASCII `needle` stands first, whatever its case.
pub(super) fn find(text: &[u8], needle: &str) -> Option<usize> {
    let needle = needle.as_bytes();
    // The rarest of its bytes is looked for, as far as English texts go: what most searches do is to find nothing.
    let (place, rare) = needle.iter().copied().enumerate().min_by_key(|(_, byte)| commonness(*byte))?;
    memchr::memchr2_iter(rare.to_ascii_lowercase(), rare.to_ascii_uppercase(), text)
        .filter_map(|at| at.checked_sub(place))
        .find(|at| begins(text.get(*at..).unwrap_or_default(), needle))
}

/// Whether a text begins with ASCII `needle`, whatever its case.
pub(super) fn begins(text: &[u8], needle: &[u8]) -> bool {
    text.get(..needle.len()).is_some_and(|here| here.eq_ignore_ascii_case(needle))
}

/// How common a byte is in messages: the more, the greater.
fn commonness(byte: u8) -> usize {
    const COMMON: &[u8] = b":'wvgfbmpdluchnsratoie ";
    COMMON.iter().position(|common| *common == byte.to_ascii_lowercase()).map_or(0, |place| place + 1)
}
