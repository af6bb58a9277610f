//! `akvlens explain`: causes, pasted texts, and what it does not know.

use serde_json::json;

use crate::cli::{assert_refused, logs};
use crate::log::{MISSING_POLICY, failure};
use crate::program::{akvlens, command, finish};

#[test]
fn explain_knows_causes_messages_and_bodies() {
    let folder = logs();
    let message =
        "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com/.";
    let body =
        json!({"error": {"code": "Forbidden", "message": "x", "innererror": {"code": "ForbiddenByRbac"}}});
    let denied = failure(0, 403, MISSING_POLICY).to_string();
    for (what, cause) in [
        ("throttled", "throttled: "),
        ("MISSING-ROLE", "missing-role: "),
        (message, "wrong-audience: "),
        (&body.to_string(), "missing-role: "),
        (&denied, "missing-policy: "),
        (MISSING_POLICY, "missing-policy: "),
    ] {
        let typed = akvlens(folder.path(), ["explain", what]);
        assert!(typed.status == 0 && typed.stdout.starts_with(cause), "{what}: {typed:?}");
        assert!(typed.stdout.contains("What to do"), "{what}");
        if !cause.to_lowercase().starts_with(&what.to_lowercase()) {
            let pasted =
                finish(command(folder.path()).args(["explain", "-"]).write_stdin(format!("{what}\n")));
            assert_eq!(pasted.stdout, typed.stdout, "{what}");
        }
    }
    let words = akvlens(folder.path(), ["explain", "Too", "many", "requests"]);
    assert!(words.stdout.starts_with("throttled: "), "words need no quotes: {words:?}");
    let all = akvlens(folder.path(), ["explain"]);
    assert!(all.status == 0 && all.stdout.lines().count() > 30, "without anything it lists the causes");
}

#[test]
fn explain_says_when_it_does_not_know() {
    let folder = logs();
    assert_refused(folder.path(), 2, &["explain", "mising-polcy"], &["'mising-polcy'", "'missing-policy'"]);
    assert_refused(folder.path(), 2, &["explain", "no-such-thing-at-all"], &["`akvlens explain` lists"]);
    let ran = akvlens(folder.path(), ["explain", "Something", "new", "happened."]);
    assert!(ran.status == 1 && ran.stdout.contains("--status"), "{ran:?}");
    let ran = akvlens(folder.path(), ["explain", "Something new", "--status", "404"]);
    assert!(ran.status == 0 && ran.stdout.starts_with("not-found: "), "{ran:?}");
    assert_refused(folder.path(), 2, &["explain", "x", "--status", "200"], &["200"]);
    let ran = finish(command(folder.path()).args(["explain", "-"]).write_stdin(" \n"));
    assert_eq!(ran.status, 2, "{ran:?}");
}

#[test]
fn explain_suggests_causes_of_one_word() {
    let folder = logs();
    for (typed, meant) in
        [("throtled", "'throttled'"), ("forbiden", "'forbidden'"), ("conflct", "'conflict'")]
    {
        assert_refused(folder.path(), 2, &["explain", typed], &[meant]);
    }
}

#[test]
fn explain_knows_patterns_and_verdicts() {
    let folder = logs();
    for (what, title) in [
        ("retry-storm", "retry-storm: Retries without waiting (pattern)"),
        ("SCANNER", "scanner: An inventory or scanner (pattern, experimental"),
        ("wrong-twin", "wrong-twin: "),
        ("double-export", "double-export: "),
    ] {
        let ran = akvlens(folder.path(), ["explain", what]);
        assert!(ran.status == 0 && ran.stdout.starts_with(title), "{ran:?}");
        assert!(ran.stdout.contains("What to do") && ran.stdout.contains("Read on: https://"), "{ran:?}");
    }
    let all = akvlens(folder.path(), ["explain"]);
    assert!(all.stdout.contains("list-then-get-all") && all.stdout.contains("(experimental)"), "{all:?}");
    assert_refused(folder.path(), 2, &["explain", "retry-strom"], &["'retry-storm'"]);
}
