//! What a channel does when time has passed: losses, probes, keep-alive, and its end.

use super::finish::Finish;
use super::probes::SpacedProbes;
use super::sent::{Receipts, SentPackets};
use super::{Channel, MIN_ASKING_LEN};
use crate::crypto::{Aead, Crypto};
use crate::time::{Duration, Instant};

/// Packets sent at once at a probe timeout, if so many are in flight (RFC 9002 section 6.2.4).
const MAX_PROBES: u8 = 2;

/// The longest pause between two FINISHes: the peer forgets the negotiation after ten seconds.
const MAX_FINISH_TIMEOUT: Duration = Duration::from_secs(1);

impl<C: Crypto> Channel<C> {
    /// Does what is due at `now`. Then call [`Channel::take_settled`] until it is empty.
    pub fn on_timeout(&mut self, now: Instant, sent: &mut SentPackets<'_>) {
        self.receive_keys.on_timeout(now);
        let moved = self.paths.on_timeout(now);
        self.note_move(now, moved);
        if self.loss_at.is_some_and(|at| at <= now) {
            self.detect_lost(now, sent);
        } else if self.pto_at().is_some_and(|at| at <= now) {
            self.on_pto(now);
        }
        if let Some(probes) = self.spaced_probes.filter(|probes| probes.next_at <= now) {
            self.spaced_probes = probes.after(now);
            self.paths.on_silence();
            if self.finish == Finish::Waiting {
                self.finish = Finish::Owed;
            } else {
                self.probes_owed = self.probes_owed.max(1);
            }
        }
        if self.breaks_silence_at().is_some_and(|at| at <= now) {
            self.idle.on_keep_alive(now);
            self.probes_owed = self.probes_owed.max(1);
        }
        if self.paced_until.is_some_and(|at| at <= now) {
            self.paced_until = None;
        }
        if self.rests_at().is_some_and(|at| at <= now) {
            self.send_keys.rest();
            self.receive_keys.rest();
        }
    }

    /// When to call [`Channel::on_timeout`] and then [`Channel::send_permit`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let path_at = self.paths.deadline(MIN_ASKING_LEN);
        let recovery_at = self.loss_at.or_else(|| self.pto_at());
        let times = [
            recovery_at,
            path_at,
            self.spaced_probes.map(|probes| probes.next_at),
            self.received.ack_at(),
            self.receive_keys.deadline(),
            self.paced_until,
            self.expires_at(),
            self.breaks_silence_at(),
            self.rests_at(),
        ];
        times.into_iter().flatten().min()
    }

    /// Whether nothing was heard for the idle timeout.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// Copies of the receipts of a packet that a probe should repeat: one of the oldest two in
    /// flight that have any. The two probes of the first timeout repeat one each; those of later
    /// timeouts repeat the oldest, then the second, in turn, so that a packet which the peer cannot
    /// take does not stand in the way of the other. The packet itself is not given up.
    #[must_use]
    pub fn probe_receipts<'a, 's>(&self, sent: &'a SentPackets<'s>) -> Receipts<'a, 's> {
        let nth = match self.flight.pto.count() {
            0 | 1 => u32::from(MAX_PROBES.saturating_sub(self.probes_owed)),
            timeouts => timeouts & 1,
        };
        sent.receipts_of(&self.in_flight, nth)
    }

    /// Whether that packet is repeated as it was: it is the second of a first timeout. All others
    /// say what the peer can take in any case.
    #[must_use]
    pub fn probe_repeats(&self) -> bool {
        self.flight.pto.count() == 1 && self.probes_owed < MAX_PROBES && self.flight.packets() > 1
    }

    fn on_pto(&mut self, now: Instant) {
        self.flight.on_pto(now);
        self.totals.probe_timeouts = self.totals.probe_timeouts.saturating_add(1);
        if matches!(self.finish, Finish::Confirmed | Finish::Unheard) {
            let in_flight = u8::try_from(self.flight.packets()).unwrap_or(MAX_PROBES);
            self.probes_owed = in_flight.clamp(1, MAX_PROBES);
        } else {
            self.finish = Finish::Owed;
            // The peer may have it, and all its answers may be lost: data asks it too.
            self.probes_owed = u8::from(self.flight.packets() > 1);
        }
        if self.flight.pto.count() > 1 {
            self.paths.on_silence();
            // The path is gone for longer than a packet or two. Probes that are spread over the
            // time to the next timeout find it sooner when it comes back.
            self.probes_owed = self.probes_owed.min(1);
            let until_next = self.pto_at().map(|at| at.since(now)).unwrap_or_default();
            self.spaced_probes = SpacedProbes::within(now, until_next);
        }
        self.is_heard = false;
    }

    /// When to probe. Packets from before a move count too: only an acknowledgement of a later one
    /// shows that they are lost, and where the table is full of them nothing else can be sent.
    fn pto_at(&self) -> Option<Instant> {
        if self.in_flight.is_empty() {
            return None;
        }
        if matches!(self.finish, Finish::Confirmed | Finish::Unheard) {
            return Some(self.flight.pto_at(self.peer_max_ack_delay));
        }
        // FINISH is acknowledged at once.
        let latest = self.flight.pto_from().after(MAX_FINISH_TIMEOUT);
        Some(self.flight.pto_at(Duration::ZERO).min(latest))
    }

    /// When to say something for no other reason than that it was silent.
    fn breaks_silence_at(&self) -> Option<Instant> {
        // What is in flight asks already.
        let lull_at = self.idle.lull_at(self.pto_base()).filter(|_| self.in_flight.is_empty());
        [lull_at, self.idle.keep_alive_at()].into_iter().flatten().min()
    }

    /// When the ciphers are put to rest, if that saves memory and they are not. What is in flight
    /// may have to be sent again.
    fn rests_at(&self) -> Option<Instant> {
        let are_resting = self.send_keys.is_resting() && self.receive_keys.is_resting();
        let can_rest = C::Aead::RESTS && !are_resting && self.in_flight.is_empty();
        can_rest.then(|| self.idle.rests_at())
    }

    /// A packet that was begun came to nothing. If the cipher was woken for it, it rests again: its
    /// timer, which is past, would have it woken and put to rest without end.
    pub fn on_nothing_sent(&mut self, now: Instant) {
        if self.rests_at().is_some_and(|at| at <= now) {
            self.send_keys.rest();
        }
    }

    fn expires_at(&self) -> Option<Instant> {
        self.idle.expires_at(self.pto_base())
    }
}
