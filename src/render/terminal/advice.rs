//! Findings brought together for a reader in a hurry: those of one cause, vault and caller are one
//! piece of advice, however many objects they are about.

use crate::findings::codes;
use crate::render::text::grouped;
use crate::report::{CallerIdentity, Finding, TwinVerdict};

/// Objects that are named.
const MOST_OBJECTS: usize = 3;

/// What to do about some findings.
pub(super) struct Advice<'r> {
    /// The gravest of them.
    pub(super) finding: &'r Finding,
    objects: Vec<&'r str>,
    count: u64,
    is_verdict: bool,
}

impl Advice<'_> {
    /// Who, where, how often.
    pub(super) fn title(&self) -> String {
        // A verdict's or pattern's own title: it may be about several callers, or a client.
        if self.is_verdict {
            return format!(
                "{} ({}, {} times)",
                self.finding.title,
                self.finding.severity,
                grouped(self.count)
            );
        }
        let cause = self.finding.title.split(": ").next().unwrap_or_default();
        let who = who(self.finding.caller.as_ref());
        let vault = self.finding.vault.as_deref().unwrap_or("a vault the log does not name");
        format!("{cause}: {who} on {vault} ({}, {} times)", self.finding.severity, grouped(self.count))
    }

    /// The objects, the most frequent first.
    pub(super) fn objects(&self) -> Option<String> {
        let named: Vec<&str> = self.objects.iter().take(MOST_OBJECTS).copied().collect();
        let more = self.objects.len().saturating_sub(MOST_OBJECTS);
        match (named.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(format!("On {}", named.join(", "))),
            (false, more) => Some(format!("On {} and {more} more", named.join(", "))),
        }
    }
}

fn who(caller: Option<&CallerIdentity>) -> String {
    let Some(caller) = caller else { return "a caller the log does not name".to_owned() };
    let id = caller.oid.as_ref().or(caller.appid.as_ref());
    caller.name.as_ref().or(id).cloned().unwrap_or_else(|| "a caller without ids".to_owned())
}

/// Groups findings, which come gravest first; gravest and most frequent groups first.
/// What another finding explains is left to it, and what the section on identities tells to that.
pub(super) fn group(findings: &[Finding]) -> Vec<Advice<'_>> {
    let mut groups: indexmap::IndexMap<_, Advice<'_>> = indexmap::IndexMap::new();
    let is_told =
        |finding: &&Finding| finding.explained_by.is_none() && finding.code.parse::<TwinVerdict>().is_err();
    for finding in findings.iter().filter(is_told) {
        let ids = finding.caller.as_ref().map(|caller| (&caller.oid, &caller.appid));
        let group = groups.entry((&finding.code, &finding.vault, ids)).or_insert_with(|| Advice {
            finding,
            objects: Vec::new(),
            count: 0,
            is_verdict: codes::find(&finding.code).is_some(),
        });
        group.count += finding.count;
        if let Some(object) = finding.object.as_deref().filter(|object| !group.objects.contains(object)) {
            group.objects.push(object);
        }
    }
    let mut groups: Vec<Advice<'_>> = groups.into_values().collect();
    groups.sort_by(|one, other| {
        let rank = |advice: &Advice<'_>| std::cmp::Reverse((advice.finding.severity, advice.count));
        rank(one).cmp(&rank(other)).then_with(|| one.finding.id.cmp(&other.finding.id))
    });
    groups
}
