//! What the application may ask of dialling: each call begins a negotiation, for a session that
//! waits for it without a channel.

use crate::channel::Path;
use crate::crypto::Crypto;
use crate::noise::Pattern;
use crate::session::Session;
use crate::time::{Duration, Instant};

use super::Host;
use super::dial::{ConnectError, Dial, InstanceWish, TryError};
use super::negotiator::Wish;
use super::replayable::Replayable;
use super::tables::{For, SessionHandle};

impl<C: Crypto> Host<'_, C> {
    /// Dials a peer. The session may be used once [`SessionEvent::Ready`] comes. If there is a
    /// session with the peer that [`Dial::instance`] asks for, it is answered instead of a new one.
    ///
    /// [`SessionEvent::Ready`]: crate::session::SessionEvent::Ready
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(&mut self, now: Instant, dial: Dial) -> Result<SessionHandle, ConnectError> {
        let pattern = if dial.id.is_some() { Pattern::Xk } else { Pattern::Xx };
        let session = self.connect_by(now, dial, pattern, b"");
        self.look_after_touched();
        self.means.wiping.wipe_after_verb();
        session
    }

    /// Dials a peer with a first packet that can be replayed and has no forward secrecy (IK): who
    /// records it, and gets the peer's secret one day, learns who dialled. In return, there is one
    /// packet less, and `early` goes with it: at most
    /// [`MAX_EARLY_LEN`](crate::negotiation::limits::MAX_EARLY_LEN) bytes that the peer may get at
    /// once ([`Host::poll_replayable`]), more than once, or never; nothing tells which. Only for
    /// those who asked for it in these words.
    ///
    /// # Errors
    /// [`ConnectError`]; [`ConnectError::Parameters`] if the dial names no identity or `early` is
    /// too long.
    pub fn connect_replayable(
        &mut self,
        now: Instant,
        dial: Dial,
        early: &[u8],
    ) -> Result<SessionHandle, ConnectError> {
        if dial.id.is_none() {
            return Err(ConnectError::Parameters);
        }
        let session = self.connect_by(now, dial, Pattern::Ik, early);
        self.look_after_touched();
        self.means.wiping.wipe_after_verb();
        session
    }

    /// Has the dial that `session` waits for tried on another path too, `after` so long: with the
    /// same first packet, so that it is one negotiation, and the first peer to answer has it.
    ///
    /// # Errors
    /// [`TryError`].
    pub fn try_also(
        &mut self,
        now: Instant,
        session: SessionHandle,
        path: Path,
        after: Duration,
    ) -> Result<(), TryError> {
        let now = self.advance(now);
        let negotiation = self.bonds.sessions.get(session).and_then(Session::dial);
        let index = negotiation.ok_or(TryError::NotDialling)?;
        self.split().0.try_also(now, index, path, after)
    }

    /// Data that came with a dial, if [`Config::takes_replayable`](super::Config) asks for them.
    /// Ask after each packet: one waits at most, and a negotiation that ends takes its own along.
    pub fn poll_replayable(&mut self) -> Option<Replayable> {
        self.negotiations.take_replayable()
    }

    #[inline(never)]
    fn connect_by(
        &mut self,
        now: Instant,
        dial: Dial,
        pattern: Pattern,
        early: &[u8],
    ) -> Result<SessionHandle, ConnectError> {
        let now = self.advance(now);
        let instance = dial.instance.instance(&mut self.means)?;
        let takes_own = dial.instance == InstanceWish::Usual && instance.is_none();
        let reused = dial.id.and_then(|id| self.bonds.sessions.reuse(&id, instance, takes_own));
        if let Some(session) = reused {
            return Ok(session);
        }
        if matches!(dial.instance, InstanceWish::Named(_))
            && dial.id == Some(self.means.identity.id)
        {
            // Two hosts with one identity would both be the one that dialled first.
            return Err(ConnectError::OwnIdentity);
        }
        let session = Session::new(dial.id, instance, true);
        let session = self.bonds.sessions.insert(session).map_err(|_| ConnectError::NoCapacity)?;
        let waits = For::Session(session.index());
        let wish = Wish { pattern, path: dial.path, peer: dial.id, instance, early, waits };
        let (mut negotiator, bonds) = self.split();
        match negotiator.dial(now, &wish, |id| bonds.channels.find(id).is_some()) {
            Ok(negotiation) => {
                if let Some(row) = bonds.sessions.get_mut(session) {
                    row.begin_dial(negotiation);
                }
                Ok(session)
            }
            Err(error) => {
                bonds.sessions.remove(session.index());
                Err(error)
            }
        }
    }
}
