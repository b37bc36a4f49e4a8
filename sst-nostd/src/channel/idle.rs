//! When a silent channel is given up, and when to break the silence.

use crate::time::{Duration, Instant, micros};

/// Probe timeouts that are waited at least, whatever the idle timeout (RFC 9000 section 10.1).
const MIN_TIMEOUTS: u32 = 3;

/// The shortest silence that is broken. A shorter one would break none: it would be a flood.
const MIN_KEEP_ALIVE: Duration = Duration::from_millis(10);

/// After data, a silence of so many probe timeouts, and of at least [`MIN_LULL`], is a lull.
const LULL_TIMEOUTS: u32 = 4;

/// Longer than most pauses between two messages of one conversation.
const MIN_LULL: Duration = Duration::from_secs(1);

/// After such a silence the ciphers are put to rest, where that saves memory. To make them again
/// costs about as much as a packet does: once a second, that is nothing.
const REST_TIMEOUT: Duration = Duration::from_secs(1);

/// No timeout.
const NEVER: u64 = u64::MAX;

/// When something last happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    /// In microseconds; [`NEVER`] for none. Both are in every idle session.
    timeout_micros: u64,
    keep_alive_micros: u64,
    /// The last packet received, or the first one sent after it that asks for an answer.
    active_at: Instant,
    /// The last packet received or sent.
    heard_at: Instant,
    has_sent: bool,
    /// The last packet heard brought data: there may be more, sent to where we no longer are.
    is_amid_data: bool,
}

impl Idle {
    pub(super) fn new(
        timeout: Option<Duration>,
        keep_alive_timeout: Option<Duration>,
        now: Instant,
    ) -> Self {
        Self {
            timeout_micros: or_never(timeout),
            keep_alive_micros: or_never(keep_alive_timeout),
            active_at: now,
            heard_at: now,
            has_sent: false,
            is_amid_data: false,
        }
    }

    pub(super) fn on_received(&mut self, now: Instant) {
        self.active_at = self.active_at.max(now);
        self.heard_at = self.heard_at.max(now);
        self.has_sent = false;
        self.is_amid_data = false;
    }

    /// The packet just received brought data of streams.
    pub(super) fn on_data(&mut self) {
        self.is_amid_data = true;
    }

    /// A packet that asks for an answer was sent. Only the first since anything was received keeps
    /// the channel up: else a host that talks to nobody would never notice.
    pub(super) fn on_sent(&mut self, now: Instant) {
        if !self.has_sent {
            self.active_at = self.active_at.max(now);
            self.has_sent = true;
        }
        self.heard_at = self.heard_at.max(now);
    }

    pub(super) fn set_keep_alive(&mut self, timeout: Option<Duration>) {
        self.keep_alive_micros = or_never(timeout);
    }

    /// When the channel is given up, with a probe timeout of `pto`.
    pub(super) fn expires_at(&self, pto: Duration) -> Option<Instant> {
        let timeout = unless_never(self.timeout_micros)?.max(pto.saturating_mul(MIN_TIMEOUTS));
        Some(self.active_at.after(timeout))
    }

    /// When to send something.
    pub(super) fn keep_alive_at(&self) -> Option<Instant> {
        let timeout = unless_never(self.keep_alive_micros)?.max(MIN_KEEP_ALIVE);
        Some(self.heard_at.after(timeout))
    }

    /// When the ciphers need no longer be kept at hand.
    pub(super) fn rests_at(&self) -> Instant {
        self.heard_at.after(REST_TIMEOUT)
    }

    /// When to ask whether the peer still knows where we are, with a probe timeout of `pto`: a
    /// host that only receives would wait for ever behind a NAT that changed its port while the
    /// peer, or its last acknowledgement, was not heard.
    pub(super) fn lull_at(&self, pto: Duration) -> Option<Instant> {
        let lull = pto.saturating_mul(LULL_TIMEOUTS).max(MIN_LULL);
        self.is_amid_data.then(|| self.heard_at.after(lull))
    }

    /// Something is about to be sent: not again before the next timeout. A lull is asked about
    /// once: what is sent is repeated until it is acknowledged.
    pub(super) fn on_keep_alive(&mut self, now: Instant) {
        self.heard_at = self.heard_at.max(now);
        self.is_amid_data = false;
    }
}

fn or_never(timeout: Option<Duration>) -> u64 {
    timeout.map_or(NEVER, micros)
}

fn unless_never(micros: u64) -> Option<Duration> {
    (micros != NEVER).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_of_no_time_at_all_does_not_spin() {
        let now = Instant::from_micros(5);
        let idle = Idle::new(None, Some(Duration::ZERO), now);
        assert_eq!(idle.keep_alive_at(), Some(now.after(MIN_KEEP_ALIVE)));
    }

    // Spec: R-6.11-5.
    #[test]
    fn a_silence_amid_data_is_broken_once() {
        let second = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let pto = Duration::from_millis(100);
        let mut idle = Idle::new(None, None, second(0));
        idle.on_received(second(1));
        assert_eq!(idle.lull_at(pto), None);
        idle.on_data();
        assert_eq!(idle.lull_at(pto), Some(second(2)));
        assert_eq!(idle.lull_at(pto * 10), Some(second(5)));
        idle.on_sent(second(2));
        assert_eq!(idle.lull_at(pto), Some(second(3)));
        idle.on_keep_alive(second(3));
        assert_eq!(idle.lull_at(pto), None);
    }

    // Spec: R-6.11-1, R-6.11-2.
    #[test]
    fn sending_into_silence_does_not_keep_a_channel_up() {
        let second = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let mut idle = Idle::new(Some(Duration::from_secs(30)), None, second(0));
        let pto = Duration::from_secs(1);
        assert_eq!(idle.expires_at(pto), Some(second(30)));
        idle.on_sent(second(10));
        idle.on_sent(second(20));
        assert_eq!(idle.expires_at(pto), Some(second(40)));
        idle.on_received(second(25));
        idle.on_sent(second(26));
        assert_eq!(idle.expires_at(pto), Some(second(56)));
        assert_eq!(idle.expires_at(Duration::from_secs(20)), Some(second(86)));
    }
}
