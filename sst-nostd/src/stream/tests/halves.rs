//! Both halves of a stream go through the states of docs/PROTOCOL.md section 7.7 as its tables say.

use super::rules::{data, frames, one, opening, ours, reset, theirs};
use super::*;
use crate::id::StreamId;
use crate::wire::StreamFrame;

const PROTOCOL: &str = include_str!("../../../../docs/PROTOCOL.md");
const CODE: StreamCode = StreamCode::new(9);

/// The table under this title: states, events, action and next state of each row.
fn table(title: &str) -> Vec<[&'static str; 4]> {
    let (_, rest) = PROTOCOL.split_once(title).expect("the title");
    let rows = rest.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        [(); 4].map(|()| cells.next().expect("four columns"))
    });
    rows.collect()
}

/// The parts of a cell that names more than one thing.
fn parts(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split(", ").map(|part| part.trim_start_matches("or "))
}

/// A host with a stream whose half is in a state.
struct Half {
    end: End,
    stream: StreamHandle,
    id: StreamId,
}

impl Half {
    /// A sending half.
    fn sending(state: &str) -> Self {
        let mut end = one();
        let root = end.root();
        let stream = end.open(root);
        end.write(stream, b"abc");
        end.speak(Some(Fate::Acked));
        match state {
            "Open" => {}
            "Finishing" => end.finish(stream),
            "Resetting" => end.streams.of(&mut end.tree).reset(stream, CODE),
            "Done" => {
                end.finish(stream);
                end.speak(Some(Fate::Acked));
            }
            _ => panic!("a state {state:?} of the sending half"),
        }
        Self { end, stream, id: ours(1) }
    }

    /// What happens to a sending half.
    fn send(&mut self, event: &str) {
        let End { streams, tree } = &mut self.end;
        match event {
            "write" => assert_eq!(self.end.write(self.stream, b"d"), 1),
            "finish" => self.end.finish(self.stream),
            "all positions and FIN acknowledged" | "RESET acknowledged" => {
                self.end.speak(Some(Fate::Acked));
            }
            "reset" => streams.of(tree).reset(self.stream, CODE),
            "lifetime over" => streams.of(tree).expire(self.stream),
            "STOP arrives" => self.hear(Frame::Stop { id: self.id, code: CODE }),
            "any frame about it" => {
                self.hear(Frame::Stop { id: self.id, code: CODE });
                self.hear(Frame::StreamLimit { id: self.id, limit: 1 << 20 });
                self.hear(Frame::Priority { id: self.id, priority: 1 });
            }
            _ => panic!("an event {event:?} of the sending half"),
        }
    }

    /// The name of the state that the sending half is in.
    fn send_state(&self) -> &'static str {
        let is_done = self.end.streams.rows.get(self.stream).unwrap().state.has(State::SEND_DONE);
        match self.end.info(self.stream).send_state {
            SendState::Open => "Open",
            SendState::Finishing => "Finishing",
            SendState::Reset if !is_done => "Resetting",
            SendState::Reset | SendState::Delivered => "Done",
        }
    }

    /// A receiving half. `abc` has come of it; if its end is known and it is not whole, `ghi` too,
    /// which are its last.
    fn receiving(state: &str) -> Self {
        let (mut end, id) = (one(), theirs(1));
        let open = opening(id, StreamId::ROOT).open;
        let fin = matches!(state, "Complete" | "Done");
        end.hear_stream(StreamFrame { open, fin, ..data(id, 0, b"abc") }).unwrap();
        let root = end.root();
        let stream = end.accept(root);
        end.events();
        let mut half = Self { end, stream, id };
        match state {
            "Receiving" | "Complete" => {}
            "SizeKnown" => half.receive("FIN"),
            "WasReset" => half.receive("RESET"),
            "Done" => half.receive("all read"),
            _ => panic!("a state {state:?} of the receiving half"),
        }
        half
    }

    /// What happens to a receiving half.
    fn receive(&mut self, event: &str) {
        let (id, stream, now) = (self.id, self.stream, Instant::ZERO);
        let is_known = self.has(State::FINAL_KNOWN);
        let highest = self.end.info(stream).received;
        let End { streams, tree } = &mut self.end;
        match event {
            "STREAM" if is_known => self.hear(Frame::Stream(data(id, 0, b"abc"))),
            "STREAM" => self.hear(Frame::Stream(data(id, 3, b"d"))),
            "FIN" => self.hear(Frame::Stream(StreamFrame { fin: true, ..data(id, 6, b"ghi") })),
            "all positions arrived" => self.hear(Frame::Stream(data(id, 3, b"def"))),
            "RESET" => self.hear(Frame::Reset(reset(id, highest))),
            "all read" => {
                assert_eq!(streams.of(tree).read(now, stream, &mut [0; 20]), Ok(highest as usize));
            }
            "discarded" | "own stop" => streams.of(tree).stop(now, stream, CODE),
            "code reported" => assert!(!self.end.events().is_empty()),
            "nobody reads" => streams.of(tree).release(now, stream),
            _ => panic!("an event {event:?} of the receiving half"),
        }
    }

    /// The name of the state that the receiving half is in.
    fn receive_state(&self) -> &'static str {
        let events = self.end.streams.rows.get(self.stream).unwrap().events;
        match self.end.info(self.stream).receive_state {
            ReceiveState::Open => "Receiving",
            ReceiveState::SizeKnown => "SizeKnown",
            ReceiveState::Whole => "Complete",
            ReceiveState::Reset(_) if !events.is_empty() => "WasReset",
            ReceiveState::Reset(_) | ReceiveState::Done => "Done",
        }
    }

    fn has(&self, bits: State) -> bool {
        self.end.streams.rows.get(self.stream).unwrap().state.has(bits)
    }

    fn hear(&mut self, frame: Frame<'_>) {
        assert_eq!(self.end.hear(frame), Ok(()));
    }
}

// Spec: R-7.7-3, R-7.7-4, R-7.7-6.
#[test]
fn the_sending_half_is_as_the_table_says() {
    let rows = table("Sending half:");
    assert_eq!(rows.len(), 7);
    for [states, events, action, next] in rows {
        for (state, event) in parts(states).flat_map(|s| parts(events).map(move |e| (s, e))) {
            let mut half = Half::sending(state);
            assert_eq!(half.send_state(), state);
            half.send(event);
            assert_eq!(half.send_state(), next, "{state}: {event}");
            let packets = half.end.speak(None);
            let said = frames(&packets);
            let has_reset = said.iter().any(|frame| matches!(frame, Frame::Reset(_)));
            // A RESET on its way is still to be said.
            assert_eq!(has_reset, action == "RESET" || next == "Resetting", "{state}: {event}");
            let is_fin = |frame: &Frame<'_>| matches!(frame, Frame::Stream(frame) if frame.fin);
            assert_eq!(said.iter().any(is_fin), action.starts_with("FIN"), "{state}: {event}");
        }
    }
}

// Spec: R-7.7-5, R-7.7-7.
#[test]
fn the_receiving_half_is_as_the_table_says() {
    let rows = table("Receiving half:");
    assert_eq!(rows.len(), 9);
    for [states, events, _, next] in rows {
        for (state, event) in parts(states).flat_map(|s| parts(events).map(move |e| (s, e))) {
            let mut half = Half::receiving(state);
            assert_eq!(half.receive_state(), state);
            half.receive(event);
            let next = match next {
                // Nothing is left to wait for where the end is known and nobody reads.
                "same, without a reader" if state == "SizeKnown" => "Done",
                "same, without a reader" => state,
                next => next,
            };
            assert_eq!(half.receive_state(), next, "{state}: {event}");
            assert_eq!(half.has(State::RECEIVE_DONE), matches!(next, "Done" | "WasReset"));
        }
    }
}
