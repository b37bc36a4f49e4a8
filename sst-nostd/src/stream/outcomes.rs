//! The table of datagrams whose senders asked what becomes of them.

use crate::storage::{Link, Queue, Shares, Table};

use super::party::Party;
use super::tracked::{DatagramOutcome, DatagramTicket, TRACKED, TrackedDatagram};
use super::tree::Tree;

/// Datagrams of all sessions whose outcome was asked for and is not told yet.
pub(super) struct Outcomes<'s> {
    rows: Table<'s, TrackedDatagram>,
    /// Who may have how many of them open. Those to tell are the application's.
    shares: Shares,
    /// Those whose outcome is to be told.
    known: Queue<TRACKED>,
}

impl<'s> Outcomes<'s> {
    /// None yet. `rows` are shared by up to `parties` parties.
    pub(super) fn new(rows: Table<'s, TrackedDatagram>, parties: u32) -> Self {
        Self { shares: Shares::new(rows.limit(), parties), rows, known: Queue::new() }
    }

    /// The next outcome to tell; its ticket is stale from then on.
    pub(super) fn poll(&mut self) -> Option<(DatagramTicket, DatagramOutcome)> {
        let index = self.known.pop_front(&mut self.rows)?;
        let ticket = self.rows.handle_at(index)?;
        let outcome = self.rows.remove(ticket)?.outcome?;
        Some((ticket, outcome))
    }

    /// A row for one more datagram; `None` at the limit.
    pub(super) fn track(&mut self, tree: &mut Tree, party: &mut Party) -> Option<DatagramTicket> {
        if self.shares.room(&party.tracked) == 0 {
            return None;
        }
        let row = TrackedDatagram { session: party.session, link: Link::new(), outcome: None };
        let ticket = self.rows.insert(row).ok()?;
        self.shares.take(&mut party.tracked, 1).ok()?;
        tree.tracked.push_back(&mut self.rows, ticket.index());
        Some(ticket)
    }

    /// Takes a datagram from among those of its session whose outcome is open.
    fn leave_open(&mut self, tree: &mut Tree, party: &mut Party, ticket: DatagramTicket) {
        if tree.tracked.remove(&mut self.rows, ticket.index()) {
            self.shares.give_back(&mut party.tracked, 1);
        }
    }

    /// The outcome is known. The first one stands.
    pub(super) fn settle(
        &mut self,
        tree: &mut Tree,
        party: &mut Party,
        ticket: DatagramTicket,
        outcome: DatagramOutcome,
    ) {
        let Some(row) = self.rows.get_mut(ticket) else { return };
        if row.outcome.is_some() {
            return;
        }
        row.outcome = Some(outcome);
        self.leave_open(tree, party, ticket);
        self.known.push_back(&mut self.rows, ticket.index());
    }

    /// Nobody wants to know any more. `open`: the session's accounts and tree, while the outcome is
    /// open.
    pub(super) fn forget(&mut self, open: Option<(&mut Party, &mut Tree)>, ticket: DatagramTicket) {
        let Some(row) = self.rows.get(ticket) else { return };
        match (row.outcome, open) {
            (Some(_), _) => {
                self.known.remove(&mut self.rows, ticket.index());
            }
            (None, Some((party, tree))) => self.leave_open(tree, party, ticket),
            (None, None) => return,
        }
        self.rows.remove(ticket);
    }

    /// How many are open or not told yet.
    pub(super) const fn len(&self) -> u32 {
        self.rows.len()
    }

    /// The index of the session of one that is still open.
    pub(super) fn session_of(&self, ticket: DatagramTicket) -> Option<u32> {
        let row = self.rows.get(ticket)?;
        row.outcome.is_none().then_some(row.session)
    }

    /// The ticket of the one in row `index`.
    pub(super) fn ticket_at(&self, index: u32) -> Option<DatagramTicket> {
        self.rows.handle_at(index)
    }

    /// The rows, for audits.
    #[cfg(all(test, feature = "alloc"))]
    pub(super) const fn rows(&self) -> &Table<'s, TrackedDatagram> {
        &self.rows
    }
}
