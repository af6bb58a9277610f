//! Failures by cause, vault, caller, operation and object.
//!
//! Input: the analysis. Output: each group of failures with what decides where it stands among all findings;
//! the finding itself is told by [`Teller`], where somebody reads it. A log may have as many groups as failures.

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
use crate::facts::dimensions::Text;
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

/// Failures of one group.
pub(super) struct Failures<'f> {
    group: Group,
    streams: Vec<&'f Stream<'f>>,
    /// Requests.
    count: u64,
    severity: Severity,
    cause: &'f str,
    vault: Option<&'f str>,
    operation: Option<&'f str>,
    object: Option<&'f str>,
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
        self.id.get_or_init(|| finding_id(self.cause, self.vault, self.caller, self.operation, self.object))
    }

    fn topic(&self) -> Topic<'_> {
        let ids = self.caller.map(|caller| (caller.oid.as_deref(), caller.appid.as_deref()));
        (self.cause, self.vault, ids)
    }

    fn object(&self) -> Option<&str> {
        self.object
    }

    fn is_explained(&self) -> bool {
        self.explained_by.is_some()
    }
}

/// All failures, in the order of the streams.
pub(super) fn find<'f>(analysis: &Analysis<'f>) -> Vec<Failures<'f>> {
    let failures = |needs: &mut Needs, (group, streams)| Failures::new(analysis, needs, group, streams);
    groups(analysis).into_par_iter().map_init(Needs::default, failures).collect()
}

impl<'f> Failures<'f> {
    /// Requests.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes the gravity of the verdict that explains them, where that is less.
    fn new(analysis: &Analysis<'f>, needs: &mut Needs, group: Group, streams: Vec<&'f Stream<'f>>) -> Self {
        let dimensions = &analysis.facts.dimensions;
        let cause = dimensions.strings.get(group.cause);
        let mut severity = analysis.causes.find(cause).map_or(Severity::Medium, |cause| cause.severity);
        let explained_by = analysis.verdicts.zip(streams.first()).and_then(|(verdicts, stream)| {
            let (id, least) = verdicts.explains(analysis, needs, stream)?;
            severity = severity.min(least);
            Some(id)
        });
        Self {
            group,
            count: streams.iter().map(|stream| stream.count).sum(),
            streams,
            severity,
            cause,
            vault: dimensions.text(group.vault),
            operation: dimensions.text(group.operation),
            object: dimensions.text(group.object),
            caller: group.caller.and_then(|id| analysis.callers.get(id)).map(|known| &known.identity),
            explained_by,
            id: OnceLock::new(),
        }
    }
}

/// Failures by what tells one finding from another, in the order of the streams.
fn groups<'f>(analysis: &Analysis<'f>) -> Vec<(Group, Vec<&'f Stream<'f>>)> {
    let mut groups: Vec<(Group, Vec<&Stream<'_>>)> = Vec::new();
    // All but the cause is what streams are ordered by: what is alike stands together.
    for streams in analysis.streams.as_slice().chunk_by(Stream::same_access) {
        let first = groups.len();
        for stream in streams.iter().filter(|stream| stream.outcome == Outcome::Failure) {
            let cause = stream.key.cause;
            match groups.iter_mut().skip(first).find(|(group, _)| group.cause == cause) {
                Some((_, streams)) => streams.push(stream),
                None => groups.push((group_of(stream), vec![stream])),
            }
        }
    }
    groups
}

fn group_of(stream: &Stream<'_>) -> Group {
    Group {
        cause: stream.key.cause,
        vault: stream.vault,
        caller: stream.caller,
        operation: stream.key.operation,
        object: stream.key.object,
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
