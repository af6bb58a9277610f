//! Parquet of a table or of the storage form, as jobs of Fabric, Synapse and Databricks keep them.
//!
//! In: records and their columns. Out: a Parquet file, row group after row group. Dynamic columns are JSON
//! text, times are nanoseconds, and every value of the storage form is text: vaults and Managed HSM disagree
//! on the types of theirs.

use std::io::{self, Write};
use std::mem;

use polars::prelude::{
    BatchedWriter, Column, DataFrame, DataType, Field, IntoColumn, NewChunkedArray, ParquetWriter,
    PolarsError, Schema, StringChunked, TimeUnit,
};

use super::row::{Cell, Columns, Kind, Row};
use super::{Carrier, Json, Record, time};

/// Rows of a row group: what memory holds.
const GROUP_ROWS: usize = 16_384;

/// The members of a record as cells.
pub(super) fn storage_row(record: &Json) -> Row {
    let present = record.members().iter().filter(|(_, value)| *value != Json::Null);
    Row(present.map(|(key, value)| (key.clone(), Cell::Text(value.dynamic_text()))).collect())
}

/// Writes a table.
pub(super) struct Parquet<W: Write> {
    row: fn(&Json) -> Row,
    columns: Columns,
    rows: Vec<Vec<Option<Cell>>>,
    out: BatchedWriter<W>,
}

impl<W: Write> Parquet<W> {
    /// Begins the file.
    pub(super) fn begin(row: fn(&Json) -> Row, columns: Columns, out: W) -> io::Result<Self> {
        let fields = columns.list().iter().map(|(name, kind)| Field::new(name.into(), data_type(*kind)));
        let schema: Schema = fields.collect();
        let out = ParquetWriter::new(out).set_parallel(false).batched(&schema).map_err(io::Error::other)?;
        Ok(Self { row, columns, rows: Vec::new(), out })
    }

    /// Writes what is held as a row group.
    fn end_group(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = mem::take(&mut self.rows);
        let columns = self.columns.list().iter().enumerate();
        let columns: Result<Vec<Column>, PolarsError> = columns
            .map(|(place, (name, kind))| {
                let cells: Vec<Option<&Cell>> =
                    rows.iter().map(|row| row.get(place).and_then(Option::as_ref)).collect();
                column(name, *kind, &cells)
            })
            .collect();
        let frame = columns.and_then(|columns| DataFrame::new(rows.len(), columns));
        frame.and_then(|frame| self.out.write_batch(&frame)).map_err(io::Error::other)
    }
}

impl<W: Write> Carrier for Parquet<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.rows.push(self.columns.spread((self.row)(&record.json))?);
        if self.rows.len() == GROUP_ROWS { self.end_group() } else { Ok(()) }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end_group()?;
        self.out.finish().map(drop).map_err(io::Error::other)
    }
}

/// The type of a column of polars.
fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::String | Kind::Guid | Kind::Dynamic => DataType::String,
        Kind::Int => DataType::Int32,
        Kind::Long => DataType::Int64,
        Kind::Real => DataType::Float64,
        Kind::Bool => DataType::Boolean,
        Kind::Datetime => DataType::Datetime(TimeUnit::Nanoseconds, None),
    }
}

/// A column of polars.
fn column(name: &str, kind: Kind, cells: &[Option<&Cell>]) -> Result<Column, PolarsError> {
    let column = match kind {
        Kind::String | Kind::Guid | Kind::Dynamic => {
            let texts: Vec<Option<String>> = cells.iter().map(|cell| cell.map(Cell::text)).collect();
            StringChunked::from_slice_options(name.into(), &texts).into_column()
        }
        Kind::Int | Kind::Long => {
            Column::new(name.into(), all(cells, |cell| cell.text().parse::<i64>().ok()))
        }
        Kind::Real => Column::new(name.into(), all(cells, |cell| cell.text().parse::<f64>().ok())),
        Kind::Bool => Column::new(name.into(), all(cells, |cell| cell.text().parse::<bool>().ok())),
        Kind::Datetime => Column::new(name.into(), all(cells, |cell| time::nanoseconds(&cell.text()))),
    };
    column.cast(&data_type(kind))
}

/// The value of each cell that has one.
fn all<T>(cells: &[Option<&Cell>], value: impl Fn(&Cell) -> Option<T>) -> Vec<Option<T>> {
    cells.iter().map(|cell| cell.and_then(&value)).collect()
}
