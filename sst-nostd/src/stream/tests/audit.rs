//! What must hold between any two calls: every count agrees with what it counts.

use super::super::gaps::Kind;
use super::super::schedule::work::Work;
use super::*;
use crate::storage::Account;

/// Checks one host that has one session.
pub(super) fn audit(streams: &Streams<'_>, tree: &Tree) {
    let mut counts = Counts::default();
    for index in 0..streams.rows.limit() {
        let Some(stream) = streams.rows.handle_at(index) else { continue };
        counts.add(streams, stream);
        let row = streams.rows.get(stream).unwrap();
        let is_scheduled = tree.ready.is_member(&streams.rows, index);
        let is_idle = streams.stores.work(row, tree) == Work::Idle;
        assert!(is_idle || is_scheduled, "forgotten: {row:?}");
    }
    assert_eq!(counts.rows, tree.live + 1, "live");
    assert_eq!(counts.busy, tree.busy, "busy");
    assert_eq!(counts.unread, tree.received - tree.consumed, "session credit");
    assert!(tree.received <= tree.receive_limit && tree.sent <= tree.send_limit);
    assert_eq!(counts.incoming + counts.outgoing, streams.stores.pool.used_blocks(), "blocks");
    assert_eq!(counts.nurseries, streams.stores.nurseries.len(), "nurseries");
    assert_eq!(counts.gaps, streams.stores.gaps.len(), "gaps");
    assert_eq!(counts.range_rows, streams.stores.ranges.len(), "ranges");
    assert_eq!(streams.ids.len(), tree.live, "index");
    assert_eq!(counts.widened, tree.widened, "windows");
    let party = streams.parties.at(tree.party).unwrap();
    let held = [&party.streams, &party.parents, &party.gaps, &party.ranges];
    let counted = [counts.rows, counts.nurseries, counts.gaps, counts.range_rows];
    assert_eq!(held.map(Account::held), counted, "what the session holds");
    let blocks = [&party.incoming, &party.outgoing].map(Account::held);
    assert_eq!(blocks, [counts.incoming, counts.outgoing], "its blocks");
    assert_eq!(u64::from(party.datagram_bytes), counts.datagram_bytes, "datagrams");
    assert_eq!(party.tracked.held() as usize, open_datagrams(streams, tree), "tracked");
    assert_eq!(streams.starved.is_empty(), party.starved.is_empty(), "writers that wait");
}

fn open_datagrams(streams: &Streams<'_>, tree: &Tree) -> usize {
    let session = streams.parties.at(tree.party).unwrap().session;
    let rows = (0..streams.stores.outcomes.rows().limit())
        .filter_map(|index| streams.stores.outcomes.rows().at(index));
    rows.filter(|row| row.outcome.is_none() && row.session == session).count()
}

#[derive(Default)]
struct Counts {
    rows: u32,
    busy: u32,
    unread: u64,
    widened: u64,
    datagram_bytes: u64,
    incoming: u32,
    outgoing: u32,
    nurseries: u32,
    gaps: u32,
    range_rows: u32,
}

impl Counts {
    fn add(&mut self, streams: &Streams<'_>, stream: StreamHandle) {
        let row = streams.rows.get(stream).unwrap();
        self.rows += 1;
        let first = streams.stores.config.stream_window;
        self.widened += u64::from(row.receiving.window.saturating_sub(first));
        self.busy += u32::from(row.state.has(State::BUSY));
        self.incoming += row.receiving_rope.len_blocks();
        self.outgoing += row.sending_rope.len_blocks();
        assert!(row.sending.acked <= row.sending.written);
        assert!(row.receiving.read <= row.receiving.highest);
        if !row.is_datagram_in() {
            let taken = streams.stores.ranges.total(streams.stores.set_of(row, Kind::Taken));
            self.unread += row.receiving.highest - row.receiving.read - taken;
        }
        if let Some(nursery) = streams.stores.nurseries.at(row.nursery) {
            self.nurseries += 1;
            self.datagram_bytes += nursery.incoming.len();
            self.incoming += nursery.incoming.rope.len_blocks();
            self.outgoing += nursery.outgoing.rope.len_blocks();
            let is_sound = nursery.settled <= nursery.peer_opened
                && nursery.peer_opened <= nursery.granted
                && nursery.opened <= nursery.allowed;
            assert!(is_sound, "{nursery:?} of {row:?}");
            let has_datagram = row.pending.has(Pending::DATAGRAM);
            assert_eq!(has_datagram, !nursery.outgoing.is_empty(), "{nursery:?} of {row:?}");
        }
        if let Some(gaps) = streams.stores.gaps.at(row.gaps) {
            self.gaps += 1;
            self.incoming += gaps.received_marks.len_blocks();
            self.outgoing += gaps.sent_marks.len_blocks();
            let lowest =
                |kind| streams.stores.ranges.first(gaps.set(kind)).map(|range| range.start);
            let is_above = |kind, bound| lowest(kind).is_none_or(|lowest| lowest > bound);
            let contiguous = streams.stores.contiguous(row);
            assert!(is_above(Kind::Received, contiguous), "{contiguous} {gaps:?}");
            assert!(is_above(Kind::Taken, row.receiving.read), "{gaps:?} of {row:?}");
            assert!(is_above(Kind::Acked, row.sending.acked), "{gaps:?} of {row:?}");
            // What is acknowledged may have been let go: it must not be sent again.
            assert!(lowest(Kind::Lost).is_none_or(|lowest| lowest >= row.sending.acked));
            let kinds = [Kind::Received, Kind::Acked, Kind::Lost, Kind::Taken];
            let rows = kinds.iter().flat_map(|kind| streams.stores.ranges.rows_of(gaps.set(*kind)));
            self.range_rows += rows.count() as u32;
        }
    }
}
