//! Evidence: for every kind of failure the first few records that show it.
//!
//! Grain: hour, vault, cause, caller, operation, object; the [`KEPT`] lowest by time, then blob, then
//! offset. Lowest-k by a total order merges exactly, whatever came first; the hour is there so that
//! a report on a part of the time still has evidence.

use std::cmp::Ordering;

use super::correlation::CorrelationId;
use super::dimensions::{Caller, Dimensions, Ref, Remap, Text, Vault};
use super::{Location, Map};
use crate::ticks::Ticks;

/// Examples kept of each kind of failure in an hour.
pub const KEPT: usize = 3;

/// What an example is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExampleKey {
    /// Hours since 1970; `None` for records without a time.
    pub hour: Option<i64>,
    /// The vault.
    pub vault: Option<Ref<Vault>>,
    /// Cause id, as classified: challenges are not yet judged.
    pub cause: Text,
    /// Who.
    pub caller: Option<Ref<Caller>>,
    /// The operation.
    pub operation: Option<Text>,
    /// The object.
    pub object: Option<Text>,
    /// Address and agent, of challenges only: they name no caller, and are judged by client.
    pub client: Option<(Option<Text>, Option<Text>)>,
}

/// One record, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// When.
    pub time: Option<Ticks>,
    /// Where.
    pub location: Location,
    /// Correlation id.
    pub correlation_id: Option<CorrelationId>,
    /// Message, shortened and without tokens.
    pub message: Option<Text>,
    /// Client address.
    pub client_address: Option<Text>,
    /// Client agent.
    pub client_agent: Option<Text>,
}

impl Example {
    /// The total order: by time (records without one last), blob name, offset.
    fn order(&self, other: &Self, dimensions: &Dimensions) -> Ordering {
        by_time(self.time)
            .cmp(&by_time(other.time))
            .then_with(|| {
                let name = |example: &Self| dimensions.strings.get(example.location.blob).to_owned();
                if self.location.blob == other.location.blob {
                    Ordering::Equal
                } else {
                    name(self).cmp(&name(other))
                }
            })
            .then_with(|| self.location.offset.cmp(&other.location.offset))
    }
}

/// The hour of a time, since 1970.
pub fn hour_of(time: Option<Ticks>) -> Option<i64> {
    time.map(|time| time.second().div_euclid(3600))
}

/// A missing time is later than any.
fn by_time(time: Option<Ticks>) -> (bool, Option<Ticks>) {
    (time.is_none(), time)
}

/// The table.
#[derive(Debug, Default)]
pub struct Examples {
    map: Map<ExampleKey, Vec<Example>>,
}

impl Examples {
    /// Whether an example of this time may still be among the lowest: asked before its texts are
    /// kept.
    pub fn wants(&self, key: &ExampleKey, time: Option<Ticks>) -> bool {
        let kept = self.map.get(key);
        kept.is_none_or(|kept| {
            kept.len() < KEPT || kept.last().is_none_or(|last| by_time(time) <= by_time(last.time))
        })
    }

    /// Takes room for so many more kinds at once.
    pub(super) fn reserve(&mut self, more: usize) {
        self.map.reserve(more);
    }

    /// Takes in one example.
    pub fn add(&mut self, key: ExampleKey, example: Example, dimensions: &Dimensions) {
        let kept = self.map.entry(key).or_default();
        let at = kept.partition_point(|other| other.order(&example, dimensions) == Ordering::Less);
        if at < KEPT && kept.get(at) != Some(&example) {
            // Most kinds have one example.
            kept.reserve_exact(1);
            kept.insert(at, example);
            kept.truncate(KEPT);
        }
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap, dimensions: &Dimensions) {
        for (key, examples) in other.map {
            let key = ExampleKey {
                hour: key.hour,
                vault: remap.vault(key.vault),
                cause: remap.text(key.cause),
                caller: remap.caller(key.caller),
                operation: remap.maybe(key.operation),
                object: remap.maybe(key.object),
                client: key.client.map(|(address, agent)| (remap.maybe(address), remap.maybe(agent))),
            };
            for example in examples {
                let location = Location { blob: remap.text(example.location.blob), ..example.location };
                let example = Example {
                    location,
                    correlation_id: example.correlation_id.map(|id| id.remapped(remap)),
                    message: remap.maybe(example.message),
                    client_address: remap.maybe(example.client_address),
                    client_agent: remap.maybe(example.client_agent),
                    ..example
                };
                self.add(key, example, dimensions);
            }
        }
    }

    /// Gives examples to other blobs and lines, which must not change their order.
    pub fn move_to(&mut self, place: impl Fn(Location) -> Location) {
        for example in self.map.values_mut().flatten() {
            example.location = place(example.location);
        }
    }

    /// Every kind with its examples, in no order that means anything.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ExampleKey, &[Example])> {
        self.map.iter().map(|(key, examples)| (key, examples.as_slice()))
    }

    /// Keeps the kinds that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&ExampleKey) -> bool) {
        self.map.retain(|key, _| keep(key));
    }
}
