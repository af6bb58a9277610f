//! What the members of a group are to each other.

use std::collections::BTreeSet;

use super::groups::{Group, Shared};
use super::members::{Member, Members, Use};
use super::words::{advice, fix, identity, name_of, title, why};
use super::{Entry, Judged};
use crate::classify::causes::Severity;
use crate::findings::Analysis;
use crate::findings::denials::{Denials, Need};
use crate::findings::grants::{Grants, Right as Wanted};
use crate::findings::verdicts::{Shown, Verdict};
use crate::findings::wording::{Right, grant_command};
use crate::record::caller::CallerKind;
use crate::report::{Confidence, GrantReport, TwinVerdict};

/// Members of a group that a report lists.
const MOST_MEMBERS: usize = 50;

/// Where to read on.
const REFERENCE: &str = "https://learn.microsoft.com/azure/key-vault/general/rest-error-codes";

/// What judging needs.
pub(super) struct Judge<'a> {
    pub(super) analysis: &'a Analysis<'a>,
    pub(super) members: &'a Members<'a>,
    pub(super) denials: &'a Denials,
    pub(super) shown: &'a Shown<'a>,
    /// Object ids and vaults whose denials are explained already: by the strongest that they share.
    pub(super) explained: BTreeSet<(String, String)>,
}

/// One that is denied on a vault, and its namesake that is not.
pub(super) struct Pair<'a> {
    pub(super) vault: &'a str,
    pub(super) denied: &'a Member<'a>,
    pub(super) use_: &'a Use,
    pub(super) other: &'a Member<'a>,
    /// The other is named by the policies or roles that were given.
    pub(super) granted: bool,
    /// The other succeeded with what this one is denied.
    same_need: bool,
    /// This one got it later.
    pub(super) since: bool,
}

impl<'a> Judge<'a> {
    /// The verdicts on a group: one for each that is denied where another is not; else one on all.
    pub(super) fn group(&mut self, group: &Group<'_>) -> Vec<Judged> {
        let members: Vec<&Member<'_>> =
            group.members.iter().filter_map(|at| self.members.list.get(*at)).collect();
        let mut judged = Vec::new();
        for denied in &members {
            for (vault, of_vault) in &denied.uses {
                if let Some(pair) = self.pair(&members, denied, vault, of_vault) {
                    judged.push(self.denied(group, &members, &pair));
                    self.explained.insert((denied.oid.to_owned(), (*vault).to_owned()));
                }
            }
        }
        // Those that nobody saw and nobody grants a twin's rights are no news.
        let seen = members.iter().filter(|member| member.text.is_some()).count();
        if judged.is_empty() && seen > 1 {
            judged.push(without_denial(group, &members));
        }
        judged
    }

    /// Whether a member is denied on a vault for lack of a grant where another is not.
    fn pair(
        &self,
        members: &[&'a Member<'a>],
        denied: &'a Member<'a>,
        vault: &'a str,
        of_vault: &'a Use,
    ) -> Option<Pair<'a>> {
        let vault_text = self.analysis.facts.dimensions.vaults.get(of_vault.vault?).name;
        if of_vault.denied == 0
            || self.explained.contains(&(denied.oid.to_owned(), vault.to_owned()))
            || self.denials.all_propagated(denied.text?, vault_text)
        {
            return None;
        }
        // One that is granted anything on the vault was chosen: what it lacks is a permission.
        let since = match of_vault.first_success {
            None => false,
            Some(first) => {
                let met = of_vault.needs_denied.iter().any(|need| of_vault.needs_met.contains(need));
                if !met || Some(first) < of_vault.last_denied {
                    return None;
                }
                true
            }
        };
        let others = members.iter().filter(|other| other.oid != denied.oid);
        let candidates = others.filter_map(|other| {
            let of_other = other.uses.get(vault);
            let succeeded = of_other.is_some_and(|of_other| of_other.successes > 0);
            let same_need = of_other.is_some_and(|of_other| {
                of_vault.needs_denied.iter().any(|need| of_other.needs_met.contains(need))
            });
            let granted = self.is_granted(other, of_vault);
            (succeeded || granted).then_some(Pair {
                vault,
                denied,
                use_: of_vault,
                other,
                granted,
                same_need,
                since,
            })
        });
        candidates.max_by_key(|pair| {
            let successes = pair.other.uses.get(vault).map_or(0, |of_vault| of_vault.successes);
            (alive(pair), pair.same_need, successes, std::cmp::Reverse(pair.other.oid))
        })
    }

    /// Whether the policies or roles that were given grant a member what another was denied.
    fn is_granted(&self, member: &Member<'_>, of_vault: &Use) -> bool {
        let grants: &Grants<'_> = self.analysis.grants;
        let row = self.analysis.facts.dimensions.vault_row(of_vault.vault);
        let mut rights = of_vault.needs_denied.iter().filter_map(|need| need.right());
        rights.any(|right| {
            let wanted = Wanted { permission: &right.permission, action: &right.action };
            grants.of(&row, member.oid, wanted, None) == Some(true)
        })
    }

    fn denied(&self, group: &Group<'_>, members: &[&Member<'_>], pair: &Pair<'_>) -> Judged {
        let verdict = verdict_of(group, pair);
        let confidence = confidence_of(group, pair, verdict, self.analysis.knowledge.is_empty());
        let grant = self.grant(pair, verdict);
        let text = pair.denied.text;
        let vault_text = pair.use_.vault.map(|vault| self.analysis.facts.dimensions.vaults.get(vault).name);
        let evidence =
            text.zip(vault_text).map_or_else(Vec::new, |(oid, vault)| self.shown.of(oid, vault, None));
        let why = why(group, pair, verdict);
        let fix = fix(pair, verdict, grant.as_ref());
        let told = Verdict {
            code: verdict.to_string(),
            severity: if pair.since { Severity::Medium } else { Severity::High },
            confidence,
            title: format!("{}: {} on {}", title(verdict), name_of(pair.denied), pair.vault),
            vault: Some(pair.vault.to_owned()),
            caller: Some(identity(pair.denied)),
            count: pair.use_.denied,
            first: pair.use_.first_denied,
            last: pair.use_.last_denied,
            why: why.clone(),
            fix,
            reference: REFERENCE,
            evidence: evidence.clone(),
            about: [(pair.denied.oid.to_owned(), Some(pair.vault.to_owned()))].into(),
        };
        let order = [pair.denied, pair.other];
        let rest = members.iter().filter(|member| order.iter().all(|first| first.oid != member.oid));
        let listed: Vec<&Member<'_>> = order.into_iter().chain(rest.copied()).collect();
        let vault = Some(pair.vault.to_owned());
        let entry = entry(group, &listed, verdict, confidence, vault, grant, why, evidence);
        (entry, told, text.zip(vault_text))
    }

    /// Which id to grant: the one that is denied, unless it has been granted since, or is of a tenant
    /// that the vault may not trust.
    fn grant(&self, pair: &Pair<'_>, verdict: TwinVerdict) -> Option<GrantReport> {
        if pair.since || verdict == TwinVerdict::MultiTenantTwin {
            return None;
        }
        let row = self.analysis.facts.dimensions.vault_row(pair.use_.vault);
        let rights: BTreeSet<Right> =
            pair.use_.needs_denied.iter().filter_map(|need: &Need| need.right()).collect();
        let model = model_of(pair.use_.cause);
        let person = pair.denied.is_person() == Some(true);
        let id = crate::findings::failures::vault_id(&row);
        let command = grant_command(
            self.analysis.grants.roles,
            model,
            Some(pair.vault),
            id.as_deref(),
            pair.denied.oid,
            person,
            &rights,
        );
        Some(GrantReport { oid: pair.denied.oid.to_owned(), command })
    }
}

/// A group of which nobody is denied where another succeeds.
fn without_denial(group: &Group<'_>, members: &[&Member<'_>]) -> Judged {
    let seen: Vec<&Member<'_>> = members.iter().copied().filter(|member| member.text.is_some()).collect();
    let verdict = if tenants_differ(group, &seen) {
        TwinVerdict::MultiTenantTwin
    } else if member_and_guest(&seen) {
        TwinVerdict::GuestTwin
    } else if matches!(group.shared, Shared::Path(_)) && one_after_the_other(&seen) {
        TwinVerdict::RecreatedIdentity
    } else {
        TwinVerdict::SameName
    };
    let confidence =
        if matches!(group.shared, Shared::Name { .. }) { Confidence::Medium } else { Confidence::High };
    let mut listed = seen.clone();
    listed.sort_by_key(|member| (std::cmp::Reverse(member.first()), member.oid));
    let why = format!(
        "{} object ids share the {}; none of them was denied for lack of a grant where another succeeded.",
        seen.len(),
        group.shared.words()
    );
    let count = seen.iter().flat_map(|member| member.uses.values()).map(|of_vault| of_vault.requests).sum();
    let shown = listed.first().map_or_else(String::new, |member| name_of(member));
    let told = Verdict {
        code: verdict.to_string(),
        severity: Severity::Info,
        confidence,
        title: format!("{}: {shown}", title(verdict)),
        vault: None,
        caller: listed.first().map(|member| identity(member)),
        count,
        first: seen.iter().filter_map(|member| member.first()).min(),
        last: seen.iter().filter_map(|member| member.last()).max(),
        why: why.clone(),
        fix: vec![advice(verdict).to_owned()],
        reference: REFERENCE,
        evidence: Vec::new(),
        about: seen.iter().map(|member| (member.oid.to_owned(), None)).collect(),
    };
    let entry = entry(group, &listed, verdict, confidence, None, None, why, Vec::new());
    (entry, told, None)
}

/// The permission model that a denial's cause shows.
pub(super) fn model_of(cause: Option<&str>) -> &'static str {
    match cause {
        Some("missing-role") => "rbac",
        Some("hsm-missing-role") => "hsm-roles",
        _ => "access-policies",
    }
}

/// Whether the other was still in use when this one came.
fn alive(pair: &Pair<'_>) -> bool {
    match (pair.other.last(), pair.denied.first()) {
        (Some(last), Some(first)) => last >= first,
        _ => false,
    }
}

/// Whether one managed identity, application or name was followed by another.
fn is_recreated(group: &Group<'_>, pair: &Pair<'_>) -> bool {
    if alive(pair) || pair.other.last().is_none() {
        return false;
    }
    let (one, other) = (&pair.denied.paths, &pair.other.paths);
    let other_place = !one.is_empty() && !other.is_empty() && one.is_disjoint(other);
    !(matches!(group.shared, Shared::Name { .. }) && other_place)
}

fn verdict_of(group: &Group<'_>, pair: &Pair<'_>) -> TwinVerdict {
    let two = [pair.denied, pair.other];
    if tenants_differ(group, &two) {
        TwinVerdict::MultiTenantTwin
    } else if member_and_guest(&two) {
        TwinVerdict::GuestTwin
    } else if is_recreated(group, pair) {
        TwinVerdict::RecreatedIdentity
    } else {
        TwinVerdict::WrongTwin
    }
}

/// Whether an application has service principals of different tenants among these.
fn tenants_differ(group: &Group<'_>, members: &[&Member<'_>]) -> bool {
    let Shared::AppId(_) = group.shared else { return false };
    let known: Vec<&Member<'_>> =
        members.iter().copied().filter(|member| !member.tenants.is_empty()).collect();
    known
        .iter()
        .enumerate()
        .any(|(at, one)| known.iter().skip(at + 1).any(|other| one.tenants.is_disjoint(&other.tenants)))
}

fn member_and_guest(members: &[&Member<'_>]) -> bool {
    let has = |kind: CallerKind| members.iter().any(|member| member.kind == kind);
    has(CallerKind::Guest) && has(CallerKind::User)
}

/// Whether the uses of all lie one behind the other.
fn one_after_the_other(members: &[&Member<'_>]) -> bool {
    let mut spans: Vec<_> = members.iter().map(|member| member.first().zip(member.last())).collect();
    spans.sort();
    spans.windows(2).all(|pair| match (pair[0], pair[1]) {
        (Some((_, last)), Some((first, _))) => last < first,
        _ => false,
    })
}

fn confidence_of(group: &Group<'_>, pair: &Pair<'_>, verdict: TwinVerdict, log_alone: bool) -> Confidence {
    let strong = !matches!(group.shared, Shared::Name { .. });
    match verdict {
        _ if pair.granted => Confidence::High,
        TwinVerdict::RecreatedIdentity if strong => Confidence::High,
        TwinVerdict::MultiTenantTwin => Confidence::High,
        // The directory knows the one and no longer the other.
        TwinVerdict::RecreatedIdentity if !log_alone && pair.denied.listed && !pair.other.listed => {
            Confidence::High
        }
        _ if strong && pair.same_need => Confidence::High,
        _ if strong || pair.same_need => Confidence::Medium,
        _ => Confidence::Low,
    }
}

/// A group for the report.
#[allow(clippy::too_many_arguments, reason = "one call for each field of the report")]
pub(super) fn entry(
    group: &Group<'_>,
    members: &[&Member<'_>],
    verdict: TwinVerdict,
    confidence: Confidence,
    vault: Option<String>,
    grant: Option<GrantReport>,
    why: String,
    evidence: Vec<crate::report::Evidence>,
) -> Entry {
    let names: BTreeSet<&str> = members.iter().flat_map(|member| member.names.iter()).collect();
    let shared_appid = match (&group.shared, members.split_first()) {
        (Shared::AppId(appid), _) => Some(*appid),
        (_, Some((first, rest))) => {
            first.appids.iter().find(|appid| rest.iter().all(|member| member.appids.holds(appid)))
        }
        _ => None,
    };
    Entry {
        verdict,
        confidence,
        names: names.into_iter().take(MOST_MEMBERS).map(str::to_owned).collect(),
        appid: shared_appid.map(str::to_owned),
        vault,
        members: members.iter().take(MOST_MEMBERS).map(|member| member.report()).collect(),
        grant,
        why,
        evidence,
    }
}
