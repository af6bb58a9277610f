//! Facts on disk: tables and descriptions that nobody vouches for.

use std::fs;
use std::io;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use akvlens::classify::causes::Causes;
use akvlens::decode::{Decoded, Limits, decode};
use akvlens::facts::coverage::RejectRow;
use akvlens::facts::parquet::TABLES;
use akvlens::facts::{Facts, Location};
use akvlens::findings::{Judgement, report};
use akvlens::parts;
use akvlens::render::Format;
use akvlens::render::terminal::{self, Terminal};

use crate::reader::steer;

static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

/// The tables of a small log, as this version writes them.
static TABLES_OF_A_LOG: LazyLock<[Vec<u8>; TABLES.len()]> =
    LazyLock::new(|| tables(&mut facts_of_a_log()).expect("facts of a log can be written"));

/// The tables of no log: quickly read.
static TABLES_OF_NOTHING: LazyLock<[Vec<u8>; TABLES.len()]> =
    LazyLock::new(|| tables(&mut Facts::new()).expect("no facts can be written"));

/// The files of a folder of the facts of a log, by their path in it.
static FOLDER: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let part = parts::add(folder.path(), &mut facts_of_a_log(), None).expect("facts can be kept");
    let of_part = TABLES.iter().chain(&["part.json"]).map(|name| Path::new(&part).join(name));
    let files = of_part.chain([PathBuf::from("akvlens-facts.json")]);
    files
        .map(|path| (path.clone(), fs::read(folder.path().join(&path)).expect("a file that was written")))
        .collect()
});

/// Any bytes in the place of a table, and any changes of one, are facts or an error; facts that were
/// read can be reported on, and written and read again without a change. Any `part.json` and any
/// marker of the folder are parts or an error.
///
/// The first byte says what the rest is (a table, changes to a table, a description, or a marker),
/// which table, and whether what was read is written: that takes long.
pub fn facts_reader(bytes: &[u8]) {
    hush_the_library();
    let ([kind], rest) = steer::<1>(bytes);
    let (what, write, table) = (kind >> 4, kind & 8 != 0, usize::from(kind & 7) % TABLES.len());
    match what % 4 {
        0 => check_tables(with(table, rest.to_vec()), write),
        1 => check_tables(with(table, changed(TABLES_OF_A_LOG[table].clone(), rest)), write),
        2 => check_folder("part.json", rest),
        _ => check_folder("akvlens-facts.json", rest),
    }
}

/// A table among those of no log; `requests` with the keys that its rows refer to.
fn with(table: usize, bytes: Vec<u8>) -> [Vec<u8>; TABLES.len()] {
    let mut tables = TABLES_OF_NOTHING.clone();
    if TABLES[table] == "requests.parquet" {
        tables[0].clone_from(&TABLES_OF_A_LOG[0]);
    }
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
fn check_tables(bytes: [Vec<u8>; TABLES.len()], write: bool) {
    let Ok(mut facts) = Facts::from_parquet(bytes) else { return };
    if write {
        check_written(&mut facts);
    }
    check_report(facts);
}

/// What is written is read again as it is.
fn check_written(facts: &mut Facts) {
    let written = tables(facts).expect("facts that were read can be written");
    let mut again = Facts::from_parquet(written.clone()).expect("what was written can be read");
    let rewritten = tables(&mut again).expect("facts that were read can be written");
    for ((one, other), name) in written.iter().zip(&rewritten).zip(TABLES) {
        assert!(one == other, "{name} changes when it is read and written");
    }
}

/// Reports on facts, in every format.
fn check_report(facts: Facts) {
    let judgement = Judgement { stale_after_days: 90, ..Judgement::default() };
    let report = report(facts, &CAUSES, &judgement);
    for format in [Format::Json, Format::Md, Format::Csv] {
        format.write(&report, 10, &mut io::sink()).expect("nothing is refused");
    }
    terminal::render(&report, Terminal { width: 80, color: false, top: 10 });
}

/// Lists and reads a folder of facts with other bytes in the place of one file.
fn check_folder(name: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, as_written) in FOLDER.iter() {
        let to = folder.path().join(path);
        let bytes = if path.ends_with(name) { bytes } else { as_written };
        let made = to.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&to, bytes)).expect("a temporary folder can be written");
    }
    let Ok(parts) = parts::union(&[folder.path().to_path_buf()]) else { return };
    for part in parts {
        if let Ok(facts) = part.read() {
            check_report(facts);
        }
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
    let file = |kind, name| {
        let (_, bytes) = FOLDER.iter().find(|(path, _)| path.ends_with(name)).unwrap();
        (name, [&[kind], bytes.as_slice()].concat())
    };
    let table = |(index, name)| (name, [&[index], TABLES_OF_A_LOG[usize::from(index)].as_slice()].concat());
    let tables = (0..).zip(TABLES).map(table);
    let others = [file(0x20, "part.json"), file(0x30, "akvlens-facts.json")];
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
    (coverage.bytes, coverage.blank, coverage.containers) = (totals.bytes, totals.blank, totals.containers);
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
