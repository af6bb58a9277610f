//! Brings together what different records show of one caller.
//!
//! Success records show the claims, denials the tenant and sometimes a name; the same object id is one
//! caller, whatever client it came through (a person has many). Only where the log holds no object id
//! does the application id tell callers apart. Where records disagree, the value of most requests
//! counts; a name that the log does not hold may come from a directory.

use crate::facts::dimensions::{Caller, Ref, Text};
use crate::facts::{Facts, Map};
use crate::knowledge::{Knowledge, PrincipalKind};
use crate::record::caller::applications::Applications;
use crate::record::caller::{CallerKind, first_party_name, kind_by};
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
struct Votes<'f> {
    kind: CallerKind,
    appids: Vec<(&'f str, u64)>,
    names: Vec<(&'f str, u64)>,
    tenants: Vec<(&'f str, u64)>,
    managed_identities: Vec<(&'f str, u64)>,
    resources: Vec<(&'f str, u64)>,
}

impl Callers {
    /// Reads all facts.
    pub(super) fn new(facts: &Facts, knowledge: &Knowledge, applications: &Applications) -> Self {
        let dimensions = &facts.dimensions;
        let mut requests: Map<Ref<Caller>, u64> = Map::default();
        for (key, series) in facts.requests.iter() {
            if let Some(caller) = key.caller {
                *requests.entry(caller).or_default() += series.count();
            }
        }
        let mut votes: Map<CallerId, Votes<'_>> = Map::default();
        for (caller, count) in requests {
            let caller = dimensions.callers.get(caller);
            let votes = votes.entry(id_of(caller)).or_default();
            let vote = |votes: &mut Vec<_>, text: Option<Text>| {
                votes.extend(dimensions.text(text).map(|text| (text, count)));
            };
            votes.kind = votes.kind.max(kind_by(applications, caller.kind, dimensions.text(caller.appid)));
            vote(&mut votes.appids, caller.appid);
            if dimensions.text(caller.name).is_some_and(is_own_name) {
                vote(&mut votes.names, caller.name);
            }
            vote(&mut votes.tenants, caller.tenant);
            vote(&mut votes.managed_identities, caller.managed_identity);
            vote(&mut votes.resources, caller.resource);
        }
        let known =
            |(id, votes): (CallerId, Votes<'_>)| (id, known(facts, knowledge, applications, id, votes));
        Self { map: votes.into_iter().map(known).collect() }
    }

    /// What tells a caller from others.
    pub(super) fn id(facts: &Facts, caller: Option<Ref<Caller>>) -> Option<CallerId> {
        caller.map(|caller| id_of(facts.dimensions.callers.get(caller)))
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

/// What tells a caller from others: the object id alone where there is one.
pub(super) fn id_of(caller: Caller) -> CallerId {
    (caller.oid, if caller.oid.is_some() { None } else { caller.appid })
}

/// Whether a name is the caller's: Key Vault's own management plane puts its name in the caller clause
/// of whoever asks through it.
pub(super) fn is_own_name(name: &str) -> bool {
    !name.starts_with("KeyVault/")
}

/// The value of most requests, of equals the lowest.
fn elected(mut votes: Vec<(&str, u64)>) -> Option<String> {
    votes.sort_unstable();
    let of_each = votes.chunk_by(|one, other| one.0 == other.0);
    let counts =
        of_each.filter_map(|each| Some((each.first()?.0, each.iter().map(|vote| vote.1).sum::<u64>())));
    counts.rev().max_by_key(|(_, count)| *count).map(|(value, _)| value.to_owned())
}

/// What the votes and the directory come to.
fn known(
    facts: &Facts,
    knowledge: &Knowledge,
    applications: &Applications,
    id: CallerId,
    votes: Votes<'_>,
) -> Known {
    let oid = facts.dimensions.text(id.0);
    let listed = oid.and_then(|oid| knowledge.principals.get(oid));
    let listed_name = || listed.and_then(|listed| listed.upn.clone().or_else(|| listed.name.clone()));
    let kind = match (votes.kind, listed.map(|listed| listed.kind)) {
        (CallerKind::Unknown, Some(PrincipalKind::User)) => CallerKind::User,
        (CallerKind::Unknown | CallerKind::User, Some(PrincipalKind::Guest)) => CallerKind::Guest,
        (CallerKind::Unknown, Some(PrincipalKind::ServicePrincipal)) => CallerKind::App,
        (CallerKind::Unknown | CallerKind::App, Some(PrincipalKind::ManagedIdentity)) => {
            CallerKind::ManagedIdentity
        }
        (kind, _) => kind,
    };
    let listed_appid = || listed.and_then(|listed| listed.appid.clone());
    let appid = elected(votes.appids).or_else(listed_appid);
    // A service goes by the name of the table in use, unless the log names it otherwise.
    let of_service = appid.as_deref().filter(|_| kind == CallerKind::FirstParty);
    let service = || of_service.and_then(|appid| applications.find(appid)).map(|found| found.name.clone());
    let own = elected(votes.names)
        .filter(|name| of_service.is_none_or(|appid| first_party_name(appid) != Some(name.as_str())));
    let name = own.or_else(service).or_else(listed_name);
    let identity =
        CallerIdentity { oid: oid.map(str::to_owned), appid, kind, name, tenant: elected(votes.tenants) };
    let listed_path = || listed.and_then(|listed| listed.managed_identity.clone());
    let managed_identity = elected(votes.managed_identities).or_else(listed_path);
    Known { identity, managed_identity, resource: elected(votes.resources) }
}
