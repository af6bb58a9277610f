//! Most of a limit at once: `mass-write`, and what no other pattern explains, `hot-object` and
//! `hot-caller`.

use super::LOOKS_AT_ALL;
use super::found::{Found, greatest};
use super::rough::Rough;
use super::usage::{Place, Row, arrivals, count, count_of_operation, distinct, grouped, objects};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::findings::callers::CallerId;
use crate::findings::limits::WINDOW_SECONDS;
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
) -> Option<(CallerId, Found<'d, 'f>)> {
    let mut known: Map<Option<Text>, bool> = Map::default();
    let mut writes = |row: &&Row<'_, '_>| {
        *known.entry(row.stream.stream.key.operation).or_insert_with(|| {
            matches!(row.operation(), "SecretSet" | "KeyImport" | "CertificateImport" | "KeyCreate")
        })
    };
    let rows: Vec<Row<'d, 'f>> = rows.iter().filter(|row| writes(row) && row.is_work()).copied().collect();
    let total = count(&rows);
    let throttled = arrivals(rows.iter().copied().filter(|row| row.stream.is_throttled()));
    let throttled = throttled.busiest(THROTTLED_SECONDS).count;
    let is_near = |class| {
        let is_most = |parts: u128| parts * 100 >= u128::from(demand.budgets.whole(class)) * MOST_PERCENT;
        (LOOKS_AT_ALL || is_most(at_once(&rows, class))) && is_most(looked_at(&rows, vault, class).0)
    };
    let near = total >= FEWEST_WRITES && (is_near(Class::CreateImport) || is_near(Class::KeyCreate));
    if !near && throttled < FEWEST_THROTTLED {
        return None;
    }
    // By name, so that of equals it is always the same one.
    let callers = grouped(&rows, |row| row.stream.stream.caller_place());
    let most = callers.into_iter().max_by_key(|rows| count(rows))?;
    let caller = most.first()?.stream.caller()?;
    let by_operation = grouped(&rows, |row| row.stream.stream.asked()[0]);
    let told: Vec<String> = by_operation.iter().map(|rows| count_of_operation(rows)).collect();
    let why = format!(
        "{} in all, {} of them by {{who}}: up to {} in ten seconds. What creates and imports has limits of its own, far \
         lower than those for reading.",
        told.join(" and "),
        count(&most),
        arrivals(rows.iter().copied()).busiest(WINDOW_SECONDS).count
    );
    let operation =
        if by_operation.len() == 1 { rows.first().and_then(|row| row.stream.operation()) } else { None };
    Some((caller, Found { operation, ..Found::new("mass-write", rows, why) }))
}

/// An object, or a caller, that takes most of a limit, among what nothing else explains.
pub(super) fn hot<'d, 'f>(
    demand: &Demand<'f>,
    vault: usize,
    rows: &[Row<'d, 'f>],
) -> Vec<(Option<CallerId>, Found<'d, 'f>)> {
    let mut all = Vec::new();
    let mut explained: Vec<Place> = Vec::new();
    for group in hot_groups(demand, vault, rows, Row::object_place) {
        let Some(object) = group.first().and_then(|row| row.stream.object()) else { continue };
        let callers = distinct(group.iter().map(|row| row.stream.stream.caller_place()));
        let caller = if callers == 1 { group.first().and_then(|row| row.stream.caller()) } else { None };
        let why = format!(
            "{} requests for {object} by {callers} callers, up to {} in ten seconds, that no other pattern explains.",
            count(&group),
            arrivals(group.iter().copied()).busiest(WINDOW_SECONDS).count
        );
        explained.extend(group.iter().map(|row| row.place));
        all.push((caller, Found { object: Some(object), ..Found::new("hot-object", group, why) }));
    }
    explained.sort_unstable();
    let rest: Vec<Row<'d, 'f>> =
        rows.iter().filter(|row| explained.binary_search(&row.place).is_err()).copied().collect();
    for group in hot_groups(demand, vault, &rest, |row| row.stream.stream.caller_place()) {
        let Some(caller) = group.first().and_then(|row| row.stream.caller()) else { continue };
        let why = format!(
            "{{who}} made {} requests for {} objects, up to {} in ten seconds, that no other pattern explains.",
            count(&group),
            objects(&group),
            arrivals(group.iter().copied()).busiest(WINDOW_SECONDS).count
        );
        all.push((Some(caller), Found::new("hot-caller", group, why)));
    }
    all
}

/// The groups that take most of a limit of the vault in some ten seconds, in the order of their keys.
fn hot_groups<'d, 'f>(
    demand: &Demand<'f>,
    vault: usize,
    rows: &[Row<'d, 'f>],
    key: impl Fn(&Row<'d, 'f>) -> u32,
) -> Vec<Vec<Row<'d, 'f>>> {
    let is_most = |class, parts: u128| parts * 100 >= u128::from(demand.budgets.whole(class)) * MOST_PERCENT;
    // The busiest seconds of all its streams at once would not make it hot: no need to look at windows.
    let is_warm = |class, parts| LOOKS_AT_ALL || is_most(class, parts);
    let sums = sums(rows, &key).into_iter().filter(|((_, class), parts)| is_warm(*class, *parts));
    let mut warm: Vec<(u32, Class)> = sums.map(|(warm, _)| warm).collect();
    if warm.is_empty() {
        return Vec::new();
    }
    warm.sort_unstable();
    let classes_of = |key: u32| {
        let from = warm.partition_point(|warm| warm.0 < key);
        warm.get(from..).unwrap_or_default().iter().take_while(move |warm| warm.0 == key).map(|warm| warm.1)
    };
    let judged = rows.iter().filter(|row| row.stream.counted || row.stream.is_throttled());
    let judged = judged.filter(|row| classes_of(key(row)).next().is_some());
    let mut groups = grouped(&judged.copied().collect::<Vec<_>>(), &key);
    groups.retain(|rows| {
        let throttled: u64 = rows.iter().filter(|row| row.stream.is_throttled()).map(|row| row.count).sum();
        let classes = rows.first().into_iter().flat_map(|row| classes_of(key(row)));
        let mut near = classes.filter(|class| is_warm(*class, roughly_greatest(rows, *class)));
        near.any(|class| {
            let (low, high) = looked_at(rows, vault, class);
            is_most(class, low) || (throttled >= FEWEST_THROTTLED && is_most(class, high))
        })
    });
    groups
}

/// The greatest load of any ten seconds, exactly; holds what is told of it without a look against it.
fn looked_at(rows: &[Row<'_, '_>], vault: usize, class: Class) -> (u128, u128) {
    let (low, high) = greatest(rows, vault, class);
    debug_assert!(high <= at_once(rows, class), "{high} parts of {class} in ten seconds");
    debug_assert!(high <= roughly_greatest(rows, class), "{high} parts of {class} in ten seconds");
    (low, high)
}

/// Seconds that are added up for [`roughly_greatest`]: no shorter than the window.
const ROUGHLY_SECONDS: i64 = 3 * WINDOW_SECONDS;

/// At least what the rows take of a class in any ten seconds at the most: most groups are far from a limit, and
/// adding up is faster than sorting.
fn roughly_greatest(rows: &[Row<'_, '_>], class: Class) -> u128 {
    let charged = rows.iter().filter(|row| row.stream.counted);
    let charged = charged.filter_map(|row| Some((row.stream.cells(), row.stream.charge(class)?.high)));
    Rough::new(charged, ROUGHLY_SECONDS).greatest().into()
}

/// What the rows take of a class in any ten seconds at the most: the busiest of each stream, all of them at once.
fn at_once(rows: &[Row<'_, '_>], class: Class) -> u128 {
    let charged = rows.iter().filter(|row| row.stream.counted);
    let charged = charged.filter_map(|row| Some((row.stream.stream.busiest, row.stream.charge(class)?.high)));
    charged.map(|(requests, each)| u128::from(requests) * u128::from(each)).sum()
}

/// [`at_once`] of the rows of each key, of each class.
fn sums<'d, 'f>(rows: &[Row<'d, 'f>], key: impl Fn(&Row<'d, 'f>) -> u32) -> Map<(u32, Class), u128> {
    let mut sums: Map<(u32, Class), u128> = Map::default();
    for row in rows.iter().filter(|row| row.stream.counted) {
        for charge in row.stream.charges().filter(|charge| charge.class.is_of_vault()) {
            *sums.entry((key(row), charge.class)).or_default() +=
                u128::from(row.stream.stream.busiest) * u128::from(charge.high);
        }
    }
    sums
}
