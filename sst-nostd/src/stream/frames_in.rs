//! Frames about streams come in, one at a time, and are led to the stream they are about.

use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::{Frame, Open as WireOpen, ResetFrame, StreamCode, StreamFrame};

use super::Streams;
use super::bound::Bound;
use super::children::Opened;
use super::flags::{Events, Pending, State};
use super::receive::Fault;
use super::refuse::is_seen;
use super::row::StreamHandle;
use super::tracked::DatagramOutcome;
use super::tree::Tree;

/// A half of a stream, as this host sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Receiving,
    Sending,
}

/// Where the stream that a frame names stands.
enum Place {
    /// It is here.
    Here(StreamHandle),
    /// It was, or was refused: the frame comes too late to matter.
    Gone,
    /// It will be: the frame overtook the OPEN.
    ToCome,
}

impl Streams<'_> {
    /// Takes in one frame. The packet that carried it may be acknowledged only if this answers
    /// `Ok`; any fault but [`Fault::NoCapacity`] ends the session. Frames that are not about
    /// streams are not this layer's and are ignored.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn on_frame(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        frame: &Frame<'_>,
    ) -> Result<(), Fault> {
        match frame {
            Frame::Stream(frame) => self.on_stream(tree, now, frame),
            Frame::Reset(frame) => self.on_reset_frame(tree, now, frame),
            Frame::Stop { id, code } => self.on_stop(tree, *id, *code),
            Frame::StreamLimit { id, limit } => self.on_stream_limit(tree, *id, *limit),
            Frame::ChildLimit { id, limit } => {
                self.with_stream(tree, *id, |streams, tree, stream| {
                    streams.on_child_limit(tree, stream, *limit);
                })
            }
            Frame::SessionLimit { limit } => {
                self.on_session_limit(tree, *limit);
                Ok(())
            }
            Frame::Priority { id, priority } => {
                self.with_half(tree, *id, Half::Sending, |streams, tree, stream| {
                    streams.on_priority(tree, stream, *priority);
                })
            }
            Frame::Datagram(frame) => self.on_datagram(tree, frame),
            Frame::StreamBlocked { id, at } => self.on_stream_blocked(tree, *id, *at),
            Frame::ChildBlocked { id, at } => {
                self.with_stream(tree, *id, |streams, tree, stream| {
                    streams.on_child_blocked(tree, stream, *at);
                })
            }
            Frame::SessionBlocked { at } => {
                self.on_session_blocked(tree, now, *at);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_stream(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        frame: &StreamFrame<'_>,
    ) -> Result<(), Fault> {
        let end = frame.end();
        check_opener(tree, frame.id, frame.open.as_ref())?;
        match self.place(tree, frame.id)? {
            Place::Here(stream) => {
                self.check_half(tree, stream, Half::Receiving)?;
                self.check_same_open(tree, stream, frame.open.as_ref())?;
                self.on_data(tree, now, stream, frame)
            }
            Place::Gone if frame.fin => self.on_late_end(tree, now, frame.id, end),
            Place::Gone => Ok(()),
            Place::ToCome => {
                let open = frame.open.as_ref().ok_or(Fault::StreamState)?;
                match self.on_open(tree, now, frame.id, open)? {
                    Opened::Stream(stream) => self.on_data(tree, now, stream, frame),
                    Opened::Refused if frame.fin => self.on_late_end(tree, now, frame.id, end),
                    Opened::Refused => Ok(()),
                }
            }
        }
    }

    fn on_reset_frame(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        frame: &ResetFrame,
    ) -> Result<(), Fault> {
        check_opener(tree, frame.id, frame.open.as_ref())?;
        match self.place(tree, frame.id)? {
            Place::Here(stream) => {
                self.check_half(tree, stream, Half::Receiving)?;
                self.check_same_open(tree, stream, frame.open.as_ref())?;
                self.on_reset(tree, now, stream, frame)
            }
            Place::Gone => self.on_late_end(tree, now, frame.id, frame.final_position),
            Place::ToCome => {
                // Opened and given up before anything of it arrived.
                let open = frame.open.as_ref().ok_or(Fault::StreamState)?;
                match self.on_open(tree, now, frame.id, open)? {
                    Opened::Stream(stream) => self.on_reset(tree, now, stream, frame),
                    Opened::Refused => self.on_late_end(tree, now, frame.id, frame.final_position),
                }
            }
        }
    }

    /// The end of a stream that is not here any more; a refused one's still has to be counted.
    fn on_late_end(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        id: StreamId,
        end: u64,
    ) -> Result<(), Fault> {
        let counted = tree.on_refused_end(id, end)?;
        self.on_consumed(tree, now, counted);
        Ok(())
    }

    fn on_stop(&mut self, tree: &mut Tree, id: StreamId, code: StreamCode) -> Result<(), Fault> {
        self.with_half(tree, id, Half::Sending, |streams, tree, stream| {
            let Some(row) = streams.rows.get(stream) else { return };
            let over = State::PEER_STOPPED.with(State::SEND_DONE).with(State::SEND_RESET);
            if row.state.has_any(over) {
                return;
            }
            streams.settle_substream(tree, stream, DatagramOutcome::Refused);
            streams.reset(tree, stream, code);
            if let Some(row) = streams.rows.get_mut(stream) {
                row.state.set(State::PEER_STOPPED);
            }
            streams.tell(stream, Events::STOPPED);
        })
    }

    fn on_stream_limit(&mut self, tree: &mut Tree, id: StreamId, limit: u64) -> Result<(), Fault> {
        self.with_half(tree, id, Half::Sending, |streams, tree, stream| {
            let Some(row) = streams.rows.get_mut(stream) else { return };
            if row.sending.bound.as_limit().is_none_or(|known| limit <= known) {
                return;
            }
            row.sending.bound = Bound::limit(limit);
            row.pending.clear(Pending::STREAM_BLOCKED);
            streams.schedule(tree, stream);
            streams.wake_writer(stream);
        })
    }

    /// The peer has more to send: it may have missed the limit.
    fn on_stream_blocked(&mut self, tree: &mut Tree, id: StreamId, at: u64) -> Result<(), Fault> {
        self.with_half(tree, id, Half::Receiving, |streams, tree, stream| {
            let Some(row) = streams.rows.get(stream) else { return };
            let over = State::FINAL_KNOWN.with(State::STOPPED);
            if !row.state.has_any(over) && row.receiving.bound.reach() > at {
                streams.owe(tree, stream, Pending::STREAM_LIMIT);
            }
        })
    }

    fn on_session_limit(&mut self, tree: &mut Tree, limit: u64) {
        if limit > tree.send_limit {
            tree.send_limit = limit;
            tree.owes_session_blocked = false;
            tree.has_told_blocked = false;
            self.on_session_credit(tree);
        }
    }

    /// Applies a frame to one half of the stream it names, if that is here.
    fn with_half(
        &mut self,
        tree: &mut Tree,
        id: StreamId,
        half: Half,
        apply: impl FnOnce(&mut Self, &mut Tree, StreamHandle),
    ) -> Result<(), Fault> {
        if let Place::Here(stream) = self.place(tree, id)? {
            self.check_half(tree, stream, half)?;
        }
        self.with_stream(tree, id, apply)
    }

    /// Whether the stream has that half: the root has none, a datagram its opener's only.
    fn check_half(&self, tree: &Tree, stream: StreamHandle, half: Half) -> Result<(), Fault> {
        if stream == tree.root {
            return Err(Fault::StreamId);
        }
        let Some(row) = self.rows.get(stream) else { return Ok(()) };
        let is_local = row.state.has(State::LOCAL);
        let is_missing = row.state.has(State::DATAGRAM) && is_local != (half == Half::Sending);
        if is_missing { Err(Fault::StreamState) } else { Ok(()) }
    }

    /// Applies a frame to the stream it names, if that is here. The peer sends it only when it
    /// knows that the stream is known here.
    fn with_stream(
        &mut self,
        tree: &mut Tree,
        id: StreamId,
        apply: impl FnOnce(&mut Self, &mut Tree, StreamHandle),
    ) -> Result<(), Fault> {
        match self.place(tree, id)? {
            Place::Here(stream) => {
                apply(self, tree, stream);
                Ok(())
            }
            Place::Gone => Ok(()),
            Place::ToCome => Err(Fault::StreamState),
        }
    }

    /// Where the stream `id` stands; a fault if it cannot be any stream of this session.
    fn place(&mut self, tree: &Tree, id: StreamId) -> Result<Place, Fault> {
        if id.is_root() {
            return Ok(Place::Here(tree.root));
        }
        if let Some(stream) = self.find(tree.party, id) {
            return Ok(Place::Here(stream));
        }
        if id.side() == tree.side {
            let was_opened = id.counter() < tree.next_counter;
            return if was_opened { Ok(Place::Gone) } else { Err(Fault::StreamState) };
        }
        if tree.is_refused(id) || is_seen(&tree.ids_in, id.counter()) {
            return Ok(Place::Gone);
        }
        Ok(Place::ToCome)
    }

    /// A repeated OPEN must say what the first one said.
    fn check_same_open(
        &self,
        tree: &Tree,
        stream: StreamHandle,
        open: Option<&WireOpen>,
    ) -> Result<(), Fault> {
        let (Some(open), Some(row)) = (open, self.rows.get(stream)) else { return Ok(()) };
        let is_same = row.id.side() != tree.side
            && open.parent == row.parent_id
            && open.attributes.datagram == row.state.has(State::DATAGRAM)
            && open.attributes.service == row.state.has(State::SERVICE);
        if is_same { Ok(()) } else { Err(Fault::StreamState) }
    }
}

/// The peer opens streams of its own side only.
fn check_opener(tree: &Tree, id: StreamId, open: Option<&WireOpen>) -> Result<(), Fault> {
    let is_ours = id.side() == tree.side && id.counter() >= tree.next_counter;
    if open.is_some() && is_ours { Err(Fault::StreamId) } else { Ok(()) }
}
