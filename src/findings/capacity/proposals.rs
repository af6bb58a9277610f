//! From what-ifs to steps: what to do first, what it brings, and why.
//!
//! Clients come before vaults: what need not be asked needs no vault to answer it (facts §5). A step is
//! proposed where the peak is above the target of 75 %, or where caching saves most of the reads at no
//! risk of staleness.

use super::{severity_of, told};
use crate::classify::causes::Severity;
use crate::report::capacity::{CacheScope, CachingRow, Proposal, Step, VaultCapacity};

/// The peak above which steps are proposed.
const TARGET: f64 = 0.75;

/// Part of a vault's requests that caching must save to be proposed below the target.
const WORTH_PERCENT: u64 = 50;

/// Requests of a vault below which saving them is worth nobody's time.
const FEWEST: u64 = 1000;

/// The steps for all vaults, which come fullest first.
pub(super) fn of(vaults: &[VaultCapacity]) -> Vec<Proposal> {
    vaults.iter().flat_map(of_vault).collect()
}

fn of_vault(vault: &VaultCapacity) -> Vec<Proposal> {
    let Some(peak) = vault.peak().map(|class| class.peak.utilisation_high) else { return Vec::new() };
    let mut steps = Vec::new();
    let mut now = peak;
    if let Some(row) = knee_row(vault).filter(|row| is_worth(vault, row, peak)) {
        steps.push(step(vault, Step::Cache, now, row.peak_utilisation, cache_why(row)));
        now = row.peak_utilisation;
    }
    if peak <= TARGET || vault.hsm {
        return steps;
    }
    for (what, step_of) in
        [("public-key-local", Step::PublicKeyLocal), ("data-key-reuse", Step::DataKeyReuse)]
    {
        // Each what-if stands alone: its effect on what is left is not known, so it is told from the peak.
        let best = vault.local.iter().filter(|row| row.what == what && row.left < row.requests);
        let best = best.min_by(|one, other| one.peak_utilisation.total_cmp(&other.peak_utilisation));
        if let Some(row) = best.filter(|row| row.peak_utilisation < peak * 0.99 && now > TARGET) {
            steps.push(step(vault, step_of, peak, row.peak_utilisation, row.told.clone()));
        }
    }
    match &vault.split {
        Some(split) if split.vaults > 1 => {
            let after = split.peak_after.iter().map(|row| row.peak_utilisation).fold(0.0, f64::max);
            steps.push(step(vault, Step::Split, split.peak_before, after, split.told.clone()));
        }
        _ if now > TARGET && steps.is_empty() => {
            let why = "no cache, local operation or split that this log shows lowers the peak: make the clients ask \
                       less at once, or move the keys to a Managed HSM";
            steps.push(step(vault, Step::Reduce, now, now, why.to_owned()));
        }
        _ => {}
    }
    steps
}

/// The row of the time to live after which more brings little.
fn knee_row(vault: &VaultCapacity) -> Option<&CachingRow> {
    let knee = vault.knee.as_ref()?;
    vault.caching.iter().find(|row| row.scope == CacheScope::Instance && row.ttl_seconds == knee.ttl_seconds)
}

fn is_worth(vault: &VaultCapacity, row: &CachingRow, peak: f64) -> bool {
    let lowers = row.peak_utilisation < peak * 0.99;
    let saves = row.hits * 100 >= vault.requests * WORTH_PERCENT && vault.requests >= FEWEST;
    row.hits > 0 && ((peak > TARGET && lowers) || saves)
}

fn cache_why(row: &CachingRow) -> String {
    let long = match row.ttl_seconds {
        Some(ttl) => format!("for {}", told::span(ttl)),
        None => "until it is rotated".to_owned(),
    };
    let stale = if row.stale_hits > 0 {
        format!(
            "; {} answers would have been up to {} s old after a change",
            row.stale_hits, row.stale_seconds
        )
    } else {
        String::new()
    };
    format!("every client keeps what it read {long}: answers {} of {} reads{stale}", row.hits, row.requests)
}

fn step(vault: &VaultCapacity, what: Step, current: f64, proposed: f64, why: String) -> Proposal {
    let change = if current > 0.0 { (proposed - current) / current * 100.0 } else { 0.0 };
    Proposal {
        vault: vault.vault.clone(),
        what,
        current,
        proposed,
        change_percent: (change * 100.0).round() / 100.0,
        severity: severity_of(current).unwrap_or(Severity::Info),
        why,
    }
}
