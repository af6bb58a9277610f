//! What must hold for akvlens on any bytes: one function a fuzz target, which panics where it does
//! not hold.
//!
//! Input: the bytes that cargo-fuzz (or a replay) gives. Output: none. Must not read a clock or the
//! network, and must do the same for the same bytes, so that a crash can be kept as a file.
//!
//! A new target is a module here, a line in [`TARGETS`], a file in `targets/`, a `[[bin]]` and a
//! folder of seeds.

mod capture;
mod classify;
mod csv;
mod decode;
mod explain;
mod facts_reader;
mod framing;
mod parquet;
mod reader;
mod remembered;
mod resource_log;
mod rows;

pub use capture::capture;
pub use classify::classify;
pub use csv::csv;
pub use decode::decode;
pub use explain::explain;
pub use facts_reader::facts_reader;
pub use framing::framing;
pub use parquet::parquet;
pub use remembered::remembered;
pub use resource_log::resource_log;
pub use rows::rows;

/// A target: its name, and the check it makes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: &[Target] = &[
    ("capture", capture),
    ("classify", classify),
    ("csv", csv),
    ("decode", decode),
    ("explain", explain),
    ("facts_reader", facts_reader),
    ("framing", framing),
    ("parquet", parquet),
    ("remembered", remembered),
    ("resource_log", resource_log),
    ("rows", rows),
];

/// The entry of a target's program: libFuzzer's under cargo-fuzz, otherwise a `main` that replays
/// the files named to it.
#[cfg(fuzzing)]
#[macro_export]
macro_rules! target {
    ($check:path) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $check(bytes));
    };
}

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// The entry of a target's program: libFuzzer's under cargo-fuzz, otherwise a `main` that replays
/// the files named to it.
#[cfg(not(fuzzing))]
#[macro_export]
macro_rules! target {
    ($check:path) => {
        fn main() -> std::io::Result<()> {
            $crate::replay($check)
        }
    };
}

/// Gives each file named on the command line to a check.
///
/// # Errors
/// A file that cannot be read.
pub fn replay(check: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        check(&std::fs::read(path)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
