//! Coverage facts to the report's coverage.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::facts::coverage::BlobCoverage;
use crate::report::{BlobReport, CoverageReport, PassedOverReport, RejectReport};

/// What was read.
pub(super) fn report(facts: &Facts, fact_rows: u64) -> CoverageReport {
    let mut report = CoverageReport { fact_rows, ..CoverageReport::default() };
    let mut digests: BTreeMap<u128, Vec<String>> = BTreeMap::new();
    for (name, blob) in facts.coverage_rows() {
        if let Some(why) = &blob.passed_over {
            report.passed_over.push(PassedOverReport { name: name.to_owned(), why: why.clone() });
            continue;
        }
        add(&mut report, blob);
        report.rejects.extend(blob.rejects.iter().map(|row| RejectReport {
            blob: name.to_owned(),
            offset: row.place.offset,
            line: row.place.line,
            bytes: row.place.bytes,
            reason: row.reason,
            detail: row.detail.clone(),
        }));
        if blob.records > 0 {
            digests.entry(blob.digest).or_default().push(name.to_owned());
        }
        report.per_blob.push(blob_report(name, blob));
    }
    report.same_bytes = digests.into_values().filter(|names| names.len() > 1).collect();
    report.same_bytes.sort();
    report
}

/// Adds a blob to the sums.
fn add(report: &mut CoverageReport, blob: &BlobCoverage) {
    report.blobs += 1;
    report.incomplete += u64::from(blob.incomplete);
    report.stored_bytes += blob.stored_bytes;
    report.bytes += blob.bytes;
    report.framed += blob.framed();
    report.records += blob.records;
    report.blank += blob.blank;
    report.repeated += blob.repeated;
    report.rejected += blob.rejected();
    report.not_audit += blob.not_audit();
    report.untimed += blob.untimed;
    report.contradictory += blob.contradictory;
    report.first = report.first.into_iter().chain(blob.first).min();
    report.last = report.last.into_iter().chain(blob.last).max();
    for (kind, count) in &blob.not_audit {
        *report.not_audit_by_kind.entry(*kind).or_default() += count;
    }
    for (reason, count) in &blob.rejected {
        *report.rejected_by_reason.entry(*reason).or_default() += count;
    }
    for container in blob.containers.names() {
        *report.containers.entry(container).or_default() += 1;
    }
    for (shape, count) in &blob.shapes {
        *report.shapes.entry(shape.to_string()).or_default() += count;
    }
}

fn blob_report(name: &str, blob: &BlobCoverage) -> BlobReport {
    BlobReport {
        blob: name.to_owned(),
        stored_bytes: blob.stored_bytes,
        bytes: blob.bytes,
        framed: blob.framed(),
        records: blob.records,
        blank: blob.blank,
        repeated: blob.repeated,
        rejected: blob.rejected(),
        not_audit: blob.not_audit(),
        first: blob.first,
        last: blob.last,
        compression: blob.compression.to_string(),
        containers: blob.containers.names(),
        shapes: blob.shapes.iter().map(|(shape, count)| (shape.to_string(), *count)).collect(),
        incomplete: blob.incomplete,
    }
}
