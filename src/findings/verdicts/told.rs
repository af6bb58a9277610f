//! The words of verdicts on denials over time.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Analysis;
use super::super::denials::{Cause, Denials, Need, Spell, Summed, sum};
use super::super::failures::name_of;
use super::super::wording::{Right, grant_command};
use super::{Shown, Verdict, Verdicts};
use crate::classify::causes::Severity;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::report::{CallerIdentity, Confidence};
use crate::ticks::Ticks;

/// Callers that a sentence or a list of commands names.
const MOST_NAMED: usize = 5;

/// What Microsoft says about delays.
const DELAYS: &str = "https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected";

/// What Microsoft says about templates.
const TEMPLATES: &str = "https://learn.microsoft.com/azure/key-vault/general/troubleshooting-access-issues";

fn caller_of(analysis: &Analysis<'_>, oid: Text) -> CallerIdentity {
    analysis.callers.identity(Some((Some(oid), None))).unwrap_or_default()
}

/// Denials that ended by themselves.
pub(super) fn propagating(analysis: &Analysis<'_>, denials: &Denials, shown: &Shown<'_>, all: &mut Verdicts) {
    for ((vault, oid), sum) in sum(analysis, denials, Spell::propagated) {
        let (oid_text, vault_text) = (sum.key.oid, sum.key.vault);
        let caller = caller_of(analysis, oid_text);
        let who = name_of(&caller);
        let (confidence, follows) = match sum.follows {
            Cause::Change(time, operation) => {
                let operation = analysis.facts.dimensions.strings.get(operation);
                (Confidence::Medium, format!("within the documented delay after {operation} at {time}"))
            }
            _ => (Confidence::Low, "and its first success came within the documented delay".to_owned()),
        };
        let why = format!(
            "{who} was denied on {vault} from {} to {}, {follows}, and then succeeded without another change: \
             the grant was still taking effect.",
            sum.first, sum.last
        );
        let verdict = Verdict {
            code: "propagating".to_owned(),
            severity: Severity::Low,
            confidence,
            title: format!("Grant still taking effect: {} on {vault}", short(&caller)),
            vault: Some(vault.to_owned()),
            caller: Some(caller),
            count: sum.count,
            first: Some(sum.first),
            last: Some(sum.last),
            why,
            fix: vec![
                "Retry; nothing is to be fixed: role assignments take up to ten minutes to take effect (Managed HSM six, group membership of managed identities hours).".to_owned(),
            ],
            reference: DELAYS,
            evidence: shown.of(oid_text, vault_text, Some((sum.first, sum.last))),
            about: [(oid.to_owned(), Some(vault.to_owned()))].into(),
        };
        all.add(verdict, &sum.keys);
    }
}

/// Policies that a VaultPut took away.
pub(super) fn policies_replaced(
    analysis: &Analysis<'_>,
    denials: &Denials,
    shown: &Shown<'_>,
    all: &mut Verdicts,
) {
    let replaced = |spell: &Spell| matches!(spell.follows, Some(Cause::Replaced(_)));
    let mut vaults: BTreeMap<(&str, Ticks), Vec<(&str, Summed)>> = BTreeMap::new();
    for ((vault, oid), sum) in sum(analysis, denials, replaced) {
        let Cause::Replaced(time) = sum.follows else { continue };
        vaults.entry((vault, time)).or_default().push((oid, sum));
    }
    let needs = needs(denials);
    for ((vault, time), callers) in vaults {
        let texts: Vec<(Text, Text)> = callers.iter().map(|(_, sum)| (sum.key.oid, sum.key.vault)).collect();
        let Some((first_oid, vault_text)) = texts.first().copied() else { continue };
        let first = callers.iter().map(|(_, sum)| sum.first).min();
        let last = callers.iter().map(|(_, sum)| sum.last).max();
        let verdict = Verdict {
            code: "policies-replaced".to_owned(),
            severity: Severity::High,
            confidence: Confidence::Medium,
            title: format!("Access policies replaced by a redeployment: {vault}"),
            vault: Some(vault.to_owned()),
            caller: None,
            count: callers.iter().map(|(_, sum)| sum.count).sum(),
            first,
            last,
            why: why_replaced(analysis, vault, time, &texts),
            fix: fix_replaced(analysis, &needs, vault, &callers),
            reference: TEMPLATES,
            evidence: shown.of(first_oid, vault_text, first.zip(last)),
            about: callers
                .iter()
                .map(|(oid, _)| ((*oid).to_owned(), Some(vault.to_owned())))
                .collect::<BTreeSet<_>>(),
        };
        let keys: Vec<_> = callers.iter().flat_map(|(_, sum)| sum.keys.iter().copied()).collect();
        all.add(verdict, &keys);
    }
}

fn why_replaced(analysis: &Analysis<'_>, vault: &str, time: Ticks, texts: &[(Text, Text)]) -> String {
    let named: Vec<String> =
        texts.iter().take(MOST_NAMED).map(|(oid, _)| short(&caller_of(analysis, *oid))).collect();
    let more = texts.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "{vault} was set as a whole (VaultPut) at {time}, which replaces all access policies; right after it {} \
         callers were denied that were not before: {}{more}.",
        texts.len(),
        named.join(", ")
    )
}

/// What each object id was denied on each vault.
fn needs(denials: &Denials) -> Map<(Text, Text), Vec<Need>> {
    let mut needs: Map<(Text, Text), Vec<Need>> = Map::default();
    for key in denials.spells.keys() {
        needs.entry((key.oid, key.vault)).or_default().push(key.need);
    }
    needs
}

/// One command a caller, with all that it was denied.
fn fix_replaced(
    analysis: &Analysis<'_>,
    needs: &Map<(Text, Text), Vec<Need>>,
    vault: &str,
    callers: &[(&str, Summed)],
) -> Vec<String> {
    let command = |(oid, sum): &(&str, Summed)| {
        let of_caller = needs.get(&(sum.key.oid, sum.key.vault)).into_iter().flatten();
        let rights: BTreeSet<Right> = of_caller.filter_map(|need| need.right()).collect();
        let roles = analysis.grants.roles;
        format!("`{}`", grant_command(roles, "access-policies", Some(vault), None, oid, false, &rights))
    };
    let mut fix: Vec<String> = callers.iter().take(MOST_NAMED).map(command).collect();
    if callers.len() > MOST_NAMED {
        fix.push(format!(
            "Do the same for {} more callers: identities and access are in the JSON report.",
            callers.len() - MOST_NAMED
        ));
    }
    fix.push(
        "List every access policy in the template, or keep policies out of it (accessPolicies/add): a template sets the vault as a whole.".to_owned(),
    );
    fix
}

/// The name of a caller, or its id.
pub(in crate::findings) fn short(caller: &CallerIdentity) -> String {
    caller.name.clone().unwrap_or_else(|| name_of(caller))
}
