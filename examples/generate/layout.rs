//! The look of a record: the order of its keys, and indentation.
//!
//! In: a compact JSON object from [`crate::json`]. Out: the same object, perhaps in another order or over
//! many lines. Only this relies on the input being compact and well-formed.

#![expect(clippy::string_slice, reason = "text is cut beside ASCII bytes only")]

use fastrand::Rng;

use crate::cli::{Container, KeyOrder};
use crate::random::shuffle;

/// Depth at which the records of an indented container stand.
const RECORD_DEPTH: usize = 2;
/// One level of indentation.
const INDENT: &str = "    ";

/// Lays records out.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Where the order of keys comes from, if it is not the record's own.
    order: Option<Rng>,
    /// Whether records go over many lines.
    indented: bool,
    /// The record in its new order.
    shuffled: String,
    /// The record over many lines.
    lines: String,
}

impl Layout {
    /// Lays out as asked; `rng` serves nothing but the order of keys, so that all else stays the same.
    pub(crate) fn new(order: KeyOrder, container: Container, rng: Rng) -> Self {
        Self {
            order: (order == KeyOrder::Shuffled).then_some(rng),
            indented: container == Container::Pretty,
            shuffled: String::new(),
            lines: String::new(),
        }
    }

    /// The record as it is to be written.
    pub(crate) fn apply<'a>(&'a mut self, record: &'a str) -> &'a str {
        let mut current = record;
        if let Some(rng) = &mut self.order {
            self.shuffled.clear();
            push_shuffled(&mut self.shuffled, current, rng);
            current = &self.shuffled;
        }
        if self.indented {
            self.lines.clear();
            push_indented(&mut self.lines, current, RECORD_DEPTH);
            current = &self.lines;
        }
        current
    }
}

/// Appends a value, the members of every object in a random order.
fn push_shuffled(out: &mut String, value: &str, rng: &mut Rng) {
    let Some(inside) = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        out.push_str(value);
        return;
    };
    let mut members = split_members(inside);
    shuffle(rng, &mut members);
    out.push('{');
    for (place, member) in members.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match member.split_once("\":") {
            Some((key, value)) => {
                out.push_str(key);
                out.push_str("\":");
                push_shuffled(out, value, rng);
            }
            None => out.push_str(member),
        }
    }
    out.push('}');
}

/// The members of an object, cut at the commas between them.
fn split_members(inside: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let mut scan = Scan::default();
    let mut depth = 0_usize;
    let mut from = 0;
    for (at, byte) in inside.bytes().enumerate() {
        if scan.in_text(byte) {
            continue;
        }
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                members.push(&inside[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if from < inside.len() {
        members.push(&inside[from..]);
    }
    members
}

/// Appends a value over many lines, beginning at some depth. Empty objects and arrays stay as they are.
fn push_indented(out: &mut String, value: &str, mut depth: usize) {
    let mut scan = Scan::default();
    let mut from = 0;
    new_line(out, depth, false);
    for (at, &byte) in value.as_bytes().iter().enumerate() {
        if scan.in_text(byte) {
            continue;
        }
        let next = value.as_bytes().get(at + 1);
        let previous = at.checked_sub(1).map(|before| value.as_bytes()[before]);
        match byte {
            b'{' | b'[' if !matches!(next, Some(b'}' | b']')) => {
                depth += 1;
                out.push_str(&value[from..=at]);
                new_line(out, depth, true);
                from = at + 1;
            }
            b'}' | b']' if !matches!(previous, Some(b'{' | b'[')) => {
                depth -= 1;
                out.push_str(&value[from..at]);
                new_line(out, depth, true);
                from = at;
            }
            b',' => {
                out.push_str(&value[from..=at]);
                new_line(out, depth, true);
                from = at + 1;
            }
            b':' => {
                out.push_str(&value[from..=at]);
                out.push(' ');
                from = at + 1;
            }
            _ => {}
        }
    }
    out.push_str(&value[from..]);
}

/// Begins a line at a depth, after ending the last one.
fn new_line(out: &mut String, depth: usize, end_last: bool) {
    if end_last {
        out.push('\n');
    }
    for _ in 0..depth {
        out.push_str(INDENT);
    }
}

/// Tells structure from text while going over JSON byte by byte.
#[derive(Debug, Default)]
struct Scan {
    /// Inside a string.
    text: bool,
    /// Right after a backslash.
    escaped: bool,
}

impl Scan {
    /// Takes the next byte; true if it belongs to a string, quotes included.
    fn in_text(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return true;
        }
        match byte {
            b'"' => {
                self.text = !self.text;
                true
            }
            b'\\' if self.text => {
                self.escaped = true;
                true
            }
            _ => self.text,
        }
    }
}
