//! Where records go: a tree of blobs as a storage account holds them, or one file.
//!
//! In: records in order of arrival. Out: files; and how many bytes and blobs there are. A blob is written
//! in chunks, and each chunk is compressed on its own, as a gzip member or a zstd frame.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{Datelike, Timelike};
use flate2::write::GzEncoder;

use crate::calendar::Ticks;
use crate::cli::{Compression, Container, Plan};
use crate::world::Vault;

/// Bytes of a blob that are held back before they are written.
const CHUNK_BYTES: usize = 1 << 20;
/// Bytes that all open blobs together may hold back.
const HELD_BYTES: usize = 256 << 20;

/// What was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    /// Bytes before compression.
    pub(crate) bytes: u64,
    /// Number of blobs.
    pub(crate) blobs: u64,
}

/// Writes records to their blobs.
#[derive(Debug)]
pub(crate) struct Blobs {
    /// Directory of the tree, or the single file.
    out: PathBuf,
    /// One file instead of a tree.
    single: bool,
    /// How to write a blob.
    form: Form,
    /// Hour of the open blobs.
    hour: u64,
    /// The open blobs, by the vault's `resourceId`; a single one has none.
    open: Vec<(String, Blob)>,
    /// What was written.
    totals: Totals,
}

/// How to write a blob.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// How records are held together.
    container: Container,
    /// How chunks are compressed.
    compression: Compression,
    /// Size of a chunk.
    chunk_bytes: usize,
}

/// A blob being written.
#[derive(Debug)]
struct Blob {
    /// Its file.
    path: PathBuf,
    /// What is not yet written.
    chunk: Vec<u8>,
    /// Whether it has a record.
    begun: bool,
    /// Whether the file is there.
    created: bool,
}

impl Blobs {
    /// Begins; a directory that has something in it is left alone, since old blobs would belie the truth.
    pub(crate) fn create(plan: &Plan) -> io::Result<Self> {
        if plan.single {
            if let Some(parent) = plan.out.parent() {
                fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
            }
        } else {
            fs::create_dir_all(&plan.out).map_err(|error| at(&plan.out, &error))?;
            let mut entries = fs::read_dir(&plan.out).map_err(|error| at(&plan.out, &error))?;
            if entries.next().is_some() {
                let error = io::Error::other("is not empty; remove it first, or name another directory");
                return Err(at(&plan.out, &error));
            }
        }
        let chunk_bytes = CHUNK_BYTES.min(HELD_BYTES / (plan.vaults + 1));
        Ok(Self {
            out: plan.out.clone(),
            single: plan.single,
            form: Form { container: plan.container, compression: plan.compression, chunk_bytes },
            hour: 0,
            open: Vec::new(),
            totals: Totals { bytes: 0, blobs: 0 },
        })
    }

    /// Bytes so far, before compression.
    pub(crate) fn bytes(&self) -> u64 {
        self.totals.bytes
    }

    /// Appends a record to the blob of its vault and of the hour in which it arrived.
    pub(crate) fn append(&mut self, vault: &Vault, arrival: Ticks, record: &str) -> io::Result<()> {
        let key = if self.single { "" } else { vault.resource_id.as_str() };
        if !self.single && arrival.hour() != self.hour {
            self.close()?;
            self.hour = arrival.hour();
        }
        let place = match self.open.binary_search_by(|(open, _)| open.as_str().cmp(key)) {
            Ok(place) => place,
            Err(place) => {
                let path = if self.single { self.out.clone() } else { self.path(vault, arrival) };
                self.open.insert(place, (key.to_owned(), Blob::new(path)));
                self.totals.blobs += 1;
                place
            }
        };
        self.totals.bytes += self.open[place].1.append(record, self.form)?;
        Ok(())
    }

    /// Ends every blob.
    pub(crate) fn finish(mut self) -> io::Result<Totals> {
        self.close()?;
        Ok(self.totals)
    }

    /// Ends the open blobs.
    fn close(&mut self) -> io::Result<()> {
        for (_, mut blob) in self.open.drain(..) {
            self.totals.bytes += blob.end(self.form)?;
        }
        Ok(())
    }

    /// Path of a blob in the tree, as a download with PowerShell lays it out.
    fn path(&self, vault: &Vault, arrival: Ticks) -> PathBuf {
        let civil = arrival.civil();
        let mut path = self.out.join("resourceId=");
        path.extend(vault.resource_id.split('/').filter(|part| !part.is_empty()));
        path.push(format!("y={:04}", civil.year()));
        path.push(format!("m={:02}", civil.month()));
        path.push(format!("d={:02}", civil.day()));
        path.push(format!("h={:02}", civil.hour()));
        path.push("m=00");
        path.push(match self.form.compression {
            Compression::None => "PT1H.json",
            Compression::Gzip => "PT1H.json.gz",
            Compression::Zstd => "PT1H.json.zst",
        });
        path
    }
}

impl Blob {
    /// A blob that has nothing yet.
    fn new(path: PathBuf) -> Self {
        Self { path, chunk: Vec::new(), begun: false, created: false }
    }

    /// Adds a record and returns by how many bytes the blob has grown.
    fn append(&mut self, record: &str, form: Form) -> io::Result<u64> {
        let [opening, separator, _] = form.container.marks();
        let before = self.chunk.len();
        self.chunk.extend_from_slice(if self.begun { separator } else { opening }.as_bytes());
        self.chunk.extend_from_slice(record.as_bytes());
        self.begun = true;
        let grown = self.chunk.len() - before;
        if self.chunk.len() >= form.chunk_bytes {
            self.flush(form.compression)?;
        }
        Ok(grown as u64)
    }

    /// Ends the blob and returns by how many bytes it has grown.
    fn end(&mut self, form: Form) -> io::Result<u64> {
        let [_, _, closing] = form.container.marks();
        self.chunk.extend_from_slice(closing.as_bytes());
        self.flush(form.compression)?;
        Ok(closing.len() as u64)
    }

    /// Writes what was held back.
    fn flush(&mut self, compression: Compression) -> io::Result<()> {
        self.write(compression).map_err(|error| at(&self.path, &error))?;
        self.created = true;
        self.chunk.clear();
        Ok(())
    }

    /// Appends the chunk, compressed, to the file; the first time, in place of whatever was there.
    fn write(&self, compression: Compression) -> io::Result<()> {
        let mut file = if self.created {
            OpenOptions::new().append(true).open(&self.path)?
        } else {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            File::create(&self.path)?
        };
        match compression {
            Compression::None => file.write_all(&self.chunk),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(file, flate2::Compression::default());
                encoder.write_all(&self.chunk)?;
                encoder.finish().map(drop)
            }
            Compression::Zstd => file.write_all(&zstd::bulk::compress(&self.chunk, 3)?),
        }
    }
}

impl Container {
    /// What comes before, between and after the records of a blob.
    fn marks(self) -> [&'static str; 3] {
        match self {
            Self::Jsonl => ["", "\n", "\n"],
            Self::Records => ["{\"records\":[", ",", "]}\n"],
            Self::Array => ["[", ",", "]\n"],
            Self::Value => ["{\"value\":[", ",", "]}\n"],
            Self::Pretty => ["{\n    \"records\": [\n", ",\n", "\n    ]\n}\n"],
        }
    }
}

/// An error that names its path.
pub(crate) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
