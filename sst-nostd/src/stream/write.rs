//! The application's side of the sending half: write, mark, finish, reset, let go.

use crate::time::{Duration, Instant};
use crate::wire::StreamCode;

use super::Streams;
use super::bound::Bound;
use super::flags::{Events, Pending, State};
use super::gaps::Use;
use super::row::StreamHandle;
use super::tracked::DatagramOutcome;
use super::tree::Tree;

/// Why a stream takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The buffer is full: wait for [`StreamEvent::Writable`](super::StreamEvent::Writable).
    Blocked,
    /// The stream was finished or reset by this host before.
    Finished,
    /// The stream's lifetime ended.
    Expired,
    /// The session is closing or closed.
    SessionClosed,
    /// The peer asked this host to stop, with this code.
    Stopped(StreamCode),
    /// There is no such stream (any more), or it is a session's root, which carries no bytes.
    UnknownStream,
}

/// What a stream may hold that its peer has given no credit for: enough to go on with when credit
/// comes, and so little that a thousand streams which nobody reads hold 32 MiB.
const AHEAD_OF_CREDIT: u32 = 32 << 10;

/// How [`Streams::write`] treats the end of what it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The bytes end a record: a mark follows them.
    pub mark: bool,
}

impl Streams<'_> {
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
        self.check_writable(stream)?;
        let room = self.room(stream);
        let (taken, has_mark) = portion(bytes.len(), options.mark, room);
        if taken < bytes.len() || (options.mark && !has_mark) {
            self.want_room(stream);
        }
        if taken == 0 && !has_mark {
            let is_nothing = bytes.is_empty() && !options.mark;
            return if is_nothing { Ok(0) } else { Err(WriteError::Blocked) };
        }
        let bytes = bytes.get(..taken).unwrap_or_default();
        if !self.store(stream, bytes, has_mark) {
            self.tidy_gaps(stream);
            self.want_blocks(stream);
            return Err(WriteError::Blocked);
        }
        self.settle(tree, stream);
        self.schedule(tree, stream);
        Ok(taken)
    }

    /// The application will write no more; the peer reads to here and no further.
    ///
    /// # Errors
    /// As [`write`](Self::write), but for `Blocked`.
    pub fn finish(&mut self, tree: &mut Tree, stream: StreamHandle) -> Result<(), WriteError> {
        self.check_writable(stream)?;
        if let Some(row) = self.rows.get_mut(stream) {
            row.state.set(State::FINISHED);
        }
        self.owe(tree, stream, Pending::FIN);
        self.settle(tree, stream);
        Ok(())
    }

    /// Abandons the sending half: nothing more is sent, the peer hears `code`. Without effect on
    /// a half that is delivered or reset already.
    pub fn reset(&mut self, tree: &mut Tree, stream: StreamHandle, code: StreamCode) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let ended = State::SEND_RESET.with(State::SEND_DONE);
        if row.state.has_any(ended.with(State::ROOT)) {
            return;
        }
        row.state.set(State::SEND_RESET.with(State::FINISHED));
        row.pending.clear(Pending::FIN.with(Pending::OPEN).with(Pending::STREAM_BLOCKED));
        // What was never sent never existed: the final position is that of the last one sent.
        let sent = row.sending.sent_end;
        row.sending.written = sent;
        row.sending.acked = sent;
        row.sending.next = sent;
        row.sending.bound = Bound::code(code);
        let Some(party) = self.parties.at_mut(row.party) else { return };
        row.sending_rope.clear_to(&mut self.pool, &mut party.outgoing, sent);
        row.state.clear(State::WANTS_ROOM);
        if let Some(gaps) = self.gaps.at_mut(row.gaps) {
            gaps.sent_marks.clear_to(&mut self.pool, &mut party.outgoing, sent / 8);
        }
        let _ = self.drop_range(stream, super::gaps::Kind::Lost, 0..u64::MAX);
        let _ = self.drop_range(stream, super::gaps::Kind::Acked, 0..u64::MAX);
        self.feed_starved(tree.party);
        self.owe(tree, stream, Pending::RESET);
        self.settle(tree, stream);
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
            if let (Some(row), Some(stream)) = (self.rows.at(index), self.rows.handle_at(index)) {
                let session = self.parties.at(row.party)?.session;
                return Some((session, stream));
            }
        }
        None
    }

    /// Ends the sending half of a stream whose lifetime is over.
    pub fn expire(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if row.state.has_any(State::SEND_DONE.with(State::SEND_RESET)) {
            return;
        }
        row.state.set(State::EXPIRED);
        self.settle_substream(tree, stream, DatagramOutcome::Expired);
        self.reset(tree, stream, StreamCode::EXPIRED);
        self.tell(stream, Events::EXPIRED);
    }

    /// Whether the sending half still takes anything.
    pub(super) fn check_writable(&self, stream: StreamHandle) -> Result<(), WriteError> {
        let row = self.rows.get(stream).ok_or(WriteError::UnknownStream)?;
        let state = row.state;
        if state.has(State::ROOT) {
            Err(WriteError::UnknownStream)
        } else if state.has(State::EXPIRED) {
            Err(WriteError::Expired)
        } else if state.has(State::PEER_STOPPED)
            && let Some(code) = row.sending.bound.as_code()
        {
            Err(WriteError::Stopped(code))
        } else if state.has_any(State::FINISHED.with(State::SEND_RESET)) {
            Err(WriteError::Finished)
        } else {
            Ok(())
        }
    }

    /// Positions that there is room for: in the stream's own buffer, and in the pool.
    pub(super) fn room(&self, stream: StreamHandle) -> u64 {
        self.own_room(stream).min(self.room_in_pool(stream))
    }

    /// Positions that the stream may hold more: few that were never sent, and very few that the
    /// peer has given no credit for. A peer that reads nothing makes this host hold little, however
    /// wide the windows are.
    fn own_room(&self, stream: StreamHandle) -> u64 {
        let Some(row) = self.rows.get(stream) else { return 0 };
        if row.state.has(State::DATAGRAM) {
            // It is taken whole or not at all; the peer's parameters bound it.
            return u64::MAX;
        }
        let unsent = u64::from(self.config.send_buffer).saturating_sub(row.unsent());
        let reach = row.sending.bound.reach().saturating_add(self.ahead_of_credit());
        unsent.min(reach.saturating_sub(row.sending.written))
    }

    /// Positions that a stream may hold beyond its peer's credit.
    fn ahead_of_credit(&self) -> u64 {
        u64::from(self.config.send_buffer.min(AHEAD_OF_CREDIT))
    }

    /// Positions that the session's share of the pool has room for.
    fn room_in_pool(&self, stream: StreamHandle) -> u64 {
        let Some(row) = self.rows.get(stream) else { return 0 };
        let reach = row.sending_rope.end(&self.pool).saturating_add(self.pool_room(row.party));
        reach.saturating_sub(row.sending.written)
    }

    /// Remembers that the writer waits: for the stream's own room, of which it hears when something
    /// is sent, or for the pool's.
    fn want_room(&mut self, stream: StreamHandle) {
        if self.room_in_pool(stream) < self.own_room(stream) {
            return self.want_blocks(stream);
        }
        if let Some(row) = self.rows.get_mut(stream) {
            row.state.set(State::WANTS_ROOM);
        }
    }

    /// Remembers that the writer waits for what others hold.
    fn want_blocks(&mut self, stream: StreamHandle) {
        if let Some(row) = self.rows.get_mut(stream) {
            row.state.set(State::WANTS_ROOM);
            self.starve(stream);
        }
    }

    /// Tells a waiting writer that there is room, once there is enough to be worth it: a quarter of
    /// the buffer, or what credit came for, once little is left to send.
    pub(super) fn wake_writer(&mut self, stream: StreamHandle) {
        let Some(row) = self.rows.get(stream).filter(|row| row.state.has(State::WANTS_ROOM)) else {
            return;
        };
        let (own, ahead) = (self.own_room(stream), self.ahead_of_credit());
        let is_near_end = row.unsent() <= ahead && own.saturating_mul(2) >= ahead;
        if own.saturating_mul(4) < u64::from(self.config.send_buffer) && !is_near_end {
            return;
        }
        if self.pool_room(row.party) == 0 {
            // Its own buffer has room again, but others took what it gave back.
            return self.starve(stream);
        }
        let Some(row) = self.rows.get_mut(stream) else { return };
        row.state.clear(State::WANTS_ROOM);
        if !row.state.has_any(State::WAITS_IDS.with(State::WANTS_DATAGRAM_ROOM)) {
            self.forget_starved(stream);
        }
        self.tell(stream, Events::WRITABLE);
    }

    /// Appends bytes and perhaps a mark. All or nothing.
    fn store(&mut self, stream: StreamHandle, bytes: &[u8], mark: bool) -> bool {
        let gaps = if mark { self.fetch_gaps(stream, Use::Optional) } else { None };
        if mark && gaps.is_none() {
            return false;
        }
        let Some(row) = self.rows.get_mut(stream) else { return false };
        let start = row.sending.written;
        let end = start.saturating_add(bytes.len() as u64);
        let marked = end.saturating_add(u64::from(mark));
        let mut needed = row.sending_rope.blocks_needed(&self.pool, marked);
        if let Some(gaps) = gaps.and_then(|gaps| self.gaps.at(gaps)) {
            let more = gaps.sent_marks.blocks_needed(&self.pool, (end / 8).saturating_add(1));
            needed = needed.saturating_add(more);
        }
        let Some(party) = self.parties.at_mut(row.party) else { return false };
        let account = &mut party.outgoing;
        if needed > self.pool.room(account) {
            return false;
        }
        if row.sending_rope.write_at(&mut self.pool, account, start, bytes).is_err() {
            return false;
        }
        if let Some(gaps) = gaps.and_then(|gaps| self.gaps.at_mut(gaps)) {
            // The mark's position holds a byte nobody reads, so that positions stay places.
            let stored = row.sending_rope.write_at(&mut self.pool, account, end, &[0]);
            let marks = &mut gaps.sent_marks;
            if stored.is_err() || marks.set_bit(&mut self.pool, account, end).is_err() {
                return false;
            }
        }
        // Once for each limit, when it begins to be in the way.
        let is_first_over = start == row.sending.bound.reach() && marked > start;
        if row.sending.next == row.sending.bound.reach() && is_first_over {
            row.pending.set(Pending::STREAM_BLOCKED);
        }
        row.sending.written = marked;
        true
    }
}

/// How much of a write fits: bytes, and whether the mark does too. A record is never taken
/// whole without its mark, or the caller could not tell that the mark is missing.
fn portion(len: usize, mark: bool, room: u64) -> (usize, bool) {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if !mark {
        return (len.min(room), false);
    }
    if len < room {
        return (len, true);
    }
    (len.saturating_sub(1).min(room), false)
}
