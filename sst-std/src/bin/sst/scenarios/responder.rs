//! The responder of scenarios: does what the first record of a stream orders.

use std::pin::Pin;
use std::sync::Arc;

use sst_std::{Branch, OpenOptions, ReadError, Session, Stream, WriteError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::content::{Content, pattern};
use super::offers;
use crate::failure::Failure;

const BACKLOG: u32 = 16;
const MAX_RECORD_BYTES: usize = 1 << 20;
const CHUNK_LEN: usize = 4_096;
/// The stream code for an order nobody knows.
const UNKNOWN_ORDER: u64 = 400;

/// A service stream, as its children need it.
#[derive(Clone)]
struct Service {
    session: Session,
    branch: Branch,
    over: Arc<Notify>,
}

/// Serves `session` until it ends; tells `over` when the runner says so.
pub(super) async fn serve(session: Session, over: Arc<Notify>) {
    let mut services = session.offer_services(offers());
    while let Some(request) = services.accept().await {
        let stream = request.into_stream();
        let (session, branch, over) = (session.clone(), stream.branch(), over.clone());
        tokio::spawn(serve_service(Service { session, branch, over }, stream));
    }
}

/// One service stream: its children and its datagrams.
async fn serve_service(service: Service, mut stream: Stream) {
    let branch = stream.branch();
    let mut children = branch.listen(BACKLOG);
    loop {
        tokio::select! {
            child = children.accept() => match child {
                Some(child) => {
                    tokio::spawn(serve_child(service.clone(), child));
                }
                None => return,
            },
            datagram = branch.recv_datagram() => {
                let Ok(datagram) = datagram else { return };
                if branch.send_datagram(&datagram, None).await.is_err() {
                    return;
                }
            },
            // Nothing comes on the stream itself but its end.
            record = stream.read_record(MAX_RECORD_BYTES) => {
                if !matches!(record, Ok(Some(_))) {
                    let _ = stream.finish().await;
                    return;
                }
            }
        }
    }
}

/// Errors end a child, nothing else. Boxed, because children serve children.
fn serve_child(service: Service, mut child: Stream) -> Serving {
    Box::pin(async move {
        let _ = obey(&service, &mut child).await;
    })
}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn obey(service: &Service, child: &mut Stream) -> Result<(), Failure> {
    let Some(order) = child.read_record(MAX_RECORD_BYTES).await? else { return Ok(()) };
    let order = String::from_utf8(order).unwrap_or_default();
    let words: Vec<&str> = order.split(' ').collect();
    match words[..] {
        ["echo", "bytes"] => echo_bytes(child).await?,
        ["echo", "records"] => echo_records(child).await?,
        ["send", len, seed] => send(child, len.parse()?, seed.parse()?).await?,
        ["check", len, seed] => check(child, len.parse()?, seed.parse()?).await?,
        ["report"] => report(child).await?,
        ["flood"] => return flood(&service.branch, child).await,
        ["reset", code] => {
            child.reset(code.parse()?);
            return read_on(child).await;
        }
        ["stop", code] => {
            child.stop(code.parse()?);
            child.write_record(b"stopped").await?;
            return Ok(child.finish().await?);
        }
        ["open", count] => open(child, count.parse()?).await?,
        ["serve"] => return serve_children(service, child).await,
        ["priority", priority] => {
            child.set_priority(Some(priority.parse()?));
            let told = child.priority().unwrap_or_default();
            child.write_record(format!("priority {told}").as_bytes()).await?;
        }
        [verb @ ("close" | "abort"), code, ref reason @ ..] => {
            let (code, reason) = (code.parse()?, reason.join(" "));
            if verb == "close" {
                service.session.close(code, &reason).await;
            } else {
                service.session.abort(code, &reason);
            }
            return Ok(());
        }
        ["over"] => {
            child.write_record(b"over").await?;
            child.finish().await?;
            // Whoever hears of it may end the session: only now is the answer delivered.
            service.over.notify_one();
            return read_on(child).await;
        }
        _ => {
            child.reset(UNKNOWN_ORDER);
            child.stop(UNKNOWN_ORDER);
            return Ok(());
        }
    }
    child.finish().await?;
    read_on(child).await
}

async fn echo_bytes(child: &mut Stream) -> Result<(), Failure> {
    let mut buffer = vec![0; CHUNK_LEN];
    loop {
        let len = child.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        child.write_all(&buffer[..len]).await?;
    }
}

async fn echo_records(child: &mut Stream) -> Result<(), Failure> {
    loop {
        match child.read_record(MAX_RECORD_BYTES).await {
            Ok(Some(record)) => child.write_record(&record).await?,
            Ok(None) => return Ok(()),
            Err(ReadError::UnfinishedRecord { .. }) => return echo_bytes(child).await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn send(child: &mut Stream, len: u64, seed: u64) -> Result<(), Failure> {
    let mut at = 0;
    while at < len {
        let end = len.min(at + CHUNK_LEN as u64);
        let chunk: Vec<u8> = (at..end).map(|at| pattern(seed, at)).collect();
        child.write_all(&chunk).await?;
        at = end;
    }
    Ok(())
}

async fn check(child: &mut Stream, len: u64, seed: u64) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    child.read_to_end(&mut bytes).await?;
    let is_right = bytes == Content::Pattern { seed, len }.bytes();
    child.write_record(if is_right { b"ok" } else { b"wrong" }).await?;
    Ok(())
}

async fn report(child: &mut Stream) -> Result<(), Failure> {
    child.write_record(b"reporting").await?;
    let mut len = 0;
    let mut buffer = vec![0; CHUNK_LEN];
    let text = loop {
        match child.read(&mut buffer).await.map_err(|error| error.downcast::<ReadError>()) {
            Ok(0) => break format!("finished {len}"),
            Ok(read) => len += read,
            Err(Ok(ReadError::Reset(code))) => break format!("reset {code}"),
            Err(Ok(error)) => return Err(error.into()),
            Err(Err(error)) => return Err(error.into()),
        }
    };
    child.write_record(text.as_bytes()).await?;
    Ok(())
}

async fn flood(service: &Branch, child: &mut Stream) -> Result<(), Failure> {
    let mut at = 0;
    let error = loop {
        let chunk: Vec<u8> = (at..at + CHUNK_LEN as u64).map(|at| pattern(0, at)).collect();
        match child.write(&chunk).await {
            Ok(len) => at += len as u64,
            Err(error) => break error,
        }
    };
    if let Ok(WriteError::Stopped(code)) = error.downcast::<WriteError>() {
        service.send_message(format!("stopped {code}").as_bytes()).await?;
    }
    Ok(())
}

async fn open(child: &mut Stream, count: u32) -> Result<(), Failure> {
    for number in 0..count {
        let mut stream = child.open_substream(OpenOptions::new()).await?;
        stream.write_record(format!("child {number}").as_bytes()).await?;
        // It is there before the next one; the other direction is of no interest.
        stream.finish().await?;
        tokio::spawn(async move { read_on(&mut stream).await });
    }
    child.write_record(format!("opened {count}").as_bytes()).await?;
    Ok(())
}

async fn serve_children(service: &Service, child: &mut Stream) -> Result<(), Failure> {
    child.write_record(b"serving").await?;
    let mut children = child.listen(BACKLOG);
    loop {
        tokio::select! {
            grandchild = children.accept() => match grandchild {
                Some(grandchild) => {
                    tokio::spawn(serve_child(service.clone(), grandchild));
                }
                None => return Ok(()),
            },
            record = child.read_record(MAX_RECORD_BYTES) => {
                if record?.is_none() {
                    return Ok(child.finish().await?);
                }
            }
        }
    }
}

/// Reads what still comes, to the end: a stream let go before would be stopped.
async fn read_on(child: &mut Stream) -> Result<(), Failure> {
    let mut buffer = vec![0; CHUNK_LEN];
    while child.read(&mut buffer).await? > 0 {}
    Ok(())
}
