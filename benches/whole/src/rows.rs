//! The rows of the table: what is started, on which file, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Plan;
use crate::answer::Answer;
use crate::child::{Cost, median, run};
use crate::input::Input;
use crate::peers::PEERS;

/// Requests of which facts are made for the report from facts, for each million bytes of input.
const REQUESTS_PER_MB: u64 = 10_000;

/// What the bars are computed from: each name is a row's.
pub(crate) mod name {
    pub(crate) const NEWLINES: &str = "floor: newlines";
    pub(crate) const SERDE_JSON: &str = "floor: serde_json, 13 fields";
    pub(crate) const SONIC: &str = "floor: sonic-rs, 13 fields";
    pub(crate) const SCANNER: &str = "floor: hand scanner, groups by second";
    pub(crate) const GUNZIP: &str = "floor: gunzip";
    pub(crate) const ONE: &str = "akvlens report, 1 thread";
    pub(crate) const TWO: &str = "akvlens report, 2 threads";
    pub(crate) const ALL: &str = "akvlens report";
    pub(crate) const JSON: &str = "akvlens report -o report.json";
    pub(crate) const FACTS: &str = "akvlens facts";
    pub(crate) const GZIP: &str = "akvlens report, 1 gzip file";
    pub(crate) const PARTS: &str = "akvlens report, 16 files";
    pub(crate) const WRAPPER: &str = "akvlens report, 1 object of records";
    pub(crate) const HARD: &str = "akvlens report, hard input";
    pub(crate) const LARGER: &str = "akvlens report, larger input";
    pub(crate) const FROM_FACTS: &str = "akvlens report, from facts";
    pub(crate) const SAMPLES: &str = "akvlens report, samples/";
}

/// One row to be measured.
struct Row<'i> {
    name: &'static str,
    command: Box<dyn Fn() -> Command + 'i>,
    runs: usize,
}

/// What came of all.
pub(crate) struct Measured {
    /// Costs by row, in the order of the table.
    costs: Vec<(&'static str, usize, Result<Cost, String>)>,
    /// Peers that are not here, with how to install them.
    missing: Vec<(&'static str, &'static str)>,
    /// The folder of facts that the row of facts wrote last.
    pub(crate) facts: PathBuf,
    /// Requests of all kinds that akvlens' own report counts.
    requests: Option<u64>,
}

impl Measured {
    /// The medians of a row that was measured.
    pub(crate) fn cost(&self, name: &str) -> Option<&Cost> {
        self.costs.iter().find(|(other, ..)| *other == name)?.2.as_ref().ok()
    }

    /// The peers that were measured.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (&'static str, &Cost)> {
        let peer = |name: &&str| name.starts_with("peer: ");
        self.costs
            .iter()
            .filter(move |(name, ..)| peer(name))
            .filter_map(|(name, _, cost)| cost.as_ref().ok().map(|cost| (*name, cost)))
    }
}

/// Measures all rows that are asked for, a run of each in turn.
pub(crate) fn measure(plan: &Plan, input: &Input, binary: &Path) -> Measured {
    let facts = input.folder.join("facts");
    let kept = input.folder.join("kept-facts");
    let facts_requests = plan.megabytes * REQUESTS_PER_MB;
    let mut rows: Vec<Row<'_>> = floors(input);
    rows.extend(reports(input, &facts, binary));
    if plan.wants(name::FROM_FACTS) {
        eprintln!("making facts of {facts_requests} requests …");
        make_facts(binary, facts_requests, &kept);
        rows.push(report(binary, name::FROM_FACTS, &kept, &[]));
    }
    if plan.times > 1 && plan.wants(name::LARGER) {
        eprintln!("making an input {} times as large …", plan.times);
        let larger = input.larger(plan.megabytes, plan.times);
        rows.push(Row { runs: 1, ..report(binary, name::LARGER, &larger, &[]) });
    }
    let (peers, missing): (Vec<_>, Vec<_>) = PEERS.iter().partition(|peer| peer.is_installed());
    rows.extend(peers.into_iter().map(|peer| Row {
        name: peer.name,
        command: Box::new(|| peer.command(&input.lines)),
        runs: if peer.slow { 1 } else { usize::MAX },
    }));
    rows.retain(|row| plan.wants(row.name));
    let costs = in_turn(&rows, plan.runs);
    let missing = missing.into_iter().map(|peer| (peer.name, peer.install)).collect();
    let requests = requests_of(&input.folder.join("report.json"));
    let measured = Measured { costs, missing, facts, requests };
    compare(&measured);
    measured
}

/// Runs each row in turn, as often as it is to be run.
fn in_turn(rows: &[Row<'_>], runs: usize) -> Vec<(&'static str, usize, Result<Cost, String>)> {
    let mut all: BTreeMap<&str, Vec<Result<Cost, String>>> = BTreeMap::new();
    for round in 0..runs {
        eprintln!("run {} of {runs} …", round + 1);
        for row in rows.iter().filter(|row| round < row.runs) {
            all.entry(row.name).or_default().push(run(&mut (row.command)()));
        }
    }
    let medians = rows.iter().map(|row| {
        let runs = all.remove(row.name).unwrap_or_default();
        let number = runs.len();
        let cost = runs.into_iter().collect::<Result<Vec<_>, _>>().map(|runs| median(&runs));
        (row.name, number, cost)
    });
    medians.collect()
}

fn floors(input: &Input) -> Vec<Row<'_>> {
    let floor = |name, part: &'static str, file: &'_ Path| {
        let file = file.to_owned();
        let command = move || {
            let mut command = this(part);
            command.arg(&file);
            command
        };
        Row { name, command: Box::new(command), runs: usize::MAX }
    };
    vec![
        floor(name::NEWLINES, "newlines", &input.lines),
        floor(name::SERDE_JSON, "serde_json", &input.lines),
        floor(name::SONIC, "sonic-rs", &input.lines),
        floor(name::SCANNER, "scanner", &input.lines),
        floor(name::GUNZIP, "gunzip", &input.gzip),
    ]
}

/// This program as a part.
fn this(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows its file"));
    command.args(["--part", part]);
    command
}

/// A report on the terminal, which is told nothing else.
fn report<'i>(binary: &'i Path, name: &'static str, file: &Path, more: &'static [&'static str]) -> Row<'i> {
    let file = file.to_owned();
    let command = move || {
        let mut command = Command::new(binary);
        command.arg("report").arg(&file).arg("--quiet").args(more);
        command
    };
    Row { name, command: Box::new(command), runs: usize::MAX }
}

fn reports<'i>(input: &'i Input, facts: &Path, binary: &'i Path) -> Vec<Row<'i>> {
    let facts = facts.to_owned();
    let make_facts = move || {
        let _ = fs::remove_dir_all(&facts);
        let mut command = Command::new(binary);
        command.arg("facts").arg(&input.lines).arg("--quiet").arg("-o").arg(&facts);
        command
    };
    let json = move || {
        let mut command = Command::new(binary);
        command
            .arg("report")
            .arg(&input.lines)
            .arg("--quiet")
            .arg("-o")
            .arg(input.folder.join("report.json"));
        command
    };
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    vec![
        report(binary, name::ONE, &input.lines, &["--threads", "1"]),
        report(binary, name::TWO, &input.lines, &["--threads", "2"]),
        report(binary, name::ALL, &input.lines, &[]),
        Row { name: name::JSON, command: Box::new(json), runs: usize::MAX },
        Row { name: name::FACTS, command: Box::new(make_facts), runs: usize::MAX },
        report(binary, name::PARTS, &input.parts, &[]),
        report(binary, name::WRAPPER, &input.wrapper, &[]),
        report(binary, name::GZIP, &input.gzip, &[]),
        report(binary, name::HARD, &input.hard, &[]),
        report(binary, name::SAMPLES, &samples, &[]),
    ]
}

/// Facts of so many requests, through a pipe: the records themselves would be too many to keep.
fn make_facts(binary: &Path, requests: u64, folder: &Path) {
    let mut records =
        this("records").arg(requests.to_string()).stdout(Stdio::piped()).spawn().expect("this starts");
    let stdout = records.stdout.take().expect("it is piped");
    let status =
        Command::new(binary).args(["facts", "-", "--quiet", "-o"]).arg(folder).stdin(stdout).status();
    assert!(status.is_ok_and(|status| status.success()), "akvlens makes facts of {requests} requests");
    records.wait().expect("this ends");
}

/// Records that a report in JSON counts.
fn requests_of(report: &Path) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).ok()?).ok()?;
    report.get("coverage")?.get("records")?.as_u64()
}

/// Holds the answers against each other: a query that is wrong is not measured.
fn compare(measured: &Measured) {
    let answer = |name: &str| measured.cost(name).and_then(|cost| Answer::of(&cost.printed));
    let Some(right) = answer(name::SCANNER) else { return };
    if measured.cost(name::JSON).is_some() {
        assert_eq!(measured.requests, Some(right.total), "akvlens and the scanner count differently");
    }
    for (peer, cost) in measured.peers() {
        assert_eq!(Answer::of(&cost.printed), Some(right), "{peer} and the scanner answer differently");
    }
    println!("all answer {right}");
}

/// Prints the table.
pub(crate) fn print(measured: &Measured) {
    println!("\n{:<40} {:>4} {:>9} {:>9} {:>9}", "", "runs", "wall", "CPU", "peak");
    for (name, runs, cost) in &measured.costs {
        match cost {
            Ok(cost) => println!(
                "{name:<40} {runs:>4} {:>7.3} s {:>7.3} s {:>6} MB",
                cost.wall.as_secs_f64(),
                cost.cpu.as_secs_f64(),
                cost.peak / 1_000_000
            ),
            Err(why) => println!("{name:<40} {runs:>4} failed: {why}"),
        }
    }
    for (name, install) in &measured.missing {
        println!("{name:<40} not installed: {install}");
    }
}
