//! The truth about the records: what a reader of them ought to find.
//!
//! In: every event. Out: counts by cause, vault, caller and operation, as sorted JSON. Counts only, so
//! that memory does not grow with the log. Callers are counted where the record names them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::blobs::{Totals, at};
use crate::calendar::Ticks;
use crate::cause::Cause;
use crate::cli::Plan;
use crate::json::push_time;
use crate::operation::OPERATIONS;
use crate::traffic::Event;
use crate::world::World;

/// Requests and how many of them failed.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// All of them.
    all: u64,
    /// The failures.
    failures: u64,
}

impl Tally {
    /// Counts one more.
    fn add(&mut self, cause: Cause) {
        self.all += 1;
        self.failures += u64::from(cause.is_failure());
    }

    /// Counts another tally in.
    fn merge(&mut self, other: Self) {
        self.all += other.all;
        self.failures += other.failures;
    }
}

/// Counts of the run so far.
#[derive(Debug)]
pub(crate) struct Counts {
    /// Records by cause.
    causes: Vec<u64>,
    /// Records by vault.
    vaults: Vec<Tally>,
    /// Requests by vault, caller and operation, all by index.
    requests: BTreeMap<(usize, usize, usize), Tally>,
    /// Time of the first and of the last event.
    span: Option<(Ticks, Ticks)>,
}

impl Counts {
    /// Nothing yet.
    pub(crate) fn new(world: &World) -> Self {
        Self {
            causes: vec![0; Cause::ALL.len()],
            vaults: vec![Tally::default(); world.vaults.len()],
            requests: BTreeMap::new(),
            span: None,
        }
    }

    /// Counts an event.
    pub(crate) fn add(&mut self, event: &Event) {
        let request = &event.request;
        self.causes[request.cause as usize] += 1;
        self.vaults[request.vault].add(request.cause);
        if request.cause.names_caller() {
            let key = (request.vault, request.caller, request.logged_operation());
            self.requests.entry(key).or_default().add(request.cause);
        }
        let (first, last) = self.span.unwrap_or((event.time, event.time));
        self.span = Some((first.min(event.time), last.max(event.time)));
    }

    /// The whole truth, sorted.
    pub(crate) fn into_truth(self, plan: &Plan, world: &World, totals: Totals) -> Truth {
        let causes = Cause::ALL.iter().zip(&self.causes).filter(|(_, count)| **count > 0);
        let vaults = world.vaults.iter().zip(&self.vaults).filter(|(_, tally)| tally.all > 0);
        let span = self.span.map(|(first, last)| (written(first), written(last)));
        let (first, last) = span.unzip();
        Truth {
            schema: "akvlens-truth/1",
            seed: plan.seed,
            events: self.causes.iter().sum(),
            bytes: totals.bytes,
            blobs: totals.blobs,
            records: self.causes.iter().sum(),
            causes: causes.map(|(cause, count)| (cause.id(), *count)).collect(),
            vaults: vaults
                .map(|(vault, tally)| {
                    (vault.name.to_lowercase(), VaultTruth { records: tally.all, failures: tally.failures })
                })
                .collect(),
            callers: by_caller(&self.requests, world),
            by_caller_operation: by_caller_operation(&self.requests, world),
            first,
            last,
        }
    }
}

/// What a reader of the records ought to find.
#[derive(Debug, Serialize)]
pub(crate) struct Truth {
    /// Name and version of this form.
    schema: &'static str,
    /// Seed of the run.
    seed: u64,
    /// Number of events; each makes one record.
    events: u64,
    /// Bytes before compression.
    pub(crate) bytes: u64,
    /// Number of blobs.
    pub(crate) blobs: u64,
    /// Number of records.
    pub(crate) records: u64,
    /// Records by cause.
    causes: BTreeMap<&'static str, u64>,
    /// Records by vault, in lower case.
    vaults: BTreeMap<String, VaultTruth>,
    /// Requests by caller.
    callers: Vec<CallerTruth>,
    /// Requests by vault, caller and operation.
    by_caller_operation: Vec<OperationTruth>,
    /// Time of the earliest record.
    first: Option<String>,
    /// Time of the latest record.
    last: Option<String>,
}

/// Records of a vault.
#[derive(Debug, Serialize)]
struct VaultTruth {
    /// All of them.
    records: u64,
    /// The failures.
    failures: u64,
}

/// Requests of a caller.
#[derive(Debug, Serialize)]
struct CallerTruth {
    /// Object id.
    oid: String,
    /// Application id.
    appid: String,
    /// All of them.
    requests: u64,
    /// The failures.
    failures: u64,
}

/// Requests of a caller for an operation at a vault.
#[derive(Debug, Serialize)]
struct OperationTruth {
    /// The vault, in lower case.
    vault: String,
    /// Object id.
    oid: String,
    /// Application id.
    appid: String,
    /// `operationName`.
    operation: &'static str,
    /// All of them.
    requests: u64,
    /// The failures.
    failures: u64,
}

impl Truth {
    /// Writes the truth file.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let written = || {
            let mut file = BufWriter::new(File::create(path)?);
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.flush()
        };
        written().map_err(|error| at(path, &error))
    }
}

/// Requests by caller, in order of object and application id.
fn by_caller(requests: &BTreeMap<(usize, usize, usize), Tally>, world: &World) -> Vec<CallerTruth> {
    let mut tallies: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
    for (&(_, caller, _), tally) in requests {
        let caller = &world.callers[caller];
        tallies.entry((&caller.oid, &caller.appid)).or_default().merge(*tally);
    }
    tallies
        .into_iter()
        .map(|((oid, appid), tally)| CallerTruth {
            oid: oid.to_owned(),
            appid: appid.to_owned(),
            requests: tally.all,
            failures: tally.failures,
        })
        .collect()
}

/// Requests by vault, caller and operation, in order of their names.
fn by_caller_operation(
    requests: &BTreeMap<(usize, usize, usize), Tally>,
    world: &World,
) -> Vec<OperationTruth> {
    let mut rows: Vec<OperationTruth> = requests
        .iter()
        .map(|(&(vault, caller, operation), tally)| OperationTruth {
            vault: world.vaults[vault].name.to_lowercase(),
            oid: world.callers[caller].oid.clone(),
            appid: world.callers[caller].appid.clone(),
            operation: OPERATIONS[operation].name,
            requests: tally.all,
            failures: tally.failures,
        })
        .collect();
    rows.sort_by(|a, b| {
        (&a.vault, &a.oid, &a.appid, a.operation).cmp(&(&b.vault, &b.oid, &b.appid, b.operation))
    });
    rows
}

/// An instant as records give it.
fn written(time: Ticks) -> String {
    let mut text = String::new();
    push_time(&mut text, time, 7);
    text
}
