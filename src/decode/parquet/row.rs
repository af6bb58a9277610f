//! One row as a source of keys and values for the decoder of JSON.
//!
//! Input: the shape of a row and where its values come from. Output: what a JSON parser would say of
//! the same row, but that a value that is missing is not there at all. Texts are borrowed from the
//! decoded columns; a number is text too, as the decoder reads it from either.

use std::cell::{Cell, RefCell};

use serde::de::value::Error;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::plan::Shape;
use super::slice::Slice;

/// Where the values of a row come from.
pub(super) trait Source<'de> {
    /// Whether a value is there.
    fn has(&self, leaf: usize) -> bool;
    /// A value.
    fn text(&self, leaf: usize) -> Option<&'de str>;
    /// How many entries a map has.
    fn entries(&self, key: usize) -> usize;
    /// A key or value of an entry.
    fn entry(&self, leaf: usize, entry: usize) -> Option<&'de str>;
}

/// A row, an object in it, or one value.
pub(super) struct Value<'de, 's, S>(&'de Shape, &'s S);

impl<'de, 's, S> Value<'de, 's, S> {
    /// A field of this shape.
    pub(super) fn new(shape: &'de Shape, source: &'s S) -> Self {
        Self(shape, source)
    }
}

impl<'de, S: Source<'de>> Deserializer<'de> for Value<'de, '_, S> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self(shape, source) = self;
        match shape {
            Shape::Leaf(leaf) => match source.text(*leaf) {
                Some(text) => visitor.visit_borrowed_str(text),
                None => visitor.visit_unit(),
            },
            Shape::Struct(fields) => visitor.visit_map(Fields { fields: fields.iter(), next: None, source }),
            Shape::Map { key, value } => {
                let length = source.entries(*key);
                visitor.visit_map(Entries { key: *key, value: *value, next: 0, length, source })
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Whether any column of a shape has a value.
fn is_there<'de>(shape: &Shape, source: &impl Source<'de>) -> bool {
    match shape {
        Shape::Leaf(leaf) => source.has(*leaf),
        Shape::Map { key, .. } => source.entries(*key) > 0,
        Shape::Struct(fields) => fields.iter().any(|(_, shape)| is_there(shape, source)),
    }
}

/// The fields of an object that are there.
struct Fields<'de, 's, S> {
    fields: std::slice::Iter<'de, (String, Shape)>,
    next: Option<&'de Shape>,
    source: &'s S,
}

impl<'de, S: Source<'de>> MapAccess<'de> for Fields<'de, '_, S> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let source = self.source;
        let Some((name, shape)) = self.fields.find(|(_, shape)| is_there(shape, source)) else {
            return Ok(None);
        };
        self.next = Some(shape);
        seed.deserialize(Text(Some(name))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.next.take() {
            Some(shape) => seed.deserialize(Value(shape, self.source)),
            None => seed.deserialize(Text(None)),
        }
    }
}

/// The entries of a map.
struct Entries<'s, S> {
    key: usize,
    value: usize,
    next: usize,
    length: usize,
    source: &'s S,
}

impl<'de, S: Source<'de>> MapAccess<'de> for Entries<'_, S> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.next == self.length {
            return Ok(None);
        }
        self.next += 1;
        seed.deserialize(Entry(self, self.key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Entry(self, self.value))
    }
}

/// A key or value of a map's entry.
struct Entry<'e, 's, S>(&'e Entries<'s, S>, usize);

impl<'de, S: Source<'de>> Deserializer<'de> for Entry<'_, '_, S> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Self(entries, leaf) = self;
        let text = entries.source.entry(leaf, entries.next - 1);
        // Keys are never missing in a sound file.
        let text = if leaf == entries.key { Some(text.unwrap_or_default()) } else { text };
        Text(text).deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Text, or nothing.
struct Text<'de>(Option<&'de str>);

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Some(text) => visitor.visit_borrowed_str(text),
            None => visitor.visit_unit(),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A made-up row that notes whose values are asked for.
pub(super) struct Probe {
    wanted: RefCell<Vec<bool>>,
}

impl Probe {
    /// A row of so many leaves.
    pub(super) fn new(leaves: usize) -> Self {
        Self { wanted: RefCell::new(vec![false; leaves]) }
    }

    /// How many values were asked for.
    pub(super) fn wanted(&self) -> usize {
        self.wanted.borrow().iter().filter(|wanted| **wanted).count()
    }

    /// Whether this one was.
    pub(super) fn wants(&self, leaf: usize) -> bool {
        self.wanted.borrow().get(leaf).is_some_and(|wanted| *wanted)
    }

    /// Asks for a value.
    pub(super) fn want(&self, leaf: usize) {
        if let Some(wanted) = self.wanted.borrow_mut().get_mut(leaf) {
            *wanted = true;
        }
    }
}

impl<'de> Source<'de> for Probe {
    fn has(&self, _: usize) -> bool {
        true
    }

    fn text(&self, leaf: usize) -> Option<&'de str> {
        self.want(leaf);
        Some("1")
    }

    fn entries(&self, _: usize) -> usize {
        1
    }

    fn entry(&self, leaf: usize, _: usize) -> Option<&'de str> {
        self.text(leaf)
    }
}

/// The decoded rows of a column, and which of them is next.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) slice: Slice,
    pub(super) at: usize,
}

impl Standing {
    /// Rows that are decoded and not yet read.
    pub(super) fn left(&self) -> usize {
        self.slice.rows() - self.at
    }
}

/// One row of the decoded columns.
pub(super) struct Row<'a> {
    /// One a leaf of the plan.
    pub(super) columns: &'a [Standing],
    /// Rows between where the columns stand and this one.
    pub(super) ahead: usize,
    /// What was seen of it.
    pub(super) seen: Cell<Seen>,
}

/// What reading a row showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Bytes of text handed out.
    pub(super) bytes: u64,
    /// A text was no UTF-8, and was taken for missing.
    pub(super) no_text: bool,
}

impl<'a> Row<'a> {
    fn column(&self, leaf: usize) -> Option<(&'a Slice, usize)> {
        let column = self.columns.get(leaf)?;
        Some((&column.slice, column.at + self.ahead))
    }

    fn checked(&self, bytes: &'a [u8]) -> Option<&'a str> {
        let mut seen = self.seen.get();
        seen.bytes += bytes.len() as u64;
        let text = std::str::from_utf8(bytes).ok();
        seen.no_text |= text.is_none();
        self.seen.set(seen);
        text
    }
}

impl<'a> Source<'a> for Row<'a> {
    fn has(&self, leaf: usize) -> bool {
        self.column(leaf).is_some_and(|(slice, row)| slice.value(row).is_some())
    }

    fn text(&self, leaf: usize) -> Option<&'a str> {
        let (slice, row) = self.column(leaf)?;
        self.checked(slice.value(row)?)
    }

    fn entries(&self, key: usize) -> usize {
        self.column(key).map_or(0, |(slice, row)| slice.entries(row))
    }

    fn entry(&self, leaf: usize, entry: usize) -> Option<&'a str> {
        let (slice, row) = self.column(leaf)?;
        self.checked(slice.entry(row, entry)?)
    }
}
