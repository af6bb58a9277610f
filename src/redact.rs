//! Takes tokens and signatures out of texts before they are kept or shown.
//!
//! Input: any text of a log. Output: the same text, borrowed when there is nothing to take out.
//! What is taken out: JSON Web Tokens and their parts (`eyJ…`), `Bearer …`, and the values of
//! `sig=`, `client_secret=`, `password=`, `AccountKey=` and their like.

use std::borrow::Cow;

/// What stands in the place of a secret.
const REMOVED: &str = "[removed]";

/// Names whose value is a secret, with what stands between.
const SECRET_NAMES: &[&str] = &[
    "sig=",
    "signature=",
    "client_secret=",
    "client_assertion=",
    "password=",
    "pwd=",
    "accountkey=",
    "sharedaccesskey=",
    "access_token=",
    "refresh_token=",
    "bearer ",
];

/// The text without tokens and signatures.
pub fn redact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if !may_hold_a_secret(bytes) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        let Some((start, end)) = secret_at(bytes, at) else {
            at += 1;
            continue;
        };
        kept.push_str(text.get(copied..start).unwrap_or_default());
        kept.push_str(REMOVED);
        (at, copied) = (end, end);
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(kept)
}

/// Whether a closer look is needed: every secret has a `=` before it, or is a token.
fn may_hold_a_secret(bytes: &[u8]) -> bool {
    memchr::memchr(b'=', bytes).is_some()
        || memchr::memmem::find(bytes, b"eyJ").is_some()
        || bytes.windows(7).any(|window| window.eq_ignore_ascii_case(b"bearer "))
}

/// The bounds of a secret that begins, or whose name begins, at `at`.
fn secret_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(at..)?;
    let starts_word =
        at == 0 || bytes.get(at - 1).is_some_and(|byte| !is_value(*byte) || matches!(byte, b'=' | b'.'));
    if rest.starts_with(b"eyJ") && starts_word {
        let length = value_length(rest);
        return (length >= 8).then_some((at, at + length));
    }
    let name = SECRET_NAMES.iter().find(|name| {
        rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    })?;
    let whole_word = at == 0 || bytes.get(at - 1).is_some_and(|byte| !byte.is_ascii_alphanumeric());
    let start = at + name.len();
    let length = value_length(bytes.get(start..)?);
    (whole_word && length > 0).then_some((start, start + length))
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
