//! Sessions by identity and instance: the one that a dial or a peer's call is for.

use crate::crypto::Crypto;
use crate::id::{HostId, Instance};

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
        let index = self.sessions.find(peer, |_| true)?;
        self.sessions.handle_at(index)
    }

    /// How many sessions with a peer take a row here, those whose CLOSE is being repeated included.
    /// Looks at each of them.
    #[must_use]
    pub fn sessions_with(&self, peer: &HostId) -> u32 {
        let mut count = 0_u32;
        self.sessions.for_each_with(peer, |_, _| count = count.saturating_add(1));
        count
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
        let index = self
            .sessions
            .find(&dial.id?, |row| row.instance() == instance || takes_own && row.is_own_dial())?;
        self.sessions.at_mut(index)?.adopt();
        self.sessions.touch(index);
        self.sessions.handle_at(index)
    }
}
