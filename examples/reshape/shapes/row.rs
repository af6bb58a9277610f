//! Rows of a Log Analytics table: named cells of Log Analytics' types, whatever carries them.
//!
//! In: a record (through [`super::diagnostics`] and [`super::dedicated`]). Out: a [`Row`], and the
//! [`Columns`] of many of them in a fixed order. Must not know any file format.

use std::collections::BTreeMap;
use std::io;

use serde_json::Number;

use super::Json;

/// The workspace's id, which is what `TenantId` holds in a row (facts §1.4). Invented.
pub(crate) const WORKSPACE_ID: &str = "6d0e8a0b-3f57-4a52-9a0c-7a51c2f4e913";

/// A value in a row; a missing one has no cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A string.
    Text(String),
    /// A whole number: `int` and `long`.
    Whole(i64),
    /// A `real`, as it was written.
    Real(Number),
    /// A `bool`.
    Flag(bool),
    /// A `datetime`, as the record writes it: up to seven digits of the second.
    Time(String),
    /// A `guid`.
    Guid(String),
    /// A `dynamic`.
    Dynamic(Json),
}

/// The type of a column, by Log Analytics' names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// `string`: never null, but empty.
    String,
    /// `int`.
    Int,
    /// `long`.
    Long,
    /// `real`.
    Real,
    /// `bool`.
    Bool,
    /// `datetime`.
    Datetime,
    /// `guid`.
    Guid,
    /// `dynamic`.
    Dynamic,
}

impl Kind {
    /// The name in a response of the query API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Long => "long",
            Self::Real => "real",
            Self::Bool => "bool",
            Self::Datetime => "datetime",
            Self::Guid => "guid",
            Self::Dynamic => "dynamic",
        }
    }
}

impl Cell {
    /// The column type that such a cell has where no table fixes it.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::String,
            Self::Whole(_) => Kind::Long,
            Self::Real(_) => Kind::Real,
            Self::Flag(_) => Kind::Bool,
            Self::Time(_) => Kind::Datetime,
            Self::Guid(_) => Kind::Guid,
            Self::Dynamic(_) => Kind::Dynamic,
        }
    }

    /// The cell as text, but for flags and times, whose look depends on the carrier.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) | Self::Time(text) | Self::Guid(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Dynamic(json) => json.dynamic_text(),
        }
    }

    /// The cell as JSON; dynamic ones as they are, or as text.
    pub(crate) fn json(&self, dynamic_as_text: bool) -> Json {
        match self {
            Self::Text(text) | Self::Time(text) | Self::Guid(text) => Json::Text(text.clone()),
            Self::Whole(number) => Json::Number((*number).into()),
            Self::Real(number) => Json::Number(number.clone()),
            Self::Flag(flag) => Json::Bool(*flag),
            Self::Dynamic(json) if dynamic_as_text => Json::Text(json.dynamic_text()),
            Self::Dynamic(json) => json.clone(),
        }
    }
}

/// The cells of one record, in the order of the table's columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<(String, Cell)>);

impl Row {
    /// Adds a cell.
    pub(crate) fn push(&mut self, column: &str, cell: Cell) {
        self.0.push((column.to_owned(), cell));
    }

    /// Adds a cell if there is one.
    pub(crate) fn maybe(&mut self, column: &str, cell: Option<Cell>) {
        if let Some(cell) = cell {
            self.push(column, cell);
        }
    }

    /// The row as a JSON object, which leaves out what is missing.
    pub(crate) fn object(self) -> Json {
        Json::Object(self.0.into_iter().map(|(name, cell)| (name, cell.json(false))).collect())
    }
}

/// The columns of a table, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    list: Vec<(String, Kind)>,
    places: BTreeMap<String, usize>,
}

impl Columns {
    /// A table whose columns are known.
    pub(crate) fn fixed(columns: &[(&str, Kind)]) -> Self {
        let mut fixed = Self::default();
        for (name, kind) in columns {
            fixed.add(name, *kind);
        }
        fixed
    }

    /// Adds the columns of a row that are not there yet.
    pub(crate) fn see(&mut self, row: &Row) {
        for (name, cell) in &row.0 {
            self.add(name, cell.kind());
        }
    }

    fn add(&mut self, name: &str, kind: Kind) {
        if !self.places.contains_key(name) {
            self.places.insert(name.to_owned(), self.list.len());
            self.list.push((name.to_owned(), kind));
        }
    }

    /// Name and type of each column.
    pub(crate) fn list(&self) -> &[(String, Kind)] {
        &self.list
    }

    /// A row's cells, one a column.
    ///
    /// # Errors
    /// The row has a column that was not seen before the writing began.
    pub(crate) fn spread(&self, row: Row) -> io::Result<Vec<Option<Cell>>> {
        let mut cells = vec![None; self.list.len()];
        for (name, cell) in row.0 {
            let place = self.places.get(&name).and_then(|place| cells.get_mut(*place));
            *place.ok_or_else(|| io::Error::other(format!("{name}: a column that was not announced")))? =
                Some(cell);
        }
        Ok(cells)
    }
}

/// The parts of an ARM id that a row repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource<'a> {
    /// The id as the record writes it, usually in upper case.
    pub(crate) id: &'a str,
    /// The subscription's id.
    pub(crate) subscription: &'a str,
    /// The resource group.
    pub(crate) group: &'a str,
    /// The provider: `MICROSOFT.KEYVAULT`.
    pub(crate) provider: &'a str,
    /// The type: `VAULTS` or `MANAGEDHSMS`.
    pub(crate) kind: &'a str,
    /// The name.
    pub(crate) name: &'a str,
}

impl<'a> Resource<'a> {
    /// Reads `resourceId`; parts that are not there are empty.
    pub(crate) fn of(record: &'a Json) -> Self {
        let id = record.get("resourceId").and_then(Json::as_text).unwrap_or_default();
        let mut parts = id.split('/').skip(1).step_by(2).zip(id.split('/').skip(2).step_by(2));
        let mut part = |key: &str| {
            let found = parts.find(|(name, _)| name.eq_ignore_ascii_case(key));
            found.map_or("", |(_, value)| value)
        };
        let (subscription, group, provider) =
            (part("subscriptions"), part("resourceGroups"), part("providers"));
        let (kind, name) = parts.next().unwrap_or_default();
        Self { id, subscription, group, provider, kind, name }
    }

    /// Whether it is a Managed HSM.
    pub(crate) fn is_managed_hsm(&self) -> bool {
        self.kind.eq_ignore_ascii_case("managedHSMs")
    }
}
