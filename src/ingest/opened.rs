//! Blobs of which several workers read ranges, until the last range is read.
//!
//! Input: what each worker has counted of a blob. Output: all of it, to the worker that brings the last part. So a
//! blob's own tables are gone as soon as it is read, however many blobs there are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::done::Done;
use crate::decode::compression::Compression;

/// What one worker has counted of a blob.
pub(super) struct Part {
    /// The blob's name.
    pub(super) blob: String,
    /// How many of its ranges that were.
    pub(super) ranges: usize,
    pub(super) done: Done,
    /// What the worker knows that has cut it.
    pub(super) whole: Option<Whole>,
}

/// What is known of a blob in pieces when all of it is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    /// How many there are.
    pub(super) ranges: usize,
    pub(super) compression: Compression,
    /// Its bytes as they are stored, and their digest.
    pub(super) stored_bytes: u64,
    pub(super) digest: u128,
}

/// All of a blob.
pub(super) struct Closed {
    pub(super) done: Done,
    /// How many ranges it has.
    pub(super) ranges: usize,
    /// What the worker knows that has cut it, where one has.
    pub(super) whole: Option<Whole>,
}

impl Part {
    /// Nothing yet.
    pub(super) fn new(blob: &str) -> Self {
        Self { blob: blob.to_owned(), ranges: 0, done: Done::default(), whole: None }
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

    /// Takes in a part; gives everything that was counted of its blob when that was the last. How many ranges a
    /// blob in pieces has is known when the part comes of the worker that has cut it.
    pub(super) fn add(&self, part: Part) -> Option<Closed> {
        let blob = part.blob.clone();
        let known = self.ranges.get(blob.as_str()).copied();
        let all = {
            let mut waiting = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let parts = waiting.entry(blob.clone()).or_default();
            parts.push(part);
            let ranges = known.or(whole(parts).map(|whole| whole.ranges))?;
            let read: usize = parts.iter().map(|part| part.ranges).sum();
            if read < ranges {
                return None;
            }
            waiting.remove(&blob)?
        };
        let whole = whole(&all);
        let ranges = known.or(whole.map(|whole| whole.ranges))?;
        let mut done = Done::default();
        for part in all {
            done.merge(part.done);
        }
        Some(Closed { done, ranges, whole })
    }
}

/// What the worker knows that has cut a blob.
fn whole(parts: &[Part]) -> Option<Whole> {
    parts.iter().find_map(|part| part.whole)
}
