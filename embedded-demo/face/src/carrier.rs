//! [`Carrier`]: what carries packets and tells when to come back; and the turn that is made then.

use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use sst_nostd::{Codepoint, Path};

use crate::endpoint::Endpoint;
use crate::inner::Inner;
use sst_nostd::Instant;

/// Packets taken in before the host sends and other tasks have their turn.
const MAX_PACKETS_IN: usize = 8;

/// A network, as far as SST needs one. Each `poll_*` that answers `Pending` has seen to it that the
/// task is woken when it is worth asking again.
pub trait Carrier {
    /// The next packet that arrived, at the start of `buffer`: from whom, and how long.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<(SocketAddr, usize)>;

    /// Ready when one more packet can be sent.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Sends one packet. Called only after [`poll_ready`](Self::poll_ready) said yes; what cannot
    /// be sent all the same is lost, as packets are.
    fn send(&mut self, to: SocketAddr, packet: &[u8]);

    /// Ready when `until` has come, on the clock the endpoint was given.
    fn poll_sleep(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()>;
}

impl Endpoint {
    /// Carries the endpoint's packets, for ever. `packet` holds one packet at a time, either way:
    /// it should be as long as the configuration's `max_packet_bytes`.
    pub async fn carry(self, carrier: &mut impl Carrier, packet: &mut [u8]) -> ! {
        loop {
            // Between two turns other tasks come first: a flood must not be all that happens here.
            poll_fn(|cx| self.poll_turn(cx, carrier, packet)).await;
        }
    }

    fn poll_turn(
        self,
        cx: &mut Context<'_>,
        carrier: &mut impl Carrier,
        packet: &mut [u8],
    ) -> Poll<()> {
        let mut inner = self.lock();
        inner.carrier.register(cx.waker());
        let is_flooded = receive(&mut inner, cx, carrier, packet);
        let now = inner.now();
        if inner.host.poll_timeout().is_some_and(|at| at <= now) {
            inner.host.handle_timeout(now);
        }
        inner.tell();
        transmit(&mut inner, cx, carrier, packet);
        // Sending makes room to write.
        inner.tell();
        let is_due = match inner.host.poll_timeout() {
            Some(at) => carrier.poll_sleep(cx, at).is_ready(),
            None => false,
        };
        if is_flooded || is_due {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Takes packets in; true if there may be more. Not inlined, as [`transmit`]: what the one needs of
/// the stack is not there while the other runs.
#[inline(never)]
fn receive(
    inner: &mut Inner,
    cx: &mut Context<'_>,
    carrier: &mut impl Carrier,
    packet: &mut [u8],
) -> bool {
    for _ in 0..MAX_PACKETS_IN {
        let Poll::Ready((peer, len)) = carrier.poll_receive(cx, packet) else { return false };
        let path = Path { local: None, peer };
        let now = inner.now();
        // What is ignored is counted by the host.
        let _ = inner.host.handle_packet(
            now,
            path,
            Codepoint::NotEct,
            packet.get_mut(..len).unwrap_or_default(),
        );
    }
    true
}

#[inline(never)]
fn transmit(
    inner: &mut Inner,
    cx: &mut Context<'_>,
    carrier: &mut impl Carrier,
    packet: &mut [u8],
) {
    while carrier.poll_ready(cx).is_ready() {
        let now = inner.now();
        let Some(transmit) = inner.host.poll_transmit(now, packet, 1) else { return };
        carrier.send(transmit.path.peer, packet.get(..transmit.len).unwrap_or_default());
    }
}
