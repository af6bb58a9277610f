//! Readers that give their bytes in other pieces than they are asked for.

use std::io::{self, Read};

/// Gives at most `step` bytes at a time, and an error at the end if asked to.
pub(crate) struct Stepwise<'a> {
    rest: &'a [u8],
    step: usize,
    fails: bool,
}

impl<'a> Stepwise<'a> {
    /// All of `bytes`, `step` at a time, at least one.
    pub(crate) fn new(bytes: &'a [u8], step: usize) -> Self {
        Self { rest: bytes, step: step.max(1), fails: false }
    }

    /// The same, with an error where the end would be.
    pub(crate) fn failing(self) -> Self {
        Self { fails: true, ..self }
    }
}

impl Read for Stepwise<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && self.fails {
            return Err(io::Error::other("a reader that fails"));
        }
        let length = self.step.min(self.rest.len()).min(buffer.len());
        let (now, later) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = later;
        Ok(length)
    }
}

/// Takes the first `N` bytes, which steer a check, off its input; zeros where there are fewer.
pub(crate) fn steer<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    let mut head = [0; N];
    let (front, rest) = bytes.split_at(N.min(bytes.len()));
    head[..front.len()].copy_from_slice(front);
    (head, rest)
}
