//! One handshake, from either end: `HandshakeState` (Noise section 5.3).

use core::fmt;

use zeroize::Zeroize;

use super::error::NoiseError;
use super::pattern::{Pattern, Role, Token};
use super::symmetric::SymmetricState;
use crate::crypto::{Crypto, KEY_LEN, KeyPair, SharedSecret, kdf};

/// The longest Noise message, in bytes (Noise section 3).
pub const MAX_MESSAGE_LEN: usize = 65_535;

/// A handshake under way.
///
/// A message that fails, whether read or written, changes nothing: the true message may still come
/// after any number of forged ones. Each message is tried on a copy of the state, and the copy
/// becomes the state only when the message has been accepted to its last byte.
///
/// The ephemeral secret comes from the caller, who must take a fresh one for each handshake. All
/// secrets are erased when the handshake is dropped.
pub struct Handshake<S: Zeroize = [u8; KEY_LEN]> {
    pattern: Pattern,
    role: Role,
    index: u8,
    /// The keys of the next message are written, its payload is not.
    is_half_written: bool,
    statics: KeyPair<S>,
    ephemeral: Ephemeral<S>,
    state: State,
}

/// The ephemeral secret. Some libraries compute the public key of a secret that they load: so it is
/// loaded once, and not for a message that nobody answers.
enum Ephemeral<S> {
    Unused([u8; KEY_LEN]),
    Loaded(S),
}

/// What messages change.
#[derive(Clone)]
struct State {
    symmetric: SymmetricState,
    remote_ephemeral: Option<[u8; KEY_LEN]>,
    remote_static: Option<[u8; KEY_LEN]>,
    agreements: u32,
    shown: Option<Shown>,
}

/// The static key that an initiator has shown in a last message that opened so far but not to its
/// end, and what was agreed on with it. A copy of the true message that somebody broke behind the
/// key costs no second agreement; and another key can only come from the initiator itself, which
/// sends the same message again and no other.
#[derive(Clone)]
struct Shown {
    public: [u8; KEY_LEN],
    shared: [u8; KEY_LEN],
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.shared.zeroize();
    }
}

/// The keys that a handshake leaves behind. Erased when dropped.
pub struct Split {
    /// Key of what the initiator sends.
    pub initiator_to_responder: [u8; KEY_LEN],
    /// Key of what the responder sends.
    pub responder_to_initiator: [u8; KEY_LEN],
}

impl<S: Clone + Zeroize> Handshake<S> {
    /// A handshake before its first message.
    ///
    /// Both ends must give the same `prologue`, whose parts are joined. `remote_static` is for the
    /// initiator of a pattern where it knows the responder, and only for that.
    ///
    /// # Errors
    /// [`NoiseError::KeyMissing`] and [`NoiseError::KeyUnexpected`], of `remote_static`.
    pub fn new(
        pattern: Pattern,
        role: Role,
        prologue: &[&[u8]],
        statics: &KeyPair<S>,
        ephemeral_secret: [u8; KEY_LEN],
        remote_static: Option<[u8; KEY_LEN]>,
    ) -> Result<Self, NoiseError> {
        let mut symmetric = SymmetricState::new(pattern.name());
        symmetric.mix_hash(prologue);
        match (pattern.knows_responder(), role, &remote_static) {
            (true, Role::Initiator, Some(responder)) => symmetric.mix_hash(&[responder]),
            (true, Role::Initiator, None) => return Err(NoiseError::KeyMissing),
            (true, Role::Responder, None) => symmetric.mix_hash(&[statics.public()]),
            (false, _, None) => {}
            (_, _, Some(_)) => return Err(NoiseError::KeyUnexpected),
        }
        let state =
            State { symmetric, remote_ephemeral: None, remote_static, agreements: 0, shown: None };
        let statics = statics.clone();
        let ephemeral = Ephemeral::Unused(ephemeral_secret);
        Ok(Self { pattern, role, index: 0, is_half_written: false, statics, ephemeral, state })
    }

    /// Writes the next message, with `payload` in it, to the front of `out`; returns its length.
    ///
    /// Whether the payload is sealed, and to whom, depends on the pattern (Noise section 7.7).
    ///
    /// # Errors
    /// [`NoiseError`]. What `out` then holds must not be sent.
    pub fn write_message(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, NoiseError> {
        self.check_turn(true)?;
        let len = self.overhead().checked_add(payload.len()).ok_or(NoiseError::TooLong)?;
        if len > MAX_MESSAGE_LEN {
            return Err(NoiseError::TooLong);
        }
        let out = out.get_mut(..len).ok_or(NoiseError::BufferTooSmall)?;
        self.load_ephemeral(crypto);
        let mut next = self.state.clone();
        let written = self.write_parts(&mut next, crypto, payload, out);
        self.commit(next, written)?;
        Ok(len)
    }

    /// Writes the keys of the next message to the front of `out`, and computes its agreements, but
    /// leaves its payload for [`Handshake::write_payload`]; returns the length of the keys. After
    /// those of the last message, [`Handshake::split`] has its keys, and the hash is still open.
    ///
    /// # Errors
    /// [`NoiseError`]. What `out` then holds must not be sent.
    pub fn write_keys(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        out: &mut [u8],
    ) -> Result<usize, NoiseError> {
        self.check_turn(true)?;
        self.load_ephemeral(crypto);
        let mut next = self.state.clone();
        let room = out.len();
        let written = self.write_tokens(&mut next, crypto, out).map(|rest| rest.len());
        match written {
            Ok(rest) => {
                self.state = State { shown: None, ..next };
                self.is_half_written = true;
                Ok(room.saturating_sub(rest))
            }
            Err(error) => {
                self.state.agreements = next.agreements;
                Err(error)
            }
        }
    }

    /// Writes the payload of the message whose keys [`Handshake::write_keys`] wrote: seals `text`
    /// where it stands, and puts the tag, if the pattern has one there, into `tag_out`.
    ///
    /// # Errors
    /// [`NoiseError`]. What `text` then holds must not be sent.
    pub fn write_payload(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        text: &mut [u8],
        tag_out: &mut [u8],
    ) -> Result<(), NoiseError> {
        if !self.is_half_written {
            return Err(NoiseError::NotOurTurn);
        }
        let mut symmetric = self.state.symmetric.clone();
        symmetric.seal_in_place(crypto, text, tag_out)?;
        self.state.symmetric = symmetric;
        self.is_half_written = false;
        self.index = self.index.saturating_add(1);
        Ok(())
    }

    /// Reads the next message; returns the length of its payload, now at the front of
    /// `payload_out`.
    ///
    /// # Errors
    /// [`NoiseError`]. `payload_out` then holds no plaintext that was sealed.
    pub fn read_message(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        message: &[u8],
        payload_out: &mut [u8],
    ) -> Result<usize, NoiseError> {
        self.check_turn(false)?;
        if message.len() > MAX_MESSAGE_LEN {
            return Err(NoiseError::TooLong);
        }
        let len = message.len().checked_sub(self.overhead()).ok_or(NoiseError::TooShort)?;
        let payload_out = payload_out.get_mut(..len).ok_or(NoiseError::BufferTooSmall)?;
        let mut next = self.state.clone();
        let read = self.read_parts(&mut next, crypto, message, payload_out);
        self.commit(next, read)?;
        Ok(len)
    }

    /// The keys of the handshake, whose last message has been read or written, or written but for
    /// its payload, which no key follows.
    ///
    /// # Errors
    /// [`NoiseError::NotFinished`].
    pub fn split(&self) -> Result<Split, NoiseError> {
        let messages = self.message_index().saturating_add(usize::from(self.is_half_written));
        if messages < self.pattern.message_count() {
            return Err(NoiseError::NotFinished);
        }
        let [initiator_to_responder, responder_to_initiator] = self.state.symmetric.split();
        Ok(Split { initiator_to_responder, responder_to_initiator })
    }

    /// The pattern it follows.
    #[must_use]
    pub const fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// Which end this is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How many messages have been written and read: the index of the next.
    #[must_use]
    pub const fn message_index(&self) -> usize {
        self.index as usize
    }

    /// Bytes that message `index` adds to its payload.
    #[must_use]
    pub const fn message_overhead(&self, index: usize) -> usize {
        self.pattern.message_overhead(index)
    }

    /// True if the next message is ours to write.
    #[must_use]
    pub const fn is_our_turn(&self) -> bool {
        let initiator_writes = self.index.is_multiple_of(2);
        !self.is_finished() && initiator_writes == matches!(self.role, Role::Initiator)
    }

    /// True if there are no more messages.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.message_index() >= self.pattern.message_count()
    }

    /// The peer's static public key, once known. The peer has proved to hold its secret only when a
    /// sealed message that mixed it in has been read.
    #[must_use]
    pub const fn remote_static(&self) -> Option<[u8; KEY_LEN]> {
        self.state.remote_static
    }

    /// The hash of everything so far; when finished, the handshake hash: the same at both ends, and
    /// in no other handshake (Noise section 11.2).
    #[must_use]
    pub const fn hash(&self) -> [u8; KEY_LEN] {
        *self.state.symmetric.hash()
    }

    /// A key for a purpose of its own, of those who know all that was agreed on so far. `label` is
    /// not empty.
    #[must_use]
    pub fn side_key(&self, label: &[u8]) -> [u8; KEY_LEN] {
        self.state.symmetric.side_key(label)
    }

    /// How many key agreements this end has computed, for failed messages too.
    #[must_use]
    pub const fn agreements(&self) -> u32 {
        self.state.agreements
    }

    fn overhead(&self) -> usize {
        self.pattern.message_overhead(self.message_index())
    }

    fn tokens(&self) -> &'static [Token] {
        self.pattern.message(self.message_index())
    }

    const fn check_turn(&self, writing: bool) -> Result<(), NoiseError> {
        if self.is_finished() {
            return Err(NoiseError::Finished);
        }
        let is_turn = self.is_our_turn() == writing && !self.is_half_written;
        if is_turn { Ok(()) } else { Err(NoiseError::NotOurTurn) }
    }

    /// Makes `next` the state if all went well; otherwise keeps only what work was done.
    fn commit(&mut self, next: State, outcome: Result<(), NoiseError>) -> Result<(), NoiseError> {
        if outcome.is_ok() {
            self.state = State { shown: None, ..next };
            self.index = self.index.saturating_add(1);
        } else {
            self.state.agreements = next.agreements;
            self.state.shown = next.shown;
        }
        outcome
    }

    /// For the messages from here on: the first that this end writes has its public key.
    fn load_ephemeral(&mut self, crypto: &impl Crypto<Secret = S>) {
        if let Ephemeral::Unused(secret) = &mut self.ephemeral {
            let loaded = crypto.load(secret);
            secret.zeroize();
            self.ephemeral = Ephemeral::Loaded(loaded);
        }
    }

    /// The ephemeral secret of an end that has written a message.
    fn ephemeral(&self) -> Result<&S, NoiseError> {
        match &self.ephemeral {
            Ephemeral::Loaded(secret) => Ok(secret),
            Ephemeral::Unused(_) => Err(NoiseError::KeyMissing),
        }
    }

    fn write_parts(
        &self,
        state: &mut State,
        crypto: &impl Crypto<Secret = S>,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<(), NoiseError> {
        let rest = self.write_tokens(state, crypto, out)?;
        state.symmetric.seal_and_hash(crypto, payload, rest)?;
        Ok(())
    }

    /// Writes what comes before the payload; returns what is left of `out`.
    fn write_tokens<'o>(
        &self,
        state: &mut State,
        crypto: &impl Crypto<Secret = S>,
        out: &'o mut [u8],
    ) -> Result<&'o mut [u8], NoiseError> {
        let mut rest = out;
        for token in self.tokens() {
            match token {
                Token::E => {
                    let public = crypto.public_key(self.ephemeral()?);
                    let (slot, after) =
                        rest.split_first_chunk_mut().ok_or(NoiseError::BufferTooSmall)?;
                    *slot = public;
                    state.symmetric.mix_hash(&[&public]);
                    rest = after;
                }
                Token::S => {
                    let public = self.statics.public();
                    rest = state.symmetric.seal_and_hash(crypto, public, rest)?;
                }
                agreement => self.mix_agreement(state, crypto, *agreement)?,
            }
        }
        Ok(rest)
    }

    fn read_parts(
        &self,
        state: &mut State,
        crypto: &impl Crypto<Secret = S>,
        message: &[u8],
        payload_out: &mut [u8],
    ) -> Result<(), NoiseError> {
        let mut rest = message;
        for token in self.tokens() {
            match token {
                Token::E => {
                    let (public, after) =
                        rest.split_first_chunk::<KEY_LEN>().ok_or(NoiseError::TooShort)?;
                    state.symmetric.mix_hash(&[public]);
                    state.remote_ephemeral = Some(*public);
                    rest = after;
                }
                Token::S => {
                    let sealed_len = KEY_LEN.saturating_add(state.symmetric.tag_len());
                    let (sealed, after) =
                        rest.split_at_checked(sealed_len).ok_or(NoiseError::TooShort)?;
                    let mut public = [0; KEY_LEN];
                    state.symmetric.open_and_hash(crypto, sealed, &mut public)?;
                    state.remote_static = Some(public);
                    rest = after;
                }
                agreement => self.mix_agreement(state, crypto, *agreement)?,
            }
        }
        state.symmetric.open_and_hash(crypto, rest, payload_out)
    }

    /// Computes the agreement that `token` names and mixes it in.
    fn mix_agreement(
        &self,
        state: &mut State,
        crypto: &impl Crypto<Secret = S>,
        token: Token,
    ) -> Result<(), NoiseError> {
        let initiator = matches!(self.role, Role::Initiator);
        let (our_ephemeral, their_ephemeral) = match token {
            Token::Ee => (true, true),
            Token::Es => (initiator, !initiator),
            Token::Se => (!initiator, initiator),
            Token::Ss => (false, false),
            Token::E | Token::S => return Ok(()),
        };
        let secret = if our_ephemeral { self.ephemeral()? } else { self.statics.secret() };
        let remote = if their_ephemeral { state.remote_ephemeral } else { state.remote_static };
        let public = remote.ok_or(NoiseError::KeyMissing)?;
        // The responder reads it behind the sealed key of who dialled. (In IK it writes it, once.)
        let is_shown = token == Token::Se && !initiator;
        if is_shown && let Some(shown) = &state.shown {
            if !kdf::equal(&shown.public, &public) {
                return Err(NoiseError::Open);
            }
            let shared = SharedSecret::new(shown.shared).map_err(|_| NoiseError::Agree)?;
            state.symmetric.mix_key(&shared);
            return Ok(());
        }
        state.agreements = state.agreements.saturating_add(1);
        let shared = crypto.agree(secret, &public);
        if is_shown {
            // Of a key with which nothing can be agreed on, zeros are kept, and refused again.
            let shared = shared.as_ref().map_or([0; KEY_LEN], |shared| *shared.as_bytes());
            state.shown = Some(Shown { public, shared });
        }
        state.symmetric.mix_key(&shared.map_err(|_| NoiseError::Agree)?);
        Ok(())
    }
}

impl<S: Zeroize> Drop for Handshake<S> {
    fn drop(&mut self) {
        match &mut self.ephemeral {
            Ephemeral::Unused(secret) => secret.zeroize(),
            Ephemeral::Loaded(secret) => secret.zeroize(),
        }
    }
}

impl<S: Zeroize> fmt::Debug for Handshake<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Handshake")
            .field("pattern", &self.pattern)
            .field("role", &self.role)
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl Drop for Split {
    fn drop(&mut self) {
        self.initiator_to_responder.zeroize();
        self.responder_to_initiator.zeroize();
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Split(..)")
    }
}

#[cfg(all(test, feature = "rustcrypto"))]
#[path = "handshake_tests.rs"]
mod tests;
