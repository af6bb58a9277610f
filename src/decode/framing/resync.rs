//! Where the next record may begin after a break.

/// How to find the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resync {
    /// The next line that begins with `{` or `[`.
    Line,
    /// The end of this line.
    NextLine,
    /// Inside an array: the next `{"` behind `},`, or at the start of a line.
    Element,
    /// Inside an array, behind an element that is no object: the next `{"` behind `,` or `[`, or at
    /// the start of a line.
    Value,
    /// Nowhere.
    Never,
}

impl Resync {
    /// How far back a search may have to look when it goes on with more bytes.
    pub(super) const REACH: usize = 256;

    /// The length of what is to be passed over, at least `from`.
    pub(super) fn find(self, rest: &[u8], from: usize) -> Option<usize> {
        match self {
            Self::Never => None,
            Self::NextLine => memchr::memchr(b'\n', rest.get(from..)?).map(|at| from + at),
            Self::Line => {
                let behind = rest.get(from..)?;
                memchr::memchr_iter(b'\n', behind)
                    .map(|at| from + at + 1)
                    .find(|start| matches!(rest.get(*start), Some(b'{' | b'[')))
            }
            Self::Element | Self::Value => {
                let behind = rest.get(from..)?;
                let begins = |at: &usize| begins_element(rest, *at, self == Self::Value);
                memchr::memchr_iter(b'{', behind).map(|at| from + at).find(begins)
            }
        }
    }
}

/// Whether the `{` at `at` may begin an element: a key behind it, and before it `},` (or, behind a
/// plain value, any `,` or `[`) or a line's start.
fn begins_element(rest: &[u8], at: usize, behind_value: bool) -> bool {
    let Some((before, object)) = rest.split_at_checked(at) else { return false };
    let key = object.get(1..).unwrap_or_default().trim_ascii_start().first() == Some(&b'"');
    let line = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(&b'\n');
    let before = before.trim_ascii_end();
    let behind_comma = before.strip_suffix(b",").map(<[u8]>::trim_ascii_end);
    let behind = if behind_value {
        behind_comma.is_some() || before.ends_with(b"[")
    } else {
        behind_comma.is_some_and(|before| before.ends_with(b"}"))
    };
    key && (line || behind)
}
