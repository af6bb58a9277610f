//! Entries of a directory: service principals, applications, users, groups, managed identities, as
//! Graph, the Azure CLI (old and new) and PowerShell write them (facts §7).

use super::json::{Context, Object};
use super::{Application, Knowledge, Principal, PrincipalKind};
use crate::record::caller::managed_identity_name;

/// Takes in an entry of a directory; `None` where the object is none.
pub(super) fn entry(
    knowledge: &mut Knowledge,
    object: Object<'_>,
    context: &Context,
) -> Result<Option<&'static str>, String> {
    if let Some(identity) = managed_identity(object) {
        keep(knowledge, identity);
        return Ok(Some("managed identities"));
    }
    let Some(id) = object.id(&["id", "objectId"]) else { return Ok(None) };
    let Some(what) = what(object, context)? else { return Ok(None) };
    let appid = object.id(&["appId", "applicationId"]);
    let name = object.any_text(&["displayName", "appDisplayName", "name"]).map(str::to_owned);
    let tenant = object.id(&["appOwnerTenantId", "tenantId"]).filter(|_| what == What::User);
    let kind = match what {
        What::Application => {
            let appid = appid.ok_or("an application without appId")?;
            knowledge.applications.insert(id, Application { appid, name });
            return Ok(Some("applications"));
        }
        What::ServicePrincipal if object.text("servicePrincipalType") == Some("ManagedIdentity") => {
            PrincipalKind::ManagedIdentity
        }
        What::ServicePrincipal => PrincipalKind::ServicePrincipal,
        What::User if is_guest(object) => PrincipalKind::Guest,
        What::User => PrincipalKind::User,
        What::Group => PrincipalKind::Group,
    };
    let upn = object.text("userPrincipalName").map(str::to_owned);
    let managed_identity = arm_id(object).filter(|_| kind == PrincipalKind::ManagedIdentity);
    keep(knowledge, (id, Principal { kind, name, upn, appid, tenant, managed_identity }));
    Ok(Some(match what {
        What::User => "users",
        What::Group => "groups",
        _ => "service principals",
    }))
}

/// A later file counts, and what it leaves out stays.
fn keep(knowledge: &mut Knowledge, (id, new): (String, Principal)) {
    let old = knowledge.principals.remove(&id);
    let of_old = |field: fn(&Principal) -> &Option<String>| old.as_ref().and_then(|old| field(old).clone());
    let kept = Principal {
        kind: new.kind,
        name: new.name.or_else(|| of_old(|old| &old.name)),
        upn: new.upn.or_else(|| of_old(|old| &old.upn)),
        appid: new.appid.or_else(|| of_old(|old| &old.appid)),
        tenant: new.tenant.or_else(|| of_old(|old| &old.tenant)),
        managed_identity: new.managed_identity.or_else(|| of_old(|old| &old.managed_identity)),
    };
    knowledge.principals.insert(id, kept);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    ServicePrincipal,
    Application,
    User,
    Group,
}

/// What an entry is: by its type where it names one, else by members that only one kind has, else
/// by the collection it came in.
fn what(object: Object<'_>, context: &Context) -> Result<Option<What>, String> {
    let named = object.any_text(&["@odata.type", "objectType", "type"]).unwrap_or_default();
    let named = named.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let has = |names: &[&str]| names.iter().any(|name| object.has(name));
    let collection = |name: &str| context.collection.contains(&format!("#{name}"));
    let has_appid = has(&["appId", "applicationId"]);
    Ok(Some(match named.as_str() {
        "serviceprincipal" => What::ServicePrincipal,
        "application" => What::Application,
        "user" => What::User,
        "group" => What::Group,
        _ if has(&["userPrincipalName"]) => What::User,
        _ if has_appid && has(&["servicePrincipalType", "servicePrincipalNames", "servicePrincipalName"]) => {
            What::ServicePrincipal
        }
        _ if has_appid && collection("serviceprincipals") => What::ServicePrincipal,
        _ if has_appid && collection("applications") => What::Application,
        _ if has_appid && has(&["appOwnerOrganizationId", "appOwnerTenantId", "accountEnabled"]) => {
            What::ServicePrincipal
        }
        _ if has_appid
            && has(&["identifierUris", "identifierUri", "publisherDomain", "signInAudience", "homepage"]) =>
        {
            What::Application
        }
        _ if has_appid => {
            return Err(
                "an entry may be an application or its service principal: their object ids differ, so \
                        export all members, not only ids and names"
                    .to_owned(),
            );
        }
        _ if has(&["securityEnabled", "mailNickname", "groupTypes"]) || collection("groups") => What::Group,
        _ => return Ok(None),
    }))
}

fn is_guest(object: Object<'_>) -> bool {
    let by_type = object.text("userType").is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
    let upn = object.text("userPrincipalName").unwrap_or_default().to_ascii_lowercase();
    by_type || upn.contains("#ext#")
}

/// The ARM id among the alternative names of a managed identity's service principal.
fn arm_id(object: Object<'_>) -> Option<String> {
    let names = object.list("alternativeNames").iter().filter_map(|name| name.as_str());
    names.map(str::to_ascii_lowercase).find(|name| name.starts_with("/subscriptions/"))
}

/// An entry of `az identity list`: `principalId` is the object id, `clientId` the application id.
fn managed_identity(object: Object<'_>) -> Option<(String, Principal)> {
    let inner = object.object("properties").unwrap_or(object);
    let (oid, appid) = (inner.id(&["principalId"])?, inner.id(&["clientId"])?);
    let path = object.id(&["id"]);
    let named = object.text("name").or_else(|| object.text("id").map(managed_identity_name));
    let principal = Principal {
        kind: PrincipalKind::ManagedIdentity,
        name: named.map(str::to_owned),
        upn: None,
        appid: Some(appid),
        tenant: inner.id(&["tenantId"]),
        managed_identity: path,
    };
    Some((oid, principal))
}
