//! The application's door: what it does to one stream. Each looks the stream up once.

use crate::time::{Duration, Instant};
use crate::wire::StreamCode;

use super::Streams;
use super::flags::State;
use super::read::{BytesRead, ReadError, RecordRead};
use super::row::StreamHandle;
use super::tree::Tree;
use super::write::{WriteError, WriteOptions};

impl Streams<'_> {
    /// Reads bytes in order, marks left out. `Ok(0)` for a buffer with room means the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<usize, ReadError> {
        self.read_on(tree, now, stream, buf).map(|read| read.len)
    }

    /// The same, and whether the end follows: who reads until it need not ask once more.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_on(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<BytesRead, ReadError> {
        let read = self.with(tree, stream, |one| one.read(now, buf));
        read.unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Reads bytes of one record, never past its mark.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_record(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<RecordRead, ReadError> {
        let read = self.with(tree, stream, |one| one.read_record(now, buf));
        read.unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Takes any bytes that have arrived and were not taken, in order or not: their position
    /// and number. `None` when nothing is left and nothing will come. Marks are left out but
    /// have positions.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_unordered(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(u64, usize)>, ReadError> {
        let read = self.with(tree, stream, |one| one.read_unordered(now, buf));
        read.unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Asks the peer to send no more; what has arrived and what will is thrown away.
    pub fn stop(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle, code: StreamCode) {
        self.with(tree, stream, |one| one.stop(now, code));
    }

    /// Takes as much of `bytes` as there is room for, and tells how much. With `options.mark`, an
    /// answer of all of it means that the mark was taken too.
    ///
    /// # Errors
    /// [`WriteError`]; `Blocked` only if nothing was taken that should have been.
    pub fn write(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        bytes: &[u8],
        options: WriteOptions,
    ) -> Result<usize, WriteError> {
        let taken = self.with(tree, stream, |one| one.write(bytes, options));
        taken.unwrap_or(Err(WriteError::UnknownStream))
    }

    /// The application will write no more; the peer reads to here and no further.
    ///
    /// # Errors
    /// As [`write`](Self::write), but for `Blocked`.
    pub fn finish(&mut self, tree: &mut Tree, stream: StreamHandle) -> Result<(), WriteError> {
        let ended = self.with(tree, stream, |one| one.end());
        ended.unwrap_or(Err(WriteError::UnknownStream))
    }

    /// Abandons the sending half: nothing more is sent, the peer hears `code`. Without effect on
    /// a half that is delivered or reset already.
    pub fn reset(&mut self, tree: &mut Tree, stream: StreamHandle, code: StreamCode) {
        self.with(tree, stream, |one| one.reset(code));
    }

    /// The stream ends by itself `lifetime` from now: what is not delivered then is abandoned.
    /// `None` lets it live.
    pub fn set_lifetime(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        lifetime: Option<Duration>,
    ) -> bool {
        if self.rows.get(stream).is_none_or(|row| row.state.has(State::ROOT)) {
            return false;
        }
        let deadline = lifetime.map(|lifetime| now.after(lifetime));
        self.lifetimes.set(stream.index(), deadline).is_ok()
    }

    /// When the next lifetime ends.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.lifetimes.next()
    }

    /// The next stream whose lifetime has ended, with the index of its session. The caller
    /// passes it to [`expire`](Self::expire).
    pub fn take_expired(&mut self, now: Instant) -> Option<(u32, StreamHandle)> {
        while let Some(index) = self.lifetimes.pop_due(now) {
            if let Some((stream, row)) = self.rows.entry_at(index) {
                let session = self.parties.at(row.party)?.session;
                return Some((session, stream));
            }
        }
        None
    }

    /// Ends the sending half of a stream whose lifetime is over.
    pub fn expire(&mut self, tree: &mut Tree, stream: StreamHandle) {
        self.with(tree, stream, |one| one.expire());
    }
}
