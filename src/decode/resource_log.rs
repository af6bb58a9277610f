//! One JSON object, in whatever form it left Azure: the storage form, which a diagnostic setting
//! writes to a storage account or an event hub (facts §1.1, §1.7 to §1.9), Managed HSM's flattened
//! variant included, and the rows of Log Analytics (see `columns`).
//!
//! Input: the bytes of one JSON object, or of one row. Output: a borrowed [`Record`], or what else it is. Keys may
//! come in any order, twice (the last counts), or unknown (ignored); a value of the wrong type is a
//! missing value. Must not allocate for a text that stands in the blob without escapes.

mod fields;
mod meaning;
mod remembered;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::{DeserializeSeed, Deserializer};

use super::columns::Column;
use super::mend::mend;
use super::shape::RecordForm;
use super::{MAX_DEPTH, NotAudit, Reason};
use crate::record::object::vault_of_url;
use crate::record::{Record, Text};
use fields::{Object, Row};
pub use remembered::Remembered;

/// The columns of a table, each with the form of record that such a name is found in; `None` where
/// no field is filled from it.
pub type Columns = [Option<(Column, RecordForm)>];

/// The record, or an object within it; most may also come as JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The record itself.
    Record,
    /// `identity`.
    Identity,
    /// `identity.claim`.
    Claims,
    /// `properties`.
    Properties,
    /// `properties.keyProperties`.
    KeyProperties,
    /// `properties.keyProperties.attributes`.
    KeyAttributes,
    /// `properties.certificatePolicyProperties`.
    CertificatePolicy,
    /// `properties.certificatePolicyProperties.keyProperties`: of the key that comes with a certificate.
    CertificateKey,
    /// `properties.properties`.
    VaultSettings,
    /// `properties.properties.sku`.
    Sku,
    /// `properties.properties.networkAcls`.
    NetworkAcls,
    /// What a collector puts around the text of a record.
    Collector,
}

/// Fills a record from JSON text that stands for one of its objects. Fields that have a value keep
/// it; text that is no JSON says nothing.
pub fn fill_level<'a>(level: Level, record: &mut Record<'a>, text: Text<'a>) {
    fields::fill_level(level, record, text);
}

/// What an object in a log turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An audit record.
    Audit,
    /// A record of another log.
    NotAudit(NotAudit),
}

/// Decodes one JSON object into `record`, which must be new.
///
/// # Errors
/// The reason, and where inside the object the parser stopped; never any text of the log.
pub fn decode<'a>(bytes: &'a [u8], record: &mut Record<'a>) -> Result<Form, Refusal> {
    parse(bytes, record, None)?;
    judge(record)
}

/// [`decode`] for records that come in numbers, by what is remembered of those before: the same,
/// sooner.
///
/// # Errors
/// As [`decode`].
pub fn decode_next<'a>(
    bytes: &'a [u8],
    record: &mut Record<'a>,
    remembered: &mut Remembered,
) -> Result<Form, Refusal> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        let shape = record.shape;
        if remembered.read(text, record) {
            return judge(record);
        }
        *record = Record { shape, ..Record::default() };
    }
    decode(bytes, record)
}

/// [`decode_next`] for bytes that may not be one object: what is remembered must prove it.
///
/// # Errors
/// As [`decode`]; without a reason worth telling where nothing is proved.
pub fn decode_element<'a>(
    bytes: &'a [u8],
    record: &mut Record<'a>,
    remembered: &mut Remembered,
) -> Result<Form, Refusal> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) if remembered.read(text, record) => judge(record),
        _ => Err((Reason::InvalidJson, None)),
    }
}

/// Decodes one row, an array of cells, into `record`, which must be new.
///
/// # Errors
/// As [`decode`].
pub fn decode_row<'a>(bytes: &'a [u8], columns: &Columns, record: &mut Record<'a>) -> Result<Form, Refusal> {
    parse(bytes, record, Some(columns))?;
    judge(record)
}

/// Fills a record, which must be new, from any source of keys and values: the same keys fill the same
/// fields as in JSON. What the record is, [`judge`] says.
///
/// # Errors
/// What the source reports.
pub(super) fn fill<'de, D: Deserializer<'de>>(source: D, record: &mut Record<'de>) -> Result<(), D::Error> {
    Object(record, Level::Record).deserialize(source)
}

/// Why bytes are no record, and where inside them that shows.
pub type Refusal = (Reason, Option<String>);

/// Parses an object, or a row of columns.
fn parse<'a>(bytes: &'a [u8], record: &mut Record<'a>, columns: Option<&Columns>) -> Result<(), Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        (Reason::InvalidUtf8, Some(format!("byte {} of the record", error.valid_up_to())))
    })?;
    // The parser bounds the nesting of what it reads, and not of what it passes over.
    if memchr::memchr2_iter(b'{', b'[', bytes).nth(MAX_DEPTH).is_some() && depth(bytes) > MAX_DEPTH {
        return Err((Reason::TooDeep, None));
    }
    let Err(refusal) = parse_text(text, record, columns) else { return Ok(()) };
    // What the parser refuses and other writers of JSON do not.
    let mended = if refusal.0 == Reason::InvalidJson { mend(text) } else { None };
    let Some(mended) = mended else { return Err(refusal) };
    let mut again = Record::default();
    if parse_text(&mended, &mut again, columns).is_err() {
        return Err(refusal);
    }
    *record = again.into_owned();
    Ok(())
}

fn parse_text<'a>(text: &'a str, record: &mut Record<'a>, columns: Option<&Columns>) -> Result<(), Refusal> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let parsed = match columns {
        None => Object(record, Level::Record).deserialize(&mut parser),
        Some(columns) => Row(record, columns).deserialize(&mut parser),
    };
    parsed.and_then(|()| parser.end()).map_err(|error| reject(&error))
}

/// The deepest nesting of brackets outside strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The reject for a parser's error. Its text may quote the log, so only its place is kept.
fn reject(error: &serde_json::Error) -> Refusal {
    let place = format!("line {} column {} of the record", error.line(), error.column());
    // serde_json has no kind for its recursion limit, only these words.
    let reason = if error.is_eof() {
        Reason::Truncated
    } else if error.to_string().starts_with("recursion limit exceeded") {
        Reason::TooDeep
    } else {
        Reason::InvalidJson
    };
    (reason, Some(place))
}

/// Says which log a record belongs to, and completes one whose ARM id came in parts.
///
/// # Errors
/// When it is no record of any known log.
pub fn judge(record: &mut Record<'_>) -> Result<Form, Refusal> {
    // What nearly every record is.
    if record.category.as_deref() == Some("AuditEvent")
        && record.table.is_none()
        && record.resource_id.as_deref().is_some_and(is_of_vault)
    {
        return Ok(Form::Audit);
    }
    if record.resource_id.is_none() {
        record.resource_id = record.arm.resource_id().map(Text::Owned);
    }
    let provider = record.resource_id.as_deref().map_or(Provider::Unnamed, provider);
    let category = record.category.as_deref();
    let is = |name: &str| category.is_some_and(|category| category.eq_ignore_ascii_case(name));
    let not_audit = |kind| Ok(Form::NotAudit(kind));
    if let Some(table) = record.table.as_deref()
        && let Some(kind) = other_table(table)
    {
        return not_audit(kind);
    }
    match category {
        Some(_) if is("AuditEvent") && provider == Provider::Other => not_audit(NotAudit::OtherService),
        Some(_) if is("AuditEvent") => Ok(Form::Audit),
        _ if record.has_metric => not_audit(NotAudit::Metrics),
        Some(_) if is("AzurePolicyEvaluationDetails") => not_audit(NotAudit::PolicyEvaluation),
        Some(category) if record.has_arm_operation || is_activity_category(category) => {
            not_audit(NotAudit::ActivityLog)
        }
        None if record.has_arm_operation => not_audit(NotAudit::ActivityLog),
        Some(_) if provider == Provider::Other => not_audit(NotAudit::OtherService),
        Some(_) => not_audit(NotAudit::OtherCategory),
        // No category, as in all of AZKVAuditLogs: a record all the same if it names a vault and an
        // operation.
        None if record.operation.is_some() && names_a_vault(record, provider) => Ok(Form::Audit),
        None if record.operation.is_some() && provider == Provider::Other => {
            not_audit(NotAudit::OtherService)
        }
        None => {
            Err((Reason::NotARecord, Some("no category, operationName and resourceId of a vault".into())))
        }
    }
}

/// Whether a record says which vault it is about: by its ARM id, or by a URL.
fn names_a_vault(record: &Record<'_>, provider: Provider) -> bool {
    let url = |url: &Option<Text<'_>>| url.as_deref().and_then(vault_of_url).is_some();
    match provider {
        Provider::KeyVault => true,
        Provider::Other => false,
        Provider::Unnamed => url(&record.id) || url(&record.request_uri),
    }
}

/// What a table of Log Analytics holds that is another log (facts §1.4, §1.5). Names of no known
/// table say nothing: `Type` is a common key.
fn other_table(table: &str) -> Option<NotAudit> {
    let is = |name: &str| table.eq_ignore_ascii_case(name);
    if is("AZKVPolicyEvaluationDetailsLogs") {
        Some(NotAudit::PolicyEvaluation)
    } else if is("AzureActivity") {
        Some(NotAudit::ActivityLog)
    } else if is("AzureMetrics") || is("Microsoft.Insights/metrics") {
        Some(NotAudit::Metrics)
    } else {
        None
    }
}

/// Whose resource an ARM id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    KeyVault,
    Other,
    Unnamed,
}

/// Whether an ARM id is a vault's, in the form of every storage export, which its end shows.
#[inline]
fn is_of_vault(resource_id: &str) -> bool {
    let of_vault = memchr::memrchr(b'/', resource_id.as_bytes()).and_then(|at| resource_id.get(..at));
    of_vault.is_some_and(|id| id.ends_with("/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS"))
}

/// The provider of an ARM id.
fn provider(resource_id: &str) -> Provider {
    static KEY_VAULT: LazyLock<Finder<'static>> =
        LazyLock::new(|| Finder::new(b"/PROVIDERS/MICROSOFT.KEYVAULT/"));
    if is_of_vault(resource_id) {
        return Provider::KeyVault;
    }
    // Found without a look at each part.
    if KEY_VAULT.find(resource_id.as_bytes()).is_some() {
        return Provider::KeyVault;
    }
    let mut parts = resource_id.split('/').skip_while(|part| !part.eq_ignore_ascii_case("providers"));
    match parts.nth(1) {
        Some(name) if name.eq_ignore_ascii_case("microsoft.keyvault") => Provider::KeyVault,
        Some(_) => Provider::Other,
        None => Provider::Unnamed,
    }
}

/// The categories of the Activity Log.
fn is_activity_category(category: &str) -> bool {
    [
        "Administrative",
        "Security",
        "ServiceHealth",
        "Alert",
        "Recommendation",
        "Policy",
        "Autoscale",
        "ResourceHealth",
    ]
    .iter()
    .any(|known| category.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests;
