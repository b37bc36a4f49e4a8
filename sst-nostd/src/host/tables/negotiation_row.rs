//! One negotiation as its row keeps it.

use core::fmt;

use zeroize::Zeroize;

use crate::channel::Path;
use crate::crypto::KEY_LEN;
use crate::id::ChannelId;
use crate::limits::FINISH_BYTES as MAX_FINISH_BYTES;
use crate::negotiation::limits::{HANDSHAKE_TIMEOUT, TRIALS_BURST, TRIALS_INTERVAL};
use crate::negotiation::{Bucket, Dropped, Initiator, Responder};
use crate::storage::{HasLink, Link};
use crate::time::{Duration, Instant};

/// The list of negotiations with something to send.
pub(super) const DUE: usize = 0;
/// A FINISH without frames: its header, two encrypted keys and their tags.
pub(crate) const BARE_FINISH_BYTES: usize = 96;

/// One negotiation.
pub struct NegotiationRow<S: Zeroize = [u8; KEY_LEN]> {
    pub(crate) kind: Kind<S>,
    pub(crate) path: Path,
    /// Where a second answer is due: copies of one INIT may come from two addresses before the
    /// first answer has left.
    pub(super) also: Option<Path>,
    pub(crate) sends: u32,
    /// When it began.
    pub(crate) begun_at: Instant,
    /// The host's turn when it answered.
    pub(crate) answered: u64,
    /// The hash of the INIT's ephemeral key, under which a repeated INIT is found.
    pub(super) init_hash: Option<u32>,
    /// The hash of the source that it is counted for, if a peer dials.
    pub(super) source: Option<u32>,
    /// How often packets that may be forged were tried of late.
    pub(crate) trials: Bucket,
    pub(super) link: Link,
}

/// Whose a call of this host's is. The negotiation itself only hands this on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// The session in that row waits for it.
    Session(u32),
    /// It is answered, and brought the channel in that row, of which FINISH is the first packet.
    Channel(u32),
}

#[allow(clippy::large_enum_variant, reason = "rows of a table are of one size, without boxes")]
pub(crate) enum Kind<S: Zeroize> {
    /// This host dials.
    Call(Initiator<S>, For),
    /// A peer dials.
    Answer(Responder<S>),
    /// FINISH, until the peer has it.
    Confirm(Confirm),
    /// The peer proved itself, and there was no room for it.
    Refused(TurnedAway),
}

/// A FINISH, and whose it is.
pub(crate) struct Confirm {
    /// Empty where there is none, as in IK. Kept whole: to make a second one would be to use a key
    /// twice.
    pub(crate) finish: heapless::Vec<u8, MAX_FINISH_BYTES>,
    /// Index of the channel.
    pub(crate) channel: u32,
    /// The channel as this host named it.
    pub(crate) id: ChannelId,
}

/// What is kept of a peer that was turned away, so that it hears so even if packets are lost.
pub(crate) struct TurnedAway {
    /// The CLOSE that says so to it, and to its FINISH if that comes again.
    pub(crate) close: heapless::Vec<u8, BARE_FINISH_BYTES>,
    pub(crate) channel: ChannelId,
    /// How long after a FINISH the row is kept: as long as a closed channel.
    pub(crate) linger: Duration,
    pub(crate) until: Instant,
}

impl TurnedAway {
    /// Its FINISH came, at `now`; it all began at `begun_at`.
    pub(crate) fn on_finish(&mut self, now: Instant, begun_at: Instant) {
        self.until = now.after(self.linger).min(begun_at.after(HANDSHAKE_TIMEOUT));
    }
}

impl<S: Zeroize> HasLink<DUE> for NegotiationRow<S> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl<S: Zeroize> fmt::Debug for NegotiationRow<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NegotiationRow").field("path", &self.path).finish_non_exhaustive()
    }
}

impl<S: Clone + Zeroize> NegotiationRow<S> {
    pub(super) const fn new(kind: Kind<S>, path: Path, begun_at: Instant) -> Self {
        Self {
            kind,
            path,
            also: None,
            sends: 0,
            begun_at,
            answered: 0,
            init_hash: None,
            source: None,
            trials: Bucket::new(),
            link: Link::new(),
        }
    }

    /// Whether a packet that claims to go on with the negotiation is worth opening.
    pub(crate) fn may_try(&mut self, now: Instant) -> Result<(), Dropped> {
        may_try(&mut self.trials, now)
    }

    /// The channel it is for, as this host named it.
    pub(super) const fn channel(&self) -> ChannelId {
        match &self.kind {
            Kind::Call(initiator, _) => initiator.channel(),
            Kind::Answer(responder) => responder.channel(),
            Kind::Confirm(confirm) => confirm.id,
            Kind::Refused(refused) => refused.channel,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Call(initiator, _) => initiator.deadline(),
            Kind::Answer(responder) => Some(responder.expires_at()),
            // docs/PROTOCOL.md, R-5.10-2.
            Kind::Confirm(..) => Some(self.begun_at.after(HANDSHAKE_TIMEOUT)),
            Kind::Refused(refused) => Some(refused.until),
        }
    }
}

/// Whether a packet that claims to go on with the negotiation that had these `trials` is worth
/// opening: not if so many were forged of late that the work would be felt.
pub(crate) fn may_try(trials: &mut Bucket, now: Instant) -> Result<(), Dropped> {
    let is_allowed = trials.is_allowed(now, TRIALS_BURST, TRIALS_INTERVAL);
    if is_allowed { Ok(()) } else { Err(Dropped::TooMany) }
}

#[cfg(test)]
mod tests {
    use crate::storage::NONE;

    use super::*;

    // Spec: R-5.7-5.
    #[test]
    fn a_finish_with_frames_is_kept_whole_and_makes_no_board_s_row_longer() {
        let largest = [7; MAX_FINISH_BYTES];
        let finish = heapless::Vec::from_slice(&largest).unwrap();
        let id = ChannelId::new(1).unwrap();
        let confirm = Confirm { finish, channel: NONE, id };
        assert_eq!(confirm.finish, largest);
        let grown = size_of::<Confirm>().saturating_sub(size_of::<Initiator>());
        assert!(grown <= if cfg!(feature = "large") { 128 } else { 0 }, "{grown}");
    }
}
