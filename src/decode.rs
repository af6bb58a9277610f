//! Bytes to records, in named layers: compression, framing, then one decoder a record form.
//!
//! Input: any [`std::io::Read`]. Output: [`Decoded`] units in the order of the blob, and what was
//! read in all. Must not classify, and must not lose a byte: every frame ends as a record, as
//! *not audit*, or as a reject with its place and reason.

pub mod columns;
pub mod compression;
pub mod csv;
pub mod framing;
mod mend;
pub mod resource_log;
pub mod shape;

use std::io::{self, Read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::record::Record;
use framing::{Frame, FrameKind, Framer, Shape};

/// Bounds on what one blob may cost; each is a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest record in bytes, decompressed; a longer one is rejected. Bounds memory per thread.
    pub max_record_bytes: usize,
    /// How many times larger than its stored bytes a compressed blob may become (after the first
    /// [`compression::FREE_EXPANSION`] bytes).
    pub max_expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_record_bytes: 16 << 20, max_expansion: 500 }
    }
}

/// Why a frame is no record.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The blob, or a container in it, ends before the record does.
    Truncated,
    /// Broken JSON.
    InvalidJson,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// NUL bytes, as a crashed writer leaves them.
    NulBytes,
    /// Text that does not begin like JSON at all.
    NotJson,
    /// A row of a CSV with broken quotes, or with more or fewer fields than its header.
    InvalidCsv,
    /// A date that can be read in more than one way, or a local time that names no one instant.
    AmbiguousDate,
    /// Longer than the longest record allowed.
    TooLong,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// Valid JSON, but neither an audit record nor any other known log record.
    NotARecord,
    /// The decompressed bytes outgrow the bound.
    ExpansionLimit,
    /// The compressed data are damaged or cut.
    DamagedCompression,
    /// Reading failed.
    Unreadable,
    /// The decoder itself failed on the blob: a bug worth reporting.
    InternalError,
}

/// Deepest nesting of a record: the bound of the JSON parser, far above the five of a real one.
pub const MAX_DEPTH: usize = 127;

/// What a record of another log is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum NotAudit {
    /// Category `AzurePolicyEvaluationDetails`.
    PolicyEvaluation,
    /// The subscription's Activity Log.
    ActivityLog,
    /// Azure Monitor metrics.
    Metrics,
    /// Another category of Key Vault's log.
    OtherCategory,
    /// An audit log of another Azure service.
    OtherService,
}

/// Where a frame stands in the decompressed blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Bytes before the frame.
    pub offset: u64,
    /// Line of the frame's first byte, from 1.
    pub line: u64,
    /// The frame's length in bytes.
    pub bytes: u64,
}

/// A frame that is no record: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Where it stands.
    pub place: Place,
    /// Why it was refused.
    pub reason: Reason,
    /// What exactly was wrong, without any text of the log.
    pub detail: Option<String>,
}

/// One thing found in a blob.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// An audit record.
    Record(&'a Record<'a>, Place),
    /// A record of another log.
    NotAudit(NotAudit),
    /// A frame that is no record; its bytes as far as they are still at hand.
    Reject(Reject, &'a [u8]),
}

/// What was read of a blob in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Decompressed bytes.
    pub bytes: u64,
    /// Line ends met.
    pub line_ends: u64,
    /// Lines that hold no record by their nature: of nothing but white space outside any record,
    /// and header rows of a CSV.
    pub blank: u64,
    /// The containers met: see [`Shape`].
    pub shapes: Shape,
}

/// Reads a whole blob, handing each thing found to `sink` in order; stops early when `sink` says
/// so (false).
///
/// # Errors
/// Only what the reader reports. What was handed out before stays valid; the frame that was cut
/// has been handed out as a reject.
pub fn decode(
    reader: impl Read,
    limits: Limits,
    sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    decode_from(reader, 0, limits, sink)
}

/// [`decode`] for a reader that begins `offset` bytes into the blob; lines still count from 1.
///
/// # Errors
/// As [`decode`].
pub fn decode_from(
    reader: impl Read,
    offset: u64,
    limits: Limits,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let mut framer = Framer::new(reader, offset, limits.max_record_bytes);
    let result = loop {
        match framer.advance() {
            Ok(Some(frame)) => match decode_frame(&frame, &mut sink) {
                After::Go => {}
                After::Stop => break Ok(()),
                After::Reframe => framer.reframe(),
            },
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (framer.totals(), result)
}

/// What to do behind a frame.
enum After {
    Go,
    Stop,
    Reframe,
}

/// Decodes one frame. A line that is no record may still be the first line of a longer one, or hold
/// several: then the framer is asked to look again by structure.
fn decode_frame(frame: &Frame<'_>, sink: &mut impl FnMut(Decoded<'_>) -> bool) -> After {
    let more = match frame.kind {
        FrameKind::Broken(reason, detail) => {
            let reason = if detail.is_some() { reason } else { refine(reason, frame.bytes) };
            let reject = Reject { place: frame.place, reason, detail: detail.map(str::to_owned) };
            sink(Decoded::Reject(reject, frame.bytes))
        }
        FrameKind::Line | FrameKind::Object => {
            let mut record = Record::default();
            match resource_log::decode(frame.bytes, &mut record) {
                Ok(resource_log::Form::Audit) => sink(Decoded::Record(&record, frame.place)),
                Ok(resource_log::Form::NotAudit(kind)) => sink(Decoded::NotAudit(kind)),
                Err(_) if frame.kind == FrameKind::Line => return After::Reframe,
                Err((reason, detail)) => {
                    let reason = refine(reason, frame.bytes);
                    sink(Decoded::Reject(Reject { place: frame.place, reason, detail }, frame.bytes))
                }
            }
        }
    };
    if more { After::Go } else { After::Stop }
}

/// The plainest reason for broken JSON: NUL bytes or bytes that are no text go before bad grammar.
fn refine(reason: Reason, bytes: &[u8]) -> Reason {
    if !matches!(reason, Reason::InvalidJson | Reason::NotJson | Reason::Truncated | Reason::InvalidUtf8) {
        reason
    } else if memchr::memchr(0, bytes).is_some() {
        Reason::NulBytes
    } else if reason == Reason::InvalidJson && std::str::from_utf8(bytes).is_err() {
        Reason::InvalidUtf8
    } else {
        reason
    }
}

#[cfg(test)]
mod tests;
