//! Every shape holds every record once, found by readers that are not the converter's.

use std::io::Cursor;

use clap::ValueEnum;
use polars::prelude::{DataFrame, ParquetReader, SerReader};
use serde_json::Value;

use super::{REFUSED, lines, objects, reshaped, text};
use crate::shapes::{Codec, Options, Shape, convert};

/// More than one block of Avro, more than one round of batches.
const RECORDS: usize = 64;

/// The `time` of each record.
fn times() -> Vec<String> {
    let lines = lines(RECORDS);
    let time = |line: &str| read(line)["time"].as_str().unwrap().to_owned();
    lines.lines().map(time).collect()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A member of each object as text.
fn column(objects: &[Value], name: &str) -> Vec<String> {
    objects.iter().map(|object| object[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_records_own_text_is_kept() {
    let lines = lines(RECORDS);
    let originals: Vec<String> = lines.lines().map(str::to_owned).collect();
    assert_eq!(text(Shape::Storage, &lines), lines);
    let wrapper = read(&text(Shape::Records, &lines));
    assert_eq!(
        wrapper["records"].as_array().unwrap().as_slice(),
        originals.iter().map(|text| read(text)).collect::<Vec<_>>()
    );
    assert_eq!(column(&objects(Shape::SiemMessage, &lines), "message"), originals);
    let nested = |shape, key: &str| -> Vec<Value> {
        objects(shape, &lines).iter().map(|object| object[key].clone()).collect()
    };
    assert_eq!(column(&nested(Shape::SiemRaw, "result"), "_raw"), originals);
    assert_eq!(column(&nested(Shape::SiemEventOriginal, "event"), "original"), originals);
    assert_eq!(column(&objects(Shape::SiemEventOriginalDotted, &lines), "event.original"), originals);
    for shape in [Shape::SyslogRfc3164, Shape::SyslogRfc5424] {
        let log = text(shape, &lines);
        let records: Vec<&str> = log.lines().map(|line| line.split_at(line.find('{').unwrap()).1).collect();
        assert_eq!(records, originals);
    }
}

#[test]
fn rows_in_json_are_all_there() {
    let lines = lines(RECORDS);
    for shape in [Shape::LogAnalyticsExportDiagnostics, Shape::LogAnalyticsExportDedicated] {
        assert_eq!(column(&objects(shape, &lines), "TimeGenerated"), times());
    }
    for shape in [Shape::ValueDiagnostics, Shape::ValueDedicated] {
        assert_eq!(column(read(&text(shape, &lines))["value"].as_array().unwrap(), "TimeGenerated"), times());
    }
    for shape in [Shape::AzDiagnostics, Shape::AzDedicated] {
        let printed = text(shape, &lines);
        let rows = read(&printed);
        assert_eq!(column(rows.as_array().unwrap(), "TimeGenerated"), times());
        assert_eq!(format!("{rows:#}\n"), printed, "keys are sorted and indented as az does");
    }
    for shape in [Shape::QueryApiDiagnostics, Shape::QueryApiDedicated] {
        let table = read(&text(shape, &lines))["tables"][0].take();
        let columns = table["columns"].as_array().unwrap();
        assert_eq!((&columns[1]["name"], &columns[1]["type"]), (&"TimeGenerated".into(), &"datetime".into()));
        let rows = table["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row.as_array().unwrap().len() == columns.len()));
        let found: Vec<&str> = rows.iter().map(|row| row[1].as_str().unwrap()).collect();
        assert_eq!(found, times());
    }
}

#[test]
fn rows_in_csv_are_all_there() {
    let lines = lines(RECORDS);
    for shape in [Shape::PowershellCsvDiagnostics, Shape::PowershellCsvDedicated] {
        let bytes = reshaped(shape, &lines);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().unwrap().clone();
        let at = |name| header.iter().position(|column| column == name).unwrap();
        let (time, message) = (at("TimeGenerated"), at("ResultDescription"));
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let found: Vec<&str> = rows.iter().map(|row| &row[time]).collect();
        assert_eq!(found, times());
        assert_eq!(&rows[0][message], "Caller, \"näme\"\r\nis not authorized");
    }
    for shape in [Shape::PortalCsvDiagnostics, Shape::PortalCsvDedicated] {
        let bytes = reshaped(shape, &lines);
        let rows = csv::Reader::from_reader(bytes.as_slice()).into_records().map(Result::unwrap).count();
        assert_eq!(rows, RECORDS);
    }
}

#[test]
fn capture_holds_messages_with_other_services_in_between() {
    let lines = lines(RECORDS);
    let originals: Vec<Value> = lines.lines().map(read).collect();
    for codec in [Codec::Null, Codec::Deflate, Codec::Snappy, Codec::Zstandard] {
        let options = Options { codec, ..Options::default() };
        let bytes = convert(Shape::Capture, &options, &lines).unwrap();
        let events: Vec<apache_avro::types::Value> =
            apache_avro::Reader::new(bytes.as_slice()).unwrap().map(Result::unwrap).collect();
        let mut records = Vec::new();
        for (number, event) in events.iter().enumerate() {
            let event: Event = apache_avro::from_value(event).unwrap();
            assert_eq!(event.sequence_number, i64::try_from(number).unwrap());
            assert!(event.enqueued_time_utc.starts_with("3/13/2026 "), "{event:?}");
            let body: Value = serde_json::from_slice(&event.body.unwrap()).unwrap();
            records.extend(body["records"].as_array().unwrap().clone());
        }
        let foreign = records.len() - RECORDS;
        records.retain(|record| record["category"] == "AuditEvent");
        assert_eq!(records, originals);
        assert!(events.len() > 10 && foreign > 5, "{} messages, {foreign} of others", events.len());
    }
}

/// An event of Capture.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    sequence_number: i64,
    enqueued_time_utc: String,
    #[serde(with = "apache_avro::serde::bytes_opt")]
    body: Option<Vec<u8>>,
}

/// A Parquet file of a shape.
fn frame(shape: Shape) -> DataFrame {
    ParquetReader::new(Cursor::new(reshaped(shape, &lines(RECORDS)))).finish().unwrap()
}

#[test]
fn parquet_has_types_and_every_row() {
    let storage = frame(Shape::ParquetStorage);
    let times_of = storage.column("time").unwrap().str().unwrap();
    assert_eq!(times_of.iter().map(|time| time.unwrap().to_owned()).collect::<Vec<_>>(), times());
    let status = |text: Option<&str>| read(text.unwrap())["httpStatusCode"].clone();
    assert_eq!(status(storage.column("properties").unwrap().str().unwrap().get(0)), 403);
    for (shape, code) in
        [(Shape::ParquetDiagnostics, "httpStatusCode_d"), (Shape::ParquetDedicated, "HttpStatusCode")]
    {
        let table = frame(shape);
        assert_eq!(table.height(), RECORDS);
        let time = table.column("TimeGenerated").unwrap();
        let expected = chrono::DateTime::parse_from_rfc3339("2026-03-13T23:30:01.1234567Z").unwrap();
        let ticks = time.datetime().unwrap().physical().get(0);
        assert_eq!(ticks, expected.timestamp_nanos_opt());
        assert!(table.column(code).unwrap().dtype().is_primitive_numeric());
    }
    let flag = frame(Shape::ParquetDedicated);
    assert_eq!(flag.column("IsRbacAuthorized").unwrap().bool().unwrap().get(0), Some(false));
}

#[test]
fn parquet_goes_on_after_a_full_row_group() {
    let records = 16_384 + 2;
    let rows = reshaped(Shape::ParquetStorage, &format!("{REFUSED}\n").repeat(records));
    let frame = ParquetReader::new(Cursor::new(rows)).finish().unwrap();
    assert_eq!(frame.height(), records);
    assert_eq!(frame.column("time").unwrap().null_count(), 0);
}

#[test]
fn nothing_makes_a_whole_file_of_every_shape() {
    for shape in Shape::value_variants() {
        let bytes = reshaped(*shape, "\n\n");
        match shape {
            Shape::Records => assert_eq!(bytes, b"{\"records\":[]}\n"),
            Shape::ValueDedicated => assert_eq!(bytes, b"{\"value\":[]}\n"),
            Shape::AzDedicated => assert_eq!(bytes, b"[]\n"),
            _ => assert_eq!(bytes, reshaped(*shape, "")),
        }
    }
}

#[test]
fn the_same_lines_give_the_same_bytes() {
    let lines = lines(RECORDS);
    for shape in Shape::value_variants() {
        assert_eq!(reshaped(*shape, &lines), reshaped(*shape, &lines), "{shape:?}");
    }
}
