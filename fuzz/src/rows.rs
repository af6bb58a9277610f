//! A row of a query's answer, against its cells filled in one by one.

use akvlens::decode::columns::Column;
use akvlens::decode::resource_log::{decode_row, judge};
use akvlens::decode::shape::RecordForm;
use akvlens::record::Record;
use serde_json::Value;

use crate::reader::steer;

/// Names of columns of both tables and of neither.
const NAMES: &[&str] = &[
    "TimeGenerated",
    "OperationName",
    "Category",
    "ResultSignature",
    "ResultDescription",
    "DurationMs",
    "CallerIPAddress",
    "CorrelationId",
    "Identity",
    "Properties",
    "KeyProperties",
    "HttpStatusCode",
    "IsRbacAuthorized",
    "_ResourceId",
    "Type",
    "identity_claim_oid_g",
    "identity_claim_upn_s",
    "properties_sku_Name_s",
    "NetworkAcls",
    "Sku",
    "requestUri_s",
    "id_s",
    "ResourceProvider",
    "ResourceType",
    "Resource",
    "SubscriptionId",
    "ResourceGroup",
    "keyProperties_size_d",
    "Unknown",
];

/// A row is its cells, each filled into its field; what cannot be read is refused with a reason.
///
/// The first byte says with which column the row begins; the columns then come in turn.
pub fn rows(bytes: &[u8]) {
    let ([first], text) = steer::<1>(bytes);
    let columns: Vec<Option<(Column, RecordForm)>> = NAMES
        .iter()
        .cycle()
        .skip(usize::from(first) % NAMES.len())
        .take(24)
        .map(|name| Column::of(name))
        .collect();
    let mut record = Record::default();
    let form = decode_row(text, &columns, &mut record);
    let Ok(cells) = serde_json::from_slice::<Vec<Value>>(text) else { return };
    // A tree does not keep objects and arrays as they were written.
    if cells.iter().any(|cell| cell.is_object() || cell.is_array()) {
        return;
    }
    let texts: Vec<Option<String>> = cells.iter().map(text_of).collect();
    let mut slow = Record::default();
    for ((text, cell), column) in texts.iter().zip(&cells).zip(&columns) {
        let Some((column, of)) = column else { continue };
        slow.shape.form = slow.shape.form.max(*of);
        // Only text stands for an object.
        if let Some(text) = text
            && (column.level().is_none() || cell.is_string())
        {
            column.fill(&mut slow, text.as_str().into());
        }
    }
    let expected = judge(&mut slow);
    assert_eq!(form, expected);
    assert_eq!(format!("{record:?}"), format!("{slow:?}"));
}

/// A scalar cell as text.
fn text_of(cell: &Value) -> Option<String> {
    match cell {
        Value::Bool(value) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => {
            let whole = number.as_u64().map(|number| number.to_string());
            let whole = whole.or_else(|| number.as_i64().map(|number| number.to_string()));
            whole.or_else(|| number.as_f64().map(|number| number.to_string()))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
