//! [`Memory`]: every row of an endpoint, in a static whose size the linker tells.

use provider::Provider;
use sst_nostd::rows::{
    ChannelRow, Gaps, LentHost, LentStreams, NegotiationRow, Nursery, Party, Ranges, Row,
    SentPacket, SentReceipt, Session, StreamRow, TimerSlot,
};
use sst_nostd::{Crypto, Storage};
use static_cell::StaticCell;

use crate::entropy::Entropy;
use crate::waiters::{SessionWaiters, StreamWaiters};

/// Bytes of one block of the pool: small, because most streams of a board hold little.
const BLOCK_BYTES: usize = 128;
/// Negotiations at one time: a call and an answer. Others try again within a second.
const NEGOTIATIONS: usize = 2;
/// Streams that have marks, or miss something in the middle, at one time. Who writes a record on
/// one more waits until the records of another have arrived.
const GAPPED: usize = 12;
/// Streams that miss something in the middle, at one time. What comes for others is not
/// acknowledged and comes again.
const RANGE_ROWS: usize = 4;

/// Room for an endpoint with `SESSIONS` sessions and `STREAMS` streams (the root of each session is
/// one of them), a pool of `BLOCKS` blocks for all data held, and `PACKETS` packets in flight.
///
/// `C` is the cryptography of the host that uses it.
///
/// Each array is made where it stays: rows are large, and stacks are not.
pub struct Memory<
    const SESSIONS: usize,
    const STREAMS: usize,
    const BLOCKS: usize,
    const PACKETS: usize,
    C: Crypto = Provider<Entropy>,
> {
    sessions: StaticCell<[Row<Session>; SESSIONS]>,
    by_peer: StaticCell<[[u64; 2]; SESSIONS]>,
    guests: StaticCell<[[u64; 2]; SESSIONS]>,
    channels: StaticCell<[Row<ChannelRow<C>>; SESSIONS]>,
    by_channel: StaticCell<[[u64; 2]; SESSIONS]>,
    by_remote: StaticCell<[[u64; 2]; SESSIONS]>,
    channel_timers: StaticCell<[TimerSlot; SESSIONS]>,
    negotiations: StaticCell<[Row<NegotiationRow<C::Secret>>; NEGOTIATIONS]>,
    by_call: StaticCell<[[u64; 4]; NEGOTIATIONS]>,
    callers: StaticCell<[[u64; 2]; NEGOTIATIONS]>,
    negotiation_timers: StaticCell<[TimerSlot; NEGOTIATIONS]>,
    sent_packets: StaticCell<[Row<SentPacket>; PACKETS]>,
    sent_receipts: StaticCell<[[Row<SentReceipt>; 2]; PACKETS]>,
    parties: StaticCell<[Row<Party>; SESSIONS]>,
    streams: StaticCell<[Row<StreamRow>; STREAMS]>,
    by_id: StaticCell<[[u64; 2]; STREAMS]>,
    bytes: StaticCell<[[u8; BLOCK_BYTES]; BLOCKS]>,
    links: StaticCell<[u32; BLOCKS]>,
    nurseries: StaticCell<[[Row<Nursery>; 2]; SESSIONS]>,
    gaps: StaticCell<[Row<Gaps>; GAPPED]>,
    ranges: StaticCell<[Row<Ranges>; RANGE_ROWS]>,
    lifetimes: StaticCell<[TimerSlot; STREAMS]>,
    session_waiters: StaticCell<[SessionWaiters; SESSIONS]>,
    stream_waiters: StaticCell<[StreamWaiters; STREAMS]>,
}

impl<
    const SESSIONS: usize,
    const STREAMS: usize,
    const BLOCKS: usize,
    const PACKETS: usize,
    C: Crypto,
> Memory<SESSIONS, STREAMS, BLOCKS, PACKETS, C>
{
    /// Room that nobody uses yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sessions: StaticCell::new(),
            by_peer: StaticCell::new(),
            guests: StaticCell::new(),
            channels: StaticCell::new(),
            by_channel: StaticCell::new(),
            by_remote: StaticCell::new(),
            channel_timers: StaticCell::new(),
            negotiations: StaticCell::new(),
            by_call: StaticCell::new(),
            callers: StaticCell::new(),
            negotiation_timers: StaticCell::new(),
            sent_packets: StaticCell::new(),
            sent_receipts: StaticCell::new(),
            parties: StaticCell::new(),
            streams: StaticCell::new(),
            by_id: StaticCell::new(),
            bytes: StaticCell::new(),
            links: StaticCell::new(),
            nurseries: StaticCell::new(),
            gaps: StaticCell::new(),
            ranges: StaticCell::new(),
            lifetimes: StaticCell::new(),
            session_waiters: StaticCell::new(),
            stream_waiters: StaticCell::new(),
        }
    }

    /// The host's rows, for [`Endpoint::new`](crate::Endpoint::new) or for a host without it.
    ///
    /// # Panics
    /// If they were lent before.
    pub fn lend(&'static self) -> Storage<'static, C> {
        Storage::lent(LentHost {
            sessions: fill(&self.sessions, Row::empty),
            by_peer: self.by_peer.init_with(|| [[0; 2]; SESSIONS]).as_flattened_mut(),
            guests: self.guests.init_with(|| [[0; 2]; SESSIONS]).as_flattened_mut(),
            channels: fill(&self.channels, Row::empty),
            by_channel: self.by_channel.init_with(|| [[0; 2]; SESSIONS]).as_flattened_mut(),
            by_remote: self.by_remote.init_with(|| [[0; 2]; SESSIONS]).as_flattened_mut(),
            channel_timers: self.channel_timers.init_with(|| [TimerSlot::empty(); SESSIONS]),
            negotiations: fill(&self.negotiations, Row::empty),
            by_call: self.by_call.init_with(|| [[0; 4]; NEGOTIATIONS]).as_flattened_mut(),
            callers: self.callers.init_with(|| [[0; 2]; NEGOTIATIONS]).as_flattened_mut(),
            negotiation_timers: self
                .negotiation_timers
                .init_with(|| [TimerSlot::empty(); NEGOTIATIONS]),
            sent_packets: fill(&self.sent_packets, Row::empty),
            sent_receipts: fill(&self.sent_receipts, || [const { Row::empty() }; 2])
                .as_flattened_mut(),
            streams: self.lend_streams(),
        })
    }

    fn lend_streams(&'static self) -> LentStreams<'static> {
        LentStreams {
            parties: fill(&self.parties, Row::empty),
            rows: fill(&self.streams, Row::empty),
            index: self.by_id.init_with(|| [[0; 2]; STREAMS]).as_flattened_mut(),
            bytes: self.bytes.init_with(|| [[0; BLOCK_BYTES]; BLOCKS]).as_flattened_mut(),
            links: self.links.init_with(|| [0; BLOCKS]),
            block_bytes: BLOCK_BYTES,
            nurseries: fill(&self.nurseries, || [const { Row::empty() }; 2]).as_flattened_mut(),
            gaps: fill(&self.gaps, Row::empty),
            ranges: fill(&self.ranges, Row::empty),
            lifetimes: self.lifetimes.init_with(|| [TimerSlot::empty(); STREAMS]),
            // No application of a board asks what became of a datagram.
            tracked: &mut [],
        }
    }

    /// The face's own rows.
    pub(crate) fn waiters(
        &'static self,
    ) -> (&'static mut [SessionWaiters], &'static mut [StreamWaiters]) {
        let sessions =
            self.session_waiters.init_with(|| [const { SessionWaiters::new() }; SESSIONS]);
        let streams = self.stream_waiters.init_with(|| [const { StreamWaiters::new() }; STREAMS]);
        (sessions, streams)
    }
}

impl<
    const SESSIONS: usize,
    const STREAMS: usize,
    const BLOCKS: usize,
    const PACKETS: usize,
    C: Crypto,
> Default for Memory<SESSIONS, STREAMS, BLOCKS, PACKETS, C>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Makes each element of an array where it stays: `init_with` would make the array on the stack.
#[allow(unsafe_code, reason = "there is no safe way to an array that is not there yet")]
#[allow(clippy::mut_from_ref, reason = "the cell gives its place away only once")]
fn fill<T, const N: usize>(
    cell: &'static StaticCell<[T; N]>,
    make: impl Fn() -> T,
) -> &'static mut [T; N] {
    let place = cell.uninit();
    let first: *mut T = place.as_mut_ptr().cast();
    for index in 0..N {
        // SAFETY: the cell gives its place away only once, and `index` stays within the array.
        unsafe { first.add(index).write(make()) };
    }
    // SAFETY: every element has been written.
    unsafe { place.assume_init_mut() }
}
