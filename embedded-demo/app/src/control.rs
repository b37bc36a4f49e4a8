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

use embassy_executor::Spawner;
use embassy_futures::select::select;
use face::Stream;

use crate::serve::{BACKLOG, Job, serve_children};
use crate::{App, dial};

/// An address, an identity, a blank.
const MAX_WISH_BYTES: usize = 96;

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
    let name = match stream.read_record(&mut name).await {
        Ok(Some(record)) => name.get(..record.len).unwrap_or_default(),
        _ => return,
    };
    let mut wish = [0; MAX_WISH_BYTES];
    while let Ok(Some(record)) = stream.read_record(&mut wish).await {
        let wish = wish.get(..record.len).unwrap_or_default();
        let answer = match name {
            b"led" => switch_led(app, wish),
            b"dial" => dial::dial(app, wish).await,
            _ => "what?",
        };
        if stream.write_record(answer.as_bytes()).await.is_err() {
            return;
        }
    }
    let _ = stream.start_finish();
}

fn switch_led(app: &App, wish: &[u8]) -> &'static str {
    let is_lit = match wish {
        b"on" => true,
        b"off" => false,
        b"toggle" => !app.is_lit.get(),
        b"?" => app.is_lit.get(),
        _ => return "what?",
    };
    app.is_lit.set(is_lit);
    (app.board.set_led)(is_lit);
    if is_lit { "on" } else { "off" }
}
