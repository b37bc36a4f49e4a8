//! `scenario` / `1`: does what the shared scenarios ask, so that the board is compared with every
//! other face (docs/SCENARIOS.md).

use core::fmt::Write;
use core::str::SplitN;

use embassy_executor::Spawner;
use embassy_futures::select::{Either, select};
use face::{Branch, OpenOptions, ReadError, Stream, StreamCode, WriteError};
use heapless::String;

use crate::App;
use crate::echo;
use crate::serve::{Job, serve_children};

/// Children that may be opened ahead of being served.
const BACKLOG: u32 = 16;
const MAX_ORDER_BYTES: usize = 64;
const MAX_ANSWER_BYTES: usize = 32;
const PIECE_BYTES: usize = 64;
/// What an order that is none is reset with.
const UNKNOWN: StreamCode = StreamCode::application(400);

/// Serves a stream that asked for the service, or one below it that was told to serve.
pub(crate) async fn serve(app: &'static App, spawner: Spawner, stream: &Stream) {
    let service = **stream;
    let children =
        serve_children(app, spawner, stream, BACKLOG, move |child| Job::Order { child, service });
    let datagrams = core::future::poll_fn(|cx| echo::poll_datagrams(app, stream, cx));
    select(select(children, datagrams), drain(stream)).await;
    let _ = stream.start_finish();
}

/// Does what the first record of a child says.
pub(crate) async fn obey(app: &'static App, spawner: Spawner, child: &Stream, service: Branch) {
    let mut order = [0; MAX_ORDER_BYTES];
    let Ok(Some(record)) = child.read_record(&mut order).await else { return };
    let order = order.get(..record.len).unwrap_or_default();
    let words = core::str::from_utf8(order).unwrap_or_default();
    let mut words = words.splitn(3, ' ');
    // A peer that has gone wants no answer.
    let _ = match words.next().unwrap_or_default() {
        "serve" => match child.write_record(b"serving").await {
            Ok(()) => return serve(app, spawner, child).await,
            Err(error) => Err(error),
        },
        "flood" => {
            flood(child, service).await;
            Ok(())
        }
        "echo" => echo(child, words.next().unwrap_or_default()).await,
        "send" => send(child, number(&mut words), number(&mut words)).await,
        "check" => check(child, number(&mut words), number(&mut words)).await,
        "report" => report(child).await,
        "open" => open(child, number(&mut words)).await,
        "reset" => {
            child.reset(code(&mut words));
            drain(child).await;
            Ok(())
        }
        "stop" => {
            child.stop(code(&mut words));
            answer(child, format_args!("stopped")).await
        }
        "priority" => {
            let priority = words.next().and_then(|word| word.parse().ok());
            child.set_priority(priority);
            answer(child, format_args!("priority {}", child.priority().unwrap_or_default())).await
        }
        "close" => {
            let code = number(&mut words);
            child.close_session(code, words.next().unwrap_or_default());
            Ok(())
        }
        "abort" => {
            let code = number(&mut words);
            child.abort_session(code, words.next().unwrap_or_default());
            Ok(())
        }
        _ => {
            child.reset(UNKNOWN);
            child.stop(UNKNOWN);
            Ok(())
        }
    };
}

async fn echo(child: &Stream, what: &str) -> Result<(), WriteError> {
    if what == "records" {
        echo::relay(child).await;
        return Ok(());
    }
    let mut piece = [0; PIECE_BYTES];
    while let Ok(len) = child.read(&mut piece).await {
        if len == 0 {
            return child.finish().await;
        }
        child.write(piece.get(..len).unwrap_or_default()).await?;
    }
    Ok(())
}

async fn send(child: &Stream, len: u64, seed: u64) -> Result<(), WriteError> {
    let mut at = 0;
    let mut piece = [0; PIECE_BYTES];
    while at < len {
        let piece = pattern(&mut piece, at, len, seed);
        child.write(piece).await?;
        at += piece.len() as u64;
    }
    finish(child).await
}

async fn check(child: &Stream, len: u64, seed: u64) -> Result<(), WriteError> {
    let (mut piece, mut expected) = ([0; PIECE_BYTES], [0; PIECE_BYTES]);
    let (mut at, mut is_right) = (0, true);
    while let Ok(read @ 1..) = child.read(&mut piece).await {
        let end = at + read as u64;
        let expected = pattern(&mut expected, at, end, seed);
        is_right &= piece.get(..read) == Some(expected);
        at = end;
    }
    let is_right = is_right && at == len;
    answer(child, format_args!("{}", if is_right { "ok" } else { "wrong" })).await
}

async fn report(child: &Stream) -> Result<(), WriteError> {
    child.write_record(b"reporting").await?;
    let mut piece = [0; PIECE_BYTES];
    let mut sum = 0;
    loop {
        match child.read(&mut piece).await {
            Ok(0) => return answer(child, format_args!("finished {sum}")).await,
            Ok(len) => sum += len,
            Err(ReadError::Reset(code)) => {
                let code = code.as_application().map_or(code.as_u64(), u64::from);
                return answer(child, format_args!("reset {code}")).await;
            }
            Err(_) => return Ok(()),
        }
    }
}

/// Writes until it is told to stop, and then says so.
async fn flood(child: &Stream, service: Branch) {
    let mut at = 0;
    let mut piece = [0; PIECE_BYTES];
    let code = loop {
        let piece = pattern(&mut piece, at, u64::MAX, 0);
        match child.write(piece).await {
            Ok(()) => at += piece.len() as u64,
            Err(WriteError::Stopped(code)) => break code,
            Err(_) => return,
        }
    };
    let mut words: String<MAX_ANSWER_BYTES> = String::new();
    let _ = write!(words, "stopped {}", code.as_application().map_or(code.as_u64(), u64::from));
    for _ in 0..3 {
        let _ = service.send_datagram(words.as_bytes(), None).await;
    }
}

async fn open(child: &Stream, count: u64) -> Result<(), WriteError> {
    for number in 0..count {
        let Ok(stream) = child.open_substream(OpenOptions::new()).await else { return Ok(()) };
        let mut words: String<MAX_ANSWER_BYTES> = String::new();
        let _ = write!(words, "child {number}");
        stream.write_record(words.as_bytes()).await?;
        // Dropped, it is still delivered.
        stream.start_finish()?;
    }
    answer(child, format_args!("opened {count}")).await
}

/// One record, and the end.
async fn answer(child: &Stream, words: core::fmt::Arguments<'_>) -> Result<(), WriteError> {
    let mut text: String<MAX_ANSWER_BYTES> = String::new();
    let _ = text.write_fmt(words);
    child.write_record(text.as_bytes()).await?;
    finish(child).await
}

/// Ends sending, and reads what still comes.
async fn finish(child: &Stream) -> Result<(), WriteError> {
    child.start_finish()?;
    match select(drain(child), child.finish()).await {
        Either::First(()) => child.finish().await,
        Either::Second(finished) => {
            drain(child).await;
            finished
        }
    }
}

async fn drain(stream: &Stream) {
    let mut piece = [0; 32];
    while stream.read(&mut piece).await.is_ok_and(|len| len > 0) {}
}

/// The bytes `at..end` of the pattern of `seed`, as far as they fit.
fn pattern(piece: &mut [u8; PIECE_BYTES], at: u64, end: u64, seed: u64) -> &[u8] {
    let len = end.saturating_sub(at).min(PIECE_BYTES as u64) as usize;
    let piece = piece.get_mut(..len).unwrap_or_default();
    for (byte, at) in piece.iter_mut().zip(at..) {
        *byte = at.wrapping_mul(31).wrapping_add(at >> 8).wrapping_add(seed) as u8;
    }
    piece
}

fn number(words: &mut SplitN<'_, char>) -> u64 {
    words.next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn code(words: &mut SplitN<'_, char>) -> StreamCode {
    StreamCode::application(number(words) as u32)
}
