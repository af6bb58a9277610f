//! A blob that is cut, beheaded or overwritten at any byte loses only the record that is hit.

use akvlens::decode::{Decoded, Limits, Reason, Totals, decode};
use serde_json::{Value, json};

use crate::case::newlines;
use crate::log::{lines, pretty, wrapper};

/// What the decoder makes of a blob: the ends of its records, its rejects, its totals; after
/// proving that whatever lies outside frames is a container's own text.
pub(crate) fn decoded(blob: &[u8]) -> (Vec<usize>, Vec<Reason>, Totals) {
    let (mut ends, mut reasons, mut end) = (Vec::new(), Vec::new(), 0);
    let gap = |from: usize, to: usize| {
        let outside = String::from_utf8_lossy(&blob[from..to]).replace("\"records\"", "");
        let syntax = |character: char| character.is_whitespace() || "{}[],:".contains(character);
        assert!(outside.chars().all(syntax), "lost: {outside:?}");
    };
    let (totals, result) = decode(blob, Limits::default(), |found| {
        let place = match found {
            Decoded::Record(_, place) => {
                ends.push(usize::try_from(place.offset + place.bytes).unwrap());
                place
            }
            Decoded::Reject(reject, _) => {
                reasons.push(reject.reason);
                reject.place
            }
            Decoded::NotAudit(kind) => panic!("{kind} in a log of audit records"),
        };
        let start = usize::try_from(place.offset).unwrap();
        gap(end, start);
        assert_eq!(place.line, 1 + newlines(&blob[..start]));
        end = start + usize::try_from(place.bytes).unwrap();
        true
    });
    result.unwrap();
    gap(end, blob.len());
    assert_eq!(totals.bytes, blob.len() as u64);
    (ends, reasons, totals)
}

/// Three short records with what a framer may stumble over.
pub(crate) fn three() -> [Value; 3] {
    [0, 1, 2].map(|n| json!({"category": "AuditEvent", "operationName": "}\"{", "identity": {"n": [n]}}))
}

/// The same three records in every container.
fn containers() -> Vec<(&'static str, String)> {
    let three = three();
    vec![
        ("JSON Lines", lines(&three)),
        ("wrapper", wrapper(&three)),
        ("pretty-printed objects", pretty(&three)),
        ("pretty-printed wrapper", format!("{:#}", json!({ "records": three }))),
        ("array", json!(three).to_string()),
        ("pretty-printed array", format!("{:#}", json!(three))),
    ]
}

#[test]
fn a_cut_at_any_byte_loses_only_the_record_it_cuts() {
    for (name, blob) in containers() {
        let (ends, reasons, _) = decoded(blob.as_bytes());
        assert_eq!((ends.len(), reasons.len()), (3, 0), "{name}");
        for cut in 0..blob.len() {
            let (whole, reasons, totals) = decoded(&blob.as_bytes()[..cut]);
            let expected: Vec<usize> = ends.iter().copied().filter(|end| *end <= cut).collect();
            assert_eq!(whole, expected, "{name} cut at {cut}");
            assert!(reasons.len() <= 1, "{name} cut at {cut}: {reasons:?}");
            assert!(
                reasons.iter().all(|reason| *reason == Reason::Truncated),
                "{name} cut at {cut}: {reasons:?}"
            );
            assert_eq!(totals.blank, 0, "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_head_that_is_missing_loses_only_the_record_it_cuts() {
    let blob = lines(&three());
    let ends = decoded(blob.as_bytes()).0;
    for cut in 0..blob.len() {
        let (whole, reasons, _) = decoded(&blob.as_bytes()[cut..]);
        let starts = [0, ends[0] + 1, ends[1] + 1];
        assert_eq!(whole.len(), starts.iter().filter(|start| **start >= cut).count(), "cut at {cut}");
        // Behind a cut may stand a whole object that was part of the record, and what followed it.
        assert!(reasons.len() <= 2, "cut at {cut}: {reasons:?}");
    }
}

#[test]
fn a_byte_overwritten_anywhere_costs_no_other_line() {
    let blob = lines(&three());
    for byte in [b'\0', b'"', b'{', 0xff] {
        for at in 0..blob.len() {
            let mut damaged = blob.clone().into_bytes();
            let newline = damaged[at] == b'\n';
            damaged[at] = byte;
            let (whole, reasons, _) = decoded_lines(&damaged);
            assert!(whole >= if newline { 1 } else { 2 }, "{byte:#x} at {at}: {whole} {reasons:?}");
            assert!(reasons.len() <= 2, "{byte:#x} at {at}: {reasons:?}");
        }
    }
}

/// Like [`decoded`], where damage may make a record one of another log.
fn decoded_lines(blob: &[u8]) -> (usize, Vec<Reason>, usize) {
    let (mut records, mut reasons, mut others) = (0, Vec::new(), 0);
    let (totals, result) = decode(blob, Limits::default(), |found| {
        match found {
            Decoded::Record(..) => records += 1,
            Decoded::Reject(reject, _) => reasons.push(reject.reason),
            Decoded::NotAudit(_) => others += 1,
        }
        true
    });
    result.unwrap();
    assert_eq!(totals.bytes, blob.len() as u64);
    (records, reasons, others)
}
