//! A pattern of messages, tried at the start of a text whatever the case.
//!
//! Input: a regular expression of the table of causes. Output: whether a text begins as it says. Must not know what
//! a message is.
//!
//! Messages that were not met before are few and far between, so that whatever a pattern reads of its own has to be
//! fetched from memory each time; an automaton reads a row of its table for each byte. So nothing is built of a
//! pattern that is plain text, no other is tried where one of its words is missing, and where a pattern may begin a
//! little later (`.{0,200}forbiddenbyrbac`, an automaton of hundreds of states) its rest is looked for by itself,
//! and the place compared.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange};

use super::words::{begins, find};

/// A pattern.
#[derive(Debug)]
pub struct Pattern {
    /// Most bytes in front of all else, none of them a line end; without it the start is held.
    lead: Option<usize>,
    /// Text behind the lead that the pattern begins with; empty where it begins otherwise.
    start: String,
    /// More texts that are somewhere in whatever matches, at least.
    words: Vec<String>,
    /// What decides, where that is not the start alone.
    regex: Option<Lazy>,
}

/// A regular expression that is compiled when it is first needed, which most are not in a run.
#[derive(Debug)]
struct Lazy {
    source: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern. One that cannot be compiled matches nothing: [`Self::check`] tells.
    pub fn new(pattern: &str) -> Self {
        let Ok(whole) = Parser::new().parse(pattern) else { return Self::of_regex(pattern) };
        // Of alternatives each has words of its own.
        let parts = match &whole {
            // Flags may change what a letter stands for.
            Ast::Concat(parts) if !parts.asts.iter().any(|part| matches!(part, Ast::Flags(_))) => {
                parts.asts.as_slice()
            }
            Ast::Literal(_) => std::slice::from_ref(&whole),
            _ => return Self::of_regex(pattern),
        };
        let lead = parts.first().and_then(lead);
        let rest = lead.map_or(Some(pattern), |(_, end)| pattern.get(end..)).unwrap_or_default();
        let parts = parts.get(usize::from(lead.is_some())..).unwrap_or_default();
        let lead = lead.map(|(most, _)| most);
        let mut words = parts.chunk_by(|one, next| literal(one).is_some() == literal(next).is_some());
        let mut word = || words.next().map(|run| run.iter().filter_map(literal).collect::<String>());
        let start = word().unwrap_or_default();
        let words: Vec<String> = std::iter::from_fn(word).filter(|word| !word.is_empty()).collect();
        let is_plain = start.len() == parts.len() && !parts.is_empty();
        let held = if lead.is_some() { format!("(?:{rest})") } else { format!("^(?:{rest})") };
        Self { lead, start, words, regex: (!is_plain).then(|| Lazy::new(held)) }
    }

    /// A pattern of which nothing is known.
    fn of_regex(pattern: &str) -> Self {
        let regex = Some(Lazy::new(format!("^(?:{pattern})")));
        Self { lead: None, start: String::new(), words: Vec::new(), regex }
    }

    /// What is wrong with a pattern, if anything is.
    pub fn check(pattern: &str) -> Result<(), regex::Error> {
        compiled(&format!("^(?:{pattern})")).map(drop)
    }

    /// Whether it matches a text at its start.
    pub fn begins(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let is_led = |start: usize| {
            let within = self.lead.is_some_and(|lead| start <= lead);
            within && text.get(..start).is_some_and(|lead| !lead.contains(&b'\n'))
        };
        // The first place has the shortest lead of all.
        let may_begin = match self.lead {
            None => begins(text, self.start.as_bytes()),
            Some(_) if self.start.is_empty() => true,
            Some(_) => find(text, &self.start).is_some_and(is_led),
        };
        let Some(regex) = &self.regex else { return may_begin };
        if !may_begin || self.words.iter().any(|word| find(text, word).is_none()) {
            return false;
        }
        let Some(regex) = regex.get() else { return false };
        match self.lead {
            None => regex.is_match(text),
            Some(_) => regex.find(text).is_some_and(|found| is_led(found.start())),
        }
    }
}

impl Lazy {
    fn new(source: String) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compiled(&self.source).ok()).as_ref()
    }
}

/// A regular expression over bytes, whatever the case.
fn compiled(regex: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(regex).case_insensitive(true).unicode(false).build()
}

/// The most bytes that `.{0,n}` allows, and where it ends.
fn lead(part: &Ast) -> Option<(usize, usize)> {
    let Ast::Repetition(repeated) = part else { return None };
    let RepetitionKind::Range(RepetitionRange::Bounded(0, most)) = repeated.op.kind else { return None };
    let end = repeated.span.end.offset;
    matches!(*repeated.ast, Ast::Dot(_)).then_some((usize::try_from(most).ok()?, end))
}

/// The ASCII character that a part stands for, whatever its case.
fn literal(part: &Ast) -> Option<char> {
    let Ast::Literal(literal) = part else { return None };
    Some(literal.c).filter(char::is_ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_taken_apart_where_it_is_one_row_of_parts() {
        let told = |pattern: &str| {
            let Pattern { lead, start, words, regex } = Pattern::new(pattern);
            (lead, start, words.join("|"), regex.map(|regex| regex.source))
        };
        let plain = |lead, start: &str| (lead, start.to_owned(), String::new(), None);
        assert_eq!(told("invalid audience"), plain(None, "invalid audience"));
        assert_eq!(told(r"keyvault/managedhsm\."), plain(None, "keyvault/managedhsm."));
        assert_eq!(told("x"), plain(None, "x"));
        assert_eq!(told(".{0,200}insufficient_claims"), plain(Some(200), "insufficient_claims"));
        assert_eq!(told(".{0,3}?b"), plain(Some(3), "b"));
        let split = |lead, start: &str, words: &str, regex: &str| {
            (lead, start.to_owned(), words.to_owned(), Some(regex.to_owned()))
        };
        assert_eq!(
            told(".{0,80}token (has |is )?expired"),
            split(Some(80), "token ", "expired", "(?:token (has |is )?expired)")
        );
        assert_eq!(told("ab.{0,9}cd?e"), split(None, "ab", "c|e", "^(?:ab.{0,9}cd?e)"));
        assert_eq!(told("[ab]cd"), split(None, "", "cd", "^(?:[ab]cd)"));
        assert_eq!(told("ä.b"), split(None, "", "b", "^(?:ä.b)"));
        for whole in ["a|b", "(?-i)ab", ".{0,3}a|b", "(.{0,3}a|b)", "(?s)", "("] {
            assert_eq!(told(whole), split(None, "", "", &format!("^(?:{whole})")), "{whole}");
        }
        for unled in [".{1,3}a", ".{3}a", ".{0,}a", ".*a", "z{0,3}a"] {
            assert_eq!(told(unled), split(None, "", "a", &format!("^(?:{unled})")), "{unled}");
        }
        assert!(Pattern::check("(").is_err() && !Pattern::new("(").begins("("));
    }

    proptest! {
        /// It matches what the pattern, held to the start, matches as one regular expression.
        #[test]
        fn a_text_begins_as_the_whole_pattern_says(
            pattern in "([.][{]0,[0-4][}])?([aB]{1,2}|.|[.]|\\^|(a|b)|b[?]|[.][{]0,2[}]|\\\\b|[|]|[(][?]-i[)]){1,5}",
            texts in prop::collection::vec("[aAbBä \n]{0,9}", 1..20),
        ) {
            let whole = compiled(&format!("^(?:{pattern})"));
            prop_assume!(whole.is_ok());
            let (whole, pattern) = (whole.unwrap(), Pattern::new(&pattern));
            for text in texts {
                prop_assert_eq!(pattern.begins(&text), whole.is_match(text.as_bytes()), "{:?} {:?}", pattern, text);
            }
        }
    }
}
