//! Attacks that a whole host can make: its protocol is right, its manners are not.

use std::time::Duration;

use sst_std::{Config, Endpoint, Identity, OpenOptions, ServiceError, Session, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::attack::{Arguments, Attack, Outcome, say_holding};

/// After so long without an answer, the server is not going to give more.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is written at a time.
const PIECE: [u8; 16 << 10] = [b'x'; 16 << 10];
/// More than the file has, so that the server must look at all of it.
const CLAIMED_BYTES: u64 = 2 << 30;

/// What is kept so that the server keeps it too.
#[derive(Default)]
struct Held {
    streams: Vec<Stream>,
    bytes: u64,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let endpoint = Endpoint::bind(Config::new(Identity::generate()?)).await?;
    let session = endpoint.connect(&arguments.url).await?;
    let held = hold(arguments, &session).await;
    say_holding(&format!("{} streams, {} bytes", held.streams.len(), held.bytes));
    let ended = timeout(arguments.time(), session.closed()).await;
    match ended {
        Ok(closed) => println!("ended {closed}"),
        Err(_) => println!("kept"),
    }
    // No farewell: whoever is hostile says none.
    std::process::exit(0);
}

async fn hold(arguments: &Arguments, session: &Session) -> Held {
    let path = arguments.url.path();
    match arguments.attack {
        Attack::Stall => stall(session, &get(path, 0), arguments.count(100), arguments.after).await,
        Attack::Hoard => ask(session, &[get(path, 0), list()], arguments.count(1_000)).await,
        Attack::Hashes => ask(session, &[get(path, CLAIMED_BYTES)], arguments.count(60)).await,
        Attack::Lists => ask(session, &[list()], arguments.count(200)).await,
        Attack::OpenAll => open_all(session, arguments.count(131_072)).await,
        Attack::Datagrams => datagrams(session, arguments.count(300)).await,
        _ => records(session, arguments.count(300)).await,
    }
}

/// Requests of docs/FILES.md.
pub(crate) fn get(path: &str, have: u64) -> Vec<u8> {
    [&[2][..], &have.to_be_bytes(), &[0; 32], path.as_bytes()].concat()
}

fn list() -> Vec<u8> {
    vec![1]
}

/// Sends requests on streams of their own, and reads no answer.
async fn ask(session: &Session, requests: &[Vec<u8>], count: u32) -> Held {
    let mut held = Held::default();
    for request in requests.iter().cycle().take(count as usize) {
        let Ok(Ok(mut stream)) = timeout(PATIENCE, session.open_service("files", "1")).await else {
            break;
        };
        if !matches!(timeout(PATIENCE, stream.write_record(request)).await, Ok(Ok(()))) {
            break;
        }
        held.streams.push(stream);
    }
    held
}

/// Reads some of each answer, then no more.
async fn stall(session: &Session, request: &[u8], count: u32, after: u64) -> Held {
    let mut held = ask(session, &[request.to_vec()], count).await;
    let mut piece = vec![0; PIECE.len()];
    for stream in &mut held.streams {
        let mut read = 0;
        while read < after {
            match timeout(PATIENCE, stream.read(&mut piece)).await {
                Ok(Ok(len)) if len > 0 => read += len as u64,
                _ => break,
            }
        }
        held.bytes += read;
    }
    held
}

/// Opens streams to the service, and children of these, as long as it may.
async fn open_all(session: &Session, count: u32) -> Held {
    let mut held = Held::default();
    while held.streams.len() < count as usize {
        match timeout(PATIENCE, session.open_service("files", "1")).await {
            Ok(Ok(stream)) => held.streams.push(stream),
            _ => break,
        }
    }
    let services = held.streams.len();
    for at in 0..services {
        let parent = held.streams[at].branch();
        while held.streams.len() < count as usize {
            let opened = timeout(PATIENCE / 40, parent.open_substream(OpenOptions::new())).await;
            let Ok(Ok(mut stream)) = opened else { break };
            let _ = timeout(PATIENCE / 40, stream.write_all(b"x")).await;
            held.streams.push(stream);
        }
    }
    held
}

async fn datagrams(session: &Session, parents: u32) -> Held {
    let mut held = ask(session, &[list()], parents).await;
    for len in [1_000, 1_000, 8_000, 60_000] {
        let datagram = vec![b'd'; len];
        for stream in &held.streams {
            let parent = stream.branch();
            for _ in 0..250 {
                let sent = parent.send_datagram(&datagram, None);
                if !matches!(timeout(PATIENCE / 40, sent).await, Ok(Ok(_))) {
                    break;
                }
                held.bytes += len as u64;
            }
        }
    }
    held
}

async fn records(session: &Session, count: u32) -> Held {
    let mut held = Held::default();
    for _ in 0..count {
        match timeout(PATIENCE, begin_record(session)).await {
            Ok(Ok((stream, bytes))) => {
                held.bytes += bytes;
                held.streams.push(stream);
            }
            _ => break,
        }
    }
    held
}

/// A record that grows as long as it may, and never ends.
async fn begin_record(session: &Session) -> Result<(Stream, u64), ServiceError> {
    let mut stream = session.open_service("echo", "1").await?;
    let mut bytes = 0;
    while bytes < 1_000_000 {
        match timeout(PATIENCE / 10, stream.write(&PIECE)).await {
            Ok(Ok(len)) => bytes += len as u64,
            _ => break,
        }
    }
    Ok((stream, bytes))
}
