//! Takes the values between the steps of a record.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};

use super::between::Target;
use super::bytes::string_end;
use super::step::Take;
use crate::decode::resource_log::fields::{Scalar, fill_level};
use crate::decode::resource_log::meaning::Field;
use crate::record::{Record, Text};
use crate::ticks::Minute;

/// Digits of the longest number that is taken as it is written: all of them fit 64 bits.
const MOST_DIGITS: usize = 18;

/// Takes the value that the rest of a text begins with, and steps to its quote, or behind it where it has none.
/// `None` where the general decoder has to say what is wrong.
#[inline]
pub(super) fn take<'a>(
    how: Take,
    record: &mut Record<'a>,
    text: &'a str,
    rest: &mut &'a str,
    minute: &mut Minute,
) -> Option<()> {
    match how {
        Take::NoText | Take::Text(_) | Take::Time | Take::OtherText(_) => {
            let (value, behind) = rest.split_at_checked(string_end(rest.as_bytes()))?;
            if !behind.starts_with('"') {
                return fill_text(record, text, rest, how.target());
            }
            *rest = behind;
            match how {
                Take::Text(field) => {
                    *field.text(record)? = Some(value).filter(|text| !text.is_empty()).map(Cow::Borrowed);
                }
                Take::Time => record.time = minute.read(value),
                Take::NoText => {}
                _ => fill(record, how.target(), Cow::Borrowed(value)),
            }
        }
        Take::Flag(field) => match rest.as_bytes() {
            [b't', b'r', b'u', b'e', ..] => {
                *field.flag(record)? = Some(true);
                *rest = rest.get(4..)?;
            }
            [b'f', b'a', b'l', b's', b'e', ..] => {
                *field.flag(record)? = Some(false);
                *rest = rest.get(5..)?;
            }
            _ => fill_bare(record, rest, Target::Field(field))?,
        },
        Take::Status => match rest.as_bytes() {
            [hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b',' | b'}', ..] => {
                let digit = |byte: &u8| u16::from(byte - b'0');
                record.http_status = Some(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones));
                *rest = rest.get(3..)?;
            }
            _ => fill_bare(record, rest, Target::Field(Field::HttpStatus))?,
        },
        Take::OtherBare(target) => fill_bare(record, rest, target)?,
    }
    Some(())
}

/// Takes the text value that the rest of a text begins with, and steps to its quote. `None` where the general
/// decoder has to say what is wrong.
pub(super) fn fill_text<'a>(
    record: &mut Record<'a>,
    text: &'a str,
    rest: &mut &'a str,
    target: Target,
) -> Option<()> {
    let mut length = string_end(rest.as_bytes());
    let bytes = rest.as_bytes();
    match bytes.get(length)? {
        b'"' => fill(record, target, Cow::Borrowed(rest.get(..length)?)),
        b'\\' => {
            while *bytes.get(length)? != b'"' {
                // Behind a backslash stands one byte at least that ends nothing.
                let behind = (*bytes.get(length)? == b'\\').then_some(length + 2)?;
                length = behind + string_end(bytes.get(behind..)?);
            }
            let quote = text.len().checked_sub(rest.len())?.checked_sub(1)?;
            fill_escaped(record, text.get(quote..)?.get(..length + 2)?, target)?;
        }
        _ => return None,
    }
    *rest = rest.get(length..)?;
    Some(())
}

/// Takes a text with escapes, which the JSON parser takes out.
fn fill_escaped(record: &mut Record<'_>, quoted: &str, target: Target) -> Option<()> {
    match target {
        Target::Nothing => serde_json::from_str::<IgnoredAny>(quoted).ok().map(drop),
        _ => serde_json::from_str(quoted).ok().map(|text| fill(record, target, Cow::Owned(text))),
    }
}

/// Takes a text.
#[inline(never)]
fn fill<'a>(record: &mut Record<'a>, target: Target, text: Text<'a>) {
    match target {
        Target::Field(field) => field.fill(record, Some(text).filter(|text| !text.is_empty())),
        Target::Column(column, form) => {
            record.shape.form = record.shape.form.max(form);
            column.fill(record, text);
        }
        Target::Object(level) => fill_level(level, record, text),
        Target::Nothing => {}
    }
}

/// Takes the number, `true`, `false` or `null` that the rest of a text begins with, and steps behind it.
pub(super) fn fill_bare<'a>(record: &mut Record<'a>, rest: &mut &'a str, target: Target) -> Option<()> {
    // What follows has to be a comma or bracket, which the next step shows.
    let (length, value) = match rest.as_bytes() {
        [b't', b'r', b'u', b'e', ..] => (4, Some(Cow::Borrowed("true"))),
        [b'f', b'a', b'l', b's', b'e', ..] => (5, Some(Cow::Borrowed("false"))),
        [b'n', b'u', b'l', b'l', ..] => (4, None),
        _ => number(rest, target)?,
    };
    *rest = rest.get(length..)?;
    match (target, value) {
        (Target::Field(field), value) => field.fill(record, value),
        (Target::Column(..), Some(value)) => fill(record, target, value),
        (Target::Column(_, form), None) => record.shape.form = record.shape.form.max(form),
        (Target::Object(_) | Target::Nothing, _) => {}
    }
    Some(())
}

/// The length of a number, and its text: as it stands there for one that is whole, short and plain,
/// and otherwise as the JSON parser has it.
fn number(rest: &str, target: Target) -> Option<(usize, Option<Text<'_>>)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let ends = matches!(rest.as_bytes().get(digits), Some(b',' | b'}' | b']'));
    let plain = matches!((rest.as_bytes(), digits), ([b'0', ..], 1) | ([b'1'..=b'9', ..], 1..=MOST_DIGITS));
    if ends && plain {
        return Some((digits, rest.get(..digits).map(Cow::Borrowed)));
    }
    let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let number = rest.get(..rest.bytes().take_while(in_number).count())?;
    let mut parser = serde_json::Deserializer::from_str(number);
    let value = match target {
        Target::Nothing => IgnoredAny::deserialize(&mut parser).ok().map(|_| None),
        _ => Scalar.deserialize(&mut parser).ok().map(|text| text.map(|text| Cow::Owned(text.into_owned()))),
    };
    parser.end().ok()?;
    Some((number.len(), value?))
}
