//! Most of a limit at once: `mass-write`, and what no other pattern explains, `hot-object` and
//! `hot-caller`.

use super::found::{Found, greatest};
use super::usage::{Place, Row, arrivals, count, count_of_operation, distinct, grouped, objects};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::requests::Cell;
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
        let whole = u128::from(demand.budgets.whole(class));
        greatest(&rows, vault, class).0 * 100 >= whole * MOST_PERCENT
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
    let mut explained: Vec<Place> = Vec::new();
    for group in hot_groups(demand, vault, rows, Row::object_place) {
        let Some(object) = group.first().and_then(|row| row.stream.object) else { continue };
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
    // All its requests in one window would not make it hot: no need to look at windows.
    let sums = sums(rows, &key).into_iter().filter(|((_, class), parts)| is_most(*class, *parts));
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
        let mut near = classes
            .filter(|class| roughly_greatest(rows, *class).is_none_or(|roughly| is_most(*class, roughly)));
        near.any(|class| {
            let (low, high) = greatest(rows, vault, class);
            is_most(class, low) || (throttled >= FEWEST_THROTTLED && is_most(class, high))
        })
    });
    groups
}

/// Seconds that are added up for [`roughly_greatest`]: no shorter than the window.
const ROUGHLY_SECONDS: i64 = 3 * WINDOW_SECONDS;

/// Such stretches beyond which it is not worth while.
const MOST_STRETCHES: i64 = 1 << 16;

/// At least what the rows take of a class in any ten seconds at the most: a window lies in two stretches
/// of half a minute that follow each other. Most groups are far from a limit, and adding up is faster than
/// sorting. None where it would take too much room.
fn roughly_greatest(rows: &[Row<'_, '_>], class: Class) -> Option<u128> {
    let charged = rows.iter().filter(|row| row.stream.counted);
    let charged = charged.filter_map(|row| Some((row.stream.cells(), row.stream.charge(class)?.high)));
    let charged: Vec<(&[Cell], u64)> = charged.collect();
    roughly_greatest_of(&charged)
}

fn roughly_greatest_of(charged: &[(&[Cell], u64)]) -> Option<u128> {
    let ends = charged.iter().filter_map(|(cells, _)| Some((cells.first()?, cells.last()?)));
    let ends = ends.map(|(first, last)| (first.second(), last.second()));
    let Some((first, last)) = ends.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1))) else {
        return Some(0);
    };
    let stretches = (last - first) / ROUGHLY_SECONDS + 1;
    if stretches > MOST_STRETCHES {
        return None;
    }
    let mut sums = vec![0_u128; usize::try_from(stretches).unwrap_or(0)];
    for (cells, high) in charged {
        for cell in *cells {
            let at = usize::try_from((cell.second() - first) / ROUGHLY_SECONDS).ok();
            if let Some(sum) = at.and_then(|at| sums.get_mut(at)) {
                *sum += u128::from(cell.count) * u128::from(*high);
            }
        }
    }
    let next = sums.iter().skip(1).chain([&0]);
    sums.iter().zip(next).map(|(sum, next)| sum + next).max()
}

/// What the requests of each key take of each class all together, at the most.
fn sums<'d, 'f>(rows: &[Row<'d, 'f>], key: impl Fn(&Row<'d, 'f>) -> u32) -> Map<(u32, Class), u128> {
    let mut sums: Map<(u32, Class), u128> = Map::default();
    for row in rows.iter().filter(|row| row.stream.counted) {
        for charge in row.stream.charges.iter().flatten().filter(|charge| charge.class.is_of_vault()) {
            *sums.entry((key(row), charge.class)).or_default() +=
                u128::from(row.count) * u128::from(charge.high);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ticks::Ticks;

    proptest! {
        /// No ten seconds hold more than the rough sums say.
        #[test]
        fn rough_sums_are_no_less_than_any_window(
            streams in prop::collection::vec(
                (prop::collection::btree_map(0_i64..400, 1_u32..5, 0..20), 1_u64..4), 0..6),
        ) {
            let cell = |(second, count): (&i64, &u32)| {
                let tick = Ticks::from_second(*second);
                Cell::new(tick, tick, *count).unwrap()
            };
            let cells: Vec<Vec<Cell>> = streams.iter().map(|(cells, _)| cells.iter().map(cell).collect()).collect();
            let charged: Vec<(&[Cell], u64)> =
                cells.iter().zip(&streams).map(|(cells, (_, high))| (cells.as_slice(), *high)).collect();
            let within = |end: i64| -> u128 {
                let inside = |cell: &&Cell| cell.second() > end - WINDOW_SECONDS && cell.second() <= end;
                let of_stream = |(cells, high): &(&[Cell], u64)| -> u128 {
                    cells.iter().filter(inside).map(|cell| u128::from(cell.count) * u128::from(*high)).sum()
                };
                charged.iter().map(of_stream).sum()
            };
            let greatest = (0..410).map(within).max().unwrap_or(0);
            prop_assert!(roughly_greatest_of(&charged).unwrap() >= greatest);
        }
    }
}
