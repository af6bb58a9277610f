//! Requests by key and second: the table that nearly everything is judged from.
//!
//! Grain: [`RequestKey`] and second. Measures: count (sum), first and last tick (min, max). Kept as
//! one ascending series a key, because capacity work needs every second of every stream.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::arrivals::Arrivals;
use super::cells::Word;
pub use super::cells::{Cell, Cells};
use super::dimensions::{Remap, RequestKey};
use super::few::{Few, Stretch};
use super::table::{TOGETHER, Table};
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// The requests of one key.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Its cells, ascending by second once [`Series::settle`]d; before that, in order of arrival.
    words: Few<Word>,
    /// Requests whose record has no readable time.
    pub untimed: u64,
    /// The cells of so many words are ascending and of distinct seconds.
    settled: usize,
}

impl Series {
    /// A series of requests without a time.
    pub fn of_untimed(untimed: u64) -> Self {
        Self { untimed, ..Self::default() }
    }

    /// A series of a cell that takes one word, and of requests without a time.
    pub(super) fn of_word(word: Word, untimed: u64) -> Self {
        Self { words: Few::One(word), untimed, settled: 1 }
    }

    /// A series of a stretch of cells, and of requests without a time.
    pub(super) fn of_words(all: &Arc<Vec<Word>>, places: Range<usize>, untimed: u64) -> Self {
        let mut series = Self::of_untimed(untimed);
        series.push_all(all, places);
        series
    }

    /// Counts a stretch of cells behind those that are there.
    pub(super) fn push_all(&mut self, all: &Arc<Vec<Word>>, places: Range<usize>) {
        let words = all.get(places.clone()).unwrap_or_default();
        match (words, Stretch::new(all, places)) {
            ([_, _, ..], Some(stretch))
                if matches!(self.words, Few::None) && Cells::of(words).are_settled() =>
            {
                self.settled = words.len();
                self.words = Few::Shared(stretch);
            }
            _ => self.push_each(Cells::of(words)),
        }
    }

    /// Counts cells one by one.
    fn push_each(&mut self, cells: Cells<'_>) {
        self.make_room(cells.most());
        for cell in cells {
            self.push(cell);
        }
    }

    /// Counts one request.
    pub fn add(&mut self, time: Option<Ticks>) {
        match time {
            None => self.untimed += 1,
            Some(time) => self.push(Cell::one(time)),
        }
    }

    /// Counts a cell.
    pub fn push(&mut self, cell: Cell) {
        let last = self.arrived().last();
        let joined = last.and_then(|last| Some((last, last.joined(cell)?)));
        let is_late = joined.is_none() && last.is_some_and(|last| last.second() >= cell.second());
        let is_settled = self.is_settled() && !is_late;
        match joined {
            Some((last, joined)) => self.replace(last, joined),
            None => self.put(cell),
        }
        let length = self.words.as_slice().len();
        if is_settled {
            self.settled = length;
        }
        // Late records are sorted in when they are as many as those in order: amortised n log n.
        if length > 64 && length.div_ceil(2) > self.settled {
            self.settle();
        }
    }

    /// Puts a cell behind the others.
    fn put(&mut self, cell: Cell) {
        let (word, tail) = cell.words();
        self.words.push(word);
        if let Some(tail) = tail {
            self.words.push(tail);
        }
    }

    /// Puts a cell of at least two requests in the place of the last.
    fn replace(&mut self, last: Cell, by: Cell) {
        match (self.words.as_mut_slice(), last.words(), by.words()) {
            ([.., head, tail], (_, Some(_)), (word, Some(more))) => (*head, *tail) = (word, more),
            ([.., alone], _, (word, Some(more))) => {
                *alone = word;
                self.words.push(more);
            }
            _ => debug_assert!(false, "two requests take two words"),
        }
    }

    /// Words that there is room for beside the first, which needs none.
    pub fn room(&self) -> usize {
        self.words.room()
    }

    /// Brings the cells in order, one a second.
    pub fn settle(&mut self) {
        if let Few::Many(words) = &mut self.words
            && self.settled < words.len()
        {
            Cell::settle(words, 0);
            self.settled = words.len();
        }
    }

    /// Whether the cells are in order, one a second.
    fn is_settled(&self) -> bool {
        self.settled == self.words.as_slice().len()
    }

    /// The cells as they came.
    pub(super) fn arrived(&self) -> Cells<'_> {
        Cells::of(self.words.as_slice())
    }

    /// The words of its cells, as they came.
    pub(super) fn words(&self) -> &[Word] {
        self.words.as_slice()
    }

    /// The cells, ascending; the series must be settled.
    pub fn cells(&self) -> Cells<'_> {
        debug_assert!(self.is_settled(), "the series is settled");
        self.arrived()
    }

    /// Takes in another series.
    pub fn merge(&mut self, mut other: Self) {
        self.untimed += other.untimed;
        if matches!(self.words, Few::None) {
            self.words = other.words;
            self.settled = other.settled;
            return;
        }
        if matches!(other.words, Few::None) {
            return;
        }
        if self.is_settled() && other.is_settled() {
            // Of stretches of a log, one is before the other.
            if other.is_before(self) {
                std::mem::swap(&mut self.words, &mut other.words);
            }
            if self.is_before(&other) {
                self.words.extend(other.words.as_slice());
                self.settled = self.words.as_slice().len();
                return;
            }
        }
        self.push_each(other.arrived());
    }

    /// Whether all of its cells are of earlier seconds than all of another's; both must be settled, and have cells.
    fn is_before(&self, other: &Self) -> bool {
        let ends = self.arrived().last().zip(other.arrived().first());
        ends.is_some_and(|(last, first)| last.second() < first.second())
    }

    /// Makes room for so many more words.
    fn make_room(&mut self, more: usize) {
        match &mut self.words {
            Few::Many(words) => words.reserve(more),
            Few::One(first) if more > 1 => {
                let mut words = Vec::with_capacity(1 + more);
                words.push(*first);
                self.words = Few::Many(words);
            }
            Few::None | Few::One(_) | Few::Shared(_) => {}
        }
    }

    /// All requests.
    pub fn count(&self) -> u64 {
        self.arrived().count() + self.untimed
    }

    /// The first and the last tick; the series must be settled.
    pub fn bounds(&self) -> Option<(Ticks, Ticks)> {
        let cells = self.cells();
        let (first, last) = (cells.first()?.first, cells.last()?.second());
        // Where counts did not fit into one cell, the last second has several.
        let ends = cells.iter().rev().take_while(|cell| cell.second() == last);
        Some((first, ends.map(|cell| cell.last()).max()?))
    }

    /// The most requests of any so many seconds; the series must be settled.
    pub fn busiest(&self, seconds: i64) -> u64 {
        let mut leaving = self.cells().iter().peekable();
        let (mut inside, mut most) = (0, 0);
        for cell in self.cells() {
            inside += u64::from(cell.count);
            let last = cell.second() - seconds;
            while let Some(gone) = leaving.next_if(|gone| gone.second() <= last) {
                inside -= u64::from(gone.count);
            }
            most = most.max(inside);
        }
        most
    }

    /// Whether it counts nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self.words, Few::None) && self.untimed == 0
    }

    /// The part from one second (inclusive) to another (exclusive); requests without a time belong
    /// to no part.
    #[must_use]
    pub fn between(&self, since: Option<i64>, until: Option<i64>) -> Self {
        let within = |cell: &Cell| {
            since.is_none_or(|since| cell.second() >= since)
                && until.is_none_or(|until| cell.second() < until)
        };
        let untimed = if since.is_none() && until.is_none() { self.untimed } else { 0 };
        Self { untimed, ..self.arrived().iter().filter(within).collect() }
    }

    /// Splits the cells by what `belongs` says of each; it is asked of one after the other, as they lie.
    pub fn partition(mut self, mut belongs: impl FnMut(&Cell) -> bool) -> (Self, Self) {
        let mut cells = self.arrived().iter();
        let first = cells.next().is_some_and(|cell| belongs(&cell));
        let mut same = 1;
        // Most streams belong to one side as a whole.
        if cells.all(|cell| {
            let is_same = belongs(&cell) == first;
            same += usize::from(is_same);
            is_same
        }) {
            let rest = Self::of_untimed(std::mem::take(&mut self.untimed));
            if first {
                return (self, rest);
            }
            self.untimed = rest.untimed;
            return (Self::default(), self);
        }
        let (mut yes, mut no) = (Self::default(), Self::of_untimed(self.untimed));
        for (at, cell) in self.arrived().iter().enumerate() {
            let is_yes = match at.cmp(&same) {
                Ordering::Less => first,
                Ordering::Equal => !first,
                Ordering::Greater => belongs(&cell),
            };
            if is_yes { yes.push(cell) } else { no.push(cell) }
        }
        (yes, no)
    }
}

impl FromIterator<Cell> for Series {
    fn from_iter<I: IntoIterator<Item = Cell>>(cells: I) -> Self {
        let mut series = Self::default();
        cells.into_iter().for_each(|cell| series.push(cell));
        series
    }
}

/// Requests taken in and not yet counted.
#[derive(Debug, Default)]
pub(super) struct Pending(Vec<(RequestKey, Option<Ticks>)>);

impl Pending {
    /// Takes in one request; true when there are enough to be counted.
    pub(super) fn add(&mut self, key: RequestKey, time: Option<Ticks>) -> bool {
        self.0.push((key, time));
        self.0.len() >= TOGETHER
    }
}

/// All requests.
#[derive(Debug, Default)]
pub struct Requests {
    table: Table<RequestKey, Series>,
    /// What is in no series yet: the table must be settled before series are asked for.
    arrivals: Arrivals,
    /// Words that series have room for, at most.
    room: usize,
}

impl Requests {
    /// Finds the streams of what waits.
    pub(super) fn add_pending(&mut self, pending: &mut Pending) {
        let Self { table, arrivals, .. } = self;
        table.find_all(&mut pending.0, |row, series, time| match time {
            Some(time) => arrivals.add(row, time),
            None => series.untimed += 1,
        });
        if arrivals.are_many() {
            self.count();
            self.room = self.as_slice().iter().map(|(_, series)| series.room()).sum();
        }
    }

    /// Counts all requests in their series, on this thread.
    pub(super) fn count(&mut self) {
        self.room += self.arrivals.len();
        self.arrivals.sort_in(self.table.rows_mut(), false);
    }

    /// Bytes that are taken by what the streams have counted, beside the streams themselves.
    pub(super) fn weight(&self) -> usize {
        self.room * size_of::<Word>() + self.arrivals.weight()
    }

    /// Counts a series under a key.
    pub fn add_series(&mut self, key: RequestKey, series: Series) {
        if !series.is_empty() {
            self.table.value(key).merge(series);
        }
    }

    /// Many series, each under its key; `are_distinct` where it is known that no key comes twice.
    pub(super) fn of(mut series: Vec<(RequestKey, Series)>, are_distinct: bool) -> Self {
        if series.par_iter().any(|(_, series)| series.is_empty()) {
            series.retain(|(_, series)| !series.is_empty());
        }
        if are_distinct {
            return Self { table: Table::of_rows(series), ..Self::default() };
        }
        let mut requests = Self::default();
        requests.table.reserve(series.len());
        requests.table.find_each(series.into_iter(), |_, mine, theirs| mine.merge(theirs));
        requests
    }

    /// Takes in another table. What both have counted of a key is brought together later: when it is much, or when
    /// series are settled.
    pub fn merge(&mut self, other: Self, remap: &Remap) {
        let Self { table, arrivals, room } = self;
        let mut rows = vec![0; other.table.len()];
        let theirs = rows.iter_mut().zip(other.table.into_rows());
        let theirs = theirs.map(|(place, (key, series))| (remap.key(key), (place, series)));
        table.find_each(theirs, |row, mine, (place, series)| {
            *place = row;
            if mine.is_empty() {
                *mine = series;
            } else if !series.is_empty() {
                arrivals.add_series(row, series);
            }
        });
        arrivals.append(other.arrivals, &rows);
        *room += other.room;
        if arrivals.are_half_of(table.rows()) {
            arrivals.sort_in(table.rows_mut(), true);
        }
    }

    /// Counts all requests, and brings every series in order.
    pub fn settle(&mut self) {
        self.arrivals.sort_in(self.table.rows_mut(), true);
        let late = self.table.rows_mut().par_iter_mut().filter(|(_, series)| !series.is_settled());
        late.for_each(|(_, series)| series.settle());
    }

    /// All keys with their series, in no order that means anything; the table must be settled.
    pub fn as_slice(&self) -> &[(RequestKey, Series)] {
        debug_assert!(self.arrivals.is_empty(), "the table is settled");
        self.table.rows()
    }

    /// Every key with its series, in no order that means anything; the table must be settled.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&RequestKey, &Series)> {
        debug_assert!(self.arrivals.is_empty(), "the table is settled");
        self.table.iter()
    }

    /// The number of keys.
    pub fn keys(&self) -> usize {
        self.table.len()
    }

    /// Takes in another table that has no key of this one.
    pub fn append(&mut self, other: Self) {
        debug_assert!(other.arrivals.is_empty(), "the other table is settled");
        self.table.append(other.table);
    }

    /// Takes the rows out whose key is meant.
    pub fn take(&mut self, is_meant: impl Fn(&RequestKey) -> bool + Sync) -> Vec<(RequestKey, Series)> {
        debug_assert!(self.arrivals.is_empty(), "the table is settled");
        self.table.take(is_meant)
    }

    /// Puts the rows in another order, in which each row's number comes once: what goes through all of them in that
    /// order then goes through memory from one end to the other.
    pub fn arrange(&mut self, order: &[u32]) {
        debug_assert!(self.arrivals.is_empty(), "the table is settled");
        self.table.arrange(order);
    }

    /// Takes all rows out.
    pub fn drain(&mut self) -> impl Iterator<Item = (RequestKey, Series)> {
        debug_assert!(self.arrivals.is_empty(), "the table is settled");
        std::mem::take(&mut self.table).into_rows().into_iter()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The number of rows (key and second) that the table has.
    pub fn rows(&self) -> usize {
        let rows =
            |(_, series): &(RequestKey, Series)| series.arrived().number() + usize::from(series.untimed > 0);
        self.table.rows().par_iter().map(rows).sum()
    }
}

/// The start of a second, as the bound of a filter.
pub fn second_floor(ticks: Ticks) -> i64 {
    ticks.0.div_euclid(TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A series is what counting by second with a sorted map gives, in any order and split.
        #[test]
        fn a_series_counts_by_second(ticks in prop::collection::vec(-50_000_000_i64..400_000_000, 0..300), split in 0_usize..300, sorted in any::<bool>(), backwards in any::<bool>()) {
            let mut ticks = ticks;
            if sorted {
                ticks.sort_unstable();
            }
            let mut slow: BTreeMap<i64, (i64, i64, u32)> = BTreeMap::new();
            for tick in &ticks {
                let cell = slow.entry(tick.div_euclid(TICKS_PER_SECOND)).or_insert((*tick, *tick, 0));
                *cell = (cell.0.min(*tick), cell.1.max(*tick), cell.2 + 1);
            }
            let (left, right) = ticks.split_at(split.min(ticks.len()));
            let series = |ticks: &[i64]| {
                let mut series = Series::default();
                for tick in ticks {
                    series.add(Some(Ticks(*tick)));
                }
                series
            };
            let (first, second) = if backwards { (right, left) } else { (left, right) };
            let mut merged = series(first);
            merged.merge(series(second));
            merged.settle();
            let fast: Vec<_> = merged.cells().iter().map(|cell| (cell.second(), (cell.first.0, cell.last().0, cell.count))).collect();
            prop_assert_eq!(fast, slow.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(merged.count(), ticks.len() as u64);
            let bounds = ticks.iter().min().zip(ticks.iter().max());
            prop_assert_eq!(merged.bounds(), bounds.map(|(first, last)| (Ticks(*first), Ticks(*last))));
            for seconds in [1, 10, 25] {
                let from = |tick: &i64| tick.div_euclid(TICKS_PER_SECOND);
                let window = |tick: &i64| {
                    let inside = ticks.iter().filter(|other| (from(tick)..from(tick) + seconds).contains(&from(other)));
                    inside.count() as u64
                };
                prop_assert_eq!(merged.busiest(seconds), ticks.iter().map(window).max().unwrap_or(0));
            }
        }
    }

    proptest! {
        /// Each cell is asked for once, in order, and nothing is lost.
        #[test]
        fn a_series_is_split_cell_by_cell(sides in prop::collection::vec(any::<bool>(), 0..12), untimed in 0_u64..3) {
            let cell = |second: i64| Cell::new(Ticks::from_second(second), Ticks::from_second(second), 2).unwrap();
            let mut series = Series::of_untimed(untimed);
            (0..).zip(&sides).for_each(|(second, _)| series.push(cell(second)));
            let mut asked = Vec::new();
            let (yes, no) = series.partition(|cell| {
                asked.push(cell.second());
                sides[asked.len() - 1]
            });
            prop_assert!(asked.iter().copied().eq((0..).take(sides.len())));
            for (side, part) in [(true, &yes), (false, &no)] {
                let expected = (0..).zip(&sides).filter(|(_, of)| **of == side).map(|(second, _)| cell(second));
                prop_assert_eq!(part.cells().iter().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
            }
            prop_assert_eq!((yes.untimed, no.untimed), (0, untimed));
        }
    }

    #[test]
    fn a_full_cell_is_split_and_not_wrapped() {
        let mut series = Series::default();
        for _ in 0..2 {
            series.push(Cell::new(Ticks(0), Ticks(9), u32::MAX).unwrap());
        }
        series.settle();
        assert_eq!(series.count(), 2 * u64::from(u32::MAX));
        assert_eq!(Cell::new(Ticks(0), Ticks(TICKS_PER_SECOND), 2), None);
        assert_eq!(Cell::new(Ticks(0), Ticks(0), 0), None);
        assert_eq!(Cell::new(Ticks(0), Ticks(1), 1), None);
    }
}
