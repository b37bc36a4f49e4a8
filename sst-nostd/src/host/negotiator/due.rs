//! Negotiations in time: what they have to send, and what comes of those that take too long.

use crate::crypto::{Crypto, TAG_LEN};
use crate::negotiation::limits::{FINISH_HEAD_LEN, HANDSHAKE_TIMEOUT};
use crate::negotiation::{Initiator, TimerVerdict};
use crate::recovery::ecn::Codepoint;
use crate::storage::present;
use crate::time::Instant;

use super::super::tables::{For, Kind};
use super::super::transmit::Transmit;
use super::{FOUND, Failed, Failure, Negotiator};

/// A FINISH without frames.
const MIN_FINISH_BYTES: usize = FINISH_HEAD_LEN + TAG_LEN;

/// What a negotiation has to send.
pub(in crate::host) enum Due {
    /// The packet at the front of the buffer.
    Packet(Transmit),
    /// FINISH, which the call in row `negotiation` has not made yet, with what frames there are for
    /// the channel that it brought.
    Finish { negotiation: u32, channel: u32 },
    /// FINISH for that channel once more; it stands at the front of the buffer, if there was room.
    FinishAgain { channel: u32, transmit: Option<Transmit> },
}

impl<C: Crypto> Negotiator<'_, '_, C> {
    /// What is due next, if anything is, and FINISH has room in the buffer.
    pub(in crate::host) fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Due> {
        while let Some(index) = self.rows.pop_due() {
            let Some(row) = present(self.rows.at_mut(index), FOUND) else { continue };
            let mut path = row.path;
            let mut is_more_due = false;
            let mut again = None;
            let len = match &mut row.kind {
                Kind::Call(_, For::Channel(_)) if buffer.len() < MIN_FINISH_BYTES => {
                    // It is made once, and can only be cut for want of frames: it waits.
                    self.rows.owe(index);
                    return None;
                }
                Kind::Call(_, For::Channel(channel)) => {
                    return Some(Due::Finish { negotiation: index, channel: *channel });
                }
                Kind::Call(initiator, For::Session(_)) => match initiator.due_path() {
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
                    again = Some(confirm.channel).filter(|_| row.sends > 0);
                    copy(&confirm.finish, buffer)
                }
            };
            self.rows.on_sent(index, is_more_due);
            let transmit = len.filter(|len| *len > 0).map(|len| Transmit {
                path,
                len,
                segment_len: None,
                ecn: Codepoint::NotEct,
            });
            match (again, transmit) {
                (Some(channel), transmit) => return Some(Due::FinishAgain { channel, transmit }),
                (None, Some(transmit)) => return Some(Due::Packet(transmit)),
                (None, None) => {}
            }
        }
        None
    }

    /// The time of the negotiation in row `index` has come. Answers with a call of this host's that
    /// has failed by it.
    pub(in crate::host) fn on_timeout(&mut self, now: Instant, index: u32) -> Option<Failed> {
        let row = present(self.rows.at_mut(index), FOUND)?;
        match &mut row.kind {
            Kind::Call(initiator, waits) => match initiator.handle_timeout(now) {
                TimerVerdict::GiveUp => {
                    let waits = *waits;
                    let why = match waits {
                        // FINISH was never asked for.
                        For::Channel(_) => Failure::Unconfirmed,
                        For::Session(_) => unanswered(initiator),
                    };
                    return Some(Failed { waits, why });
                }
                TimerVerdict::Resend => self.rows.owe(index),
                TimerVerdict::Wait => {}
            },
            Kind::Confirm(confirm) if row.begun_at.after(HANDSHAKE_TIMEOUT) <= now => {
                let waits = For::Channel(confirm.channel);
                return Some(Failed { waits, why: Failure::Unconfirmed });
            }
            Kind::Answer(responder) if responder.expires_at() <= now => {
                self.rows.remove(index);
                return None;
            }
            Kind::Refused(refused) if refused.until <= now => {
                self.rows.remove(index);
                return None;
            }
            Kind::Answer(_) | Kind::Confirm(_) | Kind::Refused(_) => {}
        }
        self.rows.renew_timer(index);
        None
    }
}

/// Why there is no answer: nobody gave any, or only in versions of the protocol that this host does
/// not speak.
fn unanswered<S: Clone + zeroize::Zeroize>(initiator: &Initiator<S>) -> Failure {
    let versions = initiator.peer_versions();
    if versions.is_empty() {
        return Failure::NoAnswer;
    }
    Failure::Versions(heapless::Vec::from_slice(versions).unwrap_or_default())
}

fn copy(bytes: &[u8], to: &mut [u8]) -> Option<usize> {
    to.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(bytes.len())
}
