use super::*;
use crate::record::AccessFlags;

/// The record in a JSON text.
fn audit(json: &str) -> Record<'_> {
    let mut record = Record::default();
    assert_eq!(decode(json.as_bytes(), &mut record), Ok(Form::Audit));
    record
}

#[test]
fn a_data_plane_record_is_borrowed_whole() {
    // The published record of facts §8 (h).
    let json = r#"{"time":"2024-12-01T09:45:12.1234560Z","category":"AuditEvent","operationName":"SecretGet","resultType":"Success","correlationId":"a9f58b2d-5c73-4ac3-b8a6-9f15df31e02c","callerIpAddress":"203.0.113.10","identity":{"claim":{"oid":"7991ac3e-6b83-42fd-c3b7-7d2c85978dfg","appid":"12b00477-33dc-4f52-7c3f-7652be5dc78f","appidacr":"2","xms_mirid":"/subscriptions/s/resourcegroups/rg/providers/Microsoft.Web/sites/mct-internal","xms_az_nwperimid":[],"idtyp":"app"}},"properties":{"id":"https://AUSTRIA-Kangaroo.vault.azure.net/secrets/AUSTRIA-KangarooSRV1-root/d123","clientInfo":"SuperCloudHackingTool v1.7","httpStatusCode":200,"requestUri":"https://AUSTRIA-Kangaroo.vault.azure.net/secrets/AUSTRIA-KangarooSRV1-root/?api-version=7.0","isRbacAuthorized":true,"appliedAssignmentId":"7e9d4c1058f8e4f0887c30b45f63aef1","tlsVersion":"TLS1_3"},"resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/AUSTRIA-KANGAROO","operationVersion":"7.0","resultSignature":"OK","durationMs":"89"}"#;
    let record = audit(json);
    assert_eq!(record.time.unwrap().to_string(), "2024-12-01T09:45:12.1234560Z");
    assert_eq!(record.operation.as_deref(), Some("SecretGet"));
    assert_eq!(record.identity.oid.as_deref(), Some("7991ac3e-6b83-42fd-c3b7-7d2c85978dfg"));
    assert_eq!(record.identity.idtyp.as_deref(), Some("app"));
    assert!(record.identity.managed_identity.as_deref().unwrap().ends_with("mct-internal"));
    assert_eq!((record.http_status, record.duration_ms), (Some(200), Some(89)));
    assert_eq!(record.access, AccessFlags { rbac_authorized: Some(true), ..AccessFlags::default() });
    assert_eq!(record.message, None);
    let texts = [&record.operation, &record.client_agent, &record.resource_id, &record.identity.appid];
    assert!(texts.iter().all(|text| matches!(text, Some(std::borrow::Cow::Borrowed(_)))));
}

#[test]
fn a_control_plane_record_has_long_claims_and_settings() {
    let record = audit(
        r#"{"category":"AuditEvent","operationName":"VaultPut","durationMs":7.9,"resultDescription":"","identity":{"claim":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"o","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"live.com#a@outlook.com","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"n","appid":"a"}},"properties":{"httpStatusCode":"200","id":"https://kv.vault.azure.net/","properties":{"sku":{"Family":"A","Name":"premium","Capacity":null},"networkAcls":{"bypass":"AzureServices","defaultAction":"Deny"},"enableRbacAuthorization":true,"enablePurgeProtection":null,"publicNetworkAccess":"Disabled"}}}"#,
    );
    assert_eq!(record.identity.oid.as_deref(), Some("o"));
    assert_eq!(record.identity.upn.as_deref(), Some("live.com#a@outlook.com"));
    assert_eq!(record.identity.name.as_deref(), Some("n"));
    assert_eq!((record.http_status, record.duration_ms, &record.message), (Some(200), Some(7), &None));
    let settings = &record.settings;
    assert_eq!(
        (settings.sku.as_deref(), settings.rbac, settings.purge_protection),
        (Some("premium"), Some(true), None)
    );
    assert_eq!(
        (settings.firewall_default.as_deref(), settings.firewall_bypass.as_deref()),
        (Some("Deny"), Some("AzureServices"))
    );
    assert_eq!(settings.public_access.as_deref(), Some("Disabled"));
}

#[test]
fn a_managed_hsm_record_keeps_everything_at_the_top() {
    let record = audit(
        r#"{"TenantId":"t","time":"2020-08-31T19:52:39.763Z","resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/MANAGEDHSMS/POOL","operationName":"BackupCreate","category":"AuditEvent","resultType":"Success","properties":{"PoolType":"M-HSM"},"durationMs":488,"callerIpAddress":"10.0.0.1","identity":"{\"claim\":{\"appid\":\"a\",\"http_schemas_microsoft_com_identity\":{\"claims\":{\"objectidentifier\":\"o\"}},\"http_schemas_xmlsoap_org_ws_2005_05_identity\":{\"claims\":{\"upn\":\"u\"}}}}","clientInfo":"agent","subnetId":"(unknown)","httpStatusCode":202,"requestUri":"https://pool.managedhsm.azure.net/backup"}"#,
    );
    let identity = &record.identity;
    assert_eq!(
        (identity.oid.as_deref(), identity.appid.as_deref(), identity.upn.as_deref()),
        (Some("o"), Some("a"), Some("u"))
    );
    assert_eq!((record.http_status, record.duration_ms), (Some(202), Some(488)));
    assert_eq!(record.client_agent.as_deref(), Some("agent"));
    assert!(record.request_uri.is_some());
}

#[test]
fn every_form_of_identity_is_taken() {
    let identity = |text: &str| {
        audit(&format!(r#"{{"category":"AuditEvent","identity":{text}}}"#))
            .identity
            .oid
            .map(|o| o.into_owned())
    };
    for nobody in [
        "{}",
        "null",
        "[]",
        "3",
        "true",
        "\"\"",
        "{\"claim\":null}",
        "{\"claim\":[1]}",
        "{\"claim\":{\"oid\":{}}}",
        "\"{broken\"",
    ] {
        assert_eq!(identity(nobody), None, "{nobody}");
    }
    assert_eq!(identity(r#"{"claim":{"oid":"x"}}"#).as_deref(), Some("x"));
    assert_eq!(identity(r#"{"claims":{"oid":"x"}}"#).as_deref(), Some("x"));
    let named = r#"{"category":"AuditEvent","identity":"somebody"}"#;
    assert_eq!(audit(named).identity.name.as_deref(), Some("somebody"));
    assert!(audit(r#"{"category":"AuditEvent","identity":{}}"#).identity.is_empty());
}

#[test]
fn odd_values_are_missing_values() {
    for odd in ["null", "{}", "[]", "[[{}]]", "true", "\"\"", "-1", "1e400", "18446744073709551616", "\"x\""]
    {
        let json = format!(
            r#"{{"category":"AuditEvent","time":{odd},"durationMs":{odd},"identity":{odd},"properties":{{"httpStatusCode":{odd},"keyProperties":{odd},"properties":{odd}}}}}"#
        );
        let mut record = Record::default();
        if decode(json.as_bytes(), &mut record) != Ok(Form::Audit) {
            continue;
        }
        assert_eq!((record.time, record.http_status, record.key_size), (None, None, None), "{odd}");
    }
    let record = audit(r#"{"category":"AuditEvent","properties":7}"#);
    assert_eq!(record.client_agent, None);
}

#[test]
fn the_last_of_two_equal_keys_counts_and_escapes_are_read() {
    let record = audit(
        r#"{"category":"AuditEvent","operationName":"A","operationName":"Secret\u0047et","result\u0044escription":"a\r\nb"}"#,
    );
    assert_eq!(record.operation.as_deref(), Some("SecretGet"));
    assert_eq!(record.message.as_deref(), Some("a\r\nb"));
}

#[test]
fn rejects_never_quote_the_log() {
    let (reason, detail) =
        decode(br#"{"category":"AuditEvent","x":s3cret}"#, &mut Record::default()).unwrap_err();
    assert_eq!(reason, Reason::InvalidJson);
    assert!(!detail.unwrap().contains("s3cret"));
}

#[test]
fn a_key_is_told_by_its_properties_wherever_they_stand() {
    let key = |properties: &str| {
        let json = format!(r#"{{"category":"AuditEvent","properties":{{{properties}}}}}"#);
        let record = audit(&json);
        (record.key_type.map(|kind| kind.into_owned()), record.key_size, record.key_in_hsm)
    };
    let kind = |kind: &str, size, in_hsm| (Some(kind.to_owned()), size, in_hsm);
    assert_eq!(
        key(r#""keyProperties":{"type":"RSA","attributes":{"enabled":true,"hsmPlatform":"0"}}"#),
        kind("RSA", None, Some(false))
    );
    assert_eq!(
        key(r#""keyProperties":{"attributes":{"hsmPlatform":2},"type":"RSA","size":3072}"#),
        kind("RSA", Some(3072), Some(true))
    );
    assert_eq!(
        key(
            r#""certificatePolicyProperties":{"keyProperties":{"type":"RSA","size":2048,"reuse":false,"export":true}}"#
        ),
        kind("RSA", Some(2048), None)
    );
    assert_eq!(key(r#""keyProperties":{"type":"RSA","attributes":{"hsmPlatform":"x"}}"#).2, None);
}
