//! One worker: takes blobs and ranges one after the other, decodes, classifies and counts.
//!
//! Input: tasks. Output: [`Done`]. Whatever goes wrong with a blob is that blob's, and the worker goes on. Must not
//! look at what others count.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use super::done::{Done, RangeEnd, range_name};
use super::memory::{Memory, Rhythm};
use super::opened::{Closed, Opened, Part, Whole};
use super::pieces::{Buffer, Cutter, Piece, Pieces};
use super::ranges::{self, Range, WHOLE};
use super::repeats::Sighted;
use super::stored::{Digest, Stored};
use super::{Ingest, Pass, Task, carrier, unpacked};
use crate::classify::Classifier;
use crate::decode::compression::{Compression, Decompressed, ExpansionLimit};
use crate::decode::{Decoded, Place, RangePlace, Reason, Reject, Remembered, Totals, decode_range};
use crate::facts::Location;
use crate::facts::coverage::RejectRow;
use crate::facts::dimensions::Text;
use crate::record::Record;
use crate::record::fingerprint::fingerprint;
use crate::source::Blob;

/// One worker and what it has counted.
pub(super) struct Worker<'i> {
    ingest: &'i Ingest<'i>,
    pass: Pass<'i>,
    classifier: Classifier<'i>,
    done: Done,
    /// What records looked like, in whatever blob.
    remembered: Remembered,
    /// Room to put fingerprints together in.
    buffer: Vec<u8>,
    memory: &'i Memory,
    rhythm: Rhythm,
    opened: &'i Opened<'i>,
    /// What was counted of the blob whose ranges are being read.
    part: Option<Part>,
    /// What was counted of others, and is to be handed in.
    parked: Vec<Part>,
    /// Others wait for the pieces of the blob that is being cut.
    is_awaited: bool,
}

impl<'i> Worker<'i> {
    /// One that has counted nothing yet.
    pub(super) fn new(
        ingest: &'i Ingest<'i>,
        pass: Pass<'i>,
        memory: &'i Memory,
        opened: &'i Opened<'i>,
    ) -> Self {
        Self {
            ingest,
            pass,
            classifier: Classifier::new(ingest.causes),
            done: Done::default(),
            remembered: Remembered::default(),
            buffer: Vec::new(),
            memory,
            rhythm: Rhythm::default(),
            opened,
            part: None,
            parked: Vec::new(),
            is_awaited: false,
        }
    }
}

impl Worker<'_> {
    /// Reads one blob or range; whatever goes wrong is that blob's. With a spare thread, a blob that may be is cut
    /// into `pieces` for all.
    pub(super) fn task<'b>(&mut self, task: &Task<'b>, spare_thread: bool, pieces: &Pieces<'b>) {
        if self.stops() {
            return;
        }
        if task.range != WHOLE {
            return self.range(task, None);
        }
        if spare_thread && task.may_be_cut && self.cut(task, pieces) {
            return;
        }
        self.count(task, |this, name| this.read(task, name, spare_thread));
    }

    /// Reads a piece of a blob; gives its buffer back.
    pub(super) fn piece(&mut self, piece: Piece<'_>) -> Buffer {
        if !self.stops() {
            self.range(&piece.task, Some(piece.buffer.filled()));
        }
        piece.buffer
    }

    /// The blob whose ranges are being read.
    pub(super) fn blob(&self) -> Option<&str> {
        self.part.as_ref().map(|part| part.blob.as_str())
    }

    /// What was counted in all.
    pub(super) fn finish(mut self) -> Done {
        self.hand_in();
        self.done
    }

    /// Counts a range: of the file, or of bytes at hand.
    fn range(&mut self, task: &Task<'_>, bytes: Option<&[u8]>) {
        let mut part = self.part_of(task.blob);
        std::mem::swap(&mut self.done, &mut part.done);
        self.count(task, |this, name| this.read_range(task, name, bytes));
        std::mem::swap(&mut self.done, &mut part.done);
        part.ranges += 1;
        self.part = Some(part);
    }

    /// What was counted of a blob so far; that of another blob is handed in, or kept until nobody waits: to merge
    /// tables asks for other threads, and may be given the work of one that waits.
    fn part_of(&mut self, blob: &Blob) -> Part {
        if self.blob().is_some_and(|of| of != blob.name) {
            self.parked.extend(self.part.take());
            if !self.is_awaited {
                self.hand_in();
            }
        }
        self.part.take().unwrap_or_else(|| Part::new(&blob.name))
    }

    /// Decompresses a blob and cuts it into pieces, which this worker decodes too when others have enough of
    /// them. False where it is not to be cut: then nothing was done.
    fn cut<'b>(&mut self, task: &Task<'b>, pieces: &Pieces<'b>) -> bool {
        let (digest, mut ranges) = (Digest::default(), 0);
        self.is_awaited = true;
        let result = catch_unwind(AssertUnwindSafe(|| self.cut_up(task, pieces, &digest, &mut ranges)));
        let (compression, is_whole) = match result {
            Ok(Some((compression, cut))) => (compression, cut.is_ok()),
            Ok(None) => {
                self.is_awaited = false;
                return false;
            }
            Err(_) => (Compression::None, false),
        };
        let mut part = self.part_of(task.blob);
        self.is_awaited = false;
        if !is_whole {
            // What is missing is a range that could not be read: read as a whole, the blob tells why.
            let end = RangeEnd { incomplete: true, ..RangeEnd::default() };
            part.done.ends.insert(range_name(&task.blob.name, ranges), end);
            part.ranges += 1;
            ranges += 1;
        }
        let (stored_bytes, digest) = (digest.bytes(), digest.finish());
        part.whole = Some(Whole { ranges, compression, stored_bytes, digest });
        self.part = Some(part);
        true
    }

    /// Cuts a blob to its end, and counts the pieces; none where it is not to be cut.
    fn cut_up<'b>(
        &mut self,
        task: &Task<'b>,
        pieces: &Pieces<'b>,
        digest: &Digest,
        number: &mut usize,
    ) -> Option<(Compression, io::Result<()>)> {
        let Ingest { limits, progress, interrupted, range_bytes, .. } = *self.ingest;
        let stored = Stored::new(task.blob.open().ok()?, digest, progress, interrupted);
        let opened = Decompressed::open(stored, limits.max_expansion).ok()?;
        let compression = opened.compression();
        let mut cutter = Cutter::new(opened, range_bytes, limits).ok()??;
        let result = loop {
            let (buffer, range) = match cutter.next(pieces.room()) {
                Ok(Some(next)) => next,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let piece = Piece { task: task.piece(*number, range), buffer };
            *number += 1;
            if let Some(mine) = pieces.offer(piece) {
                pieces.give_back(self.piece(mine));
            }
            if self.stops() {
                break Err(io::Error::other("interrupted"));
            }
        };
        Some((compression, result))
    }

    /// Hands in what was counted of a blob in ranges. The worker that brings the last part takes all of them,
    /// if they fit together.
    fn hand_in(&mut self) {
        let parts: Vec<Part> = self.parked.drain(..).chain(self.part.take()).collect();
        for part in parts {
            self.hand_in_part(part);
        }
    }

    fn hand_in_part(&mut self, part: Part) {
        let blob = part.blob.clone();
        let Some(Closed { mut done, ranges, whole }) = self.opened.add(part) else { return };
        if done.fits(&blob, ranges).contains(&false) || done.is_incomplete(&blob, ranges) {
            self.done.misfits.insert(blob, done);
        } else {
            done.join_ranges(&blob, ranges, whole);
            self.done.merge(done);
        }
    }

    fn count(&mut self, task: &Task<'_>, read: impl FnOnce(&mut Self, Text)) {
        let name = self.done.facts.dimensions.strings.intern(&task.name);
        self.done.facts.coverage.blob(name);
        let result = catch_unwind(AssertUnwindSafe(|| read(self, name)));
        if result.is_err() {
            self.broken(task, name, Reason::InternalError, "the decoder failed: please report this".into());
        }
    }

    /// Opens, decompresses, decodes, counts a whole blob.
    fn read(&mut self, task: &Task<'_>, name: Text, spare_thread: bool) {
        let Ingest { limits, dates, progress, interrupted, .. } = *self.ingest;
        let digest = Digest::default();
        let open = || {
            let stored = Stored::new(task.blob.open()?, &digest, progress, interrupted);
            Decompressed::open(stored, limits.max_expansion)
        };
        let beside = spare_thread && task.is_slow_to_read();
        let decoded = unpacked::read(open, beside, |compression, reader| {
            let mut remembered = std::mem::take(&mut self.remembered);
            let sink = |found: Decoded<'_>| self.take(task, name, found);
            let (totals, result) =
                carrier::decode_blob(task.blob, compression, reader, limits, &dates, &mut remembered, sink);
            self.remembered = remembered;
            (compression, totals, result)
        });
        self.note(task, name, &digest, decoded);
    }

    /// Opens, decodes and counts a range: of the file, or of bytes at hand.
    fn read_range(&mut self, task: &Task<'_>, name: Text, bytes: Option<&[u8]>) {
        let digest = Digest::default();
        let opened = match bytes {
            Some(bytes) => Ok(Box::new(bytes) as Box<dyn Read>),
            None => ranges::open(task.blob, &task.range).map(|reader| {
                let Ingest { progress, interrupted, .. } = *self.ingest;
                Box::new(Stored::new(reader, &digest, progress, interrupted)) as Box<dyn Read>
            }),
        };
        let decoded = opened.map(|reader| {
            let (totals, result) = self.decode_range(task, name, reader);
            (Compression::None, totals, result)
        });
        self.note(task, name, &digest, decoded);
    }

    /// Notes what there was besides records.
    fn note(
        &mut self,
        task: &Task<'_>,
        name: Text,
        digest: &Digest,
        decoded: io::Result<(Compression, Totals, io::Result<()>)>,
    ) {
        let (compression, totals, result) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return self.broken(task, name, Reason::Unreadable, error.to_string()),
        };
        let coverage = self.done.facts.coverage.blob(name);
        coverage.compression = compression;
        coverage.bytes = totals.bytes;
        coverage.blank = totals.blank;
        coverage.containers = totals.containers;
        coverage.incomplete |= totals.incomplete;
        coverage.stored_bytes = digest.bytes();
        coverage.digest = digest.finish();
        if let Err(error) = result {
            self.broken(task, name, reason_of(&error, compression), error.to_string());
        }
    }

    /// Decodes a range, and notes how it ended.
    fn decode_range(&mut self, task: &Task<'_>, name: Text, reader: impl Read) -> (Totals, io::Result<()>) {
        let Range { start, begins, ends, .. } = &task.range;
        let place = RangePlace { offset: *start, begins, more_follows: ends.is_some() };
        let limits = self.ingest.limits;
        let mut remembered = std::mem::take(&mut self.remembered);
        let sink = |found: Decoded<'_>| self.take(task, name, found);
        let (totals, standing, result) = decode_range(reader, place, limits, &mut remembered, sink);
        self.remembered = remembered;
        let fits = ends.is_none() || standing == *ends;
        let incomplete = totals.incomplete || result.is_err();
        let end = RangeEnd { line_ends: totals.line_ends, fits, incomplete };
        self.done.ends.insert(task.name.clone(), end);
        (totals, result)
    }

    /// Takes in one thing found.
    fn take(&mut self, task: &Task<'_>, name: Text, found: Decoded<'_>) -> bool {
        match found {
            Decoded::Record(record, place) if self.passes_over(task, record, place) => {}
            Decoded::Record(record, place) => {
                let verdict = self.classifier.classify(record);
                let location = Location { blob: name, offset: place.offset, line: place.line };
                self.done.facts.update_soon(record, &verdict, self.ingest.causes, location);
            }
            Decoded::NotAudit(kind) => {
                *self.done.facts.coverage.blob(name).not_audit.entry(kind).or_default() += 1;
            }
            Decoded::Reject(reject, bytes) => self.reject(task, name, reject, bytes),
        }
        if self.rhythm.is_due() {
            self.weigh();
        }
        !self.stops()
    }

    /// Whether all are to stop.
    fn stops(&self) -> bool {
        self.ingest.interrupted.load(Ordering::Relaxed) || self.memory.is_over()
    }

    /// Says how much memory the tables take by now.
    fn weigh(&mut self) {
        let sighted = self.done.sighted.capacity() * size_of::<Sighted>();
        let weight = self.done.facts.weight() + sighted as u64;
        self.memory.reweigh(self.done.weight, weight);
        self.done.weight = weight;
        self.rhythm.weighed(self.done.facts.entries());
    }

    /// Whether a record is not counted: in a survey none is, and a repeat never.
    fn passes_over(&mut self, task: &Task<'_>, record: &Record<'_>, place: Place) -> bool {
        match self.pass {
            Pass::Survey => {
                let (blob, offset, form) = (task.index, place.offset, record.shape.into());
                let sighted = |fingerprint| Sighted { fingerprint, form, blob, offset };
                self.done.sighted.extend(fingerprint(record, &mut self.buffer).map(sighted));
                true
            }
            Pass::Count(repeats) => {
                let repeated = repeats.holds(task.index, place.offset);
                if repeated {
                    let name = self.done.facts.dimensions.strings.intern(&task.name);
                    self.done.facts.coverage.blob(name).repeated += 1;
                }
                repeated
            }
        }
    }

    fn reject(&mut self, task: &Task<'_>, name: Text, reject: Reject, bytes: &[u8]) {
        if self.ingest.keep_rejects && matches!(self.pass, Pass::Count(_)) {
            self.done.rejects.add(&task.name, &reject, bytes);
        }
        let Reject { place, reason, detail } = reject;
        self.done.facts.coverage.blob(name).reject(RejectRow { place, reason, detail });
    }

    /// The blob could not be read to its end.
    fn broken(&mut self, task: &Task<'_>, name: Text, reason: Reason, detail: String) {
        let coverage = self.done.facts.coverage.blob(name);
        coverage.incomplete = true;
        let place = Place { offset: task.range.start + coverage.bytes, line: 0, bytes: 0 };
        self.reject(task, name, Reject { place, reason, detail: Some(detail) }, &[]);
    }
}

/// Why reading stopped.
fn reason_of(error: &io::Error, compression: Compression) -> Reason {
    if error.get_ref().is_some_and(|inner| inner.is::<ExpansionLimit>()) {
        Reason::ExpansionLimit
    } else if compression == Compression::None {
        Reason::Unreadable
    } else {
        Reason::DamagedCompression
    }
}
