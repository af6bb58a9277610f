//! Decoded values, and which row each belongs to.
//!
//! Input: the arrays of the Parquet library, dense (missing values take no place), and the levels of a
//! page. Output: [`Slice`], from which a row's text is borrowed. Texts stay where the library put
//! them; numbers, flags and instants are written out as text once for all rows of the slice.

use std::fmt::Write;

use polars_arrow::array::{Array, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, PrimitiveArray};
use polars_arrow::types::NativeType;

use super::page::Held;
use super::plan::Cell;
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// Dense values as text.
#[derive(Debug)]
pub(super) enum Dense {
    /// As the library decoded them.
    Views(BinaryViewArray),
    /// Written out: one text after the other, and where each ends.
    Written { text: String, ends: Vec<usize> },
}

impl Dense {
    /// The values of an array; `None` where the library made another type than it was asked for.
    pub(super) fn of(array: &dyn Array, cell: Cell) -> Option<Self> {
        if let Some(views) = array.as_any().downcast_ref::<BinaryViewArray>() {
            return Some(Self::Views(views.clone()));
        }
        let mut written = Written { text: String::new(), ends: Vec::with_capacity(array.len()) };
        if let Some(flags) = array.as_any().downcast_ref::<BooleanArray>() {
            written.all(flags.values().iter(), |written, flag| written.push(format_args!("{flag}")));
        } else if let Some(numbers) = numbers::<i32>(array) {
            written.all(numbers.iter(), |written, number| written.int(*number, cell));
        } else if let Some(numbers) = numbers::<i64>(array) {
            written.all(numbers.iter(), |written, number| written.long(*number, cell));
        } else if let Some(numbers) = numbers::<f32>(array) {
            written.all(numbers.iter(), |written, number| written.push(format_args!("{number}")));
        } else if let Some(numbers) = numbers::<f64>(array) {
            written.all(numbers.iter(), |written, number| written.push(format_args!("{number}")));
        } else if let Some(fixed) = array.as_any().downcast_ref::<FixedSizeBinaryArray>() {
            written.all(fixed.values_iter(), |written, bytes| written.fixed(bytes, cell));
        } else {
            return None;
        }
        Some(Self::Written { text: written.text, ends: written.ends })
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Views(views) => views.len(),
            Self::Written { ends, .. } => ends.len(),
        }
    }

    fn get(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Views(views) => (index < views.len()).then(|| views.value(index)),
            Self::Written { text, ends } => {
                let start = if index == 0 { 0 } else { *ends.get(index - 1)? };
                text.as_bytes().get(start..*ends.get(index)?)
            }
        }
    }
}

fn numbers<T: NativeType>(array: &dyn Array) -> Option<&[T]> {
    Some(array.as_any().downcast_ref::<PrimitiveArray<T>>()?.values().as_slice())
}

/// Values being written out.
struct Written {
    text: String,
    ends: Vec<usize>,
}

impl Written {
    fn push(&mut self, value: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.text.write_fmt(value);
        self.ends.push(self.text.len());
    }

    fn all<T>(&mut self, values: impl Iterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for value in values {
            write(self, value);
        }
    }

    fn int(&mut self, number: i32, cell: Cell) {
        let unsigned = cell == (Cell::Int { unsigned: true });
        self.long(if unsigned { number.cast_unsigned().into() } else { number.into() }, cell);
    }

    fn long(&mut self, number: i64, cell: Cell) {
        match cell {
            Cell::Int { unsigned: true } => self.push(format_args!("{}", number.cast_unsigned())),
            Cell::Decimal { scale } => self.decimal(number, scale),
            Cell::Instant { per_second } => self.instant(ticks(number, per_second)),
            _ => self.push(format_args!("{number}")),
        }
    }

    fn decimal(&mut self, number: i64, scale: u32) {
        let (sign, one) = (if number < 0 { "-" } else { "" }, 10_u64.pow(scale));
        let (whole, part) = (number.unsigned_abs() / one, number.unsigned_abs() % one);
        match scale {
            0 => self.push(format_args!("{number}")),
            _ => self.push(format_args!("{sign}{whole}.{part:0width$}", width = scale as usize)),
        }
    }

    /// ISO 8601; nothing for what is no instant of the years 1 to 9999.
    fn instant(&mut self, ticks: Option<Ticks>) {
        match ticks.filter(|ticks| ticks.to_chrono().is_some()) {
            Some(ticks) => self.push(format_args!("{ticks}")),
            None => self.push(format_args!("")),
        }
    }

    fn fixed(&mut self, bytes: &[u8], cell: Cell) {
        match (cell, bytes) {
            (Cell::Int96, [nanos @ .., d0, d1, d2, d3]) if nanos.len() == 8 => {
                let nanos = nanos.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
                self.instant(int96(nanos, u32::from_le_bytes([*d0, *d1, *d2, *d3])));
            }
            (Cell::Uuid, bytes) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let hyphen = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
                    let _ = write!(self.text, "{hyphen}{byte:02x}");
                }
                self.push(format_args!(""));
            }
            _ => self.push(format_args!("")),
        }
    }
}

/// The tick that holds an instant counted in so many units a second.
fn ticks(number: i64, per_second: i64) -> Option<Ticks> {
    let ticks = if per_second > TICKS_PER_SECOND {
        Some(number.div_euclid(per_second / TICKS_PER_SECOND))
    } else {
        number.checked_mul(TICKS_PER_SECOND / per_second)
    };
    ticks.map(Ticks)
}

/// The tick of nanoseconds into a Julian day, as old writers store instants; the days count from noon
/// of 4713 BC by their name, and from midnight by what is written.
fn int96(nanos: u64, day: u32) -> Option<Ticks> {
    const EPOCH_DAY: i64 = 2_440_588;
    let day = (i64::from(day) - EPOCH_DAY).checked_mul(86_400 * TICKS_PER_SECOND)?;
    Some(Ticks(day.checked_add(i64::try_from(nanos / 100).ok()?)?))
}

/// Where a value is: in which part, and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) part: u32,
    pub(super) index: u32,
}

impl Spot {
    /// No value.
    pub(super) const MISSING: Self = Self { part: u32::MAX, index: u32::MAX };
}

/// The values of some rows of one column.
#[derive(Debug, Default)]
pub(super) struct Slice {
    parts: Vec<Dense>,
    spots: Vec<Spot>,
    /// In a map, the first entry of each row and the end of the last; else empty.
    starts: Vec<u32>,
    held: Vec<Held>,
}

impl Slice {
    /// Rows of one value each, and the note of their bytes.
    pub(super) fn flat(values: Dense, spots: Vec<Spot>, held: Held) -> Self {
        Self { parts: vec![values], spots, starts: Vec::new(), held: vec![held] }
    }

    /// Adds the values of one more page of maps.
    pub(super) fn add_part(&mut self, values: Dense, held: Held) {
        self.parts.push(values);
        self.held.push(held);
    }

    /// Adds an entry to the last row.
    pub(super) fn add_entry(&mut self, spot: Spot) {
        self.spots.push(spot);
    }

    /// Ends a row, or begins the first.
    pub(super) fn end_row(&mut self) -> Option<()> {
        self.starts.push(u32::try_from(self.spots.len()).ok()?);
        Some(())
    }

    /// How many entries there are.
    pub(super) fn all_entries(&self) -> usize {
        self.spots.len()
    }

    /// How many pages there are.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        if self.starts.is_empty() { self.spots.len() } else { self.starts.len() - 1 }
    }

    fn spot(&self, at: usize) -> Option<&[u8]> {
        let spot = self.spots.get(at)?;
        self.parts.get(spot.part as usize)?.get(spot.index as usize)
    }

    /// The value of a row.
    pub(super) fn value(&self, row: usize) -> Option<&[u8]> {
        self.spot(row)
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(start), Some(end)) => *start as usize..*end as usize,
            _ => 0..0,
        }
    }

    /// How many entries the map of a row has.
    pub(super) fn entries(&self, row: usize) -> usize {
        self.range(row).len()
    }

    /// One entry's key or value.
    pub(super) fn entry(&self, row: usize, entry: usize) -> Option<&[u8]> {
        let at = self.range(row).nth(entry)?;
        self.spot(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(array: &dyn Array, cell: Cell) -> Vec<String> {
        let dense = Dense::of(array, cell).unwrap();
        let text = |index| String::from_utf8(dense.get(index).unwrap().to_vec()).unwrap();
        (0..dense.len()).map(text).collect()
    }

    #[test]
    fn numbers_are_written_as_json_would() {
        let longs = PrimitiveArray::<i64>::from_vec(vec![-5, 12_345]);
        assert_eq!(written(&longs, Cell::Int { unsigned: false }), ["-5", "12345"]);
        assert_eq!(written(&longs, Cell::Int { unsigned: true }), ["18446744073709551611", "12345"]);
        assert_eq!(written(&longs, Cell::Decimal { scale: 3 }), ["-0.005", "12.345"]);
        assert_eq!(written(&longs, Cell::Decimal { scale: 0 }), ["-5", "12345"]);
        let ints = PrimitiveArray::<i32>::from_vec(vec![-1, 7]);
        assert_eq!(written(&ints, Cell::Int { unsigned: true }), ["4294967295", "7"]);
        let floats = PrimitiveArray::<f64>::from_vec(vec![403.0, 0.5, f64::NAN]);
        assert_eq!(written(&floats, Cell::Float), ["403", "0.5", "NaN"]);
        assert_eq!(written(&BooleanArray::from_slice([true, false]), Cell::Flag), ["true", "false"]);
    }

    #[test]
    fn instants_are_written_to_the_tick() {
        let second = 1_712_046_049_i64;
        for (unit, number) in [(1_000, second * 1_000 + 268), (1_000_000, second * 1_000_000 + 268_160)] {
            let array = PrimitiveArray::<i64>::from_vec(vec![number, i64::MAX, i64::MIN]);
            let text = written(&array, Cell::Instant { per_second: unit });
            assert!(text[0].starts_with("2024-04-02T08:20:49.268"), "{}", text[0]);
            assert_eq!(text[1..], ["", ""]);
        }
        let nanos = PrimitiveArray::<i64>::from_vec(vec![second * 1_000_000_000 + 268_160_099, -1]);
        let text = written(&nanos, Cell::Instant { per_second: 1_000_000_000 });
        assert_eq!(text, ["2024-04-02T08:20:49.2681600Z", "1969-12-31T23:59:59.9999999Z"]);
        // The same instant as Spark writes it: 08:20:49.26816 of Julian day 2460403.
        assert_eq!(int96(30_049_268_160_000, 2_460_403), Ticks::from_iso("2024-04-02T08:20:49.26816Z"));
        assert_eq!(int96(u64::MAX, u32::MAX), None);
    }
}
