//! The outermost layer: plain, gzip or zstd, told by the first bytes.
//!
//! Input: the stored bytes. Output: the decompressed bytes behind one capped reader. Must not
//! trust a file name.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// Decompressed bytes that any compressed blob may have before its expansion is judged.
pub const FREE_EXPANSION: u64 = 64 << 20;

/// Stored bytes of a compressed blob are read this many at a time.
const STORED_CHUNK: usize = 256 << 10;

/// Reads of so many plain bytes go to the blob itself; fewer are collected. Less than what a framer reads at a time, or
/// each byte would be copied once more.
const PLAIN_CHUNK: usize = 32 << 10;

/// Bytes are decompressed this many at a time: when the decoder meets damage, it keeps back what it
/// has decompressed in the same step. Smaller steps would lose less, and cost time on every blob.
const STEP: usize = 32 << 10;

/// How a blob's bytes are stored.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// As they are.
    #[default]
    None,
    /// RFC 1952, one or many members.
    Gzip,
    /// RFC 8878, one or many frames.
    Zstd,
}

/// How many first bytes tell the compression.
const MAGIC: u64 = 4;

/// The compression that the first bytes of a blob show.
pub fn sniff(start: &[u8]) -> Compression {
    match start {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        // A zstd frame, or one of the sixteen skippable frames that may go before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// The blob outgrew the expansion bound: the payload of the [`io::Error`] a capped reader returns.
#[derive(Debug, thiserror::Error)]
#[error("expands to more than {factor} times its stored bytes; raise --max-expansion if the blob is trusted")]
pub struct ExpansionLimit {
    /// The bound that was passed.
    pub factor: u64,
}

/// Stored bytes and how many of them were taken so far.
struct Counted<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

/// The decompressed bytes of a blob, refused once they outgrow the bound.
pub struct Decompressed<'a> {
    inner: Box<dyn Read + 'a>,
    compression: Compression,
    taken: Rc<Cell<u64>>,
    given: u64,
    factor: u64,
    /// What is wrong behind the bytes that were given.
    error: Option<io::Error>,
}

impl<'a> Decompressed<'a> {
    /// Looks at the first bytes of `stored` and opens the right decoder.
    pub fn open(stored: impl Read + 'a, max_expansion: u64) -> io::Result<Self> {
        let taken = Rc::new(Cell::new(0));
        let mut counted = Counted { inner: stored, taken: Rc::clone(&taken) };
        // A pipe may give fewer bytes at first than tell the kind.
        let mut start = Vec::new();
        counted.by_ref().take(MAGIC).read_to_end(&mut start)?;
        let compression = sniff(&start);
        let chunk = if compression == Compression::None { PLAIN_CHUNK } else { STORED_CHUNK };
        let buffered = BufReader::with_capacity(chunk, Cursor::new(start).chain(counted));
        let inner: Box<dyn Read + 'a> = match compression {
            Compression::None => Box::new(buffered),
            Compression::Gzip => Box::new(MultiGzDecoder::new(buffered)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        };
        Ok(Self { inner, compression, taken, given: 0, factor: max_expansion, error: None })
    }

    /// Bytes that are known to be plain, such as a stretch of a plain blob.
    pub fn plain(stored: impl Read + 'a) -> Self {
        let inner = Box::new(BufReader::with_capacity(PLAIN_CHUNK, stored));
        let taken = Rc::default();
        Self { inner, compression: Compression::None, taken, given: 0, factor: u64::MAX, error: None }
    }

    /// How the blob is stored.
    pub fn compression(&self) -> Compression {
        self.compression
    }
}

impl Decompressed<'_> {
    /// One step of decompression.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.given += read as u64;
        let bound = FREE_EXPANSION.saturating_add(self.taken.get().saturating_mul(self.factor));
        if self.given > bound {
            return Err(io::Error::other(ExpansionLimit { factor: self.factor }));
        }
        Ok(read)
    }
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.compression == Compression::None {
            return self.inner.read(buffer);
        }
        let mut filled = 0;
        for step in buffer.chunks_mut(STEP) {
            let failed = self.error.take();
            match failed.map_or_else(|| self.step(step), Err) {
                Ok(read) if read == step.len() => filled += read,
                Ok(read) => return Ok(filled + read),
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(stored: &[u8], factor: u64) -> io::Result<(Compression, Vec<u8>)> {
        let mut reader = Decompressed::open(stored, factor)?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        Ok((reader.compression(), bytes))
    }

    #[test]
    fn each_kind_is_told_by_its_bytes() {
        assert_eq!(read(b"{}", 1).unwrap(), (Compression::None, b"{}".to_vec()));
        assert_eq!(read(b"", 1).unwrap(), (Compression::None, Vec::new()));
        let members = [gzip(b"one"), gzip(b""), gzip(b"two")].concat();
        assert_eq!(read(&members, 500).unwrap(), (Compression::Gzip, b"onetwo".to_vec()));
        let frames =
            [zstd::encode_all(&b"one"[..], 0).unwrap(), zstd::encode_all(&b"two"[..], 0).unwrap()].concat();
        assert_eq!(read(&frames, 500).unwrap(), (Compression::Zstd, b"onetwo".to_vec()));
    }

    #[test]
    fn a_bomb_is_stopped_and_a_cut_stream_is_an_error() {
        let bomb = gzip(&vec![0; 70 << 20]);
        let error = read(&bomb, 2).map(|(kind, bytes)| (kind, bytes.len())).unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<ExpansionLimit>()));
        let stored = gzip(b"some bytes that are cut");
        assert!(read(&stored[..stored.len() - 6], 500).is_err());
    }

    /// Gives one byte at a time, as a slow pipe may.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer.get_mut(..1).unwrap_or_default())
        }
    }

    #[test]
    fn a_slow_pipe_is_told_by_its_bytes_too() {
        for (stored, kind) in [
            (gzip(b"one"), Compression::Gzip),
            (zstd::encode_all(&b"one"[..], 0).unwrap(), Compression::Zstd),
        ] {
            let mut reader = Decompressed::open(Slow(&stored), 500).unwrap();
            assert_eq!(reader.compression(), kind);
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"one");
        }
    }

    #[test]
    fn what_stands_before_damage_is_given() {
        let plain: Vec<u8> = (0..200_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        let mut encoder = zstd::Encoder::new(Vec::new(), 0).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(&plain).unwrap();
        for mut stored in [gzip(&plain), encoder.finish().unwrap()] {
            let middle = stored.len() / 2;
            stored[middle..middle + 64].fill(0xff);
            let mut reader = Decompressed::open(&stored[..], 500).unwrap();
            let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
            while let Ok(read) = reader.read(&mut buffer) {
                assert!(read > 0, "the damage is told");
                bytes.extend_from_slice(&buffer[..read]);
            }
            assert!(bytes.len() > plain.len() / 8, "{} of {}", bytes.len(), plain.len());
        }
    }
}
