//! Which columns of a file are read, and how they stand in a row.
//!
//! Input: the schema. Output: [`Plan`]. What fills a field is not said here again: the decoder of JSON
//! is handed one made-up row, and the columns whose values it asks for are the columns that are read.
//! A map is read where its group is an object of the record; lists never are.

use super::footer::{Content, Meaning, Node, Physical, Repetition};
use super::row::{Probe, Value};
use crate::decode::resource_log;
use crate::decode::shape::RecordForm;
use crate::record::Record;

/// A field of a row, or of an object in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A value: its place in [`Plan::leaves`].
    Leaf(usize),
    /// An object of named fields.
    Struct(Vec<(String, Shape)>),
    /// An object whose names are values too.
    Map { key: usize, value: usize },
}

/// What a column's values are turned into text from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Int { unsigned: bool },
    /// A number.
    Float,
    /// A whole number with a decimal point put in.
    Decimal { scale: u32 },
    /// An instant since 1970, in so many of these a second.
    Instant { per_second: i64 },
    /// Nanoseconds of a day and a Julian day, as Spark writes instants.
    Int96,
    /// A GUID in sixteen bytes.
    Uuid,
}

/// A leaf column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Its number among all leaf columns of the file.
    pub(super) column: usize,
    pub(super) physical: Physical,
    pub(super) value: Cell,
    /// The definition level of a value that is there.
    pub(super) defined: u8,
    /// In a map: the definition level of an entry.
    pub(super) entry: Option<u8>,
}

/// What is read of a file.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) fields: Vec<(String, Shape)>,
    pub(super) leaves: Vec<Leaf>,
    /// The form that the columns' names are of.
    pub(super) form: RecordForm,
}

/// The tables of akvlens' own facts, each with two columns that no other has together.
const OWN_TABLES: [(&str, [&str; 2]); 9] = [
    ("request_keys.parquet", ["caller_kind", "basis"]),
    ("sightings.parquet", ["fingerprint", "first_blob"]),
    ("requests.parquet", ["key", "last_tick"]),
    // As the first form of facts had it.
    ("requests.parquet", ["key", "last_100ns"]),
    ("latency.parquet", ["hour_number", "bucket"]),
    ("changes.parquet", ["time_100ns", "purge_protection"]),
    ("examples.parquet", ["by_client", "rank"]),
    ("coverage.parquet", ["digest", "stored_bytes"]),
    ("rejects.parquet", ["blob", "reason"]),
];

/// The table of akvlens' own facts that has these columns.
pub(super) fn own_table(columns: &[Node]) -> Option<&'static str> {
    let has = |name: &&str| columns.iter().any(|column| column.name == *name);
    OWN_TABLES.iter().find(|(_, signs)| signs.iter().all(has)).map(|(table, _)| *table)
}

impl Plan {
    /// The plan for a schema; `None` where no row could be a record of any log.
    pub(super) fn of(columns: &[Node]) -> Option<Self> {
        let mut all = Vec::new();
        let mut fields = Vec::new();
        for node in columns {
            let shape = candidate(node, 0, &mut all);
            fields.extend(shape.map(|shape| (node.name.clone(), shape)));
        }
        let probe = Probe::new(all.len());
        let mut row = Record::default();
        for field in &fields {
            probe_field(field, &probe, &mut row);
        }
        // What `judge` needs to know any log by.
        if row.operation.is_none() && row.category.is_none() && !row.has_metric && !row.has_arm_operation {
            return None;
        }
        let mut wanted = Vec::new();
        let fields = prune_fields(fields, &probe, &all, &mut wanted);
        Some(Self { fields, leaves: wanted, form: row.shape.form })
    }
}

/// Hands one field to the decoder. A field that it notes without asking for a value (`metricName`) is
/// asked for by its first column.
fn probe_field(field: &(String, Shape), probe: &Probe, row: &mut Record<'static>) {
    let wanted = probe.wanted();
    let shape = Shape::Struct(vec![field.clone()]);
    let mut alone = Record::default();
    if resource_log::fill(Value::new(&shape, probe), &mut alone).is_err() {
        return;
    }
    let mut untouched = Record::default();
    untouched.shape.form = alone.shape.form;
    if wanted == probe.wanted() && alone != untouched {
        probe.want(first_leaf(&field.1));
    }
    row.shape.form = row.shape.form.max(alone.shape.form);
    row.fill_missing(alone.into_owned());
}

fn first_leaf(shape: &Shape) -> usize {
    match shape {
        Shape::Leaf(leaf) | Shape::Map { key: leaf, .. } => *leaf,
        // A group without columns is no candidate.
        Shape::Struct(fields) => fields.first().map_or(usize::MAX, |(_, shape)| first_leaf(shape)),
    }
}

/// What a column could be read as; `None` for types and groupings that fill no field.
fn candidate(node: &Node, around: u8, leaves: &mut Vec<Leaf>) -> Option<Shape> {
    let defined = match node.repetition {
        Repetition::Required => around,
        Repetition::Optional => around + 1,
        Repetition::Repeated => return None,
    };
    match &node.content {
        Content::Leaf(column, physical) => {
            let value = value(*physical, node.meaning)?;
            leaves.push(Leaf { column: *column, physical: *physical, value, defined, entry: None });
            Some(Shape::Leaf(leaves.len() - 1))
        }
        Content::Group(children) if node.meaning == Meaning::Map => map(children, defined, leaves),
        Content::Group(children) => {
            let mut fields = Vec::new();
            for child in children {
                let shape = candidate(child, defined, leaves);
                fields.extend(shape.map(|shape| (child.name.clone(), shape)));
            }
            (!fields.is_empty()).then_some(Shape::Struct(fields))
        }
    }
}

/// The group of a map: one repeated group of a key and a value.
fn map(children: &[Node], around: u8, leaves: &mut Vec<Leaf>) -> Option<Shape> {
    let [Node { repetition: Repetition::Repeated, content: Content::Group(pair), .. }] = children else {
        return None;
    };
    let [key, value] = pair.as_slice() else { return None };
    let before = leaves.len();
    let entry = around + 1;
    let key = candidate(key, entry, leaves);
    let value = candidate(value, entry, leaves);
    let (Some(Shape::Leaf(key)), Some(Shape::Leaf(value))) = (key, value) else {
        leaves.truncate(before);
        return None;
    };
    leaves.iter_mut().skip(before).for_each(|leaf| leaf.entry = Some(entry));
    Some(Shape::Map { key, value })
}

/// What values of a type are turned into text from.
fn value(physical: Physical, meaning: Meaning) -> Option<Cell> {
    Some(match (physical, meaning) {
        (Physical::Boolean, _) => Cell::Flag,
        (Physical::Int32 | Physical::Int64, Meaning::None) => Cell::Int { unsigned: false },
        (Physical::Int32 | Physical::Int64, Meaning::Int { unsigned }) => Cell::Int { unsigned },
        (Physical::Int32 | Physical::Int64, Meaning::Decimal { scale }) if scale <= 18 => {
            Cell::Decimal { scale }
        }
        (Physical::Int64, Meaning::Instant { per_second }) => Cell::Instant { per_second },
        (Physical::Int96, _) => Cell::Int96,
        (Physical::Float | Physical::Double, _) => Cell::Float,
        (Physical::Bytes, Meaning::None | Meaning::Text) => Cell::Text,
        (Physical::Fixed(16), Meaning::Uuid) => Cell::Uuid,
        _ => return None,
    })
}

/// The fields that are read, their leaves numbered anew.
fn prune_fields(
    fields: Vec<(String, Shape)>,
    probe: &Probe,
    all: &[Leaf],
    kept: &mut Vec<Leaf>,
) -> Vec<(String, Shape)> {
    let mut pruned = Vec::new();
    for (name, shape) in fields {
        let shape = prune(shape, probe, all, kept);
        pruned.extend(shape.map(|shape| (name, shape)));
    }
    pruned
}

fn prune(shape: Shape, probe: &Probe, all: &[Leaf], kept: &mut Vec<Leaf>) -> Option<Shape> {
    let mut keep = |leaf: usize| {
        kept.push(*all.get(leaf)?);
        Some(kept.len() - 1)
    };
    match shape {
        Shape::Leaf(leaf) if probe.wants(leaf) => keep(leaf).map(Shape::Leaf),
        Shape::Map { key, value } if probe.wants(key) => {
            Some(Shape::Map { key: keep(key)?, value: keep(value)? })
        }
        Shape::Struct(fields) => {
            let fields = prune_fields(fields, probe, all, kept);
            (!fields.is_empty()).then_some(Shape::Struct(fields))
        }
        _ => None,
    }
}
