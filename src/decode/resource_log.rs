//! The storage form of a record: what a diagnostic setting writes to a storage account or an
//! event hub (facts §1.1, §1.7 to §1.9), Managed HSM's flattened variant included.
//!
//! Input: the bytes of one JSON object. Output: a borrowed [`Record`], or what else it is. Keys may
//! come in any order, twice (the last counts), or unknown (ignored); a value of the wrong type is a
//! missing value. Must not allocate for a text that stands in the blob without escapes.

mod fields;

use serde::de::DeserializeSeed;

use super::{NotAudit, Reason};
use crate::record::Record;
use fields::{Envelope, TopLevel};

/// What an object in a log turned out to be.
#[derive(Debug, PartialEq)]
pub enum Form<'a> {
    /// An audit record.
    Audit(Box<Record<'a>>),
    /// A record of another log.
    NotAudit(NotAudit),
}

/// Decodes one JSON object.
///
/// # Errors
/// The reason, and where inside the object the parser stopped; never any text of the log.
pub fn decode(bytes: &[u8]) -> Result<Form<'_>, (Reason, Option<String>)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        (Reason::InvalidUtf8, Some(format!("byte {} of the record", error.valid_up_to())))
    })?;
    let mut envelope = Envelope::default();
    let mut parser = serde_json::Deserializer::from_str(text);
    TopLevel(&mut envelope)
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| reject(&error))?;
    judge(envelope)
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
fn judge(envelope: Envelope<'_>) -> Result<Form<'_>, (Reason, Option<String>)> {
    let Envelope { record, category, metric, arm_operation } = envelope;
    let key_vault = |id: &str| contains_ignoring_case(id.as_bytes(), b"/microsoft.keyvault/");
    let elsewhere = record
        .resource_id
        .as_deref()
        .is_some_and(|id| !key_vault(id) && contains_ignoring_case(id.as_bytes(), b"/providers/"));
    let audit = category.as_deref().is_some_and(|category| category.eq_ignore_ascii_case("AuditEvent"));
    if audit && elsewhere {
        return Ok(Form::NotAudit(NotAudit::OtherService));
    }
    if audit {
        return Ok(Form::Audit(record));
    }
    if metric {
        return Ok(Form::NotAudit(NotAudit::Metrics));
    }
    match category.as_deref() {
        Some(category) if category.eq_ignore_ascii_case("AzurePolicyEvaluationDetails") => {
            Ok(Form::NotAudit(NotAudit::PolicyEvaluation))
        }
        _ if arm_operation || category.as_deref().is_some_and(is_activity_category) => {
            Ok(Form::NotAudit(NotAudit::ActivityLog))
        }
        Some(_) if elsewhere => Ok(Form::NotAudit(NotAudit::OtherService)),
        Some(_) => Ok(Form::NotAudit(NotAudit::OtherCategory)),
        // No category: a record all the same if it names a vault and an operation.
        None if record.operation.is_some() && record.resource_id.as_deref().is_some_and(key_vault) => {
            Ok(Form::Audit(record))
        }
        None => {
            Err((Reason::NotARecord, Some("no category, operationName and resourceId of a vault".into())))
        }
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

/// Whether ASCII `needle` (in lower case) stands in `text`, whatever its case.
fn contains_ignoring_case(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests;
