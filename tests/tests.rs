//! The whole program, from bytes on disk to report and exit status, in one binary.
//!
//! `log` writes the logs, `case` holds one damaged blob to its answer, `program` runs akvlens; each
//! other module holds one promise: samples have the answers that lie beside them, the same records
//! give the same report in every shape, what was exported twice counts once, damage is counted and
//! located, the way through the program does not show in the result, a table kept as Parquet is the
//! table kept as JSON, who it really was is told right, utilisation adds up as documented, the command line says what is wrong, and no
//! text of a log acts on whoever reads the report.

// Clippy lets only test functions unwrap, not what they call.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

#[path = "tests/case.rs"]
mod case;
#[path = "tests/log.rs"]
mod log;
#[path = "tests/program.rs"]
mod program;

#[path = "tests/capacity.rs"]
mod capacity;
#[path = "tests/cli.rs"]
mod cli;
#[path = "tests/cuts.rs"]
mod cuts;
#[path = "tests/damage.rs"]
mod damage;
#[path = "tests/damaged_shapes.rs"]
mod damaged_shapes;
#[path = "tests/dedup.rs"]
mod dedup;
#[path = "tests/escaping.rs"]
mod escaping;
#[path = "tests/explain.rs"]
mod explain;
#[path = "tests/identities.rs"]
mod identities;
#[path = "tests/invariance.rs"]
mod invariance;
#[path = "tests/load_patterns.rs"]
mod load_patterns;
#[path = "tests/parquet.rs"]
mod parquet;
#[path = "tests/rejects.rs"]
mod rejects;
#[path = "tests/samples.rs"]
mod samples;
#[path = "tests/shapes.rs"]
mod shapes;
