//! Reads records written as Azure writes them, by what stood between the values of earlier records.
//!
//! Records of one vault have the same keys in the same order, so the text between one value and the
//! next (`","operationName":"`) is nearly always one that was met before. Such a text is remembered as
//! a [`Step`], with what its key means and which steps came behind it; reading a record is then to
//! compare bytes with the few steps expected, and to look for the end of each value.
//!
//! Input: the text of one object. Output: the same [`Record`] that the general decoder (`fields`)
//! gives, or a refusal, and then the general decoder has to read it. Only this is taken: objects and
//! keys without white space between them, keys without escapes, the objects of the storage form, and
//! as values text, numbers, `true`, `false` and `null`; what fills nothing may be nested. A step is what [`between()`] has read by
//! the grammar, so a step expected and one read anew are the same. Must not guess, and must not grow
//! with the input.

mod between;
mod bytes;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};

use super::Level;
use super::fields::{Scalar, fill_level};
use crate::record::{Record, Text};
use between::{Behind, Between, Inside, Nest, Next, Target, begins_bare, between};
use bytes::{begins_with, string_end};

/// Steps remembered at most; real logs have under a hundred. When there are more, all are forgotten.
const MOST_STEPS: usize = 1024;

/// Bytes of the longest step that is remembered; that of a long claim has under a hundred.
const LONGEST_STEP: usize = 256;

/// Steps that are expected behind each step: those that came last.
const EXPECTED: usize = 4;

/// Digits of the longest number that is taken as it is written: all of them fit 64 bits.
const MOST_DIGITS: usize = 18;

/// Records that are not tried when so many in a row were refused or came otherwise than expected.
const PATIENCE: u8 = 4;
const REST: u8 = 28;

/// The first step: what every record begins behind.
const START: u16 = 0;

/// What stood between two values.
#[derive(Clone, Copy, Debug)]
struct Step {
    between: Between,
    /// Where its bytes begin among [`Remembered::texts`].
    start: usize,
    /// The steps that came behind it, the last first; [`START`] comes behind none.
    expected: [u16; EXPECTED],
}

/// The steps of earlier records.
#[derive(Debug, Default)]
pub struct Remembered {
    steps: Vec<Step>,
    /// The bytes of all steps, one behind the other.
    texts: Vec<u8>,
    /// The number of each step, by its bytes, what they stood behind and what follows: the same bytes
    /// mean other things in other objects.
    numbers: IndexMap<Box<[u8]>, u16, foldhash::fast::RandomState>,
    /// Room to put a key of `numbers` together in.
    key: Vec<u8>,
    /// Records of the kinds that cost more than they gain: refused, and other than expected.
    refused: Streak,
    unexpected: Streak,
    /// A record was read: the next one is worth remembering.
    warm: bool,
}

/// Failures in a row, and how many more are not tried.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    failures: u8,
    rest: u8,
}

impl Streak {
    /// Whether to try.
    fn tries(&mut self) -> bool {
        let tries = self.rest == 0;
        self.rest = self.rest.saturating_sub(1);
        tries
    }

    /// Notes how a try went.
    fn note(&mut self, success: bool) {
        self.failures = if success { 0 } else { self.failures.saturating_add(1).min(PATIENCE) };
        if self.failures == PATIENCE {
            self.rest = REST;
        }
    }
}

impl Remembered {
    /// Fills a record, which must be new, from an object's text. False if it has to be read otherwise;
    /// then the record may hold anything.
    pub(super) fn read<'a>(&mut self, text: &'a str, record: &mut Record<'a>) -> bool {
        if !self.refused.tries() {
            return false;
        }
        let expects = self.warm && self.unexpected.tries();
        let read = self.steps_of(text, record, expects).is_some();
        self.warm |= read;
        self.refused.note(read);
        read
    }

    /// Follows a record step by step.
    fn steps_of<'a>(&mut self, text: &'a str, record: &mut Record<'a>, expects: bool) -> Option<()> {
        let bytes = text.as_bytes();
        let (mut at, mut behind, mut step) = (0, Behind::Nothing, None);
        if expects {
            self.start();
            step = Some(START);
        }
        let (mut steps, mut surprises) = (0_u32, 0_u32);
        loop {
            steps += 1;
            let rest = bytes.get(at..)?;
            let expected = step.and_then(|step| self.expected(step, rest));
            let between = if let Some((number, between)) = expected {
                step = Some(number);
                between
            } else {
                surprises += 1;
                let between = between(text.get(at..)?, behind)?;
                step = step.and_then(|last| self.remember(last, behind, rest, between));
                between
            };
            at += between.length;
            match between.next {
                Next::Text => {
                    fill_text(record, text, &mut at, between.target)?;
                    behind = Behind::Text(between.inside);
                }
                Next::Bare => {
                    fill_bare(record, text, &mut at, between.target)?;
                    behind = Behind::Bare(between.inside);
                }
                Next::End => break,
            }
        }
        if expects {
            self.unexpected.note(surprises <= steps / 2);
        }
        (at == bytes.len()).then_some(())
    }

    /// Makes sure that there is a first step.
    fn start(&mut self) {
        if self.steps.is_empty() {
            let inside = Inside { level: Level::Record, nest: Nest::NONE };
            let between = Between { length: 0, next: Next::End, inside, target: Target::Nothing };
            self.steps.push(Step { between, start: 0, expected: [START; EXPECTED] });
        }
    }

    /// The step that the bytes begin with, if it is among those expected behind another.
    #[inline]
    fn expected(&mut self, step: u16, bytes: &[u8]) -> Option<(u16, Between)> {
        let expected = self.steps.get(usize::from(step))?.expected;
        for (place, number) in expected.into_iter().enumerate() {
            if number == START {
                return None;
            }
            let candidate = self.steps.get(usize::from(number))?;
            let between = candidate.between;
            let text = self.texts.get(candidate.start..candidate.start + between.length)?;
            let begins = begins_with(bytes, text);
            if begins
                && (between.next != Next::Bare || bytes.get(between.length).copied().is_some_and(begins_bare))
            {
                if place > 0 {
                    self.steps.get_mut(usize::from(step))?.expected.get_mut(..=place)?.rotate_right(1);
                }
                return Some((number, between));
            }
        }
        None
    }

    /// Notes that one step came behind another.
    fn remember(&mut self, last: u16, behind: Behind, rest: &[u8], between: Between) -> Option<u16> {
        let bytes = rest.get(..between.length).filter(|bytes| bytes.len() <= LONGEST_STEP)?;
        self.key.clear();
        self.key.extend(behind.bytes());
        self.key.push(between.next as u8);
        self.key.extend_from_slice(bytes);
        let number = match self.numbers.get(self.key.as_slice()) {
            Some(number) => *number,
            None if self.steps.len() >= MOST_STEPS => {
                self.forget();
                return None;
            }
            None => {
                let number = u16::try_from(self.steps.len()).ok()?;
                let step = Step { between, start: self.texts.len(), expected: [START; EXPECTED] };
                self.steps.push(step);
                self.texts.extend_from_slice(bytes);
                self.numbers.insert(self.key.as_slice().into(), number);
                number
            }
        };
        let expected = &mut self.steps.get_mut(usize::from(last))?.expected;
        expected.rotate_right(1);
        *expected.first_mut()? = number;
        Some(number)
    }

    /// Forgets all steps: there are more than any log of Azure's has.
    fn forget(&mut self) {
        self.steps.clear();
        self.texts.clear();
        self.numbers.clear();
        self.warm = false;
    }
}

/// Takes the text that begins at a position, and steps to its quote. `None` where the general decoder
/// has to say what is wrong.
#[inline]
fn fill_text<'a>(record: &mut Record<'a>, text: &'a str, at: &mut usize, target: Target) -> Option<()> {
    let start = *at;
    *at = string_end(text.as_bytes(), start);
    match text.as_bytes().get(*at)? {
        b'"' => fill(record, target, Cow::Borrowed(text.get(start..*at)?)),
        b'\\' => {
            while *text.as_bytes().get(*at)? != b'"' {
                // Behind a backslash stands one byte at least that ends nothing.
                let escape = (*text.as_bytes().get(*at)? == b'\\').then_some(*at)?;
                *at = string_end(text.as_bytes(), escape + 2);
            }
            fill_escaped(record, text.get(start - 1..=*at)?, target)?;
        }
        _ => return None,
    }
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
#[inline]
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

/// Takes the number, `true`, `false` or `null` that begins at a position, and steps behind it.
#[inline]
fn fill_bare<'a>(record: &mut Record<'a>, text: &'a str, at: &mut usize, target: Target) -> Option<()> {
    let rest = text.get(*at..)?;
    // What follows has to be a comma or bracket, which the next step shows.
    let (length, value) = match rest.as_bytes() {
        [b't', b'r', b'u', b'e', ..] => (4, Some(Cow::Borrowed("true"))),
        [b'f', b'a', b'l', b's', b'e', ..] => (5, Some(Cow::Borrowed("false"))),
        [b'n', b'u', b'l', b'l', ..] => (4, None),
        _ => number(rest, target)?,
    };
    *at += length;
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
