//! How peers end, and that their places come back.

use std::time::Duration;

use str0m::channel::{ChannelConfig, Reliability};
use tokio::net::UdpSocket;

use crate::page::{End, Offering, Page, post, request, right_channel};
use crate::{Started, parrot, settings};

#[tokio::test]
async fn an_offer_that_nobody_follows_up_ends() {
    let mut settings = settings(&[parrot().await]);
    settings.setup_timeout = Duration::from_millis(300);
    let gateway = Started::new(settings).await;
    let offering = Offering::new(right_channel()).await;
    assert_eq!(post(gateway.at, "/sst", &offering.offer).await.status, 201);
    // That it has ended, too, if the machine is slow.
    gateway.until("nobody", |stats| stats.peers == 0).await;
    assert_eq!((gateway.stats().answered, gateway.stats().opened), (1, 0));
}

#[tokio::test]
async fn a_page_that_says_nothing_for_long_ends() {
    // A busy machine makes pauses of its own: only when all were shorter than the timeout does it
    // say something that the page was kept for longer than that.
    for millis in [300, 1_200, 4_800, 19_200] {
        let mut settings = settings(&[parrot().await]);
        settings.idle_timeout = Duration::from_millis(millis);
        let gateway = Started::new(settings).await;
        let mut page = Page::open(gateway.at).await;
        let pauses = pauses(&mut page, Duration::from_millis(millis / 3), 8).await;
        if pauses.iter().all(|pause| *pause < Duration::from_millis(millis * 2 / 3)) {
            assert_eq!(pauses.len(), 8, "the page was not idle: {pauses:?}");
            page.ended().await;
            gateway.until("nobody", |stats| stats.peers == 0).await;
            return;
        }
    }
    panic!("the machine is too busy to say anything");
}

/// Says something after each pause; how long each was in truth, until the page ended if it did.
async fn pauses(page: &mut Page, pause: Duration, count: usize) -> Vec<Duration> {
    let mut pauses = Vec::new();
    let (mut last, mut is_open) = (crate::page::now(), true);
    while is_open && pauses.len() < count {
        is_open = page.exchange_if_open(b"busy").await.is_some();
        tokio::time::sleep(pause).await;
        pauses.push(last.elapsed());
        last = crate::page::now();
    }
    pauses
}

#[tokio::test]
async fn a_page_that_vanishes_ends() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let mut page = Page::open(gateway.at).await;
    page.exchange(b"here").await;
    drop(page);
    // Long before the two minutes of silence: its checks no longer come.
    gateway.until("nobody", |stats| stats.peers == 0).await;
}

#[tokio::test]
async fn delete_ends_a_peer_once() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let mut page = Page::open(gateway.at).await;
    page.exchange(b"here").await;
    let line = format!("DELETE {}", page.location);
    assert_eq!(request(gateway.at, &line, "").await.status, 200);
    page.ended().await;
    gateway.until("nobody", |stats| stats.peers == 0).await;
    assert_eq!(request(gateway.at, &line, "").await.status, 404);
}

#[tokio::test]
async fn a_gateway_that_ends_says_goodbye() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let mut page = Page::open(gateway.at).await;
    page.exchange(b"here").await;
    gateway.close().await;
    assert_eq!(page.ended().await, End::Goodbye);
}

#[tokio::test]
async fn a_channel_that_retransmits_or_keeps_order_is_not_taken() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let ordered = ChannelConfig { ordered: true, ..right_channel() };
    let reliable = ChannelConfig { reliability: Reliability::Reliable, ..right_channel() };
    for wrong in [ordered, reliable] {
        let mut page =
            Offering::new(wrong).await.post(gateway.at, "/sst").await.expect("an answer");
        page.ended().await;
    }
    assert_eq!(gateway.stats().opened, 0);
}

#[tokio::test]
async fn garbage_at_the_gateways_ports_disturbs_nobody() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let offering = Offering::new(right_channel()).await;
    let answer = post(gateway.at, "/sst", &offering.offer).await;
    let port = answer.body.split(" typ host").next().unwrap().rsplit(' ').next().unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut page = Page::open(gateway.at).await;
    page.exchange(b"before").await;
    for kind in 0..=255 {
        for len in [1, 20, 200, 1_400] {
            let _ = stranger.send_to(&vec![kind; len], format!("127.0.0.1:{port}")).await;
        }
    }
    page.exchange(b"after").await;
    assert_eq!(gateway.stats().peers, 2, "the one it was sent to is still waiting");
}
