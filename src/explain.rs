//! One cause, one load pattern or verdict, one pasted error text, one pasted token, explained.
//!
//! Input: text and the tables of causes and codes. Output: a page of text, escaped. Must not read, print or
//! know a clock.

pub mod token;

use std::fmt::Write;

use serde_json::Value;

use crate::classify::Basis;
use crate::classify::causes::{Cause, Causes};
use crate::classify::message::{Details, Message};
use crate::decode::resource_log::{self, Form};
use crate::findings::codes::{self, Code};
use crate::findings::wording::{Known, fill_fix, fill_steps, fill_why};
use crate::record::Record;
use crate::redact::redact;
use crate::render::escape::line;

/// What a text turned out to be.
#[derive(Debug)]
pub struct Explanation<'c> {
    /// The cause, if the text shows one.
    pub cause: Option<&'c Cause>,
    /// What it rests on.
    pub basis: Basis,
    /// What the text carries.
    pub details: Details,
    /// The text as it was read.
    pub text: String,
}

/// Explains a pasted text: an error message, the JSON body of an HTTP error, or a whole record of
/// the log. Without a status every cause is tried.
pub fn explain<'c>(text: &str, status: Option<u16>, causes: &'c Causes) -> Explanation<'c> {
    let mut record = Record::default();
    if resource_log::decode(text.trim().as_bytes(), &mut record) == Ok(Form::Audit) {
        return explain_record(&record, causes);
    }
    let (text, codes) = unwrap_json(text);
    let message = Message::new(&text);
    let by_text = causes.match_text(status, &message).map(|id| (causes.get(id), Basis::Text));
    // An HTTP error carries a code that the log does not.
    let words = || codes.iter().map(String::as_str).chain(text.split(|c: char| !c.is_ascii_alphanumeric()));
    let by_code =
        || causes.iter().find(|cause| words().any(|word| cause.codes.iter().any(|code| code == word)));
    let by_status = || status.map(|status| causes.get(causes.of_status(status)));
    let found = by_text
        .or_else(|| by_code().map(|cause| (cause, Basis::Flag)))
        .or_else(|| by_status().map(|cause| (cause, Basis::Status)));
    Explanation {
        cause: found.map(|found| found.0),
        basis: found.map_or(Basis::Status, |found| found.1),
        details: message.details(),
        text: redact(message.text()).into_owned(),
    }
}

/// Explains a whole record.
fn explain_record<'c>(record: &Record<'_>, causes: &'c Causes) -> Explanation<'c> {
    let verdict = causes.classify(record);
    let message = Message::new(record.message.as_deref().unwrap_or_default());
    Explanation {
        cause: Some(causes.get(verdict.cause)),
        basis: verdict.basis,
        details: message.details(),
        text: redact(message.text()).into_owned(),
    }
}

/// The message inside the JSON of an HTTP error, and its codes; any other text as it is.
fn unwrap_json(text: &str) -> (String, Vec<String>) {
    let start = text.find('{').unwrap_or(text.len());
    let json = text.get(start..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let Some(Ok(value)) = values.next() else { return (text.to_owned(), Vec::new()) };
    let error = value.get("error").unwrap_or(&value);
    let Some(message) = error.get("message").and_then(Value::as_str) else {
        return (text.to_owned(), Vec::new());
    };
    let inner = ["innererror", "innerError", "InnerError"].iter().find_map(|name| error.get(name));
    // The inner code is the narrower one.
    let codes = [inner.and_then(|inner| inner.get("code")), error.get("code")];
    let codes = codes.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    (message.to_owned(), codes)
}

/// The page of a pasted text.
pub fn page(explanation: &Explanation<'_>, width: usize) -> String {
    let Some(cause) = explanation.cause else { return unknown(explanation) };
    let known = known(&explanation.details);
    let mut page = heading(cause, width);
    let rests = match explanation.basis {
        Basis::Text => "recognised by its text",
        Basis::Flag => "recognised by its error code or access flag",
        Basis::Pairing => "recognised by the requests around it",
        Basis::Status => "taken from its status alone: the text is not known",
    };
    let _ = writeln!(page, "{rests}\n");
    section(&mut page, "What it means", &cause.meaning, width);
    let why = fill_why(cause, &known);
    if why != cause.meaning {
        section(&mut page, "In this text", &why, width);
    }
    carried(&mut page, &explanation.details);
    steps(&mut page, &fill_fix(cause, &known), width);
    let _ = writeln!(page, "Read on: {}", cause.reference);
    page
}

/// The page of a cause.
pub fn card(cause: &Cause, width: usize) -> String {
    let mut page = heading(cause, width);
    page.push('\n');
    section(&mut page, "What it means", &cause.meaning, width);
    steps(&mut page, &fill_fix(cause, &Known::default()), width);
    dashes(&mut page, "How it is recognised", &signs(cause), width);
    let _ = writeln!(page, "\nRead on: {}", cause.reference);
    page
}

/// The page of a finding's code that is no cause: a load pattern, a verdict.
pub fn code_card(code: &Code, width: usize) -> String {
    let mut about = vec![code.kind.to_string()];
    about.extend(code.experimental.then(|| "experimental: few public samples show it".to_owned()));
    let heading = format!("{}: {} ({})", code.id, code.title, about.join(", "));
    let mut page = wrap(&heading, width).join("\n") + "\n\n";
    section(&mut page, "What it means", &code.meaning, width);
    steps(&mut page, &fill_steps(&code.remedy, &Known::default()), width);
    dashes(&mut page, "How it is recognised", &code.signs, width);
    if !code.seen.is_empty() {
        dashes(&mut page, "\nWhere it was met", &code.seen, width);
    }
    let _ = writeln!(page, "\nRead on: {}", code.reference);
    page
}

fn dashes(page: &mut String, title: &str, points: &[String], width: usize) {
    let _ = writeln!(page, "{title}");
    for point in points {
        for (index, part) in wrap(point, width.saturating_sub(4)).iter().enumerate() {
            let _ = writeln!(page, "  {} {part}", if index == 0 { "-" } else { " " });
        }
    }
}

/// What the classifier looks for.
fn signs(cause: &Cause) -> Vec<String> {
    let mut signs: Vec<String> = Vec::new();
    let statuses: Vec<String> = cause.status.iter().map(ToString::to_string).collect();
    if !statuses.is_empty() {
        signs.push(format!("status {}", statuses.join(", ")));
    }
    signs.extend(cause.akv.iter().map(|code| format!("code {code} in the message")));
    signs.extend(cause.patterns.iter().map(|pattern| format!("message begins like: {pattern}")));
    if let Some(flag) = cause.flag {
        let name = serde_json::to_value(flag)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default();
        signs.push(format!("no message, and {name} is false"));
    }
    match cause.id.as_str() {
        "auth-challenge" => signs.push("no caller and no message on operation Authentication, and the same vault, address and client agent gets past authentication within the window (--challenge-window, 60 s)".into()),
        "unanswered-challenge" => signs.push("like auth-challenge, but nothing from that client gets past authentication within the window".into()),
        "notification" => signs.push("the operation's name ends in EventGridNotification".into()),
        _ if !cause.default.is_empty() => signs.push("the status alone, when neither message nor flag says more".into()),
        _ => {}
    }
    if !cause.codes.is_empty() {
        signs.push(format!("in a client's error (never in the log): {}", cause.codes.join(", ")));
    }
    signs
}

/// The list of all causes, load patterns and verdicts.
pub fn list(causes: &Causes) -> String {
    let mut page = String::new();
    let ids = causes.iter().map(|cause| cause.id.len()).chain(codes::all().iter().map(|code| code.id.len()));
    let width = ids.max().unwrap_or(0);
    for cause in causes.iter() {
        let statuses: Vec<String> = cause.status.iter().map(ToString::to_string).collect();
        let _ =
            writeln!(page, "{:width$}  {:11}  {}", line(&cause.id), statuses.join(" "), line(&cause.title));
    }
    for code in codes::all() {
        let experimental = if code.experimental { " (experimental)" } else { "" };
        let _ =
            writeln!(page, "{:width$}  {:11}  {}{experimental}", code.id, code.kind.to_string(), code.title);
    }
    let _ = writeln!(
        page,
        "\n`akvlens explain CODE` tells what one means and what to do (causes as of {}, patterns and verdicts as \
         of {}).",
        causes.dated(),
        codes::dated()
    );
    page
}

fn heading(cause: &Cause, width: usize) -> String {
    let statuses: Vec<String> = cause.status.iter().map(ToString::to_string).collect();
    let mut about = vec![cause.outcome.to_string(), cause.severity.to_string()];
    about.extend((!statuses.is_empty()).then(|| format!("status {}", statuses.join(", "))));
    let heading = format!("{}: {} ({})", cause.id, cause.title, about.join(", "));
    wrap(&heading, width).join("\n") + "\n"
}

fn unknown(explanation: &Explanation<'_>) -> String {
    let mut page = String::from("no cause is known for this text\n\n");
    carried(&mut page, &explanation.details);
    page.push_str(
        "If an HTTP status came with it, say so: --status 403.\n\
         A text that your vaults write can be added with --causes FILE (see src/classify/causes.toml for the form).\n",
    );
    page
}

/// What a text carries, one line each.
fn carried(page: &mut String, details: &Details) {
    let Details { caller, .. } = details;
    let all = [
        ("code", &details.akv_code),
        ("audience found", &details.found_audience),
        ("audience expected", &details.expected_audience),
        ("issuer found", &details.found_issuer),
        ("issuers expected", &details.expected_issuer),
        ("client address", &details.client_address),
        ("permission wanted", &details.permission),
        ("action wanted", &details.action),
        ("scope", &details.scope),
        ("deny assignment", &details.deny_assignment),
        ("decision", &details.decision_reason),
        ("throttling reason", &details.throttle_reason),
        ("vault", &details.vault),
        ("region", &details.region),
        ("caller's name", &caller.name),
        ("caller's object id", &caller.oid),
        ("caller's application id", &caller.appid),
        ("caller's tenant", &caller.tid),
        ("caller's token issuer", &caller.iss),
    ];
    let there: Vec<_> =
        all.iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value))).collect();
    if there.is_empty() {
        return;
    }
    let _ = writeln!(page, "The text carries");
    for (name, value) in there {
        let _ = writeln!(page, "  {name}: {}", line(&redact(value)));
    }
    page.push('\n');
}

fn known(details: &Details) -> Known {
    let own = |text: &Option<String>| text.as_deref().map(|text| redact(text).into_owned());
    Known {
        action: own(&details.action),
        caller: own(&details.caller.name)
            .or_else(|| own(&details.caller.oid))
            .or_else(|| own(&details.caller.appid)),
        client_ip: own(&details.client_address),
        deny_assignment: own(&details.deny_assignment),
        expected_audience: own(&details.expected_audience),
        found_audience: own(&details.found_audience),
        found_issuer: own(&details.found_issuer),
        oid: own(&details.caller.oid),
        permission: own(&details.permission),
        scope: own(&details.scope),
        throttle_reason: own(&details.throttle_reason),
        vault: own(&details.vault),
        ..Known::default()
    }
}

fn section(page: &mut String, title: &str, text: &str, width: usize) {
    let _ = writeln!(page, "{title}");
    for part in wrap(text, width.saturating_sub(2)) {
        let _ = writeln!(page, "  {part}");
    }
    page.push('\n');
}

fn steps(page: &mut String, steps: &[String], width: usize) {
    let _ = writeln!(page, "What to do");
    for (number, step) in steps.iter().enumerate() {
        let parts = crate::render::text::wrap_words(&line(step), width.saturating_sub(5));
        for (index, part) in parts.iter().enumerate() {
            let lead = if index == 0 { format!("{}.", number + 1) } else { String::new() };
            let _ = writeln!(page, "  {lead:2} {part}");
        }
    }
    page.push('\n');
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    crate::render::text::wrap(&line(text), width)
}

/// The page of a token.
pub fn token_page(report: &token::TokenReport, width: usize) -> String {
    let mut page = String::from("The token says\n");
    for (claim, value) in &report.claims {
        let _ = writeln!(page, "  {claim}: {}", line(&redact(value)));
    }
    page.push_str("\nChecks, made on this machine; the signature was neither read nor checked\n");
    for check in &report.checks {
        let mark = match check.ok {
            Some(true) => "ok   ",
            Some(false) => "WRONG",
            None => "note ",
        };
        for (index, part) in wrap(&redact(&check.says), width.saturating_sub(18)).iter().enumerate() {
            let lead = if index == 0 { format!("{mark} {:9}", check.claim) } else { " ".repeat(15) };
            let _ = writeln!(page, "  {lead} {part}");
        }
        if let Some(fix) = &check.fix {
            for part in wrap(&format!("Fix: {fix}"), width.saturating_sub(18)) {
                let _ = writeln!(page, "  {} {part}", " ".repeat(15));
            }
        }
        if let Some(cause) = check.cause {
            let _ = writeln!(page, "  {} See `akvlens explain {cause}`.", " ".repeat(15));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause_of(text: &str) -> Option<String> {
        let causes = Causes::built_in();
        explain(text, None, &causes).cause.map(|cause| cause.id.clone())
    }

    #[test]
    fn pasted_texts_are_recognised_in_any_wrapping() {
        let plain = "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com/.";
        assert_eq!(cause_of(plain).as_deref(), Some("wrong-audience"));
        let body = format!("{{\"error\":{{\"code\":\"Unauthorized\",\"message\":\"{plain}\"}}}}");
        assert_eq!(cause_of(&body).as_deref(), Some("wrong-audience"));
        assert_eq!(
            cause_of(&format!("azure.core.exceptions: (401) {body}")).as_deref(),
            Some("wrong-audience")
        );
        let inner = r#"{"error":{"code":"Forbidden","message":"Something new.","innererror":{"code":"ForbiddenByRbac"}}}"#;
        assert_eq!(cause_of(inner).as_deref(), Some("missing-role"));
        assert_eq!(
            cause_of("Code: Forbidden InnerError: ForbiddenByFirewall").as_deref(),
            Some("unauthorized-client-address")
        );
        let record =
            r#"{"category":"AuditEvent","operationName":"SecretGet","properties":{"httpStatusCode":404}}"#;
        assert_eq!(cause_of(record).as_deref(), Some("not-found"));
        assert_eq!(cause_of("hello"), None);
    }

    #[test]
    fn a_page_says_what_is_wrong_in_this_text() {
        let causes = Causes::built_in();
        let text = "AKV10022: Invalid audience. Expected https://vault.azure.net, found: https://management.azure.com/.";
        let page = page(&explain(text, None, &causes), 80);
        assert!(
            page.contains("The token was issued for https://management.azure.com/; the vault takes\n"),
            "{page}"
        );
        assert!(page.lines().all(|line| line.chars().count() <= 80 || line.starts_with("Read on")), "{page}");
        let hostile = super::page(
            &explain("\u{1b}[31m Client address: \u{1b}]0;x is not authorized", Some(403), &causes),
            80,
        );
        assert!(!hostile.contains('\u{1b}'));
    }

    #[test]
    fn every_code_has_a_card_without_gaps() {
        for code in codes::all() {
            let card = code_card(code, 80);
            assert!(
                card.contains("How it is recognised\n  - ") && card.contains("What to do\n  1. "),
                "{card}"
            );
            let fits =
                |line: &str| line.chars().count() <= 80 || line.starts_with("Read on") || line.contains('`');
            assert!(card.lines().all(fits) && !card.contains('{'), "{card}");
        }
    }

    #[test]
    fn every_cause_has_a_card() {
        let causes = Causes::built_in();
        for cause in causes.iter() {
            let card = card(cause, 80);
            assert!(card.contains("How it is recognised\n  - "), "{card}");
            assert!(
                card.lines().all(|line| line.chars().count() <= 80 || line.starts_with("Read on")),
                "{card}"
            );
        }
    }
}
