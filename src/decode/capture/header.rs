//! What stands before the first block: magic, metadata, marker.
//!
//! Input: the file from its start. Output: a [`Header`], or why the file cannot be read at all.
//! Metadata that are not used are stepped over, never kept.

use std::io::BufRead;

use super::super::Reason;
use super::MAGIC;
use super::block::{Codec, Marker};
use super::datum::{Fault, length, long, pass, take};
use super::schema::{MAX_SCHEMA, Plan};

/// Longest key that is looked at, and longest name of a codec.
const MAX_NAME: u64 = 64;

/// How to read the blocks of a file.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) plan: Plan,
    pub(super) codec: Codec,
    pub(super) marker: Marker,
}

impl Header {
    /// Reads the header at the front of `input`.
    pub(super) fn read(input: &mut dyn BufRead) -> Result<Self, Fault> {
        let mut magic = Vec::new();
        take(input, MAGIC.len() as u64, &mut magic)?;
        if magic != MAGIC {
            return Err(Fault::damaged("it does not begin as an Avro file does"));
        }
        let Metadata { schema, codec } = Metadata::read(input)?;
        let mut marker = Vec::new();
        take(input, size_of::<Marker>() as u64, &mut marker)?;
        let marker = marker.try_into().map_err(|_| Fault::Ended)?;
        // The codec first: its name says more about a file than its schema does.
        let codec = Codec::of_name(codec.as_deref().unwrap_or(b"null"))?;
        let schema = schema.ok_or(Fault::Bad(Reason::OtherSchema, "the file has no schema"))?;
        Ok(Self { plan: Plan::parse(&schema)?, codec, marker })
    }
}

/// The metadata that matter.
#[derive(Default)]
struct Metadata {
    schema: Option<Vec<u8>>,
    codec: Option<Vec<u8>>,
}

impl Metadata {
    /// Reads a map of `bytes`, laid out as any map of Avro.
    fn read(input: &mut dyn BufRead) -> Result<Self, Fault> {
        let mut metadata = Self::default();
        loop {
            let count = long(input)?;
            if count == 0 {
                return Ok(metadata);
            }
            if count < 0 {
                length(input)?;
            }
            for _ in 0..count.unsigned_abs() {
                metadata.entry(input)?;
            }
        }
    }

    /// Reads one key and its value.
    fn entry(&mut self, input: &mut dyn BufRead) -> Result<(), Fault> {
        let mut key = Vec::new();
        match length(input)? {
            long if long > MAX_NAME => pass(input, long)?,
            short => take(input, short, &mut key)?,
        }
        let length = length(input)?;
        let mut value = Vec::new();
        match key.as_slice() {
            b"avro.schema" if length > MAX_SCHEMA => {
                return Err(Fault::Bad(Reason::OtherSchema, "the schema is longer than 256 KiB"));
            }
            b"avro.codec" if length > MAX_NAME => return Err(Codec::unknown()),
            b"avro.schema" => {
                take(input, length, &mut value)?;
                self.schema = Some(value);
            }
            b"avro.codec" => {
                take(input, length, &mut value)?;
                self.codec = Some(value);
            }
            _ => pass(input, length)?,
        }
        Ok(())
    }
}
