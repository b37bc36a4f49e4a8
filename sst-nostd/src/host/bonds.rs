//! Sessions by identity and instance: the one that a dial or a peer's call is for.

use crate::crypto::Crypto;
use crate::id::{HostId, Instance};
use crate::session::{Session, SessionState};

use super::Host;
use super::dial::{ConnectError, Dial, InstanceWish};
use super::sessions::SessionHandle;

/// Which of those who dial a host are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accepting {
    /// All.
    Everyone,
    /// Those whom this host dials at the same moment in the same instance, as two do that were
    /// introduced to each other. While it dials nobody, it answers nobody.
    Expected,
    /// None: to those who dial there is no host.
    #[default]
    Nobody,
}

impl From<bool> for Accepting {
    fn from(is_accepting: bool) -> Self {
        if is_accepting { Self::Everyone } else { Self::Nobody }
    }
}

impl<C: Crypto> Host<'_, C> {
    /// A living session with a peer, if there is one; of several, any.
    #[must_use]
    pub fn session_with(&self, peer: &HostId) -> Option<SessionHandle> {
        let index = self.find_living(peer, |_| true)?;
        self.sessions.handle_at(index)
    }

    /// How many sessions with a peer take a row here, those whose CLOSE is being repeated included.
    /// Looks at each of them.
    #[must_use]
    pub fn sessions_with(&self, peer: &HostId) -> u32 {
        let mut count = 0_u32;
        let _ = self.by_peer.find(self.hash.hash_bytes(peer.as_bytes()), |slot| {
            let is_one = self.sessions.at(slot).is_some_and(|row| row.peer.as_ref() == Some(peer));
            count = count.saturating_add(u32::from(is_one));
            false
        });
        count
    }

    /// The living session with a peer in an instance.
    pub(super) fn find_session(&self, peer: &HostId, instance: Option<Instance>) -> Option<u32> {
        self.find_living(peer, |row| row.instance == instance)
    }

    fn find_living(&self, peer: &HostId, is_it: impl Fn(&Session) -> bool) -> Option<u32> {
        self.by_peer.find(self.hash.hash_bytes(peer.as_bytes()), |slot| {
            self.sessions.at(slot).is_some_and(|row| {
                let is_living = !matches!(row.state, SessionState::Closing | SessionState::Closed);
                is_living && row.peer.as_ref() == Some(peer) && is_it(row)
            })
        })
    }

    /// From now on the session is found by its peer, once that is known. False if there is no room
    /// for that.
    pub(super) fn index_session(&mut self, session: u32) -> bool {
        let Some(peer) = self.sessions.at(session).and_then(|row| row.peer) else { return true };
        self.by_peer.insert(self.hash.hash_bytes(peer.as_bytes()), session).is_ok()
    }

    pub(super) fn unindex_session(&mut self, session: u32) {
        if let Some(peer) = self.sessions.at(session).and_then(|row| row.peer) {
            self.by_peer.remove(self.hash.hash_bytes(peer.as_bytes()), session);
        }
    }

    /// The instance that a new session gets whose dial has that wish.
    pub(super) fn instance_for(
        &mut self,
        wish: InstanceWish,
    ) -> Result<Option<Instance>, ConnectError> {
        match wish {
            InstanceWish::Named(instance) => Ok(Some(instance)),
            InstanceWish::Unnamed => Ok(None),
            InstanceWish::Usual if self.config.accepting == Accepting::Everyone => Ok(None),
            InstanceWish::Usual | InstanceWish::Fresh => {
                let mut bytes = [0; Instance::LEN];
                self.crypto.random(&mut bytes).map_err(|_| ConnectError::Random)?;
                Instance::new(bytes).map(Some).ok_or(ConnectError::Random)
            }
        }
    }

    /// The session that is up or coming up and answers a dial; a new one would get `instance`.
    pub(super) fn reuse(
        &mut self,
        dial: &Dial,
        instance: Option<Instance>,
    ) -> Option<SessionHandle> {
        let takes_own = dial.instance == InstanceWish::Usual && instance.is_none();
        let index = self.find_living(&dial.id?, |row| {
            row.instance == instance || takes_own && row.is_own_dial
        })?;
        let row = self.sessions.at_mut(index)?;
        row.is_known = true;
        row.is_released = false;
        if row.state == SessionState::Ready {
            row.events.ready = true;
            self.note_session_event(index);
        }
        self.sessions.handle_at(index)
    }
}
