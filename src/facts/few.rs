//! Values of which there is mostly one: it lies where it is kept, without memory of its own.
//!
//! Input: values one by one, or a stretch of many that were made at once. Output: all of them as a slice, in the order in
//! which they came. Must not order them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// None, one, or many.
#[derive(Clone, Default)]
pub(super) enum Few<T> {
    /// None.
    #[default]
    None,
    /// One.
    One(T),
    /// Two and more, as a rule.
    Many(Vec<T>),
    /// Some of those that were made at once: it takes no memory of its own, but keeps all of them.
    Shared(Stretch<T>),
}

/// The values: where they lie is no matter.
impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(formatter)
    }
}

/// A stretch of values that lie together.
#[derive(Clone)]
pub(super) struct Stretch<T> {
    all: Arc<Vec<T>>,
    // Half as long as a range of places: a stretch takes no more room than a vector.
    from: u32,
    until: u32,
}

impl<T> Stretch<T> {
    /// The values at some places; none where there are no such places, or more than 2^32.
    pub(super) fn new(all: &Arc<Vec<T>>, places: Range<usize>) -> Option<Self> {
        all.get(places.clone())?;
        let (from, until) = (u32::try_from(places.start).ok()?, u32::try_from(places.end).ok()?);
        Some(Self { all: Arc::clone(all), from, until })
    }

    #[inline]
    fn as_slice(&self) -> &[T] {
        &self.all[self.from as usize..self.until as usize]
    }
}

impl<T> Few<T> {
    /// All of them.
    #[inline]
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
            Self::Shared(stretch) => stretch.as_slice(),
        }
    }

    /// How many there is room for in memory of their own.
    pub(super) fn room(&self) -> usize {
        match self {
            Self::None | Self::One(_) => 0,
            Self::Many(values) => values.capacity(),
            Self::Shared(stretch) => stretch.as_slice().len(),
        }
    }
}

impl<T: Copy> Few<T> {
    /// All of them, to be changed.
    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        if matches!(self, Self::Shared(_)) {
            self.own();
        }
        match self {
            Self::None | Self::Shared(_) => &mut [],
            Self::One(value) => std::slice::from_mut(value),
            Self::Many(values) => values,
        }
    }

    /// Copies them, to have them for itself.
    #[cold]
    fn own(&mut self) {
        *self = Self::Many(self.as_slice().to_vec());
    }

    /// Adds one behind the others.
    pub(super) fn push(&mut self, value: T) {
        match self {
            Self::None => *self = Self::One(value),
            Self::One(first) => *self = Self::Many(vec![*first, value]),
            Self::Many(values) => values.push(value),
            Self::Shared(stretch) => *self = Self::Many([stretch.as_slice(), &[value]].concat()),
        }
    }

    /// Adds more behind the others.
    pub(super) fn extend(&mut self, more: &[T]) {
        match (self, more) {
            (_, []) => {}
            (values, [value]) => values.push(*value),
            (Self::Many(values), more) => values.extend_from_slice(more),
            (values, more) => *values = Self::Many([values.as_slice(), more].concat()),
        }
    }
}

impl<T: Copy> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut all = Self::None;
        values.into_iter().for_each(|value| all.push(value));
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It holds what a vector holds.
        #[test]
        fn it_is_a_vector(
            first in prop::collection::vec(any::<u8>(), 0..4),
            steps in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..6),
            length in 1_usize..4,
        ) {
            let together = Arc::new([&[1, 2], &first[..], &[3]].concat());
            let mut few = Few::Shared(Stretch::new(&together, 2..2 + first.len()).unwrap());
            prop_assert_eq!(few.as_slice(), &first[..]);
            prop_assert!(Stretch::new(&together, 2..4 + first.len()).is_none());
            for more in &steps {
                for part in more.chunks(length) {
                    few.extend(part);
                }
                few.extend(&[]);
            }
            let all = [first, steps.concat()].concat();
            prop_assert_eq!(few.as_slice(), &all[..]);
            prop_assert_eq!(few.as_mut_slice(), &all[..]);
            let collected: Few<u8> = all.iter().copied().collect();
            prop_assert_eq!(collected.as_slice(), &all[..]);
        }
    }
}
