//! Brings together what different records show of one caller.
//!
//! Success records show the claims, denials the tenant and sometimes a name; the same object id and
//! application id are one caller. Where records disagree, the value of most requests counts.

use std::collections::BTreeMap;

use super::tally::most_frequent;
use crate::facts::dimensions::{Caller, Ref, Text};
use crate::facts::{Facts, Map};
use crate::record::caller::CallerKind;
use crate::report::CallerIdentity;

/// What tells callers apart.
pub(super) type CallerId = (Option<Text>, Option<Text>);

/// What is known of one caller.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) identity: CallerIdentity,
    pub(super) managed_identity: Option<String>,
    pub(super) resource: Option<String>,
}

/// Everyone that the facts name.
pub(super) struct Callers {
    map: Map<CallerId, Known>,
}

/// Values by the requests that show them.
#[derive(Default)]
struct Votes {
    kind: CallerKind,
    names: BTreeMap<String, u64>,
    tenants: BTreeMap<String, u64>,
    managed_identities: BTreeMap<String, u64>,
    resources: BTreeMap<String, u64>,
}

impl Callers {
    /// Reads all facts.
    pub(super) fn new(facts: &Facts) -> Self {
        let mut votes: Map<CallerId, Votes> = Map::default();
        for (key, series) in facts.requests.iter() {
            let Some(caller) = key.caller.map(|caller| facts.dimensions.callers.get(caller)) else {
                continue;
            };
            let votes = votes.entry((caller.oid, caller.appid)).or_default();
            let count = series.count();
            let vote = |votes: &mut BTreeMap<String, u64>, text: Option<Text>| {
                if let Some(text) = facts.dimensions.text(text) {
                    *votes.entry(text.to_owned()).or_default() += count;
                }
            };
            votes.kind = votes.kind.max(caller.kind);
            vote(&mut votes.names, caller.name);
            vote(&mut votes.tenants, caller.tenant);
            vote(&mut votes.managed_identities, caller.managed_identity);
            vote(&mut votes.resources, caller.resource);
        }
        let known = |(id, votes): (CallerId, Votes)| {
            let text = |text: Option<Text>| facts.dimensions.text(text).map(str::to_owned);
            let identity = CallerIdentity {
                oid: text(id.0),
                appid: text(id.1),
                kind: votes.kind,
                name: most_frequent(&votes.names).cloned(),
                tenant: most_frequent(&votes.tenants).cloned(),
            };
            let managed_identity = most_frequent(&votes.managed_identities).cloned();
            (id, Known { identity, managed_identity, resource: most_frequent(&votes.resources).cloned() })
        };
        Self { map: votes.into_iter().map(known).collect() }
    }

    /// What tells a caller from others.
    pub(super) fn id(facts: &Facts, caller: Option<Ref<Caller>>) -> Option<CallerId> {
        caller.map(|caller| facts.dimensions.callers.get(caller)).map(|caller| (caller.oid, caller.appid))
    }

    /// What is known of a caller.
    pub(super) fn get(&self, id: CallerId) -> Option<&Known> {
        self.map.get(&id)
    }

    /// A caller's identity for the report.
    pub(super) fn identity(&self, id: Option<CallerId>) -> Option<CallerIdentity> {
        id.and_then(|id| self.get(id)).map(|known| known.identity.clone())
    }
}
