//! One step: what stood between two values, and what came behind it.

use super::between::{Behind, Between, Next, Target, begins_bare};
use super::bytes::{begins_with, goes_on_with};
use crate::decode::resource_log::Level;
use crate::decode::resource_log::meaning::Field;
use crate::record::Record;

/// The first step: what every record begins behind.
pub(super) const START: u16 = 0;

/// Bytes of a step that lie beside it.
const HEAD: usize = 16;

/// What to do behind a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Take a value.
    Value(Take),
    /// Take the text of the first claim, or all claims at once.
    Claims(Target),
    /// Nothing: the record is closed.
    End,
}

/// How a value is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// A text that fills nothing.
    NoText,
    /// A text as it is.
    Text(Field),
    /// The time of the record.
    Time,
    /// `true` or `false`.
    Flag(Field),
    /// The HTTP status.
    Status,
    /// Any other text.
    OtherText(Target),
    /// Any other number, `true`, `false` or `null`.
    OtherBare(Target),
}

impl Take {
    /// What the value fills.
    #[inline]
    pub(super) fn target(self) -> Target {
        match self {
            Self::NoText => Target::Nothing,
            Self::Time => Target::Field(Field::Time),
            Self::Status => Target::Field(Field::HttpStatus),
            Self::Text(field) | Self::Flag(field) => Target::Field(field),
            Self::OtherText(target) | Self::OtherBare(target) => target,
        }
    }

    /// Whether it may be a claim, or hold some.
    #[inline]
    pub(super) fn may_fill_claims(self) -> bool {
        match self {
            Self::NoText | Self::Text(_) | Self::Time | Self::Flag(_) | Self::Status => false,
            Self::OtherText(target) | Self::OtherBare(target) => {
                matches!(target, Target::Field(Field::Claim(_)) | Target::Column(..) | Target::Object(_))
            }
        }
    }
}

impl Action {
    fn of(between: &Between, behind: Behind) -> Self {
        let as_it_is = |field: Field| field.text(&mut Record::default()).is_some();
        let is_flag = |field: Field| field.flag(&mut Record::default()).is_some();
        Self::Value(match (between.next, between.target) {
            (Next::End, _) => return Self::End,
            (Next::Text, target) if between.enters_claims(behind) => return Self::Claims(target),
            (Next::Text, Target::Nothing) => Take::NoText,
            (Next::Text, Target::Field(Field::Time)) => Take::Time,
            (Next::Text, Target::Field(field)) if as_it_is(field) => Take::Text(field),
            (Next::Text, target) => Take::OtherText(target),
            (Next::Bare, Target::Field(Field::HttpStatus)) => Take::Status,
            (Next::Bare, Target::Field(field)) if is_flag(field) => Take::Flag(field),
            (Next::Bare, target) => Take::OtherBare(target),
        })
    }
}

/// What stood between two values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Its first bytes, and which bits of them are meant.
    head: u128,
    mask: u128,
    /// The steps that came behind it.
    pub(super) expected: Expected,
    /// Where its bytes begin among those of all steps.
    start: u32,
    /// How many bytes it has.
    pub(super) length: u16,
    pub(super) action: Action,
    /// The object that the value behind it stands in.
    pub(super) level: Level,
    /// What follows may be a number, `true`, `false` or `null`.
    bare: bool,
}

impl Step {
    /// A step of those bytes, which begin at `start` among those of all steps; nothing came behind it yet.
    pub(super) fn new(between: &Between, behind: Behind, bytes: &[u8], start: usize) -> Self {
        let mut head = [0; HEAD];
        let mut mask = [0; HEAD];
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(bytes) {
            (*head, *mask) = (*byte, u8::MAX);
        }
        Self {
            head: u128::from_le_bytes(head),
            mask: u128::from_le_bytes(mask),
            expected: Expected::default(),
            start: u32::try_from(start).expect("all steps together are short"),
            length: u16::try_from(bytes.len()).expect("a step is short"),
            action: Action::of(between, behind),
            level: between.inside.level,
            bare: between.next == Next::Bare,
        }
    }

    /// Whether bytes begin with this step, of which `texts` are those of all steps.
    #[inline]
    pub(super) fn begins(&self, bytes: &[u8], texts: &[u8]) -> bool {
        let begins = match bytes.first_chunk::<HEAD>() {
            Some(first) => {
                (u128::from_le_bytes(*first) ^ self.head) & self.mask == 0
                    && (usize::from(self.length) <= HEAD || goes_on_with(bytes, self.bytes(texts)))
            }
            None => begins_with(bytes, self.bytes(texts)),
        };
        begins && (!self.bare || self.ends_bare(bytes))
    }

    /// Its bytes, all of them.
    #[inline]
    fn bytes<'t>(&self, texts: &'t [u8]) -> &'t [u8] {
        let start = self.start as usize;
        texts.get(start..start + usize::from(self.length)).expect("the bytes of each step are kept")
    }

    /// Whether what may be a number, `true`, `false` or `null` stands behind the step.
    #[inline]
    fn ends_bare(&self, bytes: &[u8]) -> bool {
        bytes.get(usize::from(self.length)).copied().is_some_and(begins_bare)
    }
}

/// The steps that are expected behind a step: four, those that came last first. [`START`] comes behind none, and
/// stands where there are fewer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected(u64);

impl Expected {
    /// Their places but for the first.
    pub(super) const LATER: std::ops::Range<u32> = 1..4;

    /// The step at a place.
    #[inline]
    pub(super) fn at(self, place: u32) -> Option<u16> {
        let number = u16::try_from(self.0 >> (16 * place) & u64::from(u16::MAX)).unwrap_or(START);
        (number != START).then_some(number)
    }

    /// Puts the step at a place in front of those before it.
    #[inline]
    pub(super) fn move_to_front(&mut self, place: u32) {
        let Some(number) = self.at(place) else { return };
        let before = self.0 & ((1 << (16 * place)) - 1);
        let behind = self.0.checked_shr(16 * (place + 1)).map_or(0, |rest| rest << (16 * (place + 1)));
        self.0 = behind | before << 16 | u64::from(number);
    }

    /// Puts another step in front; the last one is forgotten.
    pub(super) fn put_in_front(&mut self, number: u16) {
        self.0 = self.0 << 16 | u64::from(number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn steps_are_expected_in_the_order_in_which_they_came(moves in prop::collection::vec((any::<bool>(), 1_u16..9, 0_u32..4), 0..20)) {
            let (mut expected, mut slow) = (Expected::default(), Vec::new());
            for (is_new, number, place) in moves {
                if is_new {
                    expected.put_in_front(number);
                    slow.insert(0, number);
                    slow.truncate(4);
                } else {
                    expected.move_to_front(place);
                    if (place as usize) < slow.len() {
                        let number = slow.remove(place as usize);
                        slow.insert(0, number);
                    }
                }
                let all: Vec<u16> = (0..4).map_while(|place| expected.at(place)).collect();
                prop_assert_eq!(&all, &slow);
            }
        }
    }
}
