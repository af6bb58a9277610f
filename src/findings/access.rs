//! Granted against used: what each caller did, was denied and, where that is known, was granted; and
//! the last use of every secret, key and certificate.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::filter::Filter;
use super::grants::Right;
use super::labels::Labels;
use super::{Analysis, Stream};
use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::rows::VaultRow;
use crate::record::operation::{Permission, Plane, permission};
use crate::report::{AccessRow, Label, ObjectUse};
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// What one caller did with one operation to one object.
struct Done<'f> {
    /// Any of the streams.
    stream: Stream<'f>,
    /// The vault; of one that moved, the highest row.
    vault: VaultRow<'f>,
    used: u64,
    denied: u64,
    last_used: Option<Ticks>,
}

/// Who was granted, used and was denied what.
pub(super) fn rows(analysis: &Analysis<'_>, filter: &Filter) -> Vec<AccessRow> {
    let of_object = analysis.streams.as_slice().chunk_by(Stream::same_access);
    let mut done: Vec<Done<'_>> = of_object.filter_map(|streams| Done::new(analysis, streams)).collect();
    done.sort_by_cached_key(|done| {
        let rank = |text| analysis.streams.rank(text);
        let Stream { vault, key, .. } = done.stream;
        let place = [rank(vault), rank(done.stream.oid()), rank(key.object), rank(key.operation)];
        (Reverse(done.denied), Reverse(done.used), place)
    });
    let mut maker = Maker { analysis, labels: Labels::new(analysis.facts), needed: Map::default() };
    let mut rows: Vec<AccessRow> = done.iter().map(|done| maker.row(done)).collect();
    // What a filter leaves out is not unused.
    if analysis.knowledge.tells_grants() && filter.operations.is_all() && filter.causes.is_all() {
        unused(analysis, filter, &done, &mut rows);
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
    }
    rows
}

impl<'f> Done<'f> {
    /// Requests that worked and denials among streams of one caller, vault, operation and object.
    fn new(analysis: &Analysis<'f>, streams: &[Stream<'f>]) -> Option<Self> {
        let mut all: Option<Self> = None;
        for stream in streams.iter().filter(|stream| stream.key.plane == Plane::Data) {
            let (worked, denied) = (stream.outcome == Outcome::Success, stream.is_lacking());
            if !worked && !denied {
                continue;
            }
            let vault = analysis.facts.dimensions.vault_row(stream.key.vault);
            let done =
                all.get_or_insert(Self { stream: *stream, vault, used: 0, denied: 0, last_used: None });
            done.vault = done.vault.max(vault);
            if worked {
                done.used += stream.count;
                done.last_used = done.last_used.max(stream.bounds().map(|bounds| bounds.1));
            } else {
                done.denied += stream.count;
            }
        }
        all
    }
}

/// Makes rows.
struct Maker<'a> {
    analysis: &'a Analysis<'a>,
    labels: Labels<'a>,
    /// What each operation needs, with its labels.
    needed: Map<Option<Text>, Option<(Permission, Label, Label)>>,
}

impl Maker<'_> {
    fn row(&mut self, done: &Done<'_>) -> AccessRow {
        let dimensions = &self.analysis.facts.dimensions;
        let key = done.stream.key;
        let needs = self.needed.entry(key.operation).or_insert_with(|| {
            let needs = dimensions.text(key.operation).and_then(permission)?;
            Some((needs, Label::from(needs.policy), Label::from(full_action(needs.action))))
        });
        let granted = match (dimensions.text(done.stream.oid()), &needs) {
            (Some(oid), Some((needs, ..))) if self.analysis.knowledge.tells_grants() => {
                let right = Right { permission: needs.policy, action: needs.action };
                self.analysis.grants.of(&done.vault, oid, right, dimensions.text(key.object))
            }
            _ => None,
        };
        AccessRow {
            vault: self.labels.of(done.stream.vault),
            oid: self.labels.of(done.stream.oid()),
            object: self.labels.of(key.object),
            operation: self.labels.of(key.operation),
            permission: needs.as_ref().map(|needs| needs.1.clone()),
            action: needs.as_ref().map(|needs| needs.2.clone()),
            granted,
            used: done.used,
            denied: done.denied,
            last_used: done.last_used,
        }
    }
}

fn full_action(action: &str) -> String {
    format!("Microsoft.KeyVault/vaults/{action}")
}

/// Adds what was granted and never used, on the vaults that the facts hold.
fn unused(analysis: &Analysis<'_>, filter: &Filter, done: &[Done<'_>], rows: &mut Vec<AccessRow>) {
    let dimensions = &analysis.facts.dimensions;
    let mut vaults: BTreeMap<&str, VaultRow<'_>> = BTreeMap::new();
    let mut used: BTreeSet<(&str, &str, &str)> = BTreeSet::new();
    let mut callers: BTreeSet<&str> = BTreeSet::new();
    for done in done {
        let row = done.vault;
        let Some(name) = row.name else { continue };
        let known = vaults.entry(name).or_insert(row);
        *known = row.max(*known);
        let oid = dimensions.text(done.stream.oid());
        let needs = dimensions.text(done.stream.key.operation).and_then(permission);
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
                vault: Some(Label::from(*name)),
                oid: Some(Label::from(oid)),
                object: None,
                operation: None,
                permission: Some(Label::from(known_word(&word).unwrap_or(&word))),
                action: action.map(full_action).map(Label::from),
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
    users: u64,
    /// The user counted last: streams come by caller.
    user: Option<Text>,
    last: Option<(Ticks, Option<Text>)>,
}

/// The last use of every object, longest unused first.
pub(super) fn objects(analysis: &Analysis<'_>, stale_after_days: u32) -> Vec<ObjectUse> {
    let dimensions = &analysis.facts.dimensions;
    let mut all: Map<(Option<Text>, Text), Used> = Map::default();
    let worked = |stream: &&Stream<'_>| stream.outcome == Outcome::Success && stream.key.plane == Plane::Data;
    for stream in analysis.streams().filter(worked) {
        let Some(object) = stream.key.object else { continue };
        let oid = stream.oid();
        let used = all.entry((stream.vault, object)).or_default();
        used.count += stream.count;
        if oid.is_some() && used.user != oid {
            used.users += 1;
            used.user = oid;
        }
        let Some((_, last)) = stream.bounds() else { continue };
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
            users: used.users,
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
