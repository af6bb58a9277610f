//! Damage and malice in each other shape: queries' answers, CSV, Capture, Parquet, text around text.

use std::fs;
use std::path::Path;

use apache_avro::types::Value as Avro;
use apache_avro::{Codec, DeflateSettings, Schema, Writer, ZstandardSettings};
use serde_json::{Value, json};

use crate::case::{case, check};
use crate::log::{lines, record, wrapper};
use crate::program::{akvlens, folder, list, number, report, text};

/// A table with the columns of AZKVAuditLogs.
fn answer(rows: &str) -> String {
    format!(
        r#"{{"tables":[{{"name":"PrimaryResult","columns":[{{"name":"TimeGenerated","type":"datetime"}},{{"name":"OperationName","type":"string"}},{{"name":"_ResourceId","type":"string"}}],"rows":[{rows}]}}]}}"#
    )
}

const ROW: &str =
    r#"["2026-03-12T14:00:00Z","SecretGet","/subscriptions/s/providers/microsoft.keyvault/vaults/kv-a"]"#;

#[test]
fn a_querys_answer_loses_the_row_that_is_damaged() {
    let cell = "\"SecretGet\"";
    check(&[
        case("one-row.json", answer(ROW)).records(1),
        case("no-rows.json", answer("")),
        case("cut.json", answer(&[ROW; 3].join(",")).replace("]]}]}", "")).records(2).reject("truncated", 1),
        case("broken-row.json", answer(&format!("{},{ROW}", ROW.replace(cell, "oops"))))
            .records(1)
            .reject("invalid-json", 1),
        case("objects-for-rows.json", answer(&format!("{{}},{ROW},7,{ROW}")))
            .records(2)
            .reject("not-a-record", 2),
        case("short-row.json", answer(&format!("[],[\"2026-03-12T14:00:00Z\"],{ROW}")))
            .records(1)
            .reject("not-a-record", 2),
        case("objects-in-cells.json", answer(&ROW.replace(cell, r#"{"a":[1]}"#))).reject("not-a-record", 1),
        case("partial.json", answer(ROW).replace("]]}]}", "]]}],\"error\":{\"code\":\"PartialError\"}}"))
            .records(1)
            .reject("partial-answer", 1),
        case("deep-row.json", answer(&format!("[{}1{}],{ROW}", "[".repeat(9000), "]".repeat(9000))))
            .records(1)
            .reject("too-deep", 1),
        case("surrogate-in-a-row.json", answer(&ROW.replace("kv-a\"", "kv-a\",\"\\udc00\""))).records(1),
    ]);
}

#[test]
fn text_around_a_record_is_no_harm() {
    let whole = record(1).to_string();
    let inside = |text: &str| json!({"message": text}).to_string();
    check(&[
        case("escapes-before.log", format!("\u{1b}[31m<134>1 host - - - {whole}\n")).records(1),
        case("nothing-behind.log", "<134>1 host - - - {\"a\":}\n<134>1 host - - -\n").reject("not-json", 2),
        case("message-of-many.json", inside(&lines(&[record(1), record(2)]))).records(2),
        case("message-cut.json", inside(&format!("{whole}\n{}", whole.chars().take(40).collect::<String>())))
            .records(1)
            .reject("truncated", 1),
        case("message-in-message.json", inside(&inside(&whole))).reject("not-a-record", 1),
        case("message-of-no-log.json", inside("{\"a\":1}")).reject("not-a-record", 1),
        case("wrapper-in-message.json", inside(&wrapper(&[record(1), record(2)]))).records(2),
        case("message-deep.json", inside(&format!("{{\"a\":{}", "[".repeat(5000)))).reject("not-a-record", 1),
    ]);
}

const HEADER: &str = "TimeGenerated [UTC],OperationName,ResultDescription,_ResourceId\n";

/// A row of a CSV.
fn row(time: &str, message: &str) -> String {
    format!("\"{time}\",SecretGet,{message},/subscriptions/s/providers/microsoft.keyvault/vaults/kv-a\n")
}

#[test]
fn a_csv_loses_the_row_that_is_damaged() {
    let csv = |rows: &[String]| format!("{HEADER}{}", rows.concat());
    let good = row("2026-03-12T14:00:00Z", "no");
    let american = row("2/3/2026, 9:19:25.391 AM", "no");
    check(&[
        case("header-only.csv", HEADER).blank(1),
        case("good.csv", csv(std::slice::from_ref(&good))).records(1).blank(1),
        case("two-readings.csv", csv(&[american.clone(), american.clone()])).reject("ambiguous-date", 1),
        case("told.csv", csv(std::slice::from_ref(&american)))
            .args(&["--date-order", "dmy"])
            .records(1)
            .blank(1),
        case("decided.csv", csv(&[american.clone(), row("2/25/2026, 1:00:00 PM", "")])).records(2).blank(1),
        case("contradictory.csv", csv(&[row("25/2/2026, 9:00:00 AM", ""), row("2/25/2026, 9:00:00 AM", "")]))
            .reject("ambiguous-date", 1),
        case("unknown-zone.csv", csv(std::slice::from_ref(&good)).replace("[UTC]", "[Mars]"))
            .reject("ambiguous-date", 1),
        case("zone-told.csv", csv(std::slice::from_ref(&good)).replace("[UTC]", "[Mars]"))
            .args(&["--csv-zone", "Europe/Berlin"])
            .records(1)
            .blank(1),
        case("short-row.csv", csv(&[good.clone(), "x,y\n".into(), good.clone()]))
            .records(2)
            .blank(1)
            .reject("invalid-csv", 1),
        case("formula.csv", csv(&[row("2026-03-12T14:00:00Z", "=cmd|' /C calc'!A0")])).records(1).blank(1),
        case(
            "lines-in-a-cell.csv",
            csv(&[row("2026-03-12T14:00:00Z", "\"a\n\n\"\"b\"\"\n,c\""), good.clone()]),
        )
        .records(2)
        .blank(1),
        case(
            "utf8.csv",
            [csv(std::slice::from_ref(&good)).as_bytes(), b"\"2026-03-12T14:00:00Z\",\xff,b,c\n"].concat(),
        )
        .records(1)
        .blank(1)
        .reject("invalid-utf8", 1),
    ]);
}

/// The schema that Capture writes.
const SCHEMA: &str = r#"{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[{"name":"SequenceNumber","type":"long"},{"name":"Offset","type":"string"},{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes"]}},{"name":"Body","type":["null","bytes"]}]}"#;

/// A Capture file with these bodies.
fn capture(bodies: &[&[u8]], codec: Codec) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let mut writer = Writer::with_codec(&schema, Vec::new(), codec).unwrap();
    for body in bodies {
        let fields = vec![
            ("SequenceNumber".to_owned(), Avro::Long(1)),
            ("Offset".to_owned(), Avro::String("0".into())),
            ("Properties".to_owned(), Avro::Map(std::iter::empty().collect())),
            ("Body".to_owned(), Avro::Union(1, Box::new(Avro::Bytes(body.to_vec())))),
        ];
        writer.append_value(Avro::Record(fields)).unwrap();
        writer.flush().unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn a_capture_file_loses_the_block_that_is_damaged() {
    let body = wrapper(&[record(1), record(2)]);
    let three = |codec| capture(&[body.as_bytes(), b"", body.as_bytes()], codec);
    let whole = three(Codec::Null);
    let bytes = 2 * body.len();
    let mut damaged = whole.clone();
    // A length in the first block.
    let at = whole.windows(4).position(|four| four == b"{\"re").unwrap();
    damaged[at - 2] ^= 0x55;
    let no_body = capture(&[], Codec::Null).len();
    check(&[
        case("null.avro", &whole).records(4).blank(1).decompressed(bytes),
        case("deflate.avro", three(Codec::Deflate(DeflateSettings::default())))
            .records(4)
            .blank(1)
            .decompressed(bytes),
        case("zstandard.avro", three(Codec::Zstandard(ZstandardSettings::default())))
            .records(4)
            .blank(1)
            .decompressed(bytes),
        case("no-events.avro", &whole[..no_body]).decompressed(0),
        case("magic-only.avro", &whole[..4]).decompressed(0).incomplete().reject("truncated", 1),
        case("garbage-behind-magic.avro", [&whole[..4], &[0xff; 200]].concat())
            .decompressed(0)
            .incomplete()
            .reject("damaged-avro", 1),
        case("not-gzip-bodies.avro", capture(&[b"\x1f\x8b\x08 not json", body.as_bytes()], Codec::Null))
            .records(2)
            .decompressed(12 + body.len())
            .reject("not-json", 1),
    ]);
    let folder = folder(&[("cut.avro", &whole[..whole.len() - 30]), ("damaged.avro", &damaged)]);
    let cut = &report(folder.path(), 3, ["cut.avro"])["coverage"];
    assert_eq!((number(&cut["records"]), number(&cut["incomplete"])), (2, 1), "{cut:#}");
    let damaged = &report(folder.path(), 3, ["damaged.avro"])["coverage"];
    assert!(number(&damaged["records"]) >= 2 && number(&damaged["rejected"]) >= 1, "{damaged:#}");
}

#[test]
fn an_avro_bomb_is_stopped() {
    let spaces = vec![b' '; 20 << 20];
    let bomb = capture(&[spaces.as_slice(); 5], Codec::Deflate(DeflateSettings::default()));
    let folder = folder(&[("bomb.avro", &bomb)]);
    let coverage = &report(folder.path(), 3, ["bomb.avro", "--max-expansion", "1"])["coverage"];
    assert!(number(&coverage["rejected"]) >= 1, "{coverage:#}");
    assert!(number(&coverage["bytes"]) <= (64 << 20) + 2 * bomb.len() as u64, "{coverage:#}");
}

#[test]
fn a_parquet_file_is_read_or_refused_by_name() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet");
    let file = fs::read(data.join("duckdb-storage.parquet")).unwrap();
    let mut flipped = file.clone();
    let footer = flipped.len() - 9;
    flipped[footer] ^= 0xff;
    let bytes = file.len();
    check(&[
        case("magic-only.parquet", "PAR1").incomplete().reject("damaged-parquet", 1),
        case("cut.parquet", &file[..bytes / 2]).incomplete().reject("damaged-parquet", 1),
    ]);
    let other = fs::read(data.join("other.parquet")).unwrap();
    let another = folder(&[("table.parquet", &other)]);
    let another = &report(another.path(), 3, ["table.parquet"])["coverage"];
    assert_eq!(another["rejected_by_reason"], json!({"not-a-record": 1}), "{another:#}");
    let folder = folder(&[("flipped.parquet", &flipped), ("good.parquet", &file)]);
    let good = &report(folder.path(), 0, ["good.parquet", "--max-rejected", "9"])["coverage"];
    let both = &report(folder.path(), 0, [".", "--max-rejected", "99"])["coverage"];
    assert!(
        number(&both["records"]) >= number(&good["records"]),
        "damage in one file costs no other: {both:#}"
    );
}

#[test]
fn what_is_plainly_something_else_is_named() {
    let activity = "Correlation id,Operation name,Status,Event category,Level,Time,Subscription,Event initiated by,Resource type,Resource group,Resource\na,b,c,Administrative,e,f,g,h,i,j,k\n";
    let folder = folder(&[("QueryResult.csv", activity), ("log.json", &lines(&[record(1)]))]);
    let report = report(folder.path(), 0, ["."]);
    let passed = list(&report["coverage"]["passed_over"]);
    assert_eq!(passed.len(), 1, "{passed:?}");
    assert!(text(&passed[0]["why"]).contains("Activity Log"), "{passed:?}");
    let alone = akvlens(folder.path(), ["report", "QueryResult.csv"]);
    assert_eq!(alone.status, 4, "{}", alone.stderr);
    assert!(alone.stderr.contains("Activity Log"), "{}", alone.stderr);
}

/// Standard input needs no file's name, and what must be read twice is copied.
#[test]
fn every_carrier_comes_through_a_pipe() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parquet");
    let parquet = fs::read(data.join("duckdb-storage.parquet")).unwrap();
    let body = wrapper(&[record(1)]);
    let csv = format!("{HEADER}{}", row("2/25/2026, 9:19:25 AM", ""));
    for (name, bytes) in [
        ("parquet", parquet),
        ("capture", capture(&[body.as_bytes()], Codec::Null)),
        ("csv", csv.into_bytes()),
    ] {
        let folder = folder(&[("blob", &bytes), ("blob.gz", &crate::log::gzip(&bytes))]);
        let records = |report: Value| report["coverage"]["shapes"].clone();
        let plain = records(report(folder.path(), 0, ["blob", "--max-rejected", "9"]));
        assert!(plain.as_object().is_some_and(|shapes| !shapes.is_empty()), "{name}");
        assert_eq!(
            records(report(folder.path(), 0, ["blob.gz", "--max-rejected", "9"])),
            plain,
            "{name} in gzip"
        );
        let mut piped = crate::program::command(folder.path());
        piped.args(["report", "-", "-o", "-", "--max-rejected", "9"]).write_stdin(bytes);
        assert_eq!(records(crate::program::finish(&mut piped).json()), plain, "{name} on standard input");
    }
}

/// A disk that is full while the report is written leaves the old report whole.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_file() {
    let folder = folder(&[("log.json", lines(&[record(1)])), ("old.json", "the old report".to_owned())]);
    let mut shell = assert_cmd::Command::new("sh");
    shell.current_dir(folder.path()).args([
        "-c",
        "trap '' XFSZ; ulimit -f 1; \"$0\" report log.json --quiet -o old.json",
        crate::program::PROGRAM,
    ]);
    let ran = crate::program::finish(&mut shell);
    assert_eq!(ran.status, 2, "{ran:?}");
    assert!(ran.stderr.contains("old.json"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("old.json")).unwrap(), "the old report");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no piece is left behind");
}
