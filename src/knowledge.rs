//! What the reader knows beside the logs: exports of the directory and of who is granted what.
//!
//! Input: the bytes of JSON files, each recognised by its content. Output: [`Knowledge`]. A shape that
//! is not known is refused by name, never skipped. Must not touch the disk, and must not judge.

mod directory;
mod grants;
mod json;
mod keys;
pub mod roles;

use std::collections::{BTreeMap, BTreeSet};

use json::Object;

/// Everything that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// Service principals, managed identities, users and groups, by object id in lower case.
    pub principals: BTreeMap<String, Principal>,
    /// Application objects (app registrations) by their own object id, which is nobody's who calls.
    pub applications: BTreeMap<String, Application>,
    /// Vaults with their settings and policies, by name in lower case.
    pub vaults: BTreeMap<String, VaultGrants>,
    /// Role assignments of Azure RBAC and of Managed HSM.
    pub assignments: BTreeSet<Assignment>,
    /// Type and size of keys (`RSA-HSM 2048`), by vault and key name in lower case.
    pub keys: BTreeMap<(String, String), String>,
}

/// What kind of principal a directory names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// The service principal of an application.
    ServicePrincipal,
    /// A managed identity.
    ManagedIdentity,
    /// A person of the tenant.
    User,
    /// A person invited from elsewhere.
    Guest,
    /// A group.
    Group,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Display name.
    pub name: Option<String>,
    /// A person's sign-in name.
    pub upn: Option<String>,
    /// Application id, in lower case.
    pub appid: Option<String>,
    /// Tenant, in lower case, where the export names it.
    pub tenant: Option<String>,
    /// ARM id of the managed identity, in lower case.
    pub managed_identity: Option<String>,
}

/// An application object: what "App registrations" shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Application id, in lower case.
    pub appid: String,
    /// Display name.
    pub name: Option<String>,
}

/// A vault as an export shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultGrants {
    /// Tenant that it trusts.
    pub tenant: Option<String>,
    /// Azure RBAC (true) or access policies (false).
    pub rbac: bool,
    /// A Managed HSM, which has no policies.
    pub hsm: bool,
    /// Its access policies.
    pub policies: Vec<Policy>,
}

/// One access policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For whom, in lower case.
    pub oid: String,
    /// The "authorized application": the policy holds only on behalf of a user through it.
    pub application: Option<String>,
    /// What, as `secrets get`, in lower case; `secrets all` for everything.
    pub permissions: BTreeSet<String>,
}

/// One role assignment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assignment {
    /// To whom, in lower case.
    pub principal: String,
    /// To a group, where the export says so.
    pub group: bool,
    /// The role's name.
    pub role: Option<String>,
    /// The role definition's id: the last segment, in lower case.
    pub role_id: Option<String>,
    /// Where, in lower case: an ARM id; of a Managed HSM `/`, `/keys` or `/keys/NAME`.
    pub scope: String,
    /// It holds only under a condition.
    pub condition: bool,
}

impl Assignment {
    /// Whether it is local to a Managed HSM.
    pub fn is_hsm(&self) -> bool {
        self.scope == "/" || self.scope == "/keys" || self.scope.starts_with("/keys/")
    }
}

/// What a file was found to hold.
pub type Found = BTreeMap<&'static str, usize>;

impl Knowledge {
    /// Nothing: reports rest on the logs alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything tells who is granted what.
    pub fn tells_grants(&self) -> bool {
        !self.vaults.is_empty() || !self.assignments.is_empty()
    }

    /// Takes in one file. Where two files show the same thing, the later one counts.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without text of the file.
    pub fn add(&mut self, bytes: &[u8]) -> Result<Found, String> {
        let text = json::text(bytes)?;
        let mut found = Found::new();
        let mut read = Self::clone(self);
        let context = json::each(&text, |object, context| {
            let what = read.entry(object, context)?;
            *found.entry(what).or_default() += 1;
            Ok(())
        })?;
        if found.is_empty() && !context.saw_list {
            return Err("holds no JSON".to_owned());
        }
        *self = read;
        Ok(found)
    }

    /// One object of a file.
    fn entry(&mut self, object: Object<'_>, context: &json::Context) -> Result<&'static str, String> {
        if let Some(what) = grants::vault(self, object)? {
            return Ok(what);
        }
        if let Some(what) = grants::assignment(self, object) {
            return Ok(what);
        }
        if let Some(what) = directory::entry(self, object, context)? {
            return Ok(what);
        }
        if let Some(what) = keys::key(self, object) {
            return Ok(what);
        }
        Err(object.unknown())
    }
}

#[cfg(test)]
mod tests;
