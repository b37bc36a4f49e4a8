//! NewReno: one packet more each round trip, half at each loss. Source: RFC 9002 section 7.

use crate::time::Instant;

use super::episode::Episode;
use super::hystart::HyStart;
use super::{
    Acked, Congestion, Controller, MAX_WINDOW_BYTES, initial_window_bytes, is_window_unused,
    min_window_bytes, reduced_window_bytes,
};

/// The NewReno controller.
#[derive(Clone, Copy, Debug)]
pub struct NewReno {
    window: Window,
    mtu_bytes: u64,
    /// Bytes acknowledged since the window last grew in congestion avoidance.
    acked_bytes: u64,
    episode: Episode<Window>,
    hystart: Option<HyStart>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    bytes: u64,
    threshold: u64,
}

impl NewReno {
    /// A controller for packets of at most `mtu_bytes`.
    #[must_use]
    pub fn new(mtu_bytes: u64) -> Self {
        let mtu_bytes = mtu_bytes.clamp(1, MAX_WINDOW_BYTES / 16);
        Self {
            window: Window { bytes: initial_window_bytes(mtu_bytes), threshold: u64::MAX },
            mtu_bytes,
            acked_bytes: 0,
            episode: Episode::new(),
            hystart: None,
        }
    }

    /// The same, leaving slow start when the round-trip time rises instead of at the first loss.
    #[must_use]
    pub fn with_hystart(mut self) -> Self {
        self.hystart = Some(HyStart::new());
        self
    }

    fn on_slow_start_acked(&mut self, acked: &Acked<'_>) {
        let growth = match &mut self.hystart {
            Some(hystart) => hystart.growth_bytes(acked.bytes),
            None => acked.bytes,
        };
        self.window.bytes = self.window.bytes.saturating_add(growth).min(MAX_WINDOW_BYTES);
    }

    fn on_avoidance_acked(&mut self, acked: &Acked<'_>) {
        self.acked_bytes = self.acked_bytes.saturating_add(acked.bytes);
        if let Some(left) = self.acked_bytes.checked_sub(self.window.bytes) {
            self.acked_bytes = left.min(self.window.bytes);
            self.window.bytes =
                self.window.bytes.saturating_add(self.mtu_bytes).min(MAX_WINDOW_BYTES);
        }
    }
}

impl Controller for NewReno {
    fn on_sent(&mut self, _now: Instant, _bytes: u64, _in_flight: u64) {}

    fn on_acked(&mut self, acked: &Acked<'_>) {
        self.episode.on_time(acked.now);
        let slow_start = self.is_slow_start();
        if let Some(hystart) = self.hystart.as_mut().filter(|_| slow_start)
            && hystart.on_acked(acked)
        {
            self.window.threshold = self.window.bytes;
        }
        if self.episode.covers(acked.sent_at) || is_window_unused(acked, self.window.bytes) {
            return;
        }
        if self.is_slow_start() {
            self.on_slow_start_acked(acked);
        } else {
            self.on_avoidance_acked(acked);
        }
    }

    fn on_congestion(&mut self, congestion: &Congestion) {
        if self.episode.begins(congestion, self.window) {
            let halved = reduced_window_bytes(self.window.bytes / 2, self.mtu_bytes);
            self.window = Window { bytes: halved, threshold: halved };
            self.acked_bytes = 0;
        }
        if congestion.persistent {
            self.window.bytes = min_window_bytes(self.mtu_bytes);
            self.episode.clear();
            self.hystart = self.hystart.map(|_| HyStart::new());
        }
    }

    fn on_spurious_loss(&mut self, _now: Instant, sent_at: Instant) {
        if let Some(before) = self.episode.undo(sent_at) {
            self.window.bytes = self.window.bytes.max(before.bytes);
            self.window.threshold = before.threshold;
        }
    }

    fn on_mtu(&mut self, mtu_bytes: u64) {
        self.mtu_bytes = mtu_bytes.clamp(1, MAX_WINDOW_BYTES / 16);
        self.window.bytes = self.window.bytes.max(min_window_bytes(self.mtu_bytes));
    }

    fn window_bytes(&self) -> u64 {
        self.window.bytes
    }

    fn slow_start_threshold(&self) -> u64 {
        self.window.threshold
    }

    fn name(&self) -> &'static str {
        "newreno"
    }
}
