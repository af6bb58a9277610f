//! Puts loads into as many vaults as are given so that no window is above its cap.
//!
//! Input: [`Problem`], the parts that each load takes of each window that matters. Output: [`Solved`].
//! Vector bin packing: hard to solve and hard to come near (facts §5), so: the largest first, each
//! where the fullest window stays lowest, windows added up one by one so that loads with peaks at
//! other times fit together; then moves and swaps that lower the fullest window; and where that does
//! not do, a search of all placements with a budget, which may also prove that there is none.

/// What each load takes, in windows that matter.
#[derive(Clone, Debug, Default)]
pub(super) struct Problem {
    /// The most that a vault may hold in each window.
    pub(super) caps: Vec<u64>,
    /// Parts of each load in each window, none above its cap.
    pub(super) loads: Vec<Vec<u64>>,
    /// What the first vault holds that cannot move; it may be above the cap, and then no load comes
    /// into that window.
    pub(super) fixed: Vec<u64>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Solved {
    /// The vault of each load.
    Found(Vec<usize>),
    /// There is no placement.
    Impossible,
    /// None was found, and there may be one.
    Unknown,
}

/// The cap, as a score.
const FULL: u64 = 1 << 40;

/// Moves and swaps that are tried, times windows.
const MOST_TRIED: usize = 100_000_000;

/// Loads of the fullest vault that are tried.
const MOST_CANDIDATES: usize = 64;

/// Placements that the search looks at, times windows.
const MOST_SEARCHED: usize = 20_000_000;

/// Loads up to which all placements are tried: a budget would end in the first corner of more.
const MOST_LOADS_SEARCHED: usize = 128;

impl Problem {
    /// How full a window is, as a score: about `parts / cap` of [`FULL`]. Scores choose; whether
    /// something fits is asked of parts.
    fn score(&self, window: usize, parts: u64) -> u64 {
        let cap = self.caps[window].max(1);
        let shift = 34_u32.saturating_sub(cap.leading_zeros());
        let scale = FULL / (cap >> shift).max(1);
        (parts >> shift).saturating_mul(scale)
    }

    /// What a load's fullest window scores.
    fn own_peak(&self, load: usize) -> u64 {
        let windows = self.loads[load].iter().enumerate();
        windows.map(|(window, parts)| self.score(window, *parts)).max().unwrap_or(0)
    }

    /// What a vault may hold of movable loads.
    fn room(&self, vault: usize, window: usize) -> u64 {
        let fixed = if vault == 0 { self.fixed[window] } else { 0 };
        self.caps[window].saturating_sub(fixed)
    }

    fn has_fixed(&self) -> bool {
        self.fixed.iter().any(|parts| *parts > 0)
    }

    /// Loads by own peak, largest first, the first of equals first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.loads.len()).collect();
        order.sort_by_cached_key(|load| (std::cmp::Reverse(self.own_peak(*load)), *load));
        order
    }

    /// A number of vaults that no placement can go below: loads of which no two fit together, and
    /// what cannot move, need a vault each.
    pub(super) fn pairwise_bound(&self) -> usize {
        let collide = |one: usize, other: usize| {
            let pairs = self.loads[one].iter().zip(&self.loads[other]).zip(&self.caps);
            pairs.into_iter().any(|((one, other), cap)| one.saturating_add(*other) > *cap)
        };
        let stays_out =
            |load: usize| (0..self.caps.len()).any(|window| self.loads[load][window] > self.room(0, window));
        let greedy = |apart: &dyn Fn(usize) -> bool| {
            let mut chosen: Vec<usize> = Vec::new();
            for load in self.order() {
                if apart(load) && chosen.iter().all(|other| collide(load, *other)) {
                    chosen.push(load);
                }
            }
            chosen.len()
        };
        let apart = if self.has_fixed() { 1 + greedy(&stays_out) } else { 0 };
        apart.max(greedy(&|_| true))
    }

    /// Places every load into so many vaults.
    pub(super) fn solve(&self, vaults: usize) -> Solved {
        let order = self.order();
        let first = usize::from(self.has_fixed());
        if vaults >= self.loads.len() + first {
            return Solved::Found((first..).take(self.loads.len()).collect());
        }
        let mut plan = Plan::new(self, vaults);
        for load in &order {
            plan.place(*load);
        }
        if plan.improve() {
            return Solved::Found(plan.vault_of);
        }
        if order.len() > MOST_LOADS_SEARCHED {
            return Solved::Unknown;
        }
        Search::new(self, vaults, &order).solve()
    }
}

/// A placement that may be above caps.
struct Plan<'p> {
    problem: &'p Problem,
    vault_of: Vec<usize>,
    /// By vault and window, without what cannot move.
    held: Vec<Vec<u64>>,
}

impl<'p> Plan<'p> {
    fn new(problem: &'p Problem, vaults: usize) -> Self {
        let held = vec![vec![0; problem.caps.len()]; vaults];
        Self { problem, vault_of: vec![usize::MAX; problem.loads.len()], held }
    }

    /// What a window of a vault scores when it holds so much of what moves.
    fn score(&self, vault: usize, window: usize, held: u64) -> u64 {
        let fixed = if vault == 0 { self.problem.fixed[window] } else { 0 };
        // A window that is full of what cannot move is no fault of the placement.
        if held == 0 && fixed > self.problem.caps[window] {
            return 0;
        }
        self.problem.score(window, held.saturating_add(fixed))
    }

    /// Puts a load where the fullest window stays lowest; ties by the sum of windows, then the vault.
    fn place(&mut self, load: usize) {
        let after = |vault: usize| {
            let windows = self.problem.loads[load].iter().zip(&self.held[vault]).enumerate();
            windows.fold((0_u64, 0_u128), |(most, sum), (window, (parts, held))| {
                let score = self.score(vault, window, held.saturating_add(*parts));
                (most.max(score), sum + u128::from(score))
            })
        };
        let best = (0..self.held.len()).min_by_key(|vault| (after(*vault), *vault)).unwrap_or(0);
        self.put(load, best);
    }

    fn put(&mut self, load: usize, vault: usize) {
        let old = std::mem::replace(&mut self.vault_of[load], vault);
        if let Some(held) = self.held.get_mut(old) {
            held.iter_mut().zip(&self.problem.loads[load]).for_each(|(held, parts)| *held -= parts);
        }
        self.held[vault].iter_mut().zip(&self.problem.loads[load]).for_each(|(held, parts)| *held += parts);
    }

    fn fits(&self) -> bool {
        let fits = |vault: usize| {
            self.held[vault]
                .iter()
                .enumerate()
                .all(|(window, held)| *held <= self.problem.room(vault, window))
        };
        (0..self.held.len()).all(fits)
    }

    /// The fullest window of all: its score, vault and window; the first of equals.
    fn fullest(&self) -> (u64, usize, usize) {
        let mut fullest = (0, 0, 0);
        for (vault, windows) in self.held.iter().enumerate() {
            for (window, held) in windows.iter().enumerate() {
                let score = self.score(vault, window, *held);
                if score > fullest.0 {
                    fullest = (score, vault, window);
                }
            }
        }
        fullest
    }

    /// The fullest window of a vault without one load and with another, if that is below `limit`.
    fn fullest_with(
        &self,
        vault: usize,
        minus: Option<usize>,
        plus: Option<usize>,
        limit: u64,
    ) -> Option<u64> {
        let of = |load: Option<usize>, window: usize| load.map_or(0, |load| self.problem.loads[load][window]);
        let mut most = 0;
        for (window, held) in self.held[vault].iter().enumerate() {
            let held = (held - of(minus, window)).saturating_add(of(plus, window));
            most = most.max(self.score(vault, window, held));
            if most >= limit {
                return None;
            }
        }
        Some(most)
    }

    /// Moves and swaps as long as they lower the fullest window; says whether everything fits then.
    fn improve(&mut self) -> bool {
        let mut tried = 0;
        while !self.fits() {
            if tried > MOST_TRIED {
                return false;
            }
            let (limit, vault, window) = self.fullest();
            let Some(step) = self.best_step(limit, vault, window, &mut tried) else { return false };
            let (load, to, back) = step;
            if let Some(back) = back {
                self.put(back, vault);
            }
            self.put(load, to);
        }
        true
    }

    /// The move or swap out of a window that leaves the lowest fullest window of the two vaults; the
    /// first of equals: load, the vault it goes to, and what comes back.
    fn best_step(
        &self,
        limit: u64,
        from: usize,
        window: usize,
        tried: &mut usize,
    ) -> Option<(usize, usize, Option<usize>)> {
        let parts = |load: &usize| self.problem.loads[*load][window];
        let mut candidates: Vec<usize> =
            (0..self.vault_of.len()).filter(|load| self.vault_of[*load] == from && parts(load) > 0).collect();
        candidates.sort_by_key(|load| (std::cmp::Reverse(parts(load)), *load));
        candidates.truncate(MOST_CANDIDATES);
        let (mut best, mut found) = (limit, None);
        for load in candidates {
            for to in (0..self.held.len()).filter(|to| *to != from) {
                let lighter = |back: &usize| self.vault_of[*back] == to && parts(back) < parts(&load);
                let backs = (0..self.vault_of.len()).filter(lighter).take(MOST_CANDIDATES).map(Some);
                for back in std::iter::once(None).chain(backs) {
                    *tried += self.problem.caps.len() + 1;
                    let here = self.fullest_with(from, Some(load), back, best);
                    let there = here.and_then(|_| self.fullest_with(to, back, Some(load), best));
                    if let (Some(here), Some(there)) = (here, there) {
                        (best, found) = (here.max(there), Some((load, to, back)));
                    }
                }
            }
        }
        found
    }
}

/// All placements, one after the other, the largest load first.
struct Search<'p> {
    problem: &'p Problem,
    order: &'p [usize],
    vault_of: Vec<usize>,
    held: Vec<Vec<u64>>,
    left: usize,
}

impl<'p> Search<'p> {
    fn new(problem: &'p Problem, vaults: usize, order: &'p [usize]) -> Self {
        Self {
            problem,
            order,
            vault_of: vec![0; problem.loads.len()],
            held: vec![vec![0; problem.caps.len()]; vaults],
            left: MOST_SEARCHED / problem.caps.len().max(1),
        }
    }

    fn solve(mut self) -> Solved {
        // The first vault differs from the others when it holds something already.
        let used = usize::from(self.problem.has_fixed());
        match self.from(0, used) {
            Some(true) => Solved::Found(self.vault_of),
            Some(false) => Solved::Impossible,
            None => Solved::Unknown,
        }
    }

    /// Places the loads from one on; `used` vaults hold something, and of the others, which are all
    /// alike, only the next is tried. Nothing when the budget is spent.
    fn from(&mut self, next: usize, used: usize) -> Option<bool> {
        let Some(load) = self.order.get(next).copied() else { return Some(true) };
        for vault in 0..self.held.len().min(used + 1) {
            self.left = self.left.checked_sub(1)?;
            let problem = self.problem;
            let loads = &problem.loads[load];
            let fits =
                self.held[vault].iter().zip(loads).enumerate().all(|(window, (held, parts))| {
                    held.saturating_add(*parts) <= problem.room(vault, window)
                });
            if !fits {
                continue;
            }
            self.vault_of[load] = vault;
            self.held[vault].iter_mut().zip(loads).for_each(|(held, parts)| *held += parts);
            if self.from(next + 1, used.max(vault + 1))? {
                return Some(true);
            }
            self.held[vault].iter_mut().zip(loads).for_each(|(held, parts)| *held -= parts);
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(problem: &Problem, vault_of: &[usize], vaults: usize) -> bool {
        (0..vaults).all(|vault| {
            (0..problem.caps.len()).all(|window| {
                let here = (0..vault_of.len()).filter(|load| vault_of[*load] == vault);
                let held: u64 = here.map(|load| problem.loads[load][window]).sum();
                held <= problem.room(vault, window)
            })
        })
    }

    /// Whether any of all placements fits.
    fn any_fits(problem: &Problem, vaults: usize) -> bool {
        let loads = u32::try_from(problem.loads.len()).unwrap();
        (0..vaults.pow(loads)).any(|number| {
            let vault_of: Vec<usize> = (0..loads).map(|load| number / vaults.pow(load) % vaults).collect();
            fits(problem, &vault_of, vaults)
        })
    }

    proptest! {
        #[test]
        fn what_is_found_fits_and_what_is_impossible_is(
            loads in prop::collection::vec(prop::collection::vec(0_u64..=12, 4), 1..6),
            caps in prop::collection::vec(12_u64..20, 4),
            fixed in prop::sample::select(vec![vec![0, 0, 0, 0], vec![3, 0, 30, 12]]),
        ) {
            let problem = Problem { caps, loads, fixed };
            let bound = problem.pairwise_bound();
            for vaults in 1..=4 {
                let possible = any_fits(&problem, vaults);
                prop_assert!(!possible || bound <= vaults, "the bound is none");
                match problem.solve(vaults) {
                    Solved::Found(vault_of) => prop_assert!(fits(&problem, &vault_of, vaults)),
                    Solved::Impossible => prop_assert!(!possible),
                    Solved::Unknown => prop_assert!(false, "so few are searched through"),
                }
            }
        }

        /// Without the search of all placements: moves and swaps alone, on wide numbers.
        #[test]
        fn moves_and_swaps_keep_count(
            loads in prop::collection::vec(prop::collection::vec(0_u64..=1 << 50, 3), 1..12),
            vaults in 1_usize..5,
        ) {
            let problem = Problem { caps: vec![1 << 50, (1 << 50) + 1, u64::MAX], loads, fixed: vec![0; 3] };
            let mut plan = Plan::new(&problem, vaults);
            problem.order().into_iter().for_each(|load| plan.place(load));
            let found = plan.improve();
            let mut held = vec![vec![0; 3]; vaults];
            for (load, vault) in plan.vault_of.iter().enumerate() {
                held[*vault].iter_mut().zip(&problem.loads[load]).for_each(|(held, parts)| *held += parts);
            }
            prop_assert_eq!(&held, &plan.held);
            prop_assert_eq!(found, fits(&problem, &plan.vault_of, vaults));
        }
    }
}
