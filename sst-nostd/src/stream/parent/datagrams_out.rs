//! Stateless datagrams on their way out: queued at their parent until packets have room for them.

use crate::storage::BlockPool;
use crate::time::Instant;

use crate::stream::copy_out;
use crate::stream::datagram::DatagramError;
use crate::stream::flags::{After, Pending, State};
use crate::stream::nursery::Nursery;
use crate::stream::party::Party;
use crate::stream::stores::Stores;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tracked::{self, DatagramOutcome, DatagramTicket};
use crate::stream::tree::Tree;

/// An entry begins with the length (4 bytes) and the expiry (8 bytes, 0 none).
const HEAD_BYTES: u64 = 12;
/// Set in the length if a ticket of 8 bytes follows the head.
const HAS_TICKET: u32 = 1 << 31;
const TICKET_BYTES: u64 = 8;

/// The head of an entry.
pub(in crate::stream) struct Entry {
    pub(in crate::stream) len: usize,
    pub(in crate::stream) expires_at: Option<Instant>,
    pub(in crate::stream) ticket: Option<DatagramTicket>,
    pub(in crate::stream) head_bytes: u64,
}

impl StreamMut<'_, '_> {
    /// Queues a stateless datagram.
    pub(in crate::stream) fn queue_datagram(
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
        self.owe(Pending::DATAGRAM);
        Ok(())
    }
}

impl Stores<'_> {
    /// The stream that `nursery` belongs to is gone, and the datagrams that wait there with it.
    pub(in crate::stream) fn discard_datagrams(
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
    pub(in crate::stream) const fn bytes(&self) -> u64 {
        self.head_bytes.saturating_add(self.len as u64)
    }
}

/// The first queued datagram.
pub(in crate::stream) fn first_entry(nursery: &mut Nursery, pool: &BlockPool<'_>) -> Option<Entry> {
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
