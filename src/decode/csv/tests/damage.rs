//! Damaged and hostile files: nothing panics, nothing is lost without a word, whole rows are kept.

use std::cell::Cell as Counter;

use super::*;

/// Gives a byte at a time.
struct Slow<'b>(&'b [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.len().min(1).min(buffer.len());
        let (front, rest) = self.0.split_at(length);
        buffer[..length].copy_from_slice(front);
        self.0 = rest;
        Ok(length)
    }
}

fn plain() -> ResolvedDates {
    ResolvedDates::unsurveyed(&Dates::default())
}

/// Whether frames follow each other, and nothing but headers, blank lines and line ends lies
/// between them.
fn check(file: &[u8], read: &FileRead) {
    let mut places: Vec<Place> = read.records.iter().map(|(_, place)| *place).collect();
    places.extend(read.rejects.iter().map(|reject| reject.place));
    places.sort();
    let (mut at, mut line, mut between) = (0, 1, Vec::new());
    for place in &places {
        let start = usize::try_from(place.offset).unwrap();
        assert!(start >= at, "{place:?}");
        line += line_ends(&file[at..start]);
        assert_eq!(place.line, line, "{place:?}");
        between.extend(&file[at..start]);
        at = start + usize::try_from(place.bytes).unwrap();
        line += line_ends(&file[start..at]);
    }
    between.extend(&file[at..]);
    let lines = between.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lost: Vec<_> = lines
        .filter(|line| line.iter().any(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b',' | b'"')))
        .filter(|line| !String::from_utf8_lossy(line).contains("OperationName"))
        .map(String::from_utf8_lossy)
        .collect();
    // Records of other logs are handed out without their place.
    assert!(lost.is_empty() || !read.not_audit.is_empty(), "{lost:?} in {}", String::from_utf8_lossy(file));
    assert_eq!(read.totals.bytes, file.len() as u64);
}

const HEADER: &str = "TimeGenerated,OperationName,Category,ResultDescription\n";

fn row(second: usize, message: &str) -> String {
    format!("2025-02-25T00:00:{second:02}Z,SecretGet,AuditEvent,{message}\n")
}

#[test]
fn every_kind_of_damage_has_its_reason_and_costs_no_other_row() {
    let cases: [(&[u8], Reason); 12] = [
        (b"2025-02-25T00:00:00Z,SecretGet,AuditEvent\n", Reason::InvalidCsv),
        (b"2025-02-25T00:00:00Z,SecretGet,AuditEvent,a,b\n", Reason::InvalidCsv),
        (b"{\"time\":\"2025-02-25T00:00:00Z\"}\n", Reason::InvalidCsv),
        (b"2025-02-25T00:00:00Z,SecretGet,AuditEvent,\"a\"b\n", Reason::InvalidCsv),
        // Cut within a quoted cell, and the next row follows.
        (b"2025-02-25T00:00:00Z,SecretGet,AuditEvent,\"Caller is not\n", Reason::InvalidCsv),
        (b"2025-02-25T00:00:00Z,\"Secr\n", Reason::InvalidCsv),
        (b"2025-02-25T00:00:00Z,SecretGet,AuditEvent,a\xff\n", Reason::InvalidUtf8),
        (b"2025-02-25T00:00:00Z,SecretGet,AuditEvent,a\0b\n", Reason::NulBytes),
        (b"\0\0\0\0\0\0\n", Reason::NulBytes),
        (b"2025-02-25T00:00:00Z,,,x\n", Reason::NotARecord),
        (b"a,b,c,\"d\ne\",f\n", Reason::InvalidCsv),
        (b"\xef\xbb\xbf\xef\xbb\xbf\n", Reason::InvalidCsv),
    ];
    for (damage, reason) in cases {
        let whole = row(1, "\"a\nb\"") + &row(2, "c");
        let file = [HEADER.as_bytes(), whole.as_bytes(), damage, whole.as_bytes()].concat();
        let read = read_within(&*file, 1 << 20, &plain());
        let text = String::from_utf8_lossy(damage);
        assert_eq!((read.records.len(), read.reasons()), (4, vec![reason]), "{text}");
        assert_eq!(read.rejects[0].place.bytes, damage.len() as u64 - 1, "{text}");
        check(&file, &read);
    }
}

#[test]
fn bytes_that_are_no_text_in_a_column_that_is_not_read_do_no_harm() {
    let file = [
        b"TimeGenerated,OperationName,What,Category\n" as &[u8],
        b"2025-02-25T00:00:00Z,SecretGet,\xff,AuditEvent\n",
    ];
    let read = read_within(&*file.concat(), 1 << 20, &plain());
    assert_eq!((read.records.len(), read.reasons()), (1, vec![]));
}

#[test]
fn a_file_cut_anywhere_keeps_its_whole_rows() {
    let file =
        HEADER.to_owned() + &row(1, "\"a\n\"\"b\"\",c\"") + "\r\n" + &row(2, "d") + &row(3, "\"é\r\n\"");
    let whole = read_within(file.as_bytes(), 1 << 20, &plain());
    assert_eq!((whole.records.len(), whole.reasons(), whole.totals.blank), (3, vec![], 2));
    for end in 0..file.len() {
        let cut = &file.as_bytes()[..end];
        let read = read_within(cut, 1 << 20, &plain());
        check(cut, &read);
        let before =
            whole.records.iter().filter(|(_, place)| place.offset + place.bytes < end as u64).count();
        assert!(read.records.len() >= before, "{end}");
        assert!(whole.records.starts_with(&read.records[..before]), "{end}");
        assert!(read.records.len() + read.rejects.len() <= before + 1, "{end}: {read:?}");
        assert_eq!(read, read_within(Slow(cut), 1 << 20, &plain()), "{end}");
        let _ = (is_csv(cut), other_export(cut), needs_survey(cut, &Dates::default()));
    }
}

#[test]
fn a_cut_row_says_so() {
    let file = HEADER.to_owned() + &row(1, "a");
    for (end, reason) in [
        ("2025-02-25T00:00:09Z,Sec", Reason::Truncated),
        ("2025-02-25T00:00:09Z,S,A,\"b\nc\n", Reason::Truncated),
    ] {
        let read = read_within((file.clone() + end).as_bytes(), 1 << 20, &plain());
        assert_eq!((read.records.len(), read.reasons()), (1, vec![reason]), "{end}");
    }
}

#[test]
fn a_quote_that_is_never_closed_takes_bounded_memory_and_few_rows() {
    // 50 MB behind the quote, of which a window is ever at hand.
    let start = HEADER.to_owned() + &row(1, "a") + "2025-02-25T00:00:00Z,SecretGet,AuditEvent,\"open\n";
    let line = "x".repeat(900);
    let filler = io::repeat(b'x').take(50 << 20);
    let end = format!("\n{}", row(2, "b"));
    let reader = start.as_bytes().chain(filler).chain(end.as_bytes());
    let read = read_counted(reader, 1 << 20);
    assert_eq!((read.records.len(), read.reasons()), (2, vec![Reason::TooLong]));
    assert!(read.rejects[0].place.bytes > 50 << 20);

    // Lines that are rows are found again behind the line with the quote.
    let rows: String = (0..60).map(|second| row(second, &line)).collect();
    let file = start.clone() + &rows.repeat(100);
    let read = read_counted(file.as_bytes(), 1 << 20);
    assert_eq!((read.records.len(), read.reasons()), (6001, vec![Reason::InvalidCsv]));
    check(file.as_bytes(), &read);
}

/// Reads, and checks at each frame how far ahead of it the reader is.
fn read_counted(reader: impl Read, max: usize) -> FileRead {
    struct Counted<'c, R>(R, &'c Counter<u64>);
    impl<R: Read> Read for Counted<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            self.1.set(self.1.get() + read as u64);
            Ok(read)
        }
    }
    let given = Counter::new(0);
    let mut read = FileRead::default();
    let limits = Limits { max_record_bytes: max, ..Limits::default() };
    let (totals, result) = decode(Counted(reader, &given), limits, &plain(), |found| {
        let place = match found {
            Decoded::Record(record, place) => {
                read.records.push((record.clone().into_owned(), place));
                place
            }
            Decoded::Reject(reject, bytes) => {
                assert!(bytes.len() <= max + 3);
                read.rejects.push(reject.clone());
                reject.place
            }
            Decoded::NotAudit(_) => unreachable!(),
        };
        // The header is looked for in 2 MB; what is read at a time is 1 MB.
        assert!(given.get() <= place.offset + place.bytes + max as u64 + (4 << 20), "{place:?}");
        true
    });
    result.unwrap();
    read.totals = totals;
    read
}

#[test]
fn quotes_made_to_be_looked_at_again_and_again_are_given_up() {
    // From either state of the quotes, each of these lines ends within a quoted field: if every line
    // were tried as a row up to the limit, this would not end.
    let file = HEADER.to_owned() + &"a\"b,\"\n".repeat(400_000) + "\"\n" + &row(1, "a");
    let read = read_counted(file.as_bytes(), 1 << 20);
    assert!(read.records.len() <= 1 && !read.rejects.is_empty());
    check(file.as_bytes(), &read);
    // The same with a whole row behind each.
    let pair = format!("a\"b,\"\n{}", row(1, "a"));
    let file = HEADER.to_owned() + &pair.repeat(40_000);
    let read = read_counted(file.as_bytes(), 1 << 20);
    assert!(!read.records.is_empty());
    check(file.as_bytes(), &read);
}

#[test]
fn long_rows_are_rejected_at_the_limit_and_not_before() {
    let long = |length: usize, end: &str| {
        let front = "2025-02-25T00:00:00Z,SecretGet,AuditEvent,";
        format!("{HEADER}{front}{}{end}{}", "x".repeat(length - front.len()), row(1, "a"))
    };
    for end in ["\n", "\r\n", "\r"] {
        for (length, reasons) in [(100, vec![]), (101, vec![Reason::TooLong]), (104, vec![Reason::TooLong])] {
            let file = long(length, end);
            let read = read_within(file.as_bytes(), 100, &plain());
            // Where the end was not seen within the limit, the next line is looked for, and a lone
            // carriage return ends no line of this file.
            let lost = usize::from(!reasons.is_empty()) + usize::from(end == "\r" && length == 104);
            assert_eq!((read.reasons(), read.records.len()), (reasons, 2 - lost), "{length} {end:?}");
            assert_eq!(read, read_within(Slow(file.as_bytes()), 100, &plain()));
        }
    }
}

#[test]
fn a_blob_without_a_header_is_one_reject() {
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(HEADER.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (file, reason, detail) in [
        (&utf16[..], Reason::NotJson, "UTF-16"),
        (b"a,b\n1,2\n", Reason::InvalidCsv, "header"),
        (b"\0\0\0\0", Reason::NulBytes, "header"),
    ] {
        let read = read_within(file, 1 << 20, &plain());
        assert_eq!((read.reasons(), read.totals.bytes), (vec![reason], file.len() as u64));
        assert!(read.detail().contains(detail) && !is_csv(file));
    }
    assert_eq!(read_within(&b""[..], 1 << 20, &plain()), FileRead::default());
}

#[test]
fn a_reader_that_fails_cuts_one_row() {
    struct Failing<'b>(&'b [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::other("gone")) } else { self.0.read(buffer) }
        }
    }
    let file = HEADER.to_owned() + &row(1, "a") + "2025-02-25T00:00:02Z,SecretGet,AuditEvent,b";
    let (mut records, mut reasons) = (0, Vec::new());
    let (totals, result) = decode(Failing(file.as_bytes()), Limits::default(), &plain(), |found| {
        match found {
            Decoded::Record(..) => records += 1,
            Decoded::Reject(reject, _) => reasons.push(reject.reason),
            Decoded::NotAudit(_) => {}
        }
        true
    });
    assert!(result.is_err() && totals.bytes == file.len() as u64);
    assert_eq!((records, reasons), (1, vec![Reason::Truncated]));
    assert!(survey(Failing(file.as_bytes()), Limits::default()).1.is_err());
}

/// A file, damaged in some places.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![Just("a"), Just("\"b\nc\""), Just("\"d \"\"e\"\",f\""), Just("")];
    let rows = proptest::collection::vec((0_usize..60, message), 0..8);
    let piece = proptest::sample::select(vec![
        &b"\""[..],
        b",",
        b"\n",
        b"\r",
        b"\r\n",
        b"\"\"",
        b"\0",
        b"\xff",
        b"",
        b"TimeGenerated,OperationName\n",
        b"\xef\xbb\xbf",
    ]);
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..30, piece), 0..4);
    (rows, damage).prop_map(|(rows, damage)| {
        let mut file: Vec<u8> =
            rows.iter().flat_map(|(second, message)| row(*second, message).into_bytes()).collect();
        for (at, length, piece) in damage {
            let at = at.index(file.len() + 1);
            let end = (at + length).min(file.len());
            file.splice(at..end, piece.iter().copied());
        }
        [HEADER.as_bytes(), &file].concat()
    })
}

proptest! {
    #[test]
    fn damage_of_any_kind_is_accounted_for(file in damaged(), max in prop_oneof![Just(60_usize), Just(1 << 20)]) {
        let read = read_within(&*file, max, &plain());
        check(&file, &read);
        prop_assert_eq!(&read, &read_within(Slow(&file), max, &plain()));
        let (survey, result) = survey(&*file, Limits::default());
        prop_assert!(result.is_ok());
        // Whatever it decides, the rows are taken the same way.
        let dates = survey.resolve(&Dates { order: Some(DateOrder::Dmy), zone: None });
        check(&file, &read_within(&*file, max, &dates));
    }

    #[test]
    fn any_bytes_behind_a_header_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let file = [HEADER.as_bytes(), &bytes].concat();
        check(&file, &read_within(&*file, 100, &plain()));
        let _ = read_within(&*bytes, 100, &plain());
    }
}
