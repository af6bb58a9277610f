//! Writes audit records of the storage archive in every shape in which Azure exports them.
//!
//! In: files of `insights-logs-auditevent`, one JSON record a line, or folders of them. Out: one file with
//! the same requests in another shape (`--help` names them), the same bytes every time. What a shape cannot
//! hold stands in [`shapes`].
//!
//! ```text
//! cargo run --example reshape -- --shape portal-csv-dedicated samples/every-shape/storage -o query_data.csv
//! ```

mod shapes;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use walkdir::WalkDir;

use crate::shapes::{Codec, DateOrder, Options, Shape, Zone, convert};

/// Writes audit records of the storage archive in another shape
#[derive(Debug, Parser)]
#[command(name = "reshape")]
struct Arguments {
    /// Files of JSON Lines, or folders: then all files below that end in .json, by name
    #[arg(required = true)]
    input: Vec<PathBuf>,

    /// The shape to write
    #[arg(long, value_enum)]
    shape: Shape,

    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,

    /// Portal CSV: the zone that times are shown in, such as UTC+01:00
    #[arg(long, default_value = "UTC", value_parser = Zone::read)]
    zone: Zone,

    /// Portal CSV: which part of a date comes first
    #[arg(long, value_enum, default_value_t)]
    date_order: DateOrder,

    /// PowerShell CSV: begin with a line #TYPE, as PowerShell 5.1 does
    #[arg(long)]
    type_line: bool,

    /// Capture: how the blocks are compressed
    #[arg(long, value_enum, default_value_t)]
    codec: Codec,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell anybody if standard error is gone as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(typed: Arguments) -> io::Result<()> {
    let lines = lines(&typed.input)?;
    let options = Options {
        zone: typed.zone,
        date_order: typed.date_order,
        type_line: typed.type_line,
        codec: typed.codec,
    };
    let bytes = convert(typed.shape, &options, &lines)?;
    let mut out = BufWriter::new(File::create(&typed.out).map_err(|error| at(&typed.out, &error))?);
    out.write_all(&bytes).and_then(|()| out.flush()).map_err(|error| at(&typed.out, &error))
}

/// The lines of all files, those of a folder in the order of their names.
fn lines(input: &[PathBuf]) -> io::Result<String> {
    let mut lines = String::new();
    for path in input {
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry?;
            let wanted = entry.depth() == 0 || entry.path().extension().is_some_and(|end| end == "json");
            if entry.file_type().is_file() && wanted {
                lines += &fs::read_to_string(entry.path()).map_err(|error| at(entry.path(), &error))?;
                if !lines.ends_with('\n') {
                    lines.push('\n');
                }
            }
        }
    }
    Ok(lines)
}

/// An error that names its path.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
