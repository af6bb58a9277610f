//! `akvlens report`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ingest;
use crate::cli::{KnowledgeArgs, ReportArgs};
use crate::error::{Error, ExitStatus};
use crate::findings::advice::Most;
use crate::findings::{self, Judgement, Tables};
use crate::output::{check_folder, note, stream_stdout, write_file, write_terminal};
use crate::render::terminal::{self, Terminal};
use crate::render::{Format, json};
use crate::report::Report;
use crate::settings::{Settings, nearest};

/// Findings and rows in Markdown, unless said otherwise.
const MARKDOWN_TOP: usize = 50;

/// Findings and rows on a terminal, unless said otherwise.
const TERMINAL_TOP: usize = 10;

/// Reads, judges, writes.
pub(super) fn run(args: &ReportArgs, settings: &Settings) -> Result<ExitStatus, Error> {
    let formats = formats(&args.output, Format::of_path, &Format::all())?;
    let input = settings.input(&args.input)?;
    let mut judgement = settings.judgement(&args.filter, args.challenge_window)?;
    let knowledge = learn(&mut judgement, &args.knowledge, settings)?;
    judgement.tables = tables(&formats, judgement.knowledge.tells_grants(), args.top, settings);
    judgement.stale_after_days = args.stale_after.unwrap_or(judgement.stale_after_days);
    let outputs: Vec<&Path> = formats.iter().map(|(path, _)| *path).collect();
    check_knowledge(&outputs, &knowledge)?;
    let ingest::Read { mut facts, cut } = ingest::read(&input, &outputs, settings)?;
    let complete = ingest::status(&facts, &input);
    let known: Vec<String> = vaults_of(&facts);
    let mut report = findings::report_on(&mut facts, &settings.causes, &judgement);
    if let Some(cut) = cut {
        report.filter = std::mem::take(&mut report.filter).on(&cut);
    }
    if report.totals.requests == 0 && !judgement.filter.is_all() && !settings.quiet {
        tell_no_match(args, &known);
    }
    deliver(
        &report,
        &formats,
        args.top,
        settings,
        |format, top, out| format.write(&report, top, out),
        |terminal| terminal::render(&report, terminal),
    )?;
    let status = status(complete, &report, args, settings);
    // The process ends now: the system takes all memory back at once, which is faster than to free the
    // hundreds of thousands of pieces one by one.
    std::mem::forget((facts, report));
    Ok(status)
}

/// Takes in what is known beside the logs; the files of the directory and of policies.
pub(super) fn learn(
    judgement: &mut Judgement,
    args: &KnowledgeArgs,
    settings: &Settings,
) -> Result<Vec<PathBuf>, Error> {
    let knowledge: Vec<PathBuf> = args.directory.iter().chain(&args.policies).cloned().collect();
    judgement.applications = settings.applications(args.applications.as_ref())?;
    judgement.roles = settings.roles(args.roles.as_ref())?;
    judgement.knowledge = settings.knowledge(&knowledge)?;
    Ok(knowledge)
}

/// The output files with their formats; `None` is JSON to standard output. Checked before anything
/// is read.
pub(super) fn formats<'p, F>(
    output: &'p [PathBuf],
    of_path: impl Fn(&Path) -> Option<F>,
    all: &str,
) -> Result<Vec<(&'p Path, Option<F>)>, Error> {
    let format = |path: &Path| {
        if path.as_os_str() == "-" {
            return Ok(None);
        }
        check_folder(path)?;
        of_path(path).map(Some).ok_or_else(|| {
            Error::Usage(format!("-o '{}': the extension names no format; there are {all}", path.display()))
        })
    };
    output.iter().map(|path| Ok((path.as_path(), format(path)?))).collect()
}

/// The long tables that an output holds; others show of access only what differs from the grants, and of the
/// findings the first.
fn tables(
    formats: &[(&Path, Option<Format>)],
    tells_grants: bool,
    top: Option<usize>,
    settings: &Settings,
) -> Tables {
    let has = |wanted: Format| formats.iter().any(|(_, format)| *format == Some(wanted));
    let whole = has(Format::Json) || formats.iter().any(|(_, format)| format.is_none());
    let advice = if is_terminal_used(formats, settings) { terminal_of(top, settings).advice() } else { 0 };
    let listed = if has(Format::Md) { settings.top(top, MARKDOWN_TOP) } else { 0 };
    Tables {
        by_caller_operation: whole || has(Format::Csv),
        access: whole || tells_grants || has(Format::AccessCsv),
        findings: Most { listed: if whole { usize::MAX } else { listed }, advice },
    }
}

/// Whether the summary goes to the terminal: where no output takes its place.
fn is_terminal_used<F>(formats: &[(&Path, Option<F>)], settings: &Settings) -> bool {
    formats.is_empty() || (!settings.quiet && formats.iter().all(|(_, format)| format.is_some()))
}

/// What the terminal can show.
fn terminal_of(top: Option<usize>, settings: &Settings) -> Terminal {
    Terminal {
        width: settings.surroundings.width,
        color: settings.color,
        top: settings.top(top, TERMINAL_TOP),
    }
}

/// Writes a report to each of its outputs, and the summary to the terminal where no output takes its
/// place. `write` is given the format and the rows shown; what has no format is JSON on standard output.
pub(super) fn deliver<F: Copy>(
    report: &impl Serialize,
    formats: &[(&Path, Option<F>)],
    top: Option<usize>,
    settings: &Settings,
    write: impl Fn(F, usize, &mut dyn Write) -> io::Result<()>,
    render: impl FnOnce(Terminal) -> String,
) -> Result<(), Error> {
    let in_file = settings.top(top, MARKDOWN_TOP);
    for (path, format) in formats {
        match format {
            Some(format) => write_file(path, &mut |out| write(*format, in_file, out))?,
            None => stream_stdout(&mut |out| json::write(report, out))?,
        }
    }
    if is_terminal_used(formats, settings) {
        write_terminal(&render(terminal_of(top, settings)), settings.color)?;
    }
    Ok(())
}

/// Refuses an output that would take the place of a file that was given.
pub(super) fn check_knowledge(outputs: &[&Path], knowledge: &[PathBuf]) -> Result<(), Error> {
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    let lost = |output: &&&Path| {
        canonical(output)
            .is_some_and(|output| knowledge.iter().any(|path| canonical(path).as_ref() == Some(&output)))
    };
    match outputs.iter().find(lost) {
        Some(path) => {
            Err(Error::Usage(format!("{}: is one of the inputs and would be lost", path.display())))
        }
        None => Ok(()),
    }
}

fn vaults_of(facts: &crate::facts::Facts) -> Vec<String> {
    let dimensions = &facts.dimensions;
    let mut names: Vec<String> =
        dimensions.vaults.iter().map(|vault| dimensions.strings.get(vault.name).to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// A filter that matched nothing is likely a slip of the pen.
fn tell_no_match(args: &ReportArgs, vaults: &[String]) {
    note("no request matches the filter");
    for name in &args.filter.vault {
        if !vaults.iter().any(|vault| vault.eq_ignore_ascii_case(name))
            && let Some(near) = nearest(&name.to_ascii_lowercase(), vaults.iter().map(String::as_str))
        {
            note(&format!("--vault {name}: did you mean {}?", crate::render::escape::line(near)));
        }
    }
}

/// Incomplete input goes before findings: what was not read may hold more of them.
fn status(complete: ExitStatus, report: &Report, args: &ReportArgs, settings: &Settings) -> ExitStatus {
    let found =
        settings.fail_on(args.fail_on).is_some_and(|severity| findings::has_finding(report, severity));
    match complete {
        ExitStatus::Clean if found => ExitStatus::Findings,
        other => other,
    }
}
