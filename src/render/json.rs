//! The whole report as JSON.

use crate::report::Report;

/// Pretty-printed, with a line end. Characters that invisibly change how text reads are left to JSON
/// readers; `<`, `>` and `&` are escaped, so that the file can stand inside a script element.
pub fn render(report: &Report) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    if text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        text = text
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
    }
    text.push('\n');
    text.into_bytes()
}
