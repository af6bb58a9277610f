//! Audit records as Key Vault writes them, and the containers they come in.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// A request that worked: SecretGet of `db` on `kv-a`, so many seconds after 14:00.
pub(crate) fn record(second: u32) -> Value {
    let time =
        format!("2026-03-12T{:02}:{:02}:{:02}.1000000Z", 14 + second / 3600, second / 60 % 60, second % 60);
    json!({
        "time": time,
        "category": "AuditEvent",
        "operationName": "SecretGet",
        "resultSignature": "OK",
        "durationMs": "17",
        "callerIpAddress": "203.0.113.7",
        "correlationId": format!("c-{second}"),
        "identity": {"claim": {"oid": "o-1", "appid": "a-1", "idtyp": "app"}},
        "resourceId": resource_id("KV-A"),
        "properties": {
            "id": "https://kv-a.vault.azure.net/secrets/db/0123",
            "clientInfo": "azsdk-go/1.1",
            "httpStatusCode": 200,
            "requestUri": "https://kv-a.vault.azure.net/secrets/db?api-version=7.5"
        }
    })
}

/// The ARM id of a vault.
pub(crate) fn resource_id(vault: &str) -> String {
    format!("/SUBSCRIPTIONS/S-1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{vault}")
}

/// A request that failed with a status and a message.
pub(crate) fn failure(second: u32, status: u16, message: &str) -> Value {
    let mut record = record(second);
    record["resultSignature"] = json!(status.to_string());
    record["resultDescription"] = json!(message);
    record["properties"]["httpStatusCode"] = json!(status);
    record
}

/// A client's first request, without a token.
pub(crate) fn challenge(second: u32) -> Value {
    let mut record = record(second);
    record["operationName"] = json!("Authentication");
    record["identity"] = json!({});
    record["resultSignature"] = json!("Unauthorized");
    record["properties"]["httpStatusCode"] = json!(401);
    record
}

/// The message of an access policy that does not grant `secrets get`.
pub(crate) const MISSING_POLICY: &str = "The user, group or application 'appid=a-1;oid=o-1;iss=https://sts.windows.net/t-1/' does not have secrets get permission on key vault 'kv-a;location=westeurope'.";

/// Records as JSON Lines.
pub(crate) fn lines(records: &[Value]) -> String {
    records.iter().flat_map(|record| [record.to_string(), "\n".to_owned()]).collect()
}

/// Records in `{"records":[…]}`, on one line.
pub(crate) fn wrapper(records: &[Value]) -> String {
    json!({ "records": records }).to_string()
}

/// Records printed over many lines one after another.
pub(crate) fn pretty(records: &[Value]) -> String {
    records.iter().flat_map(|record| [format!("{record:#}"), "\n".to_owned()]).collect()
}

/// Bytes as one gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

/// Bytes as one zstd frame.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes all")
}
