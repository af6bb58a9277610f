//! The framer: which stretches of a blob are frames.

use akvlens::decode::framing::{FrameKind, Framer};
use akvlens::decode::shape::{Container, Containers};
use akvlens::decode::{Place, Totals};

use crate::reader::{Stepwise, steer};

/// How a blob is read.
#[derive(Clone, Copy)]
struct Way {
    /// Bytes the reader gives at a time.
    step: usize,
    /// Bytes the window asks for at a time.
    chunk: usize,
    /// Longest record.
    most: usize,
    /// Which lines the decoder refuses.
    proof: Proof,
}

/// What the decoder makes of a line.
#[derive(Clone, Copy)]
enum Proof {
    /// It takes JSON objects that are no wrapper.
    Json,
    /// It takes every line.
    Any,
    /// It takes none.
    None,
}

/// A frame, owned.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    bytes: Vec<u8>,
    kind: FrameKind,
    place: Place,
}

/// Frames account for the blob's bytes, stand in order, hold what stands in the blob, and do not
/// depend on how the reader hands out its bytes.
///
/// The first four bytes steer: longest record, the window's chunk, bytes a read, proof of lines.
pub fn framing(bytes: &[u8]) {
    let ([most, chunk, step, proof], blob) = steer::<4>(bytes);
    let proof = match proof % 4 {
        0 | 1 => Proof::Json,
        2 => Proof::Any,
        _ => Proof::None,
    };
    // From a few bytes to more than any input has.
    let most = if most >= 0xf0 { 1 << 20 } else { usize::from(most) * 4 };
    let chunk = usize::from(chunk) + 1;
    let whole = Way { step: usize::MAX, chunk, most, proof };
    let (found, totals) = frames(blob, whole);
    check_places(blob, &found, totals, most);
    check_gaps(blob, &found, totals.containers);
    for step in [usize::from(step % 16) + 1, usize::from(step)] {
        let stepwise = frames(blob, Way { step, ..whole });
        assert_eq!(stepwise, (found.clone(), totals), "read {step} bytes at a time");
    }
    // A line longer than the chunk is framed by its structure, and no more than that may differ.
    if !matches!(proof, Proof::Any) {
        let (other, other_totals) = frames(blob, Way { chunk: blob.len() + 1, ..whole });
        // A line with text before its object must stand in the window as a whole to be seen as one.
        if other.iter().any(|frame| matches!(frame.kind, FrameKind::Prefixed(_))) {
            return;
        }
        assert_eq!(without_kinds(other), without_kinds(found), "in chunks of {chunk} bytes");
        assert_eq!((other_totals.blank, other_totals.bytes), (totals.blank, totals.bytes));
    }
}

/// The frames of a blob.
fn frames(blob: &[u8], way: Way) -> (Vec<Found>, Totals) {
    let mut framer = Framer::with_chunk(Stepwise::new(blob, way.step), 0, way.most, way.chunk);
    let mut found = Vec::new();
    let mut calls = 0;
    while let Some(frame) = framer.advance().expect("the reader never fails") {
        calls += 1;
        assert!(calls <= 3 * blob.len() + 3, "more frames than bytes");
        if frame.kind == FrameKind::Line && !is_taken(frame.bytes, way.proof) {
            framer.reframe();
            continue;
        }
        found.push(Found { bytes: frame.bytes.to_vec(), kind: frame.kind, place: frame.place });
    }
    (found, framer.totals())
}

/// What the decoder says of a line.
fn is_taken(line: &[u8], proof: Proof) -> bool {
    let is_record = |object: serde_json::Map<String, serde_json::Value>| {
        !["records", "Records", "value", "tables"].iter().any(|name| object.contains_key(*name))
    };
    match proof {
        Proof::Json => serde_json::from_slice(line).is_ok_and(is_record),
        Proof::Any => true,
        Proof::None => false,
    }
}

/// Each frame holds what stands at its place, in order, on its line.
fn check_places(blob: &[u8], found: &[Found], totals: Totals, most: usize) {
    let mut end = 0;
    for frame in found {
        let start = usize::try_from(frame.place.offset).expect("an offset in the blob");
        let length = usize::try_from(frame.place.bytes).expect("a length in the blob");
        assert!(start >= end, "frames overlap at {start}");
        end = start + length;
        assert!(end <= blob.len(), "a frame behind the end");
        assert_eq!(frame.place.line, 1 + newlines(&blob[..start]), "line at {start}");
        let whole = !matches!(frame.kind, FrameKind::Broken(..));
        if whole || !frame.bytes.is_empty() {
            assert_eq!(frame.bytes, &blob[start..end], "bytes at {start}");
        }
        if whole {
            assert!(length <= most, "a record of {length} bytes");
            let (begin, end) = if frame.kind == FrameKind::Row { (b"[", b"]") } else { (b"{", b"}") };
            let from = if let FrameKind::Prefixed(prefix) = frame.kind { prefix } else { 0 };
            let object = &frame.bytes[from..];
            assert!(object.starts_with(begin) && object.ends_with(end), "no record at {start}");
        }
    }
    assert_eq!(totals.bytes, blob.len() as u64);
    assert_eq!(totals.line_ends, newlines(blob));
}

/// Between frames stands nothing but white space, byte order marks, and the marks of containers;
/// and blank lines are counted. Around a wrapper's array may stand anything.
fn check_gaps(blob: &[u8], found: &[Found], containers: Containers) {
    // Of a wrapper, all that is told is where its array begins.
    let wrappers = [Container::RecordsWrapper, Container::ValueWrapper, Container::QueryTables];
    if containers.iter().any(|container| wrappers.contains(&container)) {
        return;
    }
    let array = containers.iter().any(|container| container == Container::Array);
    let mut end = 0;
    for (start, behind) in found.iter().map(stretch).chain([(blob.len(), blob.len())]) {
        let gap = String::from_utf8_lossy(&blob[end..start]).replace('\u{feff}', "");
        let blank = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
        let mark = |c: char| c == ',' || (array && matches!(c, '[' | ']'));
        assert!(gap.chars().all(|c| blank(c) || mark(c)), "{gap:?} before {start} is in no frame");
        end = behind;
    }
}

/// Where a frame begins and ends.
fn stretch(frame: &Found) -> (usize, usize) {
    let start = usize::try_from(frame.place.offset).unwrap_or(usize::MAX);
    (start, start.saturating_add(usize::try_from(frame.place.bytes).unwrap_or(usize::MAX)))
}

/// The number of line ends.
fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The frames without the difference between a line and an object, and without bytes that may be at
/// hand or not.
fn without_kinds(found: Vec<Found>) -> Vec<(FrameKind, Place)> {
    let one = |kind| if kind == FrameKind::Line { FrameKind::Object } else { kind };
    found.into_iter().map(|frame| (one(frame.kind), frame.place)).collect()
}
