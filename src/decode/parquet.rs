//! Audit records kept as Parquet, as Fabric, Synapse, Databricks, DuckDB and pandas write tables of
//! them (facts §1.4, §1.5, and the storage form §1.1): flat, or nested as Spark does.
//!
//! Input: a file that can be read from any place. Output: as [`super::decode`], one [`Decoded`] a row.
//! Only the columns that fill something are read, and of those, row group by row group, one page each
//! at a time. Where a file stands: [`Place::offset`] is the row's number from 0, [`Place::line`] the same
//! from 1, both through all row groups, and [`Place::bytes`] is 0, because a row has no bytes of its own.
//! [`Totals::bytes`] are the file's own.
//!
//! The footer and the headers of pages are read here, as the Parquet library takes what they claim
//! at its word; the library (polars) decompresses and decodes the values of pages that passed.
//!
//! Memory of one file: its footer ([`MAX_FOOTER_BYTES`] at most, and about four times that for what
//! it says), one page as it is stored, and for all columns read ([`MAX_READ_COLUMNS`] at most) a page
//! each as it is decompressed and as far as it is decoded: [`MAX_HELD_BYTES`] together, counted as if the
//! values of a page were of one length, and [`MAX_PAGE_BYTES`] and [`MAX_PAGE_VALUES`] for each page.
//! Real files have pages of one or a few MiB. What claims more is refused by name. Time is bounded by
//! `max_expansion`: bytes decompressed, and texts and rows handed out, count against it.
//!
//! What is not read, and refused by name where a needed column uses it: encrypted files, pages in
//! another file, the codec LZO, the encodings `DELTA_BYTE_ARRAY` (no writer's default) and `BIT_PACKED`.
//! Not read because they fill no field: lists, dates, times of day, and decimals of other than 32 or 64
//! bits. The names of nested fields must be in Azure's own case.

mod column;
mod fault;
mod footer;
mod header;
mod levels;
mod page;
mod plan;
mod row;
mod slice;
mod thrift;

use std::io::{self, Read, Seek, SeekFrom};

use self::column::Column;
use self::fault::Fault;
use self::footer::{Footer, Group};
use self::page::{Budget, File, Pages};
use self::plan::{Plan, Shape};
use self::row::{Row, Standing, Value};
use super::compression::{ExpansionLimit, FREE_EXPANSION};
use super::resource_log::{self, Form};
use super::shape::{Container, Envelope};
use super::{Decoded, Limits, Place, Reason, Reject, Totals};
use crate::record::Record;

/// What stands at both ends of a file.
const MAGIC: [u8; 4] = *b"PAR1";

/// What stands at both ends of an encrypted file.
const ENCRYPTED_MAGIC: [u8; 4] = *b"PARE";

/// Largest footer: 500 columns in 500 row groups have about as much.
pub const MAX_FOOTER_BYTES: u64 = 32 << 20;

/// Largest page, decompressed; DuckDB goes up to 100 MB.
pub const MAX_PAGE_BYTES: usize = 128 << 20;

/// Most values of a page.
pub const MAX_PAGE_VALUES: usize = 4 << 20;

/// Most columns that are read; a table of audit records has some 60 of them.
pub const MAX_READ_COLUMNS: usize = 512;

/// Most bytes of the pages of all columns that are read side by side.
pub const MAX_HELD_BYTES: u64 = 512 << 20;

/// What a row counts against the bound on expansion, beside its texts.
const ROW_COST: u64 = 16;

/// Whether a blob that begins so is Parquet (an encrypted one too, which is refused by name).
pub fn is_parquet(start: &[u8]) -> bool {
    start.starts_with(&MAGIC) || start.starts_with(&ENCRYPTED_MAGIC)
}

/// Reads a whole file, handing each row to `sink` in order; stops early when `sink` says so (false).
/// A file that is no table of audit records is one reject ([`Reason::NotARecord`]). A damaged footer
/// is one reject; a damaged row group is one for all of its rows that are left, and the next is read.
///
/// # Errors
/// [`ExpansionLimit`], or what the reader reports. What was handed out before stays valid. What was
/// damaged or refused by name is handed out as rejects, and [`Totals::incomplete`] set.
pub fn decode(
    mut file: impl Read + Seek,
    limits: Limits,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let mut totals = Totals::default();
    let length = match file.seek(SeekFrom::End(0)) {
        Ok(length) => length,
        Err(error) => return (totals, Err(error)),
    };
    totals.bytes = length;
    totals.containers.insert(Container::Parquet);
    let mut decoder = Decoder {
        file: &mut file,
        length,
        limits,
        budget: Budget::new(length.saturating_mul(limits.max_expansion).max(FREE_EXPANSION)),
        incomplete: false,
        sink: &mut sink,
    };
    let result = match decoder.run() {
        Ok(()) => Ok(()),
        Err(Fault::Io(error)) => Err(error),
        Err(_) => Err(io::Error::other(ExpansionLimit { factor: limits.max_expansion })),
    };
    totals.incomplete = decoder.incomplete;
    (totals, result)
}

/// Whether to read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Go,
    Stop,
}

/// A file being read.
struct Decoder<'d> {
    file: &'d mut dyn File,
    length: u64,
    limits: Limits,
    budget: Budget,
    incomplete: bool,
    sink: &'d mut dyn FnMut(Decoded<'_>) -> bool,
}

/// Where a file as a whole stands.
const WHOLE: Place = Place { offset: 0, line: 0, bytes: 0 };

/// Where a row stands.
fn place(row: u64) -> Place {
    Place { offset: row, line: row + 1, bytes: 0 }
}

impl Decoder<'_> {
    /// Reads the file.
    ///
    /// # Errors
    /// Only what ends it early.
    fn run(&mut self) -> Result<(), Fault> {
        let footer = match self.footer() {
            Ok(footer) => footer,
            Err(fault) => return self.refuse(fault, WHOLE, "the footer").map(drop),
        };
        if let Some(table) = plan::own_table(&footer.columns) {
            let detail = format!("a table of akvlens' own facts, {table}: give akvlens their folder");
            self.reject(WHOLE, Reason::NotARecord, detail);
            return Ok(());
        }
        let Some(plan) = Plan::of(&footer.columns) else {
            let detail = "a Parquet file without a column of operation names or categories";
            self.reject(WHOLE, Reason::NotARecord, detail.to_owned());
            return Ok(());
        };
        let Plan { fields, leaves, form } = plan;
        if leaves.len() > MAX_READ_COLUMNS {
            let fault = Fault::unsupported(format!("more than {MAX_READ_COLUMNS} columns of audit records"));
            return self.refuse(fault, WHOLE, "the footer").map(drop);
        }
        let row = Shape::Struct(fields);
        let shape = super::shape::Shape { container: Container::Parquet, envelope: Envelope::None, form };
        let mut first = 0;
        for (index, group) in footer.groups.iter().enumerate() {
            let mut reader = RowGroup { row: &row, shape, done: 0, group, first };
            match reader.read(self, &leaves) {
                Ok(After::Go) => {}
                Ok(After::Stop) => return Ok(()),
                Err(fault) => {
                    let (from, to) = (first + reader.done, first + group.rows);
                    let words = format!("row group {}, rows {} to {to}", index + 1, from + 1);
                    if self.refuse(fault, place(from), &words)? == After::Stop {
                        return Ok(());
                    }
                }
            }
            first += group.rows;
        }
        Ok(())
    }

    /// Hands out a reject; what is no fault of the file's bytes ends it.
    fn refuse(&mut self, fault: Fault, place: Place, within: &str) -> Result<After, Fault> {
        let (reason, what) = fault.into_reject()?;
        self.incomplete = true;
        Ok(self.reject(place, reason, format!("{within}: {what}")))
    }

    fn reject(&mut self, place: Place, reason: Reason, detail: String) -> After {
        let reject = Reject { place, reason, detail: Some(detail) };
        if (self.sink)(Decoded::Reject(reject, &[])) { After::Go } else { After::Stop }
    }

    /// Reads the footer: its length and the magic are the file's last eight bytes.
    fn footer(&mut self) -> Result<Footer, Fault> {
        let body = self.length.checked_sub(8).ok_or(Fault::damaged("the file ends too early"))?;
        let mut tail = [0; 8];
        self.file.seek(SeekFrom::Start(body))?;
        self.file.read_exact(&mut tail)?;
        let [l0, l1, l2, l3, magic @ ..] = tail;
        if magic == ENCRYPTED_MAGIC {
            return Err(Fault::unsupported("an encrypted Parquet file"));
        }
        if magic != MAGIC {
            return Err(Fault::damaged("missing: the file is cut or was never finished"));
        }
        let bytes = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        let start = body.checked_sub(bytes).ok_or(Fault::damaged("longer than the file"))?;
        if bytes > MAX_FOOTER_BYTES {
            let bound = MAX_FOOTER_BYTES >> 20;
            return Err(Fault::unsupported(format!("metadata of more than {bound} MiB")));
        }
        let mut footer = vec![0; usize::try_from(bytes).unwrap_or_default()];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut footer)?;
        Footer::parse(&footer)
    }
}

/// One row group being read.
struct RowGroup<'g> {
    row: &'g Shape,
    shape: super::shape::Shape,
    group: &'g Group,
    /// Rows of the groups before it.
    first: u64,
    /// Rows of it that were handed out.
    done: u64,
}

impl RowGroup<'_> {
    fn read(&mut self, decoder: &mut Decoder<'_>, leaves: &[plan::Leaf]) -> Result<After, Fault> {
        let mut columns = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let column = self.column(leaf, decoder.length);
            columns.push(column.map_err(|fault| fault.within(&place_of(leaf)))?);
        }
        let mut standing: Vec<Standing> = leaves.iter().map(|_| Standing::default()).collect();
        while self.done < self.group.rows {
            let mut rows = usize::try_from(self.group.rows - self.done).unwrap_or(usize::MAX);
            for ((column, standing), leaf) in columns.iter_mut().zip(&mut standing).zip(leaves) {
                if standing.left() == 0 {
                    // The old rows go before the new ones come.
                    *standing = Standing::default();
                    let slice = column.next(decoder.file, &mut decoder.budget);
                    standing.slice = slice.map_err(|fault| fault.within(&place_of(leaf)))?;
                }
                rows = rows.min(standing.left());
                if rows == 0 {
                    return Err(Fault::damaged("fewer rows than the footer says").within(&place_of(leaf)));
                }
            }
            for ahead in 0..rows {
                let row = Row { columns: &standing, ahead, seen: std::cell::Cell::default() };
                if self.hand_out(decoder, &row)? == After::Stop {
                    return Ok(After::Stop);
                }
                self.done += 1;
            }
            for standing in &mut standing {
                standing.at += rows;
            }
        }
        Ok(After::Go)
    }

    fn column(&self, leaf: &plan::Leaf, length: u64) -> Result<Column, Fault> {
        let chunk = self.group.chunks.get(leaf.column).copied().flatten();
        let chunk = chunk.ok_or(Fault::unsupported("pages in another file"))?;
        if leaf.entry.is_none() && chunk.values != self.group.rows {
            return Err(Fault::damaged("another number of values than rows"));
        }
        Ok(Column::new(*leaf, Pages::new(*leaf, chunk, length)?))
    }

    /// Hands out one row.
    fn hand_out(&self, decoder: &mut Decoder<'_>, row: &Row<'_>) -> Result<After, Fault> {
        let place = place(self.first + self.done);
        let mut record = Record::default();
        let filled = resource_log::fill(Value::new(self.row, row), &mut record);
        record.shape = self.shape;
        let seen = row.seen.get();
        decoder.budget.spend(ROW_COST + seen.bytes)?;
        let judged = if filled.is_err() {
            Err((Reason::InternalError, None))
        } else if seen.bytes > decoder.limits.max_record_bytes as u64 {
            Err((Reason::TooLong, None))
        } else if seen.no_text {
            Err((Reason::InvalidUtf8, None))
        } else {
            resource_log::judge(&mut record)
        };
        let more = (decoder.sink)(match judged {
            Ok(Form::Audit) => Decoded::Record(&record, place),
            Ok(Form::NotAudit(kind)) => Decoded::NotAudit(kind),
            Err((reason, detail)) => Decoded::Reject(Reject { place, reason, detail }, &[]),
        });
        Ok(if more { After::Go } else { After::Stop })
    }
}

/// A column by its number, as its name is the file's.
fn place_of(leaf: &plan::Leaf) -> String {
    format!("column {}", leaf.column + 1)
}

#[cfg(test)]
mod tests;
