//! The fewest vaults that keep every window of every class at or below a target.
//!
//! Input: a vault's load, its budgets, a target, the user's groups, and whether reads are cached first.
//! Output: [`SplitPlan`]. Groups (an application's objects, or the user's) are placed by what they take
//! of the windows that could be above the target; then every window of every vault of the plan is
//! replayed, and one that is above the target is added to those that matter. So a plan always holds on
//! the whole log. The control plane is not split: it has no object.

mod items;
mod measure;
mod placement;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use items::{Group, Items, Unit};
use measure::Window;
use placement::{Problem, Solved};

use super::axis::{Base, ClassBase, Utilisation};
use super::caching::{kept, left_reads};
use super::display;
use crate::findings::callers::Callers;
use crate::findings::load::VaultLoad;
use crate::findings::load::class::{Budgets, Class};
use crate::report::capacity::{PeakAfter, Placement, SplitPlan, Unsplittable};

/// Windows that matter at first, a class.
const MOST_KEPT: usize = 64;

/// Loads whose own fullest windows matter at first.
const MOST_OWN: usize = 256;

/// Windows above the target that are added at once, a vault and class.
const MOST_ADDED: usize = 8;

/// How to split.
pub(crate) struct SplitSettings<'s> {
    /// Greatest utilisation that is allowed, in thousandths.
    pub(crate) target_per_mille: u32,
    /// Group of objects that the user keeps together.
    pub(crate) groups: &'s BTreeMap<String, String>,
    /// Seconds that every instance caches what it reads.
    pub(crate) after_cache: Option<u64>,
}

/// What is placed as one.
struct Movable {
    label: String,
    items: Vec<usize>,
    /// Fullest window by class.
    peaks: Vec<(i128, u32)>,
}

/// Everything that a plan is made of.
struct Planned<'p, 'f> {
    base: &'p Base,
    items: &'p Items<'f>,
    /// Parts that a window may hold, by class.
    caps: Vec<i128>,
    movables: Vec<Movable>,
    /// What takes nothing of any class.
    idle: Vec<Movable>,
    /// What no vault can hold alone, with its class.
    hot: Vec<(Movable, usize)>,
    /// Groups that had to be divided.
    divided: Vec<String>,
}

/// A placement that holds on every window.
struct Found {
    /// Items of each vault.
    vaults: Vec<Vec<usize>>,
    /// The fullest window of each, by class.
    peaks: Vec<Vec<Utilisation>>,
    lower_bound: usize,
}

/// The plan; none where no window of the log is above the target, or there is nothing to split: a
/// Managed HSM does not throttle.
pub(crate) fn plan(
    callers: &Callers,
    vault: &VaultLoad<'_>,
    budgets: &Budgets<'_>,
    settings: &SplitSettings<'_>,
) -> Option<SplitPlan> {
    let before = Base::new(vault, budgets);
    let cap = |class: &ClassBase| class.whole * i128::from(settings.target_per_mille) / 1000;
    if vault.vault.hsm || before.classes.iter().all(|class| class.peak().parts <= cap(class)) {
        return None;
    }
    let left = settings.after_cache.map(|ttl| left_reads(&before, vault, ttl));
    let items = Items::new(callers, vault, &before, left, settings.groups);
    let peak_before = before.peak();
    let base = if settings.after_cache.is_some() {
        let all: Vec<usize> = (0..items.items.len()).collect();
        let classes = measure::vault(&before, &items, &all);
        Base { axis: before.axis, classes }
    } else {
        before
    };
    let caps = base.classes.iter().map(cap).collect();
    let planned = Planned::new(&base, &items, caps);
    let found = planned.search();
    Some(report(&planned, found, vault, budgets, settings, peak_before))
}

impl<'p, 'f> Planned<'p, 'f> {
    /// Takes apart the groups that are too hot for any vault, and sets aside what is too hot alone.
    fn new(base: &'p Base, items: &'p Items<'f>, caps: Vec<i128>) -> Self {
        let (movables, idle, hot, divided) = Default::default();
        let mut all = Self { base, items, caps, movables, idle, hot, divided };
        let whole = items.groups.iter().map(|group: &Group| Unit {
            label: group.label.clone(),
            items: group.units.iter().flat_map(|unit| unit.items.iter().copied()).collect(),
        });
        let (fitting, hot) = all.measured(whole.collect());
        all.movables = fitting;
        let labels: BTreeSet<String> = hot.into_iter().map(|(group, _)| group.label).collect();
        let divided = items.groups.iter().filter(|group| labels.contains(&group.label));
        let units = divided.flat_map(|group| {
            let label = |unit: &Unit| format!("{} (of {}, divided)", unit.label, group.label);
            group.units.iter().map(move |unit| Unit { label: label(unit), items: unit.items.clone() })
        });
        let (fitting, hot) = all.measured(units.collect());
        all.movables.extend(fitting);
        all.hot = hot;
        let takes = |movable: &Movable| movable.peaks.iter().any(|(parts, _)| *parts > 0);
        (all.movables, all.idle) = all.movables.into_iter().partition(takes);
        // A group of one unit is not divided by being looked at.
        let is_divided = |group: &&Group| labels.contains(&group.label) && group.units.len() > 1;
        all.divided = items.groups.iter().filter(is_divided).map(|group| group.label.clone()).collect();
        all
    }

    /// Units with their fullest windows: those that a vault can hold, and the others with their class.
    fn measured(&self, units: Vec<Unit>) -> (Vec<Movable>, Vec<(Movable, usize)>) {
        let sets: Vec<&[usize]> = units.iter().map(|unit| unit.items.as_slice()).collect();
        let peaks = measure::peaks(self.base, self.items, &sets);
        let (mut fitting, mut hot) = (Vec::new(), Vec::new());
        for (unit, peaks) in units.into_iter().zip(peaks) {
            let utilisation =
                |class: usize| Utilisation { parts: peaks[class].0, whole: self.base.classes[class].whole };
            let above = (0..peaks.len()).filter(|class| peaks[*class].0 > self.caps[*class]);
            let above = above.max_by_key(|class| (utilisation(*class), Reverse(*class)));
            let movable = Movable { label: unit.label, items: unit.items, peaks };
            match above {
                Some(class) => hot.push((movable, class)),
                None => fitting.push(movable),
            }
        }
        (fitting, hot)
    }

    /// From the lower bound upward, the first number of vaults for which a placement is found.
    fn search(&self) -> Found {
        let fixed: Vec<usize> = self.hot.iter().flat_map(|(hot, _)| hot.items.iter().copied()).collect();
        let mut windows = self.windows_that_matter();
        let fixed_windows = measure::vault(self.base, self.items, &fixed);
        let mut lower = self.sum_bound(&fixed_windows);
        let mut problem = self.problem(&windows, &fixed);
        lower = lower.max(problem.pairwise_bound());
        let mut vaults = lower;
        loop {
            match problem.solve(vaults) {
                Solved::Impossible => {
                    // What some windows forbid, all forbid.
                    lower = lower.max(vaults + 1);
                    vaults += 1;
                }
                Solved::Unknown => vaults += 1,
                Solved::Found(vault_of) => {
                    let placed = self.placed(&fixed, &vault_of, vaults);
                    let (peaks, added) = self.replayed(&placed, &fixed_windows);
                    if added.is_empty() {
                        return Found { vaults: placed, peaks, lower_bound: lower };
                    }
                    debug_assert!(added.is_disjoint(&windows), "it fits the windows that it was made for");
                    windows.extend(added);
                    problem = self.problem(&windows, &fixed);
                    lower = lower.max(problem.pairwise_bound());
                    vaults = vaults.max(lower);
                }
            }
        }
    }

    /// The windows in which all together are above the target: of each class the fullest, and the own
    /// fullest of the largest loads. Where all together are at or below it, any part is.
    fn windows_that_matter(&self) -> BTreeSet<Window> {
        let mut windows = BTreeSet::new();
        let is_above = |class: usize, end: usize| self.base.classes[class].windows.at(end) > self.caps[class];
        for (index, class) in self.base.classes.iter().enumerate() {
            let fullest = measure::apart(&self.base.axis, class, MOST_KEPT, |end| is_above(index, end));
            windows.extend(fullest.into_iter().map(|end| (index, end)));
            let mut own: Vec<(i128, u32)> =
                self.movables.iter().map(|movable| movable.peaks[index]).collect();
            own.sort_unstable_by_key(|(parts, end)| (Reverse(*parts), *end));
            let own = own.into_iter().filter(|(parts, end)| *parts > 0 && is_above(index, *end as usize));
            windows.extend(own.take(MOST_OWN).map(|(_, end)| (index, end)));
        }
        windows
    }

    /// No fewer vaults hold the fullest window: what moves needs the room that the first vault has
    /// beside what cannot move, and a cap's worth for each vault more.
    fn sum_bound(&self, fixed: &[ClassBase]) -> usize {
        let mut most = 1;
        for ((class, fixed), cap) in self.base.classes.iter().zip(fixed).zip(&self.caps) {
            for (all, fixed) in class.windows.iter().zip(fixed.windows.iter()) {
                let more = (all - fixed) - (cap - fixed).max(0);
                if more > 0 {
                    let cap = (*cap).max(1);
                    most = most.max(1 + (more + cap - 1) / cap);
                }
            }
        }
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    fn problem(&self, windows: &BTreeSet<Window>, fixed: &[usize]) -> Problem {
        let windows: Vec<Window> = windows.iter().copied().collect();
        let mut sets: Vec<&[usize]> = self.movables.iter().map(|movable| movable.items.as_slice()).collect();
        sets.push(fixed);
        let mut loads = measure::loads(self.base, self.items, &sets, &windows);
        let fixed = loads.pop().unwrap_or_default();
        let cap = |(class, _): &Window| u64::try_from(self.caps[*class]).unwrap_or(u64::MAX);
        Problem { caps: windows.iter().map(cap).collect(), loads, fixed }
    }

    /// The items of each vault.
    fn placed(&self, fixed: &[usize], vault_of: &[usize], vaults: usize) -> Vec<Vec<usize>> {
        let mut placed = vec![Vec::new(); vaults];
        placed[0].extend(fixed);
        for (movable, vault) in self.movables.iter().zip(vault_of) {
            placed[*vault].extend(&movable.items);
        }
        placed
    }

    /// Every window of every vault: the fullest by class, and those that are above the target and above
    /// what cannot move.
    fn replayed(
        &self,
        placed: &[Vec<usize>],
        fixed: &[ClassBase],
    ) -> (Vec<Vec<Utilisation>>, BTreeSet<Window>) {
        let (mut peaks, mut added) = (Vec::new(), BTreeSet::new());
        for (vault, set) in placed.iter().enumerate() {
            let classes = measure::vault(self.base, self.items, set);
            for (index, class) in classes.iter().enumerate() {
                let is_above = |end: usize| {
                    let fixed = if vault == 0 { fixed[index].windows.at(end) } else { 0 };
                    class.windows.at(end) > self.caps[index].max(fixed)
                };
                let ends = measure::apart(&self.base.axis, class, MOST_ADDED, is_above);
                added.extend(ends.into_iter().map(|end| (index, end)));
            }
            peaks.push(classes.iter().map(ClassBase::peak).collect());
        }
        (peaks, added)
    }
}

/// A vault of the plan: its items, and its fullest window by class.
type VaultOfPlan = (Vec<usize>, Vec<Utilisation>);

/// The vaults of a plan in the order of their names: what cannot move first, then the most requests.
fn ordered(planned: &Planned<'_, '_>, found: Found) -> (Vec<VaultOfPlan>, usize) {
    let requests = |set: &[usize]| set.iter().map(|item| planned.items.items[*item].requests).sum::<u64>();
    let mut vaults: Vec<VaultOfPlan> = found.vaults.into_iter().zip(found.peaks).collect();
    let fixed = usize::from(!planned.hot.is_empty());
    if let Some(movable) = vaults.get_mut(fixed..) {
        movable.sort_by_key(|(set, _)| (set.is_empty(), Reverse(requests(set)), set.iter().min().copied()));
    }
    // What takes nothing has no reason to move.
    if let Some((first, _)) = vaults.first_mut() {
        first.extend(planned.idle.iter().flat_map(|idle| idle.items.iter().copied()));
    }
    // A vault that nothing was put into is none.
    vaults.retain(|(set, _)| !set.is_empty());
    (vaults, found.lower_bound)
}

fn report(
    planned: &Planned<'_, '_>,
    found: Found,
    vault: &VaultLoad<'_>,
    budgets: &Budgets<'_>,
    settings: &SplitSettings<'_>,
    peak_before: Utilisation,
) -> SplitPlan {
    let (vaults, lower_bound) = ordered(planned, found);
    let own = vault.vault.name.unwrap_or("vault");
    let name = |index: usize| if index == 0 { own.to_owned() } else { format!("{own}-{}", index + 1) };
    let peak_after: Vec<PeakAfter> =
        vaults.iter().enumerate().map(|(index, vault)| peak_after(planned, name(index), vault)).collect();
    let mut plan = SplitPlan {
        target: f64::from(settings.target_per_mille) / 1000.0,
        after_cache_seconds: settings.after_cache,
        vaults: vaults.len() as u64,
        lower_bound: lower_bound.min(vaults.len()) as u64,
        unsplittable: unsplittable(planned),
        assignment: assignment(planned, &vaults, name),
        peak_before: peak_before.fraction(),
        peak_after,
        subscriptions: subscriptions(planned.base, budgets),
        told: String::new(),
    };
    plan.told = told(&plan, planned, own);
    plan
}

fn peak_after(planned: &Planned<'_, '_>, vault: String, (set, peaks): &VaultOfPlan) -> PeakAfter {
    let peaks = planned.base.classes.iter().zip(peaks).filter(|(_, peak)| peak.parts > 0);
    // The first of equals, in the order of the classes.
    let fullest = peaks.reduce(|best, next| if next.1 > best.1 { next } else { best });
    let items = || set.iter().map(|item| &planned.items.items[*item]);
    PeakAfter {
        vault,
        class: fullest.map(|(class, _)| class.class),
        peak_utilisation: fullest.map_or(0.0, |(_, peak)| peak.fraction()),
        requests: items().map(|item| item.requests).sum(),
        objects: items().filter(|item| item.object.is_some()).count() as u64,
    }
}

fn assignment(
    planned: &Planned<'_, '_>,
    vaults: &[VaultOfPlan],
    name: impl Fn(usize) -> String,
) -> Vec<Placement> {
    let mut group_of: BTreeMap<usize, &str> = BTreeMap::new();
    let hot = planned.hot.iter().map(|(hot, _)| hot);
    for movable in planned.movables.iter().chain(&planned.idle).chain(hot) {
        group_of.extend(movable.items.iter().map(|item| (*item, movable.label.as_str())));
    }
    let mut rows = Vec::new();
    for (index, (set, _)) in vaults.iter().enumerate() {
        rows.extend(set.iter().map(|item| Placement {
            object: planned.items.items[*item].object.unwrap_or_default().to_owned(),
            vault: name(index),
            group: group_of.get(item).copied().unwrap_or_default().to_owned(),
            requests: planned.items.items[*item].requests,
        }));
    }
    rows.sort_unstable();
    rows
}

/// What is too hot alone: the object with the most requests of each.
fn unsplittable(planned: &Planned<'_, '_>) -> Vec<Unsplittable> {
    let row = |(hot, class): &(Movable, usize)| {
        let items = hot.items.iter().map(|item| &planned.items.items[*item]);
        let object =
            items.max_by_key(|item| (item.requests, Reverse(item.object))).and_then(|item| item.object);
        let base = &planned.base.classes[*class];
        let peak = Utilisation { parts: hot.peaks[*class].0, whole: base.whole };
        (
            peak,
            Unsplittable {
                object: object.unwrap_or_default().to_owned(),
                class: base.class,
                peak_utilisation: peak.fraction(),
                told: helps(base.class, object, hot.items.len() > 1),
            },
        )
    };
    let mut rows: Vec<(Utilisation, Unsplittable)> = planned.hot.iter().map(row).collect();
    rows.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.object.cmp(&other.1.object)));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// What helps where a split does not.
fn helps(class: Class, object: Option<&str>, is_bundle: bool) -> String {
    let what = match object {
        None => "These requests name no object (lists), so moving objects does not part them",
        Some(_) if is_bundle => {
            "A certificate, its key and its secret stay in one vault, and together they are above the target"
        }
        Some(_) => "One object is in one vault, and alone it is above the target",
    };
    let instead = match class {
        Class::KeyCreate | Class::CreateImport => "write less at a time",
        _ if object.is_none() => "list less often, or read by name",
        Class::Keys => {
            "do public-key operations in the client, keep unwrapped data keys, take a smaller key or one without HSM \
             where that is allowed, spread over several keys with the same role, or use a Managed HSM"
        }
        _ => "cache it in the clients, read it once and hand it on, or keep copies in several vaults",
    };
    format!("{what}: {instead}.")
}

/// How many subscriptions the plan needs: its vaults together take what the vault takes now.
fn subscriptions(base: &Base, budgets: &Budgets<'_>) -> u64 {
    let factor = i128::from(budgets.profile().subscription_factor).max(1);
    let needed = base.classes.iter().map(|class| {
        let (parts, whole) = (class.peak().parts, class.whole * factor);
        (parts + whole - 1) / whole
    });
    u64::try_from(needed.max().unwrap_or(1).max(1)).unwrap_or(u64::MAX)
}

fn told(plan: &SplitPlan, planned: &Planned<'_, '_>, own: &str) -> String {
    let target = plan.target * 100.0;
    let cached = plan.after_cache_seconds.map_or_else(String::new, |ttl| {
        let percent = display::percent(
            planned.base.peak().parts.unsigned_abs(),
            planned.base.peak().whole.unsigned_abs(),
        );
        format!("With values kept {} the peak is {percent:.1} %. ", kept(Some(ttl)))
    });
    let mut told = match (plan.vaults, plan.unsplittable.is_empty()) {
        (1, true) => format!("{cached}No split is needed: one vault stays at or below {target} %."),
        (1, false) => format!("{cached}No split helps: what is above {target} % is in one object."),
        (vaults, true) => format!("{cached}{vaults} vaults keep every ten seconds at or below {target} %"),
        (vaults, false) => format!(
            "{cached}{vaults} vaults keep every ten seconds at or below {target} % but for what no split helps, which \
             stays in {own}"
        ),
    };
    if plan.vaults > 1 {
        told = match plan.vaults - plan.lower_bound {
            0 => format!("{told}; fewer cannot."),
            _ => format!("{told}; fewer than {} cannot.", plan.lower_bound),
        };
        told += " Names of new vaults are proposals.";
    }
    if !planned.divided.is_empty() {
        let groups = planned.divided.len();
        told = format!("{told} Alone above the target, and so divided: {}", planned.divided[0]);
        told = if groups > 1 { format!("{told} and {} more.", groups - 1) } else { format!("{told}.") };
    }
    if plan.subscriptions > 1 {
        let needed = plan.subscriptions;
        told = format!("{told} Together they are above one subscription's limit: {needed} are needed.");
    }
    told
}
