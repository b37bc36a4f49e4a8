//! The measured side. The first record of a stream says what it is for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sst_std::{Offer, Session, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::SERVICE;
use crate::echo::{self, Echo};
use crate::failure::Failure;
use crate::heap;
use crate::options::{Accept, Options};
use crate::serve::announce;

/// Read everything, then tell how much.
pub(super) const SINK: u8 = 1;
/// Send that many bytes.
pub(super) const SOURCE: u8 = 2;
/// Every substream is a request; reply with that many bytes.
pub(super) const REQUESTS: u8 = 3;
/// Count datagrams until the stream ends, then tell.
pub(super) const COUNT: u8 = 4;
/// Tell how much memory this process has: resident, and if it counts, living on its heap.
pub(super) const MEMORY: u8 = 5;
/// Keep the stream for as long as the session lasts, and nothing more: no task waits on it.
pub(super) const IDLE: u8 = 6;

const PIECE_LEN: usize = 256 << 10;

/// Idle streams of one session.
type Kept = Arc<Mutex<Vec<Stream>>>;

pub(super) async fn run(options: &Options, hold: bool) -> Result<(), Failure> {
    let mut config = options.config(options.passing_identity()?, Accept::Everyone)?;
    config.max_sessions = 16_384;
    // Who measures comes from one address, and may open them all at once.
    config.shares_by_source = false;
    config.max_sessions_per_peer = config.max_sessions;
    config.backlog = config.max_sessions;
    let endpoint = options.bind(config).await?;
    announce(&endpoint, options)?;
    let echo = Echo::new();
    let mut held = Vec::new();
    let mut is_first = true;
    while let Some(session) = endpoint.accept().await {
        if hold && !is_first {
            held.push(session);
        } else {
            tokio::spawn(serve_session(session, echo.clone()));
        }
        is_first = false;
    }
    Ok(())
}

async fn serve_session(session: Session, echo: Echo) {
    let offer = Offer::new(SERVICE.0, SERVICE.1, "measurements");
    let mut services = session.offer_services(vec![offer, echo::offer()]);
    let kept = Kept::default();
    while let Some(request) = services.accept().await {
        if request.offer().service == SERVICE.0 {
            tokio::spawn(serve(request.into_stream(), kept.clone()));
        } else {
            echo.start(request.into_stream()).await;
        }
    }
}

async fn serve(mut stream: Stream, kept: Kept) -> Result<(), Failure> {
    let record = stream.read_record(16).await?.unwrap_or_default();
    let (&what, number) = record.split_first().ok_or(Failure::new("no request"))?;
    let number = number.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    match what {
        SINK => {
            let (mut piece, mut total) = (vec![0; PIECE_LEN], 0);
            loop {
                let len = stream.read(&mut piece).await?;
                if len == 0 {
                    break;
                }
                total += len as u64;
            }
            stream.write_record(&total.to_be_bytes()).await?;
        }
        SOURCE => {
            let (piece, mut rest) = (vec![0; PIECE_LEN], number);
            while rest > 0 {
                let len = usize::try_from(rest).unwrap_or(PIECE_LEN).min(PIECE_LEN);
                rest -= stream.write(&piece[..len]).await? as u64;
            }
        }
        REQUESTS => return requests(stream, usize::try_from(number).unwrap_or(0)).await,
        COUNT => count(&mut stream).await?,
        MEMORY => {
            let told = [resident_bytes(), heap::living_bytes()].map(u64::to_be_bytes);
            stream.write_record(told.as_flattened()).await?;
        }
        IDLE => {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            return Ok(());
        }
        _ => return Err(Failure::new("no such measurement")),
    }
    Ok(stream.finish().await?)
}

async fn requests(mut stream: Stream, reply_len: usize) -> Result<(), Failure> {
    let reply: Arc<[u8]> = vec![0; reply_len].into();
    let mut listener = stream.listen(256);
    loop {
        tokio::select! {
            child = listener.accept() => {
                let Some(mut child) = child else { return Ok(()) };
                let reply = reply.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    child.read_to_end(&mut request).await?;
                    child.write_all(&reply).await?;
                    child.finish().await?;
                    Ok::<(), Failure>(())
                });
            }
            _ = stream.read_record(1) => return Ok(stream.finish().await?),
        }
    }
}

async fn count(stream: &mut Stream) -> Result<(), Failure> {
    let count = Arc::new(AtomicU64::new(0));
    let (branch, counted) = (stream.branch(), count.clone());
    let counting = tokio::spawn(async move {
        while branch.recv_datagram().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    stream.write_record(b"go").await?;
    while stream.read_record(1).await?.is_some() {}
    // The last ones may be behind the end of the stream.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    counting.abort();
    Ok(stream.write_record(&count.load(Ordering::Relaxed).to_be_bytes()).await?)
}

/// Resident memory of this process; 0 where that cannot be asked.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}
