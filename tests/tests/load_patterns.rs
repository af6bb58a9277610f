//! Patterns of load: a labelled set of scenarios, read as one file, split over files, and as the facts of two
//! nights merged. `cargo test --locked load_patterns_precision -- --nocapture` prints precision and recall.
//!
//! A run starts a process; all scenarios share one, each with vaults, callers and addresses of its own.

#[path = "load_patterns/quiet.rs"]
mod quiet;
#[path = "load_patterns/shown.rs"]
mod shown;
#[path = "load_patterns/traffic.rs"]
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use akvlens::findings::codes::{self, Kind};
use serde_json::Value;

use crate::program::{akvlens, folder, list, text};
use quiet::QUIET;
use shown::SHOWN;
use traffic::Log;

/// A code, and the caller that it is about or `-`.
type Label = (String, String);

/// Every scenario, written once.
static SCENARIOS: LazyLock<Vec<Written>> = LazyLock::new(|| {
    let all = SHOWN.iter().chain(QUIET).enumerate();
    let write = |(number, (name, write)): (usize, &shown::Scenario)| {
        let mut log = Log::new(name, number);
        write(&mut log);
        log.records.sort_by_key(|record| record.0);
        let lines = log.records.iter().map(|(_, record)| format!("{record}\n")).collect();
        Written { name: log.name, lines, expected: log.expected }
    };
    all.map(write).collect()
});

/// A scenario as it is read.
struct Written {
    name: &'static str,
    lines: Vec<String>,
    expected: BTreeSet<Label>,
}

/// The labels that a report gives each scenario.
fn labels(report: &Value, scenarios: usize) -> Vec<BTreeSet<Label>> {
    let patterns: BTreeSet<&str> =
        codes::all().iter().filter(|code| code.kind == Kind::Pattern).map(|code| code.id.as_str()).collect();
    let mut all = vec![BTreeSet::new(); scenarios];
    for finding in list(&report["findings"]) {
        let code = text(&finding["code"]);
        if !patterns.contains(code) {
            continue;
        }
        // `o-1-17` is the caller `o-1` of scenario 17; a hot object has its vault, `kv-a-17`.
        let name = finding["caller"]["oid"].as_str().or(finding["vault"].as_str()).unwrap_or_default();
        let (caller, number) = name.rsplit_once('-').unwrap_or_else(|| panic!("whose is {finding}?"));
        let caller = if finding["caller"].is_null() { "-" } else { caller };
        assert!(
            all[number.parse::<usize>().unwrap()].insert((code.to_owned(), caller.to_owned())),
            "twice: {finding}"
        );
    }
    all
}

/// Reads everything, one of three ways.
fn read(scenarios: &[Written], way: usize, command: &str) -> Value {
    let (mut one, mut two) = (String::new(), String::new());
    for log in scenarios {
        for (at, line) in log.lines.iter().enumerate() {
            let first = match way {
                0 => true,
                1 => at % 2 == 0,
                _ => at * 2 < log.lines.len(),
            };
            if first { one.push_str(line) } else { two.push_str(line) }
        }
    }
    let folder = folder(&[("one/a.json", one), ("two/b.json", two)]);
    let input: &[&str] = match way {
        0 => &["one"],
        1 => &["two", "one"],
        _ => {
            for night in ["one", "two"] {
                assert_eq!(akvlens(folder.path(), ["facts", night, "-o", "nights", "-q"]).status, 0);
            }
            &["nights"]
        }
    };
    let ran = akvlens(folder.path(), [&[command, "-q", "-o", "-"], input].concat());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.json()
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are what this test is run for")]
fn load_patterns_precision() {
    let scenarios = &*SCENARIOS;
    let records: usize = scenarios.iter().map(|log| log.lines.len()).sum();
    let mut counts: BTreeMap<String, (u32, u32, u32)> = BTreeMap::new();
    let (mut wrong, mut missed) = (Vec::new(), Vec::new());
    for way in 0..3 {
        // `capacity` tells the same as `report`.
        let command = if way == 1 { "capacity" } else { "report" };
        let found = labels(&read(scenarios, way, command), scenarios.len());
        for (log, found) in scenarios.iter().zip(&found) {
            for label in found.intersection(&log.expected) {
                counts.entry(label.0.clone()).or_default().0 += 1;
            }
            for label in found.difference(&log.expected) {
                counts.entry(label.0.clone()).or_default().1 += 1;
                wrong.push((log.name, way, label.clone()));
            }
            for label in log.expected.difference(found) {
                counts.entry(label.0.clone()).or_default().2 += 1;
                missed.push((log.name, way, label.clone()));
            }
        }
    }
    for (code, (right, wrong, missed)) in &counts {
        println!("{code:22} {right:3} right, {wrong} wrong, {missed} missed");
    }
    let right: u32 = counts.values().map(|count| count.0).sum();
    let share =
        |other: usize| f64::from(right) / (f64::from(right) + f64::from(u32::try_from(other).unwrap()));
    println!(
        "load patterns: {} scenarios ({} quiet), {records} records, in 3 ways: {right} right, {} wrong, {} missed: \
         precision {:.3}, recall {:.3}",
        scenarios.len(),
        QUIET.len(),
        wrong.len(),
        missed.len(),
        share(wrong.len()),
        share(missed.len())
    );
    assert!(wrong.is_empty() && missed.is_empty(), "wrong: {wrong:#?}\nmissed: {missed:#?}");
}

#[test]
fn every_pattern_is_among_the_scenarios() {
    let shown: BTreeSet<String> =
        SCENARIOS.iter().flat_map(|log| &log.expected).map(|label| label.0.clone()).collect();
    let patterns = codes::all().iter().filter(|code| code.kind == Kind::Pattern);
    assert_eq!(shown, patterns.map(|code| code.id.clone()).collect());
}
