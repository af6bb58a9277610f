//! One run of a program: what it took, and what it said.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// What a run took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system time of the process and of those it waited for.
    pub(crate) cpu: Duration,
    /// Its largest resident set, in bytes.
    pub(crate) peak: u64,
    /// From start to the first byte of its output.
    pub(crate) first_byte: Duration,
    /// What it printed.
    pub(crate) printed: String,
}

/// Runs a program to its end. Its peak is its own, as long as this process stays small: on Linux a child
/// begins with the peak of its parent.
///
/// # Errors
/// What it said on standard error, when it could not be started or failed.
pub(crate) fn run(command: &mut Command) -> Result<Cost, String> {
    let mut complaints: File = tempfile::tempfile().map_err(|error| error.to_string())?;
    let stderr = complaints.try_clone().map_err(|error| error.to_string())?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut printed = vec![0];
    let first = stdout.read(&mut printed).map_err(|error| error.to_string())?;
    printed.truncate(first);
    let first_byte = started.elapsed();
    stdout.read_to_end(&mut printed).map_err(|error| error.to_string())?;
    let used = child.wait4().map_err(|error| error.to_string())?;
    let wall = started.elapsed();
    // Of akvlens, 1 and 3 are answers too.
    if !matches!(used.status.code(), Some(0 | 1 | 3)) {
        let mut text = String::new();
        let _ = complaints.rewind().and_then(|()| complaints.read_to_string(&mut text));
        return Err(format!("{}: {}", used.status, text.trim()));
    }
    let cpu = used.rusage.utime + used.rusage.stime;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    Ok(Cost { wall, cpu, peak: used.rusage.maxrss, first_byte, printed })
}

/// The medians of several runs, each figure for itself.
pub(crate) fn median(runs: &[Cost]) -> Cost {
    let duration = |of: fn(&Cost) -> Duration| middle(runs.iter().map(of).collect());
    Cost {
        wall: duration(|cost| cost.wall),
        cpu: duration(|cost| cost.cpu),
        peak: middle(runs.iter().map(|cost| cost.peak).collect()),
        first_byte: duration(|cost| cost.first_byte),
        printed: runs.last().map(|cost| cost.printed.clone()).unwrap_or_default(),
    }
}

/// The lower median.
fn middle<T: Ord + Copy + Default>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
