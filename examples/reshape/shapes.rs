//! Key Vault audit records in every shape in which Azure exports them: the core of the converter.
//!
//! In: records in storage form, one JSON object a line, as the container `insights-logs-auditevent` holds
//! them, Managed HSM's included. Out: the same requests in another [`Shape`], the same bytes every time.
//! Knows nothing of akvlens: names and types follow what Azure was seen to write (facts §1.2 to §1.7).
//!
//! [`convert`] does it in memory. For more than that: an [`Outline`] sees every record, as a table names
//! its columns before its first row; then [`writer`] takes every record again. Memory then holds one record,
//! one message of a hub, or one row group of Parquet.
//!
//! # What a shape lacks
//!
//! | shape | what is not in it |
//! |---|---|
//! | all rows of Log Analytics | the record's own text: order of keys, numbers written as strings; null against absent |
//! | `AzureDiagnostics` | `identity: {}` against no identity; Managed HSM's `TenantId` (the column is the workspace's) and the case of its `resourceGroup`; which characters of a key became `_`; arrays are text. Of claims it lacks none: a value makes its column, until the workspace has too many (facts §1.4) |
//! | `AZKVAuditLogs` | category; the upper case of `resourceId` and, with it, of subscription and resource group; members beside `properties` that no column takes (`location`, `Level`, Managed HSM's `PoolName`, `TenantId`) |
//! | portal CSV | more of a second than milliseconds; empty text against no value |
//! | `az`, PowerShell, portal CSV | types: all is text |
//! | Event Hubs Capture | blobs of a vault and hour; records of other services stand between |
//! | Parquet | types of the storage form: all is text there |
//! | SIEM leftovers, syslog | nothing of a record |
//!
//! `privateEndpointId`, `isKeyless` and whatever else of `properties` has no column in `AZKVAuditLogs` is
//! put into its `Properties`, and settings without a column into `VaultProperties`. Facts name these two
//! columns and not what they hold.

#[path = "shapes/capture.rs"]
mod capture;
#[path = "shapes/csv.rs"]
mod csv;
#[path = "shapes/dedicated.rs"]
mod dedicated;
#[path = "shapes/diagnostics.rs"]
mod diagnostics;
#[path = "shapes/json.rs"]
mod json;
#[path = "shapes/json_rows.rs"]
mod json_rows;
#[path = "shapes/parquet.rs"]
mod parquet;
#[path = "shapes/row.rs"]
mod row;
#[path = "shapes/text.rs"]
mod text;
#[path = "shapes/time.rs"]
mod time;

use std::io::{self, Write};

use chrono::Offset;
use clap::ValueEnum;

pub(crate) use capture::Codec;
pub(crate) use json::Json;
use row::{Cell, Columns, Row};
pub(crate) use time::{DateOrder, Zone};

/// A shape in which Key Vault audit records leave Azure.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Shape {
    /// One record a line: the storage archive
    Storage,
    /// {"records":[...]} on one line: a message of Event Hubs
    Records,
    /// Rows of AzureDiagnostics, one a line: a data export's PT05M.json
    LogAnalyticsExportDiagnostics,
    /// Rows of AZKVAuditLogs, one a line: a data export's PT05M.json
    LogAnalyticsExportDedicated,
    /// {"tables":[...]} of AzureDiagnostics: the query API
    QueryApiDiagnostics,
    /// {"tables":[...]} of AZKVAuditLogs: the query API
    QueryApiDedicated,
    /// An array of AzureDiagnostics rows whose values are all text: az monitor log-analytics query
    AzDiagnostics,
    /// An array of AZKVAuditLogs rows whose values are all text: az monitor log-analytics query
    AzDedicated,
    /// {"value":[...]} of AzureDiagnostics rows
    ValueDiagnostics,
    /// {"value":[...]} of AZKVAuditLogs rows
    ValueDedicated,
    /// The portal's CSV of AzureDiagnostics
    PortalCsvDiagnostics,
    /// The portal's CSV of AZKVAuditLogs
    PortalCsvDedicated,
    /// Export-Csv of AzureDiagnostics
    PowershellCsvDiagnostics,
    /// Export-Csv of AZKVAuditLogs
    PowershellCsvDedicated,
    /// Avro of Event Hubs Capture
    Capture,
    /// Parquet of the storage form
    ParquetStorage,
    /// Parquet of AzureDiagnostics
    ParquetDiagnostics,
    /// Parquet of AZKVAuditLogs
    ParquetDedicated,
    /// The record as text in `message`
    SiemMessage,
    /// The record as text in `_raw`, as Splunk exports it
    SiemRaw,
    /// The record as text in `original` of the object `event`
    SiemEventOriginal,
    /// The record as text in `event.original`, a key with a dot
    SiemEventOriginalDotted,
    /// The record behind a syslog prefix of RFC 3164
    SyslogRfc3164,
    /// The record behind a syslog prefix of RFC 5424
    SyslogRfc5424,
}

/// A table of Log Analytics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Table {
    /// `AzureDiagnostics`.
    Diagnostics,
    /// `AZKVAuditLogs`.
    Dedicated,
}

/// What carries rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carriage {
    /// JSON Lines.
    Lines,
    /// The query API's response.
    Tables,
    /// `az`'s array.
    Az,
    /// `{"value":[…]}`.
    Value,
    /// The portal's CSV.
    Portal,
    /// `Export-Csv`.
    PowerShell,
    /// Parquet.
    Parquet,
}

/// What a shape is made of.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// The record's own text, in something.
    Text(text::Wrapping),
    /// Rows of a table.
    Rows(Table, Carriage),
    /// Avro of messages.
    Capture,
    /// Parquet of the record's members.
    ParquetStorage,
}

impl Shape {
    fn form(self) -> Form {
        use Carriage::{Az, Lines, Parquet, Portal, PowerShell, Tables, Value};
        use Table::{Dedicated, Diagnostics};
        use text::Wrapping;
        match self {
            Self::Storage => Form::Text(Wrapping::Line),
            Self::Records => Form::Text(Wrapping::Records),
            Self::LogAnalyticsExportDiagnostics => Form::Rows(Diagnostics, Lines),
            Self::LogAnalyticsExportDedicated => Form::Rows(Dedicated, Lines),
            Self::QueryApiDiagnostics => Form::Rows(Diagnostics, Tables),
            Self::QueryApiDedicated => Form::Rows(Dedicated, Tables),
            Self::AzDiagnostics => Form::Rows(Diagnostics, Az),
            Self::AzDedicated => Form::Rows(Dedicated, Az),
            Self::ValueDiagnostics => Form::Rows(Diagnostics, Value),
            Self::ValueDedicated => Form::Rows(Dedicated, Value),
            Self::PortalCsvDiagnostics => Form::Rows(Diagnostics, Portal),
            Self::PortalCsvDedicated => Form::Rows(Dedicated, Portal),
            Self::PowershellCsvDiagnostics => Form::Rows(Diagnostics, PowerShell),
            Self::PowershellCsvDedicated => Form::Rows(Dedicated, PowerShell),
            Self::Capture => Form::Capture,
            Self::ParquetStorage => Form::ParquetStorage,
            Self::ParquetDiagnostics => Form::Rows(Diagnostics, Parquet),
            Self::ParquetDedicated => Form::Rows(Dedicated, Parquet),
            Self::SiemMessage => Form::Text(Wrapping::Message),
            Self::SiemRaw => Form::Text(Wrapping::Raw),
            Self::SiemEventOriginal => Form::Text(Wrapping::EventOriginal),
            Self::SiemEventOriginalDotted => Form::Text(Wrapping::EventOriginalDotted),
            Self::SyslogRfc3164 => Form::Text(Wrapping::Rfc3164),
            Self::SyslogRfc5424 => Form::Text(Wrapping::Rfc5424),
        }
    }
}

impl Table {
    /// How a record becomes a row.
    fn rows(self) -> fn(&Json) -> Row {
        match self {
            Self::Diagnostics => diagnostics::row,
            Self::Dedicated => dedicated::row,
        }
    }

    /// The row of a record.
    fn row(self, record: &Json) -> Row {
        self.rows()(record)
    }
}

/// What the same shape may differ in.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The zone that the portal shows times in.
    pub(crate) zone: Zone,
    /// The order that the portal writes dates in.
    pub(crate) date_order: DateOrder,
    /// `Export-Csv` begins with a line `#TYPE`, as it does in PowerShell 5.1.
    pub(crate) type_line: bool,
    /// The codec of Avro's blocks.
    pub(crate) codec: Codec,
}

impl Default for Options {
    /// UTC and US English in the portal, PowerShell 7, deflate.
    fn default() -> Self {
        let zone = Zone { name: "UTC".into(), offset: chrono::Utc.fix() };
        Self { zone, date_order: DateOrder::default(), type_line: false, codec: Codec::default() }
    }
}

/// A record in storage form.
#[derive(Clone, Debug)]
pub(crate) struct Record<'t> {
    /// As it stands on its line.
    text: &'t str,
    /// What it says.
    json: Json,
}

impl<'t> Record<'t> {
    /// Reads a line.
    pub(crate) fn read(line: &'t str) -> io::Result<Self> {
        let json = Json::read(line).map_err(io::Error::other)?;
        Ok(Self { text: line, json })
    }

    /// `time`, or nothing.
    fn time(&self) -> &str {
        self.json.get("time").and_then(Json::as_text).unwrap_or_default()
    }
}

/// What must be known of all records before the first is written: the columns of their table.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    form: Form,
    columns: Columns,
}

impl Outline {
    /// Nothing seen yet.
    pub(crate) fn new(shape: Shape) -> Self {
        let columns = match shape.form() {
            Form::Rows(Table::Dedicated, _) => dedicated::columns(),
            _ => Columns::default(),
        };
        Self { form: shape.form(), columns }
    }

    /// Whether it has to see the records at all.
    pub(crate) fn is_blind(&self) -> bool {
        match self.form {
            Form::Text(_) | Form::Capture | Form::Rows(Table::Dedicated, _) => true,
            Form::Rows(Table::Diagnostics, carriage) => matches!(carriage, Carriage::Lines | Carriage::Value),
            Form::ParquetStorage => false,
        }
    }

    /// Takes note of a record.
    pub(crate) fn see(&mut self, record: &Record<'_>) {
        match self.form {
            Form::ParquetStorage => self.columns.see(&parquet::storage_row(&record.json)),
            Form::Rows(Table::Diagnostics, _) => self.columns.see(&diagnostics::row(&record.json)),
            _ => {}
        }
    }
}

/// Takes records and writes them in one shape.
pub(crate) trait Carrier {
    /// Adds a record.
    fn append(&mut self, record: &Record<'_>) -> io::Result<()>;

    /// Ends the file.
    fn finish(&mut self) -> io::Result<()>;
}

/// Begins a file.
pub(crate) fn writer<'o, W: Write + Send + 'o>(
    outline: Outline,
    options: &Options,
    out: W,
) -> io::Result<Box<dyn Carrier + 'o>> {
    let Outline { form, columns } = outline;
    Ok(match form {
        Form::Text(wrapping) => Box::new(text::Wrapped::new(wrapping, out)),
        Form::Capture => Box::new(capture::Capture::begin(options.codec, out)?),
        Form::ParquetStorage => Box::new(parquet::Parquet::begin(parquet::storage_row, columns, out)?),
        Form::Rows(table, carriage) => match carriage {
            Carriage::Lines => Box::new(json_rows::Objects::lines(table, out)),
            Carriage::Value => Box::new(json_rows::Objects::value(table, out)),
            Carriage::Tables => Box::new(json_rows::Tables::begin(table, columns, out)?),
            Carriage::Az => Box::new(json_rows::Az::begin(table, columns, out)?),
            Carriage::Portal => {
                Box::new(csv::Csv::portal(table, columns, &options.zone, options.date_order, out)?)
            }
            Carriage::PowerShell => Box::new(csv::Csv::power_shell(table, columns, options.type_line, out)?),
            Carriage::Parquet => Box::new(parquet::Parquet::begin(table.rows(), columns, out)?),
        },
    })
}

/// The records of some lines in another shape; blank lines are passed over.
pub(crate) fn convert(shape: Shape, options: &Options, lines: &str) -> io::Result<Vec<u8>> {
    let records = || lines.lines().filter(|line| !line.trim().is_empty()).map(Record::read);
    let mut outline = Outline::new(shape);
    if !outline.is_blind() {
        for record in records() {
            outline.see(&record?);
        }
    }
    let mut bytes = Vec::new();
    let mut carrier = writer(outline, options, &mut bytes)?;
    for record in records() {
        carrier.append(&record?)?;
    }
    carrier.finish()?;
    drop(carrier);
    Ok(bytes)
}

/// A row's cells, one a column of the table; strings that are missing are empty, as in Log Analytics.
fn spread(table: Table, columns: &Columns, record: &Record<'_>) -> io::Result<Vec<Option<Cell>>> {
    let mut cells = columns.spread(table.row(&record.json))?;
    for (cell, (_, kind)) in cells.iter_mut().zip(columns.list()) {
        if cell.is_none() && *kind == row::Kind::String {
            *cell = Some(Cell::Text(String::new()));
        }
    }
    Ok(cells)
}
