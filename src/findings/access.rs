//! Granted against used: what each caller did, was denied and, where that is known, was granted; and
//! the last use of every secret, key and certificate.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Analysis;
use super::denials::is_lacking;
use super::filter::Filter;
use super::grants::Right;
use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::{Ref, Text, Vault};
use crate::facts::rows::VaultRow;
use crate::record::operation::{Plane, permission};
use crate::report::{AccessRow, ObjectUse};
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// Vault name, object id, object, operation.
type Key = (Option<Text>, Option<Text>, Option<Text>, Option<Text>);

/// What was done.
#[derive(Default)]
struct Done {
    vault: Option<Ref<Vault>>,
    used: u64,
    denied: u64,
    last_used: Option<Ticks>,
}

/// Who was granted, used and was denied what.
pub(super) fn rows(analysis: &Analysis<'_>, filter: &Filter) -> Vec<AccessRow> {
    let done = done(analysis);
    let mut rows: Vec<AccessRow> = done.iter().map(|(key, done)| row(analysis, key, done)).collect();
    // What a filter leaves out is not unused.
    if analysis.knowledge.tells_grants() && filter.operations.is_all() && filter.causes.is_all() {
        unused(analysis, filter, &done, &mut rows);
    }
    rows.sort_by(|one, other| {
        let key = |row: &'_ AccessRow| (Reverse(row.denied), Reverse(row.used));
        key(one).cmp(&key(other)).then_with(|| {
            (&one.vault, &one.oid, &one.object, &one.operation, &one.permission).cmp(&(
                &other.vault,
                &other.oid,
                &other.object,
                &other.operation,
                &other.permission,
            ))
        })
    });
    rows
}

/// Requests that worked and denials, by key.
fn done(analysis: &Analysis<'_>) -> Map<Key, Done> {
    let dimensions = &analysis.facts.dimensions;
    let mut all: Map<Key, Done> = Map::default();
    for stream in analysis.streams().filter(|stream| stream.key.plane == Plane::Data) {
        let (worked, denied) = (stream.outcome == Outcome::Success, is_lacking(stream.cause));
        if !worked && !denied {
            continue;
        }
        let oid = stream.key.caller.and_then(|caller| dimensions.callers.get(caller).oid);
        let vault = stream.key.vault.map(|vault| dimensions.vaults.get(vault).name);
        let done = all.entry((vault, oid, stream.key.object, stream.key.operation)).or_default();
        done.vault = done.vault.or(stream.key.vault);
        let count = stream.series.count();
        if worked {
            done.used += count;
            done.last_used = done.last_used.max(stream.series.bounds().map(|bounds| bounds.1));
        } else {
            done.denied += count;
        }
    }
    all
}

fn row(analysis: &Analysis<'_>, key: &Key, done: &Done) -> AccessRow {
    let dimensions = &analysis.facts.dimensions;
    let (vault, oid, object, operation) = *key;
    let [vault, oid, object, operation] = [vault, oid, object, operation].map(|text| dimensions.text(text));
    let needs = operation.and_then(permission);
    let granted = match (oid, needs) {
        (Some(oid), Some(needs)) if analysis.knowledge.tells_grants() => {
            let right = Right { permission: needs.policy, action: needs.action };
            analysis.grants.of(&dimensions.vault_row(done.vault), oid, right, object)
        }
        _ => None,
    };
    AccessRow {
        vault: vault.map(str::to_owned),
        oid: oid.map(str::to_owned),
        object: object.map(str::to_owned),
        operation: operation.map(str::to_owned),
        permission: needs.map(|needs| needs.policy.to_owned()),
        action: needs.map(|needs| full_action(needs.action)),
        granted,
        used: done.used,
        denied: done.denied,
        last_used: done.last_used,
    }
}

fn full_action(action: &str) -> String {
    format!("Microsoft.KeyVault/vaults/{action}")
}

/// Adds what was granted and never used, on the vaults that the facts hold.
fn unused(analysis: &Analysis<'_>, filter: &Filter, done: &Map<Key, Done>, rows: &mut Vec<AccessRow>) {
    let dimensions = &analysis.facts.dimensions;
    let mut vaults: BTreeMap<&str, VaultRow<'_>> = BTreeMap::new();
    let mut used: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    let mut callers: BTreeSet<&str> = BTreeSet::new();
    for ((_, oid, _, operation), done) in done {
        let row = dimensions.vault_row(done.vault);
        let Some(name) = row.name else { continue };
        let known = vaults.entry(name).or_insert(row);
        *known = row.max(*known);
        let (oid, needs) = (dimensions.text(*oid), dimensions.text(*operation).and_then(permission));
        callers.extend(oid);
        if let (Some(oid), Some(needs)) = (oid, needs)
            && done.used + done.denied > 0
        {
            used.insert((
                name,
                oid,
                if analysis.grants.by_roles(&row) { needs.action } else { needs.policy },
            ));
        }
    }
    for (name, vault) in &vaults {
        let mut told: BTreeSet<(&str, String)> = BTreeSet::new();
        for (oid, word, action) in analysis.grants.granted_on(vault) {
            let by = action.filter(|_| analysis.grants.by_roles(vault)).unwrap_or(word.as_str()).to_owned();
            let known = known_word(&by);
            let is_used = used.contains(&(name, oid, known.unwrap_or(by.as_str())));
            let is_meant = filter.callers.is_all() || callers.contains(oid);
            if is_used || !is_meant || !told.insert((oid, by)) {
                continue;
            }
            rows.push(AccessRow {
                vault: Some((*name).to_owned()),
                oid: Some(oid.to_owned()),
                object: None,
                operation: None,
                permission: Some(known_word(&word).map_or(word.clone(), str::to_owned)),
                action: action.map(full_action),
                granted: Some(true),
                used: 0,
                denied: 0,
                last_used: None,
            });
        }
    }
}

/// A permission in the case that Key Vault writes (`keys wrapKey`).
fn known_word(word: &str) -> Option<&'static str> {
    crate::record::operation::permissions()
        .map(|known| known.policy)
        .find(|policy| policy.eq_ignore_ascii_case(word))
}

/// One object's use.
#[derive(Default)]
struct Used {
    count: u64,
    users: BTreeSet<usize>,
    last: Option<(Ticks, Option<Text>)>,
}

/// The last use of every object, longest unused first.
pub(super) fn objects(analysis: &Analysis<'_>, stale_after_days: u32) -> Vec<ObjectUse> {
    let dimensions = &analysis.facts.dimensions;
    let mut all: Map<(Option<Text>, Text), Used> = Map::default();
    let worked =
        |stream: &super::Stream<'_>| stream.outcome == Outcome::Success && stream.key.plane == Plane::Data;
    for stream in analysis.streams().filter(worked) {
        let Some(object) = stream.key.object else { continue };
        let vault = stream.key.vault.map(|vault| dimensions.vaults.get(vault).name);
        let oid = stream.key.caller.and_then(|caller| dimensions.callers.get(caller).oid);
        let used = all.entry((vault, object)).or_default();
        used.count += stream.series.count();
        used.users.extend(oid.map(Text::index));
        let Some((_, last)) = stream.series.bounds() else { continue };
        // Of two at one tick, the lower id: the same whatever came first.
        let order = |oid: Option<Text>| Reverse(dimensions.text(oid));
        if used.last.is_none_or(|known| (last, order(oid)) > (known.0, order(known.1))) {
            used.last = Some((last, oid));
        }
    }
    let end = analysis.facts.coverage.iter().filter_map(|(_, blob)| blob.last).max();
    let stale_before =
        end.map(|end| end.0.saturating_sub(i64::from(stale_after_days) * 86_400 * TICKS_PER_SECOND));
    let object = |((vault, object), used): ((Option<Text>, Text), Used)| {
        let last_oid = used.last.and_then(|last| last.1);
        let known = last_oid.and_then(|oid| analysis.callers.identity(Some((Some(oid), None))));
        let last_used = used.last.map(|last| last.0);
        ObjectUse {
            vault: dimensions.text(vault).map(str::to_owned),
            object: dimensions.strings.get(object).to_owned(),
            used: used.count,
            users: used.users.len() as u64,
            last_used,
            last_oid: dimensions.text(last_oid).map(str::to_owned),
            last_name: known.and_then(|known| known.name),
            stale: last_used.zip(stale_before).is_some_and(|(last, before)| last.0 < before),
        }
    };
    let mut rows: Vec<ObjectUse> = all.into_iter().map(object).collect();
    rows.sort_by(|one, other| {
        (one.last_used, &one.vault, &one.object).cmp(&(other.last_used, &other.vault, &other.object))
    });
    rows
}

#[cfg(test)]
mod tests;
