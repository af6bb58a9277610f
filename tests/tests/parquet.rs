//! A table of audit records kept as Parquet says what the same rows say as JSON Lines, whoever wrote
//! it; and a damaged file is counted, located, and costs no more than it holds.
//!
//! `tests/data/parquet/make.py` wrote the files from the JSON Lines beside them.

use std::fs;
use std::io::{self, Cursor};
use std::path::PathBuf;

use akvlens::decode::parquet::{decode, is_parquet};
use akvlens::decode::resource_log::{self, Form};
use akvlens::decode::shape::{Container, RecordForm, Shape};
use akvlens::decode::{Decoded, Limits, NotAudit, Place, Reason, Totals};
use akvlens::record::Record;
use proptest::prelude::*;

/// What became of one row; a record as its fields print.
#[derive(Clone, Debug, PartialEq)]
enum Row {
    Record(String),
    NotAudit(NotAudit),
    Reject(Reason),
}

/// What a file decodes to.
struct Decode {
    rows: Vec<Row>,
    places: Vec<Place>,
    details: Vec<String>,
    shapes: Vec<Shape>,
    bytes: u64,
    incomplete: bool,
    result: io::Result<()>,
}

/// Everything in a record but how it came.
fn fields(record: &Record<'_>) -> String {
    format!("{:?}", Record { shape: Shape::default(), ..record.clone() })
}

fn read(file: &[u8], limits: Limits) -> Decode {
    let (mut rows, mut places, mut details, mut shapes) = (vec![], vec![], vec![], vec![]);
    let (totals, result) = decode(Cursor::new(file), limits, |found| {
        rows.push(match found {
            Decoded::Record(record, place) => {
                places.push(place);
                shapes.push(record.shape);
                Row::Record(fields(record))
            }
            Decoded::NotAudit(kind) => Row::NotAudit(kind),
            Decoded::Reject(reject, bytes) => {
                assert!(bytes.is_empty());
                places.push(reject.place);
                details.extend(reject.detail);
                Row::Reject(reject.reason)
            }
        });
        true
    });
    let Totals { bytes, incomplete, .. } = totals;
    Decode { rows, places, details, shapes, bytes, incomplete, result }
}

fn data(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet");
    fs::read(folder.join(name)).unwrap()
}

/// The same rows as JSON Lines.
fn json_lines(name: &str) -> Vec<Row> {
    let text = String::from_utf8(data(name)).unwrap();
    let row = |line: &str| {
        let mut record = Record::default();
        match resource_log::decode(line.as_bytes(), &mut record) {
            Ok(Form::Audit) => Row::Record(fields(&record)),
            Ok(Form::NotAudit(kind)) => Row::NotAudit(kind),
            Err((reason, _)) => Row::Reject(reason),
        }
    };
    text.lines().map(row).collect()
}

/// Each sound file, the rows it holds, and the form its columns are of.
const FILES: [(&str, &str, RecordForm); 12] = [
    ("spark-nested-int96", "storage", RecordForm::Storage),
    ("nested-zstd", "storage", RecordForm::Storage),
    ("nested-pages-v2", "storage", RecordForm::Storage),
    ("delta", "storage", RecordForm::Storage),
    ("maps", "storage", RecordForm::Storage),
    ("maps-small-pages", "storage", RecordForm::Storage),
    ("duckdb-storage", "storage", RecordForm::Storage),
    ("diagnostics-dictionary", "azure-diagnostics", RecordForm::AzureDiagnostics),
    ("diagnostics-decimal", "azure-diagnostics", RecordForm::AzureDiagnostics),
    ("duckdb-diagnostics", "azure-diagnostics", RecordForm::AzureDiagnostics),
    ("audit-views", "azkv-audit-logs", RecordForm::AzkvAuditLogs),
    ("duckdb-audit", "azkv-audit-logs", RecordForm::AzkvAuditLogs),
];

#[test]
fn rows_are_the_rows_of_the_same_json_lines() {
    for (name, rows, form) in FILES {
        let file = data(&format!("{name}.parquet"));
        assert!(is_parquet(&file), "{name}");
        let found = read(&file, Limits::default());
        assert!(found.result.is_ok(), "{name}: {:?} {:?}", found.result, found.details);
        let expected = json_lines(&format!("{rows}.jsonl"));
        assert_eq!(found.rows.len(), expected.len(), "{name}: {:?}", found.details);
        for (row, (found, expected)) in found.rows.iter().zip(&expected).enumerate() {
            assert_eq!(found, expected, "{name}, row {row}");
        }
        assert_eq!(found.bytes, file.len() as u64);
        let shape = Shape { container: Container::Parquet, form, ..Shape::default() };
        assert!(found.shapes.iter().all(|found| *found == shape), "{name}: {:?}", found.shapes);
    }
}

#[test]
fn a_row_stands_at_its_number() {
    let found = read(&data("nested-zstd.parquet"), Limits::default());
    let rows: Vec<(u64, u64, u64)> =
        found.places.iter().map(|place| (place.offset, place.line, place.bytes)).collect();
    // Rows 4 and 5 are of other logs; row 6 is none; the second row group begins with row 5.
    assert_eq!(rows, [0, 1, 2, 3, 6, 7].map(|row| (row, row + 1, 0)));
}

#[test]
fn what_is_not_read_is_named() {
    let delta = read(&data("delta-byte-array.parquet"), Limits::default());
    assert_eq!(delta.rows, [Row::Reject(Reason::UnsupportedParquet)]);
    assert!(delta.details[0].ends_with("the encoding DELTA_BYTE_ARRAY"), "{}", delta.details[0]);
    assert!(delta.details[0].starts_with("row group 1, rows 1 to 8: column 1"), "{}", delta.details[0]);
    assert!(delta.incomplete && delta.result.is_ok());
    let other = read(&data("other.parquet"), Limits::default());
    assert_eq!((other.rows, other.result.is_ok()), (vec![Row::Reject(Reason::NotARecord)], true));
}

#[test]
fn limits_hold() {
    let file = data("maps.parquet");
    let small = read(&file, Limits { max_record_bytes: 300, ..Limits::default() });
    assert!(small.rows.contains(&Row::Reject(Reason::TooLong)));
    assert_eq!(small.rows.len(), 8);
    let mut rows = 0;
    let (_, result) = decode(Cursor::new(&file), Limits::default(), |_| {
        rows += 1;
        rows < 3
    });
    assert_eq!((rows, result.is_ok()), (3, true));
}

/// Damage must not make more rows than there were, and must be told.
fn check_damaged(name: &str, damaged: &[u8], rows: usize) {
    let found = read(damaged, Limits::default());
    assert!(found.rows.len() <= rows.max(1) + 1, "{name}: {} rows", found.rows.len());
    assert!(found.result.is_ok(), "{name}: {:?}", found.result);
    if found.incomplete {
        let told =
            |row: &Row| matches!(row, Row::Reject(Reason::DamagedParquet | Reason::UnsupportedParquet));
        assert!(found.rows.iter().any(told), "{name}");
    }
}

#[test]
fn a_cut_file_is_one_reject() {
    let file = data("duckdb-storage.parquet");
    for length in 0..file.len() {
        let found = read(&file[..length], Limits::default());
        assert_eq!(found.rows, [Row::Reject(Reason::DamagedParquet)], "cut to {length}");
        assert_eq!(found.places, [Place { offset: 0, line: 0, bytes: 0 }]);
        assert!(found.incomplete && found.result.is_ok());
    }
}

#[test]
fn a_flipped_footer_is_survived() {
    for (name, flip) in [("duckdb-audit", 0x01), ("maps", 0x80)] {
        let file = data(&format!("{name}.parquet"));
        let length = u32::from_le_bytes(file[file.len() - 8..][..4].try_into().unwrap()) as usize;
        for at in file.len() - 8 - length..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            // A number of rows that still adds up with the chunks is as good as any.
            check_damaged(name, &damaged, 1000);
        }
    }
}

#[test]
fn a_damaged_row_group_costs_no_other() {
    let file = data("nested-zstd.parquet");
    let whole = read(&file, Limits::default());
    // Behind the magic the first row group's first page begins; its values are in the first bytes.
    let mut damaged = file;
    damaged[4..60].fill(0xee);
    let found = read(&damaged, Limits::default());
    assert_eq!(found.rows[0], Row::Reject(Reason::DamagedParquet));
    assert_eq!(found.places[0], Place { offset: 0, line: 1, bytes: 0 });
    assert!(found.details[0].starts_with("row group 1, rows 1 to 5"), "{}", found.details[0]);
    assert_eq!(found.rows[1..], whole.rows[5..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn flips_anywhere_are_survived(
        file in prop::sample::select(&FILES[..]),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..6),
    ) {
        let (name, _, _) = file;
        let mut damaged = data(&format!("{name}.parquet"));
        for (at, flip) in flips {
            let at = at.index(damaged.len());
            damaged[at] ^= flip;
        }
        check_damaged(name, &damaged, 1000);
    }

    #[test]
    fn any_bytes_behind_the_magic_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), claimed in 0_u32..450) {
        let mut file = [b"PAR1".as_slice(), &bytes].concat();
        file.extend(claimed.to_le_bytes());
        file.extend(b"PAR1");
        check_damaged("noise", &file, 0);
    }
}
