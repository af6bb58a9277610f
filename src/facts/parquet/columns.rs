//! Named columns of plain values to Parquet.
//!
//! Input: values in the order of rows. Output: the bytes of a file. Must not know what they mean.
//!
//! Of polars only the parts that encode, decode and compress pages are used: its frames would bring a query
//! engine along.

use std::borrow::Cow;

use polars::error::{PolarsError, PolarsResult};
use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field, TimeUnit};
use polars_arrow::types::NativeType;
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::write::{
    CompressedPage, CompressionOptions, Compressor, DynIter, DynStreamingIterator, Encoding,
    FallibleStreamingIterator, FileWriter, ParquetType, StatisticsOptions, Version, WriteOptions, ZstdLevel,
    array_to_columns, to_parquet_schema,
};

use super::{Table, TableError};

/// Rows that are written as one group, and so can be read by one thread.
const GROUP_ROWS: usize = 1 << 20;

/// How hard zstd tries: beyond it a table is hardly smaller and takes many times as long.
const ZSTD_LEVEL: i32 = 3;

/// A table being written. Its columns are made one after the other as they are encoded: together they would take
/// more memory than the facts.
pub(super) struct Columns<'v> {
    table: &'static str,
    rows: usize,
    fields: Vec<Field>,
    columns: Vec<Source<'v>>,
}

/// Where the values of a column come from.
struct Source<'v> {
    /// Makes an array of the next so many.
    next: Box<dyn FnMut(usize) -> Box<dyn Array> + Send + Sync + 'v>,
    encoding: Encoding,
}

/// Values of a column, in the order of rows.
pub(super) trait Values<T>: Iterator<Item = T> + Send + Sync {}

impl<T, I: Iterator<Item = T> + Send + Sync> Values<T> for I {}

impl<'v> Columns<'v> {
    /// A table of `rows` rows.
    pub(super) fn new(table: &'static str, rows: usize) -> Self {
        Self { table, rows, fields: Vec::new(), columns: Vec::new() }
    }

    fn push<T>(
        &mut self,
        name: &str,
        dtype: ArrowDataType,
        encoding: Encoding,
        mut values: impl Values<T> + 'v,
        array: impl Fn(Vec<T>) -> Box<dyn Array> + Send + Sync + 'v,
    ) -> &mut Self {
        self.fields.push(Field::new(name.into(), dtype, true));
        let next = Box::new(move |rows| array(values.by_ref().take(rows).collect()));
        self.columns.push(Source { next, encoding });
        self
    }

    /// Texts; missing where `None`.
    pub(super) fn text<'t>(&mut self, name: &str, values: impl Values<Option<&'t str>> + 'v) -> &mut Self {
        self.push(name, ArrowDataType::Utf8View, Encoding::RleDictionary, values, |values| {
            Utf8ViewArray::from_slice(values).boxed()
        })
    }

    /// Texts of which some are made for it.
    pub(super) fn made_text<'t: 'v>(
        &mut self,
        name: &str,
        values: impl Values<Option<Cow<'t, str>>> + 'v,
    ) -> &mut Self {
        self.push(name, ArrowDataType::Utf8View, Encoding::RleDictionary, values, |values| {
            Utf8ViewArray::from_slice(values).boxed()
        })
    }

    /// Whole numbers that may be missing.
    pub(super) fn numbers(&mut self, name: &str, values: impl Values<Option<i64>> + 'v) -> &mut Self {
        self.push(name, ArrowDataType::Int64, Encoding::RleDictionary, values, |values| {
            PrimitiveArray::<i64>::from(values).boxed()
        })
    }

    /// Counts.
    pub(super) fn counts(&mut self, name: &str, values: impl Values<u64> + 'v) -> &mut Self {
        self.push(name, ArrowDataType::UInt64, Encoding::RleDictionary, values, |values| {
            PrimitiveArray::from_vec(values).boxed()
        })
    }

    /// Counts or references under 2^32.
    pub(super) fn small(&mut self, name: &str, values: impl Values<u32> + 'v) -> &mut Self {
        self.push(name, ArrowDataType::UInt32, Encoding::RleDictionary, values, |values| {
            PrimitiveArray::from_vec(values).boxed()
        })
    }

    /// Numbers of which each is near the one before it, or takes few bits: references that ascend, seconds
    /// of a stream, ticks within a second.
    pub(super) fn near<T: NativeType>(&mut self, name: &str, values: impl Values<T> + 'v) -> &mut Self {
        self.push(name, T::PRIMITIVE.into(), Encoding::DeltaBinaryPacked, values, |values| {
            PrimitiveArray::<T>::from_vec(values).boxed()
        })
    }

    /// Yes, no, or missing.
    pub(super) fn flags(&mut self, name: &str, values: impl Values<Option<bool>> + 'v) -> &mut Self {
        self.push(name, ArrowDataType::Boolean, Encoding::Plain, values, |values| {
            BooleanArray::from(values).boxed()
        })
    }

    /// Seconds since 1970 as timestamps (UTC).
    pub(super) fn seconds(&mut self, name: &str, values: impl Values<i64> + 'v) -> &mut Self {
        let instant = ArrowDataType::Timestamp(TimeUnit::Millisecond, None);
        self.push(name, instant.clone(), Encoding::RleDictionary, values, move |values| {
            let values: Vec<i64> = values.into_iter().map(|second| second * 1000).collect();
            PrimitiveArray::new(instant.clone(), values.into(), None).boxed()
        })
    }

    /// The file.
    pub(super) fn finish(self) -> Result<Table, TableError> {
        let (name, rows) = (self.table, self.rows);
        let bytes = self.encode().map_err(|source| TableError::Parquet { table: name, source })?;
        Ok(Table { name, rows, bytes })
    }

    fn encode(mut self) -> PolarsResult<Vec<u8>> {
        let fields = std::mem::take(&mut self.fields);
        let schema: ArrowSchema = fields.into_iter().map(|field| (field.name.clone(), field)).collect();
        let options = WriteOptions {
            statistics: StatisticsOptions::default(),
            version: Version::V1,
            compression: CompressionOptions::Zstd(Some(ZstdLevel::try_new(ZSTD_LEVEL)?)),
            data_page_size: None,
        };
        let types = to_parquet_schema(&schema)?;
        let mut bytes = Vec::new();
        let mut writer = FileWriter::try_new(&mut bytes, schema, options)?;
        for start in (0..self.rows).step_by(GROUP_ROWS) {
            let rows = GROUP_ROWS.min(self.rows - start);
            let columns = self.columns.iter_mut().zip(types.fields());
            let chunks = columns.map(|(column, field)| {
                let array = (column.next)(rows);
                chunk_of(array, field.clone(), options, column.encoding)
            });
            writer.write(rows as u64, DynIter::new(chunks))?;
        }
        writer.end(None)?;
        Ok(bytes)
    }
}

/// A column of a row group, encoded and compressed page by page.
fn chunk_of(
    array: Box<dyn Array>,
    field: ParquetType,
    options: WriteOptions,
    encoding: Encoding,
) -> PolarsResult<DynStreamingIterator<'static, CompressedPage, PolarsError>> {
    let mut columns = array_to_columns(array, field, options, &[encoding])?;
    let pages = columns.pop().ok_or_else(|| PolarsError::ComputeError("a column without pages".into()))?;
    let pages =
        DynIter::new(pages.map(|page| page.map_err(|error| ParquetError::OutOfSpec(error.to_string()))));
    let compressed = Compressor::new(pages, options.compression, Vec::new());
    Ok(DynStreamingIterator::new(compressed.map_err(PolarsError::from)))
}
