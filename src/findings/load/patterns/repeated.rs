//! Asking the vault for what could be kept: `read-per-request`, `unwrap-per-request`,
//! `remote-public-key-op`, and without a pause, `operator-hot-loop`.

use std::collections::BTreeSet;

use super::arrivals::Arrivals;
use super::found::Found;
use super::rough::{Rough, most_repeats};
use super::usage::{
    Row, Usage, addresses, arrivals, cells, count, count_of_operation, distinct, grouped, grouped_from,
    is_get, objects,
};
use super::{CACHE_SECONDS, LOOKS_AT_ALL, repeats_of_instances};
use crate::findings::load::key_kind::KeyFamily;
use crate::findings::wording::numbered;
use crate::report::Confidence;

/// Requests of one instance for one object below which a habit is not told.
const FEWEST_OF_INSTANCE: u64 = 20;

/// Such requests of a caller below which it harms nobody: once a minute for three hours.
const FEWEST_REPEATED: u64 = 200;

/// Tenths of the requests that a cache of five minutes would have answered: one in thirty seconds and
/// more. An application that keeps values for some minutes is far below.
const REPEATED_TENTHS: u64 = 9;

/// Public-key operations of a caller from which they are load, and in the busiest hour: services with
/// customer-managed keys wrap "only a few calls per hour" (facts §3).
const FEWEST_PUBLIC: (u64, u64) = (200, 60);

/// Addresses from which an operator works.
const MOST_OPERATORS: usize = 3;

/// Lists of a loop; reads of an object in one.
const FEWEST_LOOPS: u64 = 100;

/// How long a loop lasts at least, in seconds.
const SHORTEST_LOOP: i64 = 600;

/// The pause that ends a loop, in seconds.
const LOOP_PAUSE: i64 = 120;

/// Reads of an object a minute in a loop: no configuration refreshes every fifteen seconds.
const LOOP_A_MINUTE: u64 = 4;

/// Requests in some [`SHORTEST_LOOP`] of every loop: of the stretches of that length that it takes to cover one, one has
/// as many as all of them on average, which is least where the last of two is nearly empty.
const FEWEST_OF_LOOP: u64 = LOOP_A_MINUTE * (SHORTEST_LOOP / 60).unsigned_abs() / 2;

/// Tenths of the mean that the variance of a machine's counts by minute stays under.
const EVEN_TENTHS: u64 = 3;

/// The rows of those instances and objects that are asked for again and again, where they are many.
fn repeated<'d, 'f>(rows: &[Row<'d, 'f>]) -> Option<Vec<Row<'d, 'f>>> {
    if count(rows) < FEWEST_REPEATED {
        return None;
    }
    let groups = grouped_from(rows, FEWEST_OF_INSTANCE, |row| (row.stream.client(), row.object_place()));
    let often = groups.into_iter().filter(|rows| {
        // What was answered with 429 filled no cache.
        let done = || rows.iter().copied().filter(|row| row.stream.is_success());
        let total: u64 = done().map(|row| row.count).sum();
        let is_often = |kept: u64| kept * 10 >= total * REPEATED_TENTHS;
        let cells = done().map(|row| row.stream.cells());
        total >= FEWEST_OF_INSTANCE
            && is_often(most_repeats(cells, total, CACHE_SECONDS))
            && is_often(arrivals(done()).repeats(CACHE_SECONDS))
    });
    let rows: Vec<Row<'d, 'f>> = often.flatten().collect();
    (count(&rows) >= FEWEST_REPEATED).then_some(rows)
}

/// The only object of some rows.
fn only_object<'f>(rows: &[Row<'_, 'f>]) -> Option<&'f str> {
    let first = rows.first()?;
    let is_only = rows.iter().all(|row| row.object_place() == first.object_place());
    first.stream.object().filter(|_| is_only)
}

fn busiest_minute(rows: &[Row<'_, '_>]) -> u64 {
    arrivals(rows.iter().copied()).busiest(60).count
}

/// A value read each time it is needed.
pub(super) fn read_per_request<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.work(is_get) < FEWEST_REPEATED {
        return None;
    }
    let rows = repeated(&usage.picked(|row| row.is_get() && row.is_work()))?;
    let total = count(&rows);
    let saved = repeats_of_instances(&rows);
    let why = format!(
        "{{who}} read {} {total} times from {}, up to {} times a minute; {saved} of these reads \
         came within {CACHE_SECONDS} seconds of one that a cache would have kept. (Many instances behind one address, \
         each with a cache of its own, look the same.)",
        numbered(objects(&rows), "object", "objects"),
        numbered(addresses(&rows), "address", "addresses"),
        busiest_minute(&rows)
    );
    Some(Found {
        object: only_object(&rows),
        saving: Some((saved, format!("each instance keeping a value for {CACHE_SECONDS} seconds"))),
        ..Found::new("read-per-request", rows, why)
    })
}

/// A data key unwrapped each time it is needed.
pub(super) fn unwrap_per_request<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    let unwraps = |operation: &str| matches!(operation, "KeyUnwrap" | "KeyDecrypt");
    if usage.work(unwraps) < FEWEST_REPEATED {
        return None;
    }
    let mut rows = repeated(&usage.picked(|row| unwraps(row.operation()) && row.is_work()))?;
    let (total, fan_in, saved) = (count(&rows), addresses(&rows), repeats_of_instances(&rows));
    let (object, busiest) = (only_object(&rows), busiest_minute(&rows));
    // The key is looked at before each use: it belongs to the same habit.
    let keys: BTreeSet<u32> = rows.iter().map(Row::object_place).collect();
    let looks = usage
        .picked(|row| row.operation() == "KeyGet" && row.is_work() && keys.contains(&row.object_place()));
    let looked = count(&looks);
    let pairs = if looked * 2 >= total {
        rows.extend(looks);
        format!(" Before them it got the key {looked} times.")
    } else {
        String::new()
    };
    let why = format!(
        "{{who}} unwrapped or decrypted {total} times with {} from {}, up to {busiest} times a minute: about \
         as often as data is read, not as data keys change.{pairs}",
        numbered(keys.len(), "key", "keys"),
        numbered(fan_in, "address", "addresses"),
    );
    let how = format!(
        "each instance using a data key for {CACHE_SECONDS} seconds, at least, if it is the same one"
    );
    Some(Found { object, saving: Some((saved, how)), ..Found::new("unwrap-per-request", rows, why) })
}

/// What the public key alone can do.
pub(super) fn remote_public_key_op<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    let is_public = |operation: &str| matches!(operation, "KeyEncrypt" | "KeyWrap" | "KeyVerify");
    if usage.work(is_public) < FEWEST_PUBLIC.0 {
        return None;
    }
    let rows = usage.picked(|row| {
        is_public(row.operation()) && row.is_work() && row.stream.kind().family != Some(KeyFamily::Oct)
    });
    let total = count(&rows);
    if total < FEWEST_PUBLIC.0 {
        return None;
    }
    let busiest = arrivals(rows.iter().copied()).busiest(3600).count;
    if busiest < FEWEST_PUBLIC.1 {
        return None;
    }
    let by_operation = grouped(&rows, |row| row.stream.stream.asked()[0]);
    let operations: Vec<String> = by_operation.iter().map(|rows| count_of_operation(rows)).collect();
    let why = format!(
        "{{who}} sent {} to the vault, up to {busiest} in an hour, with {} keys: each needs the public key alone.",
        operations.join(" and "),
        objects(&rows)
    );
    // Each instance gets each key once.
    let gets = distinct(rows.iter().map(|row| (row.stream.client(), row.object_place()))) as u64;
    let operation =
        if by_operation.len() == 1 { rows.first().and_then(|row| row.stream.operation()) } else { None };
    Some(Found {
        operation,
        object: only_object(&rows),
        confidence: Confidence::High,
        saving: Some((
            total.saturating_sub(gets),
            "doing them locally, with each public key got once by each instance".into(),
        )),
        ..Found::new("remote-public-key-op", rows, why)
    })
}

/// An operator that does not wait.
pub(super) fn operator_hot_loop<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    listing(usage).or_else(|| even_reads(usage))
}

fn is_list(operation: &str) -> bool {
    matches!(operation, "SecretList" | "KeyList" | "CertificateList")
}

/// Lists, and hardly anything that is read of them.
fn listing<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    let total = usage.work(is_list);
    if total < FEWEST_LOOPS {
        return None;
    }
    let lists = usage.picked(|row| is_list(row.operation()) && row.is_work());
    if addresses(&lists) > MOST_OPERATORS {
        return None;
    }
    let all = arrivals(lists.iter().copied());
    let lasting = all.longest(LOOP_PAUSE)?;
    let minutes = u64::try_from(lasting.seconds() / 60).unwrap_or(0);
    if lasting.seconds() < SHORTEST_LOOP || lasting.count < minutes || lasting.count * 2 < total {
        return None;
    }
    // What it looks for and does not find is part of the loop.
    let clients: BTreeSet<[u32; 2]> = lists.iter().map(|row| row.stream.client()).collect();
    let gets = usage.picked(|row| row.is_get() && clients.contains(&row.stream.client()));
    let found: u64 = gets.iter().filter(|row| row.is_work()).map(|row| row.count).sum();
    let missing = count(&gets) - found;
    if found >= total {
        return None;
    }
    let why = format!(
        "{{who}} listed {total} times from {}, without a pause of {LOOP_PAUSE} seconds for {minutes} minutes, and got \
         {found} objects; {missing} gets failed. A refresh lists once an interval.",
        numbered(addresses(&lists), "address", "addresses")
    );
    let hits = all.repeats(CACHE_SECONDS);
    let rows: Vec<Row<'d, 'f>> = lists.into_iter().chain(gets).collect();
    Some(Found {
        saving: Some((hits, format!("listing once in {CACHE_SECONDS} seconds"))),
        ..Found::new("operator-hot-loop", rows, why)
    })
}

/// Whether most requests are of a stretch without a pause, at a rate as even as only a machine's is.
fn is_even_loop(all: &Arrivals) -> bool {
    let Some(lasting) = all.longest(LOOP_PAUSE) else { return false };
    let minutes = u64::try_from(lasting.seconds() / 60).unwrap_or(0);
    lasting.seconds() >= SHORTEST_LOOP
        && lasting.count >= minutes * LOOP_A_MINUTE
        && lasting.count * 2 >= all.count()
        && all.between(lasting.first, lasting.last).is_even(EVEN_TENTHS)
}

/// Reads at a rate as even as only a machine's is.
fn even_reads<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.work(is_get) < FEWEST_LOOPS {
        return None;
    }
    let rows = usage.picked(|row| row.is_get() && row.is_work());
    let even = grouped_from(&rows, FEWEST_LOOPS, Row::object_place).into_iter().filter(|rows| {
        // Most objects are seen to be read too seldom for a loop.
        let most = Rough::new(cells(rows).map(|cells| (cells, 1)), SHORTEST_LOOP).greatest();
        if addresses(rows) > MOST_OPERATORS || (most < FEWEST_OF_LOOP && !LOOKS_AT_ALL) {
            return false;
        }
        let is_loop = is_even_loop(&arrivals(rows.iter().copied()));
        debug_assert!(
            !is_loop || most >= FEWEST_OF_LOOP,
            "{most} requests at most while a loop lasts at least"
        );
        is_loop
    });
    let rows: Vec<Row<'d, 'f>> = even.flatten().collect();
    let total = count(&rows);
    if rows.is_empty() {
        return None;
    }
    let lasting = arrivals(rows.iter().copied()).longest(LOOP_PAUSE)?;
    let minutes = u64::try_from(lasting.seconds() / 60).unwrap_or(1).max(1);
    let why = format!(
        "{{who}} read {} {total} times from {}, {} times a minute without a pause for {minutes} minutes, as \
         evenly as a loop does and traffic does not.",
        numbered(objects(&rows), "object", "objects"),
        numbered(addresses(&rows), "address", "addresses"),
        lasting.count / minutes
    );
    Some(Found {
        object: only_object(&rows),
        saving: Some((
            repeats_of_instances(&rows),
            format!("reading each object once in {CACHE_SECONDS} seconds"),
        )),
        ..Found::new("operator-hot-loop", rows, why)
    })
}
