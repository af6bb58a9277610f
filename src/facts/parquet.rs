//! The tables as Parquet, for any engine and for akvlens itself.
//!
//! Input and output: the bytes of one file a table. `requests` is a star: `request_keys` holds one
//! row a stream with all its dimensions, `requests` one row a stream and second, joined by `key`
//! within a part; `second` counts from 1970, `first_tick` and `last_tick` are 100 ns within it. Rows are sorted, so equal facts give equal bytes. Must not touch the disk.

mod claims;
mod columns;
mod file;
mod read;
mod texts;
mod write;

use super::Facts;

/// Tables cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The Parquet library refused.
    #[error("{table}: {source}")]
    Parquet {
        /// Which file.
        table: &'static str,
        /// Why.
        source: polars::error::PolarsError,
    },
    /// The Parquet library failed on it without saying why.
    #[error("{table}: damaged, the Parquet library cannot read it")]
    Damaged {
        /// Which file.
        table: &'static str,
    },
    /// A value that no akvlens writes.
    #[error("{table}: {what}")]
    Value {
        /// Which file.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
}

/// The files of a part, in the order of [`TABLES`].
pub const TABLES: [&str; 8] = [
    "request_keys.parquet",
    "requests.parquet",
    "latency.parquet",
    "changes.parquet",
    "examples.parquet",
    "coverage.parquet",
    "rejects.parquet",
    "sightings.parquet",
];

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, one of [`TABLES`].
    pub name: &'static str,
    /// Its rows.
    pub rows: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Facts {
    /// All tables, in the order of [`TABLES`]; brings the requests in order first.
    ///
    /// # Errors
    /// When the Parquet library refuses.
    pub fn to_parquet(&mut self) -> Result<Vec<Table>, TableError> {
        self.requests.settle();
        write::tables(self)
    }

    /// Facts from the bytes of all tables, in the order of [`TABLES`].
    ///
    /// # Errors
    /// When a file is damaged, lacks a column, or holds what akvlens does not write.
    pub fn from_parquet(tables: [Vec<u8>; TABLES.len()]) -> Result<Self, TableError> {
        read::facts(tables)
    }
}

#[cfg(test)]
mod tests;
