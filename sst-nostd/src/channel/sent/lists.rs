//! Lists threaded through the table: packets of one channel, receipts of one packet.

use crate::storage::NONE;

/// Receipts of a packet that is still being built.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct Chain {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) len: u32,
}

impl Chain {
    pub(in crate::channel) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };

    pub(in crate::channel) const fn len(&self) -> u32 {
        self.len
    }

    pub(in crate::channel) const fn is_empty(&self) -> bool {
        self.head == NONE
    }
}

/// Packets of one channel, first to last.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct List {
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) len: u32,
    /// The last packet ever in the list was acknowledged.
    pub(super) ends_acked: bool,
}

impl List {
    pub(in crate::channel) const EMPTY: Self =
        Self { head: NONE, tail: NONE, len: 0, ends_acked: false };

    pub(in crate::channel) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(in crate::channel) const fn len(&self) -> u32 {
        self.len
    }

    pub(in crate::channel) const fn start(&self) -> Place {
        Place { index: self.head, before: NONE }
    }
}

/// A place in a list: a row and the row before it.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct Place {
    pub(super) index: u32,
    pub(super) before: u32,
}
