//! [`Slots`]: who waits for what: a small list for each session, and for each stream that someone
//! waits on. Found by the index of the handle.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};
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

/// The waiting tasks of an endpoint. A stream on which nobody waits costs one word.
#[derive(Default)]
pub(crate) struct Slots {
    streams: Vec<Option<Box<StreamSlot>>>,
    sessions: Vec<Option<SessionSlot>>,
}

struct StreamSlot {
    handle: StreamHandle,
    session: SessionHandle,
    /// Never empty but on the way out: mostly there is one.
    first: Option<(Interest, Waker)>,
    more: Vec<(Interest, Waker)>,
}

/// Numbers of rows, which no peer chooses: hashed the same in every run, so that a run in virtual
/// time can be repeated.
type Rows = HashSet<u32, BuildHasherDefault<DefaultHasher>>;

struct SessionSlot {
    handle: SessionHandle,
    /// Streams on which someone waits, so that the end of the session wakes just them.
    streams: Rows,
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
            streams: Rows::default(),
            waiting: Vec::new(),
            holders: 1,
        };
        *place(&mut self.sessions, session.index()) = Some(slot);
    }

    /// Nobody holds `stream` any more.
    pub(crate) fn remove_stream(&mut self, stream: StreamHandle) {
        if self.stream(stream).is_some() {
            self.take_stream(stream.index());
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

    /// A task waits for `interest` on `stream`, which it holds and which is of `session`.
    pub(crate) fn wait(
        &mut self,
        session: SessionHandle,
        stream: StreamHandle,
        interest: Interest,
        waker: &Waker,
    ) {
        if let Some(slot) = self.stream(stream) {
            slot.add(interest, waker);
            return;
        }
        let first = Some((interest, waker.clone()));
        let slot = StreamSlot { handle: stream, session, first, more: Vec::new() };
        *place(&mut self.streams, stream.index()) = Some(Box::new(slot));
        if let Some(owner) = self.session(session) {
            owner.streams.insert(stream.index());
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
        slot.wake(due, woken);
        if slot.first.is_none() {
            self.take_stream(stream.index());
        }
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
        for index in std::mem::take(&mut slot.streams) {
            if let Some(slot) = self.take_stream(index) {
                woken.extend(slot.first.into_iter().chain(slot.more).map(|(_, waker)| waker));
            }
        }
    }

    fn stream(&mut self, stream: StreamHandle) -> Option<&mut StreamSlot> {
        let slot = self.streams.get_mut(stream.index() as usize)?.as_mut()?;
        (slot.handle == stream).then_some(slot)
    }

    /// Takes out what is known of the stream in row `index`.
    fn take_stream(&mut self, index: u32) -> Option<Box<StreamSlot>> {
        let slot = self.streams.get_mut(index as usize)?.take()?;
        if let Some(owner) = self.session(slot.session) {
            owner.streams.remove(&index);
        }
        Some(slot)
    }

    fn session(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        let slot = self.sessions.get_mut(session.index() as usize)?.as_mut()?;
        (slot.handle == session).then_some(slot)
    }
}

impl StreamSlot {
    fn add(&mut self, interest: Interest, waker: &Waker) {
        let is_there =
            |(wanted, there): &(Interest, Waker)| *wanted == interest && there.will_wake(waker);
        if !self.first.iter().chain(&self.more).any(is_there) {
            self.more.push((interest, waker.clone()));
        }
    }

    fn wake(&mut self, due: &[Interest], woken: &mut Vec<Waker>) {
        let ready = self.more.extract_if(.., |(wanted, _)| due.contains(wanted));
        woken.extend(ready.map(|(_, waker)| waker));
        if let Some((_, waker)) = self.first.take_if(|(wanted, _)| due.contains(wanted)) {
            woken.push(waker);
            self.first = self.more.pop();
        }
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
