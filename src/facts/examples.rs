//! Evidence: for every kind of failure the first few records that show it.
//!
//! Grain: hour, vault, cause, caller, operation, object; the [`KEPT`] lowest by time, then blob, then
//! offset. Lowest-k by a total order merges exactly, whatever came first; the hour is there so that
//! a report on a part of the time still has evidence.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Location;
use super::correlation::CorrelationId;
use super::dimensions::{Caller, Dimensions, Ref, Remap, Text, Vault, number};
use super::few::Few;
use super::table::Table;
use crate::ticks::Ticks;

/// Examples kept of each kind of failure in an hour.
pub const KEPT: usize = 3;

/// What an example is an example of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// As the derived one, in fewer steps.
impl Hash for ExampleKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |one: u32, other: u32| u64::from(one) << 32 | u64::from(other);
        let (address, agent) = self.client.unwrap_or_default();
        state.write_u64(self.hour.unwrap_or(i64::MIN).cast_unsigned());
        state.write_u64(pair(number(self.vault), number(Some(self.cause))));
        state.write_u64(pair(number(self.caller), number(self.operation)));
        state.write_u64(pair(number(self.object), u32::from(self.client.is_some())));
        state.write_u64(pair(number(address), number(agent)));
    }
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

/// The examples of a kind, in their order.
#[derive(Debug, Default)]
struct Kept(Few<Example>);

impl Kept {
    /// Takes in one example, if it is among the lowest.
    fn add(&mut self, example: Example, dimensions: &Dimensions) {
        let before = |other: &Example| other.order(&example, dimensions) == Ordering::Less;
        let kept = self.0.as_slice();
        let at = kept.partition_point(before);
        if at >= KEPT || kept.get(at) == Some(&example) {
            return;
        }
        if kept.len() < KEPT {
            self.0.push(example);
        }
        // The last one is new, or goes.
        if let Some(behind) = self.0.as_mut_slice().get_mut(at..) {
            behind.rotate_right(1);
            behind[0] = example;
        }
    }

    /// Reads what [`Self::add`] will read.
    #[inline]
    fn touch(&self) -> i64 {
        self.0.as_slice().first().map_or(0, |example| example.location.offset.cast_signed())
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Examples {
    table: Table<ExampleKey, Kept>,
}

impl Examples {
    /// Whether an example of this time may still be among the lowest: asked before its texts are
    /// kept.
    pub fn wants(&mut self, key: &ExampleKey, time: Option<Ticks>) -> bool {
        let kept = self.table.get(key).map(|kept| kept.0.as_slice()).unwrap_or_default();
        kept.len() < KEPT || kept.last().is_none_or(|last| by_time(time) <= by_time(last.time))
    }

    /// Takes room for so many more kinds at once.
    pub(super) fn reserve(&mut self, more: usize) {
        self.table.reserve(more);
    }

    /// Takes in one example.
    pub fn add(&mut self, key: ExampleKey, example: Example, dimensions: &Dimensions) {
        self.table.value(key).add(example, dimensions);
    }

    /// Takes in many examples.
    pub(super) fn add_all(
        &mut self,
        examples: impl Iterator<Item = (ExampleKey, Example)>,
        dimensions: &Dimensions,
    ) {
        self.table.add_each(examples, Kept::touch, |kept, example| kept.add(example, dimensions));
    }

    /// Takes in another table.
    pub fn merge(&mut self, other: Self, remap: &Remap, dimensions: &Dimensions) {
        let remapped = |example: &Example| Example {
            location: Location { blob: remap.text(example.location.blob), ..example.location },
            correlation_id: example.correlation_id.map(|id| id.remapped(remap)),
            message: remap.maybe(example.message),
            client_address: remap.maybe(example.client_address),
            client_agent: remap.maybe(example.client_agent),
            ..*example
        };
        let key = |key: ExampleKey| ExampleKey {
            hour: key.hour,
            vault: remap.vault(key.vault),
            cause: remap.text(key.cause),
            caller: remap.caller(key.caller),
            operation: remap.maybe(key.operation),
            object: remap.maybe(key.object),
            client: key.client.map(|(address, agent)| (remap.maybe(address), remap.maybe(agent))),
        };
        self.table.merge(other.table, key, Kept::touch, |mine, theirs| {
            for example in theirs.0.as_slice() {
                mine.add(remapped(example), dimensions);
            }
        });
    }

    /// Gives examples to other blobs and lines, which must not change their order.
    pub fn move_to(&mut self, place: impl Fn(Location) -> Location) {
        for example in self.table.rows_mut().iter_mut().flat_map(|(_, kept)| kept.0.as_mut_slice()) {
            example.location = place(example.location);
        }
    }

    /// Every kind with its examples, in no order that means anything.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ExampleKey, &[Example])> {
        self.table.iter().map(|(key, kept)| (key, kept.0.as_slice()))
    }

    /// Keeps the kinds that `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&ExampleKey) -> bool + Sync) {
        self.table.take(|key| !keep(key));
    }
}
