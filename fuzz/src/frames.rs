//! Frames of any kind past the cryptography, from a peer that is no host at all.

use sst_nostd::crypto::{InsecureNullCrypto, KeyPair, insecure_checksum};
use sst_nostd::negotiation::{Call, Initiator};
use sst_nostd::noise::Pattern;
use sst_nostd::wire::negotiation::Reply;
use sst_nostd::wire::{Parameters, SealedHeader};
use sst_nostd::{ChannelId, Dial, Duration, Instant, Writer};

use super::application::Application;
use super::input::Input;
use super::neighbour::{LONGEST_JUMP, Neighbour, roomy_host};
use super::world::{NullHost, hand, host, path, take_packets, wake};

/// A host, its application, and what the peer needs to seal packets.
struct Scene {
    host: NullHost,
    application: Application,
    /// An honest session of the host, if there is one.
    neighbour: Option<Neighbour>,
    channel: Option<ChannelId>,
    next_number: u64,
    now: Instant,
}

/// Hands the frames in `data` to a host.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let state = input.byte();
    let has_neighbour = state & 64 != 0;
    let mut host = if has_neighbour { roomy_host(1) } else { host(1, &mut input) };
    let mut scene = Scene {
        neighbour: has_neighbour.then(|| Neighbour::meet(&mut host, Instant::ZERO)),
        host,
        application: Application::default(),
        channel: None,
        next_number: 1,
        now: Instant::ZERO,
    };
    scene.prepare(state, &mut input);
    for _ in 0..300 {
        if input.is_empty() {
            return;
        }
        scene.step(&mut input);
    }
}

impl Scene {
    fn prepare(&mut self, state: u8, input: &mut Input<'_>) {
        match state & 3 {
            0 => self.be_called(input),
            1 => self.call(input),
            // No session: frames then belong to nothing.
            _ => self.channel = ChannelId::new(u32::from(state)),
        }
        wake(&mut self.host, self.now);
        self.application.listen(&mut self.host);
    }

    /// The peer dials, with parameters and first frames as it likes.
    fn be_called(&mut self, input: &mut Input<'_>) {
        let crypto = InsecureNullCrypto::new(9);
        let statics = KeyPair::from_secret(&crypto, &[2; 32]);
        let parameters = parameters(input);
        let call = Call {
            pattern: Pattern::Xk,
            path: path(1),
            statics: &statics,
            peer: Some(self.host.id()),
            parameters: &parameters,
            channel: ChannelId::new(7).expect("not zero"),
            ephemeral: &[5; 32],
        };
        let Ok(mut initiator) = Initiator::new(&crypto, self.now, &call) else { return };
        let mut buffer = [0; 1500];
        // With cookies, the second INIT is the one that is answered.
        for _ in 0..2 {
            let Ok(len) = initiator.write_init(self.now, call.path, &mut buffer) else { return };
            hand(&mut self.host, self.now, 2, 0, &buffer[..len]);
            for (_, packet) in take_packets(&mut self.host, self.now, 1) {
                let _ = initiator.handle_cookie(call.path, &packet);
                if initiator.handle_reply(&crypto, self.now, call.path, &packet).is_err() {
                    continue;
                }
                let first = input.piece();
                let Ok((ready, len)) = initiator.agree_and_seal(&crypto, first, &mut buffer) else {
                    return;
                };
                self.channel = Some(ready.peer_channel);
                hand(&mut self.host, self.now, 2, 0, &buffer[..len]);
                return;
            }
        }
    }

    /// The host dials another, which has no part in what follows.
    fn call(&mut self, input: &mut Input<'_>) {
        let mut other = host(2, input);
        let dial = Dial::new(path(2), Some(other.id()));
        let Ok(session) = self.host.connect(self.now, dial) else { return };
        self.application.listen(&mut self.host);
        for _ in 0..3 {
            for (_, packet) in take_packets(&mut self.host, self.now, 1) {
                hand(&mut other, self.now, 1, 0, &packet);
            }
            for (_, packet) in take_packets(&mut other, self.now, 1) {
                if let Ok(reply) = Reply::parse(&packet) {
                    self.channel = Some(reply.channel);
                }
                hand(&mut self.host, self.now, 2, 0, &packet);
            }
        }
        self.next_number = 100;
        let _ = session;
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        match choice & 7 {
            0..4 => self.packet(choice, input),
            4 => {
                let time = Duration::from_micros(input.size().min(1 << 36));
                let longest = self.neighbour.as_ref().map_or(time, |_| LONGEST_JUMP);
                self.now = self.now.after(time.min(longest));
            }
            _ => self.application.act(&mut self.host, self.now, 2, input),
        }
        match &mut self.neighbour {
            // It also takes what the host has for it: nothing of that is lost.
            Some(neighbour) => self.now = neighbour.talk(&mut self.host, self.now),
            None => drop(wake(&mut self.host, self.now)),
        }
        self.application.listen(&mut self.host);
    }

    /// Seals what comes next in the input.
    fn packet(&mut self, choice: u8, input: &mut Input<'_>) {
        if choice & 8 != 0 {
            self.next_number = self.next_number.wrapping_add(input.size());
        }
        let Some(channel) = self.channel else { return };
        let number = self.next_number & 0xffff_ffff;
        self.next_number = self.next_number.wrapping_add(1);
        let key_phase = choice & 16 != 0;
        let header = SealedHeader { key_phase, channel, number: number as u32, number_len: 4 };
        let mut packet = [0; 1500];
        let mut writer = Writer::new(&mut packet);
        let header_len = header.encoded_len();
        header.encode(&mut writer).expect("fits");
        let text = input.piece();
        let text = &text[..text.len().min(1400)];
        writer.put_bytes(text).expect("fits");
        let (head, text) = writer.split_at(header_len);
        let tag = insecure_checksum(head, text);
        writer.put_bytes(&tag).expect("fits");
        let len = writer.position();
        let port = if choice & 32 != 0 { 3 } else { 2 };
        hand(&mut self.host, self.now, port, choice >> 6, &packet[..len]);
    }
}

/// What the peer says of itself: anything that can be said.
fn parameters(input: &mut Input<'_>) -> Parameters {
    let mut parameters = Parameters::default();
    if input.flag() {
        parameters.idle_timeout = input.flag().then(|| Duration::from_millis(input.size()));
        parameters.max_ack_delay = Duration::from_micros(input.size());
        parameters.session_window_bytes = input.size();
        parameters.stream_window_bytes = input.size();
        parameters.root_child_credit = input.size();
        parameters.child_credit = input.size();
        parameters.max_packet_bytes = input.word();
        parameters.max_datagram_bytes = input.size();
        parameters.id_window = input.size();
        parameters.reset_token = input.flag().then_some([3; 16]);
    }
    parameters
}
