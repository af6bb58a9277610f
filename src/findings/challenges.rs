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
    let mut past = Past::new(facts, answered);
    past.fill(facts);
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

/// When each client that was challenged got past authentication, in ascending ticks.
struct Past {
    ticks: Map<Client, Vec<i64>>,
}

impl Past {
    /// The clients that were challenged.
    fn new(facts: &Facts, auth_challenge: Text) -> Self {
        let open = facts.requests.as_slice().par_iter().filter(|(key, _)| is_open(key, auth_challenge));
        let clients: Vec<Client> = open.map(|(key, _)| client(facts, key)).collect();
        Self { ticks: clients.into_iter().map(|client| (client, Vec::new())).collect() }
    }

    /// Adds their requests. First and last tick of a second are enough: the window is no shorter
    /// than a second.
    fn fill(&mut self, facts: &Facts) {
        if self.ticks.is_empty() {
            return;
        }
        let is_past =
            |key: &RequestKey| key.plane == Plane::Data && key.status.is_some_and(|status| status != 401);
        let of_client = |(key, series): &(RequestKey, Series)| {
            let at = is_past(key).then(|| self.ticks.get_index_of(&client(facts, key))).flatten()?;
            let ticks = series.cells().iter().flat_map(|cell| [cell.first.0, cell.last().0]);
            Some((at, ticks.collect::<Vec<i64>>()))
        };
        let past: Vec<(usize, Vec<i64>)> =
            facts.requests.as_slice().par_iter().filter_map(of_client).collect();
        for (at, mine) in past {
            if let Some((_, ticks)) = self.ticks.get_index_mut(at) {
                ticks.extend(mine);
            }
        }
        let mut all: Vec<&mut Vec<i64>> = self.ticks.values_mut().collect();
        all.par_iter_mut().for_each(|ticks| ticks.sort_unstable());
    }

    fn of(&self, client: Client) -> &[i64] {
        self.ticks.get(&client).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
