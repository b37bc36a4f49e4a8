//! What became of datagrams whose senders asked: a row for each until the application was told.
//!
//! Who does not ask pays nothing: a datagram that is not tracked has no row, no longer entry in
//! its queue and no larger receipt. Source: docs/PROTOCOL.md section 8.4.

use super::Streams;
use super::stream_mut::StreamMut;
use super::tracked::{DatagramOutcome, DatagramTicket};
use super::tree::Tree;

impl StreamMut<'_, '_> {
    /// The outcome of the datagram that travels as this stream, if it is one and someone asked.
    pub(super) fn settle_ticket(&mut self, outcome: DatagramOutcome) {
        if let Some(ticket) = self.row.ticket() {
            self.stores.outcomes.settle(self.tree, self.party, ticket, outcome);
        }
    }
}

impl Streams<'_> {
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

    /// The session is over: what is open stays so. Tells at once, as nothing can be learnt later.
    pub fn abandon_datagrams(&mut self, tree: &mut Tree) {
        while let Some(index) = tree.tracked.front() {
            let Some(ticket) = self.stores.outcomes.ticket_at(index) else { return };
            self.settle_datagram(tree, ticket, DatagramOutcome::Unknown);
        }
    }

    /// The outcome is known. The first one stands.
    pub(super) fn settle_datagram(
        &mut self,
        tree: &mut Tree,
        ticket: DatagramTicket,
        outcome: DatagramOutcome,
    ) {
        let Some(party) = self.parties.at_mut(tree.party) else { return };
        self.stores.outcomes.settle(tree, party, ticket, outcome);
    }
}
