//! Who it really was, granted against used, and last uses, in Markdown.

use std::fmt::Write;

use super::{code, grouped, more, optional, text, time};
use crate::report::{AccessRow, IdentityReport, Report};

/// The groups of object ids, with each member.
pub(super) fn groups(page: &mut String, report: &Report, top: usize) {
    if report.identities.is_empty() {
        return;
    }
    line!(page, "\n## Who it really was\n");
    for (index, group) in report.identities.iter().take(top).enumerate() {
        one(page, index + 1, group);
    }
    more(page, report.identities.len(), top, "groups of identities");
}

fn one(page: &mut String, number: usize, group: &IdentityReport) {
    let names: Vec<String> = group.names.iter().map(|name| text(name)).collect();
    let place = group.vault.as_deref().map_or_else(String::new, |vault| format!(" on {}", code(vault)));
    line!(page, "### {number}. {}: {}{place}\n", group.verdict, names.join(", "));
    line!(page, "{} Confidence {}.\n", text(&group.why), group.confidence);
    line!(page, "| object id | client | kind | vault | successes | denied | first | last |");
    line!(page, "| --- | --- | --- | --- | ---: | ---: | --- | --- |");
    for member in &group.members {
        let who =
            format!("{} | {} | {}", code(&member.oid), optional(member.appid.as_deref()), text(&member.kind));
        if member.vaults.is_empty() {
            line!(page, "| {who} | | 0 | 0 | | |");
        }
        for vault in &member.vaults {
            line!(
                page,
                "| {who} | {} | {} | {} | {} | {} |",
                code(&vault.vault),
                grouped(vault.successes),
                grouped(vault.denied),
                time(vault.first),
                time(vault.last)
            );
        }
    }
    if let Some(grant) = &group.grant {
        line!(page, "\nGrant {}: {}", code(&grant.oid), code(&grant.command));
    }
    for evidence in &group.evidence {
        let message =
            evidence.message.as_deref().map_or_else(String::new, |message| format!(": {}", text(message)));
        line!(
            page,
            "\n- {} at {}{message}",
            code(&format!("{}:{}", evidence.blob, evidence.line)),
            time(evidence.time)
        );
    }
    line!(page);
}

/// Granted against used, where that is known.
pub(super) fn access(page: &mut String, report: &Report, top: usize) {
    if !report.knowledge.tells_grants {
        return;
    }
    let differs = |row: &&AccessRow| match row.granted {
        Some(granted) => granted != (row.used > 0),
        None => false,
    };
    let told: Vec<_> = report.access.iter().filter(differs).collect();
    line!(page, "\n## Granted against used\n");
    line!(page, "Rows where the two differ; all are in the JSON report and in `-o access.csv`.\n");
    line!(page, "| vault | object id | object | permission | granted | used | denied | last use |");
    line!(page, "| --- | --- | --- | --- | --- | ---: | ---: | --- |");
    for row in told.iter().take(top) {
        line!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            optional(row.vault.as_deref()),
            optional(row.oid.as_deref()),
            row.object.as_deref().map_or_else(String::new, code),
            row.permission.as_deref().or(row.operation.as_deref()).map_or_else(String::new, text),
            row.granted.map_or("not known", |granted| if granted { "yes" } else { "no" }),
            grouped(row.used),
            grouped(row.denied),
            time(row.last_used)
        );
    }
    more(page, told.len(), top, "rows");
}

/// The last use of objects, longest unused first.
pub(super) fn objects(page: &mut String, report: &Report, top: usize) {
    if report.objects.is_empty() {
        return;
    }
    line!(page, "\n## Last use of secrets, keys and certificates, longest unused first\n");
    line!(page, "| last use | vault | object | by | requests | callers | stale |");
    line!(page, "| --- | --- | --- | --- | ---: | ---: | --- |");
    for row in report.objects.iter().take(top) {
        let by = row.last_name.as_deref().map_or_else(|| optional(row.last_oid.as_deref()), text);
        line!(
            page,
            "| {} | {} | {} | {by} | {} | {} | {} |",
            time(row.last_used),
            optional(row.vault.as_deref()),
            code(&row.object),
            grouped(row.used),
            row.users,
            if row.stale { "yes" } else { "" }
        );
    }
    more(page, report.objects.len(), top, "objects");
}
