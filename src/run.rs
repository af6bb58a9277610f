//! The commands: settings in, exit status out. The only room that reads a clock, prints, or knows
//! the terminal.

mod capacity;
mod explain;
mod generated;
mod ingest;
mod report;

use std::io::IsTerminal;
use std::mem::ManuallyDrop;
use std::sync::atomic::AtomicBool;

use chrono::Utc;

use crate::cli::{Cli, Command};
use crate::error::{Error, ExitStatus};
use crate::settings::{Settings, Surroundings};

/// Columns where there is no terminal to ask.
const PLAIN_WIDTH: usize = 80;

/// Set by Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs what was typed.
///
/// # Errors
/// What ended the run; what is wrong with a blob is in the report.
pub fn run(cli: &Cli) -> Result<ExitStatus, Error> {
    let settings = || {
        let settings = Settings::new(&cli.global, surroundings())?;
        // For all that is done on several threads. A second run in one process keeps the first one's.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build_global();
        // The process ends when it has run: the system takes patterns and tables back faster than they are freed.
        Ok::<_, Error>(ManuallyDrop::new(settings))
    };
    match &cli.command {
        Command::Report(args) => report::run(args, &*settings()?),
        Command::Capacity(args) => capacity::run(args, &*settings()?),
        Command::Facts(args) => ingest::facts(args, &*settings()?),
        Command::Merge(args) => ingest::merge(args, &*settings()?),
        Command::Explain(args) => explain::run(args, &*settings()?),
        Command::Completions { shell } => generated::completions(*shell),
        Command::Man => generated::man(),
    }
}

fn surroundings() -> Surroundings {
    let stdout_is_terminal = std::io::stdout().is_terminal();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    Surroundings {
        now: Utc::now(),
        stdout_is_terminal,
        stderr_is_terminal: std::io::stderr().is_terminal(),
        width: width.filter(|_| stdout_is_terminal).unwrap_or(PLAIN_WIDTH).clamp(60, 160),
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        free_memory: free_memory(),
    }
}

/// Bytes of memory that are free for this process, as Linux tells of the machine and of the container.
fn free_memory() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = machine.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let most = container.and_then(|most| most.trim().parse().ok()).unwrap_or(u64::MAX);
    Some((kilobytes * 1024).min(most))
}
