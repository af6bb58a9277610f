//! A damaged or malicious blob, with the number of records and rejects and the exit status that must
//! come of it.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::program::{akvlens, folder, list, number, report, text};

/// A damaged blob and what is to come of it.
pub(crate) struct Case {
    /// What it is, and its file's name.
    name: &'static str,
    bytes: Vec<u8>,
    /// Decompressed size, where it is known and another than the stored one.
    decompressed: Option<usize>,
    args: &'static [&'static str],
    records: u64,
    not_audit: u64,
    blank: u64,
    rejects: BTreeMap<&'static str, u64>,
    incomplete: u64,
}

pub(crate) fn case(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    Case {
        name,
        bytes: bytes.as_ref().to_vec(),
        decompressed: None,
        args: &[],
        records: 0,
        not_audit: 0,
        blank: 0,
        rejects: BTreeMap::new(),
        incomplete: 0,
    }
}

impl Case {
    pub(crate) fn records(self, records: u64) -> Self {
        Self { records, ..self }
    }

    pub(crate) fn not_audit(self, not_audit: u64) -> Self {
        Self { not_audit, ..self }
    }

    pub(crate) fn blank(self, blank: u64) -> Self {
        Self { blank, ..self }
    }

    pub(crate) fn reject(mut self, reason: &'static str, count: u64) -> Self {
        self.rejects.insert(reason, count);
        self
    }

    pub(crate) fn decompressed(self, bytes: usize) -> Self {
        Self { decompressed: Some(bytes), ..self }
    }

    pub(crate) fn args(self, args: &'static [&'static str]) -> Self {
        Self { args, ..self }
    }

    pub(crate) fn incomplete(self) -> Self {
        Self { incomplete: 1, ..self }
    }

    /// Runs it and compares.
    pub(crate) fn check(&self) {
        let name = self.name;
        let folder = folder(&[(name, &self.bytes)]);
        let args = |more: &[&'static str]| [&[name, "--quiet"], self.args, more].concat();
        let rejected: u64 = self.rejects.values().sum();
        let status = if rejected > 0 { 3 } else { 0 };
        let report = report(folder.path(), status, args(&["--rejects", "rejects.jsonl"]));
        let coverage = &report["coverage"];
        let counts = ["records", "not_audit", "blank", "incomplete"].map(|key| number(&coverage[key]));
        assert_eq!(
            counts,
            [self.records, self.not_audit, self.blank, self.incomplete],
            "{name}: {coverage:#}"
        );
        assert_eq!(coverage["rejected_by_reason"], json!(self.rejects), "{name}: {coverage:#}");
        self.check_sums(coverage);
        let rejects = fs::read_to_string(folder.path().join("rejects.jsonl")).unwrap();
        self.check_rejects(
            &rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>(),
        );
        let lenient = akvlens(folder.path(), [&["report"][..], &args(&["--max-rejected", "1000"])].concat());
        assert_eq!(lenient.status, 0, "{name}: rejects can be put up with");
    }

    /// `records + not audit + blank + rejected = framed`, and no byte is missing.
    fn check_sums(&self, coverage: &Value) {
        let blob = &list(&coverage["per_blob"])[0];
        for row in [coverage, blob] {
            let parts = ["records", "not_audit", "blank", "rejected"].map(|key| number(&row[key]));
            assert_eq!(parts.iter().sum::<u64>(), number(&row["framed"]), "{}: {row}", self.name);
            assert_eq!(number(&row["stored_bytes"]), self.bytes.len() as u64, "{}", self.name);
            if let Some(bytes) = self.decompressed.or((self.incomplete == 0).then_some(self.bytes.len())) {
                assert_eq!(number(&row["bytes"]), bytes as u64, "{}", self.name);
            }
        }
    }

    /// Every reject is told with its place, one behind the other, on the right line.
    fn check_rejects(&self, rejects: &[Value]) {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        let mut end = 0;
        for reject in rejects {
            *reasons.entry(text(&reject["reason"])).or_default() += 1;
            let (offset, line) = (number(&reject["offset"]), number(&reject["line"]));
            assert!(offset >= end, "{}: rejects do not overlap: {reject}", self.name);
            end = offset + number(&reject["bytes"]);
            assert_eq!(reject["blob"], self.name);
            if self.decompressed.is_none() && self.incomplete == 0 {
                let before = &self.bytes[..usize::try_from(offset).unwrap()];
                assert_eq!(line, 1 + newlines(before), "{}: {reject}", self.name);
            }
        }
        assert_eq!(reasons, self.rejects, "{}", self.name);
    }
}

pub(crate) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Runs each and compares.
pub(crate) fn check(cases: &[Case]) {
    for case in cases {
        case.check();
    }
}
