//! Facts on disk: a folder is a set of parts, each naming the blobs it holds.
//!
//! ```text
//! DIR/akvlens-facts.json            marks the folder
//! DIR/part-0123456789abcdef/        one part, named by the digest of its tables
//!     part.json                     its tables (rows, bytes, digest) and its blobs
//!     requests.parquet …            see `facts::parquet::TABLES`
//! ```
//!
//! Merging is a union of parts: an equal part counts once, and a blob that stands in two different
//! parts is refused by name. A part is written beside its place and renamed, so it is whole or not
//! there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::Error;
use crate::facts::Facts;
use crate::facts::cut::FilterEcho;
use crate::facts::parquet::{TABLES, Table};
use crate::source::FACTS_MARKER;

/// The form that this version writes and reads.
const FORMAT: &str = "akvlens-facts/3";

/// A part's own description.
const PART_FILE: &str = "part.json";

/// `akvlens-facts.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: String,
}

/// `part.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    format: String,
    tables: BTreeMap<String, TableFile>,
    blobs: Vec<String>,
    /// What the part was cut to, where it does not hold all of its blobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<FilterEcho>,
}

/// One table of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TableFile {
    rows: usize,
    bytes: usize,
    xxh3: String,
}

/// One part on disk.
#[derive(Clone, Debug)]
pub struct Part {
    path: PathBuf,
    id: String,
    manifest: Manifest,
}

impl Part {
    /// The part's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the part was cut to; `None` where it holds all of its blobs.
    pub fn filter(&self) -> Option<&FilterEcho> {
        self.manifest.filter.as_ref()
    }

    /// Reads the part's tables.
    ///
    /// # Errors
    /// When a file is missing, is not what the part says it is, or cannot be used.
    pub fn read(&self) -> Result<Facts, Error> {
        let tables: Vec<Result<Vec<u8>, Error>> = TABLES.par_iter().map(|name| self.table(name)).collect();
        // Of several errors, the first is told.
        let tables = tables.into_iter().collect::<Result<Vec<Vec<u8>>, Error>>()?;
        let tables = <[Vec<u8>; TABLES.len()]>::try_from(tables).unwrap_or_default();
        // A Parquet file can be made to break the library; that is this part's error.
        let facts = catch_unwind(AssertUnwindSafe(|| Facts::from_parquet(tables)));
        let damaged =
            |_| Error::FactsFolder { path: self.path.clone(), what: "its tables cannot be read".into() };
        facts.map_err(damaged)?.map_err(|source| Error::Tables { path: self.path.clone(), source })
    }

    /// The bytes of one table.
    fn table(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.path.join(name);
        let bytes = fs::read(&path).map_err(Error::read(&path))?;
        if self.manifest.tables.get(name).is_some_and(|file| file.xxh3 == digest(&bytes)) {
            return Ok(bytes);
        }
        let what = "its bytes are not those that part.json lists: ingest the logs again".into();
        Err(Error::FactsFolder { path, what })
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// The parts of a folder, sorted by name.
///
/// # Errors
/// When the folder is no facts folder of this version, or a part is damaged.
pub fn list(folder: &Path) -> Result<Vec<Part>, Error> {
    if !folder.is_dir() {
        return Err(Error::NoInput(format!("'{}' does not exist", folder.display())));
    }
    if !folder.join(FACTS_MARKER).is_file() {
        let what = "holds no facts (akvlens facts INPUT -o DIR makes a folder of them)".into();
        return Err(Error::FactsFolder { path: folder.to_path_buf(), what });
    }
    let marker: Marker = read_json(&folder.join(FACTS_MARKER))?;
    if marker.format != FORMAT {
        let what = format!("holds facts of the form '{}', this akvlens reads '{FORMAT}'", marker.format);
        return Err(Error::FactsFolder { path: folder.to_path_buf(), what });
    }
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::read(folder))? {
        let path = entry.map_err(Error::read(folder))?.path();
        let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if id.starts_with("part-") && path.is_dir() {
            let manifest: Manifest = read_json(&path.join(PART_FILE))?;
            parts.push(Part { path, id, manifest });
        }
    }
    parts.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(parts)
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Error> {
    let bytes = fs::read(path).map_err(Error::read(path))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::FactsFolder {
        path: path.to_path_buf(),
        what: format!("cannot be used: {error}"),
    })
}

/// The union of the parts of several folders: equal parts once.
///
/// # Errors
/// When a blob stands in two different parts.
pub fn union(folders: &[PathBuf]) -> Result<Vec<Part>, Error> {
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for folder in folders {
        let here = list(folder)?;
        if here.is_empty() {
            return Err(Error::NoInput(format!(
                "'{}' is a folder of facts without any part",
                folder.display()
            )));
        }
        for part in here {
            parts.entry(part.id.clone()).or_insert(part);
        }
    }
    let parts: Vec<Part> = parts.into_values().collect();
    check_blobs(&parts, &[])?;
    Ok(parts)
}

/// Refuses a blob that stands in two parts, or in a part and among `others`.
///
/// # Errors
/// Names the blob and both places.
pub fn check_blobs(parts: &[Part], others: &[String]) -> Result<(), Error> {
    let mut seen: BTreeMap<&str, &str> =
        others.iter().map(|blob| (blob.as_str(), "the logs given")).collect();
    for part in parts {
        for blob in &part.manifest.blobs {
            if let Some(one) = seen.insert(blob, &part.id) {
                let (one, other) = (one.to_owned(), part.id.clone());
                return Err(Error::BlobTwice { blob: blob.clone(), one, other });
            }
        }
    }
    Ok(())
}

/// Makes `folder` a facts folder, if it is new, empty, or one already.
///
/// # Errors
/// When it holds anything else.
fn prepare(folder: &Path) -> Result<(), Error> {
    let marker = folder.join(FACTS_MARKER);
    if marker.is_file() {
        return list(folder).map(|_| ());
    }
    fs::create_dir_all(folder).map_err(Error::write(folder))?;
    if fs::read_dir(folder).map_err(Error::read(folder))?.next().is_some() {
        let what = "is not empty and holds no facts: give a new folder".into();
        return Err(Error::FactsFolder { path: folder.to_path_buf(), what });
    }
    write_json(&marker, &Marker { format: FORMAT.into() })
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::Write { path: path.to_path_buf(), source: error.into() })?;
    bytes.push(b'\n');
    fs::write(path, bytes).map_err(Error::write(path))
}

/// Adds a part to a folder, unless it is there; says the part's name. `filter` is what the facts
/// were cut to.
///
/// # Errors
/// When a blob of it stands in another part of the folder, or writing fails.
pub fn add(folder: &Path, facts: &mut Facts, filter: Option<FilterEcho>) -> Result<String, Error> {
    prepare(folder)?;
    let tables = facts.to_parquet().map_err(|source| Error::Tables { path: folder.to_path_buf(), source })?;
    let read = facts.coverage_rows().into_iter().filter(|(_, blob)| blob.passed_over.is_none());
    let blobs = read.map(|(name, _)| name.to_owned()).collect();
    let manifest = Manifest {
        format: FORMAT.into(),
        tables: tables.iter().map(|table| (table.name.to_owned(), table_file(table))).collect(),
        blobs,
        filter,
    };
    let id = id_of(&manifest);
    let part = Part { path: folder.join(&id), id: id.clone(), manifest };
    let mut all = list(folder)?;
    if all.iter().any(|other| other.id == id) {
        return Ok(id);
    }
    all.push(part.clone());
    check_blobs(&all, &[])?;
    let temporary = temporary(folder)?;
    for table in &tables {
        let path = temporary.path().join(table.name);
        fs::write(&path, &table.bytes).map_err(Error::write(&path))?;
    }
    write_json(&temporary.path().join(PART_FILE), &part.manifest)?;
    settle(temporary, &part.path)?;
    Ok(id)
}

/// Copies parts into a folder; those that are there stay.
///
/// # Errors
/// When a blob would stand in two different parts, or writing fails.
pub fn copy(parts: &[Part], folder: &Path) -> Result<(), Error> {
    prepare(folder)?;
    let there = list(folder)?;
    let known: BTreeSet<&str> = there.iter().map(Part::id).collect();
    let new: Vec<&Part> = parts.iter().filter(|part| !known.contains(part.id())).collect();
    let all: Vec<Part> = there.iter().chain(new.iter().copied()).cloned().collect();
    check_blobs(&all, &[])?;
    for part in new {
        let temporary = temporary(folder)?;
        for name in TABLES.iter().chain([&PART_FILE]) {
            let from = part.path.join(name);
            fs::copy(&from, temporary.path().join(name)).map_err(Error::read(&from))?;
        }
        settle(temporary, &folder.join(&part.id))?;
    }
    Ok(())
}

/// A folder beside the parts, which is removed unless it becomes one.
fn temporary(folder: &Path) -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new().prefix(".new-part-").tempdir_in(folder).map_err(Error::write(folder))
}

/// Gives a written part its name.
fn settle(temporary: tempfile::TempDir, place: &Path) -> Result<(), Error> {
    let from = temporary.keep();
    // The temporary folder is its owner's alone; a part is as readable as any file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&from, fs::Permissions::from_mode(0o755)).map_err(Error::write(&from))?;
    }
    fs::rename(&from, place).map_err(Error::write(place))
}

fn table_file(table: &Table) -> TableFile {
    TableFile { rows: table.rows, bytes: table.bytes.len(), xxh3: digest(&table.bytes) }
}

/// A part's name: the digest of its tables' digests.
fn id_of(manifest: &Manifest) -> String {
    let tables: Vec<String> =
        manifest.tables.iter().map(|(name, file)| format!("{name}={}", file.xxh3)).collect();
    // Facts that were cut are not the facts that were not, even where they hold the same.
    let filter = manifest.filter.as_ref().and_then(|filter| serde_json::to_string(filter).ok());
    let digest = digest((tables.join("\n") + &filter.unwrap_or_default()).as_bytes());
    digest.chars().take(16).fold("part-".to_owned(), |id, digit| id + &digit.to_string())
}
