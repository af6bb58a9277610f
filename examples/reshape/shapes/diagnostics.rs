//! A record as a row of `AzureDiagnostics`: flattened columns whose suffix follows the value (facts §1.4).
//!
//! In: a record in storage form. Out: its row. What facts are silent on is said at the place.

use super::Json;
use super::row::{Cell, Resource, Row, WORKSPACE_ID};

/// Members of a record that have a column of their own, or that the columns of the workspace hide.
const NOT_FLATTENED: &[&str] = &[
    "time",
    "resourceId",
    "category",
    "operationName",
    "operationVersion",
    "resultType",
    "resultSignature",
    "resultDescription",
    "correlationId",
    "durationMs",
    "callerIpAddress",
    "Level",
    // Managed HSM writes these too (facts §1.7).
    "TenantId",
    "resourceGroup",
    "resourceProvider",
    "resource",
    "resourceType",
];

/// The row of a record.
pub(crate) fn row(record: &Json) -> Row {
    let resource = Resource::of(record);
    let text = |key: &str| Cell::Text(record.get(key).and_then(Json::scalar).unwrap_or_default());
    let present = |key: &str| record.get(key).and_then(Json::scalar).map(Cell::Text);
    let mut row = Row::default();
    row.push("TenantId", Cell::Text(WORKSPACE_ID.into()));
    row.maybe("TimeGenerated", record.get("time").and_then(Json::scalar).map(Cell::Time));
    row.push("ResourceId", Cell::Text(resource.id.into()));
    row.push("Category", text("category"));
    row.push("ResourceGroup", Cell::Text(resource.group.into()));
    row.push("SubscriptionId", Cell::Text(resource.subscription.to_ascii_lowercase()));
    row.push("ResourceProvider", Cell::Text(resource.provider.into()));
    row.push("Resource", Cell::Text(resource.name.into()));
    row.push("ResourceType", Cell::Text(resource.kind.to_ascii_uppercase()));
    row.push("OperationName", text("operationName"));
    row.maybe("OperationVersion", present("operationVersion"));
    row.push("ResultType", text("resultType"));
    row.push("ResultSignature", text("resultSignature"));
    row.push("ResultDescription", text("resultDescription"));
    push_correlation(&mut row, record, resource);
    row.maybe("DurationMs", whole(record.get("durationMs")));
    row.maybe("CallerIPAddress", present("callerIpAddress"));
    row.maybe("Level", present("Level"));
    for (key, value) in record.members() {
        match key.as_str() {
            "properties" => flatten_members(&mut row, "", value),
            "identity" => flatten_identity(&mut row, value),
            _ if NOT_FLATTENED.contains(&key.as_str()) => {}
            _ => flatten(&mut row, &mangled(key), value),
        }
    }
    row.push("SourceSystem", Cell::Text("Azure".into()));
    row.push("Type", Cell::Text("AzureDiagnostics".into()));
    row.push("_ResourceId", Cell::Text(resource.id.to_ascii_lowercase()));
    row
}

/// Managed HSM's id is in `correlationId_g` (facts §1.7); whether `CorrelationId` repeats it, facts do not
/// say, and here it does not.
fn push_correlation(row: &mut Row, record: &Json, resource: Resource<'_>) {
    let id = record.get("correlationId").and_then(Json::as_text).unwrap_or_default();
    if resource.is_managed_hsm() && is_guid(id) {
        row.push("CorrelationId", Cell::Text(String::new()));
        row.push("correlationId_g", Cell::Guid(id.into()));
    } else {
        row.push("CorrelationId", Cell::Text(id.into()));
    }
}

/// The claims; Managed HSM's are JSON in a string. Whether a workspace opens that string, facts do not say:
/// here it does, since the keys in it are those of the long columns, split at dots.
fn flatten_identity(row: &mut Row, identity: &Json) {
    match identity.as_text().map(Json::read) {
        Some(Ok(inner)) => flatten(row, "identity", &inner),
        _ => flatten(row, "identity", identity),
    }
}

/// Adds the columns of an object's members.
fn flatten_members(row: &mut Row, prefix: &str, object: &Json) {
    for (key, value) in object.members() {
        let name = if prefix.is_empty() { mangled(key) } else { format!("{prefix}_{}", mangled(key)) };
        flatten(row, &name, value);
    }
}

/// Adds the column of a value, or those of an object's members; null and `{}` leave none.
fn flatten(row: &mut Row, name: &str, value: &Json) {
    let (suffix, cell) = match value {
        Json::Null => return,
        Json::Object(_) => return flatten_members(row, name, value),
        Json::Bool(flag) => ("b", Cell::Flag(*flag)),
        Json::Number(number) => ("d", Cell::Real(number.clone())),
        Json::Text(text) if is_guid(text) => ("g", Cell::Guid(text.clone())),
        Json::Text(text) if is_time(text) => ("t", Cell::Time(text.clone())),
        Json::Text(text) => ("s", Cell::Text(text.clone())),
        Json::List(_) => ("s", Cell::Text(value.to_string())),
    };
    row.push(&format!("{name}_{suffix}"), cell);
}

/// A key as part of a column's name: what is neither letter, digit nor underscore becomes one underscore.
fn mangled(key: &str) -> String {
    let mut name = String::with_capacity(key.len());
    let mut held = false;
    for c in key.chars() {
        let plain = c.is_ascii_alphanumeric() || c == '_';
        if plain {
            name.push(c);
        } else if !held {
            name.push('_');
        }
        held = !plain;
    }
    name
}

/// A GUID with or without its dashes: the ids of role assignments come without, and their column is
/// `appliedAssignmentId_g` all the same.
fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    matches!(lengths.as_slice(), [32] | [8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// An instant such as `2026-01-12T00:00:00Z`.
fn is_time(text: &str) -> bool {
    super::time::parse(text).is_some()
}

/// A whole number, from a number or its digits.
pub(crate) fn whole(value: Option<&Json>) -> Option<Cell> {
    value?.scalar()?.parse().ok().map(Cell::Whole)
}
