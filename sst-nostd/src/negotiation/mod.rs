//! The negotiation: how two hosts prove who they are and agree on the keys of a channel.
//!
//! An [`Initiator`] calls. A [`Front`] looks at what comes in, without keys or memory, and lets
//! through what is worth a [`Responder`], which answers. Both end in a [`Ready`]. All are rows of
//! the caller's tables; none knows a socket or a clock. Source: `docs/PROTOCOL.md`, "Negotiation".

mod call;
mod check;
mod cookie;
mod front;
mod grease;
mod initiator;
pub mod limits;
mod load;
mod rate;
mod responder;
mod routes;
mod source;
mod suite;
mod token;

use core::{fmt, str};

use crate::bytes::Full;
use crate::crypto::{KEY_LEN, Suite, kdf};
use crate::id::{ChannelId, HostId};
use crate::noise::{NoiseError, Pattern, Role, Split};
use crate::time::{Duration, Instant};
use crate::wire::negotiation::PatternNumber;
use crate::wire::{MAX_REFUSAL_LEN, PacketError, Parameters, Refusal, TransportCode};

pub use call::{Answer, Call, CallError, FinishError, ReplyError, TimerVerdict};
pub use check::CheckKey;
pub use cookie::CookieJar;
pub use front::{Front, FrontConfig, Verdict};
pub use initiator::Initiator;
pub use load::{CookieMode, HalfOpen, Load};
pub use rate::Bucket;
pub use responder::{Offer, Responder, WriteReplyError};
pub use source::{Source, Sources};
pub use suite::{choose_suite, offered_suites};
pub use token::{PROCESS_LEN, ResetKey, is_lost};

/// What a finished negotiation leaves behind.
#[derive(Debug)]
pub struct Ready {
    /// The keys.
    pub split: Split,
    /// The handshake hash that both ends have in common. `None` at an initiator whose FINISH is not
    /// sealed yet: it covers the frames in there.
    pub hash: Option<[u8; KEY_LEN]>,
    /// Who the peer is. Proved, once `is_confirmed`.
    pub peer: HostId,
    /// What the peer told us about itself.
    pub parameters: Parameters,
    /// The cipher suite of the channel.
    pub suite: Suite,
    /// The channel as we named it: in packets that we receive.
    pub channel: ChannelId,
    /// The channel as the peer named it: in packets that we send.
    pub peer_channel: ChannelId,
    /// Which end we were.
    pub role: Role,
    /// The time from our packet to the peer's answer; where our packet was repeated, a guess that
    /// may be too low. At the responder it includes whatever kept FINISH. `None` before FINISH.
    pub rtt: Option<Duration>,
    /// When the negotiation fails, unless a sealed packet of the peer has opened: at the initiator,
    /// and at the responder of an IK one.
    pub confirm_by: Instant,
    /// False for the responder of an IK negotiation: its INIT may have been a recording. Until a
    /// sealed packet has opened, nothing may be delivered, and no session may give way.
    pub is_confirmed: bool,
}

/// Why a packet of a negotiation was ignored. Nothing has changed; the true one may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It is not for this negotiation: another channel.
    Channel,
    /// Its check is not that of a host that knows whom it calls, or answers what we sent.
    Check,
    /// The caller's buffer cannot take the answer, or what the packet carries.
    Full,
    /// The handshake does not accept it.
    Noise(NoiseError),
    /// It comes from ourselves, or from our identity without an instance.
    OwnIdentity,
    /// It comes from an address that no INIT went to.
    OtherAddress,
    /// It does not parse.
    Packet(PacketError),
    /// This host does not answer to calls of strangers.
    PatternRefused,
    /// There is no randomness for an answer.
    Random,
    /// The negotiation is at another point.
    State,
    /// Too many like it came before: COOKIEs, calls from one source.
    TooMany,
    /// It lists a version that we do speak, and yet refuses it.
    Version,
}

impl From<Full> for Dropped {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<PacketError> for Dropped {
    fn from(error: PacketError) -> Self {
        Self::Packet(error)
    }
}

impl From<NoiseError> for Dropped {
    fn from(error: NoiseError) -> Self {
        Self::Noise(error)
    }
}

/// The responder's answer that it does not want the session, kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub code: TransportCode,
    reason: [u8; MAX_REFUSAL_LEN],
    reason_len: usize,
}

impl Refused {
    /// Why, for a human to read. May be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        let bytes = self.reason.get(..self.reason_len).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl From<Refusal<'_>> for Refused {
    fn from(refusal: Refusal<'_>) -> Self {
        let mut refused = Self { code: refusal.code, reason: [0; MAX_REFUSAL_LEN], reason_len: 0 };
        if let Some(place) = refused.reason.get_mut(..refusal.reason.len()) {
            place.copy_from_slice(refusal.reason.as_bytes());
            refused.reason_len = refusal.reason.len();
        }
        refused
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Refused({}, {:?})", self.code, self.reason())
    }
}

/// The round trip, as far as an answer at `now` tells: that of the packet sent last, at `sent_at`.
/// If it `was_repeated`, an earlier one may have been answered, and the round trip is longer.
fn first_rtt(now: Instant, sent_at: Instant, was_repeated: bool) -> Duration {
    let least_micros = if was_repeated { limits::MIN_GUESSED_RTT_MICROS } else { 0 };
    let passed_micros = now.as_micros().saturating_sub(sent_at.as_micros());
    Duration::from_micros(passed_micros.max(least_micros))
}

/// Compares static keys in constant time.
fn is_same(left: &HostId, right: &HostId) -> bool {
    kdf::equal(left.as_bytes(), right.as_bytes())
}

const fn number(pattern: Pattern) -> PatternNumber {
    match pattern {
        Pattern::Ik => PatternNumber::Ik,
        Pattern::Xk => PatternNumber::Xk,
        Pattern::Xx => PatternNumber::Xx,
    }
}

const fn pattern(number: PatternNumber) -> Pattern {
    match number {
        PatternNumber::Ik => Pattern::Ik,
        PatternNumber::Xk => Pattern::Xk,
        PatternNumber::Xx => Pattern::Xx,
    }
}

#[cfg(all(test, feature = "rustcrypto"))]
mod tests;
