//! Who it really was, and granted against used, in a terminal's width.

use std::collections::{BTreeMap, BTreeSet};

use anstyle::AnsiColor;

use super::super::escape::line as escape;
use super::super::text::{fit, grouped, wrap, wrap_words};
use super::{Page, moment};
use crate::report::{AccessRow, IdentityReport, Label, Report, TwinVerdict};

/// Verdicts that are told in full; the rest is counted.
const MOST_TOLD: usize = 3;

/// What a caller has and does on a vault: marks and words by kind of object.
type Marks<'r> = BTreeMap<&'r str, BTreeMap<&'r str, char>>;

impl Page {
    /// The groups of object ids that something comes of.
    pub(super) fn identities(&mut self, report: &Report) {
        let told: Vec<&IdentityReport> =
            report.identities.iter().filter(|group| group.vault.is_some()).collect();
        if report.identities.is_empty() {
            return;
        }
        self.title("Who it really was");
        let most = MOST_TOLD.min(self.terminal.top.max(1));
        for (index, group) in told.iter().take(most).enumerate() {
            self.identity(index + 1, group);
        }
        if told.len() > most {
            self.line(&format!("  … and {} more such verdicts (-o report.json for all)", told.len() - most));
        }
        let quiet = report.identities.iter().filter(|group| group.vault.is_none());
        let mut by_verdict: BTreeMap<TwinVerdict, (u64, &str)> = BTreeMap::new();
        for group in quiet {
            let name = group.names.first().or(group.appid.as_ref()).map_or("", String::as_str);
            by_verdict.entry(group.verdict).or_insert((0, name)).0 += 1;
        }
        for (verdict, (count, name)) in by_verdict {
            let text = format!("  {verdict}, nobody denied: {}, such as {name}", grouped(count));
            let text = fit(&text, self.terminal.width);
            self.line(&text);
        }
    }

    fn identity(&mut self, number: usize, group: &IdentityReport) {
        let width = self.terminal.width.saturating_sub(5).max(20);
        let name = group.names.first().or(group.appid.as_ref()).map_or("(no name)", String::as_str);
        let vault = group.vault.as_deref().unwrap_or_default();
        let title = format!("{}: {name} on {vault} ({} confidence)", group.verdict, group.confidence);
        let style = AnsiColor::Red.on_default().bold();
        for (index, part) in wrap(&escape(&title), width).iter().enumerate() {
            let lead = if index == 0 { format!("{number:>3}.") } else { "    ".to_owned() };
            let part = self.styled(part, style);
            self.line(&format!("{lead} {part}"));
        }
        let mut lines = wrap(&escape(&group.why), width);
        if let Some(grant) = &group.grant {
            // A command must survive being copied: its words stay whole.
            lines.extend(wrap_words(&escape(&format!("Grant: {}", grant.command)), width));
        }
        for line in lines {
            self.line(&format!("     {line}"));
        }
    }

    /// What callers have and do: ` ` used, `-` unused, `+` wanted, `?` unknown.
    pub(super) fn access(&mut self, report: &Report) {
        if !report.knowledge.tells_grants {
            return;
        }
        let mut callers: BTreeMap<(&str, &str), Marks<'_>> = BTreeMap::new();
        // Of a vault whose grants were not given there is nothing to hold use against.
        let told: BTreeSet<&Option<Label>> =
            report.access.iter().filter(|row| row.granted.is_some()).map(|row| &row.vault).collect();
        for row in report.access.iter().filter(|row| told.contains(&row.vault)) {
            let (Some(vault), Some(oid), Some(permission)) = (&row.vault, &row.oid, &row.permission) else {
                continue;
            };
            let Some((kind, word)) = permission.split_once(' ') else { continue };
            let words = callers.entry((vault, oid)).or_default().entry(kind).or_default();
            let known = words.entry(word).or_insert(mark(row));
            *known = stronger(*known, mark(row));
        }
        if callers.is_empty() {
            return;
        }
        self.title("Granted against used:  used, -unused, +wanted and not granted, ?used, grant not known");
        let mut sorted: Vec<_> = callers.into_iter().collect();
        sorted.sort_by_cached_key(|(who, marks)| {
            let count = |mark: char| {
                marks.values().flat_map(BTreeMap::values).filter(|other| **other == mark).count()
            };
            (std::cmp::Reverse((count('+'), count('-'))), *who)
        });
        for ((vault, oid), marks) in sorted.iter().take(self.terminal.top) {
            let name = report.callers.iter().find(|row| row.caller.oid.as_deref() == Some(oid));
            // Names are not unique: the head of the id tells namesakes apart.
            let head: String = oid.chars().take(8).collect();
            let who = match name.and_then(|row| row.caller.name.as_deref()) {
                Some(name) => format!("  {vault}  {name} ({head}…)"),
                None => format!("  {vault}  {oid}"),
            };
            let who = fit(&who, self.terminal.width);
            self.line(&who);
            for (kind, words) in marks {
                let words: Vec<String> = words
                    .iter()
                    .map(
                        |(word, mark)| {
                            if *mark == ' ' { (*word).to_owned() } else { format!("{mark}{word}") }
                        },
                    )
                    .collect();
                let text = format!("{kind}: {}", words.join(" "));
                for line in wrap(&escape(&text), self.terminal.width.saturating_sub(6).max(20)) {
                    self.line(&format!("      {line}"));
                }
            }
        }
        self.more(sorted.len(), "callers and vaults");
    }

    /// Objects that nobody used for long.
    pub(super) fn stale(&mut self, report: &Report) {
        let stale: Vec<_> = report.objects.iter().filter(|object| object.stale).collect();
        if stale.is_empty() {
            return;
        }
        self.title("Not used for long");
        let names = self.terminal.width.saturating_sub(66).clamp(10, 40);
        let cells = stale.iter().take(self.terminal.top).map(|object| {
            let user =
                object.last_name.as_ref().or(object.last_oid.as_ref()).map_or("(not logged)", String::as_str);
            vec![
                moment(object.last_used),
                fit(object.vault.as_deref().unwrap_or("(not logged)"), 20),
                fit(&object.object, 22),
                fit(user, names),
            ]
        });
        let cells = cells.collect();
        self.table(&["last use", "vault", "object", "by"], &[0, 1, 2, 3], cells);
        self.more(stale.len(), "objects");
    }
}

/// The mark of a row.
fn mark(row: &AccessRow) -> char {
    match (row.used > 0, row.granted, row.denied > 0) {
        (true, Some(true), _) => ' ',
        (true, ..) => '?',
        (false, Some(true), _) => '-',
        (false, _, true) => '+',
        _ => '?',
    }
}

/// Of two rows of one permission: use goes before all, then a want.
fn stronger(one: char, other: char) -> char {
    let rank = |mark: char| [' ', '?', '+', '-'].iter().position(|known| *known == mark);
    if rank(one) <= rank(other) { one } else { other }
}
