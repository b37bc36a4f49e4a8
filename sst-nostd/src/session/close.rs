//! How a session ends, and what is remembered of it.

use core::str;

use crate::wire::close::MAX_REASON_LEN;
use crate::wire::{CloseCause, CloseFrame, TransportCode};

use super::words::{LastWords, Words};

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedBy {
    /// This host.
    Local,
    /// The peer.
    Peer,
    /// Nothing was heard for the idle timeout, or the negotiation took too long.
    Timeout,
}

/// Why a session ends or ended, as its row keeps it: [`CloseReason`] without the words themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Who ended it.
    pub by: ClosedBy,
    /// What was the cause: an application's number, or one of the transport's.
    pub cause: CloseCause,
    /// The reason in words.
    pub words: Words,
}

impl Ending {
    /// An end by the transport's own reason.
    #[must_use]
    pub const fn transport(by: ClosedBy, code: TransportCode, reason: &'static str) -> Self {
        Self { by, cause: CloseCause::Transport(code), words: Words::Own(reason) }
    }

    /// The same with its words.
    #[must_use]
    pub fn reason(&self, words: &LastWords) -> CloseReason {
        CloseReason::new(self.by, self.cause, words.read(self.words))
    }

    /// The frame that tells the peer.
    #[must_use]
    pub fn frame<'w>(&self, words: &'w LastWords) -> CloseFrame<'w> {
        CloseFrame { cause: self.cause, reason: words.read(self.words) }
    }
}

/// Why a session ended: who, a code, a reason in words.
#[derive(Clone, Copy)]
pub struct CloseReason {
    /// Who ended it.
    pub by: ClosedBy,
    /// What was the cause: an application's number, or one of the transport's.
    pub cause: CloseCause,
    text: [u8; MAX_REASON_LEN],
    text_len: u8,
}

impl CloseReason {
    /// A reason; the text is cut to [`MAX_REASON_LEN`] bytes at a character's end.
    #[must_use]
    pub fn new(by: ClosedBy, cause: CloseCause, reason: &str) -> Self {
        let mut len = reason.len().min(MAX_REASON_LEN);
        while !reason.is_char_boundary(len) {
            len = len.saturating_sub(1);
        }
        let mut text = [0; MAX_REASON_LEN];
        let bytes = reason.as_bytes().get(..len).unwrap_or_default();
        for (to, from) in text.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self { by, cause, text, text_len: u8::try_from(len).unwrap_or(0) }
    }

    /// The reason in words; may be empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        let bytes = self.text.get(..usize::from(self.text_len)).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl core::fmt::Debug for CloseReason {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{:?}: {:?} {:?}", self.by, self.cause, self.reason())
    }
}

impl PartialEq for CloseReason {
    fn eq(&self, other: &Self) -> bool {
        (self.by, self.cause, self.reason()) == (other.by, other.cause, other.reason())
    }
}

impl Eq for CloseReason {}

/// The peer broke the protocol: the session must be closed with this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What to tell the peer.
    pub code: TransportCode,
    /// The rule, in words.
    pub rule: &'static str,
}

/// The channel's keys are used up, on either side.
pub const KEYS_SPENT: Breach = Breach { code: TransportCode::AEAD_LIMIT, rule: "keys are used up" };

impl Breach {
    /// The reason the session closes for.
    #[must_use]
    pub const fn reason(&self) -> Ending {
        Ending::transport(ClosedBy::Local, self.code, self.rule)
    }
}
