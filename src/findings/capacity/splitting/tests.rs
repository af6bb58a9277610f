//! Plans against single requests, and against every way to place a few groups.

#![allow(
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::type_complexity,
    reason = "both sides are rounded alike, and small"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::sample::{Asked, WHAT, any_asked, slow_peak, with_vault};
use super::*;
use crate::record::operation::Plane;

fn planned(
    asked: &[Asked],
    per_mille: u32,
    groups: &[(&str, &str)],
    after_cache: Option<u64>,
) -> Option<SplitPlan> {
    let groups = groups.iter().map(|(object, group)| ((*object).to_owned(), (*group).to_owned())).collect();
    let settings = SplitSettings { target_per_mille: per_mille, groups: &groups, after_cache };
    with_vault(asked, |callers, vault, budgets| plan(callers, vault, budgets, &settings))
}

/// Single requests that count, by object; by caller where they have none.
type Loads = BTreeMap<(String, u8), Vec<(i64, Class, i128, i128)>>;

fn loads(asked: &[Asked]) -> Loads {
    let mut loads = Loads::new();
    for one in asked.iter().filter(|one| crate::record::operation::plane(one.operation) == Plane::Data) {
        let key = (one.object.unwrap_or_default().to_owned(), one.object.map_or(one.caller, |_| 0));
        let requests = loads.entry(key).or_default();
        if let Some((class, parts, whole)) = one.weighs() {
            requests.extend((0..one.count).map(|_| (one.second, class, parts, whole)));
        }
    }
    loads
}

/// Callers of the sample by how a plan calls them.
fn caller_of(group: &str) -> u8 {
    (1..3).find(|caller| group.contains(&format!("o-{caller}"))).unwrap_or(0)
}

/// What the items of a plan's row ask.
fn asked_by<'l>(loads: &'l Loads, row: &Placement) -> &'l [(i64, Class, i128, i128)] {
    let own = if row.object.is_empty() {
        loads.keys().find(|key| key.0.is_empty() && is_list_of(row, key.1))
    } else {
        None
    };
    let key = own.cloned().unwrap_or((row.object.clone(), 0));
    loads.get(&key).map_or(&[], Vec::as_slice)
}

fn is_list_of(row: &Placement, caller: u8) -> bool {
    row.object.is_empty() && row.group.contains("requests without an object of") && {
        let of = row.group.split("requests without an object of ").nth(1).unwrap();
        caller_of(of.split(" (of").next().unwrap()) == caller
    }
}

/// Logs without lists, whose owner a plan's row does not always name.
fn any_log(size: usize) -> impl Strategy<Value = Vec<Asked>> {
    any_asked(40, 1, 30, size)
        .prop_map(|asked| asked.into_iter().filter(|one| one.object.is_some()).collect())
}

fn above(requests: &[(i64, Class, i128, i128)], per_mille: i128) -> bool {
    let ends: BTreeSet<i64> = requests.iter().map(|(at, ..)| *at).collect();
    let classes: BTreeSet<(Class, i128)> =
        requests.iter().map(|(_, class, _, whole)| (*class, *whole)).collect();
    classes.iter().any(|(class, whole)| {
        ends.iter().any(|end| {
            let inside = requests.iter().filter(|(at, of, ..)| of == class && *at > end - 10 && at <= end);
            inside.map(|(_, _, parts, _)| parts).sum::<i128>() * 1000 > per_mille * whole
        })
    })
}

/// The fewest vaults that hold the sets, tried one after the other.
fn fewest(sets: &[Vec<(i64, Class, i128, i128)>], per_mille: i128) -> usize {
    fn place(
        sets: &[Vec<(i64, Class, i128, i128)>],
        vaults: &mut Vec<Vec<(i64, Class, i128, i128)>>,
        per_mille: i128,
        best: &mut usize,
    ) {
        let Some((set, rest)) = sets.split_first() else {
            *best = (*best).min(vaults.len());
            return;
        };
        for vault in 0..=vaults.len() {
            if vault == vaults.len() {
                vaults.push(Vec::new());
            }
            let before = vaults[vault].len();
            vaults[vault].extend(set);
            if !above(&vaults[vault], per_mille) {
                place(rest, vaults, per_mille, best);
            }
            vaults[vault].truncate(before);
            if before == 0 && vault + 1 == vaults.len() {
                vaults.pop();
            }
        }
    }
    let mut best = usize::MAX;
    place(sets, &mut Vec::new(), per_mille, &mut best);
    best
}

/// The plan's sets that move together, but for what no split helps.
fn sets(plan: &SplitPlan, loads: &Loads) -> (Vec<Vec<(i64, Class, i128, i128)>>, bool) {
    let hot: BTreeSet<&str> = plan.unsplittable.iter().map(|hot| hot.object.as_str()).collect();
    let hot_groups: BTreeSet<&str> = plan
        .assignment
        .iter()
        .filter(|row| hot.contains(row.object.as_str()))
        .map(|row| row.group.as_str())
        .collect();
    let mut sets: BTreeMap<&str, Vec<(i64, Class, i128, i128)>> = BTreeMap::new();
    for row in plan.assignment.iter().filter(|row| !hot_groups.contains(row.group.as_str())) {
        sets.entry(&row.group).or_default().extend(asked_by(loads, row));
    }
    (sets.into_values().filter(|set| !set.is_empty()).collect(), !hot.is_empty())
}

/// Rows, peaks and counts of a plan against single requests.
fn check_plan(plan: &SplitPlan, loads: &Loads, per_mille: u32) -> Result<(), TestCaseError> {
    let objects: Vec<&String> = plan.assignment.iter().map(|row| &row.object).collect();
    let expected: Vec<&String> = loads.keys().map(|(object, _)| object).collect();
    prop_assert_eq!(objects, expected, "every object once, in order");
    prop_assert_eq!(plan.vaults as usize, plan.peak_after.len());
    prop_assert!((1..=plan.vaults).contains(&plan.lower_bound));
    let mut vault_of: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &plan.assignment {
        prop_assert_eq!(
            *vault_of.entry(&row.group).or_insert(&row.vault),
            row.vault.as_str(),
            "groups stay together"
        );
    }
    for (index, after) in plan.peak_after.iter().enumerate() {
        prop_assert_eq!(
            &after.vault,
            &if index == 0 { "kv".to_owned() } else { format!("kv-{}", index + 1) }
        );
        let rows: Vec<&Placement> = plan.assignment.iter().filter(|row| row.vault == after.vault).collect();
        let all: Vec<_> = rows.iter().flat_map(|row| asked_by(loads, row)).copied().collect();
        prop_assert_eq!(after.peak_utilisation, slow_peak(&all));
        prop_assert_eq!(after.objects as usize, rows.iter().filter(|row| !row.object.is_empty()).count());
        prop_assert_eq!(after.requests, rows.iter().map(|row| row.requests).sum::<u64>());
        let may_be_above = index == 0 && !plan.unsplittable.is_empty();
        prop_assert!(may_be_above || !above(&all, per_mille.into()), "{} is above", after.vault);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Every window of every vault of a plan, and whether a plan was wanted at all.
    #[test]
    fn plans_hold_on_every_window(asked in any_log(60), per_mille in prop::sample::select(vec![4_u32, 8, 12, 20])) {
        prop_assume!(!asked.is_empty());
        let loads = loads(&asked);
        let all: Vec<_> = loads.values().flatten().copied().collect();
        let Some(plan) = planned(&asked, per_mille, &[], None) else {
            prop_assert!(!above(&all, per_mille.into()));
            return Ok(());
        };
        prop_assert!(above(&all, per_mille.into()));
        prop_assert_eq!(plan.peak_before, slow_peak(&all));
        check_plan(&plan, &loads, per_mille)?;
        for hot in &plan.unsplittable {
            let row = plan.assignment.iter().find(|row| row.object == hot.object).unwrap();
            prop_assert_eq!(&row.vault, "kv");
            let together: Vec<_> = plan.assignment.iter().filter(|other| other.group == row.group)
                .flat_map(|row| asked_by(&loads, row)).copied().collect();
            prop_assert!(above(&together, per_mille.into()));
            prop_assert_eq!(hot.peak_utilisation, slow_peak(&together.iter().filter(|one| one.1 == hot.class).copied().collect::<Vec<_>>()));
        }
    }

    /// Reads that caches answer are gone before the split.
    #[test]
    fn caching_comes_before_splitting(asked in any_log(60), ttl in prop::sample::select(vec![1_u64, 5, 20])) {
        prop_assume!(!asked.is_empty());
        let Some(plan) = planned(&asked, 8, &[], Some(ttl)) else { return Ok(()) };
        let mut fetched: BTreeMap<_, i64> = BTreeMap::new();
        let mut all: Vec<Asked> = asked.iter().flat_map(|one| (0..one.count).map(|_| Asked { count: 1, ..*one })).collect();
        all.sort_by_key(|one| (one.second, one.weighs().map(|(_, parts, _)| std::cmp::Reverse(parts))));
        all.retain(|one| {
            let is_read = one.status == 200 && matches!(one.operation, "SecretGet" | "KeyGet" | "CertificateGet");
            let key = (one.caller, one.address, one.agent, one.operation, one.object);
            let is_hit = is_read && fetched.get(&key).is_some_and(|before| one.second.abs_diff(*before) < ttl);
            if is_read && !is_hit {
                fetched.insert(key, one.second);
            }
            !is_hit
        });
        let left = loads(&all);
        check_plan(&plan, &left, 8)?;
        let requests: u64 = plan.assignment.iter().map(|row| row.requests).sum();
        prop_assert_eq!(requests as usize, all.len());
    }

    /// Whatever the order of the log, and on however many threads, the same.
    #[test]
    fn order_and_threads_do_not_show(mut asked in any_asked(40, 1, 30, 60)) {
        let told = |asked: &[Asked]| format!("{:?}", planned(asked, 8, &[("keys/k", "x"), ("secrets/a", "x")], Some(5)));
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| told(&asked));
        asked.reverse();
        let other = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(|| told(&asked));
        prop_assert_eq!(one, other);
    }
}

/// Small cases by a generator of numbers that is the same everywhere.
fn some_log(random: &mut fastrand::Rng) -> Vec<Asked> {
    let objects: Vec<&str> =
        vec!["secrets/a", "secrets/b", "secrets/d", "secrets/e", "keys/k", "keys/s", "keys/t"];
    let count = random.usize(3..40);
    let one = |random: &mut fastrand::Rng| {
        let object = objects[random.usize(..objects.len())];
        let is_key = object.starts_with("keys/");
        Asked {
            second: random.i64(0..30),
            count: random.u32(1..=8),
            operation: if is_key { "KeySign" } else { "SecretGet" },
            object: Some(object),
            kind: is_key.then_some("RSA 2048"),
            caller: random.u8(0..3),
            address: 0,
            agent: 0,
            status: 200,
            flag: false,
        }
    };
    (0..count).map(|_| one(random)).collect()
}

/// Against every way to place the groups: never more than one vault above the fewest, and no bound
/// above it.
#[test]
#[allow(clippy::print_stderr, reason = "says how often the plan is the best there is")]
fn plans_come_within_one_vault_of_the_fewest() {
    let mut random = fastrand::Rng::with_seed(5);
    let (mut plans, mut exact, mut met, mut most) = (0, 0, 0, 0);
    for _ in 0..600 {
        let asked = some_log(&mut random);
        // Each object a group of its own in half of the cases: up to seven.
        let objects: BTreeSet<&str> = asked.iter().filter_map(|one| one.object).collect();
        let own: Vec<(&str, &str)> = objects.iter().map(|object| (*object, *object)).collect();
        let groups = if random.bool() { own } else { Vec::new() };
        let Some(plan) = planned(&asked, 4, &groups, None) else { continue };
        let (sets, has_hot) = sets(&plan, &loads(&asked));
        if has_hot {
            continue;
        }
        let fewest = fewest(&sets, 4);
        let (vaults, bound) = (plan.vaults as usize, plan.lower_bound as usize);
        assert!(
            bound <= fewest && fewest <= vaults && vaults <= fewest + 1,
            "{bound} {fewest} {vaults} {asked:?}"
        );
        (plans, most) = (plans + 1, most.max(fewest));
        exact += usize::from(vaults == fewest);
        met += usize::from(bound == fewest);
    }
    eprintln!("{plans} plans of up to {most} vaults: {exact} with the fewest there can be, {met} bounds met");
    assert!(plans > 100 && exact * 100 >= plans * 95, "{exact} of {plans}");
}

fn asked(object: &'static str, caller: u8, second: i64, count: u32) -> Asked {
    let (operation, _, kind) = *WHAT.iter().find(|(_, of, _)| *of == Some(object)).unwrap();
    Asked {
        second,
        count,
        operation,
        object: Some(object),
        kind,
        caller,
        address: 0,
        agent: 0,
        status: 200,
        flag: false,
    }
}

fn vault_of<'p>(plan: &'p SplitPlan, object: &str) -> &'p str {
    &plan.assignment.iter().find(|row| row.object == object).unwrap().vault
}

#[test]
fn a_certificate_keeps_its_key_and_its_secret() {
    let log = [
        asked("secrets/c", 1, 0, 20),
        asked("certificates/c", 2, 0, 5),
        asked("keys/c", 1, 0, 5),
        asked("secrets/a", 1, 0, 20),
    ];
    let plan = planned(&log, 8, &[], None).unwrap();
    assert_eq!(plan.vaults, 2);
    let homes = ["secrets/c", "certificates/c", "keys/c"].map(|object| vault_of(&plan, object));
    assert!(homes.iter().all(|home| *home == homes[0]) && vault_of(&plan, "secrets/a") != homes[0]);
    assert!(plan.told.contains("Alone above the target, and so divided: application o-1."), "{}", plan.told);
    assert!(plan.assignment.iter().any(|row| row.group == "certificate c (of application o-1, divided)"));
}

#[test]
fn loads_with_peaks_at_other_times_share_a_vault() {
    let log = [
        asked("secrets/a", 1, 0, 30),
        asked("secrets/b", 2, 0, 30),
        asked("secrets/c", 1, 50, 30),
        asked("keys/s", 2, 50, 30),
    ];
    let plan = planned(&log, 8, &[("secrets/a", "x"), ("secrets/b", "y"), ("secrets/c", "z")], None).unwrap();
    assert_eq!((plan.vaults, plan.lower_bound), (2, 2));
    assert_ne!(vault_of(&plan, "secrets/a"), vault_of(&plan, "secrets/b"));
    assert!(plan.told.contains("fewer cannot"), "{}", plan.told);
}

#[test]
fn what_is_too_hot_alone_stays_and_the_rest_is_planned() {
    let log = [asked("secrets/a", 1, 0, 100), asked("secrets/b", 2, 0, 30), asked("secrets/c", 2, 20, 30)];
    let plan = planned(&log, 8, &[("secrets/b", "b"), ("secrets/c", "c")], None).unwrap();
    assert_eq!(plan.unsplittable.len(), 1);
    let hot = &plan.unsplittable[0];
    assert_eq!((hot.object.as_str(), hot.class, hot.peak_utilisation), ("secrets/a", Class::Secrets, 0.025));
    assert!(hot.told.contains("cache it"), "{}", hot.told);
    assert_eq!(["secrets/a", "secrets/c"].map(|object| vault_of(&plan, object)), ["kv", "kv"]);
    assert_eq!((plan.vaults, plan.lower_bound, vault_of(&plan, "secrets/b")), (2, 2, "kv-2"));
}

#[test]
fn lists_go_with_what_their_caller_loads_most() {
    let list = Asked { operation: "SecretList", object: None, ..asked("secrets/b", 2, 3, 5) };
    let log = [asked("secrets/a", 1, 0, 30), asked("secrets/b", 2, 0, 20), list];
    let plan = planned(&log, 8, &[], None).unwrap();
    let row = plan.assignment.iter().find(|row| row.object.is_empty()).unwrap();
    assert_eq!((row.group.as_str(), row.requests), ("application o-2", 5));
    assert_eq!(row.vault, vault_of(&plan, "secrets/b"));
}

#[test]
fn caching_may_make_a_split_needless() {
    let log: Vec<Asked> = (0..10).map(|second| asked("secrets/a", 1, second, 30)).collect();
    assert_eq!(planned(&log, 8, &[], None).unwrap().unsplittable.len(), 1);
    let plan = planned(&log, 8, &[], Some(300)).unwrap();
    assert_eq!((plan.vaults, plan.unsplittable.len(), plan.peak_before), (1, 0, 0.075));
    assert!(
        plan.told.contains("With values kept for 5 min") && plan.told.contains("No split is needed"),
        "{}",
        plan.told
    );
    assert_eq!(planned(&log, 750, &[], None), None, "below the target as it is");
}

/// Five vaults' worth are one subscription's.
#[test]
fn more_than_a_subscription_holds_asks_for_another() {
    let log: Vec<Asked> =
        ["secrets/a", "secrets/b", "secrets/c"].iter().map(|name| asked(name, 1, 0, 8_000)).collect();
    let plan = planned(&log, 1000, &[], None).unwrap();
    assert_eq!(plan.subscriptions, 2);
    assert!(plan.told.contains("2 are needed"), "{}", plan.told);
}
