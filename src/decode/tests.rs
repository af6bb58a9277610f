use super::*;

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
