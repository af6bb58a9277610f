//! The parallel pipeline: source, decode, classify, facts.
//!
//! Input: blobs. Output: one [`Facts`]. Each worker takes the next blob and counts into facts of its
//! own; at the end these are merged, so neither the number of workers nor the order of blobs shows
//! in the result. Damage in a blob is counted and the run goes on.

mod carrier;
mod memory;
mod opened;
mod ranges;
mod rejects;
mod repeats;
mod stored;
mod unpacked;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::classify::Classifier;
use crate::classify::causes::Causes;
use crate::decode::compression::{Compression, Decompressed, ExpansionLimit, sniff};
use crate::decode::csv::Dates;
use crate::decode::{Decoded, Limits, Place, RangePlace, Reason, Reject, Remembered, Totals, decode_range};
use crate::error::Error;
use crate::facts::coverage::RejectRow;
use crate::facts::dimensions::Text;
use crate::facts::{Facts, Location};
use crate::record::Record;
use crate::record::fingerprint::fingerprint;
use crate::source::{Blob, BlobPlace, Listing};

use memory::{Memory, Rhythm};
use opened::{Opened, Part};
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
    /// Bytes of memory that may be taken, about; input that needs more is refused.
    pub most_memory: u64,
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
    /// When interrupted, or when the tables outgrow their memory; what is wrong with a blob is in its coverage.
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
        let mut tasks = Vec::new();
        let mut cut: BTreeMap<&str, (u32, &Blob, Vec<Range>)> = BTreeMap::new();
        for (index, blob) in (0_u32..).zip(&listing.blobs) {
            match ranges::ranges(blob, self.range_bytes, self.limits) {
                None => tasks.push(Task::whole(index, blob)),
                Some(ranges) => {
                    tasks.extend(Task::ranges(index, blob, &ranges));
                    cut.insert(&blob.name, (index, blob, ranges));
                }
            }
        }
        let mut done = Done::default();
        let memory = Memory::new(self.most_memory);
        // Ranges that do not fit together are joined, once; then the blob is read whole.
        for last_try in [false, true] {
            let opened = Opened::new(cut.iter().map(|(name, (.., ranges))| (*name, ranges.len())));
            done.merge(self.work(std::mem::take(&mut tasks), pass, &memory, &opened)?);
            for (name, misfit) in std::mem::take(&mut done.misfits) {
                let Some((index, blob, ranges)) = cut.get_mut(name.as_str()) else { continue };
                memory.give_back(misfit.weight);
                let fits = misfit.fits(&name, ranges.len());
                let whole = last_try || misfit.is_incomplete(&name, ranges.len());
                if !whole {
                    *ranges = ranges::joined(ranges, &fits);
                }
                // One range that is all of the blob is no range.
                if whole || ranges.len() == 1 {
                    tasks.push(Task::whole(*index, blob));
                } else {
                    tasks.extend(Task::ranges(*index, blob, ranges));
                }
            }
        }
        done.merge(self.work(tasks, pass, &memory, &Opened::new([]))?);
        Ok(done)
    }

    /// Hands the tasks to the workers: the largest blob first, so that no worker is left alone with it at
    /// the end, and blob by blob, so that few are open at once.
    fn work(
        &self,
        mut tasks: Vec<Task<'_>>,
        pass: Pass<'_>,
        memory: &Memory,
        opened: &Opened<'_>,
    ) -> Result<Done, Error> {
        tasks.sort_by_key(|task| (std::cmp::Reverse(task.blob.bytes), task.index, task.range.start));
        let next = AtomicUsize::new(0);
        let done: Mutex<Done> = Mutex::default();
        let workers = self.threads.clamp(1, tasks.len().max(1));
        rayon::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|_| {
                    let classifier = Classifier::new(self.causes);
                    let mut mine = Worker {
                        ingest: self,
                        pass,
                        classifier,
                        done: Done::default(),
                        remembered: Remembered::default(),
                        buffer: Vec::new(),
                        memory,
                        rhythm: Rhythm::default(),
                        opened,
                        part: None,
                    };
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(at) else { break };
                        // With fewer tasks left than threads, one of them has nothing to do.
                        mine.task(task, tasks.len() - at < self.threads);
                    }
                    mine.hand_in();
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).merge(mine.done);
                });
            }
        });
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if memory.is_over() {
            return Err(Error::Memory { most: self.most_memory });
        }
        Ok(done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl<'b> Task<'b> {
    fn whole(index: u32, blob: &'b Blob) -> Self {
        Self { blob, index, name: blob.name.clone(), range: WHOLE, bytes: blob.bytes }
    }

    /// One task a range.
    fn ranges(index: u32, blob: &'b Blob, ranges: &[Range]) -> impl Iterator<Item = Self> {
        ranges.iter().enumerate().map(move |(number, range)| {
            let bytes = range.end.unwrap_or(blob.bytes).saturating_sub(range.start);
            Self { blob, index, name: range_name(&blob.name, number), range: range.clone(), bytes }
        })
    }

    /// Whether it is worth another thread to read and decompress it beside its decoder.
    fn is_slow_to_read(&self) -> bool {
        match &self.blob.place {
            BlobPlace::Stdin => true,
            _ if self.range != WHOLE || self.bytes < SLOW_BYTES => false,
            BlobPlace::File(path) => {
                let mut start = [0; 4];
                let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
                // A pipe would miss what was read of it here.
                path.is_file() && read.is_ok() && sniff(&start) != Compression::None
            }
        }
    }
}

/// Stored bytes of a compressed blob from which on another thread is worth its start.
const SLOW_BYTES: u64 = 1 << 20;

/// The name of a range: sorts behind the blob's name, in the order of the ranges.
fn range_name(blob: &str, number: usize) -> String {
    format!("{blob}\u{0}{number:08}")
}

/// What blobs are gone through for.
#[derive(Clone, Copy)]
enum Pass<'r> {
    /// To know which records are repeats.
    Survey,
    /// To count what is none.
    Count(&'r Repeats),
}

/// How a range ended.
#[derive(Clone, Copy, Default)]
struct RangeEnd {
    /// Line ends in it.
    line_ends: u64,
    /// Whether its framer stood where the next range began.
    fits: bool,
    /// Whether it could not be read to its end.
    incomplete: bool,
}

/// What workers have counted.
#[derive(Default)]
struct Done {
    facts: Facts,
    /// Every record that has a fingerprint, of a survey.
    sighted: Vec<Sighted>,
    rejects: RejectLines,
    /// Bytes that the tables took when they were weighed last.
    weight: u64,
    /// How each range ended, by its name.
    ends: BTreeMap<String, RangeEnd>,
    /// What was counted in the ranges of blobs that could not be cut there, by blob.
    misfits: BTreeMap<String, Done>,
}

impl Done {
    fn merge(&mut self, other: Self) {
        self.facts.merge(other.facts);
        self.sighted.extend(other.sighted);
        self.rejects.lines.extend(other.rejects.lines);
        self.weight += other.weight;
        self.ends.extend(other.ends);
        self.misfits.extend(other.misfits);
    }

    /// Of each range of a blob whether it fits the next one.
    fn fits(&self, blob: &str, number: usize) -> Vec<bool> {
        let fits = |range: String| self.ends.get(&range).is_some_and(|end| end.fits);
        (0..number).map(|number| fits(range_name(blob, number))).collect()
    }

    /// Whether a range of a blob could not be read to its end.
    fn is_incomplete(&self, blob: &str, number: usize) -> bool {
        (0..number).any(|number| self.ends.get(&range_name(blob, number)).is_none_or(|end| end.incomplete))
    }

    /// Gives the ranges of a blob, which must fit, back to it.
    fn join_ranges(&mut self, blob: &str, number: usize) {
        let strings = &mut self.facts.dimensions.strings;
        let name = strings.intern(blob);
        let (mut ranges, mut lines) = (Vec::new(), BTreeMap::new());
        let mut before = 0;
        for range in (0..number).map(|number| range_name(blob, number)) {
            let end = self.ends.remove(&range).unwrap_or_default();
            ranges.push((strings.intern(&range), before));
            lines.insert(range, before);
            before += end.line_ends;
        }
        self.facts.join_ranges(name, &ranges);
        for reject in &mut self.rejects.lines {
            if let Some(before) = lines.get(&reject.blob) {
                reject.line += before;
                blob.clone_into(&mut reject.blob);
            }
        }
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

impl Worker<'_> {
    /// Reads one blob or range; whatever goes wrong is that blob's.
    fn task(&mut self, task: &Task<'_>, spare_thread: bool) {
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

#[cfg(test)]
mod tests;
