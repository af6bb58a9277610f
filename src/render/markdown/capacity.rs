//! The capacity report for a ticket or a plan.

use std::fmt::Write;

use super::super::escape::{markdown as text, markdown_code as code};
use super::super::terminal::capacity::{locals, range, ttl, utilisation};
use super::super::text::{grouped, percent};
use super::{more, optional, time};
use crate::report::capacity::{CapacityReport, ClassCapacity, VaultCapacity};

/// The report, with at most `top` rows a table.
pub fn render(report: &CapacityReport, top: usize) -> String {
    let mut page = String::new();
    head(&mut page, report);
    proposals(&mut page, report, top);
    peaks(&mut page, report, top);
    for vault in &report.vaults {
        if report.proposals.iter().any(|proposal| proposal.vault == vault.vault) {
            caching(&mut page, vault, top);
            split(&mut page, vault, top);
        }
    }
    unknown_keys(&mut page, report, top);
    subscriptions(&mut page, report, top);
    growth(&mut page, report, top);
    if !report.findings.is_empty() {
        line!(page, "\n## Load patterns");
        super::each_finding(&mut page, report.findings.iter(), report.findings.len(), top);
    }
    assumptions(&mut page, report);
    super::coverage(&mut page, &report.coverage, &report.tool, top);
    page
}

fn head(page: &mut String, report: &CapacityReport) {
    line!(page, "# Key Vault capacity\n");
    let coverage = &report.coverage;
    line!(page, "{} to {}, {} vaults.\n", time(coverage.first), time(coverage.last), report.vaults.len());
    line!(page, "**{}**", text(&report.strategy));
    super::filter(page, &report.filter);
    let limits = &report.limits;
    line!(
        page,
        "\nLimits: profile {}, checked {}, in any {} seconds ({}).",
        code(&limits.profile),
        text(&limits.dated),
        limits.window_seconds,
        text(&limits.source)
    );
}

fn proposals(page: &mut String, report: &CapacityReport, top: usize) {
    if report.proposals.is_empty() {
        return;
    }
    line!(page, "\n## What to do\n");
    line!(page, "| vault | severity | step | change | now | then | why |");
    line!(page, "| --- | --- | --- | ---: | ---: | ---: | --- |");
    for row in report.proposals.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            optional(row.vault.as_deref()),
            row.severity,
            row.what,
            text(&format!("{:+.1} %", row.change_percent)),
            utilisation(row.current),
            utilisation(row.proposed),
            text(&row.why)
        );
    }
    more(page, report.proposals.len(), top, "steps");
}

fn peaks(page: &mut String, report: &CapacityReport, top: usize) {
    line!(page, "\n## Fullest ten seconds\n");
    line!(
        page,
        "| vault | class | limit | of limit | requests | at | 99.9 % of windows | over 75 / 90 / 100 % | longest over | burst | 429s |"
    );
    line!(page, "| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    let all: Vec<(&VaultCapacity, &ClassCapacity)> = report
        .vaults
        .iter()
        .flat_map(|vault| vault.classes.iter().map(move |class| (vault, class)))
        .collect();
    for (vault, class) in all.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} / {} / {} | {} s | {:.1} | {} |",
            optional(vault.vault.as_deref()),
            class.class,
            grouped(class.limit),
            range(class.peak.utilisation_low, class.peak.utilisation_high),
            grouped(class.peak.requests),
            time(Some(class.peak.at)),
            range(class.p999.low, class.p999.high),
            grouped(class.over.p75),
            grouped(class.over.p90),
            grouped(class.over.p100),
            grouped(class.longest_over_seconds.p100),
            class.burst_factor,
            grouped(class.throttled)
        );
    }
    more(page, all.len(), top, "vaults and classes");
    for (vault, class) in all.iter().take(top) {
        if let Some(throttling) = &class.throttling {
            line!(
                page,
                "\n- {}, {}: {}",
                optional(vault.vault.as_deref()),
                class.class,
                text(&throttling.told)
            );
        }
        if class.peak.utilisation_high >= 0.5 {
            made_of(page, vault, class);
        }
    }
}

fn made_of(page: &mut String, vault: &VaultCapacity, class: &ClassCapacity) {
    line!(
        page,
        "\n### What made up the fullest ten seconds of {}, {}\n",
        optional(vault.vault.as_deref()),
        class.class
    );
    line!(page, "| caller | operation | object | requests | share |");
    line!(page, "| --- | --- | --- | ---: | ---: |");
    for part in &class.peak.made_of {
        line!(
            page,
            "| {} | {} | {} | {} | {:.2} % |",
            optional(part.caller.as_deref()),
            optional(part.operation.as_deref()),
            part.object.as_deref().map_or_else(String::new, code),
            grouped(part.requests),
            part.share_percent
        );
    }
}

fn caching(page: &mut String, vault: &VaultCapacity, top: usize) {
    if vault.caching.iter().all(|row| row.requests == 0) {
        return;
    }
    line!(page, "\n## If clients of {} cached what they read\n", optional(vault.vault.as_deref()));
    line!(
        page,
        "| kept for | cache of each | reads | answered | | first reads | left | of limit, cold | warm | stale by |"
    );
    line!(page, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in &vault.caching {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            ttl(row.ttl_seconds),
            row.scope,
            grouped(row.requests),
            grouped(row.hits),
            percent(row.hits, row.requests),
            grouped(row.compulsory),
            grouped(row.left),
            utilisation(row.peak_utilisation),
            row.warm_peak_utilisation.map_or_else(String::new, utilisation),
            if row.stale_hits == 0 { String::new() } else { format!("{} s", grouped(row.stale_seconds)) }
        );
    }
    for told in vault.knee.iter().map(|knee| &knee.told).chain(locals(vault).map(|row| &row.told)) {
        line!(page, "\n- {}", text(told));
    }
    let known: Vec<_> = vault.applications.iter().filter_map(|row| Some((row, row.knee.as_ref()?))).collect();
    if known.is_empty() {
        return;
    }
    line!(page, "\n| application | keep for | saves |");
    line!(page, "| --- | --- | ---: |");
    for (application, knee) in known.iter().take(top) {
        line!(
            page,
            "| {} | {} | {:.2} % |",
            text(&application.caller),
            ttl(knee.ttl_seconds),
            knee.saved_percent
        );
    }
    more(page, known.len(), top, "applications");
}

fn split(page: &mut String, vault: &VaultCapacity, top: usize) {
    let Some(split) = &vault.split else { return };
    line!(page, "\n## Splitting {}\n", optional(vault.vault.as_deref()));
    line!(page, "{}\n", text(&split.told));
    line!(page, "| vault | objects | requests | of limit | class |");
    line!(page, "| --- | ---: | ---: | ---: | --- |");
    for row in split.peak_after.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} |",
            code(&row.vault),
            grouped(row.objects),
            grouped(row.requests),
            utilisation(row.peak_utilisation),
            row.class.map_or_else(String::new, |class| class.to_string())
        );
    }
    more(page, split.peak_after.len(), top, "vaults");
    for row in &split.unsplittable {
        line!(
            page,
            "\n- {} alone is at {} of {}: {}",
            code(&row.object),
            utilisation(row.peak_utilisation),
            row.class,
            text(&row.told)
        );
    }
    line!(page, "\n| object | to | with | requests |");
    line!(page, "| --- | --- | --- | ---: |");
    for row in split.assignment.iter().take(top) {
        let object = if row.object.is_empty() { "(lists)".to_owned() } else { code(&row.object) };
        line!(page, "| {object} | {} | {} | {} |", code(&row.vault), text(&row.group), grouped(row.requests));
    }
    more(page, split.assignment.len(), top, "objects");
}

fn unknown_keys(page: &mut String, report: &CapacityReport, top: usize) {
    let all: Vec<_> = report
        .vaults
        .iter()
        .flat_map(|vault| vault.unknown_keys.iter().map(move |key| (vault, key)))
        .collect();
    if all.is_empty() {
        return;
    }
    line!(page, "\n## Keys whose weight is a range\n");
    line!(page, "| vault | key | known | requests |");
    line!(page, "| --- | --- | --- | ---: |");
    for (vault, key) in all.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} |",
            optional(vault.vault.as_deref()),
            code(&key.object),
            text(&key.known),
            grouped(key.requests)
        );
    }
    more(page, all.len(), top, "keys");
    line!(page, "\nGive `az keyvault key show --vault-name VAULT --name KEY` of them with `--policies`.");
}

fn subscriptions(page: &mut String, report: &CapacityReport, top: usize) {
    let all: Vec<_> = report
        .subscriptions
        .iter()
        .flat_map(|row| row.classes.iter().map(move |class| (row, class)))
        .collect();
    line!(page, "\n## Limits of the subscription\n");
    line!(page, "| subscription | region | vaults | class | limit | of limit | at | 429s |");
    line!(page, "| --- | --- | ---: | --- | ---: | ---: | --- | ---: |");
    for (row, class) in all.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            optional(row.subscription.as_deref()),
            optional(row.region.as_deref()),
            row.vaults.len(),
            class.class,
            grouped(class.limit),
            range(class.peak.utilisation_low, class.peak.utilisation_high),
            time(Some(class.peak.at)),
            grouped(class.throttled)
        );
    }
    more(page, all.len(), top, "subscriptions and classes");
}

fn growth(page: &mut String, report: &CapacityReport, top: usize) {
    let all: Vec<_> =
        report.vaults.iter().flat_map(|vault| vault.growth.iter().map(move |row| (vault, row))).collect();
    if all.is_empty() {
        return;
    }
    line!(page, "\n## Where daily peaks are heading");
    for (vault, row) in all.iter().take(top) {
        line!(page, "\n- {}: {}", optional(vault.vault.as_deref()), text(&row.told));
    }
    more(page, all.len(), top, "vaults and classes");
}

fn assumptions(page: &mut String, report: &CapacityReport) {
    line!(page, "\n## Assumed\n");
    for row in &report.assumptions {
        let option = row.option.map_or_else(String::new, |option| format!(" ({})", code(option)));
        line!(page, "- {}{option}", text(&row.text));
    }
}
