//! How a stream is treated: its priority, and how long it lives.

use crate::time::{Duration, Instant};

use crate::stream::Streams;
use crate::stream::flags::{Pending, State};
use crate::stream::row::StreamHandle;
use crate::stream::tree_mut::TreeMut;

impl Streams<'_> {
    /// The stream ends by itself `lifetime` from now: what is not delivered then is abandoned.
    /// `None` lets it live.
    pub fn set_lifetime(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        lifetime: Option<Duration>,
    ) -> bool {
        if self.rows.get(stream).is_none_or(|row| row.state.has(State::ROOT)) {
            return false;
        }
        let deadline = lifetime.map(|lifetime| now.after(lifetime));
        self.lifetimes.set(stream.index(), deadline).is_ok()
    }

    /// Whether the peer's requests for another priority are not heeded.
    pub fn fix_priority(&mut self, stream: StreamHandle, is_fixed: bool) -> bool {
        let Some(row) = self.rows.get_mut(stream) else { return false };
        if is_fixed {
            row.state.set(State::PRIORITY_FIXED);
        } else {
            row.state.clear(State::PRIORITY_FIXED);
        }
        true
    }
}

impl TreeMut<'_, '_> {
    /// Sets the priority of `stream`; `None` inherits it from the parent again. Streams below
    /// that set none of their own follow. `false` if there is no such stream.
    pub fn set_priority(&mut self, stream: StreamHandle, priority: Option<i8>) -> bool {
        let Some(row) = self.streams.rows.get_mut(stream) else { return false };
        row.own_priority = priority;
        self.tree.inherit(&mut self.streams.rows, stream);
        self.settle_priorities();
        true
    }

    /// Asks the peer to give what it sends on `stream` this priority.
    pub fn request_priority(&mut self, stream: StreamHandle, priority: i8) -> bool {
        let asked = self.with(stream, |one| {
            let one_way = State::DATAGRAM.with(State::LOCAL);
            if one.row.state.has(State::ROOT) || one.row.state.has(one_way) {
                return false;
            }
            one.row.wanted_priority = priority;
            one.owe(Pending::PRIORITY);
            true
        });
        asked.unwrap_or(false)
    }

    /// Works out stale priorities of the session, a step's worth; `true` if some are left. To be
    /// called once for each packet taken in; each [`fill`](Self::fill) does so too.
    pub fn settle_priorities(&mut self) -> bool {
        self.tree.settle_priorities(&mut self.streams.rows, &self.streams.stores)
    }
}
