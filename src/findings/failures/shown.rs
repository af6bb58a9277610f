//! The records that show failures, by what tells one finding from another.
//!
//! Input: the examples of all facts, and of which groups any are asked for. Output: those of each group in their
//! own order.

use indexmap::IndexSet;

use super::{Failures, Group};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::examples::{Example, ExampleKey};
use crate::findings::Analysis;
use crate::findings::callers::{CallerId, Callers};

/// The records that show failures, by what tells one finding from another.
pub(super) struct Shown<'f> {
    examples: Map<Group, Vec<&'f Example>>,
    /// The cause of challenges, where there are records of any.
    challenge: Option<Text>,
}

impl<'f> Shown<'f> {
    /// Those of some groups.
    pub(super) fn new<'g>(analysis: &Analysis<'f>, groups: impl Iterator<Item = &'g Failures<'f>>) -> Self
    where
        'f: 'g,
    {
        let facts = analysis.facts;
        // The cause is left out: that of a challenge is another than what was kept as evidence of it.
        let wanted: IndexSet<_, foldhash::fast::RandomState> =
            groups.map(|failures| asked(&failures.group())).collect();
        let vaults: Vec<Text> = facts.dimensions.vaults.iter().map(|vault| vault.name).collect();
        let challenge = &analysis.causes.get(analysis.causes.known().auth_challenge).id;
        let mut all = Self { examples: Map::default(), challenge: None };
        for (key, examples) in facts.examples.iter() {
            let ExampleKey { vault, cause, caller, operation, object, .. } = *key;
            let vault = vault.and_then(|vault| vaults.get(vault.index())).copied();
            let group = Group { cause, vault, caller: Callers::id(facts, caller), operation, object };
            if wanted.contains(&asked(&group)) {
                all.examples.entry(group).or_default().extend(examples);
            }
            if all.challenge.is_none() && facts.dimensions.strings.get(cause) == challenge {
                all.challenge = Some(cause);
            }
        }
        all
    }

    /// The examples of a group, in their own order.
    pub(super) fn of(&self, analysis: &Analysis<'_>, group: &Group) -> Vec<&'f Example> {
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

/// Who asked for what where.
fn asked(group: &Group) -> (Option<Text>, Option<CallerId>, Option<Text>, Option<Text>) {
    (group.vault, group.caller, group.operation, group.object)
}
