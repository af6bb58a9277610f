//! Runs akvlens as a process, in a folder of its own, and reads what it leaves.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

/// Variables that would change what is printed.
const ENVIRONMENT: &[&str] =
    &["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS", "RUST_BACKTRACE", "RAYON_NUM_THREADS"];

/// The program's file.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_akvlens");

/// The program, to be run in `folder`; ended when it takes too long.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).timeout(Duration::from_secs(50));
    for name in ENVIRONMENT {
        command.env_remove(name);
    }
    command
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit status.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// The JSON on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a prepared command.
pub(crate) fn finish(command: &mut Command) -> Ran {
    let output = command.output().expect("akvlens runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("akvlens writes UTF-8");
    let ran = Ran {
        status: output.status.code().expect("akvlens ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    ran
}

/// Runs akvlens in `folder`.
pub(crate) fn akvlens<A: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = A>) -> Ran {
    finish(command(folder).args(args))
}

/// The report of a run that must end with `status`.
pub(crate) fn report<A: AsRef<OsStr>>(
    folder: &Path,
    status: i32,
    args: impl IntoIterator<Item = A>,
) -> Value {
    let mut all: Vec<OsString> = ["report", "-o", "-"].map(OsString::from).into();
    all.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
    let ran = akvlens(folder, &all);
    assert_eq!(ran.status, status, "{all:?}: {}{}", ran.stderr, ran.stdout);
    ran.json()
}

/// A new folder with these files.
pub(crate) fn folder<B: AsRef<[u8]>>(files: &[(&str, B)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        write(&folder.path().join(name), bytes.as_ref());
    }
    folder
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
    fs::write(path, bytes).expect("the file can be written");
}

/// A number in JSON.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// A list in JSON.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

/// A text in JSON.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
