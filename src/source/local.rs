//! Files and folders of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use globset::GlobBuilder;
use walkdir::{DirEntry, WalkDir};

use super::sniff::{self, Looks};
use super::{Blob, BlobPlace, FACTS_MARKER, Listing, PassedOver};
use crate::error::Error;

/// Lists what the inputs hold.
///
/// # Errors
/// When an input does not exist, a glob is wrong or matches nothing.
pub fn list(inputs: &[String]) -> Result<Listing, Error> {
    let mut listing = Listing::default();
    for input in inputs {
        let path = Path::new(input);
        if input == "-" {
            listing.blobs.push(Blob { name: "-".into(), place: BlobPlace::Stdin, bytes: 0 });
        } else if path.is_dir() {
            folder(path, &mut listing);
        } else if path.exists() {
            file(path, &mut listing);
        } else if is_glob(input) {
            glob(input, &mut listing)?;
        } else {
            return Err(missing(input));
        }
    }
    settle(&mut listing);
    Ok(listing)
}

/// Sorts, and keeps each file once however often it was named.
fn settle(listing: &mut Listing) {
    listing.blobs.sort_by(|one, other| one.name.cmp(&other.name));
    let mut seen = BTreeSet::new();
    listing.blobs.retain(|blob| match &blob.place {
        BlobPlace::File(path) => seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
        BlobPlace::Stdin => seen.insert(PathBuf::from("-")),
    });
    listing.facts.sort();
    listing.facts.dedup();
    listing.passed_over.sort();
    listing.passed_over.dedup();
    listing.unreadable.sort();
    listing.unreadable.dedup();
}

/// The error for an input that is not there, with what is there instead.
fn missing(input: &str) -> Error {
    let path = Path::new(input);
    let near = path.ancestors().skip(1).find(|ancestor| ancestor.is_dir() || ancestor.as_os_str().is_empty());
    let near = near
        .filter(|near| !near.as_os_str().is_empty())
        .map_or_else(|| ".".into(), |near| near.display().to_string());
    Error::NoInput(format!("'{input}' does not exist (the nearest folder that does is '{near}')"))
}

/// A path as a blob's name.
fn name_of(path: &Path) -> String {
    // `./logs` and `logs` are one name.
    let parts: PathBuf = path.components().filter(|part| !matches!(part, Component::CurDir)).collect();
    // Names that are no UTF-8 stay different: their odd bytes are written out.
    let chunks = parts.as_os_str().as_encoded_bytes().utf8_chunks();
    let mut name = String::new();
    for chunk in chunks {
        name.push_str(chunk.valid());
        name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    if std::path::MAIN_SEPARATOR == '/' { name } else { name.replace(std::path::MAIN_SEPARATOR, "/") }
}

/// A file that was named itself: read, unless it marks a facts folder or is of a kind that no log
/// ever is.
fn file(path: &Path, listing: &mut Listing) {
    if path.file_name().is_some_and(|name| name == FACTS_MARKER) {
        listing.facts.push(path.parent().unwrap_or(Path::new("")).to_path_buf());
        return;
    }
    // A pipe must not be looked into: what is read of it is gone.
    if path.is_file()
        && let Some(why) = sniff::other_kind(path)
    {
        listing.passed_over.push(PassedOver { name: name_of(path), why });
        return;
    }
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    listing.blobs.push(Blob { name: name_of(path), place: BlobPlace::File(path.to_path_buf()), bytes });
}

/// Everything below a folder. Hidden entries are passed over; links are followed, loops noticed.
fn folder(root: &Path, listing: &mut Listing) {
    if root.join(FACTS_MARKER).is_file() {
        listing.facts.push(root.to_path_buf());
        return;
    }
    let mut walk = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        match entry {
            Ok(entry) if entry.depth() > 0 && is_hidden(&entry) => {
                listing.passed_over.push(PassedOver { name: name_of(entry.path()), why: "hidden" });
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
            }
            Ok(entry) if entry.file_type().is_dir() => {
                if entry.path().join(FACTS_MARKER).is_file() {
                    listing.facts.push(entry.path().to_path_buf());
                    walk.skip_current_dir();
                }
            }
            Ok(entry) => found(&entry, listing),
            Err(error) => unreadable(&error, root, listing),
        }
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

/// A file below a folder.
fn found(entry: &DirEntry, listing: &mut Listing) {
    let name = name_of(entry.path());
    if !entry.file_type().is_file() {
        listing.passed_over.push(PassedOver { name, why: "neither file nor folder" });
        return;
    }
    match sniff::look(entry.path()) {
        Looks::LikeALog => {
            let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
            listing.blobs.push(Blob { name, place: BlobPlace::File(entry.path().to_path_buf()), bytes });
        }
        Looks::LikeSomethingElse(why) => listing.passed_over.push(PassedOver { name, why }),
    }
}

/// An entry that cannot be listed.
fn unreadable(error: &walkdir::Error, root: &Path, listing: &mut Listing) {
    let name = name_of(error.path().unwrap_or(root));
    if error.loop_ancestor().is_some() {
        listing.passed_over.push(PassedOver { name, why: "a link back to a folder above it" });
    } else {
        let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        listing.unreadable.push((name, why));
    }
}

/// Whether an input that is no path is meant as a glob.
fn is_glob(input: &str) -> bool {
    input.contains(['*', '?', '[', '{'])
}

/// Every file that a glob matches: `*` stays within a folder, `**` does not.
fn glob(pattern: &str, listing: &mut Listing) -> Result<(), Error> {
    let normal = if cfg!(windows) { pattern.replace('\\', "/") } else { pattern.to_owned() };
    let matcher = GlobBuilder::new(&normal).literal_separator(true).build();
    let matcher = matcher
        .map_err(|error| Error::Usage(format!("glob '{pattern}': {}", error.kind())))?
        .compile_matcher();
    let base: PathBuf =
        normal.split('/').take_while(|part| !is_glob(part)).collect::<Vec<_>>().join("/").into();
    let base = match (base.as_os_str().is_empty(), normal.starts_with('/')) {
        (true, true) => PathBuf::from("/"),
        (true, false) => PathBuf::from("."),
        _ => base,
    };
    let before = listing.blobs.len();
    for entry in WalkDir::new(&base).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) => {
                let path = entry.path().strip_prefix(".").unwrap_or(entry.path());
                if entry.file_type().is_file() && matcher.is_match(name_of(path)) {
                    file(path, listing);
                }
            }
            Err(error) => unreadable(&error, &base, listing),
        }
    }
    if listing.blobs.len() == before {
        return Err(Error::NoInput(format!("glob '{pattern}' matches no file")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listing: &Listing, root: &Path) -> Vec<String> {
        let root = name_of(root);
        listing.blobs.iter().map(|blob| blob.name.replace(&format!("{root}/"), "")).collect()
    }

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("b/PT1H.json", "{}"),
            ("a/PT1H.json", "{}"),
            ("a/notes.md", "# hello"),
            (".git/x.json", "{}"),
            ("a/.DS_Store", "x"),
            ("pic.png", "\u{1}PNG"),
            ("empty.json", ""),
            ("facts/akvlens-facts.json", "{}"),
            ("facts/part/requests.parquet", "PAR1"),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn a_folder_is_listed_sorted_and_what_is_no_log_is_named() {
        let dir = tree();
        let root = dir.path().to_string_lossy().into_owned();
        let listing = list(&[root.clone(), format!("{root}/b")]).unwrap();
        assert_eq!(names(&listing, dir.path()), ["a/PT1H.json", "b/PT1H.json", "empty.json"]);
        assert_eq!(listing.facts, [dir.path().join("facts")]);
        assert_eq!(listing.passed_over.len(), 4, "{:?}", listing.passed_over);
    }

    #[test]
    fn a_named_file_is_read_unless_no_log_is_ever_of_its_kind() {
        let dir = tree();
        let of = |name: &str| list(&[dir.path().join(name).to_string_lossy().into_owned()]).unwrap();
        assert_eq!(names(&of("pic.png"), dir.path()), ["pic.png"], "not even a picture");
        fs::write(dir.path().join("pic.json"), b"\x89PNG\r\n").unwrap();
        assert!(of("pic.json").blobs.is_empty());
        assert_eq!(of("pic.json").passed_over[0].why, "an image");
    }

    #[test]
    fn globs_match_and_what_is_missing_is_told() {
        let dir = tree();
        let root = name_of(dir.path());
        assert_eq!(
            names(&list(&[format!("{root}/*/PT1H.json")]).unwrap(), dir.path()),
            ["a/PT1H.json", "b/PT1H.json"]
        );
        assert_eq!(list(&[format!("{root}/**/*.json")]).unwrap().blobs.len(), 4);
        let told = |input: String| list(&[input]).unwrap_err().to_string();
        assert!(told(format!("{root}/*.log")).contains("matches no file"));
        assert!(told(format!("{root}/c/PT1H.json")).contains("does not exist"));
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let dir = tree();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
        let listing = list(&[dir.path().to_string_lossy().into_owned()]).unwrap();
        assert_eq!(listing.blobs.len(), 3);
        assert!(listing.passed_over.iter().any(|passed| passed.why.starts_with("a link back")));
    }
}
