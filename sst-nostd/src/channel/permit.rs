//! Whether a channel may send a packet now, and of what kind.

use super::finish::Finish;
use super::flight::Room;
use super::sent::SentPackets;
use super::{Channel, MIN_ASKING_LEN};
use crate::crypto::Crypto;
use crate::path::Path;
use crate::time::Instant;

/// An MTU probe goes when nothing was sent for a quarter of the round trip: long enough for an
/// application that writes in pieces, and well before an answer can be here. Where that is less
/// than this, no probe takes long enough to matter.
const LEAST_PROBE_PAUSE_MICROS: u64 = 1000;

/// What may be sent now. Ask again after each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// An acknowledgement, and frames that ask for none.
    AckOnly,
    /// Anything; this many bytes before the window or the pacer says stop.
    Data {
        /// At least one packet.
        bytes: u64,
    },
    /// FINISH: for the first time, with what frames there are ([`Channel::begin_finish`]), or
    /// again, byte for byte; then call [`Channel::on_finish_resent`].
    Finish,
    /// A packet without data, that tries whether the path carries its length.
    MtuProbe {
        /// Its length, in bytes.
        len: usize,
    },
    /// Nothing. [`Channel::deadline`] knows when to ask again.
    Nothing,
    /// A question or an answer about a path, sent on that path.
    Path {
        /// Where to.
        path: Path,
        /// The most that may be sent there, in bytes.
        max_len: usize,
    },
    /// A packet whatever the window says, since nothing has been acknowledged for too long. New
    /// data, or what [`Channel::probe_receipts`] names, or else a ping.
    Probe,
}

impl<C: Crypto> Channel<C> {
    /// What may be sent now. While the channel's share of the table is used up, nothing that it
    /// would have to remember.
    /// `has_data`: whether data wait to be sent, or to be sent again.
    pub fn send_permit(&mut self, now: Instant, sent: &SentPackets<'_>, has_data: bool) -> Permit {
        if self.is_first_held() {
            if !has_data && self.paced_until.is_some_and(|until| now < until) {
                return Permit::Nothing;
            }
            if self.finish == Finish::FirstHeld {
                self.finish = Finish::Unheard;
                self.probes_owed = 1;
            }
        }
        self.paced_until = None;
        if matches!(self.finish, Finish::Held | Finish::Owed) {
            return Permit::Finish;
        }
        if let Some((path, max_len)) = self.paths.wants_packet(now, MIN_ASKING_LEN) {
            return Permit::Path { path, max_len };
        }
        if self.probes_owed > 0 {
            return Permit::Probe;
        }
        match self.flight.room(now) {
            Room::Bytes(_) if sent.receipt_room(&self.on_record) == 0 => {}
            Room::Bytes(bytes) => match self.mtu_probe(now, bytes, has_data) {
                Some(len) => return Permit::MtuProbe { len },
                None => return Permit::Data { bytes },
            },
            Room::Full => {
                self.flight.set_app_limited(false);
                let times = &mut self.totals.window_full;
                *times = times.saturating_add(has_data.into());
            }
            Room::Paced(at) => {
                self.paced_until = Some(at);
                self.totals.paced = self.totals.paced.saturating_add(has_data.into());
            }
        }
        if self.received.is_due(now) { Permit::AckOnly } else { Permit::Nothing }
    }

    /// There was room in the window, and nothing to send.
    pub fn on_app_limited(&mut self) {
        self.flight.set_app_limited(true);
    }

    /// The size to probe, while the path is in use and in good order. Data go first: those that
    /// wait, and those that the application may be about to write. But after a round trip of
    /// sending without a pause, the probe goes whatever waits.
    fn mtu_probe(&mut self, now: Instant, bytes: u64, has_data: bool) -> Option<usize> {
        let is_steady = self.flight.packets() > 0 && self.flight.pto.count() == 0;
        let Some(acked) = self.largest_acked.filter(|_| is_steady) else {
            self.mtu_probe_after = u64::MAX;
            return None;
        };
        let len = self.flight.mtu.next_probe(now).filter(|len| *len as u64 <= bytes)?;
        self.mtu_probe_after = self.mtu_probe_after.min(self.next_number);
        if acked >= self.mtu_probe_after {
            return Some(len);
        }
        let pause_micros = self.flight.rtt.quarter_micros();
        let quiet_micros = self.flight.pto_from().as_micros().saturating_add(pause_micros);
        let is_early = pause_micros > LEAST_PROBE_PAUSE_MICROS && now.as_micros() < quiet_micros;
        if is_early && !has_data {
            self.paced_until = Some(Instant::from_micros(quiet_micros));
        }
        (!is_early && !has_data).then_some(len)
    }
}
