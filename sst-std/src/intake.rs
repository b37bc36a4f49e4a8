//! [`Intake`]: what an endpoint receives its packets with: the sockets, and memory for a batch.

use std::task::Context;

use sst_nostd::Instant;
use tracing::trace;

use crate::shared::{More, Shared};
use crate::udp::{Inbox, Receiver};

/// Packets taken in before other tasks get their turn, timers and sending included.
const MAX_PACKETS: usize = 64;
/// So few packets take so little time that it need not be asked for again.
const FEW_PACKETS: usize = 4;

/// The receiving ends of the sockets, and the memory that packets arrive in.
pub(crate) struct Intake {
    receivers: Vec<Receiver>,
    inbox: Inbox,
}

/// What was received.
pub(crate) struct Received {
    pub(crate) more: More,
    pub(crate) packets: usize,
    /// The time, if it was asked for so lately that it is still right.
    pub(crate) now: Option<Instant>,
}

impl Intake {
    pub(crate) fn new(receivers: Vec<Receiver>) -> Self {
        Self { receivers, inbox: Inbox::new() }
    }

    /// Receives until there is nothing, or others must have a turn; the task is woken when there is
    /// something again.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Received {
        let (mut packets, mut asked_at) = (0, None);
        for receiver in &self.receivers {
            while packets < MAX_PACKETS && receiver.poll_receive(cx, &mut self.inbox).is_ready() {
                let now = shared.clock.now();
                asked_at = Some(now);
                packets += handle(receiver, &mut self.inbox, shared, now);
            }
        }
        let more = if packets < MAX_PACKETS { More::No } else { More::Now };
        Received { more, packets, now: asked_at.filter(|_| packets <= FEW_PACKETS) }
    }

    /// Looks once whether there is anything, whatever the system has told of the sockets: how many
    /// packets came.
    pub(crate) fn try_receive(&mut self, shared: &Shared, now: Instant) -> usize {
        let mut packets = 0;
        for receiver in &self.receivers {
            if receiver.try_receive(&mut self.inbox) {
                packets += handle(receiver, &mut self.inbox, shared, now);
            }
        }
        packets
    }
}

/// Gives the host what is in the inbox; how many packets it was.
fn handle(receiver: &Receiver, inbox: &mut Inbox, shared: &Shared, now: Instant) -> usize {
    let mut inner = shared.lock();
    inbox.for_each(receiver, |path, ecn, packet| {
        if let Err(why) = inner.host.handle_packet(now, path, ecn, packet) {
            trace!(peer = %path.peer, ?why, "packet dropped");
        }
    })
}
