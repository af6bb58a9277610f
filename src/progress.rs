//! The progress bar: on standard error, by stored bytes, only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ingest::Progress;

/// A bar, or nothing.
pub struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar up to `bytes`, which is 0 where it is not known.
    pub fn new(bytes: u64, shown: bool) -> Self {
        if !shown {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = if bytes == 0 { ProgressBar::no_length() } else { ProgressBar::new(bytes) };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let form = "{bar:30} {bytes} of {total_bytes} {bytes_per_sec} {eta}";
        bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn bytes(&self, read: u64) {
        self.bar.inc(read);
    }
}
