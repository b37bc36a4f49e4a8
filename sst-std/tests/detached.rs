//! Endpoints without sockets: the caller carries the packets and tells the time.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use sst_std::{
    Carrier, Config, ConnectError, DatagramOutcome, Endpoint, Identity, InstanceWish, Offer,
    OpenOptions, ReadError, Session, Shares, Surroundings,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Two hosts, ten milliseconds apart, in a time of their own.
struct Pair {
    now_micros: Arc<AtomicU64>,
    hosts: [(SocketAddr, Carrier); 2],
    /// Due time, to whom, from where.
    flying: Vec<(u64, usize, SocketAddr, Vec<u8>)>,
    /// Every packet that was sent.
    log: Vec<Vec<u8>>,
    is_cut: bool,
}

impl Pair {
    const ONE_WAY_MICROS: u64 = 10_000;

    fn new(seed: u64) -> (Self, Endpoint, Endpoint) {
        Self::with(seed, |_| {})
    }

    fn with(seed: u64, set: impl Fn(&mut Config)) -> (Self, Endpoint, Endpoint) {
        let now_micros = Arc::new(AtomicU64::new(0));
        let make = |host: u8| {
            let mut config = Config::new(Identity::from_secret(&[host; 32]));
            config.accept = true;
            set(&mut config);
            let now = now_micros.clone();
            let surroundings = Surroundings {
                clock: Arc::new(move || Duration::from_micros(now.load(Ordering::Relaxed))),
                local: Vec::new(),
                seed: Some(seed + u64::from(host)),
            };
            let (endpoint, carrier) = Endpoint::detached(config, surroundings).unwrap();
            (endpoint, (SocketAddr::from(([10, 0, 0, host], 1)), carrier))
        };
        let ((one, first), (two, second)) = (make(1), make(2));
        let hosts = [first, second];
        let pair = Self { now_micros, hosts, flying: Vec::new(), log: Vec::new(), is_cut: false };
        (pair, one, two)
    }

    fn now(&self) -> u64 {
        self.now_micros.load(Ordering::Relaxed)
    }

    /// Lets things happen, in virtual time, until the work is done.
    fn run<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if let Some(answer) = self.step(work.as_mut()) {
                return answer;
            }
        }
    }

    fn step<T>(&mut self, work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(answer) = work.poll(&mut cx) {
            return Some(answer);
        }
        let is_busy = self.hosts.iter_mut().any(|(_, host)| host.poll_work(&mut cx).is_ready());
        if !is_busy {
            self.advance();
        }
        self.turn();
        None
    }

    /// Lets so much time pass.
    fn run_for(&mut self, time: Duration) {
        let until = self.now() + time.as_micros() as u64;
        while self.now() < until {
            self.now_micros.fetch_add(100_000, Ordering::Relaxed);
            self.advance_to(self.now());
            self.turn();
        }
    }

    fn turn(&mut self) {
        let arrives = self.now() + Self::ONE_WAY_MICROS;
        for at in 0..2 {
            let from = self.hosts[at].0;
            self.hosts[at].1.turn();
            let mut buffer = [0; 1_500];
            while let Some((_, len)) = self.hosts[at].1.poll_transmit(&mut buffer) {
                self.log.push(buffer[..len].to_vec());
                if !self.is_cut {
                    self.flying.push((arrives, 1 - at, from, buffer[..len].to_vec()));
                }
            }
        }
    }

    fn advance(&mut self) {
        let timers = self.hosts.iter_mut().filter_map(|(_, host)| host.poll_timeout());
        let timers = timers.map(|at| at.as_micros() as u64);
        let next = timers.chain(self.flying.iter().map(|packet| packet.0)).min();
        let now = next.expect("something is to come").max(self.now());
        self.now_micros.store(now, Ordering::Relaxed);
        self.advance_to(now);
    }

    /// What arrives by `now`.
    fn advance_to(&mut self, now: u64) {
        let (due, later) = self.flying.drain(..).partition(|packet| packet.0 <= now);
        self.flying = later;
        let due: Vec<_> = due;
        for (_, to, from, mut packet) in due {
            self.hosts[to].1.handle_packet(from, &mut packet);
        }
    }
}

async fn meet(one: &Endpoint, two: &Endpoint) -> (Session, Session) {
    let address = SocketAddr::from(([10, 0, 0, 2], 1));
    let here = one.connect_to(Some(two.id()), address).await.unwrap();
    (here, two.accept().await.unwrap())
}

/// A conversation: a record each way, and a close.
async fn talk(one: Endpoint, two: Endpoint) {
    let (here, there) = meet(&one, &two).await;
    let mut stream = here.open_substream(OpenOptions::new()).await.unwrap();
    stream.write_record(b"question").await.unwrap();
    let mut child = there.listen(1).accept().await.unwrap();
    assert_eq!(child.read_record(100).await.unwrap().unwrap(), b"question");
    child.write_record(b"answer").await.unwrap();
    assert_eq!(stream.read_record(100).await.unwrap().unwrap(), b"answer");
    here.close(7, "done").await;
    assert_eq!(there.closed().await.reason(), "done");
}

#[test]
fn the_same_seed_makes_the_same_packets_at_the_same_times() {
    let played = |seed| {
        let (mut pair, one, two) = Pair::new(seed);
        pair.run(talk(one, two));
        (pair.now(), pair.log)
    };
    let (took, packets) = played(1);
    assert!((Pair::ONE_WAY_MICROS * 4..1_000_000).contains(&took), "{took}");
    assert_eq!(played(1), (took, packets.clone()));
    assert_ne!(played(2).1, packets);
}

#[test]
fn nobody_there_is_noticed_in_the_time_of_the_clock() {
    let (mut pair, one, two) = Pair::new(1);
    pair.is_cut = true;
    let address = SocketAddr::from(([10, 0, 0, 2], 1));
    let refused = pair.run(one.connect_to(Some(two.id()), address));
    assert!(matches!(refused, Err(ConnectError::NoAnswer { .. })), "{refused:?}");
    assert!((9_900_000..10_200_000).contains(&pair.now()), "{}", pair.now());
}

#[test]
fn services_are_listed_and_slow_requests_refused() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let mut services = there.offer_services(vec![Offer::new("clock", "1", "tells the time")]);
    let offers = {
        let mut list = pin!(here.list_services());
        let mut accept = pin!(services.accept());
        pair.run(std::future::poll_fn(|cx| {
            assert!(accept.as_mut().poll(cx).is_pending());
            list.as_mut().poll(cx)
        }))
    };
    assert_eq!(offers.unwrap(), [Offer::new("clock", "1", "tells the time")]);
    // Not a service request: refused. One that is: told apart while the first is still there.
    let mut plain = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    let clock = pair.run(here.open_service("clock", "1")).unwrap();
    let request = pair.run(services.accept()).unwrap();
    assert_eq!(request.offer().service, "clock");
    assert!(pair.run(plain.read_record(10)).is_err());
    drop((clock, request));
}

#[test]
fn an_endpoint_ends_with_its_last_handle_and_with_its_carrier() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    drop((one, here));
    let closed = pair.run(there.closed());
    assert!(pair.hosts[0].1.has_ended() && !pair.hosts[1].1.has_ended(), "{closed}");
    let (pair, one, two) = {
        let (mut pair, one, two) = Pair::new(2);
        let (here, there) = pair.run(meet(&one, &two));
        drop(there);
        (pair, (one, here), two)
    };
    drop(pair);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(one.1.closed()).poll(&mut cx).is_ready());
    assert!(matches!(pin!(two.accept()).poll(&mut cx), Poll::Ready(None)));
}

/// Spec: R-8.4-3.
#[test]
fn what_became_of_a_message_is_unknown_when_the_session_ends_first() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, _there) = pair.run(meet(&one, &two));
    pair.is_cut = true;
    let mut sent = pair.run(here.send_tracked_message(&[1; 60_000])).unwrap();
    assert_eq!(sent.outcome(), None);
    here.abort(1, "enough");
    assert_eq!(pair.run(&mut sent), DatagramOutcome::Unknown);
    assert_eq!((sent.outcome(), pair.run(sent)), {
        (Some(DatagramOutcome::Unknown), DatagramOutcome::Unknown)
    });
}

#[test]
fn a_finish_under_way_when_the_session_closes_has_succeeded() {
    for waits_on in [false, true] {
        let (mut pair, one, two) = Pair::new(1);
        let (here, there) = pair.run(meet(&one, &two));
        let mut stream = pair.run(here.open_substream(OpenOptions::new())).unwrap();
        pair.run(stream.write_record(b"the last word")).unwrap();
        let mut child = pair.run(there.listen(1).accept()).unwrap();
        let mut finish = Box::pin(stream.finish());
        assert!(finish.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        pair.run(here.close(0, ""));
        if waits_on {
            // Whoever finishes may be slow to look; the session is over meanwhile.
            pair.run(there.closed());
            pair.run_for(Duration::from_secs(60));
        }
        assert_eq!(pair.run(finish), Ok(()), "{waits_on}");
        assert_eq!(pair.run(child.read_record(100)).unwrap().unwrap(), b"the last word");
    }
}

/// A task that a waker wakes; gone when nobody has its waker any more.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// Polls a future once, as a task of its own, and drops it. Whether it waited, and the task.
fn give_up<T>(future: impl Future<Output = T>) -> (bool, Weak<Task>) {
    let task = Arc::new(Task);
    let weak = Arc::downgrade(&task);
    let waker = Waker::from(task);
    (pin!(future).poll(&mut Context::from_waker(&waker)).is_pending(), weak)
}

#[test]
fn a_future_that_is_dropped_leaves_nothing_behind() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let mut listener = there.listen(1);
    let mut stream = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    pair.run(stream.write_record(b"all there is")).unwrap();
    let mut child = pair.run(listener.accept()).unwrap();
    pair.run(child.read_record(100)).unwrap();
    let mut services = here.offer_services(Vec::new());
    // So many that what each leaves, or a search for it, would be felt.
    for round in 0..80_000 {
        let (waited, left) = match round % 7 {
            0 => give_up(here.closed()),
            1 => give_up(here.recv_datagram()),
            2 => give_up(one.accept()),
            3 => give_up(listener.accept()),
            4 => give_up(child.read_record(100)),
            5 => give_up(child.recv_datagram()),
            _ => give_up(there.open_substream(OpenOptions::new())),
        };
        assert!(waited || round % 7 == 6, "{round}");
        assert_eq!(left.strong_count(), 0, "{round}: the waker stays");
    }
    // A listener of services reads requests on its own account: it keeps the latest.
    let tasks: Vec<_> = (0..100).map(|_| give_up(services.accept()).1).collect();
    assert_eq!(tasks.iter().filter(|task| task.strong_count() > 0).count(), 1);
    // Who waits through all this is woken all the same.
    let mut reading = Box::pin(child.read_record(100));
    let task = Arc::new(Task);
    let waker = Waker::from(task.clone());
    assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(Arc::strong_count(&task), 3);
    pair.run(stream.write_record(b"more")).unwrap();
    pair.run_for(Duration::from_secs(1));
    assert_eq!(Arc::strong_count(&task), 2, "woken, and forgotten");
    assert_eq!(pair.run(reading).unwrap().unwrap(), b"more");
}

/// Spec: R-7.6-5
#[test]
fn a_record_that_the_end_cuts_off_is_told_from_a_whole_one() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let mut listener = there.listen(2);
    let mut stream = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    pair.run(async {
        stream.write_record(b"whole").await.unwrap();
        stream.write_all(b"cut off").await.unwrap();
        stream.finish().await.unwrap();
    });
    let mut child = pair.run(listener.accept()).unwrap();
    assert_eq!(pair.run(child.read_record(100)).unwrap().unwrap(), b"whole");
    let cut_off = ReadError::UnfinishedRecord { len: 7 };
    for _ in 0..2 {
        assert_eq!(pair.run(child.read_record(100)).unwrap_err(), cut_off);
    }
    assert_eq!(pair.run(child.read_record(6)), Err(ReadError::RecordTooLong { limit: 6 }));
    let (mut some, mut rest) = ([0; 3], Vec::new());
    pair.run(child.read_exact(&mut some)).unwrap();
    assert_eq!(pair.run(child.read_record(100)), Err(ReadError::UnfinishedRecord { len: 4 }));
    pair.run(child.read_to_end(&mut rest)).unwrap();
    assert_eq!((&some[..], &rest[..]), (&b"cut"[..], &b" off"[..]));
    assert_eq!(pair.run(child.read_record(100)), Ok(None));
}

#[test]
fn shutdown_begins_the_end_and_what_was_written_arrives_though_the_stream_is_dropped() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let mut listener = there.listen(2);
    let mut stream = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(stream.write_all(b"the last words")).poll(&mut cx).is_ready());
    // No packet comes or goes meanwhile.
    assert!(pin!(stream.shutdown()).poll(&mut cx).is_ready(), "it waits for nobody");
    assert!(pin!(stream.shutdown()).poll(&mut cx).is_ready());
    assert!(pin!(stream.finish()).poll(&mut cx).is_pending(), "this one waits for the peer");
    let late = pin!(stream.write_all(b"more")).poll(&mut cx);
    assert!(matches!(late, Poll::Ready(Err(_))));
    drop(stream);
    let mut child = pair.run(listener.accept()).unwrap();
    let mut read = Vec::new();
    pair.run(child.read_to_end(&mut read)).unwrap();
    assert_eq!(read, b"the last words");
}

/// As proxies do it: each side hears its end when the other has said all, both directions through.
#[test]
fn two_streams_are_joined_as_two_of_tcp_are() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let mut far = there.listen(4);
    let mut client = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    let mut server = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    pair.run(async {
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        // A stream is not there before something is written.
        server.write_record(b"").await.unwrap();
    });
    let proxy = async {
        let mut from = far.accept().await.unwrap();
        let mut to = far.accept().await.unwrap();
        tokio::io::copy_bidirectional(&mut from, &mut to).await.unwrap()
    };
    let ends = async {
        let mut question = Vec::new();
        server.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        server.write_all(b"and its answer").await.unwrap();
        server.shutdown().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"and its answer");
    };
    let (copied, ()) = pair.run(async { tokio::join!(proxy, ends) });
    assert_eq!(copied, (8, 14));
}

/// Spec: R-8.3-6
#[test]
fn datagrams_nobody_receives_go_the_oldest_first_and_are_counted() {
    let (mut pair, one, two) = Pair::with(1, |config| config.datagram_queue_bytes = 8_192);
    let (here, there) = pair.run(meet(&one, &two));
    for number in 0..100_u8 {
        pair.run(here.send_datagram(&[number; 500], None)).unwrap();
        pair.run_for(Duration::from_millis(100));
    }
    // The last has arrived, too.
    pair.run_for(Duration::from_secs(1));
    let dropped = there.dropped_datagrams();
    let mut found = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(datagram) = pin!(there.recv_datagram()).poll(&mut cx) {
        found.push(u64::from(datagram.unwrap()[0]));
    }
    assert!((1..=16).contains(&found.len()), "{found:?}");
    assert_eq!(found, (dropped..100).collect::<Vec<_>>(), "the newest are there");
}

#[test]
fn what_is_told_of_a_stream_is_true_after_a_reset_and_a_stop() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let mut stream = pair.run(here.open_substream(OpenOptions::new())).unwrap();
    pair.run(stream.write_record(b"hello")).unwrap();
    let child = pair.run(there.listen(1).accept()).unwrap();
    let before = stream.info().unwrap().send_limit.unwrap();
    assert!(before > 6, "{before}");
    child.stop(77);
    pair.run_for(Duration::from_secs(1));
    let after = stream.info().unwrap();
    assert!(after.send_limit.is_none_or(|limit| limit >= before), "{after:?}");
    assert!(after.written <= 6 && after.acked <= after.written, "{after:?}");
    stream.reset(78);
    assert_ne!(stream.info().unwrap().send_limit, Some(78));
}

/// Spec: R-5.9-10
#[test]
fn sessions_that_end_before_they_are_accepted_leave_their_places() {
    let (mut pair, one, two) = Pair::with(1, |config| {
        (config.backlog, config.max_sessions) = (8, 16);
    });
    let address = SocketAddr::from(([10, 0, 0, 2], 1));
    for round in 0..100 {
        let here = pair.run(one.connect_to(Some(two.id()), address));
        let here = here.unwrap_or_else(|error| panic!("round {round}: {error}"));
        // The peer hears of it a little later, and would say soon that it has no room.
        pair.run_for(Duration::from_secs(1));
        assert_eq!(here.close_reason(), None, "round {round}");
        pair.run(here.close(round, "gone"));
        drop(here);
        // CLOSE is repeated for a while; then the row of this side is free, too.
        pair.run_for(Duration::from_secs(60));
    }
    let here = pair.run(one.connect_to(Some(two.id()), address)).expect("there is room");
    pair.run_for(Duration::from_secs(1));
    let mut waited = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(session) = pin!(two.accept()).poll(&mut cx) {
        waited.push(session.expect("the endpoint is open"));
    }
    let (last, ended) = waited.split_last().expect("one is open");
    assert!(last.close_reason().is_none());
    assert!(ended.len() < 4, "half of the places at most: {}", ended.len());
    assert!(ended.iter().all(|session| session.close_reason().is_some()));
    drop(here);
}

#[test]
fn waiting_for_a_place_ends_with_the_session() {
    let (mut pair, one, two) = Pair::new(1);
    let (here, there) = pair.run(meet(&one, &two));
    let shares = Shares::new(1, 1);
    let held = pair.run(shares.take_while_open(&there)).expect("one is free");
    let mut waiting = Box::pin(shares.take_while_open(&there));
    let task = Arc::new(Task);
    let waker = Waker::from(task.clone());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    pair.run(here.close(0, ""));
    pair.run_for(Duration::from_secs(1));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(waiting.as_mut().poll(&mut cx), Poll::Ready(None)), "over");
    drop(waiting);
    assert_eq!(Arc::strong_count(&task), 1, "nothing keeps the task");
    drop(held);
    assert_eq!(shares.taken(), 0);
}

#[test]
fn sessions_of_one_peer_draw_together_where_places_are_counted_by_peer() {
    let (mut pair, one, two) = Pair::with(1, |config| config.instance = InstanceWish::Fresh);
    let sessions: Vec<_> = (0..5).map(|_| pair.run(meet(&one, &two))).collect();
    let taken = |shares: &Arc<Shares>| {
        let places: Vec<_> =
            sessions.iter().filter_map(|(_, there)| shares.try_take(there)).collect();
        assert_eq!(shares.taken(), places.len());
        places.len()
    };
    assert_eq!(taken(&Shares::new(64, 1)), 5);
    assert_eq!(taken(&Shares::by_peer(64, 1)), 1);
    assert_eq!(taken(&Shares::by_peer(64, 3)), 3);
}
