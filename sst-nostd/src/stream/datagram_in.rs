//! Datagrams from the peer: queued at their parent until the application takes them, whatever
//! form they came in.

use crate::storage::BlockPool;
use crate::time::Instant;
use crate::wire::{DatagramFrame, StreamCode};

use super::datagram::DatagramForm;
use super::flags::{After, Events, State};
use super::nursery::ByteQueue;
use super::read::ReadError;
use super::receive::Fault;
use super::row::StreamHandle;
use super::stream_mut::StreamMut;
use super::tree::Tree;
use super::{Streams, copy_out};

/// A queue entry begins with the datagram's length.
const LEN_BYTES: u64 = 4;

/// Datagrams that go for one that came: a large one must not cost the work of all small ones.
const STEP: usize = 64;

impl Streams<'_> {
    /// Takes the next datagram of `parent`, and tells how it came. `Ok(None)`: none waits.
    ///
    /// # Errors
    /// [`ReadError::BufferTooSmall`], and the datagram stays; [`ReadError::UnknownStream`].
    pub fn recv_datagram(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(usize, DatagramForm)>, ReadError> {
        let row = self.rows.get(parent).ok_or(ReadError::UnknownStream)?;
        let Some(nursery) = self.stores.nurseries.at(row.nursery) else { return Ok(None) };
        if let Some(index) = nursery.datagram_streams.front() {
            return self.recv_substream(tree, now, parent, index, buf);
        }
        let taken = self.with(tree, parent, |one| one.take_datagram(buf));
        taken.unwrap_or(Err(ReadError::UnknownStream))
    }

    /// Takes the next datagram of `parent` that came as a substream as what it is: a stream.
    pub fn accept_datagram(
        &mut self,
        tree: &mut Tree,
        parent: StreamHandle,
    ) -> Option<StreamHandle> {
        let nursery = self.rows.get(parent)?.nursery;
        let nursery = self.stores.nurseries.at_mut(nursery)?;
        let index = nursery.datagram_streams.pop_front(&mut self.rows)?;
        let child = self.rows.handle_at(index)?;
        self.on_child_settled(tree, parent);
        self.with(tree, child, |one| {
            one.row.state.set(State::ACCEPTED);
            one.row.state.clear(State::RELEASED);
            one.tell(Events::READABLE);
        })?;
        Some(child)
    }

    /// A stateless datagram came. At the limit the oldest of its parent go; one that finds no room
    /// all the same is dropped, as the network would.
    pub(super) fn on_datagram(
        &mut self,
        tree: &mut Tree,
        frame: &DatagramFrame<'_>,
    ) -> Result<(), Fault> {
        if frame.data.len() as u64 > u64::from(self.stores.config.datagram_bytes) {
            return Err(Fault::Protocol);
        }
        let Some(parent) = self.find_parent(tree, frame) else { return Ok(()) };
        self.with(tree, parent, |one| one.on_datagram(frame.data));
        Ok(())
    }

    fn find_parent(&mut self, tree: &Tree, frame: &DatagramFrame<'_>) -> Option<StreamHandle> {
        if frame.parent.is_root() {
            return Some(tree.root);
        }
        self.find(tree.party, frame.parent)
    }

    /// A datagram that came as a substream is whole: it waits at its parent.
    pub(super) fn on_datagram_whole(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
    ) {
        let Some(row) = self.rows.get(stream) else { return };
        if row.state.has_any(State::AWAITS_PARENT.with(State::PEER_RESET)) {
            return;
        }
        let parent = row
            .parent()
            .filter(|parent| self.rows.get(*parent).is_some_and(|parent| !parent.is_dropped()));
        let Some(parent) = parent else {
            return self.turn_away(tree, now, stream, StreamCode::PARENT_GONE);
        };
        let Some(nursery) = self.rows.get(parent).map(|row| row.nursery) else { return };
        let Some(nursery) = self.stores.nurseries.at_mut(nursery) else { return };
        if nursery.datagram_streams.push_back(&mut self.rows, stream.index()) {
            self.tell(parent, Events::DATAGRAM);
        }
    }

    fn recv_substream(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        index: u32,
        buf: &mut [u8],
    ) -> Result<Option<(usize, DatagramForm)>, ReadError> {
        let Some(child) = self.rows.handle_at(index) else { return Ok(None) };
        let Some(row) = self.rows.get(child) else { return Ok(None) };
        let len = row.receiving.highest.saturating_sub(row.receiving.read);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(to) = buf.get_mut(..len) else { return Err(ReadError::BufferTooSmall(len)) };
        self.accept_datagram(tree, parent);
        let read = if len == 0 { Ok(0) } else { self.read(tree, now, child, to) };
        self.release(tree, now, child);
        read.map(|read| Some((read, DatagramForm::Substream)))
    }
}

impl StreamMut<'_, '_> {
    /// Takes the first stateless datagram that waits here. `Ok(None)`: none does.
    fn take_datagram(
        &mut self,
        buf: &mut [u8],
    ) -> Result<Option<(usize, DatagramForm)>, ReadError> {
        let stores = &mut *self.stores;
        let Some(nursery) = stores.nurseries.at_mut(self.row.nursery) else { return Ok(None) };
        let queue = &mut nursery.incoming;
        let Some(len) = peek_len(queue, &stores.pool) else { return Ok(None) };
        let Some(to) = buf.get_mut(..len) else { return Err(ReadError::BufferTooSmall(len)) };
        let start = queue.head.saturating_add(LEN_BYTES);
        copy_out(&mut queue.rope, &stores.pool, start, to);
        self.drop_first();
        Ok(Some((len, DatagramForm::Stateless)))
    }

    /// A stateless datagram came.
    fn on_datagram(&mut self, data: &[u8]) {
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
        let Some(nursery) = stores.nurseries.at_mut(row.nursery) else { return false };
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
        let Some(nursery) = stores.nurseries.at_mut(row.nursery) else { return false };
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
