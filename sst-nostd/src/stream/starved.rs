//! Memory that a session may take, and its writers that wait for some.

use super::Streams;
use super::flags::{Events, State};
use super::party::Party;
use super::row::StreamHandle;
use super::stores::Stores;

/// Blocks that writers may fill with bytes, of so many: the last is for the mark behind them, so
/// that whoever finds room finds room for a whole record of that size.
const fn for_bytes(blocks: u32) -> u32 {
    blocks.saturating_sub(1)
}

impl Stores<'_> {
    /// Bytes of the pool that the party's writers may take.
    pub(super) fn pool_room(&self, party: &Party) -> u64 {
        let free = self.pool.room(&party.outgoing);
        u64::from(for_bytes(free)).saturating_mul(self.pool.block_len() as u64)
    }

    /// Bytes that one party's writers could hold at most, if nobody held anything.
    pub(super) fn most_written(&self) -> u64 {
        u64::from(for_bytes(self.pool.most())).saturating_mul(self.pool.block_len() as u64)
    }

    /// Blocks of the share of what arrives that nothing but data in order may take: else data
    /// behind gaps could hold all of it and keep out what would close the gaps.
    pub(super) fn kept_for_order(&self, party: &Party) -> u32 {
        let share = self.pool.share(&party.incoming);
        (share / 8).max(2).min(share / 2)
    }

    /// Blocks that what arrives for the party may take now.
    pub(super) fn free_blocks(&self, party: &Party) -> u32 {
        self.pool.room(&party.incoming)
    }
}

impl Streams<'_> {
    /// The writer of `stream` waits until its session may take blocks.
    pub(super) fn starve(&mut self, stream: StreamHandle) {
        let Some(index) = self.rows.get(stream).map(|row| row.party) else { return };
        let Some(party) = self.parties.at_mut(index) else { return };
        if !party.starved.push_back(&mut self.rows, stream.index()) {
            return;
        }
        let held = u64::from(party.outgoing.held());
        self.starved.push(&mut self.parties, index, 0, held);
    }

    /// The writer of `stream` waits no longer. False if it did not wait.
    pub(super) fn forget_starved(&mut self, stream: StreamHandle) -> bool {
        let Some(index) = self.rows.get(stream).map(|row| row.party) else { return false };
        let Some(party) = self.parties.at_mut(index) else { return false };
        let has_waited = party.starved.remove(&mut self.rows, stream.index())
            || self.fed.remove(&mut self.rows, stream.index());
        if party.starved.is_empty() {
            self.starved.remove(&mut self.parties, index);
        }
        has_waited
    }

    /// Blocks of the party came back to the pool: its writers may go on, and so may those of
    /// parties that hold less. One packet may free what a thousand writers wait for, so here they
    /// only change queues, a party's at a time; each is told when the application asks for events
    /// ([`tell_fed`](Self::tell_fed)).
    ///
    /// The heap has the party whose writers hold least on top: they have the most room. Where a
    /// party's place says more than its writers hold by now, that is mended here, as it was the
    /// party that gave back; where it says less, once the party comes to the top.
    pub(super) fn feed_starved(&mut self, party: u32) {
        if self.starved.is_empty() {
            return;
        }
        self.rank_starved(party);
        while let Some(first) = self.starved.peek() {
            let Some(party) = self.parties.at(first) else { return };
            if party.node.tick() != u64::from(party.outgoing.held()) {
                self.rank_starved(first);
                continue;
            }
            if self.stores.pool_room(party) == 0 {
                return;
            }
            self.starved.remove(&mut self.parties, first);
            if let Some(party) = self.parties.at_mut(first) {
                self.fed.append(&mut self.rows, &mut party.starved);
            }
        }
    }

    /// Gives a party its place among those that wait, by what it holds now.
    fn rank_starved(&mut self, party: u32) {
        if self.starved.remove(&mut self.parties, party) {
            let held = self.parties.at(party).map_or(0, |party| party.outgoing.held());
            self.starved.push(&mut self.parties, party, 0, held.into());
        }
    }

    /// Tells the next writer, or sender of datagrams, that there are blocks again. False if none
    /// waits to hear so.
    pub(super) fn tell_fed(&mut self) -> bool {
        let Some(index) = self.fed.pop_front(&mut self.rows) else { return false };
        if let Some(stream) = self.rows.handle_at(index) {
            self.wake_fed(stream);
        }
        true
    }

    /// Tells the application that it may write to `stream`, or send datagrams under it, if it
    /// wanted to.
    pub(super) fn wake_fed(&mut self, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let mut news = Events::default();
        if row.state.take(State::WANTS_ROOM) {
            news.set(Events::WRITABLE);
        }
        if row.state.take(State::WANTS_DATAGRAM_ROOM) {
            news.set(Events::DATAGRAM_SPACE);
        }
        self.tell(stream, news);
    }
}
