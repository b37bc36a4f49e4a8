//! `control` / `1`: each substream of the service's stream is a switch.
//!
//! Its first record is the switch's name. Every later record is a wish, and is answered by one.
//!
//! | switch | wish | answer |
//! |---|---|---|
//! | `led` | `on`, `off`, `toggle`, `?` | `on` or `off`: how it is now |
//! | `dial` | `ADDRESS:PORT IDENTITY` | `ok` once the `echo` there has answered, or why not |
//!
//! Anything else is answered `what?`.

use core::net::SocketAddrV4;

use embassy_executor::Spawner;
use embassy_futures::select::select;
use face::{HostId, RecordEnd, Stream};

use crate::serve::{BACKLOG, Job, serve_children};
use crate::{App, dial};

/// An address, an identity, a blank.
const MAX_WISH_BYTES: usize = 96;

/// Which switch a substream is.
#[derive(Clone, Copy)]
enum Switch {
    Dial,
    Led,
    None,
}

/// What is asked of a switch.
enum Wish {
    Dial(SocketAddrV4, HostId),
    Led(Led),
    Unclear,
}

#[derive(Clone, Copy)]
enum Led {
    Ask,
    Set(bool),
    Toggle,
}

/// Serves the switches that the peer opens, until the stream ends.
pub(crate) async fn serve(app: &'static App, spawner: Spawner, stream: &Stream) {
    let mut rest = [0; 8];
    let ended = async { while stream.read(&mut rest).await.is_ok_and(|len| len > 0) {} };
    select(serve_children(app, spawner, stream, BACKLOG, Job::Switch), ended).await;
    let _ = stream.start_finish();
}

/// Serves one switch.
pub(crate) async fn serve_switch(app: &App, stream: &Stream) {
    let mut name = [0; 8];
    let switch = match stream.read_record(&mut name).await {
        Ok(Some(record)) => match name.get(..record.len) {
            Some(b"led") => Switch::Led,
            Some(b"dial") => Switch::Dial,
            _ => Switch::None,
        },
        _ => return,
    };
    while let Some(wish) = read_wish(stream, switch).await {
        let answer = match wish {
            Wish::Led(wish) => switch_led(app, wish),
            Wish::Dial(address, id) => dial::dial(app, address, &id).await,
            Wish::Unclear => "what?",
        };
        if stream.write_record(answer.as_bytes()).await.is_err() {
            return;
        }
    }
    let _ = stream.start_finish();
}

/// The next wish; `None` at the end. Only what it means is kept, not its words.
async fn read_wish(stream: &Stream, switch: Switch) -> Option<Wish> {
    let mut wish = [0; MAX_WISH_BYTES];
    let record = stream.read_record(&mut wish).await.ok()??;
    // Words that are longer than a wish, or cut off, are none.
    let wish = wish.get(..record.len).filter(|_| record.end == RecordEnd::Mark);
    let wish = wish.unwrap_or_default();
    let wish = match switch {
        Switch::Led => parse_led(wish).map(Wish::Led),
        Switch::Dial => dial::parse(wish).map(|(address, id)| Wish::Dial(address, id)),
        Switch::None => None,
    };
    Some(wish.unwrap_or(Wish::Unclear))
}

fn parse_led(wish: &[u8]) -> Option<Led> {
    Some(match wish {
        b"on" => Led::Set(true),
        b"off" => Led::Set(false),
        b"toggle" => Led::Toggle,
        b"?" => Led::Ask,
        _ => return None,
    })
}

fn switch_led(app: &App, wish: Led) -> &'static str {
    let is_lit = match wish {
        Led::Set(is_lit) => is_lit,
        Led::Toggle => !app.is_lit.get(),
        Led::Ask => app.is_lit.get(),
    };
    app.is_lit.set(is_lit);
    (app.board.set_led)(is_lit);
    if is_lit { "on" } else { "off" }
}
