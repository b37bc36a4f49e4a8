//! Receipts of the stream layer, in the opaque form the channel keeps them.

use crate::channel;
use crate::id::StreamId;
use crate::stream::{DatagramTicket, Receipt, StreamHandle};

const STREAM: u8 = 0;
const RESET: u8 = 1;
const STOP: u8 = 2;
const STREAM_LIMIT: u8 = 3;
const STREAM_BLOCKED: u8 = 4;
const CHILD_LIMIT: u8 = 5;
const CHILD_BLOCKED: u8 = 6;
const PRIORITY: u8 = 7;
const REFUSAL: u8 = 8;
const SESSION_LIMIT: u8 = 9;
const SESSION_BLOCKED: u8 = 10;
const DATAGRAM: u8 = 11;
const TRACKED_DATAGRAM: u8 = 12;

const FIN: u8 = 1;
const OPEN: u8 = 2;

/// The channel's form of a receipt.
pub(super) fn pack(receipt: Receipt) -> channel::Receipt {
    match receipt {
        Receipt::Stream { stream, start, len, fin, open } => channel::Receipt {
            tag: STREAM,
            flags: if fin { FIN } else { 0 } | if open { OPEN } else { 0 },
            len,
            owner: owner(stream),
            start,
        },
        Receipt::Reset { stream, open } => {
            channel::Receipt { flags: if open { OPEN } else { 0 }, ..of(RESET, stream) }
        }
        Receipt::Stop(stream) => of(STOP, stream),
        Receipt::StreamLimit(stream) => of(STREAM_LIMIT, stream),
        Receipt::StreamBlocked(stream) => of(STREAM_BLOCKED, stream),
        Receipt::ChildLimit(stream) => of(CHILD_LIMIT, stream),
        Receipt::ChildBlocked(stream) => of(CHILD_BLOCKED, stream),
        Receipt::Priority(stream) => of(PRIORITY, stream),
        Receipt::Refusal(id) => {
            channel::Receipt { tag: REFUSAL, owner: id.as_u64(), ..channel::Receipt::default() }
        }
        Receipt::SessionLimit => plain(SESSION_LIMIT),
        Receipt::SessionBlocked => plain(SESSION_BLOCKED),
        Receipt::Datagram { parent, len } => channel::Receipt { len, ..of(DATAGRAM, parent) },
        Receipt::TrackedDatagram(ticket) => channel::Receipt {
            tag: TRACKED_DATAGRAM,
            owner: u64::from(ticket.index()) << 32 | u64::from(ticket.generation()),
            ..channel::Receipt::default()
        },
    }
}

/// The stream layer's form; `None` for what it never made.
pub(super) fn unpack(receipt: &channel::Receipt) -> Option<Receipt> {
    let stream = handle(receipt.owner);
    Some(match receipt.tag {
        STREAM => Receipt::Stream {
            stream,
            start: receipt.start,
            len: receipt.len,
            fin: receipt.flags & FIN != 0,
            open: receipt.flags & OPEN != 0,
        },
        RESET => Receipt::Reset { stream, open: receipt.flags & OPEN != 0 },
        STOP => Receipt::Stop(stream),
        STREAM_LIMIT => Receipt::StreamLimit(stream),
        STREAM_BLOCKED => Receipt::StreamBlocked(stream),
        CHILD_LIMIT => Receipt::ChildLimit(stream),
        CHILD_BLOCKED => Receipt::ChildBlocked(stream),
        PRIORITY => Receipt::Priority(stream),
        REFUSAL => Receipt::Refusal(StreamId::from_u64(receipt.owner)?),
        SESSION_LIMIT => Receipt::SessionLimit,
        SESSION_BLOCKED => Receipt::SessionBlocked,
        DATAGRAM => Receipt::Datagram { parent: stream, len: receipt.len },
        TRACKED_DATAGRAM => Receipt::TrackedDatagram(DatagramTicket::from_parts(
            (receipt.owner >> 32) as u32,
            receipt.owner as u32,
        )),
        _ => return None,
    })
}

fn of(tag: u8, stream: StreamHandle) -> channel::Receipt {
    channel::Receipt { tag, owner: owner(stream), ..channel::Receipt::default() }
}

fn plain(tag: u8) -> channel::Receipt {
    channel::Receipt { tag, ..channel::Receipt::default() }
}

fn owner(stream: StreamHandle) -> u64 {
    u64::from(stream.index()) << 32 | u64::from(stream.generation())
}

fn handle(owner: u64) -> StreamHandle {
    StreamHandle::from_parts((owner >> 32) as u32, owner as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_survive_packing() {
        let stream = StreamHandle::from_parts(7, u32::MAX);
        let all = [
            Receipt::Stream { stream, start: 1 << 60, len: 9, fin: true, open: false },
            Receipt::Stream { stream, start: 0, len: 0, fin: false, open: true },
            Receipt::Reset { stream, open: true },
            Receipt::Stop(stream),
            Receipt::StreamLimit(stream),
            Receipt::StreamBlocked(stream),
            Receipt::ChildLimit(stream),
            Receipt::ChildBlocked(stream),
            Receipt::Priority(stream),
            Receipt::Refusal(StreamId::from_u64(5).expect("a stream")),
            Receipt::SessionLimit,
            Receipt::SessionBlocked,
            Receipt::Datagram { parent: stream, len: 1200 },
            Receipt::TrackedDatagram(DatagramTicket::from_parts(u32::MAX, 3)),
        ];
        for receipt in all {
            assert_eq!(unpack(&pack(receipt)), Some(receipt));
        }
        assert_eq!(unpack(&channel::Receipt { tag: 99, ..Default::default() }), None);
    }
}
