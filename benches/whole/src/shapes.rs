//! The generator's command line names shapes; whole runs are measured on the storage archive's alone.

use clap::ValueEnum;

/// No other shape.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Shape {
    /// The storage archive's.
    Storage,
}
