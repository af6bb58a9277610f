//! akvlens: what failed in an Azure Key Vault, who it was, why, and what to do.

use std::process::ExitCode;

use akvlens::cli::Cli;
use akvlens::error::ExitStatus;
use akvlens::{output, run};
use clap::Parser;

fn main() -> ExitCode {
    output::tell_panics_by_place();
    match run::run(&Cli::parse()) {
        Ok(status) => status.into(),
        // `| head` has seen enough.
        Err(error) if error.is_broken_pipe() => ExitStatus::Clean.into(),
        Err(error) => {
            output::note(&format!("{error}"));
            error.exit_status().into()
        }
    }
}
