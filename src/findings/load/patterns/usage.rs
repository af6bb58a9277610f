//! What one caller asked of one vault, instance by instance: what detectors look at.
//!
//! Input: the demand. Output: [`Usage`]s in an order that does not depend on maps. What a detector
//! explains is taken out, so that the next one sees only what is left. Must not judge.

use std::collections::{BTreeMap, BTreeSet};

use super::arrivals::Arrivals;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::findings::callers::CallerId;
use crate::findings::load::{Demand, LoadStream};

/// One stream, with its place in the demand.
#[derive(Clone, Copy)]
pub(super) struct Row<'d, 'f> {
    pub(super) stream: &'d LoadStream<'f>,
    /// Index of the vault, and of the stream in it.
    pub(super) place: (usize, usize),
    /// Requests.
    pub(super) count: u64,
}

impl Row<'_, '_> {
    /// Operation name.
    pub(super) fn operation(&self) -> &str {
        self.stream.operation.unwrap_or_default()
    }

    /// It was done, or would have been but for a limit: what an application asks for in earnest.
    pub(super) fn is_work(&self) -> bool {
        self.stream.is_success() || self.stream.is_throttled()
    }

    /// A value or key is read.
    pub(super) fn is_get(&self) -> bool {
        matches!(self.operation(), "SecretGet" | "KeyGet" | "CertificateGet")
    }
}

/// What came from one address with one agent.
pub(super) struct Instance<'d, 'f> {
    pub(super) rows: Vec<Row<'d, 'f>>,
}

/// What one caller asked of one vault.
pub(super) struct Usage<'d, 'f> {
    /// By address and agent.
    pub(super) instances: Vec<Instance<'d, 'f>>,
}

/// What one caller asked of all vaults.
pub(super) struct Work<'d, 'f> {
    pub(super) caller: CallerId,
    /// By vault.
    pub(super) usages: Vec<Usage<'d, 'f>>,
}

impl<'d, 'f> Usage<'d, 'f> {
    /// Every row that is left.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'d, 'f>> {
        self.instances.iter().flat_map(|instance| instance.rows.iter().copied())
    }

    /// The rows that `wanted` picks.
    pub(super) fn picked(&self, wanted: impl Fn(&Row<'d, 'f>) -> bool) -> Vec<Row<'d, 'f>> {
        self.rows().filter(wanted).collect()
    }

    /// Takes rows out.
    pub(super) fn remove(&mut self, places: &BTreeSet<(usize, usize)>) {
        for instance in &mut self.instances {
            instance.rows.retain(|row| !places.contains(&row.place));
        }
        self.instances.retain(|instance| !instance.rows.is_empty());
    }
}

/// The requests of some rows, by second.
pub(super) fn arrivals<'d, 'f: 'd>(rows: impl IntoIterator<Item = Row<'d, 'f>>) -> Arrivals {
    Arrivals::of(rows.into_iter().map(|row| row.stream.cells()))
}

/// All requests of some rows.
pub(super) fn count(rows: &[Row<'_, '_>]) -> u64 {
    rows.iter().map(|row| row.count).sum()
}

/// Different addresses.
pub(super) fn addresses(rows: &[Row<'_, '_>]) -> usize {
    rows.iter().map(|row| row.stream.address).collect::<BTreeSet<_>>().len()
}

/// Different objects.
pub(super) fn objects(rows: &[Row<'_, '_>]) -> usize {
    rows.iter().filter_map(|row| row.stream.object).collect::<BTreeSet<_>>().len()
}

/// Rows by a key, in its order.
pub(super) fn grouped<'d, 'f, K: Ord>(
    rows: &[Row<'d, 'f>],
    key: impl Fn(&Row<'d, 'f>) -> K,
) -> BTreeMap<K, Vec<Row<'d, 'f>>> {
    let mut groups: BTreeMap<K, Vec<Row<'d, 'f>>> = BTreeMap::new();
    for row in rows {
        groups.entry(key(row)).or_default().push(*row);
    }
    groups
}

/// Everyone who asked at least so often, by ids. Requests that name nobody are of nobody.
pub(super) fn by_caller<'d, 'f>(
    demand: &'d Demand<'f>,
    text: impl Fn(Option<Text>) -> Option<&'f str>,
    fewest: u64,
) -> Vec<Work<'d, 'f>> {
    let named = |stream: &LoadStream<'f>| stream.caller.filter(|caller| *caller != (None, None));
    let mut counts: Map<CallerId, u64> = Map::default();
    for stream in demand.vaults.iter().flat_map(|vault| &vault.streams) {
        if let Some(caller) = named(stream) {
            *counts.entry(caller).or_default() += stream.stream.series.count();
        }
    }
    // Most callers ask seldom: rows are gathered only of the others.
    counts.retain(|_, count| *count >= fewest);
    let mut all: Map<CallerId, Vec<Row<'d, 'f>>> =
        counts.into_keys().map(|caller| (caller, Vec::new())).collect();
    for (vault, load) in demand.vaults.iter().enumerate() {
        for (at, stream) in load.streams.iter().enumerate() {
            if let Some(rows) = named(stream).and_then(|caller| all.get_mut(&caller)) {
                rows.push(Row { stream, place: (vault, at), count: stream.stream.series.count() });
            }
        }
    }
    let mut callers: Vec<(CallerId, Vec<Row<'d, 'f>>)> = all.into_iter().collect();
    callers.sort_by_key(|(caller, _)| (text(caller.0), text(caller.1)));
    callers.into_iter().map(|(caller, rows)| Work { caller, usages: usages(&rows) }).collect()
}

fn usages<'d, 'f>(rows: &[Row<'d, 'f>]) -> Vec<Usage<'d, 'f>> {
    let usage = |rows: Vec<Row<'d, 'f>>| {
        let by_client = grouped(&rows, |row| (row.stream.address, row.stream.agent));
        Usage { instances: by_client.into_values().map(|rows| Instance { rows }).collect() }
    };
    grouped(rows, |row| row.place.0).into_values().map(usage).collect()
}
