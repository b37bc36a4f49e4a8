//! Receipts come back: what was delivered is let go, what was lost is owed again.

use crate::time::Instant;

use super::Streams;
use super::flags::{Events, Pending, State};
use super::gaps::Kind;
use super::receipt::{Fate, Receipt};
use super::row::StreamHandle;
use super::tracked::DatagramOutcome;
use super::tree::Tree;

/// About as many positions as a probe has room for, which is no longer than any path carries.
const PROBE_POSITIONS: u32 = 1200;

impl Streams<'_> {
    /// Acts on the fate of one frame.
    pub fn on_receipt(&mut self, tree: &mut Tree, now: Instant, receipt: Receipt, fate: Fate) {
        match (receipt, fate) {
            (Receipt::Stream { stream, start, len, fin, open }, Fate::Acked) => {
                self.on_opened(tree, stream, open);
                self.on_delivered(tree, stream, start, u64::from(len), fin);
                self.after_delivery(tree, stream);
            }
            (Receipt::Stream { stream, start, len, fin, open }, Fate::Lost) => {
                self.on_lost(tree, stream, start, u64::from(len), fin, open);
            }
            (Receipt::Reset { stream, open }, Fate::Acked) => {
                self.on_opened(tree, stream, open);
                if let Some(row) = self.rows.get_mut(stream) {
                    row.state.set(State::SEND_DONE);
                }
                self.settle(tree, stream);
            }
            (Receipt::Refusal(id), fate) => self.on_refusal(tree, id, fate),
            (Receipt::SessionLimit, Fate::Lost) => tree.owes_session_limit = true,
            (Receipt::SessionBlocked, Fate::Lost) => {
                tree.owes_session_blocked = tree.send_credit() == 0;
            }
            (Receipt::Priority(stream), fate) => self.on_priority_settled(tree, stream, fate),
            (Receipt::TrackedDatagram(ticket), fate) => {
                let outcome = match fate {
                    Fate::Acked => DatagramOutcome::Acknowledged,
                    Fate::Lost => DatagramOutcome::Lost,
                };
                self.settle_datagram(tree, ticket, outcome);
            }
            (receipt, Fate::Lost) => self.owe_again(tree, receipt),
            (_, Fate::Acked) => {}
        }
        let _ = now;
    }

    /// Says again what a frame in flight said: its packet is neither acknowledged nor lost yet.
    ///
    /// A stream's lowest positions are said in place of those of the frame. A peer without room
    /// for more acknowledges no packet that has others, so a probe that repeats the frame of a
    /// packet still in flight could be one that the peer never takes.
    ///
    /// `repeats`: the frame is said as it was all the same, since another probe of this timeout has
    /// said the lowest positions.
    pub fn on_probe(&mut self, tree: &mut Tree, now: Instant, receipt: Receipt, repeats: bool) {
        let again = match receipt {
            // A datagram is not sent again.
            Receipt::TrackedDatagram(_) => return,
            Receipt::Stream { stream, start, len, fin, open } if !repeats => {
                let Some(row) = self.rows.get(stream) else { return };
                let acked = row.sending.acked;
                let end = start.saturating_add(u64::from(len)).min(row.sending.sent_end);
                // A packet may hold several frames of a stream: all of them, if they are the first.
                let most = len.max(PROBE_POSITIONS);
                let len = u32::try_from(end.saturating_sub(acked)).unwrap_or(u32::MAX).min(most);
                Receipt::Stream { stream, start: acked, len, fin, open }
            }
            other => other,
        };
        self.on_receipt(tree, now, again, Fate::Lost);
    }

    /// The peer has seen the OPEN: frames that waited for that may go.
    fn on_opened(&mut self, tree: &mut Tree, stream: StreamHandle, open: bool) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if !open || row.state.has(State::OPENED) {
            return;
        }
        row.state.set(State::OPENED);
        row.pending.clear(Pending::OPEN);
        tree.ids_out.set(row.id.counter());
        self.schedule(tree, stream);
        // The window of ids moves with the lowest one not acknowledged, whoever's it was.
        self.wake_openers(tree);
    }

    /// Positions, and perhaps the end, are acknowledged.
    fn on_delivered(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        start: u64,
        len: u64,
        fin: bool,
    ) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if row.state.has(State::SEND_RESET) {
            return;
        }
        if fin {
            row.state.set(State::FIN_ACKED);
            row.pending.clear(Pending::FIN);
        }
        let end = start.saturating_add(len).min(row.sending.sent_end);
        if len == 0 || end <= row.sending.acked {
            return;
        }
        self.forget_lost(stream, start..end);
        let Some(row) = self.rows.get_mut(stream) else { return };
        if start > row.sending.acked {
            if !self.add_range(stream, Kind::Acked, start..end) {
                // No room to remember it: send it again, which is only waste.
                let owed = self.owe_positions(stream, start..end);
                self.forget_acked_of_lost(stream, owed);
                self.schedule(tree, stream);
            }
            return;
        }
        row.sending.acked = end;
        row.sending.next = row.sending.next.max(end);
        self.absorb_acked(stream);
    }

    /// Moves `acked` over ranges acknowledged before, and frees what lies below it.
    fn absorb_acked(&mut self, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let Some(party) = self.parties.at_mut(row.party) else { return };
        let mut gaps = self.gaps.at_mut(row.gaps);
        if let Some(gaps) = &mut gaps {
            let acked = gaps.set_mut(Kind::Acked);
            while let Some(first) =
                self.ranges.first(*acked).filter(|first| first.start <= row.sending.acked)
            {
                row.sending.acked = row.sending.acked.max(first.end);
                self.ranges.pop_first(&mut party.ranges, acked);
            }
            // What was owed for want of room may be acknowledged by now, and is let go below. From
            // the beginning on, nothing is split.
            let lost = gaps.set_mut(Kind::Lost);
            let _ = self.ranges.remove(&mut party.ranges, lost, 0..row.sending.acked);
        }
        let acked = row.sending.acked;
        row.sending.next = row.sending.next.max(acked);
        if acked == row.sending.written {
            row.sending_rope.clear_to(&mut self.pool, &mut party.outgoing, acked);
        } else {
            row.sending_rope.release_before(&mut self.pool, &mut party.outgoing, acked);
        }
        if let Some(gaps) = gaps {
            if acked == row.sending.written {
                gaps.sent_marks.clear_to(&mut self.pool, &mut party.outgoing, acked / 8);
            } else {
                gaps.sent_marks.release_before(&mut self.pool, &mut party.outgoing, acked / 8);
            }
        }
        let party = row.party;
        self.feed_starved(party);
    }

    /// Tells the application what a delivery means to it.
    fn after_delivery(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let is_whole = row.sending.acked == row.sending.written;
        let over = State::SEND_RESET.with(State::SEND_DONE);
        if is_whole && row.state.has(State::FIN_ACKED) && !row.state.has_any(over) {
            row.state.set(State::SEND_DONE);
            self.tell(stream, Events::FINISHED);
            self.settle_substream(tree, stream, DatagramOutcome::Acknowledged);
        }
        self.wake_writer(stream);
        self.settle(tree, stream);
    }

    /// Positions, the end or the OPEN of a stream must be sent again.
    fn on_lost(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        start: u64,
        len: u64,
        fin: bool,
        open: bool,
    ) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if row.state.has_any(State::SEND_RESET.with(State::SEND_DONE)) {
            return;
        }
        if fin && !row.state.has(State::FIN_ACKED) {
            row.pending.set(Pending::FIN);
        }
        if open && !row.state.has(State::OPENED) {
            row.pending.set(Pending::OPEN);
        }
        let lost = start.max(row.sending.acked)..start.saturating_add(len);
        if lost.start < lost.end {
            let owed = self.owe_positions(stream, lost);
            self.forget_acked_of_lost(stream, owed);
        }
        self.schedule(tree, stream);
    }

    /// A small frame was lost: it is owed again if it still says something.
    fn owe_again(&mut self, tree: &mut Tree, receipt: Receipt) {
        let (stream, frame) = match receipt {
            Receipt::Reset { stream, .. } => (stream, Pending::RESET),
            Receipt::Stop(stream) => (stream, Pending::STOP),
            Receipt::StreamLimit(stream) => (stream, Pending::STREAM_LIMIT),
            Receipt::StreamBlocked(stream) => (stream, Pending::STREAM_BLOCKED),
            Receipt::ChildLimit(stream) => (stream, Pending::CHILD_LIMIT),
            Receipt::ChildBlocked(stream) => (stream, Pending::CHILD_BLOCKED),
            _ => return,
        };
        let Some(row) = self.rows.get(stream) else { return };
        let is_moot = match frame {
            Pending::RESET => row.state.has(State::SEND_DONE),
            Pending::STOP => row.state.has(State::FINAL_KNOWN),
            Pending::STREAM_LIMIT => row.state.has_any(State::FINAL_KNOWN.with(State::STOPPED)),
            Pending::STREAM_BLOCKED => {
                row.state.has(State::SEND_RESET)
                    || row.sending.next < row.sending.bound.reach()
                    || row.sending.written <= row.sending.bound.reach()
            }
            Pending::CHILD_BLOCKED => !row.state.has(State::WANTS_CHILD_CREDIT),
            _ => false,
        };
        if !is_moot {
            self.owe(tree, stream, frame);
        }
    }
}
