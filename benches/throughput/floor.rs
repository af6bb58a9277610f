//! The least that a reader of records could do: a typed parse of some fields, line by line.
//!
//! In: lines. Out: how many parsed.

use divan::black_box;

use crate::fields::Fields;
use crate::input::Input;

/// Parses every line and counts those that could be.
pub(crate) fn each<'i>(input: &'i Input, parse: impl Fn(&'i [u8]) -> Option<Fields<'i>>) -> usize {
    let mut start = 0;
    let mut parsed = 0;
    for end in memchr::memchr_iter(b'\n', &input.lines) {
        parsed += usize::from(black_box(parse(&input.lines[start..end])).is_some());
        start = end + 1;
    }
    assert!(
        parsed * 100 > input.records * 95,
        "only {parsed} of {} lines fit the floor's type",
        input.records
    );
    parsed
}
