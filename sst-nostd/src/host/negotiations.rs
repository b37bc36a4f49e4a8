//! Negotiations in time: what they have to send, and what comes of those that take too long.

use crate::crypto::Crypto;
use crate::negotiation::TimerVerdict;
use crate::negotiation::limits::HANDSHAKE_TIMEOUT;
use crate::recovery::ecn::Codepoint;
use crate::time::Instant;

use super::Host;
use super::outbound::Transmit;
use super::tables::Kind;

impl<C: Crypto> Host<'_, C> {
    /// What negotiations have to send.
    pub(super) fn transmit_negotiation(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        while let Some(index) = self.negotiations.pop_due() {
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
                    if row.sends > 0
                        && let Some(row) = self.bonds.channels.at_mut(confirm.channel)
                    {
                        row.channel.on_finish_resent(now, &mut self.bonds.sent);
                        self.bonds.sessions.touch(row.session);
                    }
                    len
                }
            };
            self.negotiations.on_sent(index, is_more_due);
            if let Some(len) = len.filter(|len| *len > 0) {
                return Some(Transmit { path, len, segment_len: None, ecn: Codepoint::NotEct });
            }
        }
        None
    }

    /// A negotiation's time has come.
    pub(super) fn on_negotiation_timeout(&mut self, now: Instant, index: u32) {
        let Some(row) = self.negotiations.at_mut(index) else { return };
        match &mut row.kind {
            Kind::Call(initiator, session) => match initiator.handle_timeout(now) {
                TimerVerdict::GiveUp => {
                    let session = *session;
                    match self.bonds.sessions.at(session).and_then(|row| row.paths().carrier()) {
                        // FINISH was never asked for.
                        Some(channel) => self.on_never_confirmed(now, channel),
                        None => self.on_call_given_up(index),
                    }
                    return;
                }
                TimerVerdict::Resend => self.negotiations.owe(index),
                TimerVerdict::Wait => {}
            },
            Kind::Answer(responder) if responder.expires_at() <= now => {
                self.negotiations.remove(index);
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
                self.negotiations.remove(index);
                return;
            }
            Kind::Answer(_) | Kind::Refused(..) => {}
        }
        self.negotiations.renew_timer(index);
    }
}

fn copy(bytes: &[u8], to: &mut [u8]) -> Option<usize> {
    to.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(bytes.len())
}
