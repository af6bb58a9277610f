//! The report: the one thing that every renderer reads, and the public form of `report.json`.
//!
//! All of it is derived from facts, so it is the same for the same input whatever the threads, the
//! order of files, or the way through a facts folder. Texts stand here as the log has them:
//! renderers escape. Must hold no wall clock and no path of its own.

pub mod capacity;
mod identities;
mod label;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use strum::Display;

use crate::classify::Basis;
use crate::classify::causes::Severity;
use crate::decode::{NotAudit, Reason};
use crate::facts::cut::FilterEcho;
use crate::record::caller::CallerKind;
use crate::ticks::Ticks;

pub use capacity::Headroom;
pub use identities::{
    AccessRow, Asked, GrantReport, IdentityReport, KnowledgeReport, MemberReport, MemberVault, ObjectUse,
    ProbableCaller, TwinVerdict,
};
pub use label::Label;

/// The form of the report; its number changes when a field changes meaning or goes.
pub const SCHEMA: &str = "akvlens-report/1";

/// What failed, who it was, why, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// Which part of the input it is about.
    pub filter: FilterEcho,
    /// What was read, and what of it could not be.
    pub coverage: CoverageReport,
    /// The sums.
    pub totals: Totals,
    /// Why: every cause that occurs, failures first, then by count.
    pub causes: Vec<CauseReport>,
    /// Where: every vault, most failures first.
    pub vaults: Vec<VaultReport>,
    /// Who: every caller, most failures first.
    pub callers: Vec<CallerReport>,
    /// Who did what where.
    pub by_caller_operation: Vec<CallerOperation>,
    /// When.
    pub timeline: Option<Timeline>,
    /// What was changed on the vaults, in order of time.
    pub changes: Vec<Change>,
    /// What to act on, gravest first.
    pub findings: Vec<Finding>,
    /// What the findings come to, gravest first.
    #[serde(skip)]
    pub advice: Vec<Advice>,
    /// How many findings there are, where not all of them are told.
    #[serde(skip)]
    pub in_all: InAll,
    /// Object ids that share a name, an application or a managed identity's path, gravest first.
    pub identities: Vec<IdentityReport>,
    /// Who was granted, used and was denied what.
    pub access: Vec<AccessRow>,
    /// The last use of every secret, key and certificate, longest unused first.
    pub objects: Vec<ObjectUse>,
    /// How near each vault came to a limit in ten seconds, nearest first; `akvlens capacity` has more.
    pub headroom: Vec<Headroom>,
    /// How much was known beside the logs.
    pub knowledge: KnowledgeReport,
}

/// What made a report.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Tool {
    /// `akvlens`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The date of the table of causes.
    pub causes_dated: String,
}

/// What was read. For each blob and in all, `records + repeated + not_audit + blank + rejected = framed`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct CoverageReport {
    /// Number of blobs.
    pub blobs: u64,
    /// Blobs that could not be read to their end.
    pub incomplete: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes decompressed.
    pub bytes: u64,
    /// Everything that was framed.
    pub framed: u64,
    /// Audit records.
    pub records: u64,
    /// Blank lines.
    pub blank: u64,
    /// Audit records that `--dedup` left out: the same request was read elsewhere.
    pub repeated: u64,
    /// Frames that are no record.
    pub rejected: u64,
    /// Records of other logs.
    pub not_audit: u64,
    /// Those by kind.
    pub not_audit_by_kind: BTreeMap<NotAudit, u64>,
    /// Rejects by reason.
    pub rejected_by_reason: BTreeMap<Reason, u64>,
    /// Blobs by the containers met in them.
    pub containers: BTreeMap<String, u64>,
    /// Audit records by the way they came, `container/form`: `json-lines/storage`,
    /// `csv/azure-diagnostics`; `+json-string` or `+line-prefix` where the record stood inside
    /// another record's field or behind other text.
    pub shapes: BTreeMap<String, u64>,
    /// First audit record.
    pub first: Option<Ticks>,
    /// Last audit record.
    pub last: Option<Ticks>,
    /// Audit records without a readable time: counted everywhere but over time.
    pub untimed: u64,
    /// Audit records whose status code and reason phrase contradict each other: the code counts.
    pub contradictory: u64,
    /// Rows of the requests table: what the bytes came down to.
    pub fact_rows: u64,
    /// The first rejects of each blob, by blob and place.
    pub rejects: Vec<RejectReport>,
    /// Each blob.
    pub per_blob: Vec<BlobReport>,
    /// Files that were not read, because they are plainly no logs.
    pub passed_over: Vec<PassedOverReport>,
    /// Blobs with the same bytes under several names: counted each time.
    pub same_bytes: Vec<Vec<String>>,
}

/// One blob.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BlobReport {
    /// Name.
    pub blob: String,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes decompressed.
    pub bytes: u64,
    /// Everything framed.
    pub framed: u64,
    /// Audit records.
    pub records: u64,
    /// Blank lines.
    pub blank: u64,
    /// Audit records that `--dedup` left out: the same request was read elsewhere.
    pub repeated: u64,
    /// Rejected frames.
    pub rejected: u64,
    /// Records of other logs.
    pub not_audit: u64,
    /// First audit record.
    pub first: Option<Ticks>,
    /// Last audit record.
    pub last: Option<Ticks>,
    /// Compression.
    pub compression: String,
    /// Containers met.
    pub containers: Vec<String>,
    /// Audit records by the way they came.
    pub shapes: BTreeMap<String, u64>,
    /// It could not be read to its end.
    pub incomplete: bool,
}

/// One reject.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RejectReport {
    /// Blob.
    pub blob: String,
    /// Bytes before it, decompressed.
    pub offset: u64,
    /// Line of its first byte, from 1; 0 where the whole blob is meant.
    pub line: u64,
    /// Its length.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
    /// What exactly.
    pub detail: Option<String>,
}

/// A file that was not read.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PassedOverReport {
    /// Its name.
    pub name: String,
    /// What it is.
    pub why: String,
}

/// The sums. `requests = successes + failures + challenges`; notifications are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Totals {
    /// Everything that somebody asked for.
    pub requests: u64,
    /// What worked.
    pub successes: u64,
    /// What did not, unanswered challenges included.
    pub failures: u64,
    /// Authentication challenges that were answered: no failures.
    pub challenges: u64,
    /// Event Grid notifications: no requests.
    pub notifications: u64,
    /// Requests that the log gives no status for; they count as successes.
    pub without_status: u64,
}

/// How many verdicts rest on what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BasisCounts {
    /// On the message.
    pub text: u64,
    /// On a flag.
    pub flag: u64,
    /// On another request.
    pub pairing: u64,
    /// On the status alone.
    pub status: u64,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CauseReport {
    /// Its id.
    pub cause: String,
    /// Its title.
    pub title: String,
    /// `success`, `failure`, `challenge` or `notification`.
    pub outcome: String,
    /// The status it has most often.
    pub status: Option<u16>,
    /// Requests by status (text, as JSON keys are).
    pub statuses: BTreeMap<String, u64>,
    /// Requests.
    pub count: u64,
    /// What the verdicts rest on.
    pub basis: BasisCounts,
    /// First.
    pub first: Option<Ticks>,
    /// Last.
    pub last: Option<Ticks>,
    /// Number of different callers; those that the log does not name count as none.
    pub callers: u64,
    /// Number of different vaults.
    pub vaults: u64,
}

/// One vault.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct VaultReport {
    /// Name.
    pub vault: Option<String>,
    /// Managed HSM.
    pub hsm: bool,
    /// Subscription id.
    pub subscription: Option<String>,
    /// Resource group.
    pub resource_group: Option<String>,
    /// Region, where a message names it.
    pub region: Option<String>,
    /// `rbac`, `access-policies`, or `both` when the log shows a change; missing where it is silent.
    pub permission_model: Option<&'static str>,
    /// Requests.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// First.
    pub first: Option<Ticks>,
    /// Last.
    pub last: Option<Ticks>,
}

/// A caller's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct CallerIdentity {
    /// Object id.
    pub oid: Option<String>,
    /// Application (client) id; of a person, the client of most requests.
    pub appid: Option<String>,
    /// What it is.
    pub kind: CallerKind,
    /// Name.
    pub name: Option<String>,
    /// Tenant.
    pub tenant: Option<String>,
}

/// One caller.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CallerReport {
    /// Who.
    #[serde(flatten)]
    pub caller: CallerIdentity,
    /// The name of the application, where it is a well-known one of Microsoft: of a person, the client.
    pub application: Option<String>,
    /// ARM id of the managed identity.
    pub managed_identity: Option<String>,
    /// ARM id of the resource that runs it.
    pub resource: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Failures by cause.
    pub causes: BTreeMap<String, u64>,
    /// Vaults it called.
    pub vaults: Vec<String>,
    /// First.
    pub first: Option<Ticks>,
    /// Last.
    pub last: Option<Ticks>,
}

/// One caller's use of one operation on one vault.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CallerOperation {
    /// Vault.
    pub vault: Option<Label>,
    /// Object id.
    pub oid: Option<Label>,
    /// Application id.
    pub appid: Option<Label>,
    /// Name.
    pub name: Option<Label>,
    /// Operation.
    pub operation: Option<Label>,
    /// Requests.
    pub requests: u64,
    /// Failures.
    pub failures: u64,
    /// Failures and challenges by cause.
    pub causes: BTreeMap<String, u64>,
    /// First.
    pub first: Option<Ticks>,
    /// Last.
    pub last: Option<Ticks>,
}

/// Requests and failures in equal intervals.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Timeline {
    /// Start of the first interval.
    pub start: Ticks,
    /// Seconds of each interval.
    pub interval_s: i64,
    /// Requests in each.
    pub requests: Vec<u64>,
    /// Failures in each.
    pub failures: Vec<u64>,
}

/// A change on a vault.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// When.
    pub time: Option<Ticks>,
    /// Vault.
    pub vault: Option<String>,
    /// Operation or notification.
    pub operation: Option<String>,
    /// Who.
    pub caller: Option<CallerIdentity>,
    /// Status.
    pub status: Option<u16>,
    /// How often at that tick.
    pub count: u64,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, Serialize, JsonSchema)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The log's silence leaves other readings open.
    Low,
    /// Inferred.
    Medium,
    /// The service said so itself.
    High,
}

/// Something to act on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable from run to run.
    pub id: String,
    /// What it is: the id of the cause or of the verdict.
    pub code: String,
    /// How grave.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// Vault.
    pub vault: Option<String>,
    /// Who, where the log says.
    pub caller: Option<CallerIdentity>,
    /// Operation.
    pub operation: Option<String>,
    /// Object, `collection/name`.
    pub object: Option<String>,
    /// Status it has most often.
    pub status: Option<u16>,
    /// How many requests.
    pub count: u64,
    /// Their part of all failures, in percent with two places.
    pub share_percent: f64,
    /// First.
    pub first: Option<Ticks>,
    /// Last.
    pub last: Option<Ticks>,
    /// How sure.
    pub confidence: Confidence,
    /// What it rests on.
    pub basis: Basis,
    /// What happened, in a sentence.
    pub why: String,
    /// What to do, in steps.
    pub fix: Vec<String>,
    /// Where to read on.
    pub reference: String,
    /// Addresses it came from, most requests first.
    pub client_addresses: Vec<String>,
    /// Records that show it.
    pub evidence: Vec<Evidence>,
    /// What a denied caller asked for.
    pub asked: Option<Asked>,
    /// Who it probably was, where a 401 names nobody.
    pub probable_caller: Option<ProbableCaller>,
    /// The id of the finding that explains this one: act on that.
    pub explained_by: Option<String>,
    /// Its signature rests on few public samples.
    pub experimental: bool,
    /// What its remedy would save, where that can be counted.
    pub saving: Option<Saving>,
}

/// Findings of one code, vault and caller: one thing to do, however many objects it is about. What another
/// finding explains, and what [`Report::identities`] tells, is no advice.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// The place of the gravest of them in the list of findings.
    pub finding: usize,
    /// Their requests.
    pub count: u64,
    /// Objects that they are about, those of the gravest first: [`Advice::MOST_OBJECTS`] at the most.
    pub objects: Vec<String>,
    /// How many more there are.
    pub more_objects: usize,
}

impl Advice {
    /// Objects that are named.
    pub const MOST_OBJECTS: usize = 3;
}

/// How many findings there are, told or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InAll {
    /// Findings that a list of them shows: see [`is_listed`].
    pub listed: usize,
    /// Pieces of advice.
    pub advice: usize,
    /// The gravest of all.
    pub gravest: Option<Severity>,
}

/// Whether a list of findings shows one of this severity and code: identities of which nobody was denied
/// anything stand among [`Report::identities`] alone.
pub fn is_listed(severity: Severity, code: &str) -> bool {
    severity > Severity::Info || code.parse::<TwinVerdict>().is_err()
}

/// Requests that would not be made.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Saving {
    /// How many.
    pub requests: u64,
    /// Their part of the requests that count against the limits of the vaults concerned (and of those of the
    /// finding that do not, such as 429s), in percent with two places.
    pub percent: f64,
    /// By doing what.
    pub how: String,
}

/// One record that shows a finding.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Blob.
    pub blob: String,
    /// Line, from 1.
    pub line: u64,
    /// When.
    pub time: Option<Ticks>,
    /// Correlation id.
    pub correlation_id: Option<String>,
    /// Client address.
    pub client_address: Option<String>,
    /// Client agent.
    pub client_agent: Option<String>,
    /// Message, without tokens.
    pub message: Option<String>,
    /// It lies outside the time asked for: inside it no record of this finding was kept, only
    /// counted.
    pub outside_time: bool,
}

/// The published JSON Schema of a report.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// `AKVLENS_WRITE_SCHEMA=1 cargo test the_published_schema` writes them anew.
    #[test]
    fn the_published_schemas_are_current() {
        let schemas = [("report", json_schema()), ("capacity", capacity::capacity_json_schema())];
        for (name, schema) in schemas {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.schema.json"));
            let current = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if env::var_os("AKVLENS_WRITE_SCHEMA").is_some() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &current).unwrap();
            }
            let published = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
            assert!(
                published == current,
                "{name}: stale: run AKVLENS_WRITE_SCHEMA=1 cargo test the_published_schemas"
            );
        }
    }
}
