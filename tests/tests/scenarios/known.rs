//! Scenarios in which something is known beside the log: a directory, access policies, role assignments.

use serde_json::{Value, json};

use super::{CLI, Set, app, app_of, identity, many, no_policy, no_policy_for, no_role, ok, person};

fn vault_file(vault: &str, policies: &[(&str, &str, &[&str])]) -> Value {
    let policies: Vec<Value> = policies
        .iter()
        .map(|(oid, kind, words)| json!({"objectId": oid, "tenantId": "t-1", "applicationId": null, "permissions": {*kind: words}}))
        .collect();
    json!({"id": format!("/x/{vault}"), "name": vault, "type": "Microsoft.KeyVault/vaults",
        "properties": {"tenantId": "t-1", "vaultUri": "u", "enableRbacAuthorization": null, "accessPolicies": policies}})
}

fn role_file(principal: &str, role: &str) -> Value {
    json!([{"principalId": principal, "principalName": "", "principalType": "ServicePrincipal", "roleDefinitionName": role,
        "roleDefinitionId": "/x/r", "scope": "/subscriptions/S-1"}])
}

fn principal(oid: &str, appid: &str, name: &str) -> Value {
    json!({"id": oid, "appId": appid, "displayName": name, "servicePrincipalType": "Application"})
}

fn application(id: &str, appid: &str, name: &str) -> Value {
    json!({"id": id, "appId": appid, "displayName": name, "identifierUris": [], "signInAudience": "AzureADMyOrg"})
}

/// With a directory, and what else it takes.
pub(super) fn directories(set: &mut Set) {
    let (one, two) = (app("o-1", "a-1"), app("o-2", "a-2"));
    let denied = |claims: &Value| many([10, 1400], |s| no_policy(s, "kv-a", claims));
    let scenario = set.add(
        "namesakes by a directory alone",
        vec![denied(&one), many([5, 1500], |s| ok(s, "kv-a", &two))],
        &[("wrong-twin", "kv-a", "o-1")],
    );
    scenario.directory = Some(json!([principal("o-1", "a-1", "orders"), principal("o-2", "a-2", "orders")]));
    let scenario = set.add("a twin that never called", vec![denied(&one)], &[("wrong-twin", "kv-a", "o-1")]);
    scenario.directory =
        Some(json!({"value": [principal("o-1", "a-1", "orders"), principal("o-9", "a-9", "orders")]}));
    scenario.policies = Some(vault_file("kv-a", &[("o-9", "secrets", &["get"])]));
    let scenario = set.add("a namesake that is granted nothing", vec![denied(&one)], &[]);
    scenario.directory = Some(json!([principal("o-1", "a-1", "orders"), principal("o-9", "a-9", "orders")]));
    scenario.policies = Some(vault_file("kv-a", &[("o-8", "secrets", &["get"])]));
    let scenario = set.add(
        "a policy for the app registration",
        vec![denied(&one)],
        &[("application-object-granted", "kv-a", "o-1")],
    );
    scenario.directory =
        Some(json!([principal("o-1", "a-1", "orders"), application("x-1", "a-1", "orders")]));
    scenario.policies = Some(vault_file("kv-a", &[("x-1", "secrets", &["get", "list"])]));
    let scenario = set.add(
        "a role for the app registration",
        vec![many([10, 1400], |s| no_role(s, "kv-a", &one))],
        &[("application-object-granted", "kv-a", "o-1")],
    );
    scenario.directory = Some(json!([application("x-1", "a-1", "orders")]));
    scenario.policies = Some(role_file("x-1", "Key Vault Secrets User"));
    let scenario = set.add(
        "a policy for the app registration of an application that never called",
        vec![many([10, 20], |s| ok(s, "kv-a", &two))],
        &[("application-object-granted", "kv-a", "o-1")],
    );
    scenario.directory =
        Some(json!([principal("o-1", "a-1", "orders"), application("x-1", "a-1", "orders")]));
    scenario.policies = Some(vault_file("kv-a", &[("x-1", "secrets", &["get"])]));
    let scenario = set.add(
        "one application in two tenants, one known by the vault's own",
        vec![
            many([10, 600], |s| ok(s, "kv-a", &app("o-1", "a-1"))),
            many([20, 620], |s| no_policy(s, "kv-a", &app_of("o-2", "a-1", "t-2"))),
        ],
        &[("multi-tenant-twin", "kv-a", "o-2")],
    );
    scenario.policies = Some(vault_file("kv-a", &[("o-1", "secrets", &["get"])]));
}

/// With policies and roles, and whoever is in them.
pub(super) fn grants(set: &mut Set) {
    let one = app("o-1", "a-1");
    let scenario = set.add("a policy for both objects", vec![many([10, 20], |s| ok(s, "kv-a", &one))], &[]);
    scenario.directory = Some(json!([application("x-1", "a-1", "orders")]));
    scenario.policies =
        Some(vault_file("kv-a", &[("x-1", "secrets", &["get"]), ("o-1", "secrets", &["get"])]));
    let scenario = set.add(
        "a policy that names the dead id",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &identity("o-1", "rg", "id-a"))),
            many([500, 1500], |s| no_policy(s, "kv-a", &identity("o-2", "rg", "id-a"))),
        ],
        &[("recreated-identity", "kv-a", "o-2")],
    );
    scenario.policies = Some(json!([vault_file("kv-a", &[("o-1", "secrets", &["get"])])]));
    let scenario = set.add(
        "granted and used",
        vec![
            many([10, 20, 30], |s| ok(s, "kv-a", &one)),
            many([40, 1500], |s| no_policy_for(s, "kv-a", &one, "SecretSet", "secrets set")),
        ],
        &[],
    );
    scenario.policies = Some(json!([
        {"name": "kv-a", "properties": {"vaultUri": "u", "accessPolicies": [
            {"objectId": "o-1", "permissions": {"secrets": ["Get", "List"], "keys": ["wrapKey"]}}]}}
    ]));
    let scenario = set.add(
        "two people of one display name",
        vec![
            many([10, 20], |s| ok(s, "kv-a", &person("o-1", "ann@t.example", CLI))),
            many([15, 25], |s| ok(s, "kv-a", &person("o-2", "ann.admin@t.example", CLI))),
        ],
        &[("same-name", "-", "-")],
    );
    scenario.directory = Some(json!([
        {"id": "o-1", "userPrincipalName": "ann@t.example", "displayName": "Ann Lee"},
        {"id": "o-2", "userPrincipalName": "ann.admin@t.example", "displayName": "Ann Lee"},
    ]));
    let scenario =
        set.add("a directory of people nobody saw", vec![many([10, 20], |s| ok(s, "kv-a", &one))], &[]);
    scenario.directory = Some(json!([
        {"id": "o-8", "userPrincipalName": "a@t.example", "displayName": "Ann Lee"},
        {"id": "o-9", "userPrincipalName": "b@t.example", "displayName": "Ann Lee"},
    ]));
}
