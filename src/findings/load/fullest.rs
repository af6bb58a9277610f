//! The fullest ten seconds of a class, and how many are above its limit.
//!
//! Input: cells of streams with what each request takes. Output: [`Fullest`], the same that [`Seconds`]
//! tells, without a table of all seconds for each class: small sums in room that is used again.

use super::windows::{Load, MOST_DENSE, SPARSEST, Seconds};
use crate::facts::requests::Cell;
use crate::findings::limits::WINDOW_SECONDS;

/// Cells of a stream, and what one of its requests takes at the least and at the most.
pub(crate) type Asked<'c> = (&'c [Cell], u64, u64);

/// What the windows of a class come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fullest {
    /// The last second of the fullest window, the earliest of equals.
    pub(crate) end: i64,
    /// What it holds.
    pub(crate) load: Load,
    /// Windows that hold more than the whole, where every unknown key is the dearest it may be.
    pub(crate) over: u64,
}

/// High, low and requests of one second or window.
type Sums = [u64; 3];

/// Room for the seconds of a stretch of time.
#[derive(Default)]
pub(crate) struct Room {
    seconds: Vec<Sums>,
}

impl Room {
    /// The fullest window; `over` counts those that end in a span. None where nothing has a time.
    pub(crate) fn fullest(&mut self, asked: &[Asked<'_>], span: (i64, i64), whole: u128) -> Option<Fullest> {
        let ends = asked.iter().filter_map(|(cells, ..)| Some((cells.first()?, cells.last()?)));
        let ends = ends.map(|(first, last)| (first.second(), last.second()));
        let (first, last) = ends.reduce(|all, next| (all.0.min(next.0), all.1.max(next.1)))?;
        let cells: usize = asked.iter().map(|(cells, ..)| cells.len()).sum();
        let is_sparse = usize::try_from((last - first) / SPARSEST).is_ok_and(|seconds| seconds > cells);
        match u64::try_from(whole) {
            Ok(whole) if !is_sparse && last - first < MOST_DENSE && are_small(asked) => {
                self.add_up(asked, first, last);
                Some(self.slide(first, span, whole))
            }
            _ => of_seconds(&Seconds::of_cells(asked.iter().copied()), span, whole),
        }
    }

    /// What was asked in each second.
    fn add_up(&mut self, asked: &[Asked<'_>], first: i64, last: i64) {
        self.seconds.clear();
        self.seconds.resize(usize::try_from(last - first + 1).unwrap_or(0), [0; 3]);
        for (cells, low, high) in asked {
            for cell in *cells {
                let at = usize::try_from(cell.second() - first).ok();
                if let Some(second) = at.and_then(|at| self.seconds.get_mut(at)) {
                    let count = u64::from(cell.count);
                    *second = sum(*second, [count * high, count * low, count]);
                }
            }
        }
    }

    /// Slides over the seconds, and over those behind them that still reach back.
    fn slide(&self, first: i64, span: (i64, i64), whole: u64) -> Fullest {
        let mut all = Fullest { end: first, load: Load::default(), over: 0 };
        let (mut best, mut inside): (Sums, Sums) = ([0; 3], [0; 3]);
        let width = usize::try_from(WINDOW_SECONDS).unwrap_or(0);
        let leaving = std::iter::repeat_n(&[0; 3], width).chain(&self.seconds);
        let entering = self.seconds.iter().chain(std::iter::repeat_n(&[0; 3], width - 1));
        let mut is_over = false;
        for (end, (entering, leaving)) in (first..).zip(entering.zip(leaving)) {
            let is_in_span = end >= span.0 && end <= span.1;
            // In most seconds nothing comes and nothing goes.
            if entering[2] == 0 && leaving[2] == 0 {
                all.over += u64::from(is_over && is_in_span);
                continue;
            }
            inside = sum(inside, *entering);
            inside = [inside[0] - leaving[0], inside[1] - leaving[1], inside[2] - leaving[2]];
            if inside > best {
                (best, all.end) = (inside, end);
            }
            is_over = inside[0] > whole;
            all.over += u64::from(is_over && is_in_span);
        }
        all.load = Load { high: best[0].into(), low: best[1].into(), requests: best[2] };
        all
    }
}

fn sum(one: Sums, other: Sums) -> Sums {
    [one[0] + other[0], one[1] + other[1], one[2] + other[2]]
}

/// Whether all of it together can be told in 64 bits.
fn are_small(asked: &[Asked<'_>]) -> bool {
    let requests: u64 = asked.iter().flat_map(|(cells, ..)| *cells).map(|cell| u64::from(cell.count)).sum();
    let dearest = asked.iter().map(|(_, low, high)| *low.max(high)).max().unwrap_or(0);
    requests.checked_mul(dearest).is_some()
}

/// The same of a table of seconds.
fn of_seconds(seconds: &Seconds, span: (i64, i64), whole: u128) -> Option<Fullest> {
    let (end, load) = seconds.peak()?;
    let over = seconds.windows(span.0, span.1).filter(|run| run.load.high > whole);
    Some(Fullest { end, load, over: over.map(|run| run.windows()).sum() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ticks::Ticks;

    proptest! {
        /// What is told of seconds one by one is told without their table too, whatever was in the room before.
        #[test]
        fn the_fullest_window_is_that_of_the_seconds(
            streams in prop::collection::vec(
                (prop::collection::btree_map(0_i64..60, 1_u32..5, 0..20), 0_u64..4, 0_u64..4), 0..6),
            before in 0_usize..100,
            after in 0_i64..20,
            whole in 1_u128..60,
        ) {
            let cells: Vec<Vec<Cell>> = streams
                .iter()
                .map(|(cells, ..)| {
                    let tick = Ticks::from_second;
                    cells.iter().map(|(second, count)| Cell::new(tick(*second), tick(*second), *count).unwrap()).collect()
                })
                .collect();
            let asked: Vec<Asked<'_>> = cells
                .iter()
                .zip(&streams)
                .map(|(cells, (_, low, more))| (cells.as_slice(), *low, low + more))
                .collect();
            let span = (0, 60 + after);
            let mut room = Room { seconds: vec![[7; 3]; before] };
            let slow = of_seconds(&Seconds::of_cells(asked.iter().copied()), span, whole);
            prop_assert_eq!(room.fullest(&asked, span, whole), slow);
        }
    }

    #[test]
    fn what_does_not_fit_is_told_all_the_same() {
        let cell = Cell::new(Ticks::from_second(5), Ticks::from_second(5), u32::MAX).unwrap();
        let fullest = Room::default().fullest(&[(&[cell], 1, u64::MAX)], (0, 9), 1).unwrap();
        assert_eq!(fullest.load.high, u128::from(u32::MAX) * u128::from(u64::MAX));
        assert_eq!((fullest.end, fullest.over), (5, 5));
    }
}
