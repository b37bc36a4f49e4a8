//! What became of datagrams whose senders asked: a row for each until the application was told.
//!
//! Who does not ask pays nothing: a datagram that is not tracked has no row, no longer entry in
//! its queue and no larger receipt. Source: docs/PROTOCOL.md section 8.4.

use crate::storage::Link;

use super::Streams;
use super::row::{Row, StreamHandle};
use super::tracked::{DatagramOutcome, DatagramTicket, TrackedDatagram};
use super::tree::Tree;

impl Streams<'_> {
    /// The next outcome to tell; its ticket is stale from then on.
    pub fn poll_outcome(&mut self) -> Option<(DatagramTicket, DatagramOutcome)> {
        let index = self.outcomes.pop_front(&mut self.tracked)?;
        let ticket = self.tracked.handle_at(index)?;
        let outcome = self.tracked.remove(ticket)?.outcome?;
        Some((ticket, outcome))
    }

    /// Datagrams whose outcome is open or not told yet.
    #[must_use]
    pub const fn tracked_datagrams(&self) -> u32 {
        self.tracked.len()
    }

    /// The index of the session of a datagram whose outcome is still open.
    #[must_use]
    pub fn session_of_datagram(&self, ticket: DatagramTicket) -> Option<u32> {
        self.tracked.get(ticket).filter(|row| row.outcome.is_none()).map(|row| row.session)
    }

    /// Nobody wants to know any more. `tree`: the session's, while the outcome is open.
    pub fn forget_datagram(&mut self, tree: Option<&mut Tree>, ticket: DatagramTicket) {
        let Some(row) = self.tracked.get(ticket) else { return };
        match (row.outcome, tree) {
            (Some(_), _) => {
                self.outcomes.remove(&mut self.tracked, ticket.index());
            }
            (None, Some(tree)) => self.leave_open(tree, ticket),
            (None, None) => return,
        }
        self.tracked.remove(ticket);
    }

    /// The session is over: what is open stays so. Tells at once, as nothing can be learnt later.
    pub fn abandon_datagrams(&mut self, tree: &mut Tree) {
        while let Some(index) = tree.tracked.front() {
            let Some(ticket) = self.tracked.handle_at(index) else { return };
            self.settle_datagram(tree, ticket, DatagramOutcome::Unknown);
        }
    }

    /// A row for one more datagram; `None` at the limit.
    pub(super) fn track_datagram(&mut self, tree: &mut Tree) -> Option<DatagramTicket> {
        let party = self.parties.at_mut(tree.party)?;
        if self.tracked_shares.room(&party.tracked) == 0 {
            return None;
        }
        let row = TrackedDatagram { session: party.session, link: Link::new(), outcome: None };
        let ticket = self.tracked.insert(row).ok()?;
        self.tracked_shares.take(&mut party.tracked, 1).ok()?;
        tree.tracked.push_back(&mut self.tracked, ticket.index());
        Some(ticket)
    }

    /// Takes a datagram from among those of its session whose outcome is open.
    fn leave_open(&mut self, tree: &mut Tree, ticket: DatagramTicket) {
        if tree.tracked.remove(&mut self.tracked, ticket.index())
            && let Some(party) = self.parties.at_mut(tree.party)
        {
            self.tracked_shares.give_back(&mut party.tracked, 1);
        }
    }

    /// The outcome is known. The first one stands.
    pub(super) fn settle_datagram(
        &mut self,
        tree: &mut Tree,
        ticket: DatagramTicket,
        outcome: DatagramOutcome,
    ) {
        let Some(row) = self.tracked.get_mut(ticket) else { return };
        if row.outcome.is_some() {
            return;
        }
        row.outcome = Some(outcome);
        self.leave_open(tree, ticket);
        self.outcomes.push_back(&mut self.tracked, ticket.index());
    }

    /// The same for a datagram that travels as `stream`, if that is one and it is tracked.
    pub(super) fn settle_substream(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        outcome: DatagramOutcome,
    ) {
        if let Some(ticket) = self.rows.get(stream).and_then(Row::ticket) {
            self.settle_datagram(tree, ticket, outcome);
        }
    }

    /// Notes whose outcome the end of `stream` is.
    pub(super) fn set_ticket(&mut self, stream: StreamHandle, ticket: Option<DatagramTicket>) {
        if let Some(row) = self.rows.get_mut(stream) {
            row.set_ticket(ticket);
        }
    }
}
