//! Requests whose stream is known, in order of arrival, until they are sorted in by stream.
//!
//! To count a request in its stream at once is to wait for the stream's last cell, and to move its cells whenever
//! they outgrow their room. Here a request is written behind the one before; once there are many, they are sorted by
//! stream with two looks at each, and the cells of neighbouring streams are written anew, one behind the other,
//! in one piece of memory.
//!
//! What other tables have counted is sorted in the same way.
//!
//! Input: rows and ticks, or series. Output: cells in the series of the rows. Must not look at keys.

use std::sync::Arc;

use rayon::prelude::*;

use super::cells::{Cell, Word};
use super::requests::Series;
use crate::ticks::Ticks;

/// Requests that wait at most.
const MOST: usize = if cfg!(test) { 80 } else { 1 << 20 };

/// Fewer are counted one by one: no cell is written anew for them.
const FEW: usize = if cfg!(test) { 5 } else { 64 };

/// Streams whose cells lie in one piece of memory.
const STREAMS: usize = if cfg!(test) { 7 } else { 1 << 14 };

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Rows and ticks of requests, side by side.
    rows: Vec<u32>,
    ticks: Vec<Ticks>,
    /// What other tables have counted, by row, and how many words that takes.
    series: Vec<(u32, Series)>,
    words: usize,
}

impl Arrivals {
    /// Takes in a request of a row.
    #[inline]
    pub(super) fn add(&mut self, row: u32, tick: Ticks) {
        self.rows.push(row);
        self.ticks.push(tick);
    }

    /// Takes in a series of a row.
    pub(super) fn add_series(&mut self, row: u32, series: Series) {
        self.words += series.words().len();
        self.series.push((row, series));
    }

    /// Takes in what waits elsewhere; `rows` has the row here of each one there.
    pub(super) fn append(&mut self, other: Self, rows: &[u32]) {
        self.rows.extend(other.rows.iter().map(|row| rows[*row as usize]));
        self.ticks.extend(other.ticks);
        self.series.extend(other.series.into_iter().map(|(row, series)| (rows[row as usize], series)));
        self.words += other.words;
    }

    /// Whether there are enough to be sorted in.
    pub(super) fn are_many(&self) -> bool {
        self.rows.len() >= MOST
    }

    /// Whether what waits is enough to be sorted in among these: half as much, so that each cell is written anew a few
    /// times at most, however many tables are merged, and nothing waits in great numbers.
    pub(super) fn are_half_of<K: Sync>(&self, rows: &[(K, Series)]) -> bool {
        let words = || rows.par_iter().map(|(_, series)| series.words().len()).sum::<usize>();
        let waiting = self.words + self.rows.len();
        waiting >= MOST && waiting >= words() / 2
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.series.is_empty()
    }

    /// Bytes that it takes; the cells of series are not among them.
    pub(super) fn weight(&self) -> usize {
        self.rows.len() * (size_of::<u32>() + size_of::<Ticks>())
            + self.series.len() * size_of::<(u32, Series)>()
    }

    /// Counts all of them in their rows, and leaves none; on this thread, or on all.
    pub(super) fn sort_in<K: Send>(&mut self, rows: &mut [(K, Series)], on_all_threads: bool) {
        let Self { rows: of, ticks, mut series, .. } = std::mem::take(self);
        if of.len() < FEW && series.is_empty() {
            of.into_iter().zip(ticks).for_each(|(row, tick)| rows[row as usize].1.add(Some(tick)));
            return;
        }
        let (places, ticks) = by_row(rows.len(), &of, &ticks);
        drop(of);
        // Those of one row stay in the order in which they came.
        series.sort_by_key(|(row, _)| *row);
        let stretch = |(number, rows): (usize, &mut [(K, Series)])| {
            let first = number * STREAMS;
            let until = first + rows.len();
            let from = series.partition_point(|(row, _)| (*row as usize) < first);
            let more = series[from..].partition_point(|(row, _)| (*row as usize) < until);
            write(
                rows,
                &Come {
                    first,
                    places: &places[first..=until],
                    ticks: &ticks,
                    series: &series[from..from + more],
                },
            );
        };
        if on_all_threads {
            rows.par_chunks_mut(STREAMS).enumerate().for_each(stretch);
        } else {
            rows.chunks_mut(STREAMS).enumerate().for_each(stretch);
        }
    }
}

/// Where the ticks of each row begin and those of the next, and all ticks, row by row in order of arrival.
fn by_row(rows: usize, of: &[u32], arrived: &[Ticks]) -> (Vec<u32>, Vec<Ticks>) {
    // Counted two places further on, they become the places where each row's next tick goes, one further on;
    // and when all are there, those where the row ends.
    let mut places = vec![0_u32; rows + 2];
    for row in of {
        places[*row as usize + 2] += 1;
    }
    let mut sum = 0;
    for place in &mut places {
        sum += *place;
        *place = sum;
    }
    let mut ticks = vec![Ticks(0); arrived.len()];
    for (row, tick) in of.iter().zip(arrived) {
        let place = &mut places[*row as usize + 1];
        ticks[*place as usize] = *tick;
        *place += 1;
    }
    (places, ticks)
}

/// What has come of neighbouring rows.
struct Come<'a> {
    /// The first row.
    first: usize,
    /// Where the ticks of each row begin and those of the next.
    places: &'a [u32],
    /// The ticks of all rows.
    ticks: &'a [Ticks],
    /// Series in order of rows.
    series: &'a [(u32, Series)],
}

/// Writes the cells of neighbouring rows anew, with those that have come.
fn write<K>(rows: &mut [(K, Series)], come: &Come<'_>) {
    let Come { first, places, ticks, series } = come;
    let more = places.first().zip(places.last()).map_or(0, |(first, last)| (last - first) as usize);
    if more == 0 && series.is_empty() {
        return;
    }
    let there = rows.iter().map(|(_, series)| series);
    let before: usize =
        there.chain(series.iter().map(|(_, series)| series)).map(|series| series.words().len()).sum();
    let mut words: Vec<Word> = Vec::with_capacity(before + more);
    let mut ends = Vec::with_capacity(rows.len());
    let mut series = series.iter().peekable();
    for ((row, (_, mine)), places) in (*first..).zip(rows.iter_mut()).zip(places.windows(2)) {
        let from = words.len();
        words.extend_from_slice(mine.words());
        while let Some((_, theirs)) = series.next_if(|(of, _)| *of as usize == row) {
            mine.untimed += theirs.untimed;
            words.extend_from_slice(theirs.words());
        }
        for tick in &ticks[places[0] as usize..places[1] as usize] {
            Cell::one(*tick).join(&mut words, from);
        }
        Cell::settle(&mut words, from);
        // A single one lies with its stream.
        if let [word] = words[from..] {
            *mine = Series::of_word(word, mine.untimed);
            words.pop();
        }
        ends.push(words.len());
    }
    words.shrink_to_fit();
    let words = Arc::new(words);
    let mut from = 0;
    for ((_, series), end) in rows.iter_mut().zip(ends) {
        if end > from {
            *series = Series::of_words(&words, from..end, series.untimed);
        }
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Row = ((), Series);

    /// Counts requests of one table after the other, sorted in now and then; `row` says where each one's rows are.
    fn counted(requests: &[(usize, i64)], turn: usize, row: impl Fn(usize) -> usize) -> (Vec<Row>, Arrivals) {
        let (mut rows, mut waiting) = (Vec::new(), Arrivals::default());
        for (number, (of, tick)) in requests.iter().enumerate() {
            let row = row(*of);
            rows.resize_with(rows.len().max(row + 1), || ((), Series::of_untimed(1)));
            waiting.add(u32::try_from(row).unwrap(), Ticks(*tick));
            if number % turn == turn - 1 || waiting.are_many() {
                waiting.sort_in(&mut rows, number.is_multiple_of(2));
            }
        }
        (rows, waiting)
    }

    proptest! {
        /// Series sorted in, now and then, of one table or of two with other rows, are those that each request was
        /// added to as it came.
        #[test]
        fn series_are_those_counted_one_by_one(
            requests in prop::collection::vec((0_usize..30, 0_i64..60_000_000), 0..400),
            (split, is_sorted) in (0_usize..400, any::<bool>()),
            turns in (1_usize..120, 1_usize..120),
        ) {
            let mut requests = requests;
            if is_sorted {
                requests.sort_unstable_by_key(|(_, tick)| *tick);
            }
            let mut slow: BTreeMap<usize, Series> = BTreeMap::new();
            for (row, tick) in &requests {
                slow.entry(*row).or_default().add(Some(Ticks(*tick)));
            }
            let (ours, theirs) = requests.split_at(split.min(requests.len()));
            let (mut rows, mut waiting) = counted(ours, turns.0, |row| row);
            let (others, waiting_too) = counted(theirs, turns.1, |row| 29 - row);
            rows.resize_with(30, || ((), Series::of_untimed(1)));
            let places: Vec<u32> = (0..30).rev().collect();
            let number = others.len();
            for (((), series), row) in others.into_iter().zip(&places) {
                waiting.add_series(*row, series);
            }
            waiting.append(waiting_too, &places);
            waiting.sort_in(&mut rows, is_sorted);
            prop_assert!(waiting.is_empty());
            for (row, ((), series)) in rows.iter_mut().enumerate() {
                series.settle();
                let mut slow = slow.remove(&row).unwrap_or_default();
                slow.settle();
                prop_assert_eq!(series.cells(), slow.cells());
                prop_assert_eq!(series.untimed, 1 + u64::from(29 - row < number));
            }
        }
    }
}
