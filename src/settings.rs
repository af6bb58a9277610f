//! What was typed, plus `akvlens.toml`, into what is meant: resolved and checked. Only this goes
//! inward.
//!
//! A value on the command line goes before one in the file, and that before the default. The file
//! is read strictly: an unknown key is an error with its line.

mod capacity;
mod time;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::classify::causes::{Causes, Severity};
use crate::cli::{ColorWhen, FilterArgs, Global, InputArgs};
use crate::data_file;
use crate::decode::Limits;
use crate::decode::csv::{DateOrder, Dates, Zone};
use crate::error::Error;
use crate::findings::Judgement;
use crate::findings::filter::{Filter, Names};
use crate::knowledge::Knowledge;
use crate::knowledge::roles::Roles;
use crate::output::note;
use crate::record::caller::applications::Applications;

/// Threads beyond this help nobody.
const MOST_THREADS: usize = 256;

/// Days without use after which an object is stale, unless said otherwise.
const STALE_AFTER_DAYS: u32 = 30;

/// Longest file of knowledge, in bytes: it is read whole, which takes several times as much memory.
const MOST_KNOWLEDGE_BYTES: u64 = 512 << 20;

/// Memory that may be taken where it is not known how much is free.
const DEFAULT_MEMORY: u64 = 8 << 30;

/// The settings file that is read when none is named.
const DEFAULT_FILE: &str = "akvlens.toml";

/// `akvlens.toml`: every key may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// Cause file, relative to the settings file.
    causes: Option<PathBuf>,
    /// Applications file, relative to the settings file.
    applications: Option<PathBuf>,
    /// Roles file, relative to the settings file.
    roles: Option<PathBuf>,
    /// Threads.
    threads: Option<u16>,
    /// Longest record.
    max_record: Option<String>,
    /// Memory that may be taken.
    max_memory: Option<String>,
    /// Expansion bound.
    max_expansion: Option<u64>,
    /// Order of dates in CSV.
    date_order: Option<DateOrder>,
    /// Time zone of CSV.
    csv_zone: Option<String>,
    /// Rejected records that are put up with.
    max_rejected: Option<u64>,
    /// Seconds for a challenge's answer.
    challenge_window: Option<u32>,
    /// Rows shown.
    top: Option<usize>,
    /// Severity that makes the exit status 1.
    fail_on: Option<Severity>,
    /// Days without use after which an object is stale.
    stale_after: Option<u32>,
    /// File of limits, relative to the settings file.
    limits: Option<PathBuf>,
    /// Greatest utilisation that a split may leave, in percent.
    target: Option<u8>,
}

/// What the surroundings are; passed in so that nothing inward asks for them.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The time.
    pub now: DateTime<Utc>,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Processors.
    pub processors: usize,
    /// Whether colours are not wanted (NO_COLOR).
    pub no_color: bool,
    /// Bytes of memory that are free, where that is known.
    pub free_memory: Option<u64>,
}

/// What every command needs.
#[derive(Debug)]
pub struct Settings {
    /// The table of causes.
    pub causes: Causes,
    /// Threads.
    pub threads: usize,
    /// Colours on standard output.
    pub color: bool,
    /// A progress bar may be shown.
    pub progress: bool,
    /// Errors only.
    pub quiet: bool,
    /// What the surroundings are.
    pub surroundings: Surroundings,
    file: File,
}

/// How input is read.
#[derive(Clone, Debug)]
pub struct Input {
    /// What to read.
    pub inputs: Vec<String>,
    /// Bounds for each blob.
    pub limits: Limits,
    /// How dates in CSV are read.
    pub dates: Dates,
    /// Count each request once.
    pub dedup: bool,
    /// Bytes of memory that may be taken.
    pub most_memory: u64,
    /// Where rejects go.
    pub rejects: Option<PathBuf>,
    /// Rejected records that are put up with.
    pub max_rejected: u64,
}

impl Settings {
    /// Resolves what every command takes.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn new(global: &Global, surroundings: Surroundings) -> Result<Self, Error> {
        let file = read_file(global.config.as_deref())?;
        let causes = match table_file(global.causes.as_ref().or(file.causes.as_ref()))? {
            Some((path, text)) => Causes::with_file(&path, &text)?,
            None => Causes::built_in(),
        };
        let threads = global.threads.or(file.threads).map_or(surroundings.processors, usize::from);
        let color = match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => surroundings.stdout_is_terminal && !surroundings.no_color,
        };
        let progress = surroundings.stderr_is_terminal && !global.no_progress && !global.quiet;
        Ok(Self {
            causes,
            threads: threads.clamp(1, MOST_THREADS),
            color,
            progress,
            quiet: global.quiet,
            surroundings,
            file,
        })
    }

    /// Resolves how input is read.
    ///
    /// # Errors
    /// When a size is none.
    pub fn input(&self, args: &InputArgs) -> Result<Input, Error> {
        if args.rejects.as_deref() == Some(Path::new("-")) {
            return Err(Error::Usage("--rejects -: name a file; standard output is the report's".into()));
        }
        let default = Limits::default();
        let max_record_bytes = match args.max_record.as_ref().or(self.file.max_record.as_ref()) {
            Some(text) => size("--max-record", text)?,
            None => default.max_record_bytes,
        };
        let most_memory = match args.max_memory.as_ref().or(self.file.max_memory.as_ref()) {
            Some(text) => size("--max-memory", text)? as u64,
            None => self.surroundings.free_memory.map_or(DEFAULT_MEMORY, |free| free / 4 * 3),
        };
        let zone_of_file = || {
            let read = |zone: &String| zone.parse::<Zone>().map_err(|why| (zone.clone(), why));
            self.file.csv_zone.as_ref().map(read).transpose()
        };
        let zone = match args.csv_zone {
            Some(zone) => Some(zone),
            None => zone_of_file().map_err(|(zone, why)| {
                Error::Usage(format!("csv-zone '{zone}' in the settings file: {why}"))
            })?,
        };
        let max_expansion = args.max_expansion.or(self.file.max_expansion).unwrap_or(default.max_expansion);
        Ok(Input {
            inputs: args.inputs.clone(),
            limits: Limits { max_record_bytes, max_expansion: max_expansion.max(1) },
            dates: Dates { order: args.date_order.or(self.file.date_order), zone },
            dedup: args.dedup,
            most_memory,
            rejects: args.rejects.clone(),
            max_rejected: args.max_rejected.or(self.file.max_rejected).unwrap_or(0),
        })
    }

    /// Resolves how facts are judged.
    ///
    /// # Errors
    /// When a time or a pattern is none.
    pub fn judgement(&self, args: &FilterArgs, challenge_window: Option<u32>) -> Result<Judgement, Error> {
        let challenge_window_s = challenge_window.or(self.file.challenge_window).unwrap_or(60);
        if challenge_window_s == 0 {
            return Err(Error::Usage("--challenge-window: must be at least 1 second".into()));
        }
        let time = |name: &str, text: &Option<String>| {
            let read = |text: &String| {
                time::read(text, self.surroundings.now)
                    .map_err(|why| Error::Usage(format!("{name} '{text}': {why}")))
            };
            text.as_ref().map(read).transpose()
        };
        let filter = Filter {
            since: time("--since", &args.since)?,
            until: time("--until", &args.until)?,
            vaults: Names::new(&args.vault)?,
            callers: Names::new(&args.caller)?,
            operations: Names::new(&args.operation)?,
            causes: Names::new(&args.cause)?,
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since >= until
        {
            return Err(Error::Usage("--since must be before --until".into()));
        }
        self.check_causes(&args.cause)?;
        let stale_after_days = self.file.stale_after.unwrap_or(STALE_AFTER_DAYS);
        Ok(Judgement { challenge_window_s, filter, stale_after_days, ..Judgement::default() })
    }

    /// The table of well-known applications.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn applications(&self, typed: Option<&PathBuf>) -> Result<Applications, Error> {
        Ok(match table_file(typed.or(self.file.applications.as_ref()))? {
            Some((path, text)) => Applications::with_file(&path, &text)?,
            None => Applications::built_in().clone(),
        })
    }

    /// The table of roles.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn roles(&self, typed: Option<&PathBuf>) -> Result<Roles, Error> {
        Ok(match table_file(typed.or(self.file.roles.as_ref()))? {
            Some((path, text)) if serde_json::from_str::<IgnoredAny>(&text).is_ok() => {
                return Err(Error::Usage(format!(
                    "{}: is JSON; --roles takes TOML that says what roles grant, role assignments go to --policies",
                    path.display()
                )));
            }
            Some((path, text)) => Roles::with_file(&path, &text)?,
            None => Roles::built_in().clone(),
        })
    }

    /// Reads what is known beside the logs; each file is recognised by its content, whichever option
    /// names it.
    ///
    /// # Errors
    /// When a file cannot be read, is too long, or has no shape that is known.
    pub fn knowledge(&self, files: &[PathBuf]) -> Result<Knowledge, Error> {
        let mut knowledge = Knowledge::new();
        for path in files {
            let length = fs::metadata(path).map_err(Error::read(path))?.len();
            if length > MOST_KNOWLEDGE_BYTES {
                return Err(Error::Usage(format!(
                    "{}: longer than 512 MiB: export it in parts",
                    path.display()
                )));
            }
            let bytes = fs::read(path).map_err(Error::read(path))?;
            let found = knowledge.add(&bytes);
            let found = found.map_err(|why| Error::Usage(format!("{}: {why}", path.display())))?;
            if !self.quiet {
                let counts: Vec<String> =
                    found.iter().map(|(what, count)| format!("{count} {what}")).collect();
                let counts = if counts.is_empty() { "an empty list".to_owned() } else { counts.join(", ") };
                note(&format!("{}: {counts}", path.display()));
            }
        }
        Ok(knowledge)
    }

    /// Refuses a cause that does not exist, with the nearest that does.
    fn check_causes(&self, names: &[String]) -> Result<(), Error> {
        for name in names.iter().filter(|name| !name.contains(['*', '?', '[', '{'])) {
            if self.causes.find(&name.to_ascii_lowercase()).is_none() {
                let near = nearest(name, self.causes.iter().map(|cause| cause.id.as_str()));
                let near = near.map_or_else(String::new, |near| format!(" (did you mean '{near}'?)"));
                return Err(Error::Usage(format!(
                    "--cause '{name}': no such cause{near}; `akvlens explain` lists them"
                )));
            }
        }
        Ok(())
    }

    /// Rows shown.
    pub fn top(&self, typed: Option<usize>, default: usize) -> usize {
        typed.or(self.file.top).unwrap_or(default)
    }

    /// The severity that makes the exit status 1.
    pub fn fail_on(&self, typed: Option<Severity>) -> Option<Severity> {
        typed.or(self.file.fail_on)
    }
}

/// The text of a file that extends a built-in table, and where it was read.
fn table_file(path: Option<&PathBuf>) -> Result<Option<(PathBuf, String)>, Error> {
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(Error::read(path))?;
        Ok((path.clone(), text))
    };
    path.map(read).transpose()
}

/// The settings file; paths in it are relative to its folder.
fn read_file(named: Option<&Path>) -> Result<File, Error> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(File::default());
        }
        Err(error) => return Err(Error::read(path)(error)),
    };
    let mut file: File = data_file::read(path, &text)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let own = [&mut file.causes, &mut file.applications, &mut file.roles, &mut file.limits];
    for own in own.into_iter().flatten() {
        *own = folder.join(&own);
    }
    Ok(file)
}

/// Bytes of `16MB`, `16MiB`, `4k` or a plain number.
fn size(option: &str, text: &str) -> Result<usize, Error> {
    let wrong =
        || Error::Usage(format!("{option} '{text}': write a size such as 16MB or 16MiB, at least 1kB"));
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let scale: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(scale));
    bytes.filter(|bytes| *bytes >= 1000).ok_or_else(wrong)
}

/// The candidate that differs least, if it differs little.
pub fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let near = candidates.map(|candidate| (distance(name, candidate), candidate)).min()?;
    (near.0 <= name.chars().count() / 2).then_some(near.1)
}

/// Levenshtein distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, with) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *with);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("", "16MiB").unwrap(), 16 << 20);
        assert_eq!(size("", "2 GB").unwrap(), 2_000_000_000);
        assert_eq!(size("", "5000").unwrap(), 5000);
        for wrong in ["", "x", "1TB", "12", "-1MB", "99999999999999999999G"] {
            assert!(size("", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered() {
        let names = || ["missing-policy", "missing-role", "throttled"].into_iter();
        assert_eq!(nearest("mising-polcy", names()), Some("missing-policy"));
        assert_eq!(nearest("throtled", names()), Some("throttled"));
        assert_eq!(nearest("zzzz", names()), None);
    }
}
