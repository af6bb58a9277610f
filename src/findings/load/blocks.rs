//! Cells of many streams, block by block of time: sums of the seconds of one block stay in a processor's
//! cache, and no span is too long for them.
//!
//! Input: streams, the cells of each ascending. Output: one block of seconds after the other, with what of each
//! stream lies in it.

use crate::facts::requests::Cells;

/// Cells of a stream, and what one of its requests takes at the least and at the most.
pub(crate) type Asked<'c> = (Cells<'c>, u64, u64);

/// Seconds of a block at least, and, where few cells of a stream would lie in one, at the most.
const SECONDS: (i64, i64) = if cfg!(test) { (16, 64) } else { (1 << 15, 1 << 20) };

/// Cells of a stream in a block, on average: to find out which they are takes as long as to add up some.
const CELLS: usize = 2;

/// Blocks at the most, more or less: longer spans have longer blocks.
const MOST_BLOCKS: i64 = 256;

/// Seconds of a span for each cell, at the most: of sparser ones most blocks would be empty.
const SPARSEST: i64 = 16;

/// Blocks that are to come.
pub(super) struct Blocks<'c> {
    /// What of each stream lies in the block that was given last.
    inside: Vec<Asked<'c>>,
    /// What lies behind.
    behind: Vec<Asked<'c>>,
    next: i64,
    last: i64,
    seconds: i64,
}

/// The first and the last second of some streams; none where they have no cell.
pub(super) fn ends(asked: &[Asked<'_>]) -> Option<(i64, i64)> {
    let ends = asked.iter().filter_map(|(cells, ..)| Some((cells.first()?, cells.last()?)));
    let ends = ends.map(|(first, last)| (first.second(), last.second()));
    ends.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1)))
}

impl<'c> Blocks<'c> {
    /// The blocks of streams whose [`ends`] these are; none where few seconds have any cell.
    pub(super) fn new(asked: Vec<Asked<'c>>, (first, last): (i64, i64)) -> Option<Self> {
        let cells: usize = asked.iter().map(|(cells, ..)| cells.most()).sum();
        let is_sparse = usize::try_from((last - first) / SPARSEST).is_ok_and(|seconds| seconds > cells);
        let blocks = i64::try_from(cells / (CELLS * asked.len().max(1))).unwrap_or(i64::MAX).max(1);
        let span = last - first + 1;
        let seconds = (span / blocks).clamp(SECONDS.0, SECONDS.1).max(span / MOST_BLOCKS);
        (!is_sparse).then_some(Self { inside: Vec::new(), behind: asked, next: first, last, seconds })
    }

    /// The next block: its first second, how many there are, and what of each stream lies in it.
    pub(super) fn next(&mut self) -> Option<(i64, usize, &[Asked<'c>])> {
        if self.next > self.last {
            return None;
        }
        let (first, end) = (self.next, (self.next + self.seconds).min(self.last + 1));
        self.next = end;
        let Self { inside, behind, .. } = self;
        inside.clear();
        behind.retain_mut(|(cells, low, high)| {
            let (here, rest) = cells.split_at(end);
            if !here.is_empty() {
                inside.push((here, *low, *high));
            }
            *cells = rest;
            !rest.is_empty()
        });
        Some((first, usize::try_from(end - first).unwrap_or(0), inside))
    }
}
