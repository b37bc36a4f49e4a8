//! A progress bar: on a terminal, and only for what takes longer than a second.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const PATIENCE: Duration = Duration::from_secs(1);

/// Bytes done of bytes known.
pub(crate) struct Bar {
    bar: ProgressBar,
    started: Mutex<Option<Instant>>,
}

impl Bar {
    /// A bar that is not shown yet; never, with `quiet`.
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(crate) fn new(quiet: bool) -> Self {
        let is_wanted = !quiet && std::io::stderr().is_terminal();
        let started = Mutex::new(is_wanted.then(Instant::now));
        Self { bar: ProgressBar::hidden(), started }
    }

    pub(crate) fn add_total(&self, bytes: u64) {
        self.bar.inc_length(bytes);
        if self.bar.length().is_none() {
            self.bar.set_length(bytes);
        }
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        self.show_when_due();
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show_when_due(&self) {
        let Ok(mut started) = self.started.lock() else { return };
        if started.is_none_or(|at| at.elapsed() < PATIENCE) {
            return;
        }
        *started = None;
        let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            self.bar.set_style(style);
        }
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    }
}
