//! From the writer's schema to a plan: which bytes of an event are its `Body`, and how to step over
//! the rest.
//!
//! Input: the schema's JSON, from a file that may be hostile. Output: a [`Plan`] without recursion
//! and without values of no bytes, so that following it costs no more than the bytes it goes over.

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, RecordSchema, UuidSchema};

use super::super::Reason;
use super::datum::Fault;

/// Longest schema that is parsed. That of Event Hubs Capture has some 700 bytes.
pub(super) const MAX_SCHEMA: u64 = 256 << 10;

/// How to step over one value, which is never of no bytes at all.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `int`, `long`, `enum` and what is kept as such.
    Long,
    /// `bytes` and `string`: a length and so many bytes.
    Sized,
    /// So many bytes.
    Fixed(u64),
    /// One after the other.
    Record(Vec<Item>),
    /// Items in blocks; `None` for items of no bytes. A map is an array of keys and values.
    Array(Option<Box<Item>>),
    /// An index and one of these; `None` for a variant of no bytes.
    Union(Vec<Option<Item>>),
}

/// Where the body stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Always there.
    Always,
    /// A union: which variants are a body, and which are null.
    Variants(Vec<bool>),
}

/// The fields of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Those before its body.
    pub(super) before: Vec<Item>,
    /// Its body.
    pub(super) body: Body,
    /// Those behind its body.
    pub(super) after: Vec<Item>,
}

/// A schema that is none of Event Hubs Capture.
const fn other(why: &'static str) -> Fault {
    Fault::Bad(Reason::OtherSchema, why)
}

impl Plan {
    /// Reads a schema.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(json).map_err(|_| other("the schema is not UTF-8"))?;
        let schema = Schema::parse_str(text).map_err(|_| other("the schema cannot be read"))?;
        let Schema::Record(record) = schema else {
            return Err(other("an Avro file without a Body field: not written by Event Hubs Capture"));
        };
        Self::of(&record)
    }

    fn of(record: &RecordSchema) -> Result<Self, Fault> {
        let at = record
            .fields
            .iter()
            .position(|field| field.name == "Body")
            .ok_or(other("an Avro file without a Body field: not written by Event Hubs Capture"))?;
        let items = |from: usize, to: usize| -> Result<Vec<Item>, Fault> {
            let fields = record.fields.get(from..to).unwrap_or_default();
            fields.iter().filter_map(|field| Item::of(&field.schema).transpose()).collect()
        };
        let body = record.fields.get(at).and_then(|field| Body::of(&field.schema));
        let body = body.ok_or(other("the Body field holds no bytes: not written by Event Hubs Capture"))?;
        Ok(Self { before: items(0, at)?, body, after: items(at + 1, record.fields.len())? })
    }
}

impl Body {
    /// `bytes`, or a union of `bytes` and `null`; the same with `string`.
    fn of(schema: &Schema) -> Option<Self> {
        let is_body = |schema: &Schema| match schema {
            Schema::Bytes | Schema::String => Some(true),
            Schema::Null => Some(false),
            _ => None,
        };
        match schema {
            Schema::Union(union) => {
                let variants: Option<Vec<bool>> = union.variants().iter().map(is_body).collect();
                variants.filter(|variants| variants.contains(&true)).map(Self::Variants)
            }
            schema => is_body(schema).filter(|is| *is).map(|_| Self::Always),
        }
    }
}

impl Item {
    /// The item for a schema; `None` when its values have no bytes. The nesting is bounded by that
    /// of the JSON, which the parser keeps below 128.
    fn of(schema: &Schema) -> Result<Option<Self>, Fault> {
        let fixed = |size: usize| (size > 0).then_some(Self::Fixed(size as u64));
        Ok(match schema {
            Schema::Null => None,
            Schema::Boolean => fixed(1),
            Schema::Float => fixed(4),
            Schema::Double => fixed(8),
            Schema::Int | Schema::Long | Schema::Enum(_) => Some(Self::Long),
            Schema::Date | Schema::TimeMillis | Schema::TimeMicros => Some(Self::Long),
            Schema::TimestampMillis | Schema::TimestampMicros | Schema::TimestampNanos => Some(Self::Long),
            Schema::LocalTimestampMillis | Schema::LocalTimestampMicros | Schema::LocalTimestampNanos => {
                Some(Self::Long)
            }
            Schema::Bytes | Schema::String | Schema::BigDecimal => Some(Self::Sized),
            Schema::Uuid(UuidSchema::Bytes | UuidSchema::String) => Some(Self::Sized),
            Schema::Uuid(UuidSchema::Fixed(of)) | Schema::Fixed(of) | Schema::Duration(of) => fixed(of.size),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Some(Self::Sized),
                InnerDecimalSchema::Fixed(of) => fixed(of.size),
            },
            Schema::Array(array) => Some(Self::Array(Self::of(&array.items)?.map(Box::new))),
            Schema::Map(map) => {
                let entry = [Some(Self::Sized), Self::of(&map.types)?].into_iter().flatten().collect();
                Some(Self::Array(Some(Box::new(Self::Record(entry)))))
            }
            Schema::Union(union) => {
                Some(Self::Union(union.variants().iter().map(Self::of).collect::<Result<_, _>>()?))
            }
            Schema::Record(record) => {
                let items = record.fields.iter().filter_map(|field| Self::of(&field.schema).transpose());
                let items = items.collect::<Result<Vec<_>, _>>()?;
                (!items.is_empty()).then_some(Self::Record(items))
            }
            // A type inside itself, or a pyramid of types, makes an event of any depth and length out
            // of few bytes. Capture's schema names each type once.
            Schema::Ref { .. } => {
                return Err(other("the schema uses a type twice: not written by Event Hubs Capture"));
            }
        })
    }
}
