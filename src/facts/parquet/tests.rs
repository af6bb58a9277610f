//! Tables column by column: what is read of them, and what is refused.

use super::TABLES;
use super::columns::Columns;
use super::file::Read;
use crate::facts::Facts;
use crate::facts::tests::facts_of;

/// A table of durations of one row.
fn latency(hour: Option<i64>, bucket: u32, max_ms: u64) -> Vec<u8> {
    let mut columns = Columns::new(TABLES[2], 1);
    columns
        .text("vault", [None].into_iter())
        .flags("vault_hsm", [None].into_iter())
        .text("subscription", [None].into_iter())
        .text("resource_group", [None].into_iter())
        .numbers("hour_number", [hour].into_iter())
        .text("operation", [Some("SecretGet")].into_iter())
        .small("bucket", [bucket].into_iter())
        .counts("count", [1].into_iter())
        .counts("max_ms", [max_ms].into_iter());
    columns.finish().unwrap().bytes
}

#[test]
fn a_duration_lies_in_its_own_bucket_and_in_an_hour() {
    let read = |latency: Vec<u8>| {
        let mut tables: Vec<Vec<u8>> =
            facts_of("a", &[]).to_parquet().unwrap().into_iter().map(|table| table.bytes).collect();
        tables[2] = latency;
        Facts::from_parquet(tables.try_into().unwrap()).map(|facts| facts.latency_rows().len())
    };
    assert_eq!(read(latency(Some(492_672), 16, 16)).ok(), Some(1));
    for refused in [latency(Some(492_672), 17, 16), latency(Some(492_672), 16, 17), latency(None, 16, 16)] {
        let told = read(refused).unwrap_err().to_string();
        assert!(told.contains("without an hour, or of another bucket"), "{told}");
    }
}

/// Columns of few texts are stored as numbers, those of many as they are: both are read.
#[test]
fn texts_are_read_however_they_are_stored() {
    let rows = 3_000_000;
    let text = |row: usize, of: usize| (!row.is_multiple_of(7)).then(|| format!("{}", row % of));
    let (few, many): (Vec<_>, Vec<_>) =
        (0..rows).step_by(11).map(|row| (text(row, 9), text(row, rows))).unzip();
    let mut columns = Columns::new(TABLES[0], few.len());
    columns.text("few", few.iter().map(Option::as_deref)).text("many", many.iter().map(Option::as_deref));
    let read = Read::open(TABLES[0], columns.finish().unwrap().bytes).unwrap();
    assert!(read.text("few").unwrap().into_iter().eq(few.iter().map(Option::as_deref)));
    assert!(read.text("many").unwrap().into_iter().eq(many.iter().map(Option::as_deref)));
    // As many texts as were told apart: of a column of few each once, of one of many each row its own.
    let texts = |name: &str| read.coded(name, |_| ()).unwrap().1.len();
    assert_eq!(texts("few"), 9);
    assert_eq!(texts("many"), many.iter().flatten().count());
}
