//! Facts to report: all judgement, after all merging.
//!
//! Input: merged [`Facts`] and the table of causes. Output: [`Report`]. Nothing here knows how many
//! files, nights or machines the facts came from. This is the only place that divides.
//!
//! A finder is a function from `Analysis` to findings; adding one is a new file and one line in
//! `FINDERS`.

mod access;
mod callers;
pub mod capacity;
pub mod challenges;
mod clients;
pub mod codes;
mod coverage;
mod denials;
mod double_export;
mod failures;
pub mod filter;
mod grants;
mod identities;
pub mod limits;
pub mod load;
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
    /// Days without use before the end of the log after which an object is stale.
    pub stale_after_days: u32,
}

/// Facts that are judged and cut to the filter, with what helps to read them.
pub(crate) struct Analysis<'f> {
    facts: &'f Facts,
    causes: &'f Causes,
    /// Who is who, from all facts and not only the part in the filter.
    callers: &'f Callers,
    knowledge: &'f Knowledge,
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
    settle(facts, causes, judgement);
    judgement.filter.apply(facts);
}

/// Settles what only all facts together can tell; the number of rows of the requests table.
fn settle(facts: &mut Facts, causes: &Causes, judgement: &Judgement) -> u64 {
    facts.requests.settle();
    let rows = facts.requests.rows() as u64;
    challenges::settle(facts, causes, judgement.challenge_window_s);
    rows
}

/// The report on facts.
pub fn report(mut facts: Facts, causes: &Causes, judgement: &Judgement) -> Report {
    let fact_rows = settle(&mut facts, causes, judgement);
    let knowledge = &judgement.knowledge;
    let callers = Callers::new(&facts, knowledge);
    let grants = Grants::new(knowledge, &facts);
    let outcomes = outcomes(&facts, causes);
    let keys = load::KnownKeys::new(&facts, knowledge);
    let (callers, grants, outcomes) = (&callers, &grants, &outcomes);
    let verdicts = None;
    let all = Analysis { facts: &facts, causes, callers, knowledge, grants, verdicts, outcomes };
    let mut verdicts = Verdicts::new(&all);
    judgement.filter.apply(&mut facts);
    let left = Analysis { facts: &facts, causes, callers, knowledge, grants, verdicts: None, outcomes };
    if !judgement.filter.is_all() {
        verdicts.cut(&left);
    }
    let analysis = Analysis { verdicts: Some(&verdicts), ..left };
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(&analysis)).collect();
    let assumptions = load::Assumptions::default();
    findings.extend(load::patterns::find(&analysis, &load::Demand::new(&analysis, &assumptions, &keys)));
    rank(&mut findings);
    Report {
        schema: SCHEMA,
        tool: tool(causes),
        filter: judgement.filter.echo(),
        coverage: coverage::report(&facts, fact_rows),
        totals: summary::totals(&analysis),
        causes: summary::causes(&analysis),
        vaults: summary::vaults(&analysis),
        callers: summary::callers(&analysis),
        by_caller_operation: summary::by_caller_operation(&analysis),
        timeline: timeline::timeline(&analysis),
        changes: summary::changes(&analysis),
        findings,
        identities: verdicts.identities(),
        access: access::rows(&analysis, &judgement.filter),
        objects: access::objects(&analysis, judgement.stale_after_days),
        knowledge: known(knowledge),
    }
}

/// Gravest first.
fn rank(findings: &mut [Finding]) {
    findings.sort_by(|one, other| {
        let rank =
            |finding: &Finding| (std::cmp::Reverse((finding.severity, finding.count)), finding.id.clone());
        rank(one).cmp(&rank(other))
    });
}

/// What made a report.
fn tool(causes: &Causes) -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        causes_dated: causes.dated().to_owned(),
    }
}

/// How much was known beside the logs.
fn known(knowledge: &Knowledge) -> KnowledgeReport {
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
