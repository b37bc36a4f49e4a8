//! How a scenario ends: the links heal, everything arrives, everything is let go of.

use std::format;
use std::string::String;
use std::vec::Vec;

use crate::session::SessionState;
use crate::time::Duration;

use super::plan::healed;
use super::{Held, Scenario};

/// How long nothing at all may happen once the links are whole, before everything has arrived:
/// idle timeouts and clocks that were set back included.
const PATIENCE: Duration = Duration::from_secs(60);

impl Scenario {
    /// The links heal; what was begun must end, or end in a typed error.
    pub(super) fn heal(&mut self) {
        self.is_healing = true;
        let now = self.network.now();
        for link in self.network.links_mut() {
            link.config = healed(&link.config);
        }
        for node in 0..self.network.node_count() {
            self.network.node_mut(node).clock.set_stopped(now, false);
            if let Some(nat) = &mut self.network.node_mut(node).nat {
                nat.rebind_interval = None;
            }
        }
        for node in 0..self.network.node_count() {
            let streams: Vec<_> =
                self.applications[node].streams.values().map(|held| held.stream).collect();
            for stream in streams {
                self.read_stream(node, stream);
            }
        }
        let (mut done, mut done_at) = (self.progress(), now);
        while self.fault.is_none() && self.unsettled().is_some() {
            self.advance(self.network.now().after(Duration::from_secs(5)));
            // Sessions that are over hold memory that others may wait for, until released.
            for node in 0..self.network.node_count() {
                self.forget_closed(node);
            }
            let progress = self.progress();
            if progress != done {
                (done, done_at) = (progress, self.network.now());
            } else if self.network.now().since(done_at) > PATIENCE {
                break;
            }
        }
        if let Some(what) = self.unsettled().filter(|_| self.fault.is_none()) {
            self.fail(format!("no progress for {PATIENCE:?}, and still {what}"));
        }
    }

    /// What was taken from applications and given to them so far.
    fn progress(&self) -> (u64, u64) {
        let written = self.model.halves.iter().map(|half| half.written + half.records).sum();
        (self.bytes, written)
    }

    /// Something that has neither arrived nor failed.
    fn unsettled(&self) -> Option<String> {
        for (node, application) in self.applications.iter().enumerate() {
            for known in &application.sessions {
                let info = self.network.node(node).host.session_info(known.handle);
                let state = info.map(|info| info.state);
                if state.is_some_and(|s| s != SessionState::Ready && s != SessionState::Closed) {
                    return Some(format!("host {node} has a session {state:?}"));
                }
            }
            for held in application.streams.values() {
                let is_out = held.outgoing.as_ref().is_none_or(|out| out.is_over);
                let is_in = held.incoming.as_ref().is_none_or(|incoming| incoming.is_over);
                if !is_out || !is_in {
                    return Some(self.describe(node, held));
                }
            }
        }
        None
    }

    /// A stream as both hosts see it.
    fn describe(&self, node: usize, held: &Held) -> String {
        let mut text =
            format!("host {node}, to {}: {:?} {:?}", held.peer, held.outgoing, held.incoming);
        let peers = self.applications.get(held.peer);
        let peers = peers.and_then(|peer| peer.streams.values().find(|other| other.id == held.id));
        for (node, held) in [(node, Some(held)), (held.peer, peers)] {
            let Some(held) = held else { continue };
            let host = &self.network.node(node).host;
            let (stats, pool) = (host.stats(), self.network.node(node).limits().streams);
            let used = (stats.streams, stats.bytes_held, stats.packets_in_flight);
            text += &format!(
                "\nat {node}: {:?} {:?} {:?} {used:?} of {pool:?}",
                host.stream_info(held.stream),
                host.session_info(held.session).map(|info| (info.state, info.streams)),
                host.close_reason(held.session),
            );
        }
        for (node, application) in self.applications.iter().enumerate() {
            let stats = self.network.node(node).host.stats();
            text += &format!(
                "\n{node}: {} sessions, {} channels, {} streams",
                stats.sessions, stats.channels, stats.streams
            );
            for known in &application.sessions {
                let info = self.network.node(node).host.session_info(known.handle);
                text += &format!("\n  {known:?} {:?}", info.map(|info| (info.state, info.streams)));
            }
            for held in application.streams.values() {
                let info = self.network.node(node).host.stream_info(held.stream);
                text += &format!("\n    {:?} {info:?}", held.session);
            }
        }
        text
    }

    /// All is closed and released; nothing may remain.
    pub(super) fn let_go(&mut self) {
        for node in 0..self.network.node_count() {
            let sessions: Vec<_> =
                self.applications[node].sessions.iter().map(|known| known.handle).collect();
            for session in sessions {
                let is_abrupt = self.random.one_in(4);
                let (host, now) = self.network.host(node);
                let _ = if is_abrupt {
                    host.abort(now, session, 2, "the end")
                } else {
                    host.close(now, session, 1, "the end")
                };
            }
        }
        self.advance(self.network.now().after(Duration::from_secs(40)));
        for node in 0..self.network.node_count() {
            self.check_closed(node);
            let sessions: Vec<_> =
                self.applications[node].sessions.iter().map(|known| known.handle).collect();
            for session in sessions {
                let (host, now) = self.network.host(node);
                host.release_session(now, session);
                self.forget(node, session);
            }
        }
        self.advance(self.network.now().after(Duration::from_secs(40)));
        for node in 0..self.network.node_count() {
            let stats = self.network.node(node).host.stats();
            self.packets += stats.sent_packets;
            let held = [
                u64::from(stats.sessions),
                u64::from(stats.channels),
                u64::from(stats.streams),
                stats.bytes_held,
                u64::from(stats.packets_in_flight),
                u64::from(stats.half_open),
            ];
            if held != [0; 6] {
                self.fail(format!("host {node} keeps something: {stats:?}"));
            }
            let untold = self.applications[node].tickets.len();
            if untold > 0 {
                self.fail(format!("host {node} never told what became of {untold} datagrams"));
            }
        }
    }

    fn check_closed(&mut self, node: usize) {
        for known in self.applications[node].sessions.clone() {
            let info = self.network.node(node).host.session_info(known.handle);
            let state = info.map(|info| info.state);
            if state.is_some_and(|state| state != SessionState::Closed) {
                self.fail(format!("host {node}: closed 40 s ago, and still {info:?}"));
            }
        }
    }
}
