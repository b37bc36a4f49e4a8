//! Datagrams are sent and taken.

use crate::storage::present;
use crate::time::{Duration, Instant};
use crate::wire::DatagramHeader;

use crate::stream::datagram::{
    DatagramError, DatagramForm, DatagramOptions, DatagramSent, MAX_STATELESS_LOSS, PathQuality,
};
use crate::stream::flags::{Events, State};
use crate::stream::half::read::ReadError;
use crate::stream::half::send::WriteOptions;
use crate::stream::lifecycle::open::{Open, OpenError};
use crate::stream::row::StreamHandle;
use crate::stream::tracked::DatagramTicket;
use crate::stream::tree_mut::TreeMut;

impl TreeMut<'_, '_> {
    /// Sends one datagram under `parent`, in the form that suits its size and the path; its
    /// outcome is told if `is_tracked`, and if there is room to remember it.
    ///
    /// # Errors
    /// [`DatagramError`]: then there is no outcome.
    pub fn send_datagram_with(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
        is_tracked: bool,
    ) -> Result<DatagramSent, DatagramError> {
        let party = self.streams.parties.at_mut(self.tree.party).filter(|_| is_tracked);
        let ticket = party.and_then(|party| self.streams.stores.outcomes.track(self.tree, party));
        let sent = self.send_with_ticket(now, parent, bytes, options, path, ticket);
        if let (Err(_), Some(ticket)) = (sent, ticket) {
            self.streams.forget_datagram(Some(self.tree), ticket);
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
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
    ) -> Result<DatagramForm, DatagramError> {
        let sent = self.send_datagram_with(now, parent, bytes, options, path, false);
        sent.map(|sent| sent.form)
    }

    /// The same with one.
    ///
    /// # Errors
    /// [`DatagramError`].
    #[inline]
    pub fn send_tracked_datagram(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
    ) -> Result<DatagramSent, DatagramError> {
        self.send_datagram_with(now, parent, bytes, options, path, true)
    }

    fn send_with_ticket(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
        ticket: Option<DatagramTicket>,
    ) -> Result<DatagramForm, DatagramError> {
        let row = self.streams.rows.get(parent).ok_or(DatagramError::UnknownStream)?;
        if self.tree.is_closing {
            return Err(DatagramError::SessionClosed);
        }
        let limit = self.tree.allowance.datagram_bytes;
        if bytes.len() as u64 > limit {
            return Err(DatagramError::TooLarge(limit));
        }
        let header_len = DatagramHeader { parent: row.id, len: None }.encoded_len();
        let fits = bytes.len().saturating_add(header_len) <= path.payload_bytes;
        let fits = fits && row.is_known();
        if fits && !options.reliable && path.loss_rate <= MAX_STATELESS_LOSS {
            let expires_at = options.lifetime.map(|lifetime| now.after(lifetime));
            let queued = self.with(parent, |one| one.queue_datagram(bytes, expires_at, ticket));
            let queued = queued.unwrap_or(Err(DatagramError::UnknownStream));
            return queued.map(|()| DatagramForm::Stateless);
        }
        let child = self.send_as_substream(now, parent, bytes, options.lifetime, ticket);
        child.map(|()| DatagramForm::Substream)
    }

    fn send_as_substream(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        lifetime: Option<Duration>,
        ticket: Option<DatagramTicket>,
    ) -> Result<(), DatagramError> {
        let most = self.streams.stores.most_written();
        if bytes.len() as u64 > most {
            return Err(DatagramError::TooLarge(most));
        }
        let room = self
            .streams
            .parties
            .at(self.tree.party)
            .map_or(0, |party| self.streams.stores.pool_room(party));
        if room < bytes.len() as u64 {
            return Err(DatagramError::NoCapacity);
        }
        let open = Open { priority: None, service: false, lifetime };
        let child = self.open_as(now, parent, open, State::DATAGRAM).map_err(open_error)?;
        let is_whole = self.with(child, |one| {
            one.row.set_ticket(ticket);
            let taken = one.write(bytes, WriteOptions::default());
            taken == Ok(bytes.len()) && one.end().is_ok()
        });
        let is_whole = is_whole == Some(true);
        // The stream now belongs to itself: nobody hears its events.
        self.release(now, child);
        if is_whole { Ok(()) } else { Err(DatagramError::NoCapacity) }
    }

    /// Takes the next datagram of `parent`, and tells how it came. `Ok(None)`: none waits.
    ///
    /// # Errors
    /// [`ReadError::BufferTooSmall`], and the datagram stays; [`ReadError::UnknownStream`].
    pub fn recv_datagram(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(usize, DatagramForm)>, ReadError> {
        let row = self.streams.rows.get(parent).ok_or(ReadError::UnknownStream)?;
        let Some(nursery) = self.streams.stores.nurseries.at(row.nursery) else { return Ok(None) };
        if let Some(index) = nursery.datagram_streams.front() {
            return self.recv_substream(now, parent, index, buf);
        }
        let taken = self.with(parent, |one| one.take_datagram(buf));
        let taken = taken.unwrap_or(Err(ReadError::UnknownStream))?;
        Ok(taken.map(|len| (len, DatagramForm::Stateless)))
    }

    /// Takes the next datagram of `parent` that came as a substream as what it is: a stream.
    pub fn accept_datagram(&mut self, parent: StreamHandle) -> Option<StreamHandle> {
        let nursery = self.streams.rows.get(parent)?.nursery;
        let nursery = self.streams.stores.nurseries.at_mut(nursery)?;
        let index = nursery.datagram_streams.pop_front(&mut self.streams.rows)?;
        let child = self.streams.rows.handle_at(index)?;
        self.with(parent, |one| one.on_child_settled());
        self.with(child, |one| {
            one.row.state.set(State::ACCEPTED);
            one.row.state.clear(State::RELEASED);
            one.tell(Events::READABLE);
        })?;
        Some(child)
    }

    fn recv_substream(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        index: u32,
        buf: &mut [u8],
    ) -> Result<Option<(usize, DatagramForm)>, ReadError> {
        let entry = present(self.streams.rows.entry_at(index), "only a living stream waits");
        let Some((child, row)) = entry else { return Ok(None) };
        let len = row.receiving.highest.saturating_sub(row.receiving.read);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(to) = buf.get_mut(..len) else { return Err(ReadError::BufferTooSmall(len)) };
        self.accept_datagram(parent);
        let read = if len == 0 { Ok(0) } else { self.read(now, child, to) };
        self.release(now, child);
        read.map(|read| Some((read, DatagramForm::Substream)))
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
