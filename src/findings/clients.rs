//! What can be said of clients that a 401 does not name: who they probably are, and which build a
//! client for every request.
//!
//! A challenge names nobody. A request with a token of the same vault, address and client agent in the
//! hour around it names somebody; where several callers share them, nobody can be named.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use super::failures::evidence_of;
use super::tally::percent;
use super::verdicts::short;
use super::{Analysis, Stream};
use crate::classify::Basis;
use crate::classify::causes::{Outcome, Severity};
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::examples::{Example, KEPT};
use crate::facts::requests::Cell;
use crate::record::operation::Plane;
use crate::report::{Confidence, Finding, ProbableCaller, Saving};
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// Seconds around a challenge in which a request of the same client says who it is.
const AROUND_S: i64 = 3600;

/// Challenges below which a ratio says nothing.
const FEWEST_CHALLENGES: u64 = 10;

/// Challenges further apart than this (seconds) are of different runs of a program, not of requests.
const APART_S: i64 = 60;

/// Tools that are one process a command, and so challenge once a request by their nature.
const COMMAND_LINES: [&str; 3] = ["azurecli", "powershell", "mozilla/"];

/// Address and agent.
type Client = (Option<Text>, Option<Text>);

/// Somebody who came from a client.
#[derive(Clone, Copy, Debug)]
struct Seen {
    vault: Option<Text>,
    oid: Text,
    first: Ticks,
    last: Ticks,
}

/// Who came from the clients of requests that name nobody.
#[derive(Debug, Default)]
pub(super) struct Clients {
    seen: Map<Client, Vec<Seen>>,
}

/// How near a caller is to a request: the same vault within the hour, the same vault, the client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    Client,
    Vault,
    Hour,
}

impl Clients {
    /// Looks for the clients of failures that are 401 and name nobody.
    pub(super) fn new(analysis: &Analysis<'_>) -> Self {
        let unnamed =
            analysis.streams().filter(|stream| stream.outcome == Outcome::Failure && is_unnamed(stream));
        let mut seen: Map<Client, Vec<Seen>> = unnamed
            .filter(|stream| stream.key.client_address.is_some())
            .map(|stream| (client(stream), Vec::new()))
            .collect();
        if seen.is_empty() {
            return Self { seen };
        }
        for stream in analysis.streams().filter(|stream| stream.key.plane == Plane::Data) {
            let oid = stream.oid();
            let (Some(oid), Some(of_client)) = (oid, seen.get_mut(&client(stream))) else { continue };
            let vault = stream.vault;
            if let Some((first, last)) = stream.bounds() {
                of_client.push(Seen { vault, oid, first, last });
            }
        }
        Self { seen }
    }

    /// Who made requests that name nobody.
    pub(super) fn probable(
        &self,
        analysis: &Analysis<'_>,
        streams: &[&Stream<'_>],
    ) -> Option<ProbableCaller> {
        if streams.is_empty() || !streams.iter().all(|stream| is_unnamed(stream)) {
            return None;
        }
        let nobody = |why: String| Some(ProbableCaller { oid: None, name: None, confidence: None, why });
        let mut callers: Vec<Text> = Vec::new();
        let mut worst = Near::Hour;
        for stream in streams {
            let Some((near, oids)) = self.nearest(stream) else {
                return nobody(
                    "Nobody can be named: no request with a token came from this address and client agent."
                        .to_owned(),
                );
            };
            worst = worst.min(near);
            for oid in oids {
                if !callers.contains(&oid) {
                    callers.push(oid);
                }
            }
        }
        let [oid] = callers[..] else {
            return nobody(format!(
                "Nobody can be named: {} callers share the address and client agent.",
                callers.len()
            ));
        };
        let (confidence, words) = match worst {
            Near::Hour => (
                Confidence::Medium,
                "the only one that called this vault from this address with this client agent within the hour",
            ),
            Near::Vault => (
                Confidence::Low,
                "the only one that called this vault from this address with this client agent, at another time",
            ),
            Near::Client => (
                Confidence::Low,
                "the only one that came from this address with this client agent, to another vault",
            ),
        };
        let known = analysis.callers.identity(Some((Some(oid), None))).unwrap_or_default();
        Some(ProbableCaller {
            oid: Some(analysis.facts.dimensions.strings.get(oid).to_owned()),
            name: known.name.clone(),
            confidence: Some(confidence),
            why: format!("Probably {}: {words}.", short(&known)),
        })
    }

    /// The nearest callers to a stream.
    fn nearest(&self, stream: &Stream<'_>) -> Option<(Near, Vec<Text>)> {
        let vault = stream.vault;
        let around = AROUND_S * TICKS_PER_SECOND;
        let near = |seen: &Seen| match stream.bounds() {
            _ if seen.vault != vault => Near::Client,
            Some((first, last)) if seen.last.0 >= first.0 - around && seen.first.0 <= last.0 + around => {
                Near::Hour
            }
            _ => Near::Vault,
        };
        let seen = self.seen.get(&client(stream))?;
        let best = seen.iter().map(near).max()?;
        let mut oids: Vec<Text> =
            seen.iter().filter(|seen| near(seen) == best).map(|seen| seen.oid).collect();
        // They were seen by caller: one stands beside itself.
        oids.dedup();
        Some((best, oids))
    }
}

fn client(stream: &Stream<'_>) -> Client {
    (stream.key.client_address, stream.key.client_agent)
}

/// Whether a stream is of 401s that name nobody.
fn is_unnamed(stream: &Stream<'_>) -> bool {
    stream.key.status == Some(401) && stream.caller.is_none_or(|id| id == (None, None))
}

/// What a client did.
#[derive(Default)]
struct Behaviour {
    challenges: Vec<Cell>,
    requests: u64,
    oids: BTreeSet<usize>,
    oid: Option<Text>,
}

/// Clients that are challenged about once for every request, request after request.
pub(super) fn find(analysis: &Analysis<'_>) -> Vec<Finding> {
    let mut all: Map<Client, Behaviour> = Map::default();
    for stream in analysis.streams().filter(|stream| stream.outcome == Outcome::Challenge) {
        if stream.key.client_address.is_some() {
            all.entry(client(stream)).or_default().challenges.extend(stream.series.cells());
        }
    }
    all.retain(|client, behaviour| {
        count(&behaviour.challenges) >= FEWEST_CHALLENGES && !is_command_line(analysis, client.1)
    });
    if all.is_empty() {
        return Vec::new();
    }
    for stream in analysis.streams().filter(|stream| stream.key.plane == Plane::Data) {
        if stream.key.status.is_none_or(|status| status == 401) {
            continue;
        }
        let Some(behaviour) = all.get_mut(&client(stream)) else { continue };
        behaviour.requests += stream.count;
        if let Some(oid) = stream.oid() {
            behaviour.oids.insert(oid.index());
            behaviour.oid = Some(oid);
        }
    }
    let per_request = all.iter().filter(|(_, behaviour)| behaviour.is_per_request());
    per_request.map(|(client, behaviour)| finding(analysis, *client, behaviour)).collect()
}

fn is_command_line(analysis: &Analysis<'_>, agent: Option<Text>) -> bool {
    let agent = analysis.facts.dimensions.text(agent).unwrap_or_default().to_ascii_lowercase();
    COMMAND_LINES.iter().any(|tool| agent.contains(tool))
}

fn count(cells: &[Cell]) -> u64 {
    cells.iter().map(|cell| u64::from(cell.count)).sum()
}

impl Behaviour {
    /// About one to one, and close together.
    fn is_per_request(&self) -> bool {
        let challenges = count(&self.challenges);
        let about_one_to_one = challenges * 10 >= self.requests * 8 && self.requests * 10 >= challenges * 8;
        about_one_to_one && self.close() * 10 >= challenges * 8
    }

    /// Challenges that came soon after another.
    fn close(&self) -> u64 {
        let mut cells = self.challenges.clone();
        cells.sort_unstable();
        let mut previous: Option<i64> = None;
        let mut close = 0;
        for cell in cells {
            let soon = previous.is_some_and(|previous| cell.second() - previous <= APART_S);
            close += u64::from(cell.count) - u64::from(!soon);
            previous = Some(cell.second());
        }
        close
    }
}

fn finding(analysis: &Analysis<'_>, client: Client, behaviour: &Behaviour) -> Finding {
    let dimensions = &analysis.facts.dimensions;
    let [address, agent] = [client.0, client.1].map(|text| dimensions.text(text));
    let caller = behaviour.oid.filter(|_| behaviour.oids.len() == 1);
    let caller = caller.and_then(|oid| analysis.callers.identity(Some((Some(oid), None))));
    let who = caller.as_ref().map_or_else(|| address.unwrap_or_default().to_owned(), short);
    let challenges = count(&behaviour.challenges);
    let place = [address, agent].map(|text| text.unwrap_or("\u{0}")).join("\u{1f}");
    Finding {
        id: format!("client-per-request-{:016x}", xxh3_64(place.as_bytes())),
        code: "client-per-request".to_owned(),
        severity: Severity::Medium,
        title: format!("A client for every request: {who}"),
        vault: None,
        caller,
        operation: None,
        object: None,
        status: Some(401),
        count: challenges,
        share_percent: 0.0,
        first: behaviour.challenges.iter().map(|cell| cell.first).min(),
        last: behaviour.challenges.iter().map(Cell::last).max(),
        confidence: Confidence::Medium,
        basis: Basis::Pairing,
        why: format!(
            "{} was challenged {challenges} times for {} requests: a client that is kept is challenged once and then \
             sends its token along.",
            agent.unwrap_or("The client"),
            behaviour.requests
        ),
        fix: vec!["Keep one client (SecretClient, KeyClient) for the life of the process, for instance as a singleton: every request now takes two, which counts against the vault's limits.".to_owned()],
        reference: "https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses".to_owned(),
        client_addresses: address.map(str::to_owned).into_iter().collect(),
        evidence: evidence(analysis, client),
        asked: None,
        probable_caller: None,
        explained_by: None,
        experimental: false,
        // Beside the first, all the challenges. They count against limits only if that is assumed.
        saving: Some(Saving {
            requests: challenges.saturating_sub(1),
            percent: percent(challenges.saturating_sub(1), challenges + behaviour.requests),
            how: "one client for the life of the process (of its own requests and challenges)".to_owned(),
        }),
    }
}

fn evidence(analysis: &Analysis<'_>, client: Client) -> Vec<crate::report::Evidence> {
    let of_client = analysis.facts.examples.iter().filter(|(key, _)| key.client == Some(client));
    let mut examples: BTreeMap<_, &Example> = BTreeMap::new();
    for example in of_client.flat_map(|(_, examples)| examples) {
        let blob = analysis.facts.dimensions.strings.get(example.location.blob);
        examples.insert((example.time.is_none(), example.time, blob, example.location.offset), example);
    }
    examples.into_values().take(KEPT).map(|example| evidence_of(analysis, example, false)).collect()
}
