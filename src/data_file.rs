//! Files of what Microsoft can change: causes, applications, roles. Each has a built-in form that a
//! user's file extends and overrides.
//!
//! Input: the text of a TOML file. Output: its rows, or its first mistake with file and line. Parsing is
//! strict: an unknown key is a mistake.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {what}", path.display())]
pub struct Mistake {
    path: PathBuf,
    line: usize,
    what: String,
}

impl Mistake {
    /// A mistake in what stands at a place of a file's text.
    pub(crate) fn at(path: &Path, text: &str, place: &Range<usize>, what: String) -> Self {
        let line = 1 + text.bytes().take(place.start).filter(|byte| *byte == b'\n').count();
        Self { path: path.to_path_buf(), line, what }
    }
}

/// Reads a file.
///
/// # Errors
/// Its first mistake.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Mistake> {
    toml::from_str(text)
        .map_err(|error| Mistake::at(path, text, &error.span().unwrap_or(0..0), error.message().to_owned()))
}
