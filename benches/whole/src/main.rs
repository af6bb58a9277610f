//! akvlens beside floors and peers: whole processes on the same machine, and the bars of the project; and its
//! instructions a record.
//!
//! In: nothing to prepare; the release binary is built first. The input is made at the start: 1 GB
//! (`AKVLENS_BENCH_MB`) of records from `examples/generate` (16 vaults, 2,000 callers, 5 % failures), the same
//! as one object, as sixteen files and compressed, and a hard one (100,000 callers, another order of keys in
//! every record). Out: one row a program with the medians of five runs (`AKVLENS_BENCH_RUNS`): wall, CPU (user
//! and system) and peak memory of the whole process; then each bar with its value, met or not. What programs
//! answer is compared, so that nobody measures a query that is wrong.
//!
//! ```text
//! cargo run --release -p akvlens-bench                      everything, in about ten minutes
//! AKVLENS_BENCH_MB=20 cargo run --release -p akvlens-bench  in seconds; only the answers mean anything
//! cargo run --release -p akvlens-bench -- akvlens sonic     the rows whose name holds one of these words
//! AKVLENS_BENCH_TIMES=16 …                                  also on an input so many times as large
//! AKVLENS_BENCH_PYTHON=venv/bin/python …                    where duckdb, polars and chdb are installed
//! AKVLENS_BENCH_BINARY=FILE …                               measures that binary, and builds none
//! cargo run --release -p akvlens-bench -- instructions      see [`instructions`]
//! ```
//!
//! Rows take turns, so that a busy moment of the machine hits all of them. A peer that is not installed is
//! named, with how to install it. Floors are this program itself, started again with `--part`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table for people")]
#![allow(clippy::exit, reason = "the status of a bench")]

mod answer;
mod bars;
mod child;
#[path = "../../throughput/fields.rs"]
mod fields;
mod floors;
#[path = "../../throughput/generator.rs"]
mod generator;
mod input;
mod instructions;
mod peers;
mod rows;
mod scanner;
mod shapes;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

// The generator's modules look for each other at the root.
use generator::{calendar, cause, cli, json, message, operation, people, properties, random, traffic, world};
use input::Input;

/// What is asked for.
pub(crate) struct Plan {
    /// Size of the input, in millions of bytes.
    pub(crate) megabytes: u64,
    /// Runs of each row.
    pub(crate) runs: usize,
    /// How many times as large an input is read too; one is none.
    pub(crate) times: u64,
    /// Words of which a row's name must hold one; none for all rows.
    pub(crate) words: Vec<String>,
}

impl Plan {
    fn new() -> Self {
        let number = |name: &str, default: u64| match env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a whole number")),
            Err(_) => default,
        };
        Self {
            megabytes: number("AKVLENS_BENCH_MB", 1000).max(1),
            runs: usize::try_from(number("AKVLENS_BENCH_RUNS", 5)).unwrap_or(5).max(1),
            times: number("AKVLENS_BENCH_TIMES", 1).max(1),
            words: env::args().skip(1).filter(|word| !word.starts_with('-')).collect(),
        }
    }

    /// Whether a row is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

/// What `--help` says.
const USAGE: &str = "\
Measures whole runs of akvlens beside floors and peers, and prints every bar.

akvlens-bench [WORD...]                  rows whose names hold a word; all without one
akvlens-bench instructions [--record]    instructions a record against the recorded budget, or recorded anew

AKVLENS_BENCH_MB      megabytes of records (1000)
AKVLENS_BENCH_RUNS    runs in turn (5)
AKVLENS_BENCH_TIMES   an input so many times as large as well (1: none)
AKVLENS_BENCH_PYTHON  the Python that has the peers
AKVLENS_BENCH_JQ, AKVLENS_BENCH_JAQ   those programs
AKVLENS_BENCH_BINARY  measures that binary, and builds none";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--part", part @ ..] => floors::run(part),
        ["--help" | "-h", ..] => println!("{USAGE}"),
        ["instructions", rest @ ..] => return instructions::run(&binary(), rest.contains(&"--record")),
        _ => side_by_side(&Plan::new()),
    }
    ExitCode::SUCCESS
}

/// Measures and prints.
fn side_by_side(plan: &Plan) {
    let binary = binary();
    let folder = tempfile::tempdir_in(target()).expect("a temporary folder can be made");
    eprintln!("making {} MB of records, in five forms …", plan.megabytes);
    let input = Input::new(folder.path(), plan.megabytes);
    let measured = rows::measure(plan, &input, &binary);
    rows::print(&measured);
    bars::print(plan, &input, &measured, &binary);
}

/// Where this program was built: beside the release binary, on a disk with room.
pub(crate) fn target() -> PathBuf {
    let this = env::current_exe().expect("a program knows its file");
    this.parent().expect("it is in a folder").to_owned()
}

/// The release binary of akvlens, built if need be.
fn binary() -> PathBuf {
    if let Some(binary) = env::var_os("AKVLENS_BENCH_BINARY") {
        return binary.into();
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let build = ["build", "--release", "--locked", "--package", "akvlens", "--bin", "akvlens"];
    let ran = Command::new(cargo).args(build).args(["--manifest-path", manifest]).status();
    assert!(ran.is_ok_and(|status| status.success()), "akvlens can be built");
    target().join(format!("akvlens{}", env::consts::EXE_SUFFIX))
}
