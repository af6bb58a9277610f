//! Who made a request, as far as the record can say.
//!
//! Input: the identity claims. Output: the caller's kind, display name and tenant. Must not guess:
//! where the claims are silent the kind is unknown.

use schemars::JsonSchema;
use serde::Serialize;
use strum::{Display, EnumString};

use super::Identity;

/// What kind of principal a caller is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Display,
    EnumString,
    Serialize,
    JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum CallerKind {
    /// The log does not say.
    #[default]
    Unknown,
    /// A Microsoft service, by its well-known application id.
    FirstParty,
    /// A service principal with its own credential.
    App,
    /// A managed identity (`xms_mirid`).
    ManagedIdentity,
    /// A person invited from elsewhere (`#EXT#`, `live.com#`).
    Guest,
    /// A person of the tenant.
    User,
}

/// Application ids of Microsoft's own services that call vaults for themselves (facts §1.9, as of
/// August 2026). Clients through which people sign in (Azure CLI, the portal) are not among them:
/// there the caller is the person.
const FIRST_PARTY: &[(&str, &str)] = &[
    ("509e4652-da8d-478d-a730-e9d4a1996ca4", "Azure Resource Graph"),
    ("8cae6e77-e04e-42ce-b5cb-50d82bce26b1", "Azure Policy Insights"),
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager"),
    ("bb2a64ee-5d29-4b07-a491-25806dc854d3", "Verifiable Credentials Service"),
];

/// The name of a well-known Microsoft service.
pub fn first_party_name(appid: &str) -> Option<&'static str> {
    FIRST_PARTY.iter().find(|(id, _)| appid.eq_ignore_ascii_case(id)).map(|(_, name)| *name)
}

/// The kind of caller that the claims show.
pub fn kind_of(identity: &Identity<'_>) -> CallerKind {
    if identity.managed_identity.is_some() {
        return CallerKind::ManagedIdentity;
    }
    if let Some(person) = person_of(identity) {
        return if is_guest(person) { CallerKind::Guest } else { CallerKind::User };
    }
    if identity.scp.is_some() {
        CallerKind::User
    } else if identity.appid.as_deref().and_then(first_party_name).is_some() {
        CallerKind::FirstParty
    } else if identity.idtyp.as_deref() == Some("app")
        || identity.appidacr.as_deref().is_some_and(|acr| acr != "0")
    {
        CallerKind::App
    } else {
        CallerKind::Unknown
    }
}

/// A person's sign-in name.
fn person_of<'r>(identity: &'r Identity<'_>) -> Option<&'r str> {
    identity.upn.as_deref().or(identity.unique_name.as_deref())
}

/// Whether a sign-in name has a guest's form: `live.com#a@b`, `a_b#EXT#@tenant`.
fn is_guest(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"live.com#"))
        || bytes.windows(5).any(|window| window.eq_ignore_ascii_case(b"#ext#"))
}

/// The name to show for a caller: the person's, else the managed identity's, else any name.
pub fn name_of<'r>(identity: &'r Identity<'_>) -> Option<&'r str> {
    let managed_identity = || identity.managed_identity.as_deref().and_then(|id| id.rsplit('/').next());
    let first_party =
        || identity.appid.as_deref().filter(|_| identity.scp.is_none()).and_then(first_party_name);
    person_of(identity).or_else(managed_identity).or(identity.name.as_deref()).or_else(first_party)
}

/// The tenant: `tid`, else the id inside `iss` (`https://sts.windows.net/TENANT/`).
pub fn tenant_of<'r>(tid: Option<&'r str>, iss: Option<&'r str>) -> Option<&'r str> {
    tid.or_else(|| {
        let (_, path) = iss?.split_once("://")?.1.split_once('/')?;
        path.split('/').next().filter(|tenant| !tenant.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(fill: impl FnOnce(&mut Identity<'static>)) -> CallerKind {
        let mut identity = Identity::default();
        fill(&mut identity);
        kind_of(&identity)
    }

    #[test]
    fn claims_show_the_kind() {
        assert_eq!(kind(|_| ()), CallerKind::Unknown);
        assert_eq!(kind(|i| i.upn = Some("a@larkfield.example".into())), CallerKind::User);
        assert_eq!(kind(|i| i.upn = Some("live.com#a@outlook.com".into())), CallerKind::Guest);
        assert_eq!(kind(|i| i.unique_name = Some("a_b.com#EXT#@t".into())), CallerKind::Guest);
        assert_eq!(kind(|i| i.idtyp = Some("app".into())), CallerKind::App);
        assert_eq!(kind(|i| i.managed_identity = Some("/x/y".into())), CallerKind::ManagedIdentity);
        assert_eq!(
            kind(|i| i.appid = Some("509E4652-da8d-478d-a730-e9d4a1996ca4".into())),
            CallerKind::FirstParty
        );
        assert_eq!(kind(|i| i.appid = Some("x".into())), CallerKind::Unknown);
    }

    #[test]
    fn tenant_comes_from_tid_or_issuer() {
        assert_eq!(tenant_of(None, Some("https://sts.windows.net/t-1/")), Some("t-1"));
        assert_eq!(tenant_of(None, Some("https://login.microsoftonline.com/t-2/v2.0")), Some("t-2"));
        assert_eq!(tenant_of(Some("t-3"), Some("https://sts.windows.net/t-1/")), Some("t-3"));
        assert_eq!(tenant_of(None, Some("sts")), None);
    }
}
