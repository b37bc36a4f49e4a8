//! Two endpoints over the loopback interface: streams, records, datagrams, endings, refusals.

mod two_hosts;

use std::time::Duration;

use sst_std::{
    BindError, By, CODE_DROPPED, Code, ConnectError, DatagramForm, DatagramOutcome, Endpoint,
    OpenOptions, ReadError, Stream, Url, WriteError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use two_hosts::{endpoint, pair, timed};

/// A stream and its other end.
async fn streams(pair: &two_hosts::Pair) -> (Stream, Stream) {
    let mut stream = pair.here.open_substream(OpenOptions::new()).await.unwrap();
    stream.write_record(b"?").await.unwrap();
    let mut child = pair.there.listen(8).accept().await.unwrap();
    assert_eq!(child.read_record(1).await.unwrap().as_deref(), Some(&b"?"[..]));
    (stream, child)
}

// Spec: R-7.6-1, R-9.1-3.
#[tokio::test]
async fn bytes_come_back_and_the_end_is_seen() {
    timed(async {
        let pair = pair().await;
        let (mut stream, child) = streams(&pair).await;
        let echo = tokio::spawn(async move {
            let (mut read, mut write) = child.split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
            write.finish().await.unwrap();
        });
        let sent: Vec<u8> = (0..2_000_000_u32).map(|at| (at >> 3) as u8).collect();
        let (mut read, mut write) = {
            stream.write_all(&sent[..100]).await.unwrap();
            stream.split()
        };
        let rest = sent[100..].to_vec();
        let writer = tokio::spawn(async move {
            write.write_all(&rest).await.unwrap();
            write.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.unwrap();
        assert!(received == sent);
        writer.await.unwrap();
        echo.await.unwrap();
    })
    .await;
}

// Spec: R-7.6-2, R-7.6-4.
#[tokio::test]
async fn records_keep_their_bounds() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        let records: Vec<Vec<u8>> =
            [0, 1, 1_000, 0, 70_000, 300_000, 3].iter().map(|&len| vec![len as u8; len]).collect();
        let sent = records.clone();
        let writer = tokio::spawn(async move {
            for record in &sent {
                stream.write_record(record).await.unwrap();
            }
            stream.finish().await.unwrap();
            stream
        });
        for record in &records {
            assert_eq!(child.read_record(300_000).await.unwrap().as_ref(), Some(record));
        }
        assert_eq!(child.read_record(10).await.unwrap(), None);
        writer.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_record_over_the_limit_is_refused_and_kept() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        stream.write_record(&[7; 100]).await.unwrap();
        stream.write_record(b"next").await.unwrap();
        let error = child.read_record(99).await.unwrap_err();
        assert_eq!(error, ReadError::RecordTooLong { limit: 99 });
        assert_eq!(child.read_record(100).await.unwrap(), Some(vec![7; 100]));
        assert_eq!(child.read_record(4).await.unwrap(), Some(b"next".to_vec()));
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_record_read_loses_nothing() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        stream.write_all(b"first half, ").await.unwrap();
        let cancelled =
            tokio::time::timeout(Duration::from_millis(50), child.read_record(100)).await;
        assert!(cancelled.is_err(), "no mark was sent yet");
        stream.write_record(b"second half").await.unwrap();
        let record = child.read_record(100).await.unwrap().unwrap();
        assert_eq!(record, b"first half, second half");
    })
    .await;
}

// Spec: R-7.1-1.
#[tokio::test]
async fn streams_have_children_that_have_children() {
    timed(async {
        let pair = pair().await;
        let (mut above_here, mut above_there) = streams(&pair).await;
        for depth in 0..20_u8 {
            let mut here = above_here.open_substream(OpenOptions::new()).await.unwrap();
            here.write_record(&[depth]).await.unwrap();
            let mut there = above_there.listen(1).accept().await.unwrap();
            assert_eq!(there.read_record(1).await.unwrap(), Some(vec![depth]));
            there.write_record(&[depth + 100]).await.unwrap();
            assert_eq!(here.read_record(1).await.unwrap(), Some(vec![depth + 100]));
            (above_here, above_there) = (here, there);
        }
    })
    .await;
}

#[tokio::test]
async fn many_streams_at_once_wait_for_credit_and_all_finish() {
    timed(async {
        let pair = pair().await;
        let there = pair.there.clone();
        tokio::spawn(async move {
            let mut listener = there.listen(8);
            while let Some(mut child) = listener.accept().await {
                tokio::spawn(async move {
                    let mut text = Vec::new();
                    child.read_to_end(&mut text).await.unwrap();
                    child.write_all(&text).await.unwrap();
                    child.finish().await.unwrap();
                });
            }
        });
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..500_u32 {
            let here = pair.here.clone();
            tasks.spawn(async move {
                let mut stream = here.open_substream(OpenOptions::new()).await.unwrap();
                stream.write_all(&number.to_be_bytes()).await.unwrap();
                stream.finish().await.unwrap();
                assert_eq!(stream.read_u32().await.unwrap(), number);
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    })
    .await;
}

// Spec: R-8.3-4.
#[tokio::test]
async fn datagrams_of_every_size_arrive() {
    timed(async {
        let pair = pair().await;
        let (stream, child) = streams(&pair).await;
        for len in [0, 1, 64, 1_000, 1_500, 20_000, 60 * 1_024] {
            let datagram = vec![len as u8; len];
            stream.send_message(&datagram).await.unwrap();
            assert_eq!(child.recv_datagram().await.unwrap(), datagram);
            pair.there.send_datagram(&datagram, None).await.unwrap();
            assert_eq!(pair.here.recv_datagram().await.unwrap(), datagram);
        }
        let error = stream.send_datagram(&vec![0; 100_000], None).await.unwrap_err();
        assert!(matches!(error, sst_std::DatagramError::TooLarge { limit: 65_536 }), "{error}");
    })
    .await;
}

// Spec: R-8.4-1.
#[tokio::test]
async fn a_sender_learns_what_became_of_its_datagrams() {
    timed(async {
        let pair = pair().await;
        let small = pair.here.send_tracked_datagram(b"small", None).await.unwrap();
        let large = pair.here.send_tracked_datagram(&[1; 20_000], None).await.unwrap();
        let message = pair.here.send_tracked_message(b"must arrive").await.unwrap();
        let forms = [small.form(), large.form(), message.form()];
        let (packet, substream) = (DatagramForm::Stateless, DatagramForm::Substream);
        assert_eq!(forms, [packet, substream, substream]);
        for delivery in [small, large, message] {
            assert_eq!(delivery.await, DatagramOutcome::Acknowledged);
        }
        let stale = pair.here.send_tracked_datagram(b"x", Some(Duration::ZERO)).await.unwrap();
        assert_eq!(stale.await, DatagramOutcome::Expired);
        let error = pair.here.send_tracked_datagram(&vec![0; 100_000], None).await.unwrap_err();
        assert!(matches!(error, sst_std::DatagramError::TooLarge { .. }), "{error}");
        drop(pair.here.send_tracked_datagram(b"not asked after all", None).await.unwrap());
    })
    .await;
}

// Spec: R-7.7-8.
#[tokio::test]
async fn dropping_resets_and_stops_and_never_finishes() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        stream.write_all(b"unfinished").await.unwrap();
        drop(stream);
        let mut text = Vec::new();
        let error = child.read_to_end(&mut text).await.unwrap_err();
        let error = error.into_inner().unwrap();
        assert_eq!(error.downcast_ref::<ReadError>(), Some(&ReadError::Reset(CODE_DROPPED)));
        // The other direction was stopped.
        let error = loop {
            match child.write_record(b"anyone there?").await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => break error,
            }
        };
        assert_eq!(error, WriteError::Stopped(CODE_DROPPED));
    })
    .await;
}

#[tokio::test]
async fn each_half_ends_its_own_direction() {
    timed(async {
        let pair = pair().await;
        let (stream, mut child) = streams(&pair).await;
        let (mut read, write) = stream.split();
        drop(write);
        assert_eq!(child.read_record(9).await, Err(ReadError::Reset(CODE_DROPPED)));
        child.write_record(b"still").await.unwrap();
        assert_eq!(read.read_record(9).await.unwrap().as_deref(), Some(&b"still"[..]));
        child.finish().await.unwrap();
        assert_eq!(read.read_record(9).await.unwrap(), None);
    })
    .await;
}

// Spec: R-7.7-4, R-7.7-6.
#[tokio::test]
async fn codes_of_reset_and_stop_arrive() {
    timed(async {
        let pair = pair().await;
        let (stream, mut child) = streams(&pair).await;
        stream.reset(41);
        stream.stop(42);
        assert_eq!(child.read_record(9).await, Err(ReadError::Reset(41)));
        let error = child.finish().await.unwrap_err();
        assert_eq!(error, WriteError::Stopped(42));
    })
    .await;
}

// Spec: R-7.7-3.
#[tokio::test]
async fn writing_after_finish_is_an_error_and_finishing_twice_is_not() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        stream.finish().await.unwrap();
        stream.finish().await.unwrap();
        assert_eq!(stream.write_record(b"x").await, Err(WriteError::Finished));
        assert_eq!(child.read_record(9).await.unwrap(), None);
        assert_eq!(child.read_record(9).await.unwrap(), None);
    })
    .await;
}

// Spec: R-7.8-3.
#[tokio::test]
async fn priorities_are_kept_inherited_and_requested() {
    timed(async {
        let pair = pair().await;
        let open = OpenOptions::new().priority(7);
        let mut stream = pair.here.open_substream(open).await.unwrap();
        stream.write_record(b"x").await.unwrap();
        let child = pair.there.listen(1).accept().await.unwrap();
        assert_eq!((stream.priority(), child.priority()), (Some(7), Some(7)));
        stream.set_priority(Some(-3));
        assert_eq!(stream.priority(), Some(-3));
        stream.request_priority(99);
        while child.priority() != Some(99) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

// Spec: R-9.3-1.
#[tokio::test]
async fn close_delivers_first_and_carries_its_reason() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        let reader = tokio::spawn(async move {
            let mut text = Vec::new();
            child.read_to_end(&mut text).await.unwrap();
            text.len()
        });
        let there = pair.there.clone();
        let told = tokio::spawn(async move { there.closed().await });
        stream.write_all(&vec![1; 200_000]).await.unwrap();
        stream.start_finish().unwrap();
        let ours = pair.here.close(17, "enough").await;
        assert_eq!((ours.by(), ours.code()), (By::Local, Code::Application(17)));
        assert_eq!(reader.await.unwrap(), 200_000);
        let theirs = told.await.unwrap();
        assert_eq!(
            (theirs.by(), theirs.code(), theirs.reason()),
            (By::Peer, Code::Application(17), "enough")
        );
        assert!(pair.here.open_substream(OpenOptions::new()).await.is_err());
    })
    .await;
}

// Spec: R-9.1-2, R-9.1-3, R-9.3-2.
#[tokio::test]
async fn everything_that_waits_ends_when_the_session_is_aborted() {
    timed(async {
        let pair = pair().await;
        let (_stream, mut child) = streams(&pair).await;
        let reading = tokio::spawn(async move { child.read_record(9).await });
        let there = pair.there.clone();
        let receiving = tokio::spawn(async move { there.recv_datagram().await });
        let mut listener = pair.there.listen(1);
        let accepting = tokio::spawn(async move { listener.accept().await.is_none() });
        tokio::time::sleep(Duration::from_millis(20)).await;
        pair.here.abort(5, "now");
        let error = reading.await.unwrap().unwrap_err();
        let ReadError::Session(closed) = error else { panic!("{error}") };
        assert_eq!((closed.by(), closed.code()), (By::Peer, Code::Application(5)));
        assert!(receiving.await.unwrap().is_err());
        assert!(accepting.await.unwrap());
    })
    .await;
}

// Spec: R-3.1-1, R-5.4-3, R-5.10-2.
#[tokio::test]
async fn a_wrong_identity_gets_no_answer() {
    timed(async {
        let there = endpoint(|config| config.accept = true).await;
        let here = endpoint(|_| ()).await;
        let someone_else = sst_std::Identity::generate().unwrap().id();
        let url = Url::new(someone_else, there.local_addrs()[0], "");
        let error = here.connect(&url).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoAnswer { .. }), "{error}");
        let error = there.connect_to(Some(there.id()), there.local_addrs()[0]).await.unwrap_err();
        assert!(matches!(error, ConnectError::Myself(_)), "{error}");
    })
    .await;
}

// Spec: R-5.9-9.
#[tokio::test]
async fn a_refused_identity_is_told_so() {
    timed(async {
        let there = endpoint(|config| {
            config.accept = true;
            config.allow = Some(Vec::new());
        })
        .await;
        let here = endpoint(|_| ()).await;
        let closed = match here.connect_to(Some(there.id()), there.local_addrs()[0]).await {
            Err(ConnectError::Refused(closed)) => closed,
            Err(error) => panic!("{error}"),
            // The peer can only refuse once it knows who asks: after we believe to be connected.
            Ok(session) => session.closed().await,
        };
        assert_eq!(closed.by(), By::Peer);
        assert!(closed.to_string().contains("identity refused"), "{closed}");
    })
    .await;
}

#[tokio::test]
async fn without_an_identity_the_peer_is_learned() {
    timed(async {
        let there = endpoint(|config| {
            config.accept = true;
            config.answers_unknown = true;
        })
        .await;
        let here = endpoint(|_| ()).await;
        let session = here.connect_to(None, there.local_addrs()[0]).await.unwrap();
        assert_eq!(session.peer_id(), there.id());
        assert_eq!(there.accept().await.unwrap().peer_id(), here.id());
    })
    .await;
}

// Spec: R-13.5-2.
#[tokio::test]
async fn who_knows_only_the_address_gets_no_answer_unless_the_host_asked_for_it() {
    timed(async {
        let there = endpoint(|config| config.accept = true).await;
        let here = endpoint(|config| config.connect_timeout = Duration::from_secs(1)).await;
        let error = here.connect_to(None, there.local_addrs()[0]).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoAnswer { system: None, .. }), "{error}");
        let stats = there.stats();
        assert_eq!((stats.cookies_sent, stats.half_open, stats.sent_packets), (0, 0, 0));
        let session = here.connect_to(Some(there.id()), there.local_addrs()[0]).await.unwrap();
        assert_eq!(session.peer_id(), there.id());
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = endpoint(|_| ()).await;
    let mut config = sst_std::Config::new(sst_std::Identity::generate().unwrap());
    config.bind = first.local_addrs().to_vec();
    let error = Endpoint::bind(config.clone()).await.unwrap_err();
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    config.bind = vec!["127.0.0.1:0".parse().unwrap(), "127.0.0.1:1".parse().unwrap()];
    assert!(matches!(Endpoint::bind(config).await, Err(BindError::SameIp { .. })));
}

#[tokio::test]
async fn garbage_on_the_socket_changes_nothing() {
    timed(async {
        let pair = pair().await;
        let (mut stream, mut child) = streams(&pair).await;
        let raw = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut noise = 1_u64;
        for len in (0..1_400).step_by(7) {
            let packet: Vec<u8> = (0..len)
                .map(|_| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (noise >> 56) as u8
                })
                .collect();
            for endpoint in [&pair.near, &pair.far] {
                let _ = raw.send_to(&packet, endpoint.local_addrs()[0]);
            }
        }
        stream.write_record(b"unharmed").await.unwrap();
        assert_eq!(child.read_record(9).await.unwrap().as_deref(), Some(&b"unharmed"[..]));
    })
    .await;
}

#[tokio::test]
async fn closing_an_endpoint_ends_sessions_and_waiting_accepts() {
    timed(async {
        let pair = pair().await;
        let far = pair.far.clone();
        let accepting = tokio::spawn(async move { far.accept().await.is_none() });
        tokio::time::sleep(Duration::from_millis(20)).await;
        pair.far.close().await;
        assert!(accepting.await.unwrap());
        assert_eq!(pair.here.closed().await.by(), By::Peer);
        assert!(matches!(
            pair.far.connect_to(Some(pair.near.id()), pair.near.local_addrs()[0]).await,
            Err(ConnectError::EndpointClosed)
        ));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_session_is_closed_at_the_peer() {
    timed(async {
        let two_hosts::Pair { here, there, .. } = pair().await;
        drop(here);
        assert_eq!(there.closed().await.by(), By::Peer);
    })
    .await;
}

// Spec: R-7.12-1, R-7.12-3, R-7.12-4, R-7.12-5, R-7.12-7, R-7.12-8.
#[tokio::test]
async fn services_are_listed_found_and_refused_by_name() {
    use sst_std::{CODE_PROTOCOL_UNKNOWN, CODE_REFUSED, CODE_SERVICE_UNKNOWN, Offer};
    timed(async {
        let pair = pair().await;
        let offers = vec![Offer::new("echo", "1", "again"), Offer::new("shy", "1", "not you")];
        let mut services = pair.there.offer_services(offers.clone());
        tokio::spawn(async move {
            while let Some(request) = services.accept().await {
                if request.offer().service == "shy" {
                    request.refuse();
                    continue;
                }
                let mut stream = request.into_stream();
                let record = stream.read_record(100).await.unwrap().unwrap();
                stream.write_record(&record).await.unwrap();
                stream.finish().await.unwrap();
            }
        });
        assert_eq!(pair.here.list_services().await.unwrap(), offers);
        let mut echo = pair.here.open_service("echo", "1").await.unwrap();
        echo.write_record(b"hello").await.unwrap();
        assert_eq!(echo.read_record(100).await.unwrap().as_deref(), Some(&b"hello"[..]));
        for (service, protocol, code) in [
            ("none", "1", CODE_SERVICE_UNKNOWN),
            ("echo", "2", CODE_PROTOCOL_UNKNOWN),
            ("shy", "1", CODE_REFUSED),
        ] {
            let mut stream = pair.here.open_service(service, protocol).await.unwrap();
            assert_eq!(stream.read_record(9).await, Err(ReadError::Reset(code)), "{service}");
        }
        // A child of the root that names no service.
        let mut stray = pair.here.open_substream(OpenOptions::new()).await.unwrap();
        assert_eq!(stray.read_record(9).await, Err(ReadError::Reset(CODE_REFUSED)));
    })
    .await;
}
