//! Draws that give the same answer on every platform: whole numbers, and always the 64-bit generator.
//!
//! In: a seeded [`Rng`]. Out: indices, GUIDs and weighted choices.

use fastrand::Rng;

/// A number below `bound`, which must not be nothing.
#[expect(clippy::cast_possible_truncation, reason = "the draw is below a usize")]
pub(crate) fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.u64(..bound as u64) as usize
}

/// One of the choices, each as likely.
pub(crate) fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[below(rng, choices.len())]
}

/// True in so many of a thousand cases.
pub(crate) fn per_mille(rng: &mut Rng, share: u64) -> bool {
    rng.u64(..1_000) < share
}

/// True in so many of a million cases.
pub(crate) fn ppm(rng: &mut Rng, share: u64) -> bool {
    rng.u64(..1_000_000) < share
}

/// Puts the items in a random order.
pub(crate) fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

/// A random (version 4) GUID.
pub(crate) fn guid(rng: &mut Rng) -> String {
    let mut text = String::with_capacity(36);
    crate::json::push_guid(&mut text, rng.u64(..), rng.u64(..));
    text
}

/// The 32 hexadecimal digits of an object's version.
pub(crate) fn version(rng: &mut Rng) -> String {
    format!("{:016x}{:016x}", rng.u64(..), rng.u64(..))
}

/// A choice among indices by weight.
#[derive(Debug)]
pub(crate) struct Weighted {
    /// Sum of the weights up to and including each index.
    cumulative: Vec<u64>,
}

impl Weighted {
    /// Chooses index `i` in proportion to the `i`-th weight.
    pub(crate) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let mut sum = 0;
        let cumulative = weights.into_iter().map(|weight| {
            sum += weight;
            sum
        });
        Self { cumulative: cumulative.collect() }
    }

    /// Chooses by Zipf's law: the second half as often as the first, the third a third as often, and so on.
    pub(crate) fn zipf(count: usize) -> Self {
        Self::new((1..).map(|rank| (1_u64 << 40) / rank).take(count))
    }

    /// Draws an index; there must be one with a weight.
    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let at = rng.u64(..self.total());
        self.cumulative.partition_point(|&sum| sum <= at)
    }

    /// Sum of all weights.
    fn total(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }
}
