//! A pattern of messages, tried at the start of a text whatever the case.
//!
//! Input: a regular expression of the table of causes. Output: whether a text begins as it says. Must not know what
//! a message is.
//!
//! Many patterns may begin a little later (`.{0,200}forbiddenbyrbac`). As one automaton such a pattern has states for
//! every place that the rest may begin at, times whatever of it was read there: each new text asks for new ones,
//! and none is in the processor's caches. What stands behind is therefore looked for by itself, and its place
//! compared.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange};

/// A compiled pattern.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    /// Most bytes in front of the regex, none of them a line end; without it the regex holds the start.
    lead: Option<usize>,
}

impl Pattern {
    /// Compiles a pattern; an error says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, regex::Error> {
        let compiled = |regex: &str| RegexBuilder::new(regex).case_insensitive(true).unicode(false).build();
        // The whole of it first: an error is to show what was written.
        let regex = compiled(&format!("^(?:{pattern})"))?;
        Ok(match led(pattern).map(|(lead, rest)| (lead, compiled(rest))) {
            Some((lead, Ok(regex))) => Self { regex, lead: Some(lead) },
            _ => Self { regex, lead: None },
        })
    }

    /// Whether it matches a text at its start.
    pub fn begins(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let Some(lead) = self.lead else { return self.regex.is_match(text) };
        // The first match has the shortest lead of all.
        let start = self.regex.find(text).map(|found| found.start()).filter(|start| *start <= lead);
        start.and_then(|start| text.get(..start)).is_some_and(|lead| !lead.contains(&b'\n'))
    }
}

/// The most bytes that a pattern allows in front, and what stands behind them where it begins with `.{0,n}`.
fn led(pattern: &str) -> Option<(usize, &str)> {
    // Of alternatives only one has the lead.
    let whole = Parser::new().parse(pattern).ok()?;
    let Ast::Concat(parts) = &whole else { return None };
    let Some(Ast::Repetition(lead)) = parts.asts.first() else { return None };
    let RepetitionKind::Range(RepetitionRange::Bounded(0, most)) = lead.op.kind else { return None };
    let is_any = matches!(*lead.ast, Ast::Dot(_));
    let rest = pattern.get(lead.span.end.offset..).filter(|_| is_any)?;
    Some((usize::try_from(most).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_bounded_lead_of_a_whole_pattern_is_taken_off() {
        assert_eq!(led(".{0,80}token (has |is )?expired"), Some((80, "token (has |is )?expired")));
        assert_eq!(led(".{0,3}?b"), Some((3, "b")));
        for none in [
            "token",
            ".{0,3}a|b",
            "(.{0,3}a|b)",
            ".{1,3}a",
            ".{3}a",
            ".{0,}a",
            ".*a",
            "a{0,3}b",
            ".{0,3}",
            "(?s).{0,3}a",
            "(",
        ] {
            assert_eq!(led(none), None, "{none}");
        }
    }

    proptest! {
        /// It matches what the pattern, held to the start, matches as one regular expression.
        #[test]
        fn a_text_begins_as_the_whole_pattern_says(
            pattern in "([.][{]0,[0-4][}])?([aB]|.|[.]|\\^|(a|b)|b[?]|[.][{]0,2[}]|\\\\b|[|]){1,5}",
            texts in prop::collection::vec("[aAbB \n]{0,9}", 1..20),
        ) {
            let whole = RegexBuilder::new(&format!("^(?:{pattern})")).case_insensitive(true).unicode(false).build();
            prop_assume!(whole.is_ok());
            let (whole, pattern) = (whole.unwrap(), Pattern::new(&pattern).unwrap());
            for text in texts {
                prop_assert_eq!(pattern.begins(&text), whole.is_match(text.as_bytes()), "{:?} {:?}", pattern, text);
            }
        }
    }
}
