//! Which authentication challenges were answered.
//!
//! An SDK's first request carries no token; the service answers 401 and the client comes back with
//! one (facts §5). Such a 401 is benign when the same vault, client address and client agent get
//! past authentication (a data-plane request with any status but 401) at or within the window after
//! it; otherwise the client never got a token. The challenges of one stream in one second are
//! judged together, by the first of them.
//!
//! Judged on merged facts, so that a boundary between files, nights or machines changes nothing. A
//! 401 that names a caller or carries a token error is no challenge and is not touched.

use std::sync::atomic::{AtomicI64, Ordering};

use rayon::prelude::*;

use crate::classify::Basis;
use crate::classify::causes::Causes;
use crate::facts::dimensions::{RequestKey, Text};
use crate::facts::requests::{Cell, Cells, Requests, Series};
use crate::facts::{Facts, Map};
use crate::record::operation::Plane;
use crate::ticks::TICKS_PER_SECOND;

/// Who is waited for: vault name, client address, client agent.
type Client = (Option<Text>, Option<Text>, Option<Text>);

/// Settles every challenge that is still open; the requests must be settled.
pub fn settle(facts: &mut Facts, causes: &Causes, window_s: u32) {
    let known = causes.known();
    let answered = facts.dimensions.strings.intern(&causes.get(known.auth_challenge).id);
    let unanswered = facts.dimensions.strings.intern(&causes.get(known.unanswered_challenge).id);
    // A window under a second could miss an answer between the first and last tick of a cell.
    let window = i64::from(window_s.max(1)) * TICKS_PER_SECOND;
    let waits = Waits::new(facts, answered, window);
    // Those that were settled before come along: what is judged now may belong to one of their streams, and to
    // no other.
    let open = facts.requests.take(|key| key.settled || is_open(key, answered));
    let judge = |(key, series): (RequestKey, Series)| {
        if key.settled {
            return (key, series, Series::default());
        }
        let wait = waits.of(client(facts, &key));
        let is_answered = |cell: &Cell| {
            let answer = wait.and_then(|wait| wait.answer(cell.first.0));
            answer.is_some_and(|tick| tick <= cell.first.0.saturating_add(window))
        };
        let (yes, no) = series.partition(is_answered);
        let basis = if key.basis == Basis::Text { Basis::Text } else { Basis::Pairing };
        (RequestKey { basis, settled: true, ..key }, yes, no)
    };
    let judged: Vec<(RequestKey, Series, Series)> = open.into_par_iter().map(judge).collect();
    let mut settled = Requests::default();
    for (key, yes, no) in judged {
        settled.add_series(key, yes);
        settled.add_series(RequestKey { cause: unanswered, basis: Basis::Pairing, ..key }, no);
    }
    settled.settle();
    facts.requests.append(settled);
}

/// Whether a stream holds challenges that nobody has judged.
fn is_open(key: &RequestKey, auth_challenge: Text) -> bool {
    key.cause == auth_challenge && !key.settled
}

fn client(facts: &Facts, key: &RequestKey) -> Client {
    (key.vault.map(|vault| facts.dimensions.vaults.get(vault).name), key.client_address, key.client_agent)
}

/// What each client that was challenged waits for.
struct Waits {
    /// The place of each client.
    clients: Map<Client, usize>,
    waits: Vec<Wait>,
}

/// Since when a client was challenged, and when it next got past authentication.
struct Wait {
    /// Ticks of challenges, ascending and distinct.
    challenges: Vec<i64>,
    /// To each the first answer from its tick on: `i64::MAX` where none is known.
    answers: Vec<AtomicI64>,
    near: Near,
}

/// Where the windows behind challenges lie, roughly: most of what a client did lies in none, which one look tells.
struct Near {
    /// A bit for each stretch of time. Stretches that are far from each other share one.
    bits: Vec<u64>,
    /// A stretch is two to the power of so many ticks long, and no shorter than a window.
    power: u32,
}

impl Waits {
    /// Those of all clients with open challenges, whose answers come within a window of so many ticks.
    fn new(facts: &Facts, auth_challenge: Text, window: i64) -> Self {
        let rows = facts.requests.as_slice();
        // A challenge without a time waits for nothing.
        let is_waiting = |(key, series): &&(RequestKey, Series)| {
            is_open(key, auth_challenge) && !series.cells().is_empty()
        };
        let open = rows.par_iter().filter(is_waiting);
        let open: Vec<(Client, &Series)> = open.map(|(key, series)| (client(facts, key), series)).collect();
        let mut clients: Map<Client, usize> = open.iter().map(|(client, _)| (*client, 0)).collect();
        clients.values_mut().zip(0..).for_each(|(place, at)| *place = at);
        let mut challenges: Vec<(usize, i64)> = Vec::new();
        for (client, series) in &open {
            let at = clients.get(client).copied().unwrap_or_default();
            challenges.extend(series.cells().iter().map(|cell| (at, cell.first.0)));
        }
        challenges.par_sort_unstable();
        challenges.dedup();
        let of_one = challenges.chunk_by(|one, other| one.0 == other.0);
        let waits = of_one.map(|all| Wait::new(all.iter().map(|(_, tick)| *tick).collect(), window));
        let mut waits = Self { waits: waits.collect(), clients };
        if !waits.clients.is_empty() {
            waits.find_answers(facts);
        }
        waits
    }

    /// Finds the answers. Rows are read as they lie: what one client did is spread over all of them, and challenges
    /// are few.
    fn find_answers(&mut self, facts: &Facts) {
        let is_past =
            |key: &RequestKey| key.plane == Plane::Data && key.status.is_some_and(|status| status != 401);
        facts.requests.as_slice().par_iter().filter(|(key, _)| is_past(key)).for_each(|(key, series)| {
            if let Some(wait) = self.of(client(facts, key)) {
                wait.note_all(series.cells());
            }
        });
        self.waits.iter_mut().for_each(Wait::pass_on);
    }

    /// That of a client, where it was challenged.
    fn of(&self, client: Client) -> Option<&Wait> {
        self.clients.get(&client).and_then(|at| self.waits.get(*at))
    }
}

impl Wait {
    fn new(challenges: Vec<i64>, window: i64) -> Self {
        let answers = challenges.iter().map(|_| AtomicI64::new(i64::MAX)).collect();
        Self { near: Near::new(&challenges, window), challenges, answers }
    }

    /// Notes requests that got past authentication: the first and the last tick of each second, which are enough, as
    /// the window is no shorter than a second.
    fn note_all(&self, cells: Cells<'_>) {
        for cell in cells {
            let (first, last) = (cell.first.0, cell.last().0);
            if self.near.may_have(first) {
                self.note(first);
            }
            if last > first && self.near.may_have(last) {
                self.note(last);
            }
        }
    }

    /// Notes a tick with the last challenge before it.
    #[inline(never)]
    fn note(&self, tick: i64) {
        let until = self.challenges.partition_point(|challenge| *challenge <= tick);
        // In whatever order threads come, the least is what is kept.
        if let Some(answer) = until.checked_sub(1).and_then(|last| self.answers.get(last))
            && tick < answer.load(Ordering::Relaxed)
        {
            answer.fetch_min(tick, Ordering::Relaxed);
        }
    }

    /// What answers a challenge answers those before it, unless they were answered earlier.
    fn pass_on(&mut self) {
        let mut next = i64::MAX;
        for answer in self.answers.iter_mut().rev().map(AtomicI64::get_mut) {
            next = next.min(*answer);
            *answer = next;
        }
    }

    /// The first tick, from a challenge's on, at which the client got past authentication; those that lie beyond the
    /// window may not be known.
    fn answer(&self, challenge: i64) -> Option<i64> {
        let at = self.challenges.binary_search(&challenge).ok()?;
        self.answers.get(at).map(|answer| answer.load(Ordering::Relaxed)).filter(|tick| *tick < i64::MAX)
    }
}

impl Near {
    fn new(challenges: &[i64], window: i64) -> Self {
        let power = i64::BITS - window.leading_zeros();
        let mut near = Self { bits: vec![0; challenges.len().next_power_of_two()], power };
        for challenge in challenges {
            // A window is shorter than a stretch: it lies in two at most.
            for tick in [*challenge, challenge.saturating_add(window)] {
                let (word, bit) = near.place(tick);
                near.bits[word] |= bit;
            }
        }
        near
    }

    /// Whether a tick may lie in a window.
    #[inline]
    fn may_have(&self, tick: i64) -> bool {
        let (word, bit) = self.place(tick);
        self.bits[word] & bit != 0
    }

    /// The word and the bit of the stretch that a tick lies in.
    #[inline]
    fn place(&self, tick: i64) -> (usize, u64) {
        let stretch = (tick >> self.power).cast_unsigned();
        // As many words as a power of two.
        let last = self.bits.len() - 1;
        (usize::try_from(stretch / 64).map_or(0, |word| word & last), 1 << (stretch % 64))
    }
}

#[cfg(test)]
mod tests;
