//! Numbers and texts for people: thousands apart, cut and wrapped by the columns they take.

use std::collections::BTreeMap;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape::line as escape;
use crate::report::Saving;

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part in percent to two places; by whole numbers, and never 100 % for less than all.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// What a remedy saves, in a sentence.
pub fn saving(saving: &Saving) -> String {
    format!("Would save {} requests ({:.2} %): {}.", grouped(saving.requests), saving.percent, saving.how)
}

/// Bytes in the unit that fits.
pub fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut scale, mut unit) = (1_u64, 0);
    while bytes / scale >= 1000 && unit + 1 < units.len() {
        scale *= 1000;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{}.{} {}", bytes / scale, bytes % scale * 10 / scale, units[unit])
    }
}

/// Seconds in the unit that fits.
pub fn duration(seconds: i64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// The last `width` columns of a text, with an ellipsis where it is cut: of a path, the end tells
/// more.
pub fn fit_end(text: &str, width: usize) -> String {
    let text = escape(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let mut used = 1;
    let kept = text.chars().rev().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= width
    });
    let mut kept: Vec<char> = kept.collect();
    kept.push('…');
    kept.iter().rev().collect()
}

/// At most `width` columns of a text, with an ellipsis where it is cut.
pub fn fit(text: &str, width: usize) -> String {
    let text = escape(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let mut fitted = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        fitted.push(character);
    }
    fitted.push('…');
    fitted
}

/// A text in lines of at most `width` columns, broken at spaces only: a longer word stands alone on
/// a longer line.
pub fn wrap_words(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = lines.last_mut().map_or(0, |line| line.width());
        if line > 0 && line + 1 + word.width() > width {
            lines.push(String::new());
        }
        let space = lines.last().is_some_and(|line| !line.is_empty());
        push_word(&mut lines, word, space);
    }
    lines
}

/// A text in lines of at most `width` columns, broken at spaces, or within a word that is longer.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        while !word.is_empty() {
            let line = lines.last_mut().map_or(0, |line| line.width());
            let space = usize::from(line > 0);
            if line + space + word.width() <= width {
                push_word(&mut lines, word, space == 1);
                break;
            }
            if line > 0 {
                lines.push(String::new());
                continue;
            }
            let (head, rest) = word.split_at(columns(word, width));
            push_word(&mut lines, head, false);
            lines.push(String::new());
            word = rest;
        }
    }
    if lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn push_word(lines: &mut [String], word: &str, space: bool) {
    if let Some(line) = lines.last_mut() {
        if space {
            line.push(' ');
        }
        line.push_str(word);
    }
}

/// How many bytes of a word take at most `width` columns; at least one character.
fn columns(word: &str, width: usize) -> usize {
    let mut used = 0;
    for (index, character) in word.char_indices() {
        used += character.width().unwrap_or(0);
        if used > width && index > 0 {
            return index;
        }
    }
    word.len()
}

/// How records came, the most frequent shape first: `1,204 json-lines/storage, 3 csv/azure-diagnostics`.
pub(super) fn shapes(shapes: &BTreeMap<String, u64>) -> String {
    let mut shapes: Vec<(&String, &u64)> = shapes.iter().collect();
    shapes.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    let shapes: Vec<String> =
        shapes.iter().map(|(shape, count)| format!("{} {shape}", grouped(**count))).collect();
    if shapes.is_empty() { "no record".to_owned() } else { shapes.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(percent(999_999, 1_000_000), "99.99 %");
        assert_eq!(percent(0, 0), "-");
        assert_eq!((size(999), size(1_500_000)), ("999 B".into(), "1.5 MB".into()));
        assert_eq!(
            (duration(30), duration(300), duration(7200), duration(86_400)),
            ("30 s".into(), "5 min".into(), "2 h".into(), "1 d".into())
        );
    }

    #[test]
    fn text_is_cut_and_wrapped_by_columns() {
        assert_eq!(fit("日本語テキスト", 7), "日本語…");
        assert_eq!(fit("short", 7), "short");
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aaaaaaaa b", 3), ["aaa", "aaa", "aa", "b"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap_words("a bbbbbb cc d", 4), ["a", "bbbbbb", "cc d"]);
    }
}
