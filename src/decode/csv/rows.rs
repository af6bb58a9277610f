//! Cuts a CSV into rows, in bounded memory, and finds back to them after damage.
//!
//! Input: decompressed bytes. Output: each data row with the header that it stands under, and each
//! stretch that is none. Must not read cells.
//!
//! A quote that is never closed would take the rest of the blob into one row. A row ends at the
//! longest record allowed, and a broken row is looked into: it ends where the next whole row begins
//! on a line of its own. Looking is paid from an account that fills with the bytes passed, so that
//! no input makes the work more than linear; when it is empty, the whole stretch is one reject.

use std::io::{self, Read};

use super::cells::{Cell, End, Extent, Scanner};
use super::header::{self, Header, MOST_COLUMNS};
use crate::decode::framing::window::{CHUNK, Window};
use crate::decode::resource_log::Refusal;
use crate::decode::{Place, Reason, Totals};

/// Bytes within which the header must end.
const HEAD: usize = 2 << 20;

/// Bytes that may be looked at again for each byte passed.
const LOOKS: u64 = 8;

/// A line end beyond the longest record, and one byte that shows it is longer.
const BEYOND: usize = 3;

/// One thing found.
#[derive(Debug)]
pub(super) enum Found {
    /// A row with as many fields as its header; its bytes are [`Rows::bytes`].
    Row(Place),
    /// No row, and why; its bytes are [`Rows::bytes`], as far as they are still at hand.
    Broken(Place, Refusal),
}

/// A CSV, row by row.
#[derive(Debug)]
pub(super) struct Rows<R> {
    window: Window<R>,
    scanner: Scanner,
    header: Header,
    max: usize,
    /// What ends a line: `\n`, or `\r` in files that know no other.
    line_end: u8,
    /// Line ends passed, where they are `\r`.
    returns: u64,
    /// Bytes that may still be looked at again.
    spare: u64,
    blank: u64,
    /// Bytes of what was found last, with and without its line end.
    length: usize,
    content: usize,
}

impl<R: Read> Rows<R> {
    /// Opens a CSV with records of up to `max` bytes and reads its header, or says why there is none:
    /// then only [`Self::drain`] makes sense.
    pub(super) fn open(reader: R, max: usize) -> (Self, Option<Refusal>) {
        let mut rows = Self {
            window: Window::new(reader, 0, max, CHUNK),
            scanner: Scanner::new(b',', 0),
            header: Header::empty(),
            max,
            line_end: b'\n',
            returns: 0,
            spare: (max as u64).saturating_mul(4),
            blank: 0,
            length: 0,
            content: 0,
        };
        let refusal = rows.find_header().err();
        (rows, refusal)
    }

    fn find_header(&mut self) -> Result<(), Refusal> {
        self.window.ensure(HEAD);
        let head = self.window.rest();
        if header::is_utf16(head) {
            return Err((Reason::NotJson, Some("UTF-16 text: convert it to UTF-8 first".into())));
        }
        let whole = head.len() < HEAD;
        let head = head.get(..head.len().min(HEAD)).unwrap_or_default();
        let Some(found) = header::find(head, whole, false) else {
            let nul = memchr::memchr(0, head).is_some();
            let reason = if nul { Reason::NulBytes } else { Reason::InvalidCsv };
            return Err((reason, Some("no header row with the columns of a log".into())));
        };
        let end = found.before + found.extent.length;
        if head.get(..end).is_some_and(|head| head.ends_with(b"\r")) {
            self.line_end = b'\r';
        }
        self.scanner = Scanner::new(found.delimiter, found.header.fields);
        self.header = found.header;
        self.blank += found.lines + 1;
        self.consume(end);
        Ok(())
    }

    /// The header of the row found last.
    pub(super) fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes of what was found last.
    pub(super) fn bytes(&self) -> &[u8] {
        self.window.rest().get(..self.content).unwrap_or_default()
    }

    /// The cells of the row found last.
    pub(super) fn cells(&self) -> &[Cell] {
        self.scanner.cells()
    }

    /// What was read so far.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            bytes: self.window.bytes_read(),
            line_ends: self.line() - 1,
            blank: self.blank,
            ..Totals::default()
        }
    }

    /// Line of the position, from 1.
    fn line(&self) -> u64 {
        if self.line_end == b'\n' { self.window.line_number() } else { self.returns + 1 }
    }

    /// The place of the next `bytes` bytes.
    fn place(&self, bytes: usize) -> Place {
        Place { offset: self.window.offset(), line: self.line(), bytes: bytes as u64 }
    }

    /// Steps over bytes at hand.
    fn consume(&mut self, length: usize) {
        if self.line_end == b'\r' {
            let bytes = self.window.rest().get(..length).unwrap_or_default();
            self.returns += memchr::memchr_iter(b'\r', bytes).count() as u64;
        }
        self.window.consume(length);
        self.spare = self.spare.saturating_add(LOOKS * length as u64);
    }

    /// Reads to the end without looking, for a blob that is refused as a whole, and says where it
    /// stands: no line of it counts as blank.
    ///
    /// # Errors
    /// When the reader fails.
    pub(super) fn drain(&mut self) -> (Place, io::Result<()>) {
        loop {
            self.consume(self.window.rest().len());
            if !self.window.more() {
                break;
            }
        }
        self.blank = 0;
        let place = Place { offset: 0, line: 1, bytes: self.window.offset() };
        (place, self.window.take_error().map_or(Ok(()), Err))
    }

    /// The next row or stretch that is none; `None` at the end.
    ///
    /// # Errors
    /// When the reader fails. Bytes that were already read are cut into rows first.
    pub(super) fn advance(&mut self) -> io::Result<Option<Found>> {
        self.consume(self.length);
        (self.length, self.content) = (0, 0);
        loop {
            if self.window.rest().is_empty() && !self.window.more() {
                return self.window.take_error().map_or(Ok(None), Err);
            }
            let extent = self.scan(0, self.max.saturating_add(BEYOND));
            if self.is_blank(0, &extent) || self.take_header(&extent) {
                self.blank += 1;
                self.consume(extent.length);
                continue;
            }
            let place = self.place(extent.content);
            let Some(refusal) = self.refusal(0, &extent) else {
                (self.length, self.content) = (extent.length, extent.content);
                return Ok(Some(Found::Row(place)));
            };
            return Ok(Some(self.broken(place, &extent, refusal)));
        }
    }

    /// Scans the row that begins `from` bytes ahead, over at most `most` bytes.
    fn scan(&mut self, from: usize, most: usize) -> Extent {
        self.scanner.restart();
        let limit = from.saturating_add(most);
        loop {
            let rest = self.window.rest();
            let end = rest.len().min(limit);
            let row = rest.get(from..end).unwrap_or_default();
            if let Some(extent) = self.scanner.feed(row) {
                return extent;
            }
            if end == limit {
                return self.scanner.finish(row, End::Limit);
            }
            if !self.window.more() {
                // Reading on may have moved the bytes, not changed them.
                let row = self.window.rest().get(from..end).unwrap_or_default();
                return self.scanner.finish(row, End::Blob);
            }
        }
    }

    /// The bytes of a row that begins `from` bytes ahead.
    fn row(&self, from: usize, extent: &Extent) -> &[u8] {
        self.window.rest().get(from..from + extent.content).unwrap_or_default()
    }

    /// Whether a row that was just scanned holds nothing: an empty line, or a row of empty cells as
    /// spreadsheets leave them at the end.
    fn is_blank(&self, from: usize, extent: &Extent) -> bool {
        let nothing =
            |byte: &u8| *byte == self.scanner.delimiter || *byte == b'"' || byte.is_ascii_whitespace();
        extent.end != End::Limit
            && !extent.open
            && extent.misplaced.is_none()
            && self.row(from, extent).iter().all(nothing)
            && self.scanner.cells().iter().all(|cell| !cell.escaped)
    }

    /// Takes the row that was just scanned for the header of what follows, if it is one: files of
    /// one kind are often put together.
    fn take_header(&mut self, extent: &Extent) -> bool {
        let header = self.read_header(0, extent);
        let Some(header) = header else { return false };
        self.scanner.keep = header.fields;
        self.header = header;
        true
    }

    /// Reads a row that was just scanned as a header.
    fn read_header(&mut self, from: usize, extent: &Extent) -> Option<Header> {
        let may_be = extent.end != End::Limit && !extent.open && extent.misplaced.is_none();
        if !may_be || !self.header.may_be_in(self.row(from, extent)) {
            return None;
        }
        if extent.fields > self.scanner.keep && extent.fields <= MOST_COLUMNS {
            let keep = std::mem::replace(&mut self.scanner.keep, extent.fields);
            self.scan(from, extent.length);
            self.scanner.keep = keep;
        }
        Header::read(self.row(from, extent), &self.scanner, extent, false)
    }

    /// Why a row that was just scanned is none.
    fn refusal(&self, from: usize, extent: &Extent) -> Option<Refusal> {
        let cut = extent.end == End::Blob;
        let fields = self.header.fields;
        if extent.content > self.max {
            Some((Reason::TooLong, None))
        } else if memchr::memchr(0, self.row(from, extent)).is_some() {
            Some((Reason::NulBytes, None))
        } else if extent.open {
            Some((Reason::Truncated, Some("a quoted field is not closed".into())))
        } else if let Some(field) = extent.misplaced {
            Some((Reason::InvalidCsv, Some(format!("text behind the closing quote of field {field}"))))
        } else if extent.fields != fields {
            let reason = if cut && extent.fields < fields { Reason::Truncated } else { Reason::InvalidCsv };
            Some((reason, Some(format!("{} fields where the header has {fields}", extent.fields))))
        } else if cut && self.window.has_failed() {
            Some((Reason::Truncated, None))
        } else {
            None
        }
    }

    /// A row that is none: it ends where the next whole row begins, or where the scan did.
    fn broken(&mut self, place: Place, extent: &Extent, refusal: Refusal) -> Found {
        let framed_right = !extent.open && extent.misplaced.is_none() && extent.fields == self.header.fields;
        let next = if framed_right { None } else { self.next_row(extent) };
        if let Some(next) = next {
            let stretch = self.window.rest().get(..next).unwrap_or_default();
            let content = stretch.strip_suffix(&[self.line_end]).unwrap_or(stretch);
            let content =
                if self.line_end == b'\n' { content.strip_suffix(b"\r").unwrap_or(content) } else { content };
            (self.length, self.content) = (next, content.len());
            let refusal = match refusal {
                // It was neither cut by the blob's end nor is it long.
                (Reason::Truncated | Reason::TooLong, _) if extent.open => {
                    (Reason::InvalidCsv, Some("a quoted field is not closed".into()))
                }
                other => other,
            };
            return Found::Broken(Place { bytes: self.content as u64, ..place }, refusal);
        }
        if extent.end == End::Limit {
            let bytes = self.skip_line(extent.length);
            return Found::Broken(Place { bytes, ..place }, refusal);
        }
        (self.length, self.content) = (extent.length, extent.content);
        Found::Broken(place, refusal)
    }

    /// The first line within a broken row, after its first, that begins a whole row.
    fn next_row(&mut self, extent: &Extent) -> Option<usize> {
        let scanned = extent.length;
        let mut from = 0;
        loop {
            let rest = self.window.rest().get(from..scanned)?;
            from += memchr::memchr(self.line_end, rest)? + 1;
            let most = usize::try_from(self.spare).unwrap_or(usize::MAX).min(self.max.saturating_add(BEYOND));
            if from >= scanned || most == 0 {
                return None;
            }
            let inner = self.scan(from, most);
            self.spare -= inner.length as u64;
            let whole = inner.end != End::Limit && !self.is_blank(from, &inner);
            if whole && (self.refusal(from, &inner).is_none() || self.read_header(from, &inner).is_some()) {
                // What lies behind will be scanned again.
                self.spare = self.spare.checked_sub((scanned - from) as u64)?;
                return Some(from);
            }
        }
    }

    /// Steps over a row of which `scanned` bytes are too long already, to the end of its line. Says
    /// how many bytes it has.
    fn skip_line(&mut self, scanned: usize) -> u64 {
        let mut from = scanned.saturating_sub(1);
        let mut skipped = 0;
        loop {
            let rest = self.window.rest();
            if let Some(length) = memchr::memchr(self.line_end, rest.get(from..).unwrap_or_default()) {
                self.consume(from + length + 1);
                return skipped + (from + length) as u64;
            }
            let length = rest.len();
            self.consume(length);
            skipped += length as u64;
            from = 0;
            if !self.window.more() {
                return skipped;
            }
        }
    }
}
