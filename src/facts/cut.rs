//! What facts were cut to: a filter as it was understood. It goes with the facts, so that a part of a
//! log never passes for the whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ticks::Ticks;

/// The filter as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FilterEcho {
    /// First second that counts.
    pub since: Option<Ticks>,
    /// First second that no longer counts.
    pub until: Option<Ticks>,
    /// Vault names.
    pub vaults: Vec<String>,
    /// Callers.
    pub callers: Vec<String>,
    /// Operations.
    pub operations: Vec<String>,
    /// Causes.
    pub causes: Vec<String>,
}

impl FilterEcho {
    /// This filter on facts that were cut to `other` before: what it leaves open is as `other` has
    /// it.
    #[must_use]
    pub fn on(self, other: &Self) -> Self {
        let names = |own: Vec<String>, other: &Vec<String>| if own.is_empty() { other.clone() } else { own };
        Self {
            since: self.since.max(other.since),
            until: self.until.into_iter().chain(other.until).min(),
            vaults: names(self.vaults, &other.vaults),
            callers: names(self.callers, &other.callers),
            operations: names(self.operations, &other.operations),
            causes: names(self.causes, &other.causes),
        }
    }
}
