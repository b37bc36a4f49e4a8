//! What the application may ask of streams: each call finds the session, acts on its tree, and
//! sees to it that what came of it is sent.

use crate::crypto::Crypto;
use crate::session::{Session, SessionState};
use crate::stream::{
    BytesRead, DatagramError, DatagramForm, DatagramOptions, DatagramSent, DatagramTicket, Open,
    OpenError, ReadError, RecordRead, StreamHandle, StreamInfo, TreeMut, WriteError, WriteOptions,
};
use crate::time::{Duration, Instant};
use crate::wire::StreamCode;

use super::Host;

/// There is no such stream (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStream;

impl<C: Crypto> Host<'_, C> {
    /// Opens a substream of `parent`, with no round trip.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_substream(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        open: Open,
    ) -> Result<StreamHandle, OpenError> {
        self.with_tree(now, parent, |tree, now, state| match state {
            SessionState::Ready => tree.open_substream(now, parent, open),
            _ => Err(OpenError::SessionClosed),
        })
        .unwrap_or(Err(OpenError::UnknownStream))
    }

    /// Lets the peer have `backlog` children of `parent` waiting to be accepted.
    ///
    /// # Errors
    /// [`UnknownStream`], also where there is no room for another parent.
    pub fn listen(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        backlog: u32,
    ) -> Result<(), UnknownStream> {
        match self.with_tree(now, parent, |tree, _, _| tree.listen(parent, backlog)) {
            Some(true) => Ok(()),
            _ => Err(UnknownStream),
        }
    }

    /// The next child of `parent` that the peer opened.
    pub fn accept_substream(&mut self, now: Instant, parent: StreamHandle) -> Option<StreamHandle> {
        self.with_tree(now, parent, |tree, _, _| tree.accept_substream(parent))?
    }

    /// Takes as much of `bytes` as there is room for, and tells how much.
    ///
    /// # Errors
    /// [`WriteError`]; `Blocked` only if nothing was taken.
    pub fn write(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        self.write_with(now, stream, bytes, WriteOptions::default())
    }

    /// Takes as much of a record as there is room for; an answer of all of it means that its
    /// mark was taken too.
    ///
    /// # Errors
    /// [`WriteError`]; `Blocked` only if nothing was taken.
    pub fn write_record(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        self.write_with(now, stream, bytes, WriteOptions { mark: true })
    }

    fn write_with(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        bytes: &[u8],
        options: WriteOptions,
    ) -> Result<usize, WriteError> {
        self.with_tree(now, stream, |tree, _, state| match state {
            SessionState::Ready => tree.write(stream, bytes, options),
            _ => Err(WriteError::SessionClosed),
        })
        .unwrap_or(Err(WriteError::UnknownStream))
    }

    /// Half-closes: everything written is delivered, then the peer reads the end.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(&mut self, now: Instant, stream: StreamHandle) -> Result<(), WriteError> {
        self.with_tree(now, stream, |tree, _, state| match state {
            SessionState::Ready | SessionState::Draining => tree.finish(stream),
            _ => Err(WriteError::SessionClosed),
        })
        .unwrap_or(Err(WriteError::UnknownStream))
    }

    /// Takes as much of `bytes` as there is room for, and the [end](Self::finish) if that is all
    /// of it: one call for both. An answer of all of it means that the end was taken too.
    ///
    /// # Errors
    /// [`WriteError`]; `Blocked` only if nothing was taken.
    pub fn write_last(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        bytes: &[u8],
    ) -> Result<usize, WriteError> {
        self.with_tree(now, stream, |tree, _, state| match state {
            SessionState::Ready => tree.write_last(stream, bytes),
            _ => Err(WriteError::SessionClosed),
        })
        .unwrap_or(Err(WriteError::UnknownStream))
    }

    /// Reads bytes in order, marks left out. `Ok(0)` for a buffer with room means the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<usize, ReadError> {
        self.reading(now, stream, |tree, now| tree.read(now, stream, buf))
    }

    /// The same, and whether the end follows: who reads until it need not ask once more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_on(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<BytesRead, ReadError> {
        self.reading(now, stream, |tree, now| tree.read_on(now, stream, buf))
    }

    /// Reads bytes of one record, never past its mark.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_record(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<RecordRead, ReadError> {
        self.reading(now, stream, |tree, now| tree.read_record(now, stream, buf))
    }

    /// Takes any bytes that have arrived, in order or not: their position and number. `None`
    /// when nothing is left and nothing will come.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_unordered(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(u64, usize)>, ReadError> {
        self.reading(now, stream, |tree, now| tree.read_unordered(now, stream, buf))
    }

    /// Gives up the sending half; the peer hears `code`.
    pub fn reset(&mut self, now: Instant, stream: StreamHandle, code: StreamCode) {
        self.with_tree(now, stream, |tree, _, _| tree.reset(stream, code));
    }

    /// Asks the peer to send no more on `stream`.
    pub fn stop(&mut self, now: Instant, stream: StreamHandle, code: StreamCode) {
        self.with_tree(now, stream, |tree, now, _| tree.stop(now, stream, code));
    }

    /// Lets go of `stream`. What was not finished is reset, what was not read is stopped; a
    /// finished stream is delivered all the same.
    pub fn release(&mut self, now: Instant, stream: StreamHandle) {
        self.with_tree(now, stream, |tree, now, _| tree.release(now, stream));
    }

    /// Sets the priority of what this host sends on `stream` and on the streams below it that
    /// have none of their own; `None` follows the parent.
    ///
    /// # Errors
    /// [`UnknownStream`].
    pub fn set_priority(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        priority: Option<i8>,
    ) -> Result<(), UnknownStream> {
        match self.with_tree(now, stream, |tree, _, _| tree.set_priority(stream, priority)) {
            Some(true) => Ok(()),
            _ => Err(UnknownStream),
        }
    }

    /// Whether the priority of what this host sends on `stream` stays as this host sets it,
    /// whatever the peer asks for.
    ///
    /// # Errors
    /// [`UnknownStream`].
    pub fn fix_priority(
        &mut self,
        stream: StreamHandle,
        is_fixed: bool,
    ) -> Result<(), UnknownStream> {
        if self.bonds.streams.fix_priority(stream, is_fixed) { Ok(()) } else { Err(UnknownStream) }
    }

    /// Asks the peer to give what it sends on `stream` this priority.
    ///
    /// # Errors
    /// [`UnknownStream`].
    pub fn request_priority(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        priority: i8,
    ) -> Result<(), UnknownStream> {
        let asked =
            self.with_tree(now, stream, |tree, _, _| tree.request_priority(stream, priority));
        if asked == Some(true) { Ok(()) } else { Err(UnknownStream) }
    }

    /// Ends the sending half by itself after `lifetime`; `None` lets it live.
    ///
    /// # Errors
    /// [`UnknownStream`].
    pub fn set_lifetime(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        lifetime: Option<Duration>,
    ) -> Result<(), UnknownStream> {
        let now = self.advance(now);
        if self.bonds.streams.set_lifetime(now, stream, lifetime) {
            Ok(())
        } else {
            Err(UnknownStream)
        }
    }

    /// What there is to know about `stream`.
    #[must_use]
    pub fn stream_info(&self, stream: StreamHandle) -> Option<StreamInfo> {
        self.bonds.streams.info(stream)
    }

    /// Sends a datagram of any size up to the peer's limit, in the form that suits it.
    ///
    /// # Errors
    /// [`DatagramError`].
    #[inline]
    pub fn send_datagram(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Result<DatagramForm, DatagramError> {
        self.send_datagram_with(now, parent, bytes, options, false).map(|sent| sent.form)
    }

    /// The same, and tells its outcome by and by: see [`Event::Datagram`](super::Event::Datagram).
    ///
    /// # Errors
    /// [`DatagramError`]: then there is no outcome.
    #[inline]
    pub fn send_tracked_datagram(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Result<DatagramSent, DatagramError> {
        self.send_datagram_with(now, parent, bytes, options, true)
    }

    /// Either of them.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub fn send_datagram_with(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        is_tracked: bool,
    ) -> Result<DatagramSent, DatagramError> {
        let path = self.bonds.path_quality(parent);
        self.with_tree(now, parent, |tree, now, state| match state {
            SessionState::Ready => {
                tree.send_datagram_with(now, parent, bytes, options, path, is_tracked)
            }
            _ => Err(DatagramError::SessionClosed),
        })
        .unwrap_or(Err(DatagramError::UnknownStream))
    }

    /// Nobody wants to know what becomes of a datagram any more: its outcome is not told, and
    /// another can be tracked in its place. It is delivered or not as before.
    pub fn forget_datagram(&mut self, ticket: DatagramTicket) {
        let session = self.bonds.streams.session_of_datagram(ticket);
        let session = session.and_then(|session| self.bonds.sessions.at_mut(session));
        let tree = session.and_then(Session::tree_mut);
        self.bonds.streams.forget_datagram(tree, ticket);
    }

    /// Takes the next datagram of `parent`. `Ok(None)`: none waits.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn recv_datagram(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(usize, DatagramForm)>, ReadError> {
        self.with_tree(now, parent, |tree, now, _| tree.recv_datagram(now, parent, buf))
            .unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Takes the next datagram of `parent` that came as a substream, as that stream.
    pub fn accept_datagram(&mut self, now: Instant, parent: StreamHandle) -> Option<StreamHandle> {
        self.with_tree(now, parent, |tree, _, _| tree.accept_datagram(parent))?
    }

    /// Reads, and turns "nothing yet" into "nothing ever" where the session is over.
    fn reading<R>(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        read: impl FnOnce(&mut TreeMut<'_, '_>, Instant) -> Result<R, ReadError>,
    ) -> Result<R, ReadError> {
        self.with_tree(now, stream, |tree, now, state| {
            let result = read(tree, now);
            let is_over = !matches!(state, SessionState::Ready | SessionState::Draining);
            match result {
                Err(ReadError::Blocked) if is_over => Err(ReadError::SessionClosed),
                result => result,
            }
        })
        .unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Acts on the tree that `stream` belongs to; afterwards its channel looks for work. What does
    /// not depend on the act is in functions of its own: there are twenty of these.
    fn with_tree<R>(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        act: impl FnOnce(&mut TreeMut<'_, '_>, Instant, SessionState) -> R,
    ) -> Option<R> {
        let now = self.advance(now);
        let index = self.bonds.streams.session_of(stream)?;
        let session = self.bonds.sessions.at_mut(index)?;
        let state = session.state();
        let result = act(&mut self.bonds.streams.of(session.tree_mut()?), now, state);
        self.after_act(index);
        Some(result)
    }

    /// An act on the tree of the session in row `index` may have left something to send.
    fn after_act(&mut self, index: u32) {
        self.look_after(index);
    }
}
