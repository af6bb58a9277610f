//! A group of failures as a finding: what happened, why, what to do, and the records that show it.
//!
//! Input: the analysis and the groups that are told. Output: their findings. What a group is and how grave it is
//! was decided before.

use std::collections::BTreeMap;

use super::shown::Shown;
use super::{Failures, evidence_of, name_of, vault_id};
use crate::classify::Basis;
use crate::facts::Map;
use crate::facts::examples::{Example, KEPT};
use crate::facts::rows::{DENIAL_COLUMNS, DenialRow, VaultRow};
use crate::findings::advice::Ranked;
use crate::findings::tally::{Tally, most_frequent, percent};
use crate::findings::wording::{Known, Right, fill_fix, fill_why, grant_command};
use crate::findings::{Analysis, Stream};
use crate::record::caller::CallerKind;
use crate::record::operation::{built_in_role, permission};
use crate::report::{Asked, CallerIdentity, Confidence, Evidence, Finding};

/// Addresses that a finding lists.
const MOST_ADDRESSES: usize = 5;

/// Tells findings.
pub(in crate::findings) struct Teller<'t, 'f> {
    analysis: &'t Analysis<'f>,
    shown: Shown<'f>,
    /// All failures.
    failures: u64,
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

impl<'t, 'f> Teller<'t, 'f> {
    /// For the failures of some groups, of so many in all.
    pub(in crate::findings) fn new<'g>(
        analysis: &'t Analysis<'f>,
        groups: impl Iterator<Item = &'g Failures<'f>>,
        failures: u64,
    ) -> Self
    where
        'f: 'g,
    {
        Self { analysis, shown: Shown::new(analysis, groups), failures }
    }

    /// The finding on a group.
    pub(in crate::findings) fn finding(&self, failures: &Failures<'f>) -> Finding {
        let streams: Vec<&Stream<'_>> = failures.streams().collect();
        let member = Member::new(self.analysis, &streams);
        let evidence = member.evidence(self.analysis, &self.shown.of(self.analysis, &failures.group()));
        let mut finding = finding(self.analysis, failures, &member, self.failures, evidence);
        grant(self.analysis, &member, &mut finding);
        let verdicts = self.analysis.verdicts;
        finding.probable_caller =
            verdicts.and_then(|verdicts| verdicts.clients.probable(self.analysis, member.streams));
        finding
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
    let of_second = stream.series.cells().split_at(time.second()).1;
    of_second.iter().take_while(|cell| cell.first <= time).any(|cell| cell.last() >= time)
}

fn finding(
    analysis: &Analysis<'_>,
    failures: &Failures<'_>,
    member: &Member<'_>,
    all: u64,
    evidence: Vec<Evidence>,
) -> Finding {
    let (vault, operation, object) = (failures.vault(), failures.operation(), failures.object());
    let caller = failures.caller.cloned();
    let code = failures.cause();
    let cause = analysis.causes.find(code);
    let addresses = member.addresses();
    let address = addresses.first().map(String::as_str);
    let known = known(vault, member, caller.as_ref(), operation, object, address);
    let title = cause.map_or(code, |cause| cause.title.as_str());
    let basis = member.tally.main_basis();
    Finding {
        id: failures.id().to_owned(),
        code: code.to_owned(),
        severity: failures.severity,
        title: format!("{title}: {}", subject(caller.as_ref(), vault, object)),
        vault: vault.map(str::to_owned),
        operation: operation.map(str::to_owned),
        object: object.map(str::to_owned),
        status: member.tally.status(),
        count: member.tally.sum.count,
        share_percent: percent(member.tally.sum.count, all),
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
        asked: asked(analysis, code, member, &known),
        probable_caller: None,
        explained_by: failures.explained_by.map(str::to_owned),
        experimental: false,
        saving: None,
        caller,
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

/// Who, where and what, for a title.
fn subject(caller: Option<&CallerIdentity>, vault: Option<&str>, object: Option<&str>) -> String {
    let who = caller.map_or("a caller the log does not name".to_owned(), |caller| {
        caller.name.clone().or_else(|| caller.oid.clone()).unwrap_or_else(|| name_of(caller))
    });
    let place = vault.unwrap_or("a vault the log does not name");
    object.map_or_else(|| format!("{who} on {place}"), |object| format!("{who} on {place} ({object})"))
}

/// How sure a basis makes us.
fn confidence(basis: Basis) -> Confidence {
    match basis {
        Basis::Text => Confidence::High,
        Basis::Flag | Basis::Pairing => Confidence::Medium,
        Basis::Status => Confidence::Low,
    }
}
