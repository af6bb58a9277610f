//! Who it really was, and who may do what: the parts of a report about identities and access.

use schemars::JsonSchema;
use serde::Serialize;
use strum::{Display, EnumString};

use super::{Confidence, Evidence, Label};
use crate::ticks::Ticks;

/// What object ids with one name, application or managed identity are to each other.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, Serialize, JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum TwinVerdict {
    /// One is denied for lack of a policy or role on a vault where its namesake succeeds or is granted.
    WrongTwin,
    /// A policy or role names the object id of an application instead of its service principal's.
    ApplicationObjectGranted,
    /// The new id appears after the last use of the old one.
    RecreatedIdentity,
    /// The service principals of one application in several tenants.
    MultiTenantTwin,
    /// A member and a guest of one address.
    GuestTwin,
    /// Information only.
    SameName,
}

/// A group of object ids that share a name, an application id or a managed identity's path.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct IdentityReport {
    /// What they are to each other.
    pub verdict: TwinVerdict,
    /// How sure.
    pub confidence: Confidence,
    /// The names they share or go by.
    pub names: Vec<String>,
    /// The application id they share.
    pub appid: Option<String>,
    /// The vault it is about, where it is about one.
    pub vault: Option<String>,
    /// Who they are; the one that the verdict is about comes first.
    pub members: Vec<MemberReport>,
    /// Which id to grant, and how.
    pub grant: Option<GrantReport>,
    /// What happened, in a sentence.
    pub why: String,
    /// Records that show it.
    pub evidence: Vec<Evidence>,
}

/// One object id of a group.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MemberReport {
    /// Object id.
    pub oid: String,
    /// Application id.
    pub appid: Option<String>,
    /// Tenant, where the log or a directory says.
    pub tenant: Option<String>,
    /// Kind of caller, or `application-object`, which never calls.
    pub kind: String,
    /// Requests.
    pub requests: u64,
    /// Of these, denied for lack of a policy or role.
    pub denied: u64,
    /// First request.
    pub first: Option<Ticks>,
    /// Last request.
    pub last: Option<Ticks>,
    /// Use of each vault.
    pub vaults: Vec<MemberVault>,
}

/// One object id's use of one vault.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MemberVault {
    /// Vault.
    pub vault: String,
    /// Requests that worked.
    pub successes: u64,
    /// Requests denied for lack of a policy or role.
    pub denied: u64,
    /// First request.
    pub first: Option<Ticks>,
    /// Last request.
    pub last: Option<Ticks>,
}

/// Which id to grant, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrantReport {
    /// The object id.
    pub oid: String,
    /// The `az` command.
    pub command: String,
}

/// What one caller was granted, did and was denied: one row a vault, caller, object and operation; for
/// what was granted and never used, one row a permission, without object and operation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AccessRow {
    /// Vault.
    pub vault: Option<Label>,
    /// Object id; missing where the log names nobody.
    pub oid: Option<Label>,
    /// Object, `collection/name`.
    pub object: Option<Label>,
    /// Operation.
    pub operation: Option<Label>,
    /// Access-policy permission that the operation needs.
    pub permission: Option<Label>,
    /// RBAC data action that the operation needs.
    pub action: Option<Label>,
    /// Whether the policies and roles that were given grant it; missing where they do not tell.
    pub granted: Option<bool>,
    /// Requests that were authorised.
    pub used: u64,
    /// Requests denied for lack of a policy or role.
    pub denied: u64,
    /// Last authorised request.
    pub last_used: Option<Ticks>,
}

/// The last use of a secret, key or certificate.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ObjectUse {
    /// Vault.
    pub vault: Option<String>,
    /// Object, `collection/name`.
    pub object: String,
    /// Requests that worked.
    pub used: u64,
    /// Callers that used it.
    pub users: u64,
    /// Last request that worked.
    pub last_used: Option<Ticks>,
    /// Who made it: object id.
    pub last_oid: Option<String>,
    /// And its name.
    pub last_name: Option<String>,
    /// Not used for so many days before the end of the log as `--stale-after` says.
    pub stale: bool,
}

/// What was asked for by a request that was denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Asked {
    /// As access policies name it, `secrets get`.
    pub permission: Option<String>,
    /// As roles name it, `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    pub action: Option<String>,
    /// The vault's permission model as the denial or the vault's own records show it: `rbac`,
    /// `access-policies`, `hsm-roles`; missing where the log is silent.
    pub permission_model: Option<&'static str>,
}

/// Who a request without an identity probably was.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ProbableCaller {
    /// Object id; missing where nobody can be named.
    pub oid: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// How sure; missing where nobody can be named.
    pub confidence: Option<Confidence>,
    /// What it rests on.
    pub why: String,
}

/// How much was known beside the logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KnowledgeReport {
    /// Service principals, managed identities, users and groups.
    pub principals: usize,
    /// Application objects.
    pub applications: usize,
    /// Vaults with their policies.
    pub vaults: usize,
    /// Role assignments.
    pub assignments: usize,
    /// Keys of known type and size.
    pub keys: usize,
    /// Whether they tell who is granted what.
    pub tells_grants: bool,
}
