//! Several peers of one host: what one of them does costs the others nothing.

use std::time::Duration;

use sst_nostd::sim::{LinkConfig, Network};
use sst_nostd::{Config, Dial, Event, Limits, SessionEvent, SessionHandle};

use crate::pair::{MS, SECOND, Transfer, secret};

/// A server with 4 MiB for everybody, and two clients.
fn server_and_clients() -> (Network, [SessionHandle; 2]) {
    let mut net = Network::new(1);
    for (node, bytes) in [(0, 4 << 20), (1, 64 << 20), (2, 64 << 20)] {
        net.add_node(Config::large(secret(1, node)), Limits::of(16, 256, bytes));
    }
    let sessions = [1, 2].map(|client| {
        net.connect_nodes(0, client, &LinkConfig::limited(5 * MS, 100_000_000, 100));
        let id = Some(net.node(client).host.id());
        let path = net.path_to(client);
        let (host, now) = net.host(0);
        host.connect(now, Dial::new(path, id)).expect("dials")
    });
    let until = net.now().after(10 * SECOND);
    let mut ready = 0;
    while ready < 2 {
        let (node, event) = net.next_event(until).expect("both answer");
        ready += u32::from(node == 0 && matches!(event, Event::Session(_, SessionEvent::Ready)));
    }
    (net, sessions)
}

/// How long 2 MiB take to the second client, while `others` transfers of 16 MiB go to the first,
/// which reads nothing.
fn time_beside(others: usize) -> Duration {
    let (mut net, [greedy, modest]) = server_and_clients();
    let mut unread: Vec<Transfer> =
        (0..others).map(|_| Transfer::begin(&mut net, 0, 1, greedy, 16 << 20)).collect();
    let until = net.now().after(5 * SECOND);
    while let Some((node, event)) = net.next_event(until) {
        if node == 0 {
            unread.iter_mut().for_each(|transfer| transfer.on_event(&mut net, node, &event));
        }
    }
    let mut read = Transfer::begin(&mut net, 0, 2, modest, 2 << 20);
    let until = net.now().after(60 * SECOND);
    while read.ended.is_none() {
        let (node, event) = net.next_event(until).expect("the second client gets its bytes");
        if node == 0 {
            unread.iter_mut().for_each(|transfer| transfer.on_event(&mut net, node, &event));
        }
        if node != 1 {
            read.on_event(&mut net, node, &event);
        }
    }
    assert!(unread.iter().all(|transfer| transfer.sent < transfer.total), "they are stuck");
    read.elapsed()
}

/// Spec: R-9.4-2, R-7.5-11
#[test]
fn a_client_that_reads_nothing_on_sixty_streams_stops_no_other() {
    let [alone, beside] = [0, 60].map(time_beside);
    println!("2 MiB alone {alone:?}, beside 60 transfers that nobody reads {beside:?}");
    assert!(beside * 2 <= alone * 3, "{beside:?}, alone {alone:?}");
}
