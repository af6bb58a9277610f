//! Requests of a kind, stream by stream, as a cache would meet them.
//!
//! Input: a vault's load and which of its requests are meant. Output: [`Arrivals`]: for each cache
//! and object the seconds at which it is asked, ascending, and the seconds at which the object
//! changed. The log tells streams apart by more than a cache does (flags, versions, types): what
//! agrees in caller, address, agent, object and operation is one stream here.

use std::cmp::Reverse;
use std::ops::Range;

use super::super::axis::Base;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::findings::callers::CallerId;
use crate::findings::load::class::Charge;
use crate::findings::load::{LoadStream, VaultLoad};

/// The requests of one stream in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrival {
    /// Place on the axis.
    pub(crate) at: u32,
    /// Index of what each weighs; the dearest is the lowest.
    pub(crate) weight: u32,
    /// How many.
    pub(crate) count: u32,
}

/// What a request weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Weight {
    /// Index of its class in the base; none where it takes nothing.
    pub(crate) class: Option<usize>,
    /// Parts it takes.
    pub(crate) parts: u64,
    /// Parts of what is asked in its place where the cache does not answer.
    pub(crate) left: u64,
}

/// The requests that one cache meets for one object.
#[derive(Clone, Debug)]
pub(crate) struct Group<'f> {
    /// Which arrivals.
    pub(crate) arrivals: Range<usize>,
    /// The object.
    pub(crate) object: &'f str,
    /// Index of its changes.
    changes: usize,
    /// Index of the caller.
    caller: usize,
    /// Object and operation, which a caller's instances share.
    shared: (usize, usize),
}

/// Requests, ready to be replayed.
pub(crate) struct Arrivals<'f> {
    arrivals: Vec<Arrival>,
    /// Those of one caller stand together.
    groups: Vec<Group<'f>>,
    weights: Vec<Weight>,
    callers: Vec<Option<CallerId>>,
    /// Seconds, ascending.
    changes: Vec<Vec<i64>>,
}

/// What tells caches apart: caller, object, operation, address, agent, as indices.
type Key = (usize, usize, usize, usize, usize);

fn index(text: Option<Text>) -> usize {
    text.map_or(0, |text| text.index() + 1)
}

impl<'f> Arrivals<'f> {
    /// Takes the successful requests that are `wanted`, as far as they name an object and a time.
    /// `by_operation`: operations on one object are told apart. `left`: what is asked where a cache
    /// does not answer, in parts of the same class.
    pub(crate) fn new(
        base: &Base,
        vault: &VaultLoad<'f>,
        wanted: impl Fn(&LoadStream<'f>) -> bool,
        by_operation: bool,
        left: impl Fn(&LoadStream<'f>, Charge) -> u64,
    ) -> Self {
        let mut callers: Map<Option<CallerId>, ()> = Map::default();
        let mut weights: Map<Weight, ()> = Map::default();
        let mut streams: Vec<(Key, &str, usize, &LoadStream<'f>)> = Vec::new();
        for stream in vault.streams.iter().filter(|stream| wanted(stream)) {
            let Some(object) = stream.object().filter(|_| !stream.cells().is_empty()) else { continue };
            let key = stream.stream.key;
            let caller = callers.insert_full(stream.caller(), ()).0;
            let operation = if by_operation { index(key.operation) } else { 0 };
            let place = (index(key.client_address), index(key.client_agent));
            let weight = weights.insert_full(weight(base, stream, &left), ()).0;
            streams.push(((caller, index(key.object), operation, place.0, place.1), object, weight, stream));
        }
        streams.sort_unstable_by_key(|(key, ..)| *key);
        let (weights, ranks) = ranked(&weights.into_keys().collect::<Vec<_>>());
        let mut all = Self {
            arrivals: Vec::new(),
            groups: Vec::new(),
            weights,
            callers: callers.into_keys().collect(),
            changes: Vec::new(),
        };
        let mut changes = Changes::new(vault);
        for same in streams.chunk_by(|one, next| one.0 == next.0) {
            all.push(base, same, &ranks, &mut changes);
        }
        all.changes = changes.lists;
        all
    }

    fn push(
        &mut self,
        base: &Base,
        streams: &[(Key, &'f str, usize, &LoadStream<'f>)],
        ranks: &[u32],
        changes: &mut Changes<'f>,
    ) {
        let from = self.arrivals.len();
        let Some((key, object, ..)) = streams.first() else { return };
        for (.., weight, stream) in streams {
            let weight = ranks[*weight];
            let places = base.axis.places(stream.cells());
            self.arrivals.extend(places.map(|(at, count)| Arrival { at, weight, count }));
        }
        if streams.len() > 1 {
            self.arrivals[from..].sort_unstable();
        }
        self.groups.push(Group {
            arrivals: from..self.arrivals.len(),
            object,
            changes: changes.of(object),
            caller: key.0,
            shared: (key.1, key.2),
        });
    }

    /// One cache a caller instead of one an instance. Requests that name no caller may come from
    /// several: they stay apart.
    pub(crate) fn shared(mut self) -> Self {
        let is_one = |one: &Group<'_>, next: &Group<'_>| {
            one.caller == next.caller && one.shared == next.shared && self.callers[one.caller].is_some()
        };
        let mut groups: Vec<Group<'f>> = Vec::new();
        for group in self.groups.drain(..) {
            match groups.last_mut() {
                Some(last) if is_one(last, &group) => last.arrivals.end = group.arrivals.end,
                _ => groups.push(group),
            }
        }
        for group in &groups {
            // Ascending pieces one behind the other: the stable sort merges them.
            self.arrivals[group.arrivals.clone()].sort();
        }
        self.groups = groups;
        self
    }

    /// What each cache meets for each object.
    pub(crate) fn groups(&self) -> &[Group<'f>] {
        &self.groups
    }

    /// The groups of each caller that the log names.
    pub(crate) fn by_caller(&self) -> impl Iterator<Item = (CallerId, &[Group<'f>])> {
        let callers = self.groups.chunk_by(|one, next| one.caller == next.caller);
        callers.filter_map(|groups| Some((self.callers[groups.first()?.caller]?, groups)))
    }

    /// When, ascending.
    pub(crate) fn of(&self, group: &Group<'f>) -> &[Arrival] {
        &self.arrivals[group.arrivals.clone()]
    }

    /// The seconds at which the object changed, ascending.
    pub(crate) fn changes(&self, group: &Group<'f>) -> &[i64] {
        &self.changes[group.changes]
    }

    /// What a request weighs.
    pub(crate) fn weight(&self, arrival: &Arrival) -> Weight {
        self.weights[arrival.weight as usize]
    }

    /// Whether there is nothing to replay.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The classes that are taken from.
    pub(crate) fn touches(&self, class: usize) -> bool {
        self.weights.iter().any(|weight| weight.class == Some(class))
    }

    /// All requests of some groups.
    pub(crate) fn requests(&self, groups: &[Group<'f>]) -> u64 {
        groups.iter().flat_map(|group| self.of(group)).map(|arrival| u64::from(arrival.count)).sum()
    }
}

fn weight<'f>(base: &Base, stream: &LoadStream<'f>, left: impl Fn(&LoadStream<'f>, Charge) -> u64) -> Weight {
    let mut charges = stream.charges().filter(|_| stream.counted);
    let of_vault = charges.find_map(|charge| Some((base.index(charge.class)?, charge)));
    match of_vault {
        Some((class, charge)) => {
            Weight { class: Some(class), parts: charge.high, left: left(stream, charge) }
        }
        None => Weight { class: None, parts: 0, left: 0 },
    }
}

/// The weights, dearest first, and where each went.
fn ranked(weights: &[Weight]) -> (Vec<Weight>, Vec<u32>) {
    let mut sorted = weights.to_vec();
    sorted.sort_unstable_by_key(|weight| (Reverse(weight.parts), weight.class, weight.left));
    let rank = |weight: &Weight| sorted.iter().position(|other| other == weight).unwrap_or(0);
    let ranks = weights.iter().map(|weight| u32::try_from(rank(weight)).unwrap_or(u32::MAX)).collect();
    (sorted, ranks)
}

/// When objects changed, as far as the log shows it.
struct Changes<'f> {
    /// By object.
    own: Map<&'f str, Vec<i64>>,
    /// Of certificates, by name: their key and their secret change with them.
    certificates: Map<&'f str, Vec<i64>>,
    /// What was asked for; the first is empty.
    lists: Vec<Vec<i64>>,
    known: Map<&'f str, usize>,
}

impl<'f> Changes<'f> {
    fn new(vault: &VaultLoad<'f>) -> Self {
        let mut own: Map<&str, Vec<i64>> = Map::default();
        let mut certificates: Map<&str, Vec<i64>> = Map::default();
        for stream in vault.streams.iter().filter(|stream| stream.is_success()) {
            let (Some(object), Some(operation)) = (stream.object(), stream.operation()) else { continue };
            if !changes_object(operation) {
                continue;
            }
            let seconds = stream.cells().iter().map(|cell| cell.second());
            match object.strip_prefix("certificates/") {
                Some(name) => certificates.entry(name).or_default().extend(seconds),
                None => own.entry(object).or_default().extend(seconds),
            }
        }
        Self { own, certificates, lists: vec![Vec::new()], known: Map::default() }
    }

    fn of(&mut self, object: &'f str) -> usize {
        if let Some(known) = self.known.get(object) {
            return *known;
        }
        let name = object.split_once('/').map_or(object, |(_, name)| name);
        let mut seconds = self.own.get(object).cloned().unwrap_or_default();
        if !object.starts_with("storage/") {
            seconds.extend(self.certificates.get(name).into_iter().flatten());
        }
        seconds.sort_unstable();
        seconds.dedup();
        let index = if seconds.is_empty() { 0 } else { self.lists.len() };
        if index > 0 {
            self.lists.push(seconds);
        }
        self.known.insert(object, index);
        index
    }
}

/// Whether an operation gives an object another value, or takes it away or brings it back. Updates
/// of attributes and tags do not. `KeyRotateIfDue` may find that nothing is due: it counts, so that
/// no cache is taken to answer what it might not.
fn changes_object(operation: &str) -> bool {
    let verb = ["Secret", "Key", "Certificate"].iter().find_map(|kind| operation.strip_prefix(kind));
    matches!(
        verb,
        Some(
            "Set"
                | "Create"
                | "Import"
                | "Rotate"
                | "RotateIfDue"
                | "Renew"
                | "Enroll"
                | "PendingMerge"
                | "Delete"
                | "Purge"
                | "Recover"
                | "Restore"
        )
    )
}
