//! What one caller asked of one vault, instance by instance: what detectors look at.
//!
//! Input: the demand. Output: [`Usage`]s in an order that does not depend on maps. What a detector
//! explains is taken out, so that the next one sees only what is left. Must not judge.

use super::LOOKS_AT_ALL;
use super::arrivals::Arrivals;
use crate::classify::causes::Outcome;
use crate::facts::dimensions::Text;
use crate::facts::requests::Cells;
use crate::findings::callers::CallerId;
use crate::findings::load::{Demand, LoadStream};

/// Requests of a caller to one vault, or to all, below which no detector looks at them: the lowest number that any
/// of them asks for.
pub(super) const FEWEST: u64 = 10;

/// Where a stream stands: index of the vault, and of the stream in it.
pub(super) type Place = (usize, usize);

/// One stream, with its place in the demand.
#[derive(Clone, Copy)]
pub(super) struct Row<'d, 'f> {
    pub(super) stream: &'d LoadStream<'f>,
    pub(super) place: Place,
    /// Requests.
    pub(super) count: u64,
}

impl Row<'_, '_> {
    /// Operation name.
    pub(super) fn operation(&self) -> &str {
        self.stream.operation().unwrap_or_default()
    }

    /// It was done, or would have been but for a limit: what an application asks for in earnest.
    pub(super) fn is_work(&self) -> bool {
        self.stream.is_success() || self.stream.is_throttled()
    }

    /// A value or key is read.
    pub(super) fn is_get(&self) -> bool {
        is_get(self.operation())
    }

    /// The place of the object among all texts; 0 without one.
    pub(super) fn object_place(&self) -> u32 {
        self.stream.stream.asked()[1]
    }

    /// It was refused: who asks is not known or not let in, or what is asked for is not there.
    pub(super) fn is_refused(&self) -> bool {
        self.stream.stream.outcome == Outcome::Failure
            && matches!(self.stream.stream.key.status, Some(401 | 403 | 404))
    }
}

/// Whether an operation reads a value or key.
pub(super) fn is_get(operation: &str) -> bool {
    matches!(operation, "SecretGet" | "KeyGet" | "CertificateGet")
}

/// What was asked with one operation.
struct Asked<'f> {
    operation: Option<Text>,
    name: &'f str,
    /// Requests that an application asks for in earnest: see [`Row::is_work`].
    work: u64,
}

/// What one caller asked of one vault.
pub(super) struct Usage<'d, 'f> {
    /// By address and agent, where any detector looks at them.
    rows: Vec<Row<'d, 'f>>,
    /// Sums, by which most detectors see that there is nothing to look for.
    asked: Vec<Asked<'f>>,
    requests: u64,
    throttled: u64,
    refused: u64,
}

/// What one caller asked of all vaults.
pub(super) struct Work<'d, 'f> {
    pub(super) caller: CallerId,
    /// By vault.
    pub(super) usages: Vec<Usage<'d, 'f>>,
}

impl<'d, 'f> Usage<'d, 'f> {
    fn new(rows: Vec<Row<'d, 'f>>) -> Self {
        let mut usage = Self { rows, asked: Vec::new(), requests: 0, throttled: 0, refused: 0 };
        usage.sum();
        if usage.requests >= FEWEST || LOOKS_AT_ALL {
            usage.rows.sort_unstable_by_key(|row| (row.stream.client(), row.place));
        }
        usage
    }

    /// Adds up what is there.
    fn sum(&mut self) {
        (self.requests, self.throttled, self.refused) = (0, 0, 0);
        self.asked.clear();
        for row in &self.rows {
            self.requests += row.count;
            self.throttled += if row.stream.is_throttled() { row.count } else { 0 };
            self.refused += if row.is_refused() { row.count } else { 0 };
            if !row.is_work() {
                continue;
            }
            let operation = row.stream.stream.key.operation;
            match self.asked.iter_mut().rev().find(|asked| asked.operation == operation) {
                Some(asked) => asked.work += row.count,
                None => self.asked.push(Asked {
                    operation,
                    name: row.stream.operation().unwrap_or_default(),
                    work: row.count,
                }),
            }
        }
    }

    /// All requests.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Requests that were answered with 429.
    pub(super) fn throttled(&self) -> u64 {
        self.throttled
    }

    /// Requests that were refused: see [`Row::is_refused`].
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Requests in earnest with the operations that `wanted` picks.
    pub(super) fn work(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        self.asked.iter().filter(|asked| wanted(asked.name)).map(|asked| asked.work).sum()
    }

    /// What came from each address with each agent, in their order.
    pub(super) fn instances(&self) -> impl Iterator<Item = &[Row<'d, 'f>]> {
        self.rows.chunk_by(|one, other| one.stream.client() == other.stream.client())
    }

    /// Every row that is left.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'d, 'f>> {
        self.rows.iter().copied()
    }

    /// The rows that `wanted` picks.
    pub(super) fn picked(&self, wanted: impl Fn(&Row<'d, 'f>) -> bool) -> Vec<Row<'d, 'f>> {
        self.rows().filter(wanted).collect()
    }

    /// Takes rows out, whose places come in order.
    pub(super) fn remove(&mut self, places: &[Place]) {
        self.rows.retain(|row| places.binary_search(&row.place).is_err());
        self.sum();
    }
}

/// The requests of some rows, by second.
pub(super) fn arrivals<'d, 'f: 'd>(rows: impl IntoIterator<Item = Row<'d, 'f>>) -> Arrivals {
    Arrivals::of(rows.into_iter().map(|row| row.stream.cells()))
}

/// The cells of some rows.
pub(super) fn cells<'r, 'f: 'r>(rows: &'r [Row<'_, 'f>]) -> impl Iterator<Item = Cells<'f>> + Clone + 'r {
    rows.iter().map(|row| row.stream.cells())
}

/// All requests of some rows.
pub(super) fn count(rows: &[Row<'_, '_>]) -> u64 {
    rows.iter().map(|row| row.count).sum()
}

/// How many there are, and of which operation they all are.
pub(super) fn count_of_operation(rows: &[Row<'_, '_>]) -> String {
    let operation = rows.first().and_then(|row| row.stream.operation());
    format!("{} {}", count(rows), operation.unwrap_or_default())
}

/// Different addresses.
pub(super) fn addresses(rows: &[Row<'_, '_>]) -> usize {
    distinct(rows.iter().map(|row| row.stream.client()[0]))
}

/// Different objects.
pub(super) fn objects(rows: &[Row<'_, '_>]) -> usize {
    distinct(rows.iter().map(Row::object_place).filter(|place| *place > 0))
}

/// How many different ones there are.
pub(super) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values.len()
}

/// Rows by a key, in its order; those of one key as they stand.
pub(super) fn grouped<'d, 'f, K: Ord>(
    rows: &[Row<'d, 'f>],
    key: impl Fn(&Row<'d, 'f>) -> K,
) -> Vec<Vec<Row<'d, 'f>>> {
    grouped_from(rows, 0, key)
}

/// The same without groups that have fewer requests.
pub(super) fn grouped_from<'d, 'f, K: Ord>(
    rows: &[Row<'d, 'f>],
    fewest: u64,
    key: impl Fn(&Row<'d, 'f>) -> K,
) -> Vec<Vec<Row<'d, 'f>>> {
    let mut keyed: Vec<(K, u32)> = rows.iter().zip(0..).map(|(row, at)| (key(row), at)).collect();
    keyed.sort_unstable();
    let row = |(_, at): &(K, u32)| rows[*at as usize];
    let groups = keyed.chunk_by(|one, other| one.0 == other.0);
    let groups = groups.filter(|group| group.iter().map(|keyed| row(keyed).count).sum::<u64>() >= fewest);
    groups.map(|group| group.iter().map(row).collect()).collect()
}

/// What one caller asked of one vault: a stretch of the vault's streams.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'d, 'f> {
    caller: u32,
    vault: usize,
    /// Where it begins.
    from: usize,
    streams: &'d [LoadStream<'f>],
}

/// The stretches of everyone who asked at least so often, by ids. Requests that name nobody are of nobody.
pub(super) fn by_caller<'d, 'f>(demand: &'d Demand<'f>, fewest: u64) -> Vec<Vec<Stretch<'d, 'f>>> {
    let mut stretches: Vec<Stretch<'d, 'f>> = Vec::new();
    for (vault, load) in demand.vaults.iter().enumerate() {
        let mut from = 0;
        for streams in load.streams.chunk_by(|one, other| one.stream.same_caller(other.stream)) {
            let Some(first) = streams.first() else { continue };
            if first.caller().is_some_and(|caller| caller != (None, None)) {
                stretches.push(Stretch { caller: first.stream.caller_place(), vault, from, streams });
            }
            from += streams.len();
        }
    }
    stretches.sort_unstable_by_key(|stretch| (stretch.caller, stretch.vault));
    let asked = |stretches: &&[Stretch<'_, '_>]| {
        let streams = stretches.iter().flat_map(|stretch| stretch.streams);
        streams.map(|stream| stream.stream.count).sum::<u64>() >= fewest
    };
    let callers = stretches.chunk_by(|one, other| one.caller == other.caller);
    callers.filter(asked).map(<[Stretch<'_, '_>]>::to_vec).collect()
}

impl<'d, 'f> Work<'d, 'f> {
    /// What the stretches of one caller come to; none of nobody.
    pub(super) fn new(stretches: &[Stretch<'d, 'f>]) -> Option<Self> {
        let caller = stretches.first()?.streams.first()?.caller()?;
        let usage = |stretch: &Stretch<'d, 'f>| {
            let places = (stretch.from..).map(|at| (stretch.vault, at));
            let rows = stretch.streams.iter().zip(places);
            let row = |(stream, place): (&'d LoadStream<'f>, Place)| Row {
                stream,
                place,
                count: stream.stream.count,
            };
            Usage::new(rows.map(row).collect())
        };
        Some(Self { caller, usages: stretches.iter().map(usage).collect() })
    }

    /// Requests in earnest with the operations that `wanted` picks.
    pub(super) fn work(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        self.usages.iter().map(|usage| usage.work(&wanted)).sum()
    }

    /// Every row that is left.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'d, 'f>> {
        self.usages.iter().flat_map(Usage::rows)
    }
}
