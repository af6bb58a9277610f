//! The headers of pages: read from the file, and written anew for the Parquet library.
//!
//! Input: bytes. Output: [`Header`], whose sizes [`Header::check`] has still to judge. Must not trust
//! a number: a negative size is no header.

use super::MAX_PAGE_BYTES;
use super::fault::Fault;
use super::thrift::{Broken, Compact, Kind, Parsed};

/// A page's own header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes once decompressed.
    pub(super) bytes: usize,
    /// Bytes in the file.
    pub(super) stored: usize,
    pub(super) content: Content,
}

/// What is in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Dictionary { values: i64 },
    Data(Data),
    Other,
}

/// What the header of a page of values says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) values: u64,
    pub(super) encoding: i64,
    /// Encodings of definition and repetition levels.
    pub(super) level_encodings: (i64, i64),
    pub(super) v2: Option<V2>,
}

/// What only pages of the second form say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct V2 {
    pub(super) defined: usize,
    pub(super) repeated: usize,
    pub(super) compressed: bool,
}

impl Header {
    /// Reads a header at the front of the bytes; also its length.
    pub(super) fn read(bytes: &[u8]) -> Parsed<(Self, usize)> {
        let mut reader = Compact::new(bytes);
        let (mut kind, mut plain, mut stored) = (None, None, None);
        let (mut data, mut dictionary) = (None, None);
        reader.fields(|reader, id, field| {
            match (id, field) {
                (1, Kind::Int) => kind = Some(reader.int()?),
                (2, Kind::Int) => plain = Some(reader.count()?),
                (3, Kind::Int) => stored = Some(reader.count()?),
                (5, Kind::Struct) => data = Some(Data::v1(reader)?),
                (7, Kind::Struct) => dictionary = Some(dictionary_values(reader)?),
                (8, Kind::Struct) => data = Some(Data::v2(reader)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let content = match kind.ok_or(Broken::Wrong)? {
            0 => Content::Data(data.filter(|data| data.v2.is_none()).ok_or(Broken::Wrong)?),
            3 => Content::Data(data.filter(|data| data.v2.is_some()).ok_or(Broken::Wrong)?),
            2 => Content::Dictionary { values: dictionary.ok_or(Broken::Wrong)? },
            _ => Content::Other,
        };
        let (bytes_, stored) = (plain.ok_or(Broken::Wrong)?, stored.ok_or(Broken::Wrong)?);
        Ok((Self { bytes: bytes_, stored, content }, bytes.len() - reader.rest().len()))
    }

    /// Refuses sizes that cannot be.
    pub(super) fn check(&self, left: u64) -> Result<(), Fault> {
        if self.stored as u64 > left {
            return Err(Fault::damaged("a page behind the end of its column"));
        }
        if self.bytes > MAX_PAGE_BYTES || self.stored > MAX_PAGE_BYTES {
            return Err(Fault::unsupported(format!("a page of more than {} MiB", MAX_PAGE_BYTES >> 20)));
        }
        match self.content {
            // Each value takes a byte at least; a text has its length before it.
            Content::Dictionary { values }
                if usize::try_from(values).is_ok_and(|values| values > self.bytes) =>
            {
                Err(Fault::damaged("a dictionary of more values than bytes"))
            }
            _ => Ok(()),
        }
    }
}

/// `DictionaryPageHeader`: its number of values.
fn dictionary_values(reader: &mut Compact<'_>) -> Parsed<i64> {
    let mut values = None::<u32>;
    reader.fields(|reader, id, kind| {
        let is = (id, kind) == (1, Kind::Int);
        if is {
            values = Some(reader.count()?);
        }
        Ok(is)
    })?;
    values.map(i64::from).ok_or(Broken::Wrong)
}

impl Data {
    /// `DataPageHeader`.
    fn v1(reader: &mut Compact<'_>) -> Parsed<Self> {
        let mut data = Self::default();
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Int) => data.values = reader.count()?,
                (2, Kind::Int) => data.encoding = reader.int()?,
                (3, Kind::Int) => data.level_encodings.0 = reader.int()?,
                (4, Kind::Int) => data.level_encodings.1 = reader.int()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(data)
    }

    /// `DataPageHeaderV2`.
    fn v2(reader: &mut Compact<'_>) -> Parsed<Self> {
        let mut data = Self::default();
        let mut v2 = V2 { defined: 0, repeated: 0, compressed: true };
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Int) => data.values = reader.count()?,
                (4, Kind::Int) => data.encoding = reader.int()?,
                (5, Kind::Int) => v2.defined = reader.count::<u32>()? as usize,
                (6, Kind::Int) => v2.repeated = reader.count::<u32>()? as usize,
                (7, Kind::Bool(compressed)) => v2.compressed = compressed,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        data.v2 = Some(v2);
        Ok(data)
    }
}

/// A page header for the library: its fields 1 to 3 (type, size, stored size) and, as the struct
/// `inner`, numbers from field 1 on.
pub(super) fn library_header(kind: i64, size: usize, inner: u8, numbers: &[i64]) -> Result<Vec<u8>, Fault> {
    let size = i64::from(i32::try_from(size).map_err(|_| Fault::damaged("a page too large"))?);
    let mut bytes = Vec::with_capacity(64);
    let int = |number: i64, bytes: &mut Vec<u8>| {
        // Field one behind the last, an `i32`.
        bytes.push(0x15);
        let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
        while rest >= 0x80 {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push((rest & 0x7f) as u8);
    };
    for number in [kind, size, size] {
        int(number, &mut bytes);
    }
    bytes.push((inner - 3) << 4 | 0x0c);
    for number in numbers {
        int(*number, &mut bytes);
    }
    bytes.extend([0, 0]);
    Ok(bytes)
}
