//! A whole blob: compression, framing, decoding.

use std::io::Read;

use akvlens::decode::compression::{Compression, Decompressed, sniff};
use akvlens::decode::framing::Framer;
use akvlens::decode::shape::Container;
use akvlens::decode::{Decoded, Limits, Place, Totals, decode_frames};

use crate::reader::{Stepwise, steer};

/// Decompressed bytes that are looked at: a bomb costs time and shows nothing more.
const MOST_BYTES: u64 = 1 << 17;

/// Bytes of the window: the seams of a large one would be out of reach.
const CHUNK: usize = 1 << 10;

/// What a decoder may keep back of the bytes before damage.
const KEPT_BACK: usize = 32 << 10;

/// One thing found, owned.
#[derive(Clone, Debug, PartialEq)]
enum Unit {
    Record(String, Place),
    NotAudit(String),
    Reject(Place, String),
}

/// Every frame ends as one unit, units stand in order within the bytes that were read, and neither
/// the pieces that the readers give nor the place of the blob's start change any of them.
///
/// The first three bytes steer: longest record, bytes a read, where to stop.
pub fn decode(bytes: &[u8]) {
    let ([most, step, stop], stored) = steer::<3>(bytes);
    let max_record_bytes = if most >= 0xf0 { 1 << 20 } else { usize::from(most) * 16 };
    let limits = Limits { max_record_bytes, ..Limits::default() };
    let (blob, fails) = decompressed(stored, usize::MAX);
    check_steps(&blob, fails, &decompressed(stored, usize::from(step)));

    let whole = units(&blob, usize::MAX, fails, limits);
    check_totals(&blob, &whole);
    // So small a step that every byte is at a seam, unless that takes too long.
    let step = usize::from(step).max(blob.len() / 1024);
    assert_eq!(units(&blob, step, fails, limits), whole, "{step} bytes at a time");
    check_offset(&blob, &whole, fails, limits);
    check_stop(&blob, &whole.0, usize::from(stop), limits);
}

/// The same bytes however the stored ones come; in front of damage a few more or less.
fn check_steps(blob: &[u8], fails: bool, (other, other_fails): &(Vec<u8>, bool)) {
    assert_eq!(fails, *other_fails, "stored bytes in steps");
    let common = blob.len().min(other.len());
    assert!(blob[..common] == other[..common], "stored bytes in steps");
    let differ = blob.len().abs_diff(other.len());
    assert!(differ == 0 || (fails && differ <= KEPT_BACK), "{differ} bytes are lost");
}

/// The bytes that a blob holds, as far as they are looked at, and whether reading them fails.
fn decompressed(stored: &[u8], step: usize) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let opened = Decompressed::open(Stepwise::new(stored, step), Limits::default().max_expansion);
    let Ok(reader) = opened else { return (bytes, true) };
    assert_eq!(reader.compression(), sniff(stored));
    let plain = reader.compression() == Compression::None;
    let fails = reader.take(MOST_BYTES).read_to_end(&mut bytes).is_err();
    assert!(!plain || (!fails && bytes == stored), "a plain blob is as it is stored");
    (bytes, fails)
}

/// Everything that is found, and what was read.
fn units(blob: &[u8], step: usize, fails: bool, limits: Limits) -> (Vec<Unit>, Totals) {
    let mut units = Vec::new();
    let reader = Stepwise::new(blob, step);
    let reader = if fails { reader.failing() } else { reader };
    let framer = Framer::with_chunk(reader, 0, limits.max_record_bytes, CHUNK);
    let (totals, result) = decode_frames(framer, |found| {
        units.push(unit(&found));
        true
    });
    assert_eq!(result.is_err(), fails, "the reader's error is told");
    (units, totals)
}

fn unit(found: &Decoded<'_>) -> Unit {
    match found {
        Decoded::Record(record, place) => Unit::Record(format!("{record:?}"), *place),
        Decoded::NotAudit(kind) => Unit::NotAudit(kind.to_string()),
        Decoded::Reject(reject, bytes) => {
            let length = bytes.len() as u64;
            assert!(length == 0 || length == reject.place.bytes, "a reject's bytes are all there or none");
            Unit::Reject(reject.place, format!("{} {:?}", reject.reason, reject.detail))
        }
    }
}

/// Units stand in order within the blob, and all of its bytes were read.
fn check_totals(blob: &[u8], (units, totals): &(Vec<Unit>, Totals)) {
    assert_eq!(totals.bytes, blob.len() as u64);
    let line_ends = blob.iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(totals.line_ends, line_ends);
    let (mut end, mut line) = (0, 1);
    let mut others = 0;
    for unit in units {
        let (Unit::Record(_, place) | Unit::Reject(place, _)) = unit else {
            others += 1;
            continue;
        };
        assert!(place.offset >= end && place.line >= line, "units stand in order");
        (end, line) = (place.offset + place.bytes, place.line);
    }
    assert!(end <= totals.bytes && line <= line_ends + 1, "units stand in the blob");
    // `{"category":1}` is the shortest record of another log.
    assert!(others * 14 <= blob.len(), "more records of other logs than there is room for");
    assert!(totals.blank <= line_ends + 1, "more blank lines than lines");
    let nothing = units.is_empty() && totals.blank == 0;
    let looks_empty = blob.iter().all(|byte| b" \t\r\x0b\x0c\n,[]{}\":\xef\xbb\xbf".contains(byte));
    let wrappers = [Container::RecordsWrapper, Container::ValueWrapper, Container::QueryTables];
    assert!(
        !nothing || looks_empty || totals.containers.iter().any(|container| wrappers.contains(&container))
    );
}

/// A blob that begins elsewhere has the same units there.
fn check_offset(blob: &[u8], whole: &(Vec<Unit>, Totals), fails: bool, limits: Limits) {
    // A byte order mark of UTF-16 is looked for at the start of a blob alone.
    if fails || blob.starts_with(&[0xff, 0xfe]) || blob.starts_with(&[0xfe, 0xff]) {
        return;
    }
    let offset = 1 << 40;
    let mut moved = Vec::new();
    let framer = Framer::with_chunk(blob, offset, limits.max_record_bytes, CHUNK);
    let (totals, _) = decode_frames(framer, |found| {
        moved.push(match unit(&found) {
            Unit::Record(record, place) => Unit::Record(record, back(place, offset)),
            Unit::Reject(place, reason) => Unit::Reject(back(place, offset), reason),
            Unit::NotAudit(kind) => Unit::NotAudit(kind),
        });
        true
    });
    assert_eq!((&moved, &totals), (&whole.0, &whole.1));
}

fn back(place: Place, offset: u64) -> Place {
    Place { offset: place.offset.checked_sub(offset).expect("a place behind the start"), ..place }
}

/// A sink that stops has seen the first units, and no more.
fn check_stop(blob: &[u8], whole: &[Unit], stop: usize, limits: Limits) {
    let mut seen = Vec::new();
    let framer = Framer::with_chunk(blob, 0, limits.max_record_bytes, CHUNK);
    let (_, result) = decode_frames(framer, |found| {
        seen.push(unit(&found));
        seen.len() <= stop
    });
    assert!(result.is_ok());
    // Where reading fails, the last unit may be the one that the failure cut.
    assert_eq!(seen[..], whole[..whole.len().min(stop + 1)]);
}
