//! Rows by key, looked up many at a time.
//!
//! In a table that outgrows the processor's caches, to look a row up is to wait for memory three times: for the
//! place that its hash says, for the row, and for what the row points to. A map asks for one row after the other
//! and waits every time; here the places, then the rows, are asked for all at once, and the waits overlap. Rows
//! lie in the order in which their keys came first, or in one that they were given.
//!
//! Input: keys. Output: their values. Must not depend on the order of keys but for the order of rows.

use std::hash::{BuildHasher, Hash};

use rayon::prelude::*;

/// A table.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: Vec<(K, V)>,
    /// At the place that the lower bits of its tag say, or behind it: a row's tag, and its number from 1. As many
    /// as a power of two.
    places: Vec<Place>,
    /// Seeded by the process: keys come from logs.
    hasher: foldhash::fast::RandomState,
    /// Room for the tags of what is looked up, and for the numbers of the rows where it was found.
    tags: Vec<u32>,
    numbers: Vec<u32>,
}

/// Where a row is told.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// A part of the hash of the row's key.
    tag: u32,
    /// The row's number, from 1; 0 where there is none.
    number: u32,
}

impl Place {
    fn new(tag: u32, row: usize) -> Self {
        Self { tag, number: u32::try_from(row + 1).expect("fewer than 2^32 rows") }
    }

    /// The place of the row among all rows.
    #[inline]
    fn row(self) -> Option<usize> {
        self.number.checked_sub(1).map(|row| row as usize)
    }
}

/// How many keys are best looked up at once: as many as a processor can wait for, and some.
pub(super) const TOGETHER: usize = 64;

/// Parts in which rows are arranged at most: in each round all of the order is looked at.
const MOST_PARTS: usize = 8;

/// Fewest places.
const LEAST: usize = 16;

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            places: Vec::new(),
            hasher: foldhash::fast::RandomState::default(),
            tags: Vec::new(),
            numbers: Vec::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, V: Default> Table<K, V> {
    /// The value of a key, made if there is none yet.
    pub(super) fn value(&mut self, key: K) -> &mut V {
        self.make_room(1);
        let row = self.row(self.tag(&key), key);
        &mut self.rows[row].1
    }

    /// The value of a key, if there is one.
    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        if self.rows.is_empty() {
            return None;
        }
        self.make_room(0);
        let tag = self.tag(key);
        let mut at = self.place(tag);
        while let Some(row) = self.places[at].row() {
            if self.places[at].tag == tag && self.rows[row].0 == *key {
                return Some(&self.rows[row].1);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        None
    }

    /// Takes in many keys, and leaves none of them: `add` is given the value of each, made if there is none yet,
    /// and what came with it. `touch` reads what `add` will read of a value, to have it brought near; what it
    /// gives means nothing.
    pub(super) fn add_all<T>(
        &mut self,
        many: &mut Vec<(K, T)>,
        touch: impl Fn(&V) -> i64,
        mut add: impl FnMut(&mut V, T),
    ) {
        if many.is_empty() {
            // Room for none would still have all rows find their places.
            return;
        }
        let tags = self.tagged(many);
        let near = tags.iter().fold(0, |near, tag| {
            let row = self.places[self.place(*tag)].row();
            near ^ row.map_or(0, |row| touch(&self.rows[row].1))
        });
        std::hint::black_box(near);
        for ((key, with), tag) in many.drain(..).zip(&tags) {
            let row = self.row(*tag, key);
            add(&mut self.rows[row].1, with);
        }
        self.tags = tags;
    }

    /// Makes room for keys and asks for their places, all at once; gives their tags.
    fn tagged<T>(&mut self, many: &[(K, T)]) -> Vec<u32> {
        self.make_room(many.len());
        let mut tags = std::mem::take(&mut self.tags);
        tags.clear();
        tags.extend(many.iter().map(|(key, _)| self.tag(key)));
        let near = tags.iter().fold(0, |near, tag| near ^ self.places[self.place(*tag)].number);
        std::hint::black_box(near);
        tags
    }

    /// Takes in many keys, and leaves none of them: `each` is given the number of each one's row, made if there is none
    /// yet, its value, and what came with it.
    pub(super) fn find_all<T>(&mut self, many: &mut Vec<(K, T)>, mut each: impl FnMut(u32, &mut V, T)) {
        if many.is_empty() {
            return;
        }
        let tags = self.tagged(many);
        // Most keys are where their tags say: then to compare them is all there is to do, and no comparison waits
        // for the one before. What is not there is 0.
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        numbers.extend(many.iter().zip(&tags).map(|((key, _), tag)| {
            let place = self.places[self.place(*tag)];
            let is_there = place.row().is_some_and(|row| place.tag == *tag && self.rows[row].0 == *key);
            if is_there { place.number } else { 0 }
        }));
        for (((key, with), tag), number) in many.drain(..).zip(&tags).zip(&numbers) {
            let number = if *number > 0 { *number } else { self.number(*tag, key) };
            let row = number - 1;
            each(row, &mut self.rows[row as usize].1, with);
        }
        (self.tags, self.numbers) = (tags, numbers);
    }

    /// [`Self::find_all`] for keys that come one after the other, however many.
    pub(super) fn find_each<T>(
        &mut self,
        mut keys: impl Iterator<Item = (K, T)>,
        mut each: impl FnMut(u32, &mut V, T),
    ) {
        let mut many = Vec::with_capacity(TOGETHER);
        loop {
            many.extend(keys.by_ref().take(TOGETHER));
            if many.is_empty() {
                return;
            }
            self.find_all(&mut many, &mut each);
        }
    }

    /// Takes in another table, its keys as `key` gives them; `touch` and `add` as above.
    pub(super) fn merge(
        &mut self,
        other: Self,
        key: impl Fn(K) -> K,
        touch: impl Fn(&V) -> i64,
        mut add: impl FnMut(&mut V, V),
    ) {
        let rows = other.rows.into_iter().map(|(old, value)| (key(old), value));
        self.add_each(rows, touch, &mut add);
    }

    /// [`Self::add_all`] for rows that come one after the other, however many.
    pub(super) fn add_each<T>(
        &mut self,
        mut rows: impl Iterator<Item = (K, T)>,
        touch: impl Fn(&V) -> i64,
        mut add: impl FnMut(&mut V, T),
    ) {
        let mut many = Vec::with_capacity(TOGETHER);
        loop {
            many.extend(rows.by_ref().take(TOGETHER));
            if many.is_empty() {
                return;
            }
            self.add_all(&mut many, &touch, &mut add);
        }
    }

    /// The row of a key, made if there is none yet; there must be room for one.
    #[inline]
    fn row(&mut self, tag: u32, key: K) -> usize {
        self.number(tag, key) as usize - 1
    }

    /// [`Self::row`], from 1.
    #[inline]
    fn number(&mut self, tag: u32, key: K) -> u32 {
        let mut at = self.place(tag);
        while let Some(row) = self.places[at].row() {
            if self.places[at].tag == tag && self.rows[row].0 == key {
                return self.places[at].number;
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        self.places[at] = Place::new(tag, self.rows.len());
        self.rows.push((key, V::default()));
        self.places[at].number
    }

    /// Takes room for so many more rows at once.
    pub(super) fn reserve(&mut self, more: usize) {
        self.make_room(more);
        self.rows.reserve(more);
    }

    /// Makes room for so many more rows: a quarter of all places stays free at least, so that few are looked at
    /// for a key that is not there.
    fn make_room(&mut self, more: usize) {
        let rows = self.rows.len() + more;
        if rows * 4 > self.places.len() * 3 {
            let number = (rows * 4).div_ceil(3).next_power_of_two().max(LEAST);
            let old = std::mem::replace(&mut self.places, vec![Place::default(); number]);
            if old.is_empty() {
                // Their places were given up when the rows were arranged.
                for row in 0..self.rows.len() {
                    self.put(Place::new(self.tag(&self.rows[row].0), row));
                }
            }
            old.into_iter().filter(|place| place.row().is_some()).for_each(|place| self.put(place));
        }
    }

    /// Puts the rows in another order, in which each row's number comes once. The next key that is looked up has to
    /// find all rows their places anew.
    pub(super) fn arrange(&mut self, order: &[u32])
    where
        K: Send + Sync,
        V: Send + Sync,
    {
        assert_eq!(order.len(), self.rows.len(), "each row has a place in the order");
        self.places = Vec::new();
        let old = &self.rows;
        let mut rows: Vec<(K, V)> =
            order.par_iter().map(|row| (old[*row as usize].0, V::default())).collect();
        // In each round every thread fills a part of the new rows from one of the old that no other thread has.
        let size = order.len().div_ceil(rayon::current_num_threads().clamp(1, MOST_PARTS)).max(1);
        let parts = order.len().div_ceil(size);
        for round in 0..parts {
            let mut from: Vec<(usize, &mut [(K, V)])> =
                (0..).step_by(size).zip(self.rows.chunks_mut(size)).collect();
            from.rotate_left(round);
            let to = rows.par_chunks_mut(size).zip(order.par_chunks(size)).zip(from);
            to.for_each(|((rows, order), (first, old))| {
                for ((_, value), row) in rows.iter_mut().zip(order) {
                    if let Some((_, old)) =
                        (*row as usize).checked_sub(first).and_then(|row| old.get_mut(row))
                    {
                        *value = std::mem::take(old);
                    }
                }
            });
        }
        let old = std::mem::replace(&mut self.rows, rows);
        old.into_par_iter().for_each(drop);
    }

    /// Puts a row where its tag says, or behind it.
    fn put(&mut self, place: Place) {
        let mut at = self.place(place.tag);
        while self.places[at].row().is_some() {
            at = (at + 1) & (self.places.len() - 1);
        }
        self.places[at] = place;
    }

    /// Takes the rows out whose key is meant; others take their places. As after [`Self::arrange`], all rows are to
    /// be found anew then.
    pub(super) fn take(&mut self, is_meant: impl Fn(&K) -> bool + Sync) -> Vec<(K, V)>
    where
        K: Sync,
        V: Sync,
    {
        let rows = self.rows.par_iter().enumerate().filter(|(_, (key, _))| is_meant(key));
        let meant: Vec<usize> = rows.map(|(row, _)| row).collect();
        // The last first: what takes its place is not meant.
        let taken: Vec<(K, V)> = meant.into_iter().rev().map(|row| self.rows.swap_remove(row)).collect();
        if !taken.is_empty() {
            self.places = Vec::new();
        }
        taken
    }

    /// Takes in another table that has no key of this one. All rows are to be found anew then.
    pub(super) fn append(&mut self, mut other: Self) {
        if !other.rows.is_empty() {
            self.rows.append(&mut other.rows);
            self.places = Vec::new();
        }
    }

    fn tag(&self, key: &K) -> u32 {
        // The upper half: the lower one chooses among few in other uses of the same hash.
        u32::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default()
    }

    /// The place that a tag says.
    #[inline]
    fn place(&self, tag: u32) -> usize {
        tag as usize & (self.places.len() - 1)
    }
}

impl<K, V> Table<K, V> {
    /// All rows.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.rows.iter().map(|(key, value)| (key, value))
    }

    /// A table of rows, each with a key of its own. All are to be found when the next key is looked up.
    pub(super) fn of_rows(rows: Vec<(K, V)>) -> Self {
        Self { rows, ..Self::default() }
    }

    /// All rows, as they lie.
    pub(super) fn rows(&self) -> &[(K, V)] {
        &self.rows
    }

    /// All rows, whose keys must stay as they are.
    pub(super) fn rows_mut(&mut self) -> &mut [(K, V)] {
        &mut self.rows
    }

    /// All rows, taken out.
    pub(super) fn into_rows(self) -> Vec<(K, V)> {
        self.rows
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A key that shares its place with many others.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Key(u16);

    impl Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            (self.0 % 5).hash(state);
        }
    }

    proptest! {
        /// It sums up as a sorted map does, whatever is looked up at once, taken out and
        /// arranged in between.
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec(
                (
                    prop::collection::vec((0_u16..300, 0_i64..9), 0..70),
                    prop::option::weighted(0.2, 1_u16..7),
                    any::<bool>(),
                ),
                0..12,
            ),
        ) {
            let (mut table, mut slow) = (Table::<Key, i64>::default(), BTreeMap::new());
            for (many, taken, arranged) in steps {
                let many: Vec<(Key, i64)> = many.into_iter().map(|(key, with)| (Key(key), with)).collect();
                for (key, with) in &many {
                    *slow.entry(*key).or_insert(0) += with;
                }
                let before = table.iter().map(|(key, sum)| (*key, *sum)).find(|(key, _)| key.0 % 7 == 0);
                if let Some((key, sum)) = before {
                    prop_assert_eq!(table.get(&key), Some(&sum));
                }
                prop_assert_eq!(table.get(&Key(1000)), None);
                match many.as_slice() {
                    [(key, with)] => *table.value(*key) += with,
                    _ if many.len().is_multiple_of(3) => {
                        table.add_all(&mut many.clone(), |sum| *sum, |sum, with| *sum += with);
                    }
                    _ if many.len() % 3 == 1 => {
                        let mut rows = Vec::new();
                        table.find_each(many.iter().copied(), |row, sum, with| {
                            rows.push(row as usize);
                            *sum += with;
                        });
                        let found = rows.into_iter().map(|row| table.rows()[row].0);
                        prop_assert!(found.eq(many.iter().map(|(key, _)| *key)));
                    }
                    _ => {
                        let mut other = Table::default();
                        other.add_all(&mut many.clone(), |sum| *sum, |sum, with| *sum += with);
                        table.merge(other, |key| key, |sum| *sum, |sum, with| *sum += with);
                    }
                }
                if let Some(modulus) = taken {
                    let mut out = table.take(|key| key.0.is_multiple_of(modulus));
                    out.sort_unstable();
                    let expected: Vec<_> =
                        slow.extract_if(.., |key: &Key, _| key.0.is_multiple_of(modulus)).collect();
                    prop_assert_eq!(&out, &expected);
                    if arranged {
                        let mut other = Table::default();
                        other.add_all(&mut out, |sum| *sum, |sum, with| *sum += with);
                        table.append(other);
                        table = Table::of_rows(table.into_rows());
                        slow.extend(expected);
                    }
                }
                if arranged {
                    let before: Vec<_> = table.rows().to_vec();
                    let order: Vec<u32> = (0..).take(before.len()).collect();
                    table.arrange(&order.into_iter().rev().collect::<Vec<_>>());
                    prop_assert!(table.iter().map(|(key, sum)| (*key, *sum)).eq(before.into_iter().rev()));
                }
                let mut rows: Vec<_> = table.iter().map(|(key, sum)| (*key, *sum)).collect();
                rows.sort_unstable();
                prop_assert_eq!(table.len(), rows.len());
                prop_assert_eq!(rows, slow.iter().map(|(key, sum)| (*key, *sum)).collect::<Vec<_>>());
            }
        }
    }
}
