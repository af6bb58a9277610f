//! Rows in JSON: a data export's lines, `{"value":[…]}`, the query API's tables, and az's array (facts
//! §1.4).
//!
//! In: records and the columns of their table. Out: JSON. What facts are silent on is said at the place.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::row::{Cell, Columns};
use super::{Carrier, Json, Record, Table, spread};

/// Rows as objects that leave out what is missing, dynamic columns as they are: a line each, or in
/// `{"value":[…]}`.
#[derive(Debug)]
pub(super) struct Objects<W> {
    table: Table,
    wrapped: bool,
    begun: bool,
    out: W,
}

impl<W: Write> Objects<W> {
    /// One a line.
    pub(super) fn lines(table: Table, out: W) -> Self {
        Self { table, wrapped: false, begun: false, out }
    }

    /// In `{"value":[…]}`.
    pub(super) fn value(table: Table, out: W) -> Self {
        Self { table, wrapped: true, begun: false, out }
    }

    /// What comes before a row, or the end.
    fn mark(&mut self) -> &'static str {
        match (self.wrapped, std::mem::replace(&mut self.begun, true)) {
            (false, _) => "",
            (true, false) => r#"{"value":["#,
            (true, true) => ",",
        }
    }
}

impl<W: Write> Carrier for Objects<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let row = self.table.row(&record.json).object();
        let end = if self.wrapped { "" } else { "\n" };
        let mark = self.mark();
        write!(self.out, "{mark}{row}{end}")
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.wrapped {
            let mark = if self.begun { "" } else { self.mark() };
            self.out.write_all(mark.as_bytes())?;
            self.out.write_all(b"]}\n")?;
        }
        self.out.flush()
    }
}

/// The query API's response: dynamic columns as JSON text, missing strings empty, all else null.
#[derive(Debug)]
pub(super) struct Tables<W> {
    table: Table,
    columns: Columns,
    begun: bool,
    out: W,
}

impl<W: Write> Tables<W> {
    /// Writes the columns.
    pub(super) fn begin(table: Table, columns: Columns, mut out: W) -> io::Result<Self> {
        let described = columns.list().iter().map(|(name, kind)| {
            let text = |text: &str| Json::Text(text.to_owned());
            Json::Object(vec![("name".into(), text(name)), ("type".into(), text(kind.name()))])
        });
        let described = Json::List(described.collect());
        write!(out, r#"{{"tables":[{{"name":"PrimaryResult","columns":{described},"rows":["#)?;
        Ok(Self { table, columns, begun: false, out })
    }
}

impl<W: Write> Carrier for Tables<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let cells = spread(self.table, &self.columns, record)?;
        let values = cells.iter().map(|cell| cell.as_ref().map_or(Json::Null, |cell| cell.json(true)));
        let mark = if std::mem::replace(&mut self.begun, true) { "," } else { "" };
        write!(self.out, "{mark}{}", Json::List(values.collect()))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(b"]}]}\n")?;
        self.out.flush()
    }
}

/// What `az monitor log-analytics query` prints: an array over many lines, keys sorted, every value text
/// (`None` where there is none), and the name of the result's table in each row.
#[derive(Debug)]
pub(super) struct Az<W> {
    table: Table,
    columns: Columns,
    begun: bool,
    out: W,
}

impl<W: Write> Az<W> {
    /// Opens the array.
    pub(super) fn begin(table: Table, columns: Columns, mut out: W) -> io::Result<Self> {
        out.write_all(b"[")?;
        Ok(Self { table, columns, begun: false, out })
    }
}

impl<W: Write> Carrier for Az<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let cells = spread(self.table, &self.columns, record)?;
        let names = self.columns.list().iter().map(|(name, _)| name.as_str());
        let mut members: BTreeMap<&str, String> =
            names.zip(&cells).map(|(name, cell)| (name, python_text(cell.as_ref()))).collect();
        members.insert("TableName", "PrimaryResult".into());
        let mark = if std::mem::replace(&mut self.begun, true) { "," } else { "" };
        write!(self.out, "{mark}\n  {{")?;
        for (at, (name, value)) in members.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let [name, value] = [*name, value.as_str()].map(|text| Json::Text(text.to_owned()));
            write!(self.out, "{comma}\n    {name}: {value}")?;
        }
        self.out.write_all(b"\n  }")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(if self.begun { b"\n]\n" } else { b"]\n" })?;
        self.out.flush()
    }
}

/// A value as Python's `str` has it.
fn python_text(cell: Option<&Cell>) -> String {
    match cell {
        None => "None".into(),
        Some(Cell::Flag(true)) => "True".into(),
        Some(Cell::Flag(false)) => "False".into(),
        Some(cell) => cell.text(),
    }
}
