//! Receipts come back: each is led to the stream that it is about.

use crate::stream::flags::{Pending, State};
use crate::stream::receipt::{Fate, Receipt};
use crate::stream::tracked::DatagramOutcome;
use crate::stream::tree_mut::TreeMut;

/// About as many positions as a probe has room for, which is no longer than any path carries.
const PROBE_POSITIONS: u32 = 1200;

impl TreeMut<'_, '_> {
    /// Acts on the fate of one frame.
    pub fn on_receipt(&mut self, receipt: Receipt, fate: Fate) {
        match (receipt, fate) {
            (Receipt::Stream { stream, start, len, fin, open }, Fate::Acked) => {
                self.with(stream, |one| one.on_acked(start, u64::from(len), fin, open));
            }
            (Receipt::Stream { stream, start, len, fin, open }, Fate::Lost) => {
                self.with(stream, |one| one.on_lost(start, u64::from(len), fin, open));
            }
            (Receipt::Reset { stream, open }, Fate::Acked) => {
                self.with(stream, |one| {
                    one.on_opened(open);
                    one.row.state.set(State::SEND_DONE);
                });
            }
            (Receipt::Refusal(id), fate) => self.tree.refusals.on_fate(id, fate),
            (Receipt::SessionLimit, Fate::Lost) => self.tree.owes_session_limit = true,
            (Receipt::SessionBlocked, Fate::Lost) => {
                self.tree.owes_session_blocked = self.tree.send_credit() == 0;
            }
            (Receipt::Priority(stream), fate) => {
                self.with(stream, |one| one.on_priority_settled(fate));
            }
            (Receipt::TrackedDatagram(ticket), fate) => {
                let outcome = match fate {
                    Fate::Acked => DatagramOutcome::Acknowledged,
                    Fate::Lost => DatagramOutcome::Lost,
                };
                self.settle_datagram(ticket, outcome);
            }
            (receipt, Fate::Lost) => self.owe_again(receipt),
            (_, Fate::Acked) => {}
        }
    }

    /// Says again what a frame in flight said: its packet is neither acknowledged nor lost yet.
    ///
    /// A stream's lowest positions are said in place of those of the frame. A peer without room
    /// for more acknowledges no packet that has others, so a probe that repeats the frame of a
    /// packet still in flight could be one that the peer never takes.
    ///
    /// `repeats`: the frame is said as it was all the same, since another probe of this timeout has
    /// said the lowest positions.
    pub fn on_probe(&mut self, receipt: Receipt, repeats: bool) {
        let again = match receipt {
            // A datagram is not sent again.
            Receipt::TrackedDatagram(_) => return,
            Receipt::Stream { stream, start, len, fin, open } if !repeats => {
                let Some(row) = self.streams.rows.get(stream) else { return };
                let acked = row.sending.acked;
                let end = start.saturating_add(u64::from(len)).min(row.sending.sent_end);
                // A packet may hold several frames of a stream: all of them, if they are the first.
                let most = len.max(PROBE_POSITIONS);
                let len = u32::try_from(end.saturating_sub(acked)).unwrap_or(u32::MAX).min(most);
                Receipt::Stream { stream, start: acked, len, fin, open }
            }
            other => other,
        };
        self.on_receipt(again, Fate::Lost);
    }

    /// A small frame was lost: it is owed again if it still says something.
    fn owe_again(&mut self, receipt: Receipt) {
        let (stream, frame) = match receipt {
            Receipt::Reset { stream, .. } => (stream, Pending::RESET),
            Receipt::Stop(stream) => (stream, Pending::STOP),
            Receipt::StreamLimit(stream) => (stream, Pending::STREAM_LIMIT),
            Receipt::StreamBlocked(stream) => (stream, Pending::STREAM_BLOCKED),
            Receipt::ChildLimit(stream) => (stream, Pending::CHILD_LIMIT),
            Receipt::ChildBlocked(stream) => (stream, Pending::CHILD_BLOCKED),
            _ => return,
        };
        self.with(stream, |one| one.owe_unless_moot(frame));
    }
}
