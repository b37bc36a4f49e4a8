//! Datagrams from the peer: queued at their parent until the application takes them, whatever
//! form they came in.

use crate::storage::{BlockPool, present};

use crate::stream::copy_out;
use crate::stream::flags::{After, Events};
use crate::stream::half::read::ReadError;
use crate::stream::nursery::ByteQueue;
use crate::stream::stream_mut::StreamMut;

/// A queue entry begins with the datagram's length.
const LEN_BYTES: u64 = 4;

/// Datagrams that go for one that came: a large one must not cost the work of all small ones.
const STEP: usize = 64;

impl StreamMut<'_, '_> {
    /// Takes the first stateless datagram that waits here. `Ok(None)`: none does.
    pub(in crate::stream) fn take_datagram(
        &mut self,
        buf: &mut [u8],
    ) -> Result<Option<usize>, ReadError> {
        let stores = &mut *self.stores;
        let Some(nursery) = stores.nurseries.at_mut(self.row.nursery) else { return Ok(None) };
        let queue = &mut nursery.incoming;
        let Some(len) = peek_len(queue, &stores.pool) else { return Ok(None) };
        let Some(to) = buf.get_mut(..len) else { return Err(ReadError::BufferTooSmall(len)) };
        let start = queue.head.saturating_add(LEN_BYTES);
        copy_out(&mut queue.rope, &stores.pool, start, to);
        self.drop_first();
        Ok(Some(len))
    }

    /// A stateless datagram came.
    pub(in crate::stream) fn on_datagram(&mut self, data: &[u8]) {
        let has_room = self.fetch_nursery().is_some()
            && self.make_room(LEN_BYTES.saturating_add(data.len() as u64));
        if has_room && self.append_datagram(data) {
            self.tell(Events::DATAGRAM);
        } else {
            self.tree.on_dropped_datagram();
        }
    }

    /// Lets the oldest datagrams go until `bytes` may be queued. False if they hold too little, as
    /// others of the session have the room, or if so many are too small.
    fn make_room(&mut self, bytes: u64) -> bool {
        let mut left = STEP;
        while self.is_at_limit(bytes) {
            if left == 0 || !self.drop_first() {
                return false;
            }
            left = left.saturating_sub(1);
            self.tree.on_dropped_datagram();
        }
        true
    }

    /// Whether no more `bytes` may be queued here: a session queues so many, and one parent only
    /// while it has less than three times what is left, so that one whose datagrams nobody takes
    /// leaves room for the others.
    fn is_at_limit(&self, bytes: u64) -> bool {
        let nursery = self.stores.nurseries.at(self.row.nursery);
        let held = nursery.map_or(0, |nursery| nursery.incoming.len());
        let most = u64::from(self.stores.config.datagram_queue_bytes);
        let free = most.saturating_sub(self.party.datagram_bytes.into());
        bytes > free || held > free.saturating_mul(3)
    }

    /// Queues a datagram. `false` if the session may take no blocks for it.
    fn append_datagram(&mut self, data: &[u8]) -> bool {
        let Self { row, party, stores, .. } = self;
        let kept = stores.kept_for_order(party);
        let nursery = stores.nurseries.at_mut(row.nursery);
        let Some(nursery) = present(nursery, "who queues datagrams has a ledger") else {
            return false;
        };
        let queue = &mut nursery.incoming;
        let before = queue.len();
        let len = (data.len() as u32).to_be_bytes();
        if !queue.append(&mut stores.pool, &mut party.incoming, kept, &[&len, data]) {
            return false;
        }
        let more = queue.len().saturating_sub(before);
        party.datagram_bytes = party.datagram_bytes.saturating_add(more as u32);
        true
    }

    /// Lets the first datagram go. `false` if there is none.
    fn drop_first(&mut self) -> bool {
        let Self { row, party, stores, .. } = self;
        let nursery = stores.nurseries.at_mut(row.nursery);
        let Some(nursery) = present(nursery, "who queues datagrams has a ledger") else {
            return false;
        };
        let queue = &mut nursery.incoming;
        let Some(len) = peek_len(queue, &stores.pool) else { return false };
        let before = queue.len();
        queue.skip(&mut stores.pool, &mut party.incoming, LEN_BYTES.saturating_add(len as u64));
        let less = before.saturating_sub(queue.len());
        party.datagram_bytes = party.datagram_bytes.saturating_sub(less as u32);
        self.after.set(After::FEED);
        true
    }
}

/// The length of the first queued datagram.
fn peek_len(queue: &mut ByteQueue, pool: &BlockPool<'_>) -> Option<usize> {
    if queue.is_empty() {
        return None;
    }
    let mut len = [0; LEN_BYTES as usize];
    copy_out(&mut queue.rope, pool, queue.head, &mut len);
    usize::try_from(u32::from_be_bytes(len)).ok()
}
