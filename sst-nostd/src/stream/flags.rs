//! The small facts of a stream, packed into bits: its halves' states, what it owes the peer, and
//! what it has to tell the application.

macro_rules! bits {
    ($(#[$meta:meta])* $name:ident: $int:ty { $($(#[$doc:meta])* $bit:ident = $value:expr;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(super) struct $name($int);

        #[allow(dead_code)]
        impl $name {
            $($(#[$doc])* pub(super) const $bit: Self = Self($value);)*

            pub(super) const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            pub(super) const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            pub(super) const fn has_any(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            pub(super) const fn is_empty(self) -> bool {
                self.0 == 0
            }

            pub(super) fn set(&mut self, other: Self) {
                self.0 |= other.0;
            }

            pub(super) fn clear(&mut self, other: Self) {
                self.0 &= !other.0;
            }

            /// Clears `other` and tells whether any of it was set.
            pub(super) fn take(&mut self, other: Self) -> bool {
                let was = self.has_any(other);
                self.clear(other);
                was
            }
        }
    };
}

bits! {
    /// Where both halves stand. The legal combinations are the state tables of
    /// docs/PROTOCOL.md section 7.
    State: u32 {
        /// This host opened the stream.
        LOCAL = 1;
        /// The stream is one datagram.
        DATAGRAM = 1 << 1;
        /// The stream's first record names a service.
        SERVICE = 1 << 2;
        /// It is a session's root: children and datagrams, no bytes.
        ROOT = 1 << 3;
        /// The peer is known to have seen the OPEN.
        OPENED = 1 << 4;
        /// The application will write no more.
        FINISHED = 1 << 5;
        /// The FIN is in flight or acknowledged.
        FIN_SENT = 1 << 6;
        /// The FIN is acknowledged.
        FIN_ACKED = 1 << 7;
        /// The sending half was reset by this host.
        SEND_RESET = 1 << 8;
        /// The sending half needs nothing more: all of it, or its reset, is acknowledged.
        SEND_DONE = 1 << 9;
        /// The peer asked this host to stop sending.
        PEER_STOPPED = 1 << 10;
        /// The final position of the receiving half is known.
        FINAL_KNOWN = 1 << 11;
        /// The peer reset its half.
        PEER_RESET = 1 << 12;
        /// This host asked the peer to stop; what arrives is thrown away.
        STOPPED = 1 << 13;
        /// The receiving half needs nothing more: all of it was taken, or its end does not matter.
        RECEIVE_DONE = 1 << 14;
        /// The application let go of the stream (or never had it).
        RELEASED = 1 << 15;
        /// The stream no longer waits for the application: it has it, or never will.
        ACCEPTED = 1 << 16;
        /// The parent has not been seen yet.
        AWAITS_PARENT = 1 << 17;
        /// The last write did not fit.
        WANTS_ROOM = 1 << 18;
        /// The last open under this stream did not fit.
        WANTS_CHILD_CREDIT = 1 << 19;
        /// The last datagram did not fit.
        WANTS_DATAGRAM_ROOM = 1 << 20;
        /// A lifetime ended the sending half.
        EXPIRED = 1 << 21;
        /// Counted in the tree's `busy`.
        BUSY = 1 << 22;
        /// The application takes bytes as they arrive.
        UNORDERED = 1 << 23;
        /// Put in the blocked heap last time (heaps meld, so it may be in the other by now).
        CREDIT_BLOCKED = 1 << 24;
        /// Its next sibling's priority is to be worked out after its own.
        WALKS_SIBLINGS = 1 << 25;
        /// A PRIORITY is in flight: another would overtake it.
        PRIORITY_SENT = 1 << 27;
        /// The application wants no say of the peer's in the priority.
        PRIORITY_FIXED = 1 << 28;
        /// Waits among the tree's openers for the window of ids to move.
        WAITS_IDS = 1 << 26;
    }
}

bits! {
    /// Frames a stream owes the peer. State, not a queue: owing one twice is owing it once.
    Pending: u16 {
        /// A STREAM frame with no data, so that the peer learns of the stream.
        OPEN = 1;
        /// RESET of the sending half.
        RESET = 1 << 1;
        /// STOP of the receiving half.
        STOP = 1 << 2;
        /// STREAM_LIMIT of the receiving half.
        STREAM_LIMIT = 1 << 3;
        /// STREAM_BLOCKED of the sending half.
        STREAM_BLOCKED = 1 << 4;
        /// CHILD_LIMIT for children the peer opens.
        CHILD_LIMIT = 1 << 5;
        /// CHILD_BLOCKED for children this host would open.
        CHILD_BLOCKED = 1 << 6;
        /// PRIORITY request.
        PRIORITY = 1 << 7;
        /// The FIN.
        FIN = 1 << 8;
        /// Stateless datagrams, which wait in the stream's ledger as a parent.
        DATAGRAM = 1 << 9;
    }
}

bits! {
    /// What the application has not been told yet.
    Events: u16 {
        /// [`StreamEvent::Readable`](super::StreamEvent::Readable).
        READABLE = 1;
        /// [`StreamEvent::Writable`](super::StreamEvent::Writable).
        WRITABLE = 1 << 1;
        /// [`StreamEvent::Finished`](super::StreamEvent::Finished).
        FINISHED = 1 << 2;
        /// [`StreamEvent::Reset`](super::StreamEvent::Reset).
        RESET = 1 << 3;
        /// [`StreamEvent::Stopped`](super::StreamEvent::Stopped).
        STOPPED = 1 << 4;
        /// [`StreamEvent::Child`](super::StreamEvent::Child).
        CHILD = 1 << 5;
        /// [`StreamEvent::ChildCredit`](super::StreamEvent::ChildCredit).
        CHILD_CREDIT = 1 << 6;
        /// [`StreamEvent::Datagram`](super::StreamEvent::Datagram).
        DATAGRAM = 1 << 7;
        /// [`StreamEvent::DatagramSpace`](super::StreamEvent::DatagramSpace).
        DATAGRAM_SPACE = 1 << 8;
        /// [`StreamEvent::Expired`](super::StreamEvent::Expired).
        EXPIRED = 1 << 9;
        /// [`StreamEvent::Crowded`](super::StreamEvent::Crowded).
        CROWDED = 1 << 10;
    }
}

bits! {
    /// What is left to see to after an event.
    After: u16 {
        /// The window of ids may have moved: whoever waits for it may open.
        WAKE_OPENERS = 1;
        /// Blocks or rows came back: writers that wait may go on.
        FEED = 1 << 1;
        /// The application is to hear of the stream.
        TELL = 1 << 2;
        /// The stream's writer waits for blocks no longer.
        FORGET_STARVED = 1 << 3;
        /// The stream's writer waits for blocks.
        STARVE = 1 << 4;
        /// The stream's priority is to be worked out again.
        INHERIT = 1 << 5;
        /// The stream's place among those that send is another by now.
        SCHEDULE = 1 << 6;
        /// Nobody needs the stream any more.
        FREE = 1 << 7;
    }
}

bits! {
    /// How a stream that was refused stands.
    Refused: u8 {
        /// No bit: it was refused for want of room, the peer was told, and nothing came back.
        NONE = 0;
        /// It was one datagram.
        DATAGRAM = 1;
        /// The RESET and STOP must be sent.
        DUE = 1 << 1;
        /// The RESET and STOP are acknowledged.
        ACKED = 1 << 2;
        /// The peer's own end of the stream is known and counted.
        FINAL = 1 << 3;
        /// It was refused since its parent is gone.
        PARENT_GONE = 1 << 4;
        /// It was refused since its session takes no more streams.
        SESSION_CLOSED = 1 << 5;
    }
}
