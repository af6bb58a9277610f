//! Facts to Parquet.

use rayon::prelude::*;

use super::columns::{Columns, Values};
use super::{TABLES, Table, TableError};
use crate::facts::coverage::{BlobCoverage, RejectRow};
use crate::facts::dimensions::{Dimensions, RequestKey, Text};
use crate::facts::examples::{Example, ExampleKey};
use crate::facts::order::Places;
use crate::facts::requests::{Cell, Series};
use crate::facts::rows::{CallerRow, DENIAL_COLUMNS, VaultRow};
use crate::facts::sightings::Seen;
use crate::facts::{Facts, Location};
use crate::record::AccessFlags;
use crate::record::fingerprint::Fingerprint;
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// All tables.
pub(super) fn tables(facts: &Facts) -> Result<Vec<Table>, TableError> {
    let places = &Places::new(&facts.dimensions);
    let (keys, requests) = {
        let rows = facts.requests_in_order(places);
        rayon::join(|| request_keys(&facts.dimensions, &rows), || requests(&rows))
    };
    let rest = [latency, changes, examples, coverage, rejects, sightings];
    let rest = rest.par_iter().map(|table| table(facts, places)).collect::<Result<Vec<_>, _>>();
    Ok([vec![keys?, requests?], rest?].concat())
}

/// The columns of a vault.
fn vault_columns<'v, 'f: 'v>(columns: &mut Columns<'v>, vaults: impl Values<VaultRow<'f>> + Clone + 'v) {
    columns
        .text("vault", vaults.clone().map(|vault| vault.name))
        .flags("vault_hsm", vaults.clone().map(|vault| Some(vault.hsm)))
        .text("subscription", vaults.clone().map(|vault| vault.subscription))
        .text("resource_group", vaults.map(|vault| vault.resource_group));
}

/// The columns of a caller.
fn caller_columns<'v, 'f: 'v>(columns: &mut Columns<'v>, callers: impl Values<CallerRow<'f>> + Clone + 'v) {
    columns
        .text("caller_kind", callers.clone().map(|caller| caller.named.then(|| caller.kind.into())))
        .text("caller_oid", callers.clone().map(|caller| caller.oid))
        .text("caller_appid", callers.clone().map(|caller| caller.appid))
        .text("caller_name", callers.clone().map(|caller| caller.name))
        .text("caller_tenant", callers.clone().map(|caller| caller.tenant))
        .text("caller_managed_identity", callers.clone().map(|caller| caller.managed_identity))
        .text("caller_resource", callers.map(|caller| caller.resource));
}

/// Requests of one key.
type Stream<'f> = (&'f RequestKey, &'f Series);

fn request_keys(dimensions: &Dimensions, rows: &[Stream<'_>]) -> Result<Table, TableError> {
    let mut columns = Columns::new(TABLES[0], rows.len());
    let keys = rows.iter().map(|(key, _)| *key);
    let text =
        |text: fn(&RequestKey) -> Option<Text>| keys.clone().map(move |key| dimensions.text(text(key)));
    columns.near("key", (0_u32..).take(rows.len()));
    vault_columns(&mut columns, keys.clone().map(|key| dimensions.vault_row(key.vault)));
    caller_columns(&mut columns, keys.clone().map(|key| dimensions.caller_row(key.caller)));
    let flag = |flag: fn(&AccessFlags) -> Option<bool>| keys.clone().map(move |key| flag(&key.access));
    columns
        .text("plane", keys.clone().map(|key| Some(key.plane.into())))
        .text("operation", text(|key| key.operation))
        .text("object", text(|key| key.object))
        .text("key_kind", text(|key| key.key_kind))
        .text("client_address", text(|key| key.client_address))
        .text("client_agent", text(|key| key.client_agent))
        .numbers("status", keys.clone().map(|key| key.status.map(i64::from)))
        .text("cause", text(|key| Some(key.cause)))
        .text("basis", keys.clone().map(|key| Some(key.basis.into())))
        .flags("is_access_policy_match", flag(|access| access.policy_match))
        .flags("is_rbac_authorized", flag(|access| access.rbac_authorized))
        .flags("is_address_authorized", flag(|access| access.address_authorized))
        .flags("challenge_settled", keys.clone().map(|key| Some(key.settled)))
        .counts("untimed", rows.iter().map(|(_, series)| series.untimed));
    for (index, name) in DENIAL_COLUMNS.iter().enumerate() {
        columns.text(name, keys.clone().map(move |key| dimensions.denial_row(key.denial)[index]));
    }
    columns.finish()
}

fn requests(rows: &[Stream<'_>]) -> Result<Table, TableError> {
    let cells = || {
        (0_u32..).zip(rows).flat_map(|(key, (_, series))| series.cells().iter().map(move |cell| (key, cell)))
    };
    let within = |ticks: Ticks, cell: &Cell| {
        u32::try_from(ticks.0 - cell.second() * TICKS_PER_SECOND).unwrap_or(u32::MAX)
    };
    let mut columns = Columns::new(TABLES[1], cells().count());
    columns
        .near("key", cells().map(|(key, _)| key))
        .near("second", cells().map(|(_, cell)| cell.second()))
        .small("count", cells().map(|(_, cell)| cell.count))
        .near("first_tick", cells().map(|(_, cell)| within(cell.first, &cell)))
        .near("last_tick", cells().map(|(_, cell)| within(cell.last(), &cell)));
    columns.finish()
}

fn latency(facts: &Facts, places: &Places) -> Result<Table, TableError> {
    let dimensions = &facts.dimensions;
    let rows = facts.latency_in_order(places);
    let keys = rows.iter().map(|(key, _)| *key);
    let mut columns = Columns::new(TABLES[2], rows.len());
    vault_columns(&mut columns, keys.clone().map(|key| dimensions.vault_row(key.vault)));
    columns
        .seconds("hour", keys.clone().map(|key| key.hour * 3600))
        .numbers("hour_number", keys.clone().map(|key| Some(key.hour)))
        .text("operation", keys.map(|key| dimensions.text(key.operation)))
        .small("bucket", rows.iter().map(|(_, cell)| u32::from(cell.bucket())))
        .counts("count", rows.iter().map(|(_, cell)| cell.count))
        .counts("max_ms", rows.iter().map(|(_, cell)| cell.max_ms));
    columns.finish()
}

fn changes(facts: &Facts, _: &Places) -> Result<Table, TableError> {
    let rows = facts.change_rows();
    let mut columns = Columns::new(TABLES[3], rows.len());
    vault_columns(&mut columns, rows.iter().map(|row| row.vault));
    caller_columns(&mut columns, rows.iter().map(|row| row.caller));
    columns
        .numbers("time_100ns", rows.iter().map(|row| ticks(row.time)))
        .text("operation", rows.iter().map(|row| row.operation))
        .text("client_address", rows.iter().map(|row| row.client_address))
        .numbers("status", rows.iter().map(|row| row.status.map(i64::from)))
        .text("sku", rows.iter().map(|row| row.sku))
        .flags("rbac", rows.iter().map(|row| row.rbac))
        .text("firewall_default", rows.iter().map(|row| row.firewall_default))
        .text("firewall_bypass", rows.iter().map(|row| row.firewall_bypass))
        .text("public_access", rows.iter().map(|row| row.public_access))
        .flags("purge_protection", rows.iter().map(|row| row.purge_protection))
        .counts("count", rows.iter().map(|row| row.count));
    columns.finish()
}

fn examples(facts: &Facts, places: &Places) -> Result<Table, TableError> {
    let dimensions = &facts.dimensions;
    let rows = facts.examples_in_order(places);
    let keys = rows.iter().map(|(key, ..)| *key);
    let shown = rows.iter().map(|(.., example)| *example);
    let of_key =
        |text: fn(&ExampleKey) -> Option<Text>| keys.clone().map(move |key| dimensions.text(text(key)));
    let of_shown =
        |text: fn(&Example) -> Option<Text>| shown.clone().map(move |row| dimensions.text(text(row)));
    let mut columns = Columns::new(TABLES[4], rows.len());
    vault_columns(&mut columns, keys.clone().map(|key| dimensions.vault_row(key.vault)));
    caller_columns(&mut columns, keys.clone().map(|key| dimensions.caller_row(key.caller)));
    columns
        .text("cause", of_key(|key| Some(key.cause)))
        .text("operation", of_key(|key| key.operation))
        .text("object", of_key(|key| key.object))
        .flags("by_client", keys.clone().map(|key| Some(key.client.is_some())))
        .counts("rank", rows.iter().map(|(_, rank, _)| u64::from(*rank)))
        .numbers("time_100ns", shown.clone().map(|example| ticks(example.time)))
        .text("blob", of_shown(|example| Some(example.location.blob)))
        .counts("offset", shown.clone().map(|example| example.location.offset))
        .counts("line", shown.clone().map(|example| example.location.line))
        .made_text(
            "correlation_id",
            shown.clone().map(|example| example.correlation_id.map(|id| id.text(dimensions))),
        )
        .text("message", of_shown(|example| example.message))
        .text("client_address", of_shown(|example| example.client_address))
        .text("client_agent", of_shown(|example| example.client_agent));
    columns.finish()
}

/// Counts by name, as `name=count` joined by commas: few, and read by people too.
fn counts_by_name<K: ToString>(counts: &std::collections::BTreeMap<K, u64>) -> String {
    let parts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{}={count}", name.to_string())).collect();
    parts.join(",")
}

fn coverage(facts: &Facts, _: &Places) -> Result<Table, TableError> {
    let rows = facts.coverage_rows();
    let of = |field: fn(&BlobCoverage) -> u64| rows.iter().map(move |(_, blob)| field(blob));
    let own = |text: fn(&BlobCoverage) -> String| -> Vec<String> {
        rows.iter().map(|(_, blob)| text(blob)).collect()
    };
    let texts = [
        ("digest", own(|blob| format!("{:032x}", blob.digest))),
        ("compression", own(|blob| blob.compression.to_string())),
        ("containers", own(|blob| blob.containers.names().join(","))),
        ("shapes", own(|blob| counts_by_name(&blob.shapes))),
        ("not_audit", own(|blob| counts_by_name(&blob.not_audit))),
        ("rejected", own(|blob| counts_by_name(&blob.rejected))),
    ];
    let mut columns = Columns::new(TABLES[5], rows.len());
    columns.text("blob", rows.iter().map(|(name, _)| Some(*name)));
    for (name, texts) in &texts {
        columns.text(name, texts.iter().map(|text| Some(text.as_str())));
    }
    columns
        .counts("stored_bytes", of(|blob| blob.stored_bytes))
        .counts("bytes", of(|blob| blob.bytes))
        .counts("records", of(|blob| blob.records))
        .counts("blank", of(|blob| blob.blank))
        .counts("repeated", of(|blob| blob.repeated))
        .counts("untimed", of(|blob| blob.untimed))
        .counts("contradictory", of(|blob| blob.contradictory))
        .numbers("first_100ns", rows.iter().map(|(_, blob)| ticks(blob.first)))
        .numbers("last_100ns", rows.iter().map(|(_, blob)| ticks(blob.last)))
        .text("passed_over", rows.iter().map(|(_, blob)| blob.passed_over.as_deref()))
        .flags("incomplete", rows.iter().map(|(_, blob)| Some(blob.incomplete)));
    columns.finish()
}

fn rejects(facts: &Facts, _: &Places) -> Result<Table, TableError> {
    let blobs = facts.coverage_rows();
    let rows: Vec<(&str, &RejectRow)> =
        blobs.iter().flat_map(|(name, blob)| blob.rejects.iter().map(move |row| (*name, row))).collect();
    let reasons: Vec<String> = rows.iter().map(|(_, row)| row.reason.to_string()).collect();
    let mut columns = Columns::new(TABLES[6], rows.len());
    columns
        .text("blob", rows.iter().map(|(name, _)| Some(*name)))
        .counts("offset", rows.iter().map(|(_, row)| row.place.offset))
        .counts("line", rows.iter().map(|(_, row)| row.place.line))
        .counts("bytes", rows.iter().map(|(_, row)| row.place.bytes))
        .text("reason", reasons.iter().map(|reason| Some(reason.as_str())))
        .text("detail", rows.iter().map(|(_, row)| row.detail.as_deref()));
    columns.finish()
}

fn sightings(facts: &Facts, _: &Places) -> Result<Table, TableError> {
    let rows: Vec<(Fingerprint, &Seen)> = facts.sightings.iter().collect();
    let hashes: Vec<String> = rows.iter().map(|(request, _)| format!("{:032x}", request.hash)).collect();
    let text = |text: Text| Some(facts.dimensions.strings.get(text));
    let mut columns = Columns::new(TABLES[7], rows.len());
    columns
        .text("fingerprint", hashes.iter().map(|hash| Some(hash.as_str())))
        .numbers("time_100ns", rows.iter().map(|(request, _)| Some(request.time.0)))
        .text("vault", rows.iter().map(|(_, seen)| text(seen.vault)))
        .counts("count", rows.iter().map(|(_, seen)| seen.count));
    for (prefix, place) in
        [("first", (|seen| seen.first) as fn(&Seen) -> Location), ("last", |seen| seen.last)]
    {
        let places = || rows.iter().map(move |(_, seen)| place(seen));
        columns
            .text(&format!("{prefix}_blob"), places().map(|place| text(place.blob)))
            .counts(&format!("{prefix}_offset"), places().map(|place| place.offset))
            .counts(&format!("{prefix}_line"), places().map(|place| place.line));
    }
    columns.finish()
}

fn ticks(time: Option<Ticks>) -> Option<i64> {
    time.map(|time| time.0)
}
