//! `akvlens capacity`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{ingest, report};
use crate::classify::causes::Severity;
use crate::cli::CapacityArgs;
use crate::error::{Error, ExitStatus};
use crate::facts::Facts;
use crate::findings::capacity::{self, CapacitySettings};
use crate::output::note;
use crate::render::capacity::Format;
use crate::render::terminal::capacity as terminal;
use crate::settings::Settings;

/// Reads, judges, writes.
pub(super) fn run(args: &CapacityArgs, settings: &Settings) -> Result<ExitStatus, Error> {
    let formats = report::formats(&args.output, Format::of_path, &Format::all())?;
    let input = settings.input(&args.input)?;
    let wanted = settings.capacity(&args.plan, &args.assume)?;
    let mut judgement = settings.judgement(&args.filter, args.challenge_window)?;
    let knowledge = report::learn(&mut judgement, &args.knowledge, settings)?;
    let outputs: Vec<&Path> = formats.iter().map(|(path, _)| *path).collect();
    let given: Vec<PathBuf> =
        knowledge.iter().chain(&args.plan.group).chain(&args.assume.limits).cloned().collect();
    report::check_knowledge(&outputs, &given)?;
    let ingest::Read { facts, cut } = ingest::read(&input, &outputs, settings)?;
    let complete = ingest::status(&facts, &input);
    if !settings.quiet {
        tell_unknown_objects(&facts, &wanted);
    }
    let mut report = capacity::report(facts, &settings.causes, &judgement, &wanted);
    if let Some(cut) = cut {
        report.filter = std::mem::take(&mut report.filter).on(&cut);
    }
    if report.vaults.is_empty() && !judgement.filter.is_all() && !settings.quiet {
        note("no request matches the filter");
    }
    report::deliver(
        &report,
        &formats,
        args.top,
        settings,
        |format, top, out| format.write(&report, top, out),
        |terminal| terminal::render(&report, terminal),
    )?;
    let fail_on = settings.fail_on(args.fail_on);
    let found = |severity: Severity| capacity::worst(&report).is_some_and(|worst| worst >= severity);
    Ok(match complete {
        ExitStatus::Clean if fail_on.is_some_and(found) => ExitStatus::Findings,
        other => other,
    })
}

/// Objects that are to be kept together but are not in the log are likely slips of the pen.
fn tell_unknown_objects(facts: &Facts, wanted: &CapacitySettings) {
    let objects = facts.requests.iter().filter_map(|(key, _)| facts.dimensions.text(key.object));
    let objects: BTreeSet<&str> = objects.filter(|object| wanted.groups.contains_key(*object)).collect();
    for object in wanted.groups.keys().filter(|object| !objects.contains(object.as_str())) {
        note(&format!("--group: '{object}' is not in this log"));
    }
}
