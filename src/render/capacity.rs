//! The formats of the capacity report.

use std::io::{self, Write};
use std::path::Path;

use strum::{Display, EnumIter, IntoEnumIterator};

use super::{csv, format_of_path, json, markdown};
use crate::report::capacity::CapacityReport;

/// A format that `-o FILE` can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumIter)]
#[strum(serialize_all = "lowercase")]
pub enum Format {
    /// The whole report.
    Json,
    /// The report for a ticket or a plan.
    Md,
    /// Which object goes to which vault.
    #[strum(serialize = "plan.csv")]
    PlanCsv,
    /// What each time to live would leave.
    #[strum(serialize = "caching.csv")]
    CachingCsv,
    /// Utilisation over time.
    #[strum(serialize = "series.csv")]
    SeriesCsv,
    /// Headroom and proposals: one row a vault and class.
    Csv,
}

impl Format {
    /// The format that a file's extension names; of several, the longest.
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
    pub fn write(self, report: &CapacityReport, top: usize, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Json => json::write(report, out),
            Self::Md => out.write_all(markdown::capacity::render(report, top).as_bytes()),
            Self::PlanCsv => csv::capacity::plan(report, out),
            Self::CachingCsv => csv::capacity::caching(report, out),
            Self::SeriesCsv => csv::capacity::series(report, out),
            Self::Csv => csv::capacity::headroom(report, out),
        }
    }
}
