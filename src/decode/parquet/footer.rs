//! A Parquet file's footer: its schema, and where the column chunks of each row group stand.
//!
//! Input: the footer's bytes. Output: [`Footer`]. Every number is checked for its sign, every count
//! against the bytes left, the schema against [`MAX_DEPTH`] and [`MAX_COLUMNS`]. Must not read pages.

use super::fault::Fault;
use super::thrift::{Broken, Compact, Kind, Parsed};

/// Deepest nesting of columns.
pub(super) const MAX_DEPTH: usize = 32;

/// Most leaf columns of a file; a table of Log Analytics has 500 at most.
pub(super) const MAX_COLUMNS: usize = 10_000;

/// Most lines of a schema: columns and the groups around them.
const MAX_ELEMENTS: usize = 4 * MAX_COLUMNS;

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    Fixed(usize),
}

/// What values mean beyond how they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing more.
    #[default]
    None,
    /// Text, JSON or the name of an enum.
    Text,
    /// A whole number.
    Int { unsigned: bool },
    /// An instant, in so many of these a second.
    Instant { per_second: i64 },
    /// A decimal fraction with so many digits behind the point.
    Decimal { scale: u32 },
    /// Sixteen bytes.
    Uuid,
    /// A group of keys and values.
    Map,
    /// Something that fills no field: dates, times of day, lists, BSON.
    Other,
}

/// How often a column stands in what is around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repetition {
    Required,
    Optional,
    Repeated,
}

/// A column, or a group of columns.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) repetition: Repetition,
    pub(super) meaning: Meaning,
    pub(super) content: Content,
}

/// What a [`Node`] is.
#[derive(Debug)]
pub(super) enum Content {
    /// A column: its number among all leaf columns, and its type.
    Leaf(usize, Physical),
    /// A group.
    Group(Vec<Node>),
}

/// Where one column of a row group stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunk {
    /// Parquet's number of the codec.
    pub(super) codec: i64,
    /// Values, missing ones included.
    pub(super) values: u64,
    /// The first byte in the file.
    pub(super) start: u64,
    /// Bytes.
    pub(super) bytes: u64,
}

/// One row group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) rows: u64,
    /// One a leaf column; none where its pages are in another file.
    pub(super) chunks: Vec<Option<Chunk>>,
}

/// What is known of a file before any page is read.
#[derive(Debug)]
pub(super) struct Footer {
    /// The top-level columns.
    pub(super) columns: Vec<Node>,
    pub(super) groups: Vec<Group>,
}

impl Footer {
    /// Reads a footer.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let (mut elements, mut groups, mut encrypted) = (Vec::new(), Vec::new(), false);
        let read = Compact::new(bytes).fields(|reader, id, kind| {
            match (id, kind) {
                (2, Kind::List) => reader.structs(|reader| {
                    let room = elements.len() < MAX_ELEMENTS;
                    elements.push(Element::read(reader)?);
                    if room { Ok(()) } else { Err(Broken::Wrong) }
                })?,
                (4, Kind::List) => {
                    reader.structs(|reader| Group::read(reader).map(|one| groups.push(one)))?;
                }
                _ => {
                    encrypted |= (id, kind) == (8, Kind::Struct);
                    return Ok(false);
                }
            }
            Ok(true)
        });
        if encrypted {
            return Err(Fault::unsupported("an encrypted Parquet file"));
        }
        if elements.len() > MAX_ELEMENTS {
            return Err(Fault::unsupported(format!("a schema of more than {MAX_ELEMENTS} elements")));
        }
        read?;
        let mut tree = Tree { rest: elements.into_iter(), leaves: 0 };
        let root = tree.rest.next().ok_or(Broken::Wrong)?;
        let columns = tree.children(root.children, 0)?;
        if tree.rest.next().is_some() {
            return Err(Fault::damaged("a schema that does not add up"));
        }
        if groups.iter().any(|group: &Group| group.chunks.len() != tree.leaves) {
            return Err(Fault::damaged("a row group with other columns than the schema"));
        }
        let rows = groups.iter().try_fold(0_u64, |sum, group| sum.checked_add(group.rows));
        rows.filter(|rows| i64::try_from(*rows).is_ok()).ok_or(Fault::damaged("more rows than can be"))?;
        Ok(Self { columns, groups })
    }
}

/// One line of the schema, which is a tree written flat.
#[derive(Debug, Default)]
struct Element {
    physical: Option<i64>,
    width: usize,
    repetition: i64,
    name: String,
    children: usize,
    converted: Option<i64>,
    scale: u32,
    logical: Option<Meaning>,
}

impl Element {
    fn read(reader: &mut Compact<'_>) -> Parsed<Self> {
        let mut one = Self::default();
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Int) => one.physical = Some(reader.int()?),
                (2, Kind::Int) => one.width = reader.count()?,
                (3, Kind::Int) => one.repetition = reader.int()?,
                (4, Kind::Binary) => {
                    let name = std::str::from_utf8(reader.binary()?).map_err(|_| Broken::Wrong)?;
                    name.clone_into(&mut one.name);
                }
                (5, Kind::Int) => one.children = reader.count()?,
                (6, Kind::Int) => one.converted = Some(reader.int()?),
                (7, Kind::Int) => one.scale = reader.count()?,
                (10, Kind::Struct) => one.logical = Some(logical(reader)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(one)
    }

    fn physical(&self) -> Parsed<Physical> {
        Ok(match self.physical {
            Some(0) => Physical::Boolean,
            Some(1) => Physical::Int32,
            Some(2) => Physical::Int64,
            Some(3) => Physical::Int96,
            Some(4) => Physical::Float,
            Some(5) => Physical::Double,
            Some(6) => Physical::Bytes,
            Some(7) => Physical::Fixed(self.width),
            _ => return Err(Broken::Wrong),
        })
    }

    /// The meaning: the newer way of writing it goes before the older.
    fn meaning(&self) -> Meaning {
        self.logical.unwrap_or(match self.converted {
            None => Meaning::None,
            Some(0 | 4 | 19) => Meaning::Text,
            Some(1 | 2) => Meaning::Map,
            Some(5) => Meaning::Decimal { scale: self.scale },
            Some(9) => Meaning::Instant { per_second: 1_000 },
            Some(10) => Meaning::Instant { per_second: 1_000_000 },
            Some(11..=14) => Meaning::Int { unsigned: true },
            Some(15..=18) => Meaning::Int { unsigned: false },
            Some(_) => Meaning::Other,
        })
    }
}

/// The union `LogicalType`.
fn logical(reader: &mut Compact<'_>) -> Parsed<Meaning> {
    let mut meaning = Meaning::Other;
    reader.fields(|reader, id, kind| {
        meaning = match (id, kind) {
            (1 | 4 | 12, Kind::Struct) => Meaning::Text,
            (2, Kind::Struct) => Meaning::Map,
            (5, Kind::Struct) => {
                let mut scale = 0;
                reader.fields(|reader, id, kind| {
                    let is = (id, kind) == (1, Kind::Int);
                    if is {
                        scale = reader.count()?;
                    }
                    Ok(is)
                })?;
                meaning = Meaning::Decimal { scale };
                return Ok(true);
            }
            (8, Kind::Struct) => {
                meaning = instant(reader)?;
                return Ok(true);
            }
            (10, Kind::Struct) => {
                let mut unsigned = false;
                reader.fields(|_, id, kind| {
                    unsigned |= (id, kind) == (2, Kind::Bool(false));
                    Ok(false)
                })?;
                meaning = Meaning::Int { unsigned };
                return Ok(true);
            }
            (14, Kind::Struct) => Meaning::Uuid,
            _ => Meaning::Other,
        };
        Ok(false)
    })?;
    Ok(meaning)
}

/// `TimestampType`: its unit. Whether it was adjusted to UTC changes nothing: Azure's times are UTC.
fn instant(reader: &mut Compact<'_>) -> Parsed<Meaning> {
    let mut meaning = Meaning::Other;
    reader.fields(|reader, id, kind| {
        let is = (id, kind) == (2, Kind::Struct);
        if is {
            reader.fields(|_, unit, _| {
                meaning = match unit {
                    1 => Meaning::Instant { per_second: 1_000 },
                    2 => Meaning::Instant { per_second: 1_000_000 },
                    3 => Meaning::Instant { per_second: 1_000_000_000 },
                    _ => Meaning::Other,
                };
                Ok(false)
            })?;
        }
        Ok(is)
    })?;
    Ok(meaning)
}

/// Builds the tree of columns.
struct Tree {
    rest: std::vec::IntoIter<Element>,
    leaves: usize,
}

impl Tree {
    fn children(&mut self, count: usize, depth: usize) -> Result<Vec<Node>, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::unsupported(format!("columns nested deeper than {MAX_DEPTH}")));
        }
        // Not reserved: the count is only a claim.
        let mut nodes = Vec::new();
        for _ in 0..count {
            let element = self.rest.next().ok_or(Broken::Wrong)?;
            let content = if element.children > 0 {
                Content::Group(self.children(element.children, depth + 1)?)
            } else if element.physical.is_none() {
                // A group without columns.
                Content::Group(Vec::new())
            } else {
                self.leaves += 1;
                Content::Leaf(self.leaves - 1, element.physical()?)
            };
            if self.leaves > MAX_COLUMNS {
                return Err(Fault::unsupported(format!("more than {MAX_COLUMNS} columns")));
            }
            let repetition = match element.repetition {
                0 => Repetition::Required,
                1 => Repetition::Optional,
                2 => Repetition::Repeated,
                _ => return Err(Broken::Wrong.into()),
            };
            nodes.push(Node { meaning: element.meaning(), name: element.name, repetition, content });
        }
        Ok(nodes)
    }
}

impl Group {
    fn read(reader: &mut Compact<'_>) -> Parsed<Self> {
        let (mut chunks, mut rows) = (Vec::new(), None);
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::List) => reader.structs(|reader| chunk(reader).map(|one| chunks.push(one)))?,
                (3, Kind::Int) => rows = Some(reader.count()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(Self { rows: rows.ok_or(Broken::Wrong)?, chunks })
    }
}

/// `ColumnChunk`: its metadata if its pages are in this file.
fn chunk(reader: &mut Compact<'_>) -> Parsed<Option<Chunk>> {
    let (mut chunk, mut elsewhere) = (None, false);
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::Binary) => elsewhere = !reader.binary()?.is_empty(),
            (3, Kind::Struct) => chunk = Some(Chunk::read(reader)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let chunk = chunk.ok_or(Broken::Wrong)?;
    Ok((!elsewhere).then_some(chunk))
}

impl Chunk {
    /// `ColumnMetaData`.
    fn read(reader: &mut Compact<'_>) -> Parsed<Self> {
        let (mut codec, mut values, mut bytes) = (None, None, None);
        let (mut data, mut dictionary) = (None::<u64>, None::<u64>);
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (4, Kind::Int) => codec = Some(reader.int()?),
                (5, Kind::Int) => values = Some(reader.count()?),
                (7, Kind::Int) => bytes = Some(reader.count()?),
                (9, Kind::Int) => data = Some(reader.count()?),
                (11, Kind::Int) => dictionary = Some(reader.count()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let data = data.ok_or(Broken::Wrong)?;
        // Some writers put 0 where there is no dictionary.
        let start = dictionary.filter(|at| *at > 0).map_or(data, |at| at.min(data));
        Ok(Self {
            codec: codec.ok_or(Broken::Wrong)?,
            values: values.ok_or(Broken::Wrong)?,
            start,
            bytes: bytes.ok_or(Broken::Wrong)?,
        })
    }
}
