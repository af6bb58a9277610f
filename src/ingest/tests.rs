use std::fs;
use std::io::Write;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::decode::tests::CONTAINERS;
use crate::facts::tests::{any_line, canonical};
use crate::source::list;

static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

/// A run that keeps rejects and tells no one.
fn of(interrupted: &AtomicBool, threads: usize, range_bytes: u64, dedup: bool) -> Ingest<'_> {
    Ingest {
        causes: &CAUSES,
        limits: Limits::default(),
        dates: Dates::default(),
        threads,
        progress: &Silent,
        interrupted,
        keep_rejects: true,
        dedup,
        range_bytes,
        most_memory: u64::MAX,
    }
}

/// What the bytes of a file give, cut into ranges or pieces.
fn ingested_file(bytes: &[u8], range_bytes: u64, threads: usize, dedup: bool) -> Ingested {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.json");
    fs::write(&path, bytes).unwrap();
    let mut listing = list(&[path.to_string_lossy().into_owned()]).unwrap();
    "log.json".clone_into(&mut listing.blobs[0].name);
    let interrupted = AtomicBool::new(false);
    of(&interrupted, threads, range_bytes, dedup).run(&listing).unwrap()
}

/// What a text gives, cut into ranges of so many bytes.
fn ingested(text: &str, range_bytes: u64, threads: usize, dedup: bool) -> (String, Vec<RejectLine>) {
    let mut done = ingested_file(text.as_bytes(), range_bytes, threads, dedup);
    let blob = done.facts.dimensions.strings.intern("log.json");
    // The digest of a blob in ranges is made of theirs.
    done.facts.coverage.blob(blob).digest = 0;
    (canonical(&mut done.facts), done.rejects)
}

/// The same, compressed, and with all of its digest; `cut` bytes are missing at its end.
fn unpacked(
    text: &str,
    zstd: bool,
    cut: usize,
    range_bytes: u64,
    threads: usize,
    dedup: bool,
) -> (String, Vec<RejectLine>) {
    let mut stored = Vec::new();
    if zstd {
        stored = zstd::encode_all(text.as_bytes(), 1).unwrap();
    } else {
        let mut encoder = flate2::write::GzEncoder::new(&mut stored, flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap();
    }
    stored.truncate(stored.len().saturating_sub(cut).max(12));
    let mut done = ingested_file(&stored, range_bytes, threads, dedup);
    (canonical(&mut done.facts), done.rejects)
}

/// What does not belong in a log, or not there.
const ODD: [&str; 12] = [
    "not json",
    "",
    "{\"category\":\"AuditEvent\",",
    "[",
    "]",
    ",",
    "{\"records\":[",
    "]}",
    "{\"a\":{\"b\":1}",
    "{\"category\":\"AuditEvent\",\"properties\":{\"more\":[{\"time\":1},{\"time\":2}]}}",
    "{\n  \"category\": \"AuditEvent\",\n  \"operationName\": \"SecretGet\"\n}",
    "{\"x\":[\n{\"time\":\"1\"},\n{\"time\":\"2\"}\n{\"time\":\"3\"}\n]}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A file in ranges is the file: every count, every line and offset of evidence and rejects.
    #[test]
    fn ranges_change_nothing(
        records in prop::collection::vec(
            prop_oneof![12 => any_line(), 1 => prop::sample::select(ODD.to_vec()).prop_map(str::to_owned)],
            1..60,
        ),
        container in prop::sample::select(CONTAINERS.to_vec()),
        odd in any::<bool>(),
        range_bytes in 100_u64..2000,
        dedup in any::<bool>(),
    ) {
        let records: Vec<String> =
            records.into_iter().filter(|record| odd || record.starts_with("{\"time\":\"2026")).collect();
        let [before, between, after] = container;
        let text = [before, &records.join(between), after].concat();
        let whole = ingested(&text, u64::MAX, 1, dedup);
        prop_assert_eq!(ingested(&text, range_bytes, 1, dedup), whole.clone());
        prop_assert_eq!(ingested(&text, range_bytes, 3, dedup), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A compressed file in pieces is the file, also where it is damaged.
    #[test]
    fn pieces_change_nothing(
        records in prop::collection::vec(
            prop_oneof![12 => any_line(), 1 => prop::sample::select(ODD.to_vec()).prop_map(str::to_owned)],
            1..60,
        ),
        container in prop::sample::select(CONTAINERS.to_vec()),
        odd in any::<bool>(),
        zstd in any::<bool>(),
        cut in prop_oneof![3 => Just(0), 1 => 1_usize..200],
        range_bytes in 100_u64..4000,
        dedup in any::<bool>(),
    ) {
        let records: Vec<String> =
            records.into_iter().filter(|record| odd || record.starts_with("{\"time\":\"2026")).collect();
        let [before, between, after] = container;
        let text = [before, &records.join(between), after].concat();
        let whole = unpacked(&text, zstd, cut, u64::MAX, 1, dedup);
        prop_assert_eq!(unpacked(&text, zstd, cut, range_bytes, 2, dedup), whole.clone());
        prop_assert_eq!(unpacked(&text, zstd, cut, range_bytes, 3, dedup), whole);
    }
}

/// Several compressed files are cut at once, and read once; those that cannot be cut too.
#[test]
fn compressed_files_are_cut_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let record = |file: usize, number: usize| {
        format!(
            "{{\"time\":\"2026-03-12T00:00:00Z\",\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\",\
             \"properties\":{{\"id\":\"https://kv.vault.azure.net/secrets/s-{file}-{number}\"}}}}\n"
        )
    };
    for file in 0..4 {
        let mut text: String = (0..400).map(|number| record(file, number)).collect();
        if file == 3 {
            let row = "2026-03-12T00:00:00Z,AuditEvent,SecretGet\n";
            text = format!("TimeGenerated,Category,OperationName\n{}", row.repeat(400));
        }
        let stored = zstd::encode_all(text.as_bytes(), 1).unwrap();
        fs::write(folder.path().join(format!("{file}.zst")), stored).unwrap();
    }
    let listing = list(&[folder.path().to_string_lossy().into_owned()]).unwrap();
    let stored: u64 = listing.blobs.iter().map(|blob| blob.bytes).sum();
    for threads in [2, 8] {
        let (interrupted, read) = (AtomicBool::new(false), Read::default());
        let ingest = Ingest { progress: &read, ..of(&interrupted, threads, 1000, false) };
        let mut facts = ingest.run(&listing).unwrap().facts;
        let records: Vec<u64> = facts.coverage_rows().iter().map(|(_, blob)| blob.records).collect();
        assert_eq!(records, [400; 4], "{threads} threads");
        let mut whole = of(&interrupted, 1, 1000, false).run(&listing).unwrap().facts;
        assert_eq!(canonical(&mut facts), canonical(&mut whole));
        let last = listing.blobs.last().unwrap().bytes;
        assert!(read.0.into_inner() <= stored + last, "{threads} threads");
    }
}

/// Containers and files with rejects are cut too, and read once.
#[test]
fn a_reject_or_a_container_costs_no_second_reading() {
    let line =
        "{\"time\":\"2026-03-12T00:00:00Z\",\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\"}";
    for [before, between, after] in CONTAINERS {
        let mut records = vec![line; 100];
        records[20] = "not json";
        let text = [before, &records.join(between), after].concat();
        let (folder, read) = (tempfile::tempdir().unwrap(), Read::default());
        let path = folder.path().join("log.json");
        fs::write(&path, &text).unwrap();
        let listing = list(&[path.to_string_lossy().into_owned()]).unwrap();
        let cut = ranges::ranges(&listing.blobs[0], 500, Limits::default());
        assert!(cut.is_some_and(|ranges| ranges.len() > 3), "{text}");
        let interrupted = AtomicBool::new(false);
        let ingest = Ingest { progress: &read, ..of(&interrupted, 2, 500, false) };
        let coverage = ingest.run(&listing).unwrap().facts;
        let records: u64 = coverage.coverage.iter().map(|(_, blob)| blob.records).sum();
        assert_eq!((records, read.0.into_inner()), (99, text.len() as u64), "{text}");
    }
}

/// Counts the stored bytes that were read.
#[derive(Default)]
struct Read(std::sync::atomic::AtomicU64);

impl Progress for Read {
    fn bytes(&self, read: u64) {
        self.0.fetch_add(read, Ordering::Relaxed);
    }
}

#[test]
fn input_whose_tables_outgrow_the_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..40_000)
        .map(|caller| {
            format!(
                "{{\"time\":\"2026-03-12T00:00:00Z\",\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\",\
                 \"identity\":{{\"claim\":{{\"oid\":\"caller-{caller}\"}}}}}}"
            )
        })
        .collect();
    fs::write(folder.path().join("log.json"), lines.join("\n")).unwrap();
    let listing = list(&[folder.path().to_string_lossy().into_owned()]).unwrap();
    let interrupted = AtomicBool::new(false);
    let run = |most_memory| Ingest { most_memory, ..of(&interrupted, 2, RANGE_BYTES, false) }.run(&listing);
    assert!(matches!(run(2 << 20), Err(Error::Memory { most: 2_097_152 })));
    assert!(run(1 << 30).is_ok());
}

#[test]
fn an_interrupted_run_gives_nothing() {
    let interrupted = AtomicBool::new(true);
    let ingest = of(&interrupted, 2, RANGE_BYTES, false);
    assert!(matches!(ingest.run(&Listing::default()), Err(Error::Interrupted)));
}

/// Between listing and reading, a file may go, shrink or grow.
#[test]
fn a_file_that_changes_under_the_run_is_counted_as_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let line = "{\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\"}\n";
    for name in ["gone.json", "grown.json", "shrunk.json"] {
        fs::write(folder.path().join(name), line.repeat(4)).unwrap();
    }
    let listing = list(&[folder.path().to_string_lossy().into_owned()]).unwrap();
    fs::remove_file(folder.path().join("gone.json")).unwrap();
    fs::write(folder.path().join("grown.json"), line.repeat(9)).unwrap();
    fs::write(folder.path().join("shrunk.json"), line).unwrap();
    let interrupted = AtomicBool::new(false);
    let ingest = of(&interrupted, 2, 64, false);
    let facts = ingest.run(&listing).unwrap().facts;
    let counts: Vec<(u64, u64, bool)> = facts
        .coverage_rows()
        .iter()
        .map(|(_, blob)| (blob.records, blob.rejected(), blob.incomplete))
        .collect();
    assert_eq!(counts, [(0, 1, true), (9, 0, false), (1, 0, false)]);
}
