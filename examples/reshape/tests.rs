//! What whoever reads the shapes relies on: Azure's names and types, every record there once, the same
//! bytes again; and rows that Azure was seen to write.

// Clippy lets only test functions unwrap, not what they call.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

mod content;
mod names;
mod samples;

use crate::shapes::{Options, Shape, convert};

/// A vault's request that was refused, with all that makes shapes differ: a message of two lines, quotes, a
/// comma, letters outside ASCII, a list, a time, seven digits.
const REFUSED: &str = r#"{"time":"2026-03-13T23:30:01.1234567Z","category":"AuditEvent","operationName":"CertificateGet","resultType":"Success","resultDescription":"Caller, \"näme\"\r\nis not authorized","correlationId":"5fc56fc3-6763-4e00-a999-14c8caf13533","callerIpAddress":"203.0.113.89","identity":{"claim":{"oid":"d5cd2118-2d85-4eeb-affa-4b58e0571c99","appid":"not-a-guid","xms_az_nwperimid":[]}},"properties":{"id":"https://kv-a.vault.azure.net/certificates/c","clientInfo":"3686488a-04fc-4d8a-b967-61f98ec41efe","httpStatusCode":403,"requestUri":"https://kv-a.vault.azure.net/certificates/c","isRbacAuthorized":false,"appliedAssignmentId":"1f61769c20ef1953b7ab1332452af1c8","privateEndpointId":"pe-1","certificateProperties":{"nbf":"2025-11-02T00:00:00Z","attributes":{"enabled":true}}},"resourceId":"/SUBSCRIPTIONS/3F0FC6A1-B9B6-4EC9-97D4-7BCD51924670/RESOURCEGROUPS/RG-A/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-A","operationVersion":"7.5","resultSignature":"Forbidden","durationMs":"17"}"#;

/// A Managed HSM's request: identity in a string, no `resultSignature`, members beside `properties`.
const HSM: &str = r#"{"TenantId":"04c6284a-930e-444f-882e-37e931b8daf3","time":"2026-03-13T12:00:00.652Z","resourceId":"/SUBSCRIPTIONS/3F0FC6A1-B9B6-4EC9-97D4-7BCD51924670/RESOURCEGROUPS/RG-A/PROVIDERS/MICROSOFT.KEYVAULT/MANAGEDHSMS/MHSM-A","operationName":"BackupCreate","operationVersion":"7.4","category":"AuditEvent","resultType":"Success","properties":{"PoolType":"M-HSM","sku_Family":"B","sku_Name":"Standard_B1"},"durationMs":11,"callerIpAddress":"192.0.2.90","identity":"{\"claim\":{\"appid\":\"04b07795-8ddb-461a-bbee-02f9e1bf7b46\",\"http_schemas_microsoft_com_identity\":{\"claims\":{\"objectidentifier\":\"009e7a6c-5bd3-4c40-89d5-eac1bcbdc328\"}}}}","clientInfo":"AZURECLI/2.67.0","correlationId":"48b514b9-dd54-446b-baba-c42613a65949","subnetId":"(unknown)","httpStatusCode":"202","PoolName":"mhsm-a","requestUri":"https://mhsm-a.managedhsm.azure.net/backup","resourceGroup":"rg-a","resourceProvider":"MICROSOFT.KEYVAULT","resource":"mhsm-a","resourceType":"managedHSMs"}"#;

/// A challenge: it names nobody.
const CHALLENGE: &str = r#"{"time":"2026-03-13T00:00:00.0000000Z","category":"AuditEvent","operationName":"Authentication","resultType":"Success","correlationId":"","callerIpAddress":"203.0.113.89","identity":{},"properties":{"clientInfo":"azsdk-go/1.1","httpStatusCode":401,"requestUri":"https://kv-a.vault.azure.net/secrets/db"},"resourceId":"/SUBSCRIPTIONS/3F0FC6A1-B9B6-4EC9-97D4-7BCD51924670/RESOURCEGROUPS/RG-A/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV-A","resultSignature":"Unauthorized","durationMs":"20"}"#;

/// So many records, one a line.
fn lines(records: usize) -> String {
    let all = [REFUSED, HSM, CHALLENGE].into_iter().cycle().take(records);
    all.flat_map(|record| [record, "\n"]).collect()
}

/// Lines in another shape, with the usual options.
fn reshaped(shape: Shape, lines: &str) -> Vec<u8> {
    convert(shape, &Options::default(), lines).unwrap()
}

/// The same as text.
fn text(shape: Shape, lines: &str) -> String {
    String::from_utf8(reshaped(shape, lines)).unwrap()
}

/// The same, each line read as JSON.
fn objects(shape: Shape, lines: &str) -> Vec<serde_json::Value> {
    text(shape, lines).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
