//! What was read of every blob, and what of it could not be.
//!
//! Grain: blob. For every blob `records + repeated + not audit + blank + rejected = framed`; the report shows
//! it, so that nobody takes a part for the whole.

use std::collections::BTreeMap;

use super::Map;
use super::dimensions::{Remap, Text};
use crate::decode::compression::Compression;
use crate::decode::shape::{Containers, Shape};
use crate::decode::{NotAudit, Place, Reason};
use crate::ticks::Ticks;

/// Rejects of a blob that are kept with their place; all are counted.
pub const KEPT_REJECTS: usize = 100;

/// One reject, by where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RejectRow {
    /// Where.
    pub place: Place,
    /// Why.
    pub reason: Reason,
    /// What exactly, without any text of the log.
    pub detail: Option<String>,
}

/// What was read of one blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlobCoverage {
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// XXH3 (128 bits) of the stored bytes, to notice the same bytes under two names.
    pub digest: u128,
    /// How it is stored.
    pub compression: Compression,
    /// The containers met.
    pub containers: Containers,
    /// Audit records by the way they came.
    pub shapes: BTreeMap<Shape, u64>,
    /// Bytes decompressed.
    pub bytes: u64,
    /// Audit records.
    pub records: u64,
    /// Blank lines.
    pub blank: u64,
    /// Audit records that were left out, because the same request was read elsewhere.
    pub repeated: u64,
    /// Records of other logs.
    pub not_audit: BTreeMap<NotAudit, u64>,
    /// Frames that are no record.
    pub rejected: BTreeMap<Reason, u64>,
    /// The first of them by place.
    pub rejects: Vec<RejectRow>,
    /// Audit records without a readable time.
    pub untimed: u64,
    /// Audit records whose status code and reason phrase contradict each other.
    pub contradictory: u64,
    /// First tick of an audit record.
    pub first: Option<Ticks>,
    /// Last tick of an audit record.
    pub last: Option<Ticks>,
    /// The blob could not be read to its end.
    pub incomplete: bool,
    /// Why the file was not read at all: it is plainly no log.
    pub passed_over: Option<String>,
}

impl BlobCoverage {
    /// Notes a reject.
    pub fn reject(&mut self, row: RejectRow) {
        *self.rejected.entry(row.reason).or_default() += 1;
        self.keep_reject(row);
    }

    /// Keeps a reject that is counted already, if it is among the first.
    pub fn keep_reject(&mut self, row: RejectRow) {
        let at = self.rejects.partition_point(|other| *other <= row);
        if at < KEPT_REJECTS {
            self.rejects.insert(at, row);
            self.rejects.truncate(KEPT_REJECTS);
        }
    }

    /// Notes the time of an audit record.
    pub fn time(&mut self, time: Option<Ticks>) {
        match time {
            Some(time) => {
                self.first = Some(self.first.map_or(time, |first| first.min(time)));
                self.last = Some(self.last.map_or(time, |last| last.max(time)));
            }
            None => self.untimed += 1,
        }
    }

    /// Rejected frames in all.
    pub fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Records of other logs in all.
    pub fn not_audit(&self) -> u64 {
        self.not_audit.values().sum()
    }

    /// Everything that was framed.
    pub fn framed(&self) -> u64 {
        self.records + self.repeated + self.not_audit() + self.blank + self.rejected()
    }

    /// Takes in what was read of another stretch of the same blob.
    fn merge(&mut self, other: Self) {
        self.stored_bytes += other.stored_bytes;
        self.digest = self.digest.max(other.digest);
        self.compression = self.compression.max(other.compression);
        self.containers = self.containers.union(other.containers);
        other.shapes.into_iter().for_each(|(shape, count)| *self.shapes.entry(shape).or_default() += count);
        self.bytes += other.bytes;
        self.records += other.records;
        self.blank += other.blank;
        self.repeated += other.repeated;
        other
            .not_audit
            .into_iter()
            .for_each(|(kind, count)| *self.not_audit.entry(kind).or_default() += count);
        other
            .rejected
            .into_iter()
            .for_each(|(reason, count)| *self.rejected.entry(reason).or_default() += count);
        other.rejects.into_iter().for_each(|row| self.keep_reject(row));
        self.untimed += other.untimed;
        self.contradictory += other.contradictory;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.into_iter().chain(other.last).max();
        self.incomplete |= other.incomplete;
        self.passed_over = self.passed_over.take().max(other.passed_over);
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Coverage {
    map: Map<Text, BlobCoverage>,
    /// Where the row last asked for stands, as the next record is mostly of the same blob.
    last: usize,
}

impl Coverage {
    /// The row of a blob.
    pub fn blob(&mut self, blob: Text) -> &mut BlobCoverage {
        if self.map.get_index(self.last).is_none_or(|(last, _)| *last != blob) {
            let entry = self.map.entry(blob);
            self.last = entry.index();
            entry.or_default();
        }
        &mut self.map[self.last]
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap) {
        for (blob, coverage) in other.map {
            self.blob(remap.text(blob)).merge(coverage);
        }
    }

    /// Takes the row of a blob out.
    pub fn take(&mut self, blob: Text) -> Option<BlobCoverage> {
        self.map.swap_remove(&blob)
    }

    /// Takes in what was read of a stretch of a blob.
    pub fn add(&mut self, blob: Text, coverage: BlobCoverage) {
        self.blob(blob).merge(coverage);
    }

    /// Every blob, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (Text, &BlobCoverage)> {
        self.map.iter().map(|(blob, coverage)| (*blob, coverage))
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }
}
