//! [`Host`]: an endpoint without sockets, and the numbers of its sessions and streams.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_std::{Carrier, Config, Delivery, Endpoint, Session, Stream, Surroundings};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::clock;
use crate::error::Fault;
use crate::facts;
use crate::identity::{host_id, identity};
use crate::operation::{Answer, Operation};
use crate::row::{INTERESTS, Interest, Row, Wakers};
use crate::woken::Woken;

/// Room for one packet of any size that is legal.
const PACKET_BYTES: usize = 1_500;
/// The largest packet of a data channel that needs no fragments; every SST host takes it.
const MAX_PACKET_BYTES: u16 = 1_200;
/// Every path has an address of this prefix (unique local, RFC 4193), which nobody else sees.
const PREFIX: [u16; 6] = [0xfd53, 0x5354, 0, 0, 0, 0];
const PORT: u16 = 1;

/// An endpoint, its sessions and its streams.
#[wasm_bindgen]
pub struct Host {
    pub(crate) endpoint: Endpoint,
    carrier: Carrier,
    pub(crate) rows: HashMap<u32, Row>,
    operations: HashMap<u32, Operation>,
    last_number: u32,
    pub(crate) woken: Woken,
    /// Of those who wait for the endpoint itself.
    pub(crate) wakers: Wakers,
    /// What is read passes through here.
    pub(crate) buffer: Vec<u8>,
    packet: Vec<u8>,
    packet_path: u32,
}

#[wasm_bindgen]
impl Host {
    /// An endpoint with the identity of a key file's text. Times in milliseconds, zero for never.
    ///
    /// # Errors
    /// The key, an id or a setting is not possible.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments, reason = "one array of settings would say less")]
    pub fn new(
        key: &str,
        accept: bool,
        allow: Option<Vec<String>>,
        idle_timeout: f64,
        keep_alive: f64,
        connect_timeout: f64,
        max_streams: u32,
        max_buffer_bytes: u32,
        max_datagram_bytes: u32,
        datagram_queue_bytes: u32,
        session_budget: u32,
    ) -> Result<Self, JsValue> {
        let time = |millis: f64| (millis > 0.0).then(|| clock::from_millis(millis));
        let mut config = Config::new(identity(key)?);
        config.accept = accept;
        // Whoever is at the other end of a carrier was given it by the page: nobody scans those.
        config.answers_unknown = true;
        if let Some(ids) = allow {
            let ids: Result<_, Fault> = ids.iter().map(|id| host_id(id)).collect();
            config.allow = Some(ids?);
        }
        config.idle_timeout = time(idle_timeout);
        config.keep_alive = time(keep_alive);
        config.connect_timeout = clock::from_millis(connect_timeout);
        config.max_sessions = 1_024;
        config.max_streams = max_streams;
        config.max_buffer_bytes = u64::from(max_buffer_bytes);
        config.max_datagram_bytes = max_datagram_bytes;
        config.datagram_queue_bytes = datagram_queue_bytes;
        config.session_budget = u64::from(session_budget);
        config.max_packet_bytes = MAX_PACKET_BYTES;
        let surroundings =
            Surroundings { clock: Arc::new(clock::now), local: Vec::new(), seed: None };
        let (endpoint, carrier) = Endpoint::detached(config, surroundings).map_err(Fault::from)?;
        let woken = Woken::default();
        Ok(Self {
            endpoint,
            carrier,
            rows: HashMap::new(),
            operations: HashMap::new(),
            last_number: 0,
            wakers: Wakers::new(0, &woken),
            woken,
            buffer: Vec::new(),
            packet: vec![0; PACKET_BYTES],
            packet_path: 0,
        })
    }

    /// Who this host is.
    #[must_use]
    pub fn id(&self) -> String {
        self.endpoint.id().to_string()
    }

    /// A packet came by a path.
    #[wasm_bindgen(js_name = handlePacket)]
    pub fn handle_packet(&mut self, path: u32, mut packet: Vec<u8>) {
        self.carrier.handle_packet(address(path), &mut packet);
    }

    /// Does what is due, and wakes those for whom something came.
    pub fn turn(&mut self) {
        self.carrier.turn();
    }

    /// The next packet to send, then to be asked for with [`packet_path`](Self::packet_path);
    /// nothing if there is none.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        let (to, len) = self.carrier.poll_transmit(&mut self.packet)?;
        self.packet_path = path(to);
        self.packet.get(..len).map(<[u8]>::to_vec)
    }

    /// The path of the packet that was just handed out.
    #[wasm_bindgen(js_name = packetPath)]
    #[must_use]
    pub fn packet_path(&self) -> u32 {
        self.packet_path
    }

    /// In how many milliseconds the next turn is due; nothing if none is.
    #[must_use]
    pub fn timeout(&mut self) -> Option<f64> {
        let due = self.carrier.poll_timeout()?;
        Some(clock::to_millis(due.saturating_sub(clock::now())))
    }

    /// Whether a call has left something to send or to tell.
    #[wasm_bindgen(js_name = hasWork)]
    #[must_use]
    pub fn has_work(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.carrier.poll_work(&mut cx).is_ready()
    }

    /// The numbers of those for whom something may have come: a handle times eight, plus the kind
    /// of interest.
    #[wasm_bindgen(js_name = takeWoken)]
    #[must_use]
    pub fn take_woken(&mut self) -> Vec<u32> {
        self.woken.take()
    }

    /// Whether the endpoint is closed: then no more turns are needed.
    #[wasm_bindgen(js_name = hasEnded)]
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.carrier.has_ended()
    }

    /// The number under which the last call that answered "later" goes on.
    #[wasm_bindgen(js_name = lastNumber)]
    #[must_use]
    pub fn last_number(&self) -> u32 {
        self.last_number
    }

    /// Goes on with a call; `undefined` if it still has to wait.
    ///
    /// # Errors
    /// Its own.
    pub fn resume(&mut self, number: u32) -> Result<JsValue, JsValue> {
        let Some(operation) = self.operations.remove(&number) else {
            return Ok(JsValue::UNDEFINED);
        };
        self.go_on(number, operation)
    }

    /// Gives up a call.
    #[wasm_bindgen(js_name = giveUp)]
    pub fn give_up(&mut self, number: u32) {
        self.operations.remove(&number);
    }
}

impl Host {
    /// Begins an operation.
    pub(crate) fn begin(&mut self, operation: Operation) -> Result<JsValue, JsValue> {
        let number = self.next_number();
        self.go_on(number, operation)
    }

    fn go_on(&mut self, number: u32, mut operation: Operation) -> Result<JsValue, JsValue> {
        let waker = self.woken.waker(number * INTERESTS + Interest::Read as u32);
        match operation.poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                self.operations.insert(number, operation);
                Ok(JsValue::UNDEFINED)
            }
            Poll::Ready(answer) => Ok(self.answer(answer?)),
        }
    }

    fn answer(&mut self, answer: Answer) -> JsValue {
        match answer {
            Answer::Done => JsValue::TRUE,
            Answer::Offers(offers) => facts::offers(&offers),
            Answer::Session(session) => self.add_session(session),
            Answer::Stream(stream) => self.add_stream(stream),
            Answer::Word(word) => word.into(),
        }
    }

    pub(crate) fn add_session(&mut self, session: Session) -> JsValue {
        let number = self.next_number();
        let path = session.peer_address().map_or(u32::MAX, path);
        let told = facts::session(number, path, &session);
        self.rows.insert(number, Row::of_session(number, &self.woken, session));
        told
    }

    pub(crate) fn add_stream(&mut self, stream: Stream) -> JsValue {
        let number = self.next_number();
        let told = facts::stream(number, &stream);
        self.rows.insert(number, Row::of_stream(number, &self.woken, stream));
        told
    }

    /// Keeps a delivery until it is asked for, as an operation that comes to a word.
    pub(crate) fn keep(&mut self, delivery: Delivery) -> u32 {
        let number = self.next_number();
        let told = Operation::new(async move { Ok(Answer::Word(delivery.await.name())) });
        self.operations.insert(number, told);
        number
    }

    /// Numbers are not used again, so an old one never names something new.
    fn next_number(&mut self) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }
}

/// The made-up address of a path.
pub(crate) fn address(path: u32) -> SocketAddr {
    let [a, b, c, d, e, f] = PREFIX;
    let [high, low] = [(path >> 16) as u16, path as u16];
    SocketAddr::new(Ipv6Addr::new(a, b, c, d, e, f, high, low).into(), PORT)
}

/// The path of a made-up address.
pub(crate) fn path(address: SocketAddr) -> u32 {
    match address {
        SocketAddr::V4(_) => u32::MAX,
        SocketAddr::V6(six) => {
            let [.., high, low] = six.ip().segments();
            u32::from(high) << 16 | u32::from(low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_addresses_of_their_own() {
        for number in [0, 1, 65_535, 65_536, u32::MAX - 1] {
            assert_eq!(path(address(number)), number);
        }
    }
}
