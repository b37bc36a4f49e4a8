//! Writers that wait for memory of the pool.

use crate::storage::{Heap, Queue, Table, present};

use crate::stream::events::EventQueue;
use crate::stream::flags::{Events, State};
use crate::stream::party::{Party, STARVED};
use crate::stream::row::{Row, Rows, StreamHandle, WAITING};
use crate::stream::stores::Stores;

/// Who waits for blocks of the pool, and who may take some again.
pub(in crate::stream) struct Starved {
    /// Parties with writers that wait, the one that holds least first.
    parties: Heap<STARVED>,
    /// Writers of parties that may take blocks again, to be told so.
    fed: Queue<WAITING>,
}

impl Starved {
    pub(in crate::stream) const fn new() -> Self {
        Self { parties: Heap::new(), fed: Queue::new() }
    }

    /// The writer of `stream` waits until its session may take blocks.
    pub(in crate::stream) fn push(
        &mut self,
        rows: &mut Rows<'_>,
        parties: &mut Table<'_, Party>,
        stream: StreamHandle,
    ) {
        let index = rows.get(stream).map(|row| row.party);
        let Some(index) = present(index, "a writer is a living stream") else { return };
        let party = parties.at_mut(index);
        let Some(party) = present(party, "a stream has its party") else { return };
        if !party.starved.push_back(rows, stream.index()) {
            return;
        }
        let held = u64::from(party.outgoing.held());
        self.parties.push(parties, index, 0, held);
    }

    /// The writer of `stream` waits no longer. False if it did not wait.
    pub(in crate::stream) fn remove(
        &mut self,
        rows: &mut Rows<'_>,
        parties: &mut Table<'_, Party>,
        stream: StreamHandle,
    ) -> bool {
        let index = rows.get(stream).map(|row| row.party);
        let Some(index) = present(index, "a writer is a living stream") else { return false };
        let party = parties.at_mut(index);
        let Some(party) = present(party, "a stream has its party") else { return false };
        let has_waited =
            party.starved.remove(rows, stream.index()) || self.fed.remove(rows, stream.index());
        if party.starved.is_empty() {
            self.parties.remove(parties, index);
        }
        has_waited
    }

    /// Whether no writer waits, for audits.
    #[cfg(all(test, feature = "alloc"))]
    pub(in crate::stream) fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// Whether no writer is to be told that it may go on, for audits.
    #[cfg(all(test, feature = "alloc"))]
    pub(in crate::stream) const fn has_told_all(&self) -> bool {
        self.fed.is_empty()
    }

    /// The party is gone.
    pub(in crate::stream) fn remove_party(&mut self, parties: &mut Table<'_, Party>, party: u32) {
        self.parties.remove(parties, party);
    }

    /// Blocks of the party came back to the pool: its writers may go on, and so may those of
    /// parties that hold less. One packet may free what a thousand writers wait for, so here they
    /// only change queues, a party's at a time; each is told when the application asks for events
    /// ([`pop_fed`](Self::pop_fed)).
    ///
    /// The heap has the party whose writers hold least on top: they have the most room. Where a
    /// party's place says more than its writers hold by now, that is mended here, as it was the
    /// party that gave back; where it says less, once the party comes to the top.
    pub(in crate::stream) fn feed(
        &mut self,
        rows: &mut Rows<'_>,
        parties: &mut Table<'_, Party>,
        stores: &Stores<'_>,
        party: u32,
    ) {
        if self.parties.is_empty() {
            return;
        }
        self.rank(parties, party);
        while let Some(first) = self.parties.peek() {
            let party = parties.at(first);
            let Some(party) = present(party, "a party that waits is here") else { return };
            if party.node.tick() != u64::from(party.outgoing.held()) {
                self.rank(parties, first);
                continue;
            }
            if stores.pool_room(party) == 0 {
                return;
            }
            self.parties.remove(parties, first);
            if let Some(party) = parties.at_mut(first) {
                self.fed.append(rows, &mut party.starved);
            }
        }
    }

    /// Gives a party its place among those that wait, by what it holds now.
    fn rank(&mut self, parties: &mut Table<'_, Party>, party: u32) {
        if self.parties.remove(parties, party) {
            let held = parties.at(party).map_or(0, |party| party.outgoing.held());
            self.parties.push(parties, party, 0, held.into());
        }
    }

    /// The next stream whose writer, or sender of datagrams, is to be told that there are blocks
    /// again, which [`wake_fed`] does: the index of its row.
    pub(in crate::stream) fn pop_fed(&mut self, rows: &mut Rows<'_>) -> Option<u32> {
        self.fed.pop_front(rows)
    }
}

impl Row {
    /// What the application is to hear when there are blocks again: that it may write, or send
    /// datagrams, if it wanted to.
    fn take_wants(&mut self) -> Events {
        let mut news = Events::default();
        if self.state.take(State::WANTS_ROOM) {
            news.set(Events::WRITABLE);
        }
        if self.state.take(State::WANTS_DATAGRAM_ROOM) {
            news.set(Events::DATAGRAM_SPACE);
        }
        news
    }
}

/// Tells the application that it may write to `stream`, or send datagrams under it, if it wanted
/// to.
pub(in crate::stream) fn wake_fed(
    rows: &mut Rows<'_>,
    events: &mut EventQueue,
    stream: StreamHandle,
) {
    let row = rows.get_mut(stream);
    let Some(row) = present(row, "a writer is a living stream") else { return };
    let news = row.take_wants();
    events.tell(rows, stream, news);
}
