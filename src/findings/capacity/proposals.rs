//! From what-ifs to steps: what to do first, what it brings, and why.
//!
//! Clients come before vaults: what need not be asked needs no vault to answer it (facts §5). A step is
//! proposed where the peak is above the target of 75 %, or where caching saves most of the reads at no
//! risk of staleness.

use super::told;
use crate::classify::causes::Severity;
use crate::report::capacity::{CacheScope, CachingRow, Proposal, Step, VaultCapacity, severity_of};

/// The peak above which steps are proposed.
const TARGET: f64 = 0.75;

/// Part of a vault's requests that caching must save to be proposed below the target.
const WORTH_PERCENT: u64 = 50;

/// Requests of a vault below which saving them is worth nobody's time.
const FEWEST: u64 = 1000;

/// The steps for all vaults, which come fullest first; `after_cache` is the time to live that the split
/// rests on.
pub(super) fn of(vaults: &[VaultCapacity], after_cache: Option<u64>) -> Vec<Proposal> {
    vaults.iter().flat_map(|vault| of_vault(vault, after_cache)).collect()
}

fn of_vault(vault: &VaultCapacity, after_cache: Option<u64>) -> Vec<Proposal> {
    let Some(peak) = vault.peak().map(|class| class.peak.utilisation_high) else { return Vec::new() };
    let mut steps = Vec::new();
    let mut now = peak;
    let ttl = after_cache.map(Some).or_else(|| vault.knee.as_ref().map(|knee| knee.ttl_seconds));
    if let Some(row) = ttl.and_then(|ttl| row_of(vault, ttl)).filter(|row| is_worth(vault, row, peak)) {
        steps.push(step(vault, Step::Cache, now, warm(row), cache_why(row)));
        now = warm(row);
    }
    if peak <= TARGET || vault.hsm {
        return steps;
    }
    for what in ["public-key-local", "data-key-reuse"] {
        // Each what-if stands alone: what it brings beside the others is not known, so it is told from the
        // peak as it is.
        if let Some(row) =
            vault.local_of(what).filter(|row| row.peak_utilisation < peak * 0.99 && now > TARGET)
        {
            let kind = if what == "data-key-reuse" { Step::DataKeyReuse } else { Step::PublicKeyLocal };
            steps.push(step(vault, kind, peak, row.peak_utilisation, row.told.clone()));
        }
    }
    if let Some(split) = vault.split.as_ref().filter(|split| split.vaults > 1 && now > TARGET) {
        let before = if after_cache.is_some() { now } else { split.peak_before };
        let after = split.peak_after.iter().map(|row| row.peak_utilisation).fold(0.0, f64::max);
        if after < now * 0.99 {
            steps.push(step(vault, Step::Split, before, after, split.told.clone()));
            now = after;
        }
    }
    let hot = vault.split.iter().flat_map(|split| &split.unsplittable).next();
    match hot {
        Some(hot) if now > TARGET => {
            let why =
                format!("{} alone is at {}: {}", hot.object, told::percent(hot.peak_utilisation), hot.told);
            steps.push(step(vault, Step::Reduce, now, now, why));
        }
        None if now > TARGET && steps.is_empty() => {
            let why = "no cache, local operation or split that this log shows lowers the peak: make the clients ask \
                       less at once, or move the keys to a Managed HSM";
            steps.push(step(vault, Step::Reduce, now, now, why.to_owned()));
        }
        _ => {}
    }
    steps
}

/// The caching of a time to live in each instance.
fn row_of(vault: &VaultCapacity, ttl: Option<u64>) -> Option<&CachingRow> {
    vault.caching.iter().find(|row| row.scope == CacheScope::Instance && row.ttl_seconds == ttl)
}

/// The peak once caches are filled: they are most of the time.
fn warm(row: &CachingRow) -> f64 {
    row.warm_peak_utilisation.unwrap_or(row.peak_utilisation)
}

fn is_worth(vault: &VaultCapacity, row: &CachingRow, peak: f64) -> bool {
    let lowers = warm(row) < peak * 0.99;
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
    let cold = if row.peak_utilisation > warm(row) && row.peak_utilisation > TARGET {
        format!(
            "; {} while all caches are empty at once, as after a restart of everything",
            told::percent(row.peak_utilisation)
        )
    } else {
        String::new()
    };
    format!(
        "every client keeps what it read {long}: answers {} of {} reads{stale}{cold}",
        row.hits, row.requests
    )
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
