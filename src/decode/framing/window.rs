//! The part of a blob that is in memory: a buffer that moves along, grows up to a bound, and knows
//! its place in the blob.

use std::io::{self, Read};

use super::resync::Resync;

/// Bytes read at a time. What was read is still in the processor's second cache when it is decoded, with the tables
/// that are looked up meanwhile; to read more at a time saves nothing.
pub(in crate::decode) const CHUNK: usize = 256 << 10;

/// Bytes read first; then as many as were read so far, up to a chunk. Small inputs come by the
/// million, one an event of a Capture file, and must not cost a chunk of zeros each.
const FIRST_CHUNK: usize = 16 << 10;

/// A moving window over a reader.
#[derive(Debug)]
pub(in crate::decode) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    position: usize,
    filled: usize,
    /// Offset in the blob of `buffer[0]`.
    base: u64,
    /// Offset in the blob at which the reader begins.
    start: u64,
    /// Line of `buffer[position]`, from 1.
    line: u64,
    /// Nothing but white space stands between the line's start and the position.
    line_start: bool,
    ended: bool,
    error: Option<io::Error>,
    max: usize,
    /// Bytes read at a time.
    chunk: usize,
}

impl<R: Read> Window<R> {
    /// An empty window, `base` bytes into the blob, that holds records of up to `max` bytes and
    /// reads `chunk` bytes at a time, at least one.
    pub(in crate::decode) fn new(reader: R, base: u64, max: usize, chunk: usize) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            position: 0,
            filled: 0,
            base,
            start: base,
            line: 1,
            line_start: true,
            ended: false,
            error: None,
            max,
            chunk: chunk.max(1),
        }
    }

    /// The bytes from the position on that are in memory, at least one unless the blob has ended.
    pub(in crate::decode) fn rest(&self) -> &[u8] {
        self.buffer.get(self.position..self.filled).unwrap_or_default()
    }

    /// The last `bytes` bytes before the position (before the end of its line, for a line).
    pub(super) fn behind(&self, bytes: u64) -> &[u8] {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let end = self.position;
        let start = end.saturating_sub(length);
        self.buffer.get(start..end).unwrap_or_default()
    }

    /// Offset of the position in the blob.
    pub(in crate::decode) fn offset(&self) -> u64 {
        self.base + self.position as u64
    }

    /// Line of the position, from 1.
    pub(in crate::decode) fn line_number(&self) -> u64 {
        self.line
    }

    /// Whether only white space stands before the position on its line.
    pub(super) fn at_line_start(&self) -> bool {
        self.line_start
    }

    /// Bytes read from the reader so far.
    pub(in crate::decode) fn bytes_read(&self) -> u64 {
        self.base + self.filled as u64 - self.start
    }

    /// The first bytes of the rest, as many as a record may have: how much was read beyond them
    /// depends on the reader, and nothing else may.
    pub(super) fn within_record(&self) -> &[u8] {
        let rest = self.rest();
        rest.get(..self.max).unwrap_or(rest)
    }

    /// Bytes read at a time.
    pub(super) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Whether the rest is longer than a record may be, and than a search for the next one needs.
    fn is_full(&self) -> bool {
        self.filled - self.position > self.max + 2 * Resync::REACH
    }

    /// Whether so many bytes are more than a record may have.
    pub(super) fn is_over(&self, length: u64) -> bool {
        length > self.max as u64
    }

    /// The reader's error, once everything before it is consumed.
    pub(in crate::decode) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Whether the reader has failed, so that the bytes at hand may be cut.
    pub(in crate::decode) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Reads on; false at the end of the blob or at an error. The position's bytes stay.
    pub(in crate::decode) fn more(&mut self) -> bool {
        if self.ended {
            return false;
        }
        if self.position > 0 {
            self.buffer.copy_within(self.position..self.filled, 0);
            self.base += self.position as u64;
            self.filled -= self.position;
            self.position = 0;
        }
        let first = FIRST_CHUNK.min(self.chunk);
        let chunk = usize::try_from(self.bytes_read()).unwrap_or(self.chunk).clamp(first, self.chunk);
        // A part of a chunk is worth a read: most blobs then never need a larger buffer than one.
        if self.buffer.len() - self.filled < chunk.div_ceil(2) {
            // Doubling, so that a long record is moved few times.
            self.buffer.resize((self.filled * 2).max(self.filled + chunk), 0);
        }
        self.fill(chunk)
    }

    /// One read of up to a chunk into the free part of the buffer.
    fn fill(&mut self, chunk: usize) -> bool {
        let end = self.buffer.len().min(self.filled + chunk);
        let free = self.buffer.get_mut(self.filled..end).unwrap_or_default();
        loop {
            match self.reader.read(free) {
                Ok(0) => break,
                Ok(read) => {
                    self.filled += read;
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        self.ended = true;
        false
    }

    /// Reads on until `length` bytes are at hand or the blob ends.
    pub(in crate::decode) fn ensure(&mut self, length: usize) {
        while self.rest().len() < length && self.more() {}
    }

    /// With a byte at hand that may begin a byte order mark, makes sure that the whole mark is;
    /// true when one is there.
    pub(super) fn ensure_mark(&mut self) -> bool {
        if self.rest().first() != Some(&0xef) {
            return false;
        }
        self.ensure(3);
        self.rest().starts_with(&[0xef, 0xbb, 0xbf])
    }

    /// Whether the blob begins with a byte order mark of UTF-16.
    pub(super) fn begins_utf16(&mut self) -> bool {
        if self.offset() != 0 {
            return false;
        }
        self.ensure(2);
        matches!(self.rest(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
    }

    /// Steps over a byte order mark, which does not count as text on its line.
    pub(super) fn consume_mark(&mut self) {
        self.position += 3;
    }

    /// Steps over `length` bytes at hand.
    pub(in crate::decode) fn consume(&mut self, length: usize) {
        let Some(bytes) = self.buffer.get(self.position..self.position + length) else { return };
        if length == 1 && bytes == b"\n" {
            self.line += 1;
            self.line_start = true;
        } else if length > 0 {
            self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
            let last =
                memchr::memrchr(b'\n', bytes).map_or(bytes, |at| bytes.get(at + 1..).unwrap_or_default());
            let inherited = self.line_start || last.len() < bytes.len();
            self.line_start = inherited && last.iter().all(u8::is_ascii_whitespace);
        }
        self.position += length;
    }

    /// Steps over what `skip` says, reading on as needed; says how many bytes.
    pub(super) fn skip(&mut self, skip: impl Fn(u8) -> bool) -> usize {
        let mut skipped = 0;
        loop {
            let length = self.rest().iter().take_while(|byte| skip(**byte)).count();
            self.consume(length);
            skipped += length;
            if !self.rest().is_empty() || !self.more() {
                return skipped;
            }
        }
    }

    /// The length of the line at the position without its line end; `None` when no line end comes
    /// within a chunk.
    pub(super) fn line(&mut self) -> Option<usize> {
        loop {
            let rest = self.rest();
            let within = rest.get(..self.chunk).unwrap_or(rest);
            if let Some(length) = memchr::memchr(b'\n', within) {
                return Some(length);
            }
            if rest.len() >= self.chunk {
                return None;
            }
            if self.ended {
                return Some(rest.len());
            }
            self.more();
        }
    }

    /// Steps over the text of a line, or an element without line ends, which becomes [`Self::behind`]; the rest
    /// of the line is left to the next call. Says where the line began, for [`Self::rewind`].
    pub(super) fn consume_line(&mut self, text: usize) -> (usize, u64) {
        let start = (self.position, self.line);
        self.position += text;
        self.line_start = false;
        start
    }

    /// Goes back to where a line or an element began.
    pub(super) fn rewind(&mut self, position: usize, line: u64, line_start: bool) {
        self.position = position;
        self.line = line;
        self.line_start = line_start;
    }

    /// Steps forward to the next place where a record may begin, `from` bytes ahead or later, or to
    /// the end. Says how many bytes that were, and whether they are still at hand.
    pub(super) fn discard_to(&mut self, from: usize, resync: Resync) -> (u64, bool) {
        let mut dropped = 0_u64;
        let mut from = from;
        loop {
            if let Some(length) = resync.find(self.rest(), from) {
                self.consume(length);
                return (dropped + length as u64, dropped == 0);
            }
            let rest = self.rest().len();
            if self.is_full() {
                // What the search may still need of the bytes at hand.
                let drop = rest.saturating_sub(2 * Resync::REACH);
                self.consume(drop);
                dropped += drop as u64;
                from = from.saturating_sub(drop);
            } else {
                from = from.max(rest.saturating_sub(Resync::REACH));
            }
            if !self.more() {
                let rest = self.rest().len();
                self.consume(rest);
                return (dropped + rest as u64, dropped == 0);
            }
        }
    }
}
