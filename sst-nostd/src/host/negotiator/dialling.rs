//! Dialling: from a wish to keys, or to a failure.

use crate::channel::Path;
use crate::crypto::{Crypto, KEY_LEN};
use crate::id::{ChannelId, HostId, Instance};
use crate::negotiation::{Call, CallError, Initiator, Ready, ReplyError};
use crate::noise::Pattern;
use crate::storage::present;
use crate::time::{Duration, Instant};
use crate::wire::PacketError;
use crate::wire::negotiation::{Cookie, Reply, Version};

use super::super::dial::{ConnectError, TryError};
use super::super::ignored::Ignored;
use super::super::tables::{BARE_FINISH_BYTES, For, Kind, NegotiationRow, Negotiations, may_try};
use super::super::wiping::wipe_stack;
use super::{BEGUN, FOUND, Failed, Failure, Negotiator};

/// Whom to call, and how.
pub(in crate::host) struct Wish<'a> {
    pub(in crate::host) pattern: Pattern,
    pub(in crate::host) path: Path,
    pub(in crate::host) peer: Option<HostId>,
    pub(in crate::host) instance: Option<Instance>,
    pub(in crate::host) early: &'a [u8],
    /// Who waits for it.
    pub(in crate::host) waits: For,
}

/// What came of a REPLY.
pub(in crate::host) enum Answered {
    /// The peer has proved itself: the keys may be agreed on.
    Proved { negotiation: u32, waits: For },
    /// The call is over.
    Failed(Failed),
}

impl<C: Crypto> Negotiator<'_, '_, C> {
    /// Begins a call for a channel of which no name is one that `is_taken`. Answers with its row,
    /// whose INIT is due.
    ///
    /// # Errors
    /// [`ConnectError`]: nothing is left of it.
    pub(in crate::host) fn dial(
        &mut self,
        now: Instant,
        wish: &Wish<'_>,
        is_taken: impl FnMut(ChannelId) -> bool,
    ) -> Result<u32, ConnectError> {
        self.means.wiping.note();
        let channel = self.new_channel_id(is_taken).map_err(|_| ConnectError::Random)?;
        let ephemeral = self.new_ephemeral().map_err(|_| ConnectError::Random)?;
        let negotiation = self.rows.insert(now, channel, wish.path);
        let negotiation = negotiation.ok_or(ConnectError::NoCapacity)?;
        let begun = self.begin_call(now, negotiation, channel, &ephemeral, wish);
        wipe_stack();
        if let Err(error) = begun {
            self.rows.remove(negotiation);
            return Err(error);
        }
        self.rows.owe(negotiation);
        self.stats.dialled = self.stats.dialled.saturating_add(1);
        Ok(negotiation)
    }

    /// Makes the first message of the call in row `index`. A function of its own: it needs much of
    /// the stack.
    #[inline(never)]
    fn begin_call(
        &mut self,
        now: Instant,
        index: u32,
        channel: ChannelId,
        ephemeral: &[u8; KEY_LEN],
        wish: &Wish<'_>,
    ) -> Result<(), ConnectError> {
        let mut parameters = self.means.parameters(channel);
        parameters.instance = wish.instance;
        parameters.took_call = self.clock.took_call_lately(now);
        let call = Call {
            pattern: wish.pattern,
            path: wish.path,
            statics: &self.means.identity.statics,
            peer: wish.peer,
            parameters: &parameters,
            channel,
            ephemeral,
        };
        plant_call(self.rows, &self.means.crypto, now, index, wish.waits, &call)?;
        let initiator =
            present(self.rows.call_mut(index), BEGUN).ok_or(ConnectError::NoCapacity)?;
        initiator.write_first(&self.means.crypto, &call, wish.early).map_err(call_error)
    }

    /// Has the call in row `index` tried on another path too, `after` so long.
    ///
    /// # Errors
    /// [`TryError`].
    pub(in crate::host) fn try_also(
        &mut self,
        now: Instant,
        index: u32,
        path: Path,
        after: Duration,
    ) -> Result<(), TryError> {
        let initiator = self.rows.call_mut(index).ok_or(TryError::NotDialling)?;
        initiator.add_path(now, path, now.after(after)).map_err(|_| TryError::TooMany)?;
        self.rows.on_call_changed(index);
        Ok(())
    }

    /// A COOKIE: the INIT goes out again with it.
    #[inline(never)]
    pub(in crate::host) fn on_cookie(&mut self, path: Path, packet: &[u8]) -> Result<(), Ignored> {
        let cookie = Cookie::parse(packet).map_err(malformed)?;
        let (index, initiator) = self.find_call(cookie.channel)?;
        initiator.handle_cookie(path, packet).map_err(Ignored::Negotiation)?;
        self.rows.on_call_changed(index);
        Ok(())
    }

    /// A VERSION: should no REPLY come, the peer may speak no version of ours.
    #[inline(never)]
    pub(in crate::host) fn on_version(&mut self, path: Path, packet: &[u8]) -> Result<(), Ignored> {
        let version = Version::parse(packet).map_err(malformed)?;
        let (_, initiator) = self.find_call(version.channel)?;
        initiator.handle_version(path, packet).map_err(Ignored::Negotiation)
    }

    /// A REPLY: the peer has proved itself, or the call is over.
    pub(in crate::host) fn on_reply(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
    ) -> Result<Answered, Ignored> {
        let reply = Reply::parse(packet).map_err(malformed)?;
        let (index, initiator) = self.find_call(reply.channel)?;
        // What one hash shows to be false costs no more, and uses up none of the tries.
        initiator.expects_reply(path, packet).map_err(Ignored::Negotiation)?;
        self.means.wiping.note();
        let answered = self.read_reply(now, path, index, packet);
        wipe_stack();
        answered
    }

    /// Opens the REPLY to the call in row `index`. A function of its own, because what it needs on
    /// the stack is gone again before the keys are agreed on.
    #[inline(never)]
    fn read_reply(
        &mut self,
        now: Instant,
        path: Path,
        index: u32,
        packet: &[u8],
    ) -> Result<Answered, Ignored> {
        let row = present(self.rows.at_mut(index), FOUND).ok_or(Ignored::UnknownChannel)?;
        let NegotiationRow { kind: Kind::Call(initiator, waits), trials, .. } = row else {
            return Err(Ignored::UnknownChannel);
        };
        may_try(trials, now).map_err(Ignored::Negotiation)?;
        let waits = *waits;
        let crypto = &self.means.crypto;
        let answer = initiator.handle_reply(crypto, now, path, packet);
        self.stats.on_curve(3);
        match answer {
            Ok(_) => Ok(Answered::Proved { negotiation: index, waits }),
            Err(ReplyError::Dropped(reason)) => Err(Ignored::Negotiation(reason)),
            Err(error) => {
                let mut rejection = [0; BARE_FINISH_BYTES];
                let len = initiator.write_rejection(crypto, &mut rejection).unwrap_or(0);
                if let Some(rejection) = rejection.get(..len).filter(|bytes| !bytes.is_empty()) {
                    self.door.outbox.push(path, rejection);
                }
                Ok(Answered::Failed(Failed { waits, why: Failure::Reply(error) }))
            }
        }
    }

    /// The keys of the call in row `index`, whose peer has proved itself.
    ///
    /// # Errors
    /// The call is over.
    #[inline(never)]
    pub(in crate::host) fn agree(&mut self, index: u32) -> Result<Ready, Failure> {
        let call = present(self.rows.call_mut(index), "a call that was answered is here");
        let initiator = call.ok_or(Failure::NoKeys)?;
        initiator.agree(&self.means.crypto).map_err(|_| Failure::NoKeys)
    }

    /// The call of this host's for the channel that it named `id`.
    fn find_call(&mut self, id: ChannelId) -> Result<(u32, &mut Initiator<C::Secret>), Ignored> {
        let index = self.rows.find(id).ok_or(Ignored::UnknownChannel)?;
        // Anyone may name the channel of another negotiation.
        let initiator = self.rows.call_mut(index).ok_or(Ignored::UnknownChannel)?;
        Ok((index, initiator))
    }
}

/// Makes row `index` a call whose first message is not written yet. A function of its own: what it
/// moves is off the stack again before keys are computed with.
#[inline(never)]
fn plant_call<C: Crypto>(
    negotiations: &mut Negotiations<'_, C::Secret>,
    crypto: &C,
    now: Instant,
    index: u32,
    waits: For,
    call: &Call<'_, C::Secret>,
) -> Result<(), ConnectError> {
    let initiator = Initiator::unwritten(crypto, now, call).map_err(call_error)?;
    negotiations.begin_call(index, initiator, waits);
    Ok(())
}

const fn call_error(error: CallError) -> ConnectError {
    match error {
        CallError::OwnIdentity => ConnectError::OwnIdentity,
        _ => ConnectError::Parameters,
    }
}

fn malformed(error: PacketError) -> Ignored {
    Ignored::Negotiation(error.into())
}
