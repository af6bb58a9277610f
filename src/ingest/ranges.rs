//! Cuts a large plain log into ranges, so that one file keeps every worker busy.
//!
//! A cut is made only between two lines where one object ends and another begins (`}`, line end,
//! `{`), and only in files whose first line is a record, so the lines of a range frame as they would
//! in the whole file. Where a range turns out to hold anything else (a broken line, a container), the
//! file is read again as a whole. Where the cuts are depends on the bytes alone, never on the number
//! of workers.
//!
//! A range is ingested under a name of its own; `Facts::join_ranges` gives the records back to
//! their blob and sets their line numbers right.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::decode::compression::{Compression, sniff};
use crate::decode::resource_log;
use crate::record::Record;
use crate::source::{Blob, BlobPlace};

/// Stored bytes of a range. Files under twice this are read whole.
pub const RANGE_BYTES: u64 = 64 << 20;

/// How far a cut is looked for behind its place.
const SEARCH_BYTES: usize = 1 << 20;

/// A stretch of a blob: from one byte to another, or to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: Option<u64>,
}

/// The range that is a whole blob.
pub(super) const WHOLE: Range = Range { start: 0, end: None };

/// The ranges of a blob, if it is one to cut. What cannot be read is left to the reader to report.
pub(super) fn ranges(blob: &Blob, range_bytes: u64) -> Option<Vec<Range>> {
    let BlobPlace::File(path) = &blob.place else { return None };
    if blob.bytes < range_bytes.saturating_mul(2) {
        return None;
    }
    let mut file = File::open(path).ok()?;
    if !begins_with_a_record(&mut file).ok()? {
        return None;
    }
    let mut cuts = vec![0];
    let mut next = range_bytes;
    while next + range_bytes <= blob.bytes {
        match cut_behind(&mut file, next).ok()? {
            Some(cut) => {
                cuts.push(cut);
                next = cut + range_bytes;
            }
            None => next += range_bytes,
        }
    }
    if cuts.len() == 1 {
        return None;
    }
    let ends = cuts.iter().skip(1).copied().map(Some).chain([None]);
    Some(cuts.iter().zip(ends).map(|(start, end)| Range { start: *start, end }).collect())
}

/// Whether the first line of a file is a record of some log: JSON Lines.
fn begins_with_a_record(file: &mut File) -> io::Result<bool> {
    let mut start = vec![0; SEARCH_BYTES];
    let read = read_full(file, &mut start)?;
    let start = start.get(..read).unwrap_or_default();
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let line = memchr::memchr(b'\n', text).and_then(|end| text.get(..end)).unwrap_or_default();
    Ok(sniff(start) == Compression::None
        && resource_log::decode(line.trim_ascii(), &mut Record::default()).is_ok())
}

/// The first cut at or behind a place, if one is near.
fn cut_behind(file: &mut File, place: u64) -> io::Result<Option<u64>> {
    file.seek(SeekFrom::Start(place))?;
    let mut bytes = vec![0; SEARCH_BYTES];
    let read = read_full(file, &mut bytes)?;
    let bytes = bytes.get(..read).unwrap_or_default();
    let cut = memchr::memchr_iter(b'\n', bytes).find(|at| {
        let before = bytes.get(..*at).unwrap_or_default();
        let before = before.strip_suffix(b"\r").unwrap_or(before);
        before.ends_with(b"}") && bytes.get(at + 1) == Some(&b'{')
    });
    Ok(cut.map(|at| place + at as u64 + 1))
}

/// Reads until the buffer is full or the file ends.
fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Opens a range of a blob.
pub(super) fn open(blob: &Blob, range: Range) -> io::Result<Box<dyn Read>> {
    let path = match &blob.place {
        BlobPlace::File(path) if range != WHOLE => path,
        // A pipe can be named too, and cannot seek.
        _ => return blob.open(),
    };
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    Ok(match range.end {
        Some(end) => Box::new(file.take(end - range.start)),
        None => Box::new(file),
    })
}
