//! Dialling where nobody listens yet.

mod two_hosts;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use sst_std::Identity;
use two_hosts::{endpoint, timed};

/// A port that is closed, and that no other test takes meanwhile: those bind 127.0.0.1. (Elsewhere
/// than on Linux, that is the only address of the loopback interface.)
fn closed_port() -> SocketAddr {
    let ip = if cfg!(target_os = "linux") { [127, 77, 0, 1] } else { [127, 0, 0, 1] };
    UdpSocket::bind(SocketAddr::from((ip, 0))).unwrap().local_addr().unwrap()
}

/// Dials a port to which a host comes only after `wait`.
async fn dial_early(wait: Duration, timeout: Duration) {
    // The system answers packets to a port without a socket by an ICMP error.
    let address = closed_port();
    let identity = Identity::generate().unwrap();
    let id = identity.id();
    let near = endpoint(|config| config.connect_timeout = timeout).await;
    let late = async {
        tokio::time::sleep(wait).await;
        let listening = endpoint(|config| {
            config.identity = identity;
            config.bind = vec![address];
            config.accept = true;
        });
        listening.await
    };
    let (session, far) = tokio::join!(near.connect_to(Some(id), address), late);
    let session = session.expect("the dial went on");
    let other = far.accept().await.expect("a session");
    assert_eq!(other.peer_id(), near.id());
    drop(session);
}

// Spec: R-5.10-4.
#[tokio::test]
async fn a_port_that_is_closed_ends_neither_a_dial_nor_a_session() {
    timed(dial_early(Duration::from_millis(700), Duration::from_secs(10))).await;
}

// A negotiation lasts ten seconds at most.
#[tokio::test]
async fn a_longer_timeout_is_waited_for_by_another_negotiation() {
    timed(dial_early(Duration::from_millis(10_500), Duration::from_secs(20))).await;
}

// Spec: R-5.9-10.
#[tokio::test]
async fn those_whom_nobody_accepts_hear_that_there_is_no_room_and_the_others_stay() {
    timed(async {
        let far = endpoint(|config| (config.accept, config.backlog) = (true, 4)).await;
        let (id, address) = (far.id(), far.local_addrs()[0]);
        let (tell, mut closed) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..10 {
            let tell = tell.clone();
            tokio::spawn(async move {
                let near = endpoint(|_| ()).await;
                let session = near.connect_to(Some(id), address).await.expect("an answer");
                let _ = tell.send(session.closed().await.to_string());
            });
        }
        // One source has no more places than it leaves to others: three of four.
        for _ in 0..7 {
            let reason = closed.recv().await.expect("seven are turned away");
            assert!(reason.contains("no capacity"), "{reason}");
        }
        for _ in 0..3 {
            far.accept().await.expect("three wait");
        }
    })
    .await;
}
