//! `sst echo`: says everything again, records and datagrams.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sst_std::{Branch, Offer, ReadError, Session, Share, Shares, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Sleep, sleep};

use crate::failure::Failure;
use crate::options::{Accept, Options};
use crate::serve::announce;

/// Longer records are refused.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// Records up to this length are everyone's right; a longer one needs a place.
const SHORT_RECORD_BYTES: usize = 64 << 10;
/// Streams that are answered, in all and for one session.
const STREAMS: (usize, usize) = (1_024, 16);
/// Streams that may have a long record in memory, in all and for one peer: its sessions together.
const LONG_RECORDS: (usize, usize) = (16, 1);
/// How long a long record may take to come and to go back: at least 17 kB/s. Then its stream ends.
const LONG_RECORD_TIME: Duration = Duration::from_secs(120);
/// The code of that end.
const CODE_LATE: u64 = 1;

/// The service `echo` for all sessions of a host, with a share for each.
#[derive(Clone)]
pub(crate) struct Echo {
    streams: Arc<Shares>,
    long_records: Arc<Shares>,
}

pub(crate) fn offer() -> Offer {
    Offer::new("echo", "1", "records and datagrams come back")
}

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let endpoint = options.endpoint(options.identity()?, Accept::Everyone).await?;
    announce(&endpoint, options)?;
    let echo = Echo::new();
    while let Some(session) = endpoint.accept().await {
        tokio::spawn(serve_session(session, echo.clone()));
    }
    Ok(())
}

async fn serve_session(session: Session, echo: Echo) {
    let mut services = session.offer_services(vec![offer()]);
    while let Some(request) = services.accept().await {
        echo.start(request.into_stream()).await;
    }
}

impl Echo {
    pub(crate) fn new() -> Self {
        let streams = Shares::new(STREAMS.0, STREAMS.1);
        let long_records = Shares::by_peer(LONG_RECORDS.0, LONG_RECORDS.1);
        Self { streams, long_records }
    }

    /// Waits until the session of `stream` may have one more stream answered; then answers it
    /// until it ends, in a task of its own. Nothing is answered if the session ends first.
    pub(crate) async fn start(&self, stream: Stream) {
        let Some(share) = self.streams.take_while_open(&stream).await else { return };
        let long_records = self.long_records.clone();
        tokio::spawn(async move {
            serve(stream, &long_records, LONG_RECORD_TIME).await;
            drop(share);
        });
    }
}

/// A place for a long record, and until when.
type Place = (Share, Pin<Box<Sleep>>);

async fn serve(mut stream: Stream, long_records: &Arc<Shares>, time: Duration) {
    let branch = stream.branch();
    let mut place: Option<Place> = None;
    loop {
        let limit = if place.is_some() { MAX_RECORD_BYTES } else { SHORT_RECORD_BYTES };
        tokio::select! {
            record = stream.read_record(limit) => match record {
                Ok(Some(record)) => {
                    tokio::select! {
                        written = stream.write_record(&record) => if written.is_err() {
                            return;
                        },
                        () = late(&mut place) => return give_up(&branch),
                    }
                    place = None;
                }
                Ok(None) => {
                    let _ = stream.finish().await;
                    return;
                }
                Err(ReadError::UnfinishedRecord { .. }) => {
                    let _ = finish_unfinished(stream).await;
                    return;
                }
                Err(ReadError::RecordTooLong { .. }) if place.is_none() => {
                    let Some(share) = long_records.take_while_open(&branch).await else { return };
                    place = Some((share, Box::pin(sleep(time))));
                }
                Err(_) => return,
            },
            datagram = branch.recv_datagram() => match datagram {
                Ok(datagram) => {
                    if branch.send_datagram(&datagram, None).await.is_err() {
                        return;
                    }
                }
                Err(_) => return,
            },
            () = late(&mut place) => return give_up(&branch),
        }
    }
}

/// Returns when the time of a place is over; never while there is none.
async fn late(place: &mut Option<Place>) {
    match place {
        Some((_, until)) => until.as_mut().await,
        None => std::future::pending().await,
    }
}

fn give_up(branch: &Branch) {
    branch.reset(CODE_LATE);
    branch.stop(CODE_LATE);
}

/// Says again what the end cut off, as bytes without a mark.
async fn finish_unfinished(mut stream: Stream) -> std::io::Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    stream.write_all(&rest).await?;
    Ok(stream.finish().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::two_hosts::pair;

    #[tokio::test]
    async fn a_long_record_that_does_not_end_gives_its_place_up() {
        let pair = pair().await;
        let (mut sent, stream) = pair.stream_with(&vec![7; SHORT_RECORD_BYTES + 1]).await;
        let long_records = Shares::by_peer(1, 1);
        let served = serve(stream, &long_records, Duration::from_millis(300));
        let ended = async { sent.read_record(10).await };
        let ((), ended) = tokio::join!(served, ended);
        assert!(matches!(ended, Err(ReadError::Reset { .. })), "{ended:?}");
        assert_eq!(long_records.taken(), 0);
    }
}
