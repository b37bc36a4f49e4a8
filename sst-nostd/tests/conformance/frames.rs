//! Packets of a session: `frames.json`.

use std::collections::BTreeMap;

use serde_json::Value;
use sst_nostd::wire::{Frame, Frames};
use sst_nostd::{
    CloseCause, Config, DatagramForm, DatagramOptions, Event, Open, SessionEvent, SessionHandle,
    StreamHandle, Writer,
};

use crate::peer::Peer;
use crate::{NOW, TestHost, hand, hex, host, sent, table, verdict};

const TABLE: &str = include_str!("../vectors/conformance/frames.json");
const PING: &[u8] = &[1];
/// What the peer announces: datagrams of 1000 bytes.
const LIST: &[u8] = &[0x10, 2, 0x83, 0xe8];

/// What the host said in answer to a step.
#[derive(Default)]
struct Said {
    acknowledged: Vec<u64>,
    /// RESET, STOP and PATH_RESPONSE, encoded.
    sends: Vec<Vec<u8>>,
    limits: Vec<(&'static str, Option<u64>, u64)>,
    close: Option<u64>,
    packets_count: usize,
}

struct Scene {
    host: TestHost,
    peer: Peer,
    session: Option<SessionHandle>,
    handles: BTreeMap<u64, StreamHandle>,
    /// Numbers of the host's packets that wait to be acknowledged.
    received: Vec<u64>,
}

impl Scene {
    /// A host with that side and those limits, and a peer that has its REPLY.
    fn new(side: u64, announced: &Value) -> Self {
        let (one, two) = (Peer::new([1; 32]), Peer::new([2; 32]));
        let is_one = (one.id() < two.id()) == (side == 0);
        let (secret, mut peer) = if is_one { ([1; 32], two) } else { ([2; 32], one) };
        let mut host = host(config(secret, announced));
        let init = peer.init(&host.id(), LIST);
        hand(&mut host, &init);
        let replies = sent(&mut host);
        let [reply] = &replies[..] else { panic!("{replies:?}") };
        peer.on_reply(reply);
        Self { host, peer, session: None, handles: BTreeMap::new(), received: Vec::new() }
    }

    /// Takes what the host has to say.
    fn listen(&mut self) -> Said {
        let mut said = Said::default();
        for packet in sent(&mut self.host) {
            said.packets_count += 1;
            let (payload, number) = self.peer.open(&packet);
            self.received.push(number);
            for frame in Frames::new(&payload) {
                said.note(&frame.expect("a frame"));
            }
        }
        said
    }

    /// Hands a packet to the host, and a PING behind it, so that it need not wait to acknowledge.
    fn receive(&mut self, payload: &[u8]) -> (Said, u64) {
        let (packet, number) = self.peer.seal(payload);
        hand(&mut self.host, &packet);
        if self.session.and_then(|session| self.host.close_reason(session)).is_none() {
            let (packet, _) = self.peer.seal(PING);
            hand(&mut self.host, &packet);
        }
        (self.listen(), number)
    }

    fn finish(&mut self, payload: &[u8]) -> (Said, u64) {
        let packet = self.peer.finish(payload);
        hand(&mut self.host, &packet);
        while let Some(event) = self.host.poll_event() {
            if let Event::Session(session, SessionEvent::Incoming) = event {
                self.session = Some(session);
                let root = self.host.root(session).expect("a root");
                self.handles.insert(0, root);
            }
        }
        (self.listen(), 0)
    }

    /// Acknowledges all that the host has sent, each packet in one of its own.
    fn acknowledge(&mut self) {
        for number in core::mem::take(&mut self.received) {
            let mut frame = [0; 16];
            let mut writer = Writer::new(&mut frame);
            writer.put_u8(2).expect("fits");
            writer.put_varint(number).expect("fits");
            writer.put_bytes(&[0, 0, 0]).expect("fits");
            let (packet, _) = self.peer.seal(writer.written());
            hand(&mut self.host, &packet);
        }
    }

    fn stream(&self, number: &Value) -> StreamHandle {
        self.handles[&number.as_u64().expect("a number")]
    }

    fn put(&mut self, handle: StreamHandle) -> u64 {
        let id = self.host.stream_info(handle).expect("a stream").id.as_u64();
        self.handles.insert(id, handle);
        id
    }

    /// What the host's application does; what the host then says.
    fn act(&mut self, step: &Value) -> Said {
        if step["acknowledge"].is_boolean() {
            self.acknowledge();
        } else if !step["accept"].is_null() {
            let parent = self.stream(&step["accept"]);
            let child = self.host.accept_substream(NOW, parent).expect("a child");
            self.put(child);
        } else if !step["drop"].is_null() {
            let stream = self.stream(&step["drop"]);
            self.host.release(NOW, stream);
        } else if !step["open"].is_null() {
            let parent = self.stream(&step["open"]);
            let child = self.host.open_substream(NOW, parent, Open::default()).expect("opens");
            assert_eq!(self.put(child), step["stream"]);
        } else {
            let parent = self.stream(&step["send"]);
            let options = DatagramOptions { lifetime: None, reliable: true };
            let form = self.host.send_datagram(NOW, parent, &hex(&step["data"]), options);
            assert_eq!(form, Ok(DatagramForm::Substream));
        }
        self.listen()
    }

    fn step(&mut self, step: &Value) -> Result<(), String> {
        let (said, number) = if !step["finish"].is_null() {
            self.finish(&hex(&step["finish"]))
        } else if !step["receive"].is_null() {
            self.receive(&hex(&step["receive"]))
        } else {
            return self.act(step).check_sends(step);
        };
        let then = step["then"].as_str().expect("an outcome");
        let is_acknowledged = said.acknowledged.contains(&number);
        let has_session = self.session.is_some();
        let is_right = match (then, said.close) {
            // FINISH is read only once: whatever follows acknowledges it.
            ("close", code) => {
                let is_right = code == step["code"].as_u64() && has_session;
                is_right && (number == 0 || !is_acknowledged)
            }
            (_, Some(_)) => false,
            ("silence", None) => said.packets_count == 0,
            ("accept" | "acknowledge or withhold", None) => true,
            ("acknowledge", None) => is_acknowledged,
            _ => false,
        };
        if !is_right {
            let Said { close, packets_count, .. } = said;
            return Err(format!(
                "{then} {} wanted of {step}; acknowledged: {is_acknowledged}, \
                 closed with {close:?}, {packets_count} packets",
                step["code"]
            ));
        }
        if then == "close" { Ok(()) } else { said.check_sends(step) }
    }
}

impl Said {
    fn note(&mut self, frame: &Frame<'_>) {
        match frame {
            Frame::Ack(ack) => self.acknowledged.extend(ack.ranges().flatten()),
            Frame::Close(close) => match close.cause {
                CloseCause::Transport(code) => self.close = Some(code.as_u64()),
                CloseCause::Application(_) => panic!("{frame:?}"),
            },
            Frame::Reset(_) | Frame::Stop { .. } | Frame::PathResponse(_) => {
                let mut space = vec![0; 100];
                let mut writer = Writer::new(&mut space);
                frame.encode(&mut writer).expect("fits");
                self.sends.push(writer.written().to_vec());
            }
            Frame::StreamLimit { id, limit } => {
                self.limits.push(("STREAM_LIMIT", Some(id.as_u64()), *limit));
            }
            Frame::ChildLimit { id, limit } => {
                self.limits.push(("CHILD_LIMIT", Some(id.as_u64()), *limit));
            }
            Frame::SessionLimit { limit } => self.limits.push(("SESSION_LIMIT", None, *limit)),
            _ => {}
        }
    }

    fn check_sends(mut self, step: &Value) -> Result<(), String> {
        let list = |name: &str| step[name].as_array().cloned().unwrap_or_default();
        let mut wanted: Vec<Vec<u8>> = list("sends").iter().map(hex).collect();
        wanted.sort();
        self.sends.sort();
        if wanted != self.sends {
            return Err(format!("{:02x?} were sent at {step}", self.sends));
        }
        let is_there = |limit: &Value| {
            let least = limit[2].as_u64().expect("a limit");
            self.limits.iter().any(|(name, id, value)| {
                limit[0] == *name && limit[1].as_u64() == *id && *value >= least
            })
        };
        if list("limits").iter().all(is_there) {
            Ok(())
        } else {
            Err(format!("the limits {:?} were sent at {step}", self.limits))
        }
    }
}

/// A host that announces the file's limits, but for those of the row.
fn config(secret: [u8; 32], announced: &Value) -> Config {
    let number = |name: &str| announced[name].as_u64().expect("a number");
    let mut config = Config::new(secret);
    config.streams.session_window = number("session_window");
    config.streams.stream_window = number("stream_window") as u32;
    config.streams.root_children = number("root_children") as u32;
    config.streams.children = number("children") as u32;
    config.streams.id_window = number("id_window");
    config.streams.datagram_bytes = number("largest_datagram") as u32;
    config
}

#[test]
fn each_packet_of_a_session_has_the_answer_that_the_specification_names() {
    let (file, rows) = table(TABLE);
    assert!(rows.len() > 120, "{}", rows.len());
    verdict(&rows, |row| {
        let mut announced = file["announced"].clone();
        for (name, value) in row["announced"].as_object().expect("a map") {
            announced[name] = value.clone();
        }
        let mut scene = Scene::new(row["side"].as_u64().expect("a side"), &announced);
        let steps = row["steps"].as_array().expect("steps");
        steps.iter().try_for_each(|step| scene.step(step))
    });
}
