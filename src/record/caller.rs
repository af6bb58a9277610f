//! Who made a request, as far as the record can say.
//!
//! Input: the identity claims. Output: the caller's kind, display name and tenant. Must not guess:
//! where the claims are silent the kind is unknown.

pub mod applications;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr};

use super::Identity;
use applications::{Applications, Use};

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
    IntoStaticStr,
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

/// The name of a well-known Microsoft service that calls for itself. Clients through which people sign
/// in (Azure CLI, the portal) are not meant: there the caller is the person.
pub fn first_party_name(appid: &str) -> Option<&'static str> {
    let service = Applications::built_in().find(appid).filter(|found| found.used_as == Use::Service)?;
    Some(&service.name)
}

/// The kind of caller by a table of applications, where facts were counted with the built-in one.
pub fn kind_by(applications: &Applications, kind: CallerKind, appid: Option<&str>) -> CallerKind {
    match (kind, appid.and_then(|appid| applications.used_as(appid))) {
        (CallerKind::Unknown | CallerKind::App, Some(Use::Service)) => CallerKind::FirstParty,
        (CallerKind::FirstParty, Some(Use::Client)) => CallerKind::Unknown,
        (kind, _) => kind,
    }
}

/// The kind of caller that the claims show; `clause_appid` is the application id of a denial's caller
/// clause, for records without claims.
pub fn kind_of(identity: &Identity<'_>, clause_appid: Option<&str>) -> CallerKind {
    if identity.managed_identity.is_some() {
        return CallerKind::ManagedIdentity;
    }
    if let Some(person) = person_of(identity) {
        return if is_guest(person) { CallerKind::Guest } else { CallerKind::User };
    }
    if identity.scp.is_some() {
        CallerKind::User
    } else if identity.appid.as_deref().or(clause_appid).and_then(first_party_name).is_some() {
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
    identity_provider(name).is_some() || external(name).is_some()
}

/// What stands behind the identity provider in front of a name: `live.com#a@b`, `mail#a@b`.
fn identity_provider(name: &str) -> Option<&str> {
    let (provider, address) = name.split_once('#')?;
    let known = ["live.com", "mail", "google.com", "guest"];
    let is_known = known.iter().any(|known| provider.eq_ignore_ascii_case(known));
    (is_known && address.contains('@')).then_some(address)
}

/// What stands before `#EXT#`.
fn external(name: &str) -> Option<&str> {
    let at = name.as_bytes().windows(5).position(|window| window.eq_ignore_ascii_case(b"#ext#"))?;
    name.get(..at)
}

/// A name as it can be compared: a guest's is the address in the tenant it comes from, in lower case
/// (`live.com#a@b` and `a_b#EXT#@tenant` are `a@b`).
pub fn comparable_name(name: &str) -> Cow<'_, str> {
    let name = identity_provider(name).unwrap_or(name);
    let address = match external(name) {
        // The last underscore stands for the at sign: host names have none.
        Some(outside) => match outside.rsplit_once('_') {
            Some((user, domain)) => Cow::Owned(format!("{user}@{domain}")),
            None => Cow::Borrowed(outside),
        },
        None => Cow::Borrowed(name),
    };
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    match address {
        Cow::Borrowed(address) if address.bytes().all(is_lower) => Cow::Borrowed(address.trim()),
        address => Cow::Owned(address.trim().to_lowercase()),
    }
}

/// The name to show for a caller: the person's, else the managed identity's, else any name.
pub fn name_of<'r>(identity: &'r Identity<'_>) -> Option<&'r str> {
    let managed_identity = || identity.managed_identity.as_deref().map(managed_identity_name);
    let first_party =
        || identity.appid.as_deref().filter(|_| identity.scp.is_none()).and_then(first_party_name);
    person_of(identity).or_else(managed_identity).or(identity.name.as_deref()).or_else(first_party)
}

/// The name of a managed identity by its ARM id: the last segment, and of a slot also the site
/// (`app/slots/staging`), as its service principal is named.
pub fn managed_identity_name(id: &str) -> &str {
    let mut slashes = id.rmatch_indices('/').map(|(at, _)| at);
    let last = slashes.next().map_or(0, |at| at + 1);
    let is_slot = slashes
        .next()
        .is_some_and(|before| id.get(before..last).is_some_and(|kind| kind.eq_ignore_ascii_case("/slots/")));
    let from = if is_slot { slashes.next().map_or(0, |at| at + 1) } else { last };
    id.get(from..).unwrap_or(id)
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
        kind_of(&identity, None)
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
    fn a_table_of_applications_has_the_last_word_on_services() {
        let id = "11111111-2222-3333-4444-555555555555";
        let table = |used_as: &str| {
            let text = format!("[[application]]\nid = \"{id}\"\nname = \"n\"\nuse = \"{used_as}\"\n");
            Applications::with_file(std::path::Path::new("x"), &text).unwrap()
        };
        let (service, client) = (table("service"), table("client"));
        assert_eq!(kind_by(&service, CallerKind::App, Some(id)), CallerKind::FirstParty);
        assert_eq!(kind_by(&service, CallerKind::User, Some(id)), CallerKind::User);
        assert_eq!(kind_by(&service, CallerKind::App, None), CallerKind::App);
        assert_eq!(kind_by(&client, CallerKind::FirstParty, Some(id)), CallerKind::Unknown);
        assert_eq!(kind_by(&client, CallerKind::App, Some(id)), CallerKind::App);
    }

    #[test]
    fn names_of_guests_are_their_addresses_at_home() {
        for (name, comparable) in [
            ("live.com#Ann@outlook.com", "ann@outlook.com"),
            ("ann_lee_outlook.com#EXT#@larkfield.onmicrosoft.com", "ann_lee@outlook.com"),
            ("ann@larkfield.example", "ann@larkfield.example"),
            ("live.com#ann_outlook.com#EXT#@t.example", "ann@outlook.com"),
            ("C#-build", "c#-build"),
            ("#ext#", ""),
        ] {
            assert_eq!(comparable_name(name), comparable, "{name}");
        }
    }

    #[test]
    fn managed_identities_are_named_by_their_path() {
        assert_eq!(managed_identity_name("/s/x/userAssignedIdentities/id-a"), "id-a");
        assert_eq!(managed_identity_name("/s/x/sites/app/slots/staging"), "app/slots/staging");
        assert_eq!(managed_identity_name("id"), "id");
        assert_eq!(managed_identity_name(""), "");
    }

    #[test]
    fn tenant_comes_from_tid_or_issuer() {
        assert_eq!(tenant_of(None, Some("https://sts.windows.net/t-1/")), Some("t-1"));
        assert_eq!(tenant_of(None, Some("https://login.microsoftonline.com/t-2/v2.0")), Some("t-2"));
        assert_eq!(tenant_of(Some("t-3"), Some("https://sts.windows.net/t-1/")), Some("t-3"));
        assert_eq!(tenant_of(None, Some("sts")), None);
    }
}
