//! What streams cost: bytes on the wire, and what is left when they are gone.

use sst_nostd::sim::{LinkConfig, Network};
use sst_nostd::{Config, Event, Limits, Open, StreamEvent, StreamHandle};

use crate::pair::{MS, Pair, SECOND, Transfer, secret};

const MIB: usize = 1 << 20;
const UDP_HEADER_BYTES: usize = 8;
const TAG_BYTES: usize = 16;

// Spec: R-4.3-1, R-7.3-1.
#[test]
fn a_full_packet_spends_at_most_24_bytes_on_headers() {
    let mut pair = Pair::connected(1, &LinkConfig::limited(5 * MS, 100_000_000, 1000));
    let session = pair.session.expect("a session");
    // The first one finds the largest packet, so that the second is not mixed with probes.
    let mut worst = 0;
    for total in [4 * MIB, 40 * MIB] {
        pair.net.log = Some(vec![]);
        let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, total);
        let until = pair.net.now().after(60 * SECOND);
        transfer.run(&mut pair.net, until);
        let log = pair.net.log.take().unwrap_or_default();
        let lens = log.iter().filter(|sent| sent.node == 0).map(|sent| sent.packet.len());
        let (mut packets, mut bytes) = (0, 0);
        for len in lens.filter(|len| *len >= 1200) {
            packets += 1;
            bytes += len + UDP_HEADER_BYTES - TAG_BYTES;
        }
        let stats = pair.net.node(0).host.session_info(session).and_then(|info| info.channel);
        let lost = stats.expect("a channel").totals.lost_packets;
        assert_eq!(lost, 0, "what is sent twice would count as headers");
        worst = (bytes - total).div_ceil(packets);
        println!("{packets} packets for {total} bytes: {worst} bytes of headers each");
    }
    assert!(worst <= 24);
}

// Spec: R-6.9-6.
#[test]
fn what_is_written_in_pieces_is_not_delayed_by_the_search_for_larger_packets() {
    // A packet of 1280 bytes takes 7 ms.
    let link = LinkConfig::limited(27_500 * MS / 1000, 1_500_000, 25);
    let mut pair = Pair::connected(1, &link);
    pair.net.run_for(SECOND);
    let session = pair.session.expect("a session");
    let mtu_bytes = |pair: &Pair| {
        let info = pair.net.node(0).host.session_info(session);
        info.and_then(|info| info.channel).expect("a channel").mtu_bytes
    };
    assert_eq!(mtu_bytes(&pair), 1200);
    let begun = pair.net.now();
    let (host, now) = pair.net.host(0);
    let root = host.root(session).expect("a root");
    let stream = host.open_substream(now, root, Open::default()).expect("opens");
    assert_eq!(host.write(now, stream, &[7; 1200]), Ok(1200), "the search has begun");
    pair.net.run_for(MS);
    let (host, now) = pair.net.host(0);
    assert_eq!(host.write(now, stream, &[7; 1000]), Ok(1000));
    host.finish(now, stream).expect("ends");
    let mut child = None;
    let mut received = 0;
    while received < 2200 {
        let event = pair.net.next_event(begun.after(SECOND)).expect("all arrives");
        let (host, now) = pair.net.host(1);
        if let (1, Event::Stream(_, parent, StreamEvent::Child)) = event {
            child = host.accept_substream(now, parent);
        }
        while let Some(stream) = child
            && let Ok(len @ 1..) = host.read(now, stream, &mut [0; 2000])
        {
            received += len;
        }
    }
    let took = pair.net.now().since(begun);
    println!("2 KiB in two pieces: {took:?}");
    assert!(took <= 43 * MS, "{took:?}");
    pair.net.run_for(SECOND);
    assert!(mtu_bytes(&pair) > 1200, "no probe went");
}

// Spec: R-6.9-2.
#[test]
fn a_session_that_fills_no_packet_asks_for_no_larger_ones() {
    let mut pair = Pair::connected(1, &LinkConfig::clean(20 * MS));
    let session = pair.session.expect("a session");
    let root = pair.net.node(0).host.root(session).expect("a root");
    exchange(&mut pair.net, root);
    pair.net.run_for(5 * SECOND);
    let stats = |pair: &Pair| {
        let info = pair.net.node(0).host.session_info(session);
        info.and_then(|info| info.channel).expect("a channel")
    };
    let short = stats(&pair);
    println!("{} packets of {} bytes", short.totals.sent_packets, short.totals.sent_bytes);
    assert!(short.totals.sent_bytes < 1000 && short.mtu_bytes == 1200, "{short:?}");
    let (host, now) = pair.net.host(0);
    let stream = host.open_substream(now, root, Open::default()).expect("opens");
    assert_eq!(host.write(now, stream, &[7; 1200]), Ok(1200));
    pair.net.run_for(SECOND);
    assert!(stats(&pair).mtu_bytes > 1200, "no probe went");
}

#[test]
fn a_hundred_thousand_substreams_one_after_the_other_leave_nothing() {
    let mut pair = Pair::connected(1, &LinkConfig::clean(MS));
    let session = pair.session.expect("a session");
    let root = pair.net.node(0).host.root(session).expect("a root");
    exchange(&mut pair.net, root);
    pair.net.run_for(3 * SECOND);
    let before = holdings(&pair.net);
    for _ in 0..100_000 {
        exchange(&mut pair.net, root);
    }
    pair.net.run_for(3 * SECOND);
    assert_eq!(holdings(&pair.net), before);
    assert!(pair.net.node(0).host.close_reason(session).is_none());
}

/// What this thread has computed so far, where the system tells; elsewhere, what time it is. The
/// former does not grow while other programs have the processor.
#[allow(clippy::disallowed_methods, reason = "it measures real time")]
fn thread_time() -> std::time::Duration {
    static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|word| word.parse().ok());
    let elapsed = || BEGUN.get_or_init(std::time::Instant::now).elapsed();
    nanos.map_or_else(elapsed, std::time::Duration::from_nanos)
}

/// Times, so with room for noise: work in proportion to idle streams would be a thousandfold.
#[test]
fn a_hundred_thousand_idle_streams_cost_a_busy_one_nothing() {
    let mut times = vec![];
    for idle in [0, 100_000] {
        let mut pair = roomy_pair(100_100);
        let session = pair.session.expect("a session");
        let root = pair.net.node(0).host.root(session).expect("a root");
        let parent = leave_idle(&mut pair.net, root, idle);
        let rounds = (0..7).map(|_| {
            let begun = thread_time();
            for _ in 0..500 {
                exchange(&mut pair.net, root);
            }
            thread_time() - begun
        });
        let best = rounds.min().expect("seven");
        println!("{idle} idle streams: {:?} for each busy one", best / 500);
        let streams = pair.net.node(1).host.stats().streams;
        assert!(streams as usize > idle, "they were not open: {streams}");
        assert!(idle == 0 || parent != root);
        times.push(best);
    }
    assert!(times[1] < times[0] * 5, "{times:?}");
}

/// A pair whose tables hold `streams` streams.
fn roomy_pair(streams: u32) -> Pair {
    let mut net = Network::new(1);
    for node in 0..2 {
        let mut config = Config::large(secret(1, node));
        config.streams.root_children = streams;
        config.streams.children = streams;
        net.add_node(config, Limits::of(1, streams, 32 << 20));
    }
    net.connect_nodes(0, 1, &LinkConfig::clean(MS));
    Pair { net, session: None, incoming: None }.up()
}

/// Opens `count` streams, in a chain of groups, each accepted and then silent.
fn leave_idle(net: &mut Network, root: StreamHandle, count: usize) -> StreamHandle {
    let mut parent = root;
    for opened in 0..count {
        let (host, now) = net.host(0);
        let stream = host.open_substream(now, parent, Open::default()).expect("opens");
        assert_eq!(host.write(now, stream, b"x"), Ok(1));
        if opened % 100 == 99 {
            parent = stream;
        }
        if opened % 1000 == 999 {
            accept_all(net);
        }
    }
    accept_all(net);
    parent
}

/// The second node accepts whatever comes, and reads it.
fn accept_all(net: &mut Network) {
    let until = net.now().after(200 * MS);
    let mut buffer = [0; 10];
    while let Some((node, event)) = net.next_event(until) {
        let Event::Stream(_, of, StreamEvent::Child) = event else { continue };
        assert_eq!(node, 1);
        let (host, now) = net.host(node);
        host.listen(now, of, u32::MAX).expect("listens");
        let mut waiting = vec![of];
        while let Some(parent) = waiting.pop() {
            while let Some(child) = host.accept_substream(now, parent) {
                assert_eq!(host.read(now, child, &mut buffer), Ok(1));
                host.listen(now, child, u32::MAX).expect("listens");
                waiting.push(child);
            }
        }
    }
}

/// Streams, bytes and packets that each host holds.
fn holdings(net: &Network) -> [(u32, u64, u32); 2] {
    [0, 1].map(|node| {
        let stats = net.node(node).host.stats();
        (stats.streams, stats.bytes_held, stats.packets_in_flight)
    })
}

/// A request of nine bytes and a reply of a thousand on a new substream, both taken to their ends.
fn exchange(net: &mut Network, root: StreamHandle) {
    let (host, now) = net.host(0);
    let stream = host.open_substream(now, root, Open::default()).expect("opens");
    assert_eq!(host.write(now, stream, b"a request"), Ok(9));
    host.finish(now, stream).expect("finishes");
    let until = net.now().after(SECOND);
    let mut buffer = [0; 2000];
    let mut got = 0;
    let mut served = None;
    while let Some((node, event)) = net.next_event(until) {
        let Event::Stream(_, of, event) = event else { continue };
        let (host, now) = net.host(node);
        match (node, event) {
            (1, StreamEvent::Child) => served = host.accept_substream(now, of),
            (1, StreamEvent::Readable)
                if Some(of) == served && host.read(now, of, &mut buffer) == Ok(9) =>
            {
                assert_eq!(host.write(now, of, &[7; 1000]), Ok(1000));
                host.finish(now, of).expect("finishes");
                host.release(now, of);
            }
            (0, StreamEvent::Readable) if of == stream => {
                while let Ok(len) = host.read(now, of, &mut buffer) {
                    if len == 0 {
                        assert_eq!(got, 1000);
                        host.release(now, of);
                        return;
                    }
                    got += len;
                }
            }
            _ => {}
        }
    }
    panic!("no answer: {got} bytes came");
}
