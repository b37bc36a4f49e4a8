//! Several objects over one connection: when the transport gave which bytes of which.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use crate::address::{Far, Protocol};
use crate::connect::Dialer;
use crate::exchange::{HEADER_LEN, Reader, ask};

/// Smaller than a packet: a read that returns more than one packet brought is seen as such by its
/// pieces' having the same time.
const PIECE_LEN: usize = 1_024;

/// When pieces came: seconds, object, bytes of it until then.
type Log = Arc<Mutex<Vec<(f64, u32, u64)>>>;

pub(crate) async fn run(
    protocol: Protocol,
    far: &Far,
    count: u32,
    bytes: u64,
    streams: bool,
) -> io::Result<String> {
    let dialer = Dialer::new(protocol, far).await?;
    let mut connection = dialer.connect().await?;
    let (began, clock) = (Instant::now(), SystemTime::now());
    let (log, mut readers) = (Log::default(), JoinSet::new());
    let mut writers = Vec::new();
    if streams {
        for object in 0..count {
            let (reader, mut writer) = connection.open().await?;
            ask(&mut writer, HEADER_LEN, bytes).await?;
            readers.spawn(collect(reader, began, object..object + 1, bytes, log.clone()));
            writers.push(writer);
        }
    } else {
        let (reader, mut writer) = connection.open().await?;
        for _ in 0..count {
            ask(&mut writer, HEADER_LEN, bytes).await?;
        }
        readers.spawn(collect(reader, began, 0..count, bytes, log.clone()));
        writers.push(writer);
    }
    while let Some(done) = readers.join_next().await {
        done??;
    }
    connection.end();
    let began = clock.duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs_f64();
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    let line = |(at, object, bytes): &(f64, u32, u64)| format!("[{at:.6},{object},{bytes}]");
    let pieces = log.iter().map(line).collect::<Vec<_>>().join(",");
    Ok(format!("{{\"began\":{began:.6},\"pieces\":[{pieces}]}}"))
}

async fn collect(
    mut reader: Reader,
    began: Instant,
    objects: std::ops::Range<u32>,
    bytes: u64,
    log: Log,
) -> io::Result<()> {
    for object in objects {
        let mut had = 0;
        while had < bytes {
            let mut piece = vec![0; PIECE_LEN.min((bytes - had) as usize)];
            let len = reader.read(&mut piece).await?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            had += len as u64;
            let at = began.elapsed().as_secs_f64();
            log.lock().unwrap_or_else(PoisonError::into_inner).push((at, object, had));
        }
    }
    Ok(())
}
