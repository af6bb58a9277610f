//! What an error text carries, whatever way it came: with `\r\n`, `\n` or single spaces, whole or
//! cut to its first line, with or without a code in front (facts §3).
//!
//! Input: the text of `resultDescription`, or one that somebody pasted. Output: a [`Message`] to
//! match patterns on, and its [`Details`]. Must not judge.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use super::pattern::Pattern;
use super::words;

/// A text with its white space collapsed and its code prefix found.
#[derive(Clone, Debug)]
pub struct Message {
    /// The whole text, single-spaced.
    text: String,
    /// Where the text begins behind its code prefixes.
    body: usize,
    /// Where it begins behind one more word and colon (`ForbiddenByRbac: …`).
    behind_word: Option<usize>,
    akv_code: Option<Range<usize>>,
}

/// What a message says beyond its cause. All of it is the log's own text: escape before showing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct Details {
    /// `AKVnnnnn`.
    pub akv_code: Option<String>,
    /// The audience (or audiences) that the vault takes.
    pub expected_audience: Option<String>,
    /// The audience the token was issued for.
    pub found_audience: Option<String>,
    /// The issuers that the vault trusts.
    pub expected_issuer: Option<String>,
    /// The issuer of the token.
    pub found_issuer: Option<String>,
    /// The client address that the service saw.
    pub client_address: Option<String>,
    /// The access-policy permission that was wanted, such as `secrets get`.
    pub permission: Option<String>,
    /// The RBAC data action that was wanted.
    pub action: Option<String>,
    /// The Managed HSM scope it was wanted on.
    pub scope: Option<String>,
    /// The deny assignment that refused.
    pub deny_assignment: Option<String>,
    /// The service's own word on its decision.
    pub decision_reason: Option<String>,
    /// Why requests were throttled.
    pub throttle_reason: Option<String>,
    /// The vault's name in its own case.
    pub vault: Option<String>,
    /// The vault's region.
    pub region: Option<String>,
    /// Who asked.
    pub caller: CallerClause,
}

/// `name=…;tid=…;appid=…;oid=…;numgroups=…;iss=…`
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct CallerClause {
    /// Display name; Microsoft's own services have one.
    pub name: Option<String>,
    /// Tenant.
    pub tid: Option<String>,
    /// Application id.
    pub appid: Option<String>,
    /// Object id.
    pub oid: Option<String>,
    /// Token issuer.
    pub iss: Option<String>,
}

/// Names that `why` and `remedy` texts of a cause may use in braces.
pub const PLACEHOLDERS: &[&str] = &[
    "action",
    "caller",
    "client_ip",
    "deny_assignment",
    "expected_audience",
    "found_audience",
    "found_issuer",
    "object",
    "oid",
    "operation",
    "permission",
    "permission_option",
    "role",
    "scope",
    "status",
    "throttle_reason",
    "vault",
    "vault_id",
];

/// The names in braces of a text.
pub fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

impl Message {
    /// Reads a text as it stands in a log or an error.
    pub fn new(text: &str) -> Self {
        let text = single_spaced(text);
        let akv_code = akv_code(text.as_bytes());
        let body = prefix_length(&text);
        let behind_word = word_prefix(text.get(body..).unwrap_or_default()).map(|length| body + length);
        Self { text, body, behind_word, akv_code }
    }

    /// The text, single-spaced.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The `AKVnnnnn` code.
    pub fn akv_code(&self) -> Option<&str> {
        self.text.get(self.akv_code.clone()?)
    }

    /// Whether a pattern matches at the start, with or without what may stand in front.
    pub fn matches(&self, pattern: &Pattern) -> bool {
        let starts = [Some(self.body), Some(0).filter(|_| self.body > 0), self.behind_word];
        starts
            .into_iter()
            .flatten()
            .filter_map(|start| self.text.get(start..))
            .any(|text| pattern.begins(text))
    }

    /// Everything that the text carries.
    pub fn details(&self) -> Details {
        let text = self.text.as_str();
        let (expected, found) = expected_and_found(text);
        let audience = find(text, "Invalid audience").is_some();
        let issuer = find(text, "Invalid issuer").is_some();
        let vault = vault_clause(text);
        let (hsm_action, scope) = hsm_action(text);
        let own = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Details {
            akv_code: own(self.akv_code()),
            expected_audience: own(expected.filter(|_| audience)),
            found_audience: own(found.filter(|_| audience)),
            expected_issuer: own(expected.filter(|_| issuer)),
            found_issuer: own(found.filter(|_| issuer)),
            client_address: own(client_address(text)),
            permission: own(between(text, "does not have ", " permission on")),
            action: own(quoted_behind(text, "Action: ").or(hsm_action)),
            scope: own(scope),
            deny_assignment: own(value_behind(text, "DenyAssignmentId: ")),
            decision_reason: own(value_behind(text, "DecisionReason: ")),
            throttle_reason: own(behind(text, "Reason: ")
                .filter(|_| find(text, "too many requests").is_some())
                .map(word)),
            vault: own(vault.map(|vault| vault.0)),
            region: own(vault.and_then(|vault| vault.1)),
            caller: caller_clause(text),
        }
    }
}

/// A text with one space for all white space in a row, and none around it.
fn single_spaced(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push_str(word);
    }
    spaced
}

/// The place of a code such as `AKV10022`.
fn akv_code(text: &[u8]) -> Option<Range<usize>> {
    let is_code = |at: &usize| {
        let digits = text.get(at + 3..at + 8);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    let start = memchr::memmem::find_iter(text, b"AKV").find(is_code)?;
    Some(start..start + 8)
}

/// The length of `[Code (Reason)] `, `(Code) ` and `AKVnnnnn: ` at the front, in any number.
fn prefix_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        let next = match rest.as_bytes() {
            [b'[', ..] => rest.split_once(']').map(|(_, rest)| rest),
            [b'(', ..] => rest.split_once(')').map(|(_, rest)| rest),
            [b'A', b'K', b'V', digits @ ..] if digits.first().is_some_and(u8::is_ascii_digit) => {
                rest.split_once(':').map(|(_, rest)| rest)
            }
            _ => None,
        };
        match next.map(str::trim_start).filter(|next| !next.is_empty()) {
            Some(next) => rest = next,
            None => return text.len() - rest.len(),
        }
    }
}

/// The length of one word and a colon at the front.
fn word_prefix(text: &str) -> Option<usize> {
    let (word, rest) = text.split_once(": ")?;
    word.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| text.len() - rest.len())
}

/// Where ASCII `needle` stands, whatever its case.
fn find(text: &str, needle: &str) -> Option<usize> {
    words::find(text.as_bytes(), needle)
}

/// The text behind `needle`.
fn behind<'t>(text: &'t str, needle: &str) -> Option<&'t str> {
    text.get(find(text, needle)? + needle.len()..)
}

/// The text between two needles.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let rest = behind(text, start)?;
    rest.get(..find(rest, end)?)
}

/// `'…'` behind a needle.
fn quoted_behind<'t>(text: &'t str, needle: &str) -> Option<&'t str> {
    behind(text, needle)?.strip_prefix('\'')?.split('\'').next()
}

/// The first word, without quotes and the full stop of its sentence.
fn word(text: &str) -> &str {
    let word = text.split(' ').next().unwrap_or(text);
    word.trim_end_matches(['.', ',', ';']).trim_matches(['\'', '"'])
}

/// The value behind a needle, unless it is `null`.
fn value_behind<'t>(text: &'t str, needle: &str) -> Option<&'t str> {
    behind(text, needle).map(word).filter(|value| !value.eq_ignore_ascii_case("null"))
}

/// `Expected [one of] X[,] found[:] Y.`
fn expected_and_found(text: &str) -> (Option<&str>, Option<&str>) {
    let Some(at) = find(text, "found: ").or_else(|| find(text, ", found ").map(|at| at + 2)) else {
        return (None, None);
    };
    let (before, rest) = text.split_at(at);
    let found = rest.trim_start_matches("found").trim_start_matches(':').trim_start().split(' ').next();
    let expected = behind(before, "Expected ").map(|expected| {
        let expected = expected.strip_prefix("one of ").unwrap_or(expected);
        expected.trim_end().trim_end_matches(',')
    });
    (expected, found.map(|found| found.trim_end_matches('.')))
}

/// `Client address: 1.2.3.4 from …`, or `Client address (1.2.3.4) is …`.
fn client_address(text: &str) -> Option<&str> {
    let modern = behind(text, "Client address: ").map(word);
    modern.or_else(|| between(text, "Client address (", ")"))
}

/// `Vault: NAME;location=REGION`, or `key vault 'NAME;location=REGION'`.
fn vault_clause(text: &str) -> Option<(&str, Option<&str>)> {
    let clause = quoted_behind(text, "on key vault ").or_else(|| behind(text, " Vault: ").map(word))?;
    let (name, rest) = clause.split_once(';').map_or((clause, None), |(name, rest)| (name, Some(rest)));
    Some((name, rest.and_then(|rest| rest.strip_prefix("location="))))
}

/// `Not authorized to access ACTION on SCOPE`.
fn hsm_action(text: &str) -> (Option<&str>, Option<&str>) {
    let Some(rest) = behind(text, "authorized to access ") else { return (None, None) };
    let scope = behind(rest, " on ").map(|scope| scope.split(' ').next().unwrap_or(scope));
    (rest.split(' ').next(), scope)
}

/// The caller clause: behind `Caller: `, or quoted behind `application ` or `caller `.
fn caller_clause(text: &str) -> CallerClause {
    let modern = behind(text, "Caller: ").map(|rest| {
        let ends = [" Action:", " Vault:", " Resource:", " Operation:"];
        let end = ends.iter().filter_map(|end| find(rest, end)).min().unwrap_or(rest.len());
        rest.get(..end).unwrap_or(rest)
    });
    let clause =
        modern.or_else(|| quoted_behind(text, "application ")).or_else(|| quoted_behind(text, "the caller "));
    let mut caller = CallerClause::default();
    for (key, value) in clause.unwrap_or_default().split(';').filter_map(|part| part.split_once('=')) {
        let value = (!value.is_empty()).then(|| value.trim().to_owned());
        match key.trim() {
            "name" => caller.name = value,
            "tid" => caller.tid = value,
            "appid" => caller.appid = value,
            "oid" => caller.oid = value,
            "iss" => caller.iss = value,
            _ => {}
        }
    }
    caller
}

#[cfg(test)]
mod tests;
