//! What applications do unasked, one thing at a time, at random.

use crate::host::{Dial, InstanceWish, SessionHandle};
use crate::id::{HostId, Instance};
use crate::sim::model::{self, Datagram};
use crate::stream::{DatagramOptions, DatagramSent, DatagramTicket};
use crate::time::Duration;
use crate::wire::StreamCode;

use super::plan::millis;
use super::{Held, Scenario};

impl Scenario {
    /// One random operation of a random application.
    pub(super) fn operate(&mut self) {
        let node = self.random.below(self.network.node_count() as u64) as usize;
        if self.applications[node].sessions.iter().all(|known| known.is_closed) {
            return self.dial_someone(node);
        }
        let has_ready = self.some_session(node).is_some();
        if !has_ready && !self.random.one_in(5) {
            return;
        }
        match self.random.below(100) {
            0..4 => self.dial_someone(node),
            4..34 => self.open_somewhere(node),
            34..50 => self.send_datagrams(node),
            50..60 => self.read_somewhere(node),
            60..82 => self.change_stream(node),
            82..90 => self.change_session(node),
            90..92 => self.set_clock(node),
            92..94 => self.lose_port(node),
            94..96 => self.darken(),
            96 if self.random.one_in(3) => self.restart(node),
            _ => self.forget_closed(node),
        }
    }

    fn dial_someone(&mut self, node: usize) {
        let peer = self.random.below(self.network.node_count() as u64) as usize;
        let wish = self.wish(node, peer);
        self.dial(node, peer, wish);
        // A host does not dial its own identity in an instance that it was given.
        let may_cross = wish != InstanceWish::Fresh && self.ids[node] != self.ids[peer];
        if may_cross && self.random.one_in(3) {
            self.dial(peer, node, wish);
        }
    }

    /// The instance for a dial. Where several hosts have one identity, they replace each other's
    /// sessions without one.
    fn wish(&mut self, node: usize, peer: usize) -> InstanceWish {
        let count = |id: &HostId| self.ids.iter().filter(|other| *other == id).count();
        let is_shared = count(&self.ids[node]) > 1 || count(&self.ids[peer]) > 1;
        match self.random.below(8) {
            0 | 1 => InstanceWish::Fresh,
            2 | 3 => Instance::new(self.random.next().to_be_bytes())
                .map_or(InstanceWish::Fresh, InstanceWish::Named),
            _ if is_shared => InstanceWish::Fresh,
            _ => InstanceWish::Usual,
        }
    }

    fn dial(&mut self, node: usize, peer: usize, instance: InstanceWish) {
        if node == peer {
            return;
        }
        let id = (!self.random.one_in(8)).then(|| self.ids[peer]);
        let path = self.network.path_to(peer);
        let (host, now) = self.network.host(node);
        let result = host.connect(now, Dial { instance, ..Dial::new(path, id) });
        if let Ok(session) = result {
            if let Some(instance) = host.session_info(session).and_then(|info| info.instance) {
                self.bonds.push((instance, node, peer));
            }
            self.learn(node, session);
        }
    }

    /// A ready session of the application.
    fn some_session(&mut self, node: usize) -> Option<SessionHandle> {
        let ready = self.applications[node].sessions.iter();
        let ready: std::vec::Vec<_> =
            ready.filter(|known| known.is_ready && !known.is_closed).map(|k| k.handle).collect();
        if ready.is_empty() { None } else { Some(self.random.pick(&ready)) }
    }

    fn some_stream(&mut self, node: usize) -> Option<Held> {
        let count = self.applications[node].streams.len() as u64;
        let nth = self.random.below(count) as usize;
        self.applications[node].streams.values().nth(nth).cloned()
    }

    fn open_somewhere(&mut self, node: usize) {
        let Some(session) = self.some_session(node) else { return };
        let root = self.network.node(node).host.root(session);
        let under = if self.random.one_in(3) { self.some_stream(node) } else { None };
        match (under, root) {
            (Some(held), _) if !held.wants_child => {
                self.open_under(node, held.session, held.stream);
            }
            (_, Some(root)) => self.open_under(node, session, root),
            _ => {}
        }
    }

    fn send_datagrams(&mut self, node: usize) {
        let Some(session) = self.some_session(node) else { return };
        let Some(root) = self.network.node(node).host.root(session) else { return };
        let peer = self.known(node, session).map_or(usize::MAX, |known| known.peer);
        let under = if self.random.one_in(3) { self.some_stream(node) } else { None };
        let (parent, peer) = under.map_or((root, peer), |held| (held.stream, held.peer));
        for _ in 0..self.random.within(1, 6) {
            let len = match self.random.below(8) {
                0 => self.random.below(30_000),
                1 => self.random.below(8),
                _ => self.random.below(1300),
            } as usize;
            let options = DatagramOptions {
                lifetime: self.random.one_in(3).then(|| millis(&mut self.random, 1, 2000)),
                reliable: self.random.one_in(4),
            };
            let bytes = model::datagram(self.model.next_datagram(), len);
            let (host, now) = self.network.host(node);
            let Some(info) = host.stream_info(parent) else { return };
            let result = host.send_tracked_datagram(now, parent, &bytes, options);
            if let Ok(DatagramSent { form, ticket }) = result {
                let parent = info.id.as_u64();
                self.ask_for_outcome(node, ticket);
                self.model.on_datagram_sent(Datagram {
                    sender: node,
                    receiver: peer,
                    parent,
                    len,
                    form,
                    outcome: None,
                    is_received: false,
                });
            }
        }
    }

    /// Some applications change their minds.
    fn ask_for_outcome(&mut self, node: usize, ticket: Option<DatagramTicket>) {
        let Some(ticket) = ticket else { return };
        if self.random.one_in(8) {
            return self.network.host(node).0.forget_datagram(ticket);
        }
        let name = (ticket.index(), ticket.generation());
        self.applications[node].tickets.insert(name, self.model.next_datagram());
    }

    fn read_somewhere(&mut self, node: usize) {
        if let Some(held) = self.some_stream(node) {
            self.read_stream(node, held.stream);
        }
    }

    fn change_stream(&mut self, node: usize) {
        let Some(held) = self.some_stream(node) else { return };
        let stream = held.stream;
        let code = StreamCode::application(self.random.next() as u32);
        let choice = self.random.below(20);
        let priority = self.random.next() as i8;
        let lifetime = millis(&mut self.random, 1, 2000);
        let (host, now) = self.network.host(node);
        match choice {
            0 => {
                host.reset(now, stream, code);
                self.abandon(node, &held);
            }
            2 => {
                host.stop(now, stream, code);
                if let Some(incoming) = self.held(node, stream).and_then(|h| h.incoming.as_mut()) {
                    incoming.is_over = true;
                }
            }
            4 => {
                self.abandon(node, &held);
                self.let_stream_go(node, stream);
            }
            5 | 6 => {
                let _ = host.set_priority(now, stream, (priority != 0).then_some(priority));
            }
            7 | 8 => {
                let _ = host.request_priority(now, stream, priority);
            }
            9 => {
                if host.set_lifetime(now, stream, Some(lifetime)).is_ok()
                    && let Some(held) = self.held(node, stream)
                {
                    held.is_mortal = true;
                }
            }
            _ => {
                let _ = host.listen(now, stream, 8);
            }
        }
    }

    /// The application gives up what it writes to a stream, if it had not finished it.
    pub(super) fn abandon(&mut self, node: usize, held: &Held) {
        let Some(out) = &held.outgoing else { return };
        if let Some(half) = self.model.half(out.number) {
            half.is_abandoned = true;
        }
        if let Some(out) = self.held(node, held.stream).and_then(|held| held.outgoing.as_mut()) {
            out.is_over = true;
        }
    }

    fn change_session(&mut self, node: usize) {
        let Some(session) = self.some_session(node) else { return };
        let (choice, is_final) = (self.random.below(12), self.random.one_in(2));
        let timeout = self.random.one_in(2).then(|| millis(&mut self.random, 200, 3000));
        let (host, now) = self.network.host(node);
        match choice {
            0..6 => host.update_keys(session),
            6..8 => host.set_keep_alive(session, timeout),
            8 if is_final => {
                let _ = host.close(now, session, 3, "enough");
            }
            9 if is_final => {
                let _ = host.abort(now, session, 4, "at once");
            }
            10 if is_final => {
                host.release_session(now, session);
                self.forget(node, session);
            }
            _ => {}
        }
    }

    /// The application has no handle of the session any more, nor of its streams.
    pub(super) fn forget(&mut self, node: usize, session: SessionHandle) {
        let application = &mut self.applications[node];
        application.sessions.retain(|known| known.handle != session);
        application.streams.retain(|_, held| held.session != session);
    }

    fn set_clock(&mut self, node: usize) {
        let now = self.network.now();
        let jump = self.random.below(4_000_000) as i64 - 2_000_000;
        let (is_stopped, jumps) = (self.random.one_in(3), self.random.one_in(2));
        let clock = &mut self.network.node_mut(node).clock;
        clock.set_stopped(now, is_stopped);
        if jumps {
            clock.offset_micros += jump;
        }
    }

    fn lose_port(&mut self, node: usize) {
        if let Some(nat) = &mut self.network.node_mut(node).nat {
            nat.forget();
        }
    }

    /// Nothing passes for a while, on one link or on all.
    fn darken(&mut self) {
        let from = self.network.now();
        let until = from.after(Duration::from_millis(self.random.within(10, 3000)));
        let all = self.random.one_in(2);
        let links = self.network.links_mut();
        let chosen = self.random.below(links.len() as u64) as usize;
        for (index, link) in links.iter_mut().enumerate() {
            if all || index == chosen {
                link.config.blackouts.push(from..until);
            }
        }
    }

    fn restart(&mut self, node: usize) {
        for held in self.applications[node].streams.values() {
            if let Some(out) = &held.outgoing
                && let Some(half) = self.model.half(out.number)
            {
                half.is_abandoned = true;
            }
        }
        self.applications[node] = super::Application::default();
        self.model.on_restart(node);
        self.network.restart(node);
    }

    pub(super) fn forget_closed(&mut self, node: usize) {
        let closed = self.applications[node].sessions.iter().find(|known| known.is_closed);
        if let Some(session) = closed.map(|known| known.handle) {
            let (host, now) = self.network.host(node);
            host.release_session(now, session);
            self.forget(node, session);
        }
    }
}
