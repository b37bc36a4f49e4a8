//! The receiving half: STREAM and RESET frames come in, in any order, any number of times.

use crate::time::Instant;
use crate::wire::{ResetFrame, StreamCode, StreamFrame};

use super::Streams;
use super::bound::Bound;
use super::flags::{Events, Pending, State};
use super::gaps::{Kind, NO_GAP};
use super::row::StreamHandle;
use super::tree::Tree;

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

impl Streams<'_> {
    /// Takes in the data of one STREAM frame for a stream that exists. The packet may be
    /// acknowledged only if this answers `Ok`.
    pub(super) fn on_data(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        frame: &StreamFrame<'_>,
    ) -> Result<(), Fault> {
        let row = self.rows.get(stream).ok_or(Fault::StreamState)?;
        if frame.mark && row.state.has(State::DATAGRAM) {
            return Err(Fault::Protocol);
        }
        // Without data, mark and FIN it says nothing of the stream, wherever it claims to stand.
        let is_about_nothing = frame.data.is_empty() && !frame.mark && !frame.fin;
        let end = if is_about_nothing { 0 } else { frame.end() };
        self.check_end(tree, stream, end, frame.fin)?;
        let is_wanted =
            !row.state.has_any(State::STOPPED.with(State::PEER_RESET).with(State::RECEIVE_DONE));
        if is_wanted && self.has_no_room_for_datagram(stream, end) {
            // It can be taken only whole, so what has come of it would wait for ever.
            self.turn_away(tree, now, stream, StreamCode::NO_CAPACITY);
            return self.on_data_unwanted(tree, now, stream, end, frame.fin);
        }
        if !is_wanted {
            return self.on_data_unwanted(tree, now, stream, end, frame.fin);
        }
        let stored = self.store_received(stream, frame, end)?;
        self.count_received(tree, now, stream, stored, frame.fin && stored == end);
        self.after_data(tree, now, stream);
        self.settle(tree, stream);
        if stored == end { Ok(()) } else { Err(Fault::NoCapacity) }
    }

    /// Data that nobody reads: it counts, and is thrown away.
    fn on_data_unwanted(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        end: u64,
        is_final: bool,
    ) -> Result<(), Fault> {
        self.count_received(tree, now, stream, end, is_final);
        self.throw_away(tree, now, stream);
        self.settle(tree, stream);
        Ok(())
    }

    /// Whether a datagram would take the blocks that are kept for data in order. Datagrams that
    /// are not whole could otherwise hold all of the pool, each waiting for the others.
    fn has_no_room_for_datagram(&self, stream: StreamHandle, end: u64) -> bool {
        let Some(row) = self.rows.get(stream) else { return false };
        let party = row.party;
        row.state.has(State::DATAGRAM)
            && !self.has_blocks(stream, end, None, self.kept_for_order(party))
    }

    /// The peer reset its half: nothing more arrives, what was not taken is thrown away.
    pub(super) fn on_reset(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        frame: &ResetFrame,
    ) -> Result<(), Fault> {
        let was_whole = self.is_whole(stream);
        self.check_end(tree, stream, frame.final_position, true)?;
        self.count_received(tree, now, stream, frame.final_position, true);
        let Some(row) = self.rows.get_mut(stream) else { return Ok(()) };
        let over = State::PEER_RESET.with(State::RECEIVE_DONE);
        if was_whole || row.state.has_any(over) {
            // All of it had arrived: a reset that comes later takes nothing back.
            self.throw_away_if_stopped(tree, now, stream);
            self.settle(tree, stream);
            return Ok(());
        }
        row.state.set(State::PEER_RESET);
        row.receiving.bound = Bound::code(frame.code);
        row.pending.clear(Pending::STREAM_LIMIT.with(Pending::STOP));
        self.throw_away(tree, now, stream);
        self.tell(stream, Events::RESET.with(Events::READABLE));
        self.settle(tree, stream);
        Ok(())
    }

    /// Checks an end against the limits and against what is known of the final position.
    fn check_end(
        &self,
        tree: &Tree,
        stream: StreamHandle,
        end: u64,
        is_final: bool,
    ) -> Result<(), Fault> {
        let row = self.rows.get(stream).ok_or(Fault::StreamState)?;
        let highest = row.receiving.highest;
        if row.state.has(State::FINAL_KNOWN) {
            let is_consistent = if is_final { end == highest } else { end <= highest };
            return if is_consistent { Ok(()) } else { Err(Fault::FinalSize) };
        }
        if is_final && end < highest {
            return Err(Fault::FinalSize);
        }
        let new = end.saturating_sub(highest);
        let limit = row.receiving.bound.as_limit().unwrap_or(u64::MAX);
        let session_room = tree.receive_limit.saturating_sub(tree.received);
        if end > limit || new > session_room {
            return Err(Fault::FlowControl);
        }
        Ok(())
    }

    /// Whether the end is known and everything before it is here.
    pub(super) fn is_whole(&self, stream: StreamHandle) -> bool {
        self.rows.get(stream).is_some_and(|row| {
            row.state.has(State::FINAL_KNOWN) && self.contiguous(stream) == row.receiving.highest
        })
    }

    /// Counts positions never seen before against the session's credit.
    fn count_received(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        end: u64,
        is_final: bool,
    ) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let new = end.saturating_sub(row.receiving.highest);
        row.receiving.highest = row.receiving.highest.saturating_add(new);
        if is_final {
            row.state.set(State::FINAL_KNOWN);
            row.pending.clear(Pending::STREAM_LIMIT);
        }
        let is_datagram = row.is_datagram_in();
        self.on_received(tree, now, new);
        if is_datagram {
            // Nobody reads it until it is whole: held back, the credit of two halves of
            // datagrams could stop both for ever. Child credit bounds them.
            self.on_consumed(tree, now, new);
        }
    }

    /// New data may be news to the application, or complete a datagram.
    fn after_data(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle) {
        let Some(row) = self.rows.get(stream) else { return };
        let is_unordered = row.state.has(State::UNORDERED);
        if row.state.has(State::DATAGRAM) && !row.state.has(State::ACCEPTED) {
            if row.receiving.highest > u64::from(self.config.datagram_bytes) {
                self.turn_away(tree, now, stream, StreamCode::NO_CAPACITY);
            } else if self.is_whole(stream) {
                self.on_datagram_whole(tree, now, stream);
            }
            return;
        }
        let has_more = self.contiguous(stream) > row.receiving.read;
        if has_more || is_unordered || self.is_whole(stream) {
            self.tell(stream, Events::READABLE);
        }
    }

    fn throw_away_if_stopped(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle) {
        if self.rows.get(stream).is_some_and(|row| row.state.has(State::STOPPED)) {
            self.throw_away(tree, now, stream);
        }
    }

    /// Nobody will take what has arrived: count it as taken, and the half as done once its end
    /// is known.
    pub(super) fn throw_away(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let rest = row.receiving.highest.saturating_sub(row.receiving.read);
        let is_counted = row.is_datagram_in();
        tree.narrow(&mut row.receiving, self.config.stream_window);
        row.receiving.read = row.receiving.highest;
        let Some(party) = self.parties.at_mut(row.party) else { return };
        row.receiving_rope.clear_to(&mut self.pool, &mut party.incoming, row.receiving.read);
        if let Some(gaps) = self.gaps.at_mut(row.gaps) {
            let read = row.receiving.read;
            gaps.received_marks.clear_to(&mut self.pool, &mut party.incoming, read / 8);
            gaps.contiguous = NO_GAP;
        }
        if row.state.has(State::FINAL_KNOWN) {
            row.state.set(State::RECEIVE_DONE);
            row.pending.clear(Pending::STOP);
        }
        let taken = self.ranges_of_total(stream, Kind::Taken);
        let _ = self.drop_range(stream, Kind::Taken, 0..u64::MAX);
        let _ = self.drop_range(stream, Kind::Received, 0..u64::MAX);
        let consumed = if is_counted { 0 } else { rest.saturating_sub(taken) };
        self.on_consumed(tree, now, consumed);
        self.feed_starved(tree.party);
    }

    fn ranges_of_total(&self, stream: StreamHandle, kind: Kind) -> u64 {
        let row = self.rows.get(stream);
        row.map_or(0, |row| self.ranges.total(self.set_of(row.gaps, kind)))
    }
}
