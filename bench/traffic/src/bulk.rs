//! One long reply, and how much of it had come when.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::address::{Far, Protocol};
use crate::connect::Dialer;
use crate::exchange::{HEADER_LEN, PIECE_LEN, ask};

/// How much had come, once in a while.
struct Progress {
    began: Instant,
    every: Duration,
    bytes: u64,
    samples: Vec<u64>,
}

pub(crate) async fn run(
    protocol: Protocol,
    far: &Far,
    bytes: u64,
    seconds: f64,
    every: u64,
) -> io::Result<String> {
    let dialer = Dialer::new(protocol, far).await?;
    let began = Instant::now();
    let every = Duration::from_millis(every.max(1));
    let mut progress = Progress { began, every, bytes: 0, samples: Vec::new() };
    let limit = Duration::try_from_secs_f64(seconds).map_err(io::Error::other)?;
    let mut connection = dialer.connect().await?;
    let connected = began.elapsed().as_secs_f64();
    let (mut reader, mut writer) = connection.open().await?;
    ask(&mut writer, HEADER_LEN, bytes).await?;
    let mut piece = vec![0; PIECE_LEN];
    while progress.bytes < bytes {
        let rest = limit.saturating_sub(began.elapsed());
        match timeout(rest, reader.read(&mut piece)).await {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => progress.on_bytes(len?),
            Err(_) => break,
        }
    }
    let said = progress.json(connected);
    connection.end();
    // The last word has to leave.
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(said)
}

impl Progress {
    fn on_bytes(&mut self, len: usize) {
        self.catch_up();
        self.bytes += len as u64;
    }

    fn catch_up(&mut self) {
        let due = self.began.elapsed().as_nanos() / self.every.as_nanos();
        while (self.samples.len() as u128) < due {
            self.samples.push(self.bytes);
        }
    }

    fn json(&mut self, connected: f64) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        self.catch_up();
        let mut said = format!(
            "{{\"connected\":{connected:.4},\"seconds\":{seconds:.4},\"bytes\":{},\"every\":{:.3},\
             \"samples\":[",
            self.bytes,
            self.every.as_secs_f64()
        );
        for (at, bytes) in self.samples.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(said, "{comma}{bytes}");
        }
        said + "]}"
    }
}
