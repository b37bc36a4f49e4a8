//! Datagrams: one unit of any size, in one of two forms the receiver need not tell apart.
//!
//! What fits a packet goes as one DATAGRAM frame, without state and without being sent again.
//! What does not, or would too likely be lost, goes as an ephemeral substream.
//! Source: docs/PROTOCOL.md section 8.

use crate::time::{Duration, Instant};
use crate::wire::DatagramHeader;

use super::Streams;
use super::flags::State;
use super::open::{Open, OpenError};
use super::row::StreamHandle;
use super::tracked::DatagramTicket;
use super::tree::Tree;
use super::write::WriteOptions;

/// Above this smoothed loss rate (in 65,536ths) even a small datagram goes as a substream: at
/// one in sixteen, one datagram in sixteen would vanish.
pub const MAX_STATELESS_LOSS: u32 = 65_536 / 16;

/// How a datagram travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramForm {
    /// In one packet, sent once.
    Stateless,
    /// As an ephemeral substream, sent again until it arrives or its lifetime ends.
    Substream,
}

/// How a datagram is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramOptions {
    /// What is not sent, or not delivered, after this long is abandoned.
    pub lifetime: Option<Duration>,
    /// It must arrive: always a substream.
    pub reliable: bool,
}

/// A datagram that was taken, and whose outcome was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramSent {
    /// How it travels.
    pub form: DatagramForm,
    /// What its [`DatagramOutcome`](super::DatagramOutcome) will be told with. `None`: it is sent
    /// all the same, but too many others are tracked
    /// ([`StreamLimits::tracked_datagrams`](super::StreamLimits::tracked_datagrams)).
    pub ticket: Option<DatagramTicket>,
}

/// Why a datagram was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramError {
    /// No room in the queue, or no credit for a substream, now: wait for
    /// [`StreamEvent::DatagramSpace`](super::StreamEvent::DatagramSpace) or
    /// [`StreamEvent::ChildCredit`](super::StreamEvent::ChildCredit).
    Blocked,
    /// This host's tables are full.
    NoCapacity,
    /// The session is not ready, closing or closed.
    SessionClosed,
    /// The peer takes datagrams of at most this many bytes (0: none), or this host can hold no
    /// more at once.
    TooLarge(u64),
    /// There is no such stream (any more).
    UnknownStream,
}

/// What the path is like, as the session knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathQuality {
    /// Frame bytes that fit one packet now.
    pub payload_bytes: usize,
    /// Smoothed loss rate, in 65,536ths.
    pub loss_rate: u32,
}

impl Streams<'_> {
    /// Sends one datagram under `parent`, in the form that suits its size and the path; its
    /// outcome is told if `is_tracked`, and if there is room to remember it.
    ///
    /// # Errors
    /// [`DatagramError`]: then there is no outcome.
    #[expect(clippy::too_many_arguments)]
    pub fn send_datagram_with(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
        is_tracked: bool,
    ) -> Result<DatagramSent, DatagramError> {
        let party = self.parties.at_mut(tree.party).filter(|_| is_tracked);
        let ticket = party.and_then(|party| self.stores.outcomes.track(tree, party));
        let sent = self.send_with_ticket(tree, now, parent, bytes, options, path, ticket);
        if let (Err(_), Some(ticket)) = (sent, ticket) {
            self.forget_datagram(Some(tree), ticket);
        }
        sent.map(|form| DatagramSent { form, ticket })
    }

    /// The same without an outcome.
    ///
    /// # Errors
    /// [`DatagramError`].
    #[inline]
    pub fn send_datagram(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
    ) -> Result<DatagramForm, DatagramError> {
        let sent = self.send_datagram_with(tree, now, parent, bytes, options, path, false);
        sent.map(|sent| sent.form)
    }

    /// The same with one.
    ///
    /// # Errors
    /// [`DatagramError`].
    #[inline]
    pub fn send_tracked_datagram(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
    ) -> Result<DatagramSent, DatagramError> {
        self.send_datagram_with(tree, now, parent, bytes, options, path, true)
    }

    #[expect(clippy::too_many_arguments)]
    fn send_with_ticket(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
        ticket: Option<DatagramTicket>,
    ) -> Result<DatagramForm, DatagramError> {
        let row = self.rows.get(parent).ok_or(DatagramError::UnknownStream)?;
        if tree.is_closing {
            return Err(DatagramError::SessionClosed);
        }
        let limit = tree.allowance.datagram_bytes;
        if bytes.len() as u64 > limit {
            return Err(DatagramError::TooLarge(limit));
        }
        let header_len = DatagramHeader { parent: row.id, len: None }.encoded_len();
        let fits = bytes.len().saturating_add(header_len) <= path.payload_bytes;
        let fits = fits && row.is_known();
        if fits && !options.reliable && path.loss_rate <= MAX_STATELESS_LOSS {
            let expires_at = options.lifetime.map(|lifetime| now.after(lifetime));
            let queued =
                self.with(tree, parent, |one| one.queue_datagram(bytes, expires_at, ticket));
            let queued = queued.unwrap_or(Err(DatagramError::UnknownStream));
            return queued.map(|()| DatagramForm::Stateless);
        }
        let child = self.send_as_substream(tree, now, parent, bytes, options.lifetime, ticket);
        child.map(|()| DatagramForm::Substream)
    }

    fn send_as_substream(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        lifetime: Option<Duration>,
        ticket: Option<DatagramTicket>,
    ) -> Result<(), DatagramError> {
        let most = self.stores.most_written();
        if bytes.len() as u64 > most {
            return Err(DatagramError::TooLarge(most));
        }
        let room = self.parties.at(tree.party).map_or(0, |party| self.stores.pool_room(party));
        if room < bytes.len() as u64 {
            return Err(DatagramError::NoCapacity);
        }
        let open = Open { priority: None, service: false, lifetime };
        let child = self.open_as(tree, now, parent, open, State::DATAGRAM).map_err(open_error)?;
        let is_whole = self.with(tree, child, |one| {
            one.row.set_ticket(ticket);
            let taken = one.write(bytes, WriteOptions::default());
            taken == Ok(bytes.len()) && one.end().is_ok()
        });
        let is_whole = is_whole == Some(true);
        // The stream now belongs to itself: nobody hears its events.
        self.release(tree, now, child);
        if is_whole { Ok(()) } else { Err(DatagramError::NoCapacity) }
    }
}

const fn open_error(error: OpenError) -> DatagramError {
    match error {
        OpenError::Blocked => DatagramError::Blocked,
        OpenError::NoCapacity | OpenError::NotRoot => DatagramError::NoCapacity,
        OpenError::SessionClosed => DatagramError::SessionClosed,
        OpenError::UnknownStream => DatagramError::UnknownStream,
    }
}
