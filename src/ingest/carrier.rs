//! What carries the records of a blob, and the decoder for it.
//!
//! Text is read as it comes. A CSV whose dates have two readings is read once before, for its dates
//! alone; Parquet is read out of order. Both need a file: what is none, or is compressed, is copied
//! to a temporary one.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};

use crate::decode::compression::Compression;
use crate::decode::csv::{self, Dates, ResolvedDates};
use crate::decode::{Decoded, Limits, Remembered, Totals, capture, decode_next, parquet};
use crate::source::{Blob, BlobPlace};

/// How many first bytes tell what a blob is: a CSV's header must be among them.
const HEAD_BYTES: u64 = 16 << 10;

/// What carries records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    /// Text with JSON in it.
    Text,
    /// Comma-separated values.
    Csv,
    /// Event Hubs Capture.
    Capture,
    /// Parquet.
    Parquet,
}

impl Carrier {
    /// What the first bytes show.
    fn of(head: &[u8]) -> Self {
        if capture::is_capture(head) {
            Self::Capture
        } else if parquet::is_parquet(head) {
            Self::Parquet
        } else if csv::is_csv(head) {
            Self::Csv
        } else {
            Self::Text
        }
    }
}

/// Whether the first bytes of a plain blob are those of text with JSON in it.
pub(super) fn is_text(head: &[u8]) -> bool {
    let length = usize::try_from(HEAD_BYTES).unwrap_or(usize::MAX);
    Carrier::of(head.get(..length).unwrap_or(head)) == Carrier::Text
}

/// Reads a whole blob with the decoder that its first bytes ask for.
///
/// # Errors
/// What reading it, or its temporary copy, reports.
pub(super) fn decode_blob(
    blob: &Blob,
    compression: Compression,
    mut reader: impl Read,
    limits: Limits,
    dates: &Dates,
    remembered: &mut Remembered,
    sink: impl FnMut(Decoded<'_>) -> bool,
) -> (Totals, io::Result<()>) {
    let mut head = Vec::new();
    // An error comes again behind the bytes that were read before it.
    let failed = reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head).err();
    let rest: Box<dyn Read> = match failed {
        Some(error) => Box::new(Fails(Some(error))),
        None => Box::new(reader),
    };
    let whole = Cursor::new(&head).chain(rest);
    match Carrier::of(&head) {
        Carrier::Text => decode_next(whole, limits, remembered, sink),
        Carrier::Capture => capture::decode(whole, limits, sink),
        Carrier::Csv if !csv::needs_survey(&head, dates) => {
            csv::decode(whole, limits, &ResolvedDates::unsurveyed(dates), sink)
        }
        Carrier::Csv => with_file(blob, compression, whole, |mut file| {
            let (survey, result) = csv::survey(&mut file, limits);
            if let Err(error) = result.and_then(|()| file.rewind()) {
                return (Totals::default(), Err(error));
            }
            csv::decode(file, limits, &survey.resolve(dates), sink)
        }),
        Carrier::Parquet => with_file(blob, compression, whole, |file| parquet::decode(file, limits, sink)),
    }
}

/// Decodes a file with the blob's decompressed bytes: its own, or a temporary one. The stored bytes go
/// by all the same, so that they are counted and digested. What could be read of a blob that fails is
/// decoded before the failure is told.
fn with_file(
    blob: &Blob,
    compression: Compression,
    mut whole: impl Read,
    decode: impl FnOnce(File) -> (Totals, io::Result<()>),
) -> (Totals, io::Result<()>) {
    let opened = if let BlobPlace::File(path) = &blob.place
        && compression == Compression::None
        && path.is_file()
    {
        io::copy(&mut whole, &mut io::sink()).and_then(|_| Ok((File::open(path)?, None)))
    } else {
        tempfile::tempfile().and_then(|mut file| {
            let failed = io::copy(&mut whole, &mut file).err();
            file.rewind()?;
            Ok((file, failed))
        })
    };
    match opened {
        Ok((file, failed)) => {
            let (totals, result) = decode(file);
            (totals, result.and_then(|()| failed.map_or(Ok(()), Err)))
        }
        Err(error) => (Totals::default(), Err(error)),
    }
}

/// A reader that fails.
struct Fails(Option<io::Error>);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
