//! A piece of advice in words.

use crate::findings::codes;
use crate::render::text::grouped;
use crate::report::{Advice, CallerIdentity, Finding};

/// Who, where, how often.
pub(super) fn title(finding: &Finding, count: u64) -> String {
    // A verdict's or pattern's own title: it may be about several callers, or a client.
    if codes::find(&finding.code).is_some() {
        return format!("{} ({}, {} times)", finding.title, finding.severity, grouped(count));
    }
    let cause = finding.title.split(": ").next().unwrap_or_default();
    let who = who(finding.caller.as_ref());
    let vault = finding.vault.as_deref().unwrap_or("a vault the log does not name");
    format!("{cause}: {who} on {vault} ({}, {} times)", finding.severity, grouped(count))
}

/// The objects, those of the gravest findings first.
pub(super) fn objects(advice: &Advice) -> Option<String> {
    let named = advice.objects.join(", ");
    match (named.is_empty(), advice.more_objects) {
        (true, _) => None,
        (false, 0) => Some(format!("On {named}")),
        (false, more) => Some(format!("On {named} and {more} more")),
    }
}

fn who(caller: Option<&CallerIdentity>) -> String {
    let Some(caller) = caller else { return "a caller the log does not name".to_owned() };
    let id = caller.oid.as_ref().or(caller.appid.as_ref());
    caller.name.as_ref().or(id).cloned().unwrap_or_else(|| "a caller without ids".to_owned())
}
