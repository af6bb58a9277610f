//! Takes tokens and signatures out of texts before they are kept or shown.
//!
//! Input: any text of a log. Output: the same text, borrowed when there is nothing to take out.
//! What is taken out: JSON Web Tokens and their parts (`eyJ…`), `Bearer …`, and the values of
//! `sig=`, `client_secret=`, `password=`, `AccountKey=` and their like.

use std::borrow::Cow;

/// What stands in the place of a secret.
const REMOVED: &str = "[removed]";

/// Names in front of a `=` whose value is a secret.
const SECRET_NAMES: &[&str] = &[
    "sig",
    "signature",
    "client_secret",
    "client_assertion",
    "password",
    "pwd",
    "accountkey",
    "sharedaccesskey",
    "access_token",
    "refresh_token",
];

/// The text without tokens and signatures.
pub fn redact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut kept = String::new();
    let mut copied = 0;
    // What each finder found last: looked for anew only once it is passed, so that every byte is
    // looked at once by each.
    let finders = [named, token, bearer];
    let mut found = finders.map(|find| find(bytes, 0));
    while let Some((start, end)) = found.into_iter().flatten().min() {
        kept.push_str(text.get(copied..start).unwrap_or_default());
        kept.push_str(REMOVED);
        copied = end;
        for (found, find) in found.iter_mut().zip(finders) {
            if found.is_some_and(|(start, _)| start < copied) {
                *found = find(bytes, copied);
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(kept)
}

/// The value behind `name=`.
fn named(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let behind = bytes.get(from..)?;
    memchr::memchr_iter(b'=', behind).map(|at| from + at).find_map(|equals| {
        let before = bytes.get(..equals)?;
        let is_name = |name: &&&str| {
            let start = before.len().checked_sub(name.len());
            start.is_some_and(|start| {
                let whole_word = start == 0 || !before[start - 1].is_ascii_alphanumeric();
                whole_word && before[start..].eq_ignore_ascii_case(name.as_bytes())
            })
        };
        SECRET_NAMES.iter().find(is_name)?;
        let length = value_length(bytes.get(equals + 1..)?);
        (length > 0).then_some((equals + 1, equals + 1 + length))
    })
}

/// A JSON Web Token or a part of one, which begins with `{"` in base64.
fn token(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let behind = bytes.get(from..)?;
    memchr::memmem::find_iter(behind, b"eyJ").map(|at| from + at).find_map(|at| {
        let starts = at == 0 || !is_value(bytes[at - 1]) || matches!(bytes[at - 1], b'=' | b'.');
        let length = value_length(bytes.get(at..)?);
        // Far longer than a word: a token whatever stands before it, such as the `n` of `\\n`.
        ((starts && length >= 8) || length >= 20).then_some((at, at + length))
    })
}

/// What stands behind `Bearer `.
fn bearer(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let behind = bytes.get(from..)?;
    memchr::memchr2_iter(b'b', b'B', behind).map(|at| from + at).find_map(|at| {
        let word = bytes.get(at..at + 7)?;
        let whole_word = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let length = value_length(bytes.get(at + 7..)?);
        (whole_word && word.eq_ignore_ascii_case(b"bearer ") && length > 0)
            .then_some((at + 7, at + 7 + length))
    })
}

/// How far a value reaches.
fn value_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_value(**byte)).count()
}

/// The bytes of base64, base64url, percent-encoding, and the dots between a token's parts.
fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'%' | b'=' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_and_signatures_are_taken_out() {
        let cases = [
            ("EncodedJwtHeader: 'eyJ0eXAiOiJKV1QifQ'.", "EncodedJwtHeader: '[removed]'."),
            ("token eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl end", "token [removed] end"),
            ("https://x/y?sv=1&sig=ab%2Bc%3D&se=2", "https://x/y?sv=1&sig=[removed]&se=2"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer [removed]"),
            ("Client_Secret=s3cr3t;x", "Client_Secret=[removed];x"),
            ("design=nice and heyJude", "design=nice and heyJude"),
            ("nothing here", "nothing here"),
        ];
        for (text, redacted) in cases {
            assert_eq!(redact(text), redacted);
        }
        assert!(matches!(redact("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn no_token_survives(before in "\\PC{0,12}", after in "[^A-Za-z0-9._~+/%=-]\\PC{0,12}") {
            let text = format!("{before} eyJhbGciOiJub25l.eyJvaWQiOiJ4.secretpart{after}");
            prop_assert!(!redact(&text).contains("secretpart"));
        }
    }
}
