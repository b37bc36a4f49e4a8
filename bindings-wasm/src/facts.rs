//! What is told about sessions and streams: arrays of facts, in the order that `js/facts.ts` reads.

use sst_std::{Branch, Offer, Session, SessionClosed, Unread};
use wasm_bindgen::JsValue;

use crate::clock::to_millis;
use crate::error::{array, close_code, source};

/// A count, exact up to 2^53.
#[allow(clippy::cast_precision_loss, reason = "2^53 bytes or packets are not reached")]
pub(crate) fn count(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

/// handle, stream id, parent's id, is a datagram, is a service.
pub(crate) fn stream(number: u32, branch: &Branch) -> JsValue {
    let info = branch.info();
    let id = info.map_or(0, |info| info.id.as_u64());
    let parent = info.map_or(0, |info| info.parent_id.as_u64());
    array([
        number.into(),
        count(id),
        count(parent),
        info.is_some_and(|info| info.is_datagram).into(),
        info.is_some_and(|info| info.is_service).into(),
    ])
}

/// handle, path, peer's id, own id.
pub(crate) fn session(number: u32, path: u32, session: &Session) -> JsValue {
    array([
        number.into(),
        path.into(),
        session.peer_id().to_string().into(),
        session.local_id().to_string().into(),
    ])
}

/// code, is the protocol's own, reason, who.
pub(crate) fn closed(closed: &SessionClosed) -> JsValue {
    let (code, is_transport) = close_code(closed);
    array([
        JsValue::from_f64(code),
        is_transport.into(),
        closed.reason().into(),
        source(closed).into(),
    ])
}

/// service, protocol, description; for each.
pub(crate) fn offers(offers: &[Offer]) -> JsValue {
    let one = |offer: &Offer| {
        array([
            offer.service.as_str().into(),
            offer.protocol.as_str().into(),
            offer.description.as_str().into(),
        ])
    };
    let rows = js_sys::Array::new();
    for offer in offers {
        rows.push(&one(offer));
    }
    rows.into()
}

/// stream id, positions; for each.
pub(crate) fn unread(held: &[Unread]) -> JsValue {
    let row = js_sys::Array::new();
    for held in held {
        row.push(&count(held.stream.as_u64()));
        row.push(&count(held.unread));
    }
    row.into()
}

/// priority, written, acknowledged, received, read, limit; `null` once it is gone.
pub(crate) fn stream_stats(branch: &Branch) -> JsValue {
    let Some(info) = branch.info() else { return JsValue::NULL };
    array([
        i32::from(info.priority).into(),
        count(info.written),
        count(info.acked),
        count(info.received),
        count(info.read),
        // What was reset goes no further than what was sent.
        info.send_limit.map_or(JsValue::NULL, count),
    ])
}

/// Round trips in milliseconds, loss from 0 to 1, window, in flight, packet size, packets and bytes
/// out and in, lost, how often data waited for the window and for the pacer, datagrams dropped,
/// unread; `null` while there is no channel.
pub(crate) fn session_stats(session: &Session) -> JsValue {
    let Some(stats) = session.stats() else { return JsValue::NULL };
    array([
        JsValue::from_f64(to_millis(stats.smoothed_rtt)),
        JsValue::from_f64(to_millis(stats.min_rtt)),
        JsValue::from_f64(f64::from(stats.loss_rate) / 65_536.0),
        count(stats.window_bytes),
        count(stats.in_flight_bytes),
        count(stats.mtu_bytes as u64),
        count(stats.totals.sent_packets),
        count(stats.totals.sent_bytes),
        count(stats.totals.received_packets),
        count(stats.totals.received_bytes),
        count(stats.totals.lost_packets),
        count(stats.totals.window_full),
        count(stats.totals.paced),
        count(session.dropped_datagrams()),
        count(session.unread()),
    ])
}
