//! What workers have counted, and how the ranges of a blob go back to it.
//!
//! Input: what was counted in parts. Output: the same in one. Must not depend on the order of the parts.

use std::collections::BTreeMap;

use super::opened::Whole;
use super::rejects::RejectLines;
use super::repeats::Sighted;
use crate::facts::Facts;

/// The name of a range: sorts behind the blob's name, in the order of the ranges.
pub(super) fn range_name(blob: &str, number: usize) -> String {
    format!("{blob}\u{0}{number:08}")
}

/// How a range ended.
#[derive(Clone, Copy, Default)]
pub(super) struct RangeEnd {
    /// Line ends in it.
    pub(super) line_ends: u64,
    /// Whether its framer stood where the next range began.
    pub(super) fits: bool,
    /// Whether it could not be read to its end.
    pub(super) incomplete: bool,
}

/// What workers have counted.
#[derive(Default)]
pub(super) struct Done {
    pub(super) facts: Facts,
    /// Every record that has a fingerprint, of a survey.
    pub(super) sighted: Vec<Sighted>,
    pub(super) rejects: RejectLines,
    /// Bytes that the tables took when they were weighed last.
    pub(super) weight: u64,
    /// How each range ended, by its name.
    pub(super) ends: BTreeMap<String, RangeEnd>,
    /// What was counted in the ranges of blobs that could not be cut there, by blob.
    pub(super) misfits: BTreeMap<String, Done>,
}

impl Done {
    pub(super) fn merge(&mut self, other: Self) {
        self.facts.merge(other.facts);
        self.sighted.extend(other.sighted);
        self.rejects.lines.extend(other.rejects.lines);
        self.weight += other.weight;
        self.ends.extend(other.ends);
        self.misfits.extend(other.misfits);
    }

    /// Of each range of a blob whether it fits the next one.
    pub(super) fn fits(&self, blob: &str, number: usize) -> Vec<bool> {
        let fits = |range: String| self.ends.get(&range).is_some_and(|end| end.fits);
        (0..number).map(|number| fits(range_name(blob, number))).collect()
    }

    /// Whether a range of a blob could not be read to its end.
    pub(super) fn is_incomplete(&self, blob: &str, number: usize) -> bool {
        (0..number).any(|number| self.ends.get(&range_name(blob, number)).is_none_or(|end| end.incomplete))
    }

    /// Gives the ranges of a blob, which must fit, back to it; with what is known of it as it is stored, where its
    /// ranges are pieces of what that expands to.
    pub(super) fn join_ranges(&mut self, blob: &str, number: usize, whole: Option<Whole>) {
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
        if let Some(whole) = whole {
            let coverage = self.facts.coverage.blob(name);
            coverage.compression = whole.compression;
            (coverage.stored_bytes, coverage.digest) = (whole.stored_bytes, whole.digest);
        }
        for reject in &mut self.rejects.lines {
            if let Some(before) = lines.get(&reject.blob) {
                reject.line += before;
                blob.clone_into(&mut reject.blob);
            }
        }
    }
}
