//! Every reject of a run, for `--rejects FILE`.

use serde::Serialize;

use crate::decode::{Reason, Reject};
use crate::redact::redact;

/// Longest excerpt of a reject, in bytes.
const EXCERPT_BYTES: usize = 200;

/// Most rejects kept by one worker; beyond it only the counts in coverage go on.
const MOST_LINES: usize = 1_000_000;

/// One reject, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RejectLine {
    /// The blob.
    pub blob: String,
    /// Bytes before it.
    pub offset: u64,
    /// Line of its first byte.
    pub line: u64,
    /// Its length.
    pub bytes: u64,
    /// Why it was refused.
    pub reason: Reason,
    /// What exactly was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How it begins, without tokens and signatures.
    pub excerpt: String,
}

/// The rejects of one worker.
#[derive(Debug, Default)]
pub(super) struct RejectLines {
    pub(super) lines: Vec<RejectLine>,
}

impl RejectLines {
    pub(super) fn add(&mut self, blob: &str, reject: &Reject, bytes: &[u8]) {
        if self.lines.len() >= MOST_LINES {
            return;
        }
        let start = bytes.get(..bytes.len().min(EXCERPT_BYTES)).unwrap_or_default();
        self.lines.push(RejectLine {
            blob: blob.to_owned(),
            offset: reject.place.offset,
            line: reject.place.line,
            bytes: reject.place.bytes,
            reason: reject.reason,
            detail: reject.detail.clone(),
            excerpt: redact(&String::from_utf8_lossy(start)).into_owned(),
        });
    }
}
