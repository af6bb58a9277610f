//! Fills a record from whatever serde can read: JSON, or rows of a table.
//!
//! One visitor for every object, driven by the parser; values are borrowed where JSON allows it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Level;
use super::meaning::Meaning;
use crate::decode::columns::Column;
use crate::decode::shape::RecordForm;
use crate::record::{Met, Record, Text};

/// A JSON scalar as text; anything else, and empty text, is missing.
pub(super) struct Scalar;

impl<'de> DeserializeSeed<'de> for Scalar {
    type Value = Option<Text<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar {
    type Value = Option<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(value.to_string())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// A key, borrowed where it holds no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// An object of a record: fills what its keys stand for. Any other JSON value is missing, but for
/// text, which may stand for the object.
pub(super) struct Object<'t, 'de>(pub(super) &'t mut Record<'de>, pub(super) Level);

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(record, level) = self;
        while let Some(key) = map.next_key_seed(Key)? {
            match Meaning::of(level, &key) {
                Meaning::Field(field) => field.fill(record, map.next_value_seed(Scalar)?),
                Meaning::Object(level) => map.next_value_seed(Object(record, level))?,
                Meaning::Column(column, form) => {
                    record.shape.form = record.shape.form.max(form);
                    map.next_value_seed(Cell(record, column))?;
                }
                Meaning::Embedded => embedded(record, map.next_value_seed(Scalar)?),
                Meaning::Metric => {
                    record.has_metric = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Meaning::Ignored => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        fill_level(self.1, self.0, Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        fill_level(self.1, self.0, Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Keeps the text of a field that may hold a record.
fn embedded<'de>(record: &mut Record<'de>, text: Option<Text<'de>>) {
    if record.embedded.is_none() {
        record.embedded = text.filter(|text| text.contains('{'));
    }
}

/// One cell of a row: fills what its column stands for.
pub(super) struct Cell<'t, 'de>(pub(super) &'t mut Record<'de>, pub(super) Column);

impl<'de> DeserializeSeed<'de> for Cell<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(record, column) = self;
        if let Some(level) = column.level() {
            return Object(record, level).deserialize(deserializer);
        }
        if let Some(text) = Scalar.deserialize(deserializer)? {
            column.fill(record, text);
        }
        Ok(())
    }
}

/// A row of a table whose columns are known: an array of cells.
pub(super) struct Row<'t, 'de>(pub(super) &'t mut Record<'de>, pub(super) &'t [Option<(Column, RecordForm)>]);

impl<'de> DeserializeSeed<'de> for Row<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Self(record, columns) = self;
        for column in columns {
            let more = match column {
                Some((column, form)) => {
                    let more = sequence.next_element_seed(Cell(record, *column))?.is_some();
                    if more {
                        record.shape.form = record.shape.form.max(*form);
                    }
                    more
                }
                None => sequence.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Fills a record from JSON text that stands for one of its objects; other text says nothing, but
/// for an identity, where it is somebody's name.
pub(super) fn fill_level<'de>(level: Level, record: &mut Record<'de>, text: Text<'de>) {
    match level {
        Level::Record | Level::Claims => {}
        Level::Collector => embedded(record, Some(text)),
        Level::Identity => identity_of_text(record, text),
        _ => {
            if let Some(piece) = piece_of_text(level, text) {
                record.fill_missing(piece);
            }
        }
    }
}

/// What JSON text of an object says.
fn piece_of_text(level: Level, text: Text<'_>) -> Option<Record<'_>> {
    fn piece(level: Level, text: &str) -> Option<Record<'_>> {
        let mut piece = Record::default();
        let mut parser = serde_json::Deserializer::from_str(text);
        Object(&mut piece, level).deserialize(&mut parser).ok()?;
        Some(piece)
    }
    if !text.trim_start().starts_with('{') {
        return None;
    }
    match text {
        Cow::Borrowed(text) => piece(level, text),
        Cow::Owned(text) => piece(level, &text).map(Record::into_owned),
    }
}

/// An identity written as text: JSON inside a string, else somebody's name.
fn identity_of_text<'de>(record: &mut Record<'de>, text: Text<'de>) {
    if text.trim_start().starts_with('{') {
        if let Some(piece) = piece_of_text(Level::Identity, text) {
            record.identity = piece.identity.into_owned();
        }
        return;
    }
    // `None` is how the Azure CLI prints null.
    // A name beside claims makes another identity of them.
    record.identity.met = Met::default();
    record.identity.name = (!text.trim().is_empty() && text != "None").then_some(text);
}
