//! When a silent channel is given up, and when to break the silence.

use crate::time::{Duration, Instant};

/// Probe timeouts that are waited at least, whatever the idle timeout (RFC 9000 section 10.1).
const MIN_TIMEOUTS: u32 = 3;

/// The shortest silence that is broken. A shorter one would break none: it would be a flood.
const MIN_KEEP_ALIVE: Duration = Duration::from_millis(10);

/// When something last happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    timeout: Option<Duration>,
    keep_alive_timeout: Option<Duration>,
    /// The last packet received, or the first one sent after it that asks for an answer.
    active_at: Instant,
    /// The last packet received or sent.
    heard_at: Instant,
    has_sent: bool,
}

impl Idle {
    pub(super) const fn new(
        timeout: Option<Duration>,
        keep_alive_timeout: Option<Duration>,
        now: Instant,
    ) -> Self {
        Self { timeout, keep_alive_timeout, active_at: now, heard_at: now, has_sent: false }
    }

    pub(super) fn on_received(&mut self, now: Instant) {
        self.active_at = self.active_at.max(now);
        self.heard_at = self.heard_at.max(now);
        self.has_sent = false;
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
        self.keep_alive_timeout = timeout;
    }

    /// When the channel is given up, with a probe timeout of `pto`.
    pub(super) fn expires_at(&self, pto: Duration) -> Option<Instant> {
        let timeout = self.timeout?.max(pto.saturating_mul(MIN_TIMEOUTS));
        Some(self.active_at.after(timeout))
    }

    /// When to send something.
    pub(super) fn keep_alive_at(&self) -> Option<Instant> {
        self.keep_alive_timeout.map(|timeout| self.heard_at.after(timeout.max(MIN_KEEP_ALIVE)))
    }

    /// Something is about to be sent: not again before the next timeout.
    pub(super) fn on_keep_alive(&mut self, now: Instant) {
        self.heard_at = self.heard_at.max(now);
    }
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
