//! The findings that are not causes of failures: load patterns and verdicts, as data.
//!
//! Input: `codes.toml`, strictly parsed. Output: [`Code`]: title, meaning, signs, remedy and reference of
//! a finding's code. Detectors take their words from it, and `explain` tells them. Must not judge.

use std::sync::LazyLock;

use serde::Deserialize;

/// The table that comes with akvlens.
const BUILT_IN: &str = include_str!("codes.toml");

/// What kind of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// A pattern of load.
    Pattern,
    /// A verdict on callers, clients, or the input.
    Verdict,
}

/// A finding's code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code, in kebab-case.
    pub id: String,
    /// One line.
    pub title: String,
    /// What kind of finding it is.
    pub kind: Kind,
    /// Its signature rests on few public samples.
    #[serde(default)]
    pub experimental: bool,
    /// What it is and why it matters.
    pub meaning: String,
    /// How it is recognised.
    pub signs: Vec<String>,
    /// What to do, in steps with placeholders.
    pub remedy: Vec<String>,
    /// Where to read on.
    pub reference: String,
    /// Where it was met.
    #[serde(default)]
    pub seen: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dated: String,
    #[allow(dead_code, reason = "for whoever reads the table")]
    source: String,
    code: Vec<Code>,
}

/// Read once; it comes with the program, and a test reads it.
static TABLE: LazyLock<File> =
    LazyLock::new(|| toml::from_str(BUILT_IN).expect("the built-in table of codes is well-formed"));

/// The date of the table.
pub fn dated() -> &'static str {
    &TABLE.dated
}

/// Every code, patterns first.
pub fn all() -> &'static [Code] {
    &TABLE.code
}

/// The entry of a code.
pub fn find(id: &str) -> Option<&'static Code> {
    TABLE.code.iter().find(|code| code.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::classify::causes::Causes;
    use crate::classify::message::placeholders;

    #[test]
    fn the_table_is_sound() {
        let causes = Causes::built_in();
        let mut ids: BTreeSet<&str> = BTreeSet::new();
        assert_eq!(dated().len(), 10);
        for code in all() {
            assert!(ids.insert(&code.id) && causes.find(&code.id).is_none(), "{} is one thing", code.id);
            assert!(code.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", code.id);
            assert!(!code.remedy.is_empty() && !code.signs.is_empty() && code.meaning.ends_with('.'));
            assert!(code.reference.starts_with("https://"), "{}", code.id);
            assert_eq!(code.kind == Kind::Pattern, !code.seen.is_empty(), "{}", code.id);
            let known = ["vault", "object", "operation", "vault_id"];
            let texts = code.remedy.iter().flat_map(|step| placeholders(step));
            assert!(texts.into_iter().all(|name| known.contains(&name)), "{}", code.id);
        }
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let text = format!("{BUILT_IN}\nmore = 1\n");
        assert!(toml::from_str::<File>(&text).is_err());
    }
}
