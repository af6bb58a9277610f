//! One column of a row group, decoded some rows at a time.
//!
//! Input: its [`Pages`]. Output: [`Slice`]s of rows. A page of more than [`SLICE_BYTES`] or
//! [`SLICE_ROWS`] is decoded in pieces; the pages of a map are joined where a row goes on in the next.

use std::io::Cursor;
use std::ops::Range;

use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::read::{BasicDecompressor, PageMetaData, PageReader};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::{PhysicalType, PrimitiveType};
use polars_parquet::read::{Filter, column_iter_to_arrays};

use super::MAX_PAGE_VALUES;
use super::fault::{Fault, catch};
use super::footer::Physical;
use super::page::{Budget, File, Page, Pages};
use super::plan::Leaf;
use super::slice::{Dense, Slice, Spot};

/// Rows of a large page that are decoded together, at least: each piece walks the page from its front.
const SLICE_ROWS: usize = 16 << 10;

/// A page of no more bytes and of no more than four times [`SLICE_ROWS`] is decoded whole.
const SLICE_BYTES: usize = 8 << 20;

/// Reads one column of a row group.
#[derive(Debug)]
pub(super) struct Column {
    leaf: Leaf,
    pages: Pages,
    /// A page that is partly decoded, or of a map and not yet.
    page: Option<Page>,
    /// Rows of it, and values of it, that are decoded.
    done: (usize, usize),
}

impl Column {
    /// Begins.
    pub(super) fn new(leaf: Leaf, pages: Pages) -> Self {
        Self { leaf, pages, page: None, done: (0, 0) }
    }

    /// The next rows; none behind the last.
    pub(super) fn next(&mut self, file: &mut dyn File, budget: &mut Budget) -> Result<Slice, Fault> {
        if self.leaf.entry.is_some() { self.next_maps(file, budget) } else { self.next_flat(file, budget) }
    }

    fn next_flat(&mut self, file: &mut dyn File, budget: &mut Budget) -> Result<Slice, Fault> {
        if self.page.as_ref().is_none_or(|page| self.done.0 == page.values) {
            // The old page goes before the new one comes.
            self.page = None;
            self.page = self.pages.next(file, budget)?;
            self.done = (0, 0);
        }
        let Some(page) = &self.page else { return Ok(Slice::default()) };
        let (row, value) = self.done;
        let rows = (page.values - row).min(piece(page));
        let spots = spots(page, self.leaf.defined, row..row + rows);
        let dense = spots.iter().filter(|spot| **spot != Spot::MISSING).count();
        self.done = (row + rows, value + dense);
        let held = budget.hold(cost(page, rows, dense))?;
        Ok(Slice::flat(decode(page, &self.leaf, value..value + dense)?, spots, held))
    }

    fn next_maps(&mut self, file: &mut dyn File, budget: &mut Budget) -> Result<Slice, Fault> {
        let first = match self.page.take() {
            Some(page) => Some(page),
            None => self.pages.next(file, budget)?,
        };
        let Some(mut page) = first else { return Ok(Slice::default()) };
        if !page.begins_row() {
            return Err(Fault::damaged("a column that begins within a row"));
        }
        let mut slice = Slice::default();
        loop {
            self.add_maps(&page, &mut slice, budget)?;
            match self.pages.next(file, budget)? {
                Some(next) if next.begins_row() => {
                    self.page = Some(next);
                    break;
                }
                // The page ends within a row.
                Some(next) => page = next,
                None => break,
            }
            if slice.all_entries() > MAX_PAGE_VALUES {
                return Err(Fault::unsupported(format!("a row of more than {MAX_PAGE_VALUES} entries")));
            }
        }
        slice.end_row().ok_or(Fault::damaged("too many values"))?;
        Ok(slice)
    }

    /// Adds the entries of a page; its last row may go on in the next.
    fn add_maps(&self, page: &Page, slice: &mut Slice, budget: &Budget) -> Result<(), Fault> {
        let held = budget.hold(cost(page, page.values, page.dense))?;
        let (part, entry) = (count(slice.parts())?, self.leaf.entry.unwrap_or_default());
        let mut index = 0;
        for (value, repeated) in page.repeated.iter().enumerate() {
            if *repeated == 0 {
                slice.end_row().ok_or(Fault::damaged("too many values"))?;
            }
            let defined = page.defined.get(value).copied().unwrap_or(self.leaf.defined);
            if defined == self.leaf.defined {
                slice.add_entry(Spot { part, index });
                index += 1;
            } else if defined >= entry {
                slice.add_entry(Spot::MISSING);
            }
        }
        slice.add_part(decode(page, &self.leaf, 0..page.dense)?, held);
        Ok(())
    }
}

/// Bytes that some of a page's values take once decoded, were they all of one length; for each value
/// there is a view, and for each row a spot.
fn cost(page: &Page, rows: usize, dense: usize) -> usize {
    let share = page.encoded.len() as u64 * dense as u64 / page.dense.max(1) as u64;
    usize::try_from(share).unwrap_or(usize::MAX).saturating_add(16 * dense + 8 * rows)
}

/// A number of values, which a page's bound keeps small.
fn count(number: usize) -> Result<u32, Fault> {
    u32::try_from(number).map_err(|_| Fault::damaged("too many values"))
}

/// Rows of a page that are decoded together.
fn piece(page: &Page) -> usize {
    if page.encoded.len() <= SLICE_BYTES && page.values <= 4 * SLICE_ROWS {
        page.values
    } else {
        SLICE_ROWS.max(page.values / 64)
    }
}

/// Where the values of some rows are, counted from the first that is there.
fn spots(page: &Page, defined: u8, rows: Range<usize>) -> Vec<Spot> {
    let mut index = 0;
    let mut spot = |level: u8| {
        if level < defined {
            return Spot::MISSING;
        }
        index += 1;
        Spot { part: 0, index: index - 1 }
    };
    match page.defined.get(rows.clone()) {
        Some(levels) if !page.defined.is_empty() => levels.iter().map(|level| spot(*level)).collect(),
        _ => rows.map(|_| spot(defined)).collect(),
    }
}

/// Has the library decode some values of a page.
fn decode(page: &Page, leaf: &Leaf, values: Range<usize>) -> Result<Dense, Fault> {
    if values.is_empty() {
        return Ok(Dense::Written { text: String::new(), ends: Vec::new() });
    }
    let (physical, dtype) = types(leaf.physical);
    let mut primitive_type = PrimitiveType::from_physical("".into(), physical);
    // Missing values take no place in what the library is given.
    primitive_type.field_info.repetition = Repetition::Required;
    let field = Field::new("".into(), dtype, false);
    let expected = values.len();
    let arrays = catch(|| {
        let descriptor =
            Descriptor { primitive_type: primitive_type.clone(), max_def_level: 0, max_rep_level: 0 };
        let dense = i64::try_from(page.dense).ok()?;
        let meta = PageMetaData::new(0, dense, Compression::Uncompressed, descriptor);
        let bytes = Cursor::new(page.encoded.clone());
        let reader = PageReader::new_with_page_meta(bytes, meta, Vec::new(), page.encoded.len());
        let pages = vec![BasicDecompressor::new(reader, Vec::new())];
        let (arrays, _) =
            column_iter_to_arrays(pages, vec![&primitive_type], field, Some(Filter::Range(values))).ok()?;
        let [array] = arrays.as_slice() else { return None };
        Dense::of(array.as_ref(), leaf.value).filter(|dense| dense.len() == expected)
    })?;
    arrays.ok_or(Fault::damaged("values that cannot be decoded"))
}

/// What the library calls a type, and what it is to decode it to. Instants of 96 bits are taken as
/// twelve bytes, because the library's own way of reading them overflows.
fn types(physical: Physical) -> (PhysicalType, ArrowDataType) {
    match physical {
        Physical::Boolean => (PhysicalType::Boolean, ArrowDataType::Boolean),
        Physical::Int32 => (PhysicalType::Int32, ArrowDataType::Int32),
        Physical::Int64 => (PhysicalType::Int64, ArrowDataType::Int64),
        Physical::Int96 => (PhysicalType::FixedLenByteArray(12), ArrowDataType::FixedSizeBinary(12)),
        Physical::Float => (PhysicalType::Float, ArrowDataType::Float32),
        Physical::Double => (PhysicalType::Double, ArrowDataType::Float64),
        Physical::Bytes => (PhysicalType::ByteArray, ArrowDataType::BinaryView),
        Physical::Fixed(width) => {
            (PhysicalType::FixedLenByteArray(width), ArrowDataType::FixedSizeBinary(width))
        }
    }
}
