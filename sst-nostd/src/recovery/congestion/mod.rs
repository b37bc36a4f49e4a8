//! How much may be in flight: NewReno (RFC 9002 section 7) and CUBIC (RFC 9438), with HyStart++
//! (RFC 9406); and what tells random loss from congestion.

mod any;
#[cfg(feature = "large")]
mod cubic;
mod episode;
mod hystart;
mod new_reno;
#[cfg(feature = "large")]
mod queue_watch;
#[cfg(all(test, feature = "large"))]
mod tests;
#[cfg(feature = "large")]
mod tolerant;

pub use any::{Algorithm, AnyController};
#[cfg(feature = "large")]
pub use cubic::Cubic;
pub use hystart::HyStart;
pub use new_reno::NewReno;
#[cfg(feature = "large")]
pub use tolerant::Tolerant;

use crate::recovery::rtt::Rtt;
use crate::time::{Duration, Instant};

/// The largest congestion window: 1 GiB, which fills 85 Gbit/s over 100 ms. It keeps all
/// arithmetic on windows far from overflow.
pub const MAX_WINDOW_BYTES: u64 = 1 << 30;

/// The initial window, in packets (RFC 9002 section 7.2).
pub const INITIAL_WINDOW_PACKETS: u64 = 10;

/// The initial window is no more than this, or two packets (RFC 9002 section 7.2).
pub const INITIAL_WINDOW_LIMIT_BYTES: u64 = 14_720;

/// The smallest window, in packets (RFC 9002 section 7.2).
pub const MIN_WINDOW_PACKETS: u64 = 2;

/// The initial window for packets of at most `mtu_bytes`.
#[must_use]
pub fn initial_window_bytes(mtu_bytes: u64) -> u64 {
    let limit = INITIAL_WINDOW_LIMIT_BYTES.max(min_window_bytes(mtu_bytes));
    mtu_bytes.saturating_mul(INITIAL_WINDOW_PACKETS).min(limit)
}

/// The smallest window for packets of at most `mtu_bytes`.
#[must_use]
pub fn min_window_bytes(mtu_bytes: u64) -> u64 {
    mtu_bytes.saturating_mul(MIN_WINDOW_PACKETS).min(MAX_WINDOW_BYTES)
}

/// Packets newly acknowledged by one acknowledgement, in one call or several.
#[derive(Clone, Copy, Debug)]
pub struct Acked<'a> {
    /// When the acknowledgement arrived.
    pub now: Instant,
    /// When the newest of these packets was sent.
    pub sent_at: Instant,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes in flight before the acknowledgement took any away.
    pub in_flight_before: u64,
    /// Whether the sender had nothing to send, or was held by flow control, when it could have
    /// filled the window. Waiting for the pacer is not that.
    pub app_limited: bool,
    /// The path's round-trip time, the sample of this acknowledgement included.
    pub rtt: &'a Rtt,
    /// That sample; `None` in all calls but one for the same acknowledgement.
    pub rtt_sample: Option<Duration>,
    /// The largest packet number acknowledged.
    pub largest_acked: u64,
    /// The next packet number to be sent: a round ends when it is acknowledged.
    pub next_packet_number: u64,
}

/// A sign of congestion: a batch of lost packets, or a router's marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congestion {
    /// When it was noticed.
    pub now: Instant,
    /// When the newest packet lost or marked was sent.
    pub sent_at: Instant,
    /// Packets declared lost in this batch; not used for marks.
    pub lost_packets: u64,
    /// Whether this is persistent congestion (see [`LostRun`](crate::recovery::loss::LostRun)).
    pub persistent: bool,
    /// Whether routers marked packets, rather than dropped them.
    pub ecn: bool,
    /// Bytes in flight before the lost packets were taken away.
    pub in_flight: u64,
}

/// Decides how many bytes may be in flight.
pub trait Controller {
    /// A packet that counts as in flight was sent; `in_flight` is before it.
    fn on_sent(&mut self, now: Instant, bytes: u64, in_flight: u64);

    /// Packets were acknowledged.
    fn on_acked(&mut self, acked: &Acked<'_>);

    /// Packets were lost or marked. One reduction is made for each round trip, however many.
    fn on_congestion(&mut self, congestion: &Congestion);

    /// A packet declared lost, sent at `sent_at`, was acknowledged after all. When that is true
    /// of every loss that caused the last reduction, the reduction is taken back.
    fn on_spurious_loss(&mut self, now: Instant, sent_at: Instant);

    /// The largest packet of the path is now `mtu_bytes`.
    fn on_mtu(&mut self, mtu_bytes: u64);

    /// Bytes that may be in flight.
    fn window_bytes(&self) -> u64;

    /// The window at which slow start ends; `u64::MAX` before the first congestion.
    fn slow_start_threshold(&self) -> u64;

    /// The algorithm's name, for logs.
    fn name(&self) -> &'static str;

    /// Whether the window still grows exponentially.
    fn is_slow_start(&self) -> bool {
        self.window_bytes() < self.slow_start_threshold()
    }
}

/// Whether the window was used too little to justify more of it. The sender's own word is
/// checked against what was in flight: a window not even half full was no limit, whoever asks.
fn is_window_unused(acked: &Acked<'_>, window_bytes: u64) -> bool {
    acked.app_limited || acked.in_flight_before < window_bytes / 2
}

/// A reduced window in whole packets, no fewer than the least. TCP stacks count packets and round
/// down; where windows are small, the part of a packet that was left would be a whole packet more
/// after each reduction than a sender beside this one has.
fn reduced_window_bytes(bytes: u64, mtu_bytes: u64) -> u64 {
    let part = bytes.checked_rem(mtu_bytes).unwrap_or(0);
    bytes.saturating_sub(part).max(min_window_bytes(mtu_bytes))
}
