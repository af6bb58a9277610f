//! The summary for a terminal: what to know first, in eighty columns.

mod advice;
pub mod capacity;
mod identities;

use std::fmt::Write;

use super::escape::line as escape;
use super::text::{duration, fit, fit_end, grouped, percent, saving, shapes, size, wrap, wrap_words};
use crate::classify::causes::Severity;
use crate::facts::cut::FilterEcho;
use crate::report::{Advice, CallerIdentity, CoverageReport, Finding, Report, Timeline};
use crate::ticks::Ticks;
use advice::{objects, title};
use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// What the place can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Columns.
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
    /// Rows of each table, and findings.
    pub top: usize,
}

impl Terminal {
    /// Pieces of advice that are shown: each takes several lines.
    pub fn advice(&self) -> usize {
        self.top.div_ceil(2)
    }
}

/// The summary.
pub fn render(report: &Report, terminal: Terminal) -> String {
    let mut page = Page { text: String::new(), terminal };
    page.head(report);
    if let Some(timeline) = &report.timeline {
        page.strip(timeline);
    }
    page.identities(report);
    page.causes(report);
    page.callers(report);
    page.vaults(report);
    page.changes(report);
    page.findings(report);
    page.access(report);
    page.stale(report);
    page.read(&report.coverage);
    page.text
}

/// To the second, for a table.
fn moment(time: Option<Ticks>) -> String {
    let Some(time) = time else { return "-".to_owned() };
    Ticks::from_second(time.second()).to_string().replace('T', " ").replace('Z', "")
}

fn who(caller: Option<&CallerIdentity>) -> String {
    let Some(caller) = caller else { return "(not logged)".to_owned() };
    let id = caller.oid.as_ref().or(caller.appid.as_ref());
    caller.name.as_ref().or(id).cloned().unwrap_or_else(|| "(no id)".to_owned())
}

struct Page {
    text: String,
    terminal: Terminal,
}

/// Bars of a strip, from nothing to most.
const BARS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn styled(&self, text: &str, style: Style) -> String {
        if self.terminal.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn title(&mut self, title: &str) {
        let title = self.styled(title, Style::new().bold());
        let _ = writeln!(self.text, "\n{title}");
    }

    fn head(&mut self, report: &Report) {
        let (totals, coverage) = (&report.totals, &report.coverage);
        let period = format!("{} to {} UTC", moment(coverage.first), moment(coverage.last));
        let period = if coverage.first.is_some() { period } else { "no record has a time".to_owned() };
        let blobs = if coverage.blobs == 1 {
            "1 blob".to_owned()
        } else {
            format!("{} blobs", grouped(coverage.blobs))
        };
        self.line(&format!("{period}, {blobs}, {}", size(coverage.bytes)));
        self.echo(&report.filter);
        let failures = format!("{} failures", grouped(totals.failures));
        let color = if totals.failures > 0 { AnsiColor::Red } else { AnsiColor::Green };
        let failures = self.styled(&failures, color.on_default().bold());
        let rate = percent(totals.successes, totals.successes + totals.failures);
        self.line(&format!("{} requests, {failures}, success rate {rate}", grouped(totals.requests)));
        self.line(&format!(
            "{} authentication challenges (normal), {} notifications",
            grouped(totals.challenges),
            grouped(totals.notifications)
        ));
        if let Some(headroom) = report.headroom.first() {
            let text = format!(
                "nearest to a limit: {} at {} of {} in ten seconds (akvlens capacity)",
                headroom.vault.as_deref().unwrap_or("(not logged)"),
                capacity::range(headroom.utilisation_low, headroom.utilisation_high),
                headroom.class
            );
            let text = fit(&text, self.terminal.width);
            self.line(&text);
        }
    }

    fn echo(&mut self, filter: &FilterEcho) {
        let time = |name: &str, time: Option<Ticks>| time.map(|time| format!("{name} {time}"));
        let names =
            |name: &str, names: &[String]| (!names.is_empty()).then(|| format!("{name} {}", names.join(" ")));
        let parts = [
            time("since", filter.since),
            time("until", filter.until),
            names("vault", &filter.vaults),
            names("caller", &filter.callers),
            names("operation", &filter.operations),
            names("cause", &filter.causes),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            let text = fit(&format!("only {}", parts.join(", ")), self.terminal.width);
            self.line(&text);
        }
    }

    fn strip(&mut self, timeline: &Timeline) {
        let most = timeline.failures.iter().copied().max().unwrap_or(0);
        if most == 0 {
            return;
        }
        let bar = |failures: &u64| {
            // Any failure shows: one bar at least.
            let step = (u128::from(*failures) * 8).div_ceil(u128::from(most));
            BARS[usize::try_from(step).unwrap_or(8).min(8)]
        };
        let bars: String = timeline.failures.iter().map(bar).collect();
        self.title(&format!(
            "Failures over time, {} a column, most {}",
            duration(timeline.interval_s),
            grouped(most)
        ));
        let bars = self.styled(&bars, AnsiColor::Red.on_default());
        self.line(&format!("  {bars}"));
        let length = i64::try_from(timeline.failures.len()).unwrap_or(0);
        let end = Ticks::from_second(timeline.start.second() + length * timeline.interval_s);
        let (start, end) = (moment(Some(timeline.start)), moment(Some(end)));
        let gap = timeline.failures.len().saturating_sub(start.len() + end.len()).max(1);
        self.line(&format!("  {start}{}{end}", " ".repeat(gap)));
    }

    /// A table without lines whose first column takes what is left of the width.
    fn table(&mut self, head: &[&str], left: &[usize], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(head.iter().map(|name| (*name).to_owned())).add_rows(rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            let alignment = if left.contains(&index) { CellAlignment::Left } else { CellAlignment::Right };
            column.set_cell_alignment(alignment);
            column.set_padding((u16::from(index > 0), 1));
        }
        for row in table.lines() {
            let row = format!("  {}", row.trim_end());
            self.line(&row);
        }
    }

    fn more(&mut self, all: usize, what: &str) {
        if all > self.terminal.top {
            self.line(&format!(
                "  … and {} more {what} (--top N, or -o report.json for all)",
                all - self.terminal.top
            ));
        }
    }

    fn causes(&mut self, report: &Report) {
        let rows: Vec<_> = report.causes.iter().filter(|row| row.outcome == "failure").collect();
        if rows.is_empty() {
            return;
        }
        self.title("Why");
        let titles = self.terminal.width.saturating_sub(63).clamp(10, 60);
        let cells = rows.iter().take(self.terminal.top).map(|row| {
            vec![
                fit(&row.cause, 27),
                grouped(row.count),
                percent(row.count, report.totals.failures),
                row.callers.to_string(),
                row.vaults.to_string(),
                fit(&row.title, titles),
            ]
        });
        let cells = cells.collect();
        self.table(&["cause", "count", "share", "callers", "vaults", ""], &[0, 5], cells);
        self.more(rows.len(), "causes");
    }

    fn callers(&mut self, report: &Report) {
        let rows: Vec<_> = report.callers.iter().filter(|row| row.failures > 0).collect();
        if rows.is_empty() {
            return;
        }
        self.title("Who");
        let names = self.terminal.width.saturating_sub(42).clamp(20, 60);
        let cells = rows.iter().take(self.terminal.top).map(|row| {
            vec![
                fit(&who(Some(&row.caller)), names),
                row.caller.kind.to_string(),
                grouped(row.failures),
                grouped(row.requests),
            ]
        });
        let cells = cells.collect();
        self.table(&["caller", "kind", "failures", "requests"], &[0, 1], cells);
        self.more(rows.len(), "callers with failures");
    }

    fn vaults(&mut self, report: &Report) {
        self.title("Where");
        let cells = report.vaults.iter().take(self.terminal.top).map(|row| {
            vec![
                fit(row.vault.as_deref().unwrap_or("(not logged)"), 30),
                row.permission_model.unwrap_or("(not logged)").to_owned(),
                grouped(row.failures),
                grouped(row.requests),
            ]
        });
        let cells = cells.collect();
        self.table(&["vault", "permissions", "failures", "requests"], &[0, 1], cells);
        self.more(report.vaults.len(), "vaults");
    }

    fn changes(&mut self, report: &Report) {
        if report.changes.is_empty() {
            return;
        }
        self.title("What changed");
        let names = self.terminal.width.saturating_sub(62).clamp(10, 40);
        let cells = report.changes.iter().take(self.terminal.top).map(|row| {
            vec![
                moment(row.time),
                fit(row.vault.as_deref().unwrap_or("(not logged)"), 20),
                fit(row.operation.as_deref().unwrap_or("(not logged)"), 16),
                fit(&who(row.caller.as_ref()), names),
            ]
        });
        let cells = cells.collect();
        self.table(&["time", "vault", "operation", "by"], &[0, 1, 2, 3], cells);
        self.more(report.changes.len(), "changes");
    }

    fn findings(&mut self, report: &Report) {
        // What is information only stands among the identities.
        let nothing_failed = report.in_all.gravest.is_none_or(|gravest| gravest == Severity::Info);
        let advice = &report.advice;
        if advice.is_empty() && nothing_failed {
            let none = if report.totals.requests == 0 {
                "Nothing to report: no request was counted."
            } else {
                "Nothing failed."
            };
            self.title(none);
            return;
        }
        if advice.is_empty() {
            return;
        }
        self.title("What to do, gravest first");
        let shown = self.terminal.advice();
        for (index, advice) in advice.iter().take(shown).enumerate() {
            self.advice(index + 1, advice, &report.findings);
        }
        if report.in_all.advice > shown {
            let more = report.in_all.advice - shown;
            self.line(&format!("  … and {more} more (--top N, or -o report.json for all)"));
        }
    }

    fn advice(&mut self, number: usize, advice: &Advice, findings: &[Finding]) {
        let Some(finding) = findings.get(advice.finding) else { return };
        let width = self.terminal.width.saturating_sub(5).max(20);
        let color = match finding.severity {
            Severity::High => AnsiColor::Red,
            Severity::Medium => AnsiColor::Yellow,
            Severity::Low | Severity::Info => AnsiColor::Cyan,
        };
        let style = color.on_default().bold();
        for (index, part) in wrap(&escape(&title(finding, advice.count)), width).iter().enumerate() {
            let lead = if index == 0 { format!("{number:>3}.") } else { "    ".to_owned() };
            let part = self.styled(part, style);
            self.line(&format!("{lead} {part}"));
        }
        let mut lines = wrap(&escape(&finding.why), width);
        if let Some(probable) = &finding.probable_caller {
            lines.extend(wrap(&escape(&probable.why), width));
        }
        if let Some(objects) = objects(advice) {
            lines.extend(wrap(&escape(&objects), width));
        }
        if let Some(saved) = &finding.saving {
            lines.extend(wrap(&escape(&saving(saved)), width));
        }
        if let Some(fix) = finding.fix.first() {
            // A command must survive being copied: its words stay whole.
            lines.extend(wrap_words(&escape(&format!("Fix: {fix}")), width));
        }
        if let Some(evidence) = finding.evidence.first() {
            let place = format!("{}:{}", evidence.blob, evidence.line);
            lines.push(format!("See {}", fit_end(&place, width.saturating_sub(4))));
        }
        for line in lines {
            self.line(&format!("     {line}"));
        }
    }

    fn read(&mut self, coverage: &CoverageReport) {
        self.title("Coverage");
        self.line(&format!(
            "  {} records + {} not audit + {} blank + {} rejected = {} framed",
            grouped(coverage.records),
            grouped(coverage.not_audit),
            grouped(coverage.blank),
            grouped(coverage.rejected),
            grouped(coverage.framed)
        ));
        for line in wrap(&format!("read as {}", shapes(&coverage.shapes)), self.terminal.width.max(20) - 2) {
            self.line(&format!("  {line}"));
        }
        self.line(&format!(
            "  {} of log came down to {} rows of facts",
            size(coverage.bytes),
            grouped(coverage.fact_rows)
        ));
        for (count, what) in [
            (
                coverage.repeated,
                "records left out: the same request was read elsewhere (they are framed too)",
            ),
            (coverage.untimed, "records without a readable time: they count, but not over time"),
            (coverage.contradictory, "records whose status code and reason phrase differ: the code counts"),
            (coverage.passed_over.len() as u64, "files passed over: plainly no logs"),
            (coverage.same_bytes.len() as u64, "sets of blobs with the same bytes: counted each time"),
        ] {
            if count > 0 {
                self.line(&format!("  {} {what}", grouped(count)));
            }
        }
        if coverage.rejected > 0 || coverage.incomplete > 0 {
            let told = format!(
                "  {} rejected, {} blobs not read to their end",
                grouped(coverage.rejected),
                coverage.incomplete
            );
            let told = self.styled(&told, AnsiColor::Yellow.on_default().bold());
            self.line(&told);
        }
        for reject in coverage.rejects.iter().take(self.terminal.top) {
            let detail = reject.detail.as_deref().map_or_else(String::new, |detail| format!(" ({detail})"));
            let text =
                format!("{}:{} byte {}: {}{detail}", reject.blob, reject.line, reject.offset, reject.reason);
            for line in wrap(&escape(&text), self.terminal.width.saturating_sub(4).max(20)) {
                self.line(&format!("    {line}"));
            }
        }
        self.more(coverage.rejects.len(), "rejects listed");
    }
}
