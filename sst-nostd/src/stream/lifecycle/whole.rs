//! A datagram that came as a substream is whole.

use crate::storage::present;
use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::flags::{Events, State};
use crate::stream::row::StreamHandle;
use crate::stream::tree_mut::TreeMut;

impl TreeMut<'_, '_> {
    /// A datagram that came as a substream is whole: it waits at its parent.
    pub(in crate::stream) fn on_datagram_whole(&mut self, now: Instant, stream: StreamHandle) {
        let streams = &mut *self.streams;
        let Some(row) = streams.rows.get(stream) else { return };
        if row.state.has_any(State::AWAITS_PARENT.with(State::PEER_RESET)) {
            return;
        }
        let parent = row.parent();
        let above = parent.and_then(|parent| streams.rows.get(parent));
        let (Some(parent), Some(above)) = (parent, above.filter(|above| !above.is_dropped()))
        else {
            return self.turn_away(now, stream, StreamCode::PARENT_GONE);
        };
        let nursery = streams.stores.nurseries.at_mut(above.nursery);
        let Some(nursery) = present(nursery, "a parent has its ledger") else { return };
        if nursery.datagram_streams.push_back(&mut streams.rows, stream.index()) {
            streams.events.tell(&mut streams.rows, parent, Events::DATAGRAM);
        }
    }
}
