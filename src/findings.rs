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
mod labels;
pub mod limits;
pub mod load;
mod streams;
mod summary;
mod tally;
mod timeline;
mod verdicts;
pub(crate) mod wording;

use crate::classify::causes::{Causes, Severity};
use crate::facts::Facts;
use crate::knowledge::Knowledge;
use crate::knowledge::roles::Roles;
use crate::record::caller::applications::Applications;
use crate::report::{Finding, KnowledgeReport, Report, SCHEMA, Tool};
use callers::Callers;
use filter::Filter;
use grants::Grants;
use load::{Assumptions, Demand, KnownKeys};
use streams::{Stream, Streams};
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
    streams: &'f Streams<'f>,
    /// What was judged from all facts; none while it is being judged.
    verdicts: Option<&'f Verdicts>,
}

impl<'f> Analysis<'f> {
    /// Every stream, by caller, vault, operation and object.
    fn streams(&self) -> impl Iterator<Item = Stream<'f>> {
        self.streams.iter()
    }
}

/// Settles what only all facts together can tell, and cuts the facts to the filter.
pub fn judge(facts: &mut Facts, causes: &Causes, judgement: &Judgement) {
    settle(facts, causes, judgement);
    judgement.filter.apply(facts, &judgement.knowledge);
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
    let Judgement { knowledge, applications, .. } = judgement;
    let callers = Callers::new(&facts, knowledge, applications);
    let grants = Grants::new(knowledge, &judgement.roles, &facts);
    let keys = KnownKeys::new(&facts, knowledge);
    let (callers, grants) = (&callers, &grants);
    let mut verdicts = {
        let streams = &Streams::new(&facts, causes);
        let facts = &facts;
        let all =
            Analysis { facts, causes, callers, knowledge, applications, grants, streams, verdicts: None };
        let verdicts = Verdicts::new(&all);
        if judgement.filter.is_all() {
            return told(&Analysis { verdicts: Some(&verdicts), ..all }, judgement, &keys, fact_rows);
        }
        verdicts
    };
    judgement.filter.apply(&mut facts, knowledge);
    let streams = &Streams::new(&facts, causes);
    let left =
        Analysis { facts: &facts, causes, callers, knowledge, applications, grants, streams, verdicts: None };
    verdicts.cut(&left);
    told(&Analysis { verdicts: Some(&verdicts), ..left }, judgement, &keys, fact_rows)
}

/// Fills the report.
fn told(analysis: &Analysis<'_>, judgement: &Judgement, keys: &KnownKeys<'_>, fact_rows: u64) -> Report {
    let assumptions = Assumptions::default();
    let demand = Demand::new(analysis, &assumptions, keys);
    let mut findings: Vec<Finding> = FINDERS.iter().flat_map(|find| find(analysis)).collect();
    findings.extend(load::patterns::find(analysis, &demand));
    rank(&mut findings);
    let tables = judgement.tables;
    Report {
        schema: SCHEMA,
        tool: tool(analysis.causes),
        filter: judgement.filter.echo(),
        coverage: coverage::report(analysis.facts, fact_rows),
        totals: summary::totals(analysis),
        causes: summary::causes(analysis),
        vaults: summary::vaults(analysis),
        callers: summary::callers(analysis),
        by_caller_operation: filled(tables.by_caller_operation, || summary::by_caller_operation(analysis)),
        timeline: timeline::timeline(analysis),
        changes: summary::changes(analysis),
        findings,
        identities: analysis.verdicts.map_or_else(Vec::new, Verdicts::identities),
        access: filled(tables.access, || access::rows(analysis, &judgement.filter)),
        objects: access::objects(analysis, judgement.stale_after_days),
        headroom: capacity::headroom(&demand),
        knowledge: knowledge_report(analysis.knowledge),
    }
}

/// A table, where it is to be filled.
fn filled<T>(wanted: bool, table: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if wanted { table() } else { Vec::new() }
}

/// Gravest first.
fn rank(findings: &mut [Finding]) {
    findings.sort_by(|one, other| {
        let gravity = |finding: &Finding| std::cmp::Reverse((finding.severity, finding.count));
        gravity(one).cmp(&gravity(other)).then_with(|| one.id.cmp(&other.id))
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
