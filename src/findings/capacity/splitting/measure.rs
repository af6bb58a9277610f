//! What items take of windows.
//!
//! Input: items and the axis. Output: their own fullest windows, what they take of windows that
//! matter, and every window of a vault of a plan. Sums are exact; nothing is kept by second for longer
//! than one set of items is looked at.

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::super::amounts::Amounts;
use super::super::axis::{Axis, Base, ClassBase};
use super::items::{Item, Items};

/// A window: index of a class in the base, and the place at which it ends.
pub(super) type Window = (usize, u32);

/// Room to add items up by class and place.
struct Scratch<'b> {
    base: &'b Base,
    held: Vec<Amounts>,
    touched: Vec<Vec<u32>>,
}

impl<'b> Scratch<'b> {
    fn new(base: &'b Base) -> Self {
        let classes = base.classes.len();
        Self { base, held: vec![Amounts::new(base.axis.len()); classes], touched: vec![Vec::new(); classes] }
    }

    /// Adds up some items, looks, and is empty again.
    fn with<T>(&mut self, items: &[Item<'_>], which: &[usize], look: impl FnOnce(&Self) -> T) -> T {
        for part in which.iter().flat_map(|item| &items[*item].parts) {
            let (held, touched) = (&mut self.held[part.class], &mut self.touched[part.class]);
            part.each(&self.base.axis, |at, parts| {
                if held.at(at as usize) == 0 {
                    touched.push(at);
                }
                held.add(at as usize, parts);
            });
        }
        let seen = look(self);
        for (held, touched) in self.held.iter_mut().zip(&mut self.touched) {
            touched.drain(..).for_each(|at| held.clear(at as usize));
        }
        seen
    }

    /// The fullest window of each class: its parts, and the place of its end, the earliest of equals.
    fn peaks(&self) -> Vec<(i128, u32)> {
        let peak = |(held, touched): (&Amounts, &Vec<u32>)| {
            let mut places = touched.clone();
            places.sort_unstable();
            let (mut best, mut sum, mut leaving) = ((0, 0), 0, 0);
            for end in &places {
                sum += held.at(*end as usize);
                let first = self.base.axis.inside(*end as usize).last().unwrap_or_default();
                while (places[leaving] as usize) < first {
                    sum -= held.at(places[leaving] as usize);
                    leaving += 1;
                }
                if sum > best.0 {
                    best = (sum, *end);
                }
            }
            best
        };
        self.held.iter().zip(&self.touched).map(peak).collect()
    }

    fn window(&self, (class, end): Window) -> u64 {
        let held = &self.held[class];
        let parts = self.base.axis.window(end as usize, |at| held.at(at));
        u64::try_from(parts).unwrap_or(u64::MAX)
    }
}

/// The fullest window of each set of items, by class.
pub(super) fn peaks(base: &Base, items: &Items<'_>, sets: &[&[usize]]) -> Vec<Vec<(i128, u32)>> {
    let peaks = |scratch: &mut Scratch<'_>, set: &&[usize]| scratch.with(&items.items, set, Scratch::peaks);
    sets.par_iter().map_init(|| Scratch::new(base), peaks).collect()
}

/// What each set of items takes of each window.
pub(super) fn loads(base: &Base, items: &Items<'_>, sets: &[&[usize]], windows: &[Window]) -> Vec<Vec<u64>> {
    let loads = |scratch: &mut Scratch<'_>, set: &&[usize]| {
        scratch
            .with(&items.items, set, |scratch| windows.iter().map(|window| scratch.window(*window)).collect())
    };
    sets.par_iter().map_init(|| Scratch::new(base), loads).collect()
}

/// Every class of a set of items, window by window: what a vault with them would take.
pub(super) fn vault(base: &Base, items: &Items<'_>, set: &[usize]) -> Vec<ClassBase> {
    let mut held = vec![Amounts::new(base.axis.len()); base.classes.len()];
    for part in set.iter().flat_map(|item| &items.items[*item].parts) {
        part.each(&base.axis, |at, parts| held[part.class].add(at as usize, parts));
    }
    let classes = base.classes.iter().zip(held);
    classes.map(|(class, held)| ClassBase::new(&base.axis, class.class, class.whole, held)).collect()
}

/// The fullest of some windows of a class, far enough from each other to share no second, at most so
/// many; `is_meant` says which. The earliest of equals.
pub(super) fn apart(
    axis: &Axis,
    class: &ClassBase,
    most: usize,
    is_meant: impl Fn(usize) -> bool,
) -> Vec<u32> {
    let places = 0..u32::try_from(class.windows.len()).unwrap_or(u32::MAX);
    let mut meant: Vec<u32> = places.filter(|end| is_meant(*end as usize)).collect();
    meant.sort_unstable_by_key(|end| (std::cmp::Reverse(class.windows.at(*end as usize)), *end));
    let mut chosen: Vec<u32> = Vec::new();
    for end in meant {
        let is_near = |other: &u32| axis.second(*other).abs_diff(axis.second(end)) < NEAR_SECONDS;
        if !chosen.iter().any(is_near) {
            chosen.push(end);
        }
        if chosen.len() >= most {
            break;
        }
    }
    chosen
}

/// Windows that end closer to each other share a second.
const NEAR_SECONDS: u64 = 10;
