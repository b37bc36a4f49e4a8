//! What idle sessions and idle open streams cost the server: the growth of its resident memory.

use std::time::Duration;

use bytes::Bytes;

use super::Meter;
use crate::Fallible;
use crate::measure::{BYTES_EACH, resident_bytes};
use crate::task::{Card, Figures, Task};
use crate::transport::{Session, Stream, Transport};

/// Made before counting, so that what is made once is there.
const WARM_UP: u64 = 10;
/// How long the server's memory has to stay as it is.
const STILL: Duration = Duration::from_millis(300);
/// How often that is looked at, at most.
const MAX_LOOKS: u32 = 20;

pub(super) async fn sessions<T: Transport>(
    client: &T::Client,
    task: &Task,
    card: &Card,
    server: u32,
) -> Fallible<Figures> {
    let mut kept = Vec::new();
    for _ in 0..WARM_UP {
        kept.push(connect::<T>(client, task, card).await?);
    }
    let meter = Meter::start(server);
    let before = settled_bytes(server).await;
    for _ in 0..task.count {
        kept.push(connect::<T>(client, task, card).await?);
    }
    let after = settled_bytes(server).await;
    Ok(each(meter.stop(), after - before, task.count))
}

pub(super) async fn streams<T: Transport>(
    client: &T::Client,
    task: &Task,
    server: u32,
) -> Fallible<Figures> {
    let session = T::connect(client).await?;
    let mut kept = Vec::new();
    for _ in 0..WARM_UP {
        kept.push(open(&session).await?);
    }
    let meter = Meter::start(server);
    let before = settled_bytes(server).await;
    for _ in 0..task.count {
        kept.push(open(&session).await?);
    }
    let after = settled_bytes(server).await;
    Ok(each(meter.stop(), after - before, task.count))
}

/// A session, and its client if that has only one.
async fn connect<T: Transport>(
    shared: &T::Client,
    task: &Task,
    card: &Card,
) -> Fallible<(T::Session, Option<T::Client>)> {
    if !T::HAS_ONE_SESSION {
        return Ok((T::connect(shared).await?, None));
    }
    let own = T::client(task, card).await?;
    Ok((T::connect(&own).await?, Some(own)))
}

/// A stream that the server has heard of.
async fn open<S: Session>(session: &S) -> Fallible<S::Stream> {
    let mut stream = session.open().await?;
    stream.send(Bytes::from_static(b"!")).await?;
    Ok(stream)
}

async fn settled_bytes(server: u32) -> f64 {
    let mut bytes = resident_bytes(server);
    for _ in 0..MAX_LOOKS {
        tokio::time::sleep(STILL).await;
        let last = std::mem::replace(&mut bytes, resident_bytes(server));
        if bytes == last {
            break;
        }
    }
    bytes
}

fn each(mut figures: Figures, bytes: f64, count: u64) -> Figures {
    figures.insert(BYTES_EACH.into(), bytes / count as f64);
    figures
}
