//! Tables of the capacity report as CSV: headroom, caching, the plan of a split, utilisation over time.

use std::io::{self, Write};

use super::{table, text};
use crate::report::capacity::{CachingRow, CapacityReport, ClassCapacity, VaultCapacity};
use crate::ticks::Ticks;

const HEADROOM: [&str; 18] = [
    "vault",
    "subscription",
    "region",
    "class",
    "limit",
    "requests",
    "peak_at",
    "peak_requests",
    "utilisation_low",
    "utilisation_high",
    "p999_high",
    "windows_over_75",
    "windows_over_90",
    "windows_over_100",
    "throttled",
    "proposal",
    "proposed_utilisation",
    "why",
];

const CACHING: [&str; 12] = [
    "vault",
    "caller",
    "ttl_seconds",
    "scope",
    "requests",
    "hits",
    "compulsory",
    "left",
    "stale_hits",
    "stale_seconds",
    "peak_utilisation",
    "warm_peak_utilisation",
];

const PLAN: [&str; 5] = ["from_vault", "object", "vault", "group", "requests"];

const SERIES: [&str; 5] = ["vault", "class", "start", "seconds", "utilisation_high"];

/// One row a vault and class, fullest first; the first of a vault has what is proposed.
pub fn headroom(report: &CapacityReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.vaults.iter().flat_map(|vault| {
        let fullest = vault.peak().map(|class| class.class);
        vault.classes.iter().map(move |class| {
            let proposals = report.proposals.iter().filter(|_| Some(class.class) == fullest);
            headroom_row(vault, class, proposals.into_iter().find(|proposal| proposal.vault == vault.vault))
        })
    });
    table(out, &HEADROOM, rows)
}

fn headroom_row(
    vault: &VaultCapacity,
    class: &ClassCapacity,
    proposal: Option<&crate::report::capacity::Proposal>,
) -> [String; HEADROOM.len()] {
    [
        text(vault.vault.as_deref()),
        text(vault.subscription.as_deref()),
        text(vault.region.as_deref()),
        class.class.to_string(),
        class.limit.to_string(),
        class.requests.to_string(),
        class.peak.at.to_string(),
        class.peak.requests.to_string(),
        class.peak.utilisation_low.to_string(),
        class.peak.utilisation_high.to_string(),
        class.p999.high.to_string(),
        class.over.p75.to_string(),
        class.over.p90.to_string(),
        class.over.p100.to_string(),
        class.throttled.to_string(),
        proposal.map_or_else(String::new, |proposal| proposal.what.to_string()),
        proposal.map_or_else(String::new, |proposal| proposal.proposed.to_string()),
        proposal.map_or_else(String::new, |proposal| proposal.why.clone()),
    ]
}

/// One row a time to live and scope, of the vault and of each application.
pub fn caching(report: &CapacityReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.vaults.iter().flat_map(|vault| {
        let own = vault.caching.iter().map(move |row| caching_row(vault, "", row));
        let applications = vault.applications.iter().flat_map(move |application| {
            application.caching.iter().map(move |row| caching_row(vault, &application.caller, row))
        });
        own.chain(applications)
    });
    table(out, &CACHING, rows)
}

fn caching_row(vault: &VaultCapacity, caller: &str, row: &CachingRow) -> [String; CACHING.len()] {
    [
        text(vault.vault.as_deref()),
        caller.to_owned(),
        row.ttl_seconds.map_or_else(|| "rotated".to_owned(), |ttl| ttl.to_string()),
        row.scope.to_string(),
        row.requests.to_string(),
        row.hits.to_string(),
        row.compulsory.to_string(),
        row.left.to_string(),
        row.stale_hits.to_string(),
        row.stale_seconds.to_string(),
        row.peak_utilisation.to_string(),
        row.warm_peak_utilisation.map_or_else(String::new, |peak| peak.to_string()),
    ]
}

/// One row an object of a vault that is to be split.
pub fn plan(report: &CapacityReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.vaults.iter().flat_map(|vault| {
        vault.split.iter().flat_map(move |split| {
            split.assignment.iter().map(move |row| {
                [
                    text(vault.vault.as_deref()),
                    row.object.clone(),
                    row.vault.clone(),
                    row.group.clone(),
                    row.requests.to_string(),
                ]
            })
        })
    });
    table(out, &PLAN, rows)
}

/// One row an interval of a vault's class.
pub fn series(report: &CapacityReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.vaults.iter().flat_map(|vault| {
        vault.classes.iter().flat_map(move |class| {
            let start = class.series.start.map_or(0, Ticks::second);
            (0_i64..).zip(&class.series.high).map(move |(index, high)| {
                [
                    text(vault.vault.as_deref()),
                    class.class.to_string(),
                    Ticks::from_second(start + index * class.series.interval_s).to_string(),
                    class.series.interval_s.to_string(),
                    high.to_string(),
                ]
            })
        })
    });
    table(out, &SERIES, rows)
}
