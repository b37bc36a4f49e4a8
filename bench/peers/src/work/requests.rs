//! Requests: 100 bytes on a fresh stream, a reply of 1 KiB, both ends finished; 100 at a time.

use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Meter, read_to_end};
use crate::Fallible;
use crate::measure::{PER_S, SECONDS, add_quantiles};
use crate::task::{Figures, PARALLEL, Task};
use crate::transport::{Session, Stream, Transport};

const REQUEST_LEN: usize = 100;
const REPLY_LEN: usize = 1_024;
static REQUEST: [u8; REQUEST_LEN] = [0x5a; REQUEST_LEN];
static REPLY: [u8; REPLY_LEN] = [0xa5; REPLY_LEN];

pub(super) async fn serve(mut stream: impl Stream) -> Fallible<()> {
    if read_to_end(&mut stream, &mut [0; 2 * REQUEST_LEN]).await? != REQUEST_LEN {
        return Err("a request of another length".into());
    }
    stream.send_last(Bytes::from_static(&REPLY)).await
}

pub(super) async fn drive<T: Transport>(
    client: &T::Client,
    task: &Task,
    server: u32,
) -> Fallible<Figures> {
    let session = std::sync::Arc::new(T::connect(client).await?);
    // A first one, so that what is made once is there.
    request(&*session).await?;
    let meter = Meter::start(server);
    let mut workers = JoinSet::new();
    for worker in 0..PARALLEL {
        let session = session.clone();
        let share = task.count / PARALLEL + u64::from(worker < task.count % PARALLEL);
        workers.spawn(async move {
            let mut times = Vec::with_capacity(share as usize);
            for _ in 0..share {
                let asked_at = Instant::now();
                request(&*session).await?;
                times.push(asked_at.elapsed());
            }
            Fallible::Ok(times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = workers.join_next().await {
        times.extend(done??);
    }
    let mut figures = meter.stop();
    figures.insert(PER_S.into(), times.len() as f64 / figures[SECONDS]);
    add_quantiles(&mut figures, &mut times);
    Ok(figures)
}

async fn request(session: &impl Session) -> Fallible<()> {
    let mut stream = session.open().await?;
    stream.send_last(Bytes::from_static(&REQUEST)).await?;
    match read_to_end(&mut stream, &mut [0; 2 * REPLY_LEN]).await? {
        REPLY_LEN => Ok(()),
        len => Err(format!("a reply of {len} bytes").into()),
    }
}
