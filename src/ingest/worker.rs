//! One worker: takes blobs and ranges one after the other, decodes, classifies and counts.
//!
//! Input: tasks. Output: [`Done`]. Whatever goes wrong with a blob is that blob's, and the worker goes on. Must not
//! look at what others count.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use super::done::{Done, RangeEnd};
use super::memory::{Memory, Rhythm};
use super::opened::{Opened, Part};
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
        }
    }
}

impl Worker<'_> {
    /// Reads one blob or range; whatever goes wrong is that blob's.
    pub(super) fn task(&mut self, task: &Task<'_>, spare_thread: bool) {
        if self.stops() {
            return;
        }
        if task.range == WHOLE {
            return self.count(task, spare_thread);
        }
        if self.part.as_ref().is_some_and(|part| part.blob != task.blob.name) {
            self.hand_in();
        }
        let mut part = self.part.take().unwrap_or_else(|| Part::new(&task.blob.name));
        std::mem::swap(&mut self.done, &mut part.done);
        self.count(task, spare_thread);
        std::mem::swap(&mut self.done, &mut part.done);
        part.ranges += 1;
        self.part = Some(part);
    }

    /// What was counted in all.
    pub(super) fn finish(mut self) -> Done {
        self.hand_in();
        self.done
    }

    /// Hands in what was counted of a blob in ranges. The worker that brings the last part takes all of them,
    /// if they fit together.
    fn hand_in(&mut self) {
        let Some(part) = self.part.take() else { return };
        let blob = part.blob.clone();
        let Some((mut whole, ranges)) = self.opened.add(part) else { return };
        if whole.fits(&blob, ranges).contains(&false) || whole.is_incomplete(&blob, ranges) {
            self.done.misfits.insert(blob, whole);
        } else {
            whole.join_ranges(&blob, ranges);
            self.done.merge(whole);
        }
    }

    fn count(&mut self, task: &Task<'_>, spare_thread: bool) {
        let name = self.done.facts.dimensions.strings.intern(&task.name);
        self.done.facts.coverage.blob(name);
        let result = catch_unwind(AssertUnwindSafe(|| self.read(task, name, spare_thread)));
        if result.is_err() {
            self.broken(task, name, Reason::InternalError, "the decoder failed: please report this".into());
        }
    }

    /// Opens, decompresses, decodes, counts.
    fn read(&mut self, task: &Task<'_>, name: Text, spare_thread: bool) {
        let Ingest { limits, dates, progress, interrupted, .. } = *self.ingest;
        let digest = Digest::default();
        let open = || {
            let reader = ranges::open(task.blob, &task.range)?;
            let stored = Stored::new(reader, &digest, progress, interrupted);
            if task.range == WHOLE {
                Decompressed::open(stored, limits.max_expansion)
            } else {
                Ok(Decompressed::plain(stored))
            }
        };
        let decoded = if task.range == WHOLE {
            let beside = spare_thread && task.is_slow_to_read();
            unpacked::read(open, beside, |compression, reader| {
                let mut remembered = std::mem::take(&mut self.remembered);
                let sink = |found: Decoded<'_>| self.take(task, name, found);
                let (totals, result) = carrier::decode_blob(
                    task.blob,
                    compression,
                    reader,
                    limits,
                    &dates,
                    &mut remembered,
                    sink,
                );
                self.remembered = remembered;
                (compression, totals, result)
            })
        } else {
            open().map(|reader| {
                let (totals, result) = self.decode_range(task, name, reader);
                (Compression::None, totals, result)
            })
        };
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
