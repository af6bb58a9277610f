//! Which findings are told, and what they come to for a reader in a hurry: those of one cause, vault and
//! caller are one piece of advice, however many objects they are about.
//!
//! Input: findings in any order, which may not have their texts yet. Output: the places of those that somebody
//! will read, gravest first, and the advice. Must not ask for an id where nothing depends on it: there may be
//! as many findings as a log has failures, and ten that are read.

use std::cmp::Reverse;
use std::sync::OnceLock;

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::classify::causes::Severity;
use crate::report::{Advice, Finding, InAll, TwinVerdict, is_listed};

/// How many findings are told at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Of the list of findings.
    pub listed: usize,
    /// Pieces of advice: the gravest finding of each is told.
    pub advice: usize,
}

impl Most {
    /// Everything.
    pub const ALL: Self = Self { listed: usize::MAX, advice: usize::MAX };
}

/// What findings are brought together by: code, vault, and the caller's object id and application id.
pub(super) type Topic<'t> = (&'t str, Option<&'t str>, Option<(Option<&'t str>, Option<&'t str>)>);

/// A finding as far as its place among others goes.
pub(super) trait Ranked: Sync {
    /// Gravest is greatest: severity, then requests.
    fn gravity(&self) -> (Severity, u64);
    /// Tells it from all others; of equally grave ones the lowest comes first.
    fn id(&self) -> &str;
    /// What it is brought together with others by.
    fn topic(&self) -> Topic<'_>;
    /// What was asked for.
    fn object(&self) -> Option<&str>;
    /// Another finding explains it.
    fn is_explained(&self) -> bool;

    /// Whether it is a piece of advice or part of one: what another finding explains is left to that, and
    /// what the section on identities tells to the section.
    fn advises(&self) -> bool {
        !self.is_explained() && self.topic().0.parse::<TwinVerdict>().is_err()
    }
}

impl Ranked for Finding {
    fn gravity(&self) -> (Severity, u64) {
        (self.severity, self.count)
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn topic(&self) -> Topic<'_> {
        let ids = self.caller.as_ref().map(|caller| (caller.oid.as_deref(), caller.appid.as_deref()));
        (&self.code, self.vault.as_deref(), ids)
    }

    fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    fn is_explained(&self) -> bool {
        self.explained_by.is_some()
    }
}

/// What is told.
pub(super) struct Chosen {
    /// Places of findings, gravest first.
    pub(super) places: Vec<usize>,
    /// Advice, gravest first; its findings by their place among `places`.
    pub(super) advice: Vec<Advice>,
    pub(super) in_all: InAll,
}

impl Chosen {
    /// The findings that are told, gravest first.
    pub(super) fn take<T>(&self, all: Vec<T>) -> Vec<T> {
        let mut all: Vec<Option<T>> = all.into_iter().map(Some).collect();
        self.places.iter().filter_map(|at| all.get_mut(*at)?.take()).collect()
    }
}

/// Findings of one topic.
struct Group {
    members: Vec<usize>,
    first: OnceLock<usize>,
}

impl Group {
    /// The gravest of its findings.
    fn first<T: Ranked>(&self, all: &[T]) -> usize {
        *self.first.get_or_init(|| first_of(all, self.members.clone(), 1).first().copied().unwrap_or(0))
    }

    /// The severity of the gravest, and all requests.
    fn gravity<T: Ranked>(&self, all: &[T]) -> (Severity, u64) {
        let gravities = || self.members.iter().map(|at| all[*at].gravity());
        let severity = gravities().map(|(severity, _)| severity).max().unwrap_or(Severity::Info);
        (severity, gravities().map(|(_, count)| count).sum())
    }

    /// What is told of it.
    fn advice<T: Ranked>(&self, all: &[T], finding: usize) -> Advice {
        let mut objects: indexmap::IndexSet<&str> = indexmap::IndexSet::new();
        for at in first_of(all, self.members.clone(), usize::MAX) {
            objects.extend(all[at].object());
        }
        Advice {
            finding,
            count: self.gravity(all).1,
            objects: objects.iter().take(Advice::MOST_OBJECTS).map(|object| (*object).to_owned()).collect(),
            more_objects: objects.len().saturating_sub(Advice::MOST_OBJECTS),
        }
    }
}

/// Chooses what is told.
pub(super) fn choose<T: Ranked>(all: &[T], most: Most) -> Chosen {
    let listed: Vec<usize> =
        (0..all.len()).filter(|at| is_listed(all[*at].gravity().0, all[*at].topic().0)).collect();
    let groups = groups(all);
    let in_all = InAll {
        listed: listed.len(),
        advice: groups.len(),
        gravest: all.iter().map(|finding| finding.gravity().0).max(),
    };
    let advised: Vec<&Group> = {
        let gravities = groups.iter().enumerate().map(|(at, group)| (group.gravity(all), at)).collect();
        let first = first(gravities, most.advice, |at| all[groups[at].first(all)].id());
        first.into_iter().map(|at| &groups[at]).collect()
    };
    // A whole report holds what is not listed, too.
    let whole = most.listed == usize::MAX;
    let mut places = if whole { (0..all.len()).collect() } else { first_of(all, listed, most.listed) };
    places.extend(advised.iter().map(|group| group.first(all)));
    places.sort_unstable();
    places.dedup();
    let places = first_of(all, places, usize::MAX);
    let mut told = vec![0; all.len()];
    for (place, at) in places.iter().enumerate() {
        told[*at] = place;
    }
    let advice = advised.par_iter().map(|group| group.advice(all, told[group.first(all)])).collect();
    Chosen { places, advice, in_all }
}

/// Findings that advise, by topic.
fn groups<T: Ranked>(all: &[T]) -> Vec<Group> {
    let mut groups: IndexMap<Topic<'_>, Vec<usize>, foldhash::fast::RandomState> = IndexMap::default();
    for (at, finding) in all.iter().enumerate().filter(|(_, finding)| finding.advises()) {
        groups.entry(finding.topic()).or_default().push(at);
    }
    groups.into_values().map(|members| Group { members, first: OnceLock::new() }).collect()
}

/// The first of some findings, gravest first.
fn first_of<T: Ranked>(all: &[T], places: Vec<usize>, number: usize) -> Vec<usize> {
    let gravities = places.into_iter().map(|at| (all[at].gravity(), at)).collect();
    first(gravities, number, |at| all[at].id())
}

/// So many of the greatest, greatest first; of equals those with the lowest ids.
fn first<'i, G: Copy + Ord + Send>(
    mut all: Vec<(G, usize)>,
    number: usize,
    id: impl Fn(usize) -> &'i str + Sync,
) -> Vec<usize> {
    if number == 0 {
        return Vec::new();
    }
    if number < all.len() {
        let (_, (last, _), _) = all.select_nth_unstable_by_key(number - 1, |(gravity, _)| Reverse(*gravity));
        let last = *last;
        all.retain(|(gravity, _)| *gravity >= last);
    }
    // Ids are different; were two the same, their places would still be.
    all.par_sort_unstable_by(|one, other| {
        let by_id = || id(one.1).cmp(id(other.1)).then(one.1.cmp(&other.1));
        other.0.cmp(&one.0).then_with(by_id)
    });
    all.into_iter().take(number).map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests;
