//! Frames about streams come in, one at a time, and are led to the stream they are about.

use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::{DatagramFrame, Frame, Open as WireOpen, ResetFrame, StreamCode, StreamFrame};

use crate::stream::flags::{Pending, State};
use crate::stream::half::receive::{Arrival, Fault};
use crate::stream::lifecycle::opens::Opened;
use crate::stream::row::StreamHandle;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tree::Tree;
use crate::stream::tree_mut::TreeMut;

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

impl<'s> TreeMut<'_, 's> {
    /// Takes in one frame. The packet that carried it may be acknowledged only if this answers
    /// `Ok`; any fault but [`Fault::NoCapacity`] ends the session. Frames that are not about
    /// streams are not this layer's and are ignored.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn on_frame(&mut self, now: Instant, frame: &Frame<'_>) -> Result<(), Fault> {
        let sending = Some(Half::Sending);
        match frame {
            Frame::Stream(frame) => self.on_stream(now, frame),
            Frame::Reset(frame) => self.on_reset(now, frame),
            Frame::Stop { id, code } => self.lead(*id, sending, |one| one.on_stop(*code)),
            Frame::StreamLimit { id, limit } => self.lead(*id, sending, |one| one.on_limit(*limit)),
            Frame::ChildLimit { id, limit } => {
                self.lead(*id, None, |one| one.on_child_limit(*limit))
            }
            Frame::SessionLimit { limit } => {
                self.tree.on_session_limit(&mut self.streams.rows, *limit);
                Ok(())
            }
            Frame::Priority { id, priority } => {
                self.lead(*id, sending, |one| one.on_priority(*priority))
            }
            Frame::Datagram(frame) => self.on_datagram(frame),
            Frame::StreamBlocked { id, at } => {
                self.lead(*id, Some(Half::Receiving), |one| one.on_blocked(*at))
            }
            Frame::ChildBlocked { id, at } => self.lead(*id, None, |one| one.on_child_blocked(*at)),
            Frame::SessionBlocked { at } => {
                let root = self.tree.root;
                self.with(root, |root| root.on_session_blocked(now, *at));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A stateless datagram came. At the limit the oldest of its parent go; one that finds no room
    /// all the same is dropped, as the network would.
    fn on_datagram(&mut self, frame: &DatagramFrame<'_>) -> Result<(), Fault> {
        if frame.data.len() as u64 > u64::from(self.streams.stores.config.datagram_bytes) {
            return Err(Fault::Protocol);
        }
        let Some(parent) = self.find_parent(frame) else { return Ok(()) };
        self.with(parent, |one| one.on_datagram(frame.data));
        Ok(())
    }

    fn find_parent(&mut self, frame: &DatagramFrame<'_>) -> Option<StreamHandle> {
        if frame.parent.is_root() {
            return Some(self.tree.root);
        }
        self.find(frame.parent)
    }

    fn on_stream(&mut self, now: Instant, frame: &StreamFrame<'_>) -> Result<(), Fault> {
        check_opener(self.tree, frame.id, frame.open.as_ref())?;
        match self.place(frame.id)? {
            Place::Here(stream) => {
                let arrival = self.with(stream, |one| {
                    one.check_half(Half::Receiving)?;
                    one.check_same_open(frame.open.as_ref())?;
                    one.on_data(now, frame)
                });
                self.on_arrival(now, stream, arrival)
            }
            Place::Gone if frame.fin => self.on_late_end(now, frame.id, frame.end()),
            Place::Gone => Ok(()),
            Place::ToCome => {
                let open = frame.open.as_ref().ok_or(Fault::StreamState)?;
                match self.on_open(now, frame.id, open)? {
                    Opened::Stream(stream) => {
                        let arrival = self.with(stream, |one| one.on_data(now, frame));
                        self.on_arrival(now, stream, arrival)
                    }
                    Opened::Refused if frame.fin => self.on_late_end(now, frame.id, frame.end()),
                    Opened::Refused => Ok(()),
                }
            }
        }
    }

    /// Sees to what data led to that concerns more than its stream.
    fn on_arrival(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        arrival: Option<Result<Arrival, Fault>>,
    ) -> Result<(), Fault> {
        debug_assert!(arrival.is_some(), "a stream that was found is here");
        match arrival.ok_or(Fault::StreamState)?? {
            Arrival::Taken => {}
            Arrival::Whole => self.on_datagram_whole(now, stream),
            Arrival::TooLarge => self.turn_away(now, stream, StreamCode::NO_CAPACITY),
            Arrival::NoRoom { end, is_final } => {
                self.turn_away(now, stream, StreamCode::NO_CAPACITY);
                self.with(stream, |one| one.take_unwanted(now, end, is_final));
            }
        }
        Ok(())
    }

    fn on_reset(&mut self, now: Instant, frame: &ResetFrame) -> Result<(), Fault> {
        check_opener(self.tree, frame.id, frame.open.as_ref())?;
        let stream = match self.place(frame.id)? {
            Place::Here(stream) => stream,
            Place::Gone => return self.on_late_end(now, frame.id, frame.final_position),
            Place::ToCome => {
                // Opened and given up before anything of it arrived.
                let open = frame.open.as_ref().ok_or(Fault::StreamState)?;
                match self.on_open(now, frame.id, open)? {
                    Opened::Stream(stream) => stream,
                    Opened::Refused => {
                        return self.on_late_end(now, frame.id, frame.final_position);
                    }
                }
            }
        };
        let taken = self.with(stream, |one| {
            one.check_half(Half::Receiving)?;
            one.check_same_open(frame.open.as_ref())?;
            one.on_reset(now, frame)
        });
        taken.unwrap_or(Ok(()))
    }

    /// The end of a stream that is not here any more; a refused one's still has to be counted.
    fn on_late_end(&mut self, now: Instant, id: StreamId, end: u64) -> Result<(), Fault> {
        let counted = self.tree.on_refused_end(id, end)?;
        if let Some(party) = self.streams.parties.at(self.tree.party) {
            self.streams.stores.on_consumed(self.tree, party, now, counted);
        }
        Ok(())
    }

    /// Leads a frame to the stream it names, if that is here, and has the half that the frame is
    /// about. The peer sends it only when it knows that the stream is known here.
    fn lead(
        &mut self,
        id: StreamId,
        half: Option<Half>,
        apply: impl FnOnce(&mut StreamMut<'_, 's>),
    ) -> Result<(), Fault> {
        let stream = match self.place(id)? {
            Place::Here(stream) => stream,
            Place::Gone => return Ok(()),
            Place::ToCome => return Err(Fault::StreamState),
        };
        let applied = self.with(stream, |one| {
            half.map_or(Ok(()), |half| one.check_half(half))?;
            apply(one);
            Ok(())
        });
        applied.unwrap_or(Ok(()))
    }

    /// Where the stream `id` stands; a fault if it cannot be any stream of this session.
    fn place(&mut self, id: StreamId) -> Result<Place, Fault> {
        if id.is_root() {
            return Ok(Place::Here(self.tree.root));
        }
        if let Some(stream) = self.find(id) {
            return Ok(Place::Here(stream));
        }
        if id.side() == self.tree.side {
            let was_opened = id.counter() < self.tree.next_counter;
            return if was_opened { Ok(Place::Gone) } else { Err(Fault::StreamState) };
        }
        if self.tree.refusals.contains(id) || self.tree.has_seen(id.counter()) {
            return Ok(Place::Gone);
        }
        Ok(Place::ToCome)
    }
}

impl StreamMut<'_, '_> {
    /// Whether the stream has that half: the root has none, a datagram its opener's only.
    fn check_half(&self, half: Half) -> Result<(), Fault> {
        let state = self.row.state;
        if state.has(State::ROOT) {
            return Err(Fault::StreamId);
        }
        let is_missing =
            state.has(State::DATAGRAM) && state.has(State::LOCAL) != (half == Half::Sending);
        if is_missing { Err(Fault::StreamState) } else { Ok(()) }
    }

    /// A repeated OPEN must say what the first one said.
    fn check_same_open(&self, open: Option<&WireOpen>) -> Result<(), Fault> {
        let Some(open) = open else { return Ok(()) };
        let row = &*self.row;
        let is_same = row.id.side() != self.tree.side
            && open.parent == row.parent_id
            && open.attributes.datagram == row.state.has(State::DATAGRAM)
            && open.attributes.service == row.state.has(State::SERVICE);
        if is_same { Ok(()) } else { Err(Fault::StreamState) }
    }

    /// The peer has more to send: it may have missed the limit.
    fn on_blocked(&mut self, at: u64) {
        let over = State::FINAL_KNOWN.with(State::STOPPED);
        if !self.row.state.has_any(over) && self.row.receiving.bound.reach() > at {
            self.owe(Pending::STREAM_LIMIT);
        }
    }
}

/// The peer opens streams of its own side only.
fn check_opener(tree: &Tree, id: StreamId, open: Option<&WireOpen>) -> Result<(), Fault> {
    let is_ours = id.side() == tree.side && id.counter() >= tree.next_counter;
    if open.is_some() && is_ours { Err(Fault::StreamId) } else { Ok(()) }
}
