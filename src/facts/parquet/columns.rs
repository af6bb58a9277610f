//! Named columns of plain values, to and from Parquet.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, NewChunkedArray, ParquetReader, ParquetWriter, PolarsError,
    SerReader, StringChunked, TimeUnit,
};

use super::claims::check;
use super::{Table, TableError};
use crate::ticks::Ticks;

/// Highest count that is read: no log has as many bytes (256 TiB), and many of these can be added up.
pub(super) const MOST_COUNT: u64 = 1 << 48;

/// A table being written.
pub(super) struct Columns {
    table: &'static str,
    rows: usize,
    columns: Vec<Column>,
}

impl Columns {
    /// A table of `rows` rows.
    pub(super) fn new(table: &'static str, rows: usize) -> Self {
        Self { table, rows, columns: Vec::new() }
    }

    /// Texts; missing where `None`.
    pub(super) fn text<'v>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<&'v str>>,
    ) -> &mut Self {
        let values: Vec<Option<&str>> = values.collect();
        self.columns.push(StringChunked::from_slice_options(name.into(), &values).into_column());
        self
    }

    /// Whole numbers that may be missing.
    pub(super) fn numbers(&mut self, name: &str, values: impl Iterator<Item = Option<i64>>) -> &mut Self {
        self.columns.push(Column::new(name.into(), values.collect::<Vec<Option<i64>>>()));
        self
    }

    /// Counts.
    pub(super) fn counts(&mut self, name: &str, values: impl Iterator<Item = u64>) -> &mut Self {
        self.columns.push(Column::new(name.into(), values.collect::<Vec<u64>>()));
        self
    }

    /// Counts or references under 2^32.
    pub(super) fn small(&mut self, name: &str, values: impl Iterator<Item = u32>) -> &mut Self {
        self.columns.push(Column::new(name.into(), values.collect::<Vec<u32>>()));
        self
    }

    /// Yes, no, or missing.
    pub(super) fn flags(&mut self, name: &str, values: impl Iterator<Item = Option<bool>>) -> &mut Self {
        self.columns.push(Column::new(name.into(), values.collect::<Vec<Option<bool>>>()));
        self
    }

    /// Seconds since 1970 as timestamps (UTC).
    pub(super) fn seconds(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<i64>>,
    ) -> Result<&mut Self, TableError> {
        let milliseconds: Vec<Option<i64>> =
            values.map(|second| second.map(|second| second * 1000)).collect();
        let column = Column::new(name.into(), milliseconds);
        let column = column.cast(&DataType::Datetime(TimeUnit::Milliseconds, None));
        self.columns.push(column.map_err(|source| TableError::Parquet { table: self.table, source })?);
        Ok(self)
    }

    /// The file.
    pub(super) fn finish(self) -> Result<Table, TableError> {
        let refused = |source| TableError::Parquet { table: self.table, source };
        let mut frame = DataFrame::new(self.rows, self.columns).map_err(refused)?;
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).set_parallel(false).finish(&mut frame).map_err(refused)?;
        Ok(Table { name: self.table, rows: self.rows, bytes })
    }
}

/// A table being read.
pub(super) struct Read {
    table: &'static str,
    frame: DataFrame,
}

impl Read {
    /// Opens a file.
    pub(super) fn open(table: &'static str, bytes: Vec<u8>) -> Result<Self, TableError> {
        check(&bytes).map_err(|what| TableError::Value { table, what: what.into() })?;
        let frame = guarded(table, || ParquetReader::new(Cursor::new(bytes)).finish())?;
        Ok(Self { table, frame })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.frame.height()
    }

    /// A value that akvlens does not write.
    pub(super) fn wrong(&self, what: impl Into<String>) -> TableError {
        TableError::Value { table: self.table, what: what.into() }
    }

    fn typed<'r, T>(
        &'r self,
        name: &str,
        take: impl Fn(&'r Column) -> Result<T, PolarsError>,
    ) -> Result<T, TableError> {
        guarded(self.table, || self.frame.column(name).and_then(take))
    }

    /// Texts.
    pub(super) fn text(&self, name: &str) -> Result<Vec<Option<&str>>, TableError> {
        self.typed(name, |column| Ok(column.str()?.iter().collect()))
    }

    /// Texts that are never missing.
    pub(super) fn full_text(&self, name: &str) -> Result<Vec<&str>, TableError> {
        let values: Option<Vec<&str>> = self.text(name)?.into_iter().collect();
        values.ok_or_else(|| self.wrong(format!("{name} is missing in a row")))
    }

    /// Whole numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<Option<i64>>, TableError> {
        self.typed(name, |column| Ok(column.i64()?.iter().collect()))
    }

    /// Instants; only such as a log can name.
    pub(super) fn ticks(&self, name: &str) -> Result<Vec<Option<Ticks>>, TableError> {
        let instant = |number: i64| {
            let known = (Ticks::FIRST.0..=Ticks::LAST.0).contains(&number);
            if known { Ok(Ticks(number)) } else { Err(self.wrong(format!("{name}: no instant"))) }
        };
        self.numbers(name)?.into_iter().map(|number| number.map(instant).transpose()).collect()
    }

    /// Counts; only such as can be added up.
    pub(super) fn counts(&self, name: &str) -> Result<Vec<u64>, TableError> {
        let counts = self.amounts(name)?;
        let most = counts.iter().max().copied().unwrap_or_default();
        if most > MOST_COUNT { Err(self.wrong(format!("{name}: no count"))) } else { Ok(counts) }
    }

    /// Numbers of any size, which are only compared.
    pub(super) fn amounts(&self, name: &str) -> Result<Vec<u64>, TableError> {
        self.typed(name, |column| Ok(column.u64()?.iter().map(|value| value.unwrap_or(0)).collect()))
    }

    /// Small counts or references.
    pub(super) fn small(&self, name: &str) -> Result<Vec<u32>, TableError> {
        self.typed(name, |column| Ok(column.u32()?.iter().map(|value| value.unwrap_or(0)).collect()))
    }

    /// Flags.
    pub(super) fn flags(&self, name: &str) -> Result<Vec<Option<bool>>, TableError> {
        self.typed(name, |column| Ok(column.bool()?.iter().collect()))
    }

    /// Names of one of the enums that akvlens writes by name.
    pub(super) fn named<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>, TableError> {
        let parse = |text: &str| text.parse().map_err(|_| self.wrong(format!("{name}: unknown value")));
        self.full_text(name)?.into_iter().map(parse).collect()
    }
}

/// What the Parquet library makes of a file. On some damaged files it panics, which is that file's
/// error and no failure of akvlens.
fn guarded<T>(table: &'static str, work: impl FnOnce() -> Result<T, PolarsError>) -> Result<T, TableError> {
    let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| TableError::Damaged { table })?;
    done.map_err(|source| TableError::Parquet { table, source })
}
