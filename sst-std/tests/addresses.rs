//! Several addresses of one host, and hosts that nothing can be sent to.

mod two_hosts;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use sst_std::{ConnectError, Url};
use two_hosts::{endpoint, pair, timed};

/// An address where a socket is, that says nothing.
fn silent(at: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(at).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

// Spec: R-5.10-5.
#[tokio::test]
async fn of_several_addresses_the_one_that_answers_is_used() {
    timed(async {
        let there = endpoint(|config| config.accept = true).await;
        let here = endpoint(|_| ()).await;
        let (first, second) = (silent("127.0.0.1:0"), silent("127.0.0.1:0"));
        let right = there.local_addrs()[0];
        let addresses = [first.1, second.1, right];
        let session = here.connect_to_any(Some(there.id()), &addresses).await.unwrap();
        assert_eq!((session.peer_id(), session.peer_address()), (there.id(), Some(right)));
        // It was one negotiation: the silent ones had the same first packet.
        let [one, other] = [&first.0, &second.0].map(|socket| {
            let mut init = [0; 2_000];
            let len = socket.recv(&mut init).unwrap();
            init[..len].to_vec()
        });
        assert_eq!((one.len(), one), (512, other));
        assert_eq!(there.accept().await.unwrap().peer_id(), here.id());
        let stats = there.stats();
        assert_eq!((stats.handshakes, here.stats().dialled), (1, 1));
    })
    .await;
}

// Spec: R-5.10-5.
#[tokio::test]
async fn a_name_is_tried_at_all_its_addresses() {
    timed(async {
        // Mostly it is ::1 and 127.0.0.1, in this order; the host is at the second alone.
        let there = endpoint(|config| config.accept = true).await;
        let here = endpoint(|config| config.bind.clear()).await;
        let port = there.local_addrs()[0].port();
        let url: Url = format!("sst://{}@localhost:{port}/", there.id()).parse().unwrap();
        let session = here.connect(&url).await.unwrap();
        assert_eq!(session.peer_id(), there.id());
    })
    .await;
}

#[tokio::test]
async fn a_dial_that_the_system_refuses_says_what_the_system_said() {
    timed(async {
        // A socket of IPv4 alone sends nothing to an address of IPv6.
        let here = endpoint(|config| config.connect_timeout = Duration::from_millis(700)).await;
        let address = "[2001:db8::1]:9".parse().unwrap();
        let error = here.connect_to(Some(here_id()), address).await.unwrap_err();
        let ConnectError::NoAnswer { system, addresses, .. } = &error else { panic!("{error}") };
        assert_eq!(addresses[..], [address]);
        let said = system.as_ref().expect("the system's words");
        assert!(error.to_string().contains(said.as_str()), "{error}");
        // Where something can be sent, silence is all there is to tell.
        let (_socket, address) = silent("127.0.0.1:0");
        let error = here.connect_to(Some(here_id()), address).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoAnswer { system: None, .. }), "{error}");
    })
    .await;
}

fn here_id() -> sst_std::HostId {
    sst_std::Identity::generate().unwrap().id()
}

// Spec: R-6.10-8.
#[tokio::test]
async fn a_session_goes_on_when_its_host_is_told_that_the_network_changed() {
    timed(async {
        let pair = pair().await;
        let before = pair.near.stats().sent_packets;
        pair.near.network_changed();
        let mut stream = pair.here.open_substream(sst_std::OpenOptions::new()).await.unwrap();
        stream.write_record(b"still here").await.unwrap();
        let mut child = pair.there.listen(1).accept().await.unwrap();
        assert_eq!(child.read_record(100).await.unwrap().as_deref(), Some(&b"still here"[..]));
        assert!(pair.near.stats().sent_packets > before);
    })
    .await;
}
