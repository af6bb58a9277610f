//! The way through the program does not show in the report: threads, order, files, parts,
//! containers and compression change no number.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::log::{
    MISSING_POLICY, challenge, failure, gzip, lines, pretty, record, resource_id, wrapper, zstd,
};
use crate::program::{Ran, akvlens, folder, list, report, text, write};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// A folder with whole and damaged logs of many vaults: the samples, renamed, and more.
fn logs() -> TempDir {
    let cut = lines(&[failure(3, 403, MISSING_POLICY), record(4)]);
    let folder = folder(&[
        ("01.json", &cut.as_bytes()[..cut.len() - 80]),
        ("02.json", b"\0\0\0\nplain text\n\n{\"a\":\n"),
        ("03.json.gz", &gzip(cut.as_bytes())[..60]),
        ("04.json", b""),
    ]);
    let data = WalkDir::new(samples()).sort_by_file_name().into_iter().map(Result::unwrap);
    let data = data.filter(|entry| entry.path().with_added_extension("expected.toml").is_file());
    for (number, entry) in data.enumerate() {
        let name = format!("{:02}.{}", number + 10, entry.file_name().to_string_lossy());
        fs::copy(entry.path(), folder.path().join(name)).unwrap();
    }
    folder
}

/// The names of the files in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The bytes of a JSON report on these inputs, and the exit status.
fn bytes<S: AsRef<str>>(folder: &Path, inputs: &[S]) -> (i32, String) {
    let args = ["report", "-q", "-o", "-"].into_iter().chain(inputs.iter().map(AsRef::as_ref));
    let ran = akvlens(folder, args);
    assert!(matches!(ran.status, 0 | 3), "{}", ran.stderr);
    (ran.status, ran.stdout)
}

/// Runs a command that must work, or (with damaged input) must end with status 3.
fn run<S: AsRef<str>>(folder: &Path, status: i32, args: &[S]) -> Ran {
    let ran = akvlens(folder, args.iter().map(AsRef::as_ref));
    assert_eq!(ran.status, status, "{}", ran.stderr);
    ran
}

/// Keeps the facts of inputs in a folder of facts.
fn keep_facts<S: AsRef<str>>(folder: &Path, status: i32, inputs: &[S], facts: &str) {
    let args = ["facts", "-q", "-o", facts].into_iter().chain(inputs.iter().map(AsRef::as_ref));
    run(folder, status, &args.collect::<Vec<_>>());
}

/// Every file of a folder of facts, by name.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files =
        WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
    files.map(|entry| (name(entry.path()), fs::read(entry.path()).unwrap())).collect()
}

/// What of a report must not depend on where records lie: all but names, lines and bytes.
fn numbers(report: &Value) -> Value {
    let coverage = &report["coverage"];
    let mut findings = report["findings"].clone();
    for finding in findings.as_array_mut().unwrap() {
        let times: Vec<Value> =
            list(&finding["evidence"]).iter().map(|piece| piece["time"].clone()).collect();
        finding["evidence"] = json!(times);
    }
    let read = ["records", "rejected", "not_audit", "first", "last", "untimed", "fact_rows"]
        .map(|key| coverage[key].clone());
    let mut numbers = json!({"findings": findings, "coverage": read});
    for key in ["totals", "causes", "vaults", "callers", "by_caller_operation", "timeline", "changes"] {
        numbers[key] = report[key].clone();
    }
    numbers
}

#[test]
fn threads_do_not_show() {
    let folder = logs();
    let with = |threads: &str| bytes(folder.path(), &["--threads", threads, "."]);
    let one = with("1");
    assert_eq!(one.0, 3);
    for threads in ["2", "3", "8"] {
        assert_eq!(with(threads), one, "{threads} threads");
    }
}

#[test]
fn the_order_of_arguments_does_not_show() {
    let folder = logs();
    let mut names = names(folder.path());
    let all = bytes(folder.path(), &names);
    names.reverse();
    assert_eq!(bytes(folder.path(), &names), all);
    names.rotate_left(7);
    names.push(names[3].clone());
    assert_eq!(bytes(folder.path(), &names), all, "an input named twice counts once");
    let (even, odd): (Vec<_>, Vec<_>) =
        names.iter().enumerate().partition::<Vec<_>, _>(|(index, _)| index % 2 == 0);
    let mixed: Vec<&String> = even.into_iter().chain(odd).map(|(_, name)| name).collect();
    assert_eq!(bytes(folder.path(), &mixed), all);
}

#[test]
fn every_format_is_the_same_from_run_to_run() {
    let folder = logs();
    let outputs = ["a.json", "a.md", "a.csv"];
    let mut last: Option<Vec<Vec<u8>>> = None;
    for threads in ["1", "4"] {
        let args = ["report", "-q", "--threads", threads, "10.mhsm-larkfield.json", "01.json"];
        let args: Vec<&str> =
            args.into_iter().chain(outputs.iter().flat_map(|output| ["-o", *output])).collect();
        run(folder.path(), 3, &args);
        let written: Vec<Vec<u8>> =
            outputs.iter().map(|output| fs::read(folder.path().join(output)).unwrap()).collect();
        assert!(last.is_none_or(|last| last == written));
        last = Some(written);
    }
}

#[test]
fn the_way_through_facts_does_not_show() {
    let folder = logs();
    let names = names(folder.path());
    let direct = bytes(folder.path(), &names);
    keep_facts(folder.path(), 3, &names, "A");
    assert_eq!(bytes(folder.path(), &["A"]), direct);
    assert_eq!(bytes(folder.path(), &["A/akvlens-facts.json"]), direct, "the marker names its folder");
}

#[test]
fn the_way_through_parts_and_merging_does_not_show() {
    let folder = logs();
    let path = folder.path();
    let names = names(path);
    let direct = bytes(path, &names);
    let (one, other) = names.split_at(9);
    keep_facts(path, 3, one, "A");
    keep_facts(path, 0, other, "B");
    run(path, 0, &["merge", "A", "B", "-o", "C"]);
    assert_eq!(bytes(path, &["C"]), direct);
    run(path, 0, &["merge", "B", "A", "-o", "D"]);
    assert_eq!(contents(&path.join("C")), contents(&path.join("D")), "the order of folders does not show");
    run(path, 0, &["merge", "A", "B", "C", "-o", "C"]);
    assert_eq!(contents(&path.join("C")), contents(&path.join("D")), "merging again changes nothing");
    assert_eq!(bytes(path, &["A", "B"]), direct, "a report merges by itself");
    assert_eq!(bytes(path, &["A", "B", "C", "D"]), direct, "an equal part counts once");
    keep_facts(path, 3, one, "B");
    assert_eq!(contents(&path.join("B")), contents(&path.join("C")), "parts can be added one by one");
    let mixed: Vec<&str> = ["A"].into_iter().chain(other.iter().map(String::as_str)).collect();
    assert_eq!(bytes(path, &mixed), direct, "facts and logs go together");
}

#[test]
fn facts_are_the_same_bytes_whatever_made_them() {
    let folder = logs();
    let mut names = names(folder.path());
    keep_facts(folder.path(), 3, &names, "A");
    names.reverse();
    names.extend(["--threads".to_owned(), "1".to_owned()]);
    keep_facts(folder.path(), 3, &names, "B");
    assert_eq!(contents(&folder.path().join("A")), contents(&folder.path().join("B")));
    keep_facts(folder.path(), 3, &names, "B");
    assert_eq!(contents(&folder.path().join("A")), contents(&folder.path().join("B")), "kept once");
}

#[test]
fn a_part_copied_by_hand_counts_once() {
    let folder = folder(&[("a.json", lines(&[record(0), failure(1, 403, MISSING_POLICY)]))]);
    let path = folder.path();
    keep_facts(path, 0, &["a.json"], "A");
    let direct = bytes(path, &["a.json"]);
    for (name, bytes) in contents(&path.join("A")) {
        write(&path.join("copied").join(name), &bytes);
    }
    assert_eq!(bytes(path, &["A", "copied"]), direct);
    run(path, 0, &["merge", "A", "copied", "A", "-o", "C"]);
    assert_eq!(bytes(path, &["C"]), direct);
}

#[test]
fn a_blob_in_two_different_parts_is_refused_by_name() {
    let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
    let path = folder.path();
    keep_facts(path, 0, &["logs"], "A");
    write(&path.join("logs/a.json"), lines(&[record(0), record(1)]).as_bytes());
    keep_facts(path, 0, &["logs"], "B");
    let before = contents(&path.join("B"));
    for args in [
        ["merge", "A", "B", "-o", "C"].as_slice(),
        &["report", "A", "B"],
        &["facts", "logs", "-o", "A"],
        &["merge", "A", "-o", "B"],
    ] {
        let ran = run(path, 2, args);
        assert!(
            ran.stderr.contains("'logs/a.json'") && ran.stderr.contains("two different parts"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(contents(&path.join("B")), before, "what is refused leaves nothing behind");
    assert!(!path.join("C/akvlens-facts.json").is_file() || names(&path.join("C")).len() == 1);
}

#[test]
fn logs_and_facts_of_the_same_blob_are_refused() {
    let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
    keep_facts(folder.path(), 0, &["logs"], "A");
    for inputs in [["A", "logs"], ["logs/a.json", "A"]] {
        let ran = run(folder.path(), 2, &["report", inputs[0], inputs[1]]);
        assert!(ran.stderr.contains("'logs/a.json'"), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_part_is_refused() {
    let folder = folder(&[("a.json", lines(&[record(0), failure(1, 403, MISSING_POLICY)]))]);
    let path = folder.path();
    keep_facts(path, 0, &["a.json"], "A");
    let whole = contents(&path.join("A"));
    for (name, bytes) in &whole {
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        write(&path.join("A").join(name), &damaged);
        let ran = akvlens(path, ["report", "A"]);
        // One digit of a count in part.json says nothing that a report rests on.
        let told = ran.status == 2 && ran.stderr.starts_with("akvlens: A");
        assert!(told || (name.ends_with("part.json") && ran.status == 0), "{name}: {ran:?}");
        fs::remove_file(path.join("A").join(name)).unwrap();
        // Without its marker the folder holds no facts and no logs; without a table it is damaged.
        assert!(matches!(akvlens(path, ["report", "A"]).status, 2..=4), "{name} is missing");
        write(&path.join("A").join(name), bytes);
    }
    assert_eq!(akvlens(path, ["report", "A"]).status, 0);
    write(&path.join("A/akvlens-facts.json"), b"{\"format\":\"akvlens-facts/99\"}");
    assert!(run(path, 2, &["report", "A"]).stderr.contains("akvlens-facts/99"));
}

#[test]
fn a_file_in_pieces_is_the_file() {
    let stored = fs::read(samples().join("zstd/kv-lark-signing.jsonl.zst")).unwrap();
    let log = zstd::decode_all(stored.as_slice()).unwrap();
    let log = String::from_utf8(log).unwrap();
    let all: Vec<&str> = log.split_inclusive('\n').collect();
    let folder = folder(&[("whole/log.json", log.as_bytes())]);
    let whole = report(folder.path(), 0, ["whole"]);
    for size in [1, 7, 100] {
        let pieces = folder.path().join(format!("pieces-{size}"));
        for (number, piece) in all.chunks(size).enumerate() {
            write(&pieces.join(format!("{number:04}.json")), piece.concat().as_bytes());
        }
        let pieces = report(folder.path(), 0, [pieces]);
        assert_eq!(numbers(&pieces), numbers(&whole), "{size} lines a file");
        assert_eq!(pieces["coverage"]["blank"], whole["coverage"]["blank"]);
        assert_eq!(pieces["coverage"]["bytes"], whole["coverage"]["bytes"]);
    }
}

#[test]
fn container_and_compression_do_not_show() {
    let records: Vec<Value> = (0..20)
        .flat_map(|n| [challenge(n * 10), record(n * 10 + 1), failure(n * 10 + 2, 403, MISSING_POLICY)])
        .collect();
    let plain = lines(&records);
    let contained = [
        wrapper(&records),
        json!({ "value": records }).to_string(),
        json!(records).to_string(),
        format!("{:#}", json!({ "records": records })),
        format!("{:#}", json!(records)),
        pretty(&records),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        records.chunks(7).map(|records| wrapper(records) + "\n").collect(),
    ];
    let mut blobs: Vec<Vec<u8>> = contained.into_iter().map(String::into_bytes).collect();
    let (first, second) = plain.split_at(plain.len() / 2);
    blobs.extend([
        gzip(plain.as_bytes()),
        [gzip(first.as_bytes()), gzip(b""), gzip(second.as_bytes())].concat(),
        zstd(plain.as_bytes()),
        [zstd(first.as_bytes()), zstd(second.as_bytes())].concat(),
    ]);
    let folder = folder(&[("log", plain.as_bytes())]);
    let as_lines = numbers(&report(folder.path(), 0, ["log"]));
    assert_eq!(as_lines["totals"]["failures"], 20);
    assert_eq!(as_lines["totals"]["challenges"], 20);
    for (number, blob) in blobs.iter().enumerate() {
        write(&folder.path().join("log"), blob);
        assert_eq!(numbers(&report(folder.path(), 0, ["log"])), as_lines, "form {number}");
    }
}

#[test]
fn the_same_bytes_under_two_names_are_told() {
    let log = lines(&[record(0)]);
    let folder = folder(&[("a.json", &log), ("b.json", &log)]);
    let report = report(folder.path(), 0, ["a.json", "b.json"]);
    assert_eq!(report["coverage"]["same_bytes"], json!([["a.json", "b.json"]]));
    assert_eq!(report["totals"]["requests"], 2);
}

/// One request of a small world.
fn any_record() -> impl Strategy<Value = Value> {
    (0..3, 0..4, 0_usize..3, 0_u32..180, 0..6).prop_map(|(vault, caller, operation, second, kind)| {
        let mut record = match kind {
            0 => challenge(second),
            1 => failure(second, 403, MISSING_POLICY),
            2 => failure(second, 404, "A secret with (name/id) db was not found in this key vault."),
            3 => failure(
                second,
                401,
                "AKV10022: Invalid audience. Expected https://vault.azure.net, found: x.",
            ),
            _ => record(second),
        };
        record["resourceId"] = json!(resource_id(&format!("KV-{vault}")));
        record["callerIpAddress"] = json!(format!("192.0.2.{caller}"));
        if kind != 0 {
            record["operationName"] = json!(["SecretGet", "KeySign", "SecretList"][operation]);
            record["identity"]["claim"]["oid"] = json!(format!("o-{caller}"));
        }
        if second % 50 == 0 {
            record["time"] = json!("at some time");
        }
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        max_shrink_iters: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Records in one file, in any files in any order, and in parts of their own give one report.
    #[test]
    fn any_partition_gives_the_same_numbers(
        records in prop::collection::vec((any_record(), 0_usize..3), 1..40),
        order in any::<prop::sample::Index>(),
    ) {
        let all: Vec<Value> = records.iter().map(|(record, _)| record.clone()).collect();
        let folder = folder(&[("all/log.json", lines(&all))]);
        let path = folder.path();
        let whole = numbers(&report(path, 0, ["all"]));
        let mut files: [Vec<Value>; 3] = Default::default();
        for (record, file) in records {
            files[file].push(record);
        }
        for (name, records) in ["x", "m", "a"].iter().zip(&mut files) {
            let middle = order.index(records.len() + 1);
            records.rotate_left(middle);
            write(&path.join(format!("pieces/{name}.json")), lines(records).as_bytes());
        }
        let pieces = bytes(path, &["pieces"]);
        prop_assert_eq!(&numbers(&serde_json::from_str(&pieces.1).unwrap()), &whole);
        keep_facts(path, 0, &["pieces/m.json"], "facts-m");
        keep_facts(path, 0, &["pieces/x.json", "pieces/a.json"], "facts-xa");
        prop_assert_eq!(bytes(path, &["facts-xa", "facts-m"]), pieces);
    }
}

#[test]
fn a_blob_counts_once_whatever_it_is_called() {
    let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
    keep_facts(folder.path(), 0, &["logs"], "A");
    let ran = akvlens(folder.path(), ["report", "A", "./logs", "-o", "-"]);
    let twice = ran.status == 0 && ran.json()["totals"]["requests"] == 2;
    assert!(!twice, "{}", text(&ran.json()["coverage"]["same_bytes"][0][0]));
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_told_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = folder(&[("logs/b.json", lines(&[record(0)]))]);
    for (name, records) in [(&b"a\xff.json"[..], 2), (b"a\xfe.json", 3)] {
        let log = lines(&(0..records).map(record).collect::<Vec<_>>());
        fs::write(folder.path().join("logs").join(OsStr::from_bytes(name)), log).unwrap();
    }
    let one = bytes(folder.path(), &["--threads", "1", "logs"]);
    assert_eq!(bytes(folder.path(), &["--threads", "4", "logs"]), one);
    let coverage: Value = serde_json::from_str(&one.1).unwrap();
    assert_eq!(coverage["coverage"]["blobs"], 3);
}

#[test]
fn the_same_bytes_under_two_names_are_treated_alike_in_logs_and_parts() {
    let log = lines(&[record(0)]);
    let folder = folder(&[("a.json", &log), ("b.json", &log)]);
    let direct = bytes(folder.path(), &["a.json", "b.json"]);
    keep_facts(folder.path(), 0, &["a.json"], "A");
    keep_facts(folder.path(), 0, &["b.json"], "B");
    assert_eq!(bytes(folder.path(), &["A", "B"]), direct);
}

/// A summary and a document show the same, whether the findings that they do not show are told elsewhere or not.
#[test]
fn what_other_outputs_tell_shows_in_none() {
    let (folder, out) = (logs(), tempfile::tempdir().unwrap());
    let path = |name: &str| out.path().join(name).to_string_lossy().into_owned();
    let (whole, few, all) = (path("whole.json"), path("few.md"), path("all.md"));
    for top in ["1", "2", "7", "500"] {
        let alone = run(folder.path(), 3, &["report", ".", "--top", top]);
        let beside = run(folder.path(), 3, &["report", ".", "--top", top, "-o", &whole, "-o", &all]);
        assert_eq!(alone.stdout, beside.stdout, "--top {top}");
        run(folder.path(), 3, &["report", ".", "-q", "--top", top, "-o", &few]);
        assert_eq!(fs::read_to_string(&few).unwrap(), fs::read_to_string(&all).unwrap(), "--top {top}");
    }
    // One sample alone is read to its end: then the findings decide, whichever of them are told.
    let sample = samples().join("bare-array").to_string_lossy().into_owned();
    for output in [few, whole] {
        let args = ["report", sample.as_str(), "-q", "--top", "1", "-o", &output, "--fail-on", "low"];
        run(folder.path(), 1, &args);
    }
}
