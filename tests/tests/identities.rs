//! Who it really was: a labelled set of scenarios, each read whole, split over two files, and as two
//! nights of facts merged; with and without knowledge beside the logs. `cargo test identities::` runs
//! it; with `-- --nocapture` it prints precision and recall.

mod scenarios;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::log::lines;
use crate::program::{akvlens, folder, list, text};
use scenarios::{Scenario, all};

/// A verdict: its id, its vault or `-`, the object id it is about or `-`.
pub(crate) type Label = (String, String, String);

/// What a report says, as labels.
fn labels(report: &Value) -> BTreeSet<Label> {
    let own = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let identities = list(&report["identities"]).iter().map(|group| {
        let about = if group["vault"].is_null() { "-".to_owned() } else { own(&group["members"][0]["oid"]) };
        (own(&group["verdict"]), own(&group["vault"]), about)
    });
    let told = ["propagating", "policies-replaced", "client-per-request"];
    let findings = list(&report["findings"]).iter();
    let verdicts = findings
        .clone()
        .filter(|finding| told.contains(&text(&finding["code"])))
        .map(|finding| (own(&finding["code"]), own(&finding["vault"]), own(&finding["caller"]["oid"])));
    let probable = findings.filter(|finding| !finding["probable_caller"].is_null()).map(|finding| {
        ("probable-caller".to_owned(), own(&finding["vault"]), own(&finding["probable_caller"]["oid"]))
    });
    identities.chain(verdicts).chain(probable).collect()
}

/// The report on a scenario: whole, split over files, or over nights.
fn run(scenario: &Scenario, way: usize) -> Value {
    let (even, odd): (Vec<_>, Vec<_>) =
        scenario.records.iter().cloned().enumerate().partition(|(at, _)| at % 2 == 0);
    let part = |rows: Vec<(usize, Value)>| lines(&rows.into_iter().map(|row| row.1).collect::<Vec<_>>());
    let (one, two) = (part(even), part(odd));
    let mut files = vec![("one/a.json", one), ("two/b.json", two), ("all/a.json", lines(&scenario.records))];
    files.extend(scenario.directory.iter().map(|value| ("directory.json", value.to_string())));
    files.extend(scenario.policies.iter().map(|value| ("policies.json", value.to_string())));
    let folder = folder(&files);
    let mut args = vec!["report", "-q", "-o", "-"];
    match way {
        0 => args.push("all"),
        1 => args.extend(["two", "one"]),
        _ => {
            for night in ["one", "two"] {
                assert_eq!(akvlens(folder.path(), ["facts", night, "-o", "nights", "-q"]).status, 0);
            }
            args.push("nights");
        }
    }
    if scenario.directory.is_some() {
        args.extend(["--directory", "directory.json"]);
    }
    if scenario.policies.is_some() {
        args.extend(["--policies", "policies.json"]);
    }
    let ran = akvlens(folder.path(), &args);
    assert_eq!(ran.status, 0, "{}: {}", scenario.name, ran.stderr);
    ran.json()
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are what this test is run for")]
fn precision_and_recall_are_one_on_the_labelled_set() {
    let scenarios = all();
    assert!(scenarios.len() >= 30, "{} scenarios", scenarios.len());
    let (mut right, mut wrong, mut missed) = (0_u32, Vec::new(), Vec::new());
    for scenario in &scenarios {
        for way in 0..3 {
            let found = labels(&run(scenario, way));
            right += u32::try_from(found.intersection(&scenario.expected).count()).unwrap();
            wrong.extend(
                found.difference(&scenario.expected).map(|label| (scenario.name, way, label.clone())),
            );
            missed.extend(
                scenario.expected.difference(&found).map(|label| (scenario.name, way, label.clone())),
            );
        }
    }
    let share =
        |other: usize| f64::from(right) / (f64::from(right) + f64::from(u32::try_from(other).unwrap()));
    println!(
        "identities: {} scenarios in 3 ways, {right} right, {} wrong, {} missed: precision {:.3}, recall {:.3}",
        scenarios.len(),
        wrong.len(),
        missed.len(),
        share(wrong.len()),
        share(missed.len())
    );
    assert!(wrong.is_empty() && missed.is_empty(), "wrong: {wrong:#?}\nmissed: {missed:#?}");
}

#[test]
fn every_verdict_is_among_the_scenarios() {
    let seen: BTreeSet<String> =
        all().into_iter().flat_map(|scenario| scenario.expected).map(|label| label.0).collect();
    let verdicts = [
        "application-object-granted",
        "client-per-request",
        "guest-twin",
        "multi-tenant-twin",
        "policies-replaced",
        "probable-caller",
        "propagating",
        "recreated-identity",
        "same-name",
        "wrong-twin",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), verdicts);
}

#[test]
fn a_wrong_twin_says_which_id_to_grant_and_explains_the_failure() {
    let scenarios = all();
    let scenario = scenarios.iter().find(|scenario| scenario.name == "wrong twin by policy").unwrap();
    let report = run(scenario, 0);
    let group = &report["identities"][0];
    assert_eq!(
        text(&group["grant"]["command"]),
        "az keyvault set-policy --name kv-a --object-id o-1 --secret-permissions get"
    );
    assert!(!list(&group["evidence"]).is_empty());
    let findings = list(&report["findings"]);
    let verdict = findings.iter().find(|finding| text(&finding["code"]) == "wrong-twin").unwrap();
    let failure = findings.iter().find(|finding| text(&finding["code"]) == "missing-policy").unwrap();
    assert_eq!(failure["explained_by"], verdict["id"]);
    assert_eq!(text(&failure["asked"]["permission_model"]), "access-policies");
    assert_eq!(text(&failure["asked"]["permission"]), "secrets get");
}

#[test]
fn granted_is_held_against_used() {
    let scenarios = all();
    let scenario = scenarios.iter().find(|scenario| scenario.name == "granted and used").unwrap();
    let report = run(scenario, 0);
    let mut rows: Vec<(String, String, Option<bool>, u64, u64)> = list(&report["access"])
        .iter()
        .map(|row| {
            let own = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            (
                own("oid"),
                own("permission"),
                row["granted"].as_bool(),
                row["used"].as_u64().unwrap(),
                row["denied"].as_u64().unwrap(),
            )
        })
        .collect();
    rows.sort();
    let row = |oid: &str, permission: &str, granted, used, denied| {
        (oid.to_owned(), permission.to_owned(), granted, used, denied)
    };
    assert_eq!(
        rows,
        [
            row("o-1", "keys wrapKey", Some(true), 0, 0),
            row("o-1", "secrets get", Some(true), 3, 0),
            row("o-1", "secrets list", Some(true), 0, 0),
            row("o-1", "secrets set", Some(false), 0, 2),
        ]
    );
    let object = &report["objects"][0];
    assert_eq!((text(&object["object"]), text(&object["last_oid"])), ("secrets/db", "o-1"));
    let ran_csv = folder(&[
        ("log.json", lines(&scenario.records)),
        ("p.json", scenario.policies.as_ref().unwrap().to_string()),
    ]);
    let args = [
        "report",
        "log.json",
        "-o",
        "access.csv",
        "-o",
        "x.identities.csv",
        "-o",
        "x.objects.csv",
        "-o",
        "x.md",
        "--policies",
        "p.json",
    ];
    let ran = akvlens(ran_csv.path(), args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("get -list +set"), "{}", ran.stdout);
    let csv = std::fs::read_to_string(ran_csv.path().join("access.csv")).unwrap();
    assert!(csv.starts_with("vault,oid,object,operation,permission,action,granted,used,denied,last_used\n"));
    assert_eq!(csv.lines().count(), 5);
    assert!(
        std::fs::read_to_string(ran_csv.path().join("x.md")).unwrap().contains("## Granted against used")
    );
}

#[test]
fn files_of_no_known_shape_are_refused_by_name() {
    let folder = folder(&[
        ("log.json", lines(&[crate::log::record(0)])),
        ("odd.json", r#"[{"colour":1}]"#.to_owned()),
    ]);
    let ran = akvlens(folder.path(), ["report", "log.json", "--directory", "odd.json"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("odd.json") && ran.stderr.contains("colour"), "{}", ran.stderr);
    let ran = akvlens(folder.path(), ["report", "log.json", "--policies", "none.json"]);
    assert_eq!(ran.status, 2);
    let ran = akvlens(folder.path(), ["report", "log.json", "--policies", "log.json"]);
    assert!(ran.stderr.contains("looks like a log"), "{}", ran.stderr);
}

#[test]
fn names_of_a_directory_are_escaped_everywhere() {
    let hostile = "evil\u{1b}[31m<script>|`=1+1";
    let directory = serde_json::json!([{"id": "o-1", "appId": "a-1", "displayName": hostile, "servicePrincipalType": "Application"}]);
    let mut denied = crate::log::failure(1, 403, crate::log::MISSING_POLICY);
    denied["resourceId"] = crate::log::resource_id("KV-A").into();
    let folder =
        folder(&[("log.json", lines(&[crate::log::record(0), denied])), ("d.json", directory.to_string())]);
    let args = [
        "report",
        "log.json",
        "-o",
        "x.md",
        "-o",
        "x.json",
        "-o",
        "x.csv",
        "-o",
        "x.identities.csv",
        "--directory",
        "d.json",
    ];
    let ran = akvlens(folder.path(), args);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for text in [ran.stdout, read("x.md"), read("x.json"), read("x.csv"), read("x.identities.csv")] {
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert!(!read("x.md").contains("<script>") && !read("x.json").contains("<script>"));
}

/// What the log alone cannot tell, on the incident of the samples.
#[test]
fn knowledge_beside_the_samples_tells_more() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let alone = labels(&crate::program::report(root, 0, ["samples"]));
    let known = "examples/knowledge/";
    let files = ["service-principals.json", "applications.json", "role-assignments.json"]
        .map(|name| format!("{known}{name}"));
    let args = ["samples", "-q", "--directory", &files[0], &files[1], "--policies", &files[2]];
    let report = crate::program::report(root, 0, args);
    let known = labels(&report);
    let more: Vec<&str> = known.difference(&alone).map(|label| label.0.as_str()).collect();
    assert_eq!(more, ["application-object-granted"]);
    assert!(alone.is_subset(&known));
    let verdicts: BTreeSet<&str> = alone.iter().map(|label| label.0.as_str()).collect();
    for verdict in [
        "wrong-twin",
        "recreated-identity",
        "multi-tenant-twin",
        "guest-twin",
        "same-name",
        "propagating",
        "policies-replaced",
        "client-per-request",
    ] {
        assert!(verdicts.contains(verdict), "{verdict}");
    }
    assert!(report["knowledge"]["tells_grants"].as_bool().unwrap());
    let told: BTreeSet<&str> = list(&report["access"])
        .iter()
        .filter(|row| !row["granted"].is_null())
        .map(|row| text(&row["vault"]))
        .collect();
    assert!(
        told.iter().eq(["kv-lark-billing"].iter()),
        "roles of one vault tell nothing of others: {told:?}"
    );
    let unused = list(&report["access"])
        .iter()
        .filter(|row| row["granted"] == true && row["used"] == 0 && row["denied"] == 0);
    assert!(unused.count() > 5);
}

/// A filter cuts what is told, and not what is known.
#[test]
fn verdicts_are_judged_before_the_filter() {
    let scenarios = all();
    let scenario = scenarios.iter().find(|scenario| scenario.name == "identity made again").unwrap();
    let folder = folder(&[("log.json", lines(&scenario.records))]);
    let told =
        |filter: &[&str]| labels(&crate::program::report(folder.path(), 0, [&["log.json"], filter].concat()));
    for filter in [
        &["--since", "2026-03-12T14:15:00Z"][..],
        &["--caller", "o-2"],
        &["--cause", "missing-policy"],
        &["--vault", "kv-a"],
    ] {
        assert_eq!(told(filter), scenario.expected, "{filter:?}");
    }
    for filter in [&["--until", "2026-03-12T14:15:00Z"][..], &["--caller", "o-1"], &["--vault", "kv-b"]] {
        assert_eq!(told(filter), BTreeSet::new(), "{filter:?}");
    }
}

/// What is information only is a finding of its verdict's id, and nothing else changes for a log in which
/// nothing failed.
#[test]
fn groups_that_are_information_only_are_findings_that_alarm_nobody() {
    let twins = ["o-1", "o-2"].map(|oid| {
        let mut record = crate::log::record(if oid == "o-1" { 0 } else { 5 });
        record["identity"]["claim"]["oid"] = oid.into();
        record
    });
    let folder = folder(&[("log.json", lines(&twins))]);
    let report = crate::program::report(folder.path(), 0, ["log.json"]);
    let [finding] = list(&report["findings"]) else { panic!("{:#}", report["findings"]) };
    assert_eq!((text(&finding["code"]), text(&finding["severity"])), ("same-name", "info"));
    let ran = akvlens(folder.path(), ["report", "log.json", "-o", "x.md", "--fail-on", "low"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("Nothing failed.") && !ran.stdout.contains("What to do"), "{}", ran.stdout);
    let page = std::fs::read_to_string(folder.path().join("x.md")).unwrap();
    assert!(page.contains("None: nothing in this part of the log failed."), "{page}");
    assert_eq!(page.matches("same-name").count(), 1, "told once: {page}");
    assert_eq!(akvlens(folder.path(), ["report", "log.json", "-q", "--fail-on", "info"]).status, 1);
}

#[test]
fn a_filter_takes_the_names_of_a_directory() {
    let mut other = crate::log::record(5);
    other["identity"]["claim"]["oid"] = "o-2".into();
    let directory = serde_json::json!([
        {"id": "O-1", "appId": "a-1", "displayName": "Orders API", "servicePrincipalType": "Application"},
        {"id": "o-2", "userPrincipalName": "ann@larkfield.example", "displayName": "Ann"},
    ]);
    let folder =
        folder(&[("log.json", lines(&[crate::log::record(0), other])), ("d.json", directory.to_string())]);
    let requests = |caller: &str| {
        let args = ["log.json", "--caller", caller, "--directory", "d.json"];
        let report = crate::program::report(folder.path(), 0, args);
        let oids: Vec<String> =
            list(&report["callers"]).iter().map(|row| text(&row["oid"]).to_owned()).collect();
        oids
    };
    assert_eq!(requests("orders*"), ["o-1"]);
    assert_eq!(requests("Ann"), ["o-2"]);
    assert_eq!(requests("ann@*"), ["o-2"]);
    assert_eq!(requests("nobody"), [""; 0]);
}

const SERVICE: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn applications_and_roles_can_be_overridden() {
    let mut record = crate::log::record(0);
    record["identity"]["claim"]["appid"] = SERVICE.into();
    let roles = serde_json::json!([{"principalId": "o-1", "roleDefinitionName": "Our Own Role", "scope": "/subscriptions/s-1"}]);
    let applications =
        format!("[[application]]\nid = \"{SERVICE}\"\nname = \"Our Scanner\"\nuse = \"service\"\n");
    let folder = folder(&[
        ("log.json", lines(&[record])),
        ("assignments.json", roles.to_string()),
        ("own/roles.toml", "[[role]]\nname = \"Our Own Role\"\nactions = [\"secrets/*\"]\n".to_owned()),
        ("own/applications.toml", applications),
        ("own/akvlens.toml", "roles = \"roles.toml\"\napplications = \"applications.toml\"\n".to_owned()),
        ("wrong.toml", "\n[[role]]\nname = \"x\"\nactions = []\ncolour = 1\n".to_owned()),
    ]);
    let told = |more: &[&str]| {
        let args = [&["log.json", "--policies", "assignments.json"], more].concat();
        let report = crate::program::report(folder.path(), 0, args);
        let caller = &report["callers"][0];
        let own = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        (report["access"][0]["granted"].as_bool(), own(&caller["kind"]), own(&caller["name"]))
    };
    let plain = (None, "app".to_owned(), "-".to_owned());
    let overridden = (Some(true), "first-party".to_owned(), "Our Scanner".to_owned());
    assert_eq!(told(&[]), plain, "a custom role may hold anything");
    assert_eq!(told(&["--roles", "own/roles.toml", "--applications", "own/applications.toml"]), overridden);
    assert_eq!(told(&["--config", "own/akvlens.toml"]), overridden, "paths are relative to the file");
    for (option, words) in
        [("--roles", "wrong.toml:5: unknown field `colour`"), ("--applications", "wrong.toml:2: ")]
    {
        let ran = akvlens(folder.path(), ["report", "log.json", option, "wrong.toml"]);
        assert_eq!(ran.status, 2);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let ran = akvlens(folder.path(), ["report", "log.json", "--roles", "assignments.json"]);
    assert!(ran.status == 2 && ran.stderr.contains("--policies"), "{}", ran.stderr);
}
