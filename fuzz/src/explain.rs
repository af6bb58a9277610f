//! What `akvlens explain` makes of a pasted text or token.

use std::sync::LazyLock;

use akvlens::classify::causes::Causes;
use akvlens::explain::token::{TokenReport, inspect};
use akvlens::explain::{explain as explain_text, page, token_page};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::reader::steer;

static CAUSES: LazyLock<Causes> = LazyLock::new(Causes::built_in);

/// Any text has a page, which holds no character that a terminal acts on; and the report on a token
/// does not depend on its signature, nor does its page hold it.
///
/// The first byte says what the rest is: a text, a token, or the payload of a token; the second is
/// the status and the width.
pub fn explain(bytes: &[u8]) {
    let ([kind, steering], rest) = steer::<2>(bytes);
    let text = String::from_utf8_lossy(rest);
    let width = 20 + usize::from(steering);
    match kind % 3 {
        0 => check_text(&text, steering, width),
        1 => check_token(&text, width),
        _ => {
            let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
            check_token(&format!("{header}.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(rest)), width);
        }
    }
}

fn check_text(text: &str, steering: u8, width: usize) {
    let status = [None, Some(401), Some(403), Some(404), Some(409), Some(429), Some(500), Some(u16::MAX)];
    let explanation = explain_text(text, status[usize::from(steering) % status.len()], &CAUSES);
    check_page(&page(&explanation, width));
}

fn check_token(text: &str, width: usize) {
    let now = DateTime::<Utc>::from_timestamp(1_773_324_000, 0).unwrap_or_default();
    let report = inspect(text, now);
    match &report {
        Ok(report) => check_page(&token_page(report, width)),
        Err(error) => check_page(&error.to_string()),
    }
    if let (Ok(report), Some(other)) = (&report, with_another_signature(text)) {
        assert_same(report, inspect(&other, now).ok().as_ref());
    }
}

fn assert_same(report: &TokenReport, other: Option<&TokenReport>) {
    assert_eq!(Some(report), other, "the signature was read");
}

/// The token with its third part changed, where the text is nothing but a token.
fn with_another_signature(text: &str) -> Option<String> {
    let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let parts: Vec<&str> = text.split('.').collect();
    match parts[..] {
        [header, payload, _] if text.chars().all(token) => Some(format!("{header}.{payload}.AAAA")),
        _ => None,
    }
}

/// Nothing that a terminal acts on or that turns the direction of text.
fn check_page(page: &str) {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!page.chars().any(acts), "{page:?}");
}
