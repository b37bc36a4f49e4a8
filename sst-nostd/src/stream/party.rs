//! What one session holds of the tables and of the pool that all sessions of a host draw on.
//!
//! Each session is one party: it has a least of everything, and above that a share of what is free
//! ([`Shares`](crate::storage::Shares)). The counts change only where rows and blocks are taken and
//! given back, as both ask for the account. A session that is at its share is told so, and no
//! other: its writers wait, its peer's packets are not acknowledged or its streams are refused.

use crate::storage::{Account, HasNode, Node, Queue};

use super::row::WAITING;

/// The heap of parties with writers that wait for blocks.
pub(super) const STARVED: usize = 0;

/// One session's accounts. Callers only lend room for it.
#[derive(Debug)]
pub struct Party {
    /// The index of the session.
    pub(super) session: u32,
    /// Blocks of the pool for what arrived and is not read.
    pub(super) incoming: Account,
    /// Blocks of the pool for what is written and not acknowledged. A relay reads only once it has
    /// written what it read before: if what arrives could take these too, it would wait for ever.
    pub(super) outgoing: Account,
    /// Streams, the root included.
    pub(super) streams: Account,
    /// Ledgers of parents.
    pub(super) parents: Account,
    /// Rows of gaps.
    pub(super) gaps: Account,
    /// Rows of ranges.
    pub(super) ranges: Account,
    /// Datagrams whose outcome is open.
    pub(super) tracked: Account,
    /// Bytes of stateless datagrams that wait for the application.
    pub(super) datagram_bytes: u32,
    /// Streams whose writer, or whose sender of datagrams, waits for blocks.
    pub(super) starved: Queue<WAITING>,
    /// Its place among parties with writers that wait.
    pub(super) node: Node,
}

impl Party {
    /// A session that holds nothing.
    pub(super) const fn new(session: u32) -> Self {
        Self {
            session,
            incoming: Account::new(),
            outgoing: Account::new(),
            streams: Account::new(),
            parents: Account::new(),
            gaps: Account::new(),
            ranges: Account::new(),
            tracked: Account::new(),
            datagram_bytes: 0,
            starved: Queue::new(),
            node: Node::new(),
        }
    }
}

impl HasNode<STARVED> for Party {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }
}
