//! Whether a file in a folder may be a log at all, by its first bytes.
//!
//! Errs on the side of reading: only what is plainly something else is passed over, so that a
//! damaged log is rejected in the open and never skipped.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::decode::compression::{Compression, sniff};
use crate::decode::{capture, csv, parquet};

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// It may be a log.
    LikeALog,
    /// It is plainly none.
    LikeSomethingElse(&'static str),
}

/// First bytes of well-known files that are no logs.
const KNOWN: &[(&[u8], &str)] = &[
    (b"\x89PNG", "an image"),
    (b"GIF8", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\0", "a program"),
    (b"SQLite format 3", "a database"),
    (b"<!", "HTML or XML"),
    (b"<?xml", "HTML or XML"),
    (b"<html", "HTML or XML"),
];

/// Bytes that are looked at: the header of a CSV must be among them.
const LOOK: u64 = 16 << 10;

/// Names that logs have, whatever is in them.
const LOG_NAMES: &[&str] = &["json", "jsonl", "ndjson", "log", "gz", "zst"];

/// Looks at a file's first bytes. A file that cannot be opened is left to the reader to report.
pub(super) fn look(path: &Path) -> Looks {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOK).read_to_end(&mut start));
    if let Some(what) = own_output(&start) {
        return Looks::LikeSomethingElse(what);
    }
    let named = path
        .extension()
        .is_some_and(|extension| LOG_NAMES.iter().any(|name| extension.eq_ignore_ascii_case(name)));
    if read.is_err() || named || sniff(&start) != Compression::None {
        return Looks::LikeALog;
    }
    look_at(&start)
}

/// What a file is that is plainly no log, whatever its name says and whoever named it.
pub(super) fn other_kind(path: &Path) -> Option<&'static str> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(LOOK).read_to_end(&mut start)).ok()?;
    known_kind(&start)
}

/// The kind that the first bytes show.
fn known_kind(start: &[u8]) -> Option<&'static str> {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let known = KNOWN.iter().find(|(magic, _)| start.starts_with(magic) || text.starts_with(magic));
    known.map(|(_, what)| *what).or_else(|| csv::other_export(start))
}

/// What akvlens itself writes, which may lie beside the logs.
fn own_output(start: &[u8]) -> Option<&'static str> {
    let head = start.get(..start.len().min(64)).unwrap_or_default();
    let holds = |needle: &[u8]| memchr::memmem::find(head, needle).is_some();
    if holds(b"\"schema\": \"akvlens-") || holds(b"\"schema\":\"akvlens-") {
        Some("written by akvlens")
    } else {
        head.starts_with(b"{\"blob\":\"").then_some("rejects written by akvlens")
    }
}

/// Looks at first bytes.
fn look_at(start: &[u8]) -> Looks {
    if let Some(what) = known_kind(start) {
        return Looks::LikeSomethingElse(what);
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let object = |line: &[u8]| line.first().is_some_and(|byte| matches!(byte, b'{' | b'['));
    if text.is_empty()
        || capture::is_capture(start)
        || parquet::is_parquet(start)
        || csv::is_csv(start)
        || text.split(|byte| *byte == b'\n').any(|line| object(line.trim_ascii_start())) && !is_toml(text)
        || text.split(|byte| *byte == b'\n').any(is_prefixed_record)
    {
        return Looks::LikeALog;
    }
    Looks::LikeSomethingElse("text without JSON")
}

/// Whether a line holds a record behind other text, as syslog writes it.
fn is_prefixed_record(line: &[u8]) -> bool {
    let holds = |needle: &[u8]| memchr::memmem::find(line, needle).is_some();
    holds(b"{\"") && (holds(b"AuditEvent") || holds(b"perationName"))
}

/// Whether text with lines that begin with `[` is a settings file: a first line of `#` or `key =`.
fn is_toml(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"#")
        || first.splitn(2, |byte| *byte == b'=').next().is_some_and(|key| {
            key.len() < first.len()
                && key.trim_ascii().iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_plainly_no_log_is_passed_over() {
        for log in [
            "",
            "\n\n",
            "{\"a\":1}",
            "\u{feff} [",
            "cut\":1}\n{\"time\":1}",
            "Mar 12 host {\n{\"a\":1}",
            "<134>1 - host - - - - {\"operationName\":1}",
            "PAR1\u{1}",
        ] {
            assert_eq!(look_at(log.as_bytes()), Looks::LikeALog, "{log}");
        }
        for other in
            ["# Title\n\n[link](x)", "records = 3\n[causes]\nx = 1", "<html>", "hello", "an {\"a\":1}"]
        {
            assert_ne!(look_at(other.as_bytes()), Looks::LikeALog, "{other}");
        }
    }
}
