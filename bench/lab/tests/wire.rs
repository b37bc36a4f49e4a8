//! A laboratory does what it was told: rate, delay, loss, queue and TCP's congestion control. Root
//! only; without it, nothing is tested. About three seconds.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Carried, FAR, Laboratory, Nature, Setup, near_address};

/// Runs of which the wire itself was late, because the machine was busy, are done again.
const ATTEMPTS: usize = 4;
const PAYLOAD_LEN: usize = 1_000;
/// With what IP and UDP put before it.
const PACKET_LEN: usize = PAYLOAD_LEN + 28;
/// At most so many are sent at intervals, and then so many at once.
const SPACED: u64 = 800;
const BURST: u64 = 200;
/// A burst that took longer to send found places that had become free meanwhile.
const AT_ONCE: Duration = Duration::from_millis(2);

fn setup(down: &str, up: &str) -> Setup {
    let (mut there, mut back) = (Nature::default(), Nature::default());
    there.set(down).unwrap();
    back.set(up).unwrap();
    Setup::new(there, back)
}

/// A socket of each host: far, near.
fn sockets(laboratory: &Laboratory) -> [UdpSocket; 2] {
    let open = |address: String| move || UdpSocket::bind((address.as_str(), 7_000)).unwrap();
    let far = laboratory.far().inside(open(FAR.into())).unwrap();
    let near = laboratory.near()[0].inside(open(near_address(0))).unwrap();
    near.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    [far, near]
}

/// When each number was sent and came, since `began`.
type Seen = (u64, Duration, Duration);

/// Sends from far to near what [`SPACED`] and [`BURST`] say.
fn flood(laboratory: &Laboratory) -> Vec<Seen> {
    let [far, near] = sockets(laboratory);
    let began = Instant::now();
    let reader = thread::spawn(move || {
        let (mut seen, mut packet) = (Vec::new(), [0; PAYLOAD_LEN]);
        while let Ok(PAYLOAD_LEN) = near.recv(&mut packet) {
            let number = |at: usize| u64::from_be_bytes(packet[at..at + 8].try_into().unwrap());
            seen.push((number(0), Duration::from_nanos(number(8)), began.elapsed()));
        }
        seen
    });
    let to = SocketAddr::from((near_address(0).parse::<Ipv4Addr>().unwrap(), 7_000));
    for number in 0..SPACED + BURST {
        let mut packet = [0; PAYLOAD_LEN];
        packet[..8].copy_from_slice(&number.to_be_bytes());
        packet[8..16].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_be_bytes());
        far.send_to(&packet, to).unwrap();
        if number < SPACED {
            thread::sleep(Duration::from_millis(2));
        }
    }
    reader.join().unwrap()
}

fn attempt() -> (Vec<Seen>, Carried) {
    // 8 Mbit/s are 1,028 bytes a 1.028 ms.
    let laboratory =
        Laboratory::start(&setup("rate=8M delay=20ms queue=50p loss=10%", "delay=5ms"), 1).unwrap();
    let seen = flood(&laboratory);
    (seen, laboratory.finish().unwrap()[0])
}

#[test]
fn rate_delay_loss_and_queue_are_as_set() {
    if !lab::is_permitted() {
        println!("skipped: needs root");
        return;
    }
    for _ in 0..ATTEMPTS {
        let (seen, carried) = attempt();
        if carried.is_late() {
            println!("late, again: {carried}");
            continue;
        }
        let (spaced, burst): (Vec<Seen>, Vec<Seen>) =
            seen.iter().copied().partition(|seen| seen.0 < SPACED);
        let (first, last) = (burst[0], burst[burst.len() - 1]);
        if last.1 - first.1 > AT_ONCE {
            println!("the burst took {:?} to send, again", last.1 - first.1);
            continue;
        }
        // Ten in a hundred lost: three standard deviations of 800 are 25.
        assert!((690..=750).contains(&spaced.len()), "{} of {SPACED}", spaced.len());
        let mut delays: Vec<_> = spaced.iter().map(|(_, sent, came)| *came - *sent).collect();
        delays.sort_unstable();
        let (least, median) = (delays[0], delays[delays.len() / 2]);
        assert!(least >= Duration::from_millis(21), "{least:?}");
        assert!(median < Duration::from_millis(24), "{median:?}");
        // Of a burst, those that found a place, a place after the other.
        assert!((38..=55).contains(&burst.len()), "{}", burst.len());
        let places = (last.0 - first.0) as f64;
        let bits = places * PACKET_LEN as f64 * 8.0;
        let rate = bits / (last.2 - first.2).as_secs_f64();
        assert!((7.2e6..8.8e6).contains(&rate), "{rate}");
        assert_eq!(carried.came, SPACED + BURST);
        assert!(carried.overflowed >= BURST - 55, "{carried}");
        assert_eq!(carried.delivered, seen.len() as u64);
        return;
    }
    println!("not decided: this machine is too busy");
}

#[test]
fn tcp_uses_what_it_is_told() {
    if !lab::is_permitted() {
        println!("skipped: needs root");
        return;
    }
    let setup = Setup { tcp: "reno".into(), ..setup("delay=1ms", "delay=1ms") };
    let laboratory = Laboratory::start(&setup, 2).unwrap();
    let listener = laboratory.far().inside(|| TcpListener::bind((FAR, 7_000)).unwrap()).unwrap();
    let began = Instant::now();
    let connect = || TcpStream::connect((FAR, 7_000)).unwrap();
    let stream = laboratory.near()[1].inside(connect).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(2), "{:?}", began.elapsed());
    assert_eq!(rustix::net::sockopt::tcp_congestion(&stream).unwrap(), "reno");
    let (answer, from) = listener.accept().unwrap();
    assert_eq!(from.ip().to_string(), near_address(1));
    assert_eq!(rustix::net::sockopt::tcp_congestion(&answer).unwrap(), "reno");
}
