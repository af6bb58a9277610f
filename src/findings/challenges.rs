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

use rayon::prelude::*;

use crate::classify::Basis;
use crate::classify::causes::Causes;
use crate::facts::dimensions::{RequestKey, Text};
use crate::facts::requests::{Cell, Requests, Series};
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
    // Those that were settled before come along: what is judged now may belong to one of their streams, and to
    // no other.
    let open = facts.requests.take(|key| key.settled || is_open(key, answered));
    let judge = |(key, series): (RequestKey, Series)| {
        if key.settled {
            return (key, series, Series::default());
        }
        let mut ticks = past.of(client(facts, &key));
        let is_answered = |cell: &Cell| {
            // Cells ascend: what lies before one lies before the next.
            ticks = from_on(ticks, cell.first.0);
            ticks.first().is_some_and(|tick| *tick <= cell.first.0.saturating_add(window))
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

/// When each client that was challenged got past authentication.
#[derive(Default)]
struct Past {
    /// The place of each client.
    clients: Map<Client, usize>,
    /// The ticks of each, ascending.
    ticks: Vec<Vec<i64>>,
}

impl Past {
    /// That of the clients that were challenged.
    fn new(facts: &Facts, auth_challenge: Text) -> Self {
        let rows = facts.requests.as_slice();
        let open = rows.par_iter().filter(|(key, _)| is_open(key, auth_challenge));
        let open: Vec<Client> = open.map(|(key, _)| client(facts, key)).collect();
        let mut clients: Map<Client, usize> = open.into_iter().map(|client| (client, 0)).collect();
        if clients.is_empty() {
            return Self::default();
        }
        clients.values_mut().zip(0..).for_each(|(place, at)| *place = at);
        let ticks = past_of(facts, &clients);
        Self { clients, ticks }
    }

    fn of(&self, client: Client) -> &[i64] {
        self.clients.get(&client).and_then(|at| self.ticks.get(*at)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The ticks at which each client got past authentication.
fn past_of(facts: &Facts, clients: &Map<Client, usize>) -> Vec<Vec<i64>> {
    let rows = facts.requests.as_slice();
    let is_past =
        |key: &RequestKey| key.plane == Plane::Data && key.status.is_some_and(|status| status != 401);
    let of_row = |(row, (key, _)): (usize, &(RequestKey, Series))| {
        let at = is_past(key).then(|| clients.get(&client(facts, key))).flatten()?;
        Some((*at, row))
    };
    // By client: what one thread has to write then lies together.
    let mut past: Vec<(usize, usize)> = rows.par_iter().enumerate().filter_map(of_row).collect();
    past.par_sort_unstable();
    let of_client = |at: usize| {
        let from = past.partition_point(|row| row.0 < at);
        let mine = past.get(from..).unwrap_or_default().iter().take_while(|row| row.0 == at);
        let series = || mine.clone().map(|(_, row)| &rows[*row].1);
        let mut all = Vec::with_capacity(series().map(|series| ticks(series).count()).sum());
        all.extend(series().flat_map(ticks));
        all.sort_unstable();
        all
    };
    (0..clients.len()).into_par_iter().map(of_client).collect()
}

/// Ascending ticks without those before `first`, found by ever longer steps: it is near the beginning.
fn from_on(ticks: &[i64], first: i64) -> &[i64] {
    let mut step = 1;
    while ticks.get(step).is_some_and(|tick| *tick < first) {
        step *= 2;
    }
    let near = ticks.get(..=step).unwrap_or(ticks);
    ticks.get(near.partition_point(|tick| *tick < first)..).unwrap_or_default()
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
