//! The values inside a block: read what is wanted, step over the rest.
//!
//! Input: the decompressed bytes of a block, as a stream. Output: numbers and lengths, or a
//! [`Fault`]. Must not believe a claimed count or length: memory and time follow the bytes that are
//! really there.

use std::io::{self, BufRead, Read};

use super::super::Reason;
use super::super::compression::ExpansionLimit;
use super::schema::Item;

/// Why no more of a block can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its bytes end before its events do.
    Ended,
    /// Something is wrong in it.
    Bad(Reason, &'static str),
}

impl Fault {
    /// Bytes that no writer of Avro writes.
    pub(super) const fn damaged(why: &'static str) -> Self {
        Self::Bad(Reason::DamagedAvro, why)
    }

    /// The reason and its detail, for a stretch that is cut short or not.
    pub(super) fn told(self, cut: bool) -> (Reason, &'static str) {
        match self {
            Self::Bad(Reason::ExpansionLimit, why) => (Reason::ExpansionLimit, why),
            _ if cut => (Reason::Truncated, "the file ends inside it"),
            Self::Ended => (Reason::DamagedAvro, "it ends before its events do"),
            Self::Bad(reason, why) => (reason, why),
        }
    }
}

impl From<io::Error> for Fault {
    /// What a decompressor says. (Errors of the blob's own reader never come this way: the window
    /// keeps them.)
    fn from(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<ExpansionLimit>()) {
            Self::Bad(Reason::ExpansionLimit, "it expands too far; raise --max-expansion if it is trusted")
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Ended
        } else {
            Self::damaged("its compressed data are damaged")
        }
    }
}

/// One `int` or `long`: a zigzag number in groups of seven bits, the lowest first.
pub(super) fn long(input: &mut dyn BufRead) -> Result<i64, Fault> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *input.fill_buf()?.first().ok_or(Fault::Ended)?;
        input.consume(1);
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    Err(Fault::damaged("a number in it is longer than ten bytes"))
}

/// The length that goes before `bytes` and `string`.
pub(super) fn length(input: &mut dyn BufRead) -> Result<u64, Fault> {
    u64::try_from(long(input)?).map_err(|_| Fault::damaged("a length in it is below zero"))
}

/// Appends so many bytes to `bytes`, which grows with what is there and not with what is claimed.
pub(super) fn take(input: &mut dyn BufRead, length: u64, bytes: &mut Vec<u8>) -> Result<(), Fault> {
    let read = input.take(length).read_to_end(bytes)?;
    if read as u64 == length { Ok(()) } else { Err(Fault::Ended) }
}

/// Steps over so many bytes.
pub(super) fn pass(input: &mut dyn BufRead, mut length: u64) -> Result<(), Fault> {
    while length > 0 {
        let at_hand = input.fill_buf()?.len();
        if at_hand == 0 {
            return Err(Fault::Ended);
        }
        let step = usize::try_from(length).unwrap_or(usize::MAX).min(at_hand);
        input.consume(step);
        length -= step as u64;
    }
    Ok(())
}

/// Steps over one value. Every item is at least a byte long (see [`Item`]), so that no claimed
/// count costs more than the bytes behind it.
pub(super) fn skip(item: &Item, input: &mut dyn BufRead) -> Result<(), Fault> {
    match item {
        Item::Long => long(input).map(|_| ()),
        Item::Sized => {
            let length = length(input)?;
            pass(input, length)
        }
        Item::Fixed(length) => pass(input, *length),
        Item::Record(items) => items.iter().try_for_each(|item| skip(item, input)),
        Item::Array(item) => skip_array(item.as_deref(), input),
        Item::Union(variants) => match variant(variants, input)? {
            Some(item) => skip(item, input),
            None => Ok(()),
        },
    }
}

/// Steps over an array or a map: blocks of items, up to a block of none. A count below zero is
/// followed by the block's length in bytes. Items of no bytes at all (`None`) are not counted out.
fn skip_array(item: Option<&Item>, input: &mut dyn BufRead) -> Result<(), Fault> {
    loop {
        let count = long(input)?;
        if count == 0 {
            return Ok(());
        } else if count < 0 {
            let length = length(input)?;
            pass(input, length)?;
        } else if let Some(item) = item {
            for _ in 0..count {
                skip(item, input)?;
            }
        }
    }
}

/// The variant of a union that comes next.
pub(super) fn variant<'v, T>(variants: &'v [T], input: &mut dyn BufRead) -> Result<&'v T, Fault> {
    let index = long(input)?;
    usize::try_from(index)
        .ok()
        .and_then(|index| variants.get(index))
        .ok_or(Fault::damaged("a union in it has no such variant"))
}
