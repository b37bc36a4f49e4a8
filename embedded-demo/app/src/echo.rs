//! `echo` / `1`: says everything again, bytes, records and datagrams.

use core::future::poll_fn;
use core::task::{Context, Poll};

use embassy_futures::select::select;
use face::{RecordEnd, Stream};

use crate::App;

/// How much is on its way back at one time: records pass through in such pieces.
const PIECE_BYTES: usize = 64;

/// Answers one stream until it ends.
pub(crate) async fn serve(app: &App, stream: &Stream) {
    select(relay(stream), poll_fn(|cx| poll_datagrams(app, stream, cx))).await;
}

/// Says everything written to it again, records as records and what is none as bytes, to the end.
pub(crate) async fn relay(stream: &Stream) {
    let mut piece = [0; PIECE_BYTES];
    loop {
        let written = match stream.read_record(&mut piece).await {
            Ok(Some(record)) => {
                let bytes = piece.get(..record.len).unwrap_or_default();
                if record.end == RecordEnd::Mark {
                    stream.write_record(bytes).await
                } else {
                    stream.write(bytes).await
                }
            }
            Ok(None) => {
                // A peer that has gone needs no end.
                let _ = stream.finish().await;
                return;
            }
            Err(_) => return,
        };
        if written.is_err() {
            return;
        }
    }
}

/// Sends every datagram back at once. One that finds no room is lost, as datagrams are.
pub(crate) fn poll_datagrams(app: &App, stream: &Stream, cx: &mut Context<'_>) -> Poll<()> {
    let mut datagram = app.datagram.borrow_mut();
    loop {
        match stream.poll_recv_datagram(cx, &mut *datagram) {
            Poll::Ready(Ok(len)) => {
                let bytes = datagram.get(..len).unwrap_or_default();
                let _ = stream.poll_send_datagram(cx, bytes, None);
            }
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}
