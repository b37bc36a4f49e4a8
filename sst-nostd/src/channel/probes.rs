//! Probes that look for a path which is gone for longer than a packet or two.

use core::num::NonZeroU8;

use crate::time::{Duration, Instant, micros};

/// Probes of one timeout, from the second in a row on, the one sent at once included. Timeouts
/// double, and so do the pauses between these: what is sent into a dead path falls as fast as it
/// would with one probe each, and a path that came back is found in a quarter of the time.
const PROBES_PER_TIMEOUT: u8 = 4;

/// The probes of a timeout that are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpacedProbes {
    pub(super) next_at: Instant,
    /// At most a quarter of the longest timeout, which is ten seconds.
    pause_micros: u32,
    left: NonZeroU8,
}

impl SpacedProbes {
    /// One has just been sent, and the next timeout is `until_next` away.
    pub(super) fn within(now: Instant, until_next: Duration) -> Option<Self> {
        let pause = micros(until_next).checked_div(u64::from(PROBES_PER_TIMEOUT))?;
        let pause_micros = u32::try_from(pause).unwrap_or(u32::MAX);
        let left = NonZeroU8::new(PROBES_PER_TIMEOUT.saturating_sub(1))?;
        Some(Self { next_at: later(now, pause_micros), pause_micros, left })
    }

    /// The next one is sent now: those after it.
    pub(super) fn after(self, now: Instant) -> Option<Self> {
        let left = NonZeroU8::new(self.left.get().saturating_sub(1))?;
        Some(Self { next_at: later(now, self.pause_micros), left, ..self })
    }
}

fn later(now: Instant, pause_micros: u32) -> Instant {
    now.after(Duration::from_micros(pause_micros.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Spec: R-6.6-3.
    #[test]
    fn they_are_spread_evenly_up_to_the_next_timeout() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut probes = SpacedProbes::within(at(1000), Duration::from_millis(800));
        let mut times = std::vec![];
        while let Some(next) = probes {
            times.push(next.next_at);
            probes = next.after(next.next_at);
        }
        assert_eq!(times, [at(1200), at(1400), at(1600)]);
    }
}
