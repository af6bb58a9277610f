//! The parts of a record that tell of objects, vaults and the Managed HSM's callers.
//!
//! In: what there is in the world. Out: members of the record that is being written.

use crate::json::{JsonWriter, push_escaped};
use crate::operation::{Family, Operation};
use crate::people::Caller;
use crate::world::{Network, Object, Vault};

/// What the log says about the object of a request that was served.
pub(crate) fn object_properties(json: &mut JsonWriter, operation: &Operation, object: &Object) {
    let Object { key_type, key_size, .. } = *object;
    let platform = if key_type.ends_with("-HSM") { "2" } else { "0" };
    match (operation.family, operation.permission) {
        (Family::Secret, "set" | "update") => {
            json.raw("secretProperties", r#"{"attributes":{"enabled":true,"exp":1805068800}}"#);
        }
        (Family::Key, "get" | "backup" | "delete" | "update") => {
            json.open("keyProperties");
            json.string("type", key_type);
            json.open("attributes");
            json.string("hsmPlatform", platform);
            json.close();
            json.close();
        }
        (Family::Key, "create") => {
            json.open("keyProperties");
            json.string("type", key_type);
            if key_type != "EC" {
                json.number("size", key_size);
            }
            json.open("attributes");
            json.boolean("enabled", true);
            json.string("hsmPlatform", platform);
            json.close();
            json.close();
        }
        (Family::Certificate, "create") => certificate_policy(json, object),
        (Family::Certificate, "import") => {
            json.raw("keyProperties", r#"{"type":"RSA","size":2048}"#);
            json.raw("secretProperties", r#"{"type":"application/x-pkcs12"}"#);
            json.raw("certificateProperties", r#"{"attributes":{"enabled":true}}"#);
        }
        _ => {}
    }
}

/// The policy by which a certificate is made.
fn certificate_policy(json: &mut JsonWriter, object: &Object) {
    json.raw("certificateProperties", r#"{"attributes":{"enabled":true}}"#);
    json.open("certificatePolicyProperties");
    json.open("certificateProperties");
    json.strings("subject", &["CN=", &object.name, ".contoso.com"]);
    json.number("validityInMonths", 12);
    json.close();
    json.raw("keyProperties", r#"{"type":"RSA","size":2048,"reuse":false,"export":true}"#);
    json.raw("secretProperties", r#"{"type":"application/x-pkcs12"}"#);
    json.raw("certificateIssuerProperties", r#"{"name":"Self"}"#);
    json.raw("attributes", r#"{"enabled":true}"#);
    json.close();
}

/// The vault's settings, as the control plane logs them.
pub(crate) fn vault_properties(json: &mut JsonWriter, vault: &Vault, tenant: &str) {
    json.open("properties");
    json.raw("sku", r#"{"Family":"A","Name":"Premium","Capacity":null}"#);
    json.string("tenantId", tenant);
    if vault.network == Network::Open {
        json.null("networkAcls");
    } else {
        json.raw("networkAcls", r#"{"bypass":"AzureServices","defaultAction":"Deny"}"#);
    }
    json.boolean("enabledForDeployment", false);
    json.boolean("enabledForDiskEncryption", false);
    json.boolean("enabledForTemplateDeployment", false);
    json.boolean("enableSoftDelete", true);
    json.number("softDeleteRetentionInDays", 90);
    json.boolean("enableRbacAuthorization", vault.role_based);
    json.raw("enablePurgeProtection", if vault.purge_protected { "true" } else { "null" });
    json.close();
}

/// The identity of the Managed HSM's log: JSON within a string, its keys taken apart.
pub(crate) fn push_hsm_identity(out: &mut String, caller: &Caller) {
    out.clear();
    out.extend([r#"{"claim":{"appid":""#, &caller.appid]);
    out.extend([
        r#"","http_schemas_microsoft_com_identity":{"claims":{"objectidentifier":""#,
        &caller.oid,
        r#""}}"#,
    ]);
    if let Some(upn) = &caller.upn {
        out.push_str(r#","http_schemas_xmlsoap_org_ws_2005_05_identity":{"claims":{"upn":""#);
        push_escaped(out, upn);
        out.push_str(r#""}}"#);
    }
    out.push_str("}}");
}
