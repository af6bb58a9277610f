//! The hand-written floor: a scanner that knows where it is in the record, skips what it does not need, and
//! answers the question, with counts by second.
//!
//! It proves nothing, recovers from nothing, and takes escapes as they come: what no reader of these records
//! goes below, not one to use. Records have the same keys in the same order most of the time, so it expects
//! the key that stood there last time and looks up only one that did not.

use indexmap::{IndexMap, IndexSet};

use crate::answer::Answer;

/// A hash map with the hasher that akvlens uses.
type Map<K, V> = IndexMap<K, V, foldhash::fast::RandomState>;

/// What to do with the value of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Time,
    Vault,
    Oid,
    Operation,
    Status,
    /// An object with more of these in it.
    Enter,
    Skip,
}

impl Want {
    fn of(key: &[u8]) -> Self {
        match key {
            b"time" => Self::Time,
            b"resourceId" => Self::Vault,
            b"operationName" => Self::Operation,
            b"httpStatusCode" => Self::Status,
            b"http://schemas.microsoft.com/identity/claims/objectidentifier" => Self::Oid,
            b"identity" | b"claim" | b"properties" => Self::Enter,
            _ => Self::Skip,
        }
    }
}

/// What is needed of a record.
#[derive(Default)]
struct Needed<'b> {
    time: &'b [u8],
    vault: &'b [u8],
    oid: &'b [u8],
    operation: &'b [u8],
    status: &'b [u8],
}

/// The keys of the last record, in their order.
#[derive(Default)]
struct Shape {
    keys: Vec<(Box<[u8]>, Want)>,
    at: usize,
}

impl Shape {
    /// What to do with the key that begins at a place, and its length.
    fn want(&mut self, bytes: &[u8]) -> (usize, Want) {
        let expected = self.keys.get(self.at);
        let found = match expected {
            Some((key, want)) if bytes.starts_with(key) && bytes.get(key.len()) == Some(&b'"') => {
                (key.len(), *want)
            }
            _ => {
                let length = memchr::memchr(b'"', bytes).expect("a key ends");
                let key = &bytes[..length];
                let want = Want::of(key);
                self.keys.truncate(self.at);
                self.keys.push((key.into(), want));
                (length, want)
            }
        };
        self.at += 1;
        found
    }
}

/// Texts by number, with the last one remembered.
#[derive(Default)]
struct Numbers {
    all: IndexSet<Box<[u8]>, foldhash::fast::RandomState>,
    last: usize,
}

impl Numbers {
    fn of(&mut self, text: &[u8]) -> usize {
        if self.all.get_index(self.last).is_none_or(|last| **last != *text) {
            let known = self.all.get_index_of(text);
            self.last = known.unwrap_or_else(|| self.all.insert_full(text.into()).0);
        }
        self.last
    }
}

/// The counts.
#[derive(Default)]
struct Groups {
    vaults: Numbers,
    oids: Numbers,
    operations: Numbers,
    counts: Map<(usize, usize, usize, u32), u64>,
    seconds: Map<(usize, u32), u32>,
    /// The last time up to its minute, and its first second.
    minute: ([u8; 16], u32),
}

impl Groups {
    fn add(&mut self, record: &Needed<'_>) {
        let vault = self.vaults.of(record.vault);
        let oid = self.oids.of(record.oid);
        let operation = self.operations.of(record.operation);
        *self.counts.entry((vault, oid, operation, number(record.status))).or_default() += 1;
        if let (Some(minute), Some(second)) = (record.time.first_chunk::<16>(), record.time.get(17..19)) {
            if *minute != self.minute.0 {
                let part = |from: usize, to: usize| number(&minute[from..to]);
                let day = (part(0, 4) * 12 + part(5, 7)) * 31 + part(8, 10);
                self.minute = (*minute, (day % 49_000 * 24 + part(11, 13)) * 3600 + part(14, 16) * 60);
            }
            *self.seconds.entry((vault, self.minute.1.wrapping_add(number(second)))).or_default() += 1;
        }
    }
}

/// The number that digits write.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// The scanner and what it has counted.
#[derive(Default)]
pub(crate) struct Scanner {
    shape: Shape,
    groups: Groups,
    total: u64,
}

impl Scanner {
    /// Counts whole lines.
    pub(crate) fn feed(&mut self, lines: &[u8]) {
        let mut at = 0;
        while lines.get(at) == Some(&b'{') {
            let mut record = Needed::default();
            self.shape.at = 0;
            at = object(lines, at, &mut self.shape, &mut record);
            self.groups.add(&record);
            self.total += 1;
            // Behind the line's end.
            at += 1;
        }
    }

    /// What it answers.
    pub(crate) fn answer(&self) -> Answer {
        std::hint::black_box(&self.groups.seconds);
        Answer { groups: self.groups.counts.len() as u64, total: self.total }
    }
}

/// Goes through the object that begins at a place; says where it ends.
fn object<'b>(bytes: &'b [u8], mut at: usize, shape: &mut Shape, record: &mut Needed<'b>) -> usize {
    at += 1;
    loop {
        match bytes[at] {
            b'}' => return at + 1,
            b',' => at += 1,
            _ => {}
        }
        let (length, want) = shape.want(&bytes[at + 1..]);
        // Behind the key's quotes and the colon.
        let value = at + length + 3;
        if want == Want::Enter && bytes[value] == b'{' {
            at = object(bytes, value, shape, record);
            continue;
        }
        at = behind(bytes, value);
        if want != Want::Skip {
            let text = &bytes[value..at];
            let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
            match want {
                Want::Time => record.time = text,
                Want::Vault => record.vault = text,
                Want::Oid => record.oid = text,
                Want::Operation => record.operation = text,
                _ => record.status = text,
            }
        }
    }
}

/// Where the value ends that begins at a place.
fn behind(bytes: &[u8], mut at: usize) -> usize {
    match bytes[at] {
        b'"' => behind_text(bytes, at + 1),
        b'{' | b'[' => {
            let mut depth = 0_usize;
            loop {
                match bytes[at] {
                    b'"' => {
                        at = behind_text(bytes, at + 1);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
        }
        _ => at + bytes[at..].iter().position(|byte| matches!(byte, b',' | b'}' | b']')).unwrap_or_default(),
    }
}

/// Where the text ends whose first byte stands at a place.
fn behind_text(bytes: &[u8], mut at: usize) -> usize {
    loop {
        at += memchr::memchr2(b'"', b'\\', &bytes[at..]).expect("a text ends");
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
}
