//! The parallel pipeline: source, decode, classify, facts.
//!
//! Input: blobs. Output: one [`Facts`]. Each worker takes the next blob and counts into facts of its
//! own; at the end these are merged, so neither the number of workers nor the order of blobs shows
//! in the result. Damage in a blob is counted and the run goes on.

mod carrier;
mod done;
mod memory;
mod opened;
mod pieces;
mod ranges;
mod rejects;
mod repeats;
mod stored;
mod turns;
mod unpacked;
mod worker;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::classify::causes::Causes;
use crate::decode::compression::{Compression, sniff};
use crate::decode::csv::Dates;
use crate::decode::{Limits, Place, Reason};
use crate::error::Error;
use crate::facts::Facts;
use crate::facts::coverage::RejectRow;
use crate::source::{Blob, BlobPlace, Listing};

use done::{Done, range_name};
use memory::Memory;
use opened::Opened;
use pieces::Pieces;
pub use ranges::RANGE_BYTES;
use ranges::{Range, WHOLE};
pub use rejects::RejectLine;
use repeats::Repeats;
use turns::Turns;
use worker::Worker;

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
    /// A whole blob whose pieces several workers may decode.
    may_be_cut: bool,
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
                None => {
                    let may_be_cut = self.threads > 1 && self.is_worth_cutting(blob);
                    tasks.push(Task { may_be_cut, ..Task::whole(index, blob) });
                }
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
                memory.give_back(misfit.weight);
                let Some((index, blob, ranges)) = cut.get_mut(name.as_str()) else {
                    // It was cut into pieces.
                    let of_name = (0_u32..).zip(&listing.blobs).find(|(_, blob)| blob.name == name);
                    tasks.extend(of_name.map(|(index, blob)| Task::whole(index, blob)));
                    continue;
                };
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

    /// Hands the tasks to the workers: the largest blobs first, so that no worker is left alone with one at
    /// the end, and blob by blob, so that few are open at once; of blobs alike, and of their ranges, each its own stretch.
    fn work(
        &self,
        mut tasks: Vec<Task<'_>>,
        pass: Pass<'_>,
        memory: &Memory,
        opened: &Opened<'_>,
    ) -> Result<Done, Error> {
        tasks.sort_by_key(|task| (std::cmp::Reverse(task.size()), task.index, task.range.start));
        let counted: Mutex<Vec<Done>> = Mutex::default();
        let cuttable = tasks.iter().filter(|task| task.may_be_cut).count();
        let most = if cuttable > 0 { self.threads } else { tasks.len() };
        let workers = self.threads.clamp(1, most.max(1));
        let pieces = Pieces::new(cuttable, workers);
        let turns = Turns::new(&tasks, workers);
        rayon::scope(|scope| {
            let (turns, pieces, counted) = (&turns, &pieces, &counted);
            for number in 0..workers {
                scope.spawn(move |_| {
                    let mut mine = Worker::new(self, pass, memory, opened);
                    self.work_on(&mut mine, number, turns, pieces);
                    let mine = mine.finish();
                    counted.lock().unwrap_or_else(PoisonError::into_inner).push(mine);
                });
            }
        });
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if memory.is_over() {
            return Err(Error::Memory { most: self.most_memory });
        }
        // Merging asks for other threads, which must not be waiting for a lock that is held here.
        let mut done = Done::default();
        let counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
        for part in counted {
            done.merge(part);
        }
        Ok(done)
    }

    /// What one worker does: pieces that wait, else the next task; at the end it waits for what others cut.
    fn work_on<'b>(&self, mine: &mut Worker<'_>, number: usize, turns: &Turns<'_, 'b>, pieces: &Pieces<'b>) {
        loop {
            if let Some(piece) = pieces.take(mine.blob()) {
                pieces.give_back(mine.piece(piece));
            } else if let Some((task, left)) = turns.next(number) {
                let _finishing = task.may_be_cut.then(|| pieces.finishing());
                // With fewer tasks left than threads, one of them has nothing to do.
                mine.task(task, left < self.threads, pieces);
            } else if let Some(piece) = pieces.wait(mine.blob()) {
                pieces.give_back(mine.piece(piece));
            } else {
                break;
            }
        }
    }

    /// Whether a blob is large, and slow to read by one worker alone.
    fn is_worth_cutting(&self, blob: &Blob) -> bool {
        blob.bytes >= self.range_bytes / 2 && is_compressed_file(blob)
    }
}

impl<'b> Task<'b> {
    fn whole(index: u32, blob: &'b Blob) -> Self {
        let name = blob.name.clone();
        Self { blob, index, name, range: WHOLE, bytes: blob.bytes, may_be_cut: false }
    }

    /// A piece of the blob.
    fn piece(&self, number: usize, range: Range) -> Self {
        let name = range_name(&self.blob.name, number);
        Self { blob: self.blob, index: self.index, name, range, bytes: 0, may_be_cut: false }
    }

    /// One task a range.
    fn ranges(index: u32, blob: &'b Blob, ranges: &[Range]) -> impl Iterator<Item = Self> {
        ranges.iter().enumerate().map(move |(number, range)| {
            let bytes = range.end.unwrap_or(blob.bytes).saturating_sub(range.start);
            let (name, range) = (range_name(&blob.name, number), range.clone());
            Self { blob, index, name, range, bytes, may_be_cut: false }
        })
    }

    /// How large the blob is, as far as its place among others goes: in powers of two, so that those of about one size
    /// stand together in the order of the listing, which is one of time. Blobs in ranges are alike, and come first: what is
    /// compressed is read by all workers when nothing else is left.
    fn size(&self) -> u32 {
        if self.range == WHOLE { self.blob.bytes.checked_ilog2().unwrap_or(0) } else { u32::MAX }
    }

    /// Whether it, a whole blob, is worth another thread to read and decompress it beside its decoder.
    fn is_slow_to_read(&self) -> bool {
        match &self.blob.place {
            BlobPlace::Stdin => true,
            BlobPlace::File(_) => self.bytes >= SLOW_BYTES && is_compressed_file(self.blob),
        }
    }
}

/// Whether a blob is a file whose first bytes are those of a compressed one.
fn is_compressed_file(blob: &Blob) -> bool {
    let BlobPlace::File(path) = &blob.place else { return false };
    // A pipe would miss what was read of it here.
    if !path.is_file() {
        return false;
    }
    let mut start = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && sniff(&start) != Compression::None
}

/// Stored bytes of a compressed blob from which on another thread is worth its start.
const SLOW_BYTES: u64 = 1 << 20;

/// What blobs are gone through for.
#[derive(Clone, Copy)]
enum Pass<'r> {
    /// To know which records are repeats.
    Survey,
    /// To count what is none.
    Count(&'r Repeats),
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

#[cfg(test)]
mod tests;
