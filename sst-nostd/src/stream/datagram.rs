//! Datagrams: one unit of any size, in one of two forms the receiver need not tell apart.
//!
//! What fits a packet goes as one DATAGRAM frame, without state and without being sent again.
//! What does not, or would too likely be lost, goes as an ephemeral substream.
//! Source: docs/PROTOCOL.md section 8.

use crate::storage::BlockPool;
use crate::time::{Duration, Instant};
use crate::wire::{DatagramFrame, DatagramHeader, StreamCode};

use super::fill::{Progress, Sink};
use super::flags::{Events, State};
use super::nursery::{ByteQueue, Nursery};
use super::open::{Open, OpenError};
use super::read::ReadError;
use super::receipt::Receipt;
use super::receive::Fault;
use super::row::StreamHandle;
use super::tree::Tree;
use super::write::WriteOptions;
use super::{Streams, copy_out};

/// Above this smoothed loss rate (in 65,536ths) even a small datagram goes as a substream: at
/// one in sixteen, one datagram in sixteen would vanish.
pub const MAX_STATELESS_LOSS: u32 = 65_536 / 16;
/// Queue entries begin with the length (4 bytes) and, outgoing, the expiry (8 bytes, 0 none).
const LEN_BYTES: u64 = 4;
const EXPIRY_BYTES: u64 = 8;

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
    /// Sends one datagram under `parent`, in the form that suits its size and the path.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub fn send_datagram(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
        path: PathQuality,
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
            self.queue_datagram(tree, parent, bytes, expires_at)?;
            return Ok(DatagramForm::Stateless);
        }
        self.send_as_substream(tree, now, parent, bytes, options.lifetime)?;
        Ok(DatagramForm::Substream)
    }

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
        nursery.incoming.skip(&mut self.pool, LEN_BYTES.saturating_add(len as u64));
        self.feed_starved();
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

    /// A stateless datagram came. One that finds no room is dropped, as the network would.
    pub(super) fn on_datagram(
        &mut self,
        tree: &mut Tree,
        frame: &DatagramFrame<'_>,
    ) -> Result<(), Fault> {
        if frame.data.len() as u64 > u64::from(self.config.datagram_bytes) {
            return Err(Fault::Protocol);
        }
        let Some(parent) = self.find_parent(tree, frame) else { return Ok(()) };
        let limit = u64::from(self.config.datagram_queue_bytes);
        let kept = self.kept_for_order();
        let Some(nursery) = self.fetch_nursery(tree, parent) else { return Ok(()) };
        let entry = LEN_BYTES.saturating_add(frame.data.len() as u64);
        let is_full = nursery.incoming.len().saturating_add(entry) > limit;
        let index = self.rows.get(parent).map_or(crate::storage::NONE, |row| row.nursery);
        let Some(nursery) = self.nurseries.at_mut(index) else { return Ok(()) };
        let len = (frame.data.len() as u32).to_be_bytes();
        if !is_full && nursery.incoming.append(&mut self.pool, kept, &[&len, frame.data]) {
            self.tell(parent, Events::DATAGRAM);
        } else {
            tree.dropped_datagrams = tree.dropped_datagrams.saturating_add(1);
        }
        Ok(())
    }

    fn find_parent(&self, tree: &Tree, frame: &DatagramFrame<'_>) -> Option<StreamHandle> {
        if frame.parent.is_root() {
            return Some(tree.root);
        }
        self.find(tree.session, frame.parent)
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

    /// Writes queued stateless datagrams; those too old, or too large for the path by now, go.
    pub(super) fn write_datagrams<F: FnMut(Receipt) -> bool>(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        let _ = tree;
        loop {
            let Some(row) = self.rows.get(parent).filter(|row| row.is_known()) else {
                return Ok(());
            };
            let id = row.id;
            let Some(nursery) = self.nurseries.at_mut(row.nursery) else { return Ok(()) };
            let Some((len, expires_at)) = peek_outgoing(nursery, &self.pool) else {
                return Ok(());
            };
            let start = nursery.outgoing.head.saturating_add(LEN_BYTES + EXPIRY_BYTES);
            let entry = (LEN_BYTES + EXPIRY_BYTES).saturating_add(len as u64);
            let is_stale = expires_at.is_some_and(|at| at <= now);
            let mut is_closed = false;
            if !is_stale {
                let is_first = !sink.filled.any && sink.out.position() == 0;
                match put_datagram(nursery, &self.pool, id, start, len, sink, parent) {
                    Ok(()) => {}
                    Err(Progress::Closed) => is_closed = true,
                    Err(Progress::NoRoom) if is_first => {}
                    Err(progress) => return Err(progress),
                }
            }
            nursery.outgoing.skip(&mut self.pool, entry);
            self.feed_starved();
            self.wake_datagram_sender(parent);
            if is_closed {
                return Err(Progress::Closed);
            }
        }
    }

    fn queue_datagram(
        &mut self,
        tree: &mut Tree,
        parent: StreamHandle,
        bytes: &[u8],
        expires_at: Option<Instant>,
    ) -> Result<(), DatagramError> {
        let limit = u64::from(self.config.datagram_queue_bytes);
        let room = self.pool_room();
        let nursery = self.fetch_nursery(tree, parent).ok_or(DatagramError::NoCapacity)?;
        let entry = (LEN_BYTES + EXPIRY_BYTES).saturating_add(bytes.len() as u64);
        if entry > limit {
            return Err(DatagramError::TooLarge(limit.saturating_sub(LEN_BYTES + EXPIRY_BYTES)));
        }
        let fits = nursery.outgoing.len().saturating_add(entry) <= limit && entry <= room;
        let index = self.rows.get(parent).map_or(crate::storage::NONE, |row| row.nursery);
        let nursery = self.nurseries.at_mut(index).ok_or(DatagramError::NoCapacity)?;
        let len = (bytes.len() as u32).to_be_bytes();
        let expiry = expires_at.map_or(0, |at| at.as_micros().max(1)).to_be_bytes();
        if !fits || !nursery.outgoing.append(&mut self.pool, 0, &[&len, &expiry, bytes]) {
            if let Some(row) = self.rows.get_mut(parent) {
                row.state.set(State::WANTS_DATAGRAM_ROOM);
            }
            return Err(DatagramError::Blocked);
        }
        self.schedule(tree, parent);
        Ok(())
    }

    fn wake_datagram_sender(&mut self, parent: StreamHandle) {
        let Some(row) = self.rows.get_mut(parent) else { return };
        if row.state.take(State::WANTS_DATAGRAM_ROOM) {
            self.tell(parent, Events::DATAGRAM_SPACE);
        }
    }

    fn send_as_substream(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        bytes: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<(), DatagramError> {
        let most = u64::from(self.config.send_buffer);
        if bytes.len() as u64 > most {
            return Err(DatagramError::TooLarge(most));
        }
        if self.pool_room() < bytes.len() as u64 {
            return Err(DatagramError::NoCapacity);
        }
        let open = Open { priority: None, service: false, lifetime };
        let child = self.open_as(tree, now, parent, open, State::DATAGRAM).map_err(open_error)?;
        let is_taken = self.write(tree, child, bytes, WriteOptions::default());
        let is_whole = is_taken.is_ok_and(|taken| taken == bytes.len());
        if is_whole {
            let _ = self.finish(tree, child);
        }
        // The stream now belongs to itself: nobody hears its events.
        self.release(tree, now, child);
        if is_whole { Ok(()) } else { Err(DatagramError::NoCapacity) }
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

/// Writes one queued datagram into the packet.
fn put_datagram<F: FnMut(Receipt) -> bool>(
    nursery: &mut Nursery,
    pool: &BlockPool<'_>,
    id: crate::id::StreamId,
    start: u64,
    len: usize,
    sink: &mut Sink<'_, '_, F>,
    parent: StreamHandle,
) -> Result<(), Progress> {
    let room = sink.out.remaining_len();
    let mut header = DatagramHeader { parent: id, len: Some(len) };
    if header.encoded_len().saturating_add(len) > room {
        header.len = None;
    }
    if header.encoded_len().saturating_add(len) > room {
        return Err(Progress::NoRoom);
    }
    let receipt = Receipt::Datagram { parent, len: u32::try_from(len).unwrap_or(u32::MAX) };
    if !(sink.note)(receipt) {
        return Err(Progress::NoRoom);
    }
    header.encode(sink.out).map_err(|_| Progress::NoRoom)?;
    let to = sink.out.take_mut(len).map_err(|_| Progress::NoRoom)?;
    copy_out(&mut nursery.outgoing.rope, pool, start, to);
    sink.filled.any = true;
    if header.len.is_none() { Err(Progress::Closed) } else { Ok(()) }
}

/// Length and expiry of the first queued datagram.
fn peek_outgoing(nursery: &mut Nursery, pool: &BlockPool<'_>) -> Option<(usize, Option<Instant>)> {
    let len = peek_len(&mut nursery.outgoing, pool)?;
    let mut expiry = [0; 8];
    let at = nursery.outgoing.head.saturating_add(LEN_BYTES);
    copy_out(&mut nursery.outgoing.rope, pool, at, &mut expiry);
    let expiry = u64::from_be_bytes(expiry);
    Some((len, (expiry != 0).then(|| Instant::from_micros(expiry))))
}

fn peek_len(queue: &mut ByteQueue, pool: &BlockPool<'_>) -> Option<usize> {
    if queue.is_empty() {
        return None;
    }
    let mut len = [0; 4];
    copy_out(&mut queue.rope, pool, queue.head, &mut len);
    usize::try_from(u32::from_be_bytes(len)).ok()
}

const fn open_error(error: OpenError) -> DatagramError {
    match error {
        OpenError::Blocked => DatagramError::Blocked,
        OpenError::NoCapacity | OpenError::NotRoot => DatagramError::NoCapacity,
        OpenError::SessionClosed => DatagramError::SessionClosed,
        OpenError::UnknownStream => DatagramError::UnknownStream,
    }
}
