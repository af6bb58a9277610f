//! How much memory the tables of all workers take, and how much they may.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Records between two weighings, at least.
const RECORDS: u64 = 16 << 10;

/// What all workers share.
pub(super) struct Memory {
    /// Bytes that all tables may take together.
    most: u64,
    taken: AtomicU64,
    over: AtomicBool,
}

impl Memory {
    /// For a process that may take so many bytes: half of it is for judging and writing.
    pub(super) fn new(most_of_all: u64) -> Self {
        Self { most: most_of_all / 2, taken: AtomicU64::new(0), over: AtomicBool::new(false) }
    }

    /// Whether the tables took more than they may: then all stop.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Gives back what discarded tables took.
    pub(super) fn give_back(&self, weight: u64) {
        self.taken.fetch_sub(weight, Ordering::Relaxed);
    }

    /// Notes that tables that took `before` take `now`.
    pub(super) fn reweigh(&self, before: u64, now: u64) {
        let taken = self.taken.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        if taken.wrapping_add(now.wrapping_sub(before)) > self.most {
            self.over.store(true, Ordering::Relaxed);
        }
    }
}

/// When one worker weighs its tables.
#[derive(Default)]
pub(super) struct Rhythm {
    records: u64,
    next: u64,
}

impl Rhythm {
    /// Counts a record; true when it is time.
    pub(super) fn is_due(&mut self) -> bool {
        self.records += 1;
        self.records >= self.next.max(RECORDS)
    }

    /// Begins anew: many entries take long to weigh, and grow slowly.
    pub(super) fn weighed(&mut self, entries: usize) {
        *self = Self { records: 0, next: entries as u64 / 2 };
    }
}
