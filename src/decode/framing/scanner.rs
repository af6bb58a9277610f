//! Follows the structure of one JSON object without reading its values.
//!
//! It knows braces, brackets, commas, colons and strings, so it finds where an object ends, that it
//! is broken, or that it wraps an array of records. The decoder proves the rest.

use super::Reason;
use crate::decode::MAX_DEPTH;
use crate::decode::shape::Wrapper;

/// Which arrays inside an object are reported, because records stand in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wraps {
    /// None.
    Nothing,
    /// Those of containers of records.
    Records,
    /// The rows of a table.
    Rows,
}

impl Wraps {
    /// Whether a wrapper is one of these.
    pub(super) fn meets(self, wrapper: Wrapper) -> bool {
        match self {
            Self::Nothing => false,
            Self::Records => wrapper != Wrapper::Rows,
            Self::Rows => wrapper == Wrapper::Rows,
        }
    }
}

/// What comes next in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// `{` of the object itself.
    Object,
    /// `[` of the row itself.
    Row,
    /// A value.
    Value,
    /// A value, or `]`.
    ValueOrEnd,
    /// A key.
    Key,
    /// A key, or `}`.
    KeyOrEnd,
    /// `:`.
    Colon,
    /// `,` or the closing bracket.
    CommaOrEnd,
}

/// What a stretch of bytes showed; lengths count from the start of that stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The object goes on.
    More,
    /// The object ends with the byte before.
    End(usize),
    /// The object wraps an array, whose first element comes next.
    Wrapped(usize, Wrapper),
    /// The structure breaks here.
    Broken(usize, Reason),
}

/// A scanner that can be fed piece by piece.
#[derive(Debug)]
pub(super) struct Scanner {
    /// For each open bracket, whether it is an object's.
    open: Vec<bool>,
    expect: Expect,
    in_string: bool,
    in_key: bool,
    escaped: bool,
    /// The key being read at the outermost level, as far as it matters.
    key: Vec<u8>,
    /// Which arrays inside the object are reported.
    wraps: Wraps,
    /// In a list of values that are no records: stops before this byte, with which the next record
    /// may begin, and before the end of the list.
    list: Option<u8>,
    /// The object has a member `error`.
    error_member: bool,
}

impl Scanner {
    /// For an object, which may be a wrapper.
    pub(super) fn object(wraps: Wraps) -> Self {
        Self {
            open: Vec::new(),
            expect: Expect::Object,
            in_string: false,
            in_key: false,
            escaped: false,
            key: Vec::new(),
            wraps,
            list: None,
            error_member: false,
        }
    }

    /// For a row: an array of cells.
    pub(super) fn row() -> Self {
        Self { expect: Expect::Row, ..Self::object(Wraps::Nothing) }
    }

    /// Inside an object, behind a value: what is left of a wrapper.
    pub(super) fn in_object(wraps: Wraps) -> Self {
        Self { open: vec![true], expect: Expect::CommaOrEnd, ..Self::object(wraps) }
    }

    /// For elements of an array that do not begin with the byte that records begin with.
    pub(super) fn in_list(begin: u8) -> Self {
        Self { open: vec![false], expect: Expect::Value, list: Some(begin), ..Self::object(Wraps::Nothing) }
    }

    /// Whether the object has a member `error`.
    pub(super) fn has_error_member(&self) -> bool {
        self.error_member
    }

    /// Follows the structure through more bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if let Some(begin) = self.list
                && !self.in_string
                && self.open.len() == 1
                && (*byte == begin || *byte == b']')
            {
                return Progress::Broken(at, Reason::NotARecord);
            }
            if self.in_string {
                match self.string(bytes, at) {
                    Ok(next) => at = next,
                    Err(broken) => return broken,
                }
                continue;
            }
            let progress = self.structure(*byte);
            match progress {
                None => at += 1,
                Some(Progress::End(_)) => return Progress::End(at + 1),
                Some(Progress::Wrapped(_, wrapper)) => return Progress::Wrapped(at + 1, wrapper),
                Some(Progress::Broken(_, reason)) => return Progress::Broken(at, reason),
                Some(Progress::More) => return Progress::More,
            }
        }
        Progress::More
    }

    /// Inside a string: steps to its end or to the end of the bytes.
    fn string(&mut self, bytes: &[u8], at: usize) -> Result<usize, Progress> {
        if std::mem::take(&mut self.escaped) {
            return Ok(at + 1);
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let found = memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
        if self.in_key && self.open.len() == 1 {
            let room = 8_usize.saturating_sub(self.key.len());
            self.key.extend_from_slice(rest.get(..found.min(room)).unwrap_or_default());
        }
        match rest.get(found) {
            Some(b'"') => {
                self.in_string = false;
                self.expect = if self.in_key { Expect::Colon } else { Expect::CommaOrEnd };
            }
            Some(b'\\') => self.escaped = true,
            // JSON holds no bare line end in a string: the line was cut.
            Some(_) => return Err(Progress::Broken(at + found, Reason::Truncated)),
            None => return Ok(bytes.len()),
        }
        Ok(at + found + 1)
    }

    /// One byte outside strings.
    fn structure(&mut self, byte: u8) -> Option<Progress> {
        use Expect::{Colon, CommaOrEnd, Key, KeyOrEnd, Object, Row, Value, ValueOrEnd};
        match (byte, self.expect) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => None,
            (b'{', Object | Value | ValueOrEnd) => self.open_bracket(true),
            (b'[', Row | Value | ValueOrEnd) => self.open_bracket(false),
            (b'}', KeyOrEnd) | (b']', ValueOrEnd) => self.close(),
            (b'}', CommaOrEnd) if self.open.last() == Some(&true) => self.close(),
            (b']', CommaOrEnd) if self.open.last() == Some(&false) => self.close(),
            (b',', CommaOrEnd) => {
                self.expect = if self.open.last() == Some(&true) { Key } else { Value };
                None
            }
            (b':', Colon) => {
                self.error_member |= self.open.len() == 1 && self.key == b"error";
                self.expect = Value;
                None
            }
            (b'"', Key | KeyOrEnd) => {
                self.key.clear();
                self.start_string(true)
            }
            (b'"', Value | ValueOrEnd) => self.start_string(false),
            // A number or a literal; what follows its first byte is taken as it comes.
            (b'-' | b'0'..=b'9' | b't' | b'f' | b'n', Value | ValueOrEnd) => {
                self.expect = CommaOrEnd;
                None
            }
            (b'0'..=b'9' | b'.' | b'+' | b'-' | b'a'..=b'z' | b'E', CommaOrEnd) => None,
            _ => Some(Progress::Broken(0, Reason::InvalidJson)),
        }
    }

    fn start_string(&mut self, key: bool) -> Option<Progress> {
        self.in_string = true;
        self.in_key = key;
        None
    }

    fn open_bracket(&mut self, object: bool) -> Option<Progress> {
        if !object
            && self.open.len() == 1
            && let Some(wrapper) = Wrapper::of_key(&self.key).filter(|wrapper| self.wraps.meets(*wrapper))
        {
            return Some(Progress::Wrapped(0, wrapper));
        }
        if self.open.len() > MAX_DEPTH {
            return Some(Progress::Broken(0, Reason::TooDeep));
        }
        self.open.push(object);
        self.expect = if object { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
        None
    }

    fn close(&mut self) -> Option<Progress> {
        self.open.pop();
        self.expect = Expect::CommaOrEnd;
        self.open.is_empty().then_some(Progress::End(0))
    }
}
