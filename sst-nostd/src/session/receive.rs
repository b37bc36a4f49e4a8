//! The frames of one opened packet are applied to the session, its channel and its streams.

use crate::channel::{AckInvalid, Channel, Path, SentPackets};
use crate::crypto::Crypto;
use crate::stream::{Fault, Streams};
use crate::time::Instant;
use crate::wire::{Frame, FrameError, Frames, MAX_FRAMES, TransportCode};

use super::close::{ClosedBy, Ending};
use super::words::LastWords;
use super::{Session, SessionState};

/// What applying a packet's frames came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// A frame asks for an acknowledgement.
    pub is_ack_eliciting: bool,
    /// A frame carries data of a stream, or a datagram.
    pub has_data: bool,
    /// Some frame found no room: the packet must not be acknowledged, so that it comes again.
    pub is_unfinished: bool,
    /// The peer closed the session.
    pub is_closed: bool,
}

/// The peer broke the protocol: the session must be closed with this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What to tell the peer.
    pub code: TransportCode,
    /// The rule, in words.
    pub rule: &'static str,
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
    /// Applies all frames of `payload`, which came on `path`. The whole packet is parsed before
    /// anything is applied.
    ///
    /// # Errors
    /// [`Breach`], after which nothing more of the packet is applied.
    pub fn apply<C: Crypto>(
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
            around.streams.settle_priorities(tree);
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
        let Some(tree) = &mut self.tree else { return Ok(true) };
        match around.streams.on_frame(tree, now, frame) {
            Ok(()) => Ok(true),
            Err(Fault::NoCapacity) => Ok(false),
            Err(fault) => Err(stream_breach(fault)),
        }
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

impl Breach {
    /// The reason the session closes for.
    #[must_use]
    pub const fn reason(&self) -> Ending {
        Ending::transport(ClosedBy::Local, self.code, self.rule)
    }
}
