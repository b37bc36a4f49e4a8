//! Sessions, their channels and their streams: what binds this host to others, and what one of
//! these tells the others. Whatever happens to a channel is shown to its session here.

use core::net::IpAddr;

use crate::channel::SentPackets;
use crate::crypto::Crypto;
use crate::session::{ClosedBy, Ending, Packet, Session, Surroundings, Transmitted, Visit, linger};
use crate::storage::present;
use crate::stream::{PathQuality, StreamHandle, Streams};
use crate::time::Instant;
use crate::wire::TransportCode;

use super::events::Event;
use super::tables::{ChannelRow, Channels, Sessions};

/// What must be so of the row that a channel names.
pub(super) const OWNED: &str = "a channel that was given to a session has it";
/// What must be so of the rows that a session names.
pub(super) const LISTED: &str = "a session has the channels that it lists";

/// All sessions of a host, the channels that they have, their streams, and the packets in flight.
pub(super) struct Bonds<'s, C: Crypto> {
    pub(super) sessions: Sessions<'s>,
    pub(super) channels: Channels<'s, C>,
    pub(super) streams: Streams<'s>,
    pub(super) sent: SentPackets<'s>,
}

/// A channel beside its session.
pub(super) struct Bond<'a, 's, C: Crypto> {
    /// The row of the session.
    pub(super) index: u32,
    pub(super) session: &'a mut Session,
    pub(super) around: Surroundings<'a, 's, C>,
    /// When the channel's row is freed, once the session is over.
    pub(super) ends_at: &'a mut Option<Instant>,
}

impl<'s, C: Crypto> Bonds<'s, C> {
    /// The channel in row `index`, beside its session.
    #[inline]
    pub(super) fn bond(&mut self, index: u32) -> Option<Bond<'_, 's, C>> {
        let row =
            present(self.channels.at_mut(index), "a channel that something happens to is here")?;
        let (session, words) = present(self.sessions.with_words(row.session), OWNED)?;
        let around = Surroundings {
            channel: &mut row.channel,
            sent: &mut self.sent,
            streams: &mut self.streams,
            words,
        };
        Some(Bond { index: row.session, session, around, ends_at: &mut row.ends_at })
    }

    /// Shows a packet that the channel in row `index` opened to its session.
    pub(super) fn receive(&mut self, now: Instant, index: u32, packet: &Packet<'_>) -> Visit {
        let Some(mut bond) = self.bond(index) else { return Visit::default() };
        let visit = bond.session.receive(now, packet, &mut bond.around);
        // A peer that says CLOSE again and again does not keep the channel.
        if visit.is_closed && bond.ends_at.is_none() {
            *bond.ends_at = Some(now.after(linger(bond.around.channel)));
        }
        let session = bond.index;
        self.sessions.touch(session);
        visit
    }

    /// The next packet of the channel in row `index`, if there is one.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        crypto: &C,
        index: u32,
        room: &mut [u8],
    ) -> Transmitted {
        let Some(mut bond) = self.bond(index) else { return Transmitted::Nothing };
        let transmitted = bond.session.transmit(now, crypto, &mut bond.around, room);
        if bond.session.has_taken_leave() {
            *bond.ends_at = Some(now);
        }
        transmitted
    }

    /// The time of the channel in row `index` has come. Whether it is to be removed: CLOSE has been
    /// said often enough, or nothing was heard for too long.
    pub(super) fn on_channel_timeout(&mut self, now: Instant, index: u32) -> bool {
        let Some(mut bond) = self.bond(index) else { return false };
        let over = if bond.ends_at.is_some_and(|at| at <= now) {
            Some((ClosedBy::Local, ""))
        } else if bond.around.channel.is_expired(now) {
            Some((ClosedBy::Timeout, "nothing was heard from the peer for the idle timeout"))
        } else {
            None
        };
        match over {
            Some((by, reason)) => {
                bond.session
                    .on_channel_over(index, Ending::transport(by, TransportCode::NONE, reason));
            }
            None => bond.session.on_timeout(now, &mut bond.around),
        }
        let session = bond.index;
        self.sessions.touch(session);
        over.is_some()
    }

    /// A process that leaves has said what it has to in the session in row `index`: its channels
    /// wait for nothing, if CLOSE went often enough before it was known that nobody stays.
    pub(super) fn on_leaving(&mut self, now: Instant, index: u32) {
        if self.sessions.at_mut(index).is_some_and(Session::has_taken_leave) {
            self.for_each_channel(index, |row| row.ends_at = Some(now));
        }
    }

    /// Shows each channel of the session in row `index`.
    pub(super) fn for_each_channel(
        &mut self,
        index: u32,
        mut show: impl FnMut(&mut ChannelRow<C>),
    ) {
        let Some(session) = self.sessions.at(index) else { return };
        for channel in session.paths().all() {
            if let Some(row) = present(self.channels.at_mut(channel), LISTED) {
                show(row);
            }
        }
    }

    /// The channel that carries the frames of a session's streams, if it has one.
    pub(super) fn carrier(&self, session: &Session) -> Option<&ChannelRow<C>> {
        present(self.channels.at(session.paths().carrier()?), LISTED)
    }

    /// The channels of a session, and their rows.
    pub(super) fn channels_of(
        &self,
        session: &Session,
    ) -> impl Iterator<Item = (u32, &ChannelRow<C>)> {
        let row = |index| present(self.channels.at(index), LISTED);
        session.paths().all().filter_map(move |index| Some((index, row(index)?)))
    }

    /// The session of the channel in row `index` is to be looked after.
    pub(super) fn touch_session_of(&mut self, channel: u32) {
        if let Some(row) = present(self.channels.at(channel), "a channel that sends is here") {
            self.sessions.touch(row.session);
        }
    }

    /// The addresses of this host may have changed, of which it has `gone` no more.
    pub(super) fn on_network_changed(&mut self, now: Instant, gone: Option<IpAddr>) {
        for index in 0..self.channels.used() {
            // Rows between those in use may be free.
            let Some(row) = self.channels.at_mut(index) else { continue };
            if row.ends_at.is_none() {
                row.channel.on_network_changed(now, gone);
                self.sessions.touch(row.session);
            }
        }
    }

    /// What the path is like that carries the frames of a stream.
    pub(super) fn path_quality(&self, stream: StreamHandle) -> PathQuality {
        let session = self.streams.session_of(stream).and_then(|index| self.sessions.at(index));
        match session.and_then(|session| self.carrier(session)) {
            Some(row) => PathQuality {
                payload_bytes: row.channel.payload_bytes(),
                loss_rate: row.channel.loss_rate(),
            },
            None => PathQuality { payload_bytes: 0, loss_rate: 0 },
        }
    }

    /// The next event; sessions' before streams', so that a session is known before its streams.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        if let Some((session, event)) = self.sessions.pop_event() {
            return Some(Event::Session(session, event));
        }
        loop {
            let Some((session, stream, event)) = self.streams.poll_event() else {
                let (ticket, outcome) = self.streams.poll_outcome()?;
                return Some(Event::Datagram(ticket, outcome));
            };
            let row = present(self.sessions.at(session), "a stream with an event has its session");
            let Some(row) = row else { continue };
            if let (true, Some(handle)) = (row.is_known(), self.sessions.handle_at(session)) {
                return Some(Event::Stream(handle, stream, event));
            }
        }
    }
}
