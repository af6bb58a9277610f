use std::fs;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::facts::tests::{any_line, canonical};
use crate::source::list;

static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

/// What a text gives, cut into ranges of so many bytes.
fn ingested(text: &str, range_bytes: u64, threads: usize, dedup: bool) -> (String, Vec<RejectLine>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.json");
    fs::write(&path, text).unwrap();
    let mut listing = list(&[path.to_string_lossy().into_owned()]).unwrap();
    "log.json".clone_into(&mut listing.blobs[0].name);
    let interrupted = AtomicBool::new(false);
    let ingest = Ingest {
        causes: &CAUSES,
        limits: Limits::default(),
        dates: Dates::default(),
        threads,
        progress: &Silent,
        interrupted: &interrupted,
        keep_rejects: true,
        dedup,
        range_bytes,
    };
    let mut done = ingest.run(&listing).unwrap();
    let blob = done.facts.dimensions.strings.intern("log.json");
    // The digest of a blob in ranges is made of theirs.
    done.facts.coverage.blob(blob).digest = 0;
    (canonical(&mut done.facts), done.rejects)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A file in ranges is the file: every count, every line and offset of evidence and rejects.
    #[test]
    fn ranges_change_nothing(
        lines in prop::collection::vec(prop_oneof![
            8 => any_line(),
            1 => Just("not json".to_owned()),
            1 => Just(String::new()),
            1 => Just("{\"category\":\"AuditEvent\",".to_owned()),
            1 => prop::sample::select(vec!["[", "]", ",", "{\"records\":[", "]}", "{\"a\":{\"b\":1}"]).prop_map(str::to_owned),
        ], 1..60),
        damaged in any::<bool>(),
        range_bytes in 200_u64..4000,
        crlf in any::<bool>(),
        dedup in any::<bool>(),
    ) {
        let lines: Vec<String> =
            lines.into_iter().filter(|line| damaged || line.is_empty() || line.contains("\"time\"")).collect();
        let text = lines.join(if crlf { "\r\n" } else { "\n" });
        let whole = ingested(&text, u64::MAX, 1, dedup);
        prop_assert_eq!(ingested(&text, range_bytes, 1, dedup), whole.clone());
        prop_assert_eq!(ingested(&text, range_bytes, 3, dedup), whole);
    }
}

#[test]
fn an_interrupted_run_gives_nothing() {
    let interrupted = AtomicBool::new(true);
    let ingest = Ingest {
        causes: &CAUSES,
        limits: Limits::default(),
        dates: Dates::default(),
        threads: 2,
        progress: &Silent,
        interrupted: &interrupted,
        keep_rejects: false,
        dedup: false,
        range_bytes: RANGE_BYTES,
    };
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
    let ingest = Ingest {
        causes: &CAUSES,
        limits: Limits::default(),
        dates: Dates::default(),
        threads: 2,
        progress: &Silent,
        interrupted: &interrupted,
        keep_rejects: false,
        dedup: false,
        range_bytes: 64,
    };
    let facts = ingest.run(&listing).unwrap().facts;
    let counts: Vec<(u64, u64, bool)> = facts
        .coverage_rows()
        .iter()
        .map(|(_, blob)| (blob.records, blob.rejected(), blob.incomplete))
        .collect();
    assert_eq!(counts, [(0, 1, true), (9, 0, false), (1, 0, false)]);
}
