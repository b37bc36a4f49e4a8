//! Dials out: a board is a host like any other.

use core::net::SocketAddrV4;

use face::{HostId, Session};

use crate::App;

/// Dials a peer, and has the `echo` there say something again.
pub(crate) async fn dial(app: &App, address: SocketAddrV4, id: &HostId) -> &'static str {
    app.note(format_args!("dialling {address}"));
    let Ok(session) = app.endpoint.connect(address.into(), id).await else { return "cannot dial" };
    let answer = if session.close_reason().is_some() { "no answer" } else { ask(&session).await };
    session.close(0, "").await;
    answer
}

async fn ask(session: &Session) -> &'static str {
    const WORDS: &[u8] = b"a board says hello";
    let mut answer = [0; WORDS.len()];
    let Ok(stream) = session.open_service("echo", "1").await else { return "no stream" };
    if stream.write_record(WORDS).await.is_err() {
        return "no echo";
    }
    match stream.read_record(&mut answer).await {
        Ok(Some(_)) if answer == WORDS => "ok",
        _ => "no echo",
    }
}

/// `ADDRESS:PORT IDENTITY`.
pub(crate) fn parse(wish: &[u8]) -> Option<(SocketAddrV4, HostId)> {
    let (address, id) = core::str::from_utf8(wish).ok()?.split_once(' ')?;
    Some((address.parse().ok()?, HostId::parse(id).ok()?))
}
