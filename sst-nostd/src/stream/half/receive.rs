//! The receiving half: STREAM and RESET frames come in, in any order, any number of times.

use crate::time::Instant;
use crate::wire::{ResetFrame, StreamFrame};

use crate::stream::bound::Bound;
use crate::stream::flags::{After, Events, Pending, State};
use crate::stream::gaps::{Kind, NO_GAP};
use crate::stream::stream_mut::StreamMut;

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// More children than granted, or a child of a stream that may have none.
    ChildLimit,
    /// The end of a stream contradicts what was known of it.
    FinalSize,
    /// More positions than granted.
    FlowControl,
    /// There is no room now: the packet must not be acknowledged, so that it comes again.
    NoCapacity,
    /// Something else no peer may do.
    Protocol,
    /// An id that is out of the window, is not the peer's to open, or is the root's.
    StreamId,
    /// A stream that was never opened, an OPEN that contradicts the first or cannot be, or a
    /// frame about a half that the stream does not have.
    StreamState,
}

/// What data that arrived for a stream led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stream) enum Arrival {
    /// It was taken, or thrown away as nobody wants it.
    Taken,
    /// It made a datagram whole, which may be put before the application.
    Whole,
    /// The datagram is to be turned away, with what came of it before: it is too large.
    TooLarge,
    /// The datagram is to be turned away, with what came of it before, as there is no room for it.
    /// What came now is not taken yet: up to this position, which may be the final one.
    NoRoom {
        /// One past the highest position that came.
        end: u64,
        /// The stream ends there.
        is_final: bool,
    },
}

impl StreamMut<'_, '_> {
    /// Takes in the data of one STREAM frame. The packet may be acknowledged only if this answers
    /// `Ok`.
    pub(in crate::stream) fn on_data(
        &mut self,
        now: Instant,
        frame: &StreamFrame<'_>,
    ) -> Result<Arrival, Fault> {
        if frame.mark && self.row.state.has(State::DATAGRAM) {
            return Err(Fault::Protocol);
        }
        // Without data, mark and FIN it says nothing of the stream, wherever it claims to stand.
        let is_about_nothing = frame.data.is_empty() && !frame.mark && !frame.fin;
        let end = if is_about_nothing { 0 } else { frame.end() };
        self.check_end(end, frame.fin)?;
        let over = State::STOPPED.with(State::PEER_RESET).with(State::RECEIVE_DONE);
        if self.row.state.has_any(over) {
            self.take_unwanted(now, end, frame.fin);
            return Ok(Arrival::Taken);
        }
        if self.has_no_room_for_datagram(end) {
            // It can be taken only whole, so what has come of it would wait for ever.
            return Ok(Arrival::NoRoom { end, is_final: frame.fin });
        }
        let stored = self.store_received(frame, end)?;
        self.count_received(now, stored, frame.fin && stored == end);
        let arrival = self.after_data();
        if stored == end { Ok(arrival) } else { Err(Fault::NoCapacity) }
    }

    /// Data that nobody reads: it counts, and is thrown away.
    pub(in crate::stream) fn take_unwanted(&mut self, now: Instant, end: u64, is_final: bool) {
        self.count_received(now, end, is_final);
        self.throw_away(now);
    }

    /// Whether a datagram would take the blocks that are kept for data in order. Datagrams that
    /// are not whole could otherwise hold all of the pool, each waiting for the others.
    fn has_no_room_for_datagram(&self, end: u64) -> bool {
        self.row.state.has(State::DATAGRAM)
            && !self.has_blocks(end, None, self.stores.kept_for_order(self.party))
    }

    /// The peer reset its half: nothing more arrives, what was not taken is thrown away.
    pub(in crate::stream) fn on_reset(
        &mut self,
        now: Instant,
        frame: &ResetFrame,
    ) -> Result<(), Fault> {
        let was_whole = self.stores.is_whole(self.row);
        self.check_end(frame.final_position, true)?;
        self.count_received(now, frame.final_position, true);
        if was_whole || self.row.state.has_any(State::PEER_RESET.with(State::RECEIVE_DONE)) {
            // All of it had arrived: a reset that comes later takes nothing back.
            if self.row.state.has(State::STOPPED) {
                self.throw_away(now);
            }
            return Ok(());
        }
        self.row.state.set(State::PEER_RESET);
        self.row.receiving.bound = Bound::code(frame.code);
        self.row.pending.clear(Pending::STREAM_LIMIT.with(Pending::STOP));
        self.throw_away(now);
        self.tell(Events::RESET.with(Events::READABLE));
        Ok(())
    }

    /// Checks an end against the limits and against what is known of the final position.
    fn check_end(&self, end: u64, is_final: bool) -> Result<(), Fault> {
        let highest = self.row.receiving.highest;
        if self.row.state.has(State::FINAL_KNOWN) {
            let is_consistent = if is_final { end == highest } else { end <= highest };
            return if is_consistent { Ok(()) } else { Err(Fault::FinalSize) };
        }
        if is_final && end < highest {
            return Err(Fault::FinalSize);
        }
        let new = end.saturating_sub(highest);
        let limit = self.row.receiving.bound.as_limit().unwrap_or(u64::MAX);
        let session_room = self.tree.receive_limit.saturating_sub(self.tree.received);
        if end > limit || new > session_room {
            return Err(Fault::FlowControl);
        }
        Ok(())
    }

    /// Counts positions never seen before against the session's credit.
    fn count_received(&mut self, now: Instant, end: u64, is_final: bool) {
        let new = end.saturating_sub(self.row.receiving.highest);
        self.row.receiving.highest = self.row.receiving.highest.saturating_add(new);
        if is_final {
            self.row.state.set(State::FINAL_KNOWN);
            self.row.pending.clear(Pending::STREAM_LIMIT);
        }
        self.stores.on_received(self.tree, self.party, now, new);
        if self.row.is_datagram_in() {
            // Nobody reads it until it is whole: held back, the credit of two halves of
            // datagrams could stop both for ever. Child credit bounds them.
            self.stores.on_consumed(self.tree, self.party, now, new);
        }
    }

    /// New data may be news to the application, or complete a datagram.
    fn after_data(&mut self) -> Arrival {
        let is_whole = self.stores.is_whole(self.row);
        if self.row.state.has(State::DATAGRAM) && !self.row.state.has(State::ACCEPTED) {
            let most = u64::from(self.stores.config.datagram_bytes);
            return match is_whole {
                _ if self.row.receiving.highest > most => Arrival::TooLarge,
                true => Arrival::Whole,
                false => Arrival::Taken,
            };
        }
        let has_more = self.stores.contiguous(self.row) > self.row.receiving.read;
        if has_more || is_whole || self.row.state.has(State::UNORDERED) {
            self.tell(Events::READABLE);
        }
        Arrival::Taken
    }

    /// Nobody will take what has arrived: count it as taken, and the half as done once its end
    /// is known.
    pub(in crate::stream) fn throw_away(&mut self, now: Instant) {
        let Self { row, party, tree, stores, .. } = self;
        let rest = row.receiving.highest.saturating_sub(row.receiving.read);
        tree.narrow(&mut row.receiving, stores.config.stream_window);
        let read = row.receiving.highest;
        row.receiving.read = read;
        row.receiving_rope.clear_to(&mut stores.pool, &mut party.incoming, read);
        if let Some(gaps) = stores.gaps.at_mut(row.gaps) {
            gaps.received_marks.clear_to(&mut stores.pool, &mut party.incoming, read / 8);
            gaps.contiguous = NO_GAP;
        }
        if row.state.has(State::FINAL_KNOWN) {
            row.state.set(State::RECEIVE_DONE);
            row.pending.clear(Pending::STOP);
        }
        let taken = stores.ranges.total(stores.set_of(row, Kind::Taken));
        let consumed = if row.is_datagram_in() { 0 } else { rest.saturating_sub(taken) };
        let _ = self.drop_range(Kind::Taken, 0..u64::MAX);
        let _ = self.drop_range(Kind::Received, 0..u64::MAX);
        self.stores.on_consumed(self.tree, self.party, now, consumed);
        self.after.set(After::FEED);
    }
}
