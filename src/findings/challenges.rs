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

use std::ops::Range;

use rayon::prelude::*;

use crate::classify::Basis;
use crate::classify::causes::Causes;
use crate::facts::dimensions::{RequestKey, Text};
use crate::facts::requests::{Cell, Series};
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
    let past = Past::new(facts, answered);
    // A window under a second could miss an answer between the first and last tick of a cell.
    let window = i64::from(window_s.max(1)) * TICKS_PER_SECOND;
    let open = facts.requests.take(|key| is_open(key, answered));
    let judge = |(key, series): (RequestKey, Series)| {
        let ticks = past.of(client(facts, &key));
        let is_answered = |cell: &Cell| {
            let from = ticks.partition_point(|tick| *tick < cell.first.0);
            ticks.get(from).is_some_and(|tick| *tick <= cell.first.0.saturating_add(window))
        };
        let (mut yes, mut no) = series.partition(is_answered);
        yes.settle();
        no.settle();
        (key, yes, no)
    };
    let judged: Vec<(RequestKey, Series, Series)> = open.into_par_iter().map(judge).collect();
    for (key, yes, no) in judged {
        let basis = if key.basis == Basis::Text { Basis::Text } else { Basis::Pairing };
        facts.requests.add_series(RequestKey { basis, settled: true, ..key }, yes);
        let no_key = RequestKey { cause: unanswered, basis: Basis::Pairing, settled: true, ..key };
        facts.requests.add_series(no_key, no);
    }
    facts.requests.settle();
}

/// Whether a stream holds challenges that nobody has judged.
fn is_open(key: &RequestKey, auth_challenge: Text) -> bool {
    key.cause == auth_challenge && !key.settled
}

fn client(facts: &Facts, key: &RequestKey) -> Client {
    (key.vault.map(|vault| facts.dimensions.vaults.get(vault).name), key.client_address, key.client_agent)
}

/// When each client that was challenged got past authentication.
struct Past {
    /// Where each client's ticks lie.
    clients: Map<Client, Range<usize>>,
    /// Ascending for each client.
    ticks: Vec<i64>,
}

impl Past {
    /// That of the clients that were challenged.
    fn new(facts: &Facts, auth_challenge: Text) -> Self {
        let rows = facts.requests.as_slice();
        let open = rows.par_iter().filter(|(key, _)| is_open(key, auth_challenge));
        let clients: Vec<Client> = open.map(|(key, _)| client(facts, key)).collect();
        let mut past =
            Self { clients: clients.into_iter().map(|client| (client, 0..0)).collect(), ticks: Vec::new() };
        if !past.clients.is_empty() {
            past.fill(facts);
        }
        past
    }

    /// Notes their requests, in two goes: how many each client has, then which.
    fn fill(&mut self, facts: &Facts) {
        let rows = facts.requests.as_slice();
        let is_past =
            |key: &RequestKey| key.plane == Plane::Data && key.status.is_some_and(|status| status != 401);
        let of_row = |(row, (key, _)): (usize, &(RequestKey, Series))| {
            let at = is_past(key).then(|| self.clients.get_index_of(&client(facts, key))).flatten()?;
            Some((at, row))
        };
        let past: Vec<(usize, usize)> = rows.par_iter().enumerate().filter_map(of_row).collect();
        let mut counts = vec![0; self.clients.len()];
        for (at, row) in &past {
            counts[*at] += ticks(&rows[*row].1).count();
        }
        let mut from = 0;
        for (place, count) in self.clients.values_mut().zip(counts) {
            *place = from..from;
            from += count;
        }
        self.ticks.resize(from, 0);
        for (at, row) in past {
            let place = &mut self.clients[at];
            for tick in ticks(&rows[row].1) {
                self.ticks[place.end] = tick;
                place.end += 1;
            }
        }
        let mut rest = self.ticks.as_mut_slice();
        let mut of_each: Vec<&mut [i64]> = Vec::with_capacity(self.clients.len());
        for place in self.clients.values() {
            let (mine, behind) = rest.split_at_mut(place.len());
            of_each.push(mine);
            rest = behind;
        }
        of_each.par_iter_mut().for_each(|ticks| ticks.sort_unstable());
    }

    fn of(&self, client: Client) -> &[i64] {
        self.clients.get(&client).and_then(|place| self.ticks.get(place.clone())).unwrap_or_default()
    }
}

/// First and last tick of each second, which are enough: the window is no shorter than a second.
fn ticks(series: &Series) -> impl Iterator<Item = i64> {
    let ends = |cell: &Cell| {
        let (first, last) = (cell.first.0, cell.last().0);
        std::iter::once(first).chain((last > first).then_some(last))
    };
    series.cells().iter().flat_map(ends)
}

#[cfg(test)]
mod tests;
