//! Every number of the replays against single requests and plain scans.

#![allow(clippy::float_cmp, clippy::type_complexity, reason = "both sides are rounded alike")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::sample::{Asked, any_asked, slow_peak, with_vault};
use super::*;
use crate::findings::load::class::Class;

/// One request; those of one second stand dearest first, as the fetch is taken to be the dearest.
fn single(asked: &[Asked]) -> Vec<Asked> {
    let mut all: Vec<Asked> =
        asked.iter().flat_map(|asked| (0..asked.count).map(|_| Asked { count: 1, ..*asked })).collect();
    all.sort_by_key(|one| (one.second, one.weighs().map(|(_, parts, _)| Reverse(parts))));
    all
}

/// What caches do that meet the requests of `cached`: which are left, and what is counted.
struct Slow {
    answers: Answers,
    left: Vec<(i64, Class, i128, i128)>,
    /// Those without the first read of each cache.
    left_warm: Vec<(i64, Class, i128, i128)>,
}

fn changed(all: &[Asked], object: &str) -> Vec<i64> {
    let name = object.split('/').nth(1).unwrap();
    let changes = |one: &&Asked| match one.operation {
        "SecretSet" | "KeyImport" => one.object == Some(object),
        "CertificateImport" => one.object.unwrap().ends_with(&format!("/{name}")),
        _ => false,
    };
    all.iter().filter(|one| one.status == 200).filter(changes).map(|one| one.second).collect()
}

fn simulate<K: Ord>(
    asked: &[Asked],
    cache: impl Fn(&Asked) -> Option<K>,
    holds: impl Fn(i64, i64, &[i64]) -> bool,
) -> Slow {
    let all = single(asked);
    let mut fetched: BTreeMap<(K, &str), i64> = BTreeMap::new();
    let mut slow = Slow { answers: Answers::default(), left: Vec::new(), left_warm: Vec::new() };
    for one in &all {
        let weighed = one.weighs().map(|(class, parts, whole)| (one.second, class, parts, whole));
        let Some(key) = cache(one).zip(one.object) else {
            slow.left.extend(weighed);
            slow.left_warm.extend(weighed);
            continue;
        };
        let object = key.1;
        slow.answers.requests += 1;
        let at = one.second;
        let before = fetched.get(&key).copied();
        let changes: Vec<i64> = before.map_or_else(Vec::new, |before| {
            changed(&all, object).into_iter().filter(|change| *change > before && *change <= at).collect()
        });
        if before.is_some_and(|before| holds(before, at, &changes)) {
            slow.answers.hits += 1;
            if let Some(first) = changes.iter().min() {
                slow.answers.stale_hits += 1;
                slow.answers.stale_seconds = slow.answers.stale_seconds.max(at.abs_diff(*first));
            }
        } else {
            slow.answers.compulsory += u64::from(before.is_none());
            slow.left.extend(weighed);
            slow.left_warm.extend(weighed.filter(|_| before.is_some()));
            fetched.insert(key, at);
        }
    }
    slow
}

/// The cache of a read.
fn cache_of(one: &Asked, scope: CacheScope) -> Option<(u8, Option<(u8, u8)>, &'static str)> {
    let is_read = one.status == 200 && matches!(one.operation, "SecretGet" | "KeyGet" | "CertificateGet");
    // Nobody whom the log names is not one caller.
    let place = (scope == CacheScope::Instance || one.caller == 0).then_some((one.address, one.agent));
    is_read.then_some((one.caller, place, one.operation))
}

fn slow_row(asked: &[Asked], ttl: Option<u64>, scope: CacheScope, alone: Option<u8>) -> (Answers, f64, f64) {
    let cache = |one: &Asked| cache_of(one, scope).filter(|_| alone.is_none_or(|alone| one.caller == alone));
    let holds = |fetched: i64, at: i64, changes: &[i64]| match ttl {
        Some(ttl) => at - fetched < i64::try_from(ttl).unwrap(),
        None => changes.is_empty(),
    };
    let slow = simulate(asked, cache, holds);
    (slow.answers, slow_peak(&slow.left), slow_peak(&slow.left_warm))
}

const SLOW_TTLS: [Option<u64>; 5] = [Some(1), Some(10), Some(60), Some(5000), None];

fn check_rows(rows: &[CachingRow], asked: &[Asked], alone: Option<u8>) -> Result<(), TestCaseError> {
    prop_assert!(rows.is_empty() || rows.len() == 2 * SLOW_TTLS.len());
    for row in rows {
        let (answers, peak, warm) = slow_row(asked, row.ttl_seconds, row.scope, alone);
        let fast = Answers {
            requests: row.requests,
            hits: row.hits,
            compulsory: row.compulsory,
            stale_hits: row.stale_hits,
            stale_seconds: row.stale_seconds,
        };
        prop_assert_eq!(fast, answers, "{:?}", row);
        prop_assert_eq!(row.left, answers.requests - answers.hits);
        prop_assert_eq!(row.peak_utilisation, peak, "{:?}", row);
        prop_assert_eq!(row.warm_peak_utilisation, alone.is_none().then_some(warm), "{:?}", row);
    }
    Ok(())
}

fn any_log() -> impl Strategy<Value = Vec<Asked>> {
    // Far apart, seconds are numbered another way.
    prop::sample::select(vec![1, 3, 4000, 1_000_000]).prop_flat_map(|stretch| any_asked(40, stretch, 4, 60))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn replays_are_what_single_requests_say(asked in any_log()) {
        let caching = with_vault(&asked, |callers, vault, budgets| {
            replay(callers, vault, budgets, &SLOW_TTLS, usize::MAX)
        });
        let reads = single(&asked).iter().filter(|one| cache_of(one, CacheScope::Caller).is_some()).count();
        prop_assert_eq!(caching.rows.is_empty(), reads == 0);
        check_rows(&caching.rows, &asked, None)?;
        let readers: std::collections::BTreeSet<u8> = asked.iter()
            .filter(|one| cache_of(one, CacheScope::Caller).is_some() && one.caller > 0)
            .map(|one| one.caller)
            .collect();
        prop_assert_eq!(caching.readers, readers.len() as u64);
        prop_assert_eq!(caching.applications.len(), readers.len());
        for application in &caching.applications {
            let alone = application.oid.as_deref().unwrap().strip_prefix("o-").unwrap().parse().unwrap();
            check_rows(&application.caching, &asked, Some(alone))?;
        }
        let sizes: Vec<u64> = caching.applications.iter().map(|row| row.caching[0].requests).collect();
        prop_assert!(sizes.is_sorted_by(|one, next| one >= next));
    }

    #[test]
    fn what_is_left_is_what_single_requests_leave(asked in any_log(), ttl in prop::sample::select(vec![1_u64, 10, 60, 5000])) {
        let fast = with_vault(&asked, |_, vault, budgets| {
            let base = Base::new(vault, budgets);
            let mut all: BTreeMap<(i64, String, Class, u64), u64> = BTreeMap::new();
            for left in left_reads(&base, vault, ttl) {
                for (at, count) in left.arrivals {
                    let second = base.axis.second(at);
                    *all.entry((second, left.object.to_owned(), base.classes[left.class].class, left.parts)).or_default() +=
                        u64::from(count);
                }
            }
            all
        });
        let mut slow: BTreeMap<(i64, String, Class, u64), u64> = BTreeMap::new();
        let reads: Vec<Asked> = asked
            .iter()
            .filter(|one| cache_of(one, CacheScope::Instance).is_some())
            .copied()
            .collect();
        let all = single(&reads);
        let mut fetched: BTreeMap<_, i64> = BTreeMap::new();
        for one in &all {
            let Some(cache) = cache_of(one, CacheScope::Instance) else { continue };
            let before = fetched.get(&(cache, one.object)).copied();
            if before.is_none_or(|before| one.second.abs_diff(before) >= ttl) {
                fetched.insert((cache, one.object), one.second);
                let (class, parts, _) = one.weighs().unwrap();
                let key = (one.second, one.object.unwrap().to_owned(), class, u64::try_from(parts).unwrap());
                *slow.entry(key).or_default() += 1;
            }
        }
        prop_assert_eq!(fast, slow);
    }

    #[test]
    fn local_work_is_what_single_requests_say(asked in any_log()) {
        let caching = with_vault(&asked, |callers, vault, budgets| replay(callers, vault, budgets, &SLOW_TTLS, 0));
        let public = |one: &Asked| {
            let is_public = one.status == 200 && matches!(one.operation, "KeyWrap" | "KeyVerify");
            is_public.then_some((one.caller, one.address, one.agent, ""))
        };
        let unwrap = |one: &Asked| {
            let is_unwrap = one.status == 200 && matches!(one.operation, "KeyUnwrap" | "KeyDecrypt");
            is_unwrap.then_some((one.caller, one.address, one.agent, one.operation))
        };
        let same_day = |fetched: i64, at: i64, _: &[i64]| fetched / 86_400 == at / 86_400;
        let mut seen = 0;
        for row in &caching.local {
            let slow = match row.ttl_seconds {
                None => simulate(&asked, public, same_day),
                Some(ttl) => simulate(&asked, unwrap, |fetched, at, _| at.abs_diff(fetched) < ttl),
            };
            prop_assert_eq!(row.requests, slow.answers.requests);
            prop_assert_eq!(row.left, slow.answers.requests - slow.answers.hits);
            prop_assert_eq!(row.peak_utilisation, slow_peak(&slow.left));
            seen += 1;
        }
        let any = |what: &dyn Fn(&Asked) -> bool| asked.iter().any(what);
        let expected = usize::from(any(&|one| public(one).is_some())) + 4 * usize::from(any(&|one| unwrap(one).is_some()));
        prop_assert_eq!(seen, expected);
    }

    /// Whatever the order of the log, and on however many threads, the same.
    #[test]
    fn order_and_threads_do_not_show(mut asked in any_log()) {
        let told = |asked: &[Asked]| with_vault(asked, |callers, vault, budgets| {
            let caching = replay(callers, vault, budgets, &SLOW_TTLS, 1);
            format!("{:?}{:?}{:?}{:?}", caching.rows, caching.knee, caching.applications, caching.local)
        });
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| told(&asked));
        asked.reverse();
        let other = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(|| told(&asked));
        prop_assert_eq!(one, other);
    }
}

fn read(second: i64, count: u32) -> Asked {
    Asked {
        second,
        count,
        operation: "SecretGet",
        object: Some("secrets/a"),
        kind: None,
        caller: 1,
        address: 0,
        agent: 0,
        status: 200,
        flag: false,
    }
}

#[test]
fn the_knee_is_the_first_that_no_longer_one_beats() {
    // Every 20 s for an hour: 30 s halve it, 60 s save two thirds, an hour nearly all.
    let asked: Vec<Asked> = (0..180).map(|index| read(index * 20, 1)).collect();
    let caching = with_vault(&asked, |callers, vault, budgets| {
        replay(callers, vault, budgets, &super::super::TTLS, 10)
    });
    let hits: Vec<u64> = caching.rows.iter().map(|row| row.hits).take(7).collect();
    assert_eq!(hits, [0, 90, 120, 168, 176, 179, 179]);
    let knee = caching.knee.unwrap();
    assert_eq!((knee.ttl_seconds, knee.saved_percent), (Some(3600), 99.44));
    assert!(knee.told.starts_with("Values kept for 1 h answer 99.4 % of 180 reads"), "{}", knee.told);
    assert_eq!(caching.applications[0].knee.as_ref().unwrap().ttl_seconds, Some(3600));
}

#[test]
fn a_cache_that_saves_nothing_has_its_knee_at_the_shortest() {
    let caching = with_vault(&[read(0, 1)], |callers, vault, budgets| {
        replay(callers, vault, budgets, &[None, Some(60), Some(10)], 10)
    });
    assert_eq!(caching.knee.unwrap().ttl_seconds, Some(10));
    let order: Vec<Option<u64>> = caching.rows.iter().map(|row| row.ttl_seconds).take(3).collect();
    assert_eq!(order, [Some(10), Some(60), None]);
}

#[test]
fn lives_are_told_in_the_unit_that_fits() {
    let told = [None, Some(28_800), Some(300), Some(90), Some(86_400)].map(kept);
    assert_eq!(told, ["until the object changes", "for 8 h", "for 5 min", "for 90 s", "for 1 d"]);
}
