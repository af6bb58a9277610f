//! The table of caller and operation as CSV (RFC 4180).

use super::escape;
use crate::report::{CallerOperation, Report};
use crate::ticks::Ticks;

/// The columns.
const COLUMNS: [&str; 10] =
    ["vault", "oid", "appid", "name", "operation", "requests", "failures", "causes", "first", "last"];

/// One row a caller, vault and operation, most failures first.
pub fn render(report: &Report) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(COLUMNS);
    for row in &report.by_caller_operation {
        let cells = cells(row);
        let _ = writer.write_record(cells.iter().map(|cell| escape::csv(cell).into_owned()));
    }
    writer.into_inner().unwrap_or_default()
}

fn cells(row: &CallerOperation) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time = |time: Option<Ticks>| time.map(|time| time.to_string()).unwrap_or_default();
    let causes: Vec<String> = row.causes.iter().map(|(cause, count)| format!("{cause}={count}")).collect();
    [
        text(&row.vault),
        text(&row.oid),
        text(&row.appid),
        text(&row.name),
        text(&row.operation),
        row.requests.to_string(),
        row.failures.to_string(),
        causes.join(" "),
        time(row.first),
        time(row.last),
    ]
}
