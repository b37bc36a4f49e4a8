//! Everything of the core that the firmware calls. What is not called here is not proved.

use core::hint::black_box;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sst_nostd::{
    Algorithm, Codepoint, Config, CookieMode, DatagramTicket, Dial, Duration, Event, Host, HostId,
    Instant, Path, SessionHandle, StreamHandle,
};

use crate::streams;
use crate::stub::StubCrypto;

/// The host that the firmware runs.
pub type BareHost = Host<'static, StubCrypto>;

/// Bytes known to nobody at compile time. Where they end, zeros follow.
pub struct Input<'a>(pub &'a [u8]);

impl Input<'_> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// The next eight bytes.
    pub fn word(&mut self) -> u64 {
        (0..8).fold(0, |word, _| word << 8 | u64::from(self.byte()))
    }

    /// Whether the next byte is odd.
    pub fn is_odd(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A length of time, of any size, or none.
    pub fn duration(&mut self) -> Option<Duration> {
        self.is_odd().then(|| Duration::from_micros(self.word()))
    }

    /// Thirty-two bytes.
    pub fn key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        for byte in &mut key {
            *byte = self.byte();
        }
        key
    }

    fn path(&mut self) -> Path {
        let local = self.is_odd().then(|| IpAddr::V6(Ipv6Addr::from_bits(self.word().into())));
        let port = self.word() as u16;
        let peer = if self.is_odd() {
            SocketAddr::from((Ipv4Addr::from_bits(self.word() as u32), port))
        } else {
            SocketAddr::from((Ipv6Addr::from_bits(self.word().into()), port))
        };
        Path { local, peer }
    }
}

/// What the application remembers.
#[derive(Default)]
pub struct Known {
    pub session: Option<SessionHandle>,
    pub stream: Option<StreamHandle>,
    pub ticket: Option<DatagramTicket>,
    /// Depends on everything that was answered.
    pub sum: u64,
}

impl Known {
    /// Has the optimiser believe that `value` matters.
    pub fn note<T>(&mut self, value: T) {
        let value = black_box(value);
        self.sum = self.sum.wrapping_add(core::mem::size_of_val(&value) as u64);
    }
}

/// What the host is told at its start.
pub fn config(input: &mut Input<'_>) -> Config {
    let mut config = Config::new(input.key());
    config.answers_unknown = input.is_odd();
    config.cookies = match input.byte() {
        0 => CookieMode::Always,
        1 => CookieMode::Never,
        _ => CookieMode::Auto,
    };
    config.algorithm = if input.is_odd() { Algorithm::NewReno } else { Algorithm::Cubic };
    config.has_ecn = input.is_odd();
    config.idle_timeout = input.duration();
    config.keep_alive = input.duration();
    config.max_packet_bytes = input.word() as usize;
    config.streams.stream_window = input.word() as u32;
    config.streams.session_window = input.word();
    config.streams.id_window = input.word();
    config.streams.takes_turns = input.is_odd();
    config
}

/// Calls the core once with whatever is in `input`.
pub fn drive(host: &mut BareHost, known: &mut Known, input: &mut [u8; 2048]) {
    #[cfg(feature = "planted-panic")]
    plant(input);
    let (head, packet) = input.split_at_mut(256);
    let mut head = Input(head);
    let now = Instant::from_micros(head.word());
    match head.byte() {
        0 => {
            let ecn = if head.is_odd() { Codepoint::Ce } else { Codepoint::Ect0 };
            known.note(host.handle_packet(now, head.path(), ecn, packet));
        }
        1 => host.handle_timeout(now),
        2 => known.note(host.poll_transmit(now, packet, usize::from(head.byte()))),
        3 => known.note(host.poll_timeout()),
        4 => on_event(host, known),
        5..10 => sessions(host, known, &mut head, now),
        10 => drive_time(known, &mut head),
        _ => streams::drive(host, known, &mut head, now, packet),
    }
}

fn on_event(host: &mut BareHost, known: &mut Known) {
    match host.poll_event() {
        Some(Event::Session(session, event)) => {
            known.session = Some(session);
            known.note(event);
        }
        Some(Event::Stream(session, stream, event)) => {
            known.session = Some(session);
            known.stream = Some(stream);
            known.note(event);
        }
        Some(Event::Datagram(ticket, outcome)) => {
            known.ticket = Some(ticket);
            known.note(outcome);
        }
        None => {}
    }
}

fn sessions(host: &mut BareHost, known: &mut Known, input: &mut Input<'_>, now: Instant) {
    if input.byte() == 0 {
        let id = input.is_odd().then(|| HostId::new(input.key()));
        let dialled = host.connect(now, Dial::new(input.path(), id));
        known.session = dialled.ok();
        known.note(dialled);
        known.note(host.id());
        return;
    }
    let Some(session) = known.session else { return };
    match input.byte() {
        0 => known.stream = host.root(session),
        1 => known.note(host.session_info(session)),
        2 => known.note(host.close_reason(session)),
        3 => known.note(host.close(now, session, input.word(), reason(input))),
        4 => known.note(host.abort(now, session, input.word(), reason(input))),
        5 => known.note(host.refuse(now, session)),
        6 => host.release_session(now, session),
        7 => host.set_keep_alive(session, input.duration()),
        8 => host.update_keys(session),
        9 => known.note(host.stats()),
        10 => host.set_accepting(input.is_odd()),
        _ => known.note(host.session_with(&HostId::new(input.key()))),
    }
}

fn reason<'a>(input: &mut Input<'a>) -> &'a str {
    core::str::from_utf8(input.0).unwrap_or_default()
}

fn drive_time(known: &mut Known, input: &mut Input<'_>) {
    let Some(duration) = input.duration() else { return };
    let now = Instant::from_micros(input.word());
    let later = black_box(now.after(duration));
    let earlier = black_box(now.before(duration));
    known.note(sst_nostd::micros(later.since(earlier)).wrapping_add(later.as_micros()));
}

/// Indexes with a byte that may be anything.
#[cfg(feature = "planted-panic")]
fn plant(input: &mut [u8; 2048]) {
    let few = black_box([1u8, 2, 3]);
    input[1] = few[usize::from(input[0])];
}
