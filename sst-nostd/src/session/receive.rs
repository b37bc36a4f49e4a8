//! The frames of one opened packet are applied to the session, its channel and its streams.

use crate::channel::{AckInvalid, Arrival, Channel, Path, SentPackets};
use crate::crypto::Crypto;
use crate::recovery::ecn::Codepoint;
use crate::storage::present;
use crate::stream::{Fault, Streams};
use crate::time::Instant;
use crate::wire::{Frame, FrameError, Frames, MAX_FRAMES, TransportCode};

use super::close::{Breach, ClosedBy, Ending};
use super::words::LastWords;
use super::{PLANTED, Session, SessionState};

/// A packet that a channel opened.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'p> {
    /// Its number; 0 is the initiator's FINISH.
    pub number: u64,
    /// Whether no packet with a higher number had been opened.
    pub is_highest: bool,
    /// The mark on it.
    pub codepoint: Codepoint,
    /// Where it came from and to.
    pub path: Path,
    /// Its length, in bytes.
    pub len: usize,
    /// Whether it is the first on a channel of which this host sent FINISH: it shows that the peer
    /// has that.
    pub proves_finish: bool,
    /// Its frames.
    pub payload: &'p [u8],
}

/// What a packet changed, beside the session itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// The peer broke the protocol, for which the session closes now.
    pub is_breach: bool,
    /// The peer closed the session, for the first time or again.
    pub is_closed: bool,
    /// Some frame found no room: the packet is not acknowledged, so that it comes again.
    pub is_unfinished: bool,
}

/// What applying a packet's frames came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Applied {
    /// A frame asks for an acknowledgement.
    is_ack_eliciting: bool,
    /// A frame carries data of a stream, or a datagram.
    has_data: bool,
    /// Some frame found no room.
    is_unfinished: bool,
    /// The peer closed the session.
    is_closed: bool,
}

/// What the frames of a packet act on, beside the session.
pub struct Surroundings<'a, 's, C: Crypto> {
    /// The channel the packet came on.
    pub channel: &'a mut Channel<C>,
    /// All packets in flight.
    pub sent: &'a mut SentPackets<'s>,
    /// All streams.
    pub streams: &'a mut Streams<'s>,
    /// What was said at ends of sessions.
    pub words: &'a mut LastWords,
}

impl Session {
    /// Takes in a packet that its channel opened: its frames are applied, it is acknowledged if all
    /// of them found room, and what the channel learnt by it goes to the streams.
    pub fn receive<C: Crypto>(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        around: &mut Surroundings<'_, '_, C>,
    ) -> Visit {
        let visit = self.take_in(now, packet, around);
        if packet.proves_finish {
            around.channel.on_finish_taken(now, around.sent);
            self.settle(now, around.channel, around.sent, around.streams);
        }
        visit
    }

    #[inline]
    fn take_in<C: Crypto>(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        around: &mut Surroundings<'_, '_, C>,
    ) -> Visit {
        if self.state == SessionState::Closing {
            self.on_heard_while_closing();
        }
        around.channel.on_arrival(now, packet.path, packet.len, packet.is_highest);
        let applied = match self.apply(now, packet.path, packet.payload, around) {
            Ok(applied) => applied,
            Err(breach) => {
                return Visit { is_breach: self.close_for(&breach), ..Visit::default() };
            }
        };
        if !applied.is_unfinished {
            around.channel.on_received(now, &arrival(packet, &applied));
        } else if packet.number == 0 {
            // FINISH is read only once: whatever follows tells the peer that we have it.
            let code = TransportCode::NO_CAPACITY;
            let reason = "no room for what FINISH carried";
            self.begin_close(Ending::transport(ClosedBy::Local, code, reason), false);
        }
        self.settle(now, around.channel, around.sent, around.streams);
        if let Some(tree) = &mut self.tree {
            tree.set_round_trip(around.channel.unqueued_rtt());
        }
        let Applied { is_unfinished, is_closed, .. } = applied;
        Visit { is_unfinished, is_closed, is_breach: false }
    }

    /// Applies all frames of `payload`, which came on `path`. The whole packet is parsed before
    /// anything is applied.
    ///
    /// # Errors
    /// [`Breach`], after which nothing more of the packet is applied.
    fn apply<C: Crypto>(
        &mut self,
        now: Instant,
        path: Path,
        payload: &[u8],
        around: &mut Surroundings<'_, '_, C>,
    ) -> Result<Applied, Breach> {
        let mut rest = heapless::Vec::new();
        let first = parse_frames(payload, &mut rest)?;
        let mut applied = Applied::default();
        for frame in core::iter::once(&first).chain(&rest) {
            applied.is_ack_eliciting |= frame.is_ack_eliciting();
            applied.has_data |= matches!(frame, Frame::Stream(_) | Frame::Datagram(_));
            match frame {
                Frame::Padding | Frame::Ping => {}
                Frame::Ack(ack) => {
                    let result = around.channel.on_ack(now, ack, around.sent);
                    result.map_err(ack_breach)?;
                }
                Frame::Close(close) => {
                    let words = around.words.keep(close.reason);
                    self.on_over(Ending { by: ClosedBy::Peer, cause: close.cause, words });
                    applied.is_closed = true;
                    return Ok(applied);
                }
                Frame::PathChallenge(data) => around.channel.on_path_challenge(path, *data),
                Frame::PathResponse(data) => {
                    around.channel.on_path_response(now, path, *data);
                }
                frame => applied.is_unfinished |= !self.apply_to_streams(now, frame, around)?,
            }
        }
        if applied.has_data {
            self.data_at = now;
        }
        if let Some(tree) = &mut self.tree {
            around.streams.of(tree).settle_priorities();
        }
        Ok(applied)
    }

    /// Leads a frame to the streams. `false` if it found no room.
    fn apply_to_streams<C: Crypto>(
        &mut self,
        now: Instant,
        frame: &Frame<'_>,
        around: &mut Surroundings<'_, '_, C>,
    ) -> Result<bool, Breach> {
        if !matches!(self.state, SessionState::Ready | SessionState::Draining) {
            return Ok(true);
        }
        let Some(tree) = present(self.tree.as_mut(), PLANTED) else { return Ok(true) };
        match around.streams.of(tree).on_frame(now, frame) {
            Ok(()) => Ok(true),
            Err(Fault::NoCapacity) => Ok(false),
            Err(fault) => Err(stream_breach(fault)),
        }
    }
}

/// What the channel notes of a packet whose frames were applied.
const fn arrival(packet: &Packet<'_>, applied: &Applied) -> Arrival {
    Arrival {
        number: packet.number,
        is_highest: packet.is_highest,
        is_ack_eliciting: applied.is_ack_eliciting,
        has_data: applied.has_data,
        codepoint: packet.codepoint,
        path: packet.path,
        len: packet.len,
    }
}

/// Parses every frame, and counts them. Answers with the first, which mostly is the only one; the
/// others go to `rest`.
fn parse_frames<'p>(
    payload: &'p [u8],
    rest: &mut heapless::Vec<Frame<'p>, MAX_FRAMES>,
) -> Result<Frame<'p>, Breach> {
    let mut frames = Frames::new(payload);
    let rule = "a packet has a frame";
    let first = frames.next().ok_or(Breach { code: TransportCode::PROTOCOL, rule })?;
    for frame in frames {
        rest.push(frame.map_err(encoding)?).map_err(|_| encoding(FrameError::TooMany))?;
    }
    first.map_err(encoding)
}

fn encoding(error: FrameError) -> Breach {
    let rule = match error {
        FrameError::TooMany => "a packet has no more frames than it may have",
        FrameError::SecondAck => "a packet has one ACK",
        _ => "frames follow section 10",
    };
    Breach { code: error.code(), rule }
}

fn ack_breach(error: AckInvalid) -> Breach {
    let rule = match error {
        AckInvalid::Skipped => "a packet that was left out was acknowledged",
        AckInvalid::Unsent => "a packet that was never sent was acknowledged",
    };
    Breach { code: TransportCode::ACK_INVALID, rule }
}

fn stream_breach(fault: Fault) -> Breach {
    let (code, rule) = match fault {
        Fault::ChildLimit => (TransportCode::CHILD_LIMIT, "children stay within their credit"),
        Fault::FinalSize => (TransportCode::FINAL_SIZE, "a stream ends where it was said to"),
        Fault::FlowControl => (TransportCode::FLOW_CONTROL, "data stays within its credit"),
        Fault::NoCapacity => (TransportCode::INTERNAL, "no room"),
        Fault::Protocol => (TransportCode::PROTOCOL, "frames follow section 10"),
        Fault::StreamState => (TransportCode::STREAM_STATE, "frames fit their stream's state"),
        Fault::StreamId => (TransportCode::STREAM_ID, "ids are opened in turn by their owner"),
    };
    Breach { code, rule }
}
