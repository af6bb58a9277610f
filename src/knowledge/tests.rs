//! Every shape of facts §7, and what is refused.

use super::*;

const SP: &str = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#servicePrincipals","value":[
  {"id":"SP-1","appId":"APP-1","displayName":"orders","servicePrincipalType":"Application"},
  {"id":"mi-1","appId":"app-2","displayName":"id-a","servicePrincipalType":"ManagedIdentity",
   "alternativeNames":["isExplicit=True","/subscriptions/S/resourcegroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-a"]}]}"#;

fn read(texts: &[&str]) -> Knowledge {
    let mut knowledge = Knowledge::new();
    for text in texts {
        knowledge.add(text.as_bytes()).unwrap();
    }
    knowledge
}

fn refused(text: &str) -> String {
    let mut knowledge = Knowledge::new();
    let why = knowledge.add(text.as_bytes()).unwrap_err();
    assert!(knowledge.is_empty(), "nothing of a refused file is kept");
    why
}

#[test]
fn graph_lists_are_read() {
    let knowledge = read(&[SP]);
    let principal = &knowledge.principals["sp-1"];
    assert_eq!(
        (principal.kind, principal.appid.as_deref()),
        (PrincipalKind::ServicePrincipal, Some("app-1"))
    );
    let identity = &knowledge.principals["mi-1"];
    assert_eq!(identity.kind, PrincipalKind::ManagedIdentity);
    assert!(identity.managed_identity.as_ref().unwrap().ends_with("/userassignedidentities/id-a"));
}

#[test]
fn cli_lists_old_and_new_are_read() {
    let knowledge = read(&[
        r#"[{"id":"a1","appId":"x","displayName":"orders","identifierUris":[],"signInAudience":"AzureADMyOrg"}]"#,
        r#"[{"objectId":"a2","objectType":"Application","appId":"y","displayName":"old","additionalProperties":null}]"#,
        r#"[{"objectId":"s2","objectType":"ServicePrincipal","appId":"y","displayName":"old","appOwnerTenantId":"t"}]"#,
        r#"[{"id":"u1","userPrincipalName":"ann@t.example","displayName":"Ann","userType":"Member"},
            {"id":"u2","userPrincipalName":"ann_o.example#EXT#@t.example","displayName":"Ann"}]"#,
        r#"[{"id":"g1","displayName":"readers","mailNickname":"r","securityEnabled":true}]"#,
        r#"[{"id":"/subscriptions/S/x/id-b","name":"id-b","clientId":"c","principalId":"P-9","tenantId":"t"}]"#,
    ]);
    assert_eq!(knowledge.applications.keys().collect::<Vec<_>>(), ["a1", "a2"]);
    assert_eq!(knowledge.principals["s2"].appid.as_deref(), Some("y"));
    assert_eq!(knowledge.principals["u1"].kind, PrincipalKind::User);
    assert_eq!(knowledge.principals["u2"].kind, PrincipalKind::Guest);
    assert_eq!(knowledge.principals["g1"].kind, PrincipalKind::Group);
    assert_eq!(knowledge.principals["p-9"].managed_identity.as_deref(), Some("/subscriptions/s/x/id-b"));
}

#[test]
fn powershell_lists_are_read_whatever_their_encoding() {
    let new = r#"[{"Id":"s1","AppId":"x","DisplayName":"orders","ServicePrincipalType":"Application"}]"#;
    let old = r#"{"ObjectId":"s2","ApplicationId":"y","DisplayName":"old","ServicePrincipalNames":["y"],"Type":"ServicePrincipal"}"#;
    let wide: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(old.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut knowledge = read(&[new, "\u{feff}[]"]);
    knowledge.add(&wide).unwrap();
    assert_eq!(knowledge.principals.keys().collect::<Vec<_>>(), ["s1", "s2"]);
}

#[test]
fn vaults_are_read_one_or_many() {
    let vault = |name: &str, rest: &str| {
        format!(
            r#"{{"id":"/x/{name}","name":"{name}","type":"Microsoft.KeyVault/vaults","properties":{{"tenantId":"T","vaultUri":"u",{rest}}}}}"#
        )
    };
    let policies = r#""accessPolicies":[{"objectId":"O-1","tenantId":"T","applicationId":null,"permissions":{"secrets":["Get","list"],"keys":null}},{"permissions":{}}]"#;
    let (one, two) =
        (vault("KV-A", policies), vault("kv-b", r#""accessPolicies":[],"enableRbacAuthorization":true"#));
    for text in [format!("{one}\n{two}"), format!("[{one},{two}]"), format!("{{\"value\":[{one},{two}]}}")] {
        let knowledge = read(&[&text]);
        let policies = &knowledge.vaults["kv-a"].policies;
        assert_eq!(policies.len(), 1);
        assert_eq!(policies[0].oid, "o-1");
        assert!(policies[0].permissions.iter().eq(["secrets get", "secrets list"]));
        assert!(knowledge.vaults["kv-b"].rbac);
    }
    let hsm =
        read(&[r#"{"name":"hsm","type":"Microsoft.KeyVault/managedHSMs","properties":{"hsmUri":"u"}}"#]);
    assert!(hsm.vaults["hsm"].hsm);
}

#[test]
fn role_assignments_are_read() {
    let knowledge = read(&[
        r#"[{"principalId":"P","principalName":"a","principalType":"ServicePrincipal","roleDefinitionId":"/x/4633458b-17de-408a-b874-0445c86b69e6","roleDefinitionName":"Key Vault Secrets User","scope":"/subscriptions/S"}]"#,
        r#"{"value":[{"id":"i","name":"n","type":"Microsoft.Authorization/roleAssignments","properties":{"principalId":"q","roleDefinitionId":"/x/R","scope":"/","principalType":"Group"}}]}"#,
        r#"[{"RoleAssignmentId":"/a","Scope":"/subscriptions/S/","DisplayName":"d","RoleDefinitionName":"Reader","RoleDefinitionId":"r","ObjectId":"o","ObjectType":"User"}]"#,
        r#"[{"id":"","name":"n","properties":{"principalId":"h","roleDefinitionId":"Microsoft.KeyVault/providers/x/21dbd100-6940-42c2-9190-5d6cb909625b","scope":"/keys"}}]"#,
    ]);
    let scopes: Vec<(&str, &str)> =
        knowledge.assignments.iter().map(|row| (row.principal.as_str(), row.scope.as_str())).collect();
    assert_eq!(scopes, [("h", "/keys"), ("o", "/subscriptions/s"), ("p", "/subscriptions/s"), ("q", "/")]);
    let groups: Vec<bool> = knowledge.assignments.iter().map(|row| row.group).collect();
    assert_eq!(groups, [false, false, false, true]);
}

#[test]
fn keys_are_read() {
    let modulus = "A".repeat(342);
    let knowledge = read(&[
        r#"[{"kid":"https://KV-A.vault.azure.net/keys/Listed","attributes":{},"name":"Listed"}]"#,
        &format!(
            r#"{{"attributes":{{}},"key":{{"kid":"https://kv-a.vault.azure.net/keys/Sign/0123","kty":"RSA-HSM","n":"{modulus}","e":"AQAB"}}}}"#
        ),
        r#"{"key":{"kid":"https://kv-a.vault.azure.net/keys/ec/0123","kty":"EC","crv":"P-256"}}"#,
    ]);
    let of = |name: &str| knowledge.keys.get(&("kv-a".to_owned(), name.to_owned())).map(String::as_str);
    assert_eq!((of("listed"), of("sign"), of("ec")), (None, Some("RSA-HSM 2048"), Some("EC 256")));
}

#[test]
fn other_shapes_are_refused_by_name() {
    assert!(refused(r#"{"operationName":"SecretGet","category":"AuditEvent"}"#).contains("looks like a log"));
    assert!(
        refused(r#"[{"id":"i","name":"kv","type":"Microsoft.KeyVault/vaults"}]"#)
            .contains("az keyvault show")
    );
    assert!(refused(r#"[{"id":"i","appId":"a","displayName":"d"}]"#).contains("export all members"));
    assert!(
        refused(r#"[{"foo":1,"b\u001b[31m":2}]"#).contains("an object with foo;")
            || refused(r#"[{"foo":1}]"#).contains("foo")
    );
    assert!(!refused(r#"[{"b\u001b[31m":2}]"#).contains('\u{1b}'));
    assert!(refused("[1]").contains("neither an object"));
    assert!(refused("{").contains("no readable JSON"));
    assert!(refused("").contains("no JSON"));
    assert!(refused(&"[".repeat(100_000)).contains("no readable JSON"));
    assert!(refused(r#"[{"id":"u1","userPrincipalName":"a@b"},{"foo":1}]"#).contains("foo"));
}
