//! What a reader of the logs relies on: valid JSON, every cause, the same bytes again, order of keys apart.

use std::collections::BTreeMap;

use clap::{Parser, ValueEnum};
use serde_json::Value;

use crate::Source;
use crate::cause::Cause;
use crate::cli::{Arguments, Plan};
use crate::shapes::{Options, Shape, convert};
use crate::traffic::Event;

/// The records of a run, each with its cause.
fn records(flags: &[&str]) -> Vec<(Cause, String)> {
    let typed = ["generate", "--out", "logs"].iter().chain(flags);
    let plan = Plan::new(Arguments::parse_from(typed)).unwrap();
    let mut records = Vec::new();
    let mut take = |event: &Event, record: &str| {
        records.push((event.request.cause, record.to_owned()));
        Ok(0)
    };
    Source::new(&plan).each(&plan, &mut take).unwrap();
    records
}

/// Reads a record.
fn parsed(record: &str) -> Value {
    serde_json::from_str(record).unwrap()
}

#[test]
fn every_cause_comes_up_as_valid_json() {
    let records = records(&["--events", "5000"]);
    assert_eq!(records.len(), 5000);
    for cause in Cause::ALL {
        assert!(records.iter().any(|(seen, _)| seen == cause), "{} is missing", cause.id());
    }
    assert!(records.iter().all(|(_, record)| parsed(record).is_object()));
}

#[test]
fn one_vault_and_one_caller_can_fail_in_every_way() {
    let records = records(&["--events", "5000", "--vaults", "1", "--callers", "1"]);
    assert!(Cause::ALL.iter().all(|cause| records.iter().any(|(seen, _)| seen == cause)));
}

#[test]
fn the_same_seed_gives_the_same_records() {
    assert_eq!(records(&["--events", "2000", "--seed", "7"]), records(&["--events", "2000", "--seed", "7"]));
    assert_ne!(records(&["--events", "2000", "--seed", "7"]), records(&["--events", "2000", "--seed", "8"]));
}

#[test]
fn shuffling_and_indenting_change_nothing_but_the_look() {
    let plain = records(&["--events", "2000"]);
    for flags in [["--key-order", "shuffled"], ["--container", "pretty"]] {
        let other = records(&[&["--events", "2000"][..], &flags].concat());
        for ((_, one), (_, two)) in plain.iter().zip(&other) {
            assert_ne!(one, two);
            assert_eq!(parsed(one), parsed(two));
        }
    }
}

#[test]
fn every_challenge_in_the_truth_has_its_answer() {
    let records = records(&["--events", "5000", "--seed", "3"]);
    let key = |record: &Value| {
        let properties = &record["properties"];
        [&record["resourceId"], &record["callerIpAddress"], &properties["clientInfo"]].map(Value::to_string)
    };
    let mut last_answer = BTreeMap::new();
    for record in records.iter().map(|(_, record)| parsed(record)) {
        if record["properties"]["httpStatusCode"] != 401 {
            let latest: &mut String = last_answer.entry(key(&record)).or_default();
            *latest = record["time"].to_string().max(std::mem::take(latest));
        }
    }
    for (cause, record) in &records {
        let record = parsed(record);
        let time = record["time"].to_string();
        let answered = last_answer.get(&key(&record)).is_some_and(|latest| *latest >= time);
        assert!(*cause != Cause::AuthChallenge || answered);
        assert!(*cause != Cause::UnansweredChallenge || !answered);
    }
}

/// The whole way of akvlens against the truth: nothing here classifies, so the two cannot share a
/// mistake.
#[test]
fn a_report_says_what_the_truth_says() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("logs");
    let typed = ["generate", "--events", "6000", "--seed", "3", "--callers", "200", "--out"];
    let plan =
        Plan::new(Arguments::parse_from(typed.iter().copied().chain([out.to_str().unwrap()]))).unwrap();
    let truth = serde_json::to_value(crate::generate(&plan).unwrap()).unwrap();
    assert_says(&report_on(&out), &truth);
}

/// The same by every road.
#[test]
fn a_report_of_any_shape_says_what_the_truth_says() {
    let folder = tempfile::tempdir().unwrap();
    for shape in Shape::value_variants() {
        let name = shape.to_possible_value().unwrap().get_name().to_owned();
        let out = folder.path().join(&name);
        let typed = ["generate", "--events", "2000", "--callers", "50", "--shape", &name, "--out"];
        let plan =
            Plan::new(Arguments::parse_from(typed.iter().copied().chain([out.to_str().unwrap()]))).unwrap();
        let truth = serde_json::to_value(crate::generate(&plan).unwrap()).unwrap();
        let report = report_on(&out);
        assert_eq!(Value::from(report.coverage.records), truth["records"], "{name}");
        assert_says(&report, &truth);
    }
}

/// Asserts that a report counts what the truth counts.
fn assert_says(report: &akvlens::report::Report, truth: &Value) {
    let causes: BTreeMap<String, u64> =
        report.causes.iter().map(|row| (row.cause.clone(), row.count)).collect();
    assert_eq!(serde_json::to_value(causes).unwrap(), truth["causes"]);
    assert_eq!(Value::from(report.coverage.records), truth["records"]);
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let rows = truth["by_caller_operation"].as_array().unwrap().iter();
    let expected: BTreeMap<_, _> = rows
        .map(|row| {
            let who = ["vault", "oid", "appid", "operation"].map(|name| text(row, name));
            (who, (row["requests"].as_u64().unwrap(), row["failures"].as_u64().unwrap()))
        })
        .collect();
    let named = report.by_caller_operation.iter().filter(|row| row.oid.is_some() || row.appid.is_some());
    let counted: BTreeMap<_, _> = named
        .map(|row| {
            let who = [&row.vault, &row.oid, &row.appid, &row.operation]
                .map(|text| text.as_deref().map(str::to_owned));
            (who, (row.requests, row.failures))
        })
        .collect();
    assert_eq!(counted, expected);
    for row in &report.vaults {
        let truth = &truth["vaults"][row.vault.as_deref().unwrap()];
        assert_eq!(Value::from(row.failures), truth["failures"], "{:?}", row.vault);
    }
}

/// Whatever the shape, the same requests, counted alike.
#[test]
fn a_shape_changes_neither_the_records_nor_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, flags: &[&str]| {
        let out = folder.path().join(name);
        let typed = ["generate", "--bytes", "300KB", "--seed", "5", "--out", out.to_str().unwrap()];
        let plan = Plan::new(Arguments::parse_from(typed.iter().chain(flags))).unwrap();
        let mut truth = serde_json::to_value(crate::generate(&plan).unwrap()).unwrap();
        let bytes = std::fs::read(&out).unwrap();
        assert_eq!(truth["bytes"].take(), Value::from(bytes.len()), "{name}");
        (String::from_utf8(bytes).unwrap(), truth)
    };
    let (lines, truth) = written("lines.json", &["--single"]);
    for (shape, name) in [
        (Shape::Storage, "storage"),
        (Shape::QueryApiDiagnostics, "query-api-diagnostics"),
        (Shape::PowershellCsvDedicated, "powershell-csv-dedicated"),
    ] {
        let (file, same_truth) = written(name, &["--shape", name]);
        assert_eq!(same_truth, truth, "{name}");
        let expected = convert(shape, &Options::default(), &lines).unwrap();
        assert!(file.as_bytes() == expected, "{name}");
    }
}

/// What akvlens reports on a folder.
fn report_on(folder: &std::path::Path) -> akvlens::report::Report {
    let causes = akvlens::classify::causes::Causes::built_in();
    let interrupted = std::sync::atomic::AtomicBool::new(false);
    let ingest = akvlens::ingest::Ingest {
        causes: &causes,
        limits: akvlens::decode::Limits::default(),
        dates: akvlens::decode::csv::Dates::default(),
        threads: 2,
        progress: &akvlens::ingest::Silent,
        interrupted: &interrupted,
        keep_rejects: false,
        dedup: false,
        range_bytes: akvlens::ingest::RANGE_BYTES,
        most_memory: u64::MAX,
    };
    let listing = akvlens::source::list(&[folder.to_str().unwrap().to_owned()]).unwrap();
    let facts = ingest.run(&listing).unwrap().facts;
    akvlens::findings::report(facts, &causes, &akvlens::findings::Judgement::default())
}
