//! Instructions a record, held against a recorded budget: the same on every machine, busy or not.
//!
//! In: nothing to prepare, but valgrind must be installed; where it is not, or the input cannot be run under
//! it (macOS, Windows), this says so and measures nothing. Out: instructions a record of a whole
//! `akvlens report --threads 1`, on records one a line, on the same records in one object, and on records of
//! which every one has another order of keys. Each is the difference between a larger and a smaller input,
//! so that starting, and writing the report's frame, cancel out. Ends with status 1 when one is more than a
//! tenth above the budget in `benches/whole/instructions.toml`.
//!
//! ```text
//! cargo run --release -p akvlens-bench -- instructions                 measures and compares
//! cargo run --release -p akvlens-bench -- instructions --record     measures and records the budget anew
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::generator::each_record;
use crate::target;

/// Records of the smaller and the larger input.
const RECORDS: [u64; 2] = [2_000, 8_000];

/// How far above the budget is put up with, in percent.
const SLACK_PERCENT: u64 = 10;

/// What records look like.
const FORMS: [(&str, Form); 3] =
    [("lines", Form::Lines), ("object", Form::Object), ("shuffled-keys", Form::Shuffled)];

/// How records stand in the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// One a line.
    Lines,
    /// `{"records":[…]}`.
    Object,
    /// One a line, every one with another order of keys.
    Shuffled,
}

/// Measures the binary, and compares or records.
pub(crate) fn run(binary: &Path, record: bool) -> ExitCode {
    if !is_installed() {
        println!("valgrind is not installed (apt-get install valgrind): no instructions were counted");
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir_in(target()).expect("a temporary folder can be made");
    let measured: Vec<(&str, u64)> =
        FORMS.iter().map(|(name, form)| (*name, a_record(binary, folder.path(), *form))).collect();
    if record {
        write_budget(&measured);
    }
    if held(&measured) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Compares with the budget; true when all are within it.
fn held(measured: &[(&str, u64)]) -> bool {
    let budget = budget();
    let mut held = true;
    println!("{:<16} {:>12} {:>12}", "per record", "instructions", "budget");
    for (name, instructions) in measured {
        let allowed = budget.get(*name).copied().unwrap_or_default();
        let percent = instructions * 100 / allowed.max(1);
        let verdict = match percent {
            _ if percent > 100 + SLACK_PERCENT => "OVER: make it cheaper, or record anew and say why",
            _ if percent < 100 - SLACK_PERCENT => "well below: record it anew",
            _ => "held",
        };
        held &= percent <= 100 + SLACK_PERCENT;
        println!("{name:<16} {instructions:>12} {allowed:>12} {percent:>4} %  {verdict}");
    }
    held
}

/// Instructions a record in a form.
fn a_record(binary: &Path, folder: &Path, form: Form) -> u64 {
    let counts = RECORDS.map(|records| {
        let file = folder.join(format!("{records}.json"));
        let written = write_records(&file, form, records);
        (counted(binary, &file), written)
    });
    let [(small, few), (large, many)] = counts;
    large.saturating_sub(small) / (many - few)
}

/// Writes so many records; says how many they were, as a challenge brings its answer along.
fn write_records(file: &Path, form: Form, records: u64) -> u64 {
    let events = records.to_string();
    let mut arguments = vec!["--events", events.as_str()];
    if form == Form::Shuffled {
        arguments.extend(["--key-order", "shuffled"]);
    }
    let (before, between, after) =
        if form == Form::Object { ("{\"records\":[", ",", "]}\n") } else { ("", "\n", "\n") };
    let (mut text, mut written) = (before.to_owned(), 0);
    each_record(&arguments, |record| {
        if written > 0 {
            text.push_str(between);
        }
        text.push_str(record);
        written += 1;
        true
    });
    text.push_str(after);
    fs::write(file, text).expect("the temporary folder has room");
    written
}

/// Instructions of one report.
fn counted(binary: &Path, file: &Path) -> u64 {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(binary)
        .args(["report", "--quiet", "--threads", "1"])
        .arg(file)
        .output()
        .expect("valgrind starts");
    let said = String::from_utf8_lossy(&run.stderr);
    let collected = said.rsplit_once("Collected : ").and_then(|(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    assert!(run.status.success(), "akvlens fails under valgrind: {said}");
    collected.unwrap_or_else(|| panic!("valgrind counts nothing: {said}"))
}

fn is_installed() -> bool {
    let mut probe = Command::new("valgrind");
    probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    cfg!(target_os = "linux") && probe.status().is_ok_and(|status| status.success())
}

fn budget_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}

/// The recorded budget; empty where there is none.
fn budget() -> BTreeMap<String, u64> {
    let text = fs::read_to_string(budget_file()).unwrap_or_default();
    toml::from_str(&text).expect("instructions.toml holds a number a form")
}

fn write_budget(measured: &[(&str, u64)]) {
    let mut text = "# Instructions a record of a whole `akvlens report --threads 1`, counted by callgrind.\n\
                    # Recorded by `cargo run --release -p akvlens-bench -- instructions --record`.\n"
        .to_owned();
    for (name, instructions) in measured {
        let _ = writeln!(text, "{name} = {instructions}");
    }
    fs::write(budget_file(), text).expect("the budget can be written");
}
