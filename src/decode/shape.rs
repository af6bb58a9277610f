//! The shapes in which records leave Azure: container, envelope and form.
//!
//! The same request may come as a line of a storage blob, as a row of a CSV, or as JSON text inside
//! another record; coverage counts records by [`Shape`], so that a report says what it was made of.

use std::fmt;
use std::str::FromStr;

use strum::{Display, EnumIter, EnumString, IntoEnumIterator};

/// What records stand in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, EnumIter,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Container {
    /// One record a line.
    #[default]
    JsonLines,
    /// `{"records":[…]}`.
    RecordsWrapper,
    /// `{"value":[…]}`.
    ValueWrapper,
    /// `[…]`.
    Array,
    /// Objects over several lines, or several on one.
    Objects,
    /// `{"tables":[{"columns":[…],"rows":[…]}]}`: an answer of the Log Analytics query API.
    QueryTables,
    /// Comma-separated values.
    Csv,
    /// Avro files of Event Hubs Capture.
    Capture,
    /// Parquet.
    Parquet,
}

/// An object whose array holds records, or what holds them in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// `{"records":[…]}`.
    Records,
    /// `{"value":[…]}`.
    Value,
    /// `{"tables":[…]}`.
    Tables,
    /// One of these tables: `{"columns":[…],"rows":[…]}`.
    Rows,
}

impl Wrapper {
    /// The wrapper whose array a key announces.
    pub(super) fn of_key(key: &[u8]) -> Option<Self> {
        match key {
            b"records" | b"Records" => Some(Self::Records),
            b"value" => Some(Self::Value),
            b"tables" => Some(Self::Tables),
            b"rows" => Some(Self::Rows),
            _ => None,
        }
    }

    /// What its records stand in.
    pub(super) fn container(self) -> Container {
        match self {
            Self::Records => Container::RecordsWrapper,
            Self::Value => Container::ValueWrapper,
            Self::Tables | Self::Rows => Container::QueryTables,
        }
    }
}

/// The containers that were met in a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Containers(u16);

impl Containers {
    /// Notes a container.
    pub fn insert(&mut self, container: Container) {
        self.0 |= 1 << container as u16;
    }

    /// The containers of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each container, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Container> {
        Container::iter().filter(move |container| self.0 & (1 << *container as u16) != 0)
    }
}

impl Containers {
    /// Their names.
    pub fn names(self) -> Vec<String> {
        self.iter().map(|container| container.to_string()).collect()
    }

    /// The containers of names with commas between them; `None` where one is no container.
    pub fn of_names(names: &str) -> Option<Self> {
        names.split(',').filter(|name| !name.is_empty()).map(|name| name.parse().ok()).collect()
    }
}

impl FromIterator<Container> for Containers {
    fn from_iter<I: IntoIterator<Item = Container>>(containers: I) -> Self {
        let mut all = Self::default();
        containers.into_iter().for_each(|container| all.insert(container));
        all
    }
}

/// What stands around one record inside its container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Envelope {
    /// Nothing.
    #[default]
    None,
    /// Text before it on its line, as syslog puts there.
    LinePrefix,
    /// It is the text of a field of another record, as collectors keep it (`message`, `_raw`,
    /// `event.original`).
    JsonString,
}

/// Which fields a record has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum RecordForm {
    /// What a diagnostic setting writes to storage and event hubs.
    #[default]
    Storage,
    /// A row of Log Analytics with columns of its own table, `AZKVAuditLogs`.
    AzkvAuditLogs,
    /// A row of Log Analytics with flattened columns, `AzureDiagnostics`.
    AzureDiagnostics,
}

/// How one record came: `json-lines/storage`, `csv/azure-diagnostics`,
/// `json-lines+line-prefix/storage`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// What it stands in.
    pub container: Container,
    /// What stands around it.
    pub envelope: Envelope,
    /// Which fields it has.
    pub form: RecordForm,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.envelope {
            Envelope::None => write!(f, "{}/{}", self.container, self.form),
            envelope => write!(f, "{}+{envelope}/{}", self.container, self.form),
        }
    }
}

impl FromStr for Shape {
    type Err = strum::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (around, form) = text.split_once('/').ok_or(strum::ParseError::VariantNotFound)?;
        let (container, envelope) = match around.split_once('+') {
            Some((container, envelope)) => (container, envelope.parse()?),
            None => (around, Envelope::None),
        };
        Ok(Self { container: container.parse()?, envelope, form: form.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for container in Container::iter() {
            for envelope in [Envelope::None, Envelope::LinePrefix, Envelope::JsonString] {
                let shape = Shape { container, envelope, form: RecordForm::AzureDiagnostics };
                assert_eq!(shape.to_string().parse(), Ok(shape));
            }
        }
        assert!("json-lines".parse::<Shape>().is_err());
        let some: Containers = [Container::Csv, Container::JsonLines].into_iter().collect();
        assert!(some.iter().eq([Container::JsonLines, Container::Csv]));
    }
}
