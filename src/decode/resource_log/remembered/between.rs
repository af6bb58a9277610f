//! What stands between two values of a record, read by JSON's grammar.

use super::bytes::string_end;
use crate::decode::columns::Column;
use crate::decode::resource_log::Level;
use crate::decode::resource_log::meaning::{Field, Meaning};
use crate::decode::shape::{RecordForm, Wrapper};

/// Brackets between an object of a record and a value in it that fills nothing: a bit each, the
/// innermost lowest, set for an array; above them a bit that is always set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nest(u32);

impl Nest {
    /// No brackets.
    pub(super) const NONE: Self = Self(1);

    fn open(self, array: bool) -> Option<Self> {
        (self.0 < 1 << 30).then_some(Self(self.0 << 1 | u32::from(array)))
    }

    /// Without the innermost; `None` where there is none.
    fn close(self) -> Option<Self> {
        (self != Self::NONE).then_some(Self(self.0 >> 1))
    }

    fn is_array(self) -> bool {
        self != Self::NONE && self.0 & 1 == 1
    }
}

/// What a value stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    /// The object of the record.
    pub(super) level: Level,
    /// The brackets in it.
    pub(super) nest: Nest,
}

/// Where reading starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// At the record's first byte.
    Nothing,
    /// At the quote that ends a text.
    Text(Inside),
    /// Behind a number, `true`, `false` or `null`.
    Bare(Inside),
}

impl Behind {
    /// Behind the value that follows; behind the record's end that means nothing.
    #[inline]
    pub(super) fn of(between: &Between) -> Self {
        match between.next {
            Next::Bare => Self::Bare(between.inside),
            Next::Text | Next::End => Self::Text(between.inside),
        }
    }

    /// The object of the record that it stands in.
    #[inline]
    fn level(self) -> Level {
        match self {
            Self::Nothing => Level::Record,
            Self::Text(inside) | Self::Bare(inside) => inside.level,
        }
    }

    /// What tells one from another.
    pub(super) fn bytes(self) -> [u8; 6] {
        let (kind, inside) = match self {
            Self::Nothing => (0, Inside { level: Level::Record, nest: Nest::NONE }),
            Self::Text(inside) => (1, inside),
            Self::Bare(inside) => (2, inside),
        };
        let [a, b, c, d] = inside.nest.0.to_le_bytes();
        [kind, inside.level as u8, a, b, c, d]
    }
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A text, behind its quote.
    Text,
    /// What may be a number, `true`, `false` or `null`.
    Bare,
    /// Nothing: the record's object is closed.
    End,
}

/// What a value fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A field.
    Field(Field),
    /// What a column of a table fills, in a row of that form.
    Column(Column, RecordForm),
    /// An object, if it is text that stands for one.
    Object(Level),
    /// Nothing.
    Nothing,
}

/// The brackets, keys and commas up to the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Between {
    /// How many bytes that are.
    pub(super) length: usize,
    /// What follows.
    pub(super) next: Next,
    /// What that stands in.
    pub(super) inside: Inside,
    /// What it fills.
    pub(super) target: Target,
}

impl Between {
    /// Whether the first value in the claims follows, and is a text.
    #[inline]
    pub(super) fn enters_claims(&self, behind: Behind) -> bool {
        self.inside.level == Level::Claims && self.next == Next::Text && behind.level() != Level::Claims
    }
}

/// Reads up to the next value; `None` where that takes more than is read here, or is no JSON. What it
/// gives depends on the bytes of that length alone, and where [`Next::Bare`] follows on this, that the
/// byte behind them [`begins_bare`].
pub(super) fn between(text: &str, behind: Behind) -> Option<Between> {
    let (at, inside) = match (behind, text.as_bytes()) {
        (Behind::Nothing, [b'{', ..]) => (1, Inside { level: Level::Record, nest: Nest::NONE }),
        (Behind::Text(inside), [b'"', ..]) => (1, inside),
        (Behind::Bare(inside), _) => (0, inside),
        _ => return None,
    };
    let opened = behind == Behind::Nothing;
    Reading { text, at, inside, opened }.up_to_value()
}

/// Reading on.
struct Reading<'t> {
    text: &'t str,
    at: usize,
    inside: Inside,
    /// The bracket around was just opened: nothing stands in it yet.
    opened: bool,
}

impl Reading<'_> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over a byte that has to be there.
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    fn up_to_value(&mut self) -> Option<Between> {
        loop {
            if matches!(self.byte()?, b'}' | b']') {
                if self.close()? {
                    return Some(self.found(Next::End, Target::Nothing));
                }
                continue;
            }
            if !self.opened {
                self.pass(b',')?;
            }
            let Some(target) = self.meaning()? else { continue };
            return match self.byte()? {
                b'"' => {
                    self.at += 1;
                    Some(self.found(Next::Text, target))
                }
                byte if begins_bare(byte) => Some(self.found(Next::Bare, target)),
                byte @ (b'{' | b'[') if target == Target::Nothing => {
                    self.at += 1;
                    self.opened = true;
                    self.inside.nest = self.inside.nest.open(byte == b'[')?;
                    continue;
                }
                _ => None,
            };
        }
    }

    fn found(&self, next: Next, target: Target) -> Between {
        Between { length: self.at, next, inside: self.inside, target }
    }

    /// Steps over a closing bracket; whether it was the record's.
    fn close(&mut self) -> Option<bool> {
        self.pass(if self.inside.nest.is_array() { b']' } else { b'}' })?;
        self.opened = false;
        if let Some(nest) = self.inside.nest.close() {
            self.inside.nest = nest;
        } else if let Some(level) = outer(self.inside.level) {
            self.inside.level = level;
        } else {
            return Some(true);
        }
        Some(false)
    }

    /// Steps over the key of a value, if it has one, and says what it fills; over the key and the
    /// bracket of an object of the record, which says nothing yet.
    #[allow(clippy::option_option, reason = "refused, or an object entered, or a value")]
    fn meaning(&mut self) -> Option<Option<Target>> {
        if self.inside.nest.is_array() {
            return Some(Some(Target::Nothing));
        }
        self.pass(b'"')?;
        let start = self.at;
        self.at = start + string_end(self.text.as_bytes().get(start..)?);
        let key = self.text.get(start..self.at)?;
        self.pass(b'"')?;
        self.pass(b':')?;
        if self.inside.nest != Nest::NONE {
            return Some(Some(Target::Nothing));
        }
        // What stands in such an array may be records.
        if self.inside.level == Level::Record
            && self.byte()? == b'['
            && Wrapper::of_key(key.as_bytes()).is_some()
        {
            return None;
        }
        Some(Some(match Meaning::of(self.inside.level, key) {
            Meaning::Field(field) => Target::Field(field),
            Meaning::Column(column, form) if column.level().is_none() => Target::Column(column, form),
            Meaning::Ignored => Target::Nothing,
            Meaning::Object(inner) if self.byte()? != b'{' => Target::Object(inner),
            Meaning::Object(inner) if outer(inner) == Some(self.inside.level) => {
                self.at += 1;
                self.opened = true;
                self.inside.level = inner;
                return Some(None);
            }
            _ => return None,
        }))
    }
}

/// Whether a byte may begin a number, `true`, `false` or `null`.
#[inline]
pub(super) fn begins_bare(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b't' | b'f' | b'n')
}

/// The one object that an object of a level stands in; `None` for the record, and for what is not
/// read here.
fn outer(level: Level) -> Option<Level> {
    match level {
        Level::Record | Level::Collector => None,
        Level::Identity | Level::Properties => Some(Level::Record),
        Level::Claims => Some(Level::Identity),
        Level::KeyProperties | Level::CertificatePolicy | Level::VaultSettings => Some(Level::Properties),
        Level::KeyAttributes => Some(Level::KeyProperties),
        Level::CertificateKey => Some(Level::CertificatePolicy),
        Level::Sku | Level::NetworkAcls => Some(Level::VaultSettings),
    }
}
