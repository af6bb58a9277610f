//! Rows in CSV: the portal's and PowerShell's (facts §1.4).
//!
//! In: records and the columns of their table. Out: CSV. What facts are silent on is said at the place.

use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::row::{Cell, Columns, Kind};
use super::{Carrier, DateOrder, Record, Table, Zone, spread, time};

/// How cells look.
#[derive(Debug)]
enum Look {
    /// Times in a zone with milliseconds, flags in lower case.
    Portal(Zone, DateOrder),
    /// Times as they are, flags as .NET writes them.
    PowerShell,
}

/// Writes a table.
#[derive(Debug)]
pub(super) struct Csv<W: Write> {
    table: Table,
    columns: Columns,
    look: Look,
    out: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    /// The portal's: a byte order mark, the zone behind the name of each column of times, quotes only where
    /// they are needed. That lines end in LF is this converter's choice.
    pub(super) fn portal(
        table: Table,
        columns: Columns,
        zone: &Zone,
        order: DateOrder,
        mut out: W,
    ) -> io::Result<Self> {
        out.write_all("\u{feff}".as_bytes())?;
        let mut out = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(out);
        let header = columns.list().iter().map(|(name, kind)| match kind {
            Kind::Datetime => format!("{name} [{}]", zone.name),
            _ => name.clone(),
        });
        out.write_record(header)?;
        Ok(Self { table, columns, look: Look::Portal(zone.clone(), order), out })
    }

    /// PowerShell's `Export-Csv`: everything in quotes, CRLF.
    pub(super) fn power_shell(
        table: Table,
        columns: Columns,
        type_line: bool,
        mut out: W,
    ) -> io::Result<Self> {
        if type_line {
            out.write_all(b"#TYPE System.Management.Automation.PSCustomObject\r\n")?;
        }
        let mut builder = WriterBuilder::new();
        builder.terminator(Terminator::CRLF).quote_style(QuoteStyle::Always);
        let mut out = builder.from_writer(out);
        out.write_record(columns.list().iter().map(|(name, _)| name))?;
        Ok(Self { table, columns, look: Look::PowerShell, out })
    }
}

impl Look {
    fn text(&self, cell: &Cell) -> String {
        match (self, cell) {
            (Self::Portal(zone, order), Cell::Time(text)) => time::portal(text, zone, *order),
            (Self::PowerShell, Cell::Flag(flag)) => if *flag { "True" } else { "False" }.into(),
            (_, cell) => cell.text(),
        }
    }
}

impl<W: Write> Carrier for Csv<W> {
    fn append(&mut self, record: &Record<'_>) -> io::Result<()> {
        let cells = spread(self.table, &self.columns, record)?;
        let texts =
            cells.iter().map(|cell| cell.as_ref().map_or_else(String::new, |cell| self.look.text(cell)));
        Ok(self.out.write_record(texts)?)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
