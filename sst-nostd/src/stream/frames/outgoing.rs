//! Turns what one stream has to send into frames.

use crate::bytes::varint_len;
use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::{Attributes, Frame, Open as WireOpen, ResetFrame, StreamCode, StreamHeader};

use crate::stream::copy_out;
use crate::stream::flags::{Pending, State};
use crate::stream::receipt::Receipt;
use crate::stream::row::{Row, StreamHandle};
use crate::stream::schedule::work::SMALL_FRAMES;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tree_mut::TreeMut;

use super::sink::{Progress, Sink};

/// One run of positions about to be written.
struct Segment {
    start: u64,
    /// Bytes that could follow, up to the next mark.
    data_len: u64,
    /// A mark follows the bytes.
    mark: bool,
    /// The end of the stream follows.
    fin: bool,
}

impl Row {
    /// What the OPEN of this stream says, until the peer has acknowledged it.
    fn open(&self) -> Option<WireOpen> {
        (!self.is_known()).then(|| WireOpen {
            parent: self.parent_id,
            attributes: Attributes {
                datagram: self.state.has(State::DATAGRAM),
                service: self.state.has(State::SERVICE),
            },
            priority: self.own_priority,
        })
    }
}

impl TreeMut<'_, '_> {
    /// Announces what `stream` was opened under, as far up as the peer may not know of it.
    ///
    /// Else a child of high priority could fill the peer's credit and memory, which it gives back
    /// only once it has the parent, while the parent waits for its turn for ever.
    pub(in crate::stream) fn announce_parents<F: FnMut(Receipt) -> bool>(
        &mut self,
        mut stream: StreamHandle,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        // Each step announces a stream that was not: what it costs was paid by its opening.
        while let Some(parent) = self.streams.rows.get(stream).map(|row| row.parent) {
            let Some(mut above) = self.look_up(parent) else { break };
            if above.row.is_known() {
                break;
            }
            let next = above.row.sending.next;
            if above.row.pending.has(Pending::RESET) {
                above.write_owed(sink)?;
            } else if above.row.pending.has(Pending::OPEN) {
                let sent = above.write_segment(next, next, sink)?;
                if sent.is_closed {
                    return Err(Progress::Closed);
                }
            } else {
                break;
            }
            stream = parent;
        }
        Ok(())
    }
}

impl StreamMut<'_, '_> {
    /// Everything the stream has to send, in order: what it owes, datagrams, what was lost, what is
    /// new.
    pub(in crate::stream) fn write_all<F: FnMut(Receipt) -> bool>(
        &mut self,
        now: Instant,
        sink: &mut Sink<'_, '_, F>,
    ) -> Progress {
        let result = self
            .write_owed(sink)
            .and_then(|()| self.write_datagrams(now, sink))
            .and_then(|()| self.write_lost(sink))
            .and_then(|()| self.write_new(sink));
        result.err().unwrap_or(Progress::Done)
    }

    /// The small frames the stream owes, but for OPEN and FIN, which ride on its data.
    pub(in crate::stream) fn write_owed<F: FnMut(Receipt) -> bool>(
        &mut self,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        const OWED: [Pending; 7] = [
            Pending::RESET,
            Pending::STOP,
            Pending::STREAM_LIMIT,
            Pending::CHILD_LIMIT,
            Pending::PRIORITY,
            Pending::STREAM_BLOCKED,
            Pending::CHILD_BLOCKED,
        ];
        let sendable = self.row.sendable();
        if !sendable.has_any(SMALL_FRAMES) {
            return Ok(());
        }
        for owed in OWED {
            if !sendable.has(owed) {
                continue;
            }
            let (frame, receipt) = self.owed_frame(owed);
            sink.frame(&frame, receipt)?;
            self.row.pending.clear(owed);
            if owed == Pending::PRIORITY {
                self.row.state.set(State::PRIORITY_SENT);
            }
        }
        Ok(())
    }

    /// One owed frame, with its receipt.
    fn owed_frame(&self, owed: Pending) -> (Frame<'static>, Receipt) {
        let (row, stream) = (&*self.row, self.stream);
        let id = row.id;
        let nursery = self.stores.nurseries.at(row.nursery);
        let granted = self.stores.config.children.saturating_add(row.refused_children());
        let (granted, allowed) = nursery.map_or((granted, 0), |n| (n.granted, n.allowed));
        match owed {
            Pending::RESET => {
                let open = row.open();
                let is_open = open.is_some();
                let code = row.sending.bound.as_code().unwrap_or(StreamCode::DROPPED);
                let final_position = row.sending.written;
                let frame = ResetFrame { id, code, final_position, open };
                (Frame::Reset(frame), Receipt::Reset { stream, open: is_open })
            }
            Pending::STOP => {
                let code = row.receiving.bound.as_code().unwrap_or(StreamCode::DROPPED);
                (Frame::Stop { id, code }, Receipt::Stop(stream))
            }
            Pending::STREAM_LIMIT => (
                Frame::StreamLimit { id, limit: row.receiving.bound.reach() },
                Receipt::StreamLimit(stream),
            ),
            Pending::CHILD_LIMIT => {
                (Frame::ChildLimit { id, limit: u64::from(granted) }, Receipt::ChildLimit(stream))
            }
            Pending::CHILD_BLOCKED => {
                (Frame::ChildBlocked { id, at: u64::from(allowed) }, Receipt::ChildBlocked(stream))
            }
            Pending::STREAM_BLOCKED => (
                Frame::StreamBlocked { id, at: row.sending.bound.reach() },
                Receipt::StreamBlocked(stream),
            ),
            _ => (Frame::Priority { id, priority: row.wanted_priority }, Receipt::Priority(stream)),
        }
    }

    /// Positions to send again.
    fn write_lost<F: FnMut(Receipt) -> bool>(
        &mut self,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        while let Some(range) = self.first_lost() {
            let sent = self.write_segment(range.start, range.end, sink)?;
            let done = range.start.saturating_add(sent.positions);
            self.forget_lost(range.start..done);
            if sent.is_closed {
                return Err(Progress::Closed);
            }
        }
        Ok(())
    }

    /// Positions never sent, and the end.
    fn write_new<F: FnMut(Receipt) -> bool>(
        &mut self,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        loop {
            let row = &*self.row;
            let has_bare = row.sendable().has_any(Pending::OPEN.with(Pending::FIN));
            if !row.has_new() && !has_bare {
                return Ok(());
            }
            let credit = self.tree.send_credit();
            let from = row.sending.next;
            let covered = row.sending.sent_end.saturating_add(credit);
            let to = row.sending.written.min(row.sending.bound.reach()).min(covered);
            let to = to.max(from);
            if to == from && !has_bare {
                return Err(Progress::NeedsCredit);
            }
            if row.state.has(State::SEND_RESET) {
                return Ok(());
            }
            let sent = self.write_segment(from, to, sink)?;
            self.on_first_sent(sent.positions);
            if sent.is_closed {
                return Err(Progress::Closed);
            }
        }
    }

    /// Positions went out for the first time: count them against both credits.
    fn on_first_sent(&mut self, positions: u64) {
        let half = &mut self.row.sending;
        half.next = half.next.saturating_add(positions);
        let new = half.next.saturating_sub(half.sent_end);
        half.sent_end = half.sent_end.saturating_add(new);
        self.tree.sent = self.tree.sent.saturating_add(new);
        if half.next == half.bound.reach() && half.written > half.bound.reach() {
            self.row.pending.set(Pending::STREAM_BLOCKED);
        }
        self.wake_writer();
    }

    /// Writes one STREAM frame with as much of `from .. to` as fits and holds together.
    fn write_segment<F: FnMut(Receipt) -> bool>(
        &mut self,
        from: u64,
        to: u64,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<Sent, Progress> {
        let segment = self.next_segment(from, to);
        let open = self.row.open();
        let plan = plan(self.row.id, open, &segment, sink.out.remaining_len())?;
        let receipt = Receipt::Stream {
            stream: self.stream,
            start: from,
            len: u32::try_from(plan.positions).map_err(|_| Progress::NoRoom)?,
            fin: plan.header.fin,
            open: open.is_some(),
        };
        if !(sink.note)(receipt) {
            return Err(Progress::NoRoom);
        }
        plan.header.encode(sink.out).map_err(|_| Progress::NoRoom)?;
        let data = sink.out.take_mut(plan.data_len).map_err(|_| Progress::NoRoom)?;
        copy_out(&mut self.row.sending_rope, &self.stores.pool, from, data);
        self.row.pending.clear(Pending::OPEN);
        if plan.header.fin {
            self.row.pending.clear(Pending::FIN);
            self.row.state.set(State::FIN_SENT);
        }
        sink.filled.any = true;
        Ok(Sent { positions: plan.positions, is_closed: plan.header.len.is_none() })
    }

    /// The longest run from `from` that one frame can carry: up to a mark, or to `to`.
    fn next_segment(&mut self, from: u64, to: u64) -> Segment {
        let gaps = self.stores.gaps.at_mut(self.row.gaps);
        let mark = gaps.and_then(|gaps| gaps.sent_marks.next_bit(&self.stores.pool, from, to));
        let data_end = mark.unwrap_or(to);
        let end = if mark.is_some() { data_end.saturating_add(1) } else { data_end };
        Segment {
            start: from,
            data_len: data_end.saturating_sub(from),
            mark: mark.is_some(),
            fin: self.row.state.has(State::FINISHED) && end == self.row.sending.written,
        }
    }
}

/// A frame that went out.
struct Sent {
    positions: u64,
    is_closed: bool,
}

/// How one segment is cut to the room there is.
struct Plan {
    header: StreamHeader,
    data_len: usize,
    positions: u64,
}

/// Decides what of `segment` goes into a frame of at most `room` bytes.
///
/// A frame that reaches the end of the packet needs no length. One that would leave a byte or
/// two too few for its length also goes without, and ends the packet there.
fn plan(
    id: StreamId,
    open: Option<WireOpen>,
    segment: &Segment,
    room: usize,
) -> Result<Plan, Progress> {
    let mut header = StreamHeader {
        id,
        offset: segment.start,
        len: None,
        mark: segment.mark,
        fin: segment.fin,
        open,
    };
    let bare_len = header.encoded_len();
    let space = room.checked_sub(bare_len).ok_or(Progress::NoRoom)?;
    let whole = usize::try_from(segment.data_len).unwrap_or(usize::MAX);
    if whole > space {
        if space == 0 {
            return Err(Progress::NoRoom);
        }
        header.mark = false;
        header.fin = false;
        return Ok(Plan { header, data_len: space, positions: space as u64 });
    }
    let positions = segment.data_len.saturating_add(u64::from(segment.mark));
    if whole.saturating_add(varint_len(segment.data_len)) <= space {
        header.len = Some(whole);
    }
    Ok(Plan { header, data_len: whole, positions })
}
