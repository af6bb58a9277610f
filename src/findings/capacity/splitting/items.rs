//! The objects of a vault with their load, and what belongs together.
//!
//! Input: a vault's load, and the user's groups. Output: [`Items`]: objects with the parts that their
//! requests take, units that cannot be parted (a certificate with the key and the secret of its name),
//! and groups that should not be: the user's, else the application with the most load on a unit.
//! Requests without an object, such as lists, are an item of their caller and stand with the group of
//! the object that this caller loads most: an assumption, as a list is about a whole vault.

use std::collections::{BTreeMap, BTreeSet};

use super::super::axis::{Axis, Base};
use super::super::caching::{LeftReads, is_read};
use super::super::shown;
use crate::facts::Map;
use crate::facts::requests::Cells;
use crate::findings::callers::{CallerId, Callers};
use crate::findings::load::{LoadStream, VaultLoad};
use crate::record::operation::Plane;

/// When requests came.
pub(super) enum Arrived<'f> {
    /// Cells of a stream.
    Cells(Cells<'f>),
    /// Place on the axis and how many.
    Left(Vec<(u32, u32)>),
}

/// Requests that take the same of one class.
pub(super) struct Part<'f> {
    /// Index of the class in the base.
    pub(super) class: usize,
    /// Parts of the whole that each takes.
    parts: u64,
    arrived: Arrived<'f>,
}

impl Part<'_> {
    /// Place and parts of each arrival.
    pub(super) fn each(&self, axis: &Axis, mut held: impl FnMut(u32, i128)) {
        let parts = i128::from(self.parts);
        match &self.arrived {
            Arrived::Cells(cells) => {
                axis.places(*cells).for_each(|(at, count)| held(at, i128::from(count) * parts));
            }
            Arrived::Left(left) => left.iter().for_each(|(at, count)| held(*at, i128::from(*count) * parts)),
        }
    }
}

/// An object, or the requests of one caller that name none.
#[derive(Default)]
pub(super) struct Item<'f> {
    /// `collection/name`.
    pub(super) object: Option<&'f str>,
    /// What its requests take.
    pub(super) parts: Vec<Part<'f>>,
    /// Its requests.
    pub(super) requests: u64,
}

/// What moves as one.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// What it is called.
    pub(super) label: String,
    /// Indices of its items, ascending.
    pub(super) items: Vec<usize>,
}

/// Units that should stay together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// What it is called.
    pub(super) label: String,
    /// Its units, by label.
    pub(super) units: Vec<Unit>,
}

/// Everything of a vault that has a place in a plan.
pub(super) struct Items<'f> {
    /// Objects by name, then requests without one by caller.
    pub(super) items: Vec<Item<'f>>,
    /// By label.
    pub(super) groups: Vec<Group>,
}

/// How much a caller asked: millionths of the whole, then requests.
type Asked = (u128, u64);

/// Whose items they are, while they are gathered.
struct Gathered<'f> {
    objects: BTreeMap<&'f str, (Item<'f>, BTreeMap<usize, Asked>)>,
    /// By rank of the caller.
    lists: BTreeMap<usize, Item<'f>>,
}

impl<'f> Items<'f> {
    /// Gathers the items; reads are replaced by `left` where there is some.
    pub(super) fn new(
        callers: &Callers,
        vault: &VaultLoad<'f>,
        base: &Base,
        left: Option<Vec<LeftReads<'f>>>,
        wanted: &BTreeMap<String, String>,
    ) -> Self {
        let names = Names::new(callers, vault);
        let mut all = Gathered { objects: BTreeMap::new(), lists: BTreeMap::new() };
        for stream in vault.streams.iter().filter(|stream| stream.stream.key.plane != Plane::Control) {
            all.add(base, stream, names.rank(stream.caller()), left.is_some());
        }
        for left in left.into_iter().flatten() {
            if let Some((item, _)) = all.objects.get_mut(left.object) {
                item.requests += left.arrivals.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
                let LeftReads { class, parts, arrivals, .. } = left;
                item.parts.push(Part { class, parts, arrived: Arrived::Left(arrivals) });
            }
        }
        all.grouped(&names, wanted)
    }
}

impl<'f> Gathered<'f> {
    fn add(&mut self, base: &Base, stream: &LoadStream<'f>, caller: usize, is_cached: bool) {
        let charges = stream.charges().filter(|_| stream.counted);
        let taken: Vec<(usize, u64)> =
            charges.filter_map(|charge| Some((base.index(charge.class)?, charge.high))).collect();
        let series = stream.stream.series;
        let (item, is_cached) = match stream.object() {
            Some(object) => {
                let (item, asked) = self.objects.entry(object).or_default();
                item.object = Some(object);
                let asked = asked.entry(caller).or_default();
                asked.1 += series.count();
                for (class, parts) in &taken {
                    let whole = base.classes[*class].whole.unsigned_abs();
                    asked.0 += u128::from(series.count()) * u128::from(*parts) * 1_000_000 / whole;
                }
                (item, is_cached && is_read(stream))
            }
            None if taken.is_empty() => return,
            None => (self.lists.entry(caller).or_default(), false),
        };
        if is_cached {
            item.requests += series.untimed;
            return;
        }
        item.requests += series.count();
        let part = |(class, parts)| Part { class, parts, arrived: Arrived::Cells(stream.cells()) };
        item.parts.extend(taken.into_iter().map(part));
    }

    /// Brings together what belongs together.
    fn grouped(self, names: &Names, wanted: &BTreeMap<String, String>) -> Items<'f> {
        let certificates: Vec<&str> =
            self.objects.keys().filter_map(|object| object.strip_prefix("certificates/")).collect();
        let mut units: BTreeMap<String, (Unit, BTreeMap<usize, Asked>)> = BTreeMap::new();
        let mut favourites: BTreeMap<usize, (Asked, String)> = BTreeMap::new();
        let mut items = Vec::new();
        for (object, (item, asked)) in self.objects {
            let label = unit_of(object, &certificates);
            let (unit, all) = units
                .entry(label.clone())
                .or_insert_with(|| (Unit { label: label.clone(), items: Vec::new() }, BTreeMap::new()));
            unit.items.push(items.len());
            for (caller, asked) in asked {
                let sum = all.entry(caller).or_default();
                *sum = (sum.0 + asked.0, sum.1 + asked.1);
                let favourite = favourites.entry(caller).or_insert_with(|| (asked, label.clone()));
                // The first of equals, by name.
                if asked > favourite.0 {
                    *favourite = (asked, label.clone());
                }
            }
            items.push(item);
        }
        let mut group_of: BTreeMap<String, String> = BTreeMap::new();
        for (label, (unit, asked)) in &units {
            let objects = unit.items.iter().filter_map(|item| items[*item].object);
            let own = objects.filter_map(|object| wanted.get(object)).min();
            let group = own.map_or_else(|| names.application(most(asked)), |group| format!("group {group}"));
            group_of.insert(label.clone(), group);
        }
        let mut groups: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
        for (label, (unit, _)) in units {
            groups.entry(group_of[&label].clone()).or_default().push(unit);
        }
        for (caller, item) in self.lists {
            let home = favourites.get(&caller).map(|(_, unit)| group_of[unit].clone());
            let unit = Unit {
                label: format!("requests without an object of {}", names.name(caller)),
                items: vec![items.len()],
            };
            groups.entry(home.unwrap_or_else(|| names.application(caller))).or_default().push(unit);
            items.push(item);
        }
        let groups = groups.into_iter().map(|(label, units)| Group { label, units }).collect();
        Items { items, groups }
    }
}

/// The unit of an object: a certificate's key and secret have its name and cannot leave it.
fn unit_of(object: &str, certificates: &[&str]) -> String {
    match object.split_once('/') {
        Some(("keys" | "secrets" | "certificates", name)) if certificates.binary_search(&name).is_ok() => {
            format!("certificate {name}")
        }
        _ => object.to_owned(),
    }
}

/// Who asked most, the first of equals.
fn most(asked: &BTreeMap<usize, Asked>) -> usize {
    let most = asked.iter().max_by_key(|(caller, asked)| (**asked, std::cmp::Reverse(**caller)));
    most.map_or(0, |(caller, _)| *caller)
}

/// Callers in an order that depends on nothing but what they are.
struct Names {
    ranks: Map<Option<CallerId>, usize>,
    /// By rank, distinct.
    names: Vec<String>,
}

impl Names {
    fn new(callers: &Callers, vault: &VaultLoad<'_>) -> Self {
        let mut ranks: Map<Option<CallerId>, usize> = Map::default();
        for stream in &vault.streams {
            ranks.insert(stream.caller(), 0);
        }
        let mut all: Vec<_> = ranks
            .keys()
            .map(|id| {
                let identity = callers.identity(*id).unwrap_or_default();
                (shown(&identity), identity.oid, identity.appid, *id)
            })
            .collect();
        all.sort_by(|one, other| {
            (&one.0, &one.1, &one.2, one.3.is_some()).cmp(&(&other.0, &other.1, &other.2, other.3.is_some()))
        });
        let mut names: Vec<String> = Vec::new();
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for (rank, (name, oid, appid, id)) in all.iter().enumerate() {
            ranks.insert(*id, rank);
            let plain = name.clone().unwrap_or_else(|| "a caller the log does not name".to_owned());
            let same = |other: Option<usize>| {
                other.and_then(|other| all.get(other)).is_some_and(|row| row.0 == *name)
            };
            let is_shared = same(rank.checked_sub(1)) || same(rank.checked_add(1));
            let id = oid.as_ref().or(appid.as_ref()).filter(|_| is_shared);
            let name = id.map_or(plain.clone(), |id| format!("{plain} ({id})"));
            // Only what shows nothing to tell it by may be left with the same name.
            let name = if taken.contains(&name) { format!("{name} #{rank}") } else { name };
            taken.insert(name.clone());
            names.push(name);
        }
        Self { ranks, names }
    }

    fn rank(&self, id: Option<CallerId>) -> usize {
        self.ranks.get(&id).copied().unwrap_or(0)
    }

    fn name(&self, rank: usize) -> &str {
        self.names.get(rank).map_or("", String::as_str)
    }

    fn application(&self, rank: usize) -> String {
        format!("application {}", self.name(rank))
    }
}
