//! The whole report as JSON.

use crate::report::Report;

/// Pretty-printed, with a line end. Characters that invisibly change how text reads are left to JSON
/// readers; `<`, `>` and `&` are escaped, so that the file can stand inside a script element.
pub fn render(report: &Report) -> Vec<u8> {
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    let mut escaped = String::with_capacity(text.len() + 64);
    for piece in text.split_inclusive(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        let mut characters = piece.chars();
        let code = match characters.next_back() {
            Some('<') => "\\u003c",
            Some('>') => "\\u003e",
            Some('&') => "\\u0026",
            Some('\u{2028}') => "\\u2028",
            Some('\u{2029}') => "\\u2029",
            _ => {
                escaped.push_str(piece);
                continue;
            }
        };
        escaped.push_str(characters.as_str());
        escaped.push_str(code);
    }
    escaped.push('\n');
    escaped.into_bytes()
}
