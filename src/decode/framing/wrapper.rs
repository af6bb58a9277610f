//! Objects whose array holds the records: what their heads look like.

use serde::Deserialize;

use super::scanner::Wraps;
use crate::decode::columns::Column;
use crate::decode::shape::{RecordForm, Wrapper};

/// How many bytes are looked at for the head of a wrapper; white space beyond it is left to the
/// scanner.
pub(super) const WRAPPER_HEAD: usize = 128;

/// The length of `{"records":[` or `{"value":[` at the front, with any white space inside.
pub(super) fn wrapper_head(rest: &[u8]) -> Option<(usize, Wrapper)> {
    // What nearly every record begins with.
    if rest.starts_with(b"{\"time\":") {
        return None;
    }
    let quoted = rest.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', quoted.get(..8.min(quoted.len()))?)?;
    let (key, behind) = quoted.split_at_checked(end)?;
    let wrapper = Wrapper::of_key(key).filter(|wrapper| Wraps::Records.meets(*wrapper))?;
    let value = behind.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
    let inside = value.trim_ascii_start().strip_prefix(b"[")?;
    Some((rest.len() - inside.len(), wrapper))
}

/// The head of a table in a query's answer.
#[derive(Deserialize)]
struct TableHead {
    #[serde(default)]
    columns: Vec<ColumnHead>,
}

/// One column of it.
#[derive(Deserialize)]
struct ColumnHead {
    #[serde(default, alias = "ColumnName")]
    name: String,
}

/// The columns that a table names before its rows: `{"name":…,"columns":[…],"rows":[`. None where
/// it names none: then no row can be read, and each is rejected.
pub(super) fn columns_of_head(head: &[u8]) -> Vec<Option<(Column, RecordForm)>> {
    let whole = [head, b"]}"].concat();
    let table: Option<TableHead> = serde_json::from_slice(&whole).ok();
    table.map_or_else(Vec::new, |table| table.columns.iter().map(|column| Column::of(&column.name)).collect())
}
