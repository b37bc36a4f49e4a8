//! What idle things cost the server.

use serde_json::json;
use sst_std::{Endpoint, Identity, Session, Url};

use super::client::{begin, connect, print};
use super::serve::{IDLE, MEMORY};
use crate::failure::Failure;
use crate::options::{Accept, Options};

pub(super) async fn run(
    options: &Options,
    url: &Url,
    sessions: u64,
    streams: u64,
) -> Result<(), Failure> {
    let (endpoint, session) = connect(options, url).await?;
    let before = server_bytes(&session).await?;
    let mut idle: Vec<(Endpoint, Session)> = Vec::new();
    let address = url.resolve().await?;
    for _ in 0..sessions {
        let one = options.endpoint(Identity::generate()?, Accept::No).await?;
        let session = one.connect_to(Some(url.id()), address).await?;
        idle.push((one, session));
    }
    let with_sessions = server_bytes(&session).await?;
    let mut open = Vec::new();
    for _ in 0..streams {
        open.push(begin(&session, IDLE, 0).await?);
    }
    // The last one's answer comes after all were accepted.
    let with_streams = server_bytes(&session).await?;
    let each = |more: u64, less: u64, count: u64| more.saturating_sub(less) / count.max(1);
    let per_session = each(with_sessions, before, sessions);
    let per_stream = each(with_streams, with_sessions, streams);
    print(
        options,
        format!("{per_session} bytes an idle session, {per_stream} bytes an idle stream"),
        json!({ "measured": "memory", "sessions": sessions, "bytes_per_session": per_session,
            "streams": streams, "bytes_per_stream": per_stream }),
    );
    options.end(&endpoint).await
}

async fn server_bytes(session: &Session) -> Result<u64, Failure> {
    let mut stream = begin(session, MEMORY, 0).await?;
    let answer = stream.read_record(8).await?.unwrap_or_default();
    let bytes = answer.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    if bytes == 0 { Err(Failure::new("the server does not know its memory")) } else { Ok(bytes) }
}
