//! The blocks of an Avro file: how far each goes, and its bytes without their codec.
//!
//! Input: the file's window, at a block. Output: a stream of decompressed bytes that ends with the
//! block and fails once it outgrows its [`Allowance`]. Must not allocate what a block claims.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::super::Reason;
use super::super::compression::{ExpansionLimit, FREE_EXPANSION};
use super::super::framing::window::Window;
use super::datum::{Fault, length};

/// What stands behind every block of a file: bytes drawn by lot when it was written.
pub(super) type Marker = [u8; 16];

/// Most stored bytes of a block that are looked at before it is decoded. A block may be longer: then
/// its marker is met when it has been read.
pub(super) const AT_HAND: u64 = 16 << 20;

/// How the blocks of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    /// The codec of a name in the metadata.
    pub(super) fn of_name(name: &[u8]) -> Result<Self, Fault> {
        match name {
            b"null" => Ok(Self::Null),
            b"deflate" => Ok(Self::Deflate),
            b"snappy" => Ok(Self::Snappy),
            b"zstandard" => Ok(Self::Zstandard),
            b"bzip2" => Err(Fault::Bad(Reason::UnknownCodec, "packed with bzip2, which is not read")),
            b"xz" => Err(Fault::Bad(Reason::UnknownCodec, "packed with xz, which is not read")),
            _ => Err(Self::unknown()),
        }
    }

    /// A codec whose name is not told, because it may be any text.
    pub(super) const fn unknown() -> Fault {
        Fault::Bad(Reason::UnknownCodec, "packed with a codec that Avro does not know")
    }

    /// The block's bytes without their codec.
    pub(super) fn open<'w, R: Read>(
        self,
        extent: Extent<'w, R>,
        allowance: &'w Allowance,
    ) -> Result<Box<dyn BufRead + 'w>, Fault> {
        Ok(match self {
            Self::Null => Box::new(extent),
            Self::Deflate => Box::new(allowance.hold(DeflateDecoder::new(extent))),
            // One frame, so that bytes behind it are seen as such. The largest window that a frame may
            // ask for is bounded by the library, at 128 MiB that are touched only as they fill.
            Self::Zstandard => {
                let decoder = zstd::stream::read::Decoder::with_buffer(extent)?.single_frame();
                Box::new(allowance.hold(decoder))
            }
            Self::Snappy => Box::new(io::Cursor::new(unsnap(extent, allowance)?)),
        })
    }
}

/// A whole snappy block, checked against its sum: the format has no ends to stop at.
fn unsnap<R: Read>(extent: Extent<'_, R>, allowance: &Allowance) -> Result<Vec<u8>, Fault> {
    if extent.left > AT_HAND {
        return Err(Fault::Bad(Reason::TooLong, "a snappy block of more than 16 MiB"));
    }
    let mut extent = extent;
    let mut stored = Vec::new();
    let left = extent.left;
    super::datum::take(&mut extent, left, &mut stored)?;
    let no_sum = Fault::damaged("a snappy block without its sum");
    let (packed, sum) = stored.split_last_chunk::<4>().ok_or(no_sum)?;
    let damaged = Fault::damaged("its compressed data are damaged");
    let length = snap::raw::decompress_len(packed).map_err(|_| damaged)?;
    // The longest copy gives 64 bytes for 3: a block that claims more is not even unpacked.
    if length / 22 > packed.len() {
        return Err(damaged);
    }
    if length as u64 > FREE_EXPANSION {
        return Err(Fault::Bad(Reason::TooLong, "a snappy block that expands to more than 64 MiB"));
    }
    allowance.give(length as u64)?;
    let mut bytes = vec![0; length];
    snap::raw::Decoder::new().decompress(packed, &mut bytes).map_err(|_| damaged)?;
    let mut crc = Crc::new();
    crc.update(&bytes);
    if crc.sum().to_be_bytes() == *sum {
        Ok(bytes)
    } else {
        Err(Fault::damaged("its bytes do not add up to its sum"))
    }
}

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Events in it.
    pub(super) events: u64,
    /// Its stored bytes.
    pub(super) bytes: u64,
}

impl Claim {
    /// Reads the two numbers at the front of a block.
    pub(super) fn read<R: Read>(window: &mut Window<R>) -> Result<Self, Fault> {
        let taken = Cell::new(0);
        let input = &mut Extent { window, left: u64::MAX, taken: &taken };
        Ok(Self { events: length(input)?, bytes: length(input)? })
    }
}

/// The stored bytes of one block, read through the file's window.
pub(super) struct Extent<'w, R> {
    pub(super) window: &'w mut Window<R>,
    pub(super) left: u64,
    /// How many were taken.
    pub(super) taken: &'w Cell<u64>,
}

impl<R: Read> BufRead for Extent<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left > 0 && self.window.rest().is_empty() {
            self.window.more();
        }
        let rest = self.window.rest();
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.window.consume(amount);
        self.left = self.left.saturating_sub(amount as u64);
        self.taken.set(self.taken.get() + amount as u64);
    }
}

impl<R: Read> Read for Extent<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// How far a block may expand: so many times its stored bytes, and what is left of the bytes that
/// every file may have beyond that.
pub(super) struct Allowance {
    pub(super) taken: Cell<u64>,
    given: Cell<u64>,
    free: u64,
    factor: u64,
}

impl Allowance {
    /// What a block may have of a file that has `free` bytes left.
    pub(super) fn new(free: u64, factor: u64) -> Self {
        Self { taken: Cell::new(0), given: Cell::new(0), free: free.min(FREE_EXPANSION), factor }
    }

    /// The free bytes that are left for the blocks behind this one.
    pub(super) fn left(&self) -> u64 {
        let earned = self.taken.get().saturating_mul(self.factor);
        self.free.saturating_sub(self.given.get().saturating_sub(earned))
    }

    /// Counts decompressed bytes.
    fn give(&self, bytes: u64) -> io::Result<()> {
        self.given.set(self.given.get().saturating_add(bytes));
        if self.given.get() > self.free.saturating_add(self.taken.get().saturating_mul(self.factor)) {
            return Err(io::Error::other(ExpansionLimit { factor: self.factor }));
        }
        Ok(())
    }

    /// Holds a decompressor to it.
    fn hold<D: Read>(&self, decoder: D) -> impl BufRead {
        BufReader::with_capacity(64 << 10, Held { decoder, allowance: self })
    }
}

/// A decompressor that is refused once it outgrows its allowance.
struct Held<'a, D> {
    decoder: D,
    allowance: &'a Allowance,
}

impl<D: Read> Read for Held<'_, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.allowance.give(read as u64)?;
        Ok(read)
    }
}
