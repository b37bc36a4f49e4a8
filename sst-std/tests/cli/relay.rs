//! A network between two commands. It may go dumb in the midst of a transfer: however busy the
//! machine is, and however late a test looks, the transfer is neither at its beginning nor over.
//! And it tells who said what.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Passes packets between one client and one server; ends with this value.
pub(crate) struct Relay {
    at: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    left: Arc<Mutex<usize>>,
    passed: Arc<Mutex<Vec<Passed>>>,
    is_over: Arc<AtomicBool>,
}

/// A packet that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) is_client_s: bool,
    /// Its first byte.
    pub(crate) kind: u8,
    pub(crate) len: usize,
}

impl Relay {
    /// A relay to the server at `url`, that lets so many bytes pass in all.
    pub(crate) fn to(url: &str, bytes: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let relay = Self {
            at: socket.local_addr().unwrap(),
            server: Arc::new(Mutex::new(address(url))),
            left: Arc::new(Mutex::new(bytes)),
            passed: Arc::default(),
            is_over: Arc::default(),
        };
        let (server, left, is_over) =
            (relay.server.clone(), relay.left.clone(), relay.is_over.clone());
        let passed = relay.passed.clone();
        thread::spawn(move || {
            let (mut client, mut packet) = (None, [0; 65_536]);
            while !is_over.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut packet) else { continue };
                let server = *server.lock().unwrap();
                let to = if from == server { client } else { Some(server) };
                if from != server {
                    client = Some(from);
                }
                let mut left = left.lock().unwrap();
                if let (Some(to), Some(rest)) = (to, left.checked_sub(len)) {
                    *left = rest;
                    let is_client_s = from != server;
                    passed.lock().unwrap().push(Passed { is_client_s, kind: packet[0], len });
                    let _ = socket.send_to(&packet[..len], to);
                }
            }
        });
        relay
    }

    /// `url`, by way of this relay.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(&address(url).to_string(), &self.at.to_string())
    }

    /// What has passed since the last time.
    pub(crate) fn take_passed(&self) -> Vec<Passed> {
        std::mem::take(&mut self.passed.lock().unwrap())
    }

    /// From now on everything passes, and to the server at `url`.
    pub(crate) fn lead_to(&self, url: &str) {
        *self.server.lock().unwrap() = address(url);
        *self.left.lock().unwrap() = usize::MAX;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn address(url: &str) -> SocketAddr {
    let rest = url.rsplit('@').next().unwrap();
    rest.split('/').next().unwrap().parse().unwrap()
}
