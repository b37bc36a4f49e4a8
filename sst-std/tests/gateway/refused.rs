//! What is refused, and what is said about it.

use std::time::Duration;

use sst_std::Url;
use sst_std::gateway::{Gateway, Settings};

use crate::page::{Offering, Page, post, raw, request, right_channel};
use crate::{Started, parrot, settings, some_id};

#[tokio::test]
async fn garbage_instead_of_an_offer_is_refused_and_takes_no_place() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    let good = Offering::new(right_channel()).await.offer;
    assert_eq!(post(gateway.at, "/sst", "").await.status, 400);
    assert_eq!(post(gateway.at, "/sst", "v=0\r\nm=application x").await.status, 400);
    let audio = good.replace("m=application", "m=audio");
    assert!(post(gateway.at, "/sst", &audio).await.body.contains("data channel"));
    let endless = format!("{good}{}", "a=x\r\n".repeat(10_000));
    assert_eq!(post(gateway.at, "/sst", &endless).await.status, 413);
    // Offers with a few changed, missing or doubled bytes.
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..300 {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let (mut bytes, at) = (good.clone().into_bytes(), noise as usize % good.len());
        match noise >> 62 {
            0 => bytes[at] = (noise >> 40) as u8 & 0x7f,
            1 => drop(bytes.remove(at)),
            2 => bytes.truncate(at),
            _ => bytes.insert(at, (noise >> 40) as u8 & 0x7f),
        }
        let answer = post(gateway.at, "/sst", &String::from_utf8(bytes).unwrap()).await;
        match answer.status {
            201 => {
                let line = format!("DELETE {}", answer.header("location").unwrap());
                assert_eq!(request(gateway.at, &line, "").await.status, 200);
            }
            status => assert!(status == 400, "{answer:?}"),
        }
    }
    gateway.until("nobody", |stats| stats.peers == 0).await;
    Page::open(gateway.at).await.exchange(b"well").await;
}

#[tokio::test]
async fn only_so_many_peers_are_taken() {
    let mut settings = settings(&[parrot().await]);
    settings.max_peers = 2;
    let gateway = Started::new(settings).await;
    let (mut one, _two) = (Page::open(gateway.at).await, Page::open(gateway.at).await);
    let third = Offering::new(right_channel()).await.post(gateway.at, "/sst").await;
    let complaint = third.err().expect("a refusal");
    assert_eq!(complaint.status, 503);
    assert!(complaint.body.contains("no more than 2"), "{complaint:?}");
    one.exchange(b"undisturbed").await;
    let line = format!("DELETE {}", one.location);
    assert_eq!(request(gateway.at, &line, "").await.status, 200);
    one.ended().await;
    gateway.until("a place", |stats| stats.peers == 1).await;
    Page::open(gateway.at).await.exchange(b"in").await;
    assert_eq!(gateway.stats().refused, 1);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let mut settings = settings(&[parrot().await]);
    settings.origins = vec!["https://good.example".into()];
    let gateway = Started::new(settings).await;
    let preflight = async |origin: &str| {
        let headers = format!("origin: {origin}\r\naccess-control-request-method: POST\r\n");
        request(gateway.at, "OPTIONS /sst", &headers).await
    };
    let good = preflight("https://good.example").await;
    assert_eq!(good.status, 204);
    assert_eq!(good.header("access-control-allow-origin"), Some("https://good.example"));
    assert_eq!(good.header("access-control-expose-headers"), Some("location"));
    let bad = preflight("https://bad.example").await;
    assert_eq!(bad.status, 403);
    assert_eq!(bad.header("access-control-allow-origin"), None);
    assert!(bad.body.contains("--origin"), "{bad:?}");
    let list = request(gateway.at, "GET /sst", "origin: https://bad.example\r\n").await;
    assert_eq!(list.status, 403);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_answered_or_dropped() {
    let gateway = Started::new(settings(&[parrot().await])).await;
    assert_eq!(request(gateway.at, "PUT /sst", "").await.status, 405);
    assert_eq!(request(gateway.at, "POST /other", "").await.status, 405);
    assert_eq!(request(gateway.at, "POST /sst", "").await.status, 415);
    let nothing = request(gateway.at, "GET /", "").await;
    assert!(nothing.status == 404 && nothing.body.contains("--serve"), "{nothing:?}");
    for line in ["DELETE /sst/", "DELETE /sst/00", "DELETE /sst/0123456789abcdef0123456789abcdef"] {
        assert_eq!(request(gateway.at, line, "").await.status, 404);
    }
    assert_eq!(raw(gateway.at, b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n").await.status, 400);
    let long = format!("x: {}\r\n", "y".repeat(100_000));
    assert_eq!(request(gateway.at, "GET /sst", &long).await.status, 431);
}

#[tokio::test]
async fn what_cannot_be_started_is_said() {
    let at = "127.0.0.1:0".parse().unwrap();
    let complaint = async |settings: Settings| Gateway::bind(settings).await.err().unwrap();
    let target = parrot().await;
    assert!(complaint(Settings::new(at, vec![])).await.to_string().contains("needs a host"));
    let twice = Settings::new(at, vec![target.clone(), target.clone()]);
    assert!(complaint(twice).await.to_string().contains("given twice"));
    let nameless: Url = format!("sst://{}@nowhere.invalid:1/", some_id()).parse().unwrap();
    let nowhere =
        tokio::time::timeout(Duration::from_secs(20), complaint(Settings::new(at, vec![nameless])));
    assert!(nowhere.await.unwrap().to_string().contains("nowhere.invalid"));
    let mut settings = Settings::new(at, vec![target.clone()]);
    settings.files = Some("/nowhere".into());
    assert!(complaint(settings).await.to_string().contains("/nowhere: not a directory"));
    let mut settings = Settings::new(at, vec![target.clone()]);
    settings.origins = vec!["example.org".into()];
    assert!(complaint(settings).await.to_string().contains("not an origin"));
    let taken = std::net::TcpListener::bind(at).unwrap();
    let settings = Settings::new(taken.local_addr().unwrap(), vec![target]);
    assert!(complaint(settings).await.to_string().contains("cannot listen at 127.0.0.1"));
}
