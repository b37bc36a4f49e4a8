//! [`ReadHalf`]: what the peer writes.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sst_nostd::stream as core;
use sst_nostd::wire::StreamCode;
use tokio::io::{AsyncRead, ReadBuf};

use crate::branch::Branch;
use crate::error::ReadError;
use crate::partial::Partial;
use crate::shared::Inner;
use crate::waiter::Waiter;
use crate::waiters::Interest;

/// The reading half of a [`Stream`](crate::Stream).
///
/// Dropped before the end was read, it tells the peer to stop.
#[derive(Debug)]
pub struct ReadHalf {
    branch: Branch,
    /// Of a record whose mark has not come yet.
    partial: Partial,
    /// The mark after `partial` has come, but the caller's limit was too low for it.
    is_whole: bool,
    is_at_end: bool,
    /// For the poll functions.
    waiter: Waiter,
}

impl ReadHalf {
    pub(crate) const fn new(branch: Branch) -> Self {
        Self {
            branch,
            partial: Partial::new(),
            is_whole: false,
            is_at_end: false,
            waiter: Waiter::new(),
        }
    }

    /// The next record: the bytes up to the next mark. `None` at the end.
    ///
    /// Cancel-safe: the bytes a dropped future had collected stay for the next call, of this or of
    /// a plain read.
    ///
    /// # Errors
    /// [`ReadError`]. After [`ReadError::RecordTooLong`] the same record can be read with a higher
    /// limit. Bytes that the peer finished behind without a mark are no record, and may be what it
    /// had written when it failed: [`ReadError::UnfinishedRecord`], each time. Plain reads give
    /// them.
    pub async fn read_record(&mut self, max_bytes: usize) -> Result<Option<Vec<u8>>, ReadError> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_record_as(cx, &mut waiter, max_bytes)).await
    }

    /// [`read_record`](Self::read_record) as a poll function. Of this and
    /// [`poll_bytes`](Self::poll_bytes), the half keeps the waker until the next poll, or until it
    /// is dropped.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn poll_record(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Option<Vec<u8>>, ReadError>> {
        let mut waiter = std::mem::take(&mut self.waiter);
        let answer = self.poll_record_as(cx, &mut waiter, max_bytes);
        self.waiter = waiter;
        answer
    }

    /// The branch this half belongs to.
    #[must_use]
    pub const fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Reads at most as many bytes as `buffer` has room for: what [`AsyncRead`] does, with errors
    /// that say what happened. 0 at the end, or if there is no room.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, ReadError>> {
        if self.partial.len() > 0 {
            let len = self.partial.read(buffer);
            // The mark goes with the last byte before it.
            self.is_whole &= self.partial.len() > 0;
            return Poll::Ready(Ok(len));
        }
        if self.is_at_end || buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let len = ready!(poll(&self.branch, cx, &mut self.waiter, |inner, now, handle| {
            inner.host.read(now, handle, buffer)
        }))?;
        self.is_at_end = len == 0;
        Poll::Ready(Ok(len))
    }

    fn poll_record_as(
        &mut self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        max_bytes: usize,
    ) -> Poll<Result<Option<Vec<u8>>, ReadError>> {
        loop {
            let held = self.partial.len();
            if held > max_bytes {
                return Poll::Ready(Err(ReadError::RecordTooLong { limit: max_bytes }));
            }
            if std::mem::take(&mut self.is_whole) {
                return Poll::Ready(Ok(Some(self.partial.take())));
            }
            if self.is_at_end {
                let unfinished = ReadError::UnfinishedRecord { len: held };
                return Poll::Ready(if held > 0 { Err(unfinished) } else { Ok(None) });
            }
            let read = ready!(self.poll_record_part(cx, waiter, max_bytes))?;
            self.is_at_end = read.finished;
            self.is_whole = read.end;
        }
    }

    /// Reads more of the record, up to one byte more than `max_bytes`: so that a record of just
    /// that length can end.
    fn poll_record_part(
        &mut self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        max_bytes: usize,
    ) -> Poll<Result<core::RecordRead, ReadError>> {
        let buffer = self.partial.room(max_bytes.saturating_add(1));
        let answer = poll(&self.branch, cx, waiter, |inner, now, handle| {
            inner.host.read_record(now, handle, buffer)
        });
        self.partial.on_filled(match &answer {
            Poll::Ready(Ok(read)) => read.len,
            _ => 0,
        });
        answer
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = ready!(self.poll_bytes(cx, buffer.initialize_unfilled()))?;
        buffer.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl Drop for ReadHalf {
    fn drop(&mut self) {
        if !self.is_at_end {
            self.branch.stop_as(StreamCode::DROPPED);
        }
    }
}

fn poll<T>(
    branch: &Branch,
    cx: &mut Context<'_>,
    waiter: &mut Waiter,
    read: impl FnOnce(
        &mut Inner,
        sst_nostd::time::Instant,
        core::StreamHandle,
    ) -> Result<T, core::ReadError>,
) -> Poll<Result<T, ReadError>> {
    let (session, handle) = (&branch.stream.session, branch.stream.handle);
    session.poll_stream(cx, waiter, handle, Interest::Read, |inner, now| {
        let error = match read(inner, now, handle) {
            Ok(answer) => return Poll::Ready(Ok(answer)),
            Err(error) => error,
        };
        Poll::Ready(Err(match error {
            core::ReadError::Blocked if !inner.is_closed(session.handle) => return Poll::Pending,
            core::ReadError::Reset(code) => ReadError::Reset(code.as_u64()),
            _ if inner.is_closed(session.handle) => inner.closed(session.handle).into(),
            core::ReadError::SessionClosed => inner.closed(session.handle).into(),
            _ => ReadError::Ended,
        }))
    })
}
