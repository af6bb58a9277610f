//! The capacity report for a terminal: what to do first, then how close, then what would help.

use anstyle::AnsiColor;

use super::super::escape::line as escape;
use super::super::text::{duration, fit, grouped, wrap};
use super::{Page, Terminal, moment};
use crate::classify::causes::Severity;
use crate::report::capacity::{
    CacheScope, CachingRow, CapacityReport, ClassCapacity, LocalWhatIf, Proposal, SplitPlan, VaultCapacity,
    severity_of,
};
use crate::ticks::Ticks;

/// Vaults whose caching and split are shown in full; the others are in the files.
const MOST_DETAILED: usize = 3;

/// The summary.
pub fn render(report: &CapacityReport, terminal: Terminal) -> String {
    let mut page = Page { text: String::new(), terminal };
    page.capacity_head(report);
    page.proposals(report);
    page.peaks(report);
    let busy = report.vaults.iter().filter(|vault| is_worth_showing(report, vault));
    for vault in busy.take(MOST_DETAILED) {
        page.caching(vault);
        page.split(vault);
    }
    page.unknown_keys(report);
    page.subscriptions(report);
    page.growth(report);
    page.patterns(report);
    page.assumptions(report);
    page.read(&report.coverage);
    page.text
}

/// Whether a vault is near its limit or something is proposed for it.
fn is_worth_showing(report: &CapacityReport, vault: &VaultCapacity) -> bool {
    report.proposals.iter().any(|proposal| proposal.vault == vault.vault)
}

/// A fraction of a limit as people read it: the smaller, the more places.
pub(in crate::render) fn utilisation(fraction: f64) -> String {
    match fraction * 100.0 {
        percent if percent >= 99.95 || percent == 0.0 => format!("{percent:.0} %"),
        percent if percent >= 1.0 => format!("{percent:.1} %"),
        percent => format!("{percent:.2} %"),
    }
}

/// `12.0 %`, or `12.0 to 96.0 %` where keys are unknown.
pub(in crate::render) fn range(low: f64, high: f64) -> String {
    let (low, high) = (utilisation(low), utilisation(high));
    if low == high { high } else { format!("{} to {high}", low.trim_end_matches(" %")) }
}

/// `5 min`, or what never ends.
pub(in crate::render) fn ttl(seconds: Option<u64>) -> String {
    let known = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    known.map_or_else(|| "until rotated".to_owned(), duration)
}

/// The what-if of each kind that is worth telling.
pub(in crate::render) fn locals(vault: &VaultCapacity) -> impl Iterator<Item = &LocalWhatIf> {
    ["public-key-local", "data-key-reuse"].into_iter().filter_map(|what| vault.local_of(what))
}

/// To the second, without the year, which stands above.
fn day_and_time(time: Ticks) -> String {
    moment(Some(time)).chars().skip("2026-".len()).collect()
}

/// What the vault is called where the log names none.
pub(in crate::render) fn name(vault: Option<&str>) -> &str {
    vault.unwrap_or("(not logged)")
}

fn color(severity: Severity) -> AnsiColor {
    match severity {
        Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low | Severity::Info => AnsiColor::Cyan,
    }
}

fn level(fraction: f64) -> Option<AnsiColor> {
    severity_of(fraction).map(color)
}

impl Page {
    fn capacity_head(&mut self, report: &CapacityReport) {
        let coverage = &report.coverage;
        let period = format!("{} to {} UTC", moment(coverage.first), moment(coverage.last));
        let period = if coverage.first.is_some() { period } else { "no record has a time".to_owned() };
        let vaults = report.vaults.len();
        let vaults = if vaults == 1 { "1 vault".to_owned() } else { format!("{vaults} vaults") };
        self.line(&format!("Capacity of {vaults}, {period}"));
        self.echo(&report.filter);
        let limits = format!(
            "Limits of profile {} (checked {}), in any {} seconds",
            report.limits.profile, report.limits.dated, report.limits.window_seconds
        );
        let limits = fit(&limits, self.terminal.width);
        self.line(&limits);
        for part in wrap(&escape(&report.strategy), self.terminal.width.max(20)) {
            let part = self.styled(&part, anstyle::Style::new().bold());
            self.line(&part);
        }
    }

    /// `(±diff) current -> proposed (why)`, by gravity.
    fn proposals(&mut self, report: &CapacityReport) {
        if report.proposals.is_empty() {
            return;
        }
        self.title("What to do");
        for proposal in report.proposals.iter().take(self.terminal.top) {
            self.proposal(proposal);
        }
        self.more(report.proposals.len(), "steps");
    }

    fn proposal(&mut self, proposal: &Proposal) {
        let head = format!(
            "({:+.0} %) {} -> {}  {}",
            proposal.change_percent,
            utilisation(proposal.current),
            utilisation(proposal.proposed),
            name(proposal.vault.as_deref())
        );
        let head = self.styled(&escape(&head), color(proposal.severity).on_default().bold());
        self.line(&format!("  {head}"));
        for part in
            wrap(&escape(&format!("({})", proposal.why)), self.terminal.width.saturating_sub(4).max(20))
        {
            self.line(&format!("    {part}"));
        }
    }

    fn peaks(&mut self, report: &CapacityReport) {
        let all: Vec<(&VaultCapacity, &ClassCapacity)> = report
            .vaults
            .iter()
            .flat_map(|vault| vault.classes.iter().map(move |class| (vault, class)))
            .collect();
        if all.is_empty() {
            return;
        }
        self.title("Fullest ten seconds");
        let names = self.terminal.width.saturating_sub(64).clamp(16, 40);
        let cells = all.iter().take(self.terminal.top).map(|(vault, class)| {
            vec![
                fit(name(vault.vault.as_deref()), names),
                class.class.to_string(),
                self.leveled(&range(class.peak.utilisation_low, class.peak.utilisation_high), class),
                grouped(class.peak.requests),
                day_and_time(class.peak.at),
                grouped(class.over.p100),
                grouped(class.throttled),
            ]
        });
        let cells = cells.collect();
        self.table(&["vault", "class", "of limit", "requests", "at", "over", "429s"], &[0, 1, 4], cells);
        self.more(all.len(), "vaults and classes");
        for (vault, class) in all.iter().take(self.terminal.top) {
            self.disagreement(vault, class);
        }
    }

    /// Where 429s and utilisation contradict each other.
    fn disagreement(&mut self, vault: &VaultCapacity, class: &ClassCapacity) {
        let Some(throttling) = class.throttling.as_ref().filter(|throttling| throttling.unexplained > 0)
        else {
            return;
        };
        let text = format!("{}, {}: {}", name(vault.vault.as_deref()), class.class, throttling.told);
        for part in wrap(&escape(&text), self.terminal.width.saturating_sub(2).max(20)) {
            self.line(&format!("  {part}"));
        }
    }

    fn leveled(&self, text: &str, class: &ClassCapacity) -> String {
        match level(class.peak.utilisation_high) {
            Some(color) => self.styled(text, color.on_default().bold()),
            None => text.to_owned(),
        }
    }

    /// What each time to live would leave.
    fn caching(&mut self, vault: &VaultCapacity) {
        let rows: Vec<&CachingRow> =
            vault.caching.iter().filter(|row| row.scope == CacheScope::Instance).collect();
        if rows.iter().all(|row| row.requests == 0) {
            return;
        }
        self.title(&fit(
            &format!("If clients of {} cached what they read", name(vault.vault.as_deref())),
            self.terminal.width,
        ));
        let shared = |ttl: Option<u64>| {
            let same = |row: &&CachingRow| row.scope == CacheScope::Caller && row.ttl_seconds == ttl;
            vault.caching.iter().find(same).map_or_else(String::new, |row| grouped(row.left))
        };
        let cells = rows.iter().map(|row| {
            vec![
                ttl(row.ttl_seconds),
                super::super::text::percent(row.hits, row.requests),
                grouped(row.left),
                shared(row.ttl_seconds),
                utilisation(row.peak_utilisation),
                row.warm_peak_utilisation.map_or_else(String::new, utilisation),
                if row.stale_hits == 0 {
                    "-".to_owned()
                } else {
                    format!("{} s", grouped(row.stale_seconds))
                },
            ]
        });
        let cells = cells.collect();
        self.table(
            &["kept for", "answered", "reads left", "if shared", "cold", "warm", "stale by"],
            &[0],
            cells,
        );
        let told = vault
            .knee
            .iter()
            .map(|knee| knee.told.as_str())
            .chain(locals(vault).map(|row| row.told.as_str()));
        for text in told {
            for part in wrap(&escape(text), self.terminal.width.saturating_sub(2).max(20)) {
                self.line(&format!("  {part}"));
            }
        }
    }

    fn split(&mut self, vault: &VaultCapacity) {
        let Some(split) = &vault.split else { return };
        self.title(&fit(&format!("Splitting {}", name(vault.vault.as_deref())), self.terminal.width));
        for part in wrap(&escape(&split.told), self.terminal.width.saturating_sub(2).max(20)) {
            self.line(&format!("  {part}"));
        }
        let names = self.terminal.width.saturating_sub(50).clamp(16, 60);
        let cells = split.peak_after.iter().take(self.terminal.top).map(|row| {
            vec![
                fit(&row.vault, names),
                grouped(row.objects),
                grouped(row.requests),
                utilisation(row.peak_utilisation),
            ]
        });
        let cells = cells.collect();
        self.table(&["vault", "objects", "requests", "of limit"], &[0], cells);
        self.more(split.peak_after.len(), "vaults");
        self.unsplittable(split);
    }

    fn unsplittable(&mut self, split: &SplitPlan) {
        for row in split.unsplittable.iter().take(self.terminal.top) {
            let text = format!(
                "{} alone is at {} of {}: {}",
                row.object,
                utilisation(row.peak_utilisation),
                row.class,
                row.told
            );
            for part in wrap(&escape(&text), self.terminal.width.saturating_sub(2).max(20)) {
                self.line(&format!("  {part}"));
            }
        }
    }

    fn unknown_keys(&mut self, report: &CapacityReport) {
        let keys = report
            .vaults
            .iter()
            .flat_map(|vault| vault.unknown_keys.iter().map(move |key| (name(vault.vault.as_deref()), key)));
        let keys: Vec<_> = keys.collect();
        if keys.is_empty() {
            return;
        }
        self.title("Keys whose weight is a range");
        let names = self.terminal.width.saturating_sub(60).clamp(16, 40);
        let cells = keys.iter().take(self.terminal.top).map(|(vault, key)| {
            vec![fit(vault, 20), fit(&key.object, names), key.known.clone(), grouped(key.requests)]
        });
        let cells = cells.collect();
        self.table(&["vault", "key", "known", "requests"], &[0, 1, 2], cells);
        self.more(keys.len(), "keys");
        self.line("  az keyvault key show --vault-name VAULT --name KEY > KEY.json, and --policies KEY.json");
    }

    /// The subscription's own limits, where they matter more than a tenth.
    fn subscriptions(&mut self, report: &CapacityReport) {
        let rows: Vec<_> = report
            .subscriptions
            .iter()
            .flat_map(|row| row.classes.iter().map(move |class| (row, class)))
            .filter(|(row, class)| row.vaults.len() > 1 || !class.class.is_of_vault())
            .filter(|(_, class)| class.peak.utilisation_high >= 0.1)
            .collect();
        if rows.is_empty() {
            return;
        }
        self.title("Limits of the subscription");
        let names = self.terminal.width.saturating_sub(62).clamp(12, 40);
        let cells = rows.iter().take(self.terminal.top).map(|(row, class)| {
            vec![
                fit(name(row.subscription.as_deref()), names),
                class.class.to_string(),
                self.leveled(&range(class.peak.utilisation_low, class.peak.utilisation_high), class),
                grouped(class.limit),
                moment(Some(class.peak.at)),
            ]
        });
        let cells = cells.collect();
        self.table(&["subscription", "class", "of limit", "limit", "at"], &[0, 1, 4], cells);
        self.more(rows.len(), "subscriptions and classes");
    }

    fn growth(&mut self, report: &CapacityReport) {
        let rows: Vec<_> =
            report.vaults.iter().flat_map(|vault| vault.growth.iter().map(move |row| (vault, row))).collect();
        if rows.is_empty() {
            return;
        }
        self.title("Where daily peaks are heading");
        for (vault, row) in rows.iter().take(self.terminal.top) {
            let text = format!("{}: {}", name(vault.vault.as_deref()), row.told);
            for part in wrap(&escape(&text), self.terminal.width.saturating_sub(2).max(20)) {
                self.line(&format!("  {part}"));
            }
        }
        self.more(rows.len(), "vaults and classes");
    }

    fn patterns(&mut self, report: &CapacityReport) {
        if report.findings.is_empty() {
            return;
        }
        self.title("Load patterns, gravest first");
        for (index, advice) in report.advice.iter().take(self.terminal.top).enumerate() {
            self.advice(index + 1, advice, &report.findings);
        }
        self.more(report.advice.len(), "patterns");
    }

    fn assumptions(&mut self, report: &CapacityReport) {
        self.title("Assumed");
        for row in &report.assumptions {
            let option = row.option.map_or_else(String::new, |option| format!(" ({option})"));
            let text = format!("{}{option}", row.text);
            for (index, part) in
                wrap(&escape(&text), self.terminal.width.saturating_sub(4).max(20)).iter().enumerate()
            {
                self.line(&format!("{}{part}", if index == 0 { "  - " } else { "    " }));
            }
        }
    }
}
