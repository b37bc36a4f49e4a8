//! Packets are carried both ways, and only packets.

use std::net::IpAddr;
use std::time::Duration;

use sst_std::gateway::GatewayStats;
use tokio::time::timeout;

use crate::page::{self, Offering, Page, right_channel};
use crate::{Started, parrot, settings};

#[tokio::test]
async fn packets_go_both_ways_whatever_they_are() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let mut page = Page::open(gateway.at).await;
    for len in [1, 100, 1_198] {
        let packet = vec![len as u8; len];
        let answer = page.exchange(&packet).await;
        assert_eq!(&answer[2..], packet);
    }
    let stats = gateway.stats();
    assert!(stats.to_host_packets >= 3 && stats.to_page_packets >= 3, "{stats}");
    assert_eq!((stats.peers, stats.answered, stats.opened), (1, 1, 1), "{stats}");
}

/// The addresses in an answer.
fn candidates(answer: &str) -> Vec<IpAddr> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    lines.map(|line| line.split(' ').nth(4).unwrap().parse().unwrap()).collect()
}

/// Firefox has no candidates on the loopback interface.
#[tokio::test]
async fn a_page_of_this_machine_gets_through_without_the_loopback_interface() {
    let interfaces = if_addrs::get_if_addrs().unwrap();
    let is_other =
        |ip: &IpAddr| matches!(ip, IpAddr::V4(ip) if !ip.is_loopback() && !ip.is_link_local());
    let Some(other) = interfaces.iter().map(|one| one.ip()).find(is_other) else {
        eprintln!("this machine has no other address");
        return;
    };
    let gateway = Started::new(settings(&[parrot().await])).await;
    let offering = Offering::at(other, right_channel()).await;
    let mut answer = page::post(gateway.at, "/sst", &offering.offer).await;
    assert_eq!(candidates(&answer.body), [IpAddr::from([127, 0, 0, 1]), other]);
    let is_loopback = |line: &&str| line.starts_with("a=candidate:") && line.contains("127.0.0.1");
    let kept = answer.body.lines().filter(|line| !is_loopback(line));
    answer.body = kept.flat_map(|line| [line, "\r\n"]).collect();
    assert_eq!(candidates(&answer.body), [other]);
    assert_eq!(offering.accept(&answer).exchange(b"x").await[2..], *b"x");
}

#[tokio::test]
async fn a_page_is_told_the_address_that_the_gateway_was_given_and_no_other() {
    let mut given = settings(&[parrot().await]);
    given.address = Some([127, 0, 0, 1].into());
    let gateway = Started::new(given).await;
    let offering = Offering::new(right_channel()).await;
    let answer = page::post(gateway.at, "/sst", &offering.offer).await;
    assert_eq!(candidates(&answer.body), [IpAddr::from([127, 0, 0, 1])]);
}

#[tokio::test]
async fn each_page_comes_to_the_host_from_an_address_of_its_own() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let (mut one, mut other) = (Page::open(gateway.at).await, Page::open(gateway.at).await);
    let (first, second) = (one.exchange(b"a").await, other.exchange(b"b").await);
    assert_eq!((first[2], second[2]), (b'a', b'b'));
    assert_ne!(first[..2], second[..2]);
    assert_ne!(one.location, other.location);
}

#[tokio::test]
async fn a_page_chooses_among_the_hosts() {
    let (here, there) = (parrot().await, parrot().await);
    let gateway = Started::new(settings(&[here.clone(), there.clone()])).await;
    let path = |id| format!("/sst?to={id}");
    let open = async |path: &str| Offering::new(right_channel()).await.post(gateway.at, path).await;
    let mut page = open(&path(there.id())).await.expect("an answer");
    page.exchange(b"x").await;
    assert_eq!(open(&path(crate::some_id())).await.err().unwrap().status, 404);
    let complaint = open("/sst").await.err().unwrap();
    assert!(complaint.status == 400 && complaint.body.contains("?to="), "{complaint:?}");
    let list = page::request(gateway.at, "GET /sst", "").await;
    assert!(list.body.contains(&here.id().to_string()), "{list:?}");
}

/// What a page may send.
#[derive(Clone, Copy)]
enum Message<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
}

/// Sends it until it is dropped for its size: the channel may lose it.
async fn until_dropped(gateway: &Started, page: &Page, message: Message<'_>) {
    let before = gateway.stats().dropped_size;
    let is_dropped = |stats: &GatewayStats| stats.dropped_size > before;
    for _ in 0..100 {
        match message {
            Message::Bytes(bytes) => page.send(bytes).await,
            Message::Text(text) => page.send_text(text).await,
        }
        let dropped = gateway.until("a message is dropped", is_dropped);
        if timeout(Duration::from_secs(1), dropped).await.is_ok() {
            return;
        }
    }
    panic!("nothing was dropped: {}", gateway.stats());
}

#[tokio::test]
async fn what_is_no_packet_is_dropped_and_counted() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let mut page = Page::open(gateway.at).await;
    page.exchange(b"open").await;
    let before = gateway.stats();
    let [large, larger] = [&[7; 1_201][..], &[7; 60_000]];
    for no_packet in [Message::Bytes(large), Message::Bytes(larger), Message::Text("hello")] {
        until_dropped(&gateway, &page, no_packet).await;
    }
    assert_eq!(gateway.stats().to_host_packets, before.to_host_packets);
    // The parrot adds two bytes: this comes back too large.
    until_dropped(&gateway, &page, Message::Bytes(&[7; 1_200])).await;
    assert!(gateway.stats().to_host_packets > before.to_host_packets);
    page.exchange(b"still open").await;
}

#[tokio::test]
async fn a_host_that_sends_too_fast_fills_nothing() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let host = sst_std::Url::new(crate::some_id(), socket.local_addr().unwrap(), "");
    let gateway = Started::new(settings(&[host])).await;
    let page = Page::open(gateway.at).await;
    let mut hello = [0; 100];
    let from = loop {
        page.send(b"here I am").await;
        let heard = timeout(Duration::from_millis(200), socket.recv_from(&mut hello));
        if let Ok(heard) = heard.await {
            break heard.unwrap().1;
        }
    };
    // As fast as the system takes them, until there were too many.
    while gateway.stats().dropped_deep == 0 || gateway.stats().to_page_packets <= 100 {
        for _ in 0..1_000 {
            let _ = socket.send_to(&[1; 1_200], from).await;
        }
    }
    println!("{}", gateway.stats());
    drop(page);
}
