//! Pieces of a compressed blob: one worker decompresses it and cuts it, all of them decode.
//!
//! A cut is a guess, as those of plain files are, and is proved as theirs are (see [`super::ranges`]). What
//! cannot be cut, what cannot be decompressed to its end, and what does not fit together is read as a whole by
//! one worker, so that damage is told as if nothing had been cut.
//!
//! Input: a compressed blob. Output: its decompressed bytes, piece by piece, to whoever has nothing else to do.
//! Must hold no more than some pieces for each worker.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Task;
use super::ranges::{Range, Rule, SEARCH_BYTES, read_full};
use crate::decode::Limits;
use crate::decode::framing::Standing;

/// Decompressed bytes of a piece, of a range's: small, as each worker holds some.
const PIECES_OF_RANGE: u64 = 4;

/// Pieces that wait for each worker at most.
const WAITING: usize = 2;

/// Bytes that a reader fills; it keeps its length, so that no byte is cleared twice.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl Buffer {
    /// What was read.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Reads until so many bytes are there; false at the end of the reader.
    fn fill(&mut self, reader: &mut impl Read, most: usize) -> io::Result<bool> {
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        let Some(rest) = self.bytes.get_mut(self.filled..most) else { return Ok(true) };
        let (wanted, read) = (rest.len(), read_full(reader, rest)?);
        self.filled += read;
        Ok(read == wanted)
    }

    /// Moves what stands behind a place to another buffer, which is emptied before.
    fn split_to(&mut self, at: usize, other: &mut Self) {
        let rest = self.bytes.get(at..self.filled).unwrap_or_default();
        if other.bytes.len() < rest.len() {
            other.bytes.resize(rest.len(), 0);
        }
        if let Some(to) = other.bytes.get_mut(..rest.len()) {
            to.copy_from_slice(rest);
        }
        (other.filled, self.filled) = (rest.len(), at);
    }
}

/// Cuts what a reader gives.
pub(super) struct Cutter<R> {
    reader: R,
    rule: Rule,
    piece_bytes: usize,
    /// What was read behind the last cut.
    next: Buffer,
    offset: u64,
    ended: bool,
}

impl<R: Read> Cutter<R> {
    /// One that cuts into pieces of a quarter of a range, more or less. None where the first bytes do not show how.
    ///
    /// # Errors
    /// What the reader reports.
    pub(super) fn new(mut reader: R, range_bytes: u64, limits: Limits) -> io::Result<Option<Self>> {
        let piece_bytes = usize::try_from((range_bytes / PIECES_OF_RANGE).max(1)).unwrap_or(usize::MAX);
        let mut next = Buffer::default();
        let ended = !next.fill(&mut reader, SEARCH_BYTES)?;
        let rule = Rule::of_start(next.filled(), limits);
        Ok(rule.map(|rule| Self { reader, rule, piece_bytes, next, offset: 0, ended }))
    }

    /// The next piece in a buffer, and the range that it is; none at the end. `room` is filled next.
    ///
    /// # Errors
    /// What the reader reports, and where no cut is near.
    pub(super) fn next(&mut self, mut room: Buffer) -> io::Result<Option<(Buffer, Range)>> {
        if self.ended && self.next.filled == 0 {
            return Ok(None);
        }
        let cut = self.cut()?;
        self.next.split_to(cut.unwrap_or(self.next.filled), &mut room);
        let piece = std::mem::replace(&mut self.next, room);
        let start = self.offset;
        self.offset += piece.filled as u64;
        let standing = |is_known: bool| is_known.then(|| self.rule.standing().clone());
        let range = Range {
            start,
            end: cut.map(|_| self.offset),
            begins: standing(start > 0).unwrap_or(Standing::TOP),
            ends: standing(cut.is_some()),
        };
        Ok(Some((piece, range)))
    }

    /// Where to cut what comes next; none where it is the last piece.
    fn cut(&mut self) -> io::Result<Option<usize>> {
        let mut most = self.piece_bytes;
        loop {
            // A cut needs what stands behind it.
            most += (SEARCH_BYTES / 16).min(self.piece_bytes);
            self.ended = self.ended || !self.next.fill(&mut self.reader, most)?;
            let behind = self.next.filled().get(self.piece_bytes..).unwrap_or_default();
            if let Some(at) = self.rule.cut(behind) {
                return Ok(Some(self.piece_bytes + at));
            }
            if self.ended {
                return Ok(None);
            }
            if behind.len() > SEARCH_BYTES {
                return Err(io::Error::other("no cut is near"));
            }
        }
    }
}

/// A piece that waits to be decoded.
pub(super) struct Piece<'b> {
    /// The range that it is.
    pub(super) task: Task<'b>,
    pub(super) buffer: Buffer,
}

/// Pieces that wait, and how many blobs are still being cut.
#[derive(Default)]
struct State<'b> {
    waiting: VecDeque<Piece<'b>>,
    /// Blobs whose pieces may still come.
    unfinished: usize,
    /// Buffers of pieces that were decoded.
    emptied: Vec<Buffer>,
}

/// What all workers share.
pub(super) struct Pieces<'b> {
    state: Mutex<State<'b>>,
    changed: Condvar,
    most: usize,
}

impl<'b> Pieces<'b> {
    /// None yet, of so many blobs that may be cut for so many workers.
    pub(super) fn new(blobs: usize, workers: usize) -> Self {
        let state = State { unfinished: blobs, ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new(), most: workers * WAITING }
    }

    fn state(&self) -> MutexGuard<'_, State<'b>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer that can be filled.
    pub(super) fn room(&self) -> Buffer {
        self.state().emptied.pop().unwrap_or_default()
    }

    /// Takes back a buffer.
    pub(super) fn give_back(&self, buffer: Buffer) {
        self.state().emptied.push(buffer);
    }

    /// Has a piece decoded by somebody; gives it back where enough of them wait.
    pub(super) fn offer(&self, piece: Piece<'b>) -> Option<Piece<'b>> {
        let mut state = self.state();
        if state.waiting.len() >= self.most {
            return Some(piece);
        }
        state.waiting.push_back(piece);
        drop(state);
        self.changed.notify_one();
        None
    }

    /// A piece that waits, if there is one: of that blob, if there is one.
    pub(super) fn take(&self, blob: Option<&str>) -> Option<Piece<'b>> {
        taken(&mut self.state().waiting, blob)
    }

    /// The next piece, waited for; none when no more can come.
    pub(super) fn wait(&self, blob: Option<&str>) -> Option<Piece<'b>> {
        let mut state = self.state();
        loop {
            if let Some(piece) = taken(&mut state.waiting, blob) {
                return Some(piece);
            }
            if state.unfinished == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What notes, when it is dropped, that of one blob no more pieces come.
    pub(super) fn finishing(&self) -> Finishing<'_, 'b> {
        Finishing(self)
    }
}

/// See [`Pieces::finishing`]. A worker that fails must not leave the others waiting.
pub(super) struct Finishing<'p, 'b>(&'p Pieces<'b>);

impl Drop for Finishing<'_, '_> {
    fn drop(&mut self) {
        self.0.state().unfinished -= 1;
        self.0.changed.notify_all();
    }
}

/// The first piece of a blob, else the first of all: what is counted of one blob lies together.
fn taken<'b>(waiting: &mut VecDeque<Piece<'b>>, blob: Option<&str>) -> Option<Piece<'b>> {
    let of_blob = waiting.iter().position(|piece| Some(piece.task.blob.name.as_str()) == blob);
    waiting.remove(of_blob.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reader that gives few bytes at a time.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(buffer.len());
            self.0.read(&mut buffer[..most])
        }
    }

    proptest! {
        /// Pieces are the text: each begins where the one before it ends, with a record.
        #[test]
        fn pieces_are_the_text(
            sizes in prop::collection::vec(0_usize..200, 1..80),
            range_bytes in 1_u64..4000,
            at_a_time in 1_usize..300,
        ) {
            let record = |size: &usize| {
                format!("{{\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\",\"x\":\"{}\"}}\n", "y".repeat(*size))
            };
            let text: String = sizes.iter().map(record).collect();
            let reader = Slow(text.as_bytes(), at_a_time);
            let mut cutter = Cutter::new(reader, range_bytes, Limits::default()).unwrap().unwrap();
            let (mut joined, mut rooms, mut last) = (Vec::new(), Vec::new(), false);
            while let Some((piece, range)) = cutter.next(rooms.pop().unwrap_or_default()).unwrap() {
                prop_assert!(!last);
                prop_assert_eq!(range.start, joined.len() as u64);
                let begins = piece.filled().starts_with(b"{\"category");
                prop_assert!(begins);
                joined.extend_from_slice(piece.filled());
                last = range.end.is_none();
                prop_assert!(last || range.end == Some(joined.len() as u64));
                prop_assert_eq!(range.ends.is_none(), last);
                rooms.push(piece);
            }
            prop_assert!(last);
            prop_assert_eq!(joined, text.as_bytes());
        }
    }

    #[test]
    fn a_worker_that_fails_leaves_nobody_waiting() {
        let pieces = Pieces::new(1, 2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pieces.wait(None).is_none());
            let failing = scope.spawn(|| {
                let _finishing = pieces.finishing();
                panic!("in a worker");
            });
            assert!(failing.join().is_err());
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn what_shows_no_record_is_not_cut() {
        assert!(Cutter::new(&b"time,category\n1,2\n"[..], 100, Limits::default()).unwrap().is_none());
        assert!(Cutter::new(&b""[..], 100, Limits::default()).unwrap().is_none());
        let damaged = io::Read::chain(&b"{"[..], Slow(&[], 1));
        assert!(Cutter::new(damaged, 100, Limits::default()).unwrap().is_none());
    }
}
