//! Reads records written as Azure writes them, by what stood between the values of earlier records.
//!
//! Records of one vault have the same keys in the same order, so the text between one value and the
//! next (`","operationName":"`) is nearly always one that was met before. Such a text is remembered as
//! a [`Step`], with what its key means and which steps came behind it; reading a record is then to
//! compare bytes with the few steps expected, and to look for the end of each value. Of an identity, which comes
//! again and again as a whole, all claims are taken at once ([`identities`]).
//!
//! Input: the text of one object. Output: the same [`Record`] that the general decoder (`fields`)
//! gives, or a refusal, and then the general decoder has to read it. Only this is taken: objects and
//! keys without white space between them, keys without escapes, the objects of the storage form, and
//! as values text, numbers, `true`, `false` and `null`; what fills nothing may be nested. A step is what [`between()`] has read by
//! the grammar, so a step expected and one read anew are the same. Must not guess, and must not grow
//! with the input.

mod between;
mod bytes;
mod identities;
mod step;
#[cfg(test)]
mod tests;
mod value;

use indexmap::IndexMap;

use super::Level;
use super::meaning::Field;
use crate::record::Record;
use crate::ticks::Minute;
use between::{Behind, Between, Inside, Nest, Next, Target, between};
use identities::Identities;
use step::{Expected, START, Step};

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
    at: usize,
    behind: Behind,
    /// The last step; `None` where steps are not remembered.
    step: Option<u16>,
}

impl Remembered {
    /// Fills a record, which must be new, from an object's text. False if it has to be read otherwise;
    /// then the record may hold anything.
    pub(super) fn read<'a>(&mut self, text: &'a str, record: &mut Record<'a>) -> bool {
        if !self.refused.tries() {
            return false;
        }
        let expects = self.warm && self.unexpected.tries();
        let read = self.follow(text, record, expects).is_some();
        self.warm |= read;
        self.refused.note(read);
        read
    }

    /// Follows a record step by step.
    fn follow<'a>(&mut self, text: &'a str, record: &mut Record<'a>, expects: bool) -> Option<()> {
        let mut reached = Reached { at: 0, behind: Behind::Nothing, step: expects.then(|| self.start()) };
        let (mut steps, mut surprises) = (0_u32, 0_u32);
        // Where claims began that are read one by one.
        let mut claims = None;
        loop {
            steps += 1;
            let rest = text.as_bytes().get(reached.at..)?;
            let (between, step) = match reached.step.and_then(|step| self.expected(step, rest)) {
                Some((number, between)) => (between, Some(number)),
                None => {
                    surprises += 1;
                    self.surprise(text, reached)?
                }
            };
            let enters = between.enters_claims(reached.behind);
            if claims.is_some() && between.inside.level != Level::Claims {
                self.keep_identity(text, claims.take(), reached, step, record);
            }
            reached = Reached { at: reached.at + between.length, behind: Behind::of(&between), step };
            if let Some(entry) = step.filter(|_| enters && record.identity.is_empty()) {
                if let Some(passed) = self.identities.fill(text, reached.at, entry, &mut record.identity) {
                    reached = passed;
                    continue;
                }
                claims = Some((reached.at, entry));
            }
            match between.next {
                Next::Text if between.target == Target::Field(Field::Time) => {
                    value::fill_time(record, text, &mut reached.at, &mut self.minute)?;
                }
                Next::Text => value::fill_text(record, text, &mut reached.at, between.target)?,
                Next::Bare => value::fill_bare(record, text, &mut reached.at, between.target)?,
                Next::End => break,
            }
        }
        if expects {
            self.unexpected.note(surprises <= steps / 2);
        }
        (reached.at == text.len()).then_some(())
    }

    /// Makes sure that there is a first step.
    fn start(&mut self) -> u16 {
        if self.steps.is_empty() {
            let inside = Inside { level: Level::Record, nest: Nest::NONE };
            let between = Between { length: 0, next: Next::End, inside, target: Target::Nothing };
            self.steps.push(Step::new(between, &[], 0));
        }
        START
    }

    /// The step that the bytes begin with, if it is among those expected behind another.
    #[inline]
    fn expected(&mut self, step: u16, bytes: &[u8]) -> Option<(u16, Between)> {
        let expected = self.steps.get(usize::from(step))?.expected;
        for place in Expected::PLACES {
            let number = expected.at(place)?;
            let candidate = self.steps.get(usize::from(number))?;
            if candidate.begins(bytes, &self.texts) {
                let between = candidate.between;
                if place > 0 {
                    self.steps.get_mut(usize::from(step))?.expected.move_to_front(place);
                }
                return Some((number, between));
            }
        }
        None
    }

    /// Reads by the grammar what was not expected, and remembers it as a step behind the last.
    fn surprise(&mut self, text: &str, reached: Reached) -> Option<(Between, Option<u16>)> {
        let rest = text.get(reached.at..)?;
        let between = between(rest, reached.behind)?;
        let step =
            reached.step.and_then(|last| self.remember(last, reached.behind, rest.as_bytes(), between));
        Some((between, step))
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
                self.steps.push(Step::new(between, bytes, self.texts.len()));
                self.texts.extend_from_slice(bytes);
                self.numbers.insert(self.key.as_slice().into(), number);
                number
            }
        };
        self.steps.get_mut(usize::from(last))?.expected.put_in_front(number);
        Some(number)
    }

    /// Remembers the claims that were read one by one up to here, as one, unless the step behind them has
    /// made all steps be forgotten.
    fn keep_identity(
        &mut self,
        text: &str,
        start: Option<(usize, u16)>,
        reached: Reached,
        behind: Option<u16>,
        record: &mut Record<'_>,
    ) {
        if let (Some(start), Some(_), Some(_)) = (start, reached.step, behind) {
            self.identities.keep(text, start, reached, &mut record.identity);
        }
    }

    /// Forgets all steps: there are more than any log of Azure's has.
    fn forget(&mut self) {
        self.steps.clear();
        self.texts.clear();
        self.numbers.clear();
        self.identities.forget();
        self.warm = false;
    }
}
