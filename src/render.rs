//! The report as bytes: one file a format.
//!
//! Input: [`Report`] and what the place it goes to can show. Output: bytes, to whatever takes them. No
//! clock, no terminal, no file. Every text of a report may be the log's own, so every renderer escapes what
//! its format would act on.

pub mod capacity;
pub mod csv;
pub mod escape;
pub mod json;
pub mod markdown;
pub mod terminal;
pub mod text;

use std::io::{self, Write};
use std::path::Path;

use strum::{Display, EnumIter, IntoEnumIterator};

use crate::report::Report;

/// A format that `-o FILE` can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// The whole report.
    Json,
    /// The report for a ticket or a post-incident document.
    Md,
    /// Who was granted, used and was denied what.
    #[strum(serialize = "access.csv")]
    AccessCsv,
    /// Object ids that share something, one row a member.
    #[strum(serialize = "identities.csv")]
    IdentitiesCsv,
    /// The last use of every secret, key and certificate.
    #[strum(serialize = "objects.csv")]
    ObjectsCsv,
    /// The table of caller and operation.
    Csv,
}

impl Format {
    /// The format that a file's extension names; of several, the longest: `x.access.csv`, and
    /// `access.csv` alone, is the table of access.
    pub fn of_path(path: &Path) -> Option<Self> {
        format_of_path(path, Self::iter())
    }

    /// All formats, for a message.
    pub fn all() -> String {
        Self::iter().map(|format| format!(".{format}")).collect::<Vec<_>>().join(", ")
    }

    /// Writes a report as it is rendered.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(self, report: &Report, top: usize, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Json => json::write(report, out),
            Self::Md => out.write_all(markdown::render(report, top).as_bytes()),
            Self::AccessCsv => csv::access(report, out),
            Self::IdentitiesCsv => csv::identities(report, out),
            Self::ObjectsCsv => csv::objects(report, out),
            Self::Csv => csv::render(report, out),
        }
    }
}

/// The first of some formats, given the longest ending first, that a file's name ends with.
fn format_of_path<F: std::fmt::Display>(path: &Path, mut formats: impl Iterator<Item = F>) -> Option<F> {
    path.extension()?;
    let name = format!(".{}", path.file_name()?.to_str()?.to_ascii_lowercase());
    formats.find(|format| name.ends_with(&format!(".{format}")))
}
