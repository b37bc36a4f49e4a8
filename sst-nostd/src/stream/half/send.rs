//! The application's side of the sending half: write, mark, finish, reset, let go.

use crate::wire::StreamCode;

use crate::stream::bound::Bound;
use crate::stream::flags::{After, Events, Pending, State};
use crate::stream::gaps::{Kind, Use};
use crate::stream::party::Party;
use crate::stream::row::Row;
use crate::stream::stores::Stores;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tracked::DatagramOutcome;

/// Why a stream takes no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The buffer is full: wait for
    /// [`StreamEvent::Writable`](crate::stream::StreamEvent::Writable).
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

/// How [`TreeMut::write`](crate::stream::TreeMut::write) treats the end of what it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The bytes end a record: a mark follows them.
    pub mark: bool,
}

impl Stores<'_> {
    /// Positions that the stream may hold more: few that were never sent, and very few that the
    /// peer has given no credit for. A peer that reads nothing makes this host hold little, however
    /// wide the windows are.
    fn own_room(&self, row: &Row) -> u64 {
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
    fn room_in_pool(&self, row: &Row, party: &Party) -> u64 {
        let reach = row.sending_rope.end(&self.pool).saturating_add(self.pool_room(party));
        reach.saturating_sub(row.sending.written)
    }
}

impl StreamMut<'_, '_> {
    /// Takes as much of `bytes` as there is room for, and tells how much. With `options.mark`, an
    /// answer of all of it means that the mark was taken too.
    pub(in crate::stream) fn write(
        &mut self,
        bytes: &[u8],
        options: WriteOptions,
    ) -> Result<usize, WriteError> {
        self.check_writable()?;
        let own = self.stores.own_room(self.row);
        let in_pool = self.stores.room_in_pool(self.row, self.party);
        let (taken, has_mark) = portion(bytes.len(), options.mark, own.min(in_pool));
        if taken < bytes.len() || (options.mark && !has_mark) {
            self.want_room(in_pool < own);
        }
        if taken == 0 && !has_mark {
            let is_nothing = bytes.is_empty() && !options.mark;
            return if is_nothing { Ok(0) } else { Err(WriteError::Blocked) };
        }
        let bytes = bytes.get(..taken).unwrap_or_default();
        if !self.store(bytes, has_mark) {
            // Else two such writers would have each other told that there is room, for ever.
            self.return_gaps();
            self.want_room(true);
            return Err(WriteError::Blocked);
        }
        Ok(taken)
    }

    /// The application will write no more; the peer reads to here and no further.
    pub(in crate::stream) fn end(&mut self) -> Result<(), WriteError> {
        self.check_writable()?;
        self.row.state.set(State::FINISHED);
        self.owe(Pending::FIN);
        Ok(())
    }

    /// Abandons the sending half: nothing more is sent, the peer hears `code`. Without effect on
    /// a half that is delivered or reset already.
    pub(in crate::stream) fn reset(&mut self, code: StreamCode) {
        let Self { row, party, stores, .. } = self;
        let ended = State::SEND_RESET.with(State::SEND_DONE);
        if row.state.has_any(ended.with(State::ROOT)) {
            return;
        }
        row.state.set(State::SEND_RESET.with(State::FINISHED));
        row.state.clear(State::WANTS_ROOM);
        row.pending.clear(Pending::FIN.with(Pending::OPEN).with(Pending::STREAM_BLOCKED));
        // What was never sent never existed: the final position is that of the last one sent.
        let sent = row.sending.sent_end;
        row.sending.written = sent;
        row.sending.acked = sent;
        row.sending.next = sent;
        row.sending.bound = Bound::code(code);
        row.sending_rope.clear_to(&mut stores.pool, &mut party.outgoing, sent);
        if let Some(gaps) = stores.gaps.at_mut(row.gaps) {
            gaps.sent_marks.clear_to(&mut stores.pool, &mut party.outgoing, sent / 8);
        }
        let _ = self.drop_range(Kind::Lost, 0..u64::MAX);
        let _ = self.drop_range(Kind::Acked, 0..u64::MAX);
        self.after.set(After::FEED);
        self.owe(Pending::RESET);
    }

    /// Ends the sending half of a stream whose lifetime is over.
    pub(in crate::stream) fn expire(&mut self) {
        if self.row.state.has_any(State::SEND_DONE.with(State::SEND_RESET)) {
            return;
        }
        self.row.state.set(State::EXPIRED);
        self.settle_ticket(DatagramOutcome::Expired);
        self.reset(StreamCode::EXPIRED);
        self.tell(Events::EXPIRED);
    }

    /// The peer asked this host to stop sending.
    pub(in crate::stream) fn on_stop(&mut self, code: StreamCode) {
        let over = State::PEER_STOPPED.with(State::SEND_DONE).with(State::SEND_RESET);
        if self.row.state.has_any(over) {
            return;
        }
        self.settle_ticket(DatagramOutcome::Refused);
        self.reset(code);
        self.row.state.set(State::PEER_STOPPED);
        self.tell(Events::STOPPED);
    }

    /// The outcome of the datagram that travels as this stream, if it is one and someone asked.
    pub(in crate::stream) fn settle_ticket(&mut self, outcome: DatagramOutcome) {
        if let Some(ticket) = self.row.ticket() {
            self.stores.outcomes.settle(self.tree, self.party, ticket, outcome);
        }
    }

    /// The peer takes positions below `limit`.
    pub(in crate::stream) fn on_limit(&mut self, limit: u64) {
        if self.row.sending.bound.as_limit().is_some_and(|known| limit > known) {
            self.row.sending.bound = Bound::limit(limit);
            self.row.pending.clear(Pending::STREAM_BLOCKED);
            self.wake_writer();
        }
    }

    /// Whether the sending half still takes anything.
    fn check_writable(&self) -> Result<(), WriteError> {
        let state = self.row.state;
        if state.has(State::ROOT) {
            Err(WriteError::UnknownStream)
        } else if state.has(State::EXPIRED) {
            Err(WriteError::Expired)
        } else if state.has(State::PEER_STOPPED)
            && let Some(code) = self.row.sending.bound.as_code()
        {
            Err(WriteError::Stopped(code))
        } else if state.has_any(State::FINISHED.with(State::SEND_RESET)) {
            Err(WriteError::Finished)
        } else {
            Ok(())
        }
    }

    /// Remembers that the writer waits: for what others hold of the pool, or for the stream's own
    /// room, of which it hears when something is sent.
    fn want_room(&mut self, is_for_blocks: bool) {
        self.row.state.set(State::WANTS_ROOM);
        if is_for_blocks {
            self.after.set(After::STARVE);
        }
    }

    /// Tells a waiting writer that there is room, once there is enough to be worth it: a quarter of
    /// the buffer, or what credit came for, once little is left to send.
    pub(in crate::stream) fn wake_writer(&mut self) {
        if !self.row.state.has(State::WANTS_ROOM) {
            return;
        }
        let (own, ahead) = (self.stores.own_room(self.row), self.stores.ahead_of_credit());
        let is_near_end = self.row.unsent() <= ahead && own.saturating_mul(2) >= ahead;
        let buffer = u64::from(self.stores.config.send_buffer);
        if own.saturating_mul(4) < buffer && !is_near_end {
            return;
        }
        if self.stores.pool_room(self.party) == 0 {
            // Its own buffer has room again, but others took what it gave back.
            self.after.set(After::STARVE);
            return;
        }
        self.row.state.clear(State::WANTS_ROOM);
        self.after.clear(After::STARVE);
        if !self.row.state.has_any(State::WAITS_IDS.with(State::WANTS_DATAGRAM_ROOM)) {
            self.after.set(After::FORGET_STARVED);
        }
        self.tell(Events::WRITABLE);
    }

    /// Appends bytes and perhaps a mark. All or nothing.
    fn store(&mut self, bytes: &[u8], mark: bool) -> bool {
        let gaps = if mark { self.fetch_gaps(Use::Optional) } else { None };
        if mark && gaps.is_none() {
            return false;
        }
        let (pool, account) = (&mut self.stores.pool, &mut self.party.outgoing);
        let row = &mut *self.row;
        let start = row.sending.written;
        let end = start.saturating_add(bytes.len() as u64);
        let marked = end.saturating_add(u64::from(mark));
        let mut needed = row.sending_rope.blocks_needed(pool, marked);
        let mut gaps = gaps.and_then(|gaps| self.stores.gaps.at_mut(gaps));
        if let Some(gaps) = &gaps {
            let more = gaps.sent_marks.blocks_needed(pool, (end / 8).saturating_add(1));
            needed = needed.saturating_add(more);
        }
        if needed > pool.room(account) {
            return false;
        }
        if row.sending_rope.write_at(pool, account, start, bytes).is_err() {
            return false;
        }
        if let Some(gaps) = &mut gaps {
            // The mark's position holds a byte nobody reads, so that positions stay places.
            let stored = row.sending_rope.write_at(pool, account, end, &[0]);
            if stored.is_err() || gaps.sent_marks.set_bit(pool, account, end).is_err() {
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
