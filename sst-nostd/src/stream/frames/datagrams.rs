//! Queued stateless datagrams go into packets.

use crate::id::StreamId;
use crate::storage::{BlockPool, present};
use crate::time::Instant;
use crate::wire::DatagramHeader;

use crate::stream::copy_out;
use crate::stream::flags::{After, Events, Pending, State};
use crate::stream::nursery::Nursery;
use crate::stream::parent::datagrams_out::{Entry, first_entry};
use crate::stream::receipt::Receipt;
use crate::stream::row::StreamHandle;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tracked::DatagramOutcome;

use super::sink::{Progress, Sink};

impl StreamMut<'_, '_> {
    /// Writes queued stateless datagrams; those too old, or too large for the path by now, go.
    pub(in crate::stream) fn write_datagrams<F: FnMut(Receipt) -> bool>(
        &mut self,
        now: Instant,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        if !self.row.sendable().has(Pending::DATAGRAM) {
            return Ok(());
        }
        let (stream, id) = (self.stream, self.row.id);
        loop {
            let stores = &mut *self.stores;
            let nursery = stores.nurseries.at_mut(self.row.nursery);
            let nursery = present(nursery, "who owes datagrams has a ledger");
            let entry = nursery.and_then(|nursery| {
                let entry = first_entry(nursery, &stores.pool)?;
                Some((nursery, entry))
            });
            let Some((nursery, entry)) = entry else {
                self.row.pending.clear(Pending::DATAGRAM);
                return Ok(());
            };
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
            if nursery.outgoing.is_empty() {
                self.row.pending.clear(Pending::DATAGRAM);
            }
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
