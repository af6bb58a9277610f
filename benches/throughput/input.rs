//! What the bench reads: the records of `examples/generate`, in memory and as files.
//!
//! In: a folder, and the size from `AKVLENS_BENCH_MB`. Out: the same bytes every time.

use std::env::{self, VarError};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use akvlens::decode::{Decoded, Limits, capture, csv, decode, parquet};
use flate2::write::GzEncoder;

use crate::generator;
use crate::shapes::{Options, Shape, convert};

/// Size where none is asked for, in millions of bytes.
const DEFAULT_MB: u32 = 64;
/// Files that the records are dealt out to.
const PARTS: usize = 8;
/// Bytes of a gzip member, as of a log that is appended to.
const MEMBER_BYTES: usize = 1 << 20;

/// The same records in every form.
pub(crate) struct Input {
    /// How many.
    pub(crate) records: usize,
    /// One a line.
    pub(crate) lines: Vec<u8>,
    /// `{"records":[…]}`.
    pub(crate) wrapper: Vec<u8>,
    /// The lines, compressed.
    pub(crate) gzip: Vec<u8>,
    /// The file of the lines.
    pub(crate) file: String,
    /// The file of the compressed lines.
    pub(crate) gzip_file: String,
    /// The lines dealt out to several files.
    pub(crate) parts: Vec<String>,
}

impl Input {
    /// Makes the records, and the files in `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let lines = generator::lines(megabytes());
        let gzip = compressed(&lines);
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, bytes).expect("the temporary folder has room");
            path.into_os_string().into_string().expect("the temporary folder's path is text")
        };
        let parts = parts(&lines).enumerate();
        let input = Self {
            records: memchr::memchr_iter(b'\n', &lines).count(),
            wrapper: wrapped(&lines),
            file: write("lines.json", &lines),
            gzip_file: write("lines.json.gz", &gzip),
            parts: parts.map(|(at, part)| write(&format!("part-{at}.json"), part)).collect(),
            lines,
            gzip,
        };
        // A table about records that were refused would say nothing.
        assert_eq!(records(&input.lines), input.records, "every line is an audit record");
        assert_eq!(records(&input.wrapper), input.records, "every element is an audit record");
        input
    }
}

/// The records of an input in another shape.
pub(crate) struct Reshaped {
    /// How many.
    pub(crate) records: usize,
    /// The file.
    pub(crate) bytes: Vec<u8>,
}

impl Reshaped {
    /// Makes the file.
    pub(crate) fn new(input: &Input, shape: Shape) -> Self {
        let lines = std::str::from_utf8(&input.lines).expect("the generator writes text");
        let bytes = convert(shape, &Options::default(), lines).expect("memory can be written");
        // As above: a table about what was refused would say nothing.
        assert_eq!(records(&bytes), input.records, "{shape:?}: every record is read");
        Self { records: input.records, bytes }
    }
}

/// The size asked for, in millions of bytes.
fn megabytes() -> u32 {
    match env::var("AKVLENS_BENCH_MB") {
        Ok(text) => text.parse().expect("AKVLENS_BENCH_MB is a whole number"),
        Err(VarError::NotPresent) => DEFAULT_MB,
        Err(error) => panic!("AKVLENS_BENCH_MB: {error}"),
    }
}

/// `{"records":[…]}` on one line.
fn wrapped(lines: &[u8]) -> Vec<u8> {
    let mut wrapper = b"{\"records\":[".to_vec();
    wrapper.extend(lines.iter().map(|&byte| if byte == b'\n' { b',' } else { byte }));
    wrapper.pop();
    wrapper.extend_from_slice(b"]}\n");
    wrapper
}

/// Several gzip members.
fn compressed(lines: &[u8]) -> Vec<u8> {
    let mut gzip = Vec::new();
    for member in lines.chunks(MEMBER_BYTES) {
        let mut encoder = GzEncoder::new(&mut gzip, flate2::Compression::default());
        encoder.write_all(member).and_then(|()| encoder.finish()).expect("memory can be written");
    }
    gzip
}

/// Stretches of whole lines, about equal in bytes.
fn parts(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = (1..=PARTS).map(|part| {
        let end = lines.len() * part / PARTS;
        memchr::memchr(b'\n', &lines[end..]).map_or(lines.len(), |line_end| end + line_end + 1)
    });
    ends.scan(0, |start, end| Some(&lines[std::mem::replace(start, end)..end]))
}

/// How many audit records akvlens finds in a blob.
fn records(blob: &[u8]) -> usize {
    let mut records = 0;
    decode_any(blob, |found| records += usize::from(matches!(found, Decoded::Record(..))));
    records
}

/// Decodes a blob in memory with the decoder that its first bytes ask for, as ingest does with files.
pub(crate) fn decode_any(blob: &[u8], mut sink: impl FnMut(Decoded<'_>)) {
    let limits = Limits::default();
    let sink = |found: Decoded<'_>| {
        sink(found);
        true
    };
    let (_, result) = if capture::is_capture(blob) {
        capture::decode(blob, limits, sink)
    } else if parquet::is_parquet(blob) {
        parquet::decode(Cursor::new(blob), limits, sink)
    } else if csv::is_csv(&blob[..blob.len().min(HEAD_BYTES)]) {
        let dates = csv::Dates::default();
        let dates = if csv::needs_survey(&blob[..blob.len().min(HEAD_BYTES)], &dates) {
            csv::survey(blob, limits).0.resolve(&dates)
        } else {
            csv::ResolvedDates::unsurveyed(&dates)
        };
        csv::decode(blob, limits, &dates, sink)
    } else {
        decode(blob, limits, sink)
    };
    result.expect("memory can be read");
}

/// How many first bytes tell what a blob is.
const HEAD_BYTES: usize = 16 << 10;
