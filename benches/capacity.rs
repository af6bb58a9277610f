//! How long it takes to plan one vault with ten million requests, and how much memory.
//!
//! In: nothing to prepare. The facts of a day are made in memory, the same every time: 200 applications
//! on 50 addresses each, 300 secrets and 100 keys, every instance reading or using ten of them a hundred
//! times a day, with a restart of all in the morning. Out: a table; a row is one whole judgement
//! (headroom, load patterns, growth, ten times to live for one cache an instance and one a caller, the fifty
//! applications with the most reads alone, local work, and a split), beside rows that
//! leave some of it out. Then the most memory that the process ever had, facts included,
//! on Linux.
//!
//! ```text
//! cargo bench --bench capacity                            all rows
//! AKVLENS_BENCH_REQUESTS=1000000 cargo bench --bench capacity    fewer requests
//! ```
//!
//! What is promised: ten million requests in under ten seconds and under 1 GB.

use std::collections::BTreeMap;
use std::env;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

use akvlens::classify::Basis;
use akvlens::classify::causes::Causes;
use akvlens::facts::Facts;
use akvlens::facts::dimensions::{Caller, RequestKey, Vault};
use akvlens::facts::requests::{Cell, Series};
use akvlens::findings::Judgement;
use akvlens::findings::capacity::{CapacitySettings, TTLS, report};
use akvlens::findings::load::Assumptions;
use akvlens::record::AccessFlags;
use akvlens::record::caller::CallerKind;
use akvlens::record::operation::Plane;
use akvlens::ticks::Ticks;

/// Midnight of the day.
const DAY: i64 = 20_700 * 86_400;
const CALLERS: usize = 200;
const ADDRESSES: usize = 50;
const OBJECTS_EACH: usize = 10;
const SECRETS: usize = 300;
const KEYS: usize = 100;

fn main() {
    divan::main();
    memory();
}

/// Says how much memory the process had at most.
fn memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    #[allow(clippy::print_stdout, reason = "a bench prints")]
    if let Some(peak) = peak {
        println!("most memory, facts included: {}", peak.trim());
    }
}

/// How many requests to make.
fn requests() -> usize {
    let asked = env::var("AKVLENS_BENCH_REQUESTS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(10_000_000)
}

/// The facts of the day.
fn facts() -> Facts {
    let mut facts = Facts::new();
    let mut random = fastrand::Rng::with_seed(5);
    let each = requests() / (CALLERS * ADDRESSES * OBJECTS_EACH);
    for caller in 0..CALLERS {
        for address in 0..ADDRESSES {
            for object in 0..OBJECTS_EACH {
                let object = (caller * 2 + object * 37) % (SECRETS + KEYS);
                let key = key(&mut facts, caller, address, object);
                facts.requests.add_series(key, series(&mut random, each));
            }
        }
    }
    facts
}

fn key(facts: &mut Facts, caller: usize, address: usize, object: usize) -> RequestKey {
    let dimensions = &mut facts.dimensions;
    let strings = &mut dimensions.strings;
    let is_secret = object < SECRETS;
    let name = strings.intern("kv-bench");
    let subscription = Some(strings.intern("00000000-0000-0000-0000-000000000001"));
    let oid = Some(strings.intern(&format!("oid-{caller}")));
    let vault = Vault { name, hsm: false, subscription, resource_group: None };
    RequestKey {
        vault: Some(dimensions.vaults.intern(vault)),
        plane: Plane::Data,
        operation: Some(strings.intern(match object % 2 {
            _ if is_secret => "SecretGet",
            0 => "KeyUnwrap",
            _ => "KeyGet",
        })),
        object: Some(strings.intern(&if is_secret {
            format!("secrets/s-{object}")
        } else {
            format!("keys/k-{object}")
        })),
        key_kind: (!is_secret).then(|| strings.intern("RSA 2048")),
        caller: Some(dimensions.callers.intern(Caller { oid, kind: CallerKind::App, ..Caller::default() })),
        client_address: Some(strings.intern(&format!("10.{caller}.{address}.4"))),
        client_agent: Some(strings.intern("azsdk-net-Security.KeyVault.Secrets/4.6.0")),
        status: Some(200),
        cause: strings.intern("success"),
        basis: Basis::Status,
        access: AccessFlags::default(),
        settled: true,
        denial: None,
    }
}

/// Through the day at even steps with some chance, and a restart of all at nine.
fn series(random: &mut fastrand::Rng, count: usize) -> Series {
    let step = 86_400 / i64::try_from(count).unwrap_or(1).max(1);
    let mut seconds: Vec<i64> =
        (0..i64::try_from(count).unwrap_or(0))
            .map(|index| {
                if index == 0 {
                    32_400 + random.i64(0..60)
                } else {
                    index * step + random.i64(0..step.max(1))
                }
            })
            .collect();
    seconds.sort_unstable();
    let mut series = Series::default();
    for second in seconds {
        let at = Ticks::from_second(DAY + second);
        series.push(Cell::new(at, at, 1).expect("one second"));
    }
    series
}

fn judgement() -> Judgement {
    Judgement::default()
}

/// The whole report, as `akvlens capacity` makes it, with these times to live and this target.
fn judged(bencher: Bencher<'_, '_>, ttls: &[Option<u64>], target_per_mille: u32, after_cache: Option<u64>) {
    let causes = Causes::built_in();
    let settings = CapacitySettings {
        assumptions: Assumptions::default(),
        ttls: ttls.to_vec(),
        target_per_mille,
        groups: BTreeMap::new(),
        after_cache,
    };
    let judgement = judgement();
    bencher
        .counter(ItemsCount::new(requests()))
        .with_inputs(facts)
        .bench_local_values(|facts| black_box(report(facts, &causes, &judgement, &settings)));
}

#[divan::bench(name = "1 headroom", sample_count = 3, sample_size = 1)]
fn headroom(bencher: Bencher<'_, '_>) {
    judged(bencher, &[], u32::MAX, None);
}

#[divan::bench(name = "2 headroom, caching", sample_count = 3, sample_size = 1)]
fn caching(bencher: Bencher<'_, '_>) {
    judged(bencher, &TTLS, u32::MAX, None);
}

#[divan::bench(name = "3 headroom, split", sample_count = 3, sample_size = 1)]
fn split(bencher: Bencher<'_, '_>) {
    judged(bencher, &[], 750, None);
}

#[divan::bench(name = "4 headroom, caching, split", sample_count = 3, sample_size = 1)]
fn all(bencher: Bencher<'_, '_>) {
    judged(bencher, &TTLS, 750, None);
}

#[divan::bench(name = "5 the same after 5 minutes of caching", sample_count = 3, sample_size = 1)]
fn after_cache(bencher: Bencher<'_, '_>) {
    judged(bencher, &TTLS, 750, Some(300));
}
