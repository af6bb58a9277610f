//! Which object ids share something: the path of a managed identity, an application id, a name.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;

use super::members::{Member, Members};
use crate::facts::Map;
use crate::record::caller::applications::Applications;
use crate::record::caller::{comparable_name, managed_identity_name};

/// What is shared, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Shared<'f> {
    /// ARM id of a managed identity.
    Path(&'f str),
    /// Application id of a service principal.
    AppId(&'f str),
    /// Name, of persons or of all others.
    Name {
        /// Persons are compared with persons only.
        person: bool,
        /// As it can be compared.
        name: Cow<'f, str>,
    },
}

impl Shared<'_> {
    /// What is shared, in words.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Path(_) => "managed identity",
            Self::AppId(_) => "application id",
            Self::Name { .. } => "name",
        }
    }
}

/// Two or more object ids that share something.
#[derive(Debug)]
pub(super) struct Group<'f> {
    pub(super) shared: Shared<'f>,
    /// Indices of members, by object id.
    pub(super) members: Vec<usize>,
}

/// All groups. One whose members all share something stronger is left out.
pub(super) fn find<'f>(members: &Members<'f>, applications: &Applications) -> Vec<Group<'f>> {
    let mut groups: Vec<Group<'f>> = Vec::new();
    let mut of_member: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (shared, at) in shared(members, applications) {
        let mut covering: Option<BTreeSet<usize>> = None;
        for member in &at {
            let of_this = of_member.get(member).cloned().unwrap_or_default();
            covering = Some(covering.map_or(of_this.clone(), |all| &all & &of_this));
        }
        if covering.is_some_and(|groups| !groups.is_empty()) {
            continue;
        }
        for member in &at {
            of_member.entry(*member).or_default().insert(groups.len());
        }
        let mut sorted = at;
        sorted.sort_by_key(|at| members.list[*at].oid);
        groups.push(Group { shared, members: sorted });
    }
    groups
}

/// What two or more members share, the strongest first, with their indices.
fn shared<'f>(members: &Members<'f>, applications: &Applications) -> Vec<(Shared<'f>, Vec<usize>)> {
    let clients = clients(members);
    // Of tens of thousands of callers nearly all share nothing: most keys have one member.
    let mut all: Map<Shared<'f>, Vec<usize>> = Map::default();
    for (at, member) in members.list.iter().enumerate() {
        if member.is_first_party(applications) {
            continue;
        }
        keys(member, applications, &clients, |key| {
            let of_key = all.entry(key).or_default();
            if of_key.last() != Some(&at) {
                of_key.push(at);
            }
        });
    }
    let mut shared: Vec<_> = all.into_iter().filter(|(_, at)| at.len() > 1).collect();
    shared.sort_unstable();
    shared
}

/// Application ids that persons come through: they tell nobody apart, and make nobody a twin.
fn clients<'f>(members: &Members<'f>) -> IndexSet<&'f str, foldhash::fast::RandomState> {
    let persons = members.list.iter().filter(|member| member.is_person() == Some(true));
    persons.flat_map(|member| member.appids.iter()).collect()
}

/// What a member may share.
fn keys<'f>(
    member: &Member<'f>,
    applications: &Applications,
    clients: &IndexSet<&'f str, foldhash::fast::RandomState>,
    mut add: impl FnMut(Shared<'f>),
) {
    let is_client = |appid: &str| applications.find(appid).is_some() || clients.contains(appid);
    let through_client = member.is_person().is_none() && member.appids.iter().any(is_client);
    let person = member.is_person().unwrap_or_else(|| member.names.iter().any(|name| name.contains('@')));
    member.paths.iter().for_each(|path| add(Shared::Path(path)));
    if !person && !through_client {
        let own = member.appids.iter().filter(|appid| applications.find(appid).is_none());
        own.for_each(|appid| add(Shared::AppId(appid)));
    }
    // Of somebody behind a client that says no more, a name is the client's.
    let names = member.names.iter().filter(|name| !through_client || name.contains('@'));
    for name in names.chain(member.paths.iter().map(managed_identity_name)) {
        let name = comparable_name(name);
        if !name.is_empty() {
            add(Shared::Name { person, name });
        }
    }
}
