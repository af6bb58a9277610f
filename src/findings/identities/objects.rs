//! Grants that name the object id of an application instead of its service principal's (facts §7):
//! "App registrations" shows the one, policies and roles need the other.

use std::collections::BTreeSet;

use super::Judged;
use super::groups::{Group, Shared};
use super::members::{Member, Members};
use super::twins::{entry, model_of};
use super::words::identity;
use crate::classify::causes::Severity;
use crate::facts::rows::VaultRow;
use crate::findings::Analysis;
use crate::findings::grants::Right as Wanted;
use crate::findings::verdicts::{Shown, Verdict};
use crate::findings::wording::{Right, grant_command};
use crate::record::operation::action_of;
use crate::report::{Confidence, GrantReport, MemberReport, TwinVerdict};

const REFERENCE: &str = "https://learn.microsoft.com/azure/key-vault/general/troubleshooting-access-issues";

/// One such grant.
pub(super) struct Found {
    vault: String,
    object: String,
    appid: String,
    name: Option<String>,
    /// The service principal that calls, or that a directory lists.
    pub(super) principal: Option<usize>,
    rights: BTreeSet<Right>,
    rbac: bool,
}

/// All such grants.
pub(super) fn granted(analysis: &Analysis<'_>, members: &Members<'_>) -> Vec<Found> {
    let knowledge = analysis.knowledge;
    let mut all = Vec::new();
    if knowledge.applications.is_empty() {
        return all;
    }
    let rows = vaults(analysis);
    let is_application = |oid: &str| !knowledge.principals.contains_key(oid);
    for (vault, grants) in knowledge.vaults.iter().filter(|(_, grants)| !grants.rbac) {
        for policy in grants.policies.iter().filter(|policy| is_application(&policy.oid)) {
            let rights = policy.permissions.iter().filter_map(|permission| {
                Some(Right { permission: permission.clone(), action: action_of(permission)?.to_owned() })
            });
            let row = rows.iter().find(|row| row.name == Some(vault)).copied();
            let row = row.unwrap_or(VaultRow { name: Some(vault), ..VaultRow::default() });
            all.extend(found(analysis, members, &row, &policy.oid, rights.collect(), false));
        }
    }
    for row in rows {
        for oid in analysis.grants.named_on(&row).into_iter().filter(|oid| is_application(oid)) {
            let rbac = knowledge.vaults.get(row.name.unwrap_or_default()).is_none_or(|grants| grants.rbac);
            if rbac {
                all.extend(found(analysis, members, &row, oid, BTreeSet::new(), true));
            }
        }
    }
    all
}

/// The vaults of the facts, each once; of one that moved, the highest row.
fn vaults<'f>(analysis: &Analysis<'f>) -> Vec<VaultRow<'f>> {
    let mut rows: std::collections::BTreeMap<&str, VaultRow<'f>> = std::collections::BTreeMap::new();
    for (key, _) in analysis.facts.requests.iter() {
        let row = analysis.facts.dimensions.vault_row(key.vault);
        if let Some(name) = row.name {
            let known = rows.entry(name).or_insert(row);
            *known = row.max(*known);
        }
    }
    rows.into_values().collect()
}

/// A grant to an application object whose service principal is not granted the same.
fn found(
    analysis: &Analysis<'_>,
    members: &Members<'_>,
    row: &VaultRow<'_>,
    object: &str,
    rights: BTreeSet<Right>,
    rbac: bool,
) -> Option<Found> {
    let application = analysis.knowledge.applications.get(object)?;
    let of_application = |member: &&Member<'_>| {
        member.is_person() != Some(true) && member.appids.holds(&application.appid) && member.oid != object
    };
    let principal = members.list.iter().filter(of_application).max_by_key(|member| member.text.is_some());
    let has_own = principal.is_some_and(|principal| {
        rights.iter().any(|right| {
            let wanted = Wanted { permission: &right.permission, action: &right.action };
            analysis.grants.of(row, principal.oid, wanted, None) == Some(true)
        }) || (rbac && analysis.grants.named_on(row).contains(principal.oid))
    });
    (!has_own).then(|| Found {
        vault: row.name.unwrap_or_default().to_owned(),
        object: object.to_owned(),
        appid: application.appid.clone(),
        name: application.name.clone(),
        principal: principal.and_then(|principal| members.position(principal.oid)),
        rights,
        rbac,
    })
}

/// The verdicts on such grants.
pub(super) fn judge(
    analysis: &Analysis<'_>,
    members: &Members<'_>,
    shown: &Shown<'_>,
    all: &[Found],
) -> Vec<Judged> {
    all.iter().map(|found| one(analysis, members, shown, found)).collect()
}

fn one(analysis: &Analysis<'_>, members: &Members<'_>, shown: &Shown<'_>, found: &Found) -> Judged {
    let principal = found.principal.and_then(|at| members.list.get(at));
    let use_ = principal.and_then(|principal| principal.uses.get(found.vault.as_str()));
    let vault_text =
        use_.and_then(|use_| use_.vault).map(|vault| analysis.facts.dimensions.vaults.get(vault).name);
    let pair = principal.and_then(|principal| principal.text).zip(vault_text);
    let denied = use_.map_or(0, |use_| use_.denied);
    let grant = principal.map(|principal| grant(analysis, found, principal));
    let evidence = pair.map_or_else(Vec::new, |(oid, vault)| shown.of(oid, vault, None));
    let why = why(found, principal, denied);
    let listed_oid = |oid: &String| {
        analysis.knowledge.principals.iter().find(|(_, listed)| listed.appid.as_ref() == Some(oid))
    };
    let fix = match &grant {
        Some(grant) => vec![
            format!("Grant the service principal: `{}`.", grant.command),
            "Remove the grant of the application object: it grants nobody anything.".to_owned(),
        ],
        None => match listed_oid(&found.appid) {
            Some(_) => vec![
                "Grant the service principal of the directory (Enterprise applications) instead.".to_owned(),
            ],
            None => vec![
                "Find the service principal with `az ad sp show --id <appid>` and grant its id.".to_owned(),
            ],
        },
    };
    let named = found.name.clone().unwrap_or_else(|| found.appid.clone());
    let verdict = Verdict {
        code: TwinVerdict::ApplicationObjectGranted.to_string(),
        severity: Severity::High,
        confidence: Confidence::High,
        title: format!("Granted to the application object: {named} on {}", found.vault),
        vault: Some(found.vault.clone()),
        caller: principal.map(identity),
        count: denied,
        first: use_.and_then(|use_| use_.first_denied),
        last: use_.and_then(|use_| use_.last_denied),
        why: why.clone(),
        fix,
        reference: REFERENCE,
        evidence: evidence.clone(),
        about: [(
            principal.map_or_else(|| found.object.clone(), |principal| principal.oid.to_owned()),
            Some(found.vault.clone()),
        )]
        .into(),
    };
    let group = Group { shared: Shared::AppId(&found.appid), members: Vec::new() };
    let listed: Vec<&Member<'_>> = principal.into_iter().collect();
    let code = TwinVerdict::ApplicationObjectGranted;
    let mut entry =
        entry(&group, &listed, code, Confidence::High, Some(found.vault.clone()), grant, why, evidence);
    if let Some(name) = found.name.as_ref().filter(|name| !entry.names.contains(name)) {
        entry.names.push(name.clone());
    }
    entry.members.push(object(found));
    (entry, verdict, pair)
}

/// The application object as a member: it never calls.
fn object(found: &Found) -> MemberReport {
    MemberReport {
        oid: found.object.clone(),
        appid: Some(found.appid.clone()),
        tenant: None,
        kind: "application-object".to_owned(),
        requests: 0,
        denied: 0,
        first: None,
        last: None,
        vaults: Vec::new(),
    }
}

/// What the service principal was denied, or where nothing was, what the object was granted.
fn grant(analysis: &Analysis<'_>, found: &Found, principal: &Member<'_>) -> GrantReport {
    let use_ = principal.uses.get(found.vault.as_str());
    let denied: BTreeSet<Right> =
        use_.into_iter().flat_map(|use_| &use_.needs_denied).filter_map(|need| need.right()).collect();
    let rights = if found.rights.is_empty() { &denied } else { &found.rights };
    let model = match use_.and_then(|use_| use_.cause) {
        Some(cause) => model_of(Some(cause)),
        None if found.rbac => "rbac",
        None => "access-policies",
    };
    let row = analysis.facts.dimensions.vault_row(use_.and_then(|use_| use_.vault));
    let id = crate::findings::failures::vault_id(&row);
    let command = grant_command(
        analysis.grants.roles,
        model,
        Some(&found.vault),
        id.as_deref(),
        principal.oid,
        false,
        rights,
    );
    GrantReport { oid: principal.oid.to_owned(), command }
}

fn why(found: &Found, principal: Option<&Member<'_>>, denied: u64) -> String {
    let what = if found.rbac { "A role assignment" } else { "An access policy" };
    let who = match principal {
        Some(principal) if denied > 0 => {
            format!(
                "the service principal that calls is {}, and was denied {denied} times",
                principal.shown()
            )
        }
        Some(principal) => format!("its service principal is {}", principal.shown()),
        None => "its service principal has another id".to_owned(),
    };
    let named = found.name.as_deref().unwrap_or("an application");
    format!(
        "{what} on {} names {}, the object id of the app registration of {named}; {who}.",
        found.vault, found.object
    )
}
