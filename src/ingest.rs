//! The parallel pipeline: source, decode, classify, facts.
//!
//! Input: blobs. Output: one [`Facts`]. Each worker takes the next blob and counts into facts of its
//! own; at the end these are merged, so neither the number of workers nor the order of blobs shows
//! in the result. Damage in a blob is counted and the run goes on.

mod rejects;
mod stored;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::classify::causes::Causes;
use crate::decode::compression::{Decompressed, ExpansionLimit};
use crate::decode::{Decoded, Limits, Place, Reason, Reject, decode};
use crate::error::Error;
use crate::facts::coverage::RejectRow;
use crate::facts::dimensions::Text;
use crate::facts::{Facts, Location};
use crate::source::{Blob, Listing};

pub use rejects::RejectLine;
use rejects::RejectLines;
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
    /// Workers.
    pub threads: usize,
    /// Who is told how far the run is.
    pub progress: &'i dyn Progress,
    /// Set by Ctrl-C.
    pub interrupted: &'i AtomicBool,
    /// Whether every reject is kept for `--rejects`.
    pub keep_rejects: bool,
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
        // The largest first, so that no worker is left alone with it at the end.
        let mut order: Vec<&Blob> = listing.blobs.iter().collect();
        order.sort_by_key(|blob| std::cmp::Reverse(blob.bytes));
        let next = AtomicUsize::new(0);
        let done: Mutex<Ingested> = Mutex::default();
        let workers = self.threads.clamp(1, order.len().max(1));
        rayon::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|_| {
                    let mut mine =
                        Worker { ingest: self, facts: Facts::new(), rejects: RejectLines::default() };
                    while let Some(blob) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                        mine.blob(blob);
                    }
                    let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    done.facts.merge(mine.facts);
                    done.rejects.extend(mine.rejects.lines);
                });
            }
        });
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.rejects.sort();
        note_what_was_not_read(&mut done.facts, listing);
        Ok(done)
    }
}

/// Puts what the listing could not reach, or passed over, into coverage.
fn note_what_was_not_read(facts: &mut Facts, listing: &Listing) {
    for (name, why) in &listing.unreadable {
        let blob = facts.dimensions.strings.intern(name);
        let coverage = facts.coverage.blob(blob);
        coverage.incomplete = true;
        let place = Place { offset: 0, line: 1, bytes: 0 };
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
    facts: Facts,
    rejects: RejectLines,
}

impl Worker<'_> {
    /// Reads one blob; whatever goes wrong is that blob's.
    fn blob(&mut self, blob: &Blob) {
        if self.ingest.interrupted.load(Ordering::Relaxed) {
            return;
        }
        let name = self.facts.dimensions.strings.intern(&blob.name);
        self.facts.coverage.blob(name);
        let result = catch_unwind(AssertUnwindSafe(|| self.read(blob, name)));
        if result.is_err() {
            self.broken(blob, name, Reason::InternalError, "the decoder failed: please report this".into());
        }
    }

    /// Opens, decompresses, decodes, counts.
    fn read(&mut self, blob: &Blob, name: Text) {
        let digest = Digest::default();
        let opened = blob.open().and_then(|reader| {
            let stored = Stored::new(reader, &digest, self.ingest.progress, self.ingest.interrupted);
            Decompressed::open(stored, self.ingest.limits.max_expansion)
        });
        let reader = match opened {
            Ok(reader) => reader,
            Err(error) => return self.broken(blob, name, Reason::Unreadable, error.to_string()),
        };
        let compression = reader.compression();
        let (totals, result) = decode(reader, self.ingest.limits, |found| self.take(blob, name, found));
        let coverage = self.facts.coverage.blob(name);
        coverage.compression = compression;
        coverage.bytes = totals.bytes;
        coverage.blank = totals.blank;
        coverage.shapes = totals.shapes;
        coverage.stored_bytes = digest.bytes();
        coverage.digest = digest.finish();
        if let Err(error) = result {
            let reason = if error.get_ref().is_some_and(|inner| inner.is::<ExpansionLimit>()) {
                Reason::ExpansionLimit
            } else if compression == crate::decode::compression::Compression::None {
                Reason::Unreadable
            } else {
                Reason::DamagedCompression
            };
            self.broken(blob, name, reason, error.to_string());
        }
    }

    /// Takes in one thing found.
    fn take(&mut self, blob: &Blob, name: Text, found: Decoded<'_>) -> bool {
        match found {
            Decoded::Record(record, place) => {
                let verdict = self.ingest.causes.classify(&record);
                let location = Location { blob: name, offset: place.offset, line: place.line };
                self.facts.update(&record, &verdict, self.ingest.causes, location);
            }
            Decoded::NotAudit(kind) => {
                *self.facts.coverage.blob(name).not_audit.entry(kind).or_default() += 1
            }
            Decoded::Reject(reject, bytes) => self.reject(blob, name, reject, bytes),
        }
        !self.ingest.interrupted.load(Ordering::Relaxed)
    }

    fn reject(&mut self, blob: &Blob, name: Text, reject: Reject, bytes: &[u8]) {
        if self.ingest.keep_rejects {
            self.rejects.add(&blob.name, &reject, bytes);
        }
        let Reject { place, reason, detail } = reject;
        self.facts.coverage.blob(name).reject(RejectRow { place, reason, detail });
    }

    /// The blob could not be read to its end.
    fn broken(&mut self, blob: &Blob, name: Text, reason: Reason, detail: String) {
        let coverage = self.facts.coverage.blob(name);
        coverage.incomplete = true;
        let place = Place { offset: coverage.bytes, line: 0, bytes: 0 };
        self.reject(blob, name, Reject { place, reason, detail: Some(detail) }, &[]);
    }
}
