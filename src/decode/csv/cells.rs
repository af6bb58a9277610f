//! The grammar of CSV (RFC 4180): where a row ends, and where its cells are.
//!
//! Input: the bytes from a row's start on, as many as are at hand. Output: an [`Extent`] and the
//! place of each [`Cell`]; nothing is copied. A row may be fed in pieces and each byte is looked at
//! once. Like the csv crate it ends rows at `\n`, `\r\n` and a lone `\r` and takes a quote inside an
//! unquoted field as it is; unlike it, it says where text follows a closing quote, which no writer
//! produces and which is how a cut row that runs into the next one shows. Must not read.

use std::borrow::Cow;

/// A byte order mark, which may stand before any row that was the first of a file once.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a cell's text stands in its row, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Quotes in it are doubled.
    pub(super) escaped: bool,
}

impl Cell {
    /// The cell's bytes in its row, with quotes still doubled.
    pub(super) fn raw(self, row: &[u8]) -> &[u8] {
        row.get(self.start..self.end).unwrap_or_default()
    }

    /// The cell's text, with a replacement for what is not UTF-8.
    pub(super) fn text(self, row: &[u8]) -> Cow<'_, str> {
        if !self.escaped {
            return String::from_utf8_lossy(self.raw(row));
        }
        let mut text = Vec::new();
        unescape(self.raw(row), &mut text);
        Cow::Owned(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Appends a cell's bytes with each doubled quote once.
pub(super) fn unescape(raw: &[u8], text: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'"', rest) {
        let (front, behind) = rest.split_at(at + 1);
        text.extend_from_slice(front);
        rest = behind.strip_prefix(b"\"").unwrap_or(behind);
    }
    text.extend_from_slice(rest);
}

/// Why a row was no longer than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A line end.
    Line,
    /// The blob ended.
    Blob,
    /// No more bytes were allowed to it.
    Limit,
}

/// What one row takes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes without the line end.
    pub(super) content: usize,
    /// Bytes with the line end.
    pub(super) length: usize,
    pub(super) end: End,
    /// How many fields it has.
    pub(super) fields: usize,
    /// A quoted field was not closed.
    pub(super) open: bool,
    /// The first field, from 1, with text behind its closing quote.
    pub(super) misplaced: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the first byte of a row.
    Row,
    /// At the first byte of a field.
    Field,
    Unquoted,
    Quoted,
    /// Behind a quote within a quoted field.
    Quote,
    /// Behind a carriage return that ended the row.
    Return,
}

/// Finds the end of one row, and its cells.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) delimiter: u8,
    /// Cells beyond this many are counted and not kept.
    pub(super) keep: usize,
    cells: Vec<Cell>,
    state: State,
    at: usize,
    start: usize,
    escaped: bool,
    fields: usize,
    misplaced: Option<usize>,
}

impl Scanner {
    pub(super) fn new(delimiter: u8, keep: usize) -> Self {
        Self {
            delimiter,
            keep,
            cells: Vec::new(),
            state: State::Row,
            at: 0,
            start: 0,
            escaped: false,
            fields: 0,
            misplaced: None,
        }
    }

    /// The cells of the row last scanned.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Gets ready for a new row.
    pub(super) fn restart(&mut self) {
        self.cells.clear();
        self.state = State::Row;
        (self.at, self.start, self.fields, self.misplaced) = (0, 0, 0, None);
    }

    /// Looks at a row's bytes, of which earlier calls have seen the front; `None` when its end is
    /// not among them.
    pub(super) fn feed(&mut self, row: &[u8]) -> Option<Extent> {
        loop {
            let rest = row.get(self.at..).unwrap_or_default();
            let extent = match self.state {
                State::Row => {
                    if MARK.starts_with(rest) && rest != MARK {
                        return None;
                    }
                    self.at = if rest.starts_with(MARK) { MARK.len() } else { 0 };
                    self.state = State::Field;
                    None
                }
                State::Field => {
                    let quoted = *rest.first()? == b'"';
                    self.at += usize::from(quoted);
                    (self.start, self.escaped) = (self.at, false);
                    self.state = if quoted { State::Quoted } else { State::Unquoted };
                    None
                }
                State::Unquoted => {
                    self.pass(rest, memchr::memchr3(self.delimiter, b'\n', b'\r', rest))?;
                    self.close(self.at);
                    self.boundary(row)
                }
                State::Quoted => {
                    self.pass(rest, memchr::memchr(b'"', rest))?;
                    self.at += 1;
                    self.state = State::Quote;
                    None
                }
                State::Quote => self.behind_quote(row, *rest.first()?),
                State::Return => {
                    let length = self.at + usize::from(*rest.first()? == b'\n');
                    Some(self.extent(self.at - 1, length, End::Line))
                }
            };
            if extent.is_some() {
                return extent;
            }
        }
    }

    /// Steps to what was found in the rest of the row, or over all of it.
    fn pass(&mut self, rest: &[u8], found: Option<usize>) -> Option<()> {
        self.at += found.unwrap_or(rest.len());
        found.map(|_| ())
    }

    /// At the byte behind a quote within a quoted field.
    fn behind_quote(&mut self, row: &[u8], byte: u8) -> Option<Extent> {
        if byte == b'"' {
            self.escaped = true;
            self.at += 1;
            self.state = State::Quoted;
        } else if byte == self.delimiter || byte == b'\n' || byte == b'\r' {
            self.close(self.at - 1);
            return self.boundary(row);
        } else {
            self.misplaced = self.misplaced.or(Some(self.fields + 1));
            self.state = State::Unquoted;
        }
        None
    }

    /// Behind a cell, at the delimiter or line end that closes it.
    fn boundary(&mut self, row: &[u8]) -> Option<Extent> {
        let byte = row.get(self.at).copied();
        self.at += 1;
        match byte {
            Some(b'\n') => return Some(self.extent(self.at - 1, self.at, End::Line)),
            Some(b'\r') => self.state = State::Return,
            _ => self.state = State::Field,
        }
        None
    }

    fn close(&mut self, end: usize) {
        self.fields += 1;
        if self.cells.len() < self.keep {
            self.cells.push(Cell { start: self.start, end, escaped: self.escaped });
        }
    }

    /// The row, when it gets no more bytes than these.
    pub(super) fn finish(&mut self, row: &[u8], end: End) -> Extent {
        let length = row.len();
        let open = self.state == State::Quoted;
        match self.state {
            State::Row | State::Field => {
                (self.start, self.escaped) = (self.at, false);
                self.close(length);
            }
            State::Unquoted | State::Quoted => self.close(length),
            State::Quote => self.close(length - 1),
            State::Return if end == End::Blob => return self.extent(length - 1, length, End::Line),
            State::Return => {}
        }
        Extent { open, ..self.extent(length, length, end) }
    }

    fn extent(&self, content: usize, length: usize, end: End) -> Extent {
        Extent { content, length, end, fields: self.fields, open: false, misplaced: self.misplaced }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every row of some bytes: its extent and its cells.
    fn rows(bytes: &[u8], delimiter: u8) -> Vec<(Extent, Vec<Vec<u8>>)> {
        let mut scanner = Scanner::new(delimiter, usize::MAX);
        let (mut rows, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            scanner.restart();
            let extent = scanner.feed(rest).unwrap_or_else(|| scanner.finish(rest, End::Blob));
            let cells = scanner.cells().iter().map(|cell| {
                let mut text = Vec::new();
                if cell.escaped {
                    unescape(cell.raw(rest), &mut text);
                } else {
                    text.extend(cell.raw(rest));
                }
                text
            });
            rows.push((extent, cells.collect()));
            rest = &rest[extent.length..];
        }
        rows
    }

    /// The same by the csv crate, which leaves out empty lines.
    fn by_the_csv_crate(bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(bytes);
        let rows = reader.byte_records().map(|row| row.unwrap().iter().map(<[u8]>::to_vec).collect());
        rows.collect()
    }

    #[test]
    fn damage_is_told() {
        let first = |bytes: &[u8]| rows(bytes, b',')[0].0;
        assert_eq!(first(b"a,\"b\"x,c\n").misplaced, Some(2));
        assert_eq!(first(b"a,b\"x\"\n").misplaced, None);
        assert!(first(b"a,\"b\nc").open);
        assert!(!first(b"a,\"b\"").open);
        assert_eq!(first(b"a,b\r\nc").length, 5);
        assert_eq!(first(b"a,b\rc").length, 4);
        assert_eq!(rows(b"\xef\xbb\xbf\"a\",b", b',')[0].1, [b"a", b"b"]);
        assert_eq!(rows(b"\xef\xbb", b',')[0].1, [b"\xef\xbb"]);
    }

    #[test]
    fn cells_beyond_those_kept_are_counted() {
        let mut scanner = Scanner::new(b',', 2);
        let extent = scanner.feed(b"a,b,c,d\n").unwrap();
        assert_eq!((extent.fields, scanner.cells().len()), (4, 2));
    }

    /// Bytes that have much of CSV about them.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = proptest::sample::select(vec![
            &b"a"[..],
            b"bc",
            b"\"",
            b"\"\"",
            b",",
            b";",
            b"\n",
            b"\r\n",
            b"\r",
            b" ",
            b"\xff",
            b"",
        ]);
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_agree_with_the_csv_crate(bytes in pieces(), semicolon in any::<bool>()) {
            let delimiter = if semicolon { b';' } else { b',' };
            let mine = rows(&bytes, delimiter);
            let length: usize = mine.iter().map(|(extent, _)| extent.length).sum();
            prop_assert_eq!(length, bytes.len());
            let theirs = by_the_csv_crate(&bytes, delimiter);
            let mine: Vec<_> = mine.into_iter().filter(|(extent, _)| extent.content > 0).collect();
            prop_assert_eq!(mine.len(), theirs.len());
            for ((extent, cells), theirs) in mine.into_iter().zip(theirs) {
                prop_assert_eq!(cells.len(), theirs.len());
                // A row with misplaced text is refused, so its cells do not matter.
                if extent.misplaced.is_none() {
                    prop_assert_eq!(cells, theirs);
                }
            }
        }

        #[test]
        fn pieces_of_a_row_give_the_same(bytes in pieces()) {
            let mut whole = Scanner::new(b',', usize::MAX);
            let expected = whole.feed(&bytes).unwrap_or_else(|| whole.finish(&bytes, End::Blob));
            let mut slow = Scanner::new(b',', usize::MAX);
            let found = (0..=bytes.len()).find_map(|end| slow.feed(&bytes[..end]));
            let found = found.unwrap_or_else(|| slow.finish(&bytes, End::Blob));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(slow.cells(), whole.cells());
        }

        #[test]
        fn what_the_csv_crate_writes_is_read_back(
            table in proptest::collection::vec(
                proptest::collection::vec("[a\",;\r\n é]{0,6}", 2..5), 1..6),
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let mine = rows(&bytes, b',');
            prop_assert!(mine.iter().all(|(extent, _)| !extent.open && extent.misplaced.is_none()));
            let cells: Vec<Vec<Vec<u8>>> = mine.into_iter().map(|(_, cells)| cells).collect();
            let expected: Vec<Vec<Vec<u8>>> = table
                .iter()
                .map(|row| row.iter().map(|cell| cell.as_bytes().to_vec()).collect())
                .collect();
            prop_assert_eq!(cells, expected);
        }
    }
}
