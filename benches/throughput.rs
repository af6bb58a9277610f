//! How fast records go through akvlens, stage by stage, beside the floors that no reader of JSON
//! goes below.
//!
//! In: nothing to prepare. The input is about 64 MB (`AKVLENS_BENCH_MB`) of records from
//! `examples/generate`, the same every time, made at the first use. Out: a table; each row says how
//! long one pass over all the records takes, and what that is in bytes and in records a second.
//! Bytes are always those before compression. Everything runs on one thread unless the row says
//! otherwise.
//!
//! ```text
//! cargo bench                                             all rows, in half a minute
//! cargo bench --bench throughput -- decode                the rows whose name holds "decode"
//! AKVLENS_BENCH_MB=512 cargo bench                        a larger input
//! cargo bench --bench throughput -- --sample-count 50     a steadier median
//! ```
//!
//! Reading it: each of the rows 4 to 6 does what the row before does and one stage more, so that a
//! stage costs the difference. Row 2 against row 4 is what finding records, keeping their places
//! and looking at every key costs above a typed parse. Comparing a change: `cargo bench > before`,
//! change, `cargo bench > after`, and compare medians; fastest where the machine is busy.

#[path = "throughput/fields.rs"]
mod fields;
#[path = "throughput/floor.rs"]
mod floor;
#[path = "throughput/generator.rs"]
mod generator;
#[path = "throughput/input.rs"]
mod input;
#[path = "../examples/reshape/shapes.rs"]
#[allow(dead_code, reason = "options are the converter's own")]
mod shapes;

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{LazyLock, OnceLock};

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use akvlens::classify::causes::Causes;
use akvlens::decode::compression::Decompressed;
use akvlens::decode::{Decoded, Limits, decode};
use akvlens::facts::{Facts, Location};
use akvlens::findings::{Judgement, report};
use akvlens::ingest::{Ingest, RANGE_BYTES, Silent};
use akvlens::source::list;
// The generator's modules look for each other at the root.
use generator::{calendar, cause, cli, json, message, operation, people, properties, random, traffic, world};
use input::{Input, Reshaped, decode_any};
use shapes::Shape;

/// Where the input's files go; main makes it and takes it away.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// What is read, made at the first use.
static INPUT: LazyLock<Input> = LazyLock::new(|| Input::new(FOLDER.get().expect("main has made the folder")));

/// The table of causes.
static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    FOLDER.set(folder.path().to_owned()).expect("nobody else sets the folder");
    divan::main();
}

/// Measures passes over the input.
fn passes<R>(bencher: Bencher, mut pass: impl FnMut(&'static Input) -> R) {
    let input = &*INPUT;
    counted(bencher, input).bench_local(|| pass(black_box(input)));
}

/// Says how much one pass reads.
fn counted<'a, 'b>(bencher: Bencher<'a, 'b>, input: &Input) -> Bencher<'a, 'b> {
    bencher.counter(BytesCount::of_slice(&input.lines)).counter(ItemsCount::new(input.records))
}

#[divan::bench(name = "1 floor: newlines", sample_count = 50)]
fn newlines(bencher: Bencher) {
    passes(bencher, |input| memchr::memchr_iter(b'\n', &input.lines).count());
}

#[divan::bench(name = "2 floor: serde_json, 13 fields", sample_count = 12)]
fn typed_by_serde_json(bencher: Bencher) {
    passes(bencher, |input| floor::each(input, |line| serde_json::from_slice(line).ok()));
}

#[divan::bench(name = "3 floor: sonic-rs, 13 fields", sample_count = 20)]
fn typed_by_sonic(bencher: Bencher) {
    passes(bencher, |input| floor::each(input, |line| sonic_rs::from_slice(line).ok()));
}

#[divan::bench(name = "4 decode", sample_count = 12)]
fn decode_lines(bencher: Bencher) {
    passes(bencher, |input| records(&input.lines));
}

#[divan::bench(name = "5 decode, classify", sample_count = 12)]
fn classify(bencher: Bencher) {
    LazyLock::force(&CAUSES);
    passes(bencher, |input| {
        let sink = |found: Decoded<'_>| {
            if let Decoded::Record(record, _) = found {
                black_box(CAUSES.classify(record));
            }
            true
        };
        decode(input.lines.as_slice(), Limits::default(), sink).0
    });
}

#[divan::bench(name = "6 decode, classify, facts", sample_count = 12)]
fn count(bencher: Bencher) {
    LazyLock::force(&CAUSES);
    passes(bencher, facts);
}

#[divan::bench(name = "7 report on the facts", sample_count = 12, sample_size = 1)]
fn judge(bencher: Bencher) {
    let judgement = Judgement::default();
    let input = &*INPUT;
    counted(bencher, input)
        .with_inputs(|| facts(input))
        .bench_local_values(|facts| report(facts, &CAUSES, &judgement));
}

#[divan::bench(name = "8 decode {\"records\":[…]}", sample_count = 12)]
fn decode_wrapper(bencher: Bencher) {
    passes(bencher, |input| records(&input.wrapper));
}

#[divan::bench(name = "9 ingest: 1 file, 1 thread", sample_count = 12)]
fn one_file(bencher: Bencher) {
    ingest(bencher, 1, RANGE_BYTES, |input| vec![input.file.clone()]);
}

#[divan::bench(name = "10 ingest: 1 file in ranges, all threads", sample_count = 12)]
fn one_file_by_all(bencher: Bencher) {
    // As many as there are files in row 12, since a range of the usual size is all of this input.
    let range = (INPUT.lines.len() / INPUT.parts.len()) as u64;
    ingest(bencher, all_threads(), range, |input| vec![input.file.clone()]);
}

#[divan::bench(name = "11 ingest: 8 files, 1 thread", sample_count = 12)]
fn many_files(bencher: Bencher) {
    ingest(bencher, 1, RANGE_BYTES, |input| input.parts.clone());
}

#[divan::bench(name = "12 ingest: 8 files, all threads", sample_count = 12)]
fn many_files_by_all(bencher: Bencher) {
    ingest(bencher, all_threads(), RANGE_BYTES, |input| input.parts.clone());
}

#[divan::bench(name = "13 floor: gunzip", sample_count = 12)]
fn gunzip(bencher: Bencher) {
    let mut buffer = vec![0; 1 << 20];
    passes(bencher, |input| {
        let mut reader =
            Decompressed::open(input.gzip.as_slice(), Limits::default().max_expansion).expect("it opens");
        let mut bytes = 0;
        loop {
            match reader.read(&mut buffer).expect("it is whole") {
                0 => break bytes,
                read => bytes += read,
            }
        }
    });
}

#[divan::bench(name = "14 ingest: 1 gzip file, 1 thread", sample_count = 12)]
fn one_gzip_file(bencher: Bencher) {
    ingest(bencher, 1, RANGE_BYTES, |input| vec![input.gzip_file.clone()]);
}

/// Shapes whose decoding is measured; the first is what the others are compared with.
const SHAPES: &[Shape] = &[
    Shape::Storage,
    Shape::LogAnalyticsExportDiagnostics,
    Shape::LogAnalyticsExportDedicated,
    Shape::QueryApiDiagnostics,
    Shape::QueryApiDedicated,
    Shape::AzDedicated,
    Shape::SiemMessage,
    Shape::SyslogRfc5424,
    Shape::PortalCsvDiagnostics,
    Shape::PortalCsvDedicated,
    Shape::PowershellCsvDedicated,
    Shape::Capture,
    Shape::ParquetStorage,
    Shape::ParquetDiagnostics,
    Shape::ParquetDedicated,
];

/// The same records in every shape: compare records a second, since the bytes of one shape are many times
/// another's.
#[divan::bench(name = "15 decode by shape", args = SHAPES, sample_count = 12)]
fn decode_shape(bencher: Bencher, shape: Shape) {
    let reshaped = Reshaped::new(&INPUT, shape);
    bencher
        .counter(BytesCount::of_slice(&reshaped.bytes))
        .counter(ItemsCount::new(reshaped.records))
        .bench_local(|| records(black_box(&reshaped.bytes)));
}

/// Counts the records of a blob.
fn records(blob: &[u8]) -> u64 {
    let mut records = 0;
    decode_any(blob, |found| records += u64::from(matches!(black_box(found), Decoded::Record(..))));
    records
}

/// The facts of the input, as a worker of [`Ingest`] makes them.
fn facts(input: &Input) -> Facts {
    let mut facts = Facts::new();
    let blob = facts.dimensions.strings.intern("input.json");
    let sink = |found: Decoded<'_>| {
        if let Decoded::Record(record, place) = found {
            let verdict = CAUSES.classify(record);
            let location = Location { blob, offset: place.offset, line: place.line };
            facts.update(record, &verdict, &CAUSES, location);
        }
        true
    };
    decode(input.lines.as_slice(), Limits::default(), sink).1.expect("memory can be read");
    facts
}

/// Measures runs over files, from their listing to merged facts.
fn ingest(bencher: Bencher, threads: usize, range_bytes: u64, files: impl Fn(&Input) -> Vec<String>) {
    let files = files(&INPUT);
    let interrupted = AtomicBool::new(false);
    let ingest = Ingest {
        causes: &CAUSES,
        limits: Limits::default(),
        dates: akvlens::decode::csv::Dates::default(),
        threads,
        progress: &Silent,
        interrupted: &interrupted,
        keep_rejects: false,
        dedup: false,
        range_bytes,
        most_memory: u64::MAX,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be had");
    passes(bencher, |_| {
        let listing = list(&files).expect("the files are there");
        pool.install(|| ingest.run(&listing)).expect("nobody interrupts")
    });
}

/// As many as the machine has.
fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
