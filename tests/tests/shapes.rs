//! One incident in every shape: whatever road the records took, the same report.
//!
//! Each folder of `samples/every-shape` holds the records of its folder `storage/` in another shape. What the
//! report says of the input (`coverage`) and where evidence stands may differ; all else is the same, but for
//! what a shape truly lacks: [`lacks`], which is asserted to be needed.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::program::{akvlens, list, number, text};

/// What a shape cannot carry, taken from a report of either side.
struct Lack {
    /// What, and why.
    what: &'static str,
    /// Takes it out of a report.
    strip: fn(&mut Value),
}

/// What the shape of a folder truly lacks.
fn lacks(folder: &str) -> Vec<Lack> {
    if folder.starts_with("portal-csv-") {
        vec![Lack {
            what: "the portal shows milliseconds, and a record has four digits more",
            strip: cut_to_milliseconds,
        }]
    } else {
        Vec::new()
    }
}

/// Cuts every time in a report to milliseconds.
fn cut_to_milliseconds(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(cut_to_milliseconds),
        Value::Object(members) => members.values_mut().for_each(cut_to_milliseconds),
        Value::String(text) => {
            if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
                *text = time.to_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            }
        }
        _ => {}
    }
}

/// A report without what it says of its input, and the places of its evidence.
fn body(mut report: Value) -> Value {
    report.as_object_mut().unwrap().remove("coverage").expect("every report has coverage");
    strip_places(&mut report);
    report
}

/// Takes away blob, line and offset wherever they stand.
fn strip_places(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(strip_places),
        Value::Object(members) => {
            members.retain(|key, _| !["blob", "line", "offset"].contains(&key.as_str()));
            members.values_mut().for_each(strip_places);
        }
        _ => {}
    }
}

/// The report on a folder of `samples/every-shape`, or what was said instead.
fn report_on(folder: &str, flags: &[&str]) -> Result<Value, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let input = format!("samples/every-shape/{folder}");
    let ran = akvlens(root, [&["report", "-o", "-", &input], flags].concat());
    if ran.status == 0 { Ok(ran.json()) } else { Err(format!("{folder}: {}", ran.stderr)) }
}

/// The folders beside `storage/`, one a shape.
fn folders() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/every-shape");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
    let mut folders: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    folders.retain(|folder| folder != "storage");
    folders.sort();
    folders
}

/// The places where two values differ, as a path and both sides.
fn differences(path: &str, one: &Value, two: &Value, found: &mut Vec<String>) {
    match (one, two) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().for_each(|(key, value)| differences(&format!("{path}.{key}"), value, &b[key], found));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.for_each(|(at, (one, two))| differences(&format!("{path}[{at}]"), one, two, found));
        }
        _ if one == two => {}
        _ => found.push(format!("{path}: {one:.200} against {two:.200}")),
    }
}

/// Where the report on a folder differs from that of the storage form.
fn differences_of(folder: &str, storage: &Value) -> Vec<String> {
    let (mut one, mut two) = match report_on(folder, &[]) {
        Ok(report) => (storage.clone(), body(report)),
        Err(message) => return vec![message],
    };
    let mut found = Vec::new();
    for lack in lacks(folder) {
        if one == two {
            found.push(format!("{folder}: is not needed: {}", lack.what));
        }
        (lack.strip)(&mut one);
        (lack.strip)(&mut two);
    }
    differences(folder, &one, &two, &mut found);
    found.truncate(5);
    found
}

#[test]
fn every_shape_gives_the_report_of_the_storage_form() {
    let storage = body(report_on("storage", &[]).unwrap());
    assert!(number(&storage["totals"]["failures"]) > 20, "the incident shows");
    let folders = folders();
    assert!(folders.len() >= 27, "{folders:?}");
    let wrong: Vec<String> = folders.iter().flat_map(|folder| differences_of(folder, &storage)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same request in all shapes is one request, the finest time among them its own.
#[test]
fn all_shapes_at_once_are_the_storage_form_many_times() {
    let storage = report_on("storage", &[]).unwrap();
    let copies = folders().len() as u64 + 1;
    let all = report_on("", &[]).unwrap();
    let records = |report: &Value| number(&report["coverage"]["records"]);
    assert_eq!(records(&all), records(&storage) * copies);
    let doubled = list(&all["findings"]).iter().filter(|finding| finding["code"] == "double-export");
    let vaults: Vec<&str> = doubled.map(|finding| text(&finding["vault"])).collect();
    assert_eq!(vaults, ["kv-lark-fleet", "kv-lark-seal", "mhsm-lark-fleet"]);
    let mut found = Vec::new();
    differences("--dedup", &body(storage), &body(report_on("", &["--dedup"]).unwrap()), &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

/// What coverage says of a folder: audit records by shape, records of other logs, rejects.
fn coverage_of(folder: &str) -> Result<(Value, u64, u64), String> {
    let coverage = report_on(folder, &[])?["coverage"].take();
    Ok((coverage["shapes"].clone(), number(&coverage["not_audit"]), number(&coverage["rejected"])))
}

/// That the shape is told from the content, and one alone; that nothing is lost, and what stands between the
/// records is known for what it is.
#[test]
fn coverage_names_the_shape_of_each_folder() {
    let records = 66;
    let mut wrong = Vec::new();
    for folder in folders() {
        let (container, table) = shape_of(&folder);
        let others = if container == "capture" { 7 } else { 0 };
        let expected = (json!({ format!("{container}/{table}"): records }), others, 0);
        let found = coverage_of(&folder);
        if found.as_ref() != Ok(&expected) {
            wrong.push(format!("{folder}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Container and table of a folder's shape, in the words of `decode::shape`.
fn shape_of(folder: &str) -> (&'static str, &'static str) {
    let container = match folder {
        "records" => "records-wrapper",
        "siem-message" | "siem-raw" => "json-lines+json-string",
        "siem-event-original" | "siem-event-original-dotted" => "json-lines+json-string",
        "syslog-rfc3164" | "syslog-rfc5424" => "json-lines+line-prefix",
        _ if folder.starts_with("log-analytics-export-") => "json-lines",
        _ if folder.starts_with("query-api-") => "query-tables",
        _ if folder.starts_with("az-") => "array",
        _ if folder.starts_with("value-") => "value-wrapper",
        _ if folder.starts_with("portal-csv-") || folder.starts_with("powershell-csv-") => "csv",
        _ if folder.starts_with("capture-") => "capture",
        _ if folder.starts_with("parquet-") => "parquet",
        _ => "unknown",
    };
    let table = match folder {
        _ if folder.ends_with("-diagnostics") => "azure-diagnostics",
        _ if folder.ends_with("-dedicated") || folder == "portal-csv-local" => "azkv-audit-logs",
        _ => "storage",
    };
    (container, table)
}
