//! Echoes: what arrives goes back. Over one open stream (ping-pong), or once in each of many new
//! sessions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Meter, read_exactly};
use crate::Fallible;
use crate::measure::{PER_S, SECONDS, add_quantiles};
use crate::task::{Card, Figures, PARALLEL, Task};
use crate::transport::{Session, Stream, Transport};

/// Bytes of a ping, and of an echo.
pub(crate) const PING_LEN: usize = 64;
static PING: [u8; PING_LEN] = [0x5a; PING_LEN];
/// So that neither side's first times count.
const WARM_UP: u64 = 200;

pub(super) async fn serve(mut stream: impl Stream) -> Fallible<()> {
    let mut room = [0; PING_LEN];
    loop {
        match stream.read(&mut room).await? {
            0 => return stream.finish().await,
            len => stream.send(Bytes::copy_from_slice(&room[..len])).await?,
        }
    }
}

/// 64 bytes there and back, one after the other.
pub(super) async fn pingpong<T: Transport>(
    client: &T::Client,
    task: &Task,
    server: u32,
) -> Fallible<Figures> {
    let session = T::connect(client).await?;
    let mut stream = session.open().await?;
    for _ in 0..WARM_UP {
        ping(&mut stream).await?;
    }
    let meter = Meter::start(server);
    let mut times = Vec::with_capacity(task.count as usize);
    for _ in 0..task.count {
        let sent_at = Instant::now();
        ping(&mut stream).await?;
        times.push(sent_at.elapsed());
    }
    let figures = pings(meter.stop(), &mut times);
    session.close();
    Ok(figures)
}

/// Adds what `times` say.
pub(crate) fn pings(mut figures: Figures, times: &mut [Duration]) -> Figures {
    figures.insert(PER_S.into(), times.len() as f64 / figures[SECONDS]);
    add_quantiles(&mut figures, times);
    figures
}

/// New sessions, 100 at a time: handshake, stream, echo, end.
pub(super) async fn sessions<T: Transport>(
    client: T::Client,
    task: &Task,
    card: &Card,
    server: u32,
) -> Fallible<Figures> {
    let mut clients = vec![Arc::new(client)];
    session::<T>(&clients[0]).await?;
    while T::HAS_ONE_SESSION && clients.len() < PARALLEL as usize {
        clients.push(Arc::new(T::client(task, card).await?));
    }
    let meter = Meter::start(server);
    let mut workers = JoinSet::new();
    for worker in 0..PARALLEL {
        let client = clients[worker as usize % clients.len()].clone();
        let share = task.count / PARALLEL + u64::from(worker < task.count % PARALLEL);
        workers.spawn(async move {
            let mut times = Vec::with_capacity(share as usize);
            for _ in 0..share {
                let begun_at = Instant::now();
                session::<T>(&client).await?;
                times.push(begun_at.elapsed());
            }
            Fallible::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = workers.join_next().await {
        times.extend(done??);
    }
    Ok(pings(meter.stop(), &mut times))
}

async fn session<T: Transport>(client: &T::Client) -> Fallible<()> {
    let session = T::connect(client).await?;
    let mut stream = session.open().await?;
    ping(&mut stream).await?;
    session.close();
    Ok(())
}

async fn ping(stream: &mut impl Stream) -> Fallible<()> {
    stream.send(Bytes::from_static(&PING)).await?;
    read_exactly(stream, &mut [0; PING_LEN]).await
}
