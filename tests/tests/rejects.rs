//! `--rejects`: every reject with its place, its reason and an excerpt that holds no token.

use std::fs;

use serde_json::Value;

use crate::damage::{between, whole};
use crate::log::{lines, record};
use crate::program::{akvlens, folder, number, text};

#[test]
fn rejects_are_written_with_place_and_reason_and_without_tokens() {
    let token = "eyJhbGciOiJub25lIn0.eyJvaWQiOiJ4In0.c2VjcmV0LXBhcnQ";
    let broken =
        format!("{{\"resultDescription\":\"Bearer {token} and https://x/?sv=1&sig=c2VjcmV0LXBhcnQ%3D");
    let a = between(broken);
    let folder =
        folder(&[("logs/a.json", a.as_slice()), ("logs/b.json", format!("text {token}\n").as_bytes())]);
    let ran = akvlens(folder.path(), ["report", "logs", "-o", "-", "--rejects", "out.jsonl", "-q"]);
    assert_eq!(ran.status, 3);
    let told = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    let rows: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place = |row: &Value| {
        (
            text(&row["blob"]).to_owned(),
            number(&row["offset"]),
            number(&row["line"]),
            text(&row["reason"]).to_owned(),
        )
    };
    let offset = whole(0).len() as u64 + 1;
    assert_eq!(
        rows.iter().map(place).collect::<Vec<_>>(),
        [
            ("logs/a.json".to_owned(), offset, 2, "truncated".to_owned()),
            ("logs/b.json".to_owned(), 0, 1, "not-json".to_owned())
        ]
    );
    assert!(rows.iter().all(|row| text(&row["excerpt"]).contains("[removed]")), "{told}");
    for output in [&told, &ran.stdout] {
        assert!(!output.contains("eyJ") && !output.contains("c2VjcmV0"), "{output}");
    }
}

#[test]
fn rejects_that_do_not_occur_leave_an_empty_file() {
    let folder = folder(&[("a.json", lines(&[record(0)])), ("out.jsonl", "of the last run".to_owned())]);
    assert_eq!(akvlens(folder.path(), ["report", "a.json", "--rejects", "out.jsonl"]).status, 0);
    assert_eq!(fs::read_to_string(folder.path().join("out.jsonl")).unwrap(), "");
}

#[test]
fn a_token_behind_an_escaped_line_end_is_taken_out_of_excerpts() {
    let broken = "{\"resultDescription\":\"token:\\r\\neyJhbGciOiJub25lIn0.eyJvaWQiOiJ4In0.c2VjcmV0LXBhcnQ\"";
    let folder = folder(&[("a.json", between(broken))]);
    akvlens(folder.path(), ["report", "a.json", "--rejects", "out.jsonl", "-q"]);
    let told = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert!(!told.contains("eyJ"), "{told}");
}

/// Facts keep the place of the first rejects of a blob, so they can be listed without the logs.
#[test]
fn rejects_that_facts_keep_are_listed() {
    let folder = folder(&[("a.json", format!("{}\nbroken\n", whole(0)))]);
    akvlens(folder.path(), ["facts", "a.json", "-q", "-o", "A"]);
    akvlens(folder.path(), ["report", "A", "-q", "--rejects", "out.jsonl", "-o", "x.json"]);
    let told = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert!(told.contains("\"line\":2") && told.contains("not-json"), "{told}");
}
