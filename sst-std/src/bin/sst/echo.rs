//! `sst echo`: says everything again, records and datagrams.

use sst_std::{Offer, ReadError, Session, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::failure::Failure;
use crate::files::announce;
use crate::options::{Accept, Options};

const MAX_RECORD_BYTES: usize = 1 << 20;

pub(crate) fn offer() -> Offer {
    Offer::new("echo", "1", "records and datagrams come back")
}

pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let endpoint = options.endpoint(options.identity()?, Accept::Everyone).await?;
    announce(&endpoint)?;
    while let Some(session) = endpoint.accept().await {
        tokio::spawn(serve_session(session));
    }
    Ok(())
}

async fn serve_session(session: Session) {
    let mut services = session.offer_services(vec![offer()]);
    while let Some(request) = services.accept().await {
        tokio::spawn(serve(request.into_stream()));
    }
}

/// Answers one stream until it ends.
pub(crate) async fn serve(mut stream: Stream) {
    let branch = stream.branch();
    loop {
        tokio::select! {
            record = stream.read_record(MAX_RECORD_BYTES) => match record {
                Ok(Some(record)) => {
                    if stream.write_record(&record).await.is_err() {
                        return;
                    }
                }
                Ok(None) => {
                    let _ = stream.finish().await;
                    return;
                }
                Err(ReadError::UnfinishedRecord { .. }) => {
                    let _ = finish_unfinished(stream).await;
                    return;
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
