//! Files made by polars' own writer against the same rows as JSON, and files made by hand that claim
//! what no writer would. Files of other writers, and damage to them, are in `tests/tests/parquet.rs`.

mod crafted;

use std::io::Cursor;

use polars::prelude::{
    Column as Series, DataFrame, DataType, IntoColumn, NewChunkedArray, ParquetCompression, ParquetWriter,
    StringChunked, TimeUnit,
};
use proptest::prelude::*;

use super::*;
use crate::facts::Facts;
use crate::ticks::Ticks;

/// What one row became: a record's fields, or a reject's reason and words.
type Found = Result<String, (Reason, String)>;

/// Everything in a record but how it came.
fn fields(record: &Record<'_>) -> String {
    format!("{:?}", Record { shape: super::super::shape::Shape::default(), ..record.clone() })
}

fn read(file: &[u8]) -> (Vec<Found>, io::Result<()>) {
    let mut rows = Vec::new();
    let (totals, result) = decode(Cursor::new(file), Limits::default(), |found| {
        rows.push(match found {
            Decoded::Record(record, _) => Ok(fields(record)),
            Decoded::NotAudit(kind) => Ok(kind.to_string()),
            Decoded::Reject(reject, _) => Err((reject.reason, reject.detail.unwrap_or_default())),
        });
        true
    });
    assert_eq!(totals.bytes, file.len() as u64);
    (rows, result)
}

/// The only reject of a file.
fn refusal(file: &[u8]) -> (Reason, String) {
    let (rows, _) = read(file);
    let [Err(reject)] = rows.as_slice() else { panic!("{rows:?}") };
    reject.clone()
}

fn of_json(json: &serde_json::Value) -> Found {
    let (text, mut record) = (json.to_string(), Record::default());
    match resource_log::decode(text.as_bytes(), &mut record) {
        Ok(Form::Audit) => Ok(fields(&record)),
        Ok(Form::NotAudit(kind)) => Ok(kind.to_string()),
        Err((reason, detail)) => Err((reason, detail.unwrap_or_default())),
    }
}

fn text(name: &str, values: &[Option<String>]) -> Series {
    StringChunked::from_iter_options(name.into(), values.iter().cloned()).into_column()
}

/// How a file is written.
#[derive(Clone, Debug)]
struct Written {
    compression: ParquetCompression,
    group: usize,
    page: usize,
}

fn write(columns: Vec<Series>, how: &Written) -> Vec<u8> {
    let rows = columns.first().map_or(0, Series::len);
    let mut frame = DataFrame::new(rows, columns).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_compression(how.compression)
        .with_row_group_size(Some(how.group))
        .with_data_page_size(Some(how.page))
        .finish(&mut frame)
        .unwrap();
    bytes
}

fn any_way() -> impl Strategy<Value = Written> {
    let codec = prop::sample::select(vec![
        ParquetCompression::Uncompressed,
        ParquetCompression::Snappy,
        ParquetCompression::Gzip(None),
        ParquetCompression::Zstd(None),
        ParquetCompression::Lz4Raw,
    ]);
    (codec, 1_usize..60, 1_usize..600).prop_map(|(compression, group, page)| Written {
        compression,
        group,
        page,
    })
}

/// One row: category, operation, message, status, size, flag, microseconds since 1970.
type Flat =
    (Option<String>, Option<String>, Option<String>, Option<i64>, Option<f64>, Option<bool>, Option<i64>);

fn any_row() -> impl Strategy<Value = Flat> {
    let text = |pattern: &'static str| prop::option::of(pattern);
    (
        text("AuditEvent|AuditEvent|Other|"),
        text("SecretGet|KeySign|\\PC{0,6}"),
        text("\\PC{0,40}|None|x{300}"),
        prop::option::of(-10_i64..700),
        prop::option::of(prop::sample::select(vec![2048.0, 0.5, -1.0, 1e300])),
        prop::option::of(any::<bool>()),
        // Years 1 to 9999.
        prop::option::of(-62_135_596_800_000_000_i64..253_402_300_800_000_000),
    )
}

fn columns(rows: &[Flat], unit: TimeUnit) -> Vec<Series> {
    let texts = |of: fn(&Flat) -> &Option<String>| rows.iter().map(|row| of(row).clone()).collect::<Vec<_>>();
    let per_unit = |micros: i64| match unit {
        TimeUnit::Milliseconds => micros.div_euclid(1_000),
        TimeUnit::Microseconds => micros,
        // Nanoseconds have room for the years 1677 to 2262 only.
        TimeUnit::Nanoseconds => (micros / 200) * 1_000,
    };
    let times: Vec<Option<i64>> = rows.iter().map(|row| row.6.map(per_unit)).collect();
    let time = Series::new("TimeGenerated".into(), times).cast(&DataType::Datetime(unit, None)).unwrap();
    vec![
        time,
        text("Category", &texts(|row| &row.0)),
        text("OperationName", &texts(|row| &row.1)),
        text("ResultDescription", &texts(|row| &row.2)),
        Series::new("httpStatusCode_d".into(), rows.iter().map(|row| row.3).collect::<Vec<_>>()),
        Series::new("keyProperties_size_d".into(), rows.iter().map(|row| row.4).collect::<Vec<_>>()),
        Series::new("isRbacAuthorized_b".into(), rows.iter().map(|row| row.5).collect::<Vec<_>>()),
    ]
}

fn json(row: &Flat, unit: TimeUnit) -> serde_json::Value {
    let ticks = |micros: i64| match unit {
        TimeUnit::Milliseconds => Ticks(micros.div_euclid(1_000) * 10_000),
        TimeUnit::Microseconds => Ticks(micros * 10),
        TimeUnit::Nanoseconds => Ticks(micros / 200 * 10),
    };
    let mut json = serde_json::json!({
        "TimeGenerated": row.6.map(|micros| ticks(micros).to_string()),
        "Category": row.0, "OperationName": row.1, "ResultDescription": row.2, "httpStatusCode_d": row.3,
        "keyProperties_size_d": row.4, "isRbacAuthorized_b": row.5,
    });
    // A value that is missing in Parquet is not there at all.
    json.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    json
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_file_of_polars_says_what_its_rows_say_as_json(
        rows in prop::collection::vec(any_row(), 0..120),
        how in any_way(),
        unit in prop::sample::select(vec![TimeUnit::Milliseconds, TimeUnit::Microseconds, TimeUnit::Nanoseconds]),
    ) {
        let (found, result) = read(&write(columns(&rows, unit), &how));
        prop_assert!(result.is_ok(), "{:?}", result);
        let expected: Vec<Found> = rows.iter().map(|row| of_json(&json(row, unit))).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_page_of_many_rows_is_decoded_in_pieces() {
    let rows = 70_000;
    let status_of = |row: usize| u16::try_from(200 + row % 300).ok().filter(|_| !row.is_multiple_of(5));
    let columns = vec![
        text("category", &vec![Some("AuditEvent".to_owned()); rows]),
        text(
            "operationName",
            &(0..rows).map(|row| (!row.is_multiple_of(3)).then(|| "KeySign".to_owned())).collect::<Vec<_>>(),
        ),
        text(
            "correlationId",
            &(0..rows)
                .map(|row| (!row.is_multiple_of(7)).then(|| format!("request-number-{row}")))
                .collect::<Vec<_>>(),
        ),
        Series::new(
            "httpStatusCode".into(),
            (0..rows).map(|row| status_of(row).map(i32::from)).collect::<Vec<_>>(),
        ),
    ];
    let how = Written { compression: ParquetCompression::Snappy, group: rows, page: usize::MAX / 2 };
    let file = write(columns, &how);
    let mut row = 0_usize;
    let (_, result) = decode(Cursor::new(&file), Limits::default(), |found| {
        let Decoded::Record(record, place) = found else { panic!("{found:?}") };
        assert_eq!(place, Place { offset: row as u64, line: row as u64 + 1, bytes: 0 });
        assert_eq!(record.operation.is_some(), !row.is_multiple_of(3));
        let id = (!row.is_multiple_of(7)).then(|| format!("request-number-{row}"));
        assert_eq!(record.correlation_id.as_deref(), id.as_deref());
        assert_eq!(record.http_status, status_of(row));
        row += 1;
        true
    });
    assert_eq!((row, result.is_ok()), (rows, true));
}

#[test]
fn texts_are_borrowed() {
    let file = write(
        vec![
            text("category", &[Some("AuditEvent".into())]),
            text("resultDescription", &[Some("a text that is longer than twelve bytes".into())]),
        ],
        &Written { compression: ParquetCompression::Snappy, group: 10, page: 1000 },
    );
    let mut seen = 0;
    let _ = decode(Cursor::new(&file), Limits::default(), |found| {
        let Decoded::Record(record, _) = found else { panic!("{found:?}") };
        assert!(matches!(record.category, Some(std::borrow::Cow::Borrowed(_))));
        assert!(matches!(record.message, Some(std::borrow::Cow::Borrowed(_))));
        seen += 1;
        true
    });
    assert_eq!(seen, 1);
}

#[test]
fn the_tables_of_akvlens_are_named() {
    for table in Facts::new().to_parquet().unwrap() {
        let (reason, detail) = refusal(&table.bytes);
        assert_eq!(reason, Reason::NotARecord);
        assert!(detail.contains(&format!("facts, {}:", table.name)), "{}: {detail}", table.name);
    }
}

#[test]
fn a_table_without_the_needed_columns_is_one_reject() {
    let how = Written { compression: ParquetCompression::Snappy, group: 10, page: 1000 };
    let file = write(vec![text("id", &vec![Some("a".into()); 100]), text("message", &vec![None; 100])], &how);
    assert_eq!(refusal(&file).0, Reason::NotARecord);
    let (rows, result) = read(&write(vec![text("category", &[])], &how));
    assert!(rows.is_empty() && result.is_ok());
}

/// Reading fails for a reason of its own.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.position() < 100 {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            self.0.read(buffer)
        }
    }
}

impl Seek for Failing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn what_the_reader_reports_is_handed_on() {
    let how = Written { compression: ParquetCompression::Uncompressed, group: 10, page: 1000 };
    let file = write(vec![text("category", &vec![Some("AuditEvent".into()); 20])], &how);
    let mut rows = 0;
    let (_, result) = decode(Failing(Cursor::new(file)), Limits::default(), |_| {
        rows += 1;
        true
    });
    assert_eq!((rows, result.unwrap_err().kind()), (0, io::ErrorKind::PermissionDenied));
}
