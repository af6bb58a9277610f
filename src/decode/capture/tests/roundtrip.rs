//! Any events, in any blocks, against the bodies decoded one by one.

use proptest::prelude::*;

use super::super::super::decode as decode_plain;
use super::*;

/// A body of any form, also broken ones.
fn body() -> impl Strategy<Value = Option<Vec<u8>>> {
    let line = prop_oneof![
        3 => "[a-z]{1,12}".prop_map(|id| record(&id)),
        1 => Just(r#"{"category":"Administrative","operationName":"x"}"#.to_owned()),
        1 => Just(r#"{"category":"#.to_owned()),
        1 => "[ -~]{0,20}",
    ];
    let lines = proptest::collection::vec(line, 0..6);
    prop_oneof![
        1 => Just(None),
        4 => lines.clone().prop_map(|lines| Some(format!("{{\"records\":[{}]}}", lines.join(",")).into_bytes())),
        4 => lines.prop_map(|lines| Some(lines.join("\n").into_bytes())),
    ]
}

/// The slow and obvious way: each body is a blob of its own.
fn one_by_one(bodies: &[Option<Vec<u8>>]) -> Found {
    let mut all =
        Found { totals: Totals { containers: only_capture(), ..Totals::default() }, ..Found::default() };
    for (index, body) in bodies.iter().enumerate() {
        let body = body.as_deref().unwrap_or_default();
        let at =
            |place: Place| Place { offset: place.offset + all.totals.bytes, line: index as u64 + 1, ..place };
        let (totals, _) = decode_plain(body, Limits::default(), |found| {
            match found {
                Decoded::Record(record, place) => {
                    all.records.push((record.correlation_id.as_deref().unwrap().to_owned(), at(place)));
                }
                Decoded::NotAudit(_) => all.not_audit += 1,
                Decoded::Reject(reject, _) => {
                    all.rejects.push(Reject { place: at(reject.place), ..reject });
                }
            }
            true
        });
        all.totals.bytes += body.len() as u64;
        all.totals.line_ends += totals.line_ends;
        all.totals.blank += totals.blank + u64::from(body.is_empty());
    }
    all
}

proptest! {
    #[test]
    fn a_file_is_its_bodies(
        bodies in proptest::collection::vec(body(), 0..40),
        codec in 0..4_usize,
        block_bytes in prop_oneof![1..200_usize, 200..6000_usize],
        step in prop_oneof![Just(1_usize), 2..100_usize, Just(1 << 20)],
    ) {
        let file = write(codecs()[codec], &bodies, block_bytes);
        let found = read_from(Trickle(&file, step, None), Limits::default());
        prop_assert_eq!(found, one_by_one(&bodies));
    }

    #[test]
    fn any_damage_is_survived(
        bodies in proptest::collection::vec(body(), 1..20),
        codec in 0..4_usize,
        block_bytes in 1..2000_usize,
        holes in proptest::collection::vec((any::<prop::sample::Index>(), 0..64_usize, any::<u8>(), 0..3_u8), 1..5),
    ) {
        let mut file = write(codecs()[codec], &bodies, block_bytes);
        for (at, length, byte, kind) in holes {
            let at = at.index(file.len());
            let end = (at + length).min(file.len());
            match kind {
                0 => file[at..end].fill(byte),
                1 => drop(file.drain(at..end)),
                _ => drop(file.splice(at..at, std::iter::repeat_n(byte, length))),
            }
            if file.is_empty() {
                break;
            }
        }
        let found = read(&file);
        let offsets: Vec<u64> = found.records.iter().map(|(_, place)| place.offset).collect();
        prop_assert!(offsets.is_sorted_by(|a, b| a < b), "{:?}", offsets);
        prop_assert!(found.error.is_none());
        prop_assert_eq!(read_from(Trickle(&file, 5, None), Limits::default()), found);
    }
}
