//! Blobs of which several workers read ranges, until the last range is read.
//!
//! Input: what each worker has counted of a blob. Output: all of it, to the worker that brings the last part. So a
//! blob's own tables are gone as soon as it is read, however many blobs there are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::done::Done;

/// What one worker has counted of a blob.
pub(super) struct Part {
    /// The blob's name.
    pub(super) blob: String,
    /// How many of its ranges that were.
    pub(super) ranges: usize,
    pub(super) done: Done,
}

impl Part {
    /// Nothing yet.
    pub(super) fn new(blob: &str) -> Self {
        Self { blob: blob.to_owned(), ranges: 0, done: Done::default() }
    }
}

/// All parts that wait for others.
pub(super) struct Opened<'n> {
    /// How many ranges each blob has, by its name.
    ranges: BTreeMap<&'n str, usize>,
    parts: Mutex<BTreeMap<String, Vec<Part>>>,
}

impl<'n> Opened<'n> {
    /// No parts yet of blobs with so many ranges.
    pub(super) fn new(ranges: impl IntoIterator<Item = (&'n str, usize)>) -> Self {
        Self { ranges: ranges.into_iter().collect(), parts: Mutex::default() }
    }

    /// Takes in a part; gives everything that was counted of its blob, and the number of its ranges, when that
    /// was the last.
    pub(super) fn add(&self, part: Part) -> Option<(Done, usize)> {
        let blob = part.blob.clone();
        let ranges = *self.ranges.get(blob.as_str())?;
        let all = {
            let mut waiting = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let parts = waiting.entry(blob.clone()).or_default();
            parts.push(part);
            let read: usize = parts.iter().map(|part| part.ranges).sum();
            if read < ranges {
                return None;
            }
            waiting.remove(&blob)?
        };
        let mut done = Done::default();
        for part in all {
            done.merge(part.done);
        }
        Some((done, ranges))
    }
}
