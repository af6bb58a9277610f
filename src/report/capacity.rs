//! The capacity report: how close to the limits, what caching would save, how to split.
//!
//! Utilisation is a fraction of the limit: 1 is the limit, above it the service throttles. Where a key's
//! type or size is unknown there are two, `low` for the cheapest it may be and `high` for the dearest.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use strum::Display;

use super::{Advice, CoverageReport, Finding, Tool};
use crate::classify::causes::Severity;
use crate::facts::cut::FilterEcho;
use crate::findings::load::class::Class;
use crate::ticks::Ticks;

/// The form of the capacity report; its number changes when a field changes meaning or goes.
pub const CAPACITY_SCHEMA: &str = "akvlens-capacity/1";

/// How close, what would help, and how to split.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CapacityReport {
    /// [`CAPACITY_SCHEMA`].
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// Which part of the input it is about.
    pub filter: FilterEcho,
    /// What was read, and what of it could not be.
    pub coverage: CoverageReport,
    /// What to do, in a sentence.
    pub strategy: String,
    /// The steps, gravest vault first, in the order in which they are to be taken.
    pub proposals: Vec<Proposal>,
    /// The limits that it is judged by.
    pub limits: LimitsReport,
    /// What is assumed because the service's documentation or the log is silent.
    pub assumptions: Vec<Assumption>,
    /// Every vault, highest peak first.
    pub vaults: Vec<VaultCapacity>,
    /// Every subscription, and region where it is known.
    pub subscriptions: Vec<SubscriptionCapacity>,
    /// Load patterns, gravest first.
    pub findings: Vec<Finding>,
    /// What the findings come to, gravest first.
    #[serde(skip)]
    pub advice: Vec<Advice>,
}

/// Which limits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LimitsReport {
    /// The profile's name.
    pub profile: String,
    /// The day the table was last checked against its sources.
    pub dated: String,
    /// Where the numbers were read.
    pub source: String,
    /// Seconds that the service counts over.
    pub window_seconds: i64,
    /// How many vaults' worth a subscription has in a region.
    pub subscription_factor: u32,
}

/// Something assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Assumption {
    /// A short id.
    pub id: &'static str,
    /// What is assumed, in a sentence.
    pub text: String,
    /// The option that changes it.
    pub option: Option<&'static str>,
}

/// A step from how it is to how it would be.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Proposal {
    /// Vault.
    pub vault: Option<String>,
    /// What is to be done.
    pub what: Step,
    /// Greatest utilisation of any class before the step (dearest reading).
    pub current: f64,
    /// And after it.
    pub proposed: f64,
    /// The change, in percent of the former with two places; less is negative.
    pub change_percent: f64,
    /// How grave the state before is: above 100 % high, above 90 % medium, above 75 % low.
    pub severity: Severity,
    /// Why, and how much.
    pub why: String,
}

/// Kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, Serialize, JsonSchema)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Keep what was read.
    Cache,
    /// Do public-key operations with the public key, without the vault.
    PublicKeyLocal,
    /// Keep unwrapped data keys.
    DataKeyReuse,
    /// Spread objects over several vaults.
    Split,
    /// Nothing that the log can show helps: the load itself must shrink, or move to a Managed HSM.
    Reduce,
}

/// One vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct VaultCapacity {
    /// Name.
    pub vault: Option<String>,
    /// Managed HSM.
    pub hsm: bool,
    /// Subscription id.
    pub subscription: Option<String>,
    /// Region, where a message names it.
    pub region: Option<String>,
    /// Requests, counted or not.
    pub requests: u64,
    /// Requests that count against no limit here, by why: `throttled`, `challenge`, `failure`, `free`,
    /// and `untimed`.
    pub uncounted: BTreeMap<&'static str, u64>,
    /// First request.
    pub first: Option<Ticks>,
    /// Last request.
    pub last: Option<Ticks>,
    /// Each class of limits that anything counted in.
    pub classes: Vec<ClassCapacity>,
    /// Keys whose type or size nobody tells, most requests first: they make the range.
    pub unknown_keys: Vec<UnknownKey>,
    /// What caching of reads would leave, by time to live and scope.
    pub caching: Vec<CachingRow>,
    /// The shortest time to live after which more brings under 1 %.
    pub knee: Option<Knee>,
    /// The same for each application, most requests first.
    pub applications: Vec<ApplicationCaching>,
    /// How many applications read: those with fewer reads than the 50 shown are not replayed alone.
    pub readers: u64,
    /// What other changes of clients would leave: public-key operations done locally, data keys reused.
    pub local: Vec<LocalWhatIf>,
    /// How to split; missing where the vault is below the target as it is.
    pub split: Option<SplitPlan>,
    /// Where daily peaks are heading; empty under seven days of data.
    pub growth: Vec<GrowthRow>,
}

/// One class of limits of a vault or subscription.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ClassCapacity {
    /// The class.
    pub class: Class,
    /// Its limit in transactions a window, for those that weigh least; Managed HSM: the greatest
    /// benchmark.
    pub limit: u64,
    /// Transactions that counted.
    pub requests: u64,
    /// The window with the greatest utilisation, the earliest of equals.
    pub peak: PeakWindow,
    /// Utilisation that 99.9 % of windows do not exceed. Windows end at each second from the first
    /// request to the last.
    pub p999: UtilisationRange,
    /// 99 %.
    pub p99: UtilisationRange,
    /// 95 %.
    pub p95: UtilisationRange,
    /// Number of windows.
    pub windows: u64,
    /// Windows above 75, 90 and 100 % where unknown keys are the dearest.
    pub over: Over,
    /// Windows above even where unknown keys are the cheapest.
    pub surely_over: Over,
    /// The longest stretch of windows above, in seconds.
    pub longest_over_seconds: Over,
    /// Requests of the peak window over the mean of ten seconds.
    pub burst_factor: f64,
    /// 429s of this class's operations: a lower bound, as the log may not hold all.
    pub throttled: u64,
    /// The 429s beside the utilisation at their time.
    pub throttling: Option<Throttling>,
    /// For a chart: the greatest utilisation in each of equal intervals.
    pub series: UtilisationSeries,
}

/// The fullest window.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PeakWindow {
    /// Its first second.
    pub at: Ticks,
    /// Transactions in it.
    pub requests: u64,
    /// Cheapest reading.
    pub utilisation_low: f64,
    /// Dearest reading.
    pub utilisation_high: f64,
    /// What made it up, the most first.
    pub made_of: Vec<PeakPart>,
}

/// A part of a peak.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd, Serialize, JsonSchema)]
pub struct PeakPart {
    /// Vault, in the peak of a subscription.
    pub vault: Option<String>,
    /// Who: name, object id or application id.
    pub caller: Option<String>,
    /// Object id.
    pub oid: Option<String>,
    /// Operation.
    pub operation: Option<String>,
    /// Object.
    pub object: Option<String>,
    /// Transactions.
    pub requests: u64,
    /// Their part of the window's utilisation (dearest reading), in percent with two places.
    pub share_percent: f64,
}

/// From the cheapest reading to the dearest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct UtilisationRange {
    /// Cheapest.
    pub low: f64,
    /// Dearest.
    pub high: f64,
}

/// Counts for three thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Over {
    /// Above 75 % of the limit.
    pub p75: u64,
    /// Above 90 %.
    pub p90: u64,
    /// Above the limit.
    pub p100: u64,
}

/// 429s beside utilisation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Throttling {
    /// First 429.
    pub first: Ticks,
    /// Last 429.
    pub last: Ticks,
    /// 429s in whose neighbourhood (any window that holds them) the dearest reading reaches 90 %.
    pub explained: u64,
    /// 429s at whose time even the dearest reading is lower.
    pub unexplained: u64,
    /// The greatest utilisation around the 429 that has the least of it.
    pub least_utilisation: f64,
    /// Windows above the limit (dearest reading) without a 429 in or right after them.
    pub over_without: u64,
    /// Whether the two agree, in a sentence.
    pub told: String,
}

/// Utilisation over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct UtilisationSeries {
    /// Start of the first interval.
    pub start: Option<Ticks>,
    /// Seconds of each interval.
    pub interval_s: i64,
    /// Greatest utilisation (dearest reading) of the windows that end in each.
    pub high: Vec<f64>,
}

/// A key that nobody tells the size of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct UnknownKey {
    /// `keys/name`.
    pub object: String,
    /// What is known of it.
    pub known: String,
    /// Requests that are weighed by it.
    pub requests: u64,
}

/// What one time to live would leave of a vault's reads.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CachingRow {
    /// Seconds; missing for a cache that is kept until the object changes.
    pub ttl_seconds: Option<u64>,
    /// `instance`: one cache a caller, address and agent; `caller`: one a caller.
    pub scope: CacheScope,
    /// Successful reads that a cache could answer.
    pub requests: u64,
    /// Those that it would answer.
    pub hits: u64,
    /// First reads, which no cache answers.
    pub compulsory: u64,
    /// Reads left: `requests - hits`.
    pub left: u64,
    /// Hits that would give a value older than a change that the log shows.
    pub stale_hits: u64,
    /// How old such a value could be, in seconds after the change.
    pub stale_seconds: u64,
    /// Greatest utilisation of any class of the vault with the reads that are left (dearest reading), all
    /// caches being empty when the log begins, as after a restart of everything at once.
    pub peak_utilisation: f64,
    /// The same without the first read of each cache, as if caches had been filled before the log begins.
    /// Missing for an application alone.
    pub warm_peak_utilisation: Option<f64>,
}

/// Whose cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, Serialize, JsonSchema)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum CacheScope {
    /// One a caller, address and agent.
    Instance,
    /// One a caller.
    Caller,
}

/// Where longer caching stops paying.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Knee {
    /// Seconds; missing for a cache that is kept until the object changes.
    pub ttl_seconds: Option<u64>,
    /// Reads it would answer, in percent with two places (scope `instance`).
    pub saved_percent: f64,
    /// In a sentence.
    pub told: String,
}

/// Caching of one application.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ApplicationCaching {
    /// Who: name, object id or application id.
    pub caller: String,
    /// Object id.
    pub oid: Option<String>,
    /// Rows as for the vault; `peak_utilisation` is that of the vault when this application alone caches.
    pub caching: Vec<CachingRow>,
    /// Where longer caching stops paying.
    pub knee: Option<Knee>,
}

/// A change of clients other than caching reads.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct LocalWhatIf {
    /// `public-key-local` or `data-key-reuse`.
    pub what: &'static str,
    /// Seconds that a data key is kept.
    pub ttl_seconds: Option<u64>,
    /// Requests concerned.
    pub requests: u64,
    /// Requests left.
    pub left: u64,
    /// Greatest utilisation of any class of the vault then (dearest reading).
    pub peak_utilisation: f64,
    /// In a sentence.
    pub told: String,
}

/// The fewest vaults that keep every window under the target, as far as they were found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SplitPlan {
    /// Greatest utilisation that is allowed.
    pub target: f64,
    /// Seconds of caching that are assumed before splitting.
    pub after_cache_seconds: Option<u64>,
    /// Vaults needed, this one included.
    pub vaults: u64,
    /// No plan can do with fewer.
    pub lower_bound: u64,
    /// Objects that no split can help: one alone is above the target.
    pub unsplittable: Vec<Unsplittable>,
    /// Where each object goes.
    pub assignment: Vec<Placement>,
    /// Greatest utilisation of each vault before, by class.
    pub peak_before: f64,
    /// And of each vault of the plan, replayed on every window.
    pub peak_after: Vec<PeakAfter>,
    /// Subscriptions that the plan needs for the subscription's own limit.
    pub subscriptions: u64,
    /// The plan in a sentence.
    pub told: String,
}

/// An object that is too hot for any vault.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Unsplittable {
    /// `collection/name`.
    pub object: String,
    /// Class in which it is too hot.
    pub class: Class,
    /// Its own peak (dearest reading).
    pub peak_utilisation: f64,
    /// What helps instead.
    pub told: String,
}

/// Where an object goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Placement {
    /// `collection/name`; empty for requests without an object, such as lists.
    pub object: String,
    /// Vault of the plan: the vault's own name for what stays, then `NAME-2`, `NAME-3`, …
    pub vault: String,
    /// What it moves together with: an application, a certificate's name, or a group of the user's.
    pub group: String,
    /// Its requests.
    pub requests: u64,
}

/// A vault of a plan, replayed.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PeakAfter {
    /// Vault of the plan.
    pub vault: String,
    /// Its class with the greatest peak.
    pub class: Option<Class>,
    /// That peak (dearest reading).
    pub peak_utilisation: f64,
    /// Requests.
    pub requests: u64,
    /// Objects.
    pub objects: u64,
}

/// Where a class's daily peaks are heading.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct GrowthRow {
    /// The class.
    pub class: Class,
    /// Days with data.
    pub days: u64,
    /// Change of the daily peak a day, as a fraction of the limit (Theil–Sen: the median of the slopes
    /// between all pairs of days).
    pub slope_per_day: f64,
    /// Its interval of 95 % (Sen, 1968).
    pub slope_low: f64,
    /// Upper end.
    pub slope_high: f64,
    /// Days from the last day until 75 %.
    pub until_75: DaysUntil,
    /// Days until 100 %.
    pub until_100: DaysUntil,
    /// In a sentence.
    pub told: String,
}

/// How long it takes; missing where it is not reached at that slope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct DaysUntil {
    /// At the median slope.
    pub days: Option<f64>,
    /// At the upper end of the interval: the soonest.
    pub soonest: Option<f64>,
    /// At the lower end: the latest.
    pub latest: Option<f64>,
}

/// One subscription, in one region where the regions of its vaults are known.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SubscriptionCapacity {
    /// Subscription id.
    pub subscription: Option<String>,
    /// Region; missing where the log does not name it: such vaults are taken to share one.
    pub region: Option<String>,
    /// Vaults.
    pub vaults: Vec<String>,
    /// Classes: vaults against the subscription's limit, the control plane against its bucket.
    pub classes: Vec<ClassCapacity>,
}

/// A load as far as the report of failures shows it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Headroom {
    /// Vault.
    pub vault: Option<String>,
    /// The class with the greatest peak.
    pub class: Class,
    /// Its limit in transactions a window, for those that weigh least.
    pub limit: u64,
    /// First second of the fullest window.
    pub at: Ticks,
    /// Transactions in it.
    pub requests: u64,
    /// Cheapest reading.
    pub utilisation_low: f64,
    /// Dearest reading.
    pub utilisation_high: f64,
    /// Windows above the limit (dearest reading).
    pub windows_over: u64,
    /// 429s.
    pub throttled: u64,
}

/// How grave a peak is: above the limit the service throttles, above 90 % a burst may, and 75 % is where
/// Microsoft's own alert begins (facts §4).
pub fn severity_of(peak: f64) -> Option<Severity> {
    match peak {
        peak if peak > 1.0 => Some(Severity::High),
        peak if peak > 0.9 => Some(Severity::Medium),
        peak if peak > 0.75 => Some(Severity::Low),
        _ => None,
    }
}

impl VaultCapacity {
    /// The class with the greatest peak, the first of equals.
    pub fn peak(&self) -> Option<&ClassCapacity> {
        self.classes.iter().reduce(|best, next| {
            if next.peak.utilisation_high > best.peak.utilisation_high { next } else { best }
        })
    }

    /// The what-if of a kind that brings all it can at the shortest time.
    pub fn local_of(&self, what: &str) -> Option<&LocalWhatIf> {
        let rows = self.local.iter().filter(|row| row.what == what && row.left < row.requests);
        // One part in a hundred more is not worth a longer time.
        let least = rows.clone().map(|row| row.left).min()?;
        rows.clone().find(|row| row.left - least <= row.requests / 100)
    }
}

/// The published JSON Schema of a capacity report.
pub fn capacity_json_schema() -> serde_json::Value {
    schemars::schema_for!(CapacityReport).to_value()
}
