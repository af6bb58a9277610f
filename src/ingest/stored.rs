//! The stored bytes of a blob on their way in: counted, digested, and stopped by Ctrl-C.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::Xxh3;

use super::Progress;

/// The digest of what went by, perhaps on another thread.
#[derive(Default)]
pub(super) struct Digest {
    state: Mutex<(Xxh3, u64)>,
}

impl Digest {
    fn state(&self) -> MutexGuard<'_, (Xxh3, u64)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes went by.
    pub(super) fn bytes(&self) -> u64 {
        self.state().1
    }

    /// Their XXH3 of 128 bits.
    pub(super) fn finish(&self) -> u128 {
        self.state().0.digest128()
    }
}

/// A reader that is watched.
pub(super) struct Stored<'a, R> {
    inner: R,
    digest: &'a Digest,
    progress: &'a dyn Progress,
    interrupted: &'a AtomicBool,
}

impl<'a, R: Read> Stored<'a, R> {
    pub(super) fn new(
        inner: R,
        digest: &'a Digest,
        progress: &'a dyn Progress,
        interrupted: &'a AtomicBool,
    ) -> Self {
        Self { inner, digest, progress, interrupted }
    }
}

impl<R: Read> Read for Stored<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.inner.read(buffer)?;
        let mut state = self.digest.state();
        state.0.update(buffer.get(..read).unwrap_or_default());
        state.1 += read as u64;
        self.progress.bytes(read as u64);
        Ok(read)
    }
}
