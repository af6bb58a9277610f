//! Makes a log's text harmless for the place it goes to.

use std::borrow::Cow;
use std::fmt::Write;

/// Characters that a terminal or a reader would act on or not see: control characters, and those
/// that turn the direction of text, join, or take no width.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// For one line of a terminal: line ends become spaces, other invisible characters `\u{…}`.
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\t' => escaped.push(' '),
            _ if is_invisible(character) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// For running text and table cells of Markdown: [`line()`], and every character that Markdown or the
/// HTML in it would act on is escaped.
pub fn markdown(text: &str) -> String {
    let line = line(text);
    let mut escaped = String::with_capacity(line.len() + 8);
    for character in line.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!' | '|'
            | '~' | '=' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            // So that no bare address becomes a link to a page.
            '.' if escaped
                .get(escaped.len().saturating_sub(3)..)
                .is_some_and(|end| end.eq_ignore_ascii_case("www")) =>
            {
                escaped.push_str("\\.");
            }
            ':' if escaped.ends_with("http") || escaped.ends_with("https") => escaped.push_str("&#58;"),
            '@' => escaped.push_str("&#64;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// For inline code of Markdown in a table cell: [`line()`], fenced with more backticks than it holds.
pub fn markdown_code(text: &str) -> String {
    let line = line(text).replace('|', "\\|");
    let longest = line.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if line.starts_with('`') || line.ends_with('`') || line.is_empty() { " " } else { "" };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// For a cell of CSV: [`line()`], and a cell that a spreadsheet would compute gets a quote in front.
pub fn csv(text: &str) -> Cow<'_, str> {
    let computed = |character: char| matches!(character, '=' | '+' | '-' | '@' | '|' | '%');
    let line = line(text);
    if line.trim_start().starts_with(computed) || line.starts_with(char::is_whitespace) {
        Cow::Owned(format!("'{line}"))
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminals_get_nothing_to_act_on() {
        assert_eq!(line("plain ü 日本"), "plain ü 日本");
        assert_eq!(line("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(line("a\r\nb\nc\td"), "a b c d");
        assert_eq!(line("abc\u{202e}txt\u{200b}"), "abc\\u{202e}txt\\u{200b}");
        assert_eq!(line("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn markdown_gets_nothing_to_act_on() {
        assert_eq!(markdown("<script>|*x*"), "&lt;script&gt;\\|\\*x\\*");
        assert_eq!(markdown("![a](https://x)"), "\\!\\[a\\]\\(https&#58;//x\\)");
        assert_eq!(markdown("www.evil.example"), "www\\.evil.example");
        assert_eq!(markdown_code("a`b``c|"), "```a`b``c\\|```");
        assert_eq!(markdown_code("`"), "`` ` ``");
    }

    #[test]
    fn spreadsheets_get_no_formula() {
        for formula in ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "|x"] {
            assert!(csv(formula).starts_with('\''), "{formula}");
        }
        assert_eq!(csv("kv-orders"), "kv-orders");
    }

    proptest! {
        #[test]
        fn no_control_character_survives(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_invisible));
            prop_assert!(!markdown(&text).contains(['<', '>', '\n']));
        }
    }
}
