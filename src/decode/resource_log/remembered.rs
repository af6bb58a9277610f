//! Reads records written as Azure writes them, by what stood between the values of earlier records.
//!
//! Records of one vault have the same keys in the same order, so the text between one value and the
//! next (`","operationName":"`) is nearly always one that was met before. Such a text is remembered as
//! a [`Step`], with what its key means and which steps came behind it; reading a record is then to
//! compare bytes with the few steps expected, and to look for the end of each value. Of an identity,
//! which comes again and again as a whole, all claims are taken at once ([`identities`]).
//!
//! Input: the text of one object. Output: the same [`Record`] that the general decoder (`fields`)
//! gives, or a refusal, and then the general decoder has to read it. Only this is taken: objects and
//! keys without white space between them, keys without escapes, the objects of the storage form, and
//! as values text, numbers, `true`, `false` and `null`; what fills nothing may be nested. A step is
//! what [`between()`] has read by the grammar, so a step expected and one read anew are the same. Must
//! not guess, and must not grow with the input.

mod between;
mod bytes;
mod identities;
mod step;
#[cfg(test)]
mod tests;
mod value;

use indexmap::IndexMap;

use super::Level;
use crate::record::{Met, Record};
use crate::ticks::Minute;
use between::{Behind, Between, Inside, Nest, Next, Target, between};
use identities::Identities;
use step::{Action, Expected, START, Step};

/// Steps remembered at most; real logs have under a hundred. When there are more, all are forgotten.
const MOST_STEPS: usize = 1024;

/// Bytes of the longest step that is remembered; that of a long claim has under a hundred.
const LONGEST_STEP: usize = 256;

/// Records that are not tried when so many in a row were refused or came otherwise than expected.
const PATIENCE: u8 = 4;
const REST: u8 = 28;

/// The steps of earlier records.
#[derive(Debug, Default)]
pub struct Remembered {
    steps: Vec<Step>,
    /// What each step is to the grammar.
    betweens: Vec<Between>,
    /// The bytes of all steps, one behind the other.
    texts: Vec<u8>,
    /// The number of each step, by its bytes, what they stood behind and what follows: the same bytes
    /// mean other things in other objects.
    numbers: IndexMap<Box<[u8]>, u16, foldhash::fast::RandomState>,
    /// Room to put a key of `numbers` together in.
    key: Vec<u8>,
    identities: Identities,
    /// The minute of the last record.
    minute: Minute,
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

/// How far a record was followed.
#[derive(Clone, Copy, Debug)]
struct Reached {
    /// Where the next step begins.
    at: usize,
    /// The last step.
    step: u16,
}

/// What comes behind a step that was not expected.
enum Surprise {
    /// A step that is remembered.
    Step(u16),
    /// None that can be.
    Unknown(Between),
}

impl Remembered {
    /// Fills a record, which must be new, from an object's text. False if it has to be read otherwise;
    /// then the record may hold anything.
    pub(super) fn read<'a>(&mut self, text: &'a str, record: &mut Record<'a>) -> bool {
        if !self.refused.tries() {
            return false;
        }
        let read = if self.warm && self.unexpected.tries() {
            self.follow(text, record).is_some()
        } else {
            follow_by_grammar(text, record).is_some()
        };
        self.warm |= read;
        self.refused.note(read);
        read
    }

    /// Follows a record step by step. What this loop keeps at hand is what fits the processor's registers: all
    /// that is seldom needed is looked up when it is.
    fn follow<'a>(&mut self, text: &'a str, record: &mut Record<'a>) -> Option<()> {
        let (mut rest, mut last) = (text, self.start());
        let reached = |rest: &str, step: u16| Reached { at: text.len() - rest.len(), step };
        let (mut steps, mut surprises) = (0_u32, 0_u32);
        // Where claims began that are read one by one, and behind which step.
        let mut claims = None;
        // Nothing was read yet that may hold a claim.
        let mut nobody = true;
        loop {
            steps += 1;
            let next = if let Some(next) = self.expected(last, rest.as_bytes()) {
                next
            } else {
                surprises += 1;
                match self.surprise(rest, last)? {
                    Surprise::Step(next) => next,
                    Surprise::Unknown(between) => return go_by_grammar(text, rest, record, between),
                }
            };
            let Step { action, level, length, .. } = *self.steps.get(usize::from(next))?;
            if claims.is_some() && level != Level::Claims {
                let start = claims.take()?;
                self.identities.keep(text, start, reached(rest, last), &mut record.identity);
            }
            (rest, last) = (rest.get(usize::from(length)..)?, next);
            match action {
                Action::Claims(target) => {
                    if std::mem::take(&mut nobody) || record.identity.is_empty() {
                        let entered = reached(rest, last);
                        if let Some(passed) = self.identities.fill(text, entered, &mut record.identity) {
                            (rest, last) = (text.get(passed.at..)?, passed.step);
                            continue;
                        }
                        claims = Some(entered);
                    }
                    // Claims that come behind those of a number are not that number's.
                    record.identity.met = Met::default();
                    value::fill_text(record, text, &mut rest, target)?;
                }
                Action::End => break,
                Action::Value(value) => {
                    nobody &= !value.may_fill_claims();
                    value::take(value, record, text, &mut rest, &mut self.minute)?;
                }
            }
        }
        self.unexpected.note(surprises <= steps / 2);
        rest.is_empty().then_some(())
    }

    /// Makes sure that there is a first step.
    fn start(&mut self) -> u16 {
        if self.steps.is_empty() {
            let inside = Inside { level: Level::Record, nest: Nest::NONE };
            let between = Between { length: 0, next: Next::End, inside, target: Target::Nothing };
            self.steps.push(Step::new(&between, Behind::Nothing, &[], 0));
            self.betweens.push(between);
        }
        START
    }

    /// The step that the bytes begin with, if it is among those expected behind another.
    #[inline]
    fn expected(&mut self, step: u16, bytes: &[u8]) -> Option<u16> {
        let first = self.steps.get(usize::from(step))?.expected.at(0)?;
        if self.steps.get(usize::from(first))?.begins(bytes, &self.texts) {
            return Some(first);
        }
        self.expected_later(step, bytes)
    }

    /// The same behind the step that came last.
    #[inline(never)]
    fn expected_later(&mut self, step: u16, bytes: &[u8]) -> Option<u16> {
        let expected = self.steps.get(usize::from(step))?.expected;
        for place in Expected::LATER {
            let number = expected.at(place)?;
            if self.steps.get(usize::from(number))?.begins(bytes, &self.texts) {
                self.steps.get_mut(usize::from(step))?.expected.move_to_front(place);
                return Some(number);
            }
        }
        None
    }

    /// What stands behind a step.
    fn behind(&self, step: u16) -> Option<Behind> {
        if step == START {
            Some(Behind::Nothing)
        } else {
            self.betweens.get(usize::from(step)).map(Behind::of)
        }
    }

    /// Reads by the grammar what was not expected, and remembers it as a step behind the last.
    #[inline(never)]
    fn surprise(&mut self, rest: &str, last: u16) -> Option<Surprise> {
        let behind = self.behind(last)?;
        let between = between(rest, behind)?;
        let bytes = rest.as_bytes().get(..between.length)?;
        let step = self.remember(last, behind, bytes, &between);
        Some(step.map_or(Surprise::Unknown(between), Surprise::Step))
    }

    /// Notes that one step came behind another; `None` where it is too long, or steps are too many.
    fn remember(&mut self, last: u16, behind: Behind, bytes: &[u8], between: &Between) -> Option<u16> {
        if bytes.len() > LONGEST_STEP {
            return None;
        }
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
                self.steps.push(Step::new(between, behind, bytes, self.texts.len()));
                self.betweens.push(*between);
                self.texts.extend_from_slice(bytes);
                self.numbers.insert(self.key.as_slice().into(), number);
                number
            }
        };
        self.steps.get_mut(usize::from(last))?.expected.put_in_front(number);
        Some(number)
    }

    /// Forgets all steps: there are more than any log of Azure's has.
    fn forget(&mut self) {
        self.steps.clear();
        self.betweens.clear();
        self.texts.clear();
        self.numbers.clear();
        self.identities.forget();
        self.warm = false;
    }
}

/// Reads by the grammar alone.
fn follow_by_grammar<'a>(text: &'a str, record: &mut Record<'a>) -> Option<()> {
    go_by_grammar(text, text, record, between(text, Behind::Nothing)?)
}

/// Reads on by it, what is left of a text, of which what stands first is read already.
fn go_by_grammar<'a>(
    text: &'a str,
    mut rest: &'a str,
    record: &mut Record<'a>,
    mut here: Between,
) -> Option<()> {
    loop {
        rest = rest.get(here.length..)?;
        match here.next {
            Next::Text => value::fill_text(record, text, &mut rest, here.target)?,
            Next::Bare => value::fill_bare(record, &mut rest, here.target)?,
            Next::End => return rest.is_empty().then_some(()),
        }
        here = between(rest, Behind::of(&here))?;
    }
}
