//! Logs are hostile text: nothing in one acts on a terminal, a browser, a spreadsheet or a shell,
//! and no token or signature reaches an output.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::log::{MISSING_POLICY, challenge, failure, lines, record, resource_id};
use crate::program::{Ran, akvlens, folder, list, report, text};

/// What a text may hold that something downstream would act on. `EVIL` marks it.
const HOSTILE: &str = concat!(
    "EVIL\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}31m\u{7f}\u{8}\u{0}",
    "\u{202e}\u{2066}\u{2069}\u{200b}\u{200f}\u{feff}\u{2028}",
    "\r\nnew line\tpipe|tick`ticks``` <script>alert(1)<\u{2f}script><img src=x onerror=y>",
    " **bold** [link](https://evil.example) https://evil.example $(id) ; rm & 'q' \"q\" \\ {x} =cmd() %41 EVIL"
);

/// The same without what ends a part of a path.
fn hostile_name() -> String {
    HOSTILE.replace(['/', '?', '#'], "_")
}

/// Failures whose messages carry every kind of detail, each hostile.
fn hostile_messages() -> Vec<(u16, String)> {
    let h = HOSTILE;
    // What ends a detail is left out of it, so that as much as possible is taken for the detail.
    let word = h.split_whitespace().collect::<Vec<_>>().join("_");
    let quoted = word.replace('\'', "");
    let clause = word.replace([';', '='], "_");
    let caller = format!(
        "name={clause};tid={clause};appid={clause};oid={clause};iss=https://sts.windows.net/{clause}/"
    );
    vec![
        (
            400,
            format!(
                "Caller is not authorized to perform action on resource.\r\nCaller: {caller}\r\nAction: '{quoted}'\r\nVault: {word};location={word}"
            ),
        ),
        (401, format!("AKV10022: Invalid audience. Expected {word}, found: {word}.")),
        (401, format!("AKV10032: Invalid issuer. Expected one of {word}, found {word}.")),
        (
            403,
            format!(
                "The user, group or application '{}' does not have secrets {word} permission on key vault '{quoted};location={quoted}'.",
                caller.replace('\'', "")
            ),
        ),
        (
            403,
            format!(
                "Caller is not authorized to perform action on resource.\r\nCaller: {caller}\r\nAction: '{quoted}'\r\nResource: '{quoted}'\r\nDenyAssignmentId: '{word}'\r\nDecisionReason: '{word}'\r\nVault: {word};location={word}"
            ),
        ),
        (
            403,
            format!(
                "Caller is not authorized to perform action on resource.\r\nCaller: {caller}\r\nAction: '{quoted}'\r\nDenyAssignmentId: null\r\nVault: {word};location={word}"
            ),
        ),
        (
            403,
            format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: {word}\r\nCaller: {caller}\r\nVault: {word};location={word}"
            ),
        ),
        (
            403,
            format!(
                "Not authorized to access Microsoft.KeyVault/managedHsm/{word} on {word} (Activity ID: {word})"
            ),
        ),
        (
            403,
            format!("Access denied to first party service. Caller: {caller} Vault: {word};location={word}"),
        ),
        (403, h.to_owned()),
        (404, format!("A secret with (name/id) {h} was not found in this key vault.")),
        (409, format!("Secret {h} is currently in a deleted but recoverable state")),
        (429, format!("Request was not processed because too many requests were received. Reason: {word}")),
        (500, format!("[{h}] {h}: {h}")),
    ]
}

/// Puts a text into every field of a record.
fn fill(record: &mut Value, value: &str, name: &str) {
    record["operationName"] = json!(value);
    record["callerIpAddress"] = json!(value);
    record["correlationId"] = json!(value);
    record["resultSignature"] = json!(value);
    record["resourceId"] =
        json!(resource_id(name).replace("S-1", name).replace("/RG/", &format!("/{name}/")));
    record["identity"] = json!({"claim": {
        "oid": value, "appid": value, "upn": value, "name": value, "tid": value, "idtyp": value,
        "scp": value, "xms_mirid": value, "xms_az_rid": value
    }});
    record["properties"]["clientInfo"] = json!(value);
    record["properties"]["id"] = json!(format!("https://kv.vault.azure.net/secrets/{name}/1"));
    record["properties"]["requestUri"] = json!(format!("https://kv.vault.azure.net/secrets/{name}"));
    record["properties"]["keyProperties"] = json!({"type": value, "size": 1});
}

/// A folder with a log that is hostile in every field, and in what cannot be read.
fn hostile_log() -> TempDir {
    let mut records = Vec::new();
    for (second, (status, message)) in (0..).zip(hostile_messages()) {
        // Once with hostile fields, once with a hostile message alone.
        let mut hostile = failure(second, status, &message);
        fill(&mut hostile, HOSTILE, &hostile_name());
        records.extend([hostile, failure(second, status, &message)]);
    }
    let mut change = record(100);
    fill(&mut change, HOSTILE, &hostile_name());
    change["operationName"] = json!(format!("VaultPatch{HOSTILE}"));
    let mut notification = record(101);
    fill(&mut notification, HOSTILE, &hostile_name());
    notification["operationName"] = json!(format!("{HOSTILE}EventGridNotification"));
    let mut patch = change.clone();
    patch["operationName"] = json!("VaultPatch");
    patch["properties"]["properties"] = json!({"sku": {"Name": HOSTILE}, "publicNetworkAccess": HOSTILE});
    let mut unanswered = challenge(102);
    unanswered["callerIpAddress"] = json!(HOSTILE);
    unanswered["properties"]["clientInfo"] = json!(HOSTILE);
    records.extend([change, notification, patch, unanswered]);
    let broken = format!("{{\"x\": {HOSTILE}\n");
    folder(&[("log.json", format!("{}{broken}", lines(&records)))])
}

/// Characters that a terminal acts on, or that change how text reads without being seen.
fn acts(character: char) -> bool {
    let invisible = "\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{feff}";
    (character.is_control() && character != '\n')
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
        || invisible.contains(character)
}

fn assert_harmless(what: &str, page: &str) {
    if let Some(at) = page.chars().position(acts) {
        let around: String = page.chars().skip(at.saturating_sub(60)).take(90).collect();
        panic!("{what} holds what acts: {around:?}");
    }
}

/// The files of a report in every format, and the run that wrote them.
fn outputs(folder: &TempDir) -> (Ran, BTreeMap<&'static str, String>) {
    let names = ["out.json", "out.md", "out.csv"];
    let mut args = vec!["report", "log.json", "--top", "1000", "--rejects", "rejects.jsonl"];
    args.extend(names.iter().flat_map(|name| ["-o", *name]));
    let ran = akvlens(folder.path(), args);
    assert!(matches!(ran.status, 0 | 3), "{ran:?}");
    let read = |name: &'static str| (name, fs::read_to_string(folder.path().join(name)).unwrap());
    let files = names.into_iter().chain(["rejects.jsonl"]).map(read).collect();
    (ran, files)
}

#[test]
fn every_hostile_field_reaches_the_report() {
    // Otherwise the other tests would prove nothing.
    let folder = hostile_log();
    let report = report(folder.path(), 3, ["log.json"]);
    let evil =
        |value: &Value| value.as_str().is_some_and(|text| text.contains("EVIL") || text.contains("evil"));
    let findings = list(&report["findings"]);
    for key in ["vault", "operation", "object", "title", "why"] {
        assert!(findings.iter().any(|finding| evil(&finding[key])), "{key}");
    }
    for key in ["oid", "appid", "name", "tenant"] {
        assert!(findings.iter().any(|finding| evil(&finding["caller"][key])), "{key}");
    }
    for key in ["correlation_id", "client_address", "client_agent", "message"] {
        let evidence = findings.iter().flat_map(|finding| list(&finding["evidence"]));
        assert!(evidence.into_iter().any(|piece| evil(&piece[key])), "{key}");
    }
    assert!(list(&report["changes"]).iter().any(|change| evil(&change["operation"])));
    let codes: Vec<&str> = findings.iter().map(|finding| text(&finding["code"])).collect();
    for code in [
        "arm-role-denied",
        "deny-assignment",
        "first-party-denied",
        "forbidden",
        "hsm-missing-role",
        "missing-policy",
        "missing-role",
        "not-found",
        "service-error",
        "throttled",
        "unanswered-challenge",
        "unauthorized-client-address",
        "wrong-audience",
        "wrong-issuer",
    ] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
}

#[test]
fn a_terminal_gets_nothing_to_act_on() {
    let folder = hostile_log();
    let (ran, _) = outputs(&folder);
    assert!(ran.stdout.contains("EVIL"));
    assert_harmless("the summary", &ran.stdout);
    assert_harmless("standard error", &ran.stderr);
    let no_match = akvlens(folder.path(), ["report", "log.json", "--vault", "evil*x"]);
    assert_harmless("a suggestion", &no_match.stderr);
}

/// The cells of a row of a table, as GitHub's renderer cuts them: before it looks for code, at every
/// pipe that no backslash stands in front of.
fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut last) = (vec![String::new()], ' ');
    for character in row.chars() {
        if character == '|' && last != '\\' {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            cell.push(character);
        }
        last = character;
    }
    cells.into_iter().map(|cell| cell.replace("\\|", "|")).collect()
}

/// What of inline Markdown stands outside code.
fn outside_code(inline: &str) -> String {
    let mut outside = String::new();
    let mut rest = inline;
    while let Some(character) = rest.chars().next() {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let (head, behind) = rest.split_at(if ticks > 0 { ticks } else { character.len_utf8() });
        let closing = || {
            let runs = behind.match_indices('`').filter(|(at, _)| !behind.get(..*at).unwrap().ends_with('`'));
            let length = |at: usize| behind.split_at(at).1.chars().take_while(|next| *next == '`').count();
            runs.map(|(at, _)| at).find(|at| length(*at) == ticks)
        };
        match (ticks > 0).then(closing).flatten() {
            Some(end) => rest = behind.split_at(end + ticks).1,
            None if character == '\\' => {
                let escaped = behind.chars().next().filter(char::is_ascii_punctuation);
                rest = behind.split_at(escaped.map_or(0, char::len_utf8)).1;
            }
            None => {
                outside.push_str(head);
                rest = behind;
            }
        }
    }
    outside
}

/// Asserts that a page shows text and nothing else, row by row and line by line.
fn assert_plain_markdown(page: &str) {
    assert_harmless("Markdown", page);
    let mut head = None;
    for line in page.lines() {
        let row = line.starts_with('|').then(|| cells(line));
        head = row.as_ref().map(|row| head.unwrap_or(row.len()));
        if let Some(row) = &row {
            assert_eq!(Some(row.len()), head, "a row has the cells of its head: {line}");
        }
        for inline in row.unwrap_or_else(|| vec![line.to_owned()]) {
            let outside = outside_code(&inline);
            let outside = outside.strip_prefix("Read on: <https://learn.microsoft.com/").unwrap_or(&outside);
            for text in ["<script", "<img", "](http", "**bold", "`", "https://evil"] {
                assert!(!outside.contains(text), "{text} in {line}");
            }
        }
        assert!(!line.starts_with("=cmd") && !line.starts_with("new line"), "{line}");
    }
}

#[test]
fn the_reader_of_markdown_in_these_tests_knows_code_and_escapes() {
    assert_eq!(cells(r"| a\|b | `c\\|<d>` |"), ["", " a|b ", r" `c\|<d>` ", ""]);
    assert_eq!(outside_code(r"a `<b>` \`<c>\` ``d`e`` `f"), "a  <c>  `f");
}

#[test]
fn markdown_gets_nothing_to_act_on() {
    let (_, files) = outputs(&hostile_log());
    assert!(files["out.md"].contains("EVIL"));
    assert_plain_markdown(&files["out.md"]);
}

#[test]
fn no_mix_of_ticks_pipes_and_backslashes_opens_markdown() {
    let img = "<img src=x onerror=y>";
    let mixes = [
        "`", "``", "```", "\\", "|", "\\|", "\\\\|", "`|", "|`", "\\`", "`\\", "\n\n", "\n- ", "\n# ",
        "<!--", "](", "*", "~~",
    ];
    let mut records = Vec::new();
    for (second, mix) in (0..).zip(mixes) {
        for value in
            [format!("{mix}{img}{mix}"), format!("x{mix}{img}"), format!("``{mix}`{img}"), format!("x{mix}")]
        {
            let mut record = failure(second, 403, &value);
            fill(&mut record, &value, &value.replace(['/', '?', '#'], "_"));
            records.push(record);
        }
    }
    let (_, files) = outputs(&folder(&[("log.json", lines(&records))]));
    assert!(files["out.md"].contains("onerror"));
    assert_plain_markdown(&files["out.md"]);
}

#[test]
fn a_spreadsheet_gets_nothing_to_compute() {
    let starts = [
        "=cmd()", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\u{0}=1", "\"=1", "'=1",
        "=1,2", "＝1",
    ];
    let mut records = Vec::new();
    for (second, start) in (0..).zip(starts) {
        let mut record = failure(second, 403, "no");
        fill(&mut record, start, start);
        records.push(record);
    }
    let folder = folder(&[("log.json", lines(&records))]);
    let (_, files) = outputs(&folder);
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(files["out.csv"].as_bytes());
    let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.expect("the CSV is whole")).collect();
    assert_eq!(rows.len(), starts.len() + 1);
    for cell in rows.iter().flatten() {
        let computed = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(!computed(cell) && !computed(cell.trim_start()), "{cell:?}");
    }
    // A separator of another country does not open a cell either: the quote stands in front.
    assert!(rows.iter().all(|row| row.len() == 10));
}

#[test]
fn json_is_whole_and_fit_for_a_page() {
    let (_, files) = outputs(&hostile_log());
    let page = &files["out.json"];
    let report: Value = serde_json::from_str(page).expect("JSON");
    assert!(!page.contains(['<', '>', '&', '\u{1b}', '\u{0}']));
    let found = list(&report["findings"]).iter().any(|finding| finding["operation"] == HOSTILE);
    assert!(found, "JSON keeps the text as the log has it");
    for line in files["rejects.jsonl"].lines() {
        serde_json::from_str::<Value>(line).expect("JSON");
    }
    assert_harmless("rejects", &files["rejects.jsonl"].replace(acts_beyond_control, ""));
}

/// Invisible characters other than control characters, which JSON leaves to its reader.
fn acts_beyond_control(character: char) -> bool {
    acts(character) && (!character.is_control() || ('\u{7f}'..='\u{9f}').contains(&character))
}

#[test]
fn remedies_carry_no_text_that_a_shell_would_act_on() {
    let folder = hostile_log();
    let report = report(folder.path(), 3, ["log.json"]);
    for finding in list(&report["findings"]) {
        for step in list(&finding["fix"]) {
            assert!(!text(step).to_lowercase().contains("evil"), "{step}");
        }
    }
}

#[test]
fn every_single_metacharacter_keeps_a_value_out_of_remedies() {
    let metacharacters = ";&|`$()<>'\"\\!*?~#%^{}[]=,\n\r\t\u{0}\u{1b}\u{a0}\u{2028}\u{202e}ü";
    let mut records = Vec::new();
    for (second, character) in (0..).zip(metacharacters.chars()) {
        for value in [format!("EVIL{character}id"), format!("{character}EVIL")] {
            for message in [MISSING_POLICY, "Not authorized to access a on b", "no"] {
                let mut record = failure(second, 403, message);
                let name = value.replace(['/', '?', '#'], "!");
                fill(&mut record, &value, &name);
                records.push(record);
            }
        }
    }
    let folder = folder(&[("log.json", lines(&records))]);
    let report = report(folder.path(), 0, ["log.json"]);
    assert!(list(&report["findings"]).len() > 100);
    for finding in list(&report["findings"]) {
        for step in list(&finding["fix"]) {
            assert!(!text(step).to_lowercase().contains("evil"), "{step}");
        }
    }
}

/// A token, and a signature of a storage address.
const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJvLTEifQ.c2VjcmV0LXNpZ25hdHVyZQ";
const SIGNED: &str = "https://x.blob.core.windows.net/a?sv=2024&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D&se=1";

fn assert_no_secret(what: &str, page: &str) {
    for secret in ["eyJ", "c2VjcmV0", "hunter2"] {
        let at = page.find(secret);
        assert!(
            at.is_none(),
            "{what} holds {secret}: {:?}",
            at.map(|at| page.get(at.saturating_sub(80)..at + 40))
        );
    }
}

/// Asserts that no output of a log, nor the facts of it, holds a secret.
fn assert_kept_out(records: &[Value]) {
    let folder = folder(&[("log.json", lines(records))]);
    let (ran, files) = outputs(&folder);
    assert_no_secret("the summary", &ran.stdout);
    for (name, page) in files {
        assert_no_secret(name, &page);
    }
    akvlens(folder.path(), ["facts", "log.json", "-q", "-o", "facts"]);
    let from_facts = akvlens(folder.path(), ["report", "facts", "-o", "-"]);
    assert_no_secret("a report from facts", &from_facts.stdout);
}

#[test]
fn no_token_in_a_message_reaches_an_output() {
    let words = [
        format!("The token {TOKEN} is bad."),
        format!("Bearer {TOKEN}"),
        format!("token:\r\n{TOKEN}\r\n"),
        format!("token='{TOKEN}'"),
        format!("see {SIGNED}"),
        "client_secret=hunter2 password=hunter2;x".to_owned(),
        format!("{}{TOKEN}", "x".repeat(2040)),
        format!("{}ü{TOKEN}", "x ".repeat(1020)),
        TOKEN.to_owned(),
    ];
    let records: Vec<Value> = (0..)
        .zip(&words)
        .flat_map(|(second, word)| [401, 403, 404, 500].map(|status| failure(second, status, word)))
        .collect();
    assert_kept_out(&records);
}

#[test]
fn no_token_in_a_detail_of_a_message_reaches_an_output() {
    let t = TOKEN;
    let messages = [
        (401, format!("AKV10022: Invalid audience. Expected {t}, found: {t}.")),
        (401, format!("AKV10032: Invalid issuer. Expected one of {t}, found {t}.")),
        (
            401,
            format!(
                "AKV10046: Unable to resolve the key used for signature validation. EncodedJwtHeader: '{t}'."
            ),
        ),
        (
            403,
            format!(
                "The user, group or application 'appid={t};oid={t}' does not have secrets {t} permission on key vault '{t};location={t}'."
            ),
        ),
        (
            403,
            format!(
                "Caller is not authorized to perform action on resource.\r\nCaller: oid={t}\r\nAction: '{t}'\r\nDenyAssignmentId: '{t}'\r\nDecisionReason: '{t}'\r\nVault: {t};location={t}"
            ),
        ),
        (
            403,
            format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: {t}"
            ),
        ),
        (403, format!("Not authorized to access {t} on {t}")),
        (429, format!("Request was not processed because too many requests were received. Reason: {t}")),
    ];
    let records = (0..).zip(messages).map(|(second, (status, message))| failure(second, status, &message));
    assert_kept_out(&records.collect::<Vec<_>>());
}

#[test]
fn no_token_in_any_other_field_reaches_an_output() {
    let mut records = Vec::new();
    for (second, secret) in (0..).zip([TOKEN, &format!("Bearer {TOKEN}"), SIGNED]) {
        let mut record = failure(second, 403, MISSING_POLICY);
        fill(&mut record, secret, &secret.replace(['/', '?'], "_"));
        let mut change = record.clone();
        change["operationName"] = json!("VaultPatch");
        change["time"] = json!(format!("2026-03-12T15:00:0{second}Z"));
        records.extend([record, change]);
    }
    let mut asked = challenge(9);
    asked["properties"]["clientInfo"] = json!(TOKEN);
    records.push(asked);
    assert_kept_out(&records);
}

#[test]
fn explain_shows_nothing_to_act_on_and_no_token() {
    let folder = folder::<&str>(&[]);
    for (status, message) in hostile_messages() {
        let mut command = crate::program::command(folder.path());
        let ran = crate::program::finish(
            command.args(["explain", "-", "--status", &status.to_string()]).write_stdin(message.clone()),
        );
        assert_harmless("explain", &ran.stdout);
        assert_harmless("explain", &ran.stderr);
    }
    for message in [
        format!("AKV10022: Invalid audience. Expected x, found: {TOKEN}."),
        format!(
            "Client address is not authorized and caller is not a trusted service. Client address: {TOKEN}"
        ),
        format!("Bearer {TOKEN}"),
    ] {
        let ran = akvlens(folder.path(), ["explain", &message]);
        assert_no_secret("explain", &format!("{}{}", ran.stdout, ran.stderr));
    }
}

#[test]
fn names_of_files_are_as_hostile_as_logs() {
    let name = "logs/EVIL\u{1b}[31m\u{202e}<script>|`x`.json";
    let folder = folder(&[(name, format!("{}broken\n", lines(&[failure(0, 403, MISSING_POLICY)])))]);
    let ran = akvlens(folder.path(), ["report", "logs", "-o", "out.md"]);
    assert!(ran.status == 3 && ran.stdout.contains("EVIL"), "{ran:?}");
    assert_harmless("the summary", &ran.stdout);
    assert_harmless("standard error", &ran.stderr);
    let page = fs::read_to_string(folder.path().join("out.md")).unwrap();
    assert_harmless("Markdown", &page);
    assert!(page.contains("EVIL"));
}

#[test]
fn names_in_errors_are_harmless() {
    let folder = folder(&[("logs/EVIL\u{1b}[31m\u{202e}.json", lines(&[record(0)]))]);
    akvlens(folder.path(), ["facts", "logs", "-q", "-o", "A"]);
    let ran = akvlens(folder.path(), ["report", "A", "logs"]);
    assert!(ran.status == 2 && ran.stderr.contains("EVIL"));
    assert_harmless("standard error", &ran.stderr);
}

#[test]
fn remedies_carry_no_options_and_no_file_names() {
    for hostile in ["o-1 --object-id o-evil", "@/etc/evil"] {
        let mut record = failure(0, 403, MISSING_POLICY);
        fill(&mut record, hostile, "KV-A");
        let folder = folder(&[("log.json", lines(&[record]))]);
        let report = report(folder.path(), 0, ["log.json"]);
        let fix = report["findings"][0]["fix"].to_string();
        assert!(!fix.contains(hostile), "{fix}");
    }
}

#[test]
fn csv_holds_no_control_character() {
    let (_, files) = outputs(&hostile_log());
    assert_harmless("CSV", &files["out.csv"]);
}

#[test]
fn json_on_standard_output_is_the_json_of_the_file() {
    let folder = hostile_log();
    let (_, files) = outputs(&folder);
    let ran = akvlens(folder.path(), ["report", "log.json", "-q", "-o", "-"]);
    assert!(ran.stdout == files["out.json"], "the same report is the same bytes");
}
