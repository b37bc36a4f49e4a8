//! One end of a session over a socket of its own, on a runtime whose threads take turns; told each
//! step on standard input. Its packet keys go to a file, by which they are known.

use std::io::BufRead;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sst_nostd::Suite;
use sst_std::{Config, Endpoint, Identity, OpenOptions, Session, Stream};

use crate::child::talk;
use crate::expected::{CLIENT, SERVER};

/// Turns enough for every thread of the runtime to have served some.
const TALKS: usize = 200;

/// `role` is `bound-client` or `bound-server`, a suite's number, the port to dial and the file.
pub(super) fn run(role: &str) {
    let words: Vec<_> = role.splitn(4, ' ').collect();
    let [end, suite, port, key_log] = words[..] else { panic!("{role}") };
    let is_server = end == "bound-server";
    let mut config =
        Config::new(Identity::from_secret(if is_server { &SERVER.0 } else { &CLIENT.0 }));
    config.bind = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    config.accept = true;
    config.suite = Some(Suite::try_from(suite.parse::<u8>().unwrap()).unwrap());
    config.key_log = Some(PathBuf::from(key_log));
    (config.max_sessions, config.max_streams, config.max_buffer_bytes) = (16, 256, 4 << 20);
    let to = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::bind(config).await.unwrap();
        println!("\nport {}", endpoint.local_addrs()[0].port());
        let (session, mut stream) = meet(&endpoint, is_server, to).await;
        for _ in 0..TALKS {
            talk(is_server, &mut stream).await;
        }
        println!("talked");
        wait_for("end").await;
        drop(stream);
        if is_server {
            session.closed().await;
        } else {
            session.close(0, "done").await;
        }
        drop(session);
        while endpoint.stats().channels > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("forgotten");
        wait_for("never").await;
    });
}

async fn meet(endpoint: &Endpoint, is_server: bool, to: SocketAddr) -> (Session, Stream) {
    if is_server {
        let session = endpoint.accept().await.unwrap();
        let stream = session.listen(1).accept().await.unwrap();
        return (session, stream);
    }
    let peer = Identity::from_secret(&SERVER.0).id();
    let session = endpoint.connect_to(Some(peer), to).await.unwrap();
    let stream = session.open_substream(OpenOptions::new()).await.unwrap();
    (session, stream)
}

/// Goes on serving until this word comes; the end of the input is the end.
async fn wait_for(word: &'static str) {
    let heard = tokio::task::spawn_blocking(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).any(|line| line == word)
    });
    if !heard.await.unwrap() {
        std::process::exit(0);
    }
}
