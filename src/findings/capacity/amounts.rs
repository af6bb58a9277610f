//! Exact sums by place, in as little memory as they need.

/// Parts of a whole by place. Sums that leave 64 bits make all of them wide: only wholes far above those
/// of the built-in limits come to that.
#[derive(Clone, Debug)]
pub(super) enum Amounts {
    /// As usual.
    Narrow(Vec<i64>),
    /// Once a sum did not fit.
    Wide(Vec<i128>),
}

impl Amounts {
    /// Nothing at so many places.
    pub(super) fn new(places: usize) -> Self {
        Self::Narrow(vec![0; places])
    }

    /// How many places.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Narrow(all) => all.len(),
            Self::Wide(all) => all.len(),
        }
    }

    /// Whether there are no places.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is at a place.
    pub(super) fn at(&self, place: usize) -> i128 {
        match self {
            Self::Narrow(all) => i128::from(all[place]),
            Self::Wide(all) => all[place],
        }
    }

    /// Adds at a place.
    pub(super) fn add(&mut self, place: usize, parts: i128) {
        if let Self::Narrow(all) = self {
            let sum = i64::try_from(parts).ok().and_then(|parts| all[place].checked_add(parts));
            match sum {
                Some(sum) => {
                    all[place] = sum;
                    return;
                }
                None => *self = Self::Wide(all.iter().copied().map(i128::from).collect()),
            }
        }
        if let Self::Wide(all) = self {
            all[place] += parts;
        }
    }

    /// Leaves nothing at a place.
    pub(super) fn clear(&mut self, place: usize) {
        match self {
            Self::Narrow(all) => all[place] = 0,
            Self::Wide(all) => all[place] = 0,
        }
    }

    /// What is at each place.
    pub(super) fn iter(&self) -> impl Iterator<Item = i128> {
        (0..self.len()).map(|place| self.at(place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_exact_at_any_width(
            added in prop::collection::vec((0_usize..3, prop_oneof![0_i128..9, Just(i128::from(i64::MAX)), Just(1 << 80), Just(-7)]), 0..20),
        ) {
            let (mut fast, mut slow) = (Amounts::new(3), [0_i128; 3]);
            for (place, parts) in added {
                fast.add(place, parts);
                slow[place] += parts;
            }
            prop_assert_eq!(fast.iter().collect::<Vec<_>>(), slow.to_vec());
            fast.clear(1);
            prop_assert_eq!((fast.at(0), fast.at(1), fast.len()), (slow[0], 0, 3));
        }
    }
}
