//! What being a parent costs: children, who may open how many, and datagrams.

use crate::storage::{Account, BlockPool, Queue, Rope};

use super::row::{SIBLINGS, WAITING};

/// Bytes queued first in, first out: a rope between two positions.
#[derive(Debug)]
pub(super) struct ByteQueue {
    pub(super) rope: Rope,
    /// Bytes held.
    len: u32,
    pub(super) head: u64,
}

impl ByteQueue {
    pub(super) const fn new() -> Self {
        Self { rope: Rope::new(), len: 0, head: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes held.
    pub(super) const fn len(&self) -> u64 {
        self.len as u64
    }
}

/// A parent's ledger of its children and datagrams.
#[derive(Debug)]
pub struct Nursery {
    /// Every living child.
    pub(super) children: Queue<SIBLINGS>,
    /// Children the peer opened that the application has not accepted.
    pub(super) unaccepted: Queue<WAITING>,
    /// Whole datagrams that came as substreams.
    pub(super) datagram_streams: Queue<WAITING>,
    /// Stateless datagrams to send: (length, expiry, bytes) each.
    pub(super) outgoing: ByteQueue,
    /// Stateless datagrams received: (length, bytes) each.
    pub(super) incoming: ByteQueue,
    /// How many children the peer has opened.
    pub(super) peer_opened: u32,
    /// How many the peer may open, in all.
    pub(super) granted: u32,
    /// How many of the peer's children no longer wait for the application.
    pub(super) settled: u32,
    /// How many may wait for the application.
    pub(super) backlog: u32,
    /// How many children this host has opened.
    pub(super) opened: u32,
    /// How many this host may open, in all.
    pub(super) allowed: u32,
}

impl Nursery {
    /// The ledger of a stream without children. Both sides start with the credit that their
    /// parameters promise.
    /// Children refused before there was a ledger count as opened and settled.
    pub(super) const fn new(granted: u32, allowed: u32, refused: u32) -> Self {
        Self {
            children: Queue::new(),
            unaccepted: Queue::new(),
            datagram_streams: Queue::new(),
            outgoing: ByteQueue::new(),
            incoming: ByteQueue::new(),
            peer_opened: refused,
            granted: granted.saturating_add(refused),
            settled: refused,
            backlog: granted,
            opened: 0,
            allowed,
        }
    }

    /// Whether the peer has opened all the children it may.
    pub(super) const fn is_at_limit(&self) -> bool {
        self.peer_opened >= self.granted
    }

    /// The limit that `settled` and the backlog allow now; a grant is never taken back.
    pub(super) fn grantable(&self) -> u32 {
        self.settled.saturating_add(self.backlog).max(self.granted)
    }
}

impl ByteQueue {
    /// Appends the parts, all of them or nothing; leaves `kept` blocks of what the party of
    /// `account` may take.
    pub(super) fn append(
        &mut self,
        pool: &mut BlockPool<'_>,
        account: &mut Account,
        kept: u32,
        parts: &[&[u8]],
    ) -> bool {
        let len = parts.iter().fold(0, |len: u64, part| len.saturating_add(part.len() as u64));
        let Ok(new_len) = u32::try_from(self.len().saturating_add(len)) else { return false };
        let mut end = self.head.saturating_add(self.len());
        let needed = self.rope.blocks_needed(pool, end.saturating_add(len));
        if needed > 0 && needed.saturating_add(kept) > pool.room(account) {
            return false;
        }
        for part in parts {
            if self.rope.write_at(pool, account, end, part).is_err() {
                return false;
            }
            end = end.saturating_add(part.len() as u64);
        }
        self.len = new_len;
        true
    }

    /// Drops `count` bytes from the front.
    pub(super) fn skip(&mut self, pool: &mut BlockPool<'_>, account: &mut Account, count: u64) {
        let count = count.min(self.len());
        self.head = self.head.saturating_add(count);
        self.len = self.len.saturating_sub(count as u32);
        if self.is_empty() {
            self.rope.clear_to(pool, account, self.head);
        } else {
            self.rope.release_before(pool, account, self.head);
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self, pool: &mut BlockPool<'_>, account: &mut Account) {
        self.head = self.head.saturating_add(self.len());
        self.len = 0;
        self.rope.clear_to(pool, account, self.head);
    }
}
