//! The whole program, from bytes on disk to report and exit status, in one binary.
//!
//! `log` writes the logs, `program` runs akvlens; each other module holds one promise: samples have
//! the answers that lie beside them, damage is counted and located, the way through the program
//! does not show in the result, the command line says what is wrong, who it really was is told right,
//! and no text of a log acts on whoever reads the report.

// Clippy lets only test functions unwrap, not what they call.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

#[path = "tests/log.rs"]
mod log;
#[path = "tests/program.rs"]
mod program;

#[path = "tests/cli.rs"]
mod cli;
#[path = "tests/damage.rs"]
mod damage;
#[path = "tests/escaping.rs"]
mod escaping;
#[path = "tests/identities.rs"]
mod identities;
#[path = "tests/invariance.rs"]
mod invariance;
#[path = "tests/samples.rs"]
mod samples;
