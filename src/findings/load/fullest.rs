//! The fullest ten seconds of a class, and how many are above its limit.
//!
//! Input: cells of streams with what each request takes. Output: [`Fullest`], the same that [`Seconds`]
//! tells, without a table of all seconds for each class: small sums in room that is used again.

use super::blocks::{Asked, Blocks, ends};
use super::windows::{Load, Seconds};
use crate::findings::limits::WINDOW_SECONDS;

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

/// Seconds of a window.
#[allow(clippy::cast_possible_truncation, reason = "ten")]
const WIDTH: usize = WINDOW_SECONDS.unsigned_abs() as usize;

/// Room for the seconds of a block, and those of the window before it.
#[derive(Default)]
pub(crate) struct Room {
    seconds: Vec<Sums>,
}

/// What the windows up to some second come to.
struct Slide {
    span: (i64, i64),
    whole: u64,
    /// The fullest.
    best: Sums,
    end: i64,
    over: u64,
    /// The last one.
    inside: Sums,
    is_over: bool,
}

impl Room {
    /// The fullest window; `over` counts those that end in a span. None where nothing has a time.
    pub(crate) fn fullest(&mut self, asked: &[Asked<'_>], span: (i64, i64), whole: u128) -> Option<Fullest> {
        let ends = ends(asked)?;
        let small = u64::try_from(whole).ok().filter(|_| are_small(asked));
        let blocks = small.and_then(|whole| Some((whole, Blocks::new(asked.to_vec(), ends)?)));
        match blocks {
            Some((whole, blocks)) => Some(self.slide(blocks, Slide::new(ends.0, span, whole))),
            None => of_seconds(&Seconds::of_cells(asked.iter().copied()), span, whole),
        }
    }

    /// Slides over the seconds, and over those behind them that still reach back.
    fn slide(&mut self, mut blocks: Blocks<'_>, mut slide: Slide) -> Fullest {
        let mut after = slide.end;
        self.seconds.clear();
        self.seconds.resize(WIDTH, [0; 3]);
        while let Some((first, seconds, inside)) = blocks.next() {
            self.add_up(inside, first, seconds);
            slide.over_seconds(first, &self.seconds);
            after = first + i64::try_from(seconds).unwrap_or(0);
            // What leaves the window in the next block.
            self.seconds.drain(..seconds);
        }
        self.seconds.resize(2 * WIDTH - 1, [0; 3]);
        slide.over_seconds(after, &self.seconds);
        let [high, low, requests] = slide.best;
        let load = Load { high: high.into(), low: low.into(), requests };
        Fullest { end: slide.end, load, over: slide.over }
    }

    /// What was asked in each second of a block, behind those of the window before.
    fn add_up(&mut self, inside: &[Asked<'_>], first: i64, seconds: usize) {
        self.seconds.resize(WIDTH + seconds, [0; 3]);
        let block = &mut self.seconds[WIDTH..];
        for (cells, low, high) in inside {
            for cell in *cells {
                let at = usize::try_from(cell.second() - first).ok();
                if let Some(second) = at.and_then(|at| block.get_mut(at)) {
                    let count = u64::from(cell.count);
                    *second = sum(*second, [count * high, count * low, count]);
                }
            }
        }
    }
}

impl Slide {
    fn new(first: i64, span: (i64, i64), whole: u64) -> Self {
        Self { span, whole, best: [0; 3], end: first, over: 0, inside: [0; 3], is_over: false }
    }

    /// Goes on with the windows that end at each second from `first` on; `seconds` begin a window before.
    fn over_seconds(&mut self, first: i64, seconds: &[Sums]) {
        let entering = seconds.get(WIDTH..).unwrap_or_default();
        for (end, (entering, leaving)) in (first..).zip(entering.iter().zip(seconds)) {
            let is_in_span = end >= self.span.0 && end <= self.span.1;
            // In most seconds nothing comes and nothing goes.
            if entering[2] == 0 && leaving[2] == 0 {
                self.over += u64::from(self.is_over && is_in_span);
                continue;
            }
            self.inside = sum(self.inside, *entering);
            self.inside = [0, 1, 2].map(|part| self.inside[part] - leaving[part]);
            if self.inside > self.best {
                (self.best, self.end) = (self.inside, end);
            }
            self.is_over = self.inside[0] > self.whole;
            self.over += u64::from(self.is_over && is_in_span);
        }
    }
}

fn sum(one: Sums, other: Sums) -> Sums {
    [one[0] + other[0], one[1] + other[1], one[2] + other[2]]
}

/// Whether all of it together can be told in 64 bits.
fn are_small(asked: &[Asked<'_>]) -> bool {
    let requests: u64 = asked.iter().map(|(cells, ..)| cells.count()).sum();
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
    use crate::facts::requests::{Cell, Series};
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
            let all: Vec<Series> = streams
                .iter()
                .map(|(cells, ..)| {
                    let tick = Ticks::from_second;
                    cells.iter().map(|(second, count)| Cell::new(tick(*second), tick(*second), *count).unwrap()).collect()
                })
                .collect();
            let asked: Vec<Asked<'_>> = all
                .iter()
                .zip(&streams)
                .map(|(series, (_, low, more))| (series.cells(), *low, low + more))
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
        let series = Series::from_iter([cell]);
        let fullest = Room::default().fullest(&[(series.cells(), 1, u64::MAX)], (0, 9), 1).unwrap();
        assert_eq!(fullest.load.high, u128::from(u32::MAX) * u128::from(u64::MAX));
        assert_eq!((fullest.end, fullest.over), (5, 5));
    }
}
