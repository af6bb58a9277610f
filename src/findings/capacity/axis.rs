//! The seconds of a vault's log, numbered, and what its classes took in each.
//!
//! Input: a vault's load. Output: [`Axis`], on which requests stand at small numbers, and [`Base`],
//! what every second and every window took of each class: the what-ifs take away from it instead of
//! adding everything up again. Sums are exact integers, of the dearest reading.

use std::cmp::Ordering;

use super::amounts::Amounts;
use super::display;
use crate::facts::requests::Cells;
use crate::findings::limits::WINDOW_SECONDS;
use crate::findings::load::class::{Budgets, Class};
use crate::findings::load::{LoadStream, VaultLoad};

/// Where there are no more seconds than this many times the cells, all are numbered through; else only
/// those that have requests get a number.
const MOST_SECONDS_A_CELL: usize = 4;

/// Seconds, ascending. A place is an index into them.
pub(super) struct Axis {
    seconds: Vec<i64>,
    contiguous: bool,
}

impl Axis {
    /// The seconds of some cells and, where they are close together, those between.
    pub(super) fn new<'c>(streams: impl Iterator<Item = Cells<'c>> + Clone) -> Self {
        let ends =
            streams.clone().filter_map(|cells| Some((cells.first()?.second(), cells.last()?.second())));
        let Some((first, last)) = ends.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1))) else {
            return Self { seconds: Vec::new(), contiguous: true };
        };
        let cells: usize = streams.clone().map(Cells::most).sum();
        if usize::try_from(last - first).is_ok_and(|span| span < cells.saturating_mul(MOST_SECONDS_A_CELL)) {
            return Self { seconds: (first..=last).collect(), contiguous: true };
        }
        let mut seconds: Vec<i64> = streams.flatten().map(|cell| cell.second()).collect();
        seconds.sort_unstable();
        seconds.dedup();
        Self { seconds, contiguous: false }
    }

    /// How many places.
    pub(super) fn len(&self) -> usize {
        self.seconds.len()
    }

    /// The second of a place.
    pub(super) fn second(&self, place: u32) -> i64 {
        match self.seconds.first() {
            // Reckoned: looking it up would reach over the whole day for each request of a stream.
            Some(first) if self.contiguous => first + i64::from(place),
            _ => self.seconds[place as usize],
        }
    }

    /// Place and count of each cell.
    pub(super) fn places<'a>(&'a self, cells: Cells<'a>) -> impl Iterator<Item = (u32, u32)> + 'a {
        let mut from = 0;
        cells.iter().map(move |cell| {
            from = self.place(cell.second(), from);
            (u32::try_from(from).unwrap_or(u32::MAX), cell.count)
        })
    }

    /// The place of a second that is not before the one at `from`.
    fn place(&self, second: i64, from: usize) -> usize {
        if self.contiguous {
            let first = self.seconds.first().copied().unwrap_or(second);
            return usize::try_from(second - first).unwrap_or(0);
        }
        let rest = self.seconds.get(from..).unwrap_or_default();
        let mut reach = 1;
        while rest.get(reach).is_some_and(|at| *at < second) {
            reach *= 2;
        }
        let near = rest.get(..rest.len().min(reach + 1)).unwrap_or_default();
        from + near.partition_point(|at| *at < second)
    }

    /// The sum of every window that ends at a place, given what each place holds.
    pub(super) fn windows(&self, held: impl Fn(usize) -> i128, mut each: impl FnMut(usize, i128)) {
        let (mut sum, mut leaving) = (0, 0);
        for (end, second) in self.seconds.iter().enumerate() {
            sum += held(end);
            while self.seconds[leaving] <= second - WINDOW_SECONDS {
                sum -= held(leaving);
                leaving += 1;
            }
            each(end, sum);
        }
    }

    /// The sum of the window that ends at one place.
    pub(super) fn window(&self, end: usize, held: impl Fn(usize) -> i128) -> i128 {
        self.inside(end).map(held).sum()
    }

    /// The places inside the window that ends at one.
    pub(super) fn inside(&self, end: usize) -> impl Iterator<Item = usize> {
        let first = self.seconds[end] - WINDOW_SECONDS;
        (0..=end).rev().take_while(move |at| self.seconds[*at] > first)
    }
}

/// Parts of a class's whole. Ordered by what fraction they are, exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Utilisation {
    /// Parts.
    pub(super) parts: i128,
    /// What 100 % is; not 0.
    pub(super) whole: i128,
}

impl Utilisation {
    /// Nothing at all.
    pub(super) const NONE: Self = Self { parts: 0, whole: 1 };

    /// For the report.
    pub(super) fn fraction(self) -> f64 {
        display::fraction(self.parts.unsigned_abs(), self.whole.unsigned_abs())
    }
}

impl Ord for Utilisation {
    fn cmp(&self, other: &Self) -> Ordering {
        let split =
            |one: &Self| (one.parts.div_euclid(one.whole), one.parts.rem_euclid(one.whole).unsigned_abs());
        let (mine, its) = (split(self), split(other));
        let (my_whole, its_whole) = (self.whole.unsigned_abs(), other.whole.unsigned_abs());
        // Wholes are below 2^64, and so are the remainders.
        mine.0.cmp(&its.0).then_with(|| (mine.1 * its_whole).cmp(&(its.1 * my_whole)))
    }
}

impl PartialOrd for Utilisation {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Utilisation {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Utilisation {}

/// What a vault took of one class.
pub(super) struct ClassBase {
    /// The class.
    pub(super) class: Class,
    /// What 100 % is.
    pub(super) whole: i128,
    /// Parts by place.
    pub(super) held: Amounts,
    /// Parts of the window that ends at each place.
    pub(super) windows: Amounts,
}

impl ClassBase {
    /// Adds up the windows.
    pub(super) fn new(axis: &Axis, class: Class, whole: i128, held: Amounts) -> Self {
        let mut windows = Amounts::new(axis.len());
        axis.windows(|at| held.at(at), |end, sum| windows.add(end, sum));
        Self { class, whole, held, windows }
    }

    /// The fullest window.
    pub(super) fn peak(&self) -> Utilisation {
        Utilisation { parts: self.windows.iter().max().unwrap_or(0), whole: self.whole }
    }

    /// The ends of windows, fullest first; the earliest of equals first.
    pub(super) fn fullest(&self) -> Vec<u32> {
        let held = (0_u32..).zip(self.windows.iter()).filter(|(_, sum)| *sum > 0);
        let mut ends: Vec<u32> = held.map(|(end, _)| end).collect();
        ends.sort_unstable_by_key(|end| (std::cmp::Reverse(self.windows.at(*end as usize)), *end));
        ends
    }
}

/// What a vault took of its own classes.
pub(super) struct Base {
    /// The seconds.
    pub(super) axis: Axis,
    /// The classes that are counted for a vault.
    pub(super) classes: Vec<ClassBase>,
}

impl Base {
    /// Adds up what counts.
    pub(super) fn new(vault: &VaultLoad<'_>, budgets: &Budgets<'_>) -> Self {
        let axis = Axis::new(vault.streams.iter().map(LoadStream::cells));
        let classes = vault.classes().into_iter().filter(|class| class.is_of_vault());
        let classes = classes.map(|class| {
            let mut held = Amounts::new(axis.len());
            for (stream, charge) in vault.charged(class) {
                for (at, count) in axis.places(stream.cells()) {
                    held.add(at as usize, i128::from(count) * i128::from(charge.high));
                }
            }
            ClassBase::new(&axis, class, i128::from(budgets.whole(class)), held)
        });
        let classes = classes.collect();
        Self { axis, classes }
    }

    /// Where a class stands among the classes.
    pub(super) fn index(&self, class: Class) -> Option<usize> {
        self.classes.iter().position(|base| base.class == class)
    }

    /// The fullest window of any class.
    pub(super) fn peak(&self) -> Utilisation {
        self.classes.iter().map(ClassBase::peak).max().unwrap_or(Utilisation::NONE)
    }

    /// The fullest window of any class when something is taken away: by class and place, with nothing
    /// for a class that nothing is taken from.
    pub(super) fn peak_without(&self, removed: &[Amounts]) -> Utilisation {
        let of_class = |(base, removed): (&ClassBase, &Amounts)| {
            if removed.is_empty() {
                return base.peak();
            }
            let mut parts = 0;
            self.axis.windows(|at| base.held.at(at) - removed.at(at), |_, sum| parts = parts.max(sum));
            Utilisation { parts, whole: base.whole }
        };
        self.classes.iter().zip(removed).map(of_class).max().unwrap_or(Utilisation::NONE)
    }
}
