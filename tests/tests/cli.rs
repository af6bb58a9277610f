//! The command line: what is wrong is said with what to do, before anything is read where that is
//! possible, and the exit status tells.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use akvlens::report::json_schema;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::log::{MISSING_POLICY, challenge, failure, lines, record, resource_id};
use crate::program::{PROGRAM, Ran, akvlens, command, finish, folder, list, number, report, text, write};

/// A folder with a log in `logs/`: two vaults, a denial, a challenge, requests that worked.
pub(crate) fn logs() -> TempDir {
    let mut other = record(30);
    other["resourceId"] = json!(resource_id("KV-B"));
    other["operationName"] = json!("KeySign");
    other["identity"]["claim"]["oid"] = json!("o-2");
    let records = [
        challenge(0),
        record(1),
        failure(20, 403, MISSING_POLICY),
        failure(25, 429, "Too many requests."),
        other,
    ];
    folder(&[("logs/a.json", lines(&records))])
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// A run that must be refused with `status`, with these words on standard error and nothing else.
pub(crate) fn assert_refused(folder: &Path, status: i32, args: &[&str], words: &[&str]) {
    let ran = akvlens(folder, args);
    assert_eq!(ran.status, status, "{args:?}: {ran:?}");
    assert_eq!(ran.stdout, "", "{args:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{args:?} says '{word}': {}", ran.stderr);
    }
}

#[test]
fn a_wrong_path_is_told_with_the_nearest_folder_that_exists() {
    let folder = logs();
    assert_refused(folder.path(), 4, &["report", "logs/b/c.json"], &["'logs/b/c.json'", "'logs'"]);
    assert_refused(folder.path(), 4, &["report", "nowhere"], &["'nowhere'", "'.'"]);
    assert_refused(folder.path(), 4, &["facts", "nowhere", "-o", "facts"], &["'nowhere'"]);
    assert!(!folder.path().join("facts").exists(), "nothing is left of a run without input");
}

#[test]
fn no_log_is_no_input() {
    let folder = logs();
    fs::create_dir(folder.path().join("empty")).unwrap();
    write(&folder.path().join("notes/readme.md"), b"# Notes\n");
    assert_refused(folder.path(), 4, &["report", "empty"], &["'empty'"]);
    assert_refused(folder.path(), 4, &["report", "notes"], &["notes/readme.md", "is text without JSON"]);
    assert_refused(folder.path(), 4, &["report", "logs/*.log"], &["'logs/*.log'", "matches no file"]);
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    let folder = logs();
    assert_refused(folder.path(), 2, &["report", "logs", "--vualt", "x"], &["--vualt", "'--vault'"]);
    assert_refused(folder.path(), 2, &["reprot", "logs"], &["'report'"]);
    assert_refused(folder.path(), 2, &["report", "logs", "--fail-on", "hihg"], &["'high'"]);
    assert_refused(folder.path(), 2, &["report", "logs", "--cause", "mising-polcy"], &["'missing-policy'"]);
    assert_refused(folder.path(), 2, &["report"], &["<INPUT>"]);
    assert_refused(folder.path(), 2, &["report", "logs/["], &["logs/["]);
    assert_refused(folder.path(), 2, &["report", "logs", "--vault", "["], &["'['"]);
}

#[test]
fn wrong_values_are_told_before_anything_is_read() {
    let folder = logs();
    let refused = |args: &[&str], words: &[&str]| {
        // The input does not exist either: what was typed is looked at first.
        assert_refused(folder.path(), 2, &[&["report", "nowhere"], args].concat(), words);
    };
    refused(&["-o", "x.xml"], &["x.xml", ".json", ".md", ".csv"]);
    refused(&["-o", "noextension"], &["noextension", ".json"]);
    refused(&["--since", "yesterday"], &["--since", "'yesterday'", "2h ago"]);
    refused(&["--until", "2026-13-01"], &["--until", "2026-03-12"]);
    refused(&["--since", "2026-03-13", "--until", "2026-03-12"], &["--since", "before --until"]);
    refused(&["--since", "2026-03-12", "--until", "2026-03-12"], &["before --until"]);
    refused(&["--max-record", "12"], &["--max-record", "16MB"]);
    refused(&["--max-record", "4q"], &["--max-record", "16MB"]);
    refused(&["--challenge-window", "0"], &["--challenge-window"]);
    refused(&["--threads", "0"], &["--threads"]);
    refused(&["--max-rejected", "-1"], &["-1"]);
}

#[test]
fn an_output_in_a_missing_folder_is_told() {
    let folder = logs();
    for name in ["report.json", "report.md", "report.csv"] {
        let output = format!("no/such/{name}");
        assert_refused(
            folder.path(),
            2,
            &["report", "logs", "-q", "-o", &output],
            &[&output, "cannot write"],
        );
    }
    assert_refused(folder.path(), 2, &["report", "logs", "-q", "--rejects", "no/such/x"], &["no/such/x"]);
    assert!(!folder.path().join("no").exists());
}

#[test]
fn a_mistake_in_the_settings_file_is_told_with_its_line() {
    let folder = logs();
    write(&folder.path().join("akvlens.toml"), b"# ours\n\ntherads = 3\n");
    assert_refused(folder.path(), 2, &["report", "logs"], &["akvlens.toml:3: ", "therads", "threads"]);
    write(&folder.path().join("akvlens.toml"), b"top = \"many\"\n");
    assert_refused(folder.path(), 2, &["report", "logs"], &["akvlens.toml:1: "]);
    write(&folder.path().join("akvlens.toml"), b"top = 3\nthreads = [\n");
    assert_refused(folder.path(), 2, &["report", "logs"], &["akvlens.toml:"]);
    for command in [["man"].as_slice(), &["completions", "bash"], &["--help"]] {
        assert_eq!(akvlens(folder.path(), command).status, 0, "{command:?} needs no settings");
    }
    assert_refused(
        folder.path(),
        2,
        &["report", "logs", "--config", "none.toml"],
        &["none.toml", "cannot read"],
    );
}

#[test]
fn settings_count_unless_the_command_line_says_otherwise() {
    let folder = logs();
    let path = folder.path();
    write(&path.join("mine/settings.toml"), b"fail-on = \"high\"\ntop = 1\ncauses = \"causes.toml\"\n");
    write(&path.join("mine/causes.toml"), CAUSE.as_bytes());
    let args = ["report", "logs", "--config", "mine/settings.toml"];
    let ran = akvlens(path, args);
    assert_eq!(ran.status, 1, "fail-on of the file counts");
    assert!(ran.stdout.contains("--top N"), "top of the file counts: {}", ran.stdout);
    let ran = akvlens(path, args.iter().chain(&["--top", "100"]));
    assert!(!ran.stdout.contains("--top N"), "{}", ran.stdout);
    assert!(ran.stdout.contains("our proxy"), "a path in the file is relative to it: {}", ran.stdout);
    write(&path.join("akvlens.toml"), b"fail-on = \"low\"\n");
    assert_eq!(akvlens(path, ["report", "logs"]).status, 1, "akvlens.toml here counts");
}

/// A cause of one's own, which goes before the built-in ones.
const CAUSE: &str = r#"
[[cause]]
id = "proxy"
title = "Blocked by our proxy"
outcome = "failure"
severity = "high"
status = [429]
patterns = ["too many requests"]
meaning = "The proxy says no."
remedy = ["Ask its owner."]
reference = "https://wiki.example/proxy"
"#;

#[test]
fn a_cause_file_extends_the_table() {
    let folder = logs();
    write(&folder.path().join("my.toml"), CAUSE.as_bytes());
    let causes = &report(folder.path(), 0, ["logs", "--causes", "my.toml"])["causes"];
    assert!(list(causes).iter().any(|row| row["cause"] == "proxy" && row["count"] == 1), "{causes:#}");
    let ran = akvlens(folder.path(), ["explain", "proxy", "--causes", "my.toml"]);
    assert!(ran.status == 0 && ran.stdout.contains("The proxy says no."), "{ran:?}");
    // Facts that were made with it are read without it: the cause keeps its name and its count.
    akvlens(folder.path(), ["facts", "logs", "-o", "facts", "--causes", "my.toml"]);
    let causes = &report(folder.path(), 0, ["facts"])["causes"];
    let row = list(causes).iter().find(|row| row["cause"] == "proxy").expect("the cause stays");
    assert_eq!((row["outcome"].as_str(), number(&row["count"])), (Some("failure"), 1));
}

#[test]
fn a_mistake_in_a_cause_file_is_told_with_its_line() {
    let folder = logs();
    for (text, line, word) in [
        (CAUSE.replace("severity", "gravity"), 6, "gravity"),
        (CAUSE.replace("\"high\"", "\"grave\""), 6, "grave"),
        (CAUSE.replace("[429]", "[42]"), 7, "no HTTP status"),
        (CAUSE.replace("too many requests", "("), 2, "pattern"),
        (CAUSE.replace("Ask its owner.", "Ask {owner}."), 2, "{owner}"),
        (format!("{CAUSE}{CAUSE}"), 13, "twice"),
        ("[[cause]\n".to_owned(), 1, ""),
    ] {
        write(&folder.path().join("my.toml"), text.as_bytes());
        let place = format!("my.toml:{line}: ");
        assert_refused(folder.path(), 2, &["report", "logs", "--causes", "my.toml"], &[&place, word]);
    }
    assert_refused(folder.path(), 2, &["report", "logs", "--causes", "none.toml"], &["none.toml"]);
}

/// The numbers of a report; names of callers may come from records that a filter leaves out.
fn numbers(report: &Value) -> Value {
    let mut rows = report["by_caller_operation"].clone();
    for row in rows.as_array_mut().unwrap() {
        row["name"] = Value::Null;
    }
    json!([report["totals"], report["causes"], report["timeline"], rows])
}

#[test]
fn filters_cut_logs_and_facts_alike() {
    let folder = folder::<&str>(&[]);
    let path = folder.path();
    let logs = ["storage-tree", "gzip"].map(|name| samples().join(name).to_string_lossy().into_owned());
    let logs = [logs[0].as_str(), &logs[1]];
    assert_eq!(akvlens(path, [&["facts", "-o", "all", "-q"][..], &logs].concat()).status, 0);
    let filters: &[&[&str]] = &[
        &["--vault", "kv-lark-orders"],
        &["--vault", "KV-LARK-P*,kv-lark-we?"],
        &["--operation", "Secret*"],
        &["--caller", "id-payments-api"],
        &["--caller", "8fcfac02-70e2-4891-ba81-2d43199e7a0a"],
        &["--cause", "missing-role,missing-policy"],
        &["--cause", "unanswered-challenge"],
        &["--since", "2026-03-12T14:30:00Z", "--until", "2026-03-12 15:00"],
        &["--since", "2026-03-12T14:30:00Z", "--vault", "kv-lark-orders", "--cause", "missing-role"],
    ];
    for (number, filter) in filters.iter().enumerate() {
        let from_logs = report(path, 0, [&logs, *filter].concat());
        let from_facts = report(path, 0, [&["all"], *filter].concat());
        assert_eq!(from_logs, from_facts, "{filter:?}");
        assert!(number_of_requests(&from_logs) > 0, "{filter:?}");
        // Cut when the facts are kept: from logs and from facts in turn.
        let inputs = if number % 2 == 0 { &logs[..] } else { &["all"] };
        let cut = format!("cut-{number}");
        let args = [&["facts", "-q", "-o", &cut], inputs, *filter].concat();
        assert_eq!(akvlens(path, args).status, 0);
        assert_eq!(numbers(&report(path, 0, [&cut])), numbers(&from_logs), "{filter:?}");
        let again = report(path, 0, [&[cut.as_str()], *filter].concat());
        assert_eq!(again["totals"], from_logs["totals"], "{filter:?}: filtering again changes nothing");
    }
}

fn number_of_requests(report: &Value) -> u64 {
    number(&report["totals"]["requests"])
}

#[test]
fn filters_in_turn_add_up_to_the_whole() {
    let folder = folder::<&str>(&[]);
    let samples = samples().to_string_lossy().into_owned();
    assert_eq!(akvlens(folder.path(), ["facts", &samples, "-o", "all", "-q"]).status, 0);
    let requests = |filter: &[&str]| {
        number_of_requests(&report(folder.path(), 0, [&["all", "--threads", "1"], filter].concat()))
    };
    let whole = report(folder.path(), 0, ["all"]);
    let vaults = list(&whole["vaults"]).iter().map(|row| requests(&["--vault", text(&row["vault"])]));
    assert_eq!(vaults.sum::<u64>(), number_of_requests(&whole));
    let causes = list(&whole["causes"]).iter().take(3).map(|row| {
        assert_eq!(requests(&["--cause", text(&row["cause"])]), number(&row["count"]), "{row}");
    });
    assert_eq!(causes.count(), 3);
    let noon = "2026-03-12T14:30:00Z";
    let parts = [requests(&["--until", noon]), requests(&["--since", noon])];
    assert_eq!(parts.iter().sum::<u64>(), number_of_requests(&whole), "{parts:?}");
}

#[test]
fn every_finding_of_a_part_of_an_hour_has_evidence() {
    let folder = folder::<&str>(&[]);
    let times = ["--since", "2026-03-12T14:30:00Z", "--until", "2026-03-12T14:50:00Z"].map(Into::into);
    let args = [vec![samples().into_os_string()], times.to_vec()].concat();
    let report = report(folder.path(), 0, args);
    assert!(list(&report["findings"]).len() > 10);
    // What is information only is about requests that worked: of those no record is kept.
    for finding in list(&report["findings"]).iter().filter(|finding| finding["severity"] != "info") {
        assert!(!list(&finding["evidence"]).is_empty(), "{finding:#}");
    }
}

#[test]
fn a_filter_that_matches_nothing_is_told_with_what_was_meant() {
    let folder = logs();
    let ran = akvlens(folder.path(), ["report", "logs", "--vault", "kv-aa"]);
    assert_eq!(ran.status, 0);
    assert!(ran.stderr.contains("no request matches") && ran.stderr.contains("kv-a?"), "{}", ran.stderr);
    assert!(ran.stdout.contains("no request was counted"), "{}", ran.stdout);
}

#[test]
fn standard_input_is_a_blob() {
    let folder = logs();
    let log = fs::read(folder.path().join("logs/a.json")).unwrap();
    let from_file = report(folder.path(), 0, ["logs/a.json"]);
    for stored in [log.clone(), crate::log::gzip(&log), crate::log::zstd(&log)] {
        let ran = finish(command(folder.path()).args(["report", "-", "-o", "-"]).write_stdin(stored));
        assert_eq!(ran.status, 0);
        let report = ran.json();
        assert_eq!(report["coverage"]["per_blob"][0]["blob"], "-");
        assert_eq!(report["totals"], from_file["totals"]);
    }
    let none = finish(command(folder.path()).args(["report", "-"]).write_stdin(""));
    assert_eq!(none.status, 0, "an empty blob is a blob: {none:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let run = |args: &[&str], read: usize| {
        let mut child = Command::new(PROGRAM)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("akvlens runs");
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut vec![0; read]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let samples = samples().to_string_lossy().into_owned();
    for (args, read) in [
        (["report", samples.as_str(), "-q", "-o", "-"].as_slice(), 100),
        (&["report", &samples, "-q", "-o", "-"], 0),
        (&["report", &samples, "-q"], 0),
        (&["completions", "zsh"], 0),
        (&["man"], 0),
        (&["explain"], 0),
        (&["--help"], 0),
    ] {
        let (status, stderr) = run(args, read);
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn quiet_is_quiet() {
    let folder = logs();
    for args in [
        ["report", "logs", "-q"].as_slice(),
        &["report", "logs", "-q", "--vault", "nobody"],
        &["facts", "logs", "-q", "-o", "facts"],
        &["merge", "facts", "-q", "-o", "merged"],
        &["report", "merged", "--quiet"],
    ] {
        let ran = akvlens(folder.path(), args);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
    let ran = akvlens(folder.path(), ["report", "logs", "-q", "-o", "x.json", "-o", "x.md", "-o", "x.csv"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "no summary beside an output file");
    assert!(["x.json", "x.md", "x.csv"].iter().all(|name| folder.path().join(name).is_file()));
    let ran = akvlens(folder.path(), ["report", "nowhere", "-q"]);
    assert!(ran.stderr.contains("nowhere"), "errors are told all the same");
}

#[test]
fn the_summary_stands_beside_output_files_and_never_in_json() {
    let folder = logs();
    let ran = akvlens(folder.path(), ["report", "logs", "-o", "x.json"]);
    assert!(ran.stdout.contains("success rate"), "{}", ran.stdout);
    let file: Value = serde_json::from_slice(&fs::read(folder.path().join("x.json")).unwrap()).unwrap();
    assert_eq!(akvlens(folder.path(), ["report", "logs", "-o", "-", "-o", "y.json"]).json(), file);
    assert!(ran.stderr.contains("read "), "how long it took is told on standard error: {}", ran.stderr);
}

#[test]
fn an_output_file_is_replaced_whole() {
    let folder = logs();
    let output = folder.path().join("x.json");
    write(&output, &vec![b'x'; 1 << 20]);
    akvlens(folder.path(), ["report", "logs", "-q", "-o", "x.json"]);
    serde_json::from_slice::<Value>(&fs::read(&output).unwrap()).expect("nothing of the old file is left");
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 2, "no temporary file is left");
}

#[test]
fn colours_are_for_terminals() {
    let folder = logs();
    let escapes = |ran: &Ran| ran.stdout.contains('\u{1b}') || ran.stderr.contains('\u{1b}');
    for args in [["report", "logs"].as_slice(), &["report", "logs", "--color", "never"], &["--help"]] {
        let ran = akvlens(folder.path(), args);
        assert!(ran.status == 0 && !escapes(&ran), "{args:?}: {ran:?}");
    }
}

/// What akvlens prints on a terminal of its own, if the machine has a `script` to make one.
#[cfg(unix)]
fn on_a_terminal(folder: &Path, environment: &[(&str, &str)], arguments: &str) -> Option<String> {
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{PROGRAM} {arguments}"), "/dev/null"]).current_dir(folder);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        script.env_remove(name);
    }
    let output =
        script.env("TERM", "xterm").envs(environment.iter().copied()).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[cfg(unix)]
#[test]
fn a_terminal_gets_colours_unless_they_are_not_wanted() {
    let folder = logs();
    let Some(page) = on_a_terminal(folder.path(), &[], "report logs --no-progress") else { return };
    assert!(page.contains('\u{1b}'), "{page}");
    let page = on_a_terminal(folder.path(), &[("NO_COLOR", "1")], "report logs --no-progress").unwrap();
    assert!(page.contains("success rate") && !page.contains('\u{1b}'), "{page}");
    let page = on_a_terminal(folder.path(), &[], "report logs --no-progress --color never").unwrap();
    assert!(page.contains("success rate") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn completions_and_the_manual_are_printed() {
    let folder = logs();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = akvlens(folder.path(), ["completions", shell]);
        assert!(ran.status == 0 && ran.stdout.contains("fail-on"), "{shell}");
    }
    let ran = akvlens(folder.path(), ["man"]);
    assert!(ran.status == 0 && ran.stdout.contains(".TH"));
    for command in ["report", "facts", "merge", "explain"] {
        assert!(ran.stdout.to_lowercase().contains(&format!("akvlens-{command}")), "{command}");
        let help = akvlens(folder.path(), [command, "--help"]);
        assert!(help.status == 0 && help.stdout.contains("Usage:"), "{command}");
    }
    assert!(akvlens(folder.path(), ["--version"]).stdout.starts_with("akvlens "));
}

#[test]
fn the_exit_status_tells_findings_and_incomplete_input() {
    let folder = logs();
    let path = folder.path();
    let status = |args: &[&str]| akvlens(path, [&["report", "-q"], args].concat()).status;
    assert_eq!(status(&["logs"]), 0, "findings alone are no failure of the run");
    assert_eq!(status(&["logs", "--fail-on", "high"]), 1);
    assert_eq!(status(&["logs", "--fail-on", "info"]), 1);
    write(&path.join("clean/a.json"), lines(&[record(0)]).as_bytes());
    assert_eq!(status(&["clean", "--fail-on", "info"]), 0);
    let other = ["logs", "--vault", "kv-b", "--fail-on"];
    assert_eq!(status(&[&other[..], &["low"]].concat()), 0, "what a filter leaves out is no finding");
    assert_eq!(
        status(&[&other[..], &["info"]].concat()),
        1,
        "that o-2 shares its application is information"
    );
    write(&path.join("logs/b.json"), b"not a log\n");
    assert_eq!(status(&["logs", "--fail-on", "high"]), 3, "incomplete input goes first");
    assert_eq!(status(&["logs", "--fail-on", "high", "--max-rejected", "1"]), 1);
    assert_eq!(status(&["logs", "-o", "out.json"]), 3);
    assert!(path.join("out.json").is_file(), "the report is written all the same");
}

#[test]
fn globs_choose_files() {
    let folder = folder(&[
        ("logs/a/PT1H.json", lines(&[record(0)])),
        ("logs/b/PT1H.json", lines(&[record(1)])),
        ("logs/b/other.json", lines(&[record(2)])),
    ]);
    for (glob, records) in
        [("logs/*/PT1H.json", 2), ("logs/**/*.json", 3), ("logs/?/o*", 1), ("logs/{a,b}/P*", 2)]
    {
        assert_eq!(number(&report(folder.path(), 0, [glob])["coverage"]["records"]), records, "{glob}");
    }
    write(&folder.path().join("odd/[x].json"), lines(&[record(0)]).as_bytes());
    let odd = report(folder.path(), 0, ["odd/[x].json"]);
    assert_eq!(number(&odd["coverage"]["records"]), 1, "a name that is there is no glob");
}

#[test]
fn a_facts_folder_is_never_made_of_another_one() {
    let folder = logs();
    assert_refused(folder.path(), 2, &["facts", "logs", "-q", "-o", "logs"], &["logs", "not empty"]);
    assert_refused(folder.path(), 2, &["merge", "logs", "-o", "merged"], &["logs"]);
    assert!(!folder.path().join("merged").exists());
    assert_eq!(fs::read_dir(folder.path().join("logs")).unwrap().count(), 1, "nothing is left in it");
}

#[test]
fn a_report_is_what_its_schema_says() {
    let schema = json_schema();
    let report = report(folder::<&str>(&[]).path(), 0, [samples()]);
    let object = |schema: &Value| schema["properties"].as_object().expect("an object").clone();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert!(keys(&report).iter().all(|key| object(&schema).contains_key(key)));
    for (name, value) in [
        ("CoverageReport", &report["coverage"]),
        ("BlobReport", &report["coverage"]["per_blob"][0]),
        ("CauseReport", &report["causes"][0]),
        ("VaultReport", &report["vaults"][0]),
        ("CallerOperation", &report["by_caller_operation"][0]),
        ("Finding", &report["findings"][0]),
        ("Evidence", &report["findings"][0]["evidence"][0]),
    ] {
        let mut declared: Vec<String> = object(&schema["$defs"][name]).keys().cloned().collect();
        let mut written = keys(value);
        declared.sort();
        written.sort();
        assert_eq!(written, declared, "{name}");
    }
}

#[test]
fn color_always_means_always() {
    let folder = logs();
    let ran = akvlens(folder.path(), ["report", "logs", "-q", "--color", "always"]);
    assert!(ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    let mut command = command(folder.path());
    let ran = finish(command.args(["report", "logs", "-q", "--color", "always"]).env("NO_COLOR", "1"));
    assert!(ran.stdout.contains('\u{1b}'), "what was typed goes before the environment: {}", ran.stdout);
}

#[test]
fn an_output_in_a_missing_folder_is_told_before_anything_is_read() {
    let folder = logs();
    let ran = akvlens(folder.path(), ["report", "logs", "-o", "no/such/x.json"]);
    assert_eq!(ran.status, 2);
    assert!(!ran.stderr.contains("read 2") && !ran.stderr.contains(".akvlens-"), "{}", ran.stderr);
}

#[test]
fn merging_what_is_no_facts_folder_is_told_as_such() {
    let folder = logs();
    assert_refused(folder.path(), 4, &["merge", "nowhere", "-o", "x"], &["'nowhere' does not exist"]);
    assert_refused(folder.path(), 2, &["merge", "logs", "-o", "x"], &["logs: holds no facts"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_run_that_waits_for_input() {
    let folder = logs();
    for signal in ["-INT", "-TERM"] {
        let mut child = Command::new(PROGRAM)
            .args(["report", "-", "-q"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(500));
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let ended = (0..40).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            child.try_wait().unwrap()
        });
        if ended.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(ended.and_then(|status| status.code()), Some(130), "{signal}");
    }
}

#[test]
fn an_output_never_takes_the_place_of_an_input() {
    let folder = logs();
    let log = fs::read(folder.path().join("logs/a.json")).unwrap();
    for args in [["logs/a.json", "-o", "logs/a.json"], ["logs", "--rejects", "./logs/a.json"]] {
        let ran = akvlens(folder.path(), [&["report", "-q"], &args[..]].concat());
        assert!(fs::read(folder.path().join("logs/a.json")).unwrap() == log, "{args:?}");
        assert_eq!(ran.status, 2, "{args:?}");
    }
}

#[test]
fn facts_that_were_cut_say_so() {
    let folder = logs();
    akvlens(folder.path(), ["facts", "logs", "-q", "--vault", "kv-b", "-o", "facts"]);
    let report = report(folder.path(), 0, ["facts"]);
    let all = number(&report["coverage"]["records"]) == number_of_requests(&report);
    assert!(all || report["filter"]["vaults"] == json!(["kv-b"]), "{:#}", report["filter"]);
}

#[test]
fn facts_without_a_part_are_no_input() {
    let folder = logs();
    akvlens(folder.path(), ["facts", "logs", "-q", "-o", "facts"]);
    for entry in fs::read_dir(folder.path().join("facts")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    assert_refused(folder.path(), 4, &["report", "facts"], &["facts"]);
}
