//! Failures by cause, vault, caller, operation and object.

use std::collections::BTreeMap;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::callers::{CallerId, Callers};
use super::denials::Needs;
use super::tally::{Tally, most_frequent, percent};
use super::wording::{Known, Right, fill_fix, fill_why, grant_command};
use super::{Analysis, Stream};
use crate::classify::Basis;
use crate::classify::causes::{Outcome, Severity};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::examples::{Example, ExampleKey, KEPT};
use crate::facts::rows::{DENIAL_COLUMNS, DenialRow, VaultRow};
use crate::record::caller::CallerKind;
use crate::record::operation::{built_in_role, permission};
use crate::report::{Asked, CallerIdentity, Confidence, Evidence, Finding};

/// Addresses that a finding lists.
const MOST_ADDRESSES: usize = 5;

/// What tells one finding from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Group {
    cause: Text,
    vault: Option<Text>,
    caller: Option<CallerId>,
    operation: Option<Text>,
    object: Option<Text>,
}

/// What the streams of a finding come to.
#[derive(Default)]
struct Member<'f> {
    tally: Tally<'f>,
    streams: &'f [&'f Stream<'f>],
    /// The vault; the highest row where it moved.
    vault: VaultRow<'f>,
    addresses: BTreeMap<&'f str, u64>,
    /// For each column of [`DENIAL_COLUMNS`], the values by requests.
    denials: [BTreeMap<&'f str, u64>; DENIAL_COLUMNS.len()],
}

/// One finding a group of failures.
pub(super) fn find(analysis: &Analysis<'_>) -> Vec<Finding> {
    let groups = groups(analysis);
    let failures: u64 = groups.iter().flat_map(|(_, streams)| streams).map(|stream| stream.count).sum();
    let shown = Shown::new(analysis);
    let finding = |needs: &mut Needs, (group, streams): &(Group, Vec<&Stream<'_>>)| {
        let member = Member::new(analysis, streams);
        let evidence = member.evidence(analysis, &shown.of(analysis, group));
        let mut finding = finding(analysis, group, &member, failures, evidence);
        explain(analysis, needs, &member, &mut finding);
        grant(analysis, &member, &mut finding);
        finding.probable_caller =
            analysis.verdicts.and_then(|verdicts| verdicts.clients.probable(analysis, streams));
        finding
    };
    groups.par_iter().map_init(Needs::default, finding).collect()
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

impl<'f> Member<'f> {
    fn new(analysis: &Analysis<'f>, streams: &'f [&'f Stream<'f>]) -> Self {
        let mut member = Self { streams, ..Self::default() };
        for stream in streams {
            member.add(analysis, stream);
        }
        member
    }

    fn add(&mut self, analysis: &Analysis<'f>, stream: &Stream<'f>) {
        let count = stream.count;
        self.tally.add(stream);
        self.vault = self.vault.max(analysis.facts.dimensions.vault_row(stream.key.vault));
        if let Some(address) = analysis.facts.dimensions.text(stream.key.client_address) {
            *self.addresses.entry(address).or_default() += count;
        }
        let denial: DenialRow<'_> = analysis.facts.dimensions.denial_row(stream.key.denial);
        for (values, value) in self.denials.iter_mut().zip(denial) {
            if let Some(value) = value {
                *values.entry(value).or_default() += count;
            }
        }
    }

    /// The records to show. Examples are kept by the hour, so a finding on a part of an hour may have
    /// none inside it: then one of the same failure outside it is better than nothing.
    fn evidence(&self, analysis: &Analysis<'_>, examples: &[&Example]) -> Vec<Evidence> {
        let mut by_client: Map<_, Vec<&Stream<'_>>> = Map::default();
        for stream in self.streams {
            by_client.entry((stream.key.client_address, stream.key.client_agent)).or_default().push(stream);
        }
        let holds = |example: &&&Example| {
            let streams = by_client.get(&(example.client_address, example.client_agent));
            streams.is_some_and(|streams| streams.iter().any(|stream| counts(stream, example)))
        };
        let inside = examples.iter().filter(holds).take(KEPT);
        let inside: Vec<Evidence> = inside.map(|example| evidence_of(analysis, example, false)).collect();
        let is_pairing = self.streams.iter().any(|stream| stream.key.settled);
        if !inside.is_empty() || is_pairing {
            return inside;
        }
        examples.iter().take(1).map(|example| evidence_of(analysis, example, true)).collect()
    }

    /// Addresses, most requests first.
    fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<(&str, u64)> =
            self.addresses.iter().map(|(address, count)| (*address, *count)).collect();
        addresses.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        addresses.into_iter().take(MOST_ADDRESSES).map(|(address, _)| address.to_owned()).collect()
    }

    /// The value of most requests of a column of [`DENIAL_COLUMNS`].
    fn denial(&self, column: &str) -> Option<&str> {
        let index = DENIAL_COLUMNS.iter().position(|name| *name == column)?;
        most_frequent(&self.denials[index]).copied()
    }
}

/// Whether an example is one of the requests that a stream of its client counts: of one of its
/// seconds. Answered and unanswered challenges lie among the same examples.
fn counts(stream: &Stream<'_>, example: &Example) -> bool {
    let Some(time) = example.time else { return stream.series.untimed > 0 };
    let cells = stream.series.cells();
    let cell = cells.get(cells.partition_point(|cell| cell.last() < time));
    cell.is_some_and(|cell| cell.first <= time)
}

/// The records that show failures, by what tells one finding from another.
struct Shown<'f> {
    examples: Map<Group, Vec<&'f Example>>,
    /// The cause of challenges, where there are records of any.
    challenge: Option<Text>,
}

impl<'f> Shown<'f> {
    fn new(analysis: &Analysis<'f>) -> Self {
        let facts = analysis.facts;
        let vaults: Vec<Text> = facts.dimensions.vaults.iter().map(|vault| vault.name).collect();
        let challenge = &analysis.causes.get(analysis.causes.known().auth_challenge).id;
        let mut all = Self { examples: Map::default(), challenge: None };
        for (key, examples) in facts.examples.iter() {
            let ExampleKey { vault, cause, caller, operation, object, .. } = *key;
            let vault = vault.and_then(|vault| vaults.get(vault.index())).copied();
            let group = Group { cause, vault, caller: Callers::id(facts, caller), operation, object };
            all.examples.entry(group).or_default().extend(examples);
            if all.challenge.is_none() && facts.dimensions.strings.get(cause) == challenge {
                all.challenge = Some(cause);
            }
        }
        all
    }

    /// The examples of a group, in their own order.
    fn of(&self, analysis: &Analysis<'_>, group: &Group) -> Vec<&'f Example> {
        let strings = &analysis.facts.dimensions.strings;
        let known = analysis.causes.known();
        // An unanswered challenge was kept as the challenge it was classified as.
        let unanswered = strings.get(group.cause) == analysis.causes.get(known.unanswered_challenge).id;
        let cause = if unanswered { self.challenge } else { Some(group.cause) };
        let kept = cause.and_then(|cause| self.examples.get(&Group { cause, ..*group }));
        let mut kept = kept.cloned().unwrap_or_default();
        kept.sort_by(|one, other| {
            let time = |example: &Example| (example.time.is_none(), example.time);
            let blob = |example: &Example| strings.get(example.location.blob);
            time(one)
                .cmp(&time(other))
                .then_with(|| blob(one).cmp(blob(other)))
                .then_with(|| one.location.offset.cmp(&other.location.offset))
        });
        kept
    }
}

fn finding(
    analysis: &Analysis<'_>,
    group: &Group,
    member: &Member<'_>,
    failures: u64,
    evidence: Vec<Evidence>,
) -> Finding {
    let dimensions = &analysis.facts.dimensions;
    let caller = analysis.callers.identity(group.caller);
    let (operation, object) = (dimensions.text(group.operation), dimensions.text(group.object));
    let (id, vault) = (dimensions.strings.get(group.cause), dimensions.text(group.vault));
    let cause = analysis.causes.find(id);
    let addresses = member.addresses();
    let address = addresses.first().map(String::as_str);
    let known = known(vault, member, caller.as_ref(), operation, object, address);
    let title = cause.map_or(id, |cause| cause.title.as_str());
    let basis = member.tally.main_basis();
    Finding {
        id: finding_id(id, vault, caller.as_ref(), operation, object),
        code: id.to_owned(),
        severity: cause.map_or(Severity::Medium, |cause| cause.severity),
        title: format!("{title}: {}", subject(caller.as_ref(), vault, object)),
        vault: vault.map(str::to_owned),
        operation: operation.map(str::to_owned),
        object: object.map(str::to_owned),
        status: member.tally.status(),
        count: member.tally.sum.count,
        share_percent: percent(member.tally.sum.count, failures),
        first: member.tally.sum.first,
        last: member.tally.sum.last,
        confidence: confidence(basis),
        basis,
        why: cause.map_or_else(
            || "The table of causes in use does not know this cause.".into(),
            |cause| fill_why(cause, &known),
        ),
        fix: cause.map_or_else(Vec::new, |cause| fill_fix(cause, &known)),
        reference: cause.map_or_else(String::new, |cause| cause.reference.clone()),
        client_addresses: addresses,
        evidence,
        asked: asked(analysis, id, member, &known),
        probable_caller: None,
        explained_by: None,
        experimental: false,
        saving: None,
        caller,
    }
}

/// Points to the verdict that explains all of a finding, and takes its gravity.
fn explain(analysis: &Analysis<'_>, needs: &mut Needs, member: &Member<'_>, finding: &mut Finding) {
    let (Some(verdicts), Some(stream)) = (analysis.verdicts, member.streams.first()) else { return };
    if let Some((id, severity)) = verdicts.explains(analysis, needs, stream) {
        finding.explained_by = Some(id);
        finding.severity = finding.severity.min(severity);
    }
}

/// For a refusal without a text, the grant by the vault's own model: it is most likely what is missing.
fn grant(analysis: &Analysis<'_>, member: &Member<'_>, finding: &mut Finding) {
    let caller = finding.caller.as_ref();
    let (Some(asked), Some(oid)) = (&finding.asked, caller.and_then(|caller| caller.oid.as_deref())) else {
        return;
    };
    let (Some(model), "forbidden") = (asked.permission_model, finding.code.as_str()) else {
        return;
    };
    let Some(needs) = finding.operation.as_deref().and_then(permission) else { return };
    let person = caller.is_some_and(|caller| matches!(caller.kind, CallerKind::User | CallerKind::Guest));
    let right = Right { permission: needs.policy.to_owned(), action: needs.action.to_owned() };
    let (vault, id) = (finding.vault.as_deref(), vault_id(&member.vault));
    let command =
        grant_command(analysis.grants.roles, model, vault, id.as_deref(), oid, person, &[right].into());
    finding.fix.insert(0, format!("If it is the permission that is missing: `{command}`."));
}

/// What a denied caller asked for, and by which model the vault decides.
fn asked(analysis: &Analysis<'_>, cause: &str, member: &Member<'_>, known: &Known) -> Option<Asked> {
    if member.tally.status() != Some(403) || (known.permission.is_none() && known.action.is_none()) {
        return None;
    }
    let flags = member.streams.iter().map(|stream| stream.key.access);
    let model = match cause {
        "missing-policy" | "obo-required" => Some("access-policies"),
        "missing-role" | "deny-assignment" => Some("rbac"),
        "hsm-missing-role" => Some("hsm-roles"),
        _ if flags.clone().any(|flags| flags.rbac_authorized.is_some()) => Some("rbac"),
        _ if flags.clone().any(|flags| flags.policy_match.is_some()) => Some("access-policies"),
        _ => {
            let of_vault = analysis.facts.changes.iter().filter(|(key, _)| {
                analysis.facts.dimensions.vault_row(key.vault).name == member.vault.name
                    && key.settings.rbac.is_some()
            });
            let last = of_vault
                .max_by_key(|(key, _)| (key.time, key.settings.rbac))
                .and_then(|(key, _)| key.settings.rbac);
            last.map(|rbac| if rbac { "rbac" } else { "access-policies" })
        }
    };
    Some(Asked {
        permission: known.permission.clone(),
        action: known.action.clone(),
        permission_model: model,
    })
}

/// The ARM id of a vault, where the log holds all its parts.
pub(super) fn vault_id(vault: &VaultRow<'_>) -> Option<String> {
    let (subscription, group, name) = (vault.subscription?, vault.resource_group?, vault.name?);
    let kind = if vault.hsm { "managedHSMs" } else { "vaults" };
    Some(format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/{kind}/{name}"
    ))
}

/// What the texts of a cause may say of this finding.
fn known<'f>(
    vault: Option<&'f str>,
    member: &'f Member<'_>,
    caller: Option<&CallerIdentity>,
    operation: Option<&'f str>,
    object: Option<&'f str>,
    address: Option<&'f str>,
) -> Known {
    let needs = operation.and_then(permission);
    let own = |text: Option<&str>| text.map(str::to_owned);
    let wanted = own(member.denial("permission")).or_else(|| needs.map(|needs| needs.policy.to_owned()));
    let action = own(member.denial("action"))
        .or_else(|| needs.map(|needs| format!("Microsoft.KeyVault/vaults/{}", needs.action)));
    Known {
        action,
        caller: caller.map(name_of),
        client_ip: own(address),
        deny_assignment: own(member.denial("deny_assignment")),
        expected_audience: own(member.denial("expected_audience")),
        found_audience: own(member.denial("found_audience")),
        found_issuer: own(member.denial("found_issuer")),
        object: own(object),
        oid: caller.and_then(|caller| caller.oid.clone()),
        operation: own(operation),
        permission: wanted,
        role: operation.and_then(built_in_role).map(str::to_owned),
        scope: own(member.denial("scope")),
        status: member.tally.status().map(|status| status.to_string()),
        throttle_reason: own(member.denial("throttle_reason")),
        vault: own(vault),
        vault_id: vault_id(&member.vault),
    }
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

/// Who, where and what, for a title.
fn subject(caller: Option<&CallerIdentity>, vault: Option<&str>, object: Option<&str>) -> String {
    let who = caller.map_or("a caller the log does not name".to_owned(), |caller| {
        caller.name.clone().or_else(|| caller.oid.clone()).unwrap_or_else(|| name_of(caller))
    });
    let place = vault.unwrap_or("a vault the log does not name");
    object.map_or_else(|| format!("{who} on {place}"), |object| format!("{who} on {place} ({object})"))
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

/// How sure a basis makes us.
fn confidence(basis: Basis) -> Confidence {
    match basis {
        Basis::Text => Confidence::High,
        Basis::Flag | Basis::Pairing => Confidence::Medium,
        Basis::Status => Confidence::Low,
    }
}

pub(super) fn evidence_of(analysis: &Analysis<'_>, example: &Example, outside_time: bool) -> Evidence {
    let text = |text: Option<Text>| analysis.facts.dimensions.text(text).map(str::to_owned);
    Evidence {
        blob: analysis.facts.dimensions.strings.get(example.location.blob).to_owned(),
        line: example.location.line,
        time: example.time,
        correlation_id: text(example.correlation_id),
        client_address: text(example.client_address),
        client_agent: text(example.client_agent),
        message: text(example.message),
        outside_time,
    }
}
