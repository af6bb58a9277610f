//! What is judged from all facts before any filter: verdicts on denials, identities and clients.
//!
//! A verdict explains failures that are findings of their own; those then point to it.

mod told;

pub(super) use told::short;

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

use super::Analysis;
use super::clients::Clients;
use super::denials::{DenialKey, Denials, Needs, is_lacking};
use super::failures::evidence_of;
use super::identities::{self, Entry};
use crate::classify::Basis;
use crate::classify::causes::Severity;
use crate::facts::Map;
use crate::facts::dimensions::Text;
use crate::facts::examples::{Example, KEPT};
use crate::report::{CallerIdentity, Confidence, Evidence, Finding};
use crate::ticks::Ticks;

/// One verdict.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Its id.
    pub(super) code: String,
    pub(super) severity: Severity,
    pub(super) confidence: Confidence,
    pub(super) title: String,
    pub(super) vault: Option<String>,
    pub(super) caller: Option<CallerIdentity>,
    /// Requests it is about.
    pub(super) count: u64,
    pub(super) first: Option<Ticks>,
    pub(super) last: Option<Ticks>,
    pub(super) why: String,
    pub(super) fix: Vec<String>,
    pub(super) reference: &'static str,
    pub(super) evidence: Vec<Evidence>,
    /// Callers and, where it is about one, the vault: it is told when the filter leaves any.
    pub(super) about: BTreeSet<(String, Option<String>)>,
}

/// All verdicts.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    list: Vec<Verdict>,
    /// The id of each: it depends on all that it is about, which may be many.
    ids: Vec<String>,
    /// Groups of object ids with their verdict in the list.
    groups: Vec<(Entry, usize)>,
    by_key: Map<DenialKey, usize>,
    by_pair: Map<(Text, Text), usize>,
    /// Who came from the clients of 401s that name nobody.
    pub(super) clients: Clients,
}

impl Verdict {
    /// Stable from run to run.
    fn id(&self) -> String {
        let mut parts = vec![self.vault.as_deref().unwrap_or("\u{0}")];
        parts.extend(self.about.iter().map(|(oid, _)| oid.as_str()));
        format!("{}-{:016x}", self.code, xxh3_64(parts.join("\u{1f}").as_bytes()))
    }

    fn finding(&self, id: &str) -> Finding {
        Finding {
            id: id.to_owned(),
            code: self.code.clone(),
            severity: self.severity,
            title: self.title.clone(),
            vault: self.vault.clone(),
            caller: self.caller.clone(),
            operation: None,
            object: None,
            status: None,
            count: self.count,
            share_percent: 0.0,
            first: self.first,
            last: self.last,
            confidence: self.confidence,
            basis: Basis::Pairing,
            why: self.why.clone(),
            fix: self.fix.clone(),
            reference: self.reference.to_owned(),
            client_addresses: Vec::new(),
            evidence: self.evidence.clone(),
            asked: None,
            probable_caller: None,
            explained_by: None,
            experimental: false,
            saving: None,
        }
    }
}

impl Verdicts {
    /// Judges all facts.
    pub(super) fn new(analysis: &Analysis<'_>) -> Self {
        let (denials, clients) = rayon::join(|| Denials::new(analysis), || Clients::new(analysis));
        let shown = Shown::new(analysis, &denials);
        let mut all = Self { clients, ..Self::default() };
        told::propagating(analysis, &denials, &shown, &mut all);
        told::policies_replaced(analysis, &denials, &shown, &mut all);
        for (entry, verdict, pair) in identities::judge(analysis, &denials, &shown) {
            let index = all.list.len();
            all.list.push(verdict);
            all.groups.push((entry, index));
            if let Some(pair) = pair {
                all.by_pair.entry(pair).or_insert(index);
            }
        }
        all.ids = all.list.iter().map(Verdict::id).collect();
        all
    }

    /// Adds a verdict that explains denials.
    fn add(&mut self, verdict: Verdict, keys: &[DenialKey]) {
        let index = self.list.len();
        for key in keys {
            self.by_key.insert(*key, index);
        }
        self.list.push(verdict);
    }

    /// Keeps what concerns the requests that a filter left.
    pub(super) fn cut(&mut self, analysis: &Analysis<'_>) {
        let dimensions = &analysis.facts.dimensions;
        let mut left: BTreeSet<(&str, Option<&str>)> = BTreeSet::new();
        for (key, _) in analysis.facts.requests.iter() {
            let Some(oid) = key.caller.and_then(|caller| dimensions.text(dimensions.callers.get(caller).oid))
            else {
                continue;
            };
            left.insert((oid, None));
            left.insert((oid, dimensions.vault_row(key.vault).name));
        }
        let is_left = |verdict: &Verdict| {
            verdict.about.iter().any(|(oid, vault)| left.contains(&(oid.as_str(), vault.as_deref())))
        };
        let kept: Vec<bool> = self.list.iter().map(is_left).collect();
        self.groups.retain(|(_, index)| kept.get(*index) == Some(&true));
        for (verdict, kept) in self.list.iter_mut().zip(&kept) {
            // Its place stays, as others count on theirs.
            if !kept {
                verdict.about.clear();
            }
        }
    }

    /// The verdict that explains a failure.
    pub(super) fn explains(
        &self,
        analysis: &Analysis<'_>,
        needs: &mut Needs,
        stream: &super::Stream<'_>,
    ) -> Option<(&str, Severity)> {
        if !stream.is_lacking() {
            return None;
        }
        let (oid, _) = stream.caller?;
        let (oid, vault) = (oid?, stream.vault?);
        let need = needs.of(analysis, stream.key.operation);
        let key = DenialKey { vault, oid, need, object: stream.key.object };
        let index = self.by_key.get(&key).or_else(|| self.by_pair.get(&(oid, vault)))?;
        let verdict = self.list.get(*index).filter(|verdict| !verdict.about.is_empty())?;
        Some((self.ids.get(*index)?, verdict.severity))
    }

    /// The groups of object ids, gravest first.
    pub(super) fn identities(&self) -> Vec<crate::report::IdentityReport> {
        let mut groups: Vec<_> =
            self.groups.iter().filter_map(|(entry, index)| Some((entry, self.list.get(*index)?))).collect();
        groups.sort_by_cached_key(|(entry, verdict)| {
            let who: Vec<String> = entry.members.iter().map(|member| member.oid.clone()).collect();
            (std::cmp::Reverse((verdict.severity, verdict.count)), entry.verdict, entry.vault.clone(), who)
        });
        groups.into_iter().map(|(entry, _)| entry.clone()).collect()
    }
}

/// The findings of verdicts.
pub(super) fn find(analysis: &Analysis<'_>) -> Vec<Finding> {
    let Some(verdicts) = analysis.verdicts else { return Vec::new() };
    let told = verdicts.list.iter().zip(&verdicts.ids).filter(|(verdict, _)| !verdict.about.is_empty());
    told.map(|(verdict, id)| verdict.finding(id)).collect()
}

/// The records that show denials, by object id and vault.
pub(super) struct Shown<'f> {
    analysis: &'f Analysis<'f>,
    examples: Map<(Text, Text), Vec<&'f Example>>,
}

impl<'f> Shown<'f> {
    fn new(analysis: &'f Analysis<'f>, denials: &Denials) -> Self {
        let dimensions = &analysis.facts.dimensions;
        let mut examples: Map<(Text, Text), Vec<&Example>> = Map::default();
        if denials.spells.is_empty() {
            return Self { analysis, examples };
        }
        for (key, kept) in analysis.facts.examples.iter() {
            if !is_lacking(dimensions.strings.get(key.cause)) {
                continue;
            }
            let oid = key.caller.and_then(|caller| dimensions.callers.get(caller).oid);
            if let (Some(oid), Some(vault)) = (oid, key.vault) {
                examples.entry((oid, dimensions.vaults.get(vault).name)).or_default().extend(kept);
            }
        }
        Self { analysis, examples }
    }

    /// The first records of a caller's denials on a vault, within a time where one is given.
    pub(super) fn of(&self, oid: Text, vault: Text, within: Option<(Ticks, Ticks)>) -> Vec<Evidence> {
        let blob = |example: &Example| self.analysis.facts.dimensions.strings.get(example.location.blob);
        let mut kept: Vec<&Example> = self.examples.get(&(oid, vault)).cloned().unwrap_or_default();
        kept.retain(|example| {
            within.is_none_or(|(first, last)| example.time.is_some_and(|time| first <= time && time <= last))
        });
        kept.sort_by_cached_key(|example| {
            (example.time.is_none(), example.time, blob(example).to_owned(), example.location.offset)
        });
        kept.into_iter().take(KEPT).map(|example| evidence_of(self.analysis, example, false)).collect()
    }
}
