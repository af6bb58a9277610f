//! Cuts a large plain log into ranges, so that one file keeps every worker busy.
//!
//! A cut is made where a record seems to begin: behind `}` and a line end outside any container, behind `}`
//! and a comma inside the array of a wrapper, however the first record of the file shows. Whether it was one
//! is known when the range before it has been framed: its framer must stand at the cut where the next range
//! assumed to begin, with no frame that more bytes might have ended otherwise. Then the ranges frame as the
//! whole does, whatever rejects are in them. Ranges that do not fit are joined and read again, and if that
//! does not help, the file is read as a whole. Where the cuts are depends on the bytes alone, never on the
//! number of workers.
//!
//! A range is ingested under a name of its own; `Facts::join_ranges` gives the records back to
//! their blob and sets their line numbers right.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::carrier::is_text;
use crate::decode::compression::{Compression, sniff};
use crate::decode::framing::Standing;
use crate::decode::{Limits, first_record};
use crate::source::{Blob, BlobPlace};

/// Stored bytes of a range: small enough that no worker waits long for another's last one.
pub const RANGE_BYTES: u64 = 8 << 20;

/// Ranges that a file has at least; smaller files are read whole. One worker reads such a file in a quarter of a
/// second, and what it counts needs no tables of its own. Must not depend on anything but the file: its digest is
/// made of those of its ranges.
const LEAST_RANGES: u64 = 16;

/// How far a cut is looked for behind its place, and the first record from the start of the file.
pub(super) const SEARCH_BYTES: usize = 1 << 20;

/// Bytes behind the place of a cut that are searched, first the few in which most records end.
const NEAR_BYTES: [usize; 3] =
    if cfg!(test) { [32, 128, SEARCH_BYTES] } else { [4 << 10, 64 << 10, SEARCH_BYTES] };

/// A stretch of a blob: from one byte to another, or to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    /// Where a framer stands at its start.
    pub(super) begins: Standing,
    /// Where it must stand at its end; nothing is asked of the last range.
    pub(super) ends: Option<Standing>,
}

/// The range that is a whole blob.
pub(super) const WHOLE: Range = Range { start: 0, end: None, begins: Standing::TOP, ends: None };

/// The ranges of a blob, if it is one to cut. What cannot be read is left to the reader to report.
pub(super) fn ranges(blob: &Blob, range_bytes: u64, limits: Limits) -> Option<Vec<Range>> {
    let BlobPlace::File(path) = &blob.place else { return None };
    if blob.bytes < range_bytes.saturating_mul(LEAST_RANGES) {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let rule = Rule::of(&mut file, limits).ok()??;
    let mut cuts = vec![0];
    let mut next = range_bytes;
    while next + range_bytes <= blob.bytes {
        match rule.cut_behind(&mut file, next).ok()? {
            Some(cut) if cut < blob.bytes => {
                cuts.push(cut);
                next = cut + range_bytes;
            }
            _ => next += range_bytes,
        }
    }
    (cuts.len() > 1).then(|| rule.ranges(&cuts))
}

/// Joins every range that did not end where the next one began with that one; `fits` says of each whether it
/// did.
pub(super) fn joined(ranges: &[Range], fits: &[bool]) -> Vec<Range> {
    let mut joined: Vec<Range> = Vec::new();
    let mut open = false;
    for (range, fits) in ranges.iter().zip(fits) {
        match joined.last_mut().filter(|_| open) {
            Some(last) => (last.end, last.ends) = (range.end, range.ends.clone()),
            None => joined.push(range.clone()),
        }
        open = !fits;
    }
    joined
}

/// How the records of a file are told from what stands between them.
pub(super) struct Rule {
    /// Where a framer stands between two of them.
    standing: Standing,
    /// How one begins: its first byte outside containers; up to its first key inside of one.
    begin: Vec<u8>,
}

impl Rule {
    /// The rule that the first record of a file shows.
    fn of(file: &mut File, limits: Limits) -> io::Result<Option<Self>> {
        let mut start = vec![0; SEARCH_BYTES];
        let read = read_full(file, &mut start)?;
        start.truncate(read);
        Ok(Self::of_start(&start, limits))
    }

    /// The rule that the first record of a text shows, of which these are the first bytes.
    pub(super) fn of_start(start: &[u8], limits: Limits) -> Option<Self> {
        if sniff(start) != Compression::None || !is_text(start) {
            return None;
        }
        let (standing, record) = first_record(start, limits)?;
        let begin = if standing.is_top() { 1 } else { behind_first_key(&record) };
        let begin = record.get(..begin).filter(|begin| !begin.is_empty())?.to_vec();
        Some(Self { standing, begin })
    }

    /// Where a framer stands between two records.
    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The first cut in bytes.
    pub(super) fn cut(&self, bytes: &[u8]) -> Option<usize> {
        if self.standing.is_top() { self.line(bytes) } else { self.element(bytes) }
    }

    /// The first cut at or behind a place, if one is near.
    fn cut_behind(&self, file: &mut File, place: u64) -> io::Result<Option<u64>> {
        for most in NEAR_BYTES {
            file.seek(SeekFrom::Start(place))?;
            let mut bytes = vec![0; most];
            let read = read_full(file, &mut bytes)?;
            let bytes = bytes.get(..read).unwrap_or_default();
            let cut = self.cut(bytes);
            if cut.is_some() || read < most {
                return Ok(cut.map(|at| place + at as u64));
            }
        }
        Ok(None)
    }

    /// The first line that begins as records do, behind one that ends as records do.
    fn line(&self, bytes: &[u8]) -> Option<usize> {
        memchr::memchr_iter(b'\n', bytes).map(|at| at + 1).find(|at| {
            let before = bytes.get(..at - 1).unwrap_or_default();
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            before.ends_with(b"}") && bytes.get(*at) == self.begin.first()
        })
    }

    /// The first element that begins as records do, behind another object.
    fn element(&self, bytes: &[u8]) -> Option<usize> {
        memchr::memmem::find_iter(bytes, &self.begin).find(|at| {
            let before = bytes.get(..*at).unwrap_or_default().trim_ascii_end();
            before.strip_suffix(b",").is_some_and(|before| before.trim_ascii_end().ends_with(b"}"))
        })
    }

    fn ranges(&self, cuts: &[u64]) -> Vec<Range> {
        let range = |(at, start): (usize, &u64)| {
            let end = cuts.get(at + 1).copied();
            Range {
                start: *start,
                end,
                begins: if at == 0 { Standing::TOP } else { self.standing.clone() },
                ends: end.map(|_| self.standing.clone()),
            }
        };
        cuts.iter().enumerate().map(range).collect()
    }
}

/// The length of an object's head, up to the quote behind its first key; nothing where that is not near.
fn behind_first_key(object: &[u8]) -> usize {
    let mut quotes = memchr::memchr_iter(b'"', object);
    quotes.nth(1).map_or(0, |at| at + 1)
}

/// Reads until the buffer is full or the reader ends.
pub(super) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Opens a range of a blob.
pub(super) fn open(blob: &Blob, range: &Range) -> io::Result<Box<dyn Read>> {
    let path = match &blob.place {
        BlobPlace::File(path) if *range != WHOLE => path,
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
