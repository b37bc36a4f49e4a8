//! The paths that one dial is tried on, and the answers without proof that come from there.

use crate::crypto::Crypto;
use crate::path::Path;
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{Cookie, Version};

use super::Host;
use super::call::malformed;
use super::inbound::Ignored;
use super::tables::SessionHandle;

/// Why a dial is not tried in another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryError {
    /// It is answered, or over: there is nothing left to try.
    NotDialling,
    /// It is tried in [`MAX_ROUTES`](crate::negotiation::limits::MAX_ROUTES) places.
    TooMany,
}

impl<C: Crypto> Host<'_, C> {
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
        let negotiation = self.bonds.sessions.get_mut(session).and_then(|row| row.dial());
        let index = negotiation.ok_or(TryError::NotDialling)?;
        let (initiator, _) = self.negotiations.call_mut(index).ok_or(TryError::NotDialling)?;
        initiator.add_path(now, path, now.after(after)).map_err(|_| TryError::TooMany)?;
        self.negotiations.on_call_changed(index);
        Ok(())
    }

    /// A COOKIE: the INIT goes out again with it.
    #[inline(never)]
    pub(super) fn on_cookie(&mut self, path: Path, packet: &[u8]) -> Result<(), Ignored> {
        let cookie = Cookie::parse(packet).map_err(malformed)?;
        let index = self.find_call(cookie.channel)?;
        let Some((initiator, _)) = self.negotiations.call_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        initiator.handle_cookie(path, packet).map_err(Ignored::Negotiation)?;
        self.negotiations.on_call_changed(index);
        Ok(())
    }

    /// A VERSION: should no REPLY come, the peer may speak no version of ours.
    #[inline(never)]
    pub(super) fn on_version(&mut self, path: Path, packet: &[u8]) -> Result<(), Ignored> {
        let version = Version::parse(packet).map_err(malformed)?;
        let index = self.find_call(version.channel)?;
        let Some((initiator, _)) = self.negotiations.call_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        initiator.handle_version(path, packet).map_err(Ignored::Negotiation)
    }
}
