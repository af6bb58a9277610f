use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::decode::resource_log::{decode, decode_next};

/// One record of every kind that Azure writes, each form of value among them.
const RECORDS: &[&str] = &[
    r#"{"time":"2024-12-01T09:45:12.1234560Z","category":"AuditEvent","operationName":"SecretGet","resultType":"Success","correlationId":"a9f5","callerIpAddress":"203.0.113.10","identity":{"claim":{"oid":"o","appid":"a","appidacr":"2","xms_mirid":"/subscriptions/s/sites/x","xms_az_nwperimid":[],"idtyp":"app"}},"properties":{"id":"https://kv.vault.azure.net/secrets/s/d123","clientInfo":"Tool v1.7","httpStatusCode":200,"requestUri":"https://kv.vault.azure.net/secrets/s/?api-version=7.0","isRbacAuthorized":true,"appliedAssignmentId":"7e9d","tlsVersion":"TLS1_3"},"resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV","operationVersion":"7.0","resultSignature":"OK","durationMs":"89"}"#,
    r#"{"time":"2024-12-01T09:45:13.1234560Z","category":"AuditEvent","operationName":"KeyGet","resultType":"Success","resultDescription":"Caller is not authorized.\r\nAction: 'x'\u00e9","correlationId":"","callerIpAddress":"203.0.113.10","identity":{"claim":{"oid":"o","upn":"anna@larkfield.example","amr":["pwd","mfa"]}},"properties":{"id":"https://kv.vault.azure.net/keys/k/d123","httpStatusCode":403,"isAccessPolicyMatch":false,"isAddressAuthorized":true,"keyProperties":{"type":"RSA","size":2048,"attributes":{"hsmPlatform":"0"}},"tlsVersion":"TLS1_3"},"resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV","resultSignature":"Forbidden","durationMs":7}"#,
    r#"{"time":"2024-12-01T09:45:14Z","category":"AuditEvent","operationName":"Authentication","identity":{},"properties":{"httpStatusCode":401,"requestUri":"https://kv.vault.azure.net/secrets"},"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV","durationMs":"1.5"}"#,
    r#"{"category":"AuditEvent","operationName":"VaultPut","durationMs":7.9,"resultDescription":"","identity":{"claim":{"http://schemas.microsoft.com/identity/claims/objectidentifier":"o","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":"n","appid":"a"}},"properties":{"httpStatusCode":"200","id":"https://kv.vault.azure.net/","properties":{"sku":{"Family":"A","Name":"premium","Capacity":null},"accessPolicies":[{"tenantId":"t","permissions":{"keys":["get","list"],"secrets":[]}},{}],"networkAcls":{"bypass":"AzureServices","defaultAction":"Deny","ipRules":[{"value":"203.0.113.0/24"}]},"enableRbacAuthorization":true,"enablePurgeProtection":null,"softDeleteRetentionInDays":90,"publicNetworkAccess":"Disabled"}},"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV"}"#,
    r#"{"TenantId":"t","time":"2020-08-31T19:52:39.763Z","resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.KEYVAULT/MANAGEDHSMS/POOL","operationName":"BackupCreate","category":"AuditEvent","resultType":"Success","properties":{"PoolType":"M-HSM"},"durationMs":488,"callerIpAddress":"10.0.0.1","identity":"{\"claim\":{\"appid\":\"a\",\"http_schemas_microsoft_com_identity\":{\"claims\":{\"objectidentifier\":\"o\"}}}}","clientInfo":"agent","subnetId":"(unknown)","httpStatusCode":202,"PoolName":"pool","resourceGroup":"rg","resource":"pool","requestUri":"https://pool.managedhsm.azure.net/backup"}"#,
    r#"{"TimeGenerated":"2024-12-01T09:45:12Z","ResourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV","Category":"AuditEvent","OperationName":"SecretGet","identity_claim_oid_g":"o","httpStatusCode_d":403.0,"isRbacAuthorized_b":false,"DurationMs":-3,"ResultDescription":null,"Type":"AzureDiagnostics"}"#,
    r#"{"category":"Administrative","operationName":{"value":"x"},"properties":null,"identity":7,"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.WEB/SITES/A","level":"Information"}"#,
    r#"{"time":"2024-12-01T09:45:12Z","message":"{\"category\":\"AuditEvent\"}","event":{"original":"{}"},"metricName":"m"}"#,
];

thread_local! {
    /// The claims that each number of an identity stood for.
    static MET: RefCell<BTreeMap<NonZeroU64, Record<'static>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Holds the claims of a record against those that earlier records with the same number had; true if there
/// were such.
fn check_met(record: &Record<'_>) -> bool {
    let Some(number) = record.identity.met.number() else { return false };
    let claims = Record { identity: record.identity.clone(), ..Record::default() }.into_owned();
    MET.with_borrow_mut(|met| {
        if let Some(before) = met.get(&number) {
            assert_eq!(before, &claims, "different claims have one number");
            return true;
        }
        met.insert(number, claims);
        false
    })
}

/// Holds a line read by what is remembered against the general decoder.
fn check(line: &[u8], remembered: &mut Remembered) {
    let (mut general, mut record) = (Record::default(), Record::default());
    let expected = decode(line, &mut general);
    let found = decode_next(line, &mut record, remembered);
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(line));
    assert_eq!(record, general, "{}", String::from_utf8_lossy(line));
    check_met(&record);
    assert!(remembered.steps.len() <= MOST_STEPS && remembered.numbers.len() <= MOST_STEPS);
    assert!(remembered.texts.len() <= MOST_STEPS * LONGEST_STEP);
}

/// What has read every record three times.
fn warm() -> Remembered {
    let mut remembered = Remembered::default();
    for _ in 0..3 {
        for record in RECORDS {
            check(record.as_bytes(), &mut remembered);
            remembered.refused = Streak::default();
        }
    }
    remembered
}

#[test]
fn records_of_azure_are_taken() {
    let mut remembered = warm();
    for (line, taken) in RECORDS.iter().zip([true, true, true, true, true, true, false, false]) {
        remembered.refused = Streak::default();
        assert_eq!(remembered.read(line, &mut Record::default()), taken, "{line}");
    }
    assert!(remembered.steps.len() < 120, "{} steps", remembered.steps.len());
}

#[test]
fn identities_are_taken_whole() {
    let mut remembered = Remembered::default();
    let line = |oid: u32, rest: &str| {
        format!(
            r#"{{"category":"AuditEvent","operationName":"SecretGet","identity":{{"claim":{{"oid":"1b2c3d4e-{oid:04}-4000-8000-000000000000","appid":"a","amr":["pwd"]{rest}}}}},"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV"}}"#
        )
    };
    for round in 0..4 {
        for oid in 0..100 {
            for rest in [r#","name":"n""#, r#","oid":"p""#, r#","scp":12"#] {
                let line = line(oid, rest);
                let mut record = Record::default();
                check(line.as_bytes(), &mut remembered);
                assert!(decode_next(line.as_bytes(), &mut record, &mut remembered).is_ok());
                // A number is text that stands nowhere as such.
                assert!(round < 2 || check_met(&record) || rest.ends_with("12"), "{line}");
            }
        }
    }
    // What only begins like one, and one that others begin like.
    check(line(7, "").as_bytes(), &mut remembered);
    check(line(7, "").as_bytes(), &mut remembered);
    for tail in ["\\u0041", "b", "\",\"upn\":\"w", "é"] {
        let longer = line(7, r#","name":"n""#).replace("\"n\"", &format!("\"n{tail}\""));
        check(longer.as_bytes(), &mut remembered);
    }
}

#[test]
fn endless_identities_are_not_kept() {
    let mut remembered = warm();
    let line = |number: u32| {
        format!(
            r#"{{"category":"AuditEvent","operationName":"SecretGet","identity":{{"claim":{{"oid":"{number:08x}-0000-4000-8000-000000000000","appid":"a{number}"}}}},"resourceId":"/SUBSCRIPTIONS/S/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/KV"}}"#
        )
    };
    for number in 0..20_000 {
        check(line(number).as_bytes(), &mut remembered);
        remembered.identities.check_bounds();
    }
    // Beyond the bound, and after a rest, they are kept again.
    let kept = |number: u32, remembered: &mut Remembered| {
        let (line, mut record) = (line(number), Record::default());
        assert!(decode_next(line.as_bytes(), &mut record, remembered).is_ok());
        check_met(&record)
    };
    let mut again = (20_000..40_000).filter(|number| {
        kept(*number, &mut remembered);
        kept(*number, &mut remembered)
    });
    assert!(again.next().is_some());
}

#[test]
fn samples_are_read_the_same() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let (mut remembered, mut lines) = (Remembered::default(), 0);
    for file in walkdir::WalkDir::new(samples).sort_by_file_name().into_iter().map(Result::unwrap) {
        if !file.file_type().is_file() {
            continue;
        }
        for line in fs::read(file.path()).unwrap().split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            check(line, &mut remembered);
            check(line.strip_suffix(b",").unwrap_or(line), &mut remembered);
            lines += 1;
        }
    }
    assert!(lines > 1000, "{lines} lines");
}

#[test]
fn endless_keys_are_not_kept() {
    let mut remembered = warm();
    for number in 0..3000 {
        let line = format!(r#"{{"category":"AuditEvent","{number}":"{number}","k{number}":{number}}}"#);
        check(line.as_bytes(), &mut remembered);
    }
    warm();
}

/// Pieces that change what stands around them.
const PIECES: &[&str] = &[
    " ",
    "\n",
    "\t",
    "\0",
    "\"",
    "\\",
    "\\\"",
    "\\u0041",
    "\\ud800",
    "\\x",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "-",
    "0",
    "1",
    "e",
    ".",
    "é",
    "null",
    "true",
    "false",
    "1e400",
    "-0",
    "01",
    "0.5",
    "1.50",
    "1e2",
    "12345678901234567890",
    "[]",
    "{}",
    "[1,{\"a\":[\"b\",[]]}]",
    "\"x\"",
    "\"\"",
    "\"oid\":\"p\",",
    ",\"time\":\"2024-12-01T09:45:12Z\"",
    "\"time\":7,",
    "\"properties\":{\"id\":\"i\"},",
    "\"a\":\"b\",",
    "\"claim\":{\"oid\":null},",
    "\"message\":\"{\",",
    "\"Type\":\"t\",",
    "\"identity\":\"None\",",
    "},",
    "}}",
    "{\"",
    "\":",
    "\",\"",
];

/// A change to a line.
#[derive(Clone, Debug)]
enum Change {
    Byte(usize, u8),
    Insert(usize, usize),
    Replace(usize, usize, usize),
    Cut(usize),
    Copy(usize, usize, usize),
    /// Puts two stretches between commas in each other's place.
    Swap(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let (at, piece) = (|| 0_usize..2000, || 0..PIECES.len());
    prop_oneof![
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (at(), piece()).prop_map(|(at, piece)| Change::Insert(at, piece)),
        4 => (at(), 0_usize..12, piece()).prop_map(|(at, length, piece)| Change::Replace(at, length, piece)),
        1 => at().prop_map(Change::Cut),
        2 => (at(), 0_usize..60, at()).prop_map(|(from, length, to)| Change::Copy(from, length, to)),
        3 => (0_usize..40, 0_usize..40).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

impl Change {
    fn apply(&self, line: &mut Vec<u8>) {
        let within = |at: usize| at % (line.len() + 1);
        match *self {
            Self::Byte(at, byte) => {
                if let Some(place) = line.get_mut(at) {
                    *place = byte;
                }
            }
            Self::Insert(at, piece) => drop(line.splice(within(at)..within(at), PIECES[piece].bytes())),
            Self::Replace(at, length, piece) => {
                let (from, to) = (within(at), (within(at) + length).min(line.len()));
                line.splice(from..to, PIECES[piece].bytes());
            }
            Self::Cut(at) => line.truncate(within(at)),
            Self::Copy(from, length, to) => {
                let from = within(from);
                let copy = line[from..(from + length).min(line.len())].to_vec();
                line.splice(within(to)..within(to), copy);
            }
            Self::Swap(one, other) => {
                let mut parts: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
                let count = parts.len();
                parts.swap(one % count, other % count);
                *line = parts.join(&b","[..]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// Whatever is changed in a record, and whatever was remembered before.
    #[test]
    fn changed_records_are_read_the_same(
        lines in prop::collection::vec((0..RECORDS.len(), prop::collection::vec(change(), 0..4)), 1..8),
    ) {
        let mut remembered = warm();
        for (record, changes) in lines {
            let mut line = RECORDS[record].as_bytes().to_vec();
            for change in &changes {
                change.apply(&mut line);
            }
            remembered.refused = Streak::default();
            remembered.unexpected = Streak::default();
            check(&line, &mut remembered);
            check(&line, &mut remembered);
            check(RECORDS[record].as_bytes(), &mut remembered);
        }
    }
}
