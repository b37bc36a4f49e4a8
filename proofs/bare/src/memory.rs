//! All memory the core gets: lent from statics, for two sessions and eight streams.

use core::mem::MaybeUninit;

use sst_nostd::rows::{
    ChannelRow, Gaps, LentHost, LentStreams, NegotiationRow, Nursery, Party, Ranges, Row,
    SentPacket, SentReceipt, Session, StreamRow, TimerSlot, TrackedDatagram,
};
use sst_nostd::{Host, Storage};

use crate::stub::StubCrypto;

/// The peer, and a place for it to start anew.
const SESSIONS: usize = 2;
/// Theirs.
const CHANNELS: usize = 2;
/// A call, an answer.
const NEGOTIATIONS: usize = 2;
/// Eight, and the root of each session.
const STREAMS: usize = 8 + SESSIONS;
/// The roots, and two more.
const PARENTS: usize = SESSIONS + 2;
/// Streams with marks or gaps at one time, and their ranges.
const GAPPED: usize = 4;
/// A few packets in flight are enough for a board's windows.
const SENT_PACKETS: usize = 16;
const SENT_RECEIPTS: usize = 32;
const BLOCKS: usize = 64;
const BLOCK_BYTES: usize = 128;

/// Everything in one place, so that the linker tells its size.
struct Memory {
    sessions: [Row<Session>; SESSIONS],
    by_peer: [u64; 4],
    guests: [u64; 4],
    channels: [Row<ChannelRow<StubCrypto>>; CHANNELS],
    by_channel: [u64; 4],
    by_remote: [u64; 4],
    channel_timers: [TimerSlot; CHANNELS],
    negotiations: [Row<NegotiationRow>; NEGOTIATIONS],
    by_call: [u64; 8],
    callers: [u64; 4],
    negotiation_timers: [TimerSlot; NEGOTIATIONS],
    sent_packets: [Row<SentPacket>; SENT_PACKETS],
    sent_receipts: [Row<SentReceipt>; SENT_RECEIPTS],
    parties: [Row<Party>; SESSIONS],
    streams: [Row<StreamRow>; STREAMS],
    stream_index: [u64; 32],
    bytes: [u8; BLOCKS * BLOCK_BYTES],
    links: [u32; BLOCKS],
    nurseries: [Row<Nursery>; PARENTS],
    gaps: [Row<Gaps>; GAPPED],
    ranges: [Row<Ranges>; GAPPED * 2],
    lifetimes: [TimerSlot; STREAMS],
    tracked: [Row<TrackedDatagram>; 4],
}

/// Rows are written when the board starts, not kept in flash.
static mut MEMORY: MaybeUninit<Memory> = MaybeUninit::uninit();
static mut HOST: MaybeUninit<Host<'static, StubCrypto>> = MaybeUninit::uninit();

/// Storage in the statics.
///
/// # Safety
/// To be called once.
pub unsafe fn lend() -> Storage<'static, StubCrypto> {
    let memory = &raw mut MEMORY;
    let memory: *mut Memory = memory.cast();
    // SAFETY: the caller calls once, so nothing else refers to any field; `fill` writes each
    // element before it makes the reference.
    unsafe {
        Storage::lent(LentHost {
            sessions: fill(&raw mut (*memory).sessions, Row::empty),
            by_peer: fill(&raw mut (*memory).by_peer, || 0),
            guests: fill(&raw mut (*memory).guests, || 0),
            channels: fill(&raw mut (*memory).channels, Row::empty),
            by_channel: fill(&raw mut (*memory).by_channel, || 0),
            by_remote: fill(&raw mut (*memory).by_remote, || 0),
            channel_timers: fill(&raw mut (*memory).channel_timers, TimerSlot::empty),
            negotiations: fill(&raw mut (*memory).negotiations, Row::empty),
            by_call: fill(&raw mut (*memory).by_call, || 0),
            callers: fill(&raw mut (*memory).callers, || 0),
            negotiation_timers: fill(&raw mut (*memory).negotiation_timers, TimerSlot::empty),
            sent_packets: fill(&raw mut (*memory).sent_packets, Row::empty),
            sent_receipts: fill(&raw mut (*memory).sent_receipts, Row::empty),
            streams: LentStreams {
                parties: fill(&raw mut (*memory).parties, Row::empty),
                rows: fill(&raw mut (*memory).streams, Row::empty),
                index: fill(&raw mut (*memory).stream_index, || 0),
                bytes: fill(&raw mut (*memory).bytes, || 0),
                links: fill(&raw mut (*memory).links, || 0),
                block_bytes: BLOCK_BYTES,
                nurseries: fill(&raw mut (*memory).nurseries, Row::empty),
                gaps: fill(&raw mut (*memory).gaps, Row::empty),
                ranges: fill(&raw mut (*memory).ranges, Row::empty),
                lifetimes: fill(&raw mut (*memory).lifetimes, TimerSlot::empty),
                tracked: fill(&raw mut (*memory).tracked, Row::empty),
            },
        })
    }
}

/// Where the host stays.
///
/// # Safety
/// To be called once.
pub unsafe fn keep(host: Host<'static, StubCrypto>) -> &'static mut Host<'static, StubCrypto> {
    let place = &raw mut HOST;
    // SAFETY: the caller calls once, so nothing else refers to HOST.
    unsafe { (*place).write(host) }
}

/// # Safety
/// Nothing else may refer to `place`, ever.
unsafe fn fill<T, const N: usize>(place: *mut [T; N], make: impl Fn() -> T) -> &'static mut [T] {
    let first: *mut T = place.cast();
    // SAFETY: `first.add(index)` stays within the array, which is the caller's alone.
    unsafe {
        for index in 0..N {
            first.add(index).write(make());
        }
        &mut *place
    }
}
