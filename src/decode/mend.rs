//! Mends what serde_json refuses in JSON that other writers produce and other readers take: lone
//! UTF-16 surrogates (`\\ud800`) and numbers beyond a double (`1e999`).
//!
//! Input: text of one record that the parser refused. Output: the same text with a replacement
//! character for each lone surrogate and `null` for each such number; `None` when there is none of
//! either, so that the refusal stands. Must not change anything else.

use serde::de::IgnoredAny;

/// Mends a text; `None` when there is nothing to mend.
pub(super) fn mend(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let (mut at, mut kept, mut in_string) = (0, 0, false);
    while let Some(byte) = bytes.get(at) {
        let (length, instead) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => escape(bytes.get(at..).unwrap_or_default()),
            b'-' | b'0'..=b'9' if !in_string => number(text.get(at..).unwrap_or_default()),
            _ => (1, None),
        };
        if let Some(instead) = instead {
            mended.push_str(text.get(kept..at)?);
            mended.push_str(instead);
            kept = at + length;
        }
        at += length;
    }
    if kept == 0 {
        return None;
    }
    mended.push_str(text.get(kept..)?);
    Some(mended)
}

/// The length of the escape at the front, and what stands in for it.
fn escape(rest: &[u8]) -> (usize, Option<&'static str>) {
    match unit(rest) {
        Some(0xd800..=0xdbff) => match unit(rest.get(6..).unwrap_or_default()) {
            Some(0xdc00..=0xdfff) => (12, None),
            _ => (6, Some("\\ufffd")),
        },
        Some(0xdc00..=0xdfff) => (6, Some("\\ufffd")),
        Some(_) => (6, None),
        None => (2, None),
    }
}

/// The UTF-16 unit of the `\\uXXXX` at the front.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The length of the number at the front, and what stands in for it.
fn number(rest: &str) -> (usize, Option<&'static str>) {
    let length = rest
        .bytes()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
        .count()
        .max(1);
    let number = rest.get(..length).unwrap_or_default();
    // The grammar is JSON's (`05` is no number), the bound a double's.
    let beyond = number.parse::<f64>().is_ok_and(f64::is_infinite)
        && serde_json::from_str::<IgnoredAny>(number).is_ok();
    (length, beyond.then_some("null"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_refused_is_mended() {
        for (text, mended) in [
            (r#"{"a":"x\ud800y"}"#, Some(r#"{"a":"x\ufffdy"}"#)),
            (r#"{"a":"\udc00\ud83d\ude00\ud83d"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00\ufffd"}"#)),
            (r#"{"a":1e999,"b":-1E+400,"c":1e9}"#, Some(r#"{"a":null,"b":null,"c":1e9}"#)),
            (r#"{"a":"\\ud800"}"#, None),
            (r#"{"a":"1e999"}"#, None),
            (r#"{"a":05e999,"b":1.e999}"#, None),
            (r#"{"a":"\ud83d\ude00"}"#, None),
            (r#"{"a":"\u12"#, None),
            ("", None),
        ] {
            assert_eq!(mend(text).as_deref(), mended, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_parser_takes_stays(value in any::<(String, f64, i64)>()) {
            let text = serde_json::json!({"text": value.0, "real": value.1, "whole": value.2}).to_string();
            prop_assert_eq!(mend(&text), None);
        }

        #[test]
        fn any_string_of_units_can_be_read(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let escaped = units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
            let text = format!("\"{escaped}\"");
            let read: String = serde_json::from_str(mend(&text).as_deref().unwrap_or(&text)).unwrap();
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}
