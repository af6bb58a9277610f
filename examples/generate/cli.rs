//! The command line: what was typed ([`Arguments`]) and what it means ([`Plan`]).
//!
//! In: the arguments. Out: a checked plan with plain fields; nothing else sees the command line.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf, absolute};

use chrono::{DateTime, Utc};
use clap::{Parser, ValueEnum};

use crate::calendar::{TICKS_PER_SECOND, Ticks};
use crate::shapes::Shape;

/// Writes synthetic Azure Key Vault audit logs, and the truth about them
///
/// The logs look like the blobs of a diagnostic setting: failures of every cause with Azure's own texts,
/// unauthenticated challenges and the requests that answer them, control-plane polling, busy and quiet hours.
/// The truth file says how many records have which cause, in which vault, by which caller and operation.
///
/// Beside the vaults there is always one Managed HSM, and beside the callers a few of Azure's own services,
/// operators, and clients that never send a token.
#[derive(Debug, Parser)]
#[command(name = "generate")]
pub(crate) struct Arguments {
    /// Number of records to write
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,

    /// Stop after about this many bytes instead (before compression), such as 500MB, 1GB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "events")]
    bytes: Option<u64>,

    /// Seed: the same seed and flags give the same records
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Directory for the tree of blobs (new or empty), or the file with --single
    #[arg(long, value_name = "PATH")]
    out: PathBuf,

    /// Write one file instead of a blob for each vault and hour
    #[arg(long)]
    single: bool,

    /// Number of vaults
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=9_999))]
    vaults: u32,

    /// Number of callers: users, applications and managed identities
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    callers: u32,

    /// Share of the records that are failures, in percent up to 90, such as 5 or 0.25
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = parse_percent)]
    failures: u32,

    /// Span of time in hours
    #[arg(long, value_name = "N", default_value_t = 24)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=20_000))]
    hours: u32,

    /// Start of the span
    #[arg(long, value_name = "RFC3339", default_value = "2026-03-16T00:00:00Z", value_parser = parse_start)]
    start: Ticks,

    /// How the records of a blob are held together
    #[arg(long, value_enum, default_value_t = Container::Jsonl)]
    container: Container,

    /// How the blobs are compressed: in chunks, so that a blob may hold several members or frames
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compression: Compression,

    /// Order of the keys
    #[arg(long, value_enum, default_value_t = KeyOrder::Fixed)]
    key_order: KeyOrder,

    /// Write one file in another shape in which Azure exports records; sizes are still those of JSON Lines
    #[arg(long, value_enum, conflicts_with_all = ["container", "compression", "key_order"])]
    shape: Option<Shape>,

    /// Where the truth goes, outside the directory of blobs [default: PATH.truth.json]
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

/// How the records of a blob are held together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Container {
    /// One record a line, as the storage account holds them
    Jsonl,
    /// {"records":[...]} on one line, as Event Hubs deliver them
    Records,
    /// [...] on one line
    Array,
    /// {"value":[...]} on one line
    Value,
    /// {"records":[...]} indented, as the documentation prints it
    Pretty,
}

/// How blobs are compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Compression {
    /// Not at all
    None,
    /// .gz
    Gzip,
    /// .zst
    Zstd,
}

/// Order of the keys of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum KeyOrder {
    /// Azure's own, since 2022
    Fixed,
    /// Another one for each object of each record
    Shuffled,
}

/// Where to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extent {
    /// After this many records, exactly.
    Records(u64),
    /// After the record that reaches this many bytes, and what it promised to follow.
    Bytes(u64),
}

/// What to write: the arguments, checked.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where to stop.
    pub(crate) extent: Extent,
    /// Seed of every random stream.
    pub(crate) seed: u64,
    /// Directory of the tree, or the single file.
    pub(crate) out: PathBuf,
    /// One file instead of a tree.
    pub(crate) single: bool,
    /// Number of vaults, the Managed HSM not counted.
    pub(crate) vaults: usize,
    /// Number of ordinary callers.
    pub(crate) callers: usize,
    /// Failures in a million records.
    pub(crate) failures_ppm: u32,
    /// Span of time in hours.
    pub(crate) hours: u32,
    /// Start of the span.
    pub(crate) start: Ticks,
    /// How records are held together.
    pub(crate) container: Container,
    /// How blobs are compressed.
    pub(crate) compression: Compression,
    /// Order of the keys.
    pub(crate) key_order: KeyOrder,
    /// The shape, if it is not the storage archive's.
    pub(crate) shape: Option<Shape>,
    /// The truth file.
    pub(crate) truth: PathBuf,
}

impl Plan {
    /// Checks the arguments; fails if the truth would lie among the blobs or has no name.
    pub(crate) fn new(typed: Arguments) -> io::Result<Self> {
        let truth = match typed.truth {
            Some(path) => path,
            None => beside(&typed.out)?,
        };
        let single = typed.single || typed.shape.is_some();
        if !single && absolute(&truth)?.starts_with(absolute(&typed.out)?) {
            return Err(invalid(format!("{}: the truth may not lie inside --out", truth.display())));
        }
        if single && absolute(&truth)? == absolute(&typed.out)? {
            return Err(invalid(format!("{}: --out and --truth are the same file", truth.display())));
        }
        Ok(Self {
            extent: typed.bytes.map_or(Extent::Records(typed.events), Extent::Bytes),
            seed: typed.seed,
            out: typed.out,
            single,
            vaults: count(typed.vaults)?,
            callers: count(typed.callers)?,
            failures_ppm: typed.failures,
            hours: typed.hours,
            start: typed.start,
            container: typed.container,
            compression: typed.compression,
            key_order: typed.key_order,
            shape: typed.shape,
            truth,
        })
    }
}

/// `PATH.truth.json` beside `PATH`.
fn beside(out: &Path) -> io::Result<PathBuf> {
    let Some(Component::Normal(name)) = out.components().next_back() else {
        return Err(invalid(format!("{}: has no name to derive one from; give --truth", out.display())));
    };
    let mut name = OsString::from(name);
    name.push(".truth.json");
    Ok(out.with_file_name(name))
}

/// A count as an index type.
fn count(number: u32) -> io::Result<usize> {
    usize::try_from(number).map_err(|error| invalid(error.to_string()))
}

/// An error about what was typed.
fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Reads a size such as `1_000`, `500MB` or `2GiB`.
fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.replace('_', "");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        "T" | "TB" => 1_000_000_000_000,
        "KIB" => 1 << 10,
        "MIB" => 1 << 20,
        "GIB" => 1 << 30,
        "TIB" => 1_u64 << 40,
        other => return Err(format!("unknown unit {other}; use B, KB, MB, GB, TB or KiB, MiB, GiB, TiB")),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a whole number and a unit, such as 1GB")?;
    match number.checked_mul(unit) {
        None => Err("too large".to_owned()),
        Some(0) => Err("must be more than nothing".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

/// Reads a percentage with at most four decimals, as parts in a million.
fn parse_percent(text: &str) -> Result<u32, String> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 4 {
        return Err("at most four decimals".to_owned());
    }
    let ppm: u32 = format!("{whole}{decimals:0<4}").parse().map_err(|_| "expected a number from 0 to 90")?;
    if ppm > 900_000 {
        return Err("expected a number from 0 to 90".to_owned());
    }
    Ok(ppm)
}

/// Reads an instant, not before 1970.
fn parse_start(text: &str) -> Result<Ticks, String> {
    let start: DateTime<Utc> = DateTime::parse_from_rfc3339(text).map_err(|error| error.to_string())?.into();
    let seconds = u64::try_from(start.timestamp()).map_err(|_| "must not be before 1970")?;
    let ticks = seconds * TICKS_PER_SECOND + u64::from(start.timestamp_subsec_nanos() / 100);
    Ok(Ticks(ticks))
}
