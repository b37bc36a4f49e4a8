//! Stateless datagrams on their way out: queued at their parent until packets have room for them.

use crate::id::StreamId;
use crate::storage::BlockPool;
use crate::time::Instant;
use crate::wire::DatagramHeader;

use super::copy_out;
use super::datagram::DatagramError;
use super::fill::{Progress, Sink};
use super::flags::{After, Events, State};
use super::nursery::Nursery;
use super::party::Party;
use super::receipt::Receipt;
use super::row::StreamHandle;
use super::stores::Stores;
use super::stream_mut::StreamMut;
use super::tracked::{self, DatagramOutcome, DatagramTicket};
use super::tree::Tree;

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

impl StreamMut<'_, '_> {
    /// Writes queued stateless datagrams; those too old, or too large for the path by now, go.
    pub(super) fn write_datagrams<F: FnMut(Receipt) -> bool>(
        &mut self,
        now: Instant,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        if !self.row.is_known() {
            return Ok(());
        }
        let (stream, id) = (self.stream, self.row.id);
        loop {
            let stores = &mut *self.stores;
            let Some(nursery) = stores.nurseries.at_mut(self.row.nursery) else { return Ok(()) };
            let Some(entry) = first_entry(nursery, &stores.pool) else { return Ok(()) };
            let header_len = DatagramHeader { parent: id, len: None }.encoded_len();
            let fits = header_len.saturating_add(entry.len) <= sink.out.remaining_len();
            let is_first = sink.is_empty && sink.out.position() == 0;
            let mut sent = Ok(());
            let mut outcome = None;
            if entry.expires_at.is_some_and(|at| at <= now) {
                outcome = Some(DatagramOutcome::Expired);
            } else if fits {
                sent = put_datagram(nursery, &stores.pool, (stream, id), &entry, sink);
            } else if is_first {
                outcome = Some(DatagramOutcome::Discarded);
            } else {
                sent = Err(Progress::NoRoom);
            }
            if sent == Err(Progress::NoRoom) {
                return sent;
            }
            nursery.outgoing.skip(&mut stores.pool, &mut self.party.outgoing, entry.bytes());
            if let (Some(ticket), Some(outcome)) = (entry.ticket, outcome) {
                stores.outcomes.settle(self.tree, self.party, ticket, outcome);
            }
            self.after.set(After::FEED);
            if self.row.state.take(State::WANTS_DATAGRAM_ROOM) {
                self.tell(Events::DATAGRAM_SPACE);
            }
            sent?;
        }
    }

    /// Queues a stateless datagram.
    pub(super) fn queue_datagram(
        &mut self,
        bytes: &[u8],
        expires_at: Option<Instant>,
        ticket: Option<DatagramTicket>,
    ) -> Result<(), DatagramError> {
        let limit = u64::from(self.stores.config.datagram_queue_bytes);
        let room = self.stores.pool_room(self.party);
        let Self { row, party, tree, stores, .. } = self;
        stores.fetch_nursery(row, party, &tree.allowance).ok_or(DatagramError::NoCapacity)?;
        let head = HEAD_BYTES.saturating_add(if ticket.is_some() { TICKET_BYTES } else { 0 });
        let entry = head.saturating_add(bytes.len() as u64);
        if entry > limit {
            return Err(DatagramError::TooLarge(limit.saturating_sub(head)));
        }
        let nursery = stores.nurseries.at_mut(row.nursery).ok_or(DatagramError::NoCapacity)?;
        let fits_queue = nursery.outgoing.len().saturating_add(entry) <= limit;
        let fits = fits_queue && entry <= room;
        let flag = if ticket.is_some() { HAS_TICKET } else { 0 };
        let len = (bytes.len() as u32 | flag).to_be_bytes();
        let expiry = expires_at.map_or(0, |at| at.as_micros().max(1)).to_be_bytes();
        let packed = ticket.map_or(0, tracked::pack).to_be_bytes();
        let packed: &[u8] = if ticket.is_some() { &packed } else { &[] };
        let parts: [&[u8]; 4] = [&len, &expiry, packed, bytes];
        if !fits || !nursery.outgoing.append(&mut stores.pool, &mut party.outgoing, 0, &parts) {
            row.state.set(State::WANTS_DATAGRAM_ROOM);
            if fits_queue {
                // An empty queue sends nothing that would wake the sender: blocks must.
                self.after.set(After::STARVE);
            }
            return Err(DatagramError::Blocked);
        }
        Ok(())
    }
}

impl Stores<'_> {
    /// The stream that `nursery` belongs to is gone, and the datagrams that wait there with it.
    pub(super) fn discard_datagrams(
        &mut self,
        tree: &mut Tree,
        party: &mut Party,
        nursery: &mut Nursery,
    ) {
        let less = nursery.incoming.len() as u32;
        nursery.incoming.clear(&mut self.pool, &mut party.incoming);
        party.datagram_bytes = party.datagram_bytes.saturating_sub(less);
        while let Some(entry) = first_entry(nursery, &self.pool) {
            nursery.outgoing.skip(&mut self.pool, &mut party.outgoing, entry.bytes());
            if let Some(ticket) = entry.ticket {
                self.outcomes.settle(tree, party, ticket, DatagramOutcome::Discarded);
            }
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
