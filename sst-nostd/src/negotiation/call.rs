//! What an [`Initiator`](super::Initiator) is asked, and what it answers.

use zeroize::Zeroize;

use crate::bytes::Full;
use crate::crypto::{KEY_LEN, KeyPair, Suite};
use crate::id::{ChannelId, HostId};
use crate::negotiation::{Dropped, Refused};
use crate::noise::{NoiseError, Pattern};
use crate::path::Path;
use crate::time::Duration;
use crate::wire::{Parameters, ParametersError};

/// What a call needs to know.
#[derive(Clone, Copy)]
pub struct Call<'a, S: Zeroize = [u8; KEY_LEN]> {
    /// How identities are proved.
    pub pattern: Pattern,
    /// Where the peer is; more places may follow
    /// ([`Initiator::add_path`](super::Initiator::add_path)).
    pub path: Path,
    /// Our static keys.
    pub statics: &'a KeyPair<S>,
    /// Whom we call; `None` for XX, and only for XX.
    pub peer: Option<HostId>,
    /// What we tell the peer about ourselves. What belongs into a REPLY is left out, and so is the
    /// reset token in XX, where anyone could read it; the suites are those of the provider.
    pub parameters: &'a Parameters,
    /// The channel as we name it.
    pub channel: ChannelId,
    /// An ephemeral secret key, never used before.
    pub ephemeral: &'a [u8; KEY_LEN],
}

/// Why a call cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// Early data are for IK only, and at most
    /// [`MAX_EARLY_LEN`](super::limits::MAX_EARLY_LEN) bytes.
    Early,
    /// The handshake does not accept the keys.
    Noise(NoiseError),
    /// The peer has this host's own identity, and the call no instance.
    OwnIdentity,
    /// A parameter holds a value that cannot be written.
    Parameters,
}

/// What a REPLY said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who answered. In XX it is known only now: the caller may not want it.
    pub peer: HostId,
    /// The channel as the peer named it.
    pub peer_channel: ChannelId,
    /// What the peer told us about itself.
    pub parameters: Parameters,
    /// The cipher suite of the channel.
    pub suite: Suite,
    /// The time from INIT to REPLY; where INIT was repeated, a guess that may be too low.
    pub rtt: Duration,
}

/// Why a packet did not bring the call forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// It was ignored; the call goes on.
    Dropped(Dropped),
    /// A host with our own identity answered, which knows no instances; the call is over.
    OwnIdentity,
    /// The peer's parameters are illegal; the call is over, and the peer to be told:
    /// [`Initiator::write_rejection`](super::Initiator::write_rejection).
    Parameters(ParametersError),
    /// The peer does not want the session; the call is over.
    Refused(Refused),
    /// The peer chose a suite that we did not offer; the call is over, and the peer to be told.
    Suite,
}

/// Why a call could not be finished. It can be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishError {
    /// The buffer cannot take the FINISH.
    Full,
    /// The handshake does not go on.
    Noise(NoiseError),
    /// There is no REPLY yet, or the call is over.
    NotAnswered,
    /// More than [`MAX_FINISH_PAYLOAD_LEN`](super::limits::MAX_FINISH_PAYLOAD_LEN) bytes, or any
    /// in IK, which has no FINISH.
    Payload,
}

/// What the time asks of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerVerdict {
    /// The call has failed: nobody answered, or only with versions that we do not speak
    /// ([`Initiator::peer_versions`](super::Initiator::peer_versions)).
    GiveUp,
    /// Send [`Initiator::write_init`](super::Initiator::write_init) again, on each
    /// [`Initiator::due_path`](super::Initiator::due_path).
    Resend,
    /// Nothing.
    Wait,
}

impl<T: Into<Dropped>> From<T> for ReplyError {
    fn from(error: T) -> Self {
        Self::Dropped(error.into())
    }
}

impl From<NoiseError> for CallError {
    fn from(error: NoiseError) -> Self {
        Self::Noise(error)
    }
}

impl From<NoiseError> for FinishError {
    fn from(error: NoiseError) -> Self {
        Self::Noise(error)
    }
}

impl From<Full> for FinishError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}
