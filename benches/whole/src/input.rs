//! The input: the same records in several forms, and hard ones, as files.
//!
//! In: a folder and a size. Out: the same bytes every time. Records are written as they are made; none is
//! kept. The Managed HSM's, eight in a thousand, are left out: they have other keys than a vault's, which a
//! typed parse and the peers' queries would have to be told.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::generator::each_record;

/// Files that the records are dealt out to.
const PARTS: u64 = 16;

/// Files, each with all records.
pub(crate) struct Input {
    /// Their size in one file, in bytes.
    pub(crate) bytes: u64,
    /// JSON Lines.
    pub(crate) lines: PathBuf,
    /// `{"records":[…]}` on one line.
    pub(crate) wrapper: PathBuf,
    /// Folder of sixteen files of JSON Lines.
    pub(crate) parts: PathBuf,
    /// JSON Lines in one gzip member.
    pub(crate) gzip: PathBuf,
    /// Other records: of 100,000 callers, every one with another order of keys.
    pub(crate) hard: PathBuf,
    /// Where programs may write.
    pub(crate) folder: PathBuf,
}

impl Input {
    /// Has the files made, by a process of its own: this one must stay small.
    pub(crate) fn new(folder: &Path, megabytes: u64) -> Self {
        let input = Self::at(folder);
        make(&["input", &megabytes.to_string()], folder);
        let bytes = fs::metadata(&input.lines).map(|file| file.len()).expect("the file was made");
        Self { bytes, ..input }
    }

    fn at(folder: &Path) -> Self {
        Self {
            bytes: 0,
            lines: folder.join("lines.json"),
            wrapper: folder.join("wrapper.json"),
            parts: folder.join("parts"),
            gzip: folder.join("lines.json.gz"),
            hard: folder.join("hard.json"),
            folder: folder.to_owned(),
        }
    }

    /// The records so many times over, later by as many spans of time: the same population for longer.
    pub(crate) fn larger(&self, megabytes: u64, times: u64) -> PathBuf {
        make(&["larger", &megabytes.to_string(), &times.to_string()], &self.folder);
        self.folder.join(LARGER)
    }
}

/// The file of [`Input::larger`].
const LARGER: &str = "larger.json";

/// Starts this program to write files into a folder.
fn make(what: &[&str], folder: &Path) {
    let this = env::current_exe().expect("a program knows its file");
    let made = Command::new(this).args(["--part", "make"]).arg(folder).args(what).status();
    assert!(made.is_ok_and(|status| status.success()), "the temporary folder has room");
}

/// What [`make`] starts.
pub(crate) fn write(folder: &Path, what: &[&str]) -> io::Result<()> {
    let number = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    match what {
        ["input", megabytes] => {
            let (input, megabytes) = (Input::at(folder), number(megabytes)?);
            write_forms(&input, megabytes)?;
            write_lines(&input.hard, megabytes, &["--callers", "100000", "--key-order", "shuffled"])
        }
        ["larger", megabytes, times] => {
            let (megabytes, times) = (number(megabytes)?, number(times)?);
            write_lines(&folder.join(LARGER), megabytes * times, &["--hours", &(24 * times).to_string()])
        }
        other => Err(io::Error::other(format!("{other:?}: nothing to make"))),
    }
}

/// Hands out records, those of the Managed HSM left out.
fn each(megabytes: u64, more: &[&str], mut sink: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let bytes = format!("{megabytes}MB");
    let arguments: Vec<&str> = ["--bytes", bytes.as_str()].into_iter().chain(more.iter().copied()).collect();
    let mut result = Ok(());
    each_record(&arguments, |record| {
        if !record.contains("\"PoolName\":") {
            result = sink(record);
        }
        result.is_ok()
    });
    result
}

/// Writes the ordinary records in every form at once.
fn write_forms(input: &Input, megabytes: u64) -> io::Result<()> {
    fs::create_dir(&input.parts)?;
    let mut lines = BufWriter::new(File::create(&input.lines)?);
    let mut wrapper = BufWriter::new(File::create(&input.wrapper)?);
    let mut gzip = GzEncoder::new(BufWriter::new(File::create(&input.gzip)?), Compression::default());
    let part = |number: u64| File::create(input.parts.join(format!("part-{number:02}.json")));
    let (mut number, mut parts) = (0, BufWriter::new(part(0)?));
    let mut bytes = 0;
    wrapper.write_all(b"{\"records\":[")?;
    each(megabytes, &[], |record| {
        if bytes > 0 {
            wrapper.write_all(b",")?;
        }
        wrapper.write_all(record.as_bytes())?;
        let due = bytes * PARTS / (megabytes * 1_000_000);
        if due > number && due < PARTS {
            number = due;
            std::mem::replace(&mut parts, BufWriter::new(part(number)?)).flush()?;
        }
        for out in [&mut lines as &mut dyn Write, &mut parts, &mut gzip] {
            out.write_all(record.as_bytes())?;
            out.write_all(b"\n")?;
        }
        bytes += record.len() as u64 + 1;
        Ok(())
    })?;
    wrapper.write_all(b"]}\n")?;
    gzip.finish()?.flush()?;
    wrapper.flush()?;
    parts.flush()?;
    lines.flush()
}

/// Writes records, one a line.
fn write_lines(path: &Path, megabytes: u64, more: &[&str]) -> io::Result<()> {
    let mut lines = BufWriter::new(File::create(path)?);
    each(megabytes, more, |record| {
        lines.write_all(record.as_bytes())?;
        lines.write_all(b"\n")
    })?;
    lines.flush()
}

/// Writes so many records to standard output.
pub(crate) fn stream(records: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let records = records.to_string();
    each_record(&["--events", &records], |record| {
        out.write_all(record.as_bytes()).and_then(|()| out.write_all(b"\n")).is_ok()
    });
}
