//! The report for a ticket, a wiki or a post-incident document.

/// Adds a line.
macro_rules! line {
    ($page:expr) => {
        $page.push('\n')
    };
    ($page:expr, $($format:tt)*) => {
        // Writing to a string does not fail.
        let _ = writeln!($page, $($format)*);
    };
}

pub mod capacity;
mod identities;

use std::fmt::Write;

use super::escape::{markdown as text, markdown_code as code};
use super::terminal::capacity::range;
use super::text::{grouped, percent, shapes, size};
use crate::facts::cut::FilterEcho;
use crate::report::{CallerIdentity, CoverageReport, Finding, Report, Tool, is_listed};
use crate::ticks::Ticks;

/// The report, with at most `top` rows a table and findings.
pub fn render(report: &Report, top: usize) -> String {
    let mut page = String::new();
    head(&mut page, report);
    identities::groups(&mut page, report, top);
    causes(&mut page, report);
    callers(&mut page, report, top);
    vaults(&mut page, report, top);
    headroom(&mut page, report, top);
    changes(&mut page, report, top);
    findings(&mut page, report, top);
    identities::access(&mut page, report, top);
    identities::objects(&mut page, report, top);
    coverage(&mut page, &report.coverage, &report.tool, top);
    page
}

fn time(time: Option<Ticks>) -> String {
    time.map_or_else(String::new, |time| time.to_string())
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "(not logged)".to_owned(), code)
}

fn who(caller: Option<&CallerIdentity>) -> String {
    let Some(caller) = caller else { return "(not logged)".to_owned() };
    match (&caller.name, &caller.oid) {
        (Some(name), Some(oid)) => format!("{} {}", text(name), code(oid)),
        (Some(name), None) => text(name),
        (None, Some(oid)) => code(oid),
        (None, None) => optional(caller.appid.as_deref()),
    }
}

fn head(page: &mut String, report: &Report) {
    let totals = &report.totals;
    line!(page, "# Key Vault report\n");
    line!(
        page,
        "{} to {}, {} blobs.\n",
        time(report.coverage.first),
        time(report.coverage.last),
        report.coverage.blobs
    );
    line!(page, "| requests | successes | failures | challenges | success rate |");
    line!(page, "| ---: | ---: | ---: | ---: | ---: |");
    let judged = totals.successes + totals.failures;
    line!(
        page,
        "| {} | {} | {} | {} | {} |",
        grouped(totals.requests),
        grouped(totals.successes),
        grouped(totals.failures),
        grouped(totals.challenges),
        percent(totals.successes, judged)
    );
    filter(page, &report.filter);
}

fn filter(page: &mut String, filter: &FilterEcho) {
    let filter = serde_json::to_value(filter).unwrap_or_default();
    let set = filter.as_object().into_iter().flatten();
    let set =
        set.filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    for (name, value) in set {
        line!(page, "\nOnly {name}: {}", code(&value.to_string()));
    }
}

fn causes(page: &mut String, report: &Report) {
    line!(page, "\n## Why\n");
    line!(
        page,
        "| cause | what it means | count | text / flag / pairing / status | callers | vaults | first | last |"
    );
    line!(page, "| --- | --- | ---: | --- | ---: | ---: | --- | --- |");
    for row in report.causes.iter().filter(|row| row.outcome == "failure" || row.outcome == "challenge") {
        let basis = &row.basis;
        line!(
            page,
            "| {} | {} | {} | {} / {} / {} / {} | {} | {} | {} | {} |",
            code(&row.cause),
            text(&row.title),
            grouped(row.count),
            basis.text,
            basis.flag,
            basis.pairing,
            basis.status,
            row.callers,
            row.vaults,
            time(row.first),
            time(row.last)
        );
    }
}

fn callers(page: &mut String, report: &Report, top: usize) {
    line!(page, "\n## Who\n");
    line!(page, "| caller | kind | client | failures | requests | causes |");
    line!(page, "| --- | --- | --- | ---: | ---: | --- |");
    let failing: Vec<_> = report.callers.iter().filter(|row| row.failures > 0).collect();
    for row in failing.iter().take(top) {
        let causes: Vec<String> =
            row.causes.iter().map(|(cause, count)| format!("{} {count}", text(cause))).collect();
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            who(Some(&row.caller)),
            row.caller.kind,
            optional(row.caller.appid.as_deref()),
            grouped(row.failures),
            grouped(row.requests),
            causes.join(", ")
        );
    }
    more(page, failing.len(), top, "callers with failures");
}

fn more(page: &mut String, all: usize, top: usize, what: &str) {
    if all > top {
        line!(page, "\n{} more {what}: see the JSON report, or raise --top.", all - top);
    }
}

fn vaults(page: &mut String, report: &Report, top: usize) {
    line!(page, "\n## Where\n");
    line!(page, "| vault | permission model | failures | requests | first | last |");
    line!(page, "| --- | --- | ---: | ---: | --- | --- |");
    for row in report.vaults.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            optional(row.vault.as_deref()),
            row.permission_model.unwrap_or("(not logged)"),
            grouped(row.failures),
            grouped(row.requests),
            time(row.first),
            time(row.last)
        );
    }
    more(page, report.vaults.len(), top, "vaults");
}

fn headroom(page: &mut String, report: &Report, top: usize) {
    if report.headroom.is_empty() {
        return;
    }
    line!(page, "\n## How near to a limit in ten seconds\n");
    line!(page, "| vault | class | of limit | requests | at | seconds above | 429s |");
    line!(page, "| --- | --- | ---: | ---: | --- | ---: | ---: |");
    for row in report.headroom.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} |",
            optional(row.vault.as_deref()),
            row.class,
            range(row.utilisation_low, row.utilisation_high),
            grouped(row.requests),
            time(Some(row.at)),
            grouped(row.windows_over),
            grouped(row.throttled)
        );
    }
    more(page, report.headroom.len(), top, "vaults");
}

fn changes(page: &mut String, report: &Report, top: usize) {
    if report.changes.is_empty() {
        return;
    }
    line!(page, "\n## What changed\n");
    line!(page, "| time | vault | operation | by | status |");
    line!(page, "| --- | --- | --- | --- | ---: |");
    for row in report.changes.iter().take(top) {
        let status = row.status.map_or_else(String::new, |status| status.to_string());
        line!(
            page,
            "| {} | {} | {} | {} | {status} |",
            time(row.time),
            optional(row.vault.as_deref()),
            optional(row.operation.as_deref()),
            who(row.caller.as_ref())
        );
    }
    more(page, report.changes.len(), top, "changes");
}

fn findings(page: &mut String, report: &Report, top: usize) {
    line!(page, "\n## Findings\n");
    let listed = report.findings.iter().filter(|finding| is_listed(finding.severity, &finding.code));
    if report.in_all.listed == 0 {
        line!(page, "None: nothing in this part of the log failed.");
    }
    each_finding(page, listed, report.in_all.listed, top);
}

/// The first of so many findings.
fn each_finding<'f>(
    page: &mut String,
    findings: impl Iterator<Item = &'f Finding>,
    in_all: usize,
    top: usize,
) {
    for (index, finding) in findings.take(top).enumerate() {
        one_finding(page, index + 1, finding);
    }
    more(page, in_all, top, "findings");
}

fn one_finding(page: &mut String, number: usize, finding: &Finding) {
    line!(page, "### {number}. {} ({})\n", text(&finding.title), finding.severity);
    line!(page, "{}\n", text(&finding.why));
    // Patterns and verdicts have no part in the failures.
    let (what, share) = if finding.share_percent > 0.0 {
        ("cause", format!(" ({} of all failures)", hundredths(finding.share_percent)))
    } else {
        ("code", String::new())
    };
    line!(
        page,
        "- {what} {}, {} times{share}, {} to {}",
        code(&finding.code),
        grouped(finding.count),
        time(finding.first),
        time(finding.last)
    );
    line!(
        page,
        "- caller {}, operation {}, object {}",
        who(finding.caller.as_ref()),
        optional(finding.operation.as_deref()),
        optional(finding.object.as_deref())
    );
    let addresses: Vec<String> = finding.client_addresses.iter().map(|address| code(address)).collect();
    line!(
        page,
        "- from {}",
        if addresses.is_empty() { "(not logged)".to_owned() } else { addresses.join(", ") }
    );
    line!(page, "- rests on {}, confidence {}; id {}", finding.basis, confidence(finding), code(&finding.id));
    if let Some(saving) = &finding.saving {
        line!(page, "- {}", text(&crate::render::text::saving(saving)));
    }
    if let Some(asked) = &finding.asked {
        line!(
            page,
            "- asked for {}, action {}; the vault decides by {}",
            optional(asked.permission.as_deref()),
            optional(asked.action.as_deref()),
            asked.permission_model.unwrap_or("(not logged)")
        );
    }
    if let Some(probable) = &finding.probable_caller {
        line!(page, "- {}", text(&probable.why));
    }
    if let Some(id) = &finding.explained_by {
        line!(page, "- explained by the finding {}: act on that", code(id));
    }
    for (step, fix) in finding.fix.iter().enumerate() {
        line!(page, "{}. {}", step + 1, remedy(fix));
    }
    line!(page, "\nRead on: <{}>\n", finding.reference.replace(['<', '>', ' '], ""));
    for evidence in &finding.evidence {
        let id = evidence
            .correlation_id
            .as_deref()
            .map_or_else(String::new, |id| format!(", correlation id {}", code(id)));
        let outside = if evidence.outside_time { " (outside the time asked for)" } else { "" };
        let message =
            evidence.message.as_deref().map_or_else(String::new, |message| format!(": {}", text(message)));
        line!(
            page,
            "- {} at {}{outside}{id}{message}",
            code(&format!("{}:{}", evidence.blob, evidence.line)),
            time(evidence.time)
        );
    }
    line!(page);
}

fn hundredths(percent: f64) -> String {
    format!("{percent:.2} %")
}

fn confidence(finding: &Finding) -> String {
    serde_json::to_value(finding.confidence)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A remedy: our own text, whose commands stand in backticks; only those are left as they are.
fn remedy(fix: &str) -> String {
    let parts = fix.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 1 { code(part) } else { text(part) }).collect()
}

fn coverage(page: &mut String, coverage: &CoverageReport, tool: &Tool, top: usize) {
    line!(page, "\n## Coverage\n");
    line!(
        page,
        "| blobs | bytes | framed | records | repeated | not audit | blank | rejected | incomplete blobs |"
    );
    line!(page, "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    line!(
        page,
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        coverage.blobs,
        size(coverage.bytes),
        coverage.framed,
        coverage.records,
        coverage.repeated,
        coverage.not_audit,
        coverage.blank,
        coverage.rejected,
        coverage.incomplete
    );
    line!(page, "\nRead as {}.", shapes(&coverage.shapes));
    for reject in coverage.rejects.iter().take(top) {
        let detail =
            reject.detail.as_deref().map_or_else(String::new, |detail| format!(" ({})", text(detail)));
        line!(
            page,
            "\n- {} at byte {}: {}{detail}",
            code(&format!("{}:{}", reject.blob, reject.line)),
            reject.offset,
            reject.reason
        );
    }
    more(page, coverage.rejects.len(), top, "rejects listed");
    for names in &coverage.same_bytes {
        let names: Vec<String> = names.iter().map(|name| code(name)).collect();
        line!(page, "\n- the same bytes under several names, counted each time: {}", names.join(", "));
    }
    line!(page, "\nMade by {} {}, causes as of {}.", tool.name, tool.version, tool.causes_dated);
}
