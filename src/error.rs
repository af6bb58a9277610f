//! What can go wrong with a whole run, and what the exit status says of it.
//!
//! Damage inside a blob is no error: it is counted in coverage and the run goes on.

use std::io;
use std::path::{Path, PathBuf};

use crate::data_file::Mistake;
use crate::facts::parquet::TableError;

/// Why a run cannot go on. Texts begin in lower case and say what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting or argument is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file of causes, limits, applications or roles is wrong.
    #[error(transparent)]
    DataFile(#[from] Mistake),
    /// A file or folder cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A facts folder is damaged, or was written by another version.
    #[error("{}: {what}", path.display())]
    FactsFolder {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The tables of a part cannot be used.
    #[error("{}: {source}", path.display())]
    Tables {
        /// Which part.
        path: PathBuf,
        /// Why.
        source: TableError,
    },
    /// The tables would take more memory than they may.
    #[error(
        "the input has so many different callers, objects and seconds that its tables need more memory than \
         --max-memory allows ({most} bytes): raise it, or read fewer vaults or hours at a time"
    )]
    Memory {
        /// Bytes that may be taken.
        most: u64,
    },
    /// One blob stands in two parts.
    #[error(
        "blob '{blob}' stands in two different parts ({one} and {other}): counting it twice would be wrong; \
         leave one of them out, or ingest the logs again"
    )]
    BlobTwice {
        /// The blob's name.
        blob: String,
        /// One part.
        one: String,
        /// The other.
        other: String,
    },
    /// Nothing to read.
    #[error("no input: {0}")]
    NoInput(String),
    /// Ctrl-C.
    #[error("interrupted: nothing was written")]
    Interrupted,
}

impl Error {
    /// For `map_err` on reading.
    pub fn read(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Read { path, source }
    }

    /// For `map_err` on writing.
    pub fn write(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Write { path, source }
    }

    /// Whether it is only that the reader of our output went away (`| head`).
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit status that tells it.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::NoInput(_) => ExitStatus::NoInput,
            Self::Interrupted => ExitStatus::Interrupted,
            _ => ExitStatus::Usage,
        }
    }
}

/// What the process says when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// All read, nothing to tell at the level asked for.
    Clean = 0,
    /// Findings at or above `--fail-on`.
    Findings = 1,
    /// Usage, configuration, or an output that cannot be written.
    Usage = 2,
    /// A blob could not be read whole, or more records were rejected than `--max-rejected`. The
    /// report was written.
    Incomplete = 3,
    /// Nothing to read.
    NoInput = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}
