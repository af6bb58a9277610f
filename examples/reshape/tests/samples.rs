//! `samples/every-shape` is what the converter makes of its folder `storage/`, so that neither can drift.
//!
//! After a change that is meant, write them anew: `AKVLENS_WRITE_SAMPLES=1 cargo test --example reshape`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::ValueEnum;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use walkdir::WalkDir;

use crate::lines;
use crate::shapes::{Codec, DateOrder, Options, Shape, Zone, convert};

/// Where a data export's blob of 14:55 stands in its container.
const EXPORTED: &str = "WorkspaceResourceId=/subscriptions/3f0fc6a1-b9b6-4ec9-97d4-7bcd51924670/resourcegroups/rg-lark-monitor/providers/microsoft.operationalinsights/workspaces/log-lark/y=2026/m=03/d=13/h=14/m=55/PT05M.json";

/// Where Capture puts the first file of the window of 14:55.
const CAPTURED: &str = "evhns-lark/insights-logs-auditevent/0/2026/03/13/14/55/00.avro";

/// Folder, file and shape of every sample; a file's `.gz` is no shape's.
fn samples() -> Vec<(&'static str, String, Shape, Options)> {
    let plain = |folder, file: &str, shape| (folder, file.to_owned(), shape, Options::default());
    let capture = |folder, codec| {
        (folder, CAPTURED.to_owned(), Shape::Capture, Options { codec, ..Options::default() })
    };
    let local =
        Options { zone: Zone::read("UTC+01:00").unwrap(), date_order: DateOrder::Dmy, ..Options::default() };
    let typed = Options { type_line: true, ..Options::default() };
    vec![
        plain("records", "message-0-48213.json", Shape::Records),
        plain(
            "log-analytics-export-diagnostics",
            &format!("am-azurediagnostics/{EXPORTED}"),
            Shape::LogAnalyticsExportDiagnostics,
        ),
        plain(
            "log-analytics-export-dedicated",
            &format!("am-azkvauditlogs/{EXPORTED}"),
            Shape::LogAnalyticsExportDedicated,
        ),
        plain("query-api-diagnostics", "response.json", Shape::QueryApiDiagnostics),
        plain("query-api-dedicated", "response.json", Shape::QueryApiDedicated),
        plain("az-diagnostics", "query.json.gz", Shape::AzDiagnostics),
        plain("az-dedicated", "query.json", Shape::AzDedicated),
        plain("value-diagnostics", "rows.json.gz", Shape::ValueDiagnostics),
        plain("value-dedicated", "rows.json.gz", Shape::ValueDedicated),
        plain("portal-csv-diagnostics", "query_data.csv", Shape::PortalCsvDiagnostics),
        plain("portal-csv-dedicated", "query_data.csv", Shape::PortalCsvDedicated),
        ("portal-csv-local", "query_data.csv".to_owned(), Shape::PortalCsvDedicated, local),
        ("powershell-csv-diagnostics", "keyvault.csv".to_owned(), Shape::PowershellCsvDiagnostics, typed),
        plain("powershell-csv-dedicated", "keyvault.csv", Shape::PowershellCsvDedicated),
        capture("capture-null", Codec::Null),
        capture("capture-deflate", Codec::Deflate),
        capture("capture-snappy", Codec::Snappy),
        capture("capture-zstandard", Codec::Zstandard),
        plain("parquet-storage", "part-00000.parquet", Shape::ParquetStorage),
        plain("parquet-diagnostics", "part-00000.parquet", Shape::ParquetDiagnostics),
        plain("parquet-dedicated", "part-00000.parquet", Shape::ParquetDedicated),
        plain("siem-message", "filebeat.ndjson.gz", Shape::SiemMessage),
        plain("siem-raw", "splunk-export.json.gz", Shape::SiemRaw),
        plain("siem-event-original", "elastic.ndjson.gz", Shape::SiemEventOriginal),
        plain("siem-event-original-dotted", "elastic.ndjson.gz", Shape::SiemEventOriginalDotted),
        plain("syslog-rfc3164", "keyvault.log", Shape::SyslogRfc3164),
        plain("syslog-rfc5424", "keyvault.log.gz", Shape::SyslogRfc5424),
    ]
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/every-shape")
}

/// What a file holds, decompressed where its name says so.
fn read(path: &Path) -> Vec<u8> {
    let stored = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|end| end == "gz") {
        MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut bytes).unwrap();
        bytes
    } else {
        stored
    }
}

/// Writes a file, compressed where its name says so.
fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut encoder = GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::best());
        encoder.write_all(bytes).and_then(|()| encoder.finish().map(drop)).unwrap();
    } else {
        fs::write(path, bytes).unwrap();
    }
}

/// Samples written anew, when that is asked for, before any test looks at them.
static WRITTEN: LazyLock<()> = LazyLock::new(|| {
    if env::var_os("AKVLENS_WRITE_SAMPLES").is_some() {
        made().for_each(|(path, bytes)| write(&path, &bytes));
    }
});

/// What the converter makes of `storage/`, with the place it belongs to.
fn made() -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let storage = lines(&[root().join("storage")]).unwrap();
    let each = samples().into_iter();
    each.map(move |(folder, file, shape, options)| {
        (root().join(folder).join(file), convert(shape, &options, &storage).unwrap())
    })
}

#[test]
fn every_sample_is_what_the_converter_writes() {
    LazyLock::force(&WRITTEN);
    for (path, bytes) in made() {
        assert!(read(&path) == bytes, "{}: is not what the converter writes", path.display());
    }
}

#[test]
fn every_shape_has_a_sample_and_no_folder_is_left_over() {
    LazyLock::force(&WRITTEN);
    let samples = samples();
    let shapes = Shape::value_variants().iter().filter(|shape| **shape != Shape::Storage);
    for shape in shapes {
        assert!(samples.iter().any(|(_, _, sampled, _)| sampled == shape), "{shape:?}");
    }
    let expected: BTreeSet<PathBuf> =
        samples.iter().map(|(folder, file, _, _)| root().join(folder).join(file)).collect();
    let files = WalkDir::new(root()).into_iter().map(Result::unwrap);
    let found: BTreeSet<PathBuf> = files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.into_path())
        .filter(|path| !path.starts_with(root().join("storage")))
        .filter(|path| path.extension().is_none_or(|end| end != "toml"))
        .collect();
    assert_eq!(found, expected);
}
