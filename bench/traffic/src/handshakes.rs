//! Connections one after the other: how long each took to be there, and to its first reply.

use std::io;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::address::{Far, Protocol};
use crate::connect::Dialer;
use crate::exchange::{HEADER_LEN, ask, read_reply};

/// What takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) async fn run(
    protocol: Protocol,
    far: &Far,
    count: u32,
    bytes: u64,
) -> io::Result<String> {
    let dialer = Dialer::new(protocol, far).await?;
    let (mut connected, mut replied, mut failed) = (Vec::new(), Vec::new(), 0_u32);
    for _ in 0..count {
        match timeout(TIMEOUT, one(&dialer, bytes)).await {
            Ok(Ok((there, done))) => {
                connected.push(format!("{:.4}", there.as_secs_f64()));
                replied.push(format!("{:.4}", done.as_secs_f64()));
            }
            Ok(Err(error)) => {
                eprintln!("traffic: {error}");
                failed += 1;
            }
            Err(_) => failed += 1,
        }
    }
    let (connected, replied) = (connected.join(","), replied.join(","));
    Ok(format!("{{\"connected\":[{connected}],\"replied\":[{replied}],\"failed\":{failed}}}"))
}

async fn one(dialer: &Dialer, bytes: u64) -> io::Result<(Duration, Duration)> {
    let began = Instant::now();
    let mut connection = dialer.connect().await?;
    let connected = began.elapsed();
    let (mut reader, mut writer) = connection.open().await?;
    ask(&mut writer, HEADER_LEN, bytes).await?;
    read_reply(&mut reader, bytes).await?;
    let replied = began.elapsed();
    connection.end();
    Ok((connected, replied))
}
