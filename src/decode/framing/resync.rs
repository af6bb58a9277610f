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
    /// Inside the rows of a table: the next `[` behind `],`, or at the start of a line.
    Row,
    /// Nowhere.
    Never,
}

impl Resync {
    /// How far before and behind a place is looked to judge it. A search that goes on with more
    /// bytes looks again at this many, with as many before them.
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
            Self::Element => {
                let behind = rest.get(from..)?;
                memchr::memchr_iter(b'{', behind).map(|at| from + at).find(|at| begins_element(rest, *at))
            }
            Self::Row => {
                let behind = rest.get(from..)?;
                let begins = |at: &usize| is_behind(rest, *at, b']');
                memchr::memchr_iter(b'[', behind).map(|at| from + at).find(begins)
            }
        }
    }
}

/// Whether the `{` at `at` may begin an element: a key behind it, and before it `},` or a line's
/// start.
fn begins_element(rest: &[u8], at: usize) -> bool {
    let behind = rest.get(at + 1..).unwrap_or_default();
    let near = behind.get(..Resync::REACH - 1).unwrap_or(behind);
    let key = near.trim_ascii_start().first() == Some(&b'"');
    key && is_behind(rest, at, b'}')
}

/// Whether at `at` an element may begin: behind another's closing bracket and a comma, or at the
/// start of a line, as far as the reach of a search shows.
fn is_behind(rest: &[u8], at: usize, closing: u8) -> bool {
    let before = rest.get(at.saturating_sub(Resync::REACH)..at).unwrap_or_default();
    let line = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(&b'\n');
    let element = before
        .trim_ascii_end()
        .strip_suffix(b",")
        .is_some_and(|before| before.trim_ascii_end().last() == Some(&closing));
    line || element
}
