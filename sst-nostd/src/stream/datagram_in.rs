//! Datagrams from the peer: queued at their parent until the application takes them, whatever
//! form they came in.

use crate::storage::BlockPool;
use crate::time::Instant;
use crate::wire::{DatagramFrame, StreamCode};

use super::datagram::DatagramForm;
use super::flags::{Events, State};
use super::nursery::{ByteQueue, Nursery};
use super::read::ReadError;
use super::receive::Fault;
use super::row::StreamHandle;
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
        let Some(nursery) = self.nurseries.at_mut(row.nursery) else { return Ok(None) };
        if let Some(index) = nursery.datagram_streams.front() {
            return self.recv_substream(tree, now, parent, index, buf);
        }
        let Some(len) = peek_len(&mut nursery.incoming, &self.pool) else { return Ok(None) };
        let Some(to) = buf.get_mut(..len) else { return Err(ReadError::BufferTooSmall(len)) };
        let start = nursery.incoming.head.saturating_add(LEN_BYTES);
        copy_out(&mut nursery.incoming.rope, &self.pool, start, to);
        self.drop_first(tree.party, parent);
        self.feed_starved(tree.party);
        Ok(Some((len, DatagramForm::Stateless)))
    }

    /// Takes the next datagram of `parent` that came as a substream as what it is: a stream.
    pub fn accept_datagram(
        &mut self,
        tree: &mut Tree,
        parent: StreamHandle,
    ) -> Option<StreamHandle> {
        let nursery = self.rows.get(parent)?.nursery;
        let index = self.nurseries.at_mut(nursery)?.datagram_streams.pop_front(&mut self.rows)?;
        let child = self.rows.handle_at(index)?;
        self.on_child_settled(tree, parent);
        let row = self.rows.get_mut(child)?;
        row.state.set(State::ACCEPTED);
        row.state.clear(State::RELEASED);
        self.tell(child, Events::READABLE);
        Some(child)
    }

    /// A stateless datagram came. At the limit the oldest of its parent go; one that finds no room
    /// all the same is dropped, as the network would.
    pub(super) fn on_datagram(
        &mut self,
        tree: &mut Tree,
        frame: &DatagramFrame<'_>,
    ) -> Result<(), Fault> {
        if frame.data.len() as u64 > u64::from(self.config.datagram_bytes) {
            return Err(Fault::Protocol);
        }
        let Some(parent) = self.find_parent(tree, frame) else { return Ok(()) };
        if self.fetch_nursery(tree, parent).is_none() {
            tree.on_dropped_datagram();
            return Ok(());
        }
        let entry = LEN_BYTES.saturating_add(frame.data.len() as u64);
        let has_room = self.make_room(tree, parent, entry);
        if has_room && self.append_datagram(tree.party, parent, frame.data) {
            self.tell(parent, Events::DATAGRAM);
        } else {
            tree.on_dropped_datagram();
        }
        self.feed_starved(tree.party);
        Ok(())
    }

    /// Lets the oldest datagrams of `parent` go until it may queue `bytes`. False if they hold too
    /// little, as others of the session have the room, or if so many are too small.
    fn make_room(&mut self, tree: &mut Tree, parent: StreamHandle, bytes: u64) -> bool {
        let mut left = STEP;
        while self.is_at_limit(tree.party, parent, bytes) {
            if left == 0 || !self.drop_first(tree.party, parent) {
                return false;
            }
            left = left.saturating_sub(1);
            tree.on_dropped_datagram();
        }
        true
    }

    /// Whether `parent` may queue no more `bytes`: a session queues so many, and one parent only
    /// while it has less than three times what is left, so that one whose datagrams nobody takes
    /// leaves room for the others.
    fn is_at_limit(&mut self, party: u32, parent: StreamHandle, bytes: u64) -> bool {
        let held = self.nursery_mut(parent).map_or(0, |nursery| nursery.incoming.len());
        let all = self.parties.at(party).map_or(0, |party| party.datagram_bytes);
        let free = u64::from(self.config.datagram_queue_bytes).saturating_sub(all.into());
        bytes > free || held > free.saturating_mul(3)
    }

    /// Queues a datagram at its parent. `false` if the session may take no blocks for it.
    fn append_datagram(&mut self, party: u32, parent: StreamHandle, data: &[u8]) -> bool {
        let kept = self.kept_for_order(party);
        let Some(row) = self.rows.get(parent) else { return false };
        let Some(nursery) = self.nurseries.at_mut(row.nursery) else { return false };
        let Some(party) = self.parties.at_mut(party) else { return false };
        let queue = &mut nursery.incoming;
        let before = queue.len();
        let len = (data.len() as u32).to_be_bytes();
        if !queue.append(&mut self.pool, &mut party.incoming, kept, &[&len, data]) {
            return false;
        }
        let more = queue.len().saturating_sub(before);
        party.datagram_bytes = party.datagram_bytes.saturating_add(more as u32);
        true
    }

    /// Lets the first datagram of `parent` go. `false` if there is none.
    fn drop_first(&mut self, party: u32, parent: StreamHandle) -> bool {
        let Some(row) = self.rows.get(parent) else { return false };
        let Some(nursery) = self.nurseries.at_mut(row.nursery) else { return false };
        let Some(party) = self.parties.at_mut(party) else { return false };
        let queue = &mut nursery.incoming;
        let Some(len) = peek_len(queue, &self.pool) else { return false };
        let before = queue.len();
        queue.skip(&mut self.pool, &mut party.incoming, LEN_BYTES.saturating_add(len as u64));
        let less = before.saturating_sub(queue.len());
        party.datagram_bytes = party.datagram_bytes.saturating_sub(less as u32);
        true
    }

    /// Nobody will take the datagrams that wait in `nursery`.
    pub(super) fn discard_incoming(&mut self, party: u32, nursery: &mut Nursery) {
        let Some(party) = self.parties.at_mut(party) else { return };
        let less = nursery.incoming.len() as u32;
        nursery.incoming.clear(&mut self.pool, &mut party.incoming);
        party.datagram_bytes = party.datagram_bytes.saturating_sub(less);
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
        let Some(nursery) = self.nurseries.at_mut(nursery) else { return };
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

/// The length of the first queued datagram.
fn peek_len(queue: &mut ByteQueue, pool: &BlockPool<'_>) -> Option<usize> {
    if queue.is_empty() {
        return None;
    }
    let mut len = [0; LEN_BYTES as usize];
    copy_out(&mut queue.rope, pool, queue.head, &mut len);
    usize::try_from(u32::from_be_bytes(len)).ok()
}
