//! The workloads: one definition each, the same for every transport.

mod bulk;
mod datagrams;
mod echo;
mod idle;
mod requests;

use std::sync::{Arc, Mutex, PoisonError};

use crate::Fallible;
use crate::measure::Meter;
use crate::task::{Card, Figures, Task, Work};
use crate::transport::{Guest, Stream, Transport};

#[cfg(feature = "quiche")]
pub(crate) use bulk::PIECE_LEN;
pub(crate) use bulk::rates;
pub(crate) use echo::{PING_LEN, pings};

/// Serves `task`, for good.
pub(crate) async fn serve<T: Transport>(task: &Task) -> Fallible<()> {
    let (mut server, card) = T::serve(task).await?;
    card.announce()?;
    let work = task.work;
    // Idle ones, kept without a task each.
    let kept = Arc::new(Mutex::new(Vec::new()));
    while let Some(arrival) = T::accept(&mut server).await {
        let kept = kept.clone();
        tokio::spawn(async move {
            let served = match T::meet(arrival).await {
                Ok(guest) if work == Work::IdleSessions => {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(guest);
                    Ok(())
                }
                Ok(guest) => serve_guest(guest, work).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                eprintln!("server: {error}");
            }
        });
    }
    Ok(())
}

/// Does `task` with the server that gave `card`, whose process id is `server`.
pub(crate) async fn drive<T: Transport>(
    task: &Task,
    card: &Card,
    server: u32,
) -> Fallible<Figures> {
    let client = T::client(task, card).await?;
    match task.work {
        Work::Bulk => bulk::drive::<T>(&client, task, server).await,
        Work::Requests => requests::drive::<T>(&client, task, server).await,
        Work::Sessions => echo::sessions::<T>(client, task, card, server).await,
        Work::IdleSessions => idle::sessions::<T>(&client, task, card, server).await,
        Work::IdleStreams => idle::streams::<T>(&client, task, server).await,
        Work::Datagrams => datagrams::drive::<T>(&client, task, server).await,
        Work::Pingpong => echo::pingpong::<T>(&client, task, server).await,
    }
}

async fn serve_guest<G: Guest>(mut guest: G, work: Work) -> Fallible<()> {
    if work == Work::Datagrams {
        return datagrams::serve(guest).await;
    }
    let mut kept = Vec::new();
    while let Some(mut stream) = guest.accept().await {
        if work == Work::IdleStreams {
            // Read, or what is measured is a buffer.
            read_exactly(&mut stream, &mut [0]).await?;
            kept.push(stream);
            continue;
        }
        tokio::spawn(async move {
            let served = match work {
                Work::Bulk => bulk::serve(stream).await,
                Work::Requests => requests::serve(stream).await,
                _ => echo::serve(stream).await,
            };
            // An echo's client goes without a word.
            if let (Err(error), Work::Bulk | Work::Requests) = (served, work) {
                eprintln!("server: {error}");
            }
        });
    }
    Ok(())
}

/// Fills `room`.
async fn read_exactly(stream: &mut impl Stream, room: &mut [u8]) -> Fallible<()> {
    let mut filled = 0;
    while filled < room.len() {
        match stream.read(&mut room[filled..]).await? {
            0 => return Err("ended early".into()),
            len => filled += len,
        }
    }
    Ok(())
}

/// How many bytes there are to the end.
async fn read_to_end(stream: &mut impl Stream, room: &mut [u8]) -> Fallible<usize> {
    let mut total = 0;
    loop {
        match stream.read(room).await? {
            0 => return Ok(total),
            len => total += len,
        }
    }
}
