//! [`Failure`]: why a command did not succeed, in one line.

use std::error::Error;

/// One line for standard error.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// One that needs no words.
    pub(crate) const fn silent() -> Self {
        Self(String::new())
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        // Line breaks may come from a peer, too.
        Self(error.to_string().replace(['\n', '\r'], " "))
    }
}
