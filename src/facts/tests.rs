//! The merge laws, on small random logs.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::dimensions::RequestKey;
use super::requests::Series;
use super::rows::{CallerRow, DenialRow, VaultRow};
use super::*;
use crate::classify::Basis;
use crate::classify::causes::Causes;
use crate::decode::{Decoded, Limits, decode};
use crate::record::AccessFlags;
use crate::record::operation::Plane;

/// A random record as a line of a log.
pub(crate) fn any_line() -> impl Strategy<Value = String> {
    let vault = prop::sample::select(vec!["KV-A", "kv-a", "KV-B"]);
    let kind = 0_usize..7;
    (0_u32..7300, 0_u32..10_000_000, vault, kind, 0_u8..3, 0_u8..2).prop_map(
        |(second, fraction, vault, kind, caller, agent)| {
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            let (operation, status, message) = [
                ("SecretGet", 200, ""),
                ("SecretGet", 403, "Caller is not authorized to perform action on resource."),
                ("SecretSet", 404, "A secret with (name/id) x was not found in this key vault."),
                ("Authentication", 401, ""),
                ("VaultPut", 200, ""),
                ("VaultGet", 200, ""),
                ("SecretExpiredEventGridNotification", 200, ""),
            ][kind];
            // The same text under two claims, and one more caller than are remembered.
            let claim = ["oid", "appid"][usize::from(agent)];
            let identity =
                if status == 401 { "{}".to_owned() } else { format!("{{\"claim\":{{\"{claim}\":\"o-{caller}\"}}}}") };
            format!(
                "{{\"time\":\"2026-03-12T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z\",\"category\":\"AuditEvent\",\
                 \"operationName\":\"{operation}\",\"resultDescription\":\"{message}\",\"durationMs\":\"{second}\",\
                 \"callerIpAddress\":\"203.0.113.{caller}\",\"correlationId\":\"{fraction}\",\"identity\":{identity},\
                 \"properties\":{{\"clientInfo\":\"agent-{agent}\",\"httpStatusCode\":{status}}},\
                 \"resourceId\":\"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{vault}\"}}"
            )
        },
    )
}

/// The facts of lines, as one blob.
pub(crate) fn facts_of(blob: &str, lines: &[String]) -> Facts {
    facts_after(blob, lines, |_| {})
}

/// The same with `before` called in front of each record.
fn facts_after(blob: &str, lines: &[String], before: impl Fn(&mut Facts)) -> Facts {
    static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);
    let causes = &*CAUSES;
    let mut facts = Facts::new();
    let name = facts.dimensions.strings.intern(blob);
    let text = lines.join("\n");
    let (totals, result) = decode(text.as_bytes(), Limits::default(), |found| {
        let Decoded::Record(record, place) = found else { panic!("{found:?}") };
        let verdict = causes.classify(record);
        before(&mut facts);
        facts.update(
            record,
            &verdict,
            causes,
            Location { blob: name, offset: place.offset, line: place.line },
        );
        true
    });
    result.unwrap();
    facts.coverage.blob(name).bytes = totals.bytes;
    facts
}

/// A stream of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RequestRow<'f> {
    /// Caller.
    caller: CallerRow<'f>,
    /// Vault.
    vault: VaultRow<'f>,
    /// Operation name.
    operation: Option<&'f str>,
    /// Object.
    object: Option<&'f str>,
    /// Plane.
    plane: Plane,
    /// Key kind.
    key_kind: Option<&'f str>,
    /// Client address.
    client_address: Option<&'f str>,
    /// Client agent.
    client_agent: Option<&'f str>,
    /// Status.
    status: Option<u16>,
    /// Cause id.
    cause: &'f str,
    /// Basis.
    basis: Basis,
    /// Flags.
    access: AccessFlags,
    /// Challenge judged.
    settled: bool,
    /// Details.
    denial: DenialRow<'f>,
}

/// A request key's texts.
fn request_row<'f>(facts: &'f Facts, key: &RequestKey) -> RequestRow<'f> {
    let dimensions = &facts.dimensions;
    RequestRow {
        vault: dimensions.vault_row(key.vault),
        plane: key.plane,
        operation: dimensions.text(key.operation),
        object: dimensions.text(key.object),
        key_kind: dimensions.text(key.key_kind),
        caller: dimensions.caller_row(key.caller),
        client_address: dimensions.text(key.client_address),
        client_agent: dimensions.text(key.client_agent),
        status: key.status,
        cause: dimensions.strings.get(key.cause),
        basis: key.basis,
        access: key.access,
        settled: key.settled,
        denial: dimensions.denial_row(key.denial),
    }
}

/// All requests by their texts, sorted; holds their order by numbers against it.
fn request_rows(facts: &Facts) -> Vec<(RequestRow<'_>, &Series)> {
    let row = |(key, series): (&RequestKey, _)| (request_row(facts, key), series);
    let mut rows: Vec<_> = facts.requests.iter().map(|(key, series)| row((key, series))).collect();
    rows.sort_unstable_by(|one: &(RequestRow<'_>, &Series), other| one.0.cmp(&other.0));
    let ordered: Vec<_> = facts
        .requests_in_order(&order::Places::new(&facts.dimensions))
        .into_iter()
        .map(|(key, _)| request_row(facts, key))
        .collect();
    assert!(rows.iter().map(|(row, _)| *row).eq(ordered), "keys are in the order of their texts");
    rows
}

/// Everything that facts hold, in one order.
pub(crate) fn canonical(facts: &mut Facts) -> String {
    facts.requests.settle();
    assert!(facts.latency_rows().is_sorted(), "durations are in the order of their texts");
    assert!(facts.example_rows().is_sorted(), "examples are in the order of their texts");
    format!(
        "{:#?}{:#?}{:#?}{:#?}{:#?}",
        request_rows(facts),
        facts.latency_rows(),
        facts.change_rows(),
        facts.example_rows(),
        facts.coverage_rows()
    )
}

fn merged(parts: Vec<Facts>) -> Facts {
    let mut all = Facts::new();
    for part in parts {
        all.merge(part);
    }
    all
}

/// So many that they are sorted in while tables are merged, and not only when they are settled.
#[test]
fn many_tables_merged_count_what_one_does() {
    let line = |number: usize| {
        let (minute, second, caller) = (number / 60, number % 60, number % 3);
        format!(
            "{{\"time\":\"2026-03-12T10:{minute:02}:{second:02}Z\",\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\",\
             \"identity\":{{\"claim\":{{\"oid\":\"o-{caller}\"}}}},\"properties\":{{\"httpStatusCode\":200}},\
             \"resourceId\":\"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-A\"}}"
        )
    };
    let lines: Vec<String> = (0..1000).map(|number| line(number * 7 % 1000)).collect();
    let mut whole = facts_of("a", &lines);
    let mut all = merged(lines.chunks(100).map(|lines| facts_of("a", lines)).collect());
    whole.requests.settle();
    all.requests.settle();
    assert_eq!(whole.requests.rows(), 1000);
    assert_eq!(format!("{:?}", request_rows(&all)), format!("{:?}", request_rows(&whole)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What is remembered is forgotten at a few entries in tests, so that all of it is met: found, not
    /// found, and forgotten.
    #[test]
    fn what_is_remembered_does_not_show(lines in prop::collection::vec(any_line(), 0..60)) {
        let mut remembering = facts_of("a", &lines);
        let mut forgetful = facts_after("a", &lines, |facts| facts.memo = memo::Memo::default());
        prop_assert_eq!(canonical(&mut remembering), canonical(&mut forgetful));
        let sample = |facts: &Facts| -> Vec<_> {
            facts.sightings.iter().map(|(request, seen)| (request, seen.count, seen.first.offset)).collect()
        };
        prop_assert_eq!(sample(&remembering), sample(&forgetful));
    }

    #[test]
    fn nothing_is_the_identity(lines in prop::collection::vec(any_line(), 0..30)) {
        let mut alone = facts_of("a", &lines);
        let mut left = merged(vec![Facts::new(), facts_of("a", &lines)]);
        let mut right = merged(vec![facts_of("a", &lines), Facts::new()]);
        let expected = canonical(&mut alone);
        prop_assert_eq!(canonical(&mut left), expected.clone());
        prop_assert_eq!(canonical(&mut right), expected);
    }

    #[test]
    fn order_and_grouping_do_not_matter(
        a in prop::collection::vec(any_line(), 0..20),
        b in prop::collection::vec(any_line(), 0..20),
        c in prop::collection::vec(any_line(), 0..20),
    ) {
        let [a, b, c] = [("a", a), ("b", b), ("c", c)].map(|(name, lines)| move || facts_of(name, &lines));
        let mut flat = merged(vec![a(), b(), c()]);
        let expected = canonical(&mut flat);
        prop_assert_eq!(canonical(&mut merged(vec![c(), a(), b()])), expected.clone());
        prop_assert_eq!(canonical(&mut merged(vec![a(), merged(vec![b(), c()])])), expected.clone());
        prop_assert_eq!(canonical(&mut merged(vec![merged(vec![c(), b()]), a()])), expected);
    }

    /// Any split of a log into blobs counts the same; places differ, so evidence and coverage are
    /// left out.
    #[test]
    fn a_split_counts_the_same(lines in prop::collection::vec(any_line(), 0..40), cut in 0_usize..40) {
        let (front, back) = lines.split_at(cut.min(lines.len()));
        let mut whole = facts_of("a", &lines);
        let mut split = merged(vec![facts_of("b", back), facts_of("c", front)]);
        whole.requests.settle();
        split.requests.settle();
        prop_assert_eq!(format!("{:?}", request_rows(&whole)), format!("{:?}", request_rows(&split)));
        prop_assert_eq!(whole.latency_rows(), split.latency_rows());
        prop_assert_eq!(whole.change_rows(), split.change_rows());
    }

    #[test]
    fn parquet_keeps_everything(lines in prop::collection::vec(any_line(), 0..30)) {
        let mut facts = facts_of("a", &lines);
        let tables = facts.to_parquet().unwrap();
        let bytes: Vec<Vec<u8>> = tables.iter().map(|table| table.bytes.clone()).collect();
        let mut read = Facts::from_parquet(bytes.try_into().unwrap()).unwrap();
        prop_assert_eq!(canonical(&mut read), canonical(&mut facts));
        prop_assert_eq!(read.to_parquet().unwrap(), tables);
    }

    /// Evidence is what sorting every failure by time, blob and offset gives first.
    #[test]
    fn examples_are_the_first_of_their_kind(lines in prop::collection::vec(any_line(), 0..40)) {
        let mut facts = merged(vec![facts_of("b", &lines[lines.len() / 2..]), facts_of("a", &lines[..lines.len() / 2])]);
        facts.requests.settle();
        for (key, kept) in facts.examples.iter() {
            let order = |example: &examples::Example| {
                (example.time, facts.dimensions.strings.get(example.location.blob), example.location.offset)
            };
            prop_assert!(kept.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])));
            let failures: u64 = facts
                .requests
                .iter()
                .filter(|(request, _)| {
                    (request.vault, request.cause, request.caller, request.operation, request.object)
                        == (key.vault, key.cause, key.caller, key.operation, key.object)
                        && key.client.is_none_or(|client| client == (request.client_address, request.client_agent))
                })
                .flat_map(|(_, series)| series.cells())
                .filter(|cell| Some(cell.second().div_euclid(3600)) == key.hour)
                .map(|cell| u64::from(cell.count))
                .sum();
            prop_assert_eq!(kept.len() as u64, failures.min(examples::KEPT as u64));
        }
    }
}

#[test]
fn damaged_tables_are_refused_and_do_not_panic() {
    let lines: Vec<String> = vec![
        r#"{"category":"AuditEvent","operationName":"SecretGet","time":"2026-03-12T00:00:00Z"}"#.to_owned(),
    ];
    let good: Vec<Vec<u8>> =
        facts_of("a", &lines).to_parquet().unwrap().into_iter().map(|table| table.bytes).collect();
    for table in 0..good.len() {
        let mut bad = good.clone();
        bad[table] = bad[table][..bad[table].len() / 2].to_vec();
        assert!(Facts::from_parquet(bad.try_into().unwrap()).is_err());
        // Another table in its place lacks the columns.
        let mut swapped = good.clone();
        swapped[table] = good[(table + 1) % good.len()].clone();
        assert!(Facts::from_parquet(swapped.try_into().unwrap()).is_err(), "table {table}");
    }
}
