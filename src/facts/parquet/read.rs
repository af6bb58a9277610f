//! Parquet to facts.

use std::collections::BTreeMap;
use std::ops::{Index, Range};
use std::str::FromStr;
use std::sync::Arc;

use rayon::prelude::*;

use super::file::{File, MOST_COUNT, Read};
use super::{TABLES, TableError};
use crate::decode::Place;
use crate::decode::shape::Containers;
use crate::facts::changes::{ChangeKey, Settings};
use crate::facts::correlation::CorrelationId;
use crate::facts::coverage::{BlobCoverage, KEPT_REJECTS, RejectRow};
use crate::facts::dimensions::{Caller, Denial, Dimensions, Ref, RequestKey, Text, Vault};
use crate::facts::examples::{Example, ExampleKey, hour_of};
use crate::facts::latency::{LatencyCell, LatencyKey};
use crate::facts::order::are_ascending;
use crate::facts::requests::{Cell, Requests, Series};
use crate::facts::rows::DENIAL_COLUMNS;
use crate::facts::sightings::Seen;
use crate::facts::{Facts, Location};
use crate::record::AccessFlags;
use crate::record::caller::CallerKind;
use crate::record::fingerprint::Fingerprint;
use crate::record::operation::Plane;
use crate::ticks::{TICKS_PER_SECOND, Ticks};

/// Facts from the bytes of all tables. Each is decoded when its turn comes and forgotten when it was read: all
/// together take more memory than the facts.
pub(super) fn facts(tables: [Vec<u8>; TABLES.len()]) -> Result<Facts, TableError> {
    let mut at = 0;
    let [keys_, requests_, latency_, changes_, examples_, coverage_, rejects_, sightings_] =
        tables.map(|bytes| {
            at += 1;
            (TABLES[at - 1], bytes)
        });
    let mut facts = Facts::new();
    // What one thread looks up of the keys leaves the others time for decoding.
    let (streams, next) = rayon::join(
        || keys(&mut facts.dimensions, &open(keys_)?),
        || Ok::<_, TableError>((open(latency_)?, open(examples_)?)),
    );
    let (streams, (latency_, examples_)) = (streams?, next?);
    // As akvlens writes them, streams come in their order: then none has to be looked up.
    let are_distinct = are_ascending(&facts.dimensions, &streams);
    let (requests, rest) = rayon::join(
        || requests(streams, are_distinct, &File::open(requests_.0, requests_.1)?),
        || {
            latency(&mut facts, &latency_)?;
            drop(latency_);
            changes(&mut facts, &open(changes_)?)?;
            examples(&mut facts, &examples_)?;
            drop(examples_);
            coverage(&mut facts, &open(coverage_)?)?;
            rejects(&mut facts, &open(rejects_)?)?;
            sightings(&mut facts, &open(sightings_)?)
        },
    );
    (facts.requests, ()) = (requests?, rest?);
    Ok(facts)
}

fn open((table, bytes): (&'static str, Vec<u8>)) -> Result<Read, TableError> {
    Read::open(table, bytes)
}

/// A text column as references: each of its texts was looked up once.
struct Texts<'t> {
    codes: &'t [u32],
    /// None first, as missing texts have the number 0.
    known: Vec<Option<Text>>,
}

impl Index<usize> for Texts<'_> {
    type Output = Option<Text>;

    fn index(&self, row: usize) -> &Option<Text> {
        &self.known[self.codes[row] as usize]
    }
}

/// The references of a text column.
fn texts<'t>(dimensions: &mut Dimensions, table: &'t Read, name: &str) -> Result<Texts<'t>, TableError> {
    let (codes, known) = table.coded(name, |text| Some(dimensions.strings.intern(text)))?;
    Ok(Texts { codes, known: std::iter::once(None).chain(known).collect() })
}

/// The references of a text column without gaps.
fn full_texts(dimensions: &mut Dimensions, table: &Read, name: &str) -> Result<Vec<Text>, TableError> {
    let (codes, known) = table.coded(name, |text| dimensions.strings.intern(text))?;
    let text = |code: &u32| known.get(code.checked_sub(1)? as usize).copied();
    codes.iter().map(|code| text(code).ok_or_else(|| table.missing(name))).collect()
}

/// What each row refers to, given what it consists of; what consists of the same as in the row before is
/// not looked up again.
fn references<T: PartialEq + Copy, R: Copy>(
    rows: usize,
    of_row: impl Fn(usize) -> Option<T>,
    mut intern: impl FnMut(T) -> R,
) -> Vec<Option<R>> {
    let mut last: Option<(T, R)> = None;
    let reference = |row: usize| {
        let parts = of_row(row)?;
        if let Some((_, same)) = last.filter(|(last, _)| *last == parts) {
            return Some(same);
        }
        let reference = intern(parts);
        last = Some((parts, reference));
        Some(reference)
    };
    (0..rows).map(reference).collect()
}

fn vaults(dimensions: &mut Dimensions, table: &Read) -> Result<Vec<Option<Ref<Vault>>>, TableError> {
    let names = texts(dimensions, table, "vault")?;
    let hsms = table.flags("vault_hsm")?;
    let subscriptions = texts(dimensions, table, "subscription")?;
    let groups = texts(dimensions, table, "resource_group")?;
    let vault = |row: usize| {
        let name = names[row]?;
        let (hsm, subscription, resource_group) = (hsms[row] == Some(true), subscriptions[row], groups[row]);
        Some(Vault { name, hsm, subscription, resource_group })
    };
    Ok(references(table.rows(), vault, |vault| dimensions.vaults.intern(vault)))
}

fn callers(dimensions: &mut Dimensions, table: &Read) -> Result<Vec<Option<Ref<Caller>>>, TableError> {
    let kinds = table.named_or_missing::<CallerKind>("caller_kind")?;
    let mut column = |name: &str| texts(dimensions, table, name);
    let (oids, appids, names) = (column("caller_oid")?, column("caller_appid")?, column("caller_name")?);
    let (tenants, identities) = (column("caller_tenant")?, column("caller_managed_identity")?);
    let resources = column("caller_resource")?;
    let caller = |row: usize| {
        Some(Caller {
            oid: oids[row],
            appid: appids[row],
            kind: kinds[row]?,
            name: names[row],
            tenant: tenants[row],
            managed_identity: identities[row],
            resource: resources[row],
        })
    };
    Ok(references(table.rows(), caller, |caller| dimensions.callers.intern(caller)))
}

fn denials(dimensions: &mut Dimensions, table: &Read) -> Result<Vec<Option<Ref<Denial>>>, TableError> {
    let columns: Vec<Texts<'_>> =
        DENIAL_COLUMNS.iter().map(|name| texts(dimensions, table, name)).collect::<Result<_, _>>()?;
    let denial = |row: usize| {
        let denial = Denial {
            akv_code: columns[0][row],
            permission: columns[1][row],
            action: columns[2][row],
            scope: columns[3][row],
            expected_audience: columns[4][row],
            found_audience: columns[5][row],
            found_issuer: columns[6][row],
            deny_assignment: columns[7][row],
            throttle_reason: columns[8][row],
            region: columns[9][row],
        };
        (denial != Denial::default()).then_some(denial)
    };
    Ok(references(table.rows(), denial, |denial| dimensions.denials.intern(denial)))
}

/// The streams with what they count outside any second.
fn keys(dimensions: &mut Dimensions, table: &Read) -> Result<Vec<(RequestKey, Series)>, TableError> {
    let (vaults, callers, denials) =
        (vaults(dimensions, table)?, callers(dimensions, table)?, denials(dimensions, table)?);
    let mut column = |name: &str| texts(dimensions, table, name);
    let (operations, objects, kinds) = (column("operation")?, column("object")?, column("key_kind")?);
    let (addresses, agents) = (column("client_address")?, column("client_agent")?);
    let causes = full_texts(dimensions, table, "cause")?;
    let (planes, bases) = (table.named::<Plane>("plane")?, table.named("basis")?);
    let statuses = statuses(table)?;
    let policy = table.flags("is_access_policy_match")?;
    let (rbac, address) = (table.flags("is_rbac_authorized")?, table.flags("is_address_authorized")?);
    let (settled, untimed) = (table.flags("challenge_settled")?, table.counts("untimed")?);
    let key = |row: usize| {
        let access = AccessFlags {
            policy_match: policy[row],
            rbac_authorized: rbac[row],
            address_authorized: address[row],
        };
        let key = RequestKey {
            vault: vaults[row],
            plane: planes[row],
            operation: operations[row],
            object: objects[row],
            key_kind: kinds[row],
            caller: callers[row],
            client_address: addresses[row],
            client_agent: agents[row],
            status: statuses[row],
            cause: causes[row],
            basis: bases[row],
            access,
            settled: settled[row] == Some(true),
            denial: denials[row],
        };
        (key, Series::of_untimed(untimed[row]))
    };
    Ok((0..table.rows()).into_par_iter().map(key).collect())
}

fn statuses(table: &Read) -> Result<Vec<Option<u16>>, TableError> {
    let status = |status: Option<i64>| status.map(u16::try_from).transpose();
    let statuses: Result<_, _> = table.numbers("status")?.into_iter().map(status).collect();
    statuses.map_err(|_| table.wrong("status out of range"))
}

/// Streams whose cells one thread fills in.
const FILLED_TOGETHER: usize = 1 << 14;

/// Cells of streams, as they stand in a row group.
struct Cells<'t> {
    keys: &'t [u32],
    counts: &'t [u32],
    seconds: &'t [i64],
    firsts: &'t [u32],
    lasts: &'t [u32],
}

/// The streams with their cells.
fn requests(
    mut streams: Vec<(RequestKey, Series)>,
    are_distinct: bool,
    file: &File,
) -> Result<Requests, TableError> {
    // Row group by row group, the next one decoded meanwhile: all of them take more memory than the facts. Of a table
    // without any, the columns are asked for all the same.
    let groups = file.groups();
    let mut next = Some(file.read(0..groups.min(1))?);
    let mut group = 0;
    while let Some(table) = next {
        group += 1;
        let read = || (group < groups).then(|| file.read(group..group + 1)).transpose();
        let (filled, later) = rayon::join(|| fill(&mut streams, &table), read);
        filled?;
        next = later?;
    }
    Ok(Requests::of(streams, are_distinct))
}

/// Gives the streams their cells of some rows.
fn fill(streams: &mut [(RequestKey, Series)], table: &Read) -> Result<(), TableError> {
    let (mut keys, mut counts) = (table.dense("key")?, table.dense("count")?);
    let mut seconds = table.dense("second")?;
    let (mut firsts, mut lasts) = (table.dense("first_tick")?, table.dense("last_tick")?);
    let alike = [counts.lengths(), seconds.lengths(), firsts.lengths(), lasts.lengths()];
    if alike.iter().any(|lengths| *lengths != keys.lengths()) {
        (keys, counts, seconds) = (keys.in_one(), counts.in_one(), seconds.in_one());
        (firsts, lasts) = (firsts.in_one(), lasts.in_one());
    }
    for at in 0..keys.pieces.len() {
        let cells = Cells {
            keys: &keys.pieces[at],
            counts: &counts.pieces[at],
            seconds: &seconds.pieces[at],
            firsts: &firsts.pieces[at],
            lasts: &lasts.pieces[at],
        };
        let filled = cells.fill_all(streams);
        filled.ok_or_else(|| {
            table.wrong("a row without a stream, a count, or a first and last tick of its second")
        })?;
    }
    Ok(())
}

impl Cells<'_> {
    /// Gives streams their cells; `None` where a row is none.
    fn fill_all(&self, streams: &mut [(RequestKey, Series)]) -> Option<()> {
        // As akvlens writes them, the cells of a stream stand together, and streams come in their order.
        if !self.keys.is_sorted() {
            return self.fill(0, streams, 0..self.keys.len());
        }
        let (Some(first), Some(last)) = (self.keys.first(), self.keys.last()) else { return Some(()) };
        let (first, last) = (*first as usize, *last as usize);
        let place = |at: usize| self.keys.partition_point(|key| (*key as usize) < at);
        let inside = streams.get_mut(first..=last)?.par_chunks_mut(FILLED_TOGETHER).enumerate();
        let filled = inside.map(|(chunk, streams)| {
            let from = first + chunk * FILLED_TOGETHER;
            self.fill(from, streams, place(from)..place(from + streams.len()))
        });
        filled.collect()
    }

    /// Gives some streams, the first of which stands at `from`, the cells of some rows. Their cells lie together.
    fn fill(&self, from: usize, streams: &mut [(RequestKey, Series)], rows: Range<usize>) -> Option<()> {
        let keys = self.keys.get(rows.clone())?;
        let mut words = Vec::with_capacity(keys.len());
        let mut ends = Vec::with_capacity(streams.len().min(keys.len()));
        let mut rows = rows;
        for same in keys.chunk_by(|one, other| one == other) {
            for row in rows.by_ref().take(same.len()) {
                self.cell(row)?.put(&mut words);
            }
            ends.push((*same.first()?, words.len()));
        }
        words.shrink_to_fit();
        let words = Arc::new(words);
        let mut at = 0;
        for (key, end) in ends {
            let (_, series) = streams.get_mut((key as usize).checked_sub(from)?)?;
            series.push_all(&words, at..end);
            at = end;
        }
        Some(())
    }

    fn cell(&self, row: usize) -> Option<Cell> {
        let second = self.seconds[row];
        let within = |tick: u32| {
            let ticks = second.checked_mul(TICKS_PER_SECOND)?.checked_add(i64::from(tick))?;
            (Ticks::FIRST.0..=Ticks::LAST.0).contains(&ticks).then_some(Ticks(ticks))
        };
        let cell = Cell::new(within(self.firsts[row])?, within(self.lasts[row])?, self.counts[row])?;
        (cell.second() == second).then_some(cell)
    }
}

/// The hours that a log can name.
const HOURS: std::ops::RangeInclusive<i64> = {
    let ticks = TICKS_PER_SECOND * 3600;
    Ticks::FIRST.0.div_euclid(ticks)..=Ticks::LAST.0.div_euclid(ticks)
};

fn latency(facts: &mut Facts, table: &Read) -> Result<(), TableError> {
    let vaults = vaults(&mut facts.dimensions, table)?;
    let operations = texts(&mut facts.dimensions, table, "operation")?;
    let (hours, buckets) = (table.numbers("hour_number")?, table.small("bucket")?);
    let (counts, longest) = (table.counts("count")?, table.amounts("max_ms")?);
    let cell = |row: usize| {
        let hour = hours[row].filter(|hour| HOURS.contains(hour))?;
        let cell = LatencyCell { count: counts[row], max_ms: longest[row] };
        let key = LatencyKey { hour, vault: vaults[row], operation: operations[row] };
        (u32::from(cell.bucket()) == buckets[row]).then_some((key, cell))
    };
    for row in 0..table.rows() {
        let (key, cell) =
            cell(row).ok_or_else(|| table.wrong("a row without an hour, or of another bucket"))?;
        facts.latency.add(key, cell);
    }
    Ok(())
}

fn changes(facts: &mut Facts, table: &Read) -> Result<(), TableError> {
    let dimensions = &mut facts.dimensions;
    let (vaults, callers) = (vaults(dimensions, table)?, callers(dimensions, table)?);
    let mut column = |name: &str| texts(dimensions, table, name);
    let (operations, addresses, skus) = (column("operation")?, column("client_address")?, column("sku")?);
    let (defaults, bypasses, public) =
        (column("firewall_default")?, column("firewall_bypass")?, column("public_access")?);
    let (times, statuses, counts) = (table.ticks("time_100ns")?, statuses(table)?, table.counts("count")?);
    let (rbac, purge) = (table.flags("rbac")?, table.flags("purge_protection")?);
    for row in 0..table.rows() {
        let settings = Settings {
            sku: skus[row],
            rbac: rbac[row],
            firewall_default: defaults[row],
            firewall_bypass: bypasses[row],
            public_access: public[row],
            purge_protection: purge[row],
        };
        let key = ChangeKey {
            time: times[row],
            vault: vaults[row],
            operation: operations[row],
            caller: callers[row],
            client_address: addresses[row],
            status: statuses[row],
            settings,
        };
        facts.changes.add(key, counts[row]);
    }
    Ok(())
}

fn examples(facts: &mut Facts, table: &Read) -> Result<(), TableError> {
    let dimensions = &mut facts.dimensions;
    let (vaults, callers) = (vaults(dimensions, table)?, callers(dimensions, table)?);
    let (causes, blobs) = (full_texts(dimensions, table, "cause")?, full_texts(dimensions, table, "blob")?);
    let mut column = |name: &str| texts(dimensions, table, name);
    let (operations, objects) = (column("operation")?, column("object")?);
    let (messages, addresses, agents) =
        (column("message")?, column("client_address")?, column("client_agent")?);
    let id = |text| CorrelationId::new(text, &mut dimensions.strings);
    let (id_codes, ids) = table.coded("correlation_id", id)?;
    let by_client = table.flags("by_client")?;
    let (times, offsets, lines) =
        (table.ticks("time_100ns")?, table.counts("offset")?, table.counts("line")?);
    facts.examples.reserve(table.rows());
    let example = |row: usize| {
        let key = ExampleKey {
            hour: hour_of(times[row]),
            vault: vaults[row],
            cause: causes[row],
            caller: callers[row],
            operation: operations[row],
            object: objects[row],
            client: (by_client[row] == Some(true)).then_some((addresses[row], agents[row])),
        };
        let example = Example {
            time: times[row],
            location: Location { blob: blobs[row], offset: offsets[row], line: lines[row] },
            correlation_id: id_codes[row].checked_sub(1).and_then(|code| ids.get(code as usize)).copied(),
            message: messages[row],
            client_address: addresses[row],
            client_agent: agents[row],
        };
        (key, example)
    };
    facts.examples.add_all((0..table.rows()).map(example), &facts.dimensions);
    Ok(())
}

/// `name=count,name=count` back into counts.
fn counts_by_name<K: FromStr + Ord>(table: &Read, text: &str) -> Result<BTreeMap<K, u64>, TableError> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (name, count) = part.split_once('=')?;
        Some((name.parse().ok()?, count.parse().ok().filter(|count| *count <= MOST_COUNT)?))
    };
    let counts: Option<BTreeMap<K, u64>> = parts.map(pair).collect();
    counts.ok_or_else(|| table.wrong("counts that cannot be read"))
}

fn coverage(facts: &mut Facts, table: &Read) -> Result<(), TableError> {
    let blobs = full_texts(&mut facts.dimensions, table, "blob")?;
    let (digests, compressions) = (table.full_text("digest")?, table.named("compression")?);
    let containers = table.full_text("containers")?;
    let (shapes, not_audit, rejected) =
        (table.full_text("shapes")?, table.full_text("not_audit")?, table.full_text("rejected")?);
    let (stored, bytes, records) =
        (table.counts("stored_bytes")?, table.counts("bytes")?, table.counts("records")?);
    let (blank, untimed, odd) =
        (table.counts("blank")?, table.counts("untimed")?, table.counts("contradictory")?);
    let (firsts, lasts, incomplete) =
        (table.ticks("first_100ns")?, table.ticks("last_100ns")?, table.flags("incomplete")?);
    let (passed_over, repeated) = (table.text("passed_over")?, table.counts("repeated")?);
    for row in 0..table.rows() {
        let digest =
            u128::from_str_radix(digests[row], 16).map_err(|_| table.wrong("a digest that is none"))?;
        *facts.coverage.blob(blobs[row]) = BlobCoverage {
            stored_bytes: stored[row],
            digest,
            compression: compressions[row],
            containers: Containers::of_names(containers[row])
                .ok_or_else(|| table.wrong("a container that is none"))?,
            shapes: counts_by_name(table, shapes[row])?,
            bytes: bytes[row],
            records: records[row],
            blank: blank[row],
            repeated: repeated[row],
            not_audit: counts_by_name(table, not_audit[row])?,
            rejected: counts_by_name(table, rejected[row])?,
            rejects: Vec::new(),
            untimed: untimed[row],
            contradictory: odd[row],
            first: firsts[row],
            last: lasts[row],
            incomplete: incomplete[row] == Some(true),
            passed_over: passed_over[row].map(str::to_owned),
        };
    }
    Ok(())
}

fn sightings(facts: &mut Facts, table: &Read) -> Result<(), TableError> {
    let places = |facts: &mut Facts, prefix: &str| -> Result<Vec<Location>, TableError> {
        let blobs = full_texts(&mut facts.dimensions, table, &format!("{prefix}_blob"))?;
        let offsets = table.counts(&format!("{prefix}_offset"))?;
        let lines = table.counts(&format!("{prefix}_line"))?;
        let place = |row: usize| Location { blob: blobs[row], offset: offsets[row], line: lines[row] };
        Ok((0..table.rows()).map(place).collect())
    };
    let (first, last) = (places(facts, "first")?, places(facts, "last")?);
    let vaults = full_texts(&mut facts.dimensions, table, "vault")?;
    let (hashes, times, counts) =
        (table.full_text("fingerprint")?, table.ticks("time_100ns")?, table.counts("count")?);
    for row in 0..table.rows() {
        let hash = u128::from_str_radix(hashes[row], 16);
        let (Ok(hash), Some(time)) = (hash, times[row]) else {
            return Err(table.wrong("a fingerprint that is none"));
        };
        let seen = Seen { count: counts[row], vault: vaults[row], first: first[row], last: last[row] };
        facts.sightings.add(Fingerprint { hash, time }, seen, &facts.dimensions);
    }
    Ok(())
}

fn rejects(facts: &mut Facts, table: &Read) -> Result<(), TableError> {
    let blobs = full_texts(&mut facts.dimensions, table, "blob")?;
    let (offsets, lines, bytes) = (table.counts("offset")?, table.counts("line")?, table.counts("bytes")?);
    let (reasons, details) = (table.named("reason")?, table.text("detail")?);
    for row in 0..table.rows() {
        let place = Place { offset: offsets[row], line: lines[row], bytes: bytes[row] };
        let reject = RejectRow { place, reason: reasons[row], detail: details[row].map(str::to_owned) };
        let blob = facts.coverage.blob(blobs[row]);
        if blob.rejects.len() < KEPT_REJECTS {
            blob.keep_reject(reject);
        }
    }
    Ok(())
}
