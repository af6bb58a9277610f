//! What was asked in each second, packed: a request that is alone in its second takes eight bytes, others sixteen.
//!
//! Input: cells one by one. Output: words, and [`Cells`], which reads them as cells again. Must not know whose they are.
//!
//! A word has the tick, counted from the first that a log can name, above two bits that say what it is; of several requests
//! a second word follows, with how many they are and how far the last is from the first.

use std::fmt;
use std::iter::FusedIterator;
use std::slice;

use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// The requests of one key in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// First tick.
    pub first: Ticks,
    /// Ticks from the first to the last; under a second.
    span: u32,
    /// How many.
    pub count: u32,
}

/// A packed cell, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(u64);

/// Bits that say what a word is.
const KIND: u32 = 2;
const ALONE: u64 = 0;
const HEAD: u64 = 1;
const TAIL: u64 = 3;

/// Bits of a tail in which the span lies.
const SPAN: u32 = 24;

const _: () = {
    assert!(TICKS_PER_SECOND <= 1 << SPAN, "a span is under a second");
    assert!((Ticks::LAST.0 - Ticks::FIRST.0) >> (64 - KIND) == 0, "a word has room for every tick");
    assert!(KIND + SPAN + u32::BITS <= 64, "a tail has room for every count");
};

impl Cell {
    /// `count` requests in one second, from `first` to `last`; `None` where that is no second, or none that a log can
    /// name, or where a single request has two ticks.
    pub fn new(first: Ticks, last: Ticks, count: u32) -> Option<Self> {
        let span = u32::try_from(last.0.checked_sub(first.0)?).ok()?;
        let is_named = first >= Ticks::FIRST && last <= Ticks::LAST;
        let is_counted = count > 1 || count == 1 && span == 0;
        (is_named && is_counted && first.second() == last.second()).then_some(Self { first, span, count })
    }

    /// One request.
    pub(super) fn one(at: Ticks) -> Self {
        Self { first: at, span: 0, count: 1 }
    }

    /// The second, from 1970.
    pub fn second(&self) -> i64 {
        self.first.second()
    }

    /// Last tick.
    pub fn last(&self) -> Ticks {
        Ticks(self.first.0 + i64::from(self.span))
    }

    /// It and another cell of the same second; none where that is another second, or the count would not fit, which
    /// takes four thousand million requests in a second.
    #[inline]
    pub(super) fn joined(self, other: Self) -> Option<Self> {
        if self.second() != other.second() {
            return None;
        }
        let count = self.count.checked_add(other.count)?;
        let (first, last) = (self.first.min(other.first), self.last().max(other.last()));
        Some(Self { first, span: u32::try_from(last.0 - first.0).ok()?, count })
    }

    /// Its words: one or two.
    #[inline]
    pub(super) fn words(self) -> (Word, Option<Word>) {
        debug_assert!((Ticks::FIRST..=Ticks::LAST).contains(&self.first), "a log can name it");
        // What no log can name is not read as an instant; it must not be taken for another kind of word all the same.
        let tick = (self.first.clamp(Ticks::FIRST, Ticks::LAST).0 - Ticks::FIRST.0).cast_unsigned() << KIND;
        if self.count == 1 {
            return (Word(tick | ALONE), None);
        }
        let tail = u64::from(self.count) << (KIND + SPAN) | u64::from(self.span) << KIND | TAIL;
        (Word(tick | HEAD), Some(Word(tail)))
    }

    /// Puts it behind other cells.
    #[inline]
    pub(super) fn put(self, words: &mut Vec<Word>) {
        let (word, tail) = self.words();
        words.push(word);
        if let Some(tail) = tail {
            words.push(tail);
        }
    }

    /// Puts it behind other cells, or into the last of them, those in front of `from` left aside.
    #[inline]
    pub(super) fn join(self, words: &mut Vec<Word>, from: usize) {
        let last = words.get(from..).and_then(|words| Cells(words).last());
        match last.and_then(|last| Some((last, last.joined(self)?))) {
            Some((last, joined)) => {
                words.truncate(words.len() - last.length());
                joined.put(words);
            }
            None => self.put(words),
        }
    }

    /// How many words it takes.
    fn length(self) -> usize {
        1 + usize::from(self.count > 1)
    }

    /// Brings the cells from a place on in order, one a second.
    pub(super) fn settle(words: &mut Vec<Word>, from: usize) {
        let behind = Cells(words.get(from..).unwrap_or_default());
        if behind.are_settled() {
            return;
        }
        let mut cells: Vec<Self> = behind.iter().collect();
        // Stretches that are in order already are merged.
        cells.sort();
        words.truncate(from);
        for cell in cells {
            cell.join(words, from);
        }
    }
}

impl Word {
    fn kind(self) -> u64 {
        self.0 & ((1 << KIND) - 1)
    }

    /// Whether it belongs to the word in front of it.
    #[inline]
    fn is_tail(self) -> bool {
        self.kind() == TAIL
    }

    /// The first tick of a cell; this is no tail.
    #[inline]
    fn first(self) -> Ticks {
        Ticks((self.0 >> KIND).cast_signed() + Ticks::FIRST.0)
    }

    /// The cell that begins with this word; `tail` is the next one.
    #[inline]
    fn cell(self, tail: impl FnOnce() -> Option<Self>) -> Cell {
        let tail = if self.kind() == ALONE { None } else { tail() };
        // A head is followed by a tail.
        tail.map_or(Cell::one(self.first()), |tail| Cell {
            first: self.first(),
            span: u32::try_from(tail.0 >> KIND & ((1 << SPAN) - 1)).unwrap_or(0),
            count: u32::try_from(tail.0 >> (KIND + SPAN)).unwrap_or(0),
        })
    }
}

/// Cells in the order in which they lie. There is one way to pack a cell: equal words are equal cells.
#[derive(Clone, Copy, PartialEq)]
pub struct Cells<'c>(&'c [Word]);

impl fmt::Debug for Cells<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(*self).finish()
    }
}

impl<'c> Cells<'c> {
    /// The cells of whole stretches of words.
    pub(super) fn of(words: &'c [Word]) -> Self {
        Self(words)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// No fewer than there are, and no more than twice as many: told without a look at them.
    pub fn most(self) -> usize {
        self.0.len()
    }

    /// How many there are.
    pub fn number(self) -> usize {
        self.0.iter().filter(|word| !word.is_tail()).count()
    }

    /// All requests.
    pub fn count(self) -> u64 {
        let of_word = |word: &Word| match word.kind() {
            ALONE => 1,
            TAIL => word.0 >> (KIND + SPAN),
            _ => 0,
        };
        self.0.iter().map(of_word).sum()
    }

    /// One after the other.
    pub fn iter(self) -> CellIter<'c> {
        CellIter(self.0.iter())
    }

    /// The first.
    pub fn first(self) -> Option<Cell> {
        self.iter().next()
    }

    /// The last.
    pub fn last(self) -> Option<Cell> {
        self.iter().next_back()
    }

    /// Those before a second, and those behind; they must ascend.
    pub fn split_at(self, second: i64) -> (Self, Self) {
        let (mut from, mut until) = (0, self.0.len());
        while from < until {
            let middle = from + (until - from) / 2;
            // What lies between is whole cells: in front of a tail is its head.
            let at = middle - usize::from(self.0[middle].is_tail());
            if self.0[at].first().second() < second {
                from = at + 1 + usize::from(self.0[at].kind() == HEAD);
            } else {
                until = at;
            }
        }
        let (before, behind) = self.0.split_at(from);
        (Self(before), Self(behind))
    }

    /// Whether they are in order, one a second.
    pub(super) fn are_settled(self) -> bool {
        self.iter().map(|cell| cell.second()).is_sorted_by(|one, other| one < other)
    }
}

impl<'c> IntoIterator for Cells<'c> {
    type Item = Cell;
    type IntoIter = CellIter<'c>;

    fn into_iter(self) -> CellIter<'c> {
        self.iter()
    }
}

/// Cells one after the other.
#[derive(Clone, Debug)]
pub struct CellIter<'c>(slice::Iter<'c, Word>);

impl Iterator for CellIter<'_> {
    type Item = Cell;

    #[inline]
    fn next(&mut self) -> Option<Cell> {
        let word = *self.0.next()?;
        Some(word.cell(|| self.0.next().copied()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len().div_ceil(2), Some(self.0.len()))
    }
}

impl DoubleEndedIterator for CellIter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Cell> {
        let word = *self.0.next_back()?;
        if !word.is_tail() {
            return Some(word.cell(|| None));
        }
        let head = *self.0.next_back()?;
        Some(head.cell(|| Some(word)))
    }
}

impl FusedIterator for CellIter<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_cell() -> impl Strategy<Value = Cell> {
        let seconds = Ticks::FIRST.second()..=Ticks::LAST.second();
        let second = prop_oneof![-5_i64..15, seconds.clone(), Just(*seconds.start()), Just(*seconds.end())];
        let count = prop_oneof![Just(1_u32), 2_u32..9, Just(u32::MAX)];
        (second, 0..TICKS_PER_SECOND, 0..TICKS_PER_SECOND, count).prop_map(|(second, one, other, count)| {
            let first = second * TICKS_PER_SECOND + one.min(other);
            let last = if count == 1 { first } else { second * TICKS_PER_SECOND + one.max(other) };
            Cell::new(Ticks(first), Ticks(last), count).unwrap()
        })
    }

    fn packed_words(cells: &[Cell]) -> Vec<Word> {
        let mut words = Vec::new();
        for cell in cells {
            cell.put(&mut words);
        }
        words
    }

    proptest! {
        /// Packed cells are those that were packed, from either end and from any second on.
        #[test]
        fn packed_cells_are_the_same_cells(cells in prop::collection::vec(any_cell(), 0..20), second in -6_i64..17) {
            let words = packed_words(&cells);
            let packed = Cells(&words);
            prop_assert_eq!(&packed.iter().collect::<Vec<_>>(), &cells);
            prop_assert!(packed.iter().rev().eq(cells.iter().rev().copied()));
            prop_assert_eq!((packed.first(), packed.last()), (cells.first().copied(), cells.last().copied()));
            prop_assert_eq!(packed.number(), cells.len());
            prop_assert!(packed.most() >= cells.len() && packed.most() <= 2 * cells.len());
            prop_assert_eq!(packed.count(), cells.iter().map(|cell| u64::from(cell.count)).sum::<u64>());
            prop_assert_eq!(packed.are_settled(), cells.windows(2).all(|pair| pair[0].second() < pair[1].second()));
            let mut sorted = cells;
            sorted.sort_unstable();
            let words = packed_words(&sorted);
            let (before, behind) = Cells(&words).split_at(second);
            let at = sorted.partition_point(|cell| cell.second() < second);
            prop_assert!(before.iter().eq(sorted[..at].iter().copied()));
            prop_assert!(behind.iter().eq(sorted[at..].iter().copied()));
        }

        /// Cells that are settled are one a second, in order, and count what they counted.
        #[test]
        fn settled_cells_are_one_a_second(cells in prop::collection::vec(any_cell(), 0..20), before in any_cell()) {
            let mut words = Vec::new();
            before.put(&mut words);
            let from = words.len();
            for cell in &cells {
                cell.join(&mut words, from);
            }
            Cell::settle(&mut words, from);
            prop_assert_eq!(Cells(&words[..from]).first(), Some(before));
            let settled = Cells(&words[from..]);
            let full = cells.iter().any(|cell| cell.count == u32::MAX);
            prop_assert!(full || settled.are_settled());
            prop_assert_eq!(settled.count(), cells.iter().map(|cell| u64::from(cell.count)).sum::<u64>());
            let bounds = |cells: &[Cell]| (cells.iter().map(|cell| cell.first).min(), cells.iter().map(Cell::last).max());
            prop_assert_eq!(bounds(&settled.iter().collect::<Vec<_>>()), bounds(&cells));
        }
    }
}
