//! Every sample gives the answer that lies beside it, and every cause has a sample.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use akvlens::classify::causes::Causes;
use akvlens::ticks::Ticks;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use walkdir::WalkDir;

use crate::program::{list, number, report, text};

/// `FILE.expected.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    records: u64,
    blank: u64,
    not_audit: u64,
    rejected: u64,
    causes: BTreeMap<String, u64>,
    basis: BTreeMap<String, u64>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The data files of a folder of samples, as typed from the root, with their answers.
fn answers(folder: &str) -> BTreeMap<String, Expected> {
    let below = WalkDir::new(root().join(folder)).into_iter().map(|entry| entry.unwrap().into_path());
    let toml = below.filter(|path| path.to_string_lossy().ends_with(".expected.toml"));
    let answer = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        let expected = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        (name.trim_end_matches(".expected.toml").to_owned(), expected)
    };
    toml.map(answer).collect()
}

/// The folders of samples, one a container.
fn folders() -> Vec<String> {
    let entries = fs::read_dir(root().join("samples")).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| format!("samples/{}", entry.file_name().to_string_lossy())).collect();
    names.sort();
    names
}

/// Asserts that a report says what the answers say.
fn assert_agrees(folder: &str, report: &Value, answers: &BTreeMap<String, Expected>) {
    let (mut causes, mut basis) = (BTreeMap::new(), BTreeMap::new());
    let blobs: BTreeMap<&str, &Value> =
        list(&report["coverage"]["per_blob"]).iter().map(|blob| (text(&blob["blob"]), blob)).collect();
    assert!(blobs.keys().eq(answers.keys()), "{folder}: the blobs are the data files");
    for (name, answer) in answers {
        let blob = blobs[name.as_str()];
        let read = ["records", "blank", "not_audit", "rejected"].map(|key| number(&blob[key]));
        assert_eq!(read, [answer.records, answer.blank, answer.not_audit, answer.rejected], "{name}");
        assert_eq!(answer.causes.values().sum::<u64>(), answer.records, "{name}: every record has a cause");
        add(&mut causes, &answer.causes);
        add(&mut basis, &answer.basis);
    }
    assert_eq!(causes_of(report), causes, "{folder}");
    assert_eq!(basis_of(report), basis, "{folder}");
}

fn add(sums: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        *sums.entry(name.clone()).or_default() += count;
    }
}

fn causes_of(report: &Value) -> BTreeMap<String, u64> {
    let rows = list(&report["causes"]).iter();
    rows.map(|row| (text(&row["cause"]).to_owned(), number(&row["count"]))).collect()
}

/// What the verdicts on failures and challenges rest on.
fn basis_of(report: &Value) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for row in list(&report["causes"]) {
        if matches!(text(&row["outcome"]), "failure" | "challenge") {
            for (basis, count) in row["basis"].as_object().unwrap() {
                *sums.entry(basis.clone()).or_default() += number(count);
            }
        }
    }
    sums.retain(|_, count| *count > 0);
    sums
}

#[test]
fn every_folder_gives_the_answers_beside_it() {
    let folders = folders();
    assert!(folders.len() >= 7, "{folders:?}");
    for folder in folders {
        let answers = answers(&folder);
        assert!(!answers.is_empty(), "{folder} holds answers");
        assert_agrees(&folder, &report(root(), 0, [&folder]), &answers);
    }
}

#[test]
fn all_samples_together_are_one_coherent_report() {
    let report = report(root(), 0, ["samples"]);
    assert_agrees("samples", &report, &answers("samples"));
    let coverage = &report["coverage"];
    assert_eq!((number(&coverage["rejected"]), number(&coverage["incomplete"])), (0, 0));
    assert_eq!(list(&coverage["same_bytes"]).len(), 0);
    let totals = &report["totals"];
    let sum = ["successes", "failures", "challenges"].iter().map(|key| number(&totals[key])).sum::<u64>();
    assert_eq!(number(&totals["requests"]), sum);
    assert_eq!(number(&coverage["records"]), sum + number(&totals["notifications"]));
}

#[test]
fn every_cause_has_a_sample() {
    let seen: BTreeSet<String> =
        answers("samples").into_values().flat_map(|answer| answer.causes.into_keys()).collect();
    let known: BTreeSet<String> = Causes::built_in().iter().map(|cause| cause.id.clone()).collect();
    assert_eq!(known.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new(), "causes without a sample");
    assert_eq!(seen.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "causes of no table");
}

/// The decompressed text of a sample.
fn log_of(name: &str) -> String {
    let stored = fs::read(root().join(name)).unwrap();
    let mut log = String::new();
    match stored.as_slice() {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(&stored[..]).read_to_string(&mut log).unwrap(),
        [0x28, 0xb5, ..] => zstd::Decoder::new(&stored[..]).unwrap().read_to_string(&mut log).unwrap(),
        _ => stored.as_slice().read_to_string(&mut log).unwrap(),
    };
    log
}

/// The records that begin on a line of a log: one, or those of the wrapper that begins there.
fn records_at(log: &str, line: usize) -> Vec<Value> {
    let from: Vec<&str> = log.split('\n').skip(line - 1).collect();
    let from = from.join("\n");
    let from = from.trim_start_matches('\u{feff}');
    let first = serde_json::Deserializer::from_str(from).into_iter::<Value>().next();
    let value = first.expect("something stands there").expect("it is JSON");
    let wrapped = ["records", "value"].iter().find_map(|key| value[key].as_array().cloned());
    wrapped.unwrap_or_else(|| vec![value])
}

/// Whether a sample holds records as they were written, and not rows or files of another format.
fn holds_records(name: &str) -> bool {
    !name.starts_with("samples/every-shape/") || name.starts_with("samples/every-shape/storage/")
}

/// The findings about failures: `every-shape/` holds its records many times, which is a finding too.
fn failures(report: &Value) -> Vec<&Value> {
    list(&report["findings"]).iter().filter(|finding| finding["code"] != "double-export").collect()
}

#[test]
fn every_piece_of_evidence_points_at_its_record() {
    let report = report(root(), 0, ["samples"]);
    let names = answers("samples").into_keys().filter(|name| holds_records(name));
    let logs: BTreeMap<String, String> = names.map(|name| (name.clone(), log_of(&name))).collect();
    let evidence = failures(&report).into_iter().flat_map(|finding| list(&finding["evidence"]));
    let evidence: Vec<&Value> = evidence.filter(|piece| holds_records(text(&piece["blob"]))).collect();
    assert!(evidence.len() > 100);
    for piece in evidence {
        let line = usize::try_from(number(&piece["line"])).unwrap();
        let is_it = |record: &Value| {
            let time = record["time"].as_str().and_then(Ticks::from_iso).map(|time| time.to_string());
            let id = record["correlationId"].as_str().filter(|id| !id.is_empty());
            id == piece["correlation_id"].as_str() && time.as_deref() == piece["time"].as_str()
        };
        assert!(records_at(&logs[text(&piece["blob"])], line).iter().any(is_it), "{piece}");
    }
}

#[test]
fn every_finding_counts_requests_of_its_cause() {
    let report = report(root(), 0, ["samples"]);
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for finding in list(&report["findings"]) {
        assert!(!list(&finding["fix"]).is_empty(), "{finding}");
        // Verdicts look at the same failures from another side.
        if Causes::built_in().find(text(&finding["code"])).is_none() {
            continue;
        }
        *found.entry(text(&finding["code"]).to_owned()).or_default() += number(&finding["count"]);
        assert!(!list(&finding["evidence"]).is_empty(), "{finding}");
    }
    let rows = list(&report["causes"]).iter().filter(|row| row["outcome"] == "failure");
    let failures: BTreeMap<String, u64> =
        rows.map(|row| (text(&row["cause"]).to_owned(), number(&row["count"]))).collect();
    assert_eq!(found, failures);
}
