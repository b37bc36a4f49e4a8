//! [`ReadHalf`]: what the peer writes.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use sst_nostd::{self as core, Instant, SessionHandle, StreamCode, StreamHandle};
use tokio::io::{AsyncRead, ReadBuf};

use crate::branch::Branch;
use crate::error::ReadError;
use crate::kept::Refusal;
use crate::partial::Partial;
use crate::session::SessionRef;
use crate::shared::Inner;
use crate::waiter::Seat;
use crate::waiters::{Interest, Place};

/// The reading half of a [`Stream`](crate::Stream).
///
/// Dropped before the end was read, it tells the peer to stop.
#[derive(Debug)]
pub struct ReadHalf {
    branch: Branch,
    /// Nothing for those who read no records, and between two of them.
    record: Option<Box<Record>>,
    /// Where it waits for bytes.
    seat: Seat,
    is_at_end: bool,
}

/// How far the record being read is.
#[derive(Debug, Default)]
struct Record {
    /// Of a record whose mark has not come yet.
    partial: Partial,
    /// How many bytes of memory for it are known to the endpoint.
    kept: usize,
    /// The mark after `partial` has come, but the caller's limit was too low for it.
    is_whole: bool,
    /// It lacked memory when it was polled last.
    is_short: bool,
    /// Where it waits for memory.
    seat: Seat,
}

/// A half in the hands of a future. What waits for the future waits no more once it is dropped;
/// what a poll function left waiting for bytes then waits as before. What it left waiting for
/// memory does not, and is to be polled again.
struct Reading<'a> {
    half: &'a mut ReadHalf,
    before: Seat,
}

impl ReadHalf {
    pub(crate) const fn new(branch: Branch) -> Self {
        Self { branch, record: None, seat: Seat::new(), is_at_end: false }
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
        let reading = Reading::new(self);
        poll_fn(|cx| reading.half.poll_record(cx, max_bytes)).await
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
        let answer = self.poll_whole_record(cx, max_bytes);
        // Whoever waits for a record, perhaps for hours, needs nothing for it yet.
        self.record.take_if(|record| record.is_idle());
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
        if let Some(record) = self.record.as_mut().filter(|record| record.partial.len() > 0) {
            let len = record.partial.read(buffer);
            if record.partial.len() == 0 {
                // The mark goes with the last byte before it.
                record.is_whole = false;
                record.keep_nothing(&self.branch);
            }
            return Poll::Ready(Ok(len));
        }
        if self.is_at_end || buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let read = ready!(poll(&self.branch, cx, &mut self.seat, |inner, now, handle| {
            inner.host.read_on(now, handle, buffer)
        }))?;
        // Told with the last bytes, the end costs no second lock and no second look.
        self.is_at_end = read.finished;
        Poll::Ready(Ok(read.len))
    }

    fn poll_whole_record(
        &mut self,
        cx: &mut Context<'_>,
        max_bytes: usize,
    ) -> Poll<Result<Option<Vec<u8>>, ReadError>> {
        loop {
            let record = self.record.get_or_insert_default();
            let held = record.partial.len();
            if held > max_bytes {
                return Poll::Ready(Err(ReadError::RecordTooLong { limit: max_bytes }));
            }
            if std::mem::take(&mut record.is_whole) {
                record.keep_nothing(&self.branch);
                return Poll::Ready(Ok(Some(record.partial.take())));
            }
            if self.is_at_end {
                let unfinished = ReadError::UnfinishedRecord { len: held };
                return Poll::Ready(if held > 0 { Err(unfinished) } else { Ok(None) });
            }
            let read = ready!(record.poll_part(&self.branch, cx, &mut self.seat, max_bytes))?;
            record.is_whole = read.end;
            self.is_at_end = read.finished;
        }
    }

    /// Waits for nothing any more.
    fn leave(&mut self) {
        let shared = &self.branch.stream.session.shared;
        self.seat.leave(shared);
        if let Some(record) = &mut self.record {
            record.seat.leave(shared);
            record.is_short = false;
        }
        self.record.take_if(|record| record.is_idle());
    }
}

impl Record {
    /// Reads more of the record, up to one byte more than `max_bytes`: so that a record of just
    /// that length can end.
    fn poll_part(
        &mut self,
        branch: &Branch,
        cx: &mut Context<'_>,
        seat: &mut Seat,
        max_bytes: usize,
    ) -> Poll<Result<core::RecordRead, ReadError>> {
        let Self { partial, kept, is_short, .. } = self;
        let (session, stream) = (branch.stream.session.handle, branch.stream.handle);
        let room = max_bytes.saturating_add(1);
        let (mut refusal, mut woken) = (None, Vec::new());
        let answer = poll(branch, cx, seat, |inner, now, handle| {
            let wanted = partial.memory_with_room(room);
            if wanted > *kept {
                refusal = inner.slots.may_keep(session, stream, *kept, wanted).err();
            }
            // Without room, a mark, the end or a reset can still be read.
            let buffer = if refusal.is_none() { partial.room(room) } else { &mut [] };
            let read = inner.host.read_record(now, handle, buffer);
            match &read {
                Ok(read) if read.len == 0 && !read.end && !read.finished => {
                    return Err(core::ReadError::Blocked);
                }
                Err(core::ReadError::Blocked) => {}
                _ => refusal = None,
            }
            partial.on_filled(read.as_ref().map_or(0, |read| read.len));
            // A record that goes to the caller at once was never kept.
            let is_taken = read.as_ref().is_ok_and(|read| read.end) && partial.len() <= max_bytes;
            let keeps = if is_taken { 0 } else { partial.memory() };
            if keeps != *kept {
                inner.slots.keep(session, stream, *kept, keeps, &mut woken);
                *kept = keeps;
            }
            if refusal.is_none() && std::mem::take(is_short) {
                // There may be room for the next one, too.
                inner.slots.wake_short(session, &mut woken);
            }
            read
        });
        woken.into_iter().for_each(Waker::wake);
        match refusal {
            Some(Refusal::Full) => Poll::Ready(Err(ReadError::NoCapacity)),
            Some(Refusal::Share) => self.poll_room(branch, cx, room).map(|()| Ok(NOTHING)),
            None => {
                self.seat.leave(&branch.stream.session.shared);
                answer
            }
        }
    }

    /// Waits for memory, beside what is waited for already.
    fn poll_room(&mut self, branch: &Branch, cx: &mut Context<'_>, room: usize) -> Poll<()> {
        self.is_short = true;
        let SessionRef { shared, handle, .. } = &*branch.stream.session;
        let (stream, wanted) = (branch.stream.handle, self.partial.memory_with_room(room));
        let kept = self.kept;
        self.seat.poll(cx, shared, Place::Room(*handle), |inner, _| {
            match inner.slots.may_keep(*handle, stream, kept, wanted) {
                Err(Refusal::Share) => Poll::Pending,
                Ok(()) | Err(Refusal::Full) => Poll::Ready(()),
            }
        })
    }

    /// The record is not kept any more.
    fn keep_nothing(&mut self, branch: &Branch) {
        let kept = std::mem::take(&mut self.kept);
        if kept > 0 {
            let (session, stream) = (&branch.stream.session, branch.stream.handle);
            let mut woken = Vec::new();
            session.shared.lock().slots.keep(session.handle, stream, kept, 0, &mut woken);
            woken.into_iter().for_each(Waker::wake);
        }
    }

    /// Whether it is as if it had not begun.
    const fn is_idle(&self) -> bool {
        let Self { partial, kept, is_whole, is_short, seat } = self;
        partial.memory() == 0 && *kept == 0 && !*is_whole && !*is_short && !seat.is_taken()
    }
}

impl<'a> Reading<'a> {
    fn new(half: &'a mut ReadHalf) -> Self {
        let before = std::mem::take(&mut half.seat);
        Self { half, before }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.half.leave();
        std::mem::swap(&mut self.half.seat, &mut self.before);
    }
}

/// What [`Record::poll_part`] read when it was only told to try again.
const NOTHING: core::RecordRead = core::RecordRead { len: 0, end: false, finished: false };

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
        self.leave();
        if let Some(record) = &mut self.record {
            record.keep_nothing(&self.branch);
        }
        if !self.is_at_end {
            self.branch.stop_as(StreamCode::DROPPED);
        }
    }
}

fn poll<T>(
    branch: &Branch,
    cx: &mut Context<'_>,
    seat: &mut Seat,
    read: impl FnOnce(&mut Inner, Instant, StreamHandle) -> Result<T, core::ReadError>,
) -> Poll<Result<T, ReadError>> {
    let (session, handle) = (&branch.stream.session, branch.stream.handle);
    session.poll_stream(cx, seat, handle, Interest::Read, |inner, now| {
        match read(inner, now, handle) {
            Ok(answer) => Poll::Ready(Ok(answer)),
            Err(error) => translate(session.handle, inner, error).map(Err),
        }
    })
}

/// Why nothing was read; pending if waiting helps.
fn translate(session: SessionHandle, inner: &Inner, error: core::ReadError) -> Poll<ReadError> {
    let is_closed = inner.is_closed(session);
    Poll::Ready(match error {
        core::ReadError::Blocked if !is_closed => return Poll::Pending,
        core::ReadError::Reset(code) => ReadError::Reset(code.as_u64()),
        core::ReadError::SessionClosed => inner.closed(session).into(),
        _ if is_closed => inner.closed(session).into(),
        _ => ReadError::Ended,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::two_hosts::endpoint;
    use crate::{Endpoint, Listener, OpenOptions, Session, Stream, Url};

    const MAX_BUFFER_BYTES: u64 = 4 << 20;
    const RECORD_LEN: usize = 40_000;
    const STREAMS: usize = 16;

    async fn narrow() -> Endpoint {
        endpoint(|config| {
            config.accept = true;
            config.max_buffer_bytes = MAX_BUFFER_BYTES;
        })
        .await
    }

    async fn meet(there: &Endpoint) -> (Session, Session) {
        let url = Url::new(there.id(), there.local_addrs()[0], "");
        let session = narrow().await.connect(&url).await.unwrap();
        (session, there.accept().await.unwrap())
    }

    /// Opens a stream with a part of a record, and reads on the other side of it.
    async fn begin(here: &Session, theirs: &mut Listener) -> (Stream, JoinHandle<usize>) {
        let mut stream = here.open_substream(OpenOptions::new()).await.unwrap();
        stream.write_all(&[7; RECORD_LEN]).await.unwrap();
        let mut child = theirs.accept().await.unwrap();
        let reading = async move { child.read_record(1 << 20).await.unwrap().unwrap().len() };
        (stream, tokio::spawn(reading))
    }

    #[tokio::test]
    async fn records_whose_end_does_not_come_are_bounded_and_stop_nobody() {
        let there = narrow().await;
        let (hostile, victim) = meet(&there).await;
        let mut theirs = victim.listen(64);
        let mut begun = Vec::new();
        for _ in 0..STREAMS {
            begun.push(begin(&hostile, &mut theirs).await);
        }
        // The share of a session that is alone, and one reader beyond it.
        let most = MAX_BUFFER_BYTES / 16 + 65_536;
        let kept = || victim.reference().shared.lock().slots.kept_bytes();
        let has_come =
            |branch: &Branch| branch.info().is_some_and(|info| info.acked >= RECORD_LEN as u64);
        while !begun.iter().all(|(stream, _)| has_come(stream)) || kept() < most / 2 {
            assert!(kept() <= most, "{} of {most}", kept());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Another session's records pass all the same.
        let (honest, served) = meet(&there).await;
        let (mut stream, reading) = begin(&honest, &mut served.listen(1)).await;
        stream.write_record(b"").await.unwrap();
        assert_eq!(reading.await.unwrap(), RECORD_LEN);
        assert!(kept() <= most, "{} of {most}", kept());
        // All that wait get on, one after the other, in whatever order the ends come.
        for (stream, _) in begun.iter_mut().rev() {
            stream.write_record(b"").await.unwrap();
        }
        for (_, reading) in begun {
            assert_eq!(reading.await.unwrap(), RECORD_LEN);
        }
        assert_eq!(kept(), 0);
    }
}
