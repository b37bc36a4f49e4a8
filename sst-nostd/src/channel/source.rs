//! [`Source`]: whether packets name the local address that they leave from.
//!
//! Who dialled names none: the system knows best which of its addresses leads to the peer, and when
//! that changes. Who was dialled answers from the address that was asked, or the peer and every
//! NAT and filter between them would not know the answer. But an address may be gone without
//! notice, and packets that name it are lost in silence: after two probe timeouts every other probe
//! names none. The next packet of the peer shows what is right.

/// Whether packets name the local address that they leave from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It is the system's choice.
    Free,
    /// The address that the peer's packets arrive at.
    Pinned,
    /// That address, and nobody answers: the next packets name none.
    Doubted,
    /// The same, and the next packets name it.
    DoubtedAndNamed,
    /// The address that the peer's packets arrived at is not this host's any more.
    Gone,
}

impl Source {
    pub(super) const fn is_named(self) -> bool {
        matches!(self, Self::Pinned | Self::DoubtedAndNamed)
    }

    /// Whether a packet of the peer at another local address is believed without a test: what comes
    /// there needs no proof, only the peer's address does.
    pub(super) const fn follows_peer(self) -> bool {
        !matches!(self, Self::Pinned)
    }

    /// Another probe goes out into silence.
    pub(super) const fn on_silence(self) -> Self {
        match self {
            Self::Pinned | Self::DoubtedAndNamed => Self::Doubted,
            Self::Doubted => Self::DoubtedAndNamed,
            Self::Free | Self::Gone => self,
        }
    }

    /// The network has changed; perhaps the address is known to be gone.
    pub(super) const fn on_change(self, is_gone: bool) -> Self {
        match self {
            Self::Free => self,
            _ if is_gone => Self::Gone,
            Self::Gone => self,
            Self::Pinned | Self::Doubted | Self::DoubtedAndNamed => Self::Doubted,
        }
    }

    /// The peer was heard.
    pub(super) const fn on_heard(self) -> Self {
        match self {
            Self::Free => self,
            _ => Self::Pinned,
        }
    }
}
