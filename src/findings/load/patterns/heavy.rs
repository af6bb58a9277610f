//! Most of a limit at once: `mass-write`, and what no other pattern explains, `hot-object` and
//! `hot-caller`.

use std::collections::BTreeSet;

use super::found::{Found, greatest};
use super::usage::{Row, arrivals, count, grouped, objects};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::findings::callers::CallerId;
use crate::findings::load::Demand;
use crate::findings::load::class::Class;

/// Hundredths of a limit from which something takes most of it: it leaves no room for one more like it.
const MOST_PERCENT: u128 = 50;

/// 429s that show the limit is reached where what keys weigh is not known.
const FEWEST_THROTTLED: u64 = 10;

/// Seconds in which 429s on writing are of one import.
const THROTTLED_SECONDS: i64 = 600;

/// Creating keys takes at least so many requests to be in bulk: the limit is 10 or 20.
const FEWEST_WRITES: u64 = 10;

/// Writes in bulk, by whoever makes most of them.
pub(super) fn mass_write<'d, 'f>(
    demand: &Demand<'f>,
    vault: usize,
    rows: &[Row<'d, 'f>],
    text: impl Fn(Option<Text>) -> Option<&'f str>,
) -> Option<(CallerId, Found<'d, 'f>)> {
    let writes = |row: &&Row<'_, '_>| {
        matches!(row.operation(), "SecretSet" | "KeyImport" | "CertificateImport" | "KeyCreate")
            && row.is_work()
    };
    let rows: Vec<Row<'d, 'f>> = rows.iter().filter(writes).copied().collect();
    let total = count(&rows);
    let throttled = arrivals(rows.iter().copied().filter(|row| row.stream.is_throttled()));
    let throttled = throttled.busiest(THROTTLED_SECONDS).count;
    let is_near = |class| {
        let whole = u128::from(demand.budgets.whole(class));
        greatest(&rows, vault, class).0 * 100 >= whole * MOST_PERCENT
    };
    let near = total >= FEWEST_WRITES && (is_near(Class::CreateImport) || is_near(Class::KeyCreate));
    if !near && throttled < FEWEST_THROTTLED {
        return None;
    }
    // By name, so that of equals it is always the same one.
    let callers = grouped(&rows, |row| row.stream.caller.map(|caller| (text(caller.0), text(caller.1))));
    let most = callers.into_values().max_by_key(|rows| count(rows))?;
    let caller = most.first()?.stream.caller?;
    let by_operation = grouped(&rows, |row| row.stream.operation);
    let told: Vec<String> = by_operation
        .iter()
        .map(|(operation, rows)| format!("{} {}", count(rows), operation.unwrap_or_default()))
        .collect();
    let why = format!(
        "{} in all, {} of them by {{who}}: up to {} in ten seconds. What creates and imports has limits of its own, far \
         lower than those for reading.",
        told.join(" and "),
        count(&most),
        arrivals(rows.iter().copied()).busiest(crate::findings::limits::WINDOW_SECONDS).count
    );
    let operation =
        if by_operation.len() == 1 { rows.first().and_then(|row| row.stream.operation) } else { None };
    Some((caller, Found { operation, ..Found::new("mass-write", rows, why) }))
}

/// An object, or a caller, that takes most of a limit, among what nothing else explains.
pub(super) fn hot<'d, 'f>(
    demand: &Demand<'f>,
    vault: usize,
    rows: &[Row<'d, 'f>],
) -> Vec<(Option<CallerId>, Found<'d, 'f>)> {
    let mut all = Vec::new();
    let mut explained: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (object, group) in hot_groups(demand, vault, rows, |row| row.stream.object) {
        let Some(object) = object else { continue };
        let callers: Map<Option<CallerId>, ()> = group.iter().map(|row| (row.stream.caller, ())).collect();
        let caller = if callers.len() == 1 { group.first().and_then(|row| row.stream.caller) } else { None };
        let why = format!(
            "{} requests for {object} by {} callers, up to {} in ten seconds, that no other pattern explains.",
            count(&group),
            callers.len(),
            arrivals(group.iter().copied()).busiest(crate::findings::limits::WINDOW_SECONDS).count
        );
        explained.extend(group.iter().map(|row| row.place));
        all.push((caller, Found { object: Some(object), ..Found::new("hot-object", group, why) }));
    }
    let rest: Vec<Row<'d, 'f>> = rows.iter().filter(|row| !explained.contains(&row.place)).copied().collect();
    let ids = |row: &Row<'_, '_>| {
        row.stream.caller.map(|caller| (caller.0.map(|id| id.index()), caller.1.map(|id| id.index())))
    };
    for (_, group) in hot_groups(demand, vault, &rest, ids) {
        let Some(caller) = group.first().and_then(|row| row.stream.caller) else { continue };
        let why = format!(
            "{{who}} made {} requests for {} objects, up to {} in ten seconds, that no other pattern explains.",
            count(&group),
            objects(&group),
            arrivals(group.iter().copied()).busiest(crate::findings::limits::WINDOW_SECONDS).count
        );
        all.push((Some(caller), Found::new("hot-caller", group, why)));
    }
    all
}

/// The groups that take most of a limit of the vault in some ten seconds.
fn hot_groups<'d, 'f, K: std::hash::Hash + Eq + Ord>(
    demand: &Demand<'f>,
    vault: usize,
    rows: &[Row<'d, 'f>],
    key: impl Fn(&Row<'d, 'f>) -> K,
) -> Vec<(K, Vec<Row<'d, 'f>>)> {
    let judged = || rows.iter().filter(|row| row.stream.counted || row.stream.is_throttled());
    let mut sums: Map<K, u128> = Map::default();
    for row in judged() {
        *sums.entry(key(row)).or_default() += heaviest(demand, row);
    }
    // All its requests in one window would not make it hot: no need to look at windows.
    sums.retain(|_, millionths| *millionths >= MOST_PERCENT * 10_000);
    let mut groups: Map<K, Vec<Row<'d, 'f>>> = sums.into_keys().map(|key| (key, Vec::new())).collect();
    for row in judged() {
        if let Some(group) = groups.get_mut(&key(row)) {
            group.push(*row);
        }
    }
    let hot = |rows: &[Row<'_, '_>]| {
        let throttled: u64 = rows.iter().filter(|row| row.stream.is_throttled()).map(|row| row.count).sum();
        Class::ALL.into_iter().filter(|class| class.is_of_vault()).any(|class| {
            let whole = u128::from(demand.budgets.whole(class));
            let (low, high) = greatest(rows, vault, class);
            low * 100 >= whole * MOST_PERCENT
                || (throttled >= FEWEST_THROTTLED && high * 100 >= whole * MOST_PERCENT)
        })
    };
    let mut all: Vec<(K, Vec<Row<'d, 'f>>)> = groups.into_iter().filter(|(_, rows)| hot(rows)).collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// Millionths of a limit that all requests of a row take together, at the most, rounded up.
fn heaviest(demand: &Demand<'_>, row: &Row<'_, '_>) -> u128 {
    let charges = row.stream.charges.iter().flatten().filter(|charge| charge.class.is_of_vault());
    let part = |class, high: u64| {
        (u128::from(row.count) * u128::from(high) * 1_000_000)
            .div_ceil(u128::from(demand.budgets.whole(class)).max(1))
    };
    charges.map(|charge| part(charge.class, charge.high)).max().unwrap_or(0)
}
