//! A blob's decompressed bytes on their way to its decoder, from another thread where one is to spare.
//!
//! Input: a way to open the stored bytes. Output: the same blocks of bytes and the same error in the same
//! place, whichever thread decompresses: how much of a damaged blob can be read depends on the steps in which
//! it is. Must not hold more than a few blocks.

use std::io::{self, Read};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::decode::compression::{Compression, Decompressed};

/// Bytes decompressed at a time: a multiple of a decompressor's own step.
const BLOCK: usize = 256 << 10;

/// Blocks that wait for the decoder at most.
const WAITING: usize = 8;

/// Where decompressed bytes come from, a block at a time.
trait Blocks {
    /// Gives the next block in place of the last one; false at the end.
    fn next(&mut self, block: &mut Vec<u8>) -> io::Result<bool>;
}

/// The decompressor itself.
struct Here<'a>(Decompressed<'a>);

impl Blocks for Here<'_> {
    fn next(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        block.resize(BLOCK, 0);
        let read = self.0.read(block)?;
        block.truncate(read);
        Ok(read > 0)
    }
}

/// A decompressor on another thread.
struct Beside {
    blocks: Receiver<io::Result<Vec<u8>>>,
    /// Blocks go back, to be filled again.
    emptied: SyncSender<Vec<u8>>,
}

impl Blocks for Beside {
    fn next(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        match self.blocks.recv() {
            Ok(filled) => {
                let emptied = std::mem::replace(block, filled?);
                // There may be enough of them already.
                let _ = self.emptied.try_send(emptied);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }
}

/// Blocks as a reader.
struct Reader<B> {
    blocks: B,
    block: Vec<u8>,
    position: usize,
    ended: bool,
}

impl<B: Blocks> Reader<B> {
    fn new(blocks: B) -> Self {
        Self { blocks, block: Vec::new(), position: 0, ended: false }
    }
}

/// Reads what the decoder left, so that all stored bytes go by.
fn drain(reader: &mut impl Read) {
    // What is wrong there was not asked for.
    let _ = io::copy(reader, &mut io::sink());
}

impl<B: Blocks> Read for Reader<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.block.len() && !self.ended {
            self.position = 0;
            match self.blocks.next(&mut self.block) {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.block.clear();
                    self.ended = true;
                    return Err(error);
                }
            }
            if self.ended {
                self.block.clear();
            }
        }
        let mut rest = self.block.get(self.position..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.position += read;
        Ok(read)
    }
}

/// Has `decode` read what `open` opens; says what `decode` said. The decompressor is opened, used and dropped
/// on one thread: another one if `beside`, so that a large blob takes the longer of decompressing and
/// decoding, not both.
///
/// # Errors
/// When the blob cannot be opened.
pub(super) fn read<'a, T>(
    open: impl FnOnce() -> io::Result<Decompressed<'a>> + Send,
    beside: bool,
    decode: impl FnOnce(Compression, &mut dyn Read) -> T,
) -> io::Result<T> {
    if !beside {
        let mut opened = open()?;
        let compression = opened.compression();
        if compression == Compression::None {
            let decoded = decode(compression, &mut opened);
            drain(&mut opened);
            return Ok(decoded);
        }
        let mut reader = Reader::new(Here(opened));
        let decoded = decode(compression, &mut reader);
        drain(&mut reader);
        return Ok(decoded);
    }
    let (tell, told) = sync_channel(1);
    let (fill, blocks) = sync_channel(WAITING);
    let (emptied, empty) = sync_channel(WAITING);
    thread::scope(|scope| {
        let unpacking = scope.spawn(move || match open() {
            Ok(mut opened) => {
                let _ = tell.send(Ok(opened.compression()));
                unpack(&mut opened, &fill, &empty);
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        });
        let decoded = told.recv().map(|opened| {
            opened.map(|compression| {
                let mut reader = Reader::new(Beside { blocks, emptied });
                let decoded = decode(compression, &mut reader);
                drain(&mut reader);
                decoded
            })
        });
        // A panic while decompressing is this blob's, as one while decoding is.
        match (unpacking.join(), decoded) {
            (Err(panic), _) => resume_unwind(panic),
            (Ok(()), decoded) => decoded.unwrap_or_else(|_| Err(io::Error::other("nothing was opened"))),
        }
    })
}

/// Decompresses block by block until the end, an error, or nobody waits for more.
fn unpack(opened: &mut Decompressed<'_>, fill: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        block.resize(BLOCK, 0);
        let (block, last) = match opened.read(&mut block) {
            Ok(0) => return,
            Ok(read) => {
                block.truncate(read);
                (Ok(block), false)
            }
            Err(error) => (Err(error), true),
        };
        if fill.send(block).is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    /// What is read of a gzip blob, up to what error, in pieces of so many bytes.
    fn unpacked(stored: &[u8], beside: bool, piece: usize) -> (Vec<u8>, Option<String>) {
        let open = || Decompressed::open(stored, 500);
        let decode = |compression, reader: &mut dyn Read| {
            assert_eq!(compression, Compression::Gzip);
            let (mut bytes, mut buffer) = (Vec::new(), vec![0; piece]);
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => return (bytes, None),
                    Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                    Err(error) => return (bytes, Some(error.to_string())),
                }
            }
        };
        read(open, beside, decode).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// The thread and the pieces change nothing, also of a blob that is damaged or cut.
        #[test]
        fn either_thread_reads_the_same(
            numbers in prop::collection::vec(any::<u32>(), 0..80_000),
            damage in prop::option::of(any::<prop::sample::Index>()),
            cut in any::<bool>(),
            pieces in (1_usize..70_000, 1_usize..1_000_000),
        ) {
            let plain: Vec<u8> = numbers.iter().flat_map(|number| number.to_string().into_bytes()).collect();
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&plain).unwrap();
            let mut stored = encoder.finish().unwrap();
            if let Some(damage) = damage {
                // The head stays: it is what tells gzip.
                let at = 10 + damage.index(stored.len() - 10);
                if cut { stored.truncate(at) } else { stored[at] ^= 0x55 }
            }
            let here = unpacked(&stored, false, pieces.0);
            prop_assert_eq!(&here, &unpacked(&stored, true, pieces.1));
            if damage.is_none() {
                prop_assert_eq!(here, (plain, None));
            }
        }
    }

    #[test]
    fn a_reader_that_is_left_ends_the_other_thread_and_a_panic_is_passed_on() {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&vec![7; 64 << 20]).unwrap();
        let stored = encoder.finish().unwrap();
        let open = || Decompressed::open(&stored[..], 500);
        assert_eq!(read(open, true, |_, _| 7).unwrap(), 7);
        let panics = || read(open, true, |_, _| -> u8 { panic!("in the decoder") });
        assert!(std::panic::catch_unwind(panics).is_err());
        let opener = || -> io::Result<Decompressed<'static>> { panic!("in the decompressor") };
        assert!(std::panic::catch_unwind(|| read(opener, true, |_, _| 7)).is_err());
        let fails = || -> io::Result<Decompressed<'static>> { Err(io::Error::other("gone")) };
        assert_eq!(read(fails, true, |_, _| 7).unwrap_err().to_string(), "gone");
    }
}
