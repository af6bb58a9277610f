//! Findings of every kind in one order, and the texts of those that are told.
//!
//! Input: findings that are texts already, and the analysis, whose failures are not. Output: [`Told`].

use rayon::prelude::*;

use super::Analysis;
use super::advice::{Most, Ranked, Topic, choose};
use super::failures::{self, Failures, Teller};
use crate::classify::causes::Severity;
use crate::report::{Advice, Finding, InAll};

/// A finding.
enum Found<'f> {
    /// One with its texts.
    Told(Box<Finding>),
    /// Failures.
    Failures(Failures<'f>),
}

impl Found<'_> {
    fn ranked(&self) -> &dyn Ranked {
        match self {
            Self::Told(finding) => finding.as_ref(),
            Self::Failures(failures) => failures,
        }
    }
}

impl Ranked for Found<'_> {
    fn gravity(&self) -> (Severity, u64) {
        self.ranked().gravity()
    }

    fn id(&self) -> &str {
        self.ranked().id()
    }

    fn topic(&self) -> Topic<'_> {
        self.ranked().topic()
    }

    fn object(&self) -> Option<&str> {
        self.ranked().object()
    }

    fn is_explained(&self) -> bool {
        self.ranked().is_explained()
    }
}

/// What a report tells.
pub(super) struct Told {
    /// Gravest first.
    pub(super) findings: Vec<Finding>,
    pub(super) advice: Vec<Advice>,
    pub(super) in_all: InAll,
}

/// Tells the findings that are asked for.
pub(super) fn told(analysis: &Analysis<'_>, findings: Vec<Finding>, most: Most) -> Told {
    let mut found: Vec<Found<'_>> = failures::find(analysis).map(Found::Failures).collect();
    let all_failures = found.iter().map(|failures| failures.ranked().gravity().1).sum();
    found.extend(findings.into_iter().map(|finding| Found::Told(Box::new(finding))));
    let chosen = choose(&found, most);
    let groups = chosen.places.iter().filter_map(|at| match &found[*at] {
        Found::Failures(failures) => Some(failures),
        Found::Told(_) => None,
    });
    let teller = Teller::new(analysis, groups, all_failures);
    let finding = |found: Found<'_>| match found {
        Found::Failures(failures) => teller.finding(&failures),
        Found::Told(finding) => *finding,
    };
    let findings = chosen.take(found).into_par_iter().map(finding).collect();
    Told { findings, advice: chosen.advice, in_all: chosen.in_all }
}
