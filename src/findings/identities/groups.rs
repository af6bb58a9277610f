//! Which object ids share something: the path of a managed identity, an application id, a name.

use std::collections::{BTreeMap, BTreeSet};

use super::members::{Member, Members};
use crate::record::caller::{applications, comparable_name, managed_identity_name};

/// What is shared, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shared {
    /// ARM id of a managed identity.
    Path(String),
    /// Application id of a service principal.
    AppId(String),
    /// Name, of persons or of all others.
    Name {
        /// Persons are compared with persons only.
        person: bool,
        /// As it can be compared.
        name: String,
    },
}

impl Shared {
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
pub(super) struct Group {
    pub(super) shared: Shared,
    /// Indices of members, by object id.
    pub(super) members: Vec<usize>,
}

/// All groups. One whose members all share something stronger is left out.
pub(super) fn find(members: &Members) -> Vec<Group> {
    let clients = clients(members);
    let mut shared: BTreeMap<Shared, BTreeSet<usize>> = BTreeMap::new();
    for (at, member) in members.list.iter().enumerate().filter(|(_, member)| !member.is_first_party()) {
        for key in keys(member, &clients) {
            shared.entry(key).or_default().insert(at);
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut of_member: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (shared, at) in shared.into_iter().filter(|(_, at)| at.len() > 1) {
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
        let mut sorted: Vec<usize> = at.into_iter().collect();
        sorted.sort_by(|one, other| members.list[*one].oid.cmp(&members.list[*other].oid));
        groups.push(Group { shared, members: sorted });
    }
    groups
}

/// Application ids that persons come through: they tell nobody apart, and make nobody a twin.
fn clients(members: &Members) -> BTreeSet<&str> {
    let persons = members.list.iter().filter(|member| member.is_person() == Some(true));
    persons.flat_map(|member| member.appids.iter().map(String::as_str)).collect()
}

/// What a member may share.
fn keys(member: &Member, clients: &BTreeSet<&str>) -> Vec<Shared> {
    let is_client = |appid: &String| applications::find(appid).is_some() || clients.contains(appid.as_str());
    let through_client = member.is_person().is_none() && member.appids.iter().any(is_client);
    let person = member.is_person().unwrap_or_else(|| member.names.iter().any(|name| name.contains('@')));
    let mut keys: Vec<Shared> = member.paths.iter().cloned().map(Shared::Path).collect();
    if !person && !through_client {
        let own = member.appids.iter().filter(|appid| applications::find(appid).is_none());
        keys.extend(own.cloned().map(Shared::AppId));
    }
    // Of somebody behind a client that says no more, a name is the client's.
    let names = member.names.iter().filter(|name| !through_client || name.contains('@'));
    let of_paths = member.paths.iter().map(|path| managed_identity_name(path).to_owned());
    for name in names.cloned().chain(of_paths) {
        let name = comparable_name(&name);
        if !name.is_empty() {
            keys.push(Shared::Name { person, name });
        }
    }
    keys
}
