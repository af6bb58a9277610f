//! `akvlens capacity`.

use std::path::{Path, PathBuf};

use super::{ingest, report};
use crate::classify::causes::Severity;
use crate::cli::CapacityArgs;
use crate::error::{Error, ExitStatus};
use crate::findings::capacity;
use crate::output::{note, stream_stdout, write_file, write_terminal};
use crate::render::capacity::Format;
use crate::render::json;
use crate::render::terminal::{Terminal, capacity as terminal};
use crate::settings::Settings;

/// Reads, judges, writes.
pub(super) fn run(args: &CapacityArgs, settings: &Settings) -> Result<ExitStatus, Error> {
    let formats = report::formats(&args.output, Format::of_path, &Format::all())?;
    let input = settings.input(&args.input)?;
    let wanted = settings.capacity(&args.plan, &args.assume)?;
    let mut judgement = settings.judgement(&args.filter, args.challenge_window)?;
    let knowledge: Vec<PathBuf> =
        args.knowledge.directory.iter().chain(&args.knowledge.policies).cloned().collect();
    judgement.applications = settings.applications(args.knowledge.applications.as_ref())?;
    judgement.roles = settings.roles(args.knowledge.roles.as_ref())?;
    judgement.knowledge = settings.knowledge(&knowledge)?;
    let outputs: Vec<&Path> = formats.iter().map(|(path, _)| *path).collect();
    let given: Vec<PathBuf> =
        knowledge.iter().chain(&args.plan.group).chain(&args.assume.limits).cloned().collect();
    report::check_knowledge(&outputs, &given)?;
    let ingest::Read { facts, cut } = ingest::read(&input, &outputs, settings)?;
    let complete = ingest::status(&facts, &input);
    let mut report = capacity::report(facts, &settings.causes, &judgement, &wanted);
    if let Some(cut) = cut {
        report.filter = std::mem::take(&mut report.filter).on(&cut);
    }
    if report.vaults.is_empty() && !judgement.filter.is_all() && !settings.quiet {
        note("no request matches the filter");
    }
    for (path, format) in &formats {
        match format {
            Some(format) => {
                let top = settings.top(args.top, report::MARKDOWN_TOP);
                write_file(path, &mut |out| format.write(&report, top, out))?;
            }
            None => stream_stdout(&mut |out| json::write(&report, out))?,
        }
    }
    if formats.is_empty() || (!settings.quiet && formats.iter().all(|(_, format)| format.is_some())) {
        let terminal = Terminal {
            width: settings.surroundings.width,
            color: settings.color,
            top: settings.top(args.top, report::TERMINAL_TOP),
        };
        write_terminal(&terminal::render(&report, terminal), settings.color)?;
    }
    let fail_on = settings.fail_on(args.fail_on);
    let found = |severity: Severity| capacity::worst(&report).is_some_and(|worst| worst >= severity);
    Ok(match complete {
        ExitStatus::Clean if fail_on.is_some_and(found) => ExitStatus::Findings,
        other => other,
    })
}
