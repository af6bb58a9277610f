//! What was asked of each vault, stream by stream, weighed against the service's limits.
//!
//! Input: the analysis of merged facts, what is known of keys, and the limits. Output: `Demand`: each
//! stream with its class and what one of its requests takes. Everything about load starts here: headroom,
//! caching, splitting, the named patterns. Must not judge whether a load is high.

pub(crate) mod blocks;
pub mod class;
pub(crate) mod fullest;
pub mod key_kind;
mod known_keys;
pub(crate) mod patterns;
mod weights;
pub(crate) mod windows;

use class::{Budgets, Charge, Class};
use key_kind::KeyKind;
pub(crate) use known_keys::KnownKeys;
use weights::Weight;
pub(crate) use weights::Weights;
use windows::Seconds;

use rayon::prelude::*;

use super::Analysis;
use super::callers::CallerId;
use super::limits::Limits;
use super::streams::Stream;
use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::requests::Cells;
use crate::facts::rows::VaultRow;

/// What the reader assumes; every one is told in the report.
#[derive(Clone, Debug)]
pub struct Assumptions {
    /// The table of limits.
    pub limits: Limits,
    /// The profile to use, by name; the one in force at the last record where none is named.
    pub profile: Option<String>,
    /// Failures other than 429 count against limits: whether they do is not documented (facts §1.5).
    pub count_failures: bool,
    /// 429s count: since 2021 they do not (facts §1.5).
    pub count_throttled: bool,
    /// Authentication challenges count: not documented (facts §2.3).
    pub count_challenges: bool,
    /// Keys and secrets share one budget: not documented, the worst case.
    pub pooled: bool,
    /// What a key is taken for whose type or size nobody tells; a range without it.
    pub assume_key: Option<KeyKind>,
}

impl Default for Assumptions {
    /// Every data-plane request but 429s and challenges counts; unknown keys are a range.
    fn default() -> Self {
        Self {
            limits: Limits::built_in(),
            profile: None,
            count_failures: true,
            count_throttled: false,
            count_challenges: false,
            pooled: false,
            assume_key: None,
        }
    }
}

/// One stream as a limit sees it.
#[derive(Clone, Copy)]
pub(crate) struct LoadStream<'f> {
    /// Key, series, cause and outcome, and who across the forms in which records show one caller.
    pub(crate) stream: &'f Stream<'f>,
    /// What its requests are of, and what one takes.
    weight: &'f Weight<'f>,
    /// The places of address and agent among all texts: they are ordered as the texts are.
    client: [u32; 2],
    /// Whether it counts against limits.
    pub(crate) counted: bool,
}

impl<'f> LoadStream<'f> {
    /// The cells, ascending; requests without a time are in none.
    pub(crate) fn cells(&self) -> Cells<'f> {
        self.stream.series.cells()
    }

    /// Operation name.
    pub(crate) fn operation(&self) -> Option<&'f str> {
        self.weight.operation
    }

    /// The key, for operations on keys.
    pub(crate) fn kind(&self) -> KeyKind {
        self.weight.kind
    }

    /// What one request takes; nothing where it is free.
    pub(crate) fn charges(&self) -> impl Iterator<Item = Charge> + use<'f> {
        self.weight.charges.iter().flatten().copied()
    }

    /// Status 429.
    pub(crate) fn is_throttled(&self) -> bool {
        self.stream.key.status == Some(429)
    }

    /// It worked.
    pub(crate) fn is_success(&self) -> bool {
        self.stream.outcome == Outcome::Success
    }

    /// The caller.
    pub(crate) fn caller(&self) -> Option<CallerId> {
        self.stream.caller
    }

    /// `collection/name`, without version.
    pub(crate) fn object(&self) -> Option<&'f str> {
        self.weight.dimensions.text(self.stream.key.object)
    }

    /// Client address.
    pub(crate) fn address(&self) -> Option<&'f str> {
        self.weight.dimensions.text(self.stream.key.client_address)
    }

    /// Client agent.
    pub(crate) fn agent(&self) -> Option<&'f str> {
        self.weight.dimensions.text(self.stream.key.client_agent)
    }

    /// Address and agent, as numbers that are ordered as they are.
    pub(crate) fn client(&self) -> [u32; 2] {
        self.client
    }

    /// What it is charged in a class.
    pub(crate) fn charge(&self, class: Class) -> Option<Charge> {
        self.charges().find(|charge| charge.class == class)
    }
}

/// What was asked of one vault.
pub(crate) struct VaultLoad<'f> {
    /// Its name, and what else is known of it: of a vault that moved, the highest row.
    pub(crate) vault: VaultRow<'f>,
    /// The region, where a message names it.
    pub(crate) region: Option<&'f str>,
    /// Its streams, by caller, operation and object; notifications are not among them.
    pub(crate) streams: Vec<LoadStream<'f>>,
    /// First and last second of its requests; none where none has a time.
    pub(crate) span: Option<(i64, i64)>,
}

impl<'f> VaultLoad<'f> {
    /// The streams that count in a class, with what they are charged.
    pub(crate) fn charged(&self, class: Class) -> impl Iterator<Item = (&LoadStream<'f>, Charge)> + Clone {
        let counted = self.streams.iter().filter(|stream| stream.counted);
        counted.filter_map(move |stream| Some((stream, stream.charge(class)?)))
    }

    /// What a class was asked in each second.
    pub(crate) fn seconds(&self, class: Class) -> Seconds {
        Seconds::of_cells(
            self.charged(class).map(|(stream, charge)| (stream.cells(), charge.low, charge.high)),
        )
    }

    /// The classes that anything counts in, in their order.
    pub(crate) fn classes(&self) -> Vec<Class> {
        let mut found = [false; Class::ALL.len()];
        let counted = self.streams.iter().filter(|stream| stream.counted);
        for charge in counted.flat_map(LoadStream::charges) {
            found[charge.class.index()] = true;
        }
        Class::ALL.into_iter().filter(|class| found[class.index()]).collect()
    }
}

/// What was asked of all vaults.
pub(crate) struct Demand<'f> {
    /// By name; a request whose vault the log does not name stands first.
    pub(crate) vaults: Vec<VaultLoad<'f>>,
    /// What 100 % of a class is.
    pub(crate) budgets: &'f Budgets<'f>,
}

impl<'f> Demand<'f> {
    /// Weighs every stream. Series must be settled.
    pub(crate) fn new(analysis: &Analysis<'f>, weights: &'f Weights<'f>) -> Self {
        let weigher = Weigher { analysis, weights };
        let mut vaults: Vec<VaultLoad<'f>> =
            by_vault(analysis).par_iter().map(|streams| weigher.vault(streams)).collect();
        vaults.sort_by_key(|vault| vault.vault.name);
        Self { vaults, budgets: &weights.budgets }
    }
}

/// The streams of each vault in their order, without notifications.
fn by_vault<'f>(analysis: &Analysis<'f>) -> Vec<Vec<&'f Stream<'f>>> {
    let mut vaults: Map<Option<Text>, Vec<&Stream<'_>>> = Map::default();
    // Streams of one caller and vault stand together.
    for streams in analysis.streams.as_slice().chunk_by(Stream::same_vault) {
        let mut requests = streams.iter().filter(|stream| stream.outcome != Outcome::Notification).peekable();
        if let Some(first) = requests.peek() {
            vaults.entry(first.vault).or_default().extend(requests);
        }
    }
    vaults.into_values().collect()
}

/// Streams that a thread weighs in one go.
const WEIGHED_TOGETHER: usize = 1024;

/// Weighs streams.
struct Weigher<'w, 'f> {
    analysis: &'w Analysis<'f>,
    weights: &'f Weights<'f>,
}

impl<'f> Weigher<'_, 'f> {
    /// What was asked of one vault.
    fn vault(&self, streams: &[&'f Stream<'f>]) -> VaultLoad<'f> {
        let dimensions = &self.analysis.facts.dimensions;
        let mut load =
            VaultLoad { vault: VaultRow::default(), region: None, streams: Vec::new(), span: None };
        let mut last = None;
        for stream in streams {
            if last != Some(stream.key.vault) {
                last = Some(stream.key.vault);
                load.vault = load.vault.max(dimensions.vault_row(stream.key.vault));
            }
            if let Some(denial) = stream.key.denial {
                load.region = load.region.max(dimensions.text(dimensions.denials.get(denial).region));
            }
            if let Some((first, last)) = stream.bounds() {
                let (first, last) = (first.second(), last.second());
                load.span = Some(load.span.map_or((first, last), |all| (all.0.min(first), all.1.max(last))));
            }
        }
        let weighed = streams.par_iter().with_min_len(WEIGHED_TOGETHER);
        load.streams = weighed.map(|stream| self.weighed(stream)).collect();
        load
    }

    fn weighed(&self, stream: &'f Stream<'f>) -> LoadStream<'f> {
        let weight = self.weights.of(stream.key);
        let rank = |text| self.analysis.streams.rank(text);
        let client = [rank(stream.key.client_address), rank(stream.key.client_agent)];
        LoadStream { stream, weight, client, counted: self.is_counted(stream, weight.operation) }
    }

    fn is_counted(&self, stream: &Stream<'_>, operation: Option<&str>) -> bool {
        match stream.outcome {
            _ if stream.key.status == Some(429) => self.weights.assumptions.count_throttled,
            Outcome::Success => true,
            // A challenge that was not answered counts as one all the same.
            _ if operation == Some("Authentication") => self.weights.assumptions.count_challenges,
            Outcome::Challenge => self.weights.assumptions.count_challenges,
            Outcome::Failure => self.weights.assumptions.count_failures,
            Outcome::Notification => false,
        }
    }
}
