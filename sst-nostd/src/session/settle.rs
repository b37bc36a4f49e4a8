//! What a channel learnt of its packets goes to the streams: acknowledged, lost, or never to be
//! known.

use crate::channel::{Channel, Fate, SentPackets};
use crate::crypto::Crypto;
use crate::storage::present;
use crate::stream::{Fate as StreamFate, Streams};
use crate::time::Instant;

use super::ending::{DRAIN_TIMEOUT, NEVER, pto};
use super::receive::Surroundings;
use super::{PLANTED, Session, SessionState, receipts};

impl Session {
    /// A channel's time has come: what it lost goes to the streams, and CLOSE goes again, or for
    /// the first time, if it is time for that.
    pub fn on_timeout<C: Crypto>(&mut self, now: Instant, around: &mut Surroundings<'_, '_, C>) {
        around.channel.on_timeout(now, around.sent);
        if self.state == SessionState::Draining && self.check_draining(now).is_none() {
            return;
        }
        self.settle(now, around.channel, around.sent, around.streams);
        self.repeat_close(now, pto(around.channel));
    }

    /// Its channel in row `index` ends: what was in flight there is given back to the streams as
    /// lost.
    pub fn remove_channel<C: Crypto>(
        &mut self,
        now: Instant,
        index: u32,
        around: &mut Surroundings<'_, '_, C>,
    ) {
        around.channel.retire(around.sent);
        if let (SessionState::Closed, Some(tree)) = (self.state, &mut self.tree) {
            // Of a datagram in flight nothing is known: it is not lost.
            around.streams.of(tree).abandon_datagrams();
        }
        self.settle(now, around.channel, around.sent, around.streams);
        self.paths.remove(index);
    }

    /// Leads what the channel has learnt of its packets' fates to the streams.
    pub(super) fn settle<C: Crypto>(
        &mut self,
        now: Instant,
        channel: &mut Channel<C>,
        sent: &mut SentPackets<'_>,
        streams: &mut Streams<'_>,
    ) {
        while let Some((receipt, fate)) = channel.take_settled(sent) {
            let receipt = present(receipts::unpack(&receipt), "receipts are as they were packed");
            let (Some(tree), Some(receipt)) = (present(self.tree.as_mut(), PLANTED), receipt)
            else {
                continue;
            };
            let fate = match fate {
                Fate::Acked => {
                    if self.state == SessionState::Draining && self.acts_at < NEVER {
                        self.acts_at = now.after(DRAIN_TIMEOUT);
                    }
                    StreamFate::Acked
                }
                Fate::Lost => StreamFate::Lost,
            };
            streams.of(tree).on_receipt(receipt, fate);
        }
        self.after_delivery();
    }
}
