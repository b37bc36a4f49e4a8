//! [`StreamId`]: the name of a stream in its session, and [`Side`]: whose stream it is.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::cmp::Ordering;
use core::fmt;

use crate::bytes::MAX_VARINT;
use crate::id::HostId;

/// One of the two hosts of a session, told apart by their identities, not by who dialled; only two
/// hosts with one identity are told apart by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The host whose [`HostId`] is the smaller one, compared as bytes; of two with the same, the
    /// one that dialled first.
    Small,
    /// The other host.
    Large,
}

impl Side {
    /// The side of `local` in a session with `peer`. Where both have one identity, it is that of
    /// the smaller one for the host that dialled first, which has `dialled`.
    #[must_use]
    pub fn of(local: &HostId, peer: &HostId, dialled: bool) -> Self {
        match local.cmp(peer) {
            Ordering::Less => Self::Small,
            Ordering::Equal if dialled => Self::Small,
            Ordering::Equal | Ordering::Greater => Self::Large,
        }
    }

    /// The side of the other host.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Small => Self::Large,
            Self::Large => Self::Small,
        }
    }
}

/// The name of a stream in its session: which of the two hosts opened it, and a count.
///
/// On the wire: `counter << 1 | side`. Counters begin at 1 and are never used again. The root, 0,
/// is there from the beginning and belongs to neither host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

impl StreamId {
    /// The root of a session: the ancestor of all its streams.
    pub const ROOT: Self = Self(0);
    /// The largest counter that can be written.
    pub const MAX_COUNTER: u64 = MAX_VARINT >> 1;

    /// The stream that `side` opened as its `counter`-th; `None` unless
    /// `1 <= counter <= MAX_COUNTER`.
    #[must_use]
    pub const fn new(counter: u64, side: Side) -> Option<Self> {
        if counter == 0 || counter > Self::MAX_COUNTER {
            return None;
        }
        Some(Self(counter << 1 | side as u64))
    }

    /// The stream with this number on the wire; `None` for 1 (there is no second root) and above
    /// 2^62 - 1.
    #[must_use]
    pub const fn from_u64(number: u64) -> Option<Self> {
        if number == 1 || number > MAX_VARINT { None } else { Some(Self(number)) }
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Which of its side's streams this is, from 1; 0 for the root.
    #[must_use]
    pub const fn counter(self) -> u64 {
        self.0 >> 1
    }

    /// The host that opened it. [`Side::Small`] for the root, which nobody opened.
    #[must_use]
    pub const fn side(self) -> Side {
        if self.0 & 1 == 0 { Side::Small } else { Side::Large }
    }

    /// True for [`StreamId::ROOT`].
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side() {
            _ if self.is_root() => out.write_str("root"),
            Side::Small => write!(out, "small:{}", self.counter()),
            Side::Large => write!(out, "large:{}", self.counter()),
        }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StreamId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn counter_and_side_survive_the_wire_number() {
        for counter in [1, 2, 63, StreamId::MAX_COUNTER] {
            for side in [Side::Small, Side::Large] {
                let id = StreamId::new(counter, side).unwrap();
                assert_eq!((id.counter(), id.side()), (counter, side));
                assert_eq!(StreamId::from_u64(id.as_u64()), Some(id));
            }
        }
        assert_eq!(StreamId::from_u64(0), Some(StreamId::ROOT));
    }

    // Spec: R-10.1-1.
    #[test]
    fn numbers_that_name_no_stream_are_refused() {
        assert_eq!(StreamId::new(0, Side::Small), None);
        assert_eq!(StreamId::new(StreamId::MAX_COUNTER + 1, Side::Small), None);
        assert_eq!(StreamId::from_u64(1), None);
        assert_eq!(StreamId::from_u64(1 << 62), None);
    }

    // Spec: R-7.2-7.
    #[test]
    fn sides_follow_the_identities_and_else_who_dialled() {
        let (low, high) = (HostId::new([1; 32]), HostId::new([2; 32]));
        for dialled in [true, false] {
            assert_eq!(Side::of(&low, &high, dialled), Side::Small);
            assert_eq!(Side::of(&high, &low, dialled), Side::Large);
        }
        assert_eq!(Side::of(&low, &low, true), Side::Small);
        assert_eq!(Side::of(&low, &low, false), Side::Large);
        assert_eq!(Side::Small.peer(), Side::Large);
    }

    #[test]
    fn text_names_side_and_counter() {
        let id = StreamId::new(7, Side::Large).unwrap();
        assert_eq!(format!("{id} {:?}", StreamId::ROOT), "large:7 StreamId(root)");
    }
}
