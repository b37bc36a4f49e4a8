//! `sensor` / `1`: readings as they come, and beside them the log, as room allows.
//!
//! The client's first record is two numbers of 32 bits, big-endian: milliseconds from one reading
//! to the next, and how many (0: until the stream ends). The board opens two substreams, each of
//! which begins with a record that names it:
//!
//! * `readings`, of high priority. A datagram for each reading, which lives for two periods, as
//!   nobody wants an old one: its number, milliseconds since the board started, the value; 32 bits
//!   each, big-endian, the value signed.
//! * `log`, of low priority: bytes, then the end. However slow the network, readings pass it.

use embassy_futures::join::join;
use embassy_futures::select::select;
use embassy_time::{Duration, Ticker};
use face::{OpenOptions, Stream, StreamCode};

use crate::App;
use crate::serve::refuse;

const READINGS_PRIORITY: i8 = 16;
const LOG_PRIORITY: i8 = -16;
/// A faster sensor would be all that the board does.
const MIN_PERIOD_MILLIS: u32 = 5;
const PIECE_BYTES: usize = 32;

/// Answers one stream until it ends.
pub(crate) async fn serve(app: &App, stream: &Stream) {
    let mut wish = [0; 8];
    let Ok(Some(_)) = stream.read_record(&mut wish).await else { return };
    let [period, count] = numbers(wish);
    if period == 0 {
        return refuse(stream, StreamCode::REFUSED);
    }
    let both = join(
        send_readings(app, stream, period.max(MIN_PERIOD_MILLIS), count),
        send_log(app, stream),
    );
    // It may have finished its own half; if it wants no more, it resets it.
    let ended = async {
        let mut rest = [0; 8];
        while let Ok(len) = stream.read(&mut rest).await {
            if len == 0 {
                return core::future::pending().await;
            }
        }
    };
    select(both, ended).await;
    let _ = stream.start_finish();
}

async fn send_readings(app: &App, stream: &Stream, period: u32, count: u32) {
    let options = OpenOptions::new().priority(READINGS_PRIORITY);
    let Ok(readings) = stream.open_substream(options).await else { return };
    if readings.write_record(b"readings").await.is_err() {
        return;
    }
    let mut ticker = Ticker::every(Duration::from_millis(u64::from(period)));
    let lifetime = face::Duration::from_millis(u64::from(period) * 2);
    let mut number = 0_u32;
    while count == 0 || number < count {
        ticker.next().await;
        let millis = (adapter_embassy::now().as_micros() / 1000) as u32;
        let value = (app.board.read_sensor)();
        let reading = reading(number, millis, value);
        if readings.send_datagram(&reading, Some(lifetime)).await.is_err() {
            return;
        }
        number = number.wrapping_add(1);
    }
    let _ = readings.finish().await;
}

async fn send_log(app: &App, stream: &Stream) {
    let Ok(log) = stream.open_substream(OpenOptions::new().priority(LOG_PRIORITY)).await else {
        return;
    };
    if log.write_record(b"log").await.is_err() {
        return;
    }
    let mut kept = app.log.borrow().range();
    let mut piece = [0; PIECE_BYTES];
    while kept.start < kept.end {
        let len = (kept.end - kept.start).min(PIECE_BYTES as u64) as usize;
        let bytes = piece.get_mut(..len).unwrap_or_default();
        if !app.log.borrow().copy(kept.start, bytes) || log.write(bytes).await.is_err() {
            return;
        }
        kept.start += len as u64;
    }
    let _ = log.finish().await;
}

fn numbers(bytes: [u8; 8]) -> [u32; 2] {
    let both = u64::from_be_bytes(bytes);
    [(both >> 32) as u32, both as u32]
}

fn reading(number: u32, millis: u32, value: i32) -> [u8; 12] {
    let mut bytes = [0; 12];
    let parts =
        number.to_be_bytes().into_iter().chain(millis.to_be_bytes()).chain(value.to_be_bytes());
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
    bytes
}
