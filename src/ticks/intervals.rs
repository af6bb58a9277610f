//! Intervals of one length: which of them an instant lies in, told without a division.
//!
//! Input: ticks behind the beginning of the first. Output: the number of the interval, from 0.

use super::TICKS_PER_SECOND;

/// Intervals of one length, one behind the other. Which of them it lies in is asked of each second of each stream.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Ticks of one.
    length: u64,
    /// How many of them are as long as 2^64 - 1 ticks.
    number: u64,
}

impl Intervals {
    /// Intervals of so many seconds: of one at the least, and of as many as there are at the most.
    pub fn of_seconds(seconds: i64) -> Self {
        let length = seconds.max(1).saturating_mul(TICKS_PER_SECOND).unsigned_abs();
        Self { length, number: u64::MAX / length }
    }

    /// The interval that a tick lies in, so many ticks behind the beginning of the first.
    #[inline]
    pub fn at(self, behind: u64) -> u64 {
        let near = (u128::from(behind) * u128::from(self.number)) >> 64;
        let near = u64::try_from(near).unwrap_or(u64::MAX);
        // The number is less than one too small for 2^64 ticks, and so this at most one.
        near + u64::from(behind - near * self.length >= self.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What division tells is told, around the ends of intervals too.
        #[test]
        fn an_interval_is_what_division_tells(
            behind in prop_oneof![0_u64..100_000_000_000, any::<u64>()],
            seconds in prop_oneof![1_i64..100, 1_i64..31_536_000 * 200, any::<i64>()],
            near in -1_i64..=1,
        ) {
            let length = seconds.max(1).saturating_mul(TICKS_PER_SECOND).unsigned_abs();
            let intervals = Intervals::of_seconds(seconds);
            for behind in [behind, (behind / length * length).saturating_add_signed(near), u64::MAX] {
                prop_assert_eq!(intervals.at(behind), behind / length);
            }
        }
    }
}
