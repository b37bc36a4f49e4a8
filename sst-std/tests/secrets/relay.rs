//! Between the two processes: sees the ephemeral public keys go by.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use sst_nostd::wire::negotiation::{Init, Reply};

pub(super) struct Relay {
    port: u16,
    ephemerals: Arc<Mutex<[Option<[u8; 32]>; 2]>>,
}

impl Relay {
    /// Carries packets of one client to `server` and back, until the process ends.
    pub(super) fn start(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let ephemerals = Arc::new(Mutex::new([None; 2]));
        let seen = ephemerals.clone();
        std::thread::spawn(move || {
            let mut client = None;
            let mut buffer = [0; 2_000];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let packet = &buffer[..len];
                note(packet, &seen);
                if from != server {
                    client = Some(from);
                }
                let to = if from == server { client } else { Some(server) };
                if let Some(to) = to {
                    let _ = socket.send_to(packet, to);
                }
            }
        });
        Self { port, ephemerals }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Of the client, of the server.
    pub(super) fn ephemerals(&self) -> [[u8; 32]; 2] {
        self.ephemerals.lock().unwrap().map(|seen| seen.expect("the hosts have met"))
    }
}

fn note(packet: &[u8], seen: &Mutex<[Option<[u8; 32]>; 2]>) {
    if let Ok(init) = Init::parse(packet) {
        seen.lock().unwrap()[0] = Some(init.ephemeral());
    } else if let Ok(reply) = Reply::parse(packet) {
        seen.lock().unwrap()[1] = reply.noise.first_chunk().copied();
    }
}
