//! What was asked in each second, and in every ten seconds.
//!
//! Input: cells of streams with what each request takes of a limit. Output: [`Seconds`], and the
//! windows that slide over them at whole seconds. All sums are exact integers. Must not divide.

use super::blocks::{Asked, Blocks, ends};
use crate::findings::limits::WINDOW_SECONDS;

/// Rows that wait to be sorted in.
const WAITING: usize = 1 << 20;

/// What was asked in some stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Load {
    /// Parts of the whole, where every unknown key is the dearest it may be.
    pub(crate) high: u128,
    /// Parts of the whole, where every unknown key is the cheapest.
    pub(crate) low: u128,
    /// Requests.
    pub(crate) requests: u64,
}

impl Load {
    /// So many requests that take so much each.
    pub(crate) fn of(requests: u64, low: u64, high: u64) -> Self {
        let all = u128::from(requests);
        Self { high: all * u128::from(high), low: all * u128::from(low), requests }
    }

    /// Adds.
    pub(crate) fn add(&mut self, other: Self) {
        self.high += other.high;
        self.low += other.low;
        self.requests += other.requests;
    }

    /// Takes away what was added before.
    pub(crate) fn remove(&mut self, other: Self) {
        self.high -= other.high;
        self.low -= other.low;
        self.requests -= other.requests;
    }
}

/// Loads by second, ascending, one row a second that asked for something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seconds {
    rows: Vec<(i64, Load)>,
}

/// Windows of equal content: those that end at each second of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The end of the first: its last second.
    pub(crate) from: i64,
    /// The end of the last.
    pub(crate) to: i64,
    /// What each holds.
    pub(crate) load: Load,
}

impl Run {
    /// How many windows.
    pub(crate) fn windows(&self) -> u64 {
        u64::try_from(self.to - self.from + 1).unwrap_or(0)
    }
}

/// The first second of a window.
pub(crate) fn start_of(end: i64) -> i64 {
    end - WINDOW_SECONDS + 1
}

impl Seconds {
    /// Adds up streams: each its cells, and what one request takes at the least and at the most.
    pub(crate) fn of_cells<'c>(streams: impl Iterator<Item = Asked<'c>>) -> Self {
        let asked: Vec<Asked<'_>> = streams.collect();
        let Some(ends) = ends(&asked) else { return Self::default() };
        if let Some(blocks) = Blocks::new(asked.clone(), ends) {
            return Self::of_blocks(blocks);
        }
        Self::sorted(asked.iter().flat_map(|(cells, low, high)| {
            cells.iter().map(|cell| (cell.second(), Load::of(u64::from(cell.count), *low, *high)))
        }))
    }

    fn of_blocks(mut blocks: Blocks<'_>) -> Self {
        let mut all = Self::default();
        let mut sums: Vec<Load> = Vec::new();
        while let Some((first, seconds, inside)) = blocks.next() {
            sums.clear();
            sums.resize(seconds, Load::default());
            for (cells, low, high) in inside {
                for cell in *cells {
                    let at = usize::try_from(cell.second() - first).ok();
                    if let Some(sum) = at.and_then(|at| sums.get_mut(at)) {
                        sum.add(Load::of(u64::from(cell.count), *low, *high));
                    }
                }
            }
            all.rows.extend((first..).zip(sums.iter().copied()).filter(|(_, load)| load.requests > 0));
        }
        all
    }

    /// Adds up seconds that come in any order.
    pub(crate) fn sorted(rows: impl IntoIterator<Item = (i64, Load)>) -> Self {
        let mut all = Self::default();
        let mut waiting: Vec<(i64, Load)> = Vec::new();
        for row in rows {
            waiting.push(row);
            if waiting.len() == WAITING {
                all.take_in(&mut waiting);
            }
        }
        all.take_in(&mut waiting);
        all
    }

    fn take_in(&mut self, waiting: &mut Vec<(i64, Load)>) {
        self.rows.append(waiting);
        // Stable sorting is fast on what is sorted already.
        self.rows.sort_by_key(|row| row.0);
        self.rows.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.add(next.1);
            }
            same
        });
    }

    /// The rows.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> &[(i64, Load)] {
        &self.rows
    }

    /// Everything.
    pub(crate) fn total(&self) -> Load {
        self.rows.iter().fold(Load::default(), |mut all, (_, load)| {
            all.add(*load);
            all
        })
    }

    /// The windows that end at each second from `first` to `last`, as runs of equal content, ascending,
    /// with no gap. A window holds the ten seconds up to its end. Rows outside are not looked at but
    /// where a window reaches back to them.
    pub(crate) fn windows(&self, first: i64, last: i64) -> impl Iterator<Item = Run> {
        let entering = self.rows.partition_point(|(second, _)| *second < start_of(first));
        let mut windows = Windows {
            rows: &self.rows,
            entering,
            leaving: entering,
            next: first,
            last,
            load: Load::default(),
        };
        std::iter::from_fn(move || windows.next_run())
    }

    /// The greatest content of any window, each part for itself: where low is highest, high need not be.
    pub(crate) fn greatest(&self) -> Load {
        let (mut from, mut inside, mut most) = (0, Load::default(), Load::default());
        for (second, load) in &self.rows {
            inside.add(*load);
            while let Some(old) = self.rows.get(from).filter(|old| old.0 < start_of(*second)) {
                inside.remove(old.1);
                from += 1;
            }
            most.high = most.high.max(inside.high);
            most.low = most.low.max(inside.low);
            most.requests = most.requests.max(inside.requests);
        }
        most
    }

    /// The content of the window with the greatest load and its end, the earliest of equals.
    pub(crate) fn peak(&self) -> Option<(i64, Load)> {
        let (first, last) = (self.rows.first()?.0, self.rows.last()?.0);
        let runs = self.windows(first, last);
        runs.fold(None, |best: Option<(i64, Load)>, run| match best {
            Some(best) if best.1 >= run.load => Some(best),
            _ => Some((run.from, run.load)),
        })
    }
}

struct Windows<'r> {
    rows: &'r [(i64, Load)],
    /// The first row that no window has reached yet.
    entering: usize,
    /// The first row that is still inside.
    leaving: usize,
    next: i64,
    last: i64,
    load: Load,
}

impl Windows<'_> {
    fn next_run(&mut self) -> Option<Run> {
        if self.next > self.last {
            return None;
        }
        let from = self.next;
        while let Some((_, load)) = self.rows.get(self.entering).filter(|row| row.0 <= from) {
            self.load.add(*load);
            self.entering += 1;
        }
        while let Some((_, load)) =
            self.rows.get(self.leaving).filter(|row| row.0 < start_of(from) && self.leaving < self.entering)
        {
            self.load.remove(*load);
            self.leaving += 1;
        }
        let enters = self.rows.get(self.entering).map(|row| row.0);
        let inside = (self.leaving < self.entering).then(|| self.rows.get(self.leaving)).flatten();
        let leaves = inside.map(|row| row.0 + WINDOW_SECONDS);
        let change = enters.into_iter().chain(leaves).min();
        let to = change.map_or(self.last, |change| (change - 1).min(self.last));
        self.next = to + 1;
        Some(Run { from, to, load: self.load })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::facts::requests::{Cell, Series};

    /// Every window, one by one, from nothing but the definition.
    pub(crate) fn slow_windows(rows: &[(i64, Load)], first: i64, last: i64) -> Vec<(i64, Load)> {
        let content = |end: i64| {
            let mut load = Load::default();
            for (second, more) in rows {
                if *second > end - 10 && *second <= end {
                    load.add(*more);
                }
            }
            (end, load)
        };
        (first..=last).map(content).collect()
    }

    proptest! {
        #[test]
        fn windows_are_what_their_definition_says(
            seconds in prop::collection::vec((0_i64..80, 1_u64..9, 0_u64..5, 0_u64..5), 0..40),
            first in -20_i64..60,
            length in 0_i64..90,
        ) {
            let rows: Vec<(i64, Load)> =
                seconds.iter().map(|(second, n, low, more)| (*second, Load::of(*n, *low, low + more))).collect();
            let summed = Seconds::sorted(rows.clone());
            let all = slow_windows(&rows, -10, 100);
            let most = |part: fn(&Load) -> u128| all.iter().map(|(_, load)| part(load)).max().unwrap_or(0);
            let greatest = summed.greatest();
            prop_assert_eq!((greatest.high, greatest.low), (most(|load| load.high), most(|load| load.low)));
            prop_assert_eq!(u128::from(greatest.requests), most(|load| u128::from(load.requests)));
            let mut by_second: BTreeMap<i64, Load> = BTreeMap::new();
            for (second, load) in &rows {
                by_second.entry(*second).or_default().add(*load);
            }
            prop_assert_eq!(summed.rows(), &by_second.into_iter().collect::<Vec<_>>()[..]);
            let last = first + length;
            let slow = slow_windows(&rows, first, last);
            let fast: Vec<(i64, Load)> = summed
                .windows(first, last)
                .flat_map(|run| (run.from..=run.to).map(move |end| (end, run.load)))
                .collect();
            prop_assert_eq!(fast, slow);
            let all = slow_windows(&rows, -5, 95);
            let greatest = all.iter().map(|(_, load)| *load).max().filter(|load| load.requests > 0);
            prop_assert_eq!(summed.peak().map(|(_, load)| load), greatest);
            if let Some((end, load)) = summed.peak() {
                prop_assert_eq!(all.iter().find(|window| window.1 == load).map(|window| window.0), Some(end));
            }
        }
    }

    proptest! {
        /// Streams by blocks of time come to what their cells do one by one.
        #[test]
        fn blocks_come_to_what_cells_do(
            streams in prop::collection::vec(
                (prop::collection::btree_map(-40_i64..200, 1_u32..5, 0..60), 0_u64..4, 0_u64..4), 0..6),
        ) {
            let tick = crate::ticks::Ticks::from_second;
            let cell = |(second, count): (&i64, &u32)| Cell::new(tick(*second), tick(*second), *count).unwrap();
            let all: Vec<Series> =
                streams.iter().map(|(cells, ..)| cells.iter().map(cell).collect()).collect();
            let asked =
                all.iter().zip(&streams).map(|(series, (_, low, more))| (series.cells(), *low, low + more));
            let rows = streams.iter().flat_map(|(cells, low, more)| {
                cells
                    .iter()
                    .map(move |(second, count)| (*second, Load::of(u64::from(*count), *low, low + more)))
            });
            prop_assert_eq!(Seconds::of_cells(asked), Seconds::sorted(rows));
        }
    }

    #[test]
    fn long_spans_are_sorted_in_pieces() {
        let far = |index: i64| (index * 7 % 50 * 1_000_000_000, Load::of(1, 1, 1));
        let count = i64::try_from(WAITING).unwrap() + 10;
        let seconds = Seconds::sorted((0..count).map(far));
        assert_eq!(seconds.rows().len(), 50);
        assert_eq!(seconds.total().requests, u64::try_from(count).unwrap());
    }
}
