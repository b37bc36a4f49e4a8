//! A laboratory does what it was told: rate, delay, loss, queue and TCP's congestion control. Root
//! only; without it, nothing is tested. About three seconds, longer on a busy machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use lab::{Captured, Carried, FAR, Laboratory, Nature, Setup, near_address, read_capture};

/// Runs of which the wire itself was late, because the machine was busy, are done again.
const ATTEMPTS: usize = 8;
const PAYLOAD_LEN: usize = 1_000;
/// What IP and UDP put before it.
const HEADERS_LEN: usize = 28;
const PACKET_LEN: usize = HEADERS_LEN + PAYLOAD_LEN;
/// At most so many are sent at intervals, and then so many at once.
const SPACED: u64 = 800;
const BURST: u64 = 200;
/// What a burst finds room for, one after the other: one leaves, and so many wait.
const PLACES: u64 = 1 + 50;
/// A burst that took longer to come found more places, which had become free meanwhile.
const AT_ONCE: Duration = Duration::from_millis(4);
/// A full packet's time at the bottleneck and the way: none is faster.
const LEAST: Duration = Duration::from_millis(21);
/// Most take little longer.
const USUAL: Duration = Duration::from_millis(24);

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
    near.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    [far, near]
}

/// Sends from far to near what [`SPACED`] and [`BURST`] say, with a number and a time in it: how
/// long each took that came, from socket to socket.
fn flood(laboratory: &Laboratory) -> Vec<Duration> {
    let [far, near] = sockets(laboratory);
    let began = Instant::now();
    let reader = thread::spawn(move || {
        let (mut delays, mut payload) = (Vec::new(), [0; PAYLOAD_LEN]);
        while let Ok(PAYLOAD_LEN) = near.recv(&mut payload) {
            delays.push(began.elapsed() - Duration::from_nanos(word(&payload, 8)));
        }
        delays
    });
    let to = SocketAddr::from((near_address(0).parse::<Ipv4Addr>().unwrap(), 7_000));
    for number in 0..SPACED + BURST {
        let mut payload = [0; PAYLOAD_LEN];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload[8..16].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_be_bytes());
        far.send_to(&payload, to).unwrap();
        if number < SPACED {
            thread::sleep(Duration::from_millis(2));
        }
    }
    reader.join().unwrap()
}

fn word(payload: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(payload[at..at + 8].try_into().unwrap())
}

/// What the wire did, by its own clock: when a reader runs is up to the machine.
struct Run {
    carried: Carried,
    /// By number: when it came to the wire.
    came: Vec<Duration>,
    /// Number and time of what left it.
    left: Vec<(u64, Duration)>,
    /// From socket to socket.
    delays: Vec<Duration>,
}

impl Run {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("lab-wire-{}", std::process::id()));
        // 8 Mbit/s are 1,028 bytes a 1.028 ms.
        let mut setup = setup("rate=8M delay=20ms queue=50p loss=10%", "delay=5ms");
        setup.capture = Some(path.clone());
        let laboratory = Laboratory::start(&setup, 1).unwrap();
        let delays = flood(&laboratory);
        let carried = laboratory.finish().unwrap()[0];
        let [came, left] = ["sent", "arrived"].map(|end| {
            let file = PathBuf::from(format!("{}.down.{end}.pcap", path.display()));
            let all = read_capture(&file).unwrap();
            let number = |one: &Captured| word(&one.packet[HEADERS_LEN..], 0);
            all.iter().map(|one| (number(one), one.at)).collect::<Vec<_>>()
        });
        for way in ["down.sent", "down.arrived", "up.sent", "up.arrived"] {
            let _ = std::fs::remove_file(format!("{}.{way}.pcap", path.display()));
        }
        Self { carried, came: came.into_iter().map(|(_, at)| at).collect(), left, delays }
    }

    /// Why it says more about this machine than about the wire.
    fn excuse(&self) -> Option<String> {
        if self.came.len() as u64 != SPACED + BURST || self.delays.len() != self.left.len() {
            return Some("a host's own queue overflowed".into());
        }
        if self.carried.is_late() {
            return Some(self.carried.to_string());
        }
        let took = self.came[self.came.len() - 1] - self.came[SPACED as usize];
        (took > AT_ONCE).then(|| format!("the burst took {took:?} to come"))
    }

    /// Fails unless the wire is as it was set.
    fn check(&self) {
        let (spaced, burst): (Vec<_>, Vec<_>) = self.left.iter().partition(|one| one.0 < SPACED);
        // Ten in a hundred lost: three standard deviations of 800 are 25.
        assert!((690..=750).contains(&spaced.len()), "{} of {SPACED}", spaced.len());
        let mut delays: Vec<_> =
            spaced.iter().map(|(number, left)| *left - self.came[*number as usize]).collect();
        delays.sort_unstable();
        assert!(delays[0] >= LEAST, "{:?}", delays[0]);
        assert!(delays[delays.len() / 2] < USUAL, "{:?}", delays[delays.len() / 2]);
        // A reader runs when it may, but some of them soon.
        let mut read = self.delays.clone();
        read.sort_unstable();
        assert!(read[0] >= LEAST && read[read.len() / 10] < USUAL, "{:?}", &read[..80]);
        // Of a burst, those that found a place and were not lost.
        let places = SPACED + PLACES;
        let first: Vec<_> = burst.iter().filter(|one| one.0 < places).copied().collect();
        assert!((38..=PLACES as usize).contains(&first.len()), "{}", first.len());
        let rate = rate(&first);
        assert!((7.2e6..8.8e6).contains(&rate), "{rate}");
        assert_eq!(self.carried.came, SPACED + BURST);
        assert!(self.carried.overflowed >= BURST - PLACES - 4, "{}", self.carried);
        assert_eq!(self.carried.delivered, self.left.len() as u64);
    }
}

/// Bits a second of packets that stood in a queue, a place after the other: the median over pairs,
/// which one that left late does not move.
fn rate(packets: &[(u64, Duration)]) -> f64 {
    let half = packets.len() / 2;
    let mut rates: Vec<f64> = packets
        .iter()
        .zip(&packets[half..])
        .map(|(one, other)| {
            let bits = (other.0 - one.0) as f64 * PACKET_LEN as f64 * 8.0;
            bits / (other.1 - one.1).as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[test]
fn rate_delay_loss_and_queue_are_as_set() {
    if !lab::is_permitted() {
        println!("skipped: needs root");
        return;
    }
    for _ in 0..ATTEMPTS {
        let run = Run::new();
        let Some(excuse) = run.excuse() else { return run.check() };
        println!("again: {excuse}");
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
