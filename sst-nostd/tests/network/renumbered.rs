//! Hosts whose own addresses change, with and without a word from the system.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sst_nostd::sim::Network;
use sst_nostd::{Dial, Path};

use crate::pair::{MS, Pair, SECOND, Transfer, usual_link};

const MIB: usize = 1 << 20;

/// What a host hears of its change of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// That something has changed.
    Change,
    /// That its old address is gone: the system refused to send from there.
    Gone,
    /// Nothing: packets that name the old address are lost in silence.
    Nothing,
}

fn node_address(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 7, last).into()
}

/// Two hosts that know to which of their addresses packets come.
fn connected() -> Pair {
    let mut pair = Pair::new(1, &usual_link());
    for node in 0..2 {
        pair.net.node_mut(node).tells_local = true;
    }
    pair.up()
}

fn smoothed_rtt(net: &Network, node: usize, pair: &Pair) -> Duration {
    let session = if node == 0 { pair.session } else { pair.incoming };
    let info = net.node(node).host.session_info(session.expect("a session"));
    info.and_then(|info| info.channel).expect("a channel").smoothed_rtt
}

/// 4 MiB, in the middle of which `mover` gets another address: the longest time without a byte, and
/// the smoothed round trip before.
fn longest_pause(mover: usize, is_download: bool, notice: Notice) -> (Duration, Duration) {
    let mut pair = connected();
    let (from, session) = if is_download { (1, pair.incoming) } else { (0, pair.session) };
    let session = session.expect("a session");
    let mut transfer = Transfer::begin(&mut pair.net, from, 1 - from, session, 4 * MIB);
    let begun = pair.net.now();
    transfer.run(&mut pair.net, begun.after(SECOND));
    let rtt = smoothed_rtt(&pair.net, from, &pair);
    let old = pair.net.node(mover).address;
    pair.net.node_mut(mover).address = SocketAddr::new(node_address(mover as u8), old.port());
    let (host, now) = pair.net.host(mover);
    match notice {
        Notice::Change => host.network_changed(now, None),
        Notice::Gone => host.network_changed(now, Some(old.ip())),
        Notice::Nothing => {}
    }
    let (mut longest, mut last, mut received) = (Duration::ZERO, pair.net.now(), 0);
    for _ in 0..60_000 {
        if transfer.ended.is_some() {
            return (longest, rtt);
        }
        let until = pair.net.now().after(MS);
        transfer.run(&mut pair.net, until);
        if transfer.received != received {
            longest = longest.max(pair.net.now().since(last));
            (last, received) = (pair.net.now(), transfer.received);
        }
    }
    let reason = pair.net.node(from).host.close_reason(session);
    panic!("{} bytes, then nothing: {mover} {is_download} {notice:?}, {reason:?}", received);
}

// Spec: R-6.10-8, R-6.10-10, R-6.10-11.
#[test]
fn a_transfer_goes_on_when_either_host_gets_another_address() {
    for mover in [0, 1] {
        for is_download in [false, true] {
            for notice in [Notice::Change, Notice::Gone, Notice::Nothing] {
                let (pause, rtt) = longest_pause(mover, is_download, notice);
                let way = if is_download { "down" } else { "up" };
                println!("host {mover} moves, {way}, {notice:?}: {pause:?} (round trip {rtt:?})");
                let is_receiver = (mover == 0) == is_download;
                let most = match notice {
                    // The new address is heard after half a round trip, and answers a challenge.
                    Notice::Change | Notice::Gone => 2 * rtt + 50 * MS,
                    // Who only receives speaks up after a second of silence.
                    Notice::Nothing if is_receiver => SECOND + 8 * rtt + 200 * MS,
                    Notice::Nothing => 8 * rtt + 200 * MS,
                };
                assert!(pause <= most, "{mover} {way} {notice:?}: {pause:?} at {rtt:?}");
            }
        }
    }
}

// Spec: R-6.10-10.
#[test]
fn a_host_with_two_addresses_answers_from_the_one_that_was_dialled() {
    let mut pair = Pair::new(1, &usual_link());
    let (dialled, node) = (node_address(99), pair.net.node_mut(1));
    node.tells_local = true;
    node.others.push(dialled);
    let port = node.address.port();
    // Whatever comes from where the system would send from does not pass the filter.
    pair.net.node_mut(0).hears_only = Some(dialled);
    pair.net.log = Some(vec![]);
    let id = Some(pair.net.node(1).host.id());
    let path = Path { local: None, peer: SocketAddr::new(dialled, port) };
    let (host, now) = pair.net.host(0);
    let session = host.connect(now, Dial::new(path, id)).expect("dials");
    pair.net.run_for(SECOND);
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, MIB);
    let until = pair.net.now().after(20 * SECOND);
    transfer.run(&mut pair.net, until);
    assert!(transfer.ended.is_some());
    let log = pair.net.log.take().unwrap_or_default();
    let mut answers = log.iter().filter(|packet| packet.node == 1);
    assert!(answers.all(|packet| packet.from.ip() == dialled));
    // Nor does an outage of some seconds make it forget.
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, MIB);
    let until = pair.net.now().after(200 * MS);
    transfer.run(&mut pair.net, until);
    for loss_ppm in [1_000_000, 0] {
        pair.net.link_mut(0, 1).config.loss_ppm = loss_ppm;
        pair.net.link_mut(1, 0).config.loss_ppm = loss_ppm;
        let until = pair.net.now().after(5 * SECOND);
        transfer.run(&mut pair.net, until);
    }
    assert!(transfer.ended.is_some());
}
