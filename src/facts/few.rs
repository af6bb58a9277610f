//! Values of which there is mostly one: it lies where it is kept, without memory of its own.
//!
//! Input: values one by one. Output: all of them as a slice, in the order in which they came. Must not order them.

/// None, one, or many.
#[derive(Clone, Debug, Default)]
pub(super) enum Few<T> {
    /// None.
    #[default]
    None,
    /// One.
    One(T),
    /// Two and more, as a rule.
    Many(Vec<T>),
}

impl<T> Few<T> {
    /// All of them.
    #[inline]
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }

    /// All of them, to be changed.
    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::None => &mut [],
            Self::One(value) => std::slice::from_mut(value),
            Self::Many(values) => values,
        }
    }
}

impl<T: Copy> Few<T> {
    /// Adds one behind the others.
    pub(super) fn push(&mut self, value: T) {
        match self {
            Self::None => *self = Self::One(value),
            Self::One(first) => *self = Self::Many(vec![*first, value]),
            Self::Many(values) => values.push(value),
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
        fn it_is_a_vector(steps in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..6), length in 1_usize..4) {
            let mut few = Few::None;
            for more in &steps {
                for part in more.chunks(length) {
                    few.extend(part);
                }
                few.extend(&[]);
            }
            let all = steps.concat();
            prop_assert_eq!(few.as_slice(), &all[..]);
            prop_assert_eq!(few.as_mut_slice(), &all[..]);
            let collected: Few<u8> = all.iter().copied().collect();
            prop_assert_eq!(collected.as_slice(), &all[..]);
        }
    }
}
