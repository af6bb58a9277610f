//! Files written by `apache-avro`'s writer, by fastavro, and by hand where no writer would.

mod damage;
mod hostile;
mod limits;
mod roundtrip;
mod written;

use std::io::{self, Read};

use written::*;

use super::super::{Place, Reject};
use super::*;
use crate::decode::shape::Containers;

/// What a file decodes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Each record's correlation id and place.
    records: Vec<(String, Place)>,
    not_audit: usize,
    rejects: Vec<Reject>,
    totals: Totals,
    error: Option<io::ErrorKind>,
}

impl Found {
    fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|(id, _)| id.as_str()).collect()
    }

    fn reasons(&self) -> Vec<Reason> {
        self.rejects.iter().map(|reject| reject.reason).collect()
    }

    fn detail(&self) -> &str {
        self.rejects[0].detail.as_deref().unwrap()
    }
}

fn read_from(reader: impl Read, limits: Limits) -> Found {
    let mut found = Found::default();
    let (totals, result) = decode(reader, limits, |unit| {
        match unit {
            Decoded::Record(record, place) => {
                found.records.push((record.correlation_id.as_deref().unwrap_or("none").to_owned(), place));
            }
            Decoded::NotAudit(_) => found.not_audit += 1,
            Decoded::Reject(reject, _) => found.rejects.push(reject),
        }
        true
    });
    found.totals = totals;
    found.error = result.err().map(|error| error.kind());
    found
}

fn read(file: &[u8]) -> Found {
    read_from(file, Limits::default())
}

/// Gives a few bytes at a time, and fails at the end if told so.
struct Trickle<'a>(&'a [u8], usize, Option<io::ErrorKind>);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = later;
        match self.2 {
            Some(kind) if length == 0 => Err(io::Error::from(kind)),
            _ => Ok(length),
        }
    }
}

/// Bodies of each form: a batch of mixed services, one record, lines, none, an empty one, a batch
/// behind which stands a line end.
fn mixed() -> Vec<Option<Vec<u8>>> {
    let other = r#"{"category":"AuditEvent","operationName":"X","resourceId":"/S/PROVIDERS/MICROSOFT.BATCH/BATCHACCOUNTS/A"}"#;
    let batch = format!("{{\"records\":[{},{other},{}]}}", record("a"), record("b"));
    let lines = format!("{}\n{}\r\n\n{}\n", record("d"), record("e"), record("f"));
    let bodies = [batch, record("c"), lines, String::new(), format!("{{\"records\":[{}]}}\n", record("g"))];
    let mut bodies: Vec<_> = bodies.into_iter().map(|body| Some(body.into_bytes())).collect();
    bodies.insert(2, None);
    bodies
}

/// The containers of a Capture file.
fn only_capture() -> Containers {
    [Container::Capture].into_iter().collect()
}

#[test]
fn every_codec_gives_what_the_bodies_hold() {
    let bodies = mixed();
    let joined = bodies.iter().flatten().flatten().copied().collect::<Vec<u8>>();
    for codec in codecs() {
        for block_bytes in [1, 700, 1 << 20] {
            let found = read(&write(codec, &bodies, block_bytes));
            assert_eq!(found.ids(), ["a", "b", "c", "d", "e", "f", "g"], "{codec:?}");
            assert_eq!((found.not_audit, found.reasons(), found.error), (1, vec![], None));
            let lines: Vec<u64> = found.records.iter().map(|(_, place)| place.line).collect();
            assert_eq!(lines, [1, 1, 2, 4, 4, 4, 6], "the number of the event");
            for (id, place) in &found.records {
                let [start, length] = [place.offset, place.bytes].map(|at| usize::try_from(at).unwrap());
                assert_eq!(joined[start..start + length], *record(id).as_bytes());
            }
            let Totals { bytes, line_ends, blank, containers, incomplete, .. } = found.totals;
            assert_eq!((bytes, line_ends, blank), (joined.len() as u64, 5, 3));
            assert!(containers == only_capture() && !incomplete);
        }
    }
}

#[test]
fn how_the_bytes_come_does_not_matter() {
    for codec in codecs() {
        let file = write(codec, &mixed(), 700);
        let damaged = [&file[..file.len() / 2], b"what", &file[file.len() / 2 + 30..]].concat();
        for file in [&file, &damaged, &file[..file.len() - 5]] {
            let whole = read(file);
            for step in [1, 3, 64] {
                assert_eq!(read_from(Trickle(file, step, None), Limits::default()), whole, "{codec:?}");
            }
        }
    }
}

#[test]
fn an_empty_window_is_no_damage() {
    assert_eq!(read(b""), Found::default());
    for codec in codecs() {
        let found = read(&write(codec, &[], 1));
        let totals = Totals { containers: only_capture(), ..Totals::default() };
        assert_eq!(found, Found { totals, ..Found::default() });
    }
}

#[test]
fn a_sink_can_stop() {
    for codec in codecs() {
        for enough in 1..=3 {
            let mut seen = 0;
            let file = write(codec, &mixed(), 1 << 20);
            let (totals, result) = decode(&file[..], Limits::default(), |_| {
                seen += 1;
                seen < enough
            });
            assert!(result.is_ok() && seen == enough, "{codec:?}");
            assert!(!totals.incomplete);
        }
    }
}

#[test]
fn an_error_of_the_reader_comes_behind_what_was_read() {
    for codec in codecs() {
        let file = write(codec, &mixed(), 1);
        let reader = Trickle(&file[..file.len() - 30], 50, Some(io::ErrorKind::ConnectionReset));
        let found = read_from(reader, Limits::default());
        assert_eq!(found.error, Some(io::ErrorKind::ConnectionReset));
        assert_eq!(found.reasons(), [Reason::Truncated]);
        assert!(found.ids().starts_with(&["a", "b", "c", "d", "e", "f"]), "{codec:?}");
        // Between two blocks only the error itself is told.
        let found = read_from(Trickle(&file, 50, Some(io::ErrorKind::TimedOut)), Limits::default());
        assert_eq!(
            (found.records.len(), found.rejects.len(), found.error),
            (7, 0, Some(io::ErrorKind::TimedOut))
        );
    }
}

#[test]
fn the_body_may_stand_anywhere_in_an_event() {
    let (schema, value, body) = every_type();
    let mut writer = apache_avro::Writer::new(&schema, Vec::new()).unwrap();
    for _ in 0..3 {
        writer.append_value(value.clone()).unwrap();
    }
    let found = read(&writer.into_inner().unwrap());
    assert_eq!((found.ids(), found.reasons()), (vec!["x"; 3], vec![]));
    assert_eq!(found.totals.bytes, 3 * body.len() as u64);
}

#[test]
fn a_body_of_another_form_is_told_at_its_event() {
    let bodies: Vec<_> =
        [r#"{"records":[{"category":"Aud"#, "text", "{}"].map(|body| Some(body.into())).into();
    let found = read(&write(codecs()[0], &bodies, 1 << 20));
    assert_eq!(found.reasons(), [Reason::Truncated, Reason::NotJson, Reason::NotARecord]);
    let places: Vec<_> =
        found.rejects.iter().map(|reject| (reject.place.line, reject.place.offset)).collect();
    assert_eq!(places, [(1, 12), (2, 28), (3, 32)]);
}

#[test]
fn another_writer_is_read() {
    let files: [&[u8]; 3] = [
        include_bytes!("../../../tests/data/capture/fastavro-deflate.avro"),
        include_bytes!("../../../tests/data/capture/fastavro-snappy.avro"),
        include_bytes!("../../../tests/data/capture/fastavro-zstandard.avro"),
    ];
    for file in files {
        assert!(is_capture(file));
        let found = read(file);
        let ids: Vec<String> = (0..24).map(|index| format!("00000000-0000-0000-0000-{index:012}")).collect();
        assert_eq!(found.ids(), ids);
        assert_eq!((found.not_audit, found.reasons(), found.totals.blank), (6, vec![], 2));
    }
}
