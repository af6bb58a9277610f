//! A Capture file: header, blocks, events, and what their bodies hold.

use akvlens::decode::capture::decode;
use akvlens::decode::{Decoded, Limits, Place, Totals};

use crate::reader::{Stepwise, steer};

/// Units come in the order of their events, and the pieces that the reader gives change none.
///
/// The first two bytes steer: longest record, bytes a read.
pub fn capture(bytes: &[u8]) {
    let ([most, step], blob) = steer::<2>(bytes);
    let max_record_bytes = if most >= 0xf0 { 1 << 20 } else { usize::from(most) * 16 };
    // A bomb costs time and shows nothing more.
    let limits = Limits { max_record_bytes, max_expansion: 2 };
    let whole = units(blob, usize::MAX, limits);
    let step = usize::from(step).max(blob.len() / 256);
    assert_eq!(units(blob, step, limits), whole, "{step} bytes at a time");
    let mut before = (0, 0);
    for (_, place) in &whole.0 {
        if let Some(place) = place {
            assert!((place.offset, place.line) >= before, "out of order");
            before = (place.offset, place.line);
        }
    }
}

/// Everything found.
fn units(blob: &[u8], step: usize, limits: Limits) -> (Vec<(String, Option<Place>)>, Totals) {
    let mut all = Vec::new();
    let (totals, result) = decode(Stepwise::new(blob, step), limits, |found| {
        all.push(match found {
            Decoded::Record(record, place) => (format!("{record:?}"), Some(place)),
            Decoded::NotAudit(kind) => (kind.to_string(), None),
            Decoded::Reject(reject, _) => {
                (format!("{} {:?}", reject.reason, reject.detail), Some(reject.place))
            }
        });
        all.len() < 4096
    });
    result.expect("memory can be read");
    (all, totals)
}
