//! Standard output, which may be a closed pipe or a full disk: neither is a panic.

use std::fmt::Arguments;
use std::io::{self, Write};

use crate::failure::Failure;

/// Says a line on standard output.
///
/// # Errors
/// A [`Failure`] that says why nobody hears it; a silent one if a reader has gone, who knows.
pub(crate) fn line(text: Arguments<'_>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) => Err(unheard(&error)),
    }
}

/// Why nobody hears what is said on standard output; without words if a reader has gone, who knows.
pub(crate) fn unheard(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::silent(),
        _ => Failure(format!("standard output: {error}")),
    }
}

/// Says a line on standard error, if anyone hears it.
pub(crate) fn complain(text: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "sst: {text}");
}

/// Like `println!`, but a line that cannot be said ends the function with a [`Failure`].
macro_rules! say {
    ($($text:tt)*) => { $crate::print::line(format_args!($($text)*))? };
}
pub(crate) use say;
