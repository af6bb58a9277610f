//! Input of any kind to facts, for every command; and the commands that keep them.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::INTERRUPTED;
use crate::cli::{FactsArgs, MergeArgs};
use crate::error::{Error, ExitStatus};
use crate::facts::Facts;
use crate::facts::coverage::RejectRow;
use crate::facts::cut::FilterEcho;
use crate::findings;
use crate::ingest::{Ingest, Ingested, RANGE_BYTES, RejectLine};
use crate::output::{check_folder, note, write_file};
use crate::parts::{self, Part};
use crate::progress::Bar;
use crate::render::text::{grouped, size};
use crate::settings::{Input, Settings};
use crate::source::{Blob, BlobPlace, Listing, list};

/// How long an interrupted run may take to end by itself.
const GRACE: std::time::Duration = std::time::Duration::from_millis(500);

/// Reads everything that the inputs name: logs and folders of facts.
///
/// # Errors
/// When an input does not exist, a facts folder cannot be used, a blob would count twice, or Ctrl-C.
pub(super) fn read(input: &Input, outputs: &[&Path], settings: &Settings) -> Result<Read, Error> {
    let rejects = input.rejects.as_deref();
    if let Some(rejects) = rejects {
        check_folder(rejects)?;
    }
    let started = Instant::now();
    let mut listing = list(&input.inputs)?;
    if listing.blobs.is_empty() && listing.facts.is_empty() {
        return Err(nothing_in(&input.inputs, &listing));
    }
    for passed in &listing.passed_over {
        if input.inputs.contains(&passed.name) && !settings.quiet {
            note(&format!("{}: passed over: {}", passed.name, passed.why));
        }
    }
    check_outputs(&outputs.iter().copied().chain(rejects).collect::<Vec<_>>(), &listing)?;
    if input.dedup && !listing.facts.is_empty() {
        let folder = listing.facts[0].display();
        return Err(Error::Usage(format!(
            "--dedup: '{folder}' holds facts, which no longer tell one record from another: read the logs \
             themselves, or use --dedup when the facts are made"
        )));
    }
    let spooled = if input.dedup { spool(&mut listing)? } else { None };
    let parts = parts::union(&listing.facts)?;
    let names: Vec<String> = listing.blobs.iter().map(|blob| blob.name.clone()).collect();
    parts::check_blobs(&parts, &names)?;
    // A second handler in one process is an error that does not matter.
    let _ = ctrlc::set_handler(interrupt);
    let Ingested { mut facts, mut rejects } = logs(input, settings, &listing)?;
    drop(spooled);
    for part in &parts {
        let part = part.read()?;
        rejects.extend(kept_rejects(&part));
        facts.merge(part);
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
    }
    // From here on requests are asked for.
    facts.requests.settle();
    if let Some(path) = &input.rejects {
        rejects.sort();
        let lines = rejects.iter().filter_map(|line| serde_json::to_string(line).ok());
        let text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
        write_file(path, &mut |out| out.write_all(text.as_bytes()))?;
        let rejected: u64 = facts.coverage.iter().map(|(_, blob)| blob.rejected()).sum();
        if rejected > rejects.len() as u64 && !settings.quiet {
            let listed = grouped(rejects.len() as u64);
            note(&format!("{}: lists {listed} of {} rejects", path.display(), grouped(rejected)));
        }
    }
    tell(&facts, settings, started, &parts);
    Ok(Read { facts, cut: cut(&parts, &listing, settings) })
}

/// What was read, and what it had been cut to before.
pub(super) struct Read {
    pub(super) facts: Facts,
    /// The filter that all of it was cut to.
    pub(super) cut: Option<FilterEcho>,
}

/// The filter that all input was cut to. Input of which only a part was cut is told of: no one
/// filter describes it.
fn cut(parts: &[Part], listing: &Listing, settings: &Settings) -> Option<FilterEcho> {
    let filters: BTreeSet<Option<&FilterEcho>> = parts.iter().map(Part::filter).collect();
    if listing.blobs.is_empty() && filters.len() == 1 {
        return filters.into_iter().next().flatten().cloned();
    }
    for part in parts.iter().filter(|part| part.filter().is_some() && !settings.quiet) {
        let filter = serde_json::to_string(&part.filter()).unwrap_or_default();
        note(&format!("{} holds only a part of its logs, cut to {filter}", part.id()));
    }
    None
}

/// Refuses an output that would take the place of an input.
fn check_outputs(outputs: &[&Path], listing: &Listing) -> Result<(), Error> {
    let canonical = |path: &Path| std::fs::canonicalize(path).ok();
    let inputs = listing.blobs.iter().filter_map(|blob| match &blob.place {
        BlobPlace::File(path) => canonical(path),
        BlobPlace::Stdin => None,
    });
    let inputs: BTreeSet<_> = inputs.collect();
    match outputs.iter().find(|path| canonical(path).is_some_and(|path| inputs.contains(&path))) {
        Some(path) => {
            Err(Error::Usage(format!("{}: is one of the inputs and would be lost", path.display())))
        }
        None => Ok(()),
    }
}

/// Ctrl-C: the workers stop at the next record. A read that waits for bytes (standard input, a
/// pipe) cannot be woken; then the process ends by itself, with nothing written.
#[allow(clippy::exit, clippy::disallowed_methods, reason = "no other way out of a waiting read")]
fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
    std::thread::sleep(GRACE);
    std::process::exit(i32::from(ExitStatus::Interrupted as u8));
}

fn nothing_in(inputs: &[String], listing: &Listing) -> Error {
    let more = match listing.passed_over.as_slice() {
        [] => String::new(),
        [one] => format!(" ('{}' is {})", one.name, one.why),
        [first, rest @ ..] => {
            let s = if rest.len() == 1 { "" } else { "s" };
            format!(
                " ('{}' is {}, and {} other file{s} were passed over too)",
                first.name,
                first.why,
                rest.len()
            )
        }
    };
    let unreadable =
        listing.unreadable.first().map_or_else(String::new, |(name, why)| format!("; {name}: {why}"));
    Error::NoInput(format!("no log in '{}'{more}{unreadable}", inputs.join("', '")))
}

/// Copies what can be read only once, standard input and pipes, to files that live as long as the
/// folder returned.
fn spool(listing: &mut Listing) -> Result<Option<tempfile::TempDir>, Error> {
    let once = |blob: &Blob| match &blob.place {
        BlobPlace::Stdin => true,
        BlobPlace::File(path) => !path.is_file(),
    };
    if !listing.blobs.iter().any(once) {
        return Ok(None);
    }
    let failed = |error| Error::read(Path::new("--dedup: copy of standard input"))(error);
    let folder = tempfile::tempdir().map_err(failed)?;
    for (number, blob) in listing.blobs.iter_mut().enumerate().filter(|(_, blob)| once(blob)) {
        let path = folder.path().join(number.to_string());
        let mut file = std::fs::File::create_new(&path).map_err(failed)?;
        blob.bytes = std::io::copy(&mut blob.open().map_err(failed)?, &mut file).map_err(failed)?;
        blob.place = BlobPlace::File(path);
    }
    Ok(Some(folder))
}

/// Reads the logs.
fn logs(input: &Input, settings: &Settings, listing: &Listing) -> Result<Ingested, Error> {
    let passes = if input.dedup { 2 } else { 1 };
    let bar = Bar::new(listing.bytes() * passes, settings.progress);
    let ingest = Ingest {
        causes: &settings.causes,
        limits: input.limits,
        dates: input.dates,
        threads: settings.threads,
        progress: &bar,
        interrupted: &INTERRUPTED,
        keep_rejects: input.rejects.is_some(),
        dedup: input.dedup,
        range_bytes: RANGE_BYTES,
        most_memory: input.most_memory,
    };
    let ingested = ingest.run(listing);
    bar.finish();
    ingested
}

/// The rejects that facts keep: the first of each blob, without an excerpt, as the logs may be gone.
fn kept_rejects(facts: &Facts) -> Vec<RejectLine> {
    let line = |blob: &str, row: &RejectRow| RejectLine {
        blob: blob.to_owned(),
        offset: row.place.offset,
        line: row.place.line,
        bytes: row.place.bytes,
        reason: row.reason,
        detail: row.detail.clone(),
        excerpt: String::new(),
    };
    let rows = facts.coverage_rows();
    rows.iter().flat_map(|(blob, coverage)| coverage.rejects.iter().map(move |row| line(blob, row))).collect()
}

/// Says on standard error how long it took: never in a report, which is the same every time.
fn tell(facts: &Facts, settings: &Settings, started: Instant, parts: &[Part]) {
    if settings.quiet {
        return;
    }
    let bytes: u64 = facts.coverage.iter().map(|(_, blob)| blob.bytes).sum();
    let records: u64 = facts.coverage.iter().map(|(_, blob)| blob.records).sum();
    let elapsed = started.elapsed();
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let what = if parts.is_empty() { "read" } else { "read (facts included)" };
    note(&format!(
        "{what} {} ({} records) in {:.2} s: {}/s on {} threads",
        size(bytes),
        grouped(records),
        elapsed.as_secs_f64(),
        size(bytes.saturating_mul(1000) / milliseconds),
        settings.threads
    ));
}

/// The exit status that coverage asks for.
pub(super) fn status(facts: &Facts, input: &Input) -> ExitStatus {
    let rejected: u64 = facts.coverage.iter().map(|(_, blob)| blob.rejected()).sum();
    let incomplete = facts.coverage.iter().filter(|(_, blob)| blob.incomplete).count() as u64;
    // A blob's own error is counted among its rejects.
    if rejected > input.max_rejected || incomplete > input.max_rejected {
        ExitStatus::Incomplete
    } else {
        ExitStatus::Clean
    }
}

/// `akvlens facts`.
pub(super) fn facts(args: &FactsArgs, settings: &Settings) -> Result<ExitStatus, Error> {
    let input = settings.input(&args.input)?;
    let judgement = settings.judgement(&args.filter, args.challenge_window)?;
    let Read { mut facts, cut } = read(&input, &[], settings)?;
    let status = status(&facts, &input);
    if !judgement.filter.is_all() {
        // What is filtered out could no longer answer a challenge: that is settled before.
        findings::judge(&mut facts, &settings.causes, &judgement);
    }
    let own = judgement.filter.echo();
    let filter = match cut {
        Some(cut) => Some(own.on(&cut)),
        None => (!judgement.filter.is_all()).then_some(own),
    };
    let id = parts::add(&args.output, &mut facts, filter)?;
    if !settings.quiet {
        note(&format!(
            "{}: {id}, {} rows of requests",
            args.output.display(),
            grouped(facts.requests.rows() as u64)
        ));
    }
    Ok(status)
}

/// `akvlens merge`.
pub(super) fn merge(args: &MergeArgs, settings: &Settings) -> Result<ExitStatus, Error> {
    let parts = parts::union(&args.folders)?;
    parts::copy(&parts, &args.output)?;
    if !settings.quiet {
        note(&format!("{}: {} parts", args.output.display(), parts::list(&args.output)?.len()));
    }
    Ok(ExitStatus::Clean)
}
