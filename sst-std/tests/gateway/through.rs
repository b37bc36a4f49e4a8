//! SST through the gateway: identities, streams, datagrams, and what a session outlives.

use std::net::SocketAddr;
use std::time::Duration;

use sst_std::{Config, ConnectError, Endpoint, Identity, OpenOptions, Session, Url};

use crate::host::Host;
use crate::page::Page;
use crate::tool::noise;
use crate::{Started, settings, some_id};

/// A host that echoes: the children of a session's root, and datagrams for the root.
async fn echo_host() -> (Endpoint, Url) {
    let mut config = Config::new(Identity::generate().unwrap());
    config.bind = vec!["127.0.0.1:0".parse().unwrap()];
    config.accept = true;
    config.answers_unknown = true;
    let endpoint = Endpoint::bind(config).await.unwrap();
    let url = Url::new(endpoint.id(), endpoint.local_addrs()[0], "");
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(session) = accepting.accept().await {
            tokio::spawn(echo(session));
        }
    });
    (endpoint, url)
}

async fn echo(session: Session) {
    let mut children = session.listen(100);
    loop {
        tokio::select! {
            child = children.accept() => {
                let Some(mut child) = child else { return };
                tokio::spawn(async move {
                    while let Ok(Some(record)) = child.read_record(1 << 20).await {
                        child.write_record(&record).await.unwrap();
                    }
                    let _ = child.finish().await;
                });
            }
            datagram = session.recv_datagram() => {
                let Ok(datagram) = datagram else { return };
                session.send_datagram(&datagram, None).await.unwrap();
            }
        }
    }
}

async fn open(gateway: SocketAddr) -> Host {
    Host::new(Page::open(gateway).await)
}

/// Sends bytes over a stream of its own, and has them back.
async fn there_and_back(session: &Session, bytes: &[u8]) {
    let stream = session.open_substream(OpenOptions::new()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let (sent, got) = tokio::join!(
        async {
            write.write_record(bytes).await?;
            write.finish().await
        },
        read.read_record(1 << 20),
    );
    sent.unwrap();
    assert!(got.unwrap().unwrap() == bytes);
}

#[tokio::test]
async fn a_session_through_the_gateway_knows_its_host_and_carries_everything() {
    let (host, url) = echo_host().await;
    let gateway = Started::new(settings(&[url])).await;
    let page = open(gateway.at).await;
    let session = page.connect(Some(host.id())).await.unwrap();
    assert_eq!(session.peer_id(), host.id());
    let contents = noise(200_000);
    there_and_back(&session, &contents).await;
    let many = (0..50).map(|index| there_and_back(&session, &contents[index..index + 3_000]));
    futures_util::future::join_all(many).await;
    for len in [1, 1_000, 20_000] {
        datagram(&session, &contents[..len]).await;
    }
    session.close(7, "enough").await;
    gateway.until("packets", |stats| stats.to_page_bytes > 350_000).await;
}

/// A datagram comes back, sooner or later.
async fn datagram(session: &Session, bytes: &[u8]) {
    for _ in 0..200 {
        session.send_datagram(bytes, None).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(300), session.recv_datagram());
        match answer.await {
            Ok(answer) if answer.as_ref().unwrap() == bytes => return,
            _ => {}
        }
    }
    panic!("no datagram of {} bytes came back", bytes.len());
}

#[tokio::test]
async fn without_an_identity_one_learns_whose_host_it_is() {
    let (host, url) = echo_host().await;
    let gateway = Started::new(settings(&[url])).await;
    let session = open(gateway.at).await.connect(None).await.unwrap();
    assert_eq!(session.peer_id(), host.id());
}

#[tokio::test]
async fn a_gateway_that_leads_to_someone_else_is_noticed() {
    let (host, _) = echo_host().await;
    let wanted = some_id();
    let gateway = Started::new(settings(&[Url::new(wanted, host.local_addrs()[0], "")])).await;
    let page = Host::with_patience(Page::open(gateway.at).await, Duration::from_secs(3));
    match page.connect(Some(wanted)).await {
        Err(ConnectError::NoAnswer { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_outlives_its_gateway() {
    let (_host, url) = echo_host().await;
    let gateway = Started::new(settings(std::slice::from_ref(&url))).await;
    let page = open(gateway.at).await;
    let session = page.connect(Some(url.id())).await.unwrap();
    let mut stream = session.open_substream(OpenOptions::new()).await.unwrap();
    stream.write_record(b"before").await.unwrap();
    assert_eq!(stream.read_record(100).await.unwrap().unwrap(), b"before");
    gateway.close().await;
    stream.write_record(b"meanwhile").await.unwrap();
    let gateway = Started::new(settings(&[url])).await;
    page.replace(Page::open(gateway.at).await).await;
    let answer = tokio::time::timeout(crate::page::DEADLINE, stream.read_record(100)).await;
    assert_eq!(answer.unwrap().unwrap().unwrap(), b"meanwhile");
    there_and_back(&session, &noise(100_000)).await;
}

#[tokio::test]
async fn a_page_that_sends_garbage_does_not_disturb_another_ones_session() {
    let (host, url) = echo_host().await;
    let gateway = Started::new(settings(&[url])).await;
    let (good, mut bad) = (open(gateway.at).await, Page::open(gateway.at).await);
    let session = good.connect(Some(host.id())).await.unwrap();
    let rubbish = noise(100_000);
    let (mut at, mut sent) = (0, 0);
    while sent < 2_000 || gateway.stats().to_host_packets <= 1_000 {
        let len = 1 + (at * 7) % 1_200;
        at = (at + len) % (rubbish.len() - 1_200);
        bad.send(&rubbish[at..at + len]).await;
        sent += 1;
        if sent % 500 == 0 {
            there_and_back(&session, &rubbish[..10_000]).await;
        }
    }
    there_and_back(&session, &rubbish).await;
    let line = format!("DELETE {}", bad.location);
    assert_eq!(crate::page::request(gateway.at, &line, "").await.status, 200);
    bad.ended().await;
}
