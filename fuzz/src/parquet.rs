//! A Parquet file: what it claims, and its rows.

use std::io::Cursor;

use akvlens::decode::parquet::decode;
use akvlens::decode::{Decoded, Limits};

use crate::reader::steer;

/// Any file is read or refused: rows come in their order, and what was not read is told.
///
/// The first byte steers: the longest record.
pub fn parquet(bytes: &[u8]) {
    let ([most], blob) = steer::<1>(bytes);
    let max_record_bytes = if most >= 0xf0 { 1 << 20 } else { usize::from(most) * 16 };
    let limits = Limits { max_record_bytes, max_expansion: 2 };
    let (mut rows, mut next, mut rejected) = (0_u32, 0, false);
    let (totals, result) = decode(Cursor::new(blob), limits, |found| {
        if let Decoded::Record(_, place) = found {
            assert!(place.offset >= next && place.line == place.offset + 1, "out of order: {place:?}");
            next = place.offset + 1;
        }
        rejected |= matches!(found, Decoded::Reject(..));
        rows += 1;
        rows < 10_000
    });
    assert_eq!(totals.bytes, blob.len() as u64);
    assert!(!totals.incomplete || rejected, "incomplete, and nobody is told");
    // Only the bound on expansion is an error: memory can be read.
    assert!(result.is_ok() || rows > 0 || blob.len() > 100, "{result:?}");
}
