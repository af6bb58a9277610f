//! A CSV: its header, its dates and its rows.

use akvlens::decode::csv::{Dates, ResolvedDates, decode, is_csv, needs_survey, other_export, survey};
use akvlens::decode::{Decoded, Limits, Place, Totals};

use crate::reader::{Stepwise, steer};

/// Every row ends as one unit, units stand in order within the bytes that were read, and the pieces
/// that the reader gives change none of them; nor do they change what the dates are taken for.
///
/// The first two bytes steer: longest row, bytes a read.
pub fn csv(bytes: &[u8]) {
    let ([most, step], blob) = steer::<2>(bytes);
    let max_record_bytes = if most >= 0xf0 { 1 << 20 } else { usize::from(most) * 16 };
    let limits = Limits { max_record_bytes, ..Limits::default() };
    assert!(!(is_csv(blob) && other_export(blob).is_some()), "a log and another export");
    let (found, result) = survey(blob, limits);
    result.expect("memory can be read");
    let step = usize::from(step).max(blob.len() / 1024);
    let (again, _) = survey(Stepwise::new(blob, step), limits);
    assert_eq!(found, again, "{step} bytes at a time");
    let dates = found.resolve(&Dates::default());
    if is_csv(blob) && !needs_survey(blob, &Dates::default()) {
        // Then the first row's date begins with the year, and any other is no instant.
        let _ = units(blob, usize::MAX, &ResolvedDates::unsurveyed(&Dates::default()), limits);
    }
    let whole = units(blob, usize::MAX, &dates, limits);
    assert_eq!(units(blob, step, &dates, limits), whole, "{step} bytes at a time");
    let (all, totals) = whole;
    let mut end = 0;
    for (_, place) in all.iter().filter_map(|(unit, place)| place.map(|place| (unit, place))) {
        assert!(place.offset >= end, "units overlap");
        end = place.offset + place.bytes;
    }
    assert!(end <= totals.bytes && totals.bytes == blob.len() as u64, "{end} of {}", totals.bytes);
}

/// Everything found.
fn units(
    blob: &[u8],
    step: usize,
    dates: &ResolvedDates,
    limits: Limits,
) -> (Vec<(String, Option<Place>)>, Totals) {
    let mut all = Vec::new();
    let (totals, result) = decode(Stepwise::new(blob, step), limits, dates, |found| {
        all.push(match found {
            Decoded::Record(record, place) => (format!("{record:?}"), Some(place)),
            Decoded::NotAudit(kind) => (kind.to_string(), None),
            Decoded::Reject(reject, _) => {
                (format!("{} {:?}", reject.reason, reject.detail), Some(reject.place))
            }
        });
        true
    });
    result.expect("memory can be read");
    (all, totals)
}
