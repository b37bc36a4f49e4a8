//! [`WriteHalf`]: what this host writes.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sst_nostd::{self as core, Instant, SendState, StreamCode, StreamHandle};
use tokio::io::AsyncWrite;

use crate::branch::Branch;
use crate::error::WriteError;
use crate::shared::Inner;
use crate::waiter::Seat;
use crate::waiters::Interest;

/// The writing half of a [`Stream`](crate::Stream).
///
/// Dropped before its end was begun, it resets the stream: an end the writer did not mean never
/// looks like one. Dropped afterwards, what was written is still delivered.
///
/// [`AsyncWrite`]'s `shutdown` has the meaning that it has on a TCP stream: it begins the end, as
/// [`start_finish`](Self::start_finish) does. [`finish`](Self::finish) waits for the peer.
#[derive(Debug)]
pub struct WriteHalf {
    branch: Branch,
    is_finished: bool,
    record: Record,
    seat: Seat,
}

/// A half in the hands of a future. What waits for the future waits no more once it is dropped;
/// what a poll function left waiting then waits as before.
struct Writing<'a> {
    half: &'a mut WriteHalf,
    before: Seat,
}

/// How far the record being written is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    None,
    /// Part of it is taken. If this is seen at the beginning of a call, the last one was cancelled.
    Open,
}

impl WriteHalf {
    pub(crate) const fn new(branch: Branch) -> Self {
        Self { branch, is_finished: false, record: Record::None, seat: Seat::new() }
    }

    /// Writes a record: the bytes, and a mark after them. Waits for credit.
    ///
    /// Not cancel-safe as a whole: if the future is dropped after part of a long record was taken,
    /// only a reset can follow ([`WriteError::RecordTorn`]), so that no torn record ever passes
    /// for a whole one.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write_record(&mut self, record: &[u8]) -> Result<(), WriteError> {
        self.check_whole()?;
        let (mut rest, writing) = (record, Writing::new(self));
        loop {
            let taken = poll_fn(|cx| {
                let WriteHalf { branch, seat, .. } = &mut *writing.half;
                poll(branch, cx, seat, |inner, now, handle| {
                    inner.host.write_record(now, handle, rest)
                })
            })
            .await?;
            rest = rest.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                writing.half.record = Record::None;
                return Ok(());
            }
            writing.half.record = Record::Open;
        }
    }

    /// Ends this direction and waits until the peer has everything.
    ///
    /// Cancel-safe: the end stands once the future was polled; calling again goes on waiting.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn finish(&mut self) -> Result<(), WriteError> {
        let writing = Writing::new(self);
        poll_fn(|cx| writing.half.poll_finish(cx)).await
    }

    /// [`finish`](Self::finish) as a poll function. Of this and [`poll_bytes`](Self::poll_bytes),
    /// the half keeps the waker until the next poll, or until it is dropped.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.start_finish()?;
        let Self { branch, seat, .. } = self;
        let (session, handle) = (&branch.stream.session, branch.stream.handle);
        session.poll_stream(cx, seat, handle, Interest::Write, |inner, now| {
            match inner.host.stream_info(handle).map(|info| info.send_state) {
                Some(SendState::Delivered) => Poll::Ready(Ok(())),
                Some(SendState::Open | SendState::Finishing)
                    if !inner.is_closed(session.handle) =>
                {
                    Poll::Pending
                }
                _ => {
                    let why = inner.host.write(now, handle, b"?").err();
                    let why = why.unwrap_or(core::WriteError::UnknownStream);
                    Poll::Ready(Err(translate(branch, inner, why)))
                }
            }
        })
    }

    /// Ends this direction without waiting: what was written will still be delivered, as long as
    /// the session lasts.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn start_finish(&mut self) -> Result<(), WriteError> {
        if self.is_finished {
            return Ok(());
        }
        self.check_whole()?;
        let (session, handle) = (&self.branch.stream.session, self.branch.stream.handle);
        let finished = session.shared.act(|inner, now| {
            inner.host.finish(now, handle).map_err(|error| translate(&self.branch, inner, error))
        });
        self.is_finished = finished.is_ok();
        finished
    }

    /// Writes all of `bytes` and ends this direction with them, as
    /// [`start_finish`](Self::start_finish) does: what a request or a reply is. It waits for
    /// credit, not for the peer, and costs less than to write and then to finish.
    ///
    /// Not cancel-safe: how much was taken of what a dropped future had to write is not known.
    ///
    /// # Errors
    /// [`WriteError`].
    ///
    /// # Examples
    /// ```
    /// use tokio::io::AsyncReadExt;
    /// # use sst_std::{OpenOptions, Session};
    /// # async fn example(session: Session) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut stream = session.open_substream(OpenOptions::new()).await?;
    /// stream.write_last(b"request").await?;
    /// let mut reply = Vec::new();
    /// stream.read_to_end(&mut reply).await?;
    /// # Ok(()) }
    /// ```
    pub async fn write_last(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let (mut rest, writing) = (bytes, Writing::new(self));
        loop {
            let taken = poll_fn(|cx| writing.half.poll_last(cx, rest)).await?;
            rest = rest.get(taken..).unwrap_or_default();
            if writing.half.is_finished {
                return Ok(());
            }
        }
    }

    /// The branch this half belongs to.
    #[must_use]
    pub const fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Takes bytes to write, as many as there is credit for, and says how many: what [`AsyncWrite`]
    /// does, with errors that say what happened.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, WriteError>> {
        self.check_whole()?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let Self { branch, seat, .. } = self;
        poll(branch, cx, seat, |inner, now, handle| inner.host.write(now, handle, bytes))
    }

    /// Takes bytes to write, as many as there is credit for; the end with the last of them.
    fn poll_last(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, WriteError>> {
        self.check_whole()?;
        if bytes.is_empty() {
            return Poll::Ready(self.start_finish().map(|()| 0));
        }
        let Self { branch, seat, .. } = self;
        let taken = ready!(poll(branch, cx, seat, |inner, now, handle| {
            inner.host.write_last(now, handle, bytes)
        }))?;
        self.is_finished |= taken == bytes.len();
        Poll::Ready(Ok(taken))
    }

    /// Waits for nothing any more.
    fn leave(&mut self) {
        self.seat.leave(&self.branch.stream.session.shared);
    }

    fn check_whole(&self) -> Result<(), WriteError> {
        if self.record == Record::Open { Err(WriteError::RecordTorn) } else { Ok(()) }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(ready!(self.poll_bytes(cx, bytes))?))
    }

    /// Nothing to do: what is written leaves by itself, as fast as it may.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// As [`WriteHalf::start_finish`]: it begins the end and waits for nobody, as TCP's does.
    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(self.start_finish()?))
    }
}

impl<'a> Writing<'a> {
    fn new(half: &'a mut WriteHalf) -> Self {
        let before = std::mem::take(&mut half.seat);
        Self { half, before }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.half.leave();
        std::mem::swap(&mut self.half.seat, &mut self.before);
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.leave();
        if !self.is_finished {
            self.branch.reset_as(StreamCode::DROPPED);
        }
    }
}

/// Tries to write: how many bytes were taken.
fn poll(
    branch: &Branch,
    cx: &mut Context<'_>,
    seat: &mut Seat,
    write: impl FnOnce(&mut Inner, Instant, StreamHandle) -> Result<usize, core::WriteError>,
) -> Poll<Result<usize, WriteError>> {
    let (session, handle) = (&branch.stream.session, branch.stream.handle);
    session.poll_sending(cx, seat, handle, Interest::Write, |inner, now| {
        match write(inner, now, handle) {
            Ok(taken) => (Poll::Ready(Ok(taken)), taken),
            Err(core::WriteError::Blocked) if !inner.is_closed(session.handle) => {
                (Poll::Pending, 0)
            }
            Err(error) => (Poll::Ready(Err(translate(branch, inner, error))), 0),
        }
    })
}

fn translate(branch: &Branch, inner: &Inner, error: core::WriteError) -> WriteError {
    let session = branch.stream.session.handle;
    match error {
        core::WriteError::Stopped(code) => WriteError::Stopped(code.as_u64()),
        core::WriteError::Expired => WriteError::Expired,
        core::WriteError::SessionClosed => inner.closed(session).into(),
        _ if inner.is_closed(session) => inner.closed(session).into(),
        core::WriteError::Finished => WriteError::Finished,
        _ => WriteError::Ended,
    }
}
