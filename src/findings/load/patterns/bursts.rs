//! Much in a short time, then nothing: `signing-burst`, `kms-plugin-storm`, `startup-storm`,
//! `backup-sweep`.

use std::collections::{BTreeMap, BTreeSet};

use super::CACHE_SECONDS;
use super::arrivals::{Arrivals, Session};
use super::found::Found;
use super::repeats_of_instances;
use super::usage::{Row, Usage, addresses, arrivals, count, distinct, grouped, objects};
use crate::findings::wording::numbered;
use crate::report::Confidence;

/// The pause around a burst of signatures, in seconds.
const SIGNING_PAUSE: i64 = 120;

/// Signatures of a burst: a build that signs fewer is no load.
const FEWEST_SIGNATURES: u64 = 100;

/// Longest burst, in seconds; what goes on longer is steady work.
const LONGEST_BURST: i64 = 1800;

/// What comes before a build's signatures, and how long before, in seconds.
const CERTIFICATE_BEFORE: i64 = 60;

/// What KMS plugins call themselves (`k8s-kms-keyvault/v0.5.0`).
const KMS_AGENT: &str = "k8s-kms";

/// Operations of a plugin without which it is told nothing.
const FEWEST_KMS: u64 = 200;

/// Addresses of a control plane.
const MOST_CONTROL_PLANE: usize = 5;

/// Span without which a storm cannot be told from all there is, in seconds.
const SHORTEST_KMS_SPAN: i64 = 3600;

/// Addresses that start together (akv2k8s #409 saw ten), and within how many seconds.
const FEWEST_STARTING: usize = 8;
const START_SECONDS: i64 = 60;

/// Silence before a start, and over which the quiet after it is judged, in seconds.
const START_SILENCE: i64 = 600;

/// Requests of a storm: ten replicas with five objects are one (akv2k8s #409).
const FEWEST_OF_START: u64 = 50;

/// Different objects that a sweep backs up; a nightly backup of a few is none.
const FEWEST_BACKED_UP: usize = 20;

/// The pause that ends a sweep, in seconds.
const SWEEP_PAUSE: i64 = 600;

/// Signatures by the hundred within minutes.
pub(super) fn signing_burst<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.work(|operation| operation == "KeySign") < FEWEST_SIGNATURES {
        return None;
    }
    let rows = usage.picked(|row| row.operation() == "KeySign" && row.is_work());
    // Tries after a 429 sign nothing: many of them are a retry storm.
    let done = picked(&rows, |row| row.stream.is_success());
    if count(&done) < FEWEST_SIGNATURES {
        return None;
    }
    let all = arrivals(done.iter().copied());
    let is_burst = |session: &Session| {
        session.count >= FEWEST_SIGNATURES
            && session.seconds() <= LONGEST_BURST
            && session.count >= u64::try_from(session.seconds()).unwrap_or(u64::MAX)
    };
    let bursts: Vec<Session> = all.sessions(SIGNING_PAUSE).into_iter().filter(is_burst).collect();
    let (total, inside) = (all.count(), bursts.iter().map(|burst| burst.count).sum::<u64>());
    let longest = bursts.iter().map(Session::seconds).max()?;
    if inside * 5 < total * 4 {
        return None;
    }
    let reads = arrivals(usage.picked(|row| row.operation() == "CertificateGet" && row.is_work()));
    let before = |burst: &Session| reads.between(burst.first - CERTIFICATE_BEFORE, burst.last).count() > 0;
    let with_certificate = bursts.iter().any(before);
    let why = format!(
        "{{who}} signed {total} times with {} from {}, in {} of up to {longest} seconds, up to {} \
         in ten seconds, and nothing between.{} Whether the same file is signed twice is not in the log.",
        numbered(objects(&rows), "key", "keys"),
        numbered(addresses(&rows), "address", "addresses"),
        numbered(bursts.len(), "burst", "bursts"),
        all.busiest(crate::findings::limits::WINDOW_SECONDS).count,
        if with_certificate { " It reads the certificate first, as signing tools do." } else { "" }
    );
    let confidence = if with_certificate { Confidence::High } else { Confidence::Medium };
    let object = rows.first().and_then(|row| row.stream.object()).filter(|_| objects(&rows) == 1);
    Some(Found { operation: Some("KeySign"), object, confidence, ..Found::new("signing-burst", rows, why) })
}

/// The API server of a cluster reads all of its secrets.
pub(super) fn kms_plugin_storm<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    let is_kms = |operation: &str| matches!(operation, "KeyDecrypt" | "KeyEncrypt");
    if usage.work(is_kms) < FEWEST_KMS {
        return None;
    }
    let all = usage.picked(|row| is_kms(row.operation()) && row.is_work());
    let named: Vec<Row<'d, 'f>> = all.iter().copied().filter(names_kms).collect();
    let (rows, known) = if count(&named) >= FEWEST_KMS { (named, true) } else { (stormy(&all)?, false) };
    let moments = arrivals(rows.iter().copied());
    let minute = moments.busiest(60);
    let decrypts: u64 = rows.iter().filter(|row| row.operation() == "KeyDecrypt").map(|row| row.count).sum();
    let why = format!(
        "{{who}} decrypted {decrypts} and encrypted {} data keys with {} from {}, {} of them in one minute{}.",
        moments.count() - decrypts,
        numbered(objects(&rows), "key", "keys"),
        numbered(addresses(&rows), "address", "addresses"),
        minute.count,
        if known {
            ": the agent is a Kubernetes KMS plugin"
        } else {
            ", most within a tenth of the time: as an API server does when it starts"
        }
    );
    let saved = repeats_of_instances(&picked(&rows, |row| row.operation() == "KeyDecrypt"));
    let how = format!(
        "KMS v2, which asks for one data key (counted as one decryption in {CACHE_SECONDS} seconds for each address)"
    );
    let object = rows.first().and_then(|row| row.stream.object()).filter(|_| objects(&rows) == 1);
    let confidence = if known { Confidence::High } else { Confidence::Low };
    Some(Found {
        object,
        confidence,
        saving: Some((saved, how)),
        ..Found::new("kms-plugin-storm", rows, why)
    })
}

fn names_kms(row: &Row<'_, '_>) -> bool {
    row.stream.agent().is_some_and(|agent| agent.contains(KMS_AGENT))
}

fn picked<'d, 'f>(rows: &[Row<'d, 'f>], wanted: impl Fn(&Row<'d, 'f>) -> bool) -> Vec<Row<'d, 'f>> {
    rows.iter().copied().filter(|row| wanted(row)).collect()
}

/// The rows of one key that look like a plugin's, though no agent says so.
fn stormy<'d, 'f>(rows: &[Row<'d, 'f>]) -> Option<Vec<Row<'d, 'f>>> {
    grouped(rows, Row::object_place).into_iter().find(|rows| {
        let all = arrivals(rows.iter().copied());
        let both =
            ["KeyDecrypt", "KeyEncrypt"].iter().all(|name| rows.iter().any(|row| row.operation() == *name));
        let tenth = all.busiest((all.span() / 10).max(1));
        both && all.count() >= FEWEST_KMS
            && addresses(rows) <= MOST_CONTROL_PLANE
            && all.span() >= SHORTEST_KMS_SPAN
            && tenth.count * 10 >= all.count() * 7
    })
}

/// One address with its requests.
struct Starter<'d, 'f> {
    rows: Vec<Row<'d, 'f>>,
    moments: Arrivals,
}

impl<'d, 'f> Starter<'d, 'f> {
    fn new(rows: Vec<Row<'d, 'f>>) -> Self {
        let moments = arrivals(rows.iter().copied());
        Self { rows, moments }
    }
}

/// One address, from the silence before its start to the quiet after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Start {
    at: i64,
    /// Its place among all addresses of the usage.
    address: usize,
}

/// Many addresses begin at once with the same requests, then are quiet.
pub(super) fn startup_storm<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.work(|_| true) < FEWEST_OF_START {
        return None;
    }
    let rows = usage.picked(Row::is_work);
    if addresses(&rows) < FEWEST_STARTING {
        return None;
    }
    let callers: Vec<Starter<'_, '_>> =
        grouped(&rows, |row| row.stream.client()[0]).into_iter().map(Starter::new).collect();
    let mut starts: Vec<Start> = Vec::new();
    for (address, starter) in callers.iter().enumerate() {
        let sessions = starter.moments.sessions(START_SILENCE);
        starts.extend(sessions.iter().map(|session| Start { at: session.first, address }));
    }
    starts.sort_unstable();
    let storms = storms(&starts, &callers);
    let members: BTreeSet<usize> = storms.iter().flat_map(|storm| storm.addresses.iter().copied()).collect();
    let largest = storms.iter().max_by_key(|storm| (storm.requests, std::cmp::Reverse(storm.at)))?;
    let rows: Vec<Row<'d, 'f>> = members
        .iter()
        .filter_map(|at| callers.get(*at))
        .flat_map(|starter| starter.rows.iter().copied())
        .collect();
    let why = format!(
        "{} instances of {{who}} started within {START_SECONDS} seconds{}, each with the same requests for {}: {} \
         requests in that minute, up to {} in ten seconds, then quiet.",
        largest.addresses.len(),
        if storms.len() > 1 {
            format!(" (the largest of {} such starts)", storms.len())
        } else {
            String::new()
        },
        numbered(objects(&rows), "object", "objects"),
        largest.requests,
        arrivals(rows.iter().copied()).busiest(crate::findings::limits::WINDOW_SECONDS).count
    );
    let single = distinct(rows.iter().map(|row| row.stream.stream.asked())) as u64;
    let total: u64 = storms.iter().map(|storm| storm.requests).sum();
    let saved = total.saturating_sub(single * storms.len() as u64);
    let how = "one reader that hands the values to the instances at each start".to_owned();
    Some(Found { saving: Some((saved, how)), ..Found::new("startup-storm", rows, why) })
}

struct Storm {
    at: i64,
    addresses: BTreeSet<usize>,
    requests: u64,
}

/// Starts that come together, taken from the first on.
fn storms(starts: &[Start], callers: &[Starter<'_, '_>]) -> Vec<Storm> {
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(first) = starts.get(from) {
        let behind = starts.partition_point(|start| start.at < first.at + START_SECONDS);
        let addresses: BTreeSet<usize> =
            starts.get(from..behind).unwrap_or_default().iter().map(|start| start.address).collect();
        let enough = addresses.len() >= FEWEST_STARTING;
        let storm = enough.then(|| storm(first.at, addresses, callers)).flatten();
        // An address starts once in that time: where nothing begins together, few starts were looked at.
        from = if enough { behind } else { from + 1 };
        all.extend(storm);
    }
    all
}

/// Whether addresses that start together are a storm: the same requests, and then quiet.
fn storm(at: i64, addresses: BTreeSet<usize>, callers: &[Starter<'_, '_>]) -> Option<Storm> {
    let until = at + 2 * START_SECONDS;
    let (mut requests, mut after) = (0, 0);
    // Operations and objects of requests, by their places.
    let mut asked: BTreeMap<BTreeSet<[u32; 2]>, usize> = BTreeMap::new();
    for address in &addresses {
        let Starter { rows, moments } = callers.get(*address)?;
        requests += moments.between(at, until).count();
        after += moments.between(until + 1, until + START_SILENCE).count();
        let here = rows.iter().map(|row| row.stream.stream.asked());
        *asked.entry(here.collect()).or_default() += 1;
    }
    let alike = asked.values().max().copied().unwrap_or(0);
    let is_storm = requests >= FEWEST_OF_START && after * 4 <= requests && alike * 5 >= addresses.len() * 4;
    is_storm.then_some(Storm { at, addresses, requests })
}

/// Every object backed up, one after another.
pub(super) fn backup_sweep<'d, 'f>(usage: &Usage<'d, 'f>) -> Option<Found<'d, 'f>> {
    if usage.requests() < FEWEST_BACKED_UP as u64 {
        return None;
    }
    let rows = usage.picked(|row| {
        matches!(row.operation(), "SecretBackup" | "KeyBackup" | "CertificateBackup")
            && (row.is_work() || row.stream.stream.key.status == Some(403))
    });
    if objects(&rows) < FEWEST_BACKED_UP {
        return None;
    }
    let mut moments: Vec<(i64, u32)> = Vec::new();
    for row in &rows {
        moments.extend(row.stream.cells().iter().map(|cell| (cell.second(), row.object_place())));
    }
    moments.sort_unstable();
    let all = arrivals(rows.iter().copied());
    let sweeps: Vec<(Session, usize)> = all
        .sessions(SWEEP_PAUSE)
        .into_iter()
        .map(|run| {
            let from = moments.partition_point(|(second, _)| *second < run.first);
            let inside = moments.iter().skip(from).take_while(|(second, _)| *second <= run.last);
            (run, distinct(inside.map(|(_, object)| object)))
        })
        .filter(|(_, objects)| *objects >= FEWEST_BACKED_UP)
        .collect();
    let (longest, most) = sweeps.iter().copied().max_by_key(|(run, objects)| (*objects, -run.first))?;
    let why = format!(
        "{{who}} backed up {most} objects in {} seconds, in {} such runs, up to {} in ten seconds.",
        longest.seconds(),
        sweeps.len(),
        all.busiest(crate::findings::limits::WINDOW_SECONDS).count
    );
    Some(Found { confidence: Confidence::High, ..Found::new("backup-sweep", rows, why) })
}
