//! Findings brought together for a reader in a hurry: those of one cause, vault and caller are one
//! piece of advice, however many objects they are about.

use crate::render::text::grouped;
use crate::report::{CallerIdentity, Finding};

/// Objects that are named.
const MOST_OBJECTS: usize = 3;

/// What to do about some findings.
pub(super) struct Advice<'r> {
    /// The gravest of them.
    pub(super) finding: &'r Finding,
    objects: Vec<&'r str>,
    count: u64,
}

impl Advice<'_> {
    /// Who, where, how often.
    pub(super) fn title(&self) -> String {
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
pub(super) fn group(findings: &[Finding]) -> Vec<Advice<'_>> {
    let mut groups: indexmap::IndexMap<_, Advice<'_>> = indexmap::IndexMap::new();
    for finding in findings {
        let ids = finding.caller.as_ref().map(|caller| (&caller.oid, &caller.appid));
        let group = groups.entry((&finding.code, &finding.vault, ids)).or_insert_with(|| Advice {
            finding,
            objects: Vec::new(),
            count: 0,
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
