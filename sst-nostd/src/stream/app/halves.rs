//! What the application does to one stream. Each looks the stream up once.

use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::half::read::{BytesRead, ReadError, RecordRead};
use crate::stream::half::send::{WriteError, WriteOptions};
use crate::stream::row::StreamHandle;
use crate::stream::tree_mut::TreeMut;

impl TreeMut<'_, '_> {
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
        self.read_on(now, stream, buf).map(|read| read.len)
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
        let read = self.with(stream, |one| one.read(now, buf));
        read.unwrap_or(Err(ReadError::UnknownStream))
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
        let read = self.with(stream, |one| one.read_record(now, buf));
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
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(u64, usize)>, ReadError> {
        let read = self.with(stream, |one| one.read_unordered(now, buf));
        read.unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Asks the peer to send no more; what has arrived and what will is thrown away.
    pub fn stop(&mut self, now: Instant, stream: StreamHandle, code: StreamCode) {
        self.with(stream, |one| one.stop(now, code));
    }

    /// Takes as much of `bytes` as there is room for, and tells how much. With `options.mark`, an
    /// answer of all of it means that the mark was taken too.
    ///
    /// # Errors
    /// [`WriteError`]; `Blocked` only if nothing was taken that should have been.
    pub fn write(
        &mut self,
        stream: StreamHandle,
        bytes: &[u8],
        options: WriteOptions,
    ) -> Result<usize, WriteError> {
        let taken = self.with(stream, |one| one.write(bytes, options));
        taken.unwrap_or(Err(WriteError::UnknownStream))
    }

    /// The same, and the end with it, if all of `bytes` is taken.
    ///
    /// # Errors
    /// [`WriteError`]; `Blocked` only if nothing was taken that should have been.
    pub fn write_last(&mut self, stream: StreamHandle, bytes: &[u8]) -> Result<usize, WriteError> {
        let taken = self.with(stream, |one| {
            let taken = one.write(bytes, WriteOptions::default())?;
            if taken == bytes.len() {
                one.end()?;
            }
            Ok(taken)
        });
        taken.unwrap_or(Err(WriteError::UnknownStream))
    }

    /// The application will write no more; the peer reads to here and no further.
    ///
    /// # Errors
    /// As [`write`](Self::write), but for `Blocked`.
    pub fn finish(&mut self, stream: StreamHandle) -> Result<(), WriteError> {
        let ended = self.with(stream, |one| one.end());
        ended.unwrap_or(Err(WriteError::UnknownStream))
    }

    /// Abandons the sending half: nothing more is sent, the peer hears `code`. Without effect on
    /// a half that is delivered or reset already.
    pub fn reset(&mut self, stream: StreamHandle, code: StreamCode) {
        self.with(stream, |one| one.reset(code));
    }

    /// Ends the sending half of a stream whose lifetime is over.
    pub fn expire(&mut self, stream: StreamHandle) {
        self.with(stream, |one| one.expire());
    }
}
