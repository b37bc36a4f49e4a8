//! `sst echo`: says everything again, records and datagrams.

use std::sync::Arc;

use sst_std::{Offer, ReadError, Session, Share, Shares, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::failure::Failure;
use crate::files::announce;
use crate::options::{Accept, Options};

/// Longer records are refused.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// Records up to this length are everyone's right; a longer one needs a place.
const SHORT_RECORD_BYTES: usize = 64 << 10;
/// Streams that are answered, in all and for one session.
const STREAMS: (usize, usize) = (1_024, 16);
/// Streams that may have a long record in memory, in all and for one peer: its sessions together.
const LONG_RECORDS: (usize, usize) = (16, 1);

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
            serve(stream, &long_records).await;
            drop(share);
        });
    }
}

async fn serve(mut stream: Stream, long_records: &Arc<Shares>) {
    let branch = stream.branch();
    let mut place: Option<Share> = None;
    loop {
        let limit = if place.is_some() { MAX_RECORD_BYTES } else { SHORT_RECORD_BYTES };
        tokio::select! {
            record = stream.read_record(limit) => match record {
                Ok(Some(record)) => {
                    if stream.write_record(&record).await.is_err() {
                        return;
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
                    place = long_records.take_while_open(&branch).await;
                    if place.is_none() {
                        return;
                    }
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
        }
    }
}

/// Says again what the end cut off, as bytes without a mark.
async fn finish_unfinished(mut stream: Stream) -> std::io::Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await?;
    stream.write_all(&rest).await?;
    Ok(stream.finish().await?)
}
