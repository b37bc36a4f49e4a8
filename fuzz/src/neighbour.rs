//! An honest pair beside the hostile peer: two hosts that only exchange messages, one of them the
//! host under test. Whatever the hostile peer has done, the next message must still come through.

use sst_nostd::StreamLimits;
use sst_nostd::crypto::InsecureNullCrypto;
use sst_nostd::{
    Config, Dial, Duration, Event, Host, Instant, Limits, Open, SessionEvent, Storage, StreamHandle,
};

use super::world::{NullHost, hand, path, take_packets, wake};

/// Where the honest host is.
const PORT: u16 = 4;
/// Where the host under test is.
const TESTED_PORT: u16 = 1;
/// Bytes of a message, and of its answer.
const MESSAGE_LEN: usize = 200;
/// How long a message and its answer may take: a few timers of retransmission.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often packets may change hands meanwhile.
const MAX_ROUNDS: usize = 200;
/// How much time may pass at once without the honest session's being given up as idle.
pub const LONGEST_JUMP: Duration = Duration::from_secs(5);

/// Small tables, and yet with a share for several parties in each.
const SHARED: Limits = Limits {
    sessions: 8,
    channels: 16,
    negotiations: 8,
    sent_packets: 512,
    sent_receipts: 1_024,
    streams: StreamLimits {
        sessions: 8,
        streams: 64,
        parents: 32,
        gapped: 32,
        range_rows: 64,
        blocks: 1_024,
        block_bytes: 64,
        tracked_datagrams: 16,
    },
};

/// A host with room for more than one peer.
#[must_use]
pub fn roomy_host(seed: u8) -> NullHost {
    let crypto = InsecureNullCrypto::new(seed.into());
    // All of the meeting is at one time.
    let config = Config { first_packet_wait: Duration::ZERO, ..Config::new([seed; 32]) };
    Host::new(config, Storage::owned(&SHARED), crypto, Instant::ZERO).expect("legal choices")
}

/// The honest host, and a stream from it to the host under test.
pub struct Neighbour {
    host: NullHost,
    ours: StreamHandle,
    theirs: StreamHandle,
    said: u8,
}

impl Neighbour {
    /// Makes a session with `tested`, before anybody else has come.
    #[must_use]
    pub fn meet(tested: &mut NullHost, now: Instant) -> Self {
        let mut host = roomy_host(PORT as u8);
        let dial = Dial::new(path(TESTED_PORT), Some(tested.id()));
        let session = host.connect(now, dial).expect("there is room");
        let (mut incoming, mut is_ready) = (None, false);
        for _ in 0..8 {
            carry(&mut host, tested, now);
            while let Some(event) = host.poll_event() {
                is_ready |= matches!(event, Event::Session(_, SessionEvent::Ready));
            }
            while let Some(event) = tested.poll_event() {
                if let Event::Session(session, SessionEvent::Incoming) = event {
                    incoming = Some(session);
                }
            }
        }
        assert!(is_ready, "{:?}", host.close_reason(session));
        let root = host.root(session).expect("a root");
        let ours = host.open_substream(now, root, Open::default()).expect("a stream");
        assert_eq!(host.write(now, ours, b"hello"), Ok(5));
        carry(&mut host, tested, now);
        let root = tested.root(incoming.expect("a session")).expect("a root");
        let theirs = tested.accept_substream(now, root).expect("a stream");
        assert_eq!(tested.read(now, theirs, &mut [0; 5]), Ok(5));
        Self { host, ours, theirs, said: 0 }
    }

    /// Sends a message and has it back; tells what time it is then.
    ///
    /// # Panics
    ///
    /// If that takes too long: somebody has stopped the honest session.
    pub fn talk(&mut self, tested: &mut NullHost, begun: Instant) -> Instant {
        let mut now = begun;
        self.said = self.said.wrapping_add(1);
        let message = [self.said; MESSAGE_LEN];
        // How far each way: written, and read.
        let (mut there, mut back) = ((0, 0), (0, 0));
        for _ in 0..MAX_ROUNDS {
            let before = (there, back);
            step(&mut self.host, self.ours, tested, self.theirs, now, &message, &mut there);
            let mut is_moving = carry(&mut self.host, tested, now);
            step(tested, self.theirs, &mut self.host, self.ours, now, &message, &mut back);
            is_moving |= carry(&mut self.host, tested, now);
            while self.host.poll_event().is_some() {}
            if (there.1, back.1) == (MESSAGE_LEN, MESSAGE_LEN) {
                return now;
            }
            if is_moving || before != (there, back) {
                continue;
            }
            let due = [&mut self.host, tested].into_iter().filter_map(|host| host.poll_timeout());
            now = now.max(due.min().unwrap_or(now));
            if now > begun.after(PATIENCE) {
                break;
            }
        }
        panic!(
            "the honest session is stopped: {there:?} there, {back:?} back, {:?} {:?}: {:?}",
            self.host.stream_info(self.ours),
            tested.stream_info(self.theirs),
            tested.stats()
        );
    }
}

/// Writes and reads as much of the message as goes.
fn step(
    from: &mut NullHost,
    ours: StreamHandle,
    to: &mut NullHost,
    theirs: StreamHandle,
    now: Instant,
    message: &[u8; MESSAGE_LEN],
    (written, read): &mut (usize, usize),
) {
    if *written < MESSAGE_LEN
        && let Ok(taken) = from.write(now, ours, &message[*written..])
    {
        *written += taken;
    }
    let mut buffer = [0; MESSAGE_LEN];
    if let Ok(len) = to.read(now, theirs, &mut buffer[*read..]) {
        assert!(buffer[*read..*read + len].iter().all(|byte| *byte == message[0]));
        *read += len;
    }
}

/// Carries packets both ways, and lets timers fire; tells whether anything moved. What is for
/// anybody else gets lost.
fn carry(host: &mut NullHost, tested: &mut NullHost, now: Instant) -> bool {
    for round in 0..4 {
        let (out, back) = (wake(host, now), wake(tested, now));
        if out.is_empty() && back.is_empty() {
            return round > 0;
        }
        for (_, packet) in out {
            hand(tested, now, PORT, 0, &packet);
        }
        for (port, packet) in back.into_iter().chain(take_packets(tested, now, 1)) {
            if port == PORT {
                hand(host, now, TESTED_PORT, 0, &packet);
            }
        }
    }
    true
}
