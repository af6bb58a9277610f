//! Follows the structure of one JSON object without reading its values.
//!
//! It knows braces, brackets, commas, colons and strings, so it finds where an object ends, that it
//! is broken, or that it wraps an array of records. The decoder proves the rest.

use super::{Reason, Wrapper};
use crate::decode::MAX_DEPTH;

/// What comes next in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// `{` of the object itself.
    Object,
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
    /// Whether an array of records inside the object is reported.
    wrappers: bool,
    /// In a list of values that are no objects: stops before the next object and before the end of
    /// the list.
    list: bool,
}

impl Scanner {
    /// For an object outside any container, which may be a wrapper.
    pub(super) fn at_top() -> Self {
        Self::new(true)
    }

    /// For an element of an array.
    pub(super) fn in_array() -> Self {
        Self::new(false)
    }

    /// Inside an object, behind a value: what is left of a wrapper.
    pub(super) fn in_object() -> Self {
        Self { open: vec![true], expect: Expect::CommaOrEnd, ..Self::new(true) }
    }

    /// For elements of an array that are no objects.
    pub(super) fn in_list() -> Self {
        Self { open: vec![false], expect: Expect::Value, list: true, ..Self::new(false) }
    }

    fn new(wrappers: bool) -> Self {
        Self {
            open: Vec::new(),
            expect: Expect::Object,
            in_string: false,
            in_key: false,
            escaped: false,
            key: Vec::new(),
            wrappers,
            list: false,
        }
    }

    /// Follows the structure through more bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.list && !self.in_string && self.open.len() == 1 && matches!(byte, b'{' | b']') {
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
        use Expect::{Colon, CommaOrEnd, Key, KeyOrEnd, Object, Value, ValueOrEnd};
        match (byte, self.expect) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => None,
            (b'{', Object | Value | ValueOrEnd) => self.open_bracket(true),
            (b'[', Value | ValueOrEnd) => self.open_bracket(false),
            (b'}', KeyOrEnd) | (b']', ValueOrEnd) => self.close(),
            (b'}', CommaOrEnd) if self.open.last() == Some(&true) => self.close(),
            (b']', CommaOrEnd) if self.open.last() == Some(&false) => self.close(),
            (b',', CommaOrEnd) => {
                self.expect = if self.open.last() == Some(&true) { Key } else { Value };
                None
            }
            (b':', Colon) => {
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
            && self.wrappers
            && self.open.len() == 1
            && let Some(wrapper) = Wrapper::of_key(&self.key)
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
