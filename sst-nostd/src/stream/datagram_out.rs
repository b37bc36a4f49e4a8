//! Stateless datagrams on their way out: queued at their parent until packets have room for them.

use crate::id::StreamId;
use crate::storage::{BlockPool, NONE};
use crate::time::Instant;
use crate::wire::DatagramHeader;

use super::datagram::DatagramError;
use super::fill::{Progress, Sink};
use super::flags::{Events, State};
use super::nursery::Nursery;
use super::receipt::Receipt;
use super::row::StreamHandle;
use super::tracked::{self, DatagramOutcome, DatagramTicket};
use super::tree::Tree;
use super::{Streams, copy_out};

/// An entry begins with the length (4 bytes) and the expiry (8 bytes, 0 none).
const HEAD_BYTES: u64 = 12;
/// Set in the length if a ticket of 8 bytes follows the head.
const HAS_TICKET: u32 = 1 << 31;
const TICKET_BYTES: u64 = 8;

/// The head of an entry.
struct Entry {
    len: usize,
    expires_at: Option<Instant>,
    ticket: Option<DatagramTicket>,
    head_bytes: u64,
}

impl Streams<'_> {
    /// Writes queued stateless datagrams; those too old, or too large for the path by now, go.
    pub(super) fn write_datagrams<F: FnMut(Receipt) -> bool>(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        loop {
            let Some(row) = self.rows.get(parent).filter(|row| row.is_known()) else {
                return Ok(());
            };
            let id = row.id;
            let Some(nursery) = self.nurseries.at_mut(row.nursery) else { return Ok(()) };
            let Some(entry) = first_entry(nursery, &self.pool) else { return Ok(()) };
            let header_len = DatagramHeader { parent: id, len: None }.encoded_len();
            let fits = header_len.saturating_add(entry.len) <= sink.out.remaining_len();
            let is_first = sink.is_empty && sink.out.position() == 0;
            let mut sent = Ok(());
            let mut outcome = None;
            if entry.expires_at.is_some_and(|at| at <= now) {
                outcome = Some(DatagramOutcome::Expired);
            } else if fits {
                sent = put_datagram(nursery, &self.pool, (parent, id), &entry, sink);
            } else if is_first {
                outcome = Some(DatagramOutcome::Discarded);
            } else {
                sent = Err(Progress::NoRoom);
            }
            if sent == Err(Progress::NoRoom) {
                return sent;
            }
            let Some(party) = self.parties.at_mut(tree.party) else { return Ok(()) };
            nursery.outgoing.skip(&mut self.pool, &mut party.outgoing, entry.bytes());
            if let (Some(ticket), Some(outcome)) = (entry.ticket, outcome) {
                self.settle_datagram(tree, ticket, outcome);
            }
            self.feed_starved(tree.party);
            self.wake_datagram_sender(parent);
            sent?;
        }
    }

    pub(super) fn queue_datagram(
        &mut self,
        tree: &mut Tree,
        parent: StreamHandle,
        bytes: &[u8],
        expires_at: Option<Instant>,
        ticket: Option<DatagramTicket>,
    ) -> Result<(), DatagramError> {
        let limit = u64::from(self.config.datagram_queue_bytes);
        let room = self.pool_room(tree.party);
        let nursery = self.fetch_nursery(tree, parent).ok_or(DatagramError::NoCapacity)?;
        let head = HEAD_BYTES.saturating_add(if ticket.is_some() { TICKET_BYTES } else { 0 });
        let entry = head.saturating_add(bytes.len() as u64);
        if entry > limit {
            return Err(DatagramError::TooLarge(limit.saturating_sub(head)));
        }
        let fits_queue = nursery.outgoing.len().saturating_add(entry) <= limit;
        let fits = fits_queue && entry <= room;
        let index = self.rows.get(parent).map_or(NONE, |row| row.nursery);
        let nursery = self.nurseries.at_mut(index).ok_or(DatagramError::NoCapacity)?;
        let flag = if ticket.is_some() { HAS_TICKET } else { 0 };
        let len = (bytes.len() as u32 | flag).to_be_bytes();
        let expiry = expires_at.map_or(0, |at| at.as_micros().max(1)).to_be_bytes();
        let packed = ticket.map_or(0, tracked::pack).to_be_bytes();
        let packed: &[u8] = if ticket.is_some() { &packed } else { &[] };
        let parts: [&[u8]; 4] = [&len, &expiry, packed, bytes];
        let party = self.parties.at_mut(tree.party).ok_or(DatagramError::SessionClosed)?;
        if !fits || !nursery.outgoing.append(&mut self.pool, &mut party.outgoing, 0, &parts) {
            if let Some(row) = self.rows.get_mut(parent) {
                row.state.set(State::WANTS_DATAGRAM_ROOM);
            }
            if fits_queue {
                // An empty queue sends nothing that would wake the sender: blocks must.
                self.starve(parent);
            }
            return Err(DatagramError::Blocked);
        }
        self.schedule(tree, parent);
        Ok(())
    }

    /// The stream they belong to is gone, and they with it.
    pub(super) fn discard_datagrams(&mut self, tree: &mut Tree, nursery: &mut Nursery) {
        while let Some(entry) = first_entry(nursery, &self.pool) {
            let Some(party) = self.parties.at_mut(tree.party) else { return };
            nursery.outgoing.skip(&mut self.pool, &mut party.outgoing, entry.bytes());
            if let Some(ticket) = entry.ticket {
                self.settle_datagram(tree, ticket, DatagramOutcome::Discarded);
            }
        }
    }

    /// Tells the application that a datagram may be sent under `parent`, if it wanted to.
    pub(super) fn wake_datagram_sender(&mut self, parent: StreamHandle) {
        let Some(row) = self.rows.get_mut(parent) else { return };
        if row.state.take(State::WANTS_DATAGRAM_ROOM) {
            self.tell(parent, Events::DATAGRAM_SPACE);
        }
    }
}

impl Entry {
    /// All of it, the datagram included.
    const fn bytes(&self) -> u64 {
        self.head_bytes.saturating_add(self.len as u64)
    }
}

/// Writes the first queued datagram, which fits, into the packet.
fn put_datagram<F: FnMut(Receipt) -> bool>(
    nursery: &mut Nursery,
    pool: &BlockPool<'_>,
    (parent, id): (StreamHandle, StreamId),
    entry: &Entry,
    sink: &mut Sink<'_, '_, F>,
) -> Result<(), Progress> {
    let len = entry.len;
    let room = sink.out.remaining_len();
    let mut header = DatagramHeader { parent: id, len: Some(len) };
    if header.encoded_len().saturating_add(len) > room {
        header.len = None;
    }
    let receipt = match entry.ticket {
        Some(ticket) => Receipt::TrackedDatagram(ticket),
        None => Receipt::Datagram { parent, len: u32::try_from(len).unwrap_or(u32::MAX) },
    };
    if !(sink.note)(receipt) {
        return Err(Progress::NoRoom);
    }
    header.encode(sink.out).map_err(|_| Progress::NoRoom)?;
    let to = sink.out.take_mut(len).map_err(|_| Progress::NoRoom)?;
    let start = nursery.outgoing.head.saturating_add(entry.head_bytes);
    copy_out(&mut nursery.outgoing.rope, pool, start, to);
    sink.filled.any = true;
    if header.len.is_none() { Err(Progress::Closed) } else { Ok(()) }
}

/// The first queued datagram.
fn first_entry(nursery: &mut Nursery, pool: &BlockPool<'_>) -> Option<Entry> {
    let queue = &mut nursery.outgoing;
    if queue.is_empty() {
        return None;
    }
    let mut head = [0; (HEAD_BYTES + TICKET_BYTES) as usize];
    let held = usize::try_from(queue.len()).unwrap_or(usize::MAX).min(head.len());
    copy_out(&mut queue.rope, pool, queue.head, head.get_mut(..held)?);
    let (len, rest) = head.split_first_chunk::<4>()?;
    let (expiry, packed) = rest.split_first_chunk::<8>()?;
    let (len, expiry) = (u32::from_be_bytes(*len), u64::from_be_bytes(*expiry));
    let mut entry = Entry {
        len: usize::try_from(len & !HAS_TICKET).ok()?,
        expires_at: (expiry != 0).then(|| Instant::from_micros(expiry)),
        ticket: None,
        head_bytes: HEAD_BYTES,
    };
    if len & HAS_TICKET != 0 {
        entry.ticket = Some(tracked::unpack(u64::from_be_bytes(*packed.first_chunk()?)));
        entry.head_bytes = HEAD_BYTES + TICKET_BYTES;
    }
    Some(entry)
}
