//! Finds the records in a stream of text, whatever container they stand in.
//!
//! Input: decompressed bytes. Output: one [`Frame`] a record: a line of JSON Lines (with text before
//! it, if syslog put some there), an object of `{"records":[…]}`, `{"value":[…]}` or a bare array, a
//! row of a query's answer (`{"tables":[{"columns":[…],"rows":[…]}]}`), or a single object over many
//! lines; and a frame for every stretch that is none. Containers may follow each other in one blob,
//! and stand in one another. Memory is one window, never the blob. Must not parse records: a line is
//! taken for a record on sight and looked at again by structure ([`Framer::reframe`]) only if the
//! decoder refuses it.
//!
//! After a break the framer finds its feet at the next line that starts with `{`, or inside an
//! array at the next element, so that one damaged record costs no other.

mod broken;
mod guess;
mod resync;
mod scanner;
mod standing;
pub(in crate::decode) mod window;
mod wrapper;

use std::io::{self, Read};

use super::columns::Column;
use super::resource_log::Columns;
use super::shape::{Container, Containers, RecordForm, Wrapper};
use super::{Place, Reason, Totals};
use guess::Guess;
use resync::Resync;
use scanner::{Progress, Scanner, Wraps};
pub use standing::Standing;
use window::Window;
use wrapper::{WRAPPER_HEAD, columns_of_head, wrapper_head};

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// One line that looks like an object.
    Line,
    /// One line that ends like an object, which begins so many bytes into it.
    Prefixed(usize),
    /// An object that is whole by its structure.
    Object,
    /// Bytes that look like a whole element of an array. They are one, and no more, if all of them are one
    /// object and no container: the decoder proves it. Only of a framer that may guess.
    Element,
    /// A row of a query's answer: an array of cells, whole by its structure.
    Row,
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
    /// What it stands in.
    pub container: Container,
    /// The columns of a row.
    pub columns: &'b Columns,
}

/// Where the framer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Outside any container.
    Top,
    /// Inside an array of objects; inside a wrapper when an object stands around it.
    Array(Option<Wrapper>),
    /// Inside the rows of a table.
    Rows,
    /// Behind the array of a wrapper, before its closing brace.
    Tail(Wrapper),
}

/// Containers that may stand in one another; a message batch is `[{"records":[…]}]`, a query's
/// answer `{"tables":[{"rows":[…]}]}`.
const NESTED_CONTAINERS: usize = 2;

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
    /// The states to go back to when a container ends.
    outer: Vec<State>,
    /// The columns of the table whose rows are framed.
    columns: Vec<Option<(Column, RecordForm)>>,
    /// Where the last line frame began: position and line.
    last_line: Option<(usize, u64)>,
    /// Where the last element frame began: position, line, and whether only white space stands before it on
    /// its line.
    last_element: Option<(usize, u64, bool)>,
    /// What is known of the elements of arrays; none where they must not be guessed.
    guess: Option<Guess>,
    /// Offset up to which objects are framed by their structure, not by their line: on this line
    /// stands more than one object, or one that is no line.
    structural_until: u64,
    /// The blob ended inside a record, which was told already.
    cut_short: bool,
    /// The reader ended while a frame was looked for, which more bytes may have ended otherwise.
    ran_out: bool,
    /// Behind what the reader gives, the blob goes on.
    more_follows: bool,
    blank: u64,
    containers: Containers,
}

impl<R: Read> Framer<R> {
    /// Frames what `reader` gives, which begins `offset` bytes into the blob; a record longer than
    /// `max_record_bytes` is passed over.
    pub fn new(reader: R, offset: u64, max_record_bytes: usize) -> Self {
        Self::with_chunk(reader, offset, max_record_bytes, window::CHUNK)
    }

    /// [`Self::new`], reading `chunk` bytes at a time: a small one is right for a small text, and
    /// puts the seams of the window into small blobs. A line longer than it is framed by its
    /// structure.
    pub fn with_chunk(reader: R, offset: u64, max_record_bytes: usize, chunk: usize) -> Self {
        Self {
            window: Window::new(reader, offset, max_record_bytes, chunk),
            state: State::Top,
            outer: Vec::new(),
            columns: Vec::new(),
            last_line: None,
            last_element: None,
            guess: None,
            structural_until: 0,
            cut_short: false,
            ran_out: false,
            more_follows: false,
            blank: 0,
            containers: Containers::default(),
        }
    }

    /// Makes this a framer that may guess where elements of an array end: who uses it must prove every
    /// [`FrameKind::Element`], or ask for it by its structure with [`Self::reframe`].
    #[must_use]
    pub fn guessing(mut self) -> Self {
        self.guess = Some(Guess::default());
        self
    }

    /// What was read so far.
    pub fn totals(&self) -> Totals {
        Totals {
            bytes: self.window.bytes_read(),
            line_ends: self.window.line_number() - 1,
            blank: self.blank,
            containers: self.containers,
            ..Totals::default()
        }
    }

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// When the reader fails. Bytes that were already read are framed first, so that the error
    /// comes behind the frame that it cut.
    pub fn advance(&mut self) -> io::Result<Option<Frame<'_>>> {
        // The decoder took the last line as it was.
        if self.last_line.take().is_some() {
            self.containers.insert(Container::JsonLines);
        }
        if self.last_element.take().is_some()
            && let Some(guess) = &mut self.guess
        {
            guess.proved();
        }
        let (container, cut) = loop {
            let container = self.container();
            let step = match self.state {
                State::Top => self.at_top()?,
                State::Array(_) => self.in_array()?,
                State::Rows => self.in_rows()?,
                State::Tail(wrapper) => self.in_tail(wrapper)?,
            };
            match step {
                Step::Again => {}
                Step::End => return self.window.take_error().map_or(Ok(None), Err),
                Step::Cut(cut) => break (container, cut),
            }
        };
        let container = match cut.kind {
            FrameKind::Line | FrameKind::Prefixed(_) => Container::JsonLines,
            _ => container,
        };
        let bytes = if cut.at_hand { self.window.behind(cut.place.bytes) } else { &[] };
        Ok(Some(Frame { bytes, place: cut.place, kind: cut.kind, container, columns: &self.columns }))
    }

    /// What an object or row at the position stands in.
    fn container(&self) -> Container {
        match self.state {
            State::Top => Container::Objects,
            State::Array(None) => Container::Array,
            State::Array(Some(wrapper)) | State::Tail(wrapper) => wrapper.container(),
            State::Rows => Container::QueryTables,
        }
    }

    /// Goes back to the start of the line or element frame just given, to frame what stands there by its
    /// structure.
    pub fn reframe(&mut self) {
        if let Some((position, line, line_start)) = self.last_element.take() {
            self.window.rewind(position, line, line_start);
            let offset = self.window.offset();
            if let Some(guess) = &mut self.guess {
                guess.refuse(offset);
            }
        }
        if let Some((position, line)) = self.last_line.take() {
            self.structural_until = self.window.offset();
            self.window.rewind(position, line, true);
        }
    }

    /// Outside any container.
    fn at_top(&mut self) -> io::Result<Step> {
        self.skip_blank_lines();
        let utf16 = self.window.begins_utf16();
        match self.window.rest() {
            [] => Ok(Step::End),
            [b'{', ..] => self.object_at_top(),
            [b'[', ..] => Ok(self.array_at_top()),
            // A piece cut out of an array: `{…},`.
            [b',', ..] => {
                self.window.consume(1);
                Ok(Step::Again)
            }
            [0xff | 0xfe, ..] if utf16 => {
                let detail = Some("UTF-16 text: convert it to UTF-8 first");
                Ok(Step::Cut(self.no_object(Reason::NotJson, detail, Resync::Never)))
            }
            [0, ..] => Ok(Step::Cut(self.no_object(Reason::NulBytes, None, Resync::NextLine))),
            _ => match self.prefixed_line() {
                Some(cut) => Ok(Step::Cut(cut)),
                None => Ok(Step::Cut(self.no_object(Reason::NotJson, None, Resync::NextLine))),
            },
        }
    }

    /// An object outside any container: a wrapper, a line, or an object over many lines.
    fn object_at_top(&mut self) -> io::Result<Step> {
        self.window.ensure(WRAPPER_HEAD);
        let rest = self.window.rest();
        if let Some((length, wrapper)) = wrapper_head(rest.get(..WRAPPER_HEAD).unwrap_or(rest)) {
            self.enter_wrapper(length, wrapper);
            return Ok(Step::Again);
        }
        if self.window.offset() >= self.structural_until
            && let Some(cut) = self.line()
        {
            return Ok(Step::Cut(cut));
        }
        self.structure(Scanner::object(Wraps::Records), Resync::Line)
    }

    /// An array; or a line that begins with its time in brackets, as some writers put it there.
    fn array_at_top(&mut self) -> Step {
        self.window.ensure(WRAPPER_HEAD);
        let inside = self.window.rest().get(1..).unwrap_or_default().trim_ascii_start();
        if matches!(inside.first(), Some(b'0'..=b'9' | b'A'..=b'Z'))
            && let Some(cut) = self.prefixed_line()
        {
            return Step::Cut(cut);
        }
        self.window.consume(1);
        self.containers.insert(Container::Array);
        self.state = State::Array(None);
        Step::Again
    }

    /// The line at the position, if an object ends it and other text begins it.
    fn prefixed_line(&mut self) -> Option<Cut> {
        let length = self.window.line()?;
        if self.window.is_over(length as u64) {
            return None;
        }
        let line = self.window.rest().get(..length)?.trim_ascii_end();
        let (bytes, prefix) = (line.len(), prefix_of(line)?);
        let place = self.place(bytes);
        self.window.consume_line(bytes);
        Some(Cut { kind: FrameKind::Prefixed(prefix), place, at_hand: true })
    }

    /// Steps over `{"records":[`, or the head of another wrapper.
    fn enter_wrapper(&mut self, length: usize, wrapper: Wrapper) {
        if wrapper == Wrapper::Rows {
            let head = self.window.rest().get(..length).unwrap_or_default();
            self.columns = columns_of_head(head);
        }
        self.containers.insert(wrapper.container());
        self.window.consume(length);
        self.outer.push(self.state);
        self.state = if wrapper == Wrapper::Rows { State::Rows } else { State::Array(Some(wrapper)) };
    }

    /// Steps out of a container.
    fn leave(&mut self) {
        self.state = self.outer.pop().unwrap_or(State::Top);
    }

    /// The line at the position, if it ends the way an object does.
    fn line(&mut self) -> Option<Cut> {
        let Some(length) = self.window.line() else {
            self.structural_until = self.window.offset() + self.window.chunk() as u64;
            return None;
        };
        if self.window.is_over(length as u64) {
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

    /// Inside an array of objects.
    fn in_array(&mut self) -> io::Result<Step> {
        let skipped = self.window.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
        match self.window.rest() {
            [] if self.more_follows => Ok(Step::End),
            [] => Ok(self.not_closed("the array is not closed")),
            [b']', ..] => {
                self.window.consume(1);
                match self.state {
                    State::Array(Some(wrapper)) => self.state = State::Tail(wrapper),
                    _ => self.leave(),
                }
                Ok(Step::Again)
            }
            [b'{', ..] => {
                if let Some(cut) = self.element(skipped) {
                    return Ok(Step::Cut(cut));
                }
                let wraps = match self.state {
                    State::Array(Some(Wrapper::Tables)) => Wraps::Rows,
                    _ if self.outer.len() < NESTED_CONTAINERS => Wraps::Records,
                    _ => Wraps::Nothing,
                };
                self.structure(Scanner::object(wraps), Resync::Element)
            }
            _ => Ok(Step::Cut(self.no_records(Scanner::in_list(b'{'), Resync::Element))),
        }
    }

    /// The element at the position, as far as its end can be guessed.
    fn element(&mut self, skipped: usize) -> Option<Cut> {
        let in_tables = self.state == State::Array(Some(Wrapper::Tables));
        let guess = self.guess.as_mut().filter(|_| !in_tables)?;
        let offset = self.window.offset();
        let length = guess.length(offset, self.window.behind(skipped as u64), self.window.rest())?;
        if self.window.is_over(length as u64) {
            return None;
        }
        guess.ended(offset + length as u64);
        let (place, line_start) = (self.place(length), self.window.at_line_start());
        let (position, line) = self.window.consume_line(length);
        self.last_element = Some((position, line, line_start));
        Some(Cut { kind: FrameKind::Element, place, at_hand: true })
    }

    /// Inside the rows of a table.
    fn in_rows(&mut self) -> io::Result<Step> {
        self.window.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
        match self.window.rest() {
            [] => Ok(self.not_closed("the rows are not closed")),
            [b']', ..] => {
                self.window.consume(1);
                self.state = State::Tail(Wrapper::Rows);
                Ok(Step::Again)
            }
            [b'[', ..] => self.structure(Scanner::row(), Resync::Row),
            _ => Ok(Step::Cut(self.no_records(Scanner::in_list(b'['), Resync::Row))),
        }
    }

    /// Behind a wrapper's array: its other members, if any, and its closing brace.
    fn in_tail(&mut self, wrapper: Wrapper) -> io::Result<Step> {
        let mut scanner =
            Scanner::in_object(if wrapper == Wrapper::Rows { Wraps::Rows } else { Wraps::Records });
        loop {
            match scanner.feed(self.window.rest()) {
                Progress::End(length) => {
                    self.window.consume(length);
                    self.leave();
                    if wrapper == Wrapper::Tables && scanner.has_error_member() {
                        return Ok(Step::Cut(self.partial_answer()));
                    }
                    return Ok(Step::Again);
                }
                Progress::Wrapped(length, wrapper) => {
                    // Another array of the same object.
                    self.leave();
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
                        self.ran_out = true;
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
            let within = self.window.within_record();
            let room = within.len();
            match scanner.feed(within.get(fed..).unwrap_or_default()) {
                Progress::End(length) => {
                    let length = fed + length;
                    self.window.consume(length);
                    let place = Place { bytes: length as u64, ..place };
                    if resync == Resync::Line {
                        self.containers.insert(Container::Objects);
                    }
                    let kind = if resync == Resync::Row { FrameKind::Row } else { FrameKind::Object };
                    if let Some(guess) = &mut self.guess {
                        guess.ended(place.offset + place.bytes);
                    }
                    return Ok(Step::Cut(Cut { kind, place, at_hand: true }));
                }
                Progress::Wrapped(length, wrapper) => {
                    self.enter_wrapper(fed + length, wrapper);
                    return Ok(Step::Again);
                }
                Progress::Broken(length, reason) => {
                    return Ok(Step::Cut(self.broken(place, fed + length, reason, resync)));
                }
                Progress::More => fed = room,
            }
            if self.window.is_over(fed as u64 + 1) {
                return Ok(Step::Cut(self.too_long(place, fed, scanner)));
            }
            if !self.window.more() {
                self.ran_out = true;
                return Ok(Step::Cut(self.broken(place, fed, Reason::Truncated, resync)));
            }
        }
    }

    /// A place at the position.
    fn place(&self, bytes: usize) -> Place {
        Place { offset: self.window.offset(), line: self.window.line_number(), bytes: bytes as u64 }
    }

    /// Skips white space (and byte order marks) outside containers, counting the lines that hold
    /// nothing else.
    fn skip_blank_lines(&mut self) {
        // What stands between nearly all records.
        if let [b'\n', b'{', ..] = self.window.rest()
            && !self.window.at_line_start()
        {
            self.window.consume(1);
            return;
        }
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

/// Where in a line the object begins that ends it, behind other text; the decoder proves it.
fn prefix_of(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end();
    if line.last() != Some(&b'}') {
        return None;
    }
    memchr::memmem::find(line, b"{\"").filter(|at| *at > 0)
}

#[cfg(test)]
mod tests;
