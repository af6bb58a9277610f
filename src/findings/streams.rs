//! Streams of requests with all that judgement asks of them, looked up once, in one order.
//!
//! Input: settled facts. Output: [`Streams`], by caller, vault, operation and object: what belongs to one
//! row of a table of callers stands together, and comes in the order in which tables are sorted.

use rayon::prelude::*;

use super::callers::{CallerId, id_of};
use super::denials::is_lacking;
use super::limits::WINDOW_SECONDS;
use crate::classify::causes::{Causes, Outcome};
use crate::facts::Facts;
use crate::facts::dimensions::{Dimensions, RequestKey, Text};
use crate::facts::requests::Series;
use crate::ticks::Ticks;

/// One stream of requests with its cause looked up.
#[derive(Clone, Copy)]
pub(crate) struct Stream<'f> {
    pub(super) key: &'f RequestKey,
    pub(super) series: &'f Series,
    cause: &'f KnownCause<'f>,
    pub(super) outcome: Outcome,
    /// Requests.
    pub(super) count: u64,
    /// The most of them in any ten seconds, in which limits count.
    pub(super) busiest: u64,
    /// First and last tick; the last is before the first where none has a time.
    first: Ticks,
    last: Ticks,
    /// The caller; `None` where the record names nobody.
    pub(super) caller: Option<CallerId>,
    /// The vault's name.
    pub(super) vault: Option<Text>,
    /// By caller, vault, operation and object, each by its place among its like.
    place: [u32; 4],
}

/// All streams in order.
pub(super) struct Streams<'f> {
    sorted: Vec<Stream<'f>>,
    ranks: Ranks,
}

/// The place of each text among those that name callers, vaults, operations, objects and clients: tables
/// are sorted by numbers.
pub(super) struct Ranks(Vec<u32>);

impl<'f> Stream<'f> {
    /// Cause id.
    pub(super) fn cause(&self) -> &'f str {
        self.cause.cause
    }

    /// Whether the cause says that the caller lacks a grant.
    pub(super) fn is_lacking(&self) -> bool {
        self.cause.lacking
    }

    /// First and last tick; none where no request has a time.
    pub(super) fn bounds(&self) -> Option<(Ticks, Ticks)> {
        (self.first <= self.last).then_some((self.first, self.last))
    }

    /// The caller's object id.
    pub(super) fn oid(&self) -> Option<Text> {
        self.caller.and_then(|caller| caller.0)
    }

    /// Whether two streams are one caller's.
    pub(super) fn same_caller(&self, other: &Self) -> bool {
        self.place[0] == other.place[0]
    }

    /// Whether two streams are one caller's on one vault.
    pub(super) fn same_vault(&self, other: &Self) -> bool {
        self.place[..2] == other.place[..2]
    }

    /// Where the caller stands among all callers; 0 where the record names nobody.
    pub(super) fn caller_place(&self) -> u32 {
        self.place[0]
    }

    /// Operation and object, as numbers that are ordered as they are.
    pub(super) fn asked(&self) -> [u32; 2] {
        [self.place[2], self.place[3]]
    }

    /// Whether two streams are one caller's, on one vault with one operation.
    pub(super) fn same_use(&self, other: &Self) -> bool {
        self.place[..3] == other.place[..3]
    }

    /// Whether two streams are one caller's, on one vault with one operation and object.
    pub(super) fn same_access(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

/// The order of all streams, and what it is made of.
pub(super) struct Order {
    ranks: Ranks,
    /// For each entry of the callers, the place of its id among all ids, from 1, and the id.
    callers: Vec<(u32, CallerId)>,
    /// For each entry of the vaults, its name.
    vaults: Vec<Text>,
    /// The places of each row of the requests, and the row's number; in order.
    rows: Vec<(u128, u32)>,
}

impl Order {
    /// The order of facts as they lie.
    pub(super) fn new(facts: &Facts) -> Self {
        let ranks = Ranks::new(facts);
        let callers = caller_places(&facts.dimensions, &ranks);
        let vaults = facts.dimensions.vaults.iter().map(|vault| vault.name).collect();
        let mut order = Self { ranks, callers, vaults, rows: Vec::new() };
        let place = |(row, (key, _)): (usize, &(RequestKey, Series))| {
            (order.place(key), u32::try_from(row).expect("fewer than 2^32 rows"))
        };
        let mut rows: Vec<(u128, u32)> =
            facts.requests.as_slice().par_iter().enumerate().map(place).collect();
        rows.par_sort_unstable();
        order.rows = rows;
        order
    }

    /// Has the requests lie in this order: each of the many looks at all streams then reads memory from one end to
    /// the other.
    pub(super) fn arrange(&mut self, facts: &mut Facts) {
        let order: Vec<u32> = self.rows.iter().map(|(_, row)| *row).collect();
        if order.iter().copied().eq(0..u32::try_from(order.len()).unwrap_or(u32::MAX)) {
            return;
        }
        facts.requests.arrange(&order);
        for ((_, row), at) in self.rows.iter_mut().zip(0..) {
            *row = at;
        }
    }

    fn place(&self, key: &RequestKey) -> u128 {
        let caller = self.caller(key).map_or(0, |caller| caller.0);
        let ranks = &self.ranks;
        packed([caller, ranks.of(self.vault(key)), ranks.of(key.operation), ranks.of(key.object)])
    }

    fn caller(&self, key: &RequestKey) -> Option<(u32, CallerId)> {
        key.caller.and_then(|caller| self.callers.get(caller.index())).copied()
    }

    fn vault(&self, key: &RequestKey) -> Option<Text> {
        key.vault.and_then(|vault| self.vaults.get(vault.index())).copied()
    }
}

impl<'f> Streams<'f> {
    /// Reads all requests of facts that have this order.
    pub(super) fn new(facts: &'f Facts, causes: &'f KnownCauses<'f>, order: Order) -> Self {
        let all = facts.requests.as_slice();
        let stream = |(place, row): &(u128, u32)| {
            let (key, series) = &all[*row as usize];
            let cause = causes.of(key);
            let (first, last) = series.bounds().unwrap_or(NO_BOUNDS);
            Stream {
                key,
                series,
                cause,
                outcome: cause.outcome.unwrap_or_else(|| outcome_by_status(key)),
                count: series.count(),
                busiest: series.busiest(WINDOW_SECONDS),
                first,
                last,
                caller: order.caller(key).map(|caller| caller.1),
                vault: order.vault(key),
                place: unpacked(*place),
            }
        };
        let sorted = order.rows.par_iter().map(stream).collect();
        Self { sorted, ranks: order.ranks }
    }

    /// All streams, by caller, vault, operation and object.
    pub(super) fn as_slice(&self) -> &[Stream<'f>] {
        &self.sorted
    }

    /// The place of a text.
    pub(super) fn rank(&self, text: Option<Text>) -> u32 {
        self.ranks.of(text)
    }
}

impl Ranks {
    fn new(facts: &Facts) -> Self {
        let dimensions = &facts.dimensions;
        let mut texts: Vec<Text> = Vec::new();
        let mut ranks: Vec<u32> = Vec::new();
        let mut add = |text: Option<Text>| {
            let Some(text) = text else { return };
            if ranks.len() <= text.index() {
                ranks.resize(text.index() + 1, 0);
            }
            if ranks[text.index()] == 0 {
                ranks[text.index()] = u32::MAX;
                texts.push(text);
            }
        };
        for caller in dimensions.callers.iter() {
            add(caller.oid);
            add(caller.appid);
        }
        for vault in dimensions.vaults.iter() {
            add(Some(vault.name));
        }
        for (key, _) in facts.requests.iter() {
            for text in [key.operation, key.object, key.client_address, key.client_agent] {
                add(text);
            }
        }
        // Most texts differ in their first bytes: those are compared without going to the text.
        let mut sorted: Vec<(u128, Text)> =
            texts.into_iter().map(|text| (head(dimensions.strings.get(text)), text)).collect();
        sorted.par_sort_unstable_by(|one, other| {
            let text = |text: Text| dimensions.strings.get(text);
            one.0.cmp(&other.0).then_with(|| text(one.1).cmp(text(other.1)))
        });
        for (place, (_, text)) in (1..).zip(sorted) {
            ranks[text.index()] = place;
        }
        Self(ranks)
    }

    /// The place of a text, from 1; what is missing comes first.
    fn of(&self, text: Option<Text>) -> u32 {
        text.and_then(|text| self.0.get(text.index())).copied().unwrap_or(0)
    }
}

/// Four places as one number that is ordered as they are: it is compared in a step.
fn packed(place: [u32; 4]) -> u128 {
    place.into_iter().fold(0, |all, place| all << 32 | u128::from(place))
}

/// The places of such a number.
fn unpacked(place: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| u32::try_from(place >> shift & u128::from(u32::MAX)).unwrap_or(0))
}

/// The first 16 bytes as a number that is ordered as they are.
fn head(text: &str) -> u128 {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    u128::from_be_bytes(bytes)
}

/// For each entry of the callers, the place of its id among all ids, from 1, and the id.
fn caller_places(dimensions: &Dimensions, ranks: &Ranks) -> Vec<(u32, CallerId)> {
    let ids: Vec<CallerId> = dimensions.callers.iter().map(id_of).collect();
    let rank = |id: &CallerId| (ranks.of(id.0), ranks.of(id.1));
    let mut distinct: Vec<(u32, u32)> = ids.iter().map(rank).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let place = |id: &CallerId| distinct.binary_search(&rank(id)).map_or(0, |at| at + 1);
    ids.iter().map(|id| (u32::try_from(place(id)).unwrap_or(u32::MAX), *id)).collect()
}

/// What a stream has for bounds in which no request has a time.
const NO_BOUNDS: (Ticks, Ticks) = (Ticks(i64::MAX), Ticks(i64::MIN));

/// What is known of a cause.
#[derive(Clone, Copy, Default)]
struct KnownCause<'f> {
    cause: &'f str,
    lacking: bool,
    outcome: Option<Outcome>,
}

/// Each cause of the facts with its text and outcome, by the place of the text among all texts.
pub(super) struct KnownCauses<'f> {
    known: Vec<Option<KnownCause<'f>>>,
    /// What is told of a cause that is not there.
    unknown: KnownCause<'f>,
}

impl<'f> KnownCauses<'f> {
    /// Looks up every cause once; no outcome is known of one that this table does not have (facts made
    /// with another cause file).
    pub(super) fn new(facts: &'f Facts, causes: &Causes) -> Self {
        let mut known: Vec<Option<KnownCause<'_>>> = Vec::new();
        for (key, _) in facts.requests.iter() {
            let at = key.cause.index();
            if known.len() <= at {
                known.resize(at + 1, None);
            }
            known[at].get_or_insert_with(|| {
                let cause = facts.dimensions.strings.get(key.cause);
                let outcome = causes.find(cause).map(|cause| cause.outcome);
                KnownCause { cause, lacking: is_lacking(cause), outcome }
            });
        }
        Self { known, unknown: KnownCause::default() }
    }

    /// The cause of a stream.
    fn of(&self, key: &RequestKey) -> &KnownCause<'f> {
        self.known.get(key.cause.index()).and_then(Option::as_ref).unwrap_or(&self.unknown)
    }
}

/// The outcome of a cause that the table does not know.
fn outcome_by_status(key: &RequestKey) -> Outcome {
    if key.status.is_some_and(|status| status >= 400) { Outcome::Failure } else { Outcome::Success }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Packed places are ordered as they are, and none is lost.
        #[test]
        fn packed_places_are_ordered_as_places(one in any::<[u32; 4]>(), other in any::<[u32; 4]>()) {
            prop_assert_eq!(packed(one).cmp(&packed(other)), one.cmp(&other));
            prop_assert_eq!(unpacked(packed(one)), one);
        }

        /// Numbers are ordered as the texts are, as far as they tell them apart.
        #[test]
        fn heads_are_ordered_as_texts(one in "[a-c\u{0}é]{0,20}", other in "[a-c\u{0}é]{0,20}") {
            let by_head = head(&one).cmp(&head(&other));
            prop_assert_eq!(by_head.then_with(|| one.cmp(&other)), one.cmp(&other));
        }

        /// Streams come in the order of their texts.
        #[test]
        fn streams_are_in_order(requests in prop::collection::vec((0_u8..4, 0_u8..3, 0_u8..3), 0..30)) {
            let line = |(caller, vault, object): &(u8, u8, u8)| serde_json::json!({
                "time": "2026-03-12T14:00:00Z",
                "category": "AuditEvent",
                "operationName": "SecretGet",
                "identity": {"claim": if *caller == 0 { serde_json::json!({}) } else { serde_json::json!({"oid": format!("o-{caller}")}) }},
                "properties": {"id": format!("https://kv.vault.azure.net/secrets/s-{object}"), "httpStatusCode": 200},
                "resourceId": format!("/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-{vault}"),
            }).to_string();
            let facts = crate::facts::tests::facts_of("a", &requests.iter().map(line).collect::<Vec<_>>());
            let known = KnownCauses::new(&facts, &Causes::built_in());
            let streams = Streams::new(&facts, &known, Order::new(&facts));
            let text = |text: Option<Text>| facts.dimensions.text(text);
            let places: Vec<_> = streams
                .as_slice()
                .iter()
                .map(|stream| (stream.caller.is_some(), text(stream.oid()), text(stream.vault), text(stream.key.object)))
                .collect();
            prop_assert!(places.is_sorted(), "{:?}", places);
        }
    }
}
