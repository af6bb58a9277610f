//! The order of rows by their texts, told by numbers.
//!
//! Input: the dimensions. Output: for every key its place ([`RequestPlace`] and its like), which orders as the texts
//! of the key do. A key has up to thirty texts; each of them is compared once with its like, and not once a key.

use rayon::prelude::*;

use super::correlation::CorrelationId;
use super::dimensions::{Dimensions, Ref, RequestKey, Text};
use super::examples::{Example, ExampleKey};
use super::latency::LatencyKey;
use crate::classify::Basis;
use crate::record::AccessFlags;
use crate::record::operation::Plane;
use crate::ticks::Ticks;

/// Where a key stands among all keys: by its fields in this order. Callers come first, then vaults, operations and
/// objects, as streams are judged: then they need hardly be put in another order when they are read, and their cells lie
/// in memory as they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestPlace {
    caller: u32,
    vault: u32,
    operation: u32,
    object: u32,
    plane: Plane,
    key_kind: u32,
    client_address: u32,
    client_agent: u32,
    status: Option<u16>,
    cause: u32,
    basis: Basis,
    access: AccessFlags,
    settled: bool,
    denial: u32,
}

/// Where durations stand: by hour, vault and operation.
pub(super) type LatencyPlace = (i64, u32, u32);

/// Where a correlation id stands: GUIDs, which are ordered as their texts are, before others. It decides of nothing
/// but the order of records that stand at the same place of one blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CorrelationPlace {
    None,
    Guid([u8; 16]),
    Other(u32),
}

/// Where an example stands: by its kind, then in its kind's own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExamplePlace {
    hour: Option<i64>,
    vault: u32,
    cause: u32,
    caller: u32,
    operation: u32,
    object: u32,
    by_client: bool,
    rank: u8,
    time: Option<Ticks>,
    blob: u32,
    offset: u64,
    line: u64,
    correlation_id: CorrelationPlace,
    message: u32,
    client_address: u32,
    client_agent: u32,
}

/// The place of each text and each combination of texts among its like, from 1; nothing is before all.
pub(super) struct Places {
    texts: Vec<u32>,
    vaults: Vec<u32>,
    callers: Vec<u32>,
    denials: Vec<u32>,
}

impl Places {
    pub(super) fn new(dimensions: &Dimensions) -> Self {
        Self {
            texts: places(dimensions.strings.iter()),
            vaults: places(dimensions.vaults.refs().map(|vault| dimensions.vault_row(Some(vault)))),
            callers: places(dimensions.callers.refs().map(|caller| dimensions.caller_row(Some(caller)))),
            denials: places(dimensions.denials.refs().map(|denial| dimensions.denial_row(Some(denial)))),
        }
    }

    /// The place of a key.
    pub(super) fn of(&self, key: &RequestKey) -> RequestPlace {
        let text = |text: Option<Text>| place(&self.texts, text);
        RequestPlace {
            vault: place(&self.vaults, key.vault),
            plane: key.plane,
            operation: text(key.operation),
            object: text(key.object),
            key_kind: text(key.key_kind),
            caller: place(&self.callers, key.caller),
            client_address: text(key.client_address),
            client_agent: text(key.client_agent),
            status: key.status,
            cause: text(Some(key.cause)),
            basis: key.basis,
            access: key.access,
            settled: key.settled,
            denial: place(&self.denials, key.denial),
        }
    }

    /// The place of durations.
    pub(super) fn of_latency(&self, key: &LatencyKey) -> LatencyPlace {
        (key.hour, place(&self.vaults, key.vault), place(&self.texts, key.operation))
    }

    /// The place of one of the examples of a kind.
    pub(super) fn of_example(&self, key: &ExampleKey, rank: u8, example: &Example) -> ExamplePlace {
        let text = |text: Option<Text>| place(&self.texts, text);
        ExamplePlace {
            hour: key.hour,
            vault: place(&self.vaults, key.vault),
            cause: text(Some(key.cause)),
            caller: place(&self.callers, key.caller),
            operation: text(key.operation),
            object: text(key.object),
            by_client: key.client.is_some(),
            rank,
            time: example.time,
            blob: text(Some(example.location.blob)),
            offset: example.location.offset,
            line: example.location.line,
            correlation_id: match example.correlation_id {
                None => CorrelationPlace::None,
                Some(CorrelationId::Guid(bytes)) => CorrelationPlace::Guid(bytes),
                Some(CorrelationId::Other(id)) => CorrelationPlace::Other(text(Some(id))),
            },
            message: text(example.message),
            client_address: text(example.client_address),
            client_agent: text(example.client_agent),
        }
    }
}

/// Whether keys come in the order of their texts, so that each of them comes once.
pub(super) fn are_ascending<V: Sync>(dimensions: &Dimensions, rows: &[(RequestKey, V)]) -> bool {
    let places = Places::new(dimensions);
    rows.par_windows(2).all(|pair| places.of(&pair[0].0) < places.of(&pair[1].0))
}

/// The place of a reference.
fn place<T: ?Sized>(places: &[u32], reference: Option<Ref<T>>) -> u32 {
    reference.and_then(|reference| places.get(reference.index())).copied().unwrap_or(0)
}

/// The place of each of different values, from 1.
fn places<T: Ord>(values: impl Iterator<Item = T>) -> Vec<u32> {
    let mut sorted: Vec<(T, usize)> = values.zip(0..).collect();
    sorted.sort_unstable();
    let mut places = vec![0; sorted.len()];
    for (place, (_, at)) in (1..).zip(sorted) {
        places[at] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::facts::requests::{Requests, Series};
    use crate::facts::tests::{any_line, facts_of};

    proptest! {
        /// Streams in their order have a key each; where one comes twice, that is seen, and both are counted as one.
        #[test]
        fn a_key_that_comes_twice_is_seen(
            lines in prop::collection::vec(any_line(), 2..40),
            twice in any::<prop::sample::Index>(),
            to in any::<prop::sample::Index>(),
        ) {
            let facts = facts_of("a", &lines);
            let sorted = facts.requests_in_order(&Places::new(&facts.dimensions));
            let rows: Vec<(RequestKey, Series)> =
                sorted.into_iter().map(|(key, series)| (*key, series.clone())).collect();
            prop_assume!(!rows.is_empty());
            prop_assert!(are_ascending(&facts.dimensions, &rows));
            prop_assert_eq!(Requests::of(rows.clone(), true).keys(), rows.len());
            let mut more = rows.clone();
            let row = twice.get(&rows).clone();
            more.insert(to.index(rows.len() + 1), row.clone());
            prop_assert!(!are_ascending(&facts.dimensions, &more));
            let both = Requests::of(more, false);
            prop_assert_eq!(both.keys(), rows.len());
            let found = both.iter().find(|(key, _)| **key == row.0).map(|(_, series)| series.count());
            prop_assert_eq!(found, Some(2 * row.1.count()));
        }
    }
}
