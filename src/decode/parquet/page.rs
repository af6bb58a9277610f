//! The pages of one column chunk: found, checked, and decompressed one at a time.
//!
//! Input: the file and a [`Chunk`]. Output: [`Page`]: the levels of its values, and its values still
//! encoded, as bytes that the Parquet library is given behind a header of our own. A header's claims
//! are checked before anything is allocated for them. Must not decode values.

use std::cell::Cell;
use std::io::{Read, Seek, SeekFrom};
use std::rc::Rc;

use polars_buffer::Buffer;
use polars_parquet::parquet::compression::{Compression, DecompressionContext, decompress};

use super::fault::{Fault, catch};
use super::footer::{Chunk, Physical};
use super::header::{Content, Data, Header, V2, library_header};
use super::levels::levels;
use super::plan::Leaf;
use super::thrift::{Broken, Compact};
use super::{MAX_HELD_BYTES, MAX_PAGE_VALUES};

/// Largest header of a page: it may hold a lowest and a highest value.
const MAX_HEADER: usize = 1 << 20;

/// A file is read this many bytes at a time, or a page at a time.
const READ_BYTES: usize = 64 << 10;

/// A file that can be read from any place.
pub(super) trait File: Read + Seek {}

impl<F: Read + Seek> File for F {}

/// What a file may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes decompressed and texts handed out.
    pub(super) spent: u64,
    /// How many of these there may be.
    pub(super) allowed: u64,
    /// Bytes of the pages at hand.
    held: Rc<Cell<u64>>,
}

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(allowed: u64) -> Self {
        Self { spent: 0, allowed, held: Rc::default() }
    }

    /// Takes note of bytes that came of the file.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), Fault> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > self.allowed { Err(Fault::Expansion) } else { Ok(()) }
    }

    /// Takes note of bytes that are kept.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held, Fault> {
        let all = self.held.get() + bytes as u64;
        if all > MAX_HELD_BYTES {
            let bound = MAX_HELD_BYTES >> 20;
            return Err(Fault::unsupported(format!("pages of more than {bound} MiB side by side")));
        }
        self.held.set(all);
        Ok(Held { all: Rc::clone(&self.held), bytes: bytes as u64 })
    }
}

/// Bytes that are kept, until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    all: Rc<Cell<u64>>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.bytes));
    }
}

/// One page of values.
#[derive(Debug)]
pub(super) struct Page {
    /// Values, missing ones included.
    pub(super) values: usize,
    /// The definition level of each value; empty where none can be missing.
    pub(super) defined: Vec<u8>,
    /// The repetition level of each value; empty outside maps.
    pub(super) repeated: Vec<u8>,
    /// How many values are there.
    pub(super) dense: usize,
    /// What the library reads: the dictionary, if the page uses it, and the values, each behind its
    /// header, neither compressed nor with levels.
    pub(super) encoded: Buffer<u8>,
    _held: Held,
}

impl Page {
    /// Whether the page begins with a new row.
    pub(super) fn begins_row(&self) -> bool {
        self.repeated.first().is_none_or(|level| *level == 0)
    }
}

/// Reads the pages of a column chunk.
#[derive(Debug)]
pub(super) struct Pages {
    leaf: Leaf,
    codec: Compression,
    at: u64,
    end: u64,
    /// Values that the footer says are still to come.
    values_left: u64,
    /// A stretch of the file.
    window: Vec<u8>,
    window_at: u64,
    /// The dictionary, behind its header.
    dictionary: Option<(Vec<u8>, Held)>,
}

impl Pages {
    /// Begins a chunk of a file of `length` bytes.
    pub(super) fn new(leaf: Leaf, chunk: Chunk, length: u64) -> Result<Self, Fault> {
        let end = chunk.start.checked_add(chunk.bytes).filter(|end| *end <= length);
        Ok(Self {
            leaf,
            codec: codec(chunk.codec)?,
            at: chunk.start,
            end: end.ok_or(Fault::damaged("pages behind the end of the file"))?,
            values_left: chunk.values,
            window: Vec::new(),
            window_at: 0,
            dictionary: None,
        })
    }

    /// The next page that holds values; `None` behind the last.
    pub(super) fn next(&mut self, file: &mut dyn File, budget: &mut Budget) -> Result<Option<Page>, Fault> {
        while self.values_left > 0 {
            if self.window.len() > READ_BYTES {
                self.window = Vec::new();
            }
            let (header, length) = self.header(file)?;
            let body_at = self.at + length as u64;
            header.check(self.end - body_at)?;
            budget.spend(header.bytes as u64)?;
            self.at = body_at + header.stored as u64;
            match header.content {
                Content::Dictionary { .. } if self.dictionary.is_some() => {
                    return Err(Fault::damaged("two dictionaries in one column"));
                }
                Content::Dictionary { .. } => self.read_dictionary(file, body_at, &header, budget)?,
                Content::Other => {}
                Content::Data(data) => {
                    let page = self.read_data(file, body_at, &header, data, budget)?;
                    self.values_left = (self.values_left.checked_sub(page.values as u64))
                        .ok_or(Fault::damaged("more values than the footer says"))?;
                    if page.values > 0 {
                        return Ok(Some(page));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The header of the page at hand, and its length.
    fn header(&mut self, file: &mut dyn File) -> Result<(Header, usize), Fault> {
        let mut look = 512;
        loop {
            let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            let bytes = self.fetch(file, self.at, look.min(left))?;
            match Header::read(bytes) {
                Ok(found) => return Ok(found),
                Err(Broken::Cut) if look < left && look < MAX_HEADER => look *= 8,
                Err(_) => return Err(Fault::damaged("a page without a header")),
            }
        }
    }

    /// A stretch of the chunk, from the window if it is there.
    fn fetch(&mut self, file: &mut dyn File, at: u64, length: usize) -> Result<&[u8], Fault> {
        let inside = at.checked_sub(self.window_at).and_then(|start| usize::try_from(start).ok());
        let start = match inside {
            Some(start) if self.window.len().checked_sub(start) >= Some(length) => start,
            _ => {
                let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
                let wanted = length.max(READ_BYTES).min(left);
                if wanted < length {
                    return Err(Fault::damaged("a page behind the end of its column"));
                }
                self.window.resize(wanted, 0);
                // Should reading fail, nothing is at hand.
                self.window_at = u64::MAX;
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(&mut self.window)?;
                self.window_at = at;
                0
            }
        };
        self.window.get(start..start + length).ok_or(Fault::damaged("a page behind the end of its column"))
    }

    fn read_dictionary(
        &mut self,
        file: &mut dyn File,
        at: u64,
        header: &Header,
        budget: &Budget,
    ) -> Result<(), Fault> {
        let Content::Dictionary { values } = header.content else { return Ok(()) };
        let held = budget.hold(header.bytes)?;
        let codec = self.codec;
        let stored = self.fetch(file, at, header.stored)?;
        let plain = expand(codec, stored, header.bytes)?;
        let mut bytes = library_header(2, plain.len(), 7, &[values, 0])?;
        bytes.extend_from_slice(&plain);
        self.dictionary = Some((bytes, held));
        Ok(())
    }

    fn read_data(
        &mut self,
        file: &mut dyn File,
        at: u64,
        header: &Header,
        data: Data,
        budget: &Budget,
    ) -> Result<Page, Fault> {
        let values = usize::try_from(data.values).ok().filter(|values| *values <= MAX_PAGE_VALUES);
        let values = values
            .ok_or_else(|| Fault::unsupported(format!("a page of more than {MAX_PAGE_VALUES} values")))?;
        let held = budget.hold(header.bytes + 2 * values)?;
        let (leaf, codec) = (self.leaf, self.codec);
        let stored = self.fetch(file, at, header.stored)?;
        let (repeated, defined, encoded) = match data.v2 {
            Some(v2) => split_v2(codec, stored, header.bytes, v2)?,
            None => split_v1(&leaf, data, expand(codec, stored, header.bytes)?)?,
        };
        let broken = || Fault::damaged("levels that are none");
        let repeated = match leaf.entry {
            Some(_) => levels(&repeated, 1, values).ok_or_else(broken)?,
            None => Vec::new(),
        };
        let defined = match leaf.defined {
            0 => Vec::new(),
            max => levels(&defined, max, values).ok_or_else(broken)?,
        };
        let dense = if defined.is_empty() {
            values
        } else {
            defined.iter().filter(|level| **level == leaf.defined).count()
        };
        let encoded = self.encoded(data.encoding, dense, &encoded)?;
        Ok(Page { values, defined, repeated, dense, encoded, _held: held })
    }

    /// A page as the library reads it.
    fn encoded(&self, encoding: i64, dense: usize, values: &[u8]) -> Result<Buffer<u8>, Fault> {
        if dense == 0 {
            return Ok(Buffer::new());
        }
        check_encoding(self.leaf.physical, encoding, dense, values)?;
        let mut bytes = Vec::new();
        if matches!(encoding, 2 | 8) {
            let dictionary = self.dictionary.as_ref();
            let (dictionary, _) =
                dictionary.ok_or(Fault::damaged("values of a dictionary that is missing"))?;
            bytes.extend_from_slice(dictionary);
        }
        let dense = i64::try_from(dense).map_err(|_| Broken::Wrong)?;
        bytes.extend(library_header(0, values.len(), 5, &[dense, encoding, 3, 3])?);
        bytes.extend_from_slice(values);
        Ok(Buffer::from_vec(bytes))
    }
}

/// The codec of a number in the footer.
fn codec(number: i64) -> Result<Compression, Fault> {
    Ok(match number {
        0 => Compression::Uncompressed,
        1 => Compression::Snappy,
        2 => Compression::Gzip,
        3 => return Err(Fault::unsupported("the codec LZO")),
        4 => Compression::Brotli,
        5 => Compression::Lz4,
        6 => Compression::Zstd,
        7 => Compression::Lz4Raw,
        _ => return Err(Fault::unsupported(format!("a codec of the number {number}"))),
    })
}

/// Decompresses to exactly so many bytes.
fn expand(codec: Compression, stored: &[u8], bytes: usize) -> Result<Vec<u8>, Fault> {
    if codec == Compression::Uncompressed {
        return if stored.len() == bytes {
            Ok(stored.to_vec())
        } else {
            Err(Fault::damaged("a page of another size than it says"))
        };
    }
    let mut plain = vec![0; bytes];
    if bytes > 0 {
        catch(|| decompress(codec, stored, &mut plain, &mut DecompressionContext::Unset))?
            .map_err(|_| Fault::damaged("a page that cannot be decompressed"))?;
    }
    Ok(plain)
}

/// The parts of a page: repetition levels, definition levels, values.
type Parts = (Vec<u8>, Vec<u8>, Vec<u8>);

/// A page of the first form: all of it compressed, levels with their length before them.
fn split_v1(leaf: &Leaf, data: Data, page: Vec<u8>) -> Result<Parts, Fault> {
    let short = || Fault::damaged("levels longer than their page");
    let mut rest = page.as_slice();
    let mut take = |is: bool, encoding: i64| -> Result<Vec<u8>, Fault> {
        if !is {
            return Ok(Vec::new());
        }
        if encoding != 3 {
            return Err(Fault::unsupported("levels in the encoding BIT_PACKED"));
        }
        let (length, behind) = rest.split_first_chunk().ok_or_else(short)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (levels, behind) = behind.split_at_checked(length).ok_or_else(short)?;
        rest = behind;
        Ok(levels.to_vec())
    };
    let repeated = take(leaf.entry.is_some(), data.level_encodings.1)?;
    let defined = take(leaf.defined > 0, data.level_encodings.0)?;
    let values = if rest.len() == page.len() { page } else { rest.to_vec() };
    Ok((repeated, defined, values))
}

/// A page of the second form: levels as they are, values compressed.
fn split_v2(codec: Compression, stored: &[u8], bytes: usize, v2: V2) -> Result<Parts, Fault> {
    let short = || Fault::damaged("levels longer than their page");
    let (repeated, rest) = stored.split_at_checked(v2.repeated).ok_or_else(short)?;
    let (defined, rest) = rest.split_at_checked(v2.defined).ok_or_else(short)?;
    let bytes = bytes.checked_sub(v2.repeated + v2.defined).ok_or_else(short)?;
    // No values at all are not compressed either.
    let codec = if v2.compressed && !rest.is_empty() { codec } else { Compression::Uncompressed };
    let values = expand(codec, rest, bytes)?;
    Ok((repeated.to_vec(), defined.to_vec(), values))
}

/// Refuses encodings that are not read, or that the library would take at their word.
fn check_encoding(physical: Physical, encoding: i64, dense: usize, values: &[u8]) -> Result<(), Fault> {
    use Physical::{Boolean, Bytes, Double, Fixed, Float, Int32, Int64};
    match (encoding, physical) {
        (0, _) => Ok(()),
        (2 | 8, Boolean) => Err(Fault::damaged("flags of a dictionary")),
        // The first byte is the width of the indices.
        (2 | 8, _) if values.first().is_none_or(|width| *width > 32) => {
            Err(Fault::damaged("a dictionary's indices that are none"))
        }
        (2 | 8, _) | (3, Boolean) | (9, Float | Double | Int32 | Int64 | Fixed(_)) => Ok(()),
        (5, Int32 | Int64) | (6, Bytes) => check_delta(dense, values),
        (4, _) => Err(Fault::unsupported("the encoding BIT_PACKED")),
        (7, _) => Err(Fault::unsupported("the encoding DELTA_BYTE_ARRAY")),
        _ => Err(Fault::unsupported(format!("an encoding of the number {encoding} for its type"))),
    }
}

/// The head of delta-encoded numbers: the library reserves what it claims.
fn check_delta(dense: usize, values: &[u8]) -> Result<(), Fault> {
    let mut reader = Compact::new(values);
    let (block, parts, count) = (reader.unsigned()?, reader.unsigned()?, reader.unsigned()?);
    let sound = (1..=1 << 16).contains(&block) && (1..=block).contains(&parts) && count == dense as u64;
    if sound { Ok(()) } else { Err(Fault::damaged("delta-encoded values that do not add up")) }
}
