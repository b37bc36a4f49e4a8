//! [`Stream`]: bytes and records, each way.
//!
//! Futures are closures of [`poll_fn`]: an `async fn` keeps what it was given twice, and a board
//! has one for each stream.

use core::cell::Cell;
use core::future::poll_fn;
use core::ops::Deref;
use core::task::{Context, Poll, ready};

use sst_nostd::{ReadError, SendState, WriteError, WriteOptions};

use crate::branch::Branch;
use crate::waiters::Interest;

/// One stream. Dropped before it was finished, it resets its sending half, and stops the other: an
/// end that was not meant never looks like one.
///
/// It dereferences to its [`Branch`]: children and datagrams.
pub struct Stream {
    branch: Branch,
    /// Part of a record is written: no other may begin.
    is_torn: Cell<bool>,
    /// Part of a record is read: an end would cut it off.
    is_in_record: Cell<bool>,
}

/// What [`Stream::read_record`] read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Bytes put in the buffer.
    pub len: usize,
    /// What follows them.
    pub end: RecordEnd,
}

/// What follows the bytes that were read of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordEnd {
    /// More of the record: the buffer was too small.
    More,
    /// Its mark: the record is whole.
    Mark,
    /// The end of the stream. The peer set no mark: these bytes are no record.
    CutOff,
}

impl Stream {
    pub(crate) const fn new(branch: Branch) -> Self {
        Self { branch, is_torn: Cell::new(false), is_in_record: Cell::new(false) }
    }

    /// Reads bytes as they come, marks left out. 0 is the end.
    ///
    /// # Errors
    /// [`ReadError`], never `Blocked`.
    pub fn read(&self, buffer: &mut [u8]) -> impl Future<Output = Result<usize, ReadError>> {
        poll_fn(move |cx| self.poll_read(cx, buffer))
    }

    /// Reads one record, or as much of it as fits: see [`Record::end`]. `None` is the end.
    ///
    /// # Errors
    /// [`ReadError`], never `Blocked`.
    pub fn read_record(
        &self,
        buffer: &mut [u8],
    ) -> impl Future<Output = Result<Option<Record>, ReadError>> {
        let mut len = 0;
        poll_fn(move |cx| self.poll_read_record(cx, buffer, &mut len))
    }

    /// Writes all of `bytes`, waiting for credit.
    ///
    /// # Errors
    /// [`WriteError`], never `Blocked`.
    pub fn write(&self, bytes: &[u8]) -> impl Future<Output = Result<(), WriteError>> {
        self.write_all(bytes, WriteOptions { mark: false })
    }

    /// Writes a record: the bytes, and a mark after them. Bytes [written](Self::write) before it
    /// are its beginning.
    ///
    /// # Errors
    /// [`WriteError`], never `Blocked`.
    pub fn write_record(&self, record: &[u8]) -> impl Future<Output = Result<(), WriteError>> {
        self.write_all(record, WriteOptions { mark: true })
    }

    /// Ends this direction and waits until the peer has everything.
    ///
    /// # Errors
    /// [`WriteError`], never `Blocked`.
    pub async fn finish(&self) -> Result<(), WriteError> {
        self.start_finish()?;
        poll_fn(|cx| self.poll_finished(cx)).await
    }

    /// Ends this direction without waiting: what was written is delivered all the same.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn start_finish(&self) -> Result<(), WriteError> {
        if self.is_torn.get() {
            return Err(WriteError::Finished);
        }
        let Some(stream) = self.branch.handle() else { return Err(WriteError::UnknownStream) };
        self.branch.endpoint().act(|inner, now| inner.host.finish(now, stream))
    }

    /// [`read`](Self::read), for futures written by hand.
    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, ReadError>> {
        self.is_in_record.set(false);
        self.branch.poll(cx, Interest::Read, |host, now, stream| {
            match host.read(now, stream.ok_or(ReadError::UnknownStream)?, buffer) {
                Err(ReadError::Blocked) => Ok(None),
                read => read.map(Some),
            }
        })
    }

    /// [`read_record`](Self::read_record), for futures written by hand: `len` counts what is in the
    /// buffer already.
    pub fn poll_read_record(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        len: &mut usize,
    ) -> Poll<Result<Option<Record>, ReadError>> {
        self.branch.poll(cx, Interest::Read, |host, now, stream| {
            let stream = stream.ok_or(ReadError::UnknownStream)?;
            loop {
                let room = buffer.get_mut(*len..).unwrap_or_default();
                if room.is_empty() {
                    self.is_in_record.set(true);
                    return Ok(Some(Some(Record { len: *len, end: RecordEnd::More })));
                }
                let read = match host.read_record(now, stream, room) {
                    Err(ReadError::Blocked) => return Ok(None),
                    read => read?,
                };
                *len = len.saturating_add(read.len);
                if read.end {
                    self.is_in_record.set(false);
                    return Ok(Some(Some(Record { len: *len, end: RecordEnd::Mark })));
                }
                if read.finished {
                    let is_cut_off = self.is_in_record.replace(false) || *len > 0;
                    let rest = Record { len: *len, end: RecordEnd::CutOff };
                    return Ok(Some(is_cut_off.then_some(rest)));
                }
            }
        })
    }

    fn write_all(
        &self,
        mut rest: &[u8],
        options: WriteOptions,
    ) -> impl Future<Output = Result<(), WriteError>> {
        let was_torn = options.mark && self.is_torn.get();
        poll_fn(move |cx| {
            if was_torn {
                Poll::Ready(Err(WriteError::Finished))
            } else {
                self.poll_write_all(cx, &mut rest, options)
            }
        })
    }

    fn poll_write_all(
        &self,
        cx: &mut Context<'_>,
        rest: &mut &[u8],
        options: WriteOptions,
    ) -> Poll<Result<(), WriteError>> {
        loop {
            let taken = ready!(self.poll_write(cx, rest, options))?;
            *rest = rest.get(taken..).unwrap_or_default();
            // If the future is dropped from here on, the record stays torn.
            self.is_torn.set(options.mark && !rest.is_empty());
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        options: WriteOptions,
    ) -> Poll<Result<usize, WriteError>> {
        self.branch.poll(cx, Interest::Write, |host, now, stream| {
            let stream = stream.ok_or(WriteError::UnknownStream)?;
            let written = if options.mark {
                host.write_record(now, stream, bytes)
            } else {
                host.write(now, stream, bytes)
            };
            match written {
                Err(WriteError::Blocked) => Ok(None),
                written => written.map(Some),
            }
        })
    }

    fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError>> {
        self.branch.poll(cx, Interest::Write, |host, now, stream| {
            let stream = stream.ok_or(WriteError::UnknownStream)?;
            match host.stream_info(stream).map(|info| info.send_state) {
                Some(SendState::Delivered) => Ok(Some(())),
                Some(SendState::Open | SendState::Finishing) => Ok(None),
                // The host knows why.
                _ => Err(host.write(now, stream, b"?").err().unwrap_or(WriteError::UnknownStream)),
            }
        })
    }
}

impl Deref for Stream {
    type Target = Branch;

    fn deref(&self) -> &Branch {
        &self.branch
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.branch.release();
    }
}
