//! Named columns of plain values from Parquet.
//!
//! Input: the bytes of a file. Output: [`Read`]: its columns as arrays and codes, decoded row group by row group where
//! that is asked for. What akvlens does not write is an error. Must not know what values mean.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use polars::error::{PolarsError, PolarsResult};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, DTYPE_CATEGORICAL_NEW, Field, IntegerType, Metadata};
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, FileMetadata, PageReader, PhysicalType, column_iter_to_arrays,
    read_metadata,
};
use rayon::prelude::*;

use super::TableError;
use super::claims::check;
use super::texts::Codes;
use crate::ticks::Ticks;

/// Highest count that is read: no log has as many bytes (256 TiB), and many of these can be added up.
pub(super) const MOST_COUNT: u64 = 1 << 48;

/// A table being read.
pub(super) struct Read {
    table: &'static str,
    rows: usize,
    columns: BTreeMap<String, Column>,
}

/// A column being read: of texts, or of other values.
#[derive(Default)]
struct Column {
    /// The texts. Their arrays take several times as much memory and are not kept.
    codes: Codes,
    /// The arrays of other values, one or more a row group.
    arrays: Vec<Box<dyn Array>>,
}

impl Column {
    fn new(arrays: Vec<Box<dyn Array>>) -> Self {
        let mut column = Self::default();
        for array in arrays {
            match array.as_any().downcast_ref::<Utf8ViewArray>() {
                Some(texts) => column.codes.append(Codes::new(texts)),
                None => column.arrays.push(array),
            }
        }
        column
    }

    /// Of texts that were decoded no further than to numbers; none where these are not right.
    fn of_numbers(arrays: &[Box<dyn Array>]) -> Option<Self> {
        let mut column = Self::default();
        for array in arrays {
            column.codes.append(Codes::of_dictionary(array.as_any().downcast_ref()?)?);
        }
        Some(column)
    }

    /// Adds a later row group.
    fn append(&mut self, later: Self) {
        self.codes.append(later.codes);
        self.arrays.extend(later.arrays);
    }

    fn rows(&self) -> usize {
        self.codes.rows().len() + self.arrays.iter().map(|array| array.len()).sum::<usize>()
    }
}

/// Numbers of a column as they were decoded: in pieces, one or more a row group.
pub(super) struct Dense<'t, T: NativeType> {
    pub(super) pieces: Vec<Cow<'t, [T]>>,
}

impl<T: NativeType> Dense<'_, T> {
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.pieces.iter().map(|piece| piece.len()).collect()
    }

    /// The same in one piece.
    pub(super) fn in_one(self) -> Self {
        let all: Vec<T> = self.pieces.iter().flat_map(|piece| piece.iter()).copied().collect();
        Self { pieces: vec![Cow::Owned(all)] }
    }
}

/// A table's file, whose row groups are decoded when they are asked for.
pub(super) struct File {
    table: &'static str,
    bytes: Buffer<u8>,
    metadata: FileMetadata,
    names: Vec<String>,
}

impl File {
    /// Opens a file, and decodes nothing of it yet.
    pub(super) fn open(table: &'static str, bytes: Vec<u8>) -> Result<Self, TableError> {
        check(&bytes).map_err(|what| TableError::Value { table, what: what.into() })?;
        let bytes = Buffer::from(bytes);
        let metadata = guarded(table, || read_metadata(&mut Cursor::new(bytes.as_slice())))?;
        let rows: usize = metadata.row_groups.iter().map(|group| group.num_rows()).sum();
        if rows != metadata.num_rows {
            return Err(TableError::Value { table, what: "row groups that are not all rows".into() });
        }
        let fields = metadata.schema().fields().iter();
        let names = fields.map(|column| column.get_field_info().name.to_string()).collect();
        Ok(Self { table, bytes, metadata, names })
    }

    /// The number of row groups.
    pub(super) fn groups(&self) -> usize {
        self.metadata.row_groups.len()
    }

    /// Decodes the columns of some row groups, on all threads.
    pub(super) fn read(&self, groups: Range<usize>) -> Result<Read, TableError> {
        let Self { table, bytes, metadata, names } = self;
        let decode = |group: usize, column: usize| guarded(table, || chunk(metadata, bytes, group, column));
        let places: Vec<(usize, usize)> =
            (0..names.len()).flat_map(|column| groups.clone().map(move |group| (column, group))).collect();
        let decoded: Vec<Result<Column, TableError>> =
            places.par_iter().map(|(column, group)| decode(*group, *column)).collect();
        let mut columns: BTreeMap<String, Column> =
            names.iter().map(|name| (name.clone(), Column::default())).collect();
        for ((column, _), decoded) in places.iter().zip(decoded) {
            let decoded = decoded?;
            if let Some(all) = names.get(*column).and_then(|name| columns.get_mut(name)) {
                all.append(decoded);
            }
        }
        let of_groups = metadata.row_groups.get(groups).unwrap_or_default();
        let rows = of_groups.iter().map(|group| group.num_rows()).sum();
        if columns.values().any(|column| column.rows() != rows) {
            return Err(TableError::Value { table, what: "a column that is shorter than others".into() });
        }
        Ok(Read { table, rows, columns })
    }
}

impl Read {
    /// Opens a file, and decodes all of it.
    pub(super) fn open(table: &'static str, bytes: Vec<u8>) -> Result<Self, TableError> {
        let file = File::open(table, bytes)?;
        file.read(0..file.groups())
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// A value that akvlens does not write.
    pub(super) fn wrong(&self, what: impl Into<String>) -> TableError {
        TableError::Value { table: self.table, what: what.into() }
    }

    /// The arrays of a column, all of one type.
    fn arrays<A: Array>(&self, name: &str) -> Result<Vec<&A>, TableError> {
        let column = self.column(name)?;
        let typed: Option<Vec<&A>> =
            column.arrays.iter().map(|array| array.as_any().downcast_ref()).collect();
        typed.filter(|_| column.codes.rows().is_empty()).ok_or_else(|| self.other_type(name))
    }

    fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.columns.get(name).ok_or_else(|| self.wrong(format!("the column {name} is missing")))
    }

    fn other_type(&self, name: &str) -> TableError {
        self.wrong(format!("{name}: values of another type"))
    }

    /// Which text each row of a text column has (0 where it is missing, else numbers from 1), and what
    /// `each` makes of the texts.
    pub(super) fn coded<'r, T>(
        &'r self,
        name: &str,
        each: impl FnMut(&'r str) -> T,
    ) -> Result<(&'r [u32], Vec<T>), TableError> {
        let column = self.column(name)?;
        if !column.arrays.is_empty() {
            return Err(self.other_type(name));
        }
        Ok((column.codes.rows(), column.codes.texts().map(each).collect()))
    }

    /// The numbers of a column.
    fn primitive<T: NativeType>(&self, name: &str) -> Result<Vec<Option<T>>, TableError> {
        let arrays = self.arrays::<PrimitiveArray<T>>(name)?;
        Ok(arrays.into_iter().flat_map(|array| array.iter().map(|value| value.copied())).collect())
    }

    /// The numbers of a column in which none is missing.
    pub(super) fn dense<T: NativeType>(&self, name: &str) -> Result<Dense<'_, T>, TableError> {
        let arrays = self.arrays::<PrimitiveArray<T>>(name)?;
        if arrays.iter().any(|array| array.null_count() > 0) {
            return Err(self.missing(name));
        }
        let pieces = arrays.into_iter().map(|array| Cow::Borrowed(array.values().as_slice()));
        Ok(Dense { pieces: pieces.collect() })
    }

    /// Texts.
    pub(super) fn text(&self, name: &str) -> Result<Vec<Option<&str>>, TableError> {
        let (codes, texts) = self.coded(name, |text| text)?;
        Ok(codes.iter().map(|code| texts.get(code.checked_sub(1)? as usize).copied()).collect())
    }

    /// Texts that are never missing.
    pub(super) fn full_text(&self, name: &str) -> Result<Vec<&str>, TableError> {
        let values: Option<Vec<&str>> = self.text(name)?.into_iter().collect();
        values.ok_or_else(|| self.missing(name))
    }

    /// Whole numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<Option<i64>>, TableError> {
        self.primitive(name)
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
        Ok(self.primitive(name)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Small counts or references.
    pub(super) fn small(&self, name: &str) -> Result<Vec<u32>, TableError> {
        Ok(self.primitive(name)?.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// Flags.
    pub(super) fn flags(&self, name: &str) -> Result<Vec<Option<bool>>, TableError> {
        Ok(self.arrays::<BooleanArray>(name)?.into_iter().flat_map(|array| array.iter()).collect())
    }

    /// Names of one of the enums that akvlens writes by name.
    pub(super) fn named<T: std::str::FromStr + Copy>(&self, name: &str) -> Result<Vec<T>, TableError> {
        let names: Result<Vec<T>, TableError> = self
            .named_or_missing(name)?
            .into_iter()
            .map(|value| value.ok_or_else(|| self.missing(name)))
            .collect();
        names
    }

    /// The same of a column in which some may be missing.
    pub(super) fn named_or_missing<T: std::str::FromStr + Copy>(
        &self,
        name: &str,
    ) -> Result<Vec<Option<T>>, TableError> {
        let parse = |text: &str| text.parse().map_err(|_| self.wrong(format!("{name}: unknown value")));
        let (codes, known) = self.coded(name, parse)?;
        let known: Vec<T> = known.into_iter().collect::<Result<_, _>>()?;
        Ok(codes.iter().map(|code| known.get(code.checked_sub(1)? as usize).copied()).collect())
    }

    /// The error of a value that is never missing.
    pub(super) fn missing(&self, name: &str) -> TableError {
        self.wrong(format!("{name} is missing in a row"))
    }
}

/// Decodes one column of a row group.
fn chunk(metadata: &FileMetadata, bytes: &Buffer<u8>, group: usize, column: usize) -> PolarsResult<Column> {
    let columns = metadata.row_groups.get(group).ok_or_else(no_column)?.parquet_columns();
    let chunk: &ColumnChunkMetadata = columns.get(column).ok_or_else(no_column)?;
    let dtype = type_of(chunk).ok_or_else(no_column)?;
    // A column of few texts is stored as numbers of them, which is what is wanted. One of many is not, and what is
    // damaged is found so again.
    if dtype == ArrowDataType::Utf8View
        && let Some(column) =
            decode(chunk, bytes, numbered_texts()).ok().as_deref().and_then(Column::of_numbers)
    {
        return Ok(column);
    }
    decode(chunk, bytes, Field::new("".into(), dtype, true)).map(Column::new)
}

/// The error of a column that a file speaks of and does not have.
fn no_column() -> PolarsError {
    PolarsError::ComputeError("a column that is not there".into())
}

/// Decodes a column of a row group to the type of a field.
fn decode(
    chunk: &ColumnChunkMetadata,
    bytes: &Buffer<u8>,
    field: Field,
) -> PolarsResult<Vec<Box<dyn Array>>> {
    let range = chunk.byte_range();
    let place = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    let (start, end) =
        place.filter(|(start, end)| start <= end && *end <= bytes.len()).ok_or_else(no_column)?;
    let primitive = &chunk.descriptor().descriptor.primitive_type;
    let pages = PageReader::new(Cursor::new(bytes.clone().sliced(start..end)), chunk, Vec::new(), usize::MAX);
    let pages = vec![BasicDecompressor::new(pages, Vec::new())];
    let (arrays, _) = column_iter_to_arrays(pages, vec![primitive], field, None)?;
    Ok(arrays)
}

/// Texts that are decoded to the numbers under which they are stored: what polars calls a categorical.
fn numbered_texts() -> Field {
    let dtype = ArrowDataType::Dictionary(IntegerType::UInt32, Box::new(ArrowDataType::Utf8View), false);
    let metadata = Metadata::from([(DTYPE_CATEGORICAL_NEW.into(), "".into())]);
    Field { metadata: Some(Arc::new(metadata)), ..Field::new("".into(), dtype, true) }
}

/// What a column of akvlens is decoded to; `None` for a type that it does not write.
fn type_of(chunk: &ColumnChunkMetadata) -> Option<ArrowDataType> {
    use polars_parquet::read::PrimitiveConvertedType::{Uint32, Uint64};
    let converted = chunk.descriptor().descriptor.primitive_type.converted_type;
    match (chunk.physical_type(), converted) {
        (PhysicalType::Boolean, _) => Some(ArrowDataType::Boolean),
        (PhysicalType::Int32, Some(Uint32)) => Some(ArrowDataType::UInt32),
        (PhysicalType::Int64, Some(Uint64)) => Some(ArrowDataType::UInt64),
        (PhysicalType::Int64, _) => Some(ArrowDataType::Int64),
        (PhysicalType::ByteArray, _) => Some(ArrowDataType::Utf8View),
        _ => None,
    }
}

/// What the Parquet library makes of a file. On some damaged files it panics, which is that file's
/// error and no failure of akvlens.
fn guarded<T>(table: &'static str, work: impl FnOnce() -> Result<T, PolarsError>) -> Result<T, TableError> {
    let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| TableError::Damaged { table })?;
    done.map_err(|source| TableError::Parquet { table, source })
}
