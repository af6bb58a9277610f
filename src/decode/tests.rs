use proptest::prelude::*;

use super::*;
use crate::facts::tests::any_line;

const AUDIT: &str = r#"{"category":"AuditEvent","operationName":"SecretGet"}"#;

/// What a blob decodes to: records, not audit, and the rejects' reasons.
fn counts(blob: &[u8]) -> (usize, usize, Vec<Reason>) {
    let (mut records, mut others, mut reasons) = (0, 0, Vec::new());
    let (_, result) = decode(blob, Limits::default(), |found| {
        match found {
            Decoded::Record(..) => records += 1,
            Decoded::NotAudit(_) => others += 1,
            Decoded::Reject(reject, _) => reasons.push(reject.reason),
        }
        true
    });
    result.unwrap();
    (records, others, reasons)
}

#[test]
fn every_kind_of_damage_has_its_reason() {
    let around = |middle: &[u8]| [AUDIT.as_bytes(), b"\n", middle, b"\n", AUDIT.as_bytes()].concat();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&[u8], Reason); 9] = [
        (b"{\"category\":\"Audi", Reason::Truncated),
        (b"{\"category\" \"AuditEvent\"}", Reason::InvalidJson),
        (b"{\"category\":\"Audit\xffEvent\"}", Reason::InvalidUtf8),
        (b"{\"category\":\"Audit\0Event\"}", Reason::NulBytes),
        (b"\0\0\0\0", Reason::NulBytes),
        (b"Mar 12 14:00:01 plain text", Reason::NotJson),
        (b"{\"hello\":\"world\"}", Reason::NotARecord),
        (b"{}", Reason::NotARecord),
        (deep.as_bytes(), Reason::TooDeep),
    ];
    for (middle, reason) in cases {
        assert_eq!(counts(&around(middle)), (2, 0, vec![reason]), "{}", String::from_utf8_lossy(middle));
    }
}

#[test]
fn other_logs_are_told_apart() {
    let blob = concat!(
        r#"{"category":"AzurePolicyEvaluationDetails","resourceId":"/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/A"}"#,
        "\n",
        r#"{"category":"Administrative","operationName":"Microsoft.KeyVault/vaults/write"}"#,
        "\n",
        r#"{"metricName":"ServiceApiHit","count":3,"timeGrain":"PT1M","resourceId":"/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/A"}"#,
        "\n",
        r#"{"category":"AuditEvent","resourceId":"/S/PROVIDERS/MICROSOFT.BATCH/BATCHACCOUNTS/A","operationName":"X"}"#,
        "\n",
        r#"{"operationName":"SecretGet","resourceId":"/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/A"}"#,
        "\n"
    );
    assert_eq!(counts(blob.as_bytes()), (1, 4, vec![]));
}

#[test]
fn a_sink_can_stop() {
    let mut seen = 0;
    let blob = format!("{AUDIT}\n{AUDIT}\n{AUDIT}\n");
    let (_, result) = decode(blob.as_bytes(), Limits::default(), |_| {
        seen += 1;
        seen < 2
    });
    assert!(result.is_ok() && seen == 2);
}

/// The texts that matter of each record in a blob, the shapes they came in, and the rejects' reasons.
fn read(blob: &str) -> (Vec<(String, String)>, Vec<Reason>) {
    let (mut records, mut reasons) = (Vec::new(), Vec::new());
    let (totals, result) = decode(blob.as_bytes(), Limits::default(), |found| {
        match found {
            Decoded::Record(record, _) => {
                let identity = &record.identity;
                let texts = [
                    record.time.map(|time| time.to_string().into()),
                    record.operation.clone(),
                    record.client_address.clone(),
                    record.http_status.map(|status| status.to_string().into()),
                    identity.oid.clone().or_else(|| identity.name.clone()),
                    record.resource_id.clone(),
                    record.message.clone(),
                    record.access.rbac_authorized.map(|flag| flag.to_string().into()),
                ];
                let texts: Vec<_> = texts.into_iter().map(|text| text.unwrap_or("-".into())).collect();
                records.push((texts.join(" "), record.shape.to_string()));
            }
            Decoded::NotAudit(_) => {}
            Decoded::Reject(reject, _) => reasons.push(reject.reason),
        }
        true
    });
    result.unwrap();
    assert_eq!(totals.bytes, blob.len() as u64);
    (records, reasons)
}

const REQUEST: &str = "2024-04-02T08:20:49.2681600Z SecretGet 203.0.113.7 403 o /SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV no false";

const STORED: &str = r#"{"time":"2024-04-02T08:20:49.2681600Z","category":"AuditEvent","operationName":"SecretGet","callerIpAddress":"203.0.113.7","identity":{"claim":{"oid":"o"}},"properties":{"httpStatusCode":403,"isRbacAuthorized":false},"resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV","resultDescription":"no"}"#;

const FLATTENED: &str = r#"{"TenantId":"w","TimeGenerated":"2024-04-02T08:20:49.2681600Z","ResourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV","Category":"AuditEvent","Resource":"KV","OperationName":"SecretGet","CallerIPAddress":"203.0.113.7","httpStatusCode_d":403.0,"isRbacAuthorized_b":false,"identity_claim_oid_g":"o","identity_claim_upn_s":null,"ResultDescription":"no","Type":"AzureDiagnostics"}"#;

const DEDICATED: &str = r#"{"TimeGenerated":"2024-04-02T08:20:49.2681600Z","OperationName":"SecretGet","CallerIpAddress":"203.0.113.7","Identity":{"claim":{"oid":"o"}},"HttpStatusCode":403,"IsRbacAuthorized":false,"ResultDescription":"no","Type":"AZKVAuditLogs","_ResourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV"}"#;

/// The row that the query API writes.
const ANSWER: &str = r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"TimeGenerated","type":"datetime"},{"name":"Level","type":"string"},{"name":"OperationName","type":"string"},{"name":"CallerIpAddress","type":"string"},{"name":"Identity","type":"dynamic"},{"name":"HttpStatusCode","type":"int"},{"name":"IsRbacAuthorized","type":"bool"},{"name":"ResultDescription","type":"string"},{"name":"_ResourceId","type":"string"}],"rows":[["2024-04-02T08:20:49.26816Z",null,"SecretGet","203.0.113.7","{\"claim\":{\"oid\":\"o\"}}",403,false,"no","/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV"]]}]}"#;

#[test]
fn one_request_is_one_record_whatever_its_shape() {
    let quoted = serde_json::Value::from(STORED).to_string();
    let batch = serde_json::Value::from(format!("{{\"records\":[{STORED}]}}")).to_string();
    let strings = DEDICATED
        .replace(":403", ":\"403\"")
        .replace(":false", ":\"False\"")
        .replace(r#"{"claim":{"oid":"o"}}"#, r#""{\"claim\":{\"oid\":\"o\"}}","ClientInfo":"None""#);
    let parts = FLATTENED
        .replace(r#""ResourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV""#, r#""SubscriptionId":"S","ResourceGroup":"R","ResourceProvider":"MICROSOFT.KEYVAULT","ResourceType":"VAULTS""#);
    for (blob, shape) in [
        (STORED.to_owned(), "json-lines/storage"),
        (format!("[{{\"records\":[{STORED}]}}]"), "records-wrapper/storage"),
        (FLATTENED.to_owned(), "json-lines/azure-diagnostics"),
        (parts, "json-lines/azure-diagnostics"),
        (format!("{{\"value\":[{FLATTENED}]}}"), "value-wrapper/azure-diagnostics"),
        (DEDICATED.to_owned(), "json-lines/azkv-audit-logs"),
        (format!("[\n  {strings}\n]\n"), "array/azkv-audit-logs"),
        (ANSWER.to_owned(), "query-tables/azkv-audit-logs"),
        (format!("{{\"preview\":false,\"result\":{{\"_raw\":{quoted}}}}}"), "json-lines+json-string/storage"),
        (format!("{{\"message\":{quoted},\"@version\":\"1\"}}\n"), "json-lines+json-string/storage"),
        (format!("{{\"message\":{batch}}}\n"), "json-lines+json-string/storage"),
        (format!("{{\"event\":{{\"original\":{quoted}}}}}"), "json-lines+json-string/storage"),
        (format!("{{\"event.original\":{quoted}}}"), "json-lines+json-string/storage"),
        (format!("[{{\"_source\":{{\"event\":{{\"original\":{quoted}}}}}}}]"), "array+json-string/storage"),
        (
            format!("<134>1 2024-04-02T08:20:49Z host azure - - - {STORED}\n"),
            "json-lines+line-prefix/storage",
        ),
        (format!("Apr  2 08:20:49 host azure: {STORED}"), "json-lines+line-prefix/storage"),
        (format!("[2024-04-02 08:20:49] {STORED}\n"), "json-lines+line-prefix/storage"),
    ] {
        assert_eq!(read(&blob), (vec![(REQUEST.to_owned(), shape.to_owned())], vec![]), "{blob}");
    }
}

#[test]
fn answers_of_queries_may_be_laid_out_broken_and_partial() {
    let value: serde_json::Value = serde_json::from_str(ANSWER).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    // Keys in the order of the alphabet: columns, name, rows.
    assert_eq!(read(&pretty).0.len(), 1, "{pretty}");
    let row = r#"["2024-04-02T08:20:49Z",null,"KeyGet"]"#;
    let two = ANSWER
        .replace("]]}]}", &format!("],{row}]}},{{\"name\":\"Other\",\"columns\":[],\"rows\":[[1]]}}]}}"));
    assert_eq!((read(&two).0.len(), read(&two).1), (1, vec![Reason::NotARecord; 2]));
    let cut = two.get(..two.len() - 60).unwrap();
    assert_eq!((read(cut).0.len(), read(cut).1.last()), (1, Some(&Reason::Truncated)));
    let broken = ANSWER.replace("\"rows\":[[", "\"rows\":[[\"x\" 5],[");
    assert_eq!((read(&broken).0.len(), read(&broken).1), (1, vec![Reason::InvalidJson]));
    let partial = ANSWER.replace("]]}]}", "]]}],\"error\":{\"code\":\"PartialError\"}}");
    assert_eq!((read(&partial).0.len(), read(&partial).1), (1, vec![Reason::PartialAnswer]));
    let headless = r#"{"tables":[{"rows":[["a"],["b"]],"columns":[{"name":"OperationName"}]}]}"#;
    assert_eq!((read(headless).0.len(), read(headless).1.len()), (0, 2));
    assert_eq!(read(r#"{"tables":[]}"#), (vec![], vec![]));
}

#[test]
fn text_around_a_record_is_told_from_text_that_only_looks_so() {
    for (blob, reasons) in [
        ("Apr  2 host app: {\"hello\":1}\n", vec![Reason::NotJson]),
        ("laim\":{\"oid\":\"o\"},\"category\":\"AuditEvent\"}\n", vec![Reason::NotJson]),
        ("{\"message\":\"{ not json\"}\n", vec![Reason::NotARecord]),
        ("{\"message\":\"plain\"}\n", vec![Reason::NotARecord]),
        ("{\"message\":\"{\\\"message\\\":\\\"{}\\\"}\"}\n", vec![Reason::NotARecord]),
        ("[1,2]\n", vec![Reason::NotARecord]),
    ] {
        assert_eq!(read(blob), (vec![], reasons), "{blob}");
    }
    // What is broken beside a record in the same text is told.
    let text = serde_json::Value::from(format!("{STORED}\nbroken\n{STORED}")).to_string();
    let (records, reasons) = read(&format!("{{\"message\":{text}}}\n"));
    assert_eq!((records.len(), reasons), (2, vec![Reason::NotJson]));
}

#[test]
fn rows_of_other_tables_are_told_apart() {
    let blob = concat!(
        r#"{"TimeGenerated":"2024-04-02T08:20:49Z","OperationName":"List Keys","Type":"AzureActivity","_ResourceId":"/subscriptions/s/providers/microsoft.keyvault/vaults/kv"}"#,
        "\n",
        r#"{"TimeGenerated":"2024-04-02T08:20:49Z","MetricName":"ServiceApiHit","Type":"AzureMetrics"}"#,
        "\n",
        r#"{"TimeGenerated":"2024-04-02T08:20:49Z","OperationName":"Evaluate","Type":"AZKVPolicyEvaluationDetailsLogs"}"#,
        "\n",
        r#"{"TimeGenerated":"2024-04-02T08:20:49Z","Category":"SQLInsights","OperationName":"X","ResourceProvider":"MICROSOFT.SQL","ResourceType":"SERVERS","Resource":"S","Type":"AzureDiagnostics"}"#,
        "\n"
    );
    assert_eq!(counts(blob.as_bytes()), (0, 4, vec![]));
    // Columns that somebody projected away do not cost the record.
    let projected = r#"{"TimeGenerated":"2024-04-02T08:20:49Z","OperationName":"SecretGet","RequestUri":"https://kv.vault.azure.net/secrets/a"}"#;
    assert_eq!(counts(projected.as_bytes()), (1, 0, vec![]));
}

/// What stands around the records of a text, and between them.
pub(crate) const CONTAINERS: [[&str; 3]; 8] = [
    ["", "\n", "\n"],
    ["", "\r\n", ""],
    ["{\"records\":[", ",", "]}\n"],
    ["{ \"value\" : [\n", ",\r\n", "\n] , \"nextLink\":null}\n{}"],
    ["[", ", ", "]"],
    ["[\n  ", ",\n  ", "\n]\n"],
    ["[{\"records\":[", ",", "]}]"],
    ["<14>1 2026-03-12T00:00:00Z host app - - - ", "\n<14>1 2026-03-12T00:00:00Z host app - - - ", "\n"],
];

/// Batches of wrappers, one for each record.
const BATCHES: [&str; 3] = ["[{\"records\":[", "]},{\"records\":[", "]}]"];

/// What does not belong among the elements of an array, or is not framed as it looks.
const ODD: [&str; 14] = [
    "not json",
    "",
    "{\"time\":\"x\",\"category\":\"AuditEvent\",",
    "[",
    "]",
    "{\"records\":[",
    "]}",
    "{\"time\":\"x\",\"category\":\"AuditEvent\",\"records\":[{\"time\":1},{\"time\":\"2\"}]}",
    "{\"time\":\"x\",\"category\":\"AuditEvent\",\"rows\":[1],\"properties\":{\"value\":[{\"time\":1},{\"time\":2}]}}",
    "{\"time\":\"},{\\\"time\\\":\",\"category\":\"AuditEvent\"}",
    "{\"time\":\"},{\"time\":\",\"category\":\"AuditEvent\"}",
    "{\"time\":\"x\", \"category\":\"AuditEvent\"}",
    "{\"time\":\"x\ny\",\"category\":\"AuditEvent\"}",
    "{\"time\":1}",
];

/// Everything that a blob decodes to.
fn everything(
    decode: impl FnOnce(&mut dyn FnMut(Decoded<'_>) -> bool) -> (Totals, io::Result<()>),
) -> (Vec<String>, Totals) {
    let mut all = Vec::new();
    let (totals, result) = decode(&mut |found| {
        all.push(format!("{found:?}"));
        true
    });
    result.unwrap();
    (all, totals)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// To guess where elements end changes nothing.
    #[test]
    fn guesses_do_not_show(
        records in prop::collection::vec(
            prop_oneof![8 => any_line(), 1 => prop::sample::select(ODD.to_vec()).prop_map(str::to_owned)],
            0..40,
        ),
        container in prop::sample::select([&CONTAINERS[..], &[BATCHES]].concat()),
        max in prop_oneof![Just(16_usize << 20), Just(700)],
    ) {
        let [before, between, after] = container;
        let text = [before, &records.join(between), after].concat();
        let limits = Limits { max_record_bytes: max, ..Limits::default() };
        let guessed = everything(|sink| decode(text.as_bytes(), limits, sink));
        let framer = Framer::new(text.as_bytes(), 0, max);
        let framed = everything(|sink| decode_frames(framer, sink));
        prop_assert_eq!(guessed, framed);
    }
}

#[test]
fn elements_are_guessed() {
    let line =
        "{\"time\":\"2026-03-12T00:00:00Z\",\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\"}";
    let text = format!("{{\"records\":[{}]}}", vec![line; 50].join(",\n"));
    let mut framer = Framer::new(text.as_bytes(), 0, 1 << 20).guessing();
    let mut guessed = 0;
    while let Some(frame) = framer.advance().unwrap() {
        assert_eq!(frame.bytes, line.as_bytes());
        guessed += usize::from(frame.kind == FrameKind::Element);
    }
    // The first two and the last have nothing to be told by.
    assert_eq!(guessed, 47);
}

#[test]
fn records_of_another_kind_do_not_end_guessing() {
    let line = |key: &str| format!("{{\"{key}\":\"x\",\"category\":\"AuditEvent\",\"operationName\":\"A\"}}");
    let lines: Vec<String> =
        (0..20_000).map(|number| line(if number % 1000 == 500 { "TenantId" } else { "time" })).collect();
    let text = format!("[{}]", lines.join(","));
    let mut framer = Framer::new(text.as_bytes(), 0, 1 << 20).guessing();
    let (mut guessed, mut found) = (0, 0);
    while let Some(frame) = framer.advance().unwrap() {
        let one = frame.bytes == lines[found].as_bytes();
        if frame.kind == FrameKind::Element && !one {
            framer.reframe();
            continue;
        }
        assert!(one, "{found}");
        guessed += usize::from(frame.kind == FrameKind::Element);
        found += 1;
    }
    assert!(found == 20_000 && guessed > 19_800, "{guessed} of {found}");
}
