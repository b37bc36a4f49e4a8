//! One session's streams: what all that a session does with its streams works on.

use crate::id::StreamId;
use crate::storage::present;

use super::Streams;
use super::row::StreamHandle;
use super::stream_mut::StreamMut;
use super::tracked::{DatagramOutcome, DatagramTicket};
use super::tree::Tree;

/// The streams of one session, for as long as one event takes.
pub struct TreeMut<'a, 's> {
    pub(super) streams: &'a mut Streams<'s>,
    pub(super) tree: &'a mut Tree,
}

impl<'s> Streams<'s> {
    /// The streams of the session whose tree this is.
    pub const fn of<'a>(&'a mut self, tree: &'a mut Tree) -> TreeMut<'a, 's> {
        TreeMut { streams: self, tree }
    }
}

impl<'s> TreeMut<'_, 's> {
    /// Looks `stream` up. Whoever changes it sees to what [`StreamMut::finish`] answers.
    pub(super) fn look_up(&mut self, stream: StreamHandle) -> Option<StreamMut<'_, 's>> {
        let row = self.streams.rows.get_mut(stream)?;
        let party = self.streams.parties.at_mut(row.party);
        let party = present(party, "a stream has its party");
        Some(StreamMut::new(stream, row, party?, self.tree, &mut self.streams.stores))
    }

    /// The living stream of the session that has this id.
    pub(super) fn find(&mut self, id: StreamId) -> Option<StreamHandle> {
        self.streams.ids.find(&self.streams.rows, self.tree.party, id)
    }

    /// The outcome of a datagram is known. The first one stands.
    pub(super) fn settle_datagram(&mut self, ticket: DatagramTicket, outcome: DatagramOutcome) {
        let party = self.streams.parties.at_mut(self.tree.party);
        let party = present(party, "a session that has a tree has its accounts");
        let Some(party) = party else { return };
        self.streams.stores.outcomes.settle(self.tree, party, ticket, outcome);
    }
}
