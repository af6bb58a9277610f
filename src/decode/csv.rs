//! CSV exports of a log: Log Analytics rows as the portal and PowerShell's `Export-Csv` write them,
//! and tables with the columns of the storage form (facts §1.4, §1.5).
//!
//! Input: decompressed bytes, and how dates are read. Output: the same [`Decoded`] units as of any
//! other shape. Each data row is a frame; header rows, lines before them and blank lines count as
//! blank. Cells are borrowed from the row. Must not guess: dates that have two readings are decided
//! from all rows of the file ([`survey()`]) or the file is one reject that names the setting.
//!
//! A file that ends within an unquoted last cell, without a line end, cannot be told from one whose
//! writer left the last line end out: its last row is read as it stands.

mod cells;
mod dates;
mod header;
mod rows;
mod survey;
mod zone;

use std::io::{self, Read};
use std::ops::Range;

pub use dates::DateOrder;
pub use survey::{Dates, ResolvedDates, Survey};
pub use zone::{UnknownZone, Zone};

use super::columns::{self, Column};
use super::resource_log::{self, Form, Refusal};
use super::shape::{Container, Envelope, Shape};
use super::{Decoded, Limits, Place, Reason, Reject, Totals};
use crate::record::Record;
use crate::ticks::Ticks;
use cells::{Cell, unescape};
use dates::Written;
use header::{Header, Used};
use rows::{Found, Rows};

/// Whether a blob is a CSV with the columns of a log, by its first bytes (a few KB, so that the
/// header is among them; what is cut of it is passed over).
pub fn is_csv(start: &[u8]) -> bool {
    other_export(start).is_none() && header::find(start, false, true).is_some()
}

/// What a CSV plainly is that is no audit log, by its first bytes.
pub fn other_export(start: &[u8]) -> Option<&'static str> {
    header::other_export(start)
}

/// Whether the dates of a CSV need a [`survey()`], by its first bytes: not if their order is a
/// setting, if no column holds a time, or if the first row's begins with the year. In doubt it does.
pub fn needs_survey(start: &[u8], dates: &Dates) -> bool {
    if dates.order.is_some() {
        return false;
    }
    let (mut rows, refusal) = Rows::open(start, start.len());
    if refusal.is_none() && !rows.header().used.iter().any(|used| used.column == Column::Time) {
        return false;
    }
    match rows.advance() {
        Ok(Some(Found::Row(place))) if place.offset + place.bytes < start.len() as u64 => {
            !written(&rows).is_some_and(|written| written.is_year_first())
        }
        _ => true,
    }
}

/// Reads a blob for the dates alone, to decide their order. Memory is bounded by `limits`.
///
/// # Errors
/// What the reader reports; the survey is of all rows before. [`decode`] meets the same error.
pub fn survey(reader: impl Read, limits: Limits) -> (Survey, io::Result<()>) {
    let mut survey = Survey::default();
    let (mut rows, refusal) = Rows::open(reader, limits.max_record_bytes);
    if refusal.is_some() {
        // `decode` refuses it, too.
        return (survey, Ok(()));
    }
    loop {
        match rows.advance() {
            Ok(Some(Found::Row(place))) => {
                if let Some(written) = written(&rows) {
                    survey.note(place.line, &written);
                }
            }
            Ok(Some(Found::Broken(..))) => {}
            Ok(None) => return (survey, Ok(())),
            Err(error) => return (survey, Err(error)),
        }
    }
}

/// The date of the row found last.
fn written<R: Read>(rows: &Rows<R>) -> Option<Written> {
    let row = rows.bytes();
    let times = rows.header().used.iter().filter(|used| used.column == Column::Time);
    let mut cells = times.filter_map(|used| rows.cells().get(used.index));
    let cell = cells.find(|cell| !cell.raw(row).is_empty())?;
    Written::read(std::str::from_utf8(cell.raw(row)).ok()?)
}

/// Reads a whole CSV, handing each thing found to `sink` in order; stops early when `sink` says so
/// (false). A blob that is refused as a whole is read to its end and handed out as one reject.
///
/// # Errors
/// Only what the reader reports. What was handed out before stays valid; a row that was cut has been
/// handed out as a reject.
pub fn decode(
    reader: impl Read,
    limits: Limits,
    dates: &ResolvedDates,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let (mut rows, refusal) = Rows::open(reader, limits.max_record_bytes);
    let no_dates = || Some((Reason::AmbiguousDate, Some(dates.refusal(rows.header())?)));
    if let Some(refusal) = refusal.or_else(no_dates) {
        return refuse(rows, refusal, sink);
    }
    let mut texts = Unescaped::default();
    let result = loop {
        let more = match rows.advance() {
            Ok(Some(Found::Row(place))) => row(&rows, dates, &mut texts, place, &mut sink),
            Ok(Some(Found::Broken(place, (reason, detail)))) => {
                sink(Decoded::Reject(Reject { place, reason, detail }, rows.bytes()))
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        if !more {
            break Ok(());
        }
    };
    let containers = [Container::Csv].into_iter().collect();
    (Totals { containers, ..rows.totals() }, result)
}

/// Refuses a blob as a whole.
fn refuse<R: Read>(
    mut rows: Rows<R>,
    (reason, detail): Refusal,
    mut sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let (place, result) = rows.drain();
    if place.bytes > 0 {
        sink(Decoded::Reject(Reject { place, reason, detail }, &[]));
    }
    (rows.totals(), result)
}

/// Decodes the row found last.
fn row<R: Read>(
    rows: &Rows<R>,
    dates: &ResolvedDates,
    texts: &mut Unescaped,
    place: Place,
    sink: &mut impl FnMut(Decoded<'_>) -> bool,
) -> bool {
    texts.collect(rows.bytes(), rows.cells(), &rows.header().used);
    let mut record = Record::default();
    match read(rows.bytes(), rows.cells(), rows.header(), texts, dates, &mut record) {
        Ok(Form::Audit) => sink(Decoded::Record(&record, place)),
        Ok(Form::NotAudit(kind)) => sink(Decoded::NotAudit(kind)),
        Err((reason, detail)) => sink(Decoded::Reject(Reject { place, reason, detail }, rows.bytes())),
    }
}

/// Fills a record from a row's cells and says what it is.
fn read<'a>(
    row: &'a [u8],
    cells: &[Cell],
    header: &Header,
    texts: &'a Unescaped,
    dates: &ResolvedDates,
    record: &mut Record<'a>,
) -> Result<Form, Refusal> {
    record.shape = Shape { container: Container::Csv, envelope: Envelope::None, form: header.form };
    let mut escaped = texts.iter();
    let mut time: Option<Result<Option<Ticks>, &'static str>> = None;
    for used in &header.used {
        let Some(cell) = cells.get(used.index) else { continue };
        let bytes = if cell.escaped { escaped.next().unwrap_or_default() } else { cell.raw(row) };
        if bytes.is_empty() {
            continue;
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| (Reason::InvalidUtf8, Some(format!("field {} of the row", used.index + 1))))?;
        match used.column {
            Column::Time if time.is_none() => time = Some(dates.read(text, used)),
            Column::Time => {}
            column => column.fill(record, columns::cell(text)),
        }
    }
    // As in the storage form: an ARM operation is of the Activity Log.
    record.has_arm_operation = record.operation.as_deref().is_some_and(|name| name.contains('/'));
    let form = resource_log::judge(record)?;
    match time {
        Some(Err(why)) if form == Form::Audit => Err((Reason::AmbiguousDate, Some(why.to_owned()))),
        time => {
            record.time = time.and_then(Result::ok).flatten();
            Ok(form)
        }
    }
}

/// The cells of one row that hold doubled quotes, as nearly all JSON does, without the doubling. Kept
/// from row to row, so that no row allocates.
#[derive(Debug, Default)]
struct Unescaped {
    bytes: Vec<u8>,
    cells: Vec<Range<usize>>,
}

impl Unescaped {
    /// Takes the cells of a row that are used.
    fn collect(&mut self, row: &[u8], cells: &[Cell], used: &[Used]) {
        self.bytes.clear();
        self.cells.clear();
        for cell in used.iter().filter_map(|used| cells.get(used.index)).filter(|cell| cell.escaped) {
            let start = self.bytes.len();
            unescape(cell.raw(row), &mut self.bytes);
            self.cells.push(start..self.bytes.len());
        }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.cells.iter().map(|range| self.bytes.get(range.clone()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
