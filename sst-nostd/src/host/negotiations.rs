//! The table of negotiations under way: found by channel, woken when due, each with at most one
//! packet to send.

use core::fmt;

use crate::channel::Path;
use crate::crypto::{Crypto, KEY_LEN};
use crate::id::ChannelId;
use crate::limits::FINISH_BYTES as MAX_FINISH_BYTES;
use crate::negotiation::limits::{HANDSHAKE_TIMEOUT, TRIALS_BURST, TRIALS_INTERVAL};
use crate::negotiation::{Bucket, Dropped, Initiator, Responder, TimerVerdict};
use crate::recovery::ecn::Codepoint;
use crate::storage::{HasLink, Link, NONE};
use crate::time::{Duration, Instant};

use super::Host;
use super::inbound::Ignored;
use super::outbound::Transmit;

/// The list of negotiations with something to send.
pub(super) const DUE: usize = 0;
/// A FINISH without frames: its header, two encrypted keys and their tags.
pub(super) const BARE_FINISH_BYTES: usize = 96;

/// One negotiation.
pub struct NegotiationRow {
    pub(super) kind: Kind,
    pub(super) path: Path,
    /// Where a second answer is due: copies of one INIT may come from two addresses before the
    /// first answer has left.
    also: Option<Path>,
    pub(super) sends: u32,
    /// When it began.
    pub(super) begun_at: Instant,
    /// The host's turn when it answered.
    pub(super) answered: u64,
    /// The hash of the INIT's ephemeral key, under which a repeated INIT is found.
    pub(super) init_hash: Option<u32>,
    /// The hash of the source that it is counted for, if a peer dials.
    pub(super) source: Option<u32>,
    /// How often packets that may be forged were tried of late.
    pub(super) trials: Bucket,
    link: Link,
}

#[allow(clippy::large_enum_variant, reason = "rows of a table are of one size, without boxes")]
pub(super) enum Kind {
    /// This host dials, for the session with this index.
    Call(Initiator, u32),
    /// A peer dials.
    Answer(Responder),
    /// FINISH, until the peer has it.
    Confirm(Confirm),
    /// The peer proved itself, and there was no room for it.
    Refused(TurnedAway),
}

/// A FINISH, and whose it is.
pub(super) struct Confirm {
    /// Empty where there is none, as in IK. Kept whole: to make a second one would be to use a key
    /// twice.
    pub(super) finish: heapless::Vec<u8, MAX_FINISH_BYTES>,
    /// Index of the channel.
    pub(super) channel: u32,
    /// The channel as this host named it.
    pub(super) id: ChannelId,
}

/// What is kept of a peer that was turned away, so that it hears so even if packets are lost.
pub(super) struct TurnedAway {
    /// The CLOSE that says so to it, and to its FINISH if that comes again.
    pub(super) close: heapless::Vec<u8, BARE_FINISH_BYTES>,
    pub(super) channel: ChannelId,
    /// How long after a FINISH the row is kept: as long as a closed channel.
    pub(super) linger: Duration,
    pub(super) until: Instant,
}

impl TurnedAway {
    /// Its FINISH came, at `now`; it all began at `begun_at`.
    pub(super) fn on_finish(&mut self, now: Instant, begun_at: Instant) {
        self.until = now.after(self.linger).min(begun_at.after(HANDSHAKE_TIMEOUT));
    }
}

impl HasLink<DUE> for NegotiationRow {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl fmt::Debug for NegotiationRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NegotiationRow").field("path", &self.path).finish_non_exhaustive()
    }
}

impl NegotiationRow {
    pub(super) const fn new(kind: Kind, path: Path, begun_at: Instant) -> Self {
        Self {
            kind,
            path,
            also: None,
            sends: 0,
            begun_at,
            answered: 0,
            init_hash: None,
            source: None,
            trials: Bucket::new(),
            link: Link::new(),
        }
    }

    /// Whether a packet that claims to go on with the negotiation is worth opening.
    pub(super) fn may_try(&mut self, now: Instant) -> Result<(), Ignored> {
        may_try(&mut self.trials, now)
    }

    /// The channel it is for, as this host named it.
    pub(super) const fn channel(&self) -> ChannelId {
        match &self.kind {
            Kind::Call(initiator, _) => initiator.channel(),
            Kind::Answer(responder) => responder.channel(),
            Kind::Confirm(confirm) => confirm.id,
            Kind::Refused(refused) => refused.channel,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Call(initiator, _) => initiator.deadline(),
            Kind::Answer(responder) => Some(responder.expires_at()),
            // docs/PROTOCOL.md, R-5.10-2.
            Kind::Confirm(..) => Some(self.begun_at.after(HANDSHAKE_TIMEOUT)),
            Kind::Refused(refused) => Some(refused.until),
        }
    }
}

impl<C: Crypto> Host<'_, C> {
    /// What negotiations have to send.
    pub(super) fn transmit_negotiation(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        while let Some(index) = self.due.pop_front(&mut self.negotiations) {
            let Some(row) = self.negotiations.at_mut(index) else { continue };
            let mut path = row.path;
            let mut is_more_due = false;
            let len = match &mut row.kind {
                Kind::Call(initiator, session) if initiator.owes_finish() => {
                    let session = *session;
                    match self.write_finish(now, index, session, buffer) {
                        Some(finish) => return Some(finish),
                        None => continue,
                    }
                }
                Kind::Call(initiator, _) => match initiator.due_path() {
                    Some(due) => {
                        path = due;
                        let len = initiator.write_init(now, due, buffer).ok();
                        is_more_due = len.is_some() && initiator.due_path().is_some();
                        len
                    }
                    None => None,
                },
                Kind::Answer(responder) if row.sends > 0 => copy(responder.repeat(now), buffer),
                Kind::Answer(responder) => copy(responder.reply(), buffer),
                Kind::Refused(refused) => copy(&refused.close, buffer),
                Kind::Confirm(confirm) => {
                    let len = copy(&confirm.finish, buffer);
                    let index_of_channel = confirm.channel;
                    if row.sends > 0
                        && let Some(channel) = self.channels.at_mut(index_of_channel)
                    {
                        channel.channel.on_finish_resent(now, &mut self.sent);
                        self.ready.push_back(&mut self.channels, index_of_channel);
                    }
                    len
                }
            };
            row.sends = row.sends.saturating_add(1);
            if let Some(also) = row.also.take() {
                row.path = also;
                is_more_due = true;
            }
            if is_more_due {
                self.due.push_back(&mut self.negotiations, index);
            }
            self.renew_negotiation_timer(index);
            if let Some(len) = len.filter(|len| *len > 0) {
                return Some(Transmit { path, len, segment_len: None, ecn: Codepoint::NotEct });
            }
        }
        None
    }

    /// The INIT that row `index` answers came again, on `path`: the answer goes there, wherever the
    /// one before went. Two paths may wait for an answer, more copies than that get none.
    pub(super) fn owe_reply(&mut self, index: u32, path: Path) {
        let Some(row) = self.negotiations.at_mut(index) else { return };
        if !row.link.is_linked() {
            row.path = path;
        } else if row.path != path && row.also.is_none() {
            row.also = Some(path);
        }
        self.due.push_back(&mut self.negotiations, index);
    }

    /// A negotiation's time has come.
    pub(super) fn on_negotiation_timeout(&mut self, now: Instant, index: u32) {
        let Some(row) = self.negotiations.at_mut(index) else { return };
        match &mut row.kind {
            Kind::Call(initiator, session) => match initiator.handle_timeout(now) {
                TimerVerdict::GiveUp => {
                    let session = *session;
                    match self.sessions.at(session).and_then(|row| row.channel) {
                        // FINISH was never asked for.
                        Some(channel) => self.on_never_confirmed(now, channel),
                        None => self.on_call_given_up(index),
                    }
                    return;
                }
                TimerVerdict::Resend => {
                    self.due.push_back(&mut self.negotiations, index);
                }
                TimerVerdict::Wait => {}
            },
            Kind::Answer(responder) if responder.expires_at() <= now => {
                self.remove_negotiation(index);
                return;
            }
            Kind::Confirm(confirm) => {
                let channel = confirm.channel;
                if row.begun_at.after(HANDSHAKE_TIMEOUT) <= now {
                    self.on_never_confirmed(now, channel);
                    return;
                }
            }
            Kind::Refused(refused) if refused.until <= now => {
                self.remove_negotiation(index);
                return;
            }
            Kind::Answer(_) | Kind::Refused(..) => {}
        }
        self.renew_negotiation_timer(index);
    }

    /// A row for the negotiation of `channel`, with nothing to send yet: what it is comes next. So
    /// the large values that it may be are made when nothing else is on the stack.
    #[inline(never)]
    pub(super) fn add_negotiation(
        &mut self,
        channel: ChannelId,
        path: Path,
        now: Instant,
    ) -> Option<u32> {
        let id_hash = self.hash.hash_u64(u64::from(channel.as_u32()));
        let finish = heapless::Vec::new();
        let kind = Kind::Confirm(Confirm { finish, channel: NONE, id: channel });
        let row = NegotiationRow::new(kind, path, now);
        let index = self.negotiations.insert(row).ok()?.index();
        if self.by_call.insert(id_hash, index).is_err() {
            self.remove_negotiation(index);
            return None;
        }
        Some(index)
    }

    pub(super) fn remove_negotiation(&mut self, index: u32) {
        let Some(row) = self.negotiations.at(index) else { return };
        let id_hash = self.hash.hash_u64(u64::from(row.channel().as_u32()));
        let (init_hash, source) = (row.init_hash, row.source);
        let is_own = match &row.kind {
            Kind::Call(..) => true,
            Kind::Confirm(confirm) => confirm.channel != NONE,
            Kind::Answer(_) | Kind::Refused(_) => false,
        };
        self.own_dials = self.own_dials.saturating_sub(u32::from(is_own));
        self.by_call.remove(id_hash, index);
        if let Some(hash) = init_hash {
            self.by_call.remove(hash, index);
        }
        if let Some(source) = source {
            self.callers.take_away(source);
        }
        self.due.remove(&mut self.negotiations, index);
        let _ = self.negotiation_timers.set(index, None);
        self.negotiations.discard_at(index);
    }

    /// The negotiation for the channel this host named `id`.
    pub(super) fn find_negotiation(&self, id: ChannelId) -> Option<u32> {
        let hash = self.hash.hash_u64(u64::from(id.as_u32()));
        self.by_call
            .find(hash, |slot| self.negotiations.at(slot).is_some_and(|row| row.channel() == id))
    }

    pub(super) fn renew_negotiation_timer(&mut self, index: u32) {
        let deadline = self.negotiations.at(index).and_then(NegotiationRow::deadline);
        let _ = self.negotiation_timers.set(index, deadline);
    }

    pub(super) fn new_ephemeral(&mut self) -> Option<[u8; KEY_LEN]> {
        let mut ephemeral = [0; KEY_LEN];
        self.crypto.random(&mut ephemeral).ok()?;
        self.stats.curve_operations = self.stats.curve_operations.saturating_add(1);
        Some(ephemeral)
    }
}

fn copy(bytes: &[u8], to: &mut [u8]) -> Option<usize> {
    to.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(bytes.len())
}

/// Whether a packet that claims to go on with the negotiation that had these `trials` is worth
/// opening: not if so many were forged of late that the work would be felt.
pub(super) fn may_try(trials: &mut Bucket, now: Instant) -> Result<(), Ignored> {
    let is_allowed = trials.is_allowed(now, TRIALS_BURST, TRIALS_INTERVAL);
    if is_allowed { Ok(()) } else { Err(Ignored::Negotiation(Dropped::TooMany)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Spec: R-5.7-5.
    #[test]
    fn a_finish_with_frames_is_kept_whole_and_makes_no_board_s_row_longer() {
        let largest = [7; MAX_FINISH_BYTES];
        let finish = heapless::Vec::from_slice(&largest).unwrap();
        let id = ChannelId::new(1).unwrap();
        let confirm = Confirm { finish, channel: NONE, id };
        let mut out = [0; MAX_FINISH_BYTES];
        assert_eq!(copy(&confirm.finish, &mut out), Some(MAX_FINISH_BYTES));
        assert_eq!(out, largest);
        let grown = size_of::<Confirm>().saturating_sub(size_of::<Initiator>());
        assert!(grown <= if cfg!(feature = "large") { 128 } else { 0 }, "{grown}");
    }
}
