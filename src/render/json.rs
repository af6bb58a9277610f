//! A whole report as JSON.

use serde::Serialize;

/// Pretty-printed, with a line end. `<`, `>` and `&` are escaped, so that the file can stand inside
/// a script element.
pub fn render(report: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec_pretty(report).unwrap_or_default();
    let mut escaped = Vec::with_capacity(text.len() + 64);
    let mut copied = 0;
    for at in memchr::memchr3_iter(b'<', b'>', b'&', &text) {
        escaped.extend_from_slice(text.get(copied..at).unwrap_or_default());
        escaped.extend_from_slice(match text.get(at) {
            Some(b'<') => b"\\u003c",
            Some(b'>') => b"\\u003e",
            _ => b"\\u0026",
        });
        copied = at + 1;
    }
    escaped.extend_from_slice(text.get(copied..).unwrap_or_default());
    escaped.push(b'\n');
    escaped
}
