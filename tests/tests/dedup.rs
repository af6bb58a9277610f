//! The same requests exported twice: suspected without `--dedup`, counted once with it.

use serde_json::{Value, json};

use crate::log::{MISSING_POLICY, challenge, failure, lines, record, wrapper};
use crate::program::{akvlens, command, finish, folder, list, number, report, text};

/// A few requests, each of its own tick.
fn requests() -> Vec<Value> {
    let mut all: Vec<Value> = (0..20).map(record).collect();
    all.extend((30..33).map(|second| failure(second, 403, MISSING_POLICY)));
    all.push(challenge(40));
    for (request, tick) in all.iter_mut().zip(1_000_001..) {
        let time = text(&request["time"]).replace("1000000", &tick.to_string());
        request["time"] = json!(time);
    }
    all
}

/// The same requests as rows of AZKVAuditLogs, whose times are cut to milliseconds.
fn rows(requests: &[Value]) -> Vec<Value> {
    let row = |request: &Value| {
        let time = text(&request["time"]).replace("0Z", "Z");
        json!({
            "TimeGenerated": format!("{}Z", time.chars().take(23).collect::<String>()),
            "OperationName": request["operationName"],
            "ResultSignature": request["resultSignature"],
            "ResultDescription": request["resultDescription"],
            "CallerIpAddress": request["callerIpAddress"],
            "CorrelationId": request["correlationId"],
            "Identity": request["identity"],
            "HttpStatusCode": request["properties"]["httpStatusCode"],
            "ClientInfo": request["properties"]["clientInfo"],
            "RequestUri": request["properties"]["requestUri"],
            "Id": request["properties"]["id"],
            "Type": "AZKVAuditLogs",
            "_ResourceId": text(&request["resourceId"]).to_lowercase(),
        })
    };
    requests.iter().map(row).collect()
}

/// What a report says of requests, whatever was read for it.
fn body(mut report: Value) -> Value {
    report["coverage"] = json!(null);
    report
}

fn codes(report: &Value) -> Vec<&str> {
    list(&report["findings"]).iter().map(|finding| text(&finding["code"])).collect()
}

#[test]
fn a_double_export_is_suspected_and_counted_once_when_asked() {
    let requests = requests();
    let twice = folder(&[
        ("storage.json", lines(&requests)),
        ("workspace/PT05M.json", lines(&rows(&requests))),
        ("copy.json", wrapper(&requests[..5])),
    ]);
    let once = folder(&[("storage.json", lines(&requests))]);
    let suspect = report(twice.path(), 0, ["."]);
    let finding =
        list(&suspect["findings"]).iter().find(|finding| finding["code"] == "double-export").unwrap();
    let (all, repeated) = (requests.len() as u64, requests.len() as u64 + 5);
    assert_eq!(number(&finding["count"]), repeated);
    let share = f64::from(u32::try_from(repeated * 10_000).unwrap())
        / f64::from(u32::try_from(all + repeated).unwrap());
    assert_eq!(finding["share_percent"], json!(share.round() / 100.0));
    assert!(list(&finding["evidence"]).len() >= 2);
    assert_eq!(number(&suspect["totals"]["requests"]), all + repeated);

    let dropped = report(twice.path(), 0, [".", "--dedup"]);
    assert_eq!(number(&dropped["coverage"]["repeated"]), repeated);
    assert_eq!(number(&dropped["coverage"]["framed"]), all + repeated);
    // The storage form says most, so its records are the ones kept; of two equals the first blob's.
    let shapes = &dropped["coverage"]["shapes"];
    assert_eq!(*shapes, json!({"json-lines/storage": all - 5, "records-wrapper/storage": 5}));
    assert!(!codes(&dropped).contains(&"double-export"));
    let (deduplicated, single) = (body(dropped), body(report(once.path(), 0, ["."])));
    for part in ["totals", "causes", "vaults", "callers", "by_caller_operation", "timeline"] {
        assert_eq!(deduplicated[part], single[part], "{part}");
    }
}

#[test]
fn what_is_dropped_does_not_depend_on_threads_or_order() {
    let requests = requests();
    let twice = folder(&[
        ("a.json", lines(&requests)),
        ("b.json", lines(&rows(&requests))),
        ("c.json", lines(&requests[3..])),
    ]);
    let first = report(twice.path(), 0, ["a.json", "b.json", "c.json", "--dedup", "--threads", "1"]);
    for args in [
        ["c.json", "a.json", "b.json", "--dedup", "--threads", "2"],
        ["b.json", "c.json", "a.json", "--dedup", "--threads", "8"],
    ] {
        assert_eq!(report(twice.path(), 0, args), first);
    }
}

#[test]
fn requests_that_only_look_alike_are_all_counted() {
    let mut requests = requests();
    let mut near = requests[0].clone();
    // The same millisecond and correlation id, another tick.
    near["time"] = json!(text(&near["time"]).replace("01Z", "02Z"));
    requests.push(near);
    let folder = folder(&[("a.json", lines(&requests))]);
    let report = report(folder.path(), 0, ["a.json", "--dedup"]);
    assert_eq!(number(&report["coverage"]["records"]), requests.len() as u64);
    assert_eq!(number(&report["coverage"]["repeated"]), 0);
}

#[test]
fn standard_input_can_be_read_twice_and_facts_cannot() {
    let requests = requests();
    let folder = folder(&[("a.json", lines(&requests))]);
    let mut piped = command(folder.path());
    piped.args(["report", "-", "a.json", "--dedup", "-o", "-"]).write_stdin(lines(&rows(&requests)));
    let ran = finish(&mut piped);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(number(&ran.json()["coverage"]["repeated"]), requests.len() as u64);
    assert_eq!(akvlens(folder.path(), ["facts", "a.json", "--dedup", "-o", "facts"]).status, 0);
    let refused = akvlens(folder.path(), ["report", "facts", "--dedup"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("--dedup") && refused.stderr.contains("facts"), "{}", refused.stderr);
}
