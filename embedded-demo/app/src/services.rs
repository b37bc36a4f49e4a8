//! Which services there are, and who serves them (docs/PROTOCOL.md, Services).

use embassy_executor::Spawner;
use face::{Record, RecordEnd, ServiceRequest, Stream, StreamCode, WriteError};

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

/// A service, once it is known which.
#[derive(Clone, Copy)]
enum Service {
    Control,
    Echo,
    Files,
    List,
    Scenario,
    Sensor,
}

/// Serves a stream whose first record names a service.
pub(crate) async fn serve(app: &'static App, spawner: Spawner, stream: &Stream) {
    match read_request(stream).await {
        Some(Service::Control) => control::serve(app, spawner, stream).await,
        Some(Service::Echo) => echo::serve(app, stream).await,
        Some(Service::Files) => files::serve(app, spawner, stream).await,
        // A peer that does not want the answer any more has gone.
        Some(Service::List) => list(stream).await.unwrap_or_default(),
        Some(Service::Scenario) => scenario::serve(app, spawner, stream).await,
        Some(Service::Sensor) => sensor::serve(app, stream).await,
        None => {}
    }
}

/// The service that the stream asks for. If there is none, it was told so. What was read is not
/// kept: the task that serves has room for one thing at a time.
async fn read_request(stream: &Stream) -> Option<Service> {
    if !stream.is_service() {
        refuse(stream, StreamCode::REFUSED);
        return None;
    }
    let mut request = [0; MAX_REQUEST_BYTES];
    let record = match stream.read_record(&mut request).await {
        Ok(record) => record,
        Err(_) => return None,
    };
    let service = match record {
        Some(Record { len, end: RecordEnd::Mark }) => find(request.get(..len).unwrap_or_default()),
        Some(Record { end: RecordEnd::More, .. }) => Err(StreamCode::SERVICE_UNKNOWN),
        Some(Record { end: RecordEnd::CutOff, .. }) | None => Err(StreamCode::REFUSED),
    };
    service.map_err(|code| refuse(stream, code)).ok()
}

fn find(request: &[u8]) -> Result<Service, StreamCode> {
    let request = ServiceRequest::parse(request).map_err(|_| StreamCode::REFUSED)?;
    let service = match request.service {
        "control" => Service::Control,
        "echo" => Service::Echo,
        "files" => Service::Files,
        "scenario" => Service::Scenario,
        "sensor" => Service::Sensor,
        "sst" if request.protocol == "list" => return Ok(Service::List),
        _ => return Err(StreamCode::SERVICE_UNKNOWN),
    };
    if request.protocol == "1" { Ok(service) } else { Err(StreamCode::PROTOCOL_UNKNOWN) }
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
