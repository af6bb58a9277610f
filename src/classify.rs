//! Record to cause: what happened, and what shows it.
//!
//! Input: a [`Record`] and the table of [`Causes`]. Output: a [`Verdict`], for every record exactly
//! one. Pure and total: no clock, no state, no record without a verdict. What needs other records
//! (whether a challenge was answered) is judged later, in `findings`, after all facts are merged.

pub mod causes;
pub mod message;
mod pattern;
mod words;

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr};

use crate::record::operation::is_notification;
use crate::record::{AccessFlags, Record};
use causes::{AccessFlag, CauseId, Causes};
use message::{Details, Message};

/// What a verdict rests on.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The message says so.
    Text,
    /// An access flag says so.
    Flag,
    /// The presence or absence of another request says so.
    Pairing,
    /// The status alone; the log holds no more.
    Status,
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The cause.
    pub cause: CauseId,
    /// What it rests on.
    pub basis: Basis,
    /// What the message carries beyond the cause.
    pub details: Option<Arc<Details>>,
}

/// Classifies for one worker, remembering the verdicts on messages: the same few come again and
/// again. Gives what [`Causes::classify`] gives.
#[derive(Debug)]
pub struct Classifier<'c> {
    causes: &'c Causes,
    known: Known,
    /// What was known before `known` was full: messages with ids of their own never end, and must not take
    /// along what comes again and again.
    known_before: Known,
}

/// Messages, each with the status and the flags it came with, and the verdict.
type Known = IndexMap<Box<str>, (u16, AccessFlags, Verdict), foldhash::fast::RandomState>;

/// Messages remembered before those that did not come again since are forgotten.
const REMEMBERED: usize = if cfg!(test) { 3 } else { 4096 };

impl<'c> Classifier<'c> {
    /// Remembers nothing yet.
    pub fn new(causes: &'c Causes) -> Self {
        Self { causes, known: Known::default(), known_before: Known::default() }
    }

    /// The verdict on a record.
    pub fn classify(&mut self, record: &Record<'_>) -> Verdict {
        let (Some(message), Some(status)) = (record.message.as_deref(), record.status()) else {
            return self.causes.classify(record);
        };
        // What is no failure is told without its message.
        if status < 400 || record.operation.as_deref().is_some_and(is_notification) {
            return self.causes.classify(record);
        }
        let same = |known: &&(u16, AccessFlags, Verdict)| known.0 == status && known.1 == record.access;
        if let Some((.., verdict)) = self.known.get(message).filter(same) {
            return verdict.clone();
        }
        let before = self.known_before.get(message).filter(same);
        let verdict = before.map_or_else(|| self.causes.classify(record), |(.., verdict)| verdict.clone());
        // What no pattern matches is told quickly.
        if verdict.details.is_some() || verdict.basis == Basis::Text {
            if self.known.len() >= REMEMBERED {
                self.known_before = std::mem::take(&mut self.known);
            }
            self.known.insert(message.into(), (status, record.access, verdict.clone()));
        }
        verdict
    }
}

impl Causes {
    /// The verdict on a record.
    pub fn classify(&self, record: &Record<'_>) -> Verdict {
        let known = self.known();
        let by_status = |cause| Verdict { cause, basis: Basis::Status, details: None };
        if record.operation.as_deref().is_some_and(is_notification) {
            return by_status(known.notification);
        }
        let Some(status) = record.status().filter(|status| *status >= 400) else {
            return by_status(known.success);
        };
        match &record.message {
            Some(message) => self.classify_failure(status, record, &Message::new(message)),
            None if status == 401 && is_challenge(record) => by_status(known.auth_challenge),
            None => {
                let (cause, basis) = self.without_text(status, record.access);
                Verdict { cause, basis, details: None }
            }
        }
    }

    /// The verdict on a failure that carries a message.
    fn classify_failure(&self, status: u16, record: &Record<'_>, message: &Message) -> Verdict {
        let (cause, basis) = match self.match_text(Some(status), message) {
            Some(cause) => (cause, Basis::Text),
            None => self.without_text(status, record.access),
        };
        let details = message.details();
        Verdict { cause, basis, details: (details != Details::default()).then(|| Arc::new(details)) }
    }

    /// The cause by flag, else by status alone.
    fn without_text(&self, status: u16, access: AccessFlags) -> (CauseId, Basis) {
        let denied = [
            (access.policy_match, AccessFlag::PolicyMatch),
            (access.rbac_authorized, AccessFlag::RbacAuthorized),
            (access.address_authorized, AccessFlag::AddressAuthorized),
        ];
        let by_flag = denied
            .into_iter()
            .filter(|(value, _)| *value == Some(false))
            .find_map(|(_, flag)| self.of_flag(flag, status));
        by_flag.map_or_else(|| (self.of_status(status), Basis::Status), |cause| (cause, Basis::Flag))
    }
}

/// Whether a 401 without a message is the service's answer to a request without a token.
fn is_challenge(record: &Record<'_>) -> bool {
    record.identity.is_empty() && record.operation.as_deref() == Some("Authentication")
}

#[cfg(test)]
mod tests;
