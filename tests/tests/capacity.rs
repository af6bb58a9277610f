//! Capacity: utilisation by the documented rule, whatever way the log took; formats, options, errors.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::log::{challenge, failure, lines, record, resource_id};
use crate::program::{akvlens, folder, list, number, text};

/// An operation on a key at a second, with what the record says of the key.
fn on_key(second: u32, operation: &str, key: &str, properties: Value) -> Value {
    let mut record = record(second);
    record["operationName"] = json!(operation);
    record["properties"]["id"] = json!(format!("https://kv-a.vault.azure.net/keys/{key}/0123"));
    record["properties"]["requestUri"] = json!(format!("https://kv-a.vault.azure.net/keys/{key}/0123/sign"));
    if !properties.is_null() {
        record["properties"]["keyProperties"] = properties;
    }
    record
}

fn rsa_hsm(bits: u32) -> Value {
    json!({"type": "RSA-HSM", "size": bits})
}

/// The capacity report of a run that must end with `status`.
fn capacity(folder: &Path, status: i32, args: &[&str]) -> Value {
    let ran = akvlens(folder, [&["capacity", "-o", "-", "-q"], args].concat());
    assert_eq!(ran.status, status, "{args:?}: {}{}", ran.stderr, ran.stdout);
    ran.json()
}

/// A class of the first vault.
fn class<'r>(report: &'r Value, name: &str) -> &'r Value {
    let classes = list(&report["vaults"][0]["classes"]);
    classes.iter().find(|class| class["class"] == name).unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

fn utilisation(class: &Value) -> (f64, f64) {
    let peak = &class["peak"];
    (peak["utilisation_low"].as_f64().unwrap(), peak["utilisation_high"].as_f64().unwrap())
}

/// The documentation's example: 248 operations with 4,096 bits and 16 with 2,048 on HSM keys in ten
/// seconds are the limit, and one more is above it.
fn the_documented_example(more: u32) -> TempDir {
    let mut records = Vec::new();
    for index in 0..248 + more {
        records.push(on_key(100 + index % 10, "KeySign", "big", rsa_hsm(4096)));
    }
    for index in 0..16 {
        records.push(on_key(100 + index % 10, "KeySign", "small", rsa_hsm(2048)));
    }
    folder(&[("log.json", lines(&records))])
}

#[test]
fn utilisation_adds_up_as_documented() {
    let report = capacity(the_documented_example(0).path(), 0, &["log.json"]);
    let keys = class(&report, "keys");
    assert_eq!(utilisation(keys), (1.0, 1.0));
    assert_eq!(number(&keys["over"]["p100"]), 0, "at the limit is not above it");
    assert_eq!(text(&keys["peak"]["at"]), "2026-03-12T14:01:40Z");
    assert_eq!(number(&keys["peak"]["requests"]), 264);
    let report = capacity(the_documented_example(1).path(), 1, &["log.json", "--fail-on", "high"]);
    assert_eq!(number(&class(&report, "keys")["over"]["p100"]), 1);
}

#[test]
fn a_key_that_nobody_describes_is_a_range_until_somebody_does() {
    let records: Vec<Value> =
        (0..100).map(|index| on_key(100 + index % 10, "KeySign", "mystery", Value::Null)).collect();
    let key = json!({"key": {"kid": "https://kv-a.vault.azure.net/keys/mystery/1", "kty": "RSA-HSM", "keySize": 4096}});
    let created = on_key(5000, "KeyCreate", "mystery", rsa_hsm(3072));
    let folder = folder(&[
        ("log.json", lines(&records)),
        ("key.json", key.to_string()),
        ("created.json", lines(&[created])),
        ("named.json", lines(&records).replace("mystery", "sign-rsa3072")),
    ]);
    let path = folder.path();
    let peak = |args: &[&str]| {
        let report = capacity(path, 0, args);
        let unknown = list(&report["vaults"][0]["unknown_keys"]).len();
        (utilisation(class(&report, "keys")), unknown)
    };
    assert_eq!(peak(&["log.json"]), ((0.025, 0.4), 1), "4,000 to 250");
    assert_eq!(peak(&["log.json", "--policies", "key.json"]), ((0.4, 0.4), 0));
    assert_eq!(peak(&["log.json", "created.json"]), ((0.2, 0.2), 0), "another record of the key tells");
    assert_eq!(peak(&["named.json"]), ((0.1, 0.2), 1), "the name tells the size and no protection");
    assert_eq!(peak(&["log.json", "--assume-key", "RSA 2048"]), ((0.025, 0.025), 0));
}

/// Keys of two vaults that share a name are two keys.
#[test]
fn what_is_known_of_a_key_is_known_of_its_vault_only() {
    let mut records = Vec::new();
    for (vault, bits) in [("KV-A", 2048), ("KV-B", 4096), ("KV-C", 3072)] {
        let mut of_vault: Vec<Value> =
            (0..20).map(|index| on_key(100 + index % 10, "KeySign", "shared", Value::Null)).collect();
        of_vault.push(on_key(5000, "KeyCreate", "shared", rsa_hsm(bits)));
        for record in &mut of_vault {
            record["resourceId"] = json!(resource_id(vault));
        }
        records.extend(of_vault);
    }
    let folder = folder(&[("log.json", lines(&records))]);
    let report = capacity(folder.path(), 0, &["log.json"]);
    let peak = |vault: &Value| {
        let keys = list(&vault["classes"]).iter().find(|class| class["class"] == "keys").unwrap();
        (text(&vault["vault"]).to_owned(), utilisation(keys).1)
    };
    let peaks: Vec<(String, f64)> = list(&report["vaults"]).iter().map(peak).collect();
    let wanted = [("kv-a", 0.01), ("kv-b", 0.08), ("kv-c", 0.04)];
    assert_eq!(peaks, wanted.map(|(vault, peak)| (vault.to_owned(), peak)));
}

#[test]
fn the_platform_of_a_key_tells_its_protection() {
    let peak = |platform: &str| {
        let properties = json!({"type": "RSA", "size": 2048, "attributes": {"hsmPlatform": platform}});
        let records: Vec<Value> =
            (0..20).map(|index| on_key(100 + index % 10, "KeySign", "k", properties.clone())).collect();
        let folder = folder(&[("log.json", lines(&records))]);
        utilisation(class(&capacity(folder.path(), 0, &["log.json"]), "keys"))
    };
    assert_eq!(peak("0"), (0.005, 0.005), "software: 4,000");
    assert_eq!(peak("2"), (0.01, 0.01), "HSM: 2,000");
}

#[test]
fn what_counts_is_said_and_can_be_changed() {
    let mut records: Vec<Value> = (0..20).map(|index| record(100 + index % 10)).collect();
    records.extend((0..8).map(|index| failure(100 + index, 404, "SecretNotFound")));
    records.extend((0..4).map(|index| failure(100 + index, 429, "Throttled")));
    records.extend((0..2).map(|index| challenge(100 + index)));
    let folder = folder(&[("log.json", lines(&records))]);
    let requests = |args: &[&str]| {
        let report = capacity(folder.path(), 0, &[&["log.json"], args].concat());
        assert!(list(&report["assumptions"]).iter().any(|row| row["id"] == "counted"));
        (number(&class(&report, "secrets")["peak"]["requests"]), report["vaults"][0]["uncounted"].clone())
    };
    assert_eq!(requests(&[]), (28, json!({"challenge": 2, "throttled": 4})));
    assert_eq!(requests(&["--count", "none"]), (20, json!({"challenge": 2, "throttled": 4, "failure": 8})));
    assert_eq!(requests(&["--count", "failures,throttled,challenges"]), (34, json!({})));
    let report = capacity(folder.path(), 0, &["log.json"]);
    let secrets = class(&report, "secrets");
    assert_eq!(number(&secrets["throttled"]), 4);
    assert_eq!(number(&secrets["throttling"]["unexplained"]), 4, "nowhere near 4,000: {secrets:#}");
    assert!(text(&report["strategy"]).contains("throttled 4 times below"), "{}", report["strategy"]);
}

#[test]
fn facts_threads_order_and_parts_change_no_byte() {
    let mut records: Vec<Value> = (0..300).map(|index| record(index * 7 % 200)).collect();
    records.extend((0..100).map(|index| on_key(index * 3 % 150, "KeySign", "k", rsa_hsm(2048))));
    let (one, two) = records.split_at(150);
    let folder = folder(&[("a.json", lines(one)), ("b.json", lines(two))]);
    let path = folder.path();
    let bytes = |args: &[&str]| {
        let ran = akvlens(path, [&["capacity", "-q", "-o", "-"], args].concat());
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        ran.stdout
    };
    let report = bytes(&["a.json", "b.json", "--threads", "1"]);
    assert_eq!(report, bytes(&["b.json", "a.json", "--threads", "4"]));
    for (log, facts) in [("a.json", "fa"), ("b.json", "fb")] {
        assert_eq!(akvlens(path, ["facts", log, "-o", facts]).status, 0);
    }
    assert_eq!(akvlens(path, ["merge", "fb", "fa", "-o", "both"]).status, 0);
    assert_eq!(report, bytes(&["both"]));
}

#[test]
fn every_format_is_written_and_escaped() {
    let evil = "=evil|`x`<b>\u{1b}[31m";
    let mut records: Vec<Value> = (0..50).map(|index| record(index % 5)).collect();
    for record in &mut records {
        record["identity"]["claim"] =
            json!({"oid": evil, "appid": evil, "upn": evil, "scp": "user_impersonation"});
        record["properties"]["clientInfo"] = json!(evil);
        record["properties"]["id"] =
            json!(format!("https://kv-a.vault.azure.net/secrets/{}/0", evil.replace('<', "%3c")));
    }
    let folder = folder(&[("log.json", lines(&records))]);
    let names = ["c.json", "c.md", "c.csv", "c.plan.csv", "caching.csv", "c.series.csv"];
    let mut args = vec!["capacity", "log.json", "--color", "always"];
    args.extend(names.iter().flat_map(|name| ["-o", name]));
    let ran = akvlens(folder.path(), &args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for name in names {
        let written = read(name);
        assert!(!written.is_empty() && !written.contains('\u{1b}'), "{name}: {written}");
        let is_csv = written.starts_with("vault,") || written.starts_with("from_vault,");
        let unsafe_cells = is_csv && written.split([',', '\n']).any(|cell| cell.starts_with('='));
        let markup = !is_csv && written.contains("<b>");
        assert!(!unsafe_cells && !markup, "{name}: {written}");
    }
    assert!(!ran.stdout.replace("\u{1b}[0m", "").contains("\u{1b}[31m|"), "{}", ran.stdout);
    assert!(read("c.series.csv").starts_with("vault,class,start,seconds,utilisation_high\n"));
    assert_eq!(read("c.series.csv").lines().count(), 1 + 5, "a row a second");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let folder = folder(&[
        ("log.json", lines(&[record(1)])),
        ("limits.toml", "dated = \"2026-01-01\"\nnonsense = 3\n".to_owned()),
        ("groups.csv", "object,group\nplain,x\n".to_owned()),
        ("absent.csv", "object,group\nsecrets/db,x\nsecrets/absent,x\n".to_owned()),
    ]);
    let told = |args: &[&str], status: i32, words: &[&str]| {
        let ran = akvlens(folder.path(), [&["capacity"], args].concat());
        assert_eq!(ran.status, status, "{args:?}: {}", ran.stderr);
        for word in words {
            assert!(ran.stderr.contains(word), "{args:?}: '{word}' is not in {}", ran.stderr);
        }
    };
    told(&["nothing.json"], 4, &["nothing.json"]);
    told(&["log.json", "--limits", "limits.toml"], 2, &["limits.toml:2", "nonsense"]);
    told(&["log.json", "--limits", "no.toml"], 2, &["no.toml", "cannot read"]);
    told(&["log.json", "--limits-profile", "2025-08"], 2, &["did you mean '2025-07'"]);
    told(&["log.json", "--group", "groups.csv"], 2, &["groups.csv:2", "secrets/NAME"]);
    told(&["log.json", "--ttl", "5x"], 2, &["--ttl '5x'", "30s, 5m"]);
    told(&["log.json", "--after-cache", "soon"], 2, &["--after-cache 'soon'"]);
    told(&["log.json", "--assume-key", "RSA"], 2, &["RSA 2048"]);
    told(&["log.json", "--count", "none,failures"], 2, &["--count none"]);
    told(&["log.json", "--target", "0"], 2, &["--target"]);
    told(&["log.json", "-o", "c.txt"], 2, &["c.txt", ".plan.csv"]);
    told(&["log.json", "-o", "log.json"], 2, &["would be lost"]);
    told(&["log.json", "--group", "absent.csv"], 0, &["'secrets/absent' is not in this log"]);
    told(&["log.json", "--vault", "kv-z"], 0, &["no request matches"]);
}

#[test]
fn a_users_own_limits_are_used() {
    let built_in =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/findings/limits.toml"));
    let own = built_in.unwrap().replace("secrets = 4000", "secrets = 40");
    let records: Vec<Value> = (0..30).map(|index| record(index % 10)).collect();
    let folder = folder(&[("log.json", lines(&records)), ("own.toml", own)]);
    let report = capacity(folder.path(), 0, &["log.json", "--limits", "own.toml"]);
    let secrets = class(&report, "secrets");
    assert_eq!((utilisation(secrets).1, number(&secrets["limit"])), (0.75, 40));
    assert_eq!(report["limits"]["profile"], "2025-07", "that of the day of the last record");
    let named = ["log.json", "--limits", "own.toml", "--limits-profile", "2018-11"];
    let report = capacity(folder.path(), 0, &named);
    assert_eq!(number(&class(&report, "secrets")["limit"]), 2000);
}
