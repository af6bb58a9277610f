//! Writes results: files whole or not at all, and standard output.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};

use crate::error::Error;
use crate::render::escape::line;

/// What writes the content of a file.
pub type Content<'c> = &'c mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// Writes a file by way of one beside it, so that an old file stays whole until the new one is. The
/// content comes in pieces that are worth a write each.
///
/// # Errors
/// When the folder does not exist or cannot be written to, or the disk is full.
pub fn write_file(path: &Path, content: Content<'_>) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A device or a pipe cannot be replaced, only written to.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return fs::File::create(path).and_then(|mut file| content(&mut file)).map_err(Error::write(path));
    }
    let mut write = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".akvlens-").tempfile_in(folder)?;
        content(&mut file)?;
        file.as_file().sync_all()?;
        keep_permissions(&file, path)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    // The library's error names the file beside; the kind says enough.
    write().map_err(|error| Error::write(path)(error.kind().into()))
}

/// Refuses a file whose folder does not exist, before any work is done for it.
///
/// # Errors
/// When the folder does not exist.
pub fn check_folder(path: &Path) -> Result<(), Error> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => Err(Error::Usage(format!(
            "{}: cannot write: the folder '{}' does not exist",
            path.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// A temporary file is its owner's alone; the result gets the old file's permissions, or the usual.
#[cfg(unix)]
fn keep_permissions(file: &tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode());
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))
}

/// Other systems give a new file its folder's permissions.
#[cfg(not(unix))]
fn keep_permissions(_: &tempfile::NamedTempFile, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes to standard output.
///
/// # Errors
/// When it is closed or full; [`Error::is_broken_pipe`] tells a reader that went away.
pub fn write_stdout(bytes: &[u8]) -> Result<(), Error> {
    stream_stdout(&mut |out| out.write_all(bytes))
}

/// Writes to standard output what comes in pieces.
///
/// # Errors
/// As [`write_stdout`].
pub fn stream_stdout(content: Content<'_>) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    content(&mut stdout).and_then(|()| stdout.flush()).map_err(Error::write("standard output"))
}

/// Writes a page for a terminal, whose colours old consoles of Windows get in their own way.
///
/// # Errors
/// As [`write_stdout`].
pub fn write_terminal(text: &str, color: bool) -> Result<(), Error> {
    let choice = if color { ColorChoice::Always } else { ColorChoice::Never };
    let mut stdout = AutoStream::new(io::stdout().lock(), choice);
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Error::write("standard output"))
}

/// Tells something on standard error; nobody listening is no error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "akvlens: {}", line(text));
}

/// From here on a panic tells its place and nothing else, as its message may quote a log; but with
/// `RUST_BACKTRACE`, whoever sets it wants to see all. A panic that is caught is told again as what
/// it becomes: a blob's reject, or an error that names the file.
pub fn tell_panics_by_place() {
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|panic| {
            let place =
                panic.location().map(|place| format!(" at {}:{}", in_crate(place.file()), place.line()));
            note(&format!("internal error{}", place.unwrap_or_default()));
        }));
    }
}

/// A source file from its crate's folder on, wherever the crate lay when it was compiled.
fn in_crate(file: &str) -> String {
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    let source = parts.iter().rposition(|part| *part == "src").unwrap_or(0);
    parts.get(source.saturating_sub(1)..).unwrap_or_default().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_within_its_crate() {
        assert_eq!(in_crate("src/decode.rs"), "src/decode.rs");
        assert_eq!(in_crate("/home/x/.cargo/registry/src/y/some-0.5.2/src/a/b.rs"), "some-0.5.2/src/a/b.rs");
        assert_eq!(in_crate("C:\\x\\some-0.5.2\\src\\b.rs"), "some-0.5.2/src/b.rs");
        assert_eq!(in_crate(""), "");
    }

    #[test]
    fn a_file_is_replaced_whole_and_kept_on_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_file(&path, &mut |out| out.write_all(b"a long first report")).unwrap();
        write_file(&path, &mut |out| out.write_all(b"short")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        let full = |out: &mut dyn Write| {
            out.write_all(b"half of it")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        assert!(write_file(&path, &mut full.clone()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("no/such/report.json");
        assert!(write_file(&missing, &mut |_| Ok(())).unwrap_err().to_string().contains("cannot write"));
        assert!(check_folder(&missing).is_err() && check_folder(Path::new("x.json")).is_ok());
    }
}
