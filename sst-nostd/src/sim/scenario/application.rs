//! How applications react: they write, read, accept and retry when they are told to, and only
//! then, so that an event that is missing is noticed.

use std::format;
use std::vec;
use std::vec::Vec;

use crate::host::{Event, SessionHandle, SessionInfo};
use crate::session::SessionEvent;
use crate::sim::model::{self, Half, NUMBER_BYTES, Shape};
use crate::stream::{
    Open, OpenError, ReadError, RecordRead, StreamEvent, StreamHandle, WriteError,
};
use crate::wire::{CloseCause, TransportCode};

use super::plan::millis;
use super::{Held, Incoming, Known, Outgoing, Scenario, Way, key};

impl Scenario {
    pub(super) fn on_event(&mut self, node: usize, event: &Event) {
        match *event {
            Event::Session(session, event) => self.on_session_event(node, session, event),
            Event::Stream(session, stream, event) => {
                self.on_stream_event(node, session, stream, event);
            }
            Event::Datagram(ticket, outcome) => {
                let name = (ticket.index(), ticket.generation());
                let number = self.applications[node].tickets.remove(&name);
                let number = number.ok_or("an outcome nobody asked for");
                let told = number.and_then(|number| self.model.on_outcome(number, outcome));
                if let Err(what) = told {
                    self.fail(format!("host {node} tells {what}: {outcome:?}"));
                }
            }
        }
    }

    fn on_session_event(&mut self, node: usize, session: SessionHandle, event: SessionEvent) {
        match event {
            SessionEvent::Incoming | SessionEvent::Ready => {
                self.learn(node, session);
                self.sessions += 1;
                if let Some(known) = self.known(node, session) {
                    known.is_ready = true;
                }
            }
            SessionEvent::Closed => {
                if let Some(known) = self.known(node, session) {
                    known.is_closed = true;
                }
                self.check_reason(node, session);
                self.on_session_over(node, session);
            }
            // No scenario asks for keys.
            SessionEvent::Keys => {}
        }
    }

    /// Two honest hosts never close for a breach.
    fn check_reason(&mut self, node: usize, session: SessionHandle) {
        let Some(reason) = self.network.node(node).host.close_reason(session) else {
            return self.fail(format!("host {node}: closed without a reason"));
        };
        let harmless = [
            TransportCode::NONE,
            TransportCode::IDENTITY_REFUSED,
            TransportCode::DUPLICATE_SESSION,
            TransportCode::NO_CAPACITY,
            TransportCode::REPLACED,
            TransportCode::SHUTDOWN,
            TransportCode::STATE_LOST,
        ];
        if let CloseCause::Transport(code) = reason.cause
            && !harmless.contains(&code)
        {
            self.fail(format!("host {node}: closed for {reason:?}"));
        }
    }

    /// What has arrived can be read; then every stream ends in an error.
    fn on_session_over(&mut self, node: usize, session: SessionHandle) {
        for stream in self.streams_of(node, session) {
            self.read_stream(node, stream);
            self.write_stream(node, stream);
        }
    }

    pub(super) fn streams_of(&self, node: usize, session: SessionHandle) -> Vec<StreamHandle> {
        let held = self.applications[node].streams.values();
        held.filter(|held| held.session == session).map(|held| held.stream).collect()
    }

    /// Notes a session that the application has a handle of.
    pub(super) fn learn(&mut self, node: usize, session: SessionHandle) {
        let info = self.network.node(node).host.session_info(session);
        let peer = info.and_then(|info| self.peer_of(node, &info)).unwrap_or(usize::MAX);
        if let Some(known) = self.known(node, session) {
            // Who answered a call to an address alone is known only now.
            known.peer = peer;
            return;
        }
        let known = Known { handle: session, peer, is_ready: false, is_closed: false };
        self.applications[node].sessions.push(known);
    }

    /// The node at the other end: by who dialled whom, or by its identity.
    fn peer_of(&self, node: usize, info: &SessionInfo) -> Option<usize> {
        let bond = self.bonds.iter().find(|(instance, ..)| Some(*instance) == info.instance);
        if let Some((_, one, other)) = bond {
            return Some(if *one == node { *other } else { *one });
        }
        self.ids.iter().position(|id| Some(*id) == info.peer)
    }

    pub(super) fn known(&mut self, node: usize, session: SessionHandle) -> Option<&mut Known> {
        self.applications[node].sessions.iter_mut().find(|known| known.handle == session)
    }

    fn on_stream_event(
        &mut self,
        node: usize,
        session: SessionHandle,
        stream: StreamHandle,
        event: StreamEvent,
    ) {
        let is_lazy = self.held(node, stream).is_some_and(|held| held.is_lazy);
        match event {
            StreamEvent::Child => self.accept_all(node, session, stream),
            StreamEvent::Datagram => self.receive_all(node, session, stream),
            StreamEvent::Readable if is_lazy && !self.is_healing => {}
            StreamEvent::Readable | StreamEvent::Reset(_) => self.read_stream(node, stream),
            StreamEvent::Writable | StreamEvent::Stopped(_) | StreamEvent::Expired => {
                self.write_stream(node, stream);
            }
            StreamEvent::ChildCredit => {
                if let Some(held) = self.held(node, stream) {
                    held.wants_child = false;
                }
                if !self.is_healing {
                    self.open_under(node, session, stream);
                }
            }
            StreamEvent::Finished => self.on_finished(node, stream),
            StreamEvent::DatagramSpace | StreamEvent::Crowded => {}
        }
    }

    /// The host says that all of a half is delivered: it must have been finished.
    fn on_finished(&mut self, node: usize, stream: StreamHandle) {
        let number = self.held(node, stream).and_then(|held| Some(held.outgoing.as_ref()?.number));
        let is_finished = number.and_then(|n| self.model.half(n)).map(|half| half.is_finished);
        if is_finished == Some(false) {
            self.fail(format!("host {node}: a half is delivered that was not finished"));
        }
    }

    pub(super) fn held(&mut self, node: usize, stream: StreamHandle) -> Option<&mut Held> {
        self.applications[node].streams.get_mut(&key(stream))
    }

    fn accept_all(&mut self, node: usize, session: SessionHandle, parent: StreamHandle) {
        loop {
            let (host, now) = self.network.host(node);
            let Some(stream) = host.accept_substream(now, parent) else { break };
            self.hold(node, session, stream, true);
            self.read_stream(node, stream);
        }
    }

    pub(super) fn open_under(&mut self, node: usize, session: SessionHandle, parent: StreamHandle) {
        let priority = self.random.one_in(3).then(|| self.random.next() as i8);
        let lifetime = self.random.one_in(8).then(|| millis(&mut self.random, 1, 3000));
        let (host, now) = self.network.host(node);
        match host.open_substream(now, parent, Open { priority, service: false, lifetime }) {
            Ok(stream) => {
                self.hold(node, session, stream, false);
                if let Some(held) = self.held(node, stream) {
                    held.is_mortal |= lifetime.is_some();
                }
            }
            Err(OpenError::Blocked) => {
                if let Some(held) = self.held(node, parent) {
                    held.wants_child = true;
                }
            }
            Err(_) => {}
        }
    }

    /// The application has a stream, and chooses what to do with it.
    pub(super) fn hold(
        &mut self,
        node: usize,
        session: SessionHandle,
        stream: StreamHandle,
        is_accepted: bool,
    ) {
        let Some(info) = self.network.node(node).host.stream_info(stream) else {
            return self.fail(format!("host {node}: a new stream is unknown"));
        };
        let peer = self.known(node, session).map_or(usize::MAX, |known| known.peer);
        let bond = self.network.node(node).host.session_info(session);
        let instance = bond.and_then(|info| info.instance);
        let shape = if self.random.one_in(2) { Shape::Bytes } else { Shape::Records };
        let number = self.model.add_half(Half {
            sender: node,
            receiver: peer,
            instance,
            stream: info.id.as_u64(),
            shape,
            written: 0,
            records: 0,
            is_finished: false,
            is_abandoned: false,
        });
        let target = match (self.random.below(10), shape) {
            (0, _) if is_accepted => 0,
            (0, Shape::Bytes) => 8 + self.random.below(400_000),
            (1..4, Shape::Bytes) => 8 + self.random.below(30_000),
            (_, Shape::Bytes) => 8 + self.random.below(1000),
            (0..3, Shape::Records) => self.random.below(100),
            (_, Shape::Records) => self.random.below(6),
        };
        let way = self.random.pick(&[Way::Bytes, Way::Bytes, Way::Records, Way::Unordered]);
        let held = Held {
            session,
            instance,
            stream,
            peer,
            id: info.id.as_u64(),
            outgoing: Some(Outgoing { number, target, in_record: 0, is_over: false }),
            incoming: Some(Incoming {
                way,
                number: None,
                early: vec![],
                read: 0,
                records: 0,
                in_record: 0,
                is_over: false,
            }),
            is_lazy: self.random.one_in(6),
            is_mortal: false,
            wants_child: false,
        };
        self.applications[node].streams.insert(key(stream), held);
        self.write_stream(node, stream);
    }

    /// Writes as much as the host takes.
    pub(super) fn write_stream(&mut self, node: usize, stream: StreamHandle) {
        loop {
            let Some(held) = self.applications[node].streams.get_mut(&key(stream)) else { return };
            let is_mortal = held.is_mortal;
            let Some(out) = held.outgoing.as_mut().filter(|out| !out.is_over) else { return };
            let Some(half) = self.model.half(out.number) else { return };
            let (host, now) = self.network.host(node);
            let done = if half.shape == Shape::Bytes { half.written } else { half.records };
            let result = if done >= out.target {
                host.finish(now, stream).map(|()| {
                    (half.is_finished, out.is_over) = (true, true);
                })
            } else if half.shape == Shape::Bytes {
                let len = (out.target - half.written).min(8192) as usize;
                let bytes = model::content(out.number, half.written, len);
                host.write(now, stream, &bytes).map(|taken| half.written += taken as u64)
            } else {
                let len = model::record_len(out.number, half.records) - out.in_record;
                let bytes = model::content(out.number, half.written, len);
                host.write_record(now, stream, &bytes).map(|taken| {
                    half.written += taken as u64;
                    out.in_record += taken;
                    if taken == len {
                        half.records += 1;
                        out.in_record = 0;
                    }
                })
            };
            match result {
                Ok(()) => {}
                Err(WriteError::Blocked) => return,
                Err(WriteError::Expired) if is_mortal => {
                    (half.is_abandoned, out.is_over) = (true, true);
                }
                Err(WriteError::SessionClosed | WriteError::Stopped(_)) => {
                    (half.is_abandoned, out.is_over) = (true, true);
                }
                Err(error) => return self.fail(format!("host {node}: write: {error:?}")),
            }
        }
    }

    /// Reads as much as has arrived.
    pub(super) fn read_stream(&mut self, node: usize, stream: StreamHandle) {
        let mut buffer = vec![0; 4096];
        loop {
            let Some(held) = self.applications[node].streams.get_mut(&key(stream)) else { return };
            let Some(way) =
                held.incoming.as_ref().filter(|incoming| !incoming.is_over).map(|i| i.way)
            else {
                break;
            };
            let (host, now) = self.network.host(node);
            let read = match way {
                Way::Bytes => host
                    .read(now, stream, &mut buffer)
                    .map(|len| (None, RecordRead { len, end: false, finished: len == 0 })),
                Way::Records => {
                    host.read_record(now, stream, &mut buffer).map(|record| (None, record))
                }
                Way::Unordered => host.read_unordered(now, stream, &mut buffer).map(|piece| {
                    let (at, len) = piece.unwrap_or_default();
                    let finished = piece.is_none();
                    (Some(at), RecordRead { len, end: false, finished })
                }),
            };
            match read {
                Ok((at, record)) => {
                    let bytes = &buffer[..record.len];
                    if let Err(what) = self.on_read(node, stream, at, bytes, record) {
                        let way = format!("{way:?}");
                        return self.fail(format!("host {node} reads {way}: {what}"));
                    }
                }
                Err(ReadError::Blocked) => break,
                Err(error) => self.on_read_error(node, stream, error),
            }
        }
        self.release_if_done(node, stream);
    }

    /// Holds what was read against what was written.
    fn on_read(
        &mut self,
        node: usize,
        stream: StreamHandle,
        at: Option<u64>,
        bytes: &[u8],
        record: RecordRead,
    ) -> Result<(), &'static str> {
        self.bytes += bytes.len() as u64;
        let held = self.applications[node].streams.get_mut(&key(stream)).ok_or("not held")?;
        let whose = (held.peer, node, held.instance, held.id);
        let incoming = held.incoming.as_mut().ok_or("no half")?;
        let offset = at.unwrap_or(incoming.read);
        incoming.read += bytes.len() as u64;
        if incoming.number.is_none() {
            incoming.early.push((offset, bytes.to_vec()));
            incoming.number = first_number(&incoming.early);
        }
        let Some(number) = incoming.number else {
            if record.finished {
                incoming.is_over = true;
            }
            incoming.in_record += bytes.len();
            if record.end {
                return Err("a first record without a number");
            }
            return Ok(());
        };
        let half = self.model.half(number).ok_or("bytes nobody wrote")?;
        if (half.sender, half.receiver, half.instance, half.stream) != whose {
            return Err("bytes of another stream");
        }
        // Marks have positions: only where there are none is the position the place.
        if half.shape == Shape::Bytes || at.is_none() {
            let early = core::mem::take(&mut incoming.early);
            let is_right = early.iter().all(|(at, bytes)| model::is_content(number, *at, bytes))
                && model::is_content(number, offset, bytes);
            if !is_right {
                return Err("other bytes than were written");
            }
        }
        if incoming.read > half.written {
            return Err("more bytes than were written");
        }
        incoming.in_record += bytes.len();
        if record.end {
            let len = model::record_len(number, incoming.records);
            if half.shape == Shape::Bytes || incoming.in_record != len {
                return Err("a record of another length");
            }
            incoming.records += 1;
            incoming.in_record = 0;
        }
        if record.finished {
            incoming.is_over = true;
            let is_whole = half.is_finished && incoming.read == half.written;
            let has_all = incoming.way != Way::Records || incoming.records == half.records;
            if !is_whole || !has_all {
                return Err("an end before the end");
            }
        }
        Ok(())
    }

    fn on_read_error(&mut self, node: usize, stream: StreamHandle, error: ReadError) {
        let Some(held) = self.applications[node].streams.get_mut(&key(stream)) else { return };
        let session = held.session;
        let Some(incoming) = &mut held.incoming else { return };
        incoming.is_over = true;
        let number = incoming.number;
        match error {
            ReadError::Reset(code) => {
                let half = number.and_then(|number| self.model.half(number));
                let is_abandoned = half.is_none_or(|half| half.is_abandoned);
                if !is_abandoned && !model::is_own_code(code) {
                    self.fail(format!("host {node}: reset with {code:?}, not by the sender"));
                }
            }
            ReadError::SessionClosed => {
                let is_known = self.network.node(node).host.close_reason(session).is_some();
                if !is_known {
                    self.fail(format!("host {node}: a session is closed without a reason"));
                }
            }
            ReadError::Stopped => {}
            error => self.fail(format!("host {node}: read: {error:?}")),
        }
    }

    fn release_if_done(&mut self, node: usize, stream: StreamHandle) {
        let Some(held) = self.held(node, stream) else { return };
        let is_out = held.outgoing.as_ref().is_none_or(|out| out.is_over);
        let is_in = held.incoming.as_ref().is_none_or(|incoming| incoming.is_over);
        if is_out && is_in && self.random.one_in(2) {
            self.let_stream_go(node, stream);
        }
    }

    pub(super) fn let_stream_go(&mut self, node: usize, stream: StreamHandle) {
        self.applications[node].streams.remove(&key(stream));
        let (host, now) = self.network.host(node);
        host.release(now, stream);
    }

    pub(super) fn receive_all(&mut self, node: usize, session: SessionHandle, on: StreamHandle) {
        let peer = self.known(node, session).map_or(usize::MAX, |known| known.peer);
        let parent = self.network.node(node).host.stream_info(on);
        let Some(parent) = parent.map(|info| info.id.as_u64()) else { return };
        let mut buffer = vec![0; 65_536];
        loop {
            let (host, now) = self.network.host(node);
            let Ok(Some((len, _))) = host.recv_datagram(now, on, &mut buffer) else { break };
            self.datagrams += 1;
            if let Err(what) = self.model.on_datagram(peer, node, parent, &buffer[..len]) {
                return self.fail(format!("host {node}: {what}"));
            }
        }
    }
}

/// The number that stands in the first bytes, once all of them are here.
fn first_number(pieces: &[(u64, Vec<u8>)]) -> Option<u64> {
    let mut number = [0; NUMBER_BYTES];
    for (place, to) in number.iter_mut().enumerate() {
        let found = pieces.iter().find_map(|(at, bytes)| {
            let index = (place as u64).checked_sub(*at)?;
            bytes.get(usize::try_from(index).ok()?).copied()
        });
        *to = found?;
    }
    Some(u64::from_be_bytes(number))
}
