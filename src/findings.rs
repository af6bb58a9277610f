//! Facts to report: all judgement, after all merging.
//!
//! Input: merged [`Facts`] and the table of causes. Output: [`Report`]. Nothing here knows how many
//! files, nights or machines the facts came from. This is the only place that divides.
//!
//! A finder is a function from `Analysis` to findings; adding one is a new file and one line in
//! `FINDERS`.

mod access;
pub mod advice;
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
mod found;
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

use rayon::prelude::*;

use crate::classify::causes::{Causes, Severity};
use crate::facts::Facts;
use crate::knowledge::Knowledge;
use crate::knowledge::roles::Roles;
use crate::record::caller::applications::Applications;
use crate::report::{Finding, InAll, KnowledgeReport, Report, SCHEMA, Tool};
use advice::Most;
use callers::Callers;
use filter::Filter;
use grants::Grants;
use load::{Assumptions, Demand, KnownKeys, Weights};
use streams::{KnownCauses, Order, Stream, Streams};
use verdicts::Verdicts;

/// Every kind of finding but failures, which are told one by one where somebody reads them, and patterns of
/// load, which are found in the demand.
const FINDERS: &[fn(&Analysis<'_>) -> Vec<Finding>] = &[verdicts::find, clients::find, double_export::find];

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
    /// Findings that are told.
    pub findings: Most,
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
            tables: Tables { by_caller_operation: true, access: true, findings: Most::ALL },
        }
    }
}

/// Facts that are judged and cut to the filter, with what helps to read them.
#[derive(Clone, Copy)]
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
    fn streams(&self) -> impl Iterator<Item = &'f Stream<'f>> {
        self.streams.as_slice().iter()
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
    report_on(&mut facts, causes, judgement)
}

/// The report on facts that the caller keeps: they are settled, and cut to the filter.
pub fn report_on(facts: &mut Facts, causes: &Causes, judgement: &Judgement) -> Report {
    let fact_rows = settle(facts, causes, judgement);
    let Judgement { knowledge, applications, filter, .. } = judgement;
    let ((callers, grants), (keys, mut order)) = rayon::join(
        || {
            let callers = Callers::new(facts, knowledge, applications);
            (callers, Grants::new(knowledge, &judgement.roles, facts))
        },
        || rayon::join(|| KnownKeys::new(facts, knowledge), || Order::new(facts)),
    );
    order.arrange(facts);
    let (callers, grants, keys) = (&callers, &grants, &keys);
    let mut verdicts = {
        // They end with this block: what a filter leaves has streams of its own.
        let known = KnownCauses::new(facts, causes);
        let (facts, streams) = (&*facts, &Streams::new(facts, &known, order));
        let all =
            Analysis { facts, causes, callers, knowledge, applications, grants, streams, verdicts: None };
        if filter.is_all() {
            return told(all, judgement, keys, fact_rows, None);
        }
        Verdicts::new(&all)
    };
    filter.apply(facts, knowledge);
    let mut order = Order::new(facts);
    order.arrange(facts);
    let known = KnownCauses::new(facts, causes);
    let (facts, streams) = (&*facts, &Streams::new(facts, &known, order));
    let left = Analysis { facts, causes, callers, knowledge, applications, grants, streams, verdicts: None };
    verdicts.cut(&left);
    told(left, judgement, keys, fact_rows, Some(verdicts))
}

/// Fills the report. Verdicts are judged here where a filter did not ask for them before.
fn told(
    analysis: Analysis<'_>,
    judgement: &Judgement,
    keys: &KnownKeys<'_>,
    fact_rows: u64,
    verdicts: Option<Verdicts>,
) -> Report {
    let assumptions = Assumptions::default();
    let by_load = || {
        let weights = Weights::new(&analysis, &assumptions, keys);
        let demand = Demand::new(&analysis, &weights);
        rayon::join(|| load::patterns::find(&analysis, &demand), || capacity::headroom(&demand))
    };
    let by_verdicts = || {
        let verdicts = verdicts.unwrap_or_else(|| Verdicts::new(&analysis));
        let found: Vec<Vec<Finding>> = {
            let analysis = Analysis { verdicts: Some(&verdicts), ..analysis };
            FINDERS.par_iter().map(|find| find(&analysis)).collect()
        };
        (found.concat(), verdicts)
    };
    let ((patterns, headroom), ((mut findings, verdicts), tables)) =
        rayon::join(by_load, || rayon::join(by_verdicts, || tables(&analysis, judgement, fact_rows)));
    findings.extend(patterns);
    let analysis = Analysis { verdicts: Some(&verdicts), ..analysis };
    let told = found::told(&analysis, findings, judgement.tables.findings);
    Report {
        findings: told.findings,
        advice: told.advice,
        in_all: told.in_all,
        identities: verdicts.identities(),
        headroom,
        ..tables
    }
}

/// Fills what needs neither verdicts nor demand.
fn tables(analysis: &Analysis<'_>, judgement: &Judgement, fact_rows: u64) -> Report {
    let wanted = judgement.tables;
    let mut report = Report {
        schema: SCHEMA,
        tool: tool(analysis.causes),
        filter: judgement.filter.echo(),
        coverage: coverage::report(analysis.facts, fact_rows),
        totals: summary::totals(analysis),
        causes: Vec::new(),
        vaults: Vec::new(),
        callers: Vec::new(),
        by_caller_operation: Vec::new(),
        timeline: None,
        changes: summary::changes(analysis),
        findings: Vec::new(),
        advice: Vec::new(),
        in_all: InAll::default(),
        identities: Vec::new(),
        access: Vec::new(),
        objects: Vec::new(),
        headroom: Vec::new(),
        knowledge: knowledge_report(analysis.knowledge),
    };
    let Report { causes, vaults, callers, by_caller_operation, timeline, access, objects, .. } = &mut report;
    rayon::scope(|scope| {
        scope.spawn(|_| *causes = summary::causes(analysis));
        scope.spawn(|_| *vaults = summary::vaults(analysis));
        scope.spawn(|_| *callers = summary::callers(analysis));
        scope.spawn(|_| *timeline = timeline::timeline(analysis));
        scope.spawn(|_| *objects = access::objects(analysis, judgement.stale_after_days));
        scope.spawn(|_| {
            *by_caller_operation =
                filled(wanted.by_caller_operation, || summary::by_caller_operation(analysis));
        });
        scope.spawn(|_| *access = filled(wanted.access, || access::rows(analysis, &judgement.filter)));
    });
    report
}

/// A table, where it is to be filled.
fn filled<T>(wanted: bool, table: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if wanted { table() } else { Vec::new() }
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
    report.in_all.gravest.is_some_and(|gravest| gravest >= at_least)
}
