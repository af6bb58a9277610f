//! Names, types and looks are Azure's: rows as published, suffixes after the value, times of each carrier.

use chrono::FixedOffset;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CHALLENGE, HSM, REFUSED, objects, reshaped, text};
use crate::shapes::{DateOrder, Json, Options, Shape, Zone, convert};

/// The row of `AzureDiagnostics` or `AZKVAuditLogs` of a record.
fn row(shape: Shape, record: &str) -> Value {
    objects(shape, record).remove(0)
}

/// A managed identity's request as it was published as a row (facts §8, d).
#[test]
fn a_published_row_of_a_request_comes_out_as_published() {
    let zero = "00000000-0000-0000-0000-000000000000";
    let id = format!(
        "/SUBSCRIPTIONS/{zero}/RESOURCEGROUPS/EXAMPLE-RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/EXAMPLE-VAULT"
    );
    let record = json!({
        "time": "2025-01-07T20:00:00.0483028Z", "category": "AuditEvent", "operationName": "SecretGet",
        "resultType": "Success", "correlationId": zero, "callerIpAddress": "127.0.0.1",
        "identity": {"claim": {"oid": zero, "appid": zero, "appidacr": "2", "xms_az_nwperimid": [], "idtyp": "app"}},
        "properties": {
            "id": "https://example-vault.vault.azure.net/secrets/example-secret/0123",
            "clientInfo": "azsdk-net-Security.KeyVault.Secrets/4.3.0", "httpStatusCode": 200,
            "requestUri": "https://example-vault.vault.azure.net/secrets/example-secret/?api-version=7.3",
            "isAccessPolicyMatch": true, "tlsVersion": "TLS1_2"
        },
        "resourceId": id, "operationVersion": "7.3", "resultSignature": "OK", "durationMs": "16"
    });
    let expected = json!({
        "TimeGenerated": "2025-01-07T20:00:00.0483028Z", "ResourceId": id, "Category": "AuditEvent",
        "ResourceGroup": "EXAMPLE-RG", "SubscriptionId": zero, "ResourceProvider": "MICROSOFT.KEYVAULT",
        "Resource": "EXAMPLE-VAULT", "ResourceType": "VAULTS", "OperationName": "SecretGet",
        "ResultType": "Success", "CorrelationId": zero, "ResultDescription": "", "DurationMs": 16,
        "requestUri_s": "https://example-vault.vault.azure.net/secrets/example-secret/?api-version=7.3",
        "CallerIPAddress": "127.0.0.1", "OperationVersion": "7.3", "ResultSignature": "OK",
        "id_s": "https://example-vault.vault.azure.net/secrets/example-secret/0123",
        "clientInfo_s": "azsdk-net-Security.KeyVault.Secrets/4.3.0", "httpStatusCode_d": 200,
        "identity_claim_appid_g": zero, "isAccessPolicyMatch_b": true, "identity_claim_oid_g": zero,
        "identity_claim_appidacr_s": "2", "identity_claim_xms_az_nwperimid_s": "[]",
        "identity_claim_idtyp_s": "app", "tlsVersion_s": "TLS1_2", "Type": "AzureDiagnostics",
        "_ResourceId": id.to_lowercase()
    });
    let mut row = row(Shape::LogAnalyticsExportDiagnostics, &record.to_string());
    // The workspace's id is ours; the published row leaves `SourceSystem` out.
    assert!(row["TenantId"].take().is_string() && row["SourceSystem"].take() == "Azure");
    row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    assert_eq!(row, expected);
}

/// Azure Resource Graph's polling as it was published (facts §8, e): claims with long keys, settings.
#[test]
fn long_claims_and_settings_have_the_published_columns() {
    let zero = "00000000-0000-0000-0000-000000000000";
    let record = json!({
        "time": "2024-11-02T09:12:25.0852453Z", "category": "AuditEvent", "operationName": "VaultGet",
        "identity": {"claim": {
            "http://schemas.microsoft.com/identity/claims/objectidentifier": zero,
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "live.com#a@outlook.com"
        }},
        "properties": {"properties": {
            "sku": {"Family": "A", "Name": "standard", "Capacity": null}, "tenantId": zero,
            "networkAcls": {"bypass": "None", "defaultAction": "Deny"}, "softDeleteRetentionInDays": 90,
            "enableRbacAuthorization": false, "enablePurgeProtection": null
        }}
    });
    let row = row(Shape::ValueDiagnostics, &record.to_string())["value"][0].take();
    let special = row.as_object().unwrap().iter().filter(|(name, _)| name.contains('_'));
    let special: Value = special.map(|(name, value)| (name.clone(), value.clone())).collect();
    assert_eq!(
        special,
        json!({
            "_ResourceId": "",
            "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g": zero,
            "identity_claim_http_schemas_xmlsoap_org_ws_2005_05_identity_claims_upn_s": "live.com#a@outlook.com",
            "properties_sku_Family_s": "A", "properties_sku_Name_s": "standard", "properties_tenantId_g": zero,
            "properties_networkAcls_bypass_s": "None", "properties_networkAcls_defaultAction_s": "Deny",
            "properties_softDeleteRetentionInDays_d": 90, "properties_enableRbacAuthorization_b": false
        })
    );
}

#[test]
fn a_suffix_follows_its_value() {
    let row = row(Shape::LogAnalyticsExportDiagnostics, REFUSED);
    assert_eq!(row["identity_claim_appid_s"], "not-a-guid");
    assert_eq!(row["clientInfo_g"], "3686488a-04fc-4d8a-b967-61f98ec41efe");
    assert_eq!(row["appliedAssignmentId_g"], "1f61769c20ef1953b7ab1332452af1c8");
    assert_eq!(row["certificateProperties_nbf_t"], "2025-11-02T00:00:00Z");
    assert_eq!(row["certificateProperties_attributes_enabled_b"], true);
    assert_eq!(row["identity_claim_xms_az_nwperimid_s"], "[]");
}

#[test]
fn managed_hsm_has_its_columns_in_both_tables() {
    let row_of = |shape| row(shape, HSM);
    let row = row_of(Shape::LogAnalyticsExportDiagnostics);
    assert_eq!(row["ResourceType"], "MANAGEDHSMS");
    assert_eq!(row["correlationId_g"], "48b514b9-dd54-446b-baba-c42613a65949");
    assert_eq!(row["httpStatusCode_s"], "202");
    let oid = "identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g";
    assert_eq!(row[oid], "009e7a6c-5bd3-4c40-89d5-eac1bcbdc328");
    assert_eq!(row["ResultSignature"], "");
    let row = row_of(Shape::LogAnalyticsExportDedicated);
    assert!(row["Identity"].as_str().unwrap().starts_with("{\"claim\""));
    assert_eq!(row["HttpStatusCode"], 202);
    assert_eq!(row["Properties"], json!({"PoolType": "M-HSM", "sku_Family": "B", "sku_Name": "Standard_B1"}));
    assert!(row.get("Category").is_none() && row.get("ResultSignature").is_none());
}

#[test]
fn the_dedicated_table_renames_and_keeps_dynamic_columns_whole() {
    let dedicated = row(Shape::LogAnalyticsExportDedicated, REFUSED);
    assert_eq!(dedicated["Identity"]["claim"]["xms_az_nwperimid"], json!([]));
    assert_eq!(dedicated["Properties"], json!({"privateEndpointId": "pe-1"}));
    assert_eq!(dedicated["CertificateProperties"]["attributes"]["enabled"], true);
    assert_eq!(dedicated["IsRbacAuthorized"], false);
    assert_eq!((&dedicated["DurationMs"], &dedicated["HttpStatusCode"]), (&json!(17), &json!(403)));
    assert!(dedicated["_ResourceId"].as_str().unwrap().ends_with("/vaults/kv-a"));
    assert_eq!(row(Shape::LogAnalyticsExportDedicated, CHALLENGE)["Identity"], json!({}));
}

/// The first cell of each column of times.
fn portal_times(zone: &str, date_order: DateOrder) -> Vec<(String, String)> {
    let options = Options { zone: Zone::read(zone).unwrap(), date_order, ..Options::default() };
    let lines = [REFUSED, HSM, CHALLENGE].join("\n");
    let bytes = convert(Shape::PortalCsvDedicated, &options, &lines).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap());
    let name = reader.headers().unwrap()[1].to_owned();
    reader.records().map(|row| (name.clone(), row.unwrap()[1].to_owned())).collect()
}

#[test]
fn the_portal_shows_times_in_its_zone_and_order() {
    let times = |zone, order| portal_times(zone, order).into_iter().map(|(_, time)| time).collect::<Vec<_>>();
    assert_eq!(
        times("UTC", DateOrder::Mdy),
        ["3/13/2026, 11:30:01.123 PM", "3/13/2026, 12:00:00.652 PM", "3/13/2026, 12:00:00.000 AM"]
    );
    assert_eq!(
        times("UTC+01:00", DateOrder::Dmy),
        ["14/03/2026, 00:30:01.123", "13/03/2026, 13:00:00.652", "13/03/2026, 01:00:00.000"]
    );
    assert_eq!(times("UTC-09:30", DateOrder::Mdy)[2], "3/12/2026, 2:30:00.000 PM");
    assert_eq!(portal_times("UTC+01:00", DateOrder::Mdy)[0].0, "TimeGenerated [UTC+01:00]");
    assert_eq!(Zone::read("UTC").unwrap().offset, FixedOffset::east_opt(0).unwrap());
    assert!(Zone::read("Local").is_err() && Zone::read("UTC+1").is_err());
}

#[test]
fn powershell_quotes_everything_and_may_name_its_type() {
    let plain = text(Shape::PowershellCsvDedicated, REFUSED);
    assert!(plain.starts_with("\"TenantId\",\"TimeGenerated\",") && plain.ends_with("\"\r\n"), "{plain}");
    assert!(plain.contains("\"2026-03-13T23:30:01.1234567Z\"") && plain.contains("\"False\""));
    let options = Options { type_line: true, ..Options::default() };
    let typed = convert(Shape::PowershellCsvDedicated, &options, REFUSED).unwrap();
    assert_eq!(
        String::from_utf8(typed).unwrap(),
        format!("#TYPE System.Management.Automation.PSCustomObject\r\n{plain}")
    );
}

#[test]
fn az_prints_text_only() {
    let rows: Value = serde_json::from_slice(&reshaped(Shape::AzDedicated, CHALLENGE)).unwrap();
    assert!(rows[0].as_object().unwrap().values().all(Value::is_string));
    assert_eq!((&rows[0]["TableName"], &rows[0]["Sku"]), (&json!("PrimaryResult"), &json!("None")));
    assert_eq!((&rows[0]["ResultDescription"], &rows[0]["Identity"]), (&json!(""), &json!("{}")));
}

#[test]
fn syslog_headers_are_those_of_their_rfc() {
    let line = text(Shape::SyslogRfc3164, HSM);
    assert!(
        line.starts_with("<134>Mar 13 12:00:00 fwd-lark-01 azure-keyvault[1207]: {\"TenantId\""),
        "{line}"
    );
    let line = text(Shape::SyslogRfc5424, REFUSED);
    let header = "<134>1 2026-03-13T23:30:01.123456Z fwd-lark-01 azure-keyvault 1207 AuditEvent - {\"time\"";
    assert!(line.starts_with(header), "{line}");
}

/// Any JSON value.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\\n]{0,4}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn json_is_read_and_written_as_it_was(value in any_json()) {
        let text = value.to_string();
        prop_assert_eq!(Json::read(&text).unwrap().to_string(), text);
    }
}
