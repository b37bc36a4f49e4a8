//! What idle things cost the server: all in all, and what of it are the core's rows and this
//! program's own tasks.

use serde_json::{Value, json};
use sst_nostd::{STREAM_BYTES, Storage};
use sst_std::{Endpoint, Identity, Session, Url};

use super::client::{begin, connect, print};
use super::serve::{IDLE, MEMORY};
use crate::failure::Failure;
use crate::options::{Accept, Options};

/// What the server has, in bytes.
#[derive(Clone, Copy)]
struct Memory {
    resident: u64,
    /// 0 if it does not count.
    heap: u64,
}

pub(super) async fn run(
    options: &Options,
    url: &Url,
    sessions: u64,
    streams: u64,
) -> Result<(), Failure> {
    let (endpoint, session) = connect(options, url).await?;
    let empty = server_memory(&session).await?;
    let mut idle: Vec<(Endpoint, Session)> = Vec::new();
    let addresses = url.resolve_all().await?;
    for _ in 0..sessions {
        let one = options.endpoint(Identity::generate()?, Accept::No).await?;
        let session = one.connect_to_any(Some(url.id()), &addresses).await?;
        idle.push((one, session));
    }
    let with_sessions = server_memory(&session).await?;
    let mut open = Vec::new();
    for _ in 0..streams {
        open.push(begin(&session, IDLE, 0).await?);
    }
    // The last one's answer comes after all were accepted.
    let with_streams = server_memory(&session).await?;
    let session_rows = Storage::<'_, sst_std::AwsLc>::SESSION_BYTES;
    let of_session = each(empty, with_sessions, sessions, session_rows);
    let of_stream = each(with_sessions, with_streams, streams, STREAM_BYTES);
    print(
        options,
        format!("an idle session: {of_session}\nan idle stream: {of_stream}"),
        json!({ "measured": "memory", "sessions": sessions, "session": of_session,
            "streams": streams, "stream": of_stream }),
    )?;
    options.end(&endpoint).await
}

/// What one of `count` things costs, in bytes. `resident` is everything, whole pages and what is
/// resident for good once first used included: the more things, the nearer it comes to the truth.
fn each(before: Memory, after: Memory, count: u64, core_rows: usize) -> Value {
    let per = |before: u64, after: u64| after.saturating_sub(before) / count.max(1);
    let heap = (after.heap > 0).then(|| per(before.heap, after.heap));
    json!({ "resident": per(before.resident, after.resident), "core_rows": core_rows,
        "heap": heap })
}

async fn server_memory(session: &Session) -> Result<Memory, Failure> {
    let mut stream = begin(session, MEMORY, 0).await?;
    let answer = stream.read_record(16).await?.unwrap_or_default();
    let (numbers, _) = answer.as_chunks::<8>();
    match *numbers {
        [resident, heap] if resident != [0; 8] => {
            Ok(Memory { resident: u64::from_be_bytes(resident), heap: u64::from_be_bytes(heap) })
        }
        _ => Err(Failure::new("the server does not know its memory")),
    }
}
