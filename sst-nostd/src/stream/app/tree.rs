//! Substreams are opened and accepted.

use crate::time::Instant;

use crate::stream::flags::State;
use crate::stream::lifecycle::open::{Open, OpenError};
use crate::stream::row::StreamHandle;
use crate::stream::tree_mut::TreeMut;

impl TreeMut<'_, '_> {
    /// Opens a substream of `parent`. The peer learns of it with its first data, or from an
    /// empty frame if there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_substream(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        open: Open,
    ) -> Result<StreamHandle, OpenError> {
        self.open_as(now, parent, open, State::LOCAL)
    }

    /// Lets the peer have `backlog` children of `parent` waiting to be accepted. A grant is
    /// never taken back: a smaller backlog takes effect as children are accepted.
    ///
    /// `false` if there is no such stream, or no room to be a parent.
    pub fn listen(&mut self, parent: StreamHandle, backlog: u32) -> bool {
        let listens = self.with(parent, |one| {
            let Some(nursery) = one.fetch_nursery() else { return false };
            nursery.backlog = backlog;
            one.renew_child_credit();
            true
        });
        listens.unwrap_or(false)
    }

    /// The next child of `parent` that the peer opened.
    pub fn accept_substream(&mut self, parent: StreamHandle) -> Option<StreamHandle> {
        let nursery = self.streams.rows.get(parent)?.nursery;
        let nursery = self.streams.stores.nurseries.at_mut(nursery)?;
        let index = nursery.unaccepted.pop_front(&mut self.streams.rows)?;
        let child = self.streams.rows.handle_at(index)?;
        self.with(parent, |one| one.on_child_settled());
        self.with(child, |one| one.accept())?;
        Some(child)
    }
}
