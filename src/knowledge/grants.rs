//! Who is granted what: access policies of vaults, role assignments of Azure RBAC and Managed HSM, as
//! the Azure CLI, ARM and PowerShell write them (facts §7).

use std::collections::BTreeSet;

use serde_json::Value;

use super::json::Object;
use super::{Assignment, Knowledge, Policy, VaultGrants};

/// Kinds of permissions that a policy has.
const KINDS: [&str; 4] = ["secrets", "keys", "certificates", "storage"];

/// Takes in a vault; `None` where the object is none.
pub(super) fn vault(knowledge: &mut Knowledge, object: Object<'_>) -> Result<Option<&'static str>, String> {
    let kind = object.text("type").unwrap_or_default().to_ascii_lowercase();
    let named_vault = kind == "microsoft.keyvault/vaults" || kind == "microsoft.keyvault/managedhsms";
    let Some(properties) = object.object("properties") else {
        if named_vault {
            return Err("lists vaults without their policies, as `az keyvault list` does: use \
                        `az keyvault show --name NAME` for each"
                .to_owned());
        }
        return Ok(None);
    };
    let has = |name: &str| properties.has(name);
    if !(named_vault || has("accessPolicies") || has("vaultUri") || has("hsmUri")) {
        return Ok(None);
    }
    let hsm = kind == "microsoft.keyvault/managedhsms" || has("hsmUri");
    let rbac = properties.get("enableRbacAuthorization").and_then(Value::as_bool).unwrap_or(false);
    if !hsm && !rbac && !has("accessPolicies") {
        return Err("shows a vault without accessPolicies: use `az keyvault show`".to_owned());
    }
    let name = object.id(&["name"]).ok_or("a vault without a name")?;
    let grants = VaultGrants {
        tenant: properties.id(&["tenantId"]),
        rbac,
        hsm,
        policies: properties.list("accessPolicies").iter().filter_map(policy).collect(),
    };
    knowledge.vaults.insert(name, grants);
    Ok(Some(if hsm { "Managed HSMs" } else { "vaults" }))
}

/// A policy; one without an object id grants nothing to anybody.
fn policy(value: &Value) -> Option<Policy> {
    let object = value.as_object().map(Object)?;
    let permissions = object.object("permissions");
    let of_kind = |kind: &&'static str| {
        let kind: &'static str = kind;
        let words = permissions.map_or(&[][..], |permissions| permissions.list(kind));
        words
            .iter()
            .filter_map(Value::as_str)
            .map(move |word| format!("{kind} {}", word.to_ascii_lowercase()))
    };
    Some(Policy {
        oid: object.id(&["objectId"])?,
        application: object.id(&["applicationId"]),
        permissions: KINDS.iter().flat_map(of_kind).collect::<BTreeSet<String>>(),
    })
}

/// Takes in a role assignment; `None` where the object is none.
pub(super) fn assignment(knowledge: &mut Knowledge, object: Object<'_>) -> Option<&'static str> {
    let inner = object.object("properties").unwrap_or(object);
    let of_powershell = object.has("RoleAssignmentId");
    let principal = match inner.id(&["principalId"]) {
        Some(principal) => principal,
        None if of_powershell => inner.id(&["ObjectId"])?,
        None => return None,
    };
    let scope = inner.id(&["scope"])?;
    let role_id = inner.id(&["roleDefinitionId"]);
    let role = inner.any_text(&["roleDefinitionName", "roleName"]).map(str::to_owned);
    if role.is_none() && role_id.is_none() {
        return None;
    }
    let kind = inner.any_text(&["principalType", "objectType"]).unwrap_or_default();
    let trimmed = scope.trim_end_matches('/');
    let assignment = Assignment {
        principal,
        group: kind.eq_ignore_ascii_case("group") || kind.eq_ignore_ascii_case("foreigngroup"),
        role,
        role_id: role_id.and_then(|id| id.rsplit('/').next().map(str::to_owned)),
        scope: if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() },
        condition: inner.text("condition").is_some(),
    };
    let what = if assignment.is_hsm() { "Managed HSM role assignments" } else { "role assignments" };
    knowledge.assignments.insert(assignment);
    Some(what)
}
