//! [`Slots`]: who waits for what. Every place where tasks can wait has a list of them; to wait, and
//! to wait no more, costs the same however many others do.

use std::task::Waker;

use sst_nostd::{SessionHandle, StreamEvent, StreamHandle};

use crate::kept::{Budget, Kept, Refusal};
use crate::lists::{List, Lists, SmallKey};

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

/// How many kinds of interest there are.
const INTERESTS: usize = 6;

/// Where a task waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// For a session of the endpoint to accept.
    Accepting,
    /// For sessions to be over, or for the end of whoever drives the host.
    Ending,
    /// For memory to read a record of that session into.
    Room(SessionHandle),
    /// For news of a session itself.
    Session(SessionHandle),
    /// For news of a stream of that session.
    Stream(SessionHandle, StreamHandle, Interest),
}

/// The waiting tasks of an endpoint. A stream on which nobody waits costs four bytes.
pub(crate) struct Slots {
    waiting: Lists<Waiting>,
    places: Places,
    /// Of memory for records.
    budget: Budget,
}

/// One [`Waiter`](crate::Waiter), in the list of its place while it has a waker.
struct Waiting {
    place: Place,
    waker: Option<Waker>,
}

/// The lists of those who wait.
#[derive(Default)]
struct Places {
    accepting: List,
    ending: List,
    sessions: Vec<Option<SessionSlot>>,
    /// Where in `slots` a stream's is, by the index of its handle.
    streams: Vec<Option<SmallKey>>,
    /// Of streams on which someone waits, in the list of their session.
    slots: Lists<StreamSlot>,
}

struct StreamSlot {
    handle: StreamHandle,
    session: SessionHandle,
    /// By interest.
    waiting: [List; INTERESTS],
}

struct SessionSlot {
    handle: SessionHandle,
    /// Streams on which someone waits, so that the end of the session wakes just them.
    streams: List,
    waiting: List,
    /// Who waits for memory, and how much there is in use.
    short: List,
    kept: Kept,
    /// Handles of the session itself: dialling a peer twice gives the same session twice.
    holders: u32,
    /// What was unread when the session became crowded, until somebody is told.
    crowded: Option<u64>,
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
    /// Nobody waits yet; readers keep at most `max_kept_bytes`.
    pub(crate) fn new(max_kept_bytes: u64) -> Self {
        let (waiting, places) = Default::default();
        Self { waiting, places, budget: Budget::new(max_kept_bytes) }
    }

    /// Someone holds `session` (too).
    pub(crate) fn add_session(&mut self, session: SessionHandle) {
        if let Some(slot) = self.places.session(session) {
            slot.holders += 1;
            return;
        }
        let (streams, waiting, short, kept) = Default::default();
        let (holders, crowded) = (1, None);
        let slot = SessionSlot { handle: session, streams, waiting, short, kept, holders, crowded };
        *place(&mut self.places.sessions, session.index()) = Some(slot);
    }

    /// Nobody holds `stream` any more. Who waits all the same moves to `woken`.
    pub(crate) fn remove_stream(&mut self, stream: StreamHandle, woken: &mut Vec<Waker>) {
        if let Some(key) = self.places.key(stream) {
            self.wake_all(key, woken);
        }
    }

    /// One holder less. True if that was the last: then the session is forgotten here.
    pub(crate) fn let_go(&mut self, session: SessionHandle, woken: &mut Vec<Waker>) -> bool {
        let Some(slot) = self.places.session(session) else { return false };
        slot.holders -= 1;
        let is_last = slot.holders == 0;
        if is_last {
            self.close(session, woken);
            *place(&mut self.places.sessions, session.index()) = None;
        }
        is_last
    }

    /// `waker` waits at `place`, whatever the waiter with that key did before; its key. A waker
    /// that it had comes back, to be dropped when nothing is locked.
    pub(crate) fn wait(
        &mut self,
        key: Option<usize>,
        place: Place,
        waker: &Waker,
    ) -> (usize, Option<Waker>) {
        let (waiting, places) = (&mut self.waiting, &mut self.places);
        let key = key.unwrap_or_else(|| waiting.add(Waiting { place, waker: None }));
        let mut before = None;
        if let Some(row) = waiting.value(key) {
            if row.place == place
                && let Some(there) = &mut row.waker
            {
                let is_new = !there.will_wake(waker);
                return (key, is_new.then(|| std::mem::replace(there, waker.clone())));
            }
            let old = std::mem::replace(&mut row.place, place);
            before = row.waker.take();
            places.unlink(waiting, old, key);
        }
        // Nowhere to wait: the session is gone, as whoever asks again is told.
        if let Some(list) = places.list_for(place) {
            waiting.push(list, key);
            if let Some(row) = waiting.value(key) {
                row.waker = Some(waker.clone());
            }
        }
        (key, before)
    }

    /// The waiter waits no more; its waker, to be dropped when nothing is locked.
    pub(crate) fn leave(&mut self, key: usize) -> Option<Waker> {
        let place = self.waiting.value(key)?.place;
        self.places.unlink(&mut self.waiting, place, key);
        self.waiting.remove(key)?.waker
    }

    /// [`leave`](Self::leave), because nobody will ask again: what the waiter was to have, others
    /// get.
    pub(crate) fn abandon(&mut self, key: usize, woken: &mut Vec<Waker>) -> Option<Waker> {
        let place = self.waiting.value(key)?.place;
        let waker = self.leave(key);
        match place {
            // It was woken for the room there is.
            Place::Room(session) if waker.is_none() => self.wake_short(session, woken),
            Place::Stream(session, stream, Interest::Read) => {
                let slot = self.places.session(session);
                if slot.is_some_and(|slot| self.budget.give_up(&mut slot.kept, stream)) {
                    self.wake_short(session, woken);
                }
            }
            _ => {}
        }
        waker
    }

    /// Whether the reader of `stream`, which keeps `from` bytes of a record, may keep `to`.
    pub(crate) fn may_keep(
        &mut self,
        session: SessionHandle,
        stream: StreamHandle,
        from: usize,
        to: usize,
    ) -> Result<(), Refusal> {
        let Some(slot) = self.places.session(session) else { return Ok(()) };
        self.budget.allow(&mut slot.kept, stream, from as u64, to as u64)
    }

    /// The reader of `stream`, which kept `from` bytes of a record, keeps `to`.
    pub(crate) fn keep(
        &mut self,
        session: SessionHandle,
        stream: StreamHandle,
        from: usize,
        to: usize,
        woken: &mut Vec<Waker>,
    ) {
        let Some(slot) = self.places.session(session) else { return };
        if self.budget.keep(&mut slot.kept, stream, from as u64, to as u64) {
            self.wake_short(session, woken);
        }
    }

    /// How much memory readers keep.
    #[cfg(test)]
    pub(crate) const fn kept_bytes(&self) -> u64 {
        self.budget.bytes()
    }

    /// Moves the first of those who wait for memory to `woken`. One at a time: it wakes the next
    /// when it has what it needs.
    pub(crate) fn wake_short(&mut self, session: SessionHandle, woken: &mut Vec<Waker>) {
        let Some(slot) = self.places.session(session) else { return };
        if let Some(key) = self.waiting.pop(&mut slot.short) {
            woken.extend(self.waiting.value(key).and_then(|row| row.waker.take()));
        }
    }

    /// Moves those who wait for one of `due` to `woken`.
    pub(crate) fn wake(&mut self, stream: StreamHandle, due: &[Interest], woken: &mut Vec<Waker>) {
        let Some(key) = self.places.key(stream) else { return };
        if let Some(slot) = self.places.slots.value(key) {
            for &interest in due {
                take(&mut self.waiting, &mut slot.waiting[interest as usize], woken);
            }
        }
        self.places.remove_if_empty(key);
    }

    /// Moves those who wait for the session itself to `woken`.
    pub(crate) fn wake_session(&mut self, session: SessionHandle, woken: &mut Vec<Waker>) {
        if let Some(slot) = self.places.session(session) {
            take(&mut self.waiting, &mut slot.waiting, woken);
        }
    }

    /// The session became crowded with `unread` positions; who waits for news of it moves to
    /// `woken`.
    pub(crate) fn on_crowded(
        &mut self,
        session: SessionHandle,
        unread: u64,
        woken: &mut Vec<Waker>,
    ) {
        if let Some(slot) = self.places.session(session) {
            slot.crowded = Some(unread);
            take(&mut self.waiting, &mut slot.waiting, woken);
        }
    }

    /// What was unread when the session became crowded, if nobody was told yet.
    pub(crate) fn take_crowded(&mut self, session: SessionHandle) -> Option<u64> {
        self.places.session(session)?.crowded.take()
    }

    /// Moves those who wait to accept a session to `woken`.
    pub(crate) fn wake_accepting(&mut self, woken: &mut Vec<Waker>) {
        take(&mut self.waiting, &mut self.places.accepting, woken);
    }

    /// Moves those who wait for ends to `woken`.
    pub(crate) fn wake_ending(&mut self, woken: &mut Vec<Waker>) {
        take(&mut self.waiting, &mut self.places.ending, woken);
    }

    /// The session has closed: everyone who waits for it or its streams moves to `woken`.
    pub(crate) fn close(&mut self, session: SessionHandle, woken: &mut Vec<Waker>) {
        self.wake_session(session, woken);
        if let Some(slot) = self.places.session(session) {
            take(&mut self.waiting, &mut slot.short, woken);
        }
        while let Some(key) = self.places.session(session).and_then(|slot| slot.streams.first()) {
            self.wake_all(key, woken);
        }
    }

    /// Wakes everyone who waits on the stream of a slot, and forgets the slot.
    fn wake_all(&mut self, key: usize, woken: &mut Vec<Waker>) {
        if let Some(slot) = self.places.slots.value(key) {
            for list in &mut slot.waiting {
                take(&mut self.waiting, list, woken);
            }
        }
        self.places.remove_if_empty(key);
    }
}

impl Places {
    /// The list of those who wait at `place`, if there can be any.
    fn list_for(&mut self, place: Place) -> Option<&mut List> {
        match place {
            Place::Accepting => Some(&mut self.accepting),
            Place::Ending => Some(&mut self.ending),
            Place::Room(session) => self.session(session).map(|slot| &mut slot.short),
            Place::Session(session) => self.session(session).map(|slot| &mut slot.waiting),
            Place::Stream(session, stream, interest) => {
                let key = match self.key(stream) {
                    Some(key) => key,
                    None => self.add_stream(session, stream)?,
                };
                let slot = self.slots.value(key)?;
                slot.waiting.get_mut(interest as usize)
            }
        }
    }

    /// Takes a waiter out of the list of its place, if it is in it.
    fn unlink(&mut self, waiting: &mut Lists<Waiting>, place: Place, key: usize) {
        match place {
            Place::Accepting => waiting.unlink(&mut self.accepting, key),
            Place::Ending => waiting.unlink(&mut self.ending, key),
            Place::Room(session) => {
                if let Some(slot) = self.session(session) {
                    waiting.unlink(&mut slot.short, key);
                }
            }
            Place::Session(session) => {
                if let Some(slot) = self.session(session) {
                    waiting.unlink(&mut slot.waiting, key);
                }
            }
            Place::Stream(_, stream, interest) => {
                let Some(slot_key) = self.key(stream) else { return };
                if let Some(slot) = self.slots.value(slot_key) {
                    waiting.unlink(&mut slot.waiting[interest as usize], key);
                }
                self.remove_if_empty(slot_key);
            }
        }
    }

    fn add_stream(&mut self, session: SessionHandle, stream: StreamHandle) -> Option<usize> {
        let row = self.sessions.get_mut(session.index() as usize)?.as_mut();
        let owner = row.filter(|slot| slot.handle == session)?;
        let key =
            self.slots.add(StreamSlot { handle: stream, session, waiting: Default::default() });
        self.slots.push(&mut owner.streams, key);
        *place(&mut self.streams, stream.index()) = SmallKey::new(key);
        Some(key)
    }

    /// Forgets a stream's slot once nobody waits there.
    fn remove_if_empty(&mut self, key: usize) {
        let Some(slot) = self.slots.value(key) else { return };
        if !slot.waiting.iter().all(List::is_empty) {
            return;
        }
        let (session, index) = (slot.session, slot.handle.index());
        let row = self.sessions.get_mut(session.index() as usize).and_then(Option::as_mut);
        if let Some(owner) = row.filter(|owner| owner.handle == session) {
            self.slots.unlink(&mut owner.streams, key);
        }
        self.slots.remove(key);
        let found = place(&mut self.streams, index);
        if *found == SmallKey::new(key) {
            *found = None;
        }
    }

    /// Where the slot of `stream` is, if someone waits there.
    fn key(&mut self, stream: StreamHandle) -> Option<usize> {
        let key = (*self.streams.get(stream.index() as usize)?)?.key();
        (self.slots.value(key)?.handle == stream).then_some(key)
    }

    fn session(&mut self, session: SessionHandle) -> Option<&mut SessionSlot> {
        let slot = self.sessions.get_mut(session.index() as usize)?.as_mut()?;
        (slot.handle == session).then_some(slot)
    }
}

/// Moves everyone in `list` to `woken`.
fn take(waiting: &mut Lists<Waiting>, list: &mut List, woken: &mut Vec<Waker>) {
    while let Some(key) = waiting.pop(list) {
        woken.extend(waiting.value(key).and_then(|row| row.waker.take()));
    }
}

fn place<T>(rows: &mut Vec<Option<T>>, index: u32) -> &mut Option<T> {
    let index = index as usize;
    if rows.len() <= index {
        rows.resize_with(index + 1, || None);
    }
    &mut rows[index]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    const MANY: u32 = 200_000;

    fn session() -> (Slots, SessionHandle) {
        let (mut slots, session) = (Slots::new(1 << 20), SessionHandle::from_parts(3, 1));
        slots.add_session(session);
        (slots, session)
    }

    fn waker() -> Waker {
        Arc::new(Task).into()
    }

    /// So many that a search among them would take longer than anybody waits for a test.
    #[test]
    fn to_wait_and_to_leave_costs_the_same_however_many_wait() {
        let (mut slots, session) = session();
        let root = StreamHandle::from_parts(7, 1);
        let at_root = |interest| Place::Stream(session, root, interest);
        let places = [
            Place::Session(session),
            Place::Accepting,
            Place::Ending,
            at_root(Interest::Receive),
            at_root(Interest::Accept),
        ];
        let keys: Vec<_> = (0..MANY)
            .map(|number| slots.wait(None, places[number as usize % places.len()], &waker()).0)
            .collect();
        assert_eq!((slots.waiting.len(), slots.places.slots.len()), (MANY as usize, 1));
        for _ in 0..MANY {
            let (key, before) = slots.wait(None, places[3], &waker());
            assert!(before.is_none() && slots.leave(key).is_some());
        }
        // From the middle to both ends: none of them is where it is easily found.
        let (low, high) = keys.split_at(keys.len() / 2);
        for (&one, &other) in low.iter().rev().zip(high) {
            assert!(slots.leave(one).is_some() && slots.leave(other).is_some());
        }
        assert_eq!((slots.waiting.len(), slots.places.slots.len()), (0, 0));
    }

    #[test]
    fn a_waiter_has_one_place_and_is_woken_once() {
        let (mut slots, session) = session();
        let stream = StreamHandle::from_parts(7, 1);
        let reads = Place::Stream(session, stream, Interest::Read);
        let (key, _) = slots.wait(None, reads, &waker());
        assert!(slots.wait(Some(key), reads, &waker()).1.is_some(), "the latest waker counts");
        let writes = Place::Stream(session, stream, Interest::Write);
        assert!(slots.wait(Some(key), writes, &waker()).1.is_some());
        let mut woken = Vec::new();
        slots.wake(stream, &[Interest::Read], &mut woken);
        assert_eq!(woken.len(), 0);
        slots.wake(stream, &[Interest::Read, Interest::Write], &mut woken);
        slots.wake(stream, &[Interest::Read, Interest::Write], &mut woken);
        assert_eq!((woken.len(), slots.places.slots.len()), (1, 0));
        assert!(slots.leave(key).is_none() && slots.leave(key).is_none());
    }

    #[test]
    fn the_end_of_a_session_wakes_all_of_it_and_nobody_else() {
        let (mut slots, session) = session();
        let other = SessionHandle::from_parts(4, 1);
        slots.add_session(other);
        let at = |session, index| {
            Place::Stream(session, StreamHandle::from_parts(index, 0), Interest::Read)
        };
        let keys: Vec<_> =
            (0..100).map(|index| slots.wait(None, at(session, index), &waker()).0).collect();
        let (_closed, _) = slots.wait(None, Place::Session(session), &waker());
        let (theirs, _) = slots.wait(None, at(other, 100), &waker());
        let mut woken = Vec::new();
        slots.close(session, &mut woken);
        assert_eq!((woken.len(), slots.places.slots.len()), (101, 1));
        assert!(keys.into_iter().all(|key| slots.leave(key).is_none()));
        assert!(slots.leave(theirs).is_some());
        assert!(slots.let_go(session, &mut woken));
        // Where nobody ever wakes anybody, nobody waits.
        let (late, _) = slots.wait(None, Place::Session(session), &waker());
        assert!(slots.leave(late).is_none());
    }
}
