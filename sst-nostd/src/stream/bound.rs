//! How far a half of a stream may go, or what it ended with: one word that says which it is.

use crate::bytes::MAX_VARINT;
use crate::wire::StreamCode;

use super::tracked::{self, DatagramTicket};

/// A limit while the half is open; the code once it was given up. A datagram of this host's has no
/// receiving half, and in its place the ticket of its outcome, if someone asked for it.
///
/// An idle stream may take 256 bytes, which leaves no room for each of them. Limits and codes are
/// varints, so the two highest bits tell what the others are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound(u64);

const KIND: u64 = 0b11 << 62;
const LIMIT: u64 = 0;
const CODE: u64 = 0b01 << 62;
const TICKET: u64 = 0b10 << 62;

/// Rows of tracked datagrams that a ticket in a [`Bound`] can name.
pub(super) const MAX_TICKETS: u32 = 1 << 30;

impl Bound {
    /// An open half's. No position is above the highest varint.
    pub(super) const fn limit(limit: u64) -> Self {
        Self(if limit > MAX_VARINT { MAX_VARINT } else { limit })
    }

    /// A half's that was given up.
    pub(super) const fn code(code: StreamCode) -> Self {
        Self(CODE | code.as_u64() & MAX_VARINT)
    }

    /// A datagram's. That it has no ticket is a limit of nothing.
    pub(super) fn ticket(ticket: Option<DatagramTicket>) -> Self {
        match ticket {
            Some(ticket) if ticket.index() < MAX_TICKETS => Self(TICKET | tracked::pack(ticket)),
            _ => Self(LIMIT),
        }
    }

    /// Up to where the half may go: nowhere any more, once it was given up.
    pub(super) const fn reach(self) -> u64 {
        match self.as_limit() {
            Some(limit) => limit,
            None => 0,
        }
    }

    /// The limit, while the half is open.
    pub(super) const fn as_limit(self) -> Option<u64> {
        if self.0 & KIND == LIMIT { Some(self.0) } else { None }
    }

    /// What the half was given up with.
    pub(super) const fn as_code(self) -> Option<StreamCode> {
        if self.0 & KIND == CODE { Some(StreamCode::new(self.0 & !KIND)) } else { None }
    }

    /// The ticket of the datagram's outcome.
    pub(super) fn as_ticket(self) -> Option<DatagramTicket> {
        (self.0 & KIND == TICKET).then(|| tracked::unpack(self.0 & !KIND))
    }
}

impl core::fmt::Debug for Bound {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.as_limit(), self.as_code()) {
            (Some(limit), _) => write!(out, "below {limit}"),
            (_, Some(code)) => write!(out, "ended {}", code.as_u64()),
            _ => write!(out, "{:?}", self.as_ticket()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(bound: Bound) -> (u64, Option<u64>, Option<StreamCode>, Option<DatagramTicket>) {
        (bound.reach(), bound.as_limit(), bound.as_code(), bound.as_ticket())
    }

    #[test]
    fn it_is_one_thing_at_a_time() {
        for limit in [0, 1, MAX_VARINT] {
            assert_eq!(parts(Bound::limit(limit)), (limit, Some(limit), None, None));
            let code = StreamCode::new(limit);
            assert_eq!(parts(Bound::code(code)), (0, None, Some(code), None));
        }
        assert_eq!(Bound::limit(u64::MAX), Bound::limit(MAX_VARINT));
        for (index, generation) in [(0, 0), (7, u32::MAX), (MAX_TICKETS - 1, 3)] {
            let ticket = DatagramTicket::from_parts(index, generation);
            assert_eq!(parts(Bound::ticket(Some(ticket))), (0, None, None, Some(ticket)));
        }
        assert_eq!(Bound::ticket(None).as_ticket(), None);
    }
}
