//! Finds the records in a stream of text, whatever container they stand in.
//!
//! Input: decompressed bytes. Output: one [`Frame`] a record: a line of JSON Lines, an object of
//! `{"records":[…]}`, `{"value":[…]}` or a bare array, or a single object over many lines; and a
//! frame for every stretch that is none. Containers may follow each other in one blob. Memory is
//! one window, never the blob. Must not parse records: a line is taken for a record on sight and
//! looked at again by structure ([`Framer::reframe`]) only if the decoder refuses it.
//!
//! After a break the framer finds its feet at the next line that starts with `{`, or inside an
//! array at the next element, so that one damaged record costs no other.

mod resync;
mod scanner;
pub(super) mod window;

use std::io::{self, Read};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Place, Reason, Totals};
use resync::Resync;
use scanner::{Progress, Scanner};
use window::Window;

/// The containers that were met in a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub struct Shape {
    /// One record a line.
    pub json_lines: bool,
    /// `{"records":[…]}`.
    pub records_wrapper: bool,
    /// `{"value":[…]}`.
    pub value_wrapper: bool,
    /// `[…]`.
    pub array: bool,
    /// Objects over several lines, or several on one.
    pub objects: bool,
}

impl Shape {
    /// The containers of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            json_lines: self.json_lines || other.json_lines,
            records_wrapper: self.records_wrapper || other.records_wrapper,
            value_wrapper: self.value_wrapper || other.value_wrapper,
            array: self.array || other.array,
            objects: self.objects || other.objects,
        }
    }

    /// The names of the containers, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [self.json_lines, self.records_wrapper, self.value_wrapper, self.array, self.objects];
        SHAPE_NAMES.into_iter().zip(all).filter(|(_, met)| *met).map(|(name, _)| name)
    }

    /// The shape with the containers of these names; unknown names are passed over.
    pub fn of_names<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        names.fold(Self::default(), |shape, name| Self {
            json_lines: shape.json_lines || name == SHAPE_NAMES[0],
            records_wrapper: shape.records_wrapper || name == SHAPE_NAMES[1],
            value_wrapper: shape.value_wrapper || name == SHAPE_NAMES[2],
            array: shape.array || name == SHAPE_NAMES[3],
            objects: shape.objects || name == SHAPE_NAMES[4],
        })
    }
}

/// What the containers are called.
const SHAPE_NAMES: [&str; 5] = ["json-lines", "records-wrapper", "value-wrapper", "array", "objects"];

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// One line that looks like an object.
    Line,
    /// An object that is whole by its structure.
    Object,
    /// No record, and why; with what is known beyond the reason.
    Broken(Reason, Option<&'static str>),
}

/// One stretch of the blob.
#[derive(Debug)]
pub struct Frame<'b> {
    /// Its bytes; empty where it was too long to keep.
    pub bytes: &'b [u8],
    /// Where it stands.
    pub place: Place,
    /// What it holds.
    pub kind: FrameKind,
}

/// Where the framer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside any container.
    Top,
    /// Inside an array; `wrapper` when an object stands around it.
    Array { wrapper: bool },
    /// Behind the array of a wrapper, before its closing brace.
    Tail,
}

/// A frame's start and kind, before its bytes are borrowed.
struct Cut {
    kind: FrameKind,
    place: Place,
    /// Whether the bytes are still in the window, just before its position.
    at_hand: bool,
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub struct Framer<R> {
    window: Window<R>,
    state: State,
    /// Where the last line frame began: position and line.
    last_line: Option<(usize, u64)>,
    /// Offset up to which objects are framed by their structure, not by their line: on this line
    /// stands more than one object, or one that is no line.
    structural_until: u64,
    /// The blob ended inside a record, which was told already.
    cut_short: bool,
    blank: u64,
    shapes: Shape,
}

impl<R: Read> Framer<R> {
    /// Frames what `reader` gives, which begins `offset` bytes into the blob; a record longer than
    /// `max_record_bytes` is passed over.
    pub fn new(reader: R, offset: u64, max_record_bytes: usize) -> Self {
        Self {
            window: Window::new(reader, offset, max_record_bytes),
            state: State::Top,
            last_line: None,
            structural_until: 0,
            cut_short: false,
            blank: 0,
            shapes: Shape::default(),
        }
    }

    /// What was read so far.
    pub fn totals(&self) -> Totals {
        Totals {
            bytes: self.window.bytes_read(),
            line_ends: self.window.line_number() - 1,
            blank: self.blank,
            shapes: self.shapes,
        }
    }

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// When the reader fails. Bytes that were already read are framed first, so that the error
    /// comes behind the frame that it cut.
    pub fn advance(&mut self) -> io::Result<Option<Frame<'_>>> {
        // The decoder took the last line as it was.
        self.shapes.json_lines |= self.last_line.take().is_some();
        let cut = loop {
            let cut = match self.state {
                State::Top => self.at_top()?,
                State::Array { wrapper } => self.in_array(wrapper)?,
                State::Tail => self.in_tail()?,
            };
            match cut {
                Step::Again => {}
                Step::End => return self.window.take_error().map_or(Ok(None), Err),
                Step::Cut(cut) => break cut,
            }
        };
        let bytes = if cut.at_hand { self.window.behind(cut.place.bytes) } else { &[] };
        Ok(Some(Frame { bytes, place: cut.place, kind: cut.kind }))
    }

    /// Goes back to the start of the line frame just given, to frame what stands there by its
    /// structure.
    pub fn reframe(&mut self) {
        if let Some((position, line)) = self.last_line.take() {
            self.structural_until = self.window.offset();
            self.window.rewind(position, line);
        }
    }

    /// Outside any container.
    fn at_top(&mut self) -> io::Result<Step> {
        self.skip_blank_lines();
        match self.window.rest() {
            [] => Ok(Step::End),
            [b'{', ..] => self.object_at_top(),
            [b'[', ..] => {
                self.window.consume(1);
                self.shapes.array = true;
                self.state = State::Array { wrapper: false };
                Ok(Step::Again)
            }
            // A piece cut out of an array: `{…},`.
            [b',', ..] => {
                self.window.consume(1);
                Ok(Step::Again)
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] if self.window.offset() == 0 => {
                let detail = Some("UTF-16 text: convert it to UTF-8 first");
                Ok(Step::Cut(self.no_object(Reason::NotJson, detail, Resync::Never)))
            }
            [0, ..] => Ok(Step::Cut(self.no_object(Reason::NulBytes, None, Resync::NextLine))),
            _ => Ok(Step::Cut(self.no_object(Reason::NotJson, None, Resync::NextLine))),
        }
    }

    /// An object outside any container: a wrapper, a line, or an object over many lines.
    fn object_at_top(&mut self) -> io::Result<Step> {
        self.window.ensure(WRAPPER_HEAD);
        if let Some((length, wrapper)) = wrapper_head(self.window.rest()) {
            self.enter_wrapper(length, wrapper);
            return Ok(Step::Again);
        }
        if self.window.offset() >= self.structural_until
            && let Some(cut) = self.line()
        {
            return Ok(Step::Cut(cut));
        }
        self.structure(Scanner::at_top(), Resync::Line)
    }

    /// Steps over `{"records":[`.
    fn enter_wrapper(&mut self, length: usize, wrapper: Wrapper) {
        match wrapper {
            Wrapper::Records => self.shapes.records_wrapper = true,
            Wrapper::Value => self.shapes.value_wrapper = true,
        }
        self.window.consume(length);
        self.state = State::Array { wrapper: true };
    }

    /// The line at the position, if it ends the way an object does.
    fn line(&mut self) -> Option<Cut> {
        let Some(length) = self.window.line() else {
            self.structural_until = self.window.offset() + self.window.rest().len() as u64;
            return None;
        };
        if self.window.is_over(length) {
            self.structural_until = self.window.offset() + length as u64;
            return None;
        }
        let line = self.window.rest().get(..length)?.trim_ascii_end();
        if line.last() != Some(&b'}') {
            self.structural_until = self.window.offset() + length as u64;
            return None;
        }
        let bytes = line.len();
        let place = self.place(bytes);
        self.last_line = Some(self.window.consume_line(bytes));
        Some(Cut { kind: FrameKind::Line, place, at_hand: true })
    }

    /// Inside an array.
    fn in_array(&mut self, wrapper: bool) -> io::Result<Step> {
        self.window.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
        match self.window.rest() {
            [] => Ok(self.not_closed("the array is not closed")),
            [b']', ..] => {
                self.window.consume(1);
                self.state = if wrapper { State::Tail } else { State::Top };
                Ok(Step::Again)
            }
            [b'{', ..] => self.structure(Scanner::in_array(), Resync::Element),
            _ => Ok(Step::Cut(self.no_records())),
        }
    }

    /// Elements that are no objects, up to the next object or the end of the array.
    fn no_records(&mut self) -> Cut {
        let place = self.place(0);
        let mut scanner = Scanner::in_list();
        let (mut fed, mut passed) = (0, 0);
        let length = loop {
            let progress = scanner.feed(self.window.rest().get(fed..).unwrap_or_default());
            if progress != Progress::More {
                break fed + scanner.last_fed();
            }
            fed = self.window.rest().len();
            if self.window.is_full() {
                self.window.consume(fed);
                passed += fed as u64;
                fed = 0;
            }
            if !self.window.more() {
                break fed;
            }
        };
        self.window.consume(length);
        if length == 0 {
            // Not even a value: whatever it is, the next record may begin behind it.
            let (bytes, at_hand) = self.window.discard_to(1, Resync::Element);
            return Self::passed_over(place, (passed + bytes, at_hand && passed == 0), Reason::InvalidJson);
        }
        Self::passed_over(place, (passed + length as u64, passed == 0), Reason::NotARecord)
    }

    /// Behind a wrapper's array: its other members, if any, and its closing brace.
    fn in_tail(&mut self) -> io::Result<Step> {
        let mut scanner = Scanner::in_object();
        loop {
            match scanner.feed(self.window.rest()) {
                Progress::End(length) => {
                    self.window.consume(length);
                    self.state = State::Top;
                    return Ok(Step::Again);
                }
                Progress::Wrapped(length, wrapper) => {
                    self.enter_wrapper(length, wrapper);
                    return Ok(Step::Again);
                }
                Progress::Broken(length, _) => {
                    self.window.consume(length);
                    return Ok(self.not_closed("the wrapper is not closed"));
                }
                Progress::More => {
                    self.window.consume(self.window.rest().len());
                    if !self.window.more() {
                        return Ok(self.not_closed("the wrapper is not closed"));
                    }
                }
            }
        }
    }

    /// Frames the object at the position by its structure.
    fn structure(&mut self, mut scanner: Scanner, resync: Resync) -> io::Result<Step> {
        let place = self.place(0);
        let mut fed = 0;
        loop {
            match scanner.feed(self.window.rest().get(fed..).unwrap_or_default()) {
                Progress::End(length) => {
                    let length = fed + length;
                    self.window.consume(length);
                    let place = Place { bytes: length as u64, ..place };
                    if self.window.is_over(length) {
                        return Ok(Step::Cut(Self::passed_over(place, (place.bytes, true), Reason::TooLong)));
                    }
                    self.shapes.objects |= resync == Resync::Line;
                    return Ok(Step::Cut(Cut { kind: FrameKind::Object, place, at_hand: true }));
                }
                Progress::Wrapped(length, wrapper) => {
                    self.enter_wrapper(fed + length, wrapper);
                    return Ok(Step::Again);
                }
                Progress::Broken(length, reason) => {
                    return Ok(Step::Cut(self.broken(place, fed + length, reason, resync)));
                }
                Progress::More => fed = self.window.rest().len(),
            }
            if self.window.is_full() {
                return Ok(Step::Cut(self.too_long(place, scanner)));
            }
            if !self.window.more() {
                return Ok(Step::Cut(self.broken(place, fed, Reason::Truncated, resync)));
            }
        }
    }

    /// An object whose structure breaks `at` bytes behind its start: passed over up to where the
    /// next record may begin.
    fn broken(&mut self, place: Place, at: usize, reason: Reason, resync: Resync) -> Cut {
        let broken = self.window.rest().get(..at).unwrap_or_default();
        let nul = memchr::memchr(0, broken).is_some();
        // Broken on its very first line: that line alone is lost. Further down: all up to the next
        // line that begins an object, even where the scanner read over that line.
        let first_line = memchr::memchr(b'\n', broken).is_none();
        let length = match resync {
            Resync::Line if first_line => self.window.discard_to(at, Resync::NextLine),
            Resync::Line => self.window.discard_to(1, resync),
            _ => self.window.discard_to(at.max(1), resync),
        };
        self.cut_short = self.window.rest().is_empty();
        Self::passed_over(place, length, if nul { Reason::NulBytes } else { reason })
    }

    /// An object that outgrew the window: followed to its end, or to the end of its line.
    fn too_long(&mut self, place: Place, mut scanner: Scanner) -> Cut {
        let mut length = self.window.rest().len() as u64;
        self.window.consume(self.window.rest().len());
        while self.window.more() {
            let step = match scanner.feed(self.window.rest()) {
                Progress::More => self.window.rest().len(),
                Progress::End(end) | Progress::Wrapped(end, _) => {
                    self.window.consume(end);
                    length += end as u64;
                    break;
                }
                Progress::Broken(at, _) => {
                    length += self.window.discard_to(at, Resync::NextLine).0;
                    break;
                }
            };
            self.window.consume(step);
            length += step as u64;
        }
        Self::passed_over(place, (length, false), Reason::TooLong)
    }

    /// A stretch that begins like no object and no container.
    fn no_object(&mut self, reason: Reason, detail: Option<&'static str>, resync: Resync) -> Cut {
        let place = self.place(0);
        let length = self.window.discard_to(0, resync);
        Cut { kind: FrameKind::Broken(reason, detail), ..Self::passed_over(place, length, reason) }
    }

    /// A container that ends too early: a reject of no bytes, unless the record that was cut with
    /// it has been told already.
    fn not_closed(&mut self, detail: &'static str) -> Step {
        self.state = State::Top;
        if self.cut_short {
            return Step::Again;
        }
        let kind = FrameKind::Broken(Reason::Truncated, Some(detail));
        Step::Cut(Cut { kind, place: self.place(0), at_hand: false })
    }

    /// The frame of a stretch that was passed over: its length, and whether it is still at hand.
    fn passed_over(place: Place, (bytes, at_hand): (u64, bool), reason: Reason) -> Cut {
        Cut { kind: FrameKind::Broken(reason, None), place: Place { bytes, ..place }, at_hand }
    }

    /// A place at the position.
    fn place(&self, bytes: usize) -> Place {
        Place { offset: self.window.offset(), line: self.window.line_number(), bytes: bytes as u64 }
    }

    /// Skips white space (and byte order marks) outside containers, counting the lines that hold
    /// nothing else.
    fn skip_blank_lines(&mut self) {
        loop {
            let starts_line = self.window.at_line_start();
            let skipped = self.window.skip(|byte| matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c));
            match self.window.rest() {
                [b'\n', ..] => {
                    self.window.consume(1);
                    self.blank += u64::from(starts_line);
                }
                [0xef, 0xbb, 0xbf, ..] => self.window.consume_mark(),
                [] => {
                    self.blank += u64::from(starts_line && skipped > 0);
                    return;
                }
                _ => {
                    if !self.window.ensure_mark() {
                        return;
                    }
                }
            }
        }
    }
}

/// What a look at the stream gave.
enum Step {
    /// Look again: the state has changed.
    Again,
    /// The end.
    End,
    /// A frame.
    Cut(Cut),
}

/// Which wrapper an array stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    Records,
    Value,
}

impl Wrapper {
    /// The wrapper whose array a key announces.
    fn of_key(key: &[u8]) -> Option<Self> {
        match key {
            b"records" | b"Records" => Some(Self::Records),
            b"value" => Some(Self::Value),
            _ => None,
        }
    }
}

/// How many bytes are looked at for the head of a wrapper; white space beyond it is left to the
/// scanner.
const WRAPPER_HEAD: usize = 128;

/// The length of `{"records":[` or `{"value":[` at the front, with any white space inside.
fn wrapper_head(rest: &[u8]) -> Option<(usize, Wrapper)> {
    let quoted = rest.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', quoted.get(..8.min(quoted.len()))?)?;
    let (key, behind) = quoted.split_at_checked(end)?;
    let wrapper = Wrapper::of_key(key)?;
    let value = behind.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
    let inside = value.trim_ascii_start().strip_prefix(b"[")?;
    Some((rest.len() - inside.len(), wrapper))
}

#[cfg(test)]
mod tests;
