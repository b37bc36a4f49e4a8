//! One address that takes all it can get, and another that comes after it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::page::{DEADLINE, Offering, now, right_channel};
use crate::{Started, parrot, settings};

/// More than a gateway has for all.
const CONNECTIONS: usize = 200;

/// A connection from the loopback address that ends in `last`.
async fn connect(gateway: SocketAddr, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    socket.connect(gateway).await.unwrap()
}

/// What comes back for `request` from the address that ends in `last`, until the gateway closes.
/// Empty if it closes without a word: it says so many refusals at once, and no more.
async fn ask(gateway: SocketAddr, last: u8, request: &str) -> String {
    let mut connection = connect(gateway, last).await;
    let mut answer = String::new();
    if connection.write_all(request.as_bytes()).await.is_ok() {
        let read = connection.read_to_string(&mut answer);
        let _ = timeout(DEADLINE, read).await.expect("an end");
    }
    answer
}

/// The same, until the answer is `wanted`.
async fn ask_until(gateway: SocketAddr, last: u8, wanted: &str) {
    let begun = now();
    loop {
        let answer = ask(gateway, last, LIST).await;
        if answer.contains(wanted) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{answer}");
        sleep(Duration::from_millis(5)).await;
    }
}

const LIST: &str = "GET /sst HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn connections_that_say_nothing_leave_places_for_other_addresses() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(connect(gateway.at, 2).await);
    }
    gateway.until("refusals", |stats| stats.refused > 0).await;
    let answer = ask(gateway.at, 3, LIST).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ask_until(gateway.at, 2, "your address holds").await;
    drop(silent);
    ask_until(gateway.at, 2, "200 OK").await;
}

#[tokio::test]
async fn peers_of_one_address_leave_places_for_those_of_others() {
    let mut settings = settings(&[parrot().await]);
    settings.max_peers = 4;
    let gateway = Started::new(settings).await;
    let offer = async |last| {
        let body = Offering::new(right_channel()).await.offer;
        let kind = "content-type: application/sdp\r\nconnection: close\r\n";
        let len = body.len();
        let request =
            format!("POST /sst HTTP/1.1\r\nhost: x\r\n{kind}content-length: {len}\r\n\r\n{body}");
        ask(gateway.at, last, &request).await
    };
    for _ in 0..3 {
        assert!(offer(2).await.starts_with("HTTP/1.1 201"));
    }
    let told = offer(2).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("holds 3 of 4"), "{told}");
    assert!(offer(3).await.starts_with("HTTP/1.1 201"));
    let full = offer(5).await;
    assert!(full.contains("no more than 4"), "{full}");
}
