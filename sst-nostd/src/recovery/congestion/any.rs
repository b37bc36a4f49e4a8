//! [`AnyController`]: the algorithms that a channel chooses from.

use super::{Acked, Congestion, Controller, NewReno};
#[cfg(feature = "large")]
use super::{Cubic, Tolerant};
use crate::time::Instant;

/// The algorithms to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 9438 with HyStart++: fills long fast paths.
    #[cfg(feature = "large")]
    Cubic,
    /// RFC 9002 section 7: simple and small.
    #[default]
    NewReno,
    /// [`Cubic`](Self::Cubic), but a loss costs no more than a round trip's growth where a queue
    /// could have been seen and was not ([`struct@Tolerant`]): for links that lose packets with
    /// nobody to blame, and as fair as CUBIC.
    #[cfg(feature = "large")]
    Tolerant,
    /// [`Tolerant`](Self::Tolerant), also where a queue could not have been seen: fast on paths
    /// that lose packets and never fill, and unfair to others where queues are short.
    #[cfg(feature = "large")]
    Bold,
}

/// Any controller, chosen when a channel begins.
#[derive(Clone, Copy, Debug)]
pub enum AnyController {
    /// CUBIC.
    #[cfg(feature = "large")]
    Cubic(Cubic),
    /// NewReno.
    NewReno(NewReno),
    /// CUBIC that tells random loss from congestion.
    #[cfg(feature = "large")]
    Tolerant(Tolerant<Cubic>),
}

impl AnyController {
    /// A controller for packets of at most `mtu_bytes`.
    #[must_use]
    pub fn new(algorithm: Algorithm, mtu_bytes: u64) -> Self {
        match algorithm {
            #[cfg(feature = "large")]
            Algorithm::Cubic => Self::Cubic(Cubic::new(mtu_bytes)),
            Algorithm::NewReno => Self::NewReno(NewReno::new(mtu_bytes)),
            #[cfg(feature = "large")]
            Algorithm::Tolerant => Self::Tolerant(Tolerant::new(Cubic::new(mtu_bytes), mtu_bytes)),
            #[cfg(feature = "large")]
            Algorithm::Bold => Self::Tolerant(Tolerant::bold(Cubic::new(mtu_bytes), mtu_bytes)),
        }
    }
}

/// Calls the same method of whichever controller it is.
macro_rules! of_any {
    ($any:expr, $controller:ident => $call:expr) => {
        match $any {
            #[cfg(feature = "large")]
            AnyController::Cubic($controller) => $call,
            AnyController::NewReno($controller) => $call,
            #[cfg(feature = "large")]
            AnyController::Tolerant($controller) => $call,
        }
    };
}

impl Controller for AnyController {
    fn on_sent(&mut self, now: Instant, bytes: u64, in_flight: u64) {
        of_any!(self, controller => controller.on_sent(now, bytes, in_flight));
    }

    fn on_acked(&mut self, acked: &Acked<'_>) {
        of_any!(self, controller => controller.on_acked(acked));
    }

    fn on_congestion(&mut self, congestion: &Congestion) {
        of_any!(self, controller => controller.on_congestion(congestion));
    }

    fn on_spurious_loss(&mut self, now: Instant, sent_at: Instant) {
        of_any!(self, controller => controller.on_spurious_loss(now, sent_at));
    }

    fn on_mtu(&mut self, mtu_bytes: u64) {
        of_any!(self, controller => controller.on_mtu(mtu_bytes));
    }

    fn window_bytes(&self) -> u64 {
        of_any!(self, controller => controller.window_bytes())
    }

    fn slow_start_threshold(&self) -> u64 {
        of_any!(self, controller => controller.slow_start_threshold())
    }

    fn name(&self) -> &'static str {
        of_any!(self, controller => controller.name())
    }
}
