//! The handshake patterns as tables of tokens (Noise section 7).

use crate::crypto::{KEY_LEN, TAG_LEN};

use Token::{E, Ee, Es, S, Se, Ss};

/// Which end of a handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Writes the first message.
    Initiator,
    /// Reads the first message.
    Responder,
}

/// A handshake pattern. The letters say how each end's static key becomes known to the other:
/// K already known, X sent late, I sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// The initiator knows the responder's static key; two messages in all.
    Ik,
    /// The initiator knows the responder's static key and hides its own best; three messages.
    Xk,
    /// Neither knows the other's static key; three messages.
    Xx,
}

/// One step of a message: a key sent, or an agreement mixed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// The writer's ephemeral public key, in the clear.
    E,
    /// Both ephemeral keys agree.
    Ee,
    /// The initiator's ephemeral and the responder's static key agree.
    Es,
    /// The writer's static public key, sealed if there is a key by now.
    S,
    /// The initiator's static and the responder's ephemeral key agree.
    Se,
    /// Both static keys agree.
    Ss,
}

impl Pattern {
    /// Every pattern, for tests and tables.
    pub const ALL: [Self; 3] = [Self::Ik, Self::Xk, Self::Xx];

    /// The messages in order; the initiator writes the first, then they take turns.
    #[must_use]
    pub const fn messages(self) -> &'static [&'static [Token]] {
        match self {
            Self::Ik => &[&[E, Es, S, Ss], &[E, Ee, Se]],
            Self::Xk => &[&[E, Es], &[E, Ee], &[S, Se]],
            Self::Xx => &[&[E], &[E, Ee, S, Es], &[S, Se]],
        }
    }

    /// The tokens of message `index`; none beyond the last.
    #[must_use]
    pub const fn message(self, index: usize) -> &'static [Token] {
        let mut rest = self.messages();
        let mut left = index;
        while let [first, later @ ..] = rest {
            if left == 0 {
                return first;
            }
            left = left.saturating_sub(1);
            rest = later;
        }
        &[]
    }

    /// How many messages the handshake takes.
    #[must_use]
    pub const fn message_count(self) -> usize {
        self.messages().len()
    }

    /// Bytes that message `index` adds to its payload: keys and tags. Zero beyond the last message.
    #[must_use]
    pub const fn message_overhead(self, index: usize) -> usize {
        let mut at = 0;
        let mut keyed = false;
        while at < index {
            (_, keyed) = overhead(self.message(at), keyed);
            at = at.saturating_add(1);
            if at >= self.message_count() {
                return 0;
            }
        }
        overhead(self.message(index), keyed).0
    }

    /// True if the initiator must know the responder's static key beforehand.
    #[must_use]
    pub const fn knows_responder(self) -> bool {
        match self {
            Self::Ik | Self::Xk => true,
            Self::Xx => false,
        }
    }

    /// The full name, as mixed into the first hash.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ik => "Noise_IK_25519_ChaChaPoly_BLAKE2s",
            Self::Xk => "Noise_XK_25519_ChaChaPoly_BLAKE2s",
            Self::Xx => "Noise_XX_25519_ChaChaPoly_BLAKE2s",
        }
    }
}

/// What `tokens` and the payload's tag take, in bytes, and whether there is a key afterwards.
const fn overhead(tokens: &[Token], mut keyed: bool) -> (usize, bool) {
    let mut bytes = 0;
    let mut rest = tokens;
    while let [token, later @ ..] = rest {
        match token {
            E => bytes += KEY_LEN,
            S => bytes += KEY_LEN + tag_len(keyed),
            Ee | Es | Se | Ss => keyed = true,
        }
        rest = later;
    }
    (bytes + tag_len(keyed), keyed)
}

const fn tag_len(keyed: bool) -> usize {
    if keyed { TAG_LEN } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn overheads(pattern: Pattern) -> Vec<usize> {
        (0..5).map(|index| pattern.message_overhead(index)).collect()
    }

    #[test]
    fn overheads_are_those_of_the_framework() {
        assert_eq!(overheads(Pattern::Ik), [96, 48, 0, 0, 0]);
        assert_eq!(overheads(Pattern::Xk), [48, 48, 64, 0, 0]);
        assert_eq!(overheads(Pattern::Xx), [32, 96, 64, 0, 0]);
        assert_eq!(Pattern::Xx.message_overhead(usize::MAX), 0);
    }

    #[test]
    fn every_agreement_follows_the_keys_it_needs() {
        for pattern in Pattern::ALL {
            let mut sent = Vec::new();
            if pattern.knows_responder() {
                sent.push((1, S));
            }
            for (index, tokens) in pattern.messages().iter().enumerate() {
                for token in *tokens {
                    let needs: &[_] = match token {
                        Ee => &[(0, E), (1, E)],
                        Es => &[(0, E), (1, S)],
                        Se => &[(0, S), (1, E)],
                        Ss => &[(0, S), (1, S)],
                        E | S => {
                            sent.push((index % 2, *token));
                            continue;
                        }
                    };
                    assert!(needs.iter().all(|need| sent.contains(need)), "{pattern:?} {token:?}");
                }
            }
        }
    }

    #[test]
    fn there_is_no_message_beyond_the_last() {
        for pattern in Pattern::ALL {
            assert!(!pattern.message(pattern.message_count() - 1).is_empty());
            assert!(pattern.message(pattern.message_count()).is_empty());
        }
    }
}
