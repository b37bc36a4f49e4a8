//! One end of a session, in a process of its own that is told each step on standard input. It
//! knows its static secret and its seed, and nothing of what follows from them but by being a host.

use std::io::BufRead;
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sst_nostd::Suite;
use sst_std::{Carrier, Config, Endpoint, Identity, OpenOptions, Session, Stream, Surroundings};

use crate::expected::{CLIENT, SERVER};

/// Longer than a key is used.
const AGE: Duration = Duration::from_secs(121);
/// Longer than anything is remembered of a session that is over.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// `role` is `client` or `server`, a suite's number, and the port to dial.
pub(super) fn run(role: &str) {
    let words: Vec<_> = role.split(' ').collect();
    let [end, suite, port] = words[..] else { panic!("{role}") };
    let suite = Suite::try_from(suite.parse::<u8>().unwrap()).unwrap();
    let is_server = end == "server";
    let (mut host, endpoint) = Host::new(if is_server { SERVER } else { CLIENT }, suite);
    println!("\nport {}", host.socket.local_addr().unwrap().port());
    let (session, mut stream) = if is_server {
        host.serve(async {
            let session = endpoint.accept().await.unwrap();
            let stream = session.listen(1).accept().await.unwrap();
            (session, stream)
        })
    } else {
        let to = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
        let peer = Identity::from_secret(&SERVER.0).id();
        host.serve(async {
            let session = endpoint.connect_to(Some(peer), to).await.unwrap();
            let stream = session.open_substream(OpenOptions::new()).await.unwrap();
            (session, stream)
        })
    };
    host.serve(talk(is_server, &mut stream));
    println!("talked");
    host.wait_for("age");
    host.advance(AGE);
    for _ in 0..4 {
        host.serve(talk(is_server, &mut stream));
    }
    println!("aged");
    host.wait_for("end");
    drop(stream);
    host.serve(end_of(is_server, session));
    println!("over");
    host.wait_for("forget");
    while host.carrier.poll_timeout().is_some() {
        host.advance(FORGOTTEN);
        host.turn();
    }
    println!("forgotten");
    host.wait_for("never");
}

pub(super) async fn talk(is_server: bool, stream: &mut Stream) {
    if is_server {
        let record = stream.read_record(1 << 20).await.unwrap().unwrap();
        stream.write_record(&record).await.unwrap();
    } else {
        stream.write_record(&[b'x'; 20_000]).await.unwrap();
        assert_eq!(stream.read_record(1 << 20).await.unwrap().unwrap().len(), 20_000);
    }
}

async fn end_of(is_server: bool, session: Session) {
    if is_server {
        session.closed().await;
    } else {
        session.close(0, "done").await;
    }
}

struct Host {
    socket: UdpSocket,
    carrier: Carrier,
    /// How far the host's clock is ahead of the system's.
    ahead_micros: Arc<AtomicU64>,
    told: Receiver<String>,
}

impl Host {
    #[allow(clippy::disallowed_methods, reason = "this is the face that supplies `now`")]
    fn new((secret, seed): ([u8; 32], u64), suite: Suite) -> (Self, Endpoint) {
        let mut config = Config::new(Identity::from_secret(&secret));
        config.accept = true;
        config.suite = Some(suite);
        config.idle_timeout = None;
        (config.max_sessions, config.max_streams, config.max_buffer_bytes) = (16, 256, 4 << 20);
        let ahead_micros = Arc::new(AtomicU64::new(0));
        let (ahead, begun) = (ahead_micros.clone(), std::time::Instant::now());
        let clock = Arc::new(move || {
            begun.elapsed() + Duration::from_micros(ahead.load(Ordering::Relaxed))
        });
        let surroundings = Surroundings { clock, local: Vec::new(), seed: Some(seed) };
        let (endpoint, carrier) = Endpoint::detached(config, surroundings).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                let _ = tell.send(line.unwrap());
            }
            std::process::exit(0);
        });
        (Self { socket, carrier, ahead_micros, told }, endpoint)
    }

    /// Carries packets until the work is done.
    fn serve<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut cx) {
                return done;
            }
            self.turn();
        }
    }

    /// Carries packets until this word comes.
    fn wait_for(&mut self, word: &str) {
        while self.told.try_recv().as_deref() != Ok(word) {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.carrier.turn();
        let mut buffer = [0; 2_000];
        while let Some((to, len)) = self.carrier.poll_transmit(&mut buffer) {
            let _ = self.socket.send_to(&buffer[..len], to);
        }
        if let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            self.carrier.handle_packet(from, &mut buffer[..len]);
        }
    }

    fn advance(&mut self, time: Duration) {
        self.ahead_micros.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }
}
