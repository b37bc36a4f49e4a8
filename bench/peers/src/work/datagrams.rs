//! Datagrams of 1,000 bytes, as fast as they go. The receiver's clock says how fast they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Meter, read_exactly, read_to_end};
use crate::Fallible;
use crate::measure::{LOST, PER_S};
use crate::task::{Figures, Task};
use crate::transport::{Guest, Session, Stream, Transport};

/// Bytes of one.
const DATAGRAM_LEN: usize = 1_000;
/// How long stragglers may take after the end was said.
const PATIENCE: Duration = Duration::from_millis(200);
static DATAGRAM: [u8; DATAGRAM_LEN] = [0x5a; DATAGRAM_LEN];

/// What arrived, and from the first to the last.
#[derive(Default)]
struct Count {
    arrived: AtomicU64,
    nanos: AtomicU64,
}

pub(super) async fn serve(mut guest: impl Guest) -> Fallible<()> {
    let mut stream = guest.accept().await.ok_or("no stream to say the end")?;
    let count = Arc::new(Count::default());
    let counting = tokio::spawn({
        let count = count.clone();
        async move {
            let mut first_at = None;
            while let Some(len) = guest.receive_datagram().await {
                if len == DATAGRAM_LEN {
                    let nanos = first_at.get_or_insert_with(Instant::now).elapsed().as_nanos();
                    count.nanos.store(nanos as u64, Ordering::Relaxed);
                    count.arrived.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    read_to_end(&mut stream, &mut [0; 8]).await?;
    tokio::time::sleep(PATIENCE).await;
    for number in [&count.arrived, &count.nanos] {
        let bytes = number.load(Ordering::Relaxed).to_be_bytes();
        stream.send(Bytes::copy_from_slice(&bytes)).await?;
    }
    stream.finish().await?;
    // The session is the counter's: it ends when the client goes.
    Ok(counting.await?)
}

pub(super) async fn drive<T: Transport>(
    client: &T::Client,
    task: &Task,
    server: u32,
) -> Fallible<Figures> {
    let session = T::connect(client).await?;
    let mut stream = session.open().await?;
    stream.send(Bytes::from_static(b"!")).await?;
    let meter = Meter::start(server);
    for _ in 0..task.count {
        session.send_datagram(Bytes::from_static(&DATAGRAM)).await?;
    }
    let figures = meter.stop();
    stream.finish().await?;
    let mut answer = [0; 16];
    read_exactly(&mut stream, &mut answer).await?;
    session.close();
    let [arrived, nanos] = answer.as_chunks::<8>().0 else { return Err("no answer".into()) };
    Ok(add(figures, task.count, u64::from_be_bytes(*arrived), u64::from_be_bytes(*nanos)))
}

/// Adds the rate of arrivals, and the part that was lost.
fn add(mut figures: Figures, sent: u64, arrived: u64, nanos: u64) -> Figures {
    figures.insert(PER_S.into(), arrived as f64 * 1e9 / nanos.max(1) as f64);
    figures.insert(LOST.into(), 1.0 - arrived as f64 / sent as f64);
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_what_arrived() {
        let figures = add(Figures::new(), 1_000, 990, 1_000_000);
        assert_eq!(figures[PER_S], 990_000.0);
        assert!((figures[LOST] - 0.01).abs() < 1e-12);
    }
}
