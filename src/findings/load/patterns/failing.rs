//! What clients do after a refusal: `retry-storm` after 429, `denied-loop` after 401, 403 and 404.

use super::arrivals::period;
use super::found::Found;
use super::usage::{Row, Usage, addresses, arrivals, count, grouped};
use crate::facts::requests::Cell;
use crate::report::Confidence;
use crate::ticks::Ticks;

/// Pauses after a 429 without which their kind is not told.
const FEWEST_PAUSES: usize = 10;

/// What is asked for after one 429, two, and so on, in seconds (facts §3).
const DOCUMENTED: [i64; 5] = [1, 2, 4, 8, 16];

/// Pauses of none that are held of one second: enough to tell.
const MOST_AT_ONCE: usize = 1000;

/// A try later than this, in seconds, is no retry but the next time: twice the longest documented pause.
const RETRY_SECONDS: i64 = 32;

/// Refusals without which there is no loop.
const FEWEST_DENIED: u64 = 30;

/// How long a loop of refusals lasts at least, in seconds: propagation of a role takes ten minutes.
const SHORTEST_DENIED: i64 = 600;

/// Seconds between refusals, on average, above which nobody minds.
const RAREST_DENIED: i64 = 600;

/// Per cent by which the gaps of a loop may miss their median.
const DENIED_JITTER: i64 = 15;

/// Tenths of the mean that the variance of refusals by minute stays under: retries stretch a round.
const DENIED_EVEN_TENTHS: u64 = 5;

/// How a client waits after a 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// It comes again in the same second.
    None,
    /// It comes again after the same time.
    Fixed(i64),
    /// It waits longer each time.
    Exponential,
    /// None of these; the median.
    Irregular(i64),
}

/// What one stream of requests was answered in one second.
#[derive(Clone, Copy, Default)]
struct Second {
    throttled: u64,
    first_throttled: Option<Ticks>,
    /// The last request that was not answered 429.
    last_other: Option<Ticks>,
}

impl Second {
    /// What one cell tells.
    fn of(cell: &Cell, is_throttled: bool) -> Self {
        if is_throttled {
            Self { throttled: cell.count.into(), first_throttled: Some(cell.first), last_other: None }
        } else {
            Self { throttled: 0, first_throttled: None, last_other: Some(cell.last()) }
        }
    }

    /// Takes in more of the same second.
    fn add(&mut self, other: Self) {
        self.throttled += other.throttled;
        self.first_throttled = self.first_throttled.into_iter().chain(other.first_throttled).min();
        self.last_other = self.last_other.max(other.last_other);
    }
}

/// Pauses, and the episodes of 429s in which they lie.
#[derive(Default)]
struct Pauses {
    /// Seconds from each 429 to the next try.
    all: Vec<i64>,
    /// Episodes of three pauses and more, and those in which they grow.
    long: usize,
    growing: usize,
    /// Tries that waiting as documented would have left out.
    early: u64,
}

/// 429s, and the next try too soon.
pub(super) fn retry_storm<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    let throttled = |row: &Row<'_, '_>| row.stream.is_throttled();
    let total = usage.throttled();
    if total < FEWEST_PAUSES as u64 {
        return None;
    }
    let asked = |row: &Row<'_, '_>| (row.stream.client(), row.stream.stream.asked());
    let mut concerned: Vec<_> = usage.rows().filter(throttled).map(|row| asked(&row)).collect();
    concerned.sort_unstable();
    let rows = usage.picked(|row| row.is_work() && concerned.binary_search(&asked(row)).is_ok());
    let mut pauses = Pauses::default();
    let mut shown = Vec::new();
    for rows in &grouped(&rows, asked) {
        pauses.add(rows);
        shown.extend(rows.iter().copied().filter(throttled));
    }
    let wait = pauses.wait()?;
    // Half of the tries come before the documented pauses would let them.
    if pauses.early * 2 < pauses.all.len() as u64 {
        return None;
    }
    let told = match wait {
        Wait::None => "at once, within the same second".to_owned(),
        Wait::Fixed(seconds) => format!("after about {seconds} seconds each time (fixed)"),
        Wait::Irregular(seconds) => {
            format!("after {seconds} seconds in the middle, without waiting longer each time")
        }
        Wait::Exponential => return None,
    };
    let immediate = pauses.all.iter().filter(|pause| **pause == 0).count();
    let moments = arrivals(shown.iter().copied());
    let why = format!(
        "{{who}} was answered 429 {total} times over {} seconds and came again {told}: {immediate} of {} next tries came in \
         the second of the 429, and {} earlier than 1, 2, 4, 8 and 16 seconds would let them. Next tries are those of the same address, \
         agent, operation and object; requests that were on their way count too.",
        moments.span(),
        pauses.all.len(),
        pauses.early
    );
    let clients = addresses(&shown);
    let confidence = if clients > 1 || pauses.all.len() > 100 { Confidence::Medium } else { Confidence::Low };
    let how = "waiting 1, 2, 4, 8 and 16 seconds after successive 429s".to_owned();
    Some(Found { confidence, saving: Some((pauses.early, how)), ..Found::new("retry-storm", shown, why) })
}

impl Pauses {
    /// The pauses of one stream of requests.
    fn add(&mut self, rows: &[Row<'_, '_>]) {
        self.follow(by_second(rows));
    }

    /// The pauses between seconds, ascending.
    fn follow(&mut self, seconds: impl IntoIterator<Item = (i64, Second)>) {
        let mut episode: Vec<i64> = Vec::new();
        let mut before: Option<i64> = None;
        for (second, Second { throttled, first_throttled, last_other }) in seconds {
            if let Some(pause) = before.map(|before| second - before) {
                if pause <= RETRY_SECONDS {
                    episode.push(pause);
                } else {
                    self.end(&mut episode);
                }
            }
            // All but the last of a second were tried again within it; the last, if something worked after it.
            let worked = throttled > 0 && last_other > first_throttled;
            let at_once = throttled.saturating_sub(u64::from(!worked));
            let at_once = usize::try_from(at_once).unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE);
            episode.extend(std::iter::repeat_n(0, at_once));
            before = (throttled > 0 && !worked).then_some(second);
            if before.is_none() {
                self.end(&mut episode);
            }
        }
        self.end(&mut episode);
    }

    fn end(&mut self, episode: &mut Vec<i64>) {
        let (mut step, mut waited) = (0, 0);
        for pause in episode.iter() {
            waited += pause;
            if waited < DOCUMENTED.get(step).copied().unwrap_or(16) {
                self.early += 1;
            } else {
                (step, waited) = (step + 1, 0);
            }
        }
        if episode.len() >= 3 {
            self.long += 1;
            let grows = episode.windows(2).all(|pair| pair[1] >= pair[0]);
            let doubled =
                episode.first().zip(episode.last()).is_some_and(|(first, last)| *last >= 3 * *first.max(&1));
            self.growing += usize::from(grows && doubled);
        }
        self.all.append(episode);
    }

    /// What most pauses are.
    fn wait(&mut self) -> Option<Wait> {
        if self.all.len() < FEWEST_PAUSES {
            return None;
        }
        if self.long > 0 && self.growing * 2 >= self.long {
            return Some(Wait::Exponential);
        }
        self.all.sort_unstable();
        let count = self.all.len();
        let at_once = self.all.partition_point(|pause| *pause == 0);
        let median = self.all[count / 2];
        let near = self.all.iter().filter(|pause| (**pause - median).abs() <= 1).count();
        Some(match () {
            () if at_once * 2 >= count => Wait::None,
            () if near * 2 >= count => Wait::Fixed(median),
            () => Wait::Irregular(median),
        })
    }
}

/// What a stream of requests was answered, second by second.
fn by_second(rows: &[Row<'_, '_>]) -> Vec<(i64, Second)> {
    let mut seconds: Vec<(i64, Second)> = Vec::new();
    for row in rows {
        let is_throttled = row.stream.is_throttled();
        seconds
            .extend(row.stream.cells().iter().map(|cell| (cell.second(), Second::of(&cell, is_throttled))));
    }
    // Each row is sorted already: a stable sort is fast on that.
    seconds.sort_by_key(|(second, _)| *second);
    seconds.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1.add(next.1);
        }
        same
    });
    seconds
}

/// One thing that is refused again and again, at the same pace.
pub(super) fn denied_loop<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.refused() < FEWEST_DENIED {
        return None;
    }
    let denied = usage.picked(Row::is_refused);
    let groups = grouped(&denied, |row| row.stream.stream.asked());
    let mut rows = Vec::new();
    let (mut largest, mut paces) = ((0, None), Vec::new());
    for group in groups {
        let Some((operation, object)) =
            group.first().map(|row| (row.stream.operation(), row.stream.object()))
        else {
            continue;
        };
        let Some(pace) = pace(&group) else { continue };
        let of_group = count(&group);
        if of_group > largest.0 {
            largest = (of_group, Some((operation, object)));
        }
        paces.push((std::cmp::Reverse(of_group), pace, object));
        rows.extend(group);
    }
    let (operation, object) = largest.1?;
    paces.sort();
    let (_, pace, _) = paces.first()?;
    let moments = arrivals(rows.iter().copied());
    let why = format!(
        "{{who}} was refused {} times over {} minutes and asked again about every {pace} seconds: {}{}.",
        moments.count(),
        moments.span() / 60,
        object.unwrap_or(operation.unwrap_or("a request without a name")),
        if paces.len() > 1 { format!(" and {} more", paces.len() - 1) } else { String::new() }
    );
    let kept = moments.count() - moments.repeats(SHORTEST_DENIED);
    let saving = Some((
        moments.count() - kept,
        format!("asking again once in {SHORTEST_DENIED} seconds while it is refused"),
    ));
    Some(Found {
        operation,
        object,
        saving,
        confidence: Confidence::High,
        ..Found::new("denied-loop", rows, why)
    })
}

/// Seconds between refusals, where they come at the pace of a machine.
fn pace(rows: &[Row<'_, '_>]) -> Option<i64> {
    if count(rows) < FEWEST_DENIED {
        return None;
    }
    let moments = arrivals(rows.iter().copied());
    let total = i64::try_from(moments.count()).unwrap_or(i64::MAX);
    if moments.span() < SHORTEST_DENIED || moments.span() / total > RAREST_DENIED {
        return None;
    }
    let starts: Vec<i64> = moments.sessions(1).iter().map(|round| round.first).collect();
    let regular = period(&starts, DENIED_JITTER);
    let even = || {
        let lasting = moments.longest(RAREST_DENIED)?;
        let part = moments.between(lasting.first, lasting.last);
        (part.count() * 2 >= moments.count() && part.is_even(DENIED_EVEN_TENTHS))
            .then(|| (lasting.seconds() / i64::try_from(part.count()).unwrap_or(1).max(1)).max(1))
    };
    regular.or_else(even)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ticks::TICKS_PER_SECOND;

    /// 429s at these seconds, so often; at the last something works, half a second later.
    fn pauses(throttled: &[(i64, u64)], works_at: i64) -> Pauses {
        let tick = |second: i64| Ticks(second * TICKS_PER_SECOND);
        let mut seconds: BTreeMap<i64, Second> = BTreeMap::new();
        for (second, count) in throttled {
            let at = seconds.entry(*second).or_default();
            (at.throttled, at.first_throttled) = (*count, Some(tick(*second)));
        }
        seconds.entry(works_at).or_default().last_other =
            Some(Ticks(tick(works_at).0 + TICKS_PER_SECOND / 2));
        let mut pauses = Pauses::default();
        pauses.follow(seconds);
        pauses
    }

    #[test]
    fn documented_backoff_has_no_early_try() {
        let once = pauses(&[(0, 1), (1, 1), (3, 1), (7, 1), (15, 1), (31, 1)], 47);
        assert_eq!((once.all, once.early, once.growing), (vec![1, 2, 4, 8, 16, 16], 0, 1));
    }

    #[test]
    fn early_tries_are_those_that_backoff_leaves_out() {
        // Once a second: tries 1, 3, 7, 15 of the seconds would be made.
        let seconds: Vec<(i64, u64)> = (0..15).map(|second| (second, 1)).collect();
        let every = pauses(&seconds, 15);
        assert_eq!((every.all.len(), every.early), (15, 15 - 4));
        let mut every = every;
        assert_eq!(every.wait(), Some(Wait::Fixed(1)));
    }

    #[test]
    fn tries_of_one_second_are_at_once_but_for_the_last() {
        let burst = pauses(&[(0, 5)], 0);
        assert_eq!((burst.all, burst.early), (vec![0; 5], 5), "the last was followed by what worked");
        let mut burst = pauses(&[(0, 12)], 40);
        assert_eq!((burst.all.clone(), burst.early), (vec![0; 11], 11), "forty seconds later is no retry");
        assert_eq!(burst.wait(), Some(Wait::None));
        // What worked before the 429 of its second is no retry.
        let mut seconds = BTreeMap::new();
        seconds
            .insert(0, Second { throttled: 1, first_throttled: Some(Ticks(9)), last_other: Some(Ticks(3)) });
        let mut before = Pauses::default();
        before.follow(seconds);
        assert_eq!(before.all, Vec::<i64>::new());
    }
}
