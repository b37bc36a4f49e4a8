//! The measurements.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sst_std::{OpenOptions, Session, Stream, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::SERVICE;
use super::serve::{COUNT, REQUESTS, SINK, SOURCE};
use crate::failure::Failure;
use crate::options::{Accept, Options};
use crate::print::say;
use crate::quantiles::Quantiles;
use crate::report;

const PIECE_LEN: usize = 256 << 10;

pub(super) async fn bulk(
    options: &Options,
    url: &Url,
    bytes: u64,
    download: bool,
) -> Result<(), Failure> {
    let (endpoint, session) = connect(options, url).await?;
    let mut stream = begin(&session, if download { SOURCE } else { SINK }, bytes).await?;
    if download {
        // All is said; the server lets go of the stream once it has sent.
        stream.start_finish()?;
    }
    let started = now();
    let (mut piece, mut rest) = (vec![0; PIECE_LEN], bytes);
    while rest > 0 {
        let len = usize::try_from(rest).unwrap_or(PIECE_LEN).min(PIECE_LEN);
        let len = match download {
            true => stream.read(&mut piece).await?,
            false => stream.write(&piece[..len]).await?,
        };
        if len == 0 {
            return Err(Failure::new("the server ended early"));
        }
        rest = rest.saturating_sub(len as u64);
    }
    if !download {
        stream.finish().await?;
    }
    let elapsed = started.elapsed();
    if !download {
        let counted = stream.read_record(8).await?.unwrap_or_default();
        if counted != bytes.to_be_bytes() {
            return Err(Failure::new("the server received another number of bytes"));
        }
    }
    let rate = bytes as f64 * 8.0 / elapsed.as_secs_f64() / 1e9;
    let session = session.stats().as_ref().map(report::session);
    print(
        options,
        format!("{bytes} bytes in {elapsed:.2?}: {rate:.3} Gbit/s"),
        json!({ "measured": "bulk", "bytes": bytes, "seconds": elapsed.as_secs_f64(),
            "gbit_per_s": rate, "download": download, "session": session }),
    )?;
    options.end(&endpoint).await
}

pub(super) async fn streams(
    options: &Options,
    url: &Url,
    [count, concurrent]: [u64; 2],
    request_len: usize,
    reply_len: u32,
) -> Result<(), Failure> {
    let (endpoint, session) = connect(options, url).await?;
    let mut parent = begin(&session, REQUESTS, reply_len.into()).await?;
    let started = now();
    let mut workers = JoinSet::new();
    for worker in 0..concurrent {
        let (branch, request) = (parent.branch(), vec![0; request_len]);
        let share = count / concurrent + u64::from(worker < count % concurrent);
        workers.spawn(async move {
            let mut times = Vec::with_capacity(usize::try_from(share).unwrap_or(0));
            let mut reply = Vec::new();
            for _ in 0..share {
                let asked_at = now();
                let mut stream = branch.open_substream(OpenOptions::new()).await?;
                stream.write_all(&request).await?;
                stream.start_finish()?;
                reply.clear();
                stream.read_to_end(&mut reply).await?;
                if reply.len() != reply_len as usize {
                    return Err(Failure::new("a reply of another length"));
                }
                times.push(asked_at.elapsed());
            }
            Ok(times)
        });
    }
    let times = gather(workers).await?;
    let elapsed = started.elapsed();
    let _ = parent.start_finish();
    rates(options, "streams", times, elapsed)?;
    options.end(&endpoint).await
}

pub(super) async fn datagrams(
    options: &Options,
    url: &Url,
    count: u64,
    size: usize,
) -> Result<(), Failure> {
    let (endpoint, session) = connect(options, url).await?;
    let mut stream = begin(&session, COUNT, 0).await?;
    stream.read_record(2).await?;
    let (started, datagram) = (now(), vec![0; size]);
    for _ in 0..count {
        stream.send_datagram(&datagram, None).await?;
    }
    let elapsed = started.elapsed();
    stream.start_finish()?;
    let arrived = stream.read_record(8).await?.unwrap_or_default();
    let arrived = arrived.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let rate = arrived as f64 / elapsed.as_secs_f64();
    let lost = 1.0 - arrived as f64 / count.max(1) as f64;
    print(
        options,
        format!("{arrived} of {count} arrived, {rate:.0} a second, {:.3} % lost", lost * 100.0),
        json!({ "measured": "datagrams", "sent": count, "arrived": arrived, "size": size,
            "per_s": rate, "lost": lost, "seconds": elapsed.as_secs_f64() }),
    )?;
    options.end(&endpoint).await
}

pub(super) async fn handshakes(
    options: &Options,
    url: &Url,
    count: u64,
    parallel: u64,
) -> Result<(), Failure> {
    let addresses = url.resolve_all().await?;
    // Made before the clock runs: a socket and a key are not a handshake.
    let mut endpoints = Vec::new();
    for _ in 0..parallel {
        let identity = sst_std::Identity::generate()?;
        endpoints.push(options.endpoint(identity, Accept::No).await?);
    }
    let started = now();
    let mut workers = JoinSet::new();
    for (worker, endpoint) in (0..parallel).zip(endpoints) {
        let share = count / parallel + u64::from(worker < count % parallel);
        let (id, addresses) = (url.id(), addresses.clone());
        workers.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..share {
                let begun_at = now();
                let session = endpoint.connect_to_any(Some(id), &addresses).await?;
                let mut stream = session.open_service("echo", "1").await?;
                stream.write_record(b"hello").await?;
                stream.read_record(5).await?;
                times.push(begun_at.elapsed());
                session.abort(0, "measured");
            }
            Ok(times)
        });
    }
    let times = gather(workers).await?;
    rates(options, "handshakes", times, started.elapsed())?;
    Ok(())
}

pub(super) async fn pingpong(
    options: &Options,
    url: &Url,
    count: u64,
    size: usize,
) -> Result<(), Failure> {
    let (endpoint, session) = connect(options, url).await?;
    let mut stream = session.open_service("echo", "1").await?;
    let (payload, mut times) = (vec![0; size], Vec::new());
    let started = now();
    for _ in 0..count {
        let sent_at = now();
        stream.write_record(&payload).await?;
        stream.read_record(size).await?;
        times.push(sent_at.elapsed());
    }
    let elapsed = started.elapsed();
    let _ = stream.start_finish();
    rates(options, "pingpong", times, elapsed)?;
    options.end(&endpoint).await
}

/// A stream for one measurement.
pub(super) async fn begin(session: &Session, what: u8, number: u64) -> Result<Stream, Failure> {
    let mut stream = session.open_service(SERVICE.0, SERVICE.1).await?;
    stream.write_record(&[&[what][..], &number.to_be_bytes()].concat()).await?;
    Ok(stream)
}

pub(super) async fn connect(
    options: &Options,
    url: &Url,
) -> Result<(sst_std::Endpoint, Session), Failure> {
    options.connect_as(options.passing_identity()?, url).await
}

#[allow(clippy::disallowed_methods, reason = "a command has a clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}

pub(super) fn print(options: &Options, text: String, value: Value) -> Result<(), Failure> {
    if options.json {
        say!("{value}");
    } else {
        say!("{text}");
    }
    Ok(())
}

async fn gather(
    mut workers: JoinSet<Result<Vec<Duration>, Failure>>,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    while let Some(done) = workers.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}

fn rates(
    options: &Options,
    measured: &str,
    times: Vec<Duration>,
    elapsed: Duration,
) -> Result<(), Failure> {
    let (count, quantiles) = (times.len(), Quantiles::new(times));
    let rate = count as f64 / elapsed.as_secs_f64();
    print(
        options,
        format!("{count} in {elapsed:.2?}: {rate:.0} a second; {quantiles}"),
        json!({ "measured": measured, "count": count, "seconds": elapsed.as_secs_f64(),
            "per_s": rate, "times": quantiles.json() }),
    )
}
