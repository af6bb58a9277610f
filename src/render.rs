//! The report as bytes: one file a format.
//!
//! Input: [`Report`] and what the place it goes to can show. Output: bytes. Pure: no clock, no
//! terminal, no file. Every text of a report may be the log's own, so every renderer escapes what
//! its format would act on.

pub mod csv;
pub mod escape;
pub mod json;
pub mod markdown;
pub mod terminal;
pub mod text;

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
    /// The table of caller and operation.
    Csv,
}

impl Format {
    /// The format that a file's extension names.
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::iter().find(|format| format.to_string() == extension)
    }

    /// All formats, for a message.
    pub fn all() -> String {
        Self::iter().map(|format| format!(".{format}")).collect::<Vec<_>>().join(", ")
    }

    /// Renders a report.
    pub fn render(self, report: &Report, top: usize) -> Vec<u8> {
        match self {
            Self::Json => json::render(report),
            Self::Md => markdown::render(report, top).into_bytes(),
            Self::Csv => csv::render(report),
        }
    }
}
