//! Who is granted what, by the policies and role assignments that were given.
//!
//! Where a group is granted, a caller may be its member: that is not known, and said so.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Facts;
use crate::facts::rows::VaultRow;
use crate::knowledge::roles::Roles;
use crate::knowledge::{Assignment, Knowledge, PrincipalKind, VaultGrants};
use crate::record::operation::{action_of, permissions};

/// One thing that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Right<'r> {
    /// `secrets get`.
    pub(super) permission: &'r str,
    /// `secrets/getSecret/action`.
    pub(super) action: &'r str,
}

/// The grants that were given, by who has them.
pub(super) struct Grants<'k> {
    /// Access policies by vault name.
    policies: BTreeMap<&'k str, Policies<'k>>,
    /// Role assignments by object id.
    assignments: BTreeMap<&'k str, Vec<&'k Assignment>>,
    /// Role assignments to groups, or to what may be one.
    to_groups: Vec<&'k Assignment>,
    /// Vaults whose role assignments were given: some of them hold on it, and it does not decide by
    /// policies.
    told_by_roles: BTreeSet<String>,
    /// What roles grant.
    pub(super) roles: &'k Roles,
}

/// The access policies of a vault.
#[derive(Default)]
struct Policies<'k> {
    own: BTreeMap<&'k str, BTreeSet<&'k str>>,
    /// On behalf of users only.
    on_behalf: BTreeMap<&'k str, BTreeSet<&'k str>>,
    groups: BTreeSet<&'k str>,
}

impl<'k> Grants<'k> {
    /// Reads who calls, so that it is no group, and who is granted what.
    pub(super) fn new(knowledge: &'k Knowledge, roles: &'k Roles, facts: &Facts) -> Self {
        let mut all = Self {
            policies: BTreeMap::new(),
            assignments: BTreeMap::new(),
            to_groups: Vec::new(),
            told_by_roles: BTreeSet::new(),
            roles,
        };
        if !knowledge.tells_grants() {
            return all;
        }
        let dimensions = &facts.dimensions;
        all.told_by_roles = told_by_roles(knowledge, facts);
        let callers: BTreeSet<&str> =
            dimensions.callers.iter().filter_map(|caller| dimensions.text(caller.oid)).collect();
        for (vault, grants) in knowledge.vaults.iter().filter(|(_, grants)| decides_by_policy(grants)) {
            all.policies.insert(vault, policies(knowledge, &callers, grants));
        }
        for row in &knowledge.assignments {
            all.assignments.entry(&row.principal).or_default().push(row);
            if row.group || may_be_group(knowledge, &callers, &row.principal) {
                all.to_groups.push(row);
            }
        }
        all
    }

    /// Whether a caller is granted something on a vault (or one object of it); `None` where what was
    /// given does not tell.
    pub(super) fn of(
        &self,
        vault: &VaultRow<'_>,
        oid: &str,
        right: Right<'_>,
        object: Option<&str>,
    ) -> Option<bool> {
        match self.policies.get(vault.name?) {
            Some(policies) => policies.grant(oid, right.permission),
            None if !self.tells_roles(vault) => None,
            None => self.by_role(vault, oid, right, object),
        }
    }

    fn tells_roles(&self, vault: &VaultRow<'_>) -> bool {
        vault.name.is_some_and(|name| self.told_by_roles.contains(name))
    }

    fn by_role(
        &self,
        vault: &VaultRow<'_>,
        oid: &str,
        right: Right<'_>,
        object: Option<&str>,
    ) -> Option<bool> {
        let own = self.assignments.get(oid).map_or(&[][..], Vec::as_slice);
        let mut result = Some(false);
        for row in own.iter().filter(|row| applies(row, vault, object)) {
            match self.roles.holds(row, right.action) {
                Some(true) if !row.condition => return Some(true),
                Some(false) => {}
                _ => result = None,
            }
        }
        let mut groups =
            self.to_groups.iter().filter(|row| row.principal != oid && applies(row, vault, object));
        if groups.any(|row| self.roles.holds(row, right.action) != Some(false)) {
            result = None;
        }
        result
    }

    /// Who is named on a vault by policies, or by roles that grant anything in it.
    pub(super) fn named_on(&self, vault: &VaultRow<'_>) -> BTreeSet<&'k str> {
        let Some(name) = vault.name else { return BTreeSet::new() };
        if let Some(policies) = self.policies.get(name) {
            return policies.own.keys().chain(policies.on_behalf.keys()).copied().collect();
        }
        // A role without data actions grants nothing on a vault's contents.
        let on_it = self.assignments.iter().filter(|(_, rows)| {
            rows.iter().any(|row| applies(row, vault, None) && self.roles.holds_any(row) != Some(false))
        });
        on_it.map(|(oid, _)| *oid).collect()
    }

    /// Everything that is surely granted on a whole vault: object id, permission, action.
    pub(super) fn granted_on(
        &self,
        vault: &VaultRow<'_>,
    ) -> BTreeSet<(&'k str, String, Option<&'static str>)> {
        let mut all = BTreeSet::new();
        let Some(name) = vault.name else { return all };
        if let Some(policies) = self.policies.get(name) {
            for (oid, words) in &policies.own {
                for word in words {
                    let kind = word.strip_suffix("all");
                    for known in
                        permissions().filter(|known| kind.is_some_and(|kind| known.policy.starts_with(kind)))
                    {
                        all.insert((*oid, known.policy.to_owned(), Some(known.action)));
                    }
                    if kind.is_none() {
                        all.insert((*oid, (*word).to_owned(), action_of(word)));
                    }
                }
            }
            return all;
        }
        if !self.tells_roles(vault) {
            return all;
        }
        for (oid, rows) in &self.assignments {
            for row in rows.iter().filter(|row| !row.condition && applies(row, vault, None)) {
                for known in permissions().filter(|known| self.roles.holds(row, known.action) == Some(true)) {
                    all.insert((*oid, known.policy.to_owned(), Some(known.action)));
                }
            }
        }
        all
    }

    /// Whether a vault decides by roles, as far as what was given tells.
    pub(super) fn by_roles(&self, vault: &VaultRow<'_>) -> bool {
        vault.name.is_none_or(|name| !self.policies.contains_key(name))
    }
}

impl Policies<'_> {
    fn grant(&self, oid: &str, permission: &str) -> Option<bool> {
        let wanted = permission.to_ascii_lowercase();
        let all = format!("{} all", wanted.split(' ').next().unwrap_or_default());
        let holds = |words: &BTreeSet<&str>| words.contains(wanted.as_str()) || words.contains(all.as_str());
        if self.own.get(oid).is_some_and(holds) {
            Some(true)
        } else if self.on_behalf.get(oid).is_some_and(holds) || holds(&self.groups) {
            // The log does not tell whether it was on behalf of a user, nor who is in a group.
            None
        } else {
            Some(false)
        }
    }
}

/// The vaults whose requests carry the flag of access policies and none that of roles.
fn by_policies(facts: &Facts) -> BTreeSet<String> {
    let (mut policies, mut roles) = (BTreeSet::new(), BTreeSet::new());
    for (key, _) in facts.requests.iter() {
        let name = facts.dimensions.vault_row(key.vault).name;
        if key.access.policy_match.is_some() {
            policies.extend(name);
        }
        if key.access.rbac_authorized.is_some() {
            roles.extend(name);
        }
    }
    policies.difference(&roles).map(|name| (*name).to_owned()).collect()
}

/// The vaults whose role assignments were given.
fn told_by_roles(knowledge: &Knowledge, facts: &Facts) -> BTreeSet<String> {
    let by_policies = by_policies(facts);
    let rows = facts.dimensions.vaults.iter().map(|vault| facts.dimensions.vault_row_of(vault));
    let told = rows.filter(|row| knowledge.assignments.iter().any(|assignment| reaches(assignment, row)));
    let names: BTreeSet<String> = told.filter_map(|row| row.name).map(str::to_owned).collect();
    names.difference(&by_policies).cloned().collect()
}

fn decides_by_policy(grants: &VaultGrants) -> bool {
    !grants.rbac && !grants.hsm
}

fn policies<'k>(knowledge: &Knowledge, callers: &BTreeSet<&str>, grants: &'k VaultGrants) -> Policies<'k> {
    let mut all = Policies::default();
    for policy in &grants.policies {
        let words = policy.permissions.iter().map(String::as_str);
        if policy.application.is_some() {
            all.on_behalf.entry(&policy.oid).or_default().extend(words);
            continue;
        }
        if may_be_group(knowledge, callers, &policy.oid) {
            all.groups.extend(words.clone());
        }
        all.own.entry(&policy.oid).or_default().extend(words);
    }
    all
}

/// Whether an object id may be a group: it is listed as one, or nobody knows it.
fn may_be_group(knowledge: &Knowledge, callers: &BTreeSet<&str>, oid: &str) -> bool {
    match knowledge.principals.get(oid) {
        Some(listed) => listed.kind == PrincipalKind::Group,
        None => !callers.contains(oid) && !knowledge.applications.contains_key(oid),
    }
}

/// Whether an assignment's scope holds a vault, or an object of it.
fn applies(assignment: &Assignment, vault: &VaultRow<'_>, object: Option<&str>) -> bool {
    let scope = assignment.scope.as_str();
    if vault.hsm {
        let on_key = |key: &str| object.is_some_and(|object| object == format!("keys/{key}"));
        return assignment.is_hsm() && scope.strip_prefix("/keys/").is_none_or(on_key);
    }
    if scope == "/" || scope.starts_with("/providers/microsoft.management/") {
        return true;
    }
    let Some(id) = vault_id(vault) else { return false };
    let holds = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    holds(scope, &id) || object.is_some_and(|object| holds(scope, &format!("{id}/{object}")))
}

/// Whether an assignment's scope holds a vault or lies in it.
fn reaches(assignment: &Assignment, vault: &VaultRow<'_>) -> bool {
    let inside = || vault_id(vault).is_some_and(|id| assignment.scope.starts_with(&format!("{id}/")));
    applies(assignment, vault, None) || (vault.hsm && assignment.is_hsm()) || (!vault.hsm && inside())
}

/// The ARM id of a vault in lower case.
fn vault_id(vault: &VaultRow<'_>) -> Option<String> {
    let (subscription, group, name) = (vault.subscription?, vault.resource_group?, vault.name?);
    Some(format!(
        "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.keyvault/vaults/{name}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::dimensions::{Caller, Vault};

    const GET: Right<'static> = Right { permission: "secrets get", action: "secrets/getSecret/action" };

    fn vault() -> VaultRow<'static> {
        VaultRow { name: Some("kv"), hsm: false, subscription: Some("s"), resource_group: Some("r") }
    }

    fn of(knowledge: &str, oid: &str, object: Option<&str>) -> Option<bool> {
        let mut known = Knowledge::new();
        known.add(knowledge.as_bytes()).unwrap();
        let mut facts = Facts::new();
        for caller in ["a", "b"] {
            let oid = Some(facts.dimensions.strings.intern(caller));
            facts.dimensions.callers.intern(Caller { oid, ..Caller::default() });
        }
        let [name, subscription, group] = ["kv", "s", "r"].map(|text| facts.dimensions.strings.intern(text));
        let (subscription, resource_group) = (Some(subscription), Some(group));
        facts.dimensions.vaults.intern(Vault { name, hsm: false, subscription, resource_group });
        Grants::new(&known, Roles::built_in(), &facts).of(&vault(), oid, GET, object)
    }

    #[test]
    fn policies_tell_who_is_granted() {
        let policies = |list: &str| {
            format!(r#"{{"name":"kv","properties":{{"vaultUri":"u","accessPolicies":[{list}]}}}}"#)
        };
        let own = r#"{"objectId":"a","permissions":{"secrets":["Get"]}}"#;
        assert_eq!(of(&policies(own), "a", None), Some(true));
        assert_eq!(of(&policies(own), "b", None), Some(false));
        let all = r#"{"objectId":"a","permissions":{"secrets":["all"]}}"#;
        assert_eq!(of(&policies(all), "a", None), Some(true));
        let group = r#"{"objectId":"g","permissions":{"secrets":["get"]}}"#;
        assert_eq!(of(&policies(group), "b", None), None, "g may be a group");
        let on_behalf = r#"{"objectId":"a","applicationId":"x","permissions":{"secrets":["get"]}}"#;
        assert_eq!(of(&policies(on_behalf), "a", None), None);
    }

    #[test]
    fn roles_tell_who_is_granted() {
        let role = |scope: &str, rest: &str| {
            format!(
                r#"[{{"principalId":"a","roleDefinitionName":"Key Vault Secrets User","scope":"{scope}"{rest}}}]"#
            )
        };
        for scope in ["/subscriptions/S", "/subscriptions/s/resourceGroups/R", "/"] {
            assert_eq!(of(&role(scope, ""), "a", None), Some(true), "{scope}");
        }
        assert_eq!(of(&role("/subscriptions/s2", ""), "a", None), None, "roles of other places");
        let secret = "/subscriptions/s/resourcegroups/r/providers/Microsoft.KeyVault/vaults/kv/secrets/db";
        assert_eq!(of(&role(secret, ""), "a", Some("secrets/db")), Some(true));
        assert_eq!(of(&role(secret, ""), "a", Some("secrets/db2")), Some(false));
        assert_eq!(of(&role("/subscriptions/s", r#","condition":"x""#), "a", None), None);
        assert_eq!(of(&role("/subscriptions/s", r#","principalType":"Group""#), "b", None), None);
        assert_eq!(of(&role("/subscriptions/s", ""), "b", None), Some(false));
    }
}
