//! [`Slots`]: who waits for what, one small list for each stream and session, indexed by handle.

use std::collections::HashSet;
use std::task::Waker;

use sst_nostd::host::SessionHandle;
use sst_nostd::stream::{StreamEvent, StreamHandle};

/// What a task can wait for on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Something to read, the end, or a reset.
    Read,
    /// Room to write, everything delivered, or the peer wants no more.
    Write,
    /// A child to accept.
    Accept,
    /// Credit to open a child.
    Open,
    /// A datagram to receive.
    Receive,
    /// Room, or credit, to send a datagram.
    Send,
}

/// The waiting tasks of an endpoint. A row costs a few words; an idle stream has no list.
#[derive(Default)]
pub(crate) struct Slots {
    streams: Vec<Option<StreamSlot>>,
    sessions: Vec<Option<SessionSlot>>,
}

struct StreamSlot {
    handle: StreamHandle,
    session: SessionHandle,
    waiting: Vec<(Interest, Waker)>,
}

struct SessionSlot {
    handle: SessionHandle,
    /// Live handles' streams, so that the end of the session wakes just them.
    streams: HashSet<u32>,
    waiting: Vec<Waker>,
    /// Handles of the session itself: dialling a peer twice gives the same session twice.
    holders: u32,
}

impl Interest {
    /// Who wants to know about `event`; nobody, for events of later versions.
    pub(crate) const fn of(event: StreamEvent) -> &'static [Self] {
        match event {
            StreamEvent::Readable | StreamEvent::Reset(_) => &[Self::Read],
            StreamEvent::Writable
            | StreamEvent::Finished
            | StreamEvent::Expired
            | StreamEvent::Stopped(_) => &[Self::Write],
            StreamEvent::Child => &[Self::Accept],
            // A datagram too large for a packet goes as a child.
            StreamEvent::ChildCredit => &[Self::Open, Self::Send],
            StreamEvent::Datagram => &[Self::Receive],
            StreamEvent::DatagramSpace => &[Self::Send],
            _ => &[],
        }
    }
}

impl Slots {
    /// Someone holds `session` (too).
    pub(crate) fn add_session(&mut self, session: SessionHandle) {
        if let Some(slot) = self.session(session) {
            slot.holders += 1;
            return;
        }
        let slot = SessionSlot {
            handle: session,
            streams: HashSet::new(),
            waiting: Vec::new(),
            holders: 1,
        };
        *place(&mut self.sessions, session.index()) = Some(slot);
    }

    pub(crate) fn add_stream(&mut self, session: SessionHandle, stream: StreamHandle) {
        if self.stream(stream).is_some() {
            return;
        }
        let slot = StreamSlot { handle: stream, session, waiting: Vec::new() };
        *place(&mut self.streams, stream.index()) = Some(slot);
        if let Some(owner) = self.session(session) {
            owner.streams.insert(stream.index());
        }
    }

    pub(crate) fn remove_stream(&mut self, stream: StreamHandle) {
        let Some(slot) = self.stream(stream) else { return };
        let session = slot.session;
        *place(&mut self.streams, stream.index()) = None;
        if let Some(owner) = self.session(session) {
            owner.streams.remove(&stream.index());
        }
    }

    /// One holder less. True if that was the last: then the session is forgotten here.
    pub(crate) fn let_go(&mut self, session: SessionHandle) -> bool {
        let Some(slot) = self.session(session) else { return false };
        slot.holders -= 1;
        let is_last = slot.holders == 0;
        if is_last {
            *place(&mut self.sessions, session.index()) = None;
        }
        is_last
    }

    pub(crate) fn wait(&mut self, stream: StreamHandle, interest: Interest, waker: &Waker) {
        let Some(slot) = self.stream(stream) else { return };
        let is_there =
            |(wanted, there): &(Interest, Waker)| *wanted == interest && there.will_wake(waker);
        if !slot.waiting.iter().any(is_there) {
            slot.waiting.push((interest, waker.clone()));
        }
    }

    pub(crate) fn wait_session(&mut self, session: SessionHandle, waker: &Waker) {
        if let Some(slot) = self.session(session) {
            add(&mut slot.waiting, waker);
        }
    }

    /// Moves those who wait for one of `due` to `woken`.
    pub(crate) fn wake(&mut self, stream: StreamHandle, due: &[Interest], woken: &mut Vec<Waker>) {
        let Some(slot) = self.stream(stream) else { return };
        let ready = slot.waiting.extract_if(.., |(wanted, _)| due.contains(wanted));
        woken.extend(ready.map(|(_, waker)| waker));
    }

    /// Moves those who wait for the session itself to `woken`.
    pub(crate) fn wake_session(&mut self, session: SessionHandle, woken: &mut Vec<Waker>) {
        if let Some(slot) = self.session(session) {
            woken.append(&mut slot.waiting);
        }
    }

    /// The session has closed: everyone who waits for it or its streams moves to `woken`.
    pub(crate) fn close(&mut self, session: SessionHandle, woken: &mut Vec<Waker>) {
        let Some(slot) = self.session(session) else { return };
        woken.append(&mut slot.waiting);
        let streams = slot.streams.clone();
        for index in streams {
            if let Some(slot) = place(&mut self.streams, index) {
                woken.extend(slot.waiting.drain(..).map(|(_, waker)| waker));
            }
        }
    }

    fn stream(&mut self, stream: StreamHandle) -> Option<&mut StreamSlot> {
        let slot = self.streams.get_mut(stream.index() as usize)?.as_mut()?;
        (slot.handle == stream).then_some(slot)
    }

    fn session(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        let slot = self.sessions.get_mut(session.index() as usize)?.as_mut()?;
        (slot.handle == session).then_some(slot)
    }
}

/// Adds `waker` unless it is there already.
pub(crate) fn add(waiting: &mut Vec<Waker>, waker: &Waker) {
    if !waiting.iter().any(|there| there.will_wake(waker)) {
        waiting.push(waker.clone());
    }
}

fn place<T>(rows: &mut Vec<Option<T>>, index: u32) -> &mut Option<T> {
    let index = index as usize;
    if rows.len() <= index {
        rows.resize_with(index + 1, || None);
    }
    &mut rows[index]
}
