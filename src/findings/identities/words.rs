//! The words of verdicts on groups.

use std::collections::BTreeSet;

use super::groups::Group;
use super::members::{Member, Texts, Use};
use super::twins::Pair;
use crate::findings::wording::is_harmless;
use crate::report::{CallerIdentity, GrantReport, TwinVerdict};
use crate::ticks::Ticks;

/// A name, else the id.
pub(super) fn name_of(member: &Member<'_>) -> String {
    member.names.first().unwrap_or(member.oid).to_owned()
}

/// A member as findings name callers.
pub(super) fn identity(member: &Member<'_>) -> CallerIdentity {
    CallerIdentity {
        oid: Some(member.oid.to_owned()),
        appid: member.appids.first().map(str::to_owned),
        kind: member.kind,
        name: member.names.first().map(str::to_owned),
        tenant: member.tenants.first().map(str::to_owned),
    }
}

/// What a verdict is called.
pub(super) fn title(verdict: TwinVerdict) -> &'static str {
    match verdict {
        TwinVerdict::WrongTwin => "Granted to the wrong one of that name",
        TwinVerdict::ApplicationObjectGranted => "Granted to the application object",
        TwinVerdict::RecreatedIdentity => "Identity made again under a new id",
        TwinVerdict::MultiTenantTwin => "One application in several tenants",
        TwinVerdict::GuestTwin => "Member and guest of one address",
        TwinVerdict::SameName => "Several identities of one name",
    }
}

/// What to do where nobody is denied.
pub(super) fn advice(verdict: TwinVerdict) -> &'static str {
    match verdict {
        TwinVerdict::RecreatedIdentity => {
            "Remove the policies and role assignments of the old object id: nobody has it any more."
        }
        TwinVerdict::MultiTenantTwin => {
            "Nothing is denied: grant each vault to the service principal of the vault's own tenant."
        }
        TwinVerdict::GuestTwin => "Nothing is denied: grant the object id of this tenant, the guest's.",
        _ => "Nothing is denied: choose by object id, not by name, when you grant.",
    }
}

/// What happened.
pub(super) fn why(group: &Group<'_>, pair: &Pair<'_>, verdict: TwinVerdict) -> String {
    let Pair { vault, denied, use_, other, .. } = pair;
    let what = wanted(use_);
    let successes = other.uses.get(*vault).map_or(0, |of_vault| of_vault.successes);
    let has = match (successes, pair.granted) {
        (0, _) => format!("{} is granted it there", other.shown()),
        (_, true) => format!("{} is granted it and succeeded there {successes} times", other.shown()),
        (_, false) => format!("{} succeeded there {successes} times", other.shown()),
    };
    let shares = group.shared.words();
    let since = match (pair.since, use_.first_success) {
        (true, Some(time)) => format!(" It was granted since: its first success is at {time}."),
        _ => String::new(),
    };
    let denied_words = format!("{} was denied{what} on {vault} {} times", denied.shown(), use_.denied);
    match verdict {
        TwinVerdict::RecreatedIdentity => {
            let (last, first) = (time(other.last()), time(denied.first()));
            format!(
                "{denied_words}. {has}, has the same {shares} and was last used at {last}, before this id appeared at \
                 {first}: the policy or role still names the old id.{since}"
            )
        }
        TwinVerdict::MultiTenantTwin => format!(
            "{denied_words} with a token of tenant {}; {has}, as the same application in tenant {}.{since}",
            first_of(&denied.tenants),
            first_of(&other.tenants)
        ),
        TwinVerdict::GuestTwin => format!(
            "{denied_words} as a {}; the same address as a {}: {has}.{since}",
            denied.kind, other.kind
        ),
        _ => format!(
            "{denied_words}, while {has} and has the same {shares}: the grant went to the other one.{since}"
        ),
    }
}

fn wanted(use_: &Use) -> String {
    let rights: BTreeSet<String> = use_
        .needs_denied
        .iter()
        .filter_map(|need| need.right())
        .map(|right| format!("'{}'", right.permission))
        .collect();
    if rights.is_empty() {
        String::new()
    } else {
        format!(" {}", rights.into_iter().collect::<Vec<_>>().join(", "))
    }
}

fn time(time: Option<Ticks>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}

fn first_of<'f>(texts: &Texts<'f>) -> &'f str {
    texts.first().unwrap_or("(not logged)")
}

/// What to do.
pub(super) fn fix(pair: &Pair<'_>, verdict: TwinVerdict, grant: Option<&GrantReport>) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(grant) = grant {
        steps.push(format!("Grant this object id: `{}`.", grant.command));
    }
    match verdict {
        TwinVerdict::MultiTenantTwin => steps.push(
            "Have the client sign in to the tenant that the vault trusts; a grant to an id of another tenant does nothing.".to_owned(),
        ),
        TwinVerdict::RecreatedIdentity => {
            steps.push(format!("Remove what the old id {} was granted: nobody has it any more.", safe_id(pair.other.oid)));
        }
        _ if pair.since => steps.push("It was granted since; remove what the other one does not need.".to_owned()),
        _ => steps.push(format!(
            "Check whether {} needs its grant; if it was given by mistake, remove it.",
            safe_id(pair.other.oid)
        )),
    }
    steps
}

/// An id as it can stand in a step: a log may hold anything there.
fn safe_id(oid: &str) -> &str {
    if is_harmless(oid) { oid } else { "<oid>" }
}
