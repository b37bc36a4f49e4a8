//! Which services there are, and who serves them (docs/PROTOCOL.md, Services).

use embassy_executor::Spawner;
use face::{ServiceRequest, Stream, StreamCode, WriteError};

use crate::serve::refuse;
use crate::{App, control, echo, files, scenario, sensor};

/// The longest request that names a service of ours is far shorter.
const MAX_REQUEST_BYTES: usize = 64;

const OFFERS: [[&str; 3]; 5] = [
    ["control", "1", "switches: a substream each"],
    ["echo", "1", "records and datagrams come back"],
    ["files", "1", "the log, the counters, a note"],
    ["scenario", "1", "what the shared scenarios ask"],
    ["sensor", "1", "readings now, the log as room allows"],
];

/// Serves a stream whose first record names a service.
pub(crate) async fn serve(app: &'static App, spawner: Spawner, stream: Stream) {
    if !stream.is_service() {
        return refuse(&stream, StreamCode::REFUSED);
    }
    let mut request = [0; MAX_REQUEST_BYTES];
    let record = match stream.read_record(&mut request).await {
        Ok(Some(record)) => record,
        Ok(None) => return refuse(&stream, StreamCode::REFUSED),
        Err(_) => return,
    };
    if !record.is_whole {
        return refuse(&stream, StreamCode::SERVICE_UNKNOWN);
    }
    let Ok(ServiceRequest { service, protocol }) =
        ServiceRequest::parse(request.get(..record.len).unwrap_or_default())
    else {
        return refuse(&stream, StreamCode::REFUSED);
    };
    match (service, protocol) {
        ("control", "1") => control::serve(app, spawner, &stream).await,
        ("echo", "1") => echo::serve(app, &stream).await,
        ("files", "1") => files::serve(app, spawner, &stream).await,
        ("scenario", "1") => scenario::serve(app, spawner, &stream).await,
        ("sensor", "1") => sensor::serve(app, &stream).await,
        // A peer that does not want the answer any more has gone.
        ("sst", "list") => list(&stream).await.unwrap_or_default(),
        ("control" | "echo" | "files" | "scenario" | "sensor", _) => {
            refuse(&stream, StreamCode::PROTOCOL_UNKNOWN);
        }
        _ => refuse(&stream, StreamCode::SERVICE_UNKNOWN),
    }
}

/// One record for each service: its name, its protocol, words for people.
async fn list(stream: &Stream) -> Result<(), WriteError> {
    for offer in OFFERS {
        for text in offer {
            // All are shorter than 128 bytes: the protocol's number of one byte.
            stream.write(&[text.len() as u8]).await?;
            stream.write(text.as_bytes()).await?;
        }
        stream.write_record(b"").await?;
    }
    stream.finish().await
}
