//! Where bytes come from: the blobs that an INPUT names, listed in a fixed order.
//!
//! Input: paths, folders, globs or `-`. Output: [`Listing`]: blobs sorted by name, facts folders,
//! and what was passed over. A blob is recognised by its content, so a folder may hold anything;
//! what in it is plainly no log is passed over and named, while a file that was named itself is
//! always read. Must not decode.

mod local;
mod sniff;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

pub use local::list;

/// The marker file of a facts folder.
pub const FACTS_MARKER: &str = "akvlens-facts.json";

/// One blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name in reports: the path as typed, with `/` between its parts.
    pub name: String,
    /// Where its bytes are.
    pub place: BlobPlace,
    /// Stored bytes, where known beforehand.
    pub bytes: u64,
}

/// Where a blob's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobPlace {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Blob {
    /// Opens the blob.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        match &self.place {
            BlobPlace::File(path) => Ok(Box::new(File::open(path)?)),
            BlobPlace::Stdin => Ok(Box::new(io::stdin())),
        }
    }
}

/// Something in a folder that is not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PassedOver {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: &'static str,
}

/// What the inputs hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Blobs, sorted by name, each once.
    pub blobs: Vec<Blob>,
    /// Folders of facts, sorted.
    pub facts: Vec<PathBuf>,
    /// What is plainly no log, sorted.
    pub passed_over: Vec<PassedOver>,
    /// Folders and files that could not be listed: name and why, sorted.
    pub unreadable: Vec<(String, String)>,
}

impl Listing {
    /// Stored bytes of all blobs, as far as they are known beforehand.
    pub fn bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.bytes).sum()
    }
}
