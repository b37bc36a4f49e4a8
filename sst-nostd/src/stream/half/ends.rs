//! A stream is let go of: both halves end, and what it holds goes back.

use crate::storage::NONE;
use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::flags::State;
use crate::stream::nursery::Nursery;
use crate::stream::stream_mut::StreamMut;

impl StreamMut<'_, '_> {
    /// Gives back all that the stream holds but its row; its ledger of children, if it has one, is
    /// taken out of its table for the caller to clear.
    pub(in crate::stream) fn give_back(&mut self) -> Option<Nursery> {
        let Self { row, party, tree, stores, .. } = self;
        tree.narrow(&mut row.receiving, stores.config.stream_window);
        row.sending_rope.clear_to(&mut stores.pool, &mut party.outgoing, 0);
        row.receiving_rope.clear_to(&mut stores.pool, &mut party.incoming, 0);
        if row.gaps != NONE {
            stores.free_gaps(party, row.gaps);
        }
        tree.live = tree.live.saturating_sub(1);
        if row.state.has(State::BUSY) {
            tree.busy = tree.busy.saturating_sub(1);
        }
        stores.nurseries.remove_at(&mut party.parents, row.nursery)
    }

    /// Ends both halves of a stream nobody holds.
    pub(in crate::stream) fn let_go(&mut self, now: Instant, code: StreamCode) {
        if !self.row.state.has(State::FINISHED) {
            self.reset(code);
        }
        if self.row.state.has(State::PEER_RESET) {
            self.row.state.set(State::RECEIVE_DONE);
        }
        self.stop(now, code);
    }
}
