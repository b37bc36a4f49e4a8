//! The machine's state: how long a UDP datagram takes to the other core and back when both spin.
//! Where the host puts two virtual cores changes by itself, and with it all that crosses cores.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Fallible;
use crate::process::pin;

const ROUNDS: usize = 2_000;
const MAX_DURATION: Duration = Duration::from_millis(200);
/// With fewer, others had the processor: tried again, so often at most.
const MIN_ROUNDS: usize = 500;
const MAX_TRIES: usize = 10;

/// One round trip, in microseconds: of many, one that few are below, as interruptions only add.
pub(crate) fn round_trip_us(cores: [usize; 2]) -> Fallible<f64> {
    let mut most = Vec::new();
    for _ in 0..MAX_TRIES {
        let times = round_trips(cores)?;
        if times.len() > most.len() {
            most = times;
        }
        if most.len() >= MIN_ROUNDS {
            break;
        }
    }
    most.sort_unstable();
    let time = most.get(most.len() / 10).ok_or("no datagram came back")?;
    Ok(time.as_secs_f64() * 1e6)
}

fn round_trips(cores: [usize; 2]) -> Fallible<Vec<Duration>> {
    let [here, there] = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    here.connect(there.local_addr()?)?;
    there.connect(here.local_addr()?)?;
    for socket in [&here, &there] {
        socket.set_nonblocking(true)?;
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = pin(cores[1]);
            while !is_over.load(Ordering::Relaxed) {
                if there.recv(&mut [0; 8]).is_ok() {
                    let _ = there.send(&[0; 8]);
                }
            }
        });
        let measuring = scope.spawn(|| {
            let times = pin(cores[0]).and_then(|()| spin(&here));
            is_over.store(true, Ordering::Relaxed);
            times
        });
        measuring.join().map_err(|_| "the probe panicked")?
    })
}

fn spin(socket: &UdpSocket) -> Fallible<Vec<Duration>> {
    let begun_at = Instant::now();
    let mut times = Vec::with_capacity(ROUNDS);
    while times.len() < ROUNDS && begun_at.elapsed() < MAX_DURATION {
        let sent_at = Instant::now();
        socket.send(&[0; 8])?;
        loop {
            match socket.recv(&mut [0; 8]) {
                Ok(_) => break times.push(sent_at.elapsed()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if begun_at.elapsed() > MAX_DURATION {
                break;
            }
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_takes_some_microseconds() {
        let Ok(cores) = crate::process::cores() else { return };
        let time = round_trip_us(cores).unwrap();
        assert!((0.1..1e5).contains(&time), "{time}");
    }
}
