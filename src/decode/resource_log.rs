//! The storage form of a record: what a diagnostic setting writes to a storage account or an
//! event hub (facts §1.1, §1.7 to §1.9), Managed HSM's flattened variant included.
//!
//! Input: the bytes of one JSON object. Output: a borrowed [`Record`], or what else it is. Keys may
//! come in any order, twice (the last counts), or unknown (ignored); a value of the wrong type is a
//! missing value. Must not allocate for a text that stands in the blob without escapes.

mod fields;

use serde::de::DeserializeSeed;

use super::{MAX_DEPTH, NotAudit, Reason};
use crate::record::Record;
use fields::TopLevel;

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
pub fn decode<'a>(bytes: &'a [u8], record: &mut Record<'a>) -> Result<Form, (Reason, Option<String>)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        (Reason::InvalidUtf8, Some(format!("byte {} of the record", error.valid_up_to())))
    })?;
    // The parser bounds the nesting of what it reads, and not of what it passes over.
    if memchr::memchr2_iter(b'{', b'[', bytes).nth(MAX_DEPTH).is_some() && depth(bytes) > MAX_DEPTH {
        return Err((Reason::TooDeep, None));
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    TopLevel(record).deserialize(&mut parser).and_then(|()| parser.end()).map_err(|error| reject(&error))?;
    judge(record)
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
fn reject(error: &serde_json::Error) -> (Reason, Option<String>) {
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

/// Says which log an object belongs to.
fn judge(record: &Record<'_>) -> Result<Form, (Reason, Option<String>)> {
    let provider = record.resource_id.as_deref().map_or(Provider::Unnamed, provider);
    let category = record.category.as_deref();
    let is = |name: &str| category.is_some_and(|category| category.eq_ignore_ascii_case(name));
    let form = match category {
        Some(_) if is("AuditEvent") && provider == Provider::Other => Form::NotAudit(NotAudit::OtherService),
        Some(_) if is("AuditEvent") => Form::Audit,
        _ if record.has_metric => Form::NotAudit(NotAudit::Metrics),
        Some(_) if is("AzurePolicyEvaluationDetails") => Form::NotAudit(NotAudit::PolicyEvaluation),
        Some(category) if record.has_arm_operation || is_activity_category(category) => {
            Form::NotAudit(NotAudit::ActivityLog)
        }
        None if record.has_arm_operation => Form::NotAudit(NotAudit::ActivityLog),
        Some(_) if provider == Provider::Other => Form::NotAudit(NotAudit::OtherService),
        Some(_) => Form::NotAudit(NotAudit::OtherCategory),
        // No category: a record all the same if it names a vault and an operation.
        None if record.operation.is_some() && provider == Provider::KeyVault => Form::Audit,
        None => {
            let lacks = "no category, operationName and resourceId of a vault";
            return Err((Reason::NotARecord, Some(lacks.into())));
        }
    };
    Ok(form)
}

/// Whose resource an ARM id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    KeyVault,
    Other,
    Unnamed,
}

/// The provider of an ARM id.
fn provider(resource_id: &str) -> Provider {
    // The form of every storage export, found without a look at each part.
    if memchr::memmem::find(resource_id.as_bytes(), b"/PROVIDERS/MICROSOFT.KEYVAULT/").is_some() {
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
