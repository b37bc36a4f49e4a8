//! What streams have to tell: events, outcomes of datagrams, lifetimes that end.

use crate::storage::NONE;
use crate::time::Instant;

use crate::stream::Streams;
use crate::stream::events::StreamEvent;
use crate::stream::row::StreamHandle;
use crate::stream::schedule::starved::wake_fed;
use crate::stream::tracked::{DatagramOutcome, DatagramTicket};
use crate::stream::tree::Tree;

impl Streams<'_> {
    /// The next event of any stream, with the index of the session it belongs to.
    pub fn poll_event(&mut self) -> Option<(u32, StreamHandle, StreamEvent)> {
        loop {
            if let Some((party, stream, event)) = self.events.pop(&mut self.rows) {
                let session = self.parties.at(party).map_or(NONE, |party| party.session);
                return Some((session, stream, event));
            }
            let fed = self.starved.pop_fed(&mut self.rows)?;
            if let Some(stream) = self.rows.handle_at(fed) {
                wake_fed(&mut self.rows, &mut self.events, stream);
            }
        }
    }

    /// When the next lifetime ends.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Instant> {
        self.lifetimes.next()
    }

    /// The next stream whose lifetime has ended, with the index of its session. The caller
    /// passes it to [`TreeMut::expire`](crate::stream::TreeMut::expire).
    pub fn take_expired(&mut self, now: Instant) -> Option<(u32, StreamHandle)> {
        while let Some(index) = self.lifetimes.pop_due(now) {
            if let Some((stream, row)) = self.rows.entry_at(index) {
                let session = self.parties.at(row.party)?.session;
                return Some((session, stream));
            }
        }
        None
    }

    /// The next outcome to tell; its ticket is stale from then on.
    pub fn poll_outcome(&mut self) -> Option<(DatagramTicket, DatagramOutcome)> {
        self.stores.outcomes.poll()
    }

    /// Datagrams whose outcome is open or not told yet.
    #[must_use]
    pub const fn tracked_datagrams(&self) -> u32 {
        self.stores.outcomes.len()
    }

    /// The index of the session of a datagram whose outcome is still open.
    #[must_use]
    pub fn session_of_datagram(&self, ticket: DatagramTicket) -> Option<u32> {
        self.stores.outcomes.session_of(ticket)
    }

    /// Nobody wants to know any more. `tree`: the session's, while the outcome is open.
    pub fn forget_datagram(&mut self, tree: Option<&mut Tree>, ticket: DatagramTicket) {
        let open = tree.and_then(|tree| Some((self.parties.at_mut(tree.party)?, tree)));
        self.stores.outcomes.forget(open, ticket);
    }
}
