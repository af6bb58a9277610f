//! Facts to report: all judgement, after all merging.
//!
//! Input: merged [`Facts`] and the table of causes. Output: [`Report`]. Nothing here knows how many
//! files, nights or machines the facts came from. This is the only place that divides.
//!
//! A finder is a function from `Analysis` to findings; adding one is a new file and one line in
//! `FINDERS`.

mod access;
mod callers;
pub mod challenges;
mod clients;
mod coverage;
mod denials;
mod double_export;
mod failures;
pub mod filter;
mod grants;
mod identities;
mod summary;
mod tally;
mod timeline;
mod verdicts;
pub(crate) mod wording;

use crate::classify::causes::{Causes, Outcome, Severity};
use crate::facts::dimensions::{RequestKey, Text};
use crate::facts::requests::Series;
use crate::facts::{Facts, Map};
use crate::knowledge::Knowledge;
use crate::knowledge::roles::Roles;
use crate::record::caller::applications::Applications;
use crate::report::{Finding, KnowledgeReport, Report, SCHEMA, Tool};
use callers::Callers;
use filter::Filter;
use grants::Grants;
use verdicts::Verdicts;

/// Every kind of finding.
const FINDERS: &[fn(&Analysis<'_>) -> Vec<Finding>] =
    &[failures::find, verdicts::find, clients::find, double_export::find];

/// How to judge.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// How long after a challenge its answer may come, in seconds; at least 1.
    pub challenge_window_s: u32,
    /// Which part of the facts the report is about.
    pub filter: Filter,
    /// What is known beside the logs.
    pub knowledge: Knowledge,
    /// Well-known applications.
    pub applications: Applications,
    /// What roles grant.
    pub roles: Roles,
    /// Days without use before the end of the log after which an object is stale.
    pub stale_after_days: u32,
    /// Which of the long tables to fill.
    pub tables: Tables,
}

/// Tables of a report that are as long as a log has callers and objects: each is filled only where
/// somebody reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Who did what where.
    pub by_caller_operation: bool,
    /// Who was granted, used and was denied what.
    pub access: bool,
}

/// Everything, with the tables that come with akvlens and nothing known beside the logs.
impl Default for Judgement {
    fn default() -> Self {
        Self {
            challenge_window_s: 60,
            filter: Filter::default(),
            knowledge: Knowledge::new(),
            applications: Applications::built_in().clone(),
            roles: Roles::built_in().clone(),
            stale_after_days: 30,
            tables: Tables { by_caller_operation: true, access: true },
        }
    }
}

/// Facts that are judged and cut to the filter, with what helps to read them.
pub(crate) struct Analysis<'f> {
    facts: &'f Facts,
    causes: &'f Causes,
    /// Who is who, from all facts and not only the part in the filter.
    callers: &'f Callers,
    knowledge: &'f Knowledge,
    applications: &'f Applications,
    grants: &'f Grants<'f>,
    /// What was judged from all facts; none while it is being judged.
    verdicts: Option<&'f Verdicts>,
    /// The outcome of each cause that the table knows, looked up once.
    outcomes: &'f Map<Text, Option<Outcome>>,
}

/// One stream of requests with its cause looked up.
#[derive(Clone, Copy)]
pub(crate) struct Stream<'f> {
    key: &'f RequestKey,
    series: &'f Series,
    cause: &'f str,
    outcome: Outcome,
}

impl<'f> Analysis<'f> {
    /// Every stream, in no order that means anything.
    fn streams(&self) -> impl Iterator<Item = Stream<'f>> {
        let (facts, outcomes) = (self.facts, self.outcomes);
        facts.requests.iter().map(move |(key, series)| {
            let cause = facts.dimensions.strings.get(key.cause);
            let known = outcomes.get(&key.cause).copied().flatten();
            Stream { key, series, cause, outcome: known.unwrap_or_else(|| outcome_by_status(key)) }
        })
    }
}

/// The outcome of each cause of the facts; none for one that this table does not know (facts made with
/// another cause file).
fn outcomes(facts: &Facts, causes: &Causes) -> Map<Text, Option<Outcome>> {
    let mut all: Map<Text, Option<Outcome>> = Map::default();
    for (key, _) in facts.requests.iter() {
        all.entry(key.cause).or_insert_with(|| {
            causes.find(facts.dimensions.strings.get(key.cause)).map(|cause| cause.outcome)
        });
    }
    all
}

/// The outcome of a cause that the table does not know.
fn outcome_by_status(key: &RequestKey) -> Outcome {
    if key.status.is_some_and(|status| status >= 400) { Outcome::Failure } else { Outcome::Success }
}

/// Settles what only all facts together can tell, and cuts the facts to the filter.
pub fn judge(facts: &mut Facts, causes: &Causes, judgement: &Judgement) {
    facts.requests.settle();
    challenges::settle(facts, causes, judgement.challenge_window_s);
    judgement.filter.apply(facts, &judgement.knowledge);
}

/// The report on facts.
pub fn report(mut facts: Facts, causes: &Causes, judgement: &Judgement) -> Report {
    facts.requests.settle();
    let fact_rows = facts.requests.rows() as u64;
    challenges::settle(&mut facts, causes, judgement.challenge_window_s);
    let Judgement { knowledge, applications, tables, .. } = judgement;
    let callers = Callers::new(&facts, knowledge, applications);
    let grants = Grants::new(knowledge, &judgement.roles, &facts);
    let outcomes = outcomes(&facts, causes);
    let (callers, grants, outcomes) = (&callers, &grants, &outcomes);
    let verdicts = None;
    let all =
        Analysis { facts: &facts, causes, callers, knowledge, applications, grants, verdicts, outcomes };
    let mut verdicts = Verdicts::new(&all);
    judgement.filter.apply(&mut facts, knowledge);
    let left = Analysis {
        facts: &facts,
        causes,
        callers,
        knowledge,
        applications,
        grants,
        verdicts: None,
        outcomes,
    };
    if !judgement.filter.is_all() {
        verdicts.cut(&left);
    }
    let analysis = Analysis { verdicts: Some(&verdicts), ..left };
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(&analysis)).collect();
    findings.sort_by(|one, other| {
        let rank =
            |finding: &Finding| (std::cmp::Reverse((finding.severity, finding.count)), finding.id.clone());
        rank(one).cmp(&rank(other))
    });
    Report {
        schema: SCHEMA,
        tool: Tool {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            causes_dated: causes.dated().to_owned(),
        },
        filter: judgement.filter.echo(),
        coverage: coverage::report(&facts, fact_rows),
        totals: summary::totals(&analysis),
        causes: summary::causes(&analysis),
        vaults: summary::vaults(&analysis),
        callers: summary::callers(&analysis),
        by_caller_operation: filled(tables.by_caller_operation, || summary::by_caller_operation(&analysis)),
        timeline: timeline::timeline(&analysis),
        changes: summary::changes(&analysis),
        findings,
        identities: verdicts.identities(),
        access: filled(tables.access, || access::rows(&analysis, &judgement.filter)),
        objects: access::objects(&analysis, judgement.stale_after_days),
        knowledge: knowledge_report(knowledge),
    }
}

/// A table, where it is to be filled.
fn filled<T>(wanted: bool, table: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if wanted { table() } else { Vec::new() }
}

/// How much was known beside the logs.
fn knowledge_report(knowledge: &Knowledge) -> KnowledgeReport {
    KnowledgeReport {
        principals: knowledge.principals.len(),
        applications: knowledge.applications.len(),
        vaults: knowledge.vaults.len(),
        assignments: knowledge.assignments.len(),
        keys: knowledge.keys.len(),
        tells_grants: knowledge.tells_grants(),
    }
}

/// Whether a report has a finding at least as grave.
pub fn has_finding(report: &Report, at_least: Severity) -> bool {
    report.findings.iter().any(|finding| finding.severity >= at_least)
}
