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
    let children = serve_children(app, spawner, stream, BACKLOG, Job::Order(**stream));
    let datagrams = core::future::poll_fn(|cx| echo::poll_datagrams(app, stream, cx));
    select(select(children, datagrams), drain(stream)).await;
    let _ = stream.start_finish();
}

/// What a child is told to do.
enum Order {
    Check(u64, u64),
    /// It is done already.
    Done,
    EchoBytes,
    EchoRecords,
    Flood,
    Open(u64),
    Priority,
    Report,
    Reset,
    Send(u64, u64),
    Serve,
    Stop,
}

/// Does what the first record of a child says.
pub(crate) async fn obey(app: &'static App, spawner: Spawner, child: &Stream, service: Branch) {
    let Some(order) = read_order(child).await else { return };
    // A peer that has gone wants no answer.
    let _ = match order {
        Order::Serve => match child.write_record(b"serving").await {
            Ok(()) => return serve(app, spawner, child).await,
            Err(error) => Err(error),
        },
        Order::Flood => {
            flood(child, service).await;
            Ok(())
        }
        Order::EchoBytes => echo_bytes(child).await,
        Order::EchoRecords => {
            echo::relay(child).await;
            Ok(())
        }
        Order::Send(len, seed) => send(child, len, seed).await,
        Order::Check(len, seed) => check(child, len, seed).await,
        Order::Report => report(child).await,
        Order::Open(count) => open(child, count).await,
        Order::Reset => {
            drain(child).await;
            Ok(())
        }
        Order::Stop => answer(child, format_args!("stopped")).await,
        Order::Priority => {
            answer(child, format_args!("priority {}", child.priority().unwrap_or_default())).await
        }
        Order::Done => Ok(()),
    };
}

/// The order, as far as it takes time. Its words are not kept: a task has room for one thing.
async fn read_order(child: &Stream) -> Option<Order> {
    let mut order = [0; MAX_ORDER_BYTES];
    let record = child.read_record(&mut order).await.ok()??;
    let order = order.get(..record.len).unwrap_or_default();
    let mut words = core::str::from_utf8(order).unwrap_or_default().splitn(3, ' ');
    Some(match words.next().unwrap_or_default() {
        "serve" => Order::Serve,
        "flood" => Order::Flood,
        "echo" if words.next() == Some("records") => Order::EchoRecords,
        "echo" => Order::EchoBytes,
        "send" => Order::Send(number(&mut words), number(&mut words)),
        "check" => Order::Check(number(&mut words), number(&mut words)),
        "report" => Order::Report,
        "open" => Order::Open(number(&mut words)),
        "reset" => {
            child.reset(code(&mut words));
            Order::Reset
        }
        "stop" => {
            child.stop(code(&mut words));
            Order::Stop
        }
        "priority" => {
            child.set_priority(words.next().and_then(|word| word.parse().ok()));
            Order::Priority
        }
        "close" => {
            child.close_session(number(&mut words), words.next().unwrap_or_default());
            Order::Done
        }
        "abort" => {
            child.abort_session(number(&mut words), words.next().unwrap_or_default());
            Order::Done
        }
        _ => {
            child.reset(UNKNOWN);
            child.stop(UNKNOWN);
            Order::Done
        }
    })
}

async fn echo_bytes(child: &Stream) -> Result<(), WriteError> {
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
    let mut piece = [0; PIECE_BYTES];
    let (mut at, mut is_right) = (0, true);
    while let Ok(read @ 1..) = child.read(&mut piece).await {
        let places = (at..).map(|at| byte_of_pattern(at, seed));
        is_right &= piece.iter().take(read).zip(places).all(|(byte, wanted)| *byte == wanted);
        at += read as u64;
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
    let _ = service.send_message(words.as_bytes()).await;
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
        *byte = byte_of_pattern(at, seed);
    }
    piece
}

fn byte_of_pattern(at: u64, seed: u64) -> u8 {
    at.wrapping_mul(31).wrapping_add(at >> 8).wrapping_add(seed) as u8
}

fn number(words: &mut SplitN<'_, char>) -> u64 {
    words.next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn code(words: &mut SplitN<'_, char>) -> StreamCode {
    StreamCode::application(number(words) as u32)
}
