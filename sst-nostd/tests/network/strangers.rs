//! What those who do not know a key can make a host do: next to nothing.

use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::CookieMode;
use sst_nostd::sim::{LinkConfig, Network, Random};

use crate::pair::{MS, Pair, SECOND, Transfer};

/// Hands the packet to node 1; tells how many packets came back and how long they were.
fn answers(net: &mut Network, packet: &[u8]) -> (usize, usize) {
    let stranger = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 9), 999));
    let target = net.node(1).address;
    net.log = Some(vec![]);
    net.inject(stranger, target, packet);
    let log = net.log.take().unwrap_or_default();
    let to_stranger: Vec<usize> =
        log.iter().filter(|p| p.to == stranger).map(|p| p.packet.len()).collect();
    (to_stranger.len(), to_stranger.iter().sum())
}

// Spec: R-4.1-1, R-4.1-2, R-4.1-3, R-13.7-2.
#[test]
fn random_bytes_are_not_answered_but_by_lost_which_is_smaller() {
    for cookies in [CookieMode::Auto, CookieMode::Always] {
        let mut pair =
            Pair::with(1, &LinkConfig::clean(MS), |_, config| config.cookies = cookies).up();
        let mut random = Random::new(5);
        let mut answered = [0; 2];
        for round in 0..60_000_usize {
            let len = random.below(1501) as usize;
            let mut packet: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            if let Some(first) = packet.first_mut() {
                *first =
                    if round % 2 == 0 { random.next() as u8 } else { 0xC0 | (round % 11) as u8 };
            }
            let kind = packet.first().copied().unwrap_or(0);
            let (count, bytes) = answers(&mut pair.net, &packet);
            assert!(count <= 1 && (count == 0 || bytes < len), "{count} {bytes} {len}");
            let is_sealed = kind < 0xC0;
            assert!(count == 0 || is_sealed, "kind {kind:#x} was answered");
            answered[usize::from(is_sealed)] += count;
            if round % 100 == 0 {
                pair.net.run_for(MS);
            }
        }
        println!(
            "{cookies:?}: 60000 junk packets, LOST sent {}, others {}",
            answered[1], answered[0]
        );
    }
}

// Spec: R-4.1-3, R-13.7-2, R-13.12-1.
#[test]
fn every_single_packet_is_answered_by_less_when_replayed_or_changed() {
    let mut genuine = Pair::new(1, &LinkConfig::clean(MS));
    genuine.net.log = Some(vec![]);
    genuine.connect(SECOND).expect("connects");
    let session = genuine.session.expect("a session");
    let mut transfer = Transfer::begin(&mut genuine.net, 0, 1, session, 3000);
    let until = genuine.net.now().after(SECOND);
    transfer.run(&mut genuine.net, until);
    let log = genuine.net.log.take().unwrap_or_default();
    let mut random = Random::new(7);
    let mut counts = [0; 2];
    // The peer is another host with the same key, that knows nothing of the session.
    for cookies in [CookieMode::Auto, CookieMode::Always] {
        for packet in &log {
            for change in 0..200 {
                let set = |_, config: &mut sst_nostd::Config| config.cookies = cookies;
                let mut net = if change < 2 {
                    Pair::with(1, &LinkConfig::clean(MS), set).net
                } else {
                    std::mem::replace(&mut genuine.net, Network::new(0))
                };
                let mut bytes = packet.packet.clone();
                if change % 2 == 1 {
                    let bit = random.below(bytes.len() as u64 * 8) as usize;
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
                if change % 5 == 4 {
                    bytes.truncate(random.below(bytes.len() as u64) as usize);
                }
                let (count, sum) = answers(&mut net, &bytes);
                assert!(count <= 1 && sum < bytes.len().max(1), "{count} {sum} {}", bytes.len());
                counts[usize::from(cookies == CookieMode::Always)] += count;
                net.run_for(20 * MS);
                if change >= 2 {
                    genuine.net = net;
                }
            }
        }
    }
    println!("{} packets changed 200 times: {counts:?} answers, all smaller", log.len());
}
