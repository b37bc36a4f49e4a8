//! A conversation of two hosts in which nothing is left to chance: every build of the core, on
//! whatever machine and with whatever cryptographic provider, must send the same packets at the
//! same times. A difference of one byte shows in the [`DIGEST`].
//!
//! `docs/examples/transcript.txt` has the packets in hexadecimal.

use core::net::{Ipv4Addr, SocketAddr};

use blake2::{Blake2s256, Digest};

use crate::channel::Path;
use crate::crypto::{Crypto, KEY_LEN, Rehearsed, Suite};
use crate::host::{Config, Dial, Host, InstanceWish, SessionHandle, Storage};
use crate::recovery::ecn::Codepoint;
use crate::stream::{DatagramOptions, Open, StreamHandle};
use crate::time::{Duration, Instant};
use crate::wire::StreamCode;

/// What [`digest`] answers in a build that is right.
pub const DIGEST: [u8; 32] = [
    0x61, 0x6f, 0xf5, 0x3b, 0x6a, 0x15, 0xd8, 0x9a, 0x42, 0x9c, 0x00, 0x50, 0xd9, 0x65, 0xeb, 0xe2,
    0x7a, 0xb6, 0x15, 0x29, 0x86, 0x20, 0xae, 0x74, 0x74, 0x68, 0x54, 0xa5, 0x43, 0x17, 0x27, 0xfe,
];

/// Room for every packet of the conversation, in bytes.
const PACKET_LEN: usize = 1_500;
/// What each packet takes to arrive.
const FLIGHT: Duration = Duration::from_millis(1);
/// Every so many packets, one is lost on the way.
const LOST_ONE_IN: u32 = 13;
/// No part of the conversation takes longer.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// And none has more packets, or the hosts spin.
const MAX_PACKETS: u32 = 1_000;

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that dials.
    Caller,
    /// The one that answers.
    Answerer,
}

/// The conversation did not go on as it must, at this step of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck(pub &'static str);

/// A provider whose random bytes are foretold, with the one cipher that every provider has.
pub type Scripted<C> = Rehearsed<C>;

/// The two hosts, their common time, and who is told of packets.
struct Stage<'s, 't, C: Crypto> {
    caller: Host<'s, Scripted<C>>,
    answerer: Host<'s, Scripted<C>>,
    now: Instant,
    packets: u32,
    tell: &'t mut dyn FnMut(Side, Instant, &[u8]),
}

/// The streams both hosts hold.
struct Roots {
    session: SessionHandle,
    caller: StreamHandle,
    answerer: StreamHandle,
}

/// Plays the conversation on storage for at least one session, eight streams and 8 KiB of bytes
/// each, and tells every packet that is sent: by whom, when, and its bytes.
///
/// # Errors
/// [`Stuck`].
pub fn play<'s, C: Crypto>(
    providers: [C; 2],
    storage: [Storage<'s, Scripted<C>>; 2],
    tell: &mut dyn FnMut(Side, Instant, &[u8]),
) -> Result<(), Stuck> {
    let [caller, answerer] = providers;
    let [caller_storage, answerer_storage] = storage;
    let mut stage = Stage {
        caller: host(1, caller, caller_storage)?,
        answerer: host(2, answerer, answerer_storage)?,
        now: Instant::ZERO,
        packets: 0,
        tell,
    };
    let roots = stage.meet()?;
    stage.talk(&roots)?;
    stage.send_datagrams(&roots)?;
    stage.break_off(&roots)?;
    let _ = stage.caller.close(stage.now, roots.session, 5, "bye");
    stage.settle()
}

/// Plays the conversation and digests it: BLAKE2s-256 of each packet's side (one byte, 0 or 1),
/// time (eight bytes, microseconds), length (two bytes) and bytes, numbers big-endian.
///
/// # Errors
/// [`Stuck`].
pub fn digest<'s, C: Crypto>(
    providers: [C; 2],
    storage: [Storage<'s, Scripted<C>>; 2],
) -> Result<[u8; 32], Stuck> {
    let mut hash = Blake2s256::new();
    play(providers, storage, &mut |side, at, packet| {
        hash.update([if side == Side::Caller { 0 } else { 1 }]);
        hash.update(at.as_micros().to_be_bytes());
        hash.update(u16::try_from(packet.len()).unwrap_or(u16::MAX).to_be_bytes());
        hash.update(packet);
    })?;
    Ok(hash.finalize().into())
}

fn host<C: Crypto>(
    number: u8,
    provider: C,
    storage: Storage<'_, Scripted<C>>,
) -> Result<Host<'_, Scripted<C>>, Stuck> {
    // Nobody waits here: time passes when the play says so.
    let config = Config { first_packet_wait: Duration::ZERO, ..Config::new([number; KEY_LEN]) };
    let suite = Suite::ChaCha20Poly1305;
    let scripted = Rehearsed::new(provider).foretold(number.into()).only(suite);
    Host::new(config, storage, scripted, Instant::ZERO).map_err(|_| Stuck("the host"))
}

impl<C: Crypto> Stage<'_, '_, C> {
    /// The negotiation, up to both roots.
    fn meet(&mut self) -> Result<Roots, Stuck> {
        let dial = Dial::new(path(Side::Answerer), Some(self.answerer.id()));
        let dial = Dial { instance: InstanceWish::Fresh, ..dial };
        let dialled = self.caller.connect(self.now, dial);
        let session = dialled.map_err(|_| Stuck("the dial"))?;
        self.settle()?;
        let answered = self.answerer.session_with(&self.caller.id());
        let answerer = answered.and_then(|session| self.answerer.root(session));
        let caller = self.caller.root(session);
        match (caller, answerer) {
            (Some(caller), Some(answerer)) => Ok(Roots { session, caller, answerer }),
            _ => Err(Stuck("the negotiation")),
        }
    }

    /// Bytes and records, both ways, over a stream with a priority.
    fn talk(&mut self, roots: &Roots) -> Result<(), Stuck> {
        let open = Open { priority: Some(3), ..Open::default() };
        let opened = self.caller.open_substream(self.now, roots.caller, open);
        let stream = opened.map_err(|_| Stuck("the opening"))?;
        let mut bytes = [0; 2_000];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = (at % 251) as u8;
        }
        let written = self.caller.write(self.now, stream, &bytes);
        let marked = self.caller.write_record(self.now, stream, b"and a record");
        if (written, marked) != (Ok(bytes.len()), Ok(12)) {
            return Err(Stuck("writing"));
        }
        self.settle()?;
        let _ = self.answerer.listen(self.now, roots.answerer, 4);
        let child = self.answerer.accept_substream(self.now, roots.answerer);
        let child = child.ok_or(Stuck("the child"))?;
        let mut buffer = [0; 2_100];
        let read = self.answerer.read(self.now, child, &mut buffer);
        if read != Ok(2_012) {
            return Err(Stuck("reading"));
        }
        let _ = self.answerer.write_record(self.now, child, b"an answer");
        let _ = self.answerer.finish(self.now, child);
        let _ = self.caller.finish(self.now, stream);
        self.settle()?;
        let answer = self.caller.read(self.now, stream, &mut buffer);
        self.caller.release(self.now, stream);
        self.answerer.release(self.now, child);
        if answer == Ok(9) { self.settle() } else { Err(Stuck("the answer")) }
    }

    /// A datagram that fits one packet, and one that does not.
    fn send_datagrams(&mut self, roots: &Roots) -> Result<(), Stuck> {
        let large = [7; 3_000];
        for datagram in [&b"small"[..], &large] {
            let options = DatagramOptions::default();
            let sent = self.answerer.send_datagram(self.now, roots.answerer, datagram, options);
            sent.map_err(|_| Stuck("the datagram"))?;
        }
        self.settle()?;
        let mut buffer = [0; 3_000];
        while let Ok(Some(_)) = self.caller.recv_datagram(self.now, roots.caller, &mut buffer) {}
        self.settle()
    }

    /// A reset, a stop, and a priority that changes.
    fn break_off(&mut self, roots: &Roots) -> Result<(), Stuck> {
        let open = Open::default();
        let opened = self.caller.open_substream(self.now, roots.caller, open);
        let ours = opened.map_err(|_| Stuck("the second opening"))?;
        let _ = self.caller.write(self.now, ours, b"never mind");
        let opened = self.answerer.open_substream(self.now, roots.answerer, open);
        let theirs = opened.map_err(|_| Stuck("the third opening"))?;
        let _ = self.answerer.write(self.now, theirs, b"in vain");
        self.settle()?;
        self.caller.reset(self.now, ours, StreamCode::application_nearest(7));
        let _ = self.caller.request_priority(self.now, roots.caller, 1);
        let _ = self.caller.listen(self.now, roots.caller, 1);
        if let Some(child) = self.caller.accept_substream(self.now, roots.caller) {
            self.caller.stop(self.now, child, StreamCode::application_nearest(9));
        }
        self.settle()
    }

    /// Lets packets fly and timers ring until nothing is left to do in this part.
    fn settle(&mut self) -> Result<(), Stuck> {
        let until = self.now.after(SETTLED_AFTER);
        loop {
            let has_sent = self.fly(Side::Caller) | self.fly(Side::Answerer);
            while self.caller.poll_event().is_some() {}
            while self.answerer.poll_event().is_some() {}
            if self.packets > MAX_PACKETS {
                return Err(Stuck("spinning"));
            }
            if has_sent {
                continue;
            }
            let timers = [self.caller.poll_timeout(), self.answerer.poll_timeout()];
            match timers.into_iter().flatten().min().filter(|&at| at <= until) {
                Some(at) => {
                    self.now = self.now.max(at);
                    self.caller.handle_timeout(self.now);
                    self.answerer.handle_timeout(self.now);
                }
                None => {
                    self.now = self.now.max(until);
                    return Ok(());
                }
            }
        }
    }

    /// Carries all that `from` sends now. Whether that was anything.
    fn fly(&mut self, from: Side) -> bool {
        let mut buffer = [0; PACKET_LEN];
        let mut has_sent = false;
        loop {
            let (sender, receiver) = match from {
                Side::Caller => (&mut self.caller, &mut self.answerer),
                Side::Answerer => (&mut self.answerer, &mut self.caller),
            };
            let sent = sender.poll_transmit(self.now, &mut buffer, 1);
            let Some(packet) = sent.and_then(|sent| buffer.get_mut(..sent.len)) else {
                return has_sent;
            };
            has_sent = true;
            self.packets = self.packets.saturating_add(1);
            (self.tell)(from, self.now, packet);
            self.now = self.now.after(FLIGHT);
            if !self.packets.is_multiple_of(LOST_ONE_IN) {
                // What is not liked is dropped, and the transcript shows what comes of it.
                let _ = receiver.handle_packet(self.now, path(from), Codepoint::NotEct, packet);
            }
        }
    }
}

/// The path to `side`.
fn path(side: Side) -> Path {
    let port = if side == Side::Caller { 1 } else { 2 };
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
}
