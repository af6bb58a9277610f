//! Everybody who calls or is granted something, by object id, and what they did on each vault. Texts are
//! borrowed from facts and directory: there may be as many members as callers.

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Ref;
use crate::facts::dimensions::{Text, Vault};
use crate::findings::Analysis;
use crate::findings::callers::is_own_name;
use crate::findings::denials::{Need, Needs};
use crate::knowledge::{Knowledge, Principal, PrincipalKind};
use crate::record::caller::applications::{self, Applications};
use crate::record::caller::{CallerKind, kind_by};
use crate::record::operation::Plane;
use crate::report::{MemberReport, MemberVault};
use crate::ticks::Ticks;

/// A few texts in order, each once.
#[derive(Debug, Default)]
pub(super) struct Texts<'f>(Vec<&'f str>);

impl<'f> Texts<'f> {
    fn add(&mut self, text: Option<&'f str>) {
        if let Some(text) = text
            && let Err(at) = self.0.binary_search(&text)
        {
            self.0.insert(at, text);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'f str> {
        self.0.iter().copied()
    }

    pub(super) fn first(&self) -> Option<&'f str> {
        self.0.first().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        self.0.binary_search(&text).is_ok()
    }

    pub(super) fn is_disjoint(&self, other: &Self) -> bool {
        !self.0.iter().any(|text| other.holds(text))
    }
}

/// One object id.
#[derive(Debug, Default)]
pub(super) struct Member<'f> {
    pub(super) oid: &'f str,
    /// The object id as facts have it; none where only a directory names it.
    pub(super) text: Option<Text>,
    pub(super) kind: CallerKind,
    pub(super) names: Texts<'f>,
    pub(super) appids: Texts<'f>,
    pub(super) tenants: Texts<'f>,
    pub(super) paths: Texts<'f>,
    /// A directory lists it.
    pub(super) listed: bool,
    pub(super) uses: BTreeMap<&'f str, Use>,
}

/// What a member did on a vault.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) vault: Option<Ref<Vault>>,
    pub(super) requests: u64,
    pub(super) successes: u64,
    pub(super) denied: u64,
    pub(super) first: Option<Ticks>,
    pub(super) last: Option<Ticks>,
    pub(super) first_success: Option<Ticks>,
    pub(super) last_success: Option<Ticks>,
    pub(super) first_denied: Option<Ticks>,
    pub(super) last_denied: Option<Ticks>,
    pub(super) needs_denied: Vec<Need>,
    pub(super) needs_met: Vec<Need>,
    /// The cause of its denials, the lowest of several.
    pub(super) cause: Option<&'static str>,
}

/// All members.
pub(super) struct Members<'f> {
    /// Those that the facts name by object id, then those of a directory.
    pub(super) list: Vec<Member<'f>>,
    by_oid: Map<&'f str, usize>,
}

impl<'f> Member<'f> {
    /// A person, by what the log and the directory say; `None` where neither does.
    pub(super) fn is_person(&self) -> Option<bool> {
        match self.kind {
            CallerKind::User | CallerKind::Guest => Some(true),
            CallerKind::App | CallerKind::ManagedIdentity | CallerKind::FirstParty => Some(false),
            CallerKind::Unknown => None,
        }
    }

    /// One of Microsoft's own services: an id in each tenant, and nobody's twin.
    pub(super) fn is_first_party(&self, applications: &Applications) -> bool {
        let known = |appid: &str| applications.used_as(appid) == Some(applications::Use::Service);
        self.kind == CallerKind::FirstParty
            || self.appids.iter().any(known)
            || self.names.iter().any(|name| name.starts_with("Microsoft.") && name.contains('/'))
    }

    /// First request.
    pub(super) fn first(&self) -> Option<Ticks> {
        self.uses.values().filter_map(|of_vault| of_vault.first).min()
    }

    /// Last request.
    pub(super) fn last(&self) -> Option<Ticks> {
        self.uses.values().filter_map(|of_vault| of_vault.last).max()
    }

    /// A name to show, else the id.
    pub(super) fn shown(&self) -> String {
        match self.names.first() {
            Some(name) => format!("{name} ({})", self.oid),
            None => self.oid.to_owned(),
        }
    }

    /// For the report.
    pub(super) fn report(&self) -> MemberReport {
        let sum = |field: fn(&Use) -> u64| self.uses.values().map(field).sum();
        MemberReport {
            oid: self.oid.to_owned(),
            appid: self.appids.first().map(str::to_owned),
            tenant: self.tenants.first().map(str::to_owned),
            kind: self.kind.to_string(),
            requests: sum(|of_vault| of_vault.requests),
            denied: sum(|of_vault| of_vault.denied),
            first: self.first(),
            last: self.last(),
            vaults: self
                .uses
                .iter()
                .map(|(vault, of_vault)| MemberVault {
                    vault: (*vault).to_owned(),
                    successes: of_vault.successes,
                    denied: of_vault.denied,
                    first: of_vault.first,
                    last: of_vault.last,
                })
                .collect(),
        }
    }

    /// Takes in what a directory says.
    fn learn(&mut self, listed: &'f Principal) {
        self.listed = true;
        self.names.add(listed.name.as_deref());
        self.names.add(listed.upn.as_deref());
        self.appids.add(listed.appid.as_deref());
        self.tenants.add(listed.tenant.as_deref());
        self.paths.add(listed.managed_identity.as_deref());
        self.kind = match listed.kind {
            _ if !matches!(self.kind, CallerKind::Unknown | CallerKind::App | CallerKind::User) => self.kind,
            PrincipalKind::ServicePrincipal if self.kind == CallerKind::Unknown => CallerKind::App,
            PrincipalKind::ManagedIdentity if self.kind != CallerKind::User => CallerKind::ManagedIdentity,
            PrincipalKind::User if self.kind == CallerKind::Unknown => CallerKind::User,
            PrincipalKind::Guest if self.kind != CallerKind::App => CallerKind::Guest,
            _ => self.kind,
        };
    }
}

impl<'f> Members<'f> {
    /// Everybody that the facts name, and those of a directory who are granted something.
    pub(super) fn new(analysis: &Analysis<'f>) -> Self {
        let dimensions = &analysis.facts.dimensions;
        let mut by_text: Map<Text, Member<'f>> = Map::default();
        for caller in dimensions.callers.iter() {
            let Some(oid) = caller.oid else { continue };
            let member = by_text.entry(oid).or_insert_with(|| Member {
                oid: dimensions.strings.get(oid),
                text: Some(oid),
                ..Member::default()
            });
            let appid = dimensions.text(caller.appid);
            member.kind = member.kind.max(kind_by(analysis.applications, caller.kind, appid));
            member.names.add(dimensions.text(caller.name).filter(|name| is_own_name(name)));
            member.appids.add(appid);
            member.tenants.add(dimensions.text(caller.tenant));
            member.paths.add(dimensions.text(caller.managed_identity));
        }
        let mut all = Self { list: by_text.into_values().collect(), by_oid: Map::default() };
        all.list.sort_unstable_by_key(|member| member.oid);
        all.learn(analysis.knowledge);
        all
    }

    /// Where a member stands in the list.
    pub(super) fn position(&self, oid: &str) -> Option<usize> {
        self.by_oid.get(oid).copied()
    }

    /// What a directory says of those who call, and who else is granted something.
    fn learn(&mut self, knowledge: &'f Knowledge) {
        if knowledge.is_empty() {
            return;
        }
        for member in &mut self.list {
            if let Some(listed) = knowledge.principals.get(member.oid) {
                member.learn(listed);
            }
        }
        self.by_oid = self.list.iter().enumerate().map(|(at, member)| (member.oid, at)).collect();
        let policies =
            knowledge.vaults.values().flat_map(|vault| vault.policies.iter().map(|policy| &policy.oid));
        let granted: BTreeSet<&String> =
            policies.chain(knowledge.assignments.iter().map(|row| &row.principal)).collect();
        // Of an application that is granted something by mistake, the service principal.
        let appids: BTreeSet<&String> = granted
            .iter()
            .filter_map(|oid| knowledge.applications.get(*oid))
            .map(|found| &found.appid)
            .collect();
        let meant = |(oid, listed): &(&String, &Principal)| {
            listed.kind != PrincipalKind::Group
                && (granted.contains(oid)
                    || listed.appid.as_ref().is_some_and(|appid| appids.contains(appid)))
        };
        for (oid, listed) in knowledge.principals.iter().filter(meant) {
            if !self.by_oid.contains_key(oid.as_str()) {
                let mut member = Member { oid, ..Member::default() };
                member.learn(listed);
                self.by_oid.insert(oid, self.list.len());
                self.list.push(member);
            }
        }
    }

    /// Counts what the wanted ones did.
    pub(super) fn count(&mut self, analysis: &Analysis<'f>, wanted: &BTreeSet<usize>) {
        let dimensions = &analysis.facts.dimensions;
        let wanted: Map<Text, usize> =
            wanted.iter().filter_map(|at| Some((self.list.get(*at)?.text?, *at))).collect();
        let mut needs = Needs::default();
        for stream in analysis.streams().filter(|stream| stream.outcome != Outcome::Notification) {
            let oid = stream.oid();
            let Some(member) = oid.and_then(|oid| wanted.get(&oid)).and_then(|at| self.list.get_mut(*at))
            else {
                continue;
            };
            let Some(vault) = dimensions.text(stream.vault) else { continue };
            let of_vault = member.uses.entry(vault).or_default();
            of_vault.vault = of_vault.vault.or(stream.key.vault);
            of_vault.add(stream, needs.of(analysis, stream.key.operation));
        }
        // Who succeeds on a vault is of the tenant that it trusts.
        for at in wanted.values() {
            let Some(member) = self.list.get_mut(*at).filter(|member| member.tenants.is_empty()) else {
                continue;
            };
            let on = member.uses.iter().filter(|(_, of_vault)| of_vault.successes > 0);
            let vaults = &analysis.knowledge.vaults;
            let tenants: Vec<&str> =
                on.filter_map(|(vault, _)| vaults.get(*vault)?.tenant.as_deref()).collect();
            for tenant in tenants {
                member.tenants.add(Some(tenant));
            }
        }
    }
}

impl Use {
    fn add(&mut self, stream: &crate::findings::Stream<'_>, need: Need) {
        let count = stream.count;
        self.requests += count;
        let bounds = stream.bounds();
        widen(&mut self.first, &mut self.last, bounds);
        if stream.outcome == Outcome::Success && stream.key.plane == Plane::Data {
            self.successes += count;
            widen(&mut self.first_success, &mut self.last_success, bounds);
            if !self.needs_met.contains(&need) {
                self.needs_met.push(need);
            }
        } else if stream.is_lacking() {
            self.denied += count;
            widen(&mut self.first_denied, &mut self.last_denied, bounds);
            if !self.needs_denied.contains(&need) {
                self.needs_denied.push(need);
            }
            let cause = crate::findings::denials::LACKING.into_iter().find(|cause| *cause == stream.cause());
            self.cause = self.cause.into_iter().chain(cause).min();
        }
    }
}

fn widen(first: &mut Option<Ticks>, last: &mut Option<Ticks>, bounds: Option<(Ticks, Ticks)>) {
    *first = first.iter().copied().chain(bounds.map(|bounds| bounds.0)).min();
    *last = last.iter().copied().chain(bounds.map(|bounds| bounds.1)).max();
}
