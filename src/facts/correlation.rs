//! Correlation ids: nearly always GUIDs, and each of a request of its own.
//!
//! Input: the text of a log. Output: sixteen bytes that give back the same text, or a reference to it where it has
//! another form. A text that is kept once costs several times as much, and its place must be found among all others.

use std::borrow::Cow;

use super::dimensions::{Dimensions, Remap, Strings, Text};

/// A correlation id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorrelationId {
    /// A GUID in the usual form, `8-4-4-4-12` digits in lower case.
    Guid([u8; 16]),
    /// Any other text.
    Other(Text),
}

/// Where the groups of a GUID's digits begin, and how many bytes each stands for.
const GROUPS: [(usize, usize); 5] = [(0, 4), (9, 2), (14, 2), (19, 2), (24, 6)];

impl CorrelationId {
    /// Keeps the id of a log.
    pub(super) fn new(text: &str, strings: &mut Strings) -> Self {
        guid(text).map_or_else(|| Self::Other(strings.intern_log_once(text)), Self::Guid)
    }

    /// The same id where texts have other references.
    pub(super) fn remapped(self, remap: &Remap) -> Self {
        match self {
            Self::Guid(_) => self,
            Self::Other(text) => Self::Other(remap.text(text)),
        }
    }

    /// As the log has it.
    pub fn text(self, dimensions: &Dimensions) -> Cow<'_, str> {
        match self {
            Self::Guid(bytes) => text_of(bytes).into(),
            Self::Other(text) => dimensions.strings.get(text).into(),
        }
    }
}

/// The bytes of a GUID; none of any other text.
fn guid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0; 16];
    let mut rest = bytes.iter_mut();
    for (start, length) in GROUPS {
        for at in (start..).step_by(2).take(length) {
            *rest.next()? = digit(text[at])? << 4 | digit(text[at + 1])?;
        }
    }
    [8, 13, 18, 23].iter().all(|at| text[*at] == b'-').then_some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// The text of a GUID.
fn text_of(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    let mut rest = bytes.iter();
    for (start, length) in GROUPS {
        if start > 0 {
            text.push('-');
        }
        for byte in rest.by_ref().take(length) {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// An id is given back as it was.
        #[test]
        fn ids_are_given_back(
            id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-f]{12}|[0-9a-f-]{36}|.{0,40}",
        ) {
            let mut dimensions = Dimensions::default();
            let kept = CorrelationId::new(&id, &mut dimensions.strings);
            prop_assert_eq!(kept.text(&dimensions), crate::redact::redact(&id));
            let plain = id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
                && id.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f'));
            prop_assert_eq!(matches!(kept, CorrelationId::Guid(_)), plain);
        }
    }
}
