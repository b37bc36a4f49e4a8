//! Why a call of this host's came to nothing.

use crate::negotiation::ReplyError;
use crate::session::{ClosedBy, Ending};
use crate::wire::negotiation::{MAX_VERSIONS, VERSION};
use crate::wire::{CloseCause, TransportCode};

use super::super::tables::Sessions;

/// Why a call failed.
pub(in crate::host) enum Failure {
    /// Nobody answered.
    NoAnswer,
    /// The keys could not be made.
    NoKeys,
    /// FINISH found no room among the packets in flight.
    NoRoom,
    /// The answer says so, or was none.
    Reply(ReplyError),
    /// The peer answered, and was not heard again: it may not have FINISH.
    Unconfirmed,
    /// Those who answered speak only these versions of the protocol.
    Versions(heapless::Vec<u8, MAX_VERSIONS>),
}

impl Failure {
    /// What the application hears of the session that waited for the call.
    pub(in crate::host) fn ending(&self, words: &mut Sessions<'_>) -> Ending {
        let local = |code, reason| Ending::transport(ClosedBy::Local, code, reason);
        let timeout = |reason| Ending::transport(ClosedBy::Timeout, TransportCode::NONE, reason);
        match self {
            Self::NoAnswer => {
                timeout("no answer: is the address right, the host up, the identity its own?")
            }
            Self::NoKeys => local(TransportCode::INTERNAL, "no keys"),
            Self::NoRoom => local(TransportCode::NO_CAPACITY, "no room for its packets"),
            Self::Reply(error) => reply_ending(error, words),
            Self::Unconfirmed => timeout("the peer answered the call and was not heard again"),
            Self::Versions(versions) => {
                let cause = CloseCause::Transport(TransportCode::VERSION);
                let words = words.keep_words(&about_versions(versions));
                Ending { by: ClosedBy::Peer, cause, words }
            }
        }
    }
}

fn reply_ending(error: &ReplyError, words: &mut Sessions<'_>) -> Ending {
    let by_peer = |code, reason| Ending::transport(ClosedBy::Peer, code, reason);
    match error {
        ReplyError::Refused(refused) => {
            let cause = CloseCause::Transport(refused.code);
            Ending { by: ClosedBy::Peer, cause, words: words.keep_words(refused.reason()) }
        }
        ReplyError::OwnIdentity => {
            let code = TransportCode::PROTOCOL;
            Ending::transport(ClosedBy::Local, code, "the identity that answered is this host's")
        }
        ReplyError::Suite => by_peer(TransportCode::SUITE, "the peer chose a suite not offered"),
        ReplyError::Parameters(error) => {
            by_peer(error.code(), "the peer's parameters make no sense")
        }
        ReplyError::Dropped(_) => by_peer(TransportCode::INTERNAL, "the answer was not one"),
    }
}

/// Which versions of the protocol the peer says it speaks, and which it was called in.
fn about_versions(versions: &[u8]) -> heapless::String<128> {
    let mut text = heapless::String::new();
    // It takes all of it: 8 numbers of 3 digits at most.
    let _ = text.push_str("the peer speaks of the protocol's versions only ");
    for (index, version) in versions.iter().enumerate() {
        let _ = text.push_str(if index == 0 { "" } else { ", " });
        push_number(&mut text, *version);
    }
    let _ = text.push_str("; it was called in ");
    push_number(&mut text, VERSION);
    text
}

/// Without formatting, which would bring more code than the number is worth.
fn push_number(text: &mut heapless::String<128>, number: u8) {
    let digits = [number / 100, number / 10 % 10, number % 10];
    let skipped = digits.iter().take(2).take_while(|digit| **digit == 0).count();
    for digit in digits.iter().skip(skipped) {
        let _ = text.push(char::from(b'0'.saturating_add(*digit)));
    }
}
