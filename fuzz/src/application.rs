//! An application that does what a fuzzer says, and checks that what it reads was written.

use std::collections::HashMap;

use sst_nostd::{
    DatagramOptions, Dial, Duration, Event, InstanceWish, Instant, Open, ReadError, SessionEvent,
    SessionHandle, StreamCode, StreamHandle,
};

use super::input::{Input, ignore};
use super::world::{NullHost, path};

/// More events than the tables have rows and kinds.
const MAX_EVENTS: usize = 1_000;

/// What one application knows of its host.
#[derive(Default)]
pub struct Application {
    sessions: Vec<SessionHandle>,
    streams: Vec<StreamHandle>,
    progress: HashMap<StreamHandle, Progress>,
    /// The peer is an application too: what it writes is known.
    is_peer_honest: bool,
    /// Bytes that were read and were right.
    pub checked_bytes: u64,
}

/// How far a stream was written and read, in bytes.
#[derive(Default)]
struct Progress {
    written: u64,
    read: u64,
    /// It was read out of order.
    is_unordered: bool,
}

impl Application {
    /// One whose peer is another such application.
    #[must_use]
    pub fn with_honest_peer() -> Self {
        Self { is_peer_honest: true, ..Self::default() }
    }

    /// Hears what happened.
    pub fn listen(&mut self, host: &mut NullHost) {
        for _ in 0..MAX_EVENTS {
            match host.poll_event() {
                Some(Event::Session(session, SessionEvent::Incoming | SessionEvent::Ready)) => {
                    self.meet(session);
                }
                Some(Event::Session(session, _)) => assert!(host.close_reason(session).is_some()),
                Some(Event::Stream(_, stream, _)) => assert!(host.stream_info(stream).is_some()),
                // Its row is free again.
                Some(Event::Datagram(..)) => {}
                None => return,
            }
        }
        panic!("there is always another event");
    }

    /// Does one thing.
    pub fn act(&mut self, host: &mut NullHost, now: Instant, peer: u16, input: &mut Input<'_>) {
        match input.below(8) {
            0 => self.on_session(host, now, peer, input),
            1 | 2 => self.on_family(host, now, input),
            3 | 4 => self.write(host, now, input),
            5 | 6 => self.read(host, now, input),
            _ => self.on_stream(host, now, input),
        }
        self.listen(host);
    }

    /// Lets go of everything.
    pub fn leave(&mut self, host: &mut NullHost, now: Instant) {
        self.listen(host);
        for stream in self.streams.drain(..) {
            host.release(now, stream);
        }
        for session in self.sessions.drain(..) {
            host.release_session(now, session);
        }
        self.progress.clear();
    }

    fn meet(&mut self, session: SessionHandle) {
        if !self.sessions.contains(&session) {
            self.sessions.push(session);
        }
    }

    fn on_session(&mut self, host: &mut NullHost, now: Instant, peer: u16, input: &mut Input<'_>) {
        let session = pick(&self.sessions, input);
        let what = input.below(12);
        if what < 3 {
            let id = sst_nostd::HostId::new([peer as u8; 32]);
            let dial = Dial::new(path(peer), (what > 0).then_some(id));
            let instance = if what == 2 { InstanceWish::Fresh } else { dial.instance };
            let dial = Dial { instance, ..dial };
            if let Ok(session) = host.connect(now, dial) {
                self.meet(session);
            }
            return;
        }
        let Some(session) = session else { return };
        match what {
            3 => ignore(host.close(now, session, input.size(), "closed")),
            4 => ignore(host.abort(now, session, input.size(), "aborted")),
            5 => {
                host.release_session(now, session);
                self.sessions.retain(|other| *other != session);
            }
            6 => host.update_keys(session),
            7 => host.set_keep_alive(session, duration(input)),
            8 => ignore(host.refuse(now, session)),
            9 => ignore((host.session_info(session), host.stats())),
            10 => host.set_accepting(input.flag()),
            _ => self.streams.extend(host.root(session)),
        }
    }

    /// A root, or a stream that may have children.
    fn parent(&self, host: &NullHost, input: &mut Input<'_>) -> Option<StreamHandle> {
        if input.byte() < 160 {
            pick(&self.sessions, input).and_then(|session| host.root(session))
        } else {
            pick(&self.streams, input)
        }
    }

    fn on_family(&mut self, host: &mut NullHost, now: Instant, input: &mut Input<'_>) {
        let Some(parent) = self.parent(host, input) else { return };
        match input.below(8) {
            0 | 1 => {
                let choices = input.byte();
                let open = Open {
                    priority: (choices & 1 != 0).then(|| input.byte().cast_signed()),
                    service: choices & 6 == 6,
                    lifetime: if choices & 24 == 24 { duration(input) } else { None },
                };
                self.streams.extend(host.open_substream(now, parent, open).ok());
            }
            2 | 3 => self.streams.extend(host.accept_substream(now, parent)),
            4 => ignore(host.listen(now, parent, input.below(20) as u32)),
            5 => {
                let bytes: Vec<u8> = (0..input.word()).map(|at| pattern(0, at.into())).collect();
                let lifetime = if input.flag() { duration(input) } else { None };
                let options = DatagramOptions { lifetime, reliable: input.flag() };
                let _ = host.send_tracked_datagram(now, parent, &bytes, options);
            }
            6 => self.receive_datagram(host, now, parent, input),
            _ => ignore(host.accept_datagram(now, parent).map(|it| host.release(now, it))),
        }
    }

    fn receive_datagram(
        &mut self,
        host: &mut NullHost,
        now: Instant,
        parent: StreamHandle,
        input: &mut Input<'_>,
    ) {
        let mut buffer = vec![0; usize::from(input.word())];
        if let Ok(Some((len, _))) = host.recv_datagram(now, parent, &mut buffer)
            && self.is_peer_honest
        {
            for (at, byte) in buffer[..len].iter().enumerate() {
                assert_eq!(*byte, pattern(0, at as u64), "byte {at} of a datagram");
                self.checked_bytes += 1;
            }
        }
    }

    fn write(&mut self, host: &mut NullHost, now: Instant, input: &mut Input<'_>) {
        let Some(stream) = pick(&self.streams, input) else { return };
        let Some(id) = host.stream_info(stream).map(|info| info.id.as_u64()) else { return };
        let progress = self.progress.entry(stream).or_default();
        let len = u64::from(input.word()) % 4000;
        let bytes: Vec<u8> = (0..len).map(|at| pattern(id, progress.written + at)).collect();
        let result = match input.below(4) {
            0 => host.write_record(now, stream, &bytes),
            _ => host.write(now, stream, &bytes),
        };
        if let Ok(taken) = result {
            assert!(taken <= bytes.len());
            progress.written += taken as u64;
        }
    }

    fn read(&mut self, host: &mut NullHost, now: Instant, input: &mut Input<'_>) {
        let Some(stream) = pick(&self.streams, input) else { return };
        let Some(info) = host.stream_info(stream) else { return };
        let mut buffer = vec![0; usize::from(input.word()) % 4000];
        let progress = self.progress.entry(stream).or_default();
        let result = match input.below(5) {
            0 | 1 => host.read(now, stream, &mut buffer),
            2 | 3 => host.read_record(now, stream, &mut buffer).map(|record| record.len),
            _ => {
                progress.is_unordered = true;
                let taken = host.read_unordered(now, stream, &mut buffer);
                taken.map(|taken| taken.map_or(0, |(_, len)| len))
            }
        };
        let len = match result {
            Ok(len) => len,
            Err(ReadError::BufferTooSmall(_)) => panic!("only datagrams need room at once"),
            Err(_) => return,
        };
        if self.is_peer_honest && !progress.is_unordered && !info.is_datagram {
            for byte in &buffer[..len] {
                let expected = pattern(info.id.as_u64(), progress.read);
                assert_eq!(*byte, expected, "byte {} of {:?}", progress.read, info.id);
                progress.read += 1;
                self.checked_bytes += 1;
            }
        }
    }

    fn on_stream(&mut self, host: &mut NullHost, now: Instant, input: &mut Input<'_>) {
        let Some(stream) = pick(&self.streams, input) else { return };
        match input.below(8) {
            0 | 1 => ignore(host.finish(now, stream)),
            2 => host.reset(now, stream, StreamCode::new(input.size())),
            3 => host.stop(now, stream, StreamCode::new(input.size())),
            4 => {
                host.release(now, stream);
                self.streams.retain(|other| *other != stream);
                self.progress.remove(&stream);
            }
            5 => {
                let priority = input.flag().then(|| input.byte().cast_signed());
                ignore(host.set_priority(now, stream, priority));
            }
            6 => ignore(host.request_priority(now, stream, input.byte().cast_signed())),
            _ => ignore(host.set_lifetime(now, stream, duration(input))),
        }
    }
}

/// The byte at `at` of what is always written to stream `id`.
const fn pattern(id: u64, at: u64) -> u8 {
    (id.wrapping_mul(31).wrapping_add(at.wrapping_mul(7)) ^ at >> 8) as u8
}

fn duration(input: &mut Input<'_>) -> Option<Duration> {
    input.flag().then(|| Duration::from_micros(input.size()))
}

fn pick<T: Copy>(from: &[T], input: &mut Input<'_>) -> Option<T> {
    let index = input.below(from.len());
    from.get(index).copied()
}
