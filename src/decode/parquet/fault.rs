//! What can go wrong with a Parquet file, and how a panic inside the Parquet library becomes one of it.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::thrift::Broken;
use crate::decode::Reason;

/// Why a file, or a row group, could not be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// Reading failed.
    Io(io::Error),
    /// Its bytes are not what they should be.
    Damaged(Cow<'static, str>),
    /// It uses what akvlens does not read, or claims more than a bound.
    Unsupported(Cow<'static, str>),
    /// What it expands to outgrows the bound.
    Expansion,
}

impl Fault {
    /// Damage, in a few words.
    pub(super) fn damaged(what: &'static str) -> Self {
        Self::Damaged(what.into())
    }

    /// Something not read, by name.
    pub(super) fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported(what.into())
    }

    /// The same with the place before it.
    pub(super) fn within(self, place: &str) -> Self {
        match self {
            Self::Damaged(what) => Self::Damaged(format!("{place}: {what}").into()),
            Self::Unsupported(what) => Self::Unsupported(format!("{place}: {what}").into()),
            other => other,
        }
    }

    /// The reason and words of a reject; else what ends the file.
    pub(super) fn into_reject(self) -> Result<(Reason, Cow<'static, str>), Self> {
        match self {
            Self::Damaged(what) => Ok((Reason::DamagedParquet, what)),
            Self::Unsupported(what) => Ok((Reason::UnsupportedParquet, what)),
            other => Err(other),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged("the file ends too early"),
            _ => Self::Io(error),
        }
    }
}

impl From<Broken> for Fault {
    fn from(_: Broken) -> Self {
        Self::damaged("metadata that cannot be read")
    }
}

thread_local! {
    /// Whether a panic on this thread is expected.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs what may panic on damaged bytes. Such a panic is damage and prints nothing; others on any
/// thread go to whoever was told of panics before.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                before(panic);
            }
        }));
    });
    let outer = EXPECTED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(outer);
    result.map_err(|_| Fault::damaged("values that the Parquet library fails on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_damage_and_only_there() {
        assert!(matches!(catch(|| 7), Ok(7)));
        let caught = catch(|| -> u8 { panic!("of the library") });
        assert!(matches!(caught, Err(Fault::Damaged(_))));
        assert!(!EXPECTED.get());
    }
}
