//! Denials for lack of a policy or role, over time: which ended by themselves, which followed a
//! redeployment.
//!
//! A grant takes up to ten minutes to take effect (facts §6), in a Managed HSM six. Denials that lie
//! within that time behind a change of the vault, or before the first success of a caller that never
//! succeeded before, and that ended without another change, are `propagating`: nothing is to be fixed.
//! A VaultPut replaces all access policies; callers that are denied right after it, some of which
//! succeeded before, are `policies-replaced`.

use std::collections::BTreeMap;

use super::wording::Right;
use super::{Analysis, Stream};
use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::requests::Cell;
use crate::record::operation::{Plane, action_of, permission};
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// Causes that say that the caller was not granted what it asked for.
pub(super) const LACKING: [&str; 3] = ["missing-policy", "missing-role", "hsm-missing-role"];

/// How long a grant may take to take effect (facts §6: role assignments up to ten minutes; for
/// access policies there is no official number, and none above it).
const PROPAGATION_S: i64 = 600;

/// The same in a multi-region Managed HSM (facts §6).
const HSM_PROPAGATION_S: i64 = 360;

/// Whether a cause says that the caller lacks a grant.
pub(super) fn is_lacking(cause: &str) -> bool {
    LACKING.contains(&cause)
}

/// What an operation needs: its access-policy permission, or where that is not known, itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Need {
    /// `secrets get`.
    Permission(&'static str),
    /// The operation.
    Operation(Option<Text>),
}

impl Need {
    /// What is to be granted for it, where that is known.
    pub(super) fn right(self) -> Option<Right> {
        let Self::Permission(policy) = self else { return None };
        let action = action_of(policy)?;
        Some(Right { permission: policy.to_owned(), action: action.to_owned() })
    }
}

/// What is denied: vault name, object id, what it needs, object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DenialKey {
    pub(super) vault: Text,
    pub(super) oid: Text,
    pub(super) need: Need,
    pub(super) object: Option<Text>,
}

/// Denials of one key and the successes among them.
#[derive(Debug, Default)]
pub(super) struct Denied {
    cells: Vec<Cell>,
    successes: Vec<i64>,
    policy: bool,
    hsm: bool,
}

/// Denials of one key without a success between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) first: Ticks,
    pub(super) last: Ticks,
    pub(super) count: u64,
    /// Last success before.
    before: Option<i64>,
    /// First success behind.
    after: Option<i64>,
    /// An access policy was missing, not a role.
    policy: bool,
    /// What it follows, where that explains it.
    pub(super) follows: Option<Cause>,
}

/// What a spell follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A change of the vault, by its operation.
    Change(Ticks, Text),
    /// A grant that the log does not show: the caller's first success came soon.
    Grant,
    /// A VaultPut, which replaced the policies.
    Replaced(Ticks),
}

/// The need of an operation, remembered.
#[derive(Default)]
pub(super) struct Needs(Map<Option<Text>, Need>);

impl Needs {
    /// What an operation needs.
    pub(super) fn of(&mut self, analysis: &Analysis<'_>, operation: Option<Text>) -> Need {
        *self.0.entry(operation).or_insert_with(|| {
            let known = analysis.facts.dimensions.text(operation).and_then(permission);
            known.map_or(Need::Operation(operation), |known| Need::Permission(known.policy))
        })
    }
}

/// All denials for lack of a grant.
pub(super) struct Denials {
    pub(super) spells: Map<DenialKey, Vec<Spell>>,
    /// For each object id and vault name, whether all denials ended by themselves.
    propagated: Map<(Text, Text), bool>,
}

impl Denials {
    /// Reads all facts, before any filter.
    pub(super) fn new(analysis: &Analysis<'_>) -> Self {
        let mut denied = gather(analysis);
        let changes = changes(analysis);
        let none = Vec::new();
        let judged = denied.drain(..).map(|(key, mut denied)| {
            let changes = changes.get(&key.vault).unwrap_or(&none);
            let mut spells = spells(&mut denied);
            for spell in &mut spells {
                spell.follows = follows(spell, &denied, changes);
            }
            (key, spells)
        });
        let mut all = Self { spells: judged.collect(), propagated: Map::default() };
        all.find_replaced(&changes);
        for (key, spells) in &all.spells {
            let propagated = spells.iter().all(Spell::propagated);
            all.propagated
                .entry((key.oid, key.vault))
                .and_modify(|all| *all &= propagated)
                .or_insert(propagated);
        }
        all
    }

    /// Whether all denials of a caller on a vault ended by themselves.
    pub(super) fn all_propagated(&self, oid: Text, vault: Text) -> bool {
        self.propagated.get(&(oid, vault)) == Some(&true)
    }

    /// Marks the spells that follow a VaultPut, where they are of several callers.
    fn find_replaced(&mut self, changes: &Map<Text, Vec<Event>>) {
        let first_denial = self.first_denials();
        let open = self.open_spells();
        for (vault, events) in changes {
            let Some(open) = open.get(vault) else { continue };
            for put in events.iter().filter(|event| event.replaces) {
                let end = Ticks(put.time.0.saturating_add(PROPAGATION_S * TICKS_PER_SECOND));
                let from = open.partition_point(|(first, ..)| *first < put.time);
                let until = open.partition_point(|(first, ..)| *first <= end);
                let right_after = |(_, key, at): &(Ticks, DenialKey, usize)| {
                    let spell = self.spells.get(key)?.get(*at)?;
                    let is_first = *first_denial.get(&(key.oid, *vault))? >= put.time;
                    let ended = spell.before.is_none_or(|before| before <= put.time.0);
                    (is_first && ended).then_some((*key, *at, spell.before.is_some()))
                };
                let found: Vec<(DenialKey, usize, bool)> =
                    open.get(from..until).unwrap_or_default().iter().filter_map(right_after).collect();
                let one_caller = found.windows(2).all(|pair| pair[0].0.oid == pair[1].0.oid);
                if one_caller || !found.iter().any(|(_, _, before)| *before) {
                    continue;
                }
                for (key, at, _) in found {
                    if let Some(spell) = self.spells.get_mut(&key).and_then(|spells| spells.get_mut(at)) {
                        spell.follows = Some(Cause::Replaced(put.time));
                    }
                }
            }
        }
    }

    /// The spells of each vault for lack of an access policy that did not end by themselves, by their
    /// first denial.
    fn open_spells(&self) -> Map<Text, Vec<(Ticks, DenialKey, usize)>> {
        let mut open: Map<Text, Vec<(Ticks, DenialKey, usize)>> = Map::default();
        for (key, spells) in &self.spells {
            for (at, spell) in spells.iter().enumerate() {
                if spell.policy && !spell.propagated() {
                    open.entry(key.vault).or_default().push((spell.first, *key, at));
                }
            }
        }
        open.values_mut().for_each(|spells| spells.sort_by_key(|spell| spell.0));
        open
    }

    /// When each caller was first denied on a vault.
    fn first_denials(&self) -> Map<(Text, Text), Ticks> {
        let mut first: Map<(Text, Text), Ticks> = Map::default();
        for (key, spells) in &self.spells {
            for spell in spells {
                let known = first.entry((key.oid, key.vault)).or_insert(spell.first);
                *known = spell.first.min(*known);
            }
        }
        first
    }
}

impl Spell {
    /// Whether it ended by itself within the documented delay.
    pub(super) fn propagated(&self) -> bool {
        matches!(self.follows, Some(Cause::Change(..) | Cause::Grant))
    }
}

/// The denials of every key, then the successes of the same keys.
fn gather(analysis: &Analysis<'_>) -> Map<DenialKey, Denied> {
    let mut needs = Needs::default();
    let mut all: Map<DenialKey, Denied> = Map::default();
    let dimensions = &analysis.facts.dimensions;
    let mut key_of = |stream: &Stream<'_>| {
        let (oid, vault) = (stream.oid()?, stream.vault?);
        let need = needs.of(analysis, stream.key.operation);
        Some(DenialKey { vault, oid, need, object: stream.key.object })
    };
    let lacks = |stream: &&Stream<'_>| stream.is_lacking();
    let worked = |stream: &&Stream<'_>| stream.outcome == Outcome::Success && stream.key.plane == Plane::Data;
    for streams in analysis.streams.as_slice().chunk_by(Stream::same_caller) {
        let mut is_denied = false;
        for stream in streams.iter().filter(lacks) {
            if let Some(key) = key_of(stream) {
                let denied = all.entry(key).or_default();
                denied.cells.extend(stream.series.cells());
                denied.policy |= stream.cause() == "missing-policy";
                denied.hsm = stream.key.vault.is_some_and(|vault| dimensions.vaults.get(vault).hsm);
                is_denied = true;
            }
        }
        for stream in streams.iter().filter(worked).filter(|_| is_denied) {
            if let Some(denied) = key_of(stream).and_then(|key| all.get_mut(&key)) {
                let ticks = stream.series.cells().iter().flat_map(|cell| [cell.first.0, cell.last().0]);
                denied.successes.extend(ticks);
            }
        }
    }
    all
}

/// Splits denials by the successes between them.
fn spells(denied: &mut Denied) -> Vec<Spell> {
    denied.cells.sort_unstable();
    denied.successes.sort_unstable();
    let mut spells: Vec<Spell> = Vec::new();
    for cell in &denied.cells {
        let at = denied.successes.partition_point(|tick| *tick <= cell.last().0);
        let after = denied.successes.get(at).copied();
        match spells.last_mut().filter(|spell| spell.after == after) {
            Some(spell) => {
                spell.last = spell.last.max(cell.last());
                spell.count += u64::from(cell.count);
            }
            None => spells.push(Spell {
                first: cell.first,
                last: cell.last(),
                count: u64::from(cell.count),
                before: at.checked_sub(1).and_then(|at| denied.successes.get(at)).copied(),
                after,
                policy: denied.policy,
                follows: None,
            }),
        }
    }
    spells
}

/// A change that may touch who is granted what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    time: Ticks,
    operation: Text,
    /// It sets the vault as a whole.
    replaces: bool,
}

/// The changes of each vault, in order of time.
fn changes(analysis: &Analysis<'_>) -> Map<Text, Vec<Event>> {
    let dimensions = &analysis.facts.dimensions;
    let mut all: Map<Text, Vec<Event>> = Map::default();
    let mut add = |vault: Text, time: Ticks, operation: Text| {
        let replaces = dimensions.strings.get(operation) == "VaultPut";
        all.entry(vault).or_default().push(Event { time, operation, replaces });
    };
    for (key, _) in analysis.facts.changes.iter() {
        let (Some(time), Some(vault), Some(operation)) = (key.time, key.vault, key.operation) else {
            continue;
        };
        let name = dimensions.strings.get(operation);
        let changes = matches!(name, "VaultPut" | "VaultPatch" | "VaultRecover")
            || name.starts_with("VaultAccessPolicyChanged");
        if changes && key.status.is_none_or(|status| status < 400) {
            add(dimensions.vaults.get(vault).name, time, operation);
        }
    }
    // Only a Managed HSM has roles of its own.
    let any_hsm = dimensions.vaults.iter().any(|vault| vault.hsm);
    let worked = |stream: &&Stream<'_>| any_hsm && stream.outcome == Outcome::Success;
    for stream in analysis.streams().filter(worked) {
        let (Some(vault), Some(operation)) = (stream.key.vault, stream.key.operation) else { continue };
        if !dimensions.vaults.get(vault).hsm {
            continue;
        }
        let name = dimensions.strings.get(operation);
        if name.starts_with("RoleAssignment") && !name.contains("Get") && !name.contains("List") {
            for cell in stream.series.cells() {
                add(dimensions.vaults.get(vault).name, cell.first, operation);
            }
        }
    }
    for events in all.values_mut() {
        events.sort_by_cached_key(|event| (event.time, dimensions.strings.get(event.operation)));
    }
    all
}

/// What a spell follows, where it ended by itself in time.
fn follows(spell: &Spell, denied: &Denied, changes: &[Event]) -> Option<Cause> {
    let after = Ticks(spell.after?);
    let delay = if denied.hsm { HSM_PROPAGATION_S } else { PROPAGATION_S } * TICKS_PER_SECOND;
    let until = changes.partition_point(|event| event.time <= after);
    let last = changes.get(..until).and_then(<[Event]>::last);
    match last {
        // Somebody changed something in between: it did not end by itself.
        Some(change) if change.time > spell.first => None,
        Some(change) if spell.last.0 - change.time.0 <= delay => {
            Some(Cause::Change(change.time, change.operation))
        }
        _ if spell.before.is_none() && after.0 - spell.first.0 <= delay => Some(Cause::Grant),
        _ => None,
    }
}

/// Spells of one kind, by vault and caller, with the keys that have no other denials.
pub(super) struct Summed {
    /// Any of the keys.
    pub(super) key: DenialKey,
    pub(super) count: u64,
    pub(super) first: Ticks,
    pub(super) last: Ticks,
    pub(super) follows: Cause,
    pub(super) keys: Vec<DenialKey>,
}

/// Adds up the spells that `is` picks.
pub(super) fn sum<'d>(
    analysis: &'d Analysis<'_>,
    denials: &Denials,
    is: impl Fn(&Spell) -> bool,
) -> BTreeMap<(&'d str, &'d str), Summed> {
    let mut all: BTreeMap<(&str, &str), Summed> = BTreeMap::new();
    let strings = &analysis.facts.dimensions.strings;
    for (key, spells) in &denials.spells {
        for spell in spells.iter().filter(|spell| is(spell)) {
            let Some(follows) = spell.follows else { continue };
            let sum = all.entry((strings.get(key.vault), strings.get(key.oid))).or_insert(Summed {
                key: *key,
                count: 0,
                first: spell.first,
                last: spell.last,
                follows,
                keys: Vec::new(),
            });
            sum.count += spell.count;
            if spell.first < sum.first {
                (sum.first, sum.follows) = (spell.first, follows);
            }
            sum.last = sum.last.max(spell.last);
            if spells.iter().all(&is) && sum.keys.last() != Some(key) {
                sum.keys.push(*key);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
