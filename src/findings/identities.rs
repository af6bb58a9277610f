//! Object ids that share a name, an application id or a managed identity, and what they are to each
//! other.
//!
//! Facts §7: a name is not unique, a registration has an application object and a service principal
//! with different ids, a managed identity made again gets a new id. Judged from all facts: who is
//! denied on a vault for lack of a policy or role, while another of its name, application or path
//! succeeds there or is granted. Many people behind one client are no twins, nor is a person with
//! several clients: persons and applications are never compared by client or across the two.

mod groups;
mod members;
mod objects;
mod twins;
mod words;

use std::collections::BTreeSet;

use super::Analysis;
use super::denials::Denials;
use super::verdicts::{Shown, Verdict};
use crate::facts::dimensions::Text;
use crate::report::IdentityReport;
use members::Members;

/// A group as the report shows it.
pub(super) type Entry = IdentityReport;

/// A group, its verdict, and the object id and vault whose denials it explains.
pub(super) type Judged = (Entry, Verdict, Option<(Text, Text)>);

/// Judges all facts.
pub(super) fn judge(analysis: &Analysis<'_>, denials: &Denials, shown: &Shown<'_>) -> Vec<Judged> {
    let mut members = Members::new(analysis);
    let groups = groups::find(&members, analysis.applications);
    let with_application = objects::granted(analysis, &members);
    let mut wanted: BTreeSet<usize> = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
    wanted.extend(with_application.iter().filter_map(|found| found.principal));
    if wanted.is_empty() && with_application.is_empty() {
        return Vec::new();
    }
    members.count(analysis, &wanted);
    let mut judged = objects::judge(analysis, &members, shown, &with_application);
    let explained: BTreeSet<(String, String)> = judged
        .iter()
        .filter_map(|(entry, ..)| Some((entry.members.first()?.oid.clone(), entry.vault.clone()?)))
        .collect();
    let mut judge = twins::Judge { analysis, members: &members, denials, shown, explained };
    for group in &groups {
        judged.extend(judge.group(group));
    }
    judged
}
