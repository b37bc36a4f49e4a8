//! The rules of docs/PROTOCOL.md section 7 for what comes in: the peer's frames are written by
//! hand, each at its limit and beyond it.

use super::*;
use crate::id::StreamId;
use crate::wire::{Attributes, Frame, Open as WireOpen, ResetFrame, StreamCode, StreamFrame};

pub(super) const ZEROS: &[u8] = &[0; 8000];
const ROOT: StreamId = StreamId::ROOT;

/// A host of the small side, without a peer.
pub(super) fn one() -> End {
    End::new(Side::Small, CONFIG, &ROOMY, &CONFIG)
}

pub(super) fn ours(counter: u64) -> StreamId {
    StreamId::new(counter, Side::Small).unwrap()
}

pub(super) fn theirs(counter: u64) -> StreamId {
    StreamId::new(counter, Side::Large).unwrap()
}

pub(super) fn data(id: StreamId, offset: u64, data: &'static [u8]) -> StreamFrame<'static> {
    StreamFrame { id, offset, data, mark: false, fin: false, open: None }
}

/// The empty frame that opens a child of `parent`.
pub(super) fn opening(id: StreamId, parent: StreamId) -> StreamFrame<'static> {
    let open = WireOpen { parent, attributes: Attributes::default(), priority: None };
    StreamFrame { open: Some(open), ..data(id, 0, b"") }
}

pub(super) fn opening_as(id: StreamId, parent: StreamId, bits: u8) -> StreamFrame<'static> {
    let attributes = Attributes { datagram: bits & 1 != 0, service: bits & 4 != 0 };
    let open = WireOpen { parent, attributes, priority: None };
    StreamFrame { open: Some(open), ..data(id, 0, b"") }
}

pub(super) fn reset(id: StreamId, final_position: u64) -> ResetFrame {
    ResetFrame { id, code: StreamCode::new(5), final_position, open: None }
}

impl End {
    pub(super) fn hear(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        self.streams.of(&mut self.tree).on_frame(Instant::ZERO, &frame)
    }

    pub(super) fn hear_stream(&mut self, frame: StreamFrame<'_>) -> Result<(), Fault> {
        self.hear(Frame::Stream(frame))
    }

    /// The packets it has to send, and then what became of them, if anything.
    pub(super) fn speak(&mut self, fate: Option<Fate>) -> Vec<Vec<u8>> {
        let mut packets = vec![];
        let mut receipts = vec![];
        while self.tree.has_work() {
            let mut bytes = vec![0; 1400];
            let mut out = Writer::new(&mut bytes);
            let now = Instant::ZERO;
            let mut noted = vec![];
            let note = pair::noting(&mut noted);
            let filled = self.streams.of(&mut self.tree).fill(now, &mut out, true, note);
            receipts.append(&mut noted);
            let len = out.position();
            if !filled.any {
                break;
            }
            bytes.truncate(len);
            packets.push(bytes);
        }
        for receipt in receipts {
            let Some(fate) = fate else { break };
            self.streams.of(&mut self.tree).on_receipt(receipt, fate);
        }
        packets
    }
}

pub(super) fn frames(packets: &[Vec<u8>]) -> Vec<Frame<'_>> {
    packets.iter().flat_map(|bytes| Frames::new(bytes)).map(|frame| frame.unwrap()).collect()
}

/// Every frame that is about a stream without opening it.
fn frames_about(id: StreamId) -> [Frame<'static>; 8] {
    let code = StreamCode::new(1);
    [
        Frame::Stream(data(id, 0, b"x")),
        Frame::Reset(reset(id, 0)),
        Frame::Stop { id, code },
        Frame::StreamLimit { id, limit: 1 },
        Frame::StreamBlocked { id, at: 1 },
        Frame::ChildLimit { id, limit: 1 },
        Frame::ChildBlocked { id, at: 1 },
        Frame::Priority { id, priority: 1 },
    ]
}

// Spec: R-7.2-3.
#[test]
fn ids_are_opened_within_their_window() {
    for (counter, answer) in
        [(1, Ok(())), (64, Ok(())), (65, Err(Fault::StreamId)), (1 << 40, Err(Fault::StreamId))]
    {
        assert_eq!(one().hear_stream(opening(theirs(counter), ROOT)), answer, "{counter}");
    }
    let mut end = one();
    assert_eq!(end.hear_stream(opening(theirs(1), ROOT)), Ok(()));
    assert_eq!(end.hear_stream(opening(theirs(65), ROOT)), Ok(()));
    assert_eq!(end.hear_stream(opening(theirs(66), ROOT)), Err(Fault::StreamId));
}

// Spec: R-7.2-4, R-7.2-6, R-7.3-3.
#[test]
fn streams_are_opened_by_their_own_side_before_anything_else_is_said_of_them() {
    for id in [ours(2), theirs(2)] {
        for frame in frames_about(id) {
            let mut end = one();
            let root = end.root();
            end.open(root);
            end.hear_stream(opening(theirs(1), ROOT)).unwrap();
            assert_eq!(end.hear(frame), Err(Fault::StreamState), "{frame:?}");
        }
    }
    let mut end = one();
    let root = end.root();
    end.open(root);
    assert_eq!(end.hear_stream(opening(ours(2), ROOT)), Err(Fault::StreamId));
    let open = opening(ours(2), ROOT).open;
    let given_up = ResetFrame { open, ..reset(ours(2), 0) };
    assert_eq!(end.hear(Frame::Reset(given_up)), Err(Fault::StreamId));
    assert_eq!(end.hear_stream(opening(ours(1), ROOT)), Err(Fault::StreamState));
}

// Spec: R-7.2-5, R-7.7-9.
#[test]
fn frames_about_a_stream_that_is_gone_change_nothing() {
    let mut end = one();
    end.hear_stream(StreamFrame { fin: true, ..opening(theirs(1), ROOT) }).unwrap();
    let root = end.root();
    let child = end.accept(root);
    end.finish(child);
    let End { streams, tree } = &mut end;
    assert_eq!(streams.of(tree).read(Instant::ZERO, child, &mut [0; 9]), Ok(0));
    streams.of(tree).release(Instant::ZERO, child);
    assert_eq!(end.tree.stream_count(), 1, "its end is not acknowledged");
    end.speak(Some(Fate::Acked));
    assert_eq!(end.tree.stream_count(), 0, "freed at once");
    for frame in frames_about(theirs(1)) {
        assert_eq!(end.hear(frame), Ok(()), "{frame:?}");
    }
    assert!(end.speak(None).is_empty() && end.tree.stream_count() == 0);
}

// Spec: R-7.5-1, R-7.5-2, R-7.5-8.
#[test]
fn a_stream_is_held_to_its_credit_marks_and_resets_included() {
    let fault = Err(Fault::FlowControl);
    for (len, mark, answer) in
        [(2000, false, Ok(())), (1999, true, Ok(())), (2001, false, fault), (2000, true, fault)]
    {
        let frame = StreamFrame { data: &ZEROS[..len], mark, ..opening(theirs(1), ROOT) };
        assert_eq!(one().hear_stream(frame), answer, "{len} {mark}");
    }
    let far = StreamFrame { offset: crate::bytes::MAX_VARINT, ..opening(theirs(1), ROOT) };
    assert_eq!(one().hear_stream(far), Ok(()), "it names no position");
    assert_eq!(one().hear_stream(StreamFrame { fin: true, ..far }), fault);
    for (position, answer) in [(2000, Ok(())), (2001, fault), (crate::bytes::MAX_VARINT, fault)] {
        let open = opening(theirs(1), ROOT).open;
        let frame = ResetFrame { open, ..reset(theirs(1), position) };
        assert_eq!(one().hear(Frame::Reset(frame)), answer, "{position}");
    }
}

// Spec: R-7.5-1, R-7.5-2, R-10.1-5.
#[test]
fn a_session_is_held_to_its_credit_and_repetition_costs_nothing() {
    // The first window is all that it may ever hold.
    let config = StreamConfig { session_budget: 6000, ..CONFIG };
    let mut end = End::new(Side::Small, config, &ROOMY, &CONFIG);
    for round in 0..3 {
        for counter in 1..=3 {
            let frame = StreamFrame { data: &ZEROS[..2000], ..opening(theirs(counter), ROOT) };
            assert_eq!(end.hear_stream(frame), Ok(()), "{round} {counter}");
        }
        assert_eq!(end.tree.received, 6000);
    }
    assert_eq!(end.hear_stream(opening(theirs(4), ROOT)), Ok(()));
    assert_eq!(end.hear_stream(data(theirs(4), 0, b"x")), Err(Fault::FlowControl));
}

// Spec: R-7.5-1, R-7.5-5, R-7.5-7.
#[test]
fn children_are_held_to_their_credit_whether_or_not_they_last() {
    let mut end = one();
    for counter in 1..=15 {
        assert_eq!(end.hear_stream(opening(theirs(counter), ROOT)), Ok(()));
    }
    let open = opening(theirs(16), ROOT).open;
    assert_eq!(end.hear(Frame::Reset(ResetFrame { open, ..reset(theirs(16), 0) })), Ok(()));
    assert_eq!(end.hear_stream(opening(theirs(17), ROOT)), Err(Fault::ChildLimit));
    for counter in 17..=20 {
        assert_eq!(end.hear_stream(opening(theirs(counter), theirs(1))), Ok(()));
    }
    assert_eq!(end.hear_stream(opening(theirs(21), theirs(1))), Err(Fault::ChildLimit));
}

// Spec: R-7.7-1, R-7.7-2.
#[test]
fn a_stream_ends_in_one_place() {
    let fault = Err(Fault::FinalSize);
    let id = theirs(1);
    let fin = |len: usize| StreamFrame { fin: true, ..data(id, 0, &ZEROS[..len]) };
    for (ended, frame, answer) in [
        (true, Frame::Stream(fin(10)), Ok(())),
        (true, Frame::Stream(fin(9)), fault),
        (true, Frame::Stream(fin(11)), fault),
        (true, Frame::Stream(data(id, 9, b"x")), Ok(())),
        (true, Frame::Stream(data(id, 10, b"x")), fault),
        (true, Frame::Stream(StreamFrame { mark: true, ..data(id, 10, b"") }), fault),
        (true, Frame::Reset(reset(id, 10)), Ok(())),
        (true, Frame::Reset(reset(id, 9)), fault),
        (true, Frame::Reset(reset(id, 11)), fault),
        (false, Frame::Stream(fin(9)), fault),
        (false, Frame::Stream(fin(10)), Ok(())),
        (false, Frame::Reset(reset(id, 9)), fault),
        (false, Frame::Reset(reset(id, 10)), Ok(())),
    ] {
        let mut end = one();
        let first = StreamFrame { data: &ZEROS[..10], fin: ended, ..opening(id, ROOT) };
        end.hear_stream(first).unwrap();
        assert_eq!(end.hear(frame), answer, "{ended} {frame:?}");
    }
}

// Spec: R-7.3-4, R-7.3-6, R-7.12-6.
#[test]
fn an_open_says_the_same_each_time_and_nothing_impossible() {
    let fault = Err(Fault::StreamState);
    let with_priority = |priority| {
        let frame = opening(theirs(2), ROOT);
        StreamFrame { open: frame.open.map(|open| WireOpen { priority, ..open }), ..frame }
    };
    for (frame, answer) in [
        (opening(theirs(2), ROOT), Ok(())),
        (with_priority(Some(3)), Ok(())),
        (opening(theirs(2), theirs(1)), fault),
        (opening_as(theirs(2), ROOT, 1), fault),
        (opening_as(theirs(2), ROOT, 4), fault),
        (opening(theirs(4), theirs(4)), fault),
        (opening(theirs(4), theirs(5)), fault),
        (opening(theirs(4), theirs(3)), fault),
        (opening_as(theirs(4), theirs(1), 4), fault),
        (opening_as(theirs(4), ROOT, 5), fault),
        (opening_as(theirs(4), ROOT, 4), Ok(())),
    ] {
        let mut end = one();
        end.hear_stream(opening(theirs(1), ROOT)).unwrap();
        end.hear_stream(opening(theirs(2), ROOT)).unwrap();
        end.hear_stream(opening_as(theirs(3), ROOT, 1)).unwrap();
        assert_eq!(end.hear_stream(frame), answer, "{frame:?}");
    }
}

// Spec: R-7.4-1, R-7.4-3.
#[test]
fn eight_children_wait_for_their_parent_and_count_when_it_comes() {
    let mut end = one();
    for counter in 2..=9 {
        assert_eq!(end.hear_stream(opening(theirs(counter), theirs(1))), Ok(()));
    }
    assert_eq!(end.hear_stream(opening(theirs(10), theirs(1))), Err(Fault::NoCapacity));
    assert_eq!(end.hear_stream(opening(theirs(1), ROOT)), Err(Fault::ChildLimit), "eight of four");

    let mut end = one();
    for counter in 2..=5 {
        assert_eq!(end.hear_stream(opening(theirs(counter), theirs(1))), Ok(()));
    }
    assert_eq!(end.hear_stream(opening(theirs(1), ROOT)), Ok(()));
    assert_eq!(end.hear_stream(opening(theirs(6), theirs(1))), Err(Fault::ChildLimit));
    let root = end.root();
    let parent = end.accept(root);
    for _ in 2..=5 {
        end.accept(parent);
    }
}

// Spec: R-7.4-4.
#[test]
fn a_child_of_a_stream_that_is_gone_is_refused() {
    let mut end = one();
    end.hear_stream(opening(theirs(1), ROOT)).unwrap();
    let root = end.root();
    let parent = end.accept(root);
    let End { streams, tree } = &mut end;
    streams.of(tree).release(Instant::ZERO, parent);
    end.speak(Some(Fate::Acked));
    end.hear(Frame::Reset(reset(theirs(1), 0))).unwrap();
    assert_eq!(end.hear_stream(opening(theirs(2), theirs(1))), Ok(()));
    let packets = end.speak(Some(Fate::Acked));
    let (id, code) = (theirs(2), StreamCode::PARENT_GONE);
    let refused = ResetFrame { id, code, final_position: 0, open: None };
    assert_eq!(frames(&packets), [Frame::Reset(refused), Frame::Stop { id, code }]);
}

// Spec: R-7.6-6.
#[test]
fn so_many_gaps_are_kept_and_no_more() {
    let config = StreamConfig { stream_window: 4000, ..CONFIG };
    let mut end = End::new(Side::Small, config, &ROOMY, &CONFIG);
    end.hear_stream(opening(theirs(1), ROOT)).unwrap();
    for gap in 1..=1024 {
        assert_eq!(end.hear_stream(data(theirs(1), gap * 2, b"x")), Ok(()), "{gap}");
    }
    assert_eq!(end.hear_stream(data(theirs(1), 2050, b"x")), Err(Fault::NoCapacity));
    assert_eq!(end.hear_stream(data(theirs(1), 0, &ZEROS[..2050])), Ok(()));
    assert_eq!(end.hear_stream(data(theirs(1), 2052, b"x")), Ok(()));
}
