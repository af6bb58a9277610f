//! The parallel pipeline: source, decode, classify, facts.
//!
//! Input: blobs. Output: one [`Facts`]. Each worker takes the next blob and counts into facts of its
//! own; at the end these are merged, so neither the number of workers nor the order of blobs shows
//! in the result. Damage in a blob is counted and the run goes on.

mod carrier;
mod ranges;
mod rejects;
mod repeats;
mod stored;

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::classify::Classifier;
use crate::classify::causes::Causes;
use crate::decode::compression::{Compression, Decompressed, ExpansionLimit};
use crate::decode::csv::Dates;
use crate::decode::shape::Container;
use crate::decode::{Decoded, Limits, Place, Reason, Reject, decode_from};
use crate::error::Error;
use crate::facts::coverage::RejectRow;
use crate::facts::dimensions::Text;
use crate::facts::{Facts, Location};
use crate::record::Record;
use crate::record::fingerprint::fingerprint;
use crate::source::{Blob, Listing};

pub use ranges::RANGE_BYTES;
use ranges::{Range, WHOLE};
pub use rejects::RejectLine;
use rejects::RejectLines;
use repeats::{Repeats, Sighted};
use stored::{Digest, Stored};

/// Told how far the run is.
pub trait Progress: Sync {
    /// So many more stored bytes were read.
    fn bytes(&self, read: u64);
}

/// No one is told.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn bytes(&self, _: u64) {}
}

/// How to ingest.
pub struct Ingest<'i> {
    /// The table of causes.
    pub causes: &'i Causes,
    /// Bounds for each blob.
    pub limits: Limits,
    /// How dates in CSV are read.
    pub dates: Dates,
    /// Workers.
    pub threads: usize,
    /// Who is told how far the run is.
    pub progress: &'i dyn Progress,
    /// Set by Ctrl-C.
    pub interrupted: &'i AtomicBool,
    /// Whether every reject is kept for `--rejects`.
    pub keep_rejects: bool,
    /// Whether each request is counted once, however often it was exported: every blob is read
    /// twice, so none may be a pipe.
    pub dedup: bool,
    /// Stored bytes of a range of a large plain file: [`RANGE_BYTES`], smaller in tests.
    pub range_bytes: u64,
}

/// A blob, or a range of one.
struct Task<'b> {
    blob: &'b Blob,
    /// Its place in the listing.
    index: u32,
    /// The name it is counted under.
    name: String,
    range: Range,
    bytes: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Ingested {
    /// The facts.
    pub facts: Facts,
    /// Every reject, sorted by blob and place, if asked for.
    pub rejects: Vec<RejectLine>,
}

impl Ingest<'_> {
    /// Reads all blobs.
    ///
    /// # Errors
    /// Only when interrupted; what is wrong with a blob is in its coverage.
    pub fn run(&self, listing: &Listing) -> Result<Ingested, Error> {
        let mut repeats = Repeats::default();
        if self.dedup {
            repeats = Repeats::new(self.pass(listing, Pass::Survey)?.sighted);
        }
        let Done { mut facts, rejects, .. } = self.pass(listing, Pass::Count(&repeats))?;
        let mut rejects = rejects.lines;
        rejects.sort();
        note_what_was_not_read(&mut facts, listing);
        Ok(Ingested { facts, rejects })
    }

    /// Goes through all blobs once.
    fn pass(&self, listing: &Listing, pass: Pass<'_>) -> Result<Done, Error> {
        let blobs = || (0_u32..).zip(&listing.blobs);
        let tasks = blobs().flat_map(|(index, blob)| self.tasks(index, blob)).collect();
        let mut done = self.work(tasks, pass);
        let mut again = Vec::new();
        for (blob, mut ranged) in std::mem::take(&mut done.ranged) {
            ranged.join_ranges(&blob);
            if ranged.is_plain(&blob) {
                done.merge(ranged);
            } else {
                // Broken lines and containers may frame otherwise where a range begins.
                let whole = blobs().find(|(_, other)| other.name == blob);
                again.extend(whole.map(|(index, blob)| Task::whole(index, blob)));
            }
        }
        done.merge(self.work(again, pass));
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        Ok(done)
    }

    /// Hands the tasks to the workers, the largest first, so that no worker is left alone with it at
    /// the end.
    fn work(&self, mut tasks: Vec<Task<'_>>, pass: Pass<'_>) -> Done {
        tasks.sort_by_key(|task| std::cmp::Reverse(task.bytes));
        let next = AtomicUsize::new(0);
        let done: Mutex<Done> = Mutex::default();
        let workers = self.threads.clamp(1, tasks.len().max(1));
        rayon::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|_| {
                    let classifier = Classifier::new(self.causes);
                    let mut mine =
                        Worker { ingest: self, pass, classifier, done: Done::default(), buffer: Vec::new() };
                    while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                        mine.task(task);
                    }
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(mine.done);
                });
            }
        });
        done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A blob as one task, or as one a range.
    fn tasks<'b>(&self, index: u32, blob: &'b Blob) -> Vec<Task<'b>> {
        match ranges::ranges(blob, self.range_bytes) {
            None => vec![Task::whole(index, blob)],
            Some(ranges) => {
                let task = |(number, range): (usize, Range)| {
                    let bytes = range.end.unwrap_or(blob.bytes).saturating_sub(range.start);
                    // Sorts behind the blob's name, in the order of the ranges.
                    Task { blob, index, name: format!("{}\u{0}{number:08}", blob.name), range, bytes }
                };
                ranges.into_iter().enumerate().map(task).collect()
            }
        }
    }
}

impl<'b> Task<'b> {
    fn whole(index: u32, blob: &'b Blob) -> Self {
        Self { blob, index, name: blob.name.clone(), range: WHOLE, bytes: blob.bytes }
    }
}

/// What blobs are gone through for.
#[derive(Clone, Copy)]
enum Pass<'r> {
    /// To know which records are repeats.
    Survey,
    /// To count what is none.
    Count(&'r Repeats),
}

/// What workers have counted.
#[derive(Default)]
struct Done {
    facts: Facts,
    /// Every record that has a fingerprint, of a survey.
    sighted: Vec<Sighted>,
    rejects: RejectLines,
    /// Line ends of each range, by its name.
    line_ends: BTreeMap<String, u64>,
    /// What was counted in ranges, by blob, until it is known that the blob could be cut.
    ranged: BTreeMap<String, Done>,
}

impl Done {
    fn merge(&mut self, other: Self) {
        self.facts.merge(other.facts);
        self.sighted.extend(other.sighted);
        self.rejects.lines.extend(other.rejects.lines);
        self.line_ends.extend(other.line_ends);
        for (blob, ranged) in other.ranged {
            self.ranged.entry(blob).or_default().merge(ranged);
        }
    }

    /// Gives the ranges of a blob back to it. Their names sort in the order of the blob.
    fn join_ranges(&mut self, blob: &str) {
        let strings = &mut self.facts.dimensions.strings;
        let name = strings.intern(blob);
        let mut before = 0;
        let mut ranges = Vec::new();
        for (range, line_ends) in &self.line_ends {
            ranges.push((strings.intern(range), before));
            before += line_ends;
        }
        self.facts.join_ranges(name, &ranges);
    }

    /// Whether a blob held one record a line and nothing else: then its ranges frame as the whole
    /// does.
    fn is_plain(&mut self, blob: &str) -> bool {
        let name = self.facts.dimensions.strings.intern(blob);
        let coverage = self.facts.coverage.blob(name);
        coverage.rejected() == 0
            && !coverage.incomplete
            && coverage.containers.iter().eq([Container::JsonLines])
    }
}

/// Puts what the listing could not reach, or passed over, into coverage.
fn note_what_was_not_read(facts: &mut Facts, listing: &Listing) {
    for (name, why) in &listing.unreadable {
        let blob = facts.dimensions.strings.intern(name);
        let coverage = facts.coverage.blob(blob);
        coverage.incomplete = true;
        let place = Place { offset: 0, line: 0, bytes: 0 };
        coverage.reject(RejectRow { place, reason: Reason::Unreadable, detail: Some(why.clone()) });
    }
    for passed in &listing.passed_over {
        let blob = facts.dimensions.strings.intern(&passed.name);
        facts.coverage.blob(blob).passed_over = Some(passed.why.to_owned());
    }
}

/// One worker and what it has counted.
struct Worker<'i> {
    ingest: &'i Ingest<'i>,
    pass: Pass<'i>,
    classifier: Classifier<'i>,
    done: Done,
    /// Room to put fingerprints together in.
    buffer: Vec<u8>,
}

impl Worker<'_> {
    /// Reads one blob or range; whatever goes wrong is that blob's.
    fn task(&mut self, task: &Task<'_>) {
        if self.ingest.interrupted.load(Ordering::Relaxed) {
            return;
        }
        let ranged = task.range != WHOLE;
        if ranged {
            let mine = self.done.ranged.remove(&task.blob.name).unwrap_or_default();
            let all = std::mem::replace(&mut self.done, mine);
            self.count(task);
            let mine = std::mem::replace(&mut self.done, all);
            self.done.ranged.insert(task.blob.name.clone(), mine);
        } else {
            self.count(task);
        }
    }

    fn count(&mut self, task: &Task<'_>) {
        let name = self.done.facts.dimensions.strings.intern(&task.name);
        self.done.facts.coverage.blob(name);
        let result = catch_unwind(AssertUnwindSafe(|| self.read(task, name)));
        if result.is_err() {
            self.broken(task, name, Reason::InternalError, "the decoder failed: please report this".into());
        }
    }

    /// Opens, decompresses, decodes, counts.
    fn read(&mut self, task: &Task<'_>, name: Text) {
        let digest = Digest::default();
        let opened = ranges::open(task.blob, task.range).and_then(|reader| {
            let stored = Stored::new(reader, &digest, self.ingest.progress, self.ingest.interrupted);
            let whole = task.range == WHOLE;
            if whole {
                Decompressed::open(stored, self.ingest.limits.max_expansion)
            } else {
                Ok(Decompressed::plain(stored))
            }
        });
        let reader = match opened {
            Ok(reader) => reader,
            Err(error) => return self.broken(task, name, Reason::Unreadable, error.to_string()),
        };
        let compression = reader.compression();
        let Ingest { limits, dates, .. } = *self.ingest;
        let sink = |found: Decoded<'_>| self.take(task, name, found);
        let (totals, result) = if task.range == WHOLE {
            carrier::decode_blob(task.blob, reader, limits, &dates, sink)
        } else {
            decode_from(reader, task.range.start, limits, sink)
        };
        self.done.line_ends.insert(task.name.clone(), totals.line_ends);
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

    /// Takes in one thing found.
    fn take(&mut self, task: &Task<'_>, name: Text, found: Decoded<'_>) -> bool {
        match found {
            Decoded::Record(record, place) if self.passes_over(task, record, place) => {}
            Decoded::Record(record, place) => {
                let verdict = self.classifier.classify(record);
                let location = Location { blob: name, offset: place.offset, line: place.line };
                self.done.facts.update(record, &verdict, self.ingest.causes, location);
            }
            Decoded::NotAudit(kind) => {
                *self.done.facts.coverage.blob(name).not_audit.entry(kind).or_default() += 1;
            }
            Decoded::Reject(reject, bytes) => self.reject(task, name, reject, bytes),
        }
        !self.ingest.interrupted.load(Ordering::Relaxed)
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

#[cfg(test)]
mod tests;
