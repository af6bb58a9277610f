//! What one request takes of which limit, told once for all streams that ask the same.
//!
//! Input: the analysis, what is known of keys, and the limits. Output: [`Weights`], which has the [`Weight`] of each
//! stream. There are a few thousand of them, and as many streams as callers ask for things: a stream only points to
//! what its requests weigh. Must not decide whether a request counts.

use rayon::prelude::*;

use super::class::{Budgets, Charges};
use super::key_kind::KeyKind;
use super::{Assumptions, KnownKeys};
use crate::facts::dimensions::{Dimensions, RequestKey, Text};
use crate::facts::{Facts, Map};
use crate::findings::Analysis;
use crate::findings::limits::Profile;
use crate::findings::streams::Stream;
use crate::record::operation::Plane;

/// What a request is of, and what it takes.
pub(crate) struct Weight<'f> {
    /// Operation name.
    pub(super) operation: Option<&'f str>,
    /// The key, for operations on keys.
    pub(super) kind: KeyKind,
    /// What one request takes; nothing where it is free.
    pub(super) charges: Charges,
    /// By which a stream's other texts are looked up where they are told: kept here, as there are few of these.
    pub(super) dimensions: &'f Dimensions,
}

/// What decides what a stream's requests weigh.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Asked {
    operation: Option<Text>,
    plane: Plane,
    hsm: bool,
    /// For operations on keys: the vault, what the record says of the key, and which it is.
    key: Option<(Option<Text>, Option<Text>, Option<Text>)>,
}

/// Streams that a thread looks through in one go.
const TOGETHER: usize = 1 << 13;

/// The weights of all streams.
pub(crate) struct Weights<'f> {
    facts: &'f Facts,
    /// What is assumed of which requests count.
    pub(super) assumptions: &'f Assumptions,
    /// What 100 % of a class is.
    pub(super) budgets: Budgets<'f>,
    known: Map<Asked, Weight<'f>>,
}

impl<'f> Weights<'f> {
    /// Those of all streams.
    pub(crate) fn new(analysis: &Analysis<'f>, assumptions: &'f Assumptions, keys: &KnownKeys<'_>) -> Self {
        let budgets = Budgets::new(&assumptions.limits, profile(analysis, assumptions), assumptions.pooled);
        let mut weights = Self { facts: analysis.facts, assumptions, budgets, known: Map::default() };
        let of_some: Vec<Map<Asked, &RequestKey>> = analysis
            .streams
            .as_slice()
            .par_chunks(TOGETHER)
            .map(|streams| weights.distinct(streams))
            .collect();
        for (asked, key) in of_some.into_iter().flatten() {
            if !weights.known.contains_key(&asked) {
                let weight = weights.weight(&asked, key, keys);
                weights.known.insert(asked, weight);
            }
        }
        weights
    }

    /// What some streams ask, each with a key that asks it.
    fn distinct<'s>(&self, streams: &[Stream<'s>]) -> Map<Asked, &'s RequestKey> {
        let mut distinct = Map::default();
        let mut last = None;
        for stream in streams {
            // Of one operation on secrets, all streams of a caller ask the same.
            let asked = self.asked(stream.key);
            if last != Some(asked) {
                last = Some(asked);
                distinct.entry(asked).or_insert(stream.key);
            }
        }
        distinct
    }

    /// That of a stream of the analysis.
    pub(super) fn of(&self, key: &RequestKey) -> &Weight<'f> {
        &self.known[&self.asked(key)]
    }

    fn asked(&self, key: &RequestKey) -> Asked {
        let vault = key.vault.map(|vault| self.facts.dimensions.vaults.get(vault));
        Asked {
            operation: key.operation,
            plane: key.plane,
            hsm: vault.is_some_and(|vault| vault.hsm),
            key: is_of_key(self.operation(key))
                .then(|| (vault.map(|vault| vault.name), key.key_kind, key.object)),
        }
    }

    fn operation(&self, key: &RequestKey) -> Option<&'f str> {
        self.facts.dimensions.text(key.operation)
    }

    fn weight(&self, asked: &Asked, key: &RequestKey, keys: &KnownKeys<'_>) -> Weight<'f> {
        let operation = self.operation(key);
        let mut kind = KeyKind::default();
        if asked.key.is_some() {
            kind = keys.kind(self.facts, key);
            if let Some(assumed) = self.assumptions.assume_key {
                kind = kind.completed_by(assumed);
            }
        }
        let charges = self.budgets.charges(asked.plane, asked.hsm, operation, kind);
        Weight { operation, kind, charges, dimensions: &self.facts.dimensions }
    }
}

/// Whether what a request takes depends on a key.
fn is_of_key(operation: Option<&str>) -> bool {
    operation.is_some_and(|operation| operation.starts_with("Key") || operation.starts_with("Cert"))
}

/// The limits in force: those named, else those of the day of the last request.
fn profile<'f>(analysis: &Analysis<'f>, assumptions: &'f Assumptions) -> &'f Profile {
    let named = assumptions.profile.as_deref().and_then(|name| assumptions.limits.named(name));
    let last = || analysis.streams().filter_map(|stream| stream.bounds()).map(|bounds| bounds.1).max();
    named.unwrap_or_else(|| assumptions.limits.in_force(last()))
}
