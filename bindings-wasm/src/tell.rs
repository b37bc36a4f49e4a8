//! Commands: they never wait and never fail. On what is gone, they do nothing.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use sst_std::Offer;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::clock::from_millis;
use crate::host::Host;

#[wasm_bindgen]
impl Host {
    /// The machine's way to the network has changed: every peer is asked at once whether it hears.
    #[wasm_bindgen(js_name = networkChanged)]
    pub fn network_changed(&mut self, _endpoint: u32) {
        self.endpoint.network_changed();
    }

    /// Lets the peer open children.
    pub fn listen(&mut self, handle: u32, backlog: u32) {
        if let Some(row) = self.rows.get_mut(&handle) {
            row.listener = Some(row.branch.listen(backlog));
        }
    }

    /// How urgent sending is; the parent's, without a number.
    #[wasm_bindgen(js_name = setSendOrder)]
    pub fn set_priority(&mut self, handle: u32, priority: Option<i8>) {
        if let Some(row) = self.rows.get(&handle) {
            row.branch.set_priority(priority);
        }
    }

    /// Asks the peer to send with this priority.
    #[wasm_bindgen(js_name = requestSendOrder)]
    pub fn request_priority(&mut self, handle: u32, priority: i8) {
        if let Some(row) = self.rows.get(&handle) {
            row.branch.request_priority(priority);
        }
    }

    /// Abandons what is not delivered in so many milliseconds.
    #[wasm_bindgen(js_name = setLifetime)]
    pub fn set_lifetime(&mut self, handle: u32, lifetime: Option<f64>) {
        if let Some(row) = self.rows.get(&handle) {
            row.branch.set_lifetime(lifetime.map(from_millis));
        }
    }

    /// Ends the writing at once. Without a code, as a dropped handle does.
    pub fn reset(&mut self, handle: u32, code: Option<f64>) {
        let Some(row) = self.rows.get_mut(&handle) else { return };
        match code {
            Some(code) => row.branch.reset(code as u64),
            None => row.write = None,
        }
    }

    /// Wants to read no more. Without a code, as a dropped handle does.
    pub fn stop(&mut self, handle: u32, code: Option<f64>) {
        let Some(row) = self.rows.get_mut(&handle) else { return };
        match code {
            Some(code) => row.branch.stop(code as u64),
            None => row.read = None,
        }
    }

    /// Begins the orderly end of a session.
    pub fn close(&mut self, handle: u32, code: f64, reason: &str) {
        let Some(session) = self.rows.get(&handle).and_then(|row| row.session.as_ref()) else {
            return;
        };
        // The first poll says it; the rest is waiting, which others do.
        let mut cx = Context::from_waker(Waker::noop());
        let _ = pin!(session.close(code as u64, reason)).poll(&mut cx);
    }

    /// Ends a session now.
    pub fn abort(&mut self, handle: u32, code: f64, reason: &str) {
        if let Some(session) = self.rows.get(&handle).and_then(|row| row.session.as_ref()) {
            session.abort(code as u64, reason);
        }
    }

    /// Offers services: names of service, of protocol, and a description, one after the other.
    #[wasm_bindgen(js_name = offerServices)]
    pub fn offer_services(&mut self, handle: u32, texts: Vec<String>) {
        let Some(row) = self.rows.get_mut(&handle) else { return };
        let Some(session) = &row.session else { return };
        let (triples, _) = texts.as_chunks::<3>();
        let offer = |[service, protocol, description]: &[String; 3]| {
            Offer::new(service, protocol, description)
        };
        row.services = Some(session.offer_services(triples.iter().map(offer).collect()));
    }

    /// Says no to a request for a service.
    pub fn refuse(&mut self, handle: u32) {
        if let Some(row) = self.rows.remove(&handle) {
            row.branch.refuse();
        }
    }

    /// Lets go: a stream that is not finished is reset, a session is aborted.
    pub fn release(&mut self, handle: u32) {
        self.rows.remove(&handle);
    }
}
