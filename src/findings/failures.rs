//! Failures by cause, vault, caller, operation and object.
//!
//! Input: the analysis. Output: each group of failures with what decides where it stands among all findings;
//! the finding itself is told by [`Teller`], where somebody reads it.

mod shown;
mod told;

use std::sync::OnceLock;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::advice::{Ranked, Topic};
use super::callers::CallerId;
use super::denials::Needs;
use super::{Analysis, Stream};
use crate::classify::causes::{Outcome, Severity};
use crate::facts::dimensions::{Dimensions, Text};
use crate::facts::examples::Example;
use crate::facts::rows::VaultRow;
use crate::report::{CallerIdentity, Evidence};
pub(super) use told::Teller;

/// What tells one finding from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Group {
    cause: Text,
    vault: Option<Text>,
    caller: Option<CallerId>,
    operation: Option<Text>,
    object: Option<Text>,
}

/// Failures of one group. There may be as many as a log has failures: what can be looked up is not kept.
pub(super) struct Failures<'f> {
    dimensions: &'f Dimensions,
    /// The streams with the same caller, vault, operation and object, those of the group among them.
    access: &'f [Stream<'f>],
    /// The first stream of the group.
    first: &'f Stream<'f>,
    /// Requests.
    count: u64,
    severity: Severity,
    caller: Option<&'f CallerIdentity>,
    /// The id of the verdict that explains all of it.
    explained_by: Option<&'f str>,
    id: OnceLock<String>,
}

impl Ranked for Failures<'_> {
    fn gravity(&self) -> (Severity, u64) {
        (self.severity, self.count)
    }

    fn id(&self) -> &str {
        self.id.get_or_init(|| {
            finding_id(self.cause(), self.vault(), self.caller, self.operation(), Ranked::object(self))
        })
    }

    fn topic(&self) -> Topic<'_> {
        let ids = self.caller.map(|caller| (caller.oid.as_deref(), caller.appid.as_deref()));
        (self.cause(), self.vault(), ids)
    }

    fn object(&self) -> Option<&str> {
        self.dimensions.text(self.first.key.object)
    }

    fn is_explained(&self) -> bool {
        self.explained_by.is_some()
    }
}

/// All failures, in the order of the streams.
pub(super) fn find<'f>(analysis: &Analysis<'f>) -> impl ParallelIterator<Item = Failures<'f>> {
    let callers = analysis.streams.as_slice().par_chunk_by(Stream::same_caller);
    callers.map_init(Needs::default, |needs, streams| of_caller(analysis, needs, streams)).flatten_iter()
}

/// The failures of one caller.
fn of_caller<'f>(analysis: &Analysis<'f>, needs: &mut Needs, streams: &'f [Stream<'f>]) -> Vec<Failures<'f>> {
    let mut all: Vec<Failures<'_>> = Vec::new();
    // All but the cause is what streams are ordered by: what is alike stands together.
    for access in streams.chunk_by(Stream::same_access) {
        let from = all.len();
        for stream in access.iter().filter(|stream| stream.outcome == Outcome::Failure) {
            let same = |failures: &&mut Failures<'_>| failures.first.key.cause == stream.key.cause;
            match all.iter_mut().skip(from).find(same) {
                Some(failures) => failures.count += stream.count,
                None => all.push(Failures::new(analysis, needs, access, stream)),
            }
        }
    }
    all
}

impl<'f> Failures<'f> {
    /// Those of the first stream of a group. Takes the gravity of the verdict that explains them, where that is less.
    fn new(
        analysis: &Analysis<'f>,
        needs: &mut Needs,
        access: &'f [Stream<'f>],
        first: &'f Stream<'f>,
    ) -> Self {
        let mut severity =
            analysis.causes.find(first.cause()).map_or(Severity::Medium, |cause| cause.severity);
        let explained_by = analysis.verdicts.and_then(|verdicts| {
            let (id, least) = verdicts.explains(analysis, needs, first)?;
            severity = severity.min(least);
            Some(id)
        });
        Self {
            dimensions: &analysis.facts.dimensions,
            access,
            first,
            count: first.count,
            severity,
            caller: first.caller.and_then(|id| analysis.callers.get(id)).map(|known| &known.identity),
            explained_by,
            id: OnceLock::new(),
        }
    }

    /// The streams of the group.
    fn streams(&self) -> impl Iterator<Item = &'f Stream<'f>> {
        let cause = self.first.key.cause;
        self.access
            .iter()
            .filter(move |stream| stream.outcome == Outcome::Failure && stream.key.cause == cause)
    }

    /// What tells it from other findings.
    fn group(&self) -> Group {
        let Stream { key, vault, caller, .. } = *self.first;
        Group { cause: key.cause, vault, caller, operation: key.operation, object: key.object }
    }

    fn cause(&self) -> &'f str {
        self.first.cause()
    }

    fn vault(&self) -> Option<&'f str> {
        self.dimensions.text(self.first.vault)
    }

    fn operation(&self) -> Option<&'f str> {
        self.dimensions.text(self.first.key.operation)
    }
}

/// The ARM id of a vault, where the log holds all its parts.
pub(super) fn vault_id(vault: &VaultRow<'_>) -> Option<String> {
    let (subscription, group, name) = (vault.subscription?, vault.resource_group?, vault.name?);
    let kind = if vault.hsm { "managedHSMs" } else { "vaults" };
    Some(format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/{kind}/{name}"
    ))
}

/// What a caller is called in a sentence.
pub(super) fn name_of(caller: &CallerIdentity) -> String {
    match (&caller.name, caller.oid.as_ref().or(caller.appid.as_ref())) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (Some(name), None) => name.clone(),
        (None, Some(id)) => id.clone(),
        (None, None) => "a caller without ids".to_owned(),
    }
}

/// The id of the finding on failures of one cause, vault, caller, operation and object: stable from run to run, as it
/// depends on what the finding is about and on nothing else.
pub(super) fn finding_id(
    cause: &str,
    vault: Option<&str>,
    caller: Option<&CallerIdentity>,
    operation: Option<&str>,
    object: Option<&str>,
) -> String {
    let oid = caller.and_then(|caller| caller.oid.as_deref());
    // A person's client may differ from one export to the next; the object id does not.
    let appid = caller.filter(|_| oid.is_none()).and_then(|caller| caller.appid.as_deref());
    let parts = [vault, oid, appid, operation, object].map(|part| part.unwrap_or("\u{0}"));
    format!("{cause}-{:016x}", xxh3_64(parts.join("\u{1f}").as_bytes()))
}

pub(super) fn evidence_of(analysis: &Analysis<'_>, example: &Example, outside_time: bool) -> Evidence {
    let text = |text: Option<Text>| analysis.facts.dimensions.text(text).map(str::to_owned);
    Evidence {
        blob: analysis.facts.dimensions.strings.get(example.location.blob).to_owned(),
        line: example.location.line,
        time: example.time,
        correlation_id: example.correlation_id.map(|id| id.text(&analysis.facts.dimensions).into_owned()),
        client_address: text(example.client_address),
        client_agent: text(example.client_agent),
        message: text(example.message),
        outside_time,
    }
}
