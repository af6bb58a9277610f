//! Bytes to records, in named layers: compression, framing, then one decoder for every record form.
//!
//! Input: any [`std::io::Read`]. Output: [`Decoded`] units in the order of the blob, and what was
//! read in all. Must not classify, and must not lose a byte: every frame ends as a record, as
//! *not audit*, or as a reject with its place and reason.

pub mod capture;
pub mod columns;
pub mod compression;
pub mod csv;
pub mod framing;
mod mend;
pub mod parquet;
pub mod resource_log;
pub mod shape;

use std::io::{self, Read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::record::Record;
use framing::{Frame, FrameKind, Framer, Standing};
pub use resource_log::Remembered;
use resource_log::{Form, Refusal};
use shape::{Container, Containers, Envelope};

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
    /// A query's answer that says itself that it is partial.
    PartialAnswer,
    /// The decompressed bytes outgrow the bound.
    ExpansionLimit,
    /// The compressed data are damaged or cut.
    DamagedCompression,
    /// An Avro container is damaged: what stands between two of its markers cannot be read.
    DamagedAvro,
    /// An Avro container is packed with a codec that is not read.
    UnknownCodec,
    /// An Avro container whose schema is not that of Event Hubs Capture.
    OtherSchema,
    /// The Parquet file, or a row group in it, is damaged or cut.
    DamagedParquet,
    /// The Parquet file uses what akvlens does not read, or claims more than its bounds.
    UnsupportedParquet,
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
///
/// In a Capture file ([`capture`]) the blob is taken for the bodies of its events, one behind the
/// other: `offset` is the length of all earlier bodies plus the offset inside this one, so that it
/// rises; and `line` is the number of the event, from 1, among those that could be read.
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
    /// Decompressed bytes; of a Capture file those of its events' bodies.
    pub bytes: u64,
    /// Line ends met.
    pub line_ends: u64,
    /// Lines that hold no record by their nature: of nothing but white space outside any record, and
    /// header rows of a CSV; and events without a body.
    pub blank: u64,
    /// The containers met.
    pub containers: Containers,
    /// Whether the blob ends too early, or cannot be read to its end, although its reader gave all.
    /// A reject tells why.
    pub incomplete: bool,
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
    decode_next(reader, limits, &mut Remembered::default(), sink)
}

/// [`decode`] for blobs that come in numbers, by what is remembered of those before: the same, sooner.
///
/// # Errors
/// As [`decode`].
pub fn decode_next(
    reader: impl Read,
    limits: Limits,
    remembered: &mut Remembered,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let mut framer = Framer::new(reader, 0, limits.max_record_bytes).guessing();
    let (containers, result) = units(&mut framer, Around::default(), remembered, &mut sink);
    let totals = framer.totals();
    (Totals { containers: totals.containers.union(containers), ..totals }, result)
}

/// Where a range of a blob lies.
#[derive(Clone, Copy, Debug)]
pub struct RangePlace<'s> {
    /// Bytes before it.
    pub offset: u64,
    /// Where a framer stands at its beginning.
    pub begins: &'s Standing,
    /// Whether more of the blob follows it.
    pub more_follows: bool,
}

/// [`decode`] for a range of a blob, in which lines still count from 1. Says also where the framer stands at
/// its end, which must be where the next range begins: then the ranges decode as the whole does. `None` where
/// they may not.
///
/// # Errors
/// As [`decode`].
pub fn decode_range(
    reader: impl Read,
    place: RangePlace<'_>,
    limits: Limits,
    remembered: &mut Remembered,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, Option<Standing>, io::Result<()>) {
    let framer = Framer::new(reader, place.offset, limits.max_record_bytes).guessing();
    let mut framer = framer.in_range(place.begins, place.more_follows);
    let (containers, result) = units(&mut framer, Around::default(), remembered, &mut sink);
    let totals = framer.totals();
    (Totals { containers: totals.containers.union(containers), ..totals }, framer.standing(), result)
}

/// Where a framer stands in front of the first audit record of a text, and the bytes of that record's frame;
/// `None` where there is no record.
pub fn first_record(text: &[u8], limits: Limits) -> Option<(Standing, Vec<u8>)> {
    let mut framer = Framer::new(text, 0, limits.max_record_bytes);
    let mut remembered = Remembered::default();
    loop {
        let frame = framer.advance().ok().flatten()?;
        let decoded = decode_as(&frame, &mut Record::default(), &mut remembered);
        match decoded {
            Ok(Form::Audit) => {
                let bytes = frame.bytes.to_vec();
                return Some((framer.standing()?, bytes));
            }
            Err(_) if matches!(frame.kind, FrameKind::Line | FrameKind::Element) => framer.reframe(),
            _ => {}
        }
    }
}

/// [`decode`] for what a framer gives.
///
/// # Errors
/// As [`decode`].
pub fn decode_frames(
    mut framer: Framer<impl Read>,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let (containers, result) = units(&mut framer, Around::default(), &mut Remembered::default(), &mut sink);
    let totals = framer.totals();
    (Totals { containers: totals.containers.union(containers), ..totals }, result)
}

/// [`decode`] for one text of many inside a container, which is what its records stand in.
fn decode_inside(
    container: Container,
    text: &[u8],
    offset: u64,
    limits: Limits,
    remembered: &mut Remembered,
    sink: Sink<'_>,
) -> (Totals, io::Result<()>) {
    let mut framer = Framer::new(text, offset, limits.max_record_bytes).guessing();
    let around = Around { container: Some(container), record: None };
    let (_, result) = units(&mut framer, around, remembered, sink);
    (Totals { containers: Containers::default(), ..framer.totals() }, result)
}

/// What stands around a text.
#[derive(Clone, Copy, Default)]
struct Around {
    /// What its records stand in; else what the framer says.
    container: Option<Container>,
    /// The place of the record whose field it was.
    record: Option<Place>,
}

/// Hands out every unit of a text, and says which containers show only by what was in them.
fn units(
    framer: &mut Framer<impl Read>,
    around: Around,
    remembered: &mut Remembered,
    sink: Sink<'_>,
) -> (Containers, io::Result<()>) {
    let mut containers = Containers::default();
    loop {
        match framer.advance() {
            Ok(Some(frame)) => match decode_frame(&frame, around, remembered, sink) {
                After::Go => {}
                After::Took(container) => containers.insert(container),
                After::Stop => return (containers, Ok(())),
                After::Reframe => framer.reframe(),
            },
            Ok(None) => return (containers, Ok(())),
            Err(error) => return (containers, Err(error)),
        }
    }
}

/// Takes what is found; false to stop.
type Sink<'s> = &'s mut dyn FnMut(Decoded<'_>) -> bool;

/// What to do behind a frame.
enum After {
    Go,
    /// Go on; the frame stood in a container that does not show by itself.
    Took(Container),
    Stop,
    Reframe,
}

impl After {
    fn go(more: bool) -> Self {
        if more { Self::Go } else { Self::Stop }
    }

    /// Behind a frame that held a record.
    fn took(frame: &Frame<'_>, more: bool) -> Self {
        match frame.kind {
            FrameKind::Prefixed(_) if more => Self::Took(Container::JsonLines),
            _ => Self::go(more),
        }
    }
}

/// Decodes one frame. A line that is no record may still be the first line of a longer one, or hold
/// several: then the framer is asked to look again by structure.
fn decode_frame(frame: &Frame<'_>, around: Around, remembered: &mut Remembered, sink: Sink<'_>) -> After {
    // Unescaped, a text is no longer than it stands in the blob: its places stay within the frame.
    let place = around
        .record
        .map_or(frame.place, |record| Place { offset: record.offset + frame.place.offset, ..record });
    let mut record = Record::default();
    record.shape.container = around.container.unwrap_or(frame.container);
    record.shape.envelope = match frame.kind {
        _ if around.record.is_some() => Envelope::JsonString,
        FrameKind::Prefixed(_) => Envelope::LinePrefix,
        _ => Envelope::None,
    };
    let decoded = decode_as(frame, &mut record, remembered);
    let refusal = match decoded {
        Ok(Form::Audit) => return After::took(frame, sink(Decoded::Record(&record, place))),
        Ok(Form::NotAudit(kind)) => return After::took(frame, sink(Decoded::NotAudit(kind))),
        Err(refusal) => refusal,
    };
    if around.record.is_none()
        && let Some(text) = record.embedded.take()
        && let Some(more) = embedded(&text, record.shape.container, place, sink)
    {
        return After::took(frame, more);
    }
    if matches!(frame.kind, FrameKind::Line | FrameKind::Element) {
        return After::Reframe;
    }
    let (reason, detail) = refusal;
    After::go(sink(Decoded::Reject(Reject { place, reason, detail }, frame.bytes)))
}

/// Decodes a frame as what the framer takes it for.
fn decode_as<'a>(
    frame: &Frame<'a>,
    record: &mut Record<'a>,
    remembered: &mut Remembered,
) -> Result<Form, Refusal> {
    let refined = |(reason, detail): Refusal| (refine(reason, frame.bytes), detail);
    match frame.kind {
        FrameKind::Broken(reason, None) => Err((refine(reason, frame.bytes), None)),
        FrameKind::Broken(reason, detail) => Err((reason, detail.map(str::to_owned))),
        FrameKind::Line => resource_log::decode_next(frame.bytes, record, remembered),
        FrameKind::Element => resource_log::decode_element(frame.bytes, record, remembered),
        FrameKind::Object => resource_log::decode_next(frame.bytes, record, remembered).map_err(refined),
        FrameKind::Row => resource_log::decode_row(frame.bytes, frame.columns, record).map_err(refined),
        // Whatever else stands behind other text is just text.
        FrameKind::Prefixed(prefix) => {
            resource_log::decode_next(frame.bytes.get(prefix..).unwrap_or_default(), record, remembered)
                .map_err(|_| refined((Reason::NotJson, None)))
        }
    }
}

/// Rejects that are held back until a first record shows that a text is a log at all.
const HELD_REJECTS: usize = 1000;

/// Hands out the records in a text that a collector kept as a field of its own record: one, or a
/// container of them. `None`, and nothing handed out, if there is none in it; else whether to go on.
fn embedded(text: &str, container: Container, record: Place, sink: Sink<'_>) -> Option<bool> {
    let mut framer = Framer::new(text.as_bytes(), 0, text.len());
    let (mut held, mut any, mut more) = (Vec::new(), false, true);
    let around = Around { container: Some(container), record: Some(record) };
    let _ = units(&mut framer, around, &mut Remembered::default(), &mut |found| match found {
        Decoded::Reject(reject, _) if !any => {
            held.push(reject);
            held.len() < HELD_REJECTS
        }
        found => {
            any = true;
            more = held.drain(..).all(|reject| sink(Decoded::Reject(reject, &[]))) && sink(found);
            more
        }
    });
    any.then_some(more)
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
pub(crate) mod tests;
