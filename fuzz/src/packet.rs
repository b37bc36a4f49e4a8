//! Packets of any kind, and true ones that were changed, at a host in several states.

use sst_nostd::crypto::insecure_checksum;
use sst_nostd::negotiation::CheckKey;
use sst_nostd::wire::{PacketKind, SealedHeader};
use sst_nostd::{Dial, Duration, Instant};

use super::application::Application;
use super::input::Input;
use super::world::{NullHost, hand, host, path, take_packets, wake};

/// The host under test, and what was ever sent to it and its peer.
struct Scene {
    hosts: [NullHost; 2],
    applications: [Application; 2],
    sent: Vec<Vec<u8>>,
    now: Instant,
}

/// Hands the packets in `data` to the first of two hosts.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let state = input.byte();
    let mut scene = Scene {
        hosts: [host(1, &mut input), host(2, &mut input)],
        applications: [Application::default(), Application::default()],
        sent: vec![],
        now: Instant::ZERO,
    };
    scene.prepare(state);
    for _ in 0..200 {
        if input.is_empty() {
            return;
        }
        scene.step(&mut input);
    }
}

impl Scene {
    /// One of the hosts dials, and the negotiation goes on for some packets.
    fn prepare(&mut self, state: u8) {
        let dialler = usize::from(state & 1);
        let id = (state & 2 == 0).then(|| self.hosts[1 - dialler].id());
        let dial = Dial::new(path(2 - dialler as u16), id);
        if state & 4 != 0 {
            let _ = self.hosts[dialler].connect(self.now, dial);
        }
        let mut air = take_packets(&mut self.hosts[dialler], self.now, 1);
        for _ in 0..state >> 3 & 15 {
            for (port, packet) in core::mem::take(&mut air) {
                let side = usize::from(port - 1);
                hand(&mut self.hosts[side], self.now, 2 - side as u16, 0, &packet);
                self.sent.push(packet);
                air.append(&mut take_packets(&mut self.hosts[side], self.now, 1));
            }
        }
        self.sent.extend(air.into_iter().map(|(_, packet)| packet));
        for (application, host) in self.applications.iter_mut().zip(&mut self.hosts) {
            application.listen(host);
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let host = &mut self.hosts[0];
        match choice & 7 {
            0..3 => hand(host, self.now, 1 + u16::from(choice >> 6), choice >> 4, input.piece()),
            3..6 => self.changed(choice, input),
            6 => self.now = self.now.after(Duration::from_micros(input.size().min(1 << 36))),
            _ => self.applications[0].act(host, self.now, 2, input),
        }
        wake(&mut self.hosts[0], self.now);
        self.applications[0].listen(&mut self.hosts[0]);
    }

    /// A packet that was sent before, with some bytes changed and the check made right again.
    fn changed(&mut self, choice: u8, input: &mut Input<'_>) {
        let place = input.below(self.sent.len());
        let Some(packet) = self.sent.get(place) else { return };
        let mut packet = packet.clone();
        for _ in 0..choice >> 3 & 3 {
            let place = usize::from(input.word()) % packet.len();
            packet[place] ^= input.byte();
        }
        if choice & 32 != 0 {
            repair(&mut packet, &self.hosts[0]);
        }
        hand(&mut self.hosts[0], self.now, 1 + u16::from(choice >> 6), 0, &packet);
    }
}

/// Makes the check or tag at the end of a packet the right one.
fn repair(packet: &mut [u8], host: &NullHost) {
    let header_len = SealedHeader::parse(packet).map_or(0, |header| header.encoded_len());
    let kind = packet.first().and_then(|first| PacketKind::of(*first));
    let Some((covered, check)) = packet.split_last_chunk_mut::<16>() else { return };
    match kind {
        Some(PacketKind::Init) => *check = CheckKey::new(Some(&host.id())).init(covered),
        Some(PacketKind::Sealed) => {
            let (header, text) = covered.split_at(header_len);
            *check = insecure_checksum(header, text);
        }
        _ => {}
    }
}
