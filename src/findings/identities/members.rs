//! Everybody who calls or is granted something, by object id, and what they did on each vault.

use std::collections::{BTreeMap, BTreeSet};

use crate::classify::causes::Outcome;
use crate::facts::Map;
use crate::facts::dimensions::Ref;
use crate::facts::dimensions::{Text, Vault};
use crate::findings::Analysis;
use crate::findings::callers::is_own_name;
use crate::findings::denials::{Need, Needs, is_lacking};
use crate::knowledge::{Principal, PrincipalKind};
use crate::record::caller::{CallerKind, applications};
use crate::record::operation::Plane;
use crate::report::{MemberReport, MemberVault};
use crate::ticks::Ticks;

/// One object id.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) oid: String,
    /// The object id as facts have it; none where only a directory names it.
    pub(super) text: Option<Text>,
    pub(super) kind: CallerKind,
    pub(super) names: BTreeSet<String>,
    pub(super) appids: BTreeSet<String>,
    pub(super) tenants: BTreeSet<String>,
    pub(super) paths: BTreeSet<String>,
    /// A directory lists it.
    pub(super) listed: bool,
    pub(super) uses: BTreeMap<String, Use>,
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
pub(super) struct Members {
    pub(super) list: Vec<Member>,
    pub(super) by_oid: BTreeMap<String, usize>,
}

impl Member {
    /// A person, by what the log and the directory say; `None` where neither does.
    pub(super) fn is_person(&self) -> Option<bool> {
        match self.kind {
            CallerKind::User | CallerKind::Guest => Some(true),
            CallerKind::App | CallerKind::ManagedIdentity | CallerKind::FirstParty => Some(false),
            CallerKind::Unknown => None,
        }
    }

    /// One of Microsoft's own services: an id in each tenant, and nobody's twin.
    pub(super) fn is_first_party(&self) -> bool {
        let known = |appid: &String| {
            applications::find(appid).is_some_and(|found| found.used_as == applications::Use::Service)
        };
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
        match self.names.iter().next() {
            Some(name) => format!("{name} ({})", self.oid),
            None => self.oid.clone(),
        }
    }

    /// For the report.
    pub(super) fn report(&self) -> MemberReport {
        let sum = |field: fn(&Use) -> u64| self.uses.values().map(field).sum();
        MemberReport {
            oid: self.oid.clone(),
            appid: self.appids.first().cloned(),
            tenant: self.tenants.first().cloned(),
            kind: self.kind.to_string(),
            requests: sum(|of_vault| of_vault.requests),
            denied: sum(|of_vault| of_vault.denied),
            first: self.first(),
            last: self.last(),
            vaults: self
                .uses
                .iter()
                .map(|(vault, of_vault)| MemberVault {
                    vault: vault.clone(),
                    successes: of_vault.successes,
                    denied: of_vault.denied,
                    first: of_vault.first,
                    last: of_vault.last,
                })
                .collect(),
        }
    }

    /// Takes in what a directory says.
    fn learn(&mut self, listed: &Principal) {
        self.listed = true;
        self.names.extend([&listed.name, &listed.upn].into_iter().flatten().cloned());
        self.appids.extend(listed.appid.clone());
        self.tenants.extend(listed.tenant.clone());
        self.paths.extend(listed.managed_identity.clone());
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

impl Members {
    /// Everybody that the facts name, and those of a directory who are granted something.
    pub(super) fn new(analysis: &Analysis<'_>) -> Self {
        let dimensions = &analysis.facts.dimensions;
        let mut by_text: Map<Text, Member> = Map::default();
        for caller in dimensions.callers.iter() {
            let Some(oid) = caller.oid else { continue };
            let member = by_text.entry(oid).or_insert_with(|| Member {
                oid: dimensions.strings.get(oid).to_owned(),
                text: Some(oid),
                ..Member::default()
            });
            let own = |text: Option<Text>| dimensions.text(text).map(str::to_owned);
            member.kind = member.kind.max(caller.kind);
            member.names.extend(own(caller.name).filter(|name| is_own_name(name)));
            member.appids.extend(own(caller.appid));
            member.tenants.extend(own(caller.tenant));
            member.paths.extend(own(caller.managed_identity));
        }
        let mut all = Self { list: by_text.into_values().collect(), by_oid: BTreeMap::new() };
        all.list.sort_by(|one, other| one.oid.cmp(&other.oid));
        all.by_oid = all.list.iter().enumerate().map(|(at, member)| (member.oid.clone(), at)).collect();
        all.learn(analysis);
        all
    }

    /// What a directory says of those who call, and who else is granted something.
    fn learn(&mut self, analysis: &Analysis<'_>) {
        let knowledge = analysis.knowledge;
        for (oid, at) in &self.by_oid {
            if let (Some(listed), Some(member)) = (knowledge.principals.get(oid), self.list.get_mut(*at)) {
                member.learn(listed);
            }
        }
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
            if !self.by_oid.contains_key(oid) {
                let mut member = Member { oid: oid.clone(), ..Member::default() };
                member.learn(listed);
                self.by_oid.insert(oid.clone(), self.list.len());
                self.list.push(member);
            }
        }
    }

    /// Counts what the wanted ones did.
    pub(super) fn count(&mut self, analysis: &Analysis<'_>, wanted: &BTreeSet<usize>) {
        let dimensions = &analysis.facts.dimensions;
        let wanted: Map<Text, usize> =
            wanted.iter().filter_map(|at| Some((self.list.get(*at)?.text?, *at))).collect();
        let mut needs = Needs::default();
        for stream in analysis.streams().filter(|stream| stream.outcome != Outcome::Notification) {
            let oid = stream.key.caller.and_then(|caller| dimensions.callers.get(caller).oid);
            let Some(member) = oid.and_then(|oid| wanted.get(&oid)).and_then(|at| self.list.get_mut(*at))
            else {
                continue;
            };
            let Some(vault) = dimensions.vault_row(stream.key.vault).name else { continue };
            let of_vault = member.uses.entry(vault.to_owned()).or_default();
            of_vault.vault = of_vault.vault.or(stream.key.vault);
            of_vault.add(&stream, needs.of(analysis, stream.key.operation));
        }
        // Who succeeds on a vault is of the tenant that it trusts.
        for at in wanted.values() {
            let Some(member) = self.list.get_mut(*at).filter(|member| member.tenants.is_empty()) else {
                continue;
            };
            let on = member.uses.iter().filter(|(_, of_vault)| of_vault.successes > 0);
            let tenants = on.filter_map(|(vault, _)| analysis.knowledge.vaults.get(vault)?.tenant.clone());
            member.tenants = tenants.collect();
        }
    }
}

impl Use {
    fn add(&mut self, stream: &crate::findings::Stream<'_>, need: Need) {
        let count = stream.series.count();
        self.requests += count;
        let bounds = stream.series.bounds();
        widen(&mut self.first, &mut self.last, bounds);
        if stream.outcome == Outcome::Success && stream.key.plane == Plane::Data {
            self.successes += count;
            widen(&mut self.first_success, &mut self.last_success, bounds);
            if !self.needs_met.contains(&need) {
                self.needs_met.push(need);
            }
        } else if is_lacking(stream.cause) {
            self.denied += count;
            widen(&mut self.first_denied, &mut self.last_denied, bounds);
            if !self.needs_denied.contains(&need) {
                self.needs_denied.push(need);
            }
            let cause = crate::findings::denials::LACKING.into_iter().find(|cause| *cause == stream.cause);
            self.cause = self.cause.into_iter().chain(cause).min();
        }
    }
}

fn widen(first: &mut Option<Ticks>, last: &mut Option<Ticks>, bounds: Option<(Ticks, Ticks)>) {
    *first = first.iter().copied().chain(bounds.map(|bounds| bounds.0)).min();
    *last = last.iter().copied().chain(bounds.map(|bounds| bounds.1)).max();
}
