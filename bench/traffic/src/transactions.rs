//! Requests and replies of given sizes, each on a stream of its own: how long each took.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use crate::address::{Far, Protocol};
use crate::connect::{Connection, Dialer};
use crate::exchange::{ask, header, read_reply};

/// A datagram that has not come by then will not come.
const LOST: Duration = Duration::from_secs(2);
/// Between two, so that one's last acknowledgements are not the next's first packets.
const PAUSE: Duration = Duration::from_millis(300);

pub(crate) async fn run(
    protocol: Protocol,
    far: &Far,
    sizes: &[u64],
    cold: bool,
    rounds: u32,
) -> io::Result<String> {
    let mut taken = Vec::new();
    if protocol == Protocol::Udp {
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect(far.of(protocol)).await?;
        for size in repeated(sizes, rounds) {
            let took = datagram(&socket, size).await;
            taken.push((size, took));
        }
    } else {
        let dialer = Dialer::new(protocol, far).await?;
        let mut warm = if cold { None } else { Some(warmed(&dialer).await?) };
        for size in repeated(sizes, rounds) {
            sleep(PAUSE).await;
            let began = Instant::now();
            let mut fresh = None;
            let connection = match &mut warm {
                Some(connection) => connection,
                None => fresh.insert(dialer.connect().await?),
            };
            transact(connection, size).await?;
            taken.push((size, Some(began.elapsed())));
            if let Some(fresh) = fresh {
                fresh.end();
            }
        }
    }
    let line = |(size, took): &(u64, Option<Duration>)| {
        let took = took.map_or("null".into(), |took| format!("{:.5}", took.as_secs_f64()));
        format!("[{size},{took}]")
    };
    Ok(format!("{{\"taken\":[{}]}}", taken.iter().map(line).collect::<Vec<_>>().join(",")))
}

fn repeated(sizes: &[u64], rounds: u32) -> impl Iterator<Item = u64> {
    sizes.iter().flat_map(move |size| (0..rounds).map(|_| *size))
}

/// A connection that was used before.
async fn warmed(dialer: &Dialer) -> io::Result<Connection> {
    let mut connection = dialer.connect().await?;
    transact(&mut connection, 32).await?;
    Ok(connection)
}

async fn transact(connection: &mut Connection, size: u64) -> io::Result<()> {
    let (mut reader, mut writer) = connection.open().await?;
    ask(&mut writer, size, size).await?;
    // The end of the request is said, but nobody waits for it to be heard.
    let ended = tokio::spawn(async move { writer.shutdown().await });
    read_reply(&mut reader, size).await?;
    drop(ended);
    Ok(())
}

/// `None` if it, or the reply, did not come or cannot be sent.
async fn datagram(socket: &UdpSocket, size: u64) -> Option<Duration> {
    let mut request = header(size, size).to_vec();
    request.resize(size as usize, 0);
    let began = Instant::now();
    socket.send(&request).await.ok()?;
    let mut reply = vec![0; size as usize + 1];
    let received = timeout(LOST, socket.recv(&mut reply)).await.ok()?;
    (received.ok()? == size as usize).then(|| began.elapsed())
}
