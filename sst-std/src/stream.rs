//! [`Stream`]: one stream of a session, for reading and writing.

use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::branch::Branch;
use crate::error::{ReadError, WriteError};
use crate::read_half::ReadHalf;
use crate::write_half::WriteHalf;

/// A stream: bytes in order, both ways, with marks between records for those who want them; and,
/// being a [`Branch`], children of its own.
///
/// Reads and writes through [`AsyncRead`] and [`AsyncWrite`], or whole records. A stream that is
/// dropped before [`finish`](Stream::finish) is **reset**, and one dropped before its end was read
/// is stopped: the peer can always tell an end from an accident. [`AsyncWrite`]'s `shutdown` begins
/// the end without waiting, as on a TCP stream; what was written is then delivered even if the
/// stream is dropped, as long as the session lasts.
///
/// # Examples
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # use sst_std::{OpenOptions, Session};
/// # async fn example(session: Session) -> Result<(), Box<dyn std::error::Error>> {
/// let mut stream = session.open_substream(OpenOptions::new()).await?;
/// stream.write_all(b"bytes as to a file").await?;
/// stream.finish().await?; // returns when the peer has everything
/// let mut answer = Vec::new();
/// stream.read_to_end(&mut answer).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Stream {
    read: ReadHalf,
    write: WriteHalf,
}

impl Stream {
    pub(crate) fn new(branch: Branch) -> Self {
        Self { read: ReadHalf::new(branch.clone()), write: WriteHalf::new(branch) }
    }

    /// The two halves, for two tasks. Each ends its own direction when dropped.
    #[must_use]
    pub fn split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }

    /// See [`ReadHalf::read_record`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_record(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, ReadError> {
        self.read.read_record(max_bytes).await
    }

    /// See [`WriteHalf::write_record`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write_record(&mut self, record: &[u8]) -> Result<(), WriteError> {
        self.write.write_record(record).await
    }

    /// See [`WriteHalf::write_last`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write_last(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.write.write_last(bytes).await
    }

    /// See [`WriteHalf::finish`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn finish(&mut self) -> Result<(), WriteError> {
        self.write.finish().await
    }

    /// See [`WriteHalf::start_finish`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn start_finish(&mut self) -> Result<(), WriteError> {
        self.write.start_finish()
    }

    /// A handle for control from elsewhere: priority, reset, children, numbers.
    #[must_use]
    pub fn branch(&self) -> Branch {
        Branch::clone(self)
    }
}

impl Deref for Stream {
    type Target = Branch;

    fn deref(&self) -> &Branch {
        self.read.branch()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_nobody_waits_on_is_small() {
        let is_wide = size_of::<usize>() == 8;
        assert!(!is_wide || size_of::<Stream>() <= 40, "{}", size_of::<Stream>());
    }
}
