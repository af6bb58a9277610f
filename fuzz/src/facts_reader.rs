//! Facts on disk: tables and descriptions that nobody vouches for.

use std::fs;
use std::panic;
use std::path::Path;
use std::sync::LazyLock;

use akvlens::classify::causes::Causes;
use akvlens::decode::{Decoded, Limits, decode};
use akvlens::facts::coverage::RejectRow;
use akvlens::facts::parquet::TABLES;
use akvlens::facts::{Facts, Location};
use akvlens::findings::filter::Filter;
use akvlens::findings::{Judgement, report};
use akvlens::parts;
use akvlens::render::terminal::{self, Terminal};
use akvlens::render::{Format, json};

use crate::reader::steer;

static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

/// The tables of a small log, as this version writes them.
static TABLES_OF_A_LOG: LazyLock<[Vec<u8>; TABLES.len()]> =
    LazyLock::new(|| tables(&mut facts_of_a_log()).expect("facts of a log can be written"));

/// A folder of those facts.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    parts::add(folder.path(), &mut facts_of_a_log(), None).expect("facts can be kept");
    folder
});

/// Any bytes in the place of a table, and any changes of one, are facts or an error; facts that were
/// read can be reported on, and written and read again without a change. Any `part.json` and any
/// marker of the folder are parts or an error.
///
/// The first byte says what the rest is: a table, changes to a table, a description, or a marker.
pub fn facts_reader(bytes: &[u8]) {
    hush_the_library();
    let ([kind], rest) = steer::<1>(bytes);
    let (what, table) = (kind >> 4, usize::from(kind & 15) % TABLES.len());
    match what % 4 {
        0 => check_tables(with(table, rest.to_vec())),
        1 => check_tables(with(table, changed(TABLES_OF_A_LOG[table].clone(), rest))),
        2 => check_folder(Some(rest), None),
        _ => check_folder(None, Some(rest)),
    }
}

/// The tables of a log with another in the place of one.
fn with(table: usize, bytes: Vec<u8>) -> [Vec<u8>; TABLES.len()] {
    let mut tables = TABLES_OF_A_LOG.clone();
    tables[table] = bytes;
    tables
}

/// A table after changes of four bytes each: where (two bytes), how, and with what.
fn changed(mut table: Vec<u8>, changes: &[u8]) -> Vec<u8> {
    for change in changes.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
        // Counted from the end as well: there stands the description of the columns.
        let at = if change[2] & 128 == 0 { at } else { table.len().wrapping_sub(at + 1) };
        match (change[2] % 4, table.get_mut(at)) {
            (0, Some(byte)) => *byte = change[3],
            (1, Some(byte)) => *byte ^= 1 << (change[3] % 8),
            (2, Some(_)) => table.insert(at, change[3]),
            (3, Some(_)) => _ = table.remove(at),
            _ => {}
        }
    }
    table
}

/// Reads tables; what can be read holds together.
fn check_tables(bytes: [Vec<u8>; TABLES.len()]) {
    let Ok(mut facts) = Facts::from_parquet(bytes) else { return };
    let written = tables(&mut facts).expect("facts that were read can be written");
    let mut again = Facts::from_parquet(written.clone()).expect("what was written can be read");
    let rewritten = tables(&mut again).expect("facts that were read can be written");
    for ((one, other), name) in written.iter().zip(&rewritten).zip(TABLES) {
        assert!(one == other, "{name} changes when it is read and written");
    }
    check_report(facts);
}

/// Reports on facts, in every format.
fn check_report(facts: Facts) {
    let judgement = Judgement { challenge_window_s: 60, filter: Filter::default() };
    let report = report(facts, &CAUSES, &judgement);
    json::render(&report);
    Format::Md.render(&report, 10);
    Format::Csv.render(&report, 10);
    terminal::render(&report, Terminal { width: 80, color: false, top: 10 });
}

/// Lists and reads a folder of facts with another description of its part, or another marker.
fn check_folder(description: Option<&[u8]>, marker: Option<&[u8]>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(FOLDER.path(), folder.path(), description, marker);
    let Ok(parts) = parts::union(&[folder.path().to_path_buf()]) else { return };
    for part in parts {
        if let Ok(facts) = part.read() {
            check_report(facts);
        }
    }
}

/// Copies a folder of facts with other bytes in the place of `part.json` or of the marker.
fn copy(from: &Path, to: &Path, description: Option<&[u8]>, marker: Option<&[u8]>) {
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let instead = match entry.file_name().to_str() {
            Some("part.json") => description,
            Some("akvlens-facts.json") => marker,
            _ => None,
        };
        let copied = match instead {
            Some(bytes) => fs::write(&to, bytes),
            None if from.is_dir() => fs::create_dir(&to).map(|()| copy(&from, &to, description, marker)),
            None => fs::copy(&from, &to).map(|_| ()),
        };
        copied.expect("a temporary folder can be written");
    }
}

/// The tables of facts.
fn tables(facts: &mut Facts) -> Option<[Vec<u8>; TABLES.len()]> {
    let tables: Vec<Vec<u8>> = facts.to_parquet().ok()?.into_iter().map(|table| table.bytes).collect();
    tables.try_into().ok()
}

/// Inputs that leave everything as this version writes it: each table, the description, the marker.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let part =
        fs::read_dir(FOLDER.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    let description = fs::read(part.unwrap().join("part.json")).unwrap();
    let marker = fs::read(FOLDER.path().join("akvlens-facts.json")).unwrap();
    let table = |(index, name)| (name, [&[index], TABLES_OF_A_LOG[usize::from(index)].as_slice()].concat());
    let tables = (0..).zip(TABLES).map(table);
    let others = [
        ("part.json", [b"\x20", description.as_slice()].concat()),
        ("marker.json", [b"\x30", marker.as_slice()].concat()),
    ];
    tables.chain(others).collect()
}

/// The facts of a few records of the samples, with a reject among them.
fn facts_of_a_log() -> Facts {
    let mut facts = Facts::new();
    let blob = facts.dimensions.strings.intern("log.jsonl");
    let (totals, _) = decode(&include_bytes!("facts_reader/log.jsonl")[..], Limits::default(), |found| {
        match found {
            Decoded::Record(record, place) => {
                let location = Location { blob, offset: place.offset, line: place.line };
                facts.update(record, &CAUSES.classify(record), &CAUSES, location);
            }
            Decoded::NotAudit(_) => {}
            Decoded::Reject(reject, _) => {
                let row = RejectRow { place: reject.place, reason: reject.reason, detail: reject.detail };
                facts.coverage.blob(blob).reject(row);
            }
        }
        true
    });
    let coverage = facts.coverage.blob(blob);
    (coverage.bytes, coverage.blank, coverage.shapes) = (totals.bytes, totals.blank, totals.shapes);
    facts
}

/// The Parquet library panics on some damaged files, which the facts reader takes for an error: such
/// a panic is none of ours. libFuzzer's hook would end the process before anybody can catch it.
fn hush_the_library() {
    static HOOK: LazyLock<()> = LazyLock::new(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let foreign = info
                .location()
                .is_some_and(|place| place.file().contains("polars") || place.file().contains("/rustc/"));
            if !foreign {
                before(info);
            }
        }));
    });
    LazyLock::force(&HOOK);
}
