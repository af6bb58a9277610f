//! Damaged and malicious input is counted, located, and the run goes on.

use std::fs;

use akvlens::decode::compression::Decompressed;
use akvlens::decode::{Decoded, Limits, decode};
use serde_json::json;

use crate::case::{case, check};
use crate::cuts::{decoded, three};
use crate::log::{gzip, lines, pretty, record, zstd};
use crate::program::{akvlens, finish, folder, list, number, report, text, write};

/// One whole record, as it stands on a line.
pub(crate) fn whole(second: u32) -> String {
    record(second).to_string()
}

/// A record with more members behind its own.
fn with(members: &str) -> String {
    let record = whole(1);
    format!("{},{members}}}", record.strip_suffix('}').unwrap())
}

/// Text between two whole lines.
pub(crate) fn between(middle: impl AsRef<[u8]>) -> Vec<u8> {
    [whole(0).as_bytes(), b"\n", middle.as_ref(), b"\n", whole(2).as_bytes(), b"\n"].concat()
}

/// The first part of a record, cut within a text.
fn head() -> String {
    whole(1).chars().take(120).collect()
}

#[test]
fn cut_text_costs_the_record_that_is_cut() {
    let three = lines(&[record(0), record(1), record(2)]);
    check(&[
        case("last-line-cut.json", &three.as_bytes()[..three.len() - 100]).records(2).reject("truncated", 1),
        case("first-line-cut.json", &three.as_bytes()[100..]).records(2).reject("not-json", 1),
        case("line-cut-in-the-middle.json", between(head())).records(2).reject("truncated", 1),
        case("bytes-missing-in-the-middle.json", between(whole(1).replace("\"AuditEvent\",", "")))
            .records(2)
            .reject("invalid-json", 1),
        case("line-glued-to-a-cut-one.json", between(format!("{}{}", head(), whole(1))))
            .records(2)
            .reject("invalid-json", 1),
        case("no-newline-at-the-end.json", three.trim_end()).records(3),
        case("only-a-brace.json", "{").reject("truncated", 1),
        case("wrapper-never-closed.json", format!("{{\"records\":[{},{}", whole(0), whole(1)))
            .records(2)
            .reject("truncated", 1),
        case("wrapper-without-its-brace.json", format!("{{\"records\":[{},{}]", whole(0), whole(1)))
            .records(2)
            .reject("truncated", 1),
        case("wrapper-cut-in-a-record.json", format!("{{\"records\":[{},{}", whole(0), head()))
            .records(1)
            .reject("truncated", 1),
        case("array-never-closed.json", format!("[{},\n{},\n", whole(0), whole(1)))
            .records(2)
            .reject("truncated", 1),
        case(
            "pretty-printed-and-cut.json",
            format!("{}{:.300}", pretty(&[record(0), record(1)]), format!("{:#}", record(2))),
        )
        .records(2)
        .reject("truncated", 1),
    ]);
}

#[test]
fn broken_text_costs_the_record_that_is_broken() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_and_cut = format!("{{\"a\":{}", "{\"a\":".repeat(10_000));
    check(&[
        case("no-colon.json", between("{\"category\" \"AuditEvent\"}")).records(2).reject("invalid-json", 1),
        case("bare-word.json", between("{\"category\":AuditEvent}")).records(2).reject("invalid-json", 1),
        case("one-brace-too-many.json", between(format!("{}}}", whole(1)))).records(3).reject("not-json", 1),
        case("invalid-utf8.json", between(b"{\"category\":\"Audit\xff\xfeEvent\"}"))
            .records(2)
            .reject("invalid-utf8", 1),
        case("overlong-utf8.json", between(b"{\"category\":\"\xc0\xafAuditEvent\"}"))
            .records(2)
            .reject("invalid-utf8", 1),
        case("nul-in-a-line.json", between("{\"category\":\"Audit\0Event\"}"))
            .records(2)
            .reject("nul-bytes", 1),
        case("line-of-nul.json", between([0; 4096])).records(2).reject("nul-bytes", 1),
        case("tail-of-nul.json", [lines(&[record(0), record(1)]).as_bytes(), &[0; 4096]].concat())
            .records(2)
            .reject("nul-bytes", 1),
        case(
            "cut-and-filled-with-nul.json",
            [whole(0).as_bytes(), b"\n", head().as_bytes(), &[0; 4096]].concat(),
        )
        .records(1)
        .reject("nul-bytes", 1),
        case("nul-behind-a-record.json", [whole(0).as_bytes(), &[0; 4096]].concat())
            .records(1)
            .reject("nul-bytes", 1),
        case("nested-deep.json", between(&deep)).records(2).reject("too-deep", 1),
        case("nested-deep-and-cut.json", between(&deep_and_cut)).records(2).reject("too-deep", 1),
        case("nested-deep-in-an-array.json", format!("[{},\n{deep},\n{}]", whole(0), whole(2)))
            .records(2)
            .reject("too-deep", 1),
        case("elements-broken.json", format!("[{},\n{{\"a\":1{{,\n{}]", whole(0), whole(2)))
            .records(2)
            .reject("invalid-json", 1),
        case("elements-of-other-kinds.json", format!("[{},\nnull,\n7,\n{}]", whole(0), whole(2)))
            .records(2)
            .reject("not-a-record", 1),
    ]);
}

#[test]
fn what_is_no_log_is_said_to_be_none() {
    let image = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";
    check(&[
        case("empty.json", ""),
        case("only-a-byte-order-mark.json", "\u{feff}"),
        case("only-blank-lines.json", "\n \r\n\n\t\n").blank(4),
        case("plain-text.json", "one\ntwo\n\nthree\n").blank(1).reject("not-json", 3),
        case("half-an-image.json", &image[1..]).reject("not-json", 2).reject("nul-bytes", 1),
        case("scalars.json", "null\ntrue\n1\n\"x\"\n").reject("not-json", 4),
        case("empty-object.json", "{}\n").reject("not-a-record", 1),
        case("empty-containers.json", "[]\n{\"records\":[]}\n{\"value\":[]}\n"),
        case("wrappers-of-no-array.json", "{\"records\":null}\n{\"records\":{}}\n{\"value\":3}\n")
            .reject("not-a-record", 3),
        case("another-log.json", between("{\"hello\":\"world\"}")).records(2).reject("not-a-record", 1),
        case(
            "known-other-logs.json",
            between("{\"category\":\"Administrative\",\"operationName\":\"X/y/z\"}"),
        )
        .records(2)
        .not_audit(1),
    ]);
}

#[test]
fn utf_16_is_refused_as_a_whole() {
    let utf_16 = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let log = lines(&[record(0), record(1)]);
        mark.iter().copied().chain(log.encode_utf16().flat_map(bytes)).collect()
    };
    for (name, blob) in [
        ("utf-16le.json", utf_16(&[0xff, 0xfe], u16::to_le_bytes)),
        ("utf-16be.json", utf_16(&[0xfe, 0xff], u16::to_be_bytes)),
    ] {
        let folder = folder(&[(name, &blob)]);
        let coverage = &report(folder.path(), 3, [name])["coverage"];
        assert_eq!((number(&coverage["records"]), number(&coverage["rejected"])), (0, 1), "{coverage:#}");
        assert_eq!(number(&coverage["bytes"]), blob.len() as u64);
        assert!(text(&coverage["rejects"][0]["detail"]).contains("UTF-16"), "{coverage:#}");
    }
}

#[test]
fn odd_but_valid_text_is_read() {
    let (a, b, c) = (whole(0), whole(1), whole(2));
    check(&[
        case("objects-without-newline.json", format!("{a}{b}{c}")).records(3),
        case("carriage-returns-alone.json", format!("{a}\r{b}\r\r{c}\r")).records(3),
        case("carriage-returns-and-newlines.json", format!("{a}\r\n\r\n{b}\r\n{c}")).records(3).blank(1),
        case("byte-order-marks.json", format!("\u{feff}{a}\n\u{feff}{b}\n")).records(2),
        case("cut-out-of-an-array.json", format!("{a},\n{b},\n{c},\n")).records(3),
        case("containers-in-turn.json", format!("{a}\n[{b}]\n{{\"records\":[{c}]}}{{\"value\":[{a}]}}\n"))
            .records(4),
        case("duplicate-keys.json", with("\"category\":\"AuditEvent\",\"time\":\"2026-03-12T15:00:00Z\""))
            .records(1),
        case(
            "huge-numbers.json",
            with("\"durationMs\":123456789012345678901234567890,\"x\":1e999,\"y\":-1e-999"),
        )
        .records(1),
        case("surrogates-where-nobody-looks.json", with("\"x\":[\"\\ud800\",\"\\udfff\"]")).records(1),
        case(
            "nesting-where-nobody-looks.json",
            with(&format!("\"x\":{}{}", "[".repeat(100), "]".repeat(100))),
        )
        .records(1),
        case("escaped-nul.json", with("\"correlationId\":\"a\\u0000b\"")).records(1),
        case(
            "odd-times.json",
            format!(
                "{}\n{}\n{}\n",
                with("\"time\":\"yesterday\""),
                with("\"time\":0"),
                with("\"time\":\"9999-12-31T23:59:59.9999999Z\"")
            ),
        )
        .records(3),
        case(
            "wrong-types.json",
            json!({
                "time": 5, "category": "AuditEvent", "operationName": {"value": 1}, "resourceId": [1],
                "resultSignature": null, "resultDescription": {"a": 1}, "durationMs": {"x": 1},
                "callerIpAddress": [], "correlationId": {}, "identity": [1, 2], "properties": "text",
                "clientInfo": {}, "httpStatusCode": "OK", "requestUri": false
            })
            .to_string(),
        )
        .records(1),
    ]);
}

#[test]
fn values_that_some_parsers_refuse_cost_nothing_but_themselves() {
    check(&[
        case("lone-surrogate.json", between(with("\"correlationId\":\"\\ud800\""))).records(3),
        case("number-out-of-range.json", between(with("\"durationMs\":1e999"))).records(3),
        case("both-and-broken.json", between(with("\"durationMs\":1e999,\"correlationId\":\"\\ud800")))
            .records(2)
            .reject("truncated", 1),
        case("control-character-in-a-text.json", between(with("\"correlationId\":\"a\u{1}b\"")))
            .records(2)
            .reject("invalid-json", 1),
    ]);
}

#[test]
fn long_records_are_refused_and_the_next_one_is_found() {
    // Longer than what is read at a time as well: the record is never in memory as a whole.
    let long = format!("{{\"category\":\"AuditEvent\",\"x\":\"{}\"}}", "y".repeat(3 << 19));
    let inside = long.replace('y', "\\\"");
    check(&[
        case("long-line.json", between(&long))
            .args(&["--max-record", "4kB"])
            .records(2)
            .reject("too-long", 1),
        case("long-line-of-escapes.json", between(&inside))
            .args(&["--max-record", "4kB"])
            .records(2)
            .reject("too-long", 1),
        case("long-element.json", format!("[{},{long},{}]", whole(0), whole(2)))
            .args(&["--max-record", "4kB"])
            .records(2)
            .reject("too-long", 1),
        case("long-and-cut.json", [whole(0).as_bytes(), b"\n", &long.as_bytes()[..5 << 18]].concat())
            .args(&["--max-record", "4kB"])
            .records(1)
            .reject("too-long", 1),
        case("long-enough.json", between(&long)).args(&["--max-record", "2MB"]).records(3),
    ]);
}

#[test]
fn damaged_compression_keeps_what_came_before() {
    let log = lines(&[record(0), record(1)]);
    let members = [gzip(log.as_bytes()), gzip(log.as_bytes())].concat();
    let frames = [zstd(log.as_bytes()), zstd(log.as_bytes())].concat();
    let first = zstd(log.as_bytes()).len();
    let mut corrupted = frames.clone();
    for byte in &mut corrupted[first + 12..first + 24] {
        *byte ^= 0x5a;
    }
    check(&[
        case("gzip-cut.gz", &members[..members.len() - 4])
            .records(4)
            .decompressed(2 * log.len())
            .reject("damaged-compression", 1)
            .incomplete(),
        case("gzip-head-alone.gz", &members[..5])
            .decompressed(0)
            .reject("damaged-compression", 1)
            .incomplete(),
        case("gzip-and-garbage.gz", [&members[..], b"garbage"].concat())
            .records(4)
            .decompressed(2 * log.len())
            .reject("damaged-compression", 1)
            .incomplete(),
        case("zstd-corrupted.zst", &corrupted).records(2).reject("damaged-compression", 1).incomplete(),
        case("zstd-cut.zst", &frames[..frames.len() - 3])
            .records(2)
            .reject("damaged-compression", 1)
            .incomplete(),
        case("gzip-of-nothing.gz", gzip(b"")).decompressed(0),
        case("gzip-named-json.json", &members).records(4).decompressed(2 * log.len()),
        case("json-named-gzip.gz", &log).records(2),
        case("zstd-named-gzip.gz", &frames).records(4).decompressed(2 * log.len()),
        case("gzip-in-gzip.gz", gzip(&gzip(b""))).decompressed(20).reject("nul-bytes", 1),
    ]);
}

#[test]
fn a_record_cut_by_damaged_compression_is_a_reject_of_its_own() {
    let log = lines(&[record(0), record(1)]);
    let cut = [gzip(&log.as_bytes()[..log.len() - 50]), b"\x1f\x8bgarbage".to_vec()].concat();
    case("gzip-cut-in-a-record.gz", cut)
        .records(1)
        .decompressed(log.len() - 50)
        .reject("truncated", 1)
        .reject("damaged-compression", 1)
        .incomplete()
        .check();
}

#[test]
fn compressed_bytes_cut_anywhere_give_what_came_before() {
    let log = lines(&three());
    for (name, stored) in [("gzip", gzip(log.as_bytes())), ("zstd", zstd(log.as_bytes()))] {
        for cut in 5..stored.len() {
            let reader = Decompressed::open(&stored[..cut], 500).unwrap();
            let (mut records, mut reasons) = (0, Vec::new());
            let (totals, result) = decode(reader, Limits::default(), |found| {
                match found {
                    Decoded::Record(..) => records += 1,
                    Decoded::NotAudit(kind) => panic!("{kind} in a log of audit records"),
                    Decoded::Reject(reject, _) => reasons.push(reject.reason),
                }
                true
            });
            assert!(result.is_err(), "{name} cut at {cut}: the cut is noticed");
            let given = usize::try_from(totals.bytes).unwrap();
            let expected = decoded(&log.as_bytes()[..given]);
            assert_eq!((records, reasons), (expected.0.len(), expected.1), "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_bomb_is_stopped_and_what_came_before_counts() {
    // Each member expands to 1 MiB: one record and a line of spaces. The bound is 64 MiB, then once
    // the stored bytes.
    let member = format!("{}\n", whole(0));
    let padded = [member.as_bytes(), &vec![b' '; (1 << 20) - member.len() - 1], b"\n"].concat();
    let bomb = gzip(&padded).repeat(67);
    let folder = folder(&[("bomb.gz", &bomb)]);
    let coverage = &report(folder.path(), 3, ["bomb.gz", "--max-expansion", "1"])["coverage"];
    assert_eq!(coverage["rejected_by_reason"], json!({"expansion-limit": 1}), "{coverage:#}");
    assert!((62..=65).contains(&number(&coverage["records"])), "{coverage:#}");
    assert!(number(&coverage["bytes"]) <= (64 << 20) + bomb.len() as u64, "{coverage:#}");
    assert_eq!(number(&coverage["incomplete"]), 1);
    assert!(text(&coverage["rejects"][0]["detail"]).contains("--max-expansion"), "{coverage:#}");
}

#[test]
fn damage_in_one_blob_leaves_the_others_alone() {
    let whole_log = lines(&[record(0), record(1)]);
    let folder = folder(&[
        ("logs/a.json", whole_log.as_bytes()),
        ("logs/b.json", b"\0\0\0\0"),
        ("logs/c.json.gz", &gzip(whole_log.as_bytes())[..20]),
        ("logs/d.json", whole_log.replace("\"c-", "\"d-").as_bytes()),
    ]);
    let coverage = &report(folder.path(), 3, ["logs"])["coverage"];
    let records: Vec<(&str, u64)> = list(&coverage["per_blob"])
        .iter()
        .map(|blob| (text(&blob["blob"]), number(&blob["records"])))
        .collect();
    assert_eq!(records, [("logs/a.json", 2), ("logs/b.json", 0), ("logs/c.json.gz", 0), ("logs/d.json", 2)]);
    assert_eq!(number(&coverage["incomplete"]), 1);
}

#[test]
fn max_rejected_counts_every_reject() {
    let folder = folder(&[("a.json", "x\ny\nz\n")]);
    for (bound, status) in [("0", 3), ("2", 3), ("3", 0)] {
        assert_eq!(
            akvlens(folder.path(), ["report", "a.json", "--max-rejected", bound]).status,
            status,
            "{bound}"
        );
    }
    assert_eq!(akvlens(folder.path(), ["facts", "a.json", "-o", "facts"]).status, 3);
    assert_eq!(akvlens(folder.path(), ["report", "facts"]).status, 3, "a part remembers its rejects");
}

#[test]
fn a_reject_is_located_the_same_on_standard_input() {
    let folder = folder::<&str>(&[]);
    let mut command = crate::program::command(folder.path());
    let ran = finish(command.args(["report", "-", "-o", "-"]).write_stdin(between("{\"x\":")));
    assert_eq!(ran.status, 3);
    let reject = &ran.json()["coverage"]["rejects"][0];
    assert_eq!((text(&reject["blob"]), number(&reject["line"])), ("-", 2));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn fifo(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }

    #[test]
    fn a_link_to_nothing_makes_the_input_incomplete() {
        let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
        symlink("nowhere.json", folder.path().join("logs/b.json")).unwrap();
        let coverage = &report(folder.path(), 3, ["logs"])["coverage"];
        assert_eq!(coverage["rejected_by_reason"], json!({"unreadable": 1}));
        assert_eq!(coverage["rejects"][0]["blob"], "logs/b.json");
        assert_eq!((number(&coverage["records"]), number(&coverage["incomplete"])), (1, 1));
    }

    #[test]
    fn a_file_without_permission_makes_the_input_incomplete() {
        let folder = folder(&[("logs/a.json", lines(&[record(0)])), ("logs/b.json", String::new())]);
        let closed = folder.path().join("logs/b.json");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read(&closed).is_ok() {
            return; // Nothing is closed to root.
        }
        let coverage = &report(folder.path(), 3, ["logs"])["coverage"];
        assert_eq!(coverage["rejected_by_reason"], json!({"unreadable": 1}));
    }

    #[test]
    fn a_loop_of_links_is_noticed_and_passed_over() {
        let folder = folder(&[("logs/deep/a.json", lines(&[record(0)]))]);
        symlink("..", folder.path().join("logs/deep/up")).unwrap();
        let coverage = &report(folder.path(), 0, ["logs"])["coverage"];
        assert_eq!(number(&coverage["records"]), 1);
        assert!(text(&coverage["passed_over"][0]["why"]).contains("link back"), "{coverage:#}");
    }

    #[test]
    fn a_file_under_two_links_counts_once() {
        let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
        symlink("a.json", folder.path().join("logs/b.json")).unwrap();
        symlink("logs", folder.path().join("again")).unwrap();
        let coverage = &report(folder.path(), 0, ["logs", "again", "./logs/a.json"])["coverage"];
        assert_eq!((number(&coverage["records"]), number(&coverage["blobs"])), (1, 1));
    }

    #[test]
    fn a_pipe_in_a_folder_is_passed_over() {
        let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
        fifo(&folder.path().join("logs/pipe.json"));
        let coverage = &report(folder.path(), 0, ["logs"])["coverage"];
        assert_eq!(number(&coverage["records"]), 1);
        assert_eq!(coverage["passed_over"][0]["name"], "logs/pipe.json");
    }

    #[test]
    fn a_pipe_that_was_named_is_read() {
        let folder = folder::<&str>(&[]);
        let pipe = folder.path().join("pipe");
        fifo(&pipe);
        let writer = std::thread::spawn(move || fs::write(pipe, lines(&[record(1), record(2)])));
        let coverage = &report(folder.path(), 0, ["pipe"])["coverage"];
        assert_eq!(number(&coverage["records"]), 2);
        writer.join().unwrap().unwrap();
    }

    #[test]
    fn a_folder_named_like_a_log_is_a_folder() {
        let folder = folder(&[("logs/x.json/a.json", lines(&[record(0)]))]);
        assert_eq!(number(&report(folder.path(), 0, ["logs"])["coverage"]["records"]), 1);
    }
}

#[test]
fn a_record_longer_than_max_record_is_refused_whatever_its_length() {
    let long = with(&format!("\"x\":\"{}\"", "y".repeat(5000)));
    check(&[
        case("five-kilobytes.json", between(&long))
            .args(&["--max-record", "4kB"])
            .records(2)
            .reject("too-long", 1),
        case("five-kilobytes-in-an-array.json", format!("[{},{long},{}]", whole(0), whole(2)))
            .args(&["--max-record", "4kB"])
            .records(2)
            .reject("too-long", 1),
    ]);
}

#[test]
fn nesting_is_judged_alike_in_every_container() {
    let deep = with(&format!("\"x\":{}{}", "[".repeat(10_000), "]".repeat(10_000)));
    check(&[
        case("deep-line.json", between(&deep)).records(2).reject("too-deep", 1),
        case("deep-element.json", format!("[{},\n{deep},\n{}]", whole(0), whole(2)))
            .records(2)
            .reject("too-deep", 1),
    ]);
}

#[test]
fn an_array_that_is_closed_is_not_said_to_be_open() {
    check(&[
        case("numbers.json", "[1,2,3]\n").reject("not-a-record", 1),
        case("number-between-records.json", format!("[{},7,{}]", whole(0), whole(2)))
            .records(2)
            .reject("not-a-record", 1),
        case("records-behind-it.json", format!("[1]\n{}\n", whole(0))).records(1).reject("not-a-record", 1),
    ]);
}

#[test]
fn utf_16_has_a_reason_of_its_own() {
    let log: Vec<u8> = lines(&[record(0)]).encode_utf16().flat_map(u16::to_le_bytes).collect();
    case("utf-16.json", [&[0xff, 0xfe], log.as_slice()].concat()).reject("not-json", 1).check();
}

#[test]
fn a_whole_blob_is_meant_by_line_0() {
    #[cfg(unix)]
    {
        let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
        std::os::unix::fs::symlink("nowhere.json", folder.path().join("logs/b.json")).unwrap();
        let coverage = &report(folder.path(), 3, ["logs"])["coverage"];
        assert_eq!(number(&coverage["rejects"][0]["line"]), 0);
    }
}

#[test]
fn a_report_beside_the_logs_does_not_damage_the_next_run() {
    let folder = folder(&[("logs/a.json", lines(&[record(0)]))]);
    let args = ["report", "logs", "-o", "logs/report.json", "-o", "logs/report.md", "-q"];
    assert_eq!(akvlens(folder.path(), args).status, 0);
    assert_eq!(akvlens(folder.path(), args).status, 0);
    write(&folder.path().join("logs/b.json"), lines(&[record(1)]).as_bytes());
    assert_eq!(number(&report(folder.path(), 0, ["logs"])["coverage"]["records"]), 2);
}

/// Asserts that a blob of many objects gives each of them. Such blobs were once looked to their end
/// again for every object.
fn assert_in_one_pass(name: &str, blob: &str, count: u64) {
    let folder = folder(&[(name, blob)]);
    let coverage = &report(folder.path(), 0, [name])["coverage"];
    assert_eq!((number(&coverage["records"]), number(&coverage["framed"])), (count, count), "{name}");
}

/// A short record for [`assert_in_one_pass`].
const SHORT: &str = "{\"category\":\"AuditEvent\",\"operationName\":\"SecretGet\"}";

#[test]
fn many_objects_on_one_line_are_read_in_one_pass() {
    assert_in_one_pass("one-line.json", &SHORT.repeat(20_000), 20_000);
    assert_in_one_pass("carriage-returns.json", &format!("{SHORT}\r").repeat(20_000), 20_000);
}

#[test]
fn many_objects_on_a_line_that_ends_in_a_comma_are_read_in_one_pass() {
    let blob = format!("{},\n", SHORT.repeat(15_000));
    assert_in_one_pass("ends-in-a-comma.json", &blob, 15_000);
}
