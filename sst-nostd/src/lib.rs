//! Structured Stream Transport: the protocol core.
//!
//! No std, no allocator, no clock, no sockets, no unsafe. The caller owns time, randomness and
//! packets; the core owns the protocol. Everything begins with a [`Host`]: do one thing with it,
//! then send what [`Host::poll_transmit`] gives and take what [`Host::poll_event`] tells, then wait
//! for a packet, or for the moment that [`Host::poll_timeout`] names.
//!
#![cfg_attr(all(feature = "alloc", feature = "rustcrypto"), doc = "```")]
#![cfg_attr(not(all(feature = "alloc", feature = "rustcrypto")), doc = "```ignore")]
//! use sst_nostd::{Codepoint, Config, Dial, Event, Host, Instant, Limits, Open, Path, RustCrypto};
//! use sst_nostd::{SessionEvent, Storage, StreamEvent};
//! # use rand_core::{TryCryptoRng, TryRng};
//! # struct Fixed(u8);
//! # impl TryRng for Fixed {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(4) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(4) }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         for byte in out { self.0 = self.0.wrapping_mul(29).wrapping_add(37); *byte = self.0; }
//! #         Ok(())
//! #     }
//! # }
//! # impl TryCryptoRng for Fixed {}
//!
//! // Two hosts, each with its secret key, and room for 4 sessions, 64 streams and 64 KiB.
//! let (now, limits) = (Instant::ZERO, Limits::of(4, 64, 1 << 16));
//! let mut hosts = [1, 2].map(|secret| {
//!     let crypto = RustCrypto::new(Fixed(secret)); // in earnest: the system's random bytes
//!     Host::new(Config::new([secret; 32]), Storage::owned(&limits), crypto, now).unwrap()
//! });
//! let paths = [1, 2].map(|port| Path { local: None, peer: ([127, 0, 0, 1], port).into() });
//!
//! // The first dials the second, whose identity it knows.
//! let peer = hosts[1].id();
//! let session = hosts[0].connect(now, Dial::new(paths[1], Some(peer))).unwrap();
//! let (mut packet, mut record) = ([0; 1500], [0; 100]);
//! let received = 'conversation: loop {
//!     for (one, other) in [(0, 1), (1, 0)] {
//!         // Packets travel: in earnest through a socket, and time passes.
//!         while let Some(sent) = hosts[one].poll_transmit(now, &mut packet, 1) {
//!             let bytes = &mut packet[..sent.len];
//!             hosts[other].handle_packet(now, paths[one], Codepoint::NotEct, bytes).unwrap();
//!         }
//!         match hosts[one].poll_event() {
//!             // Once it is answered, it opens a stream and writes a record.
//!             Some(Event::Session(session, SessionEvent::Ready)) => {
//!                 let root = hosts[one].root(session).unwrap();
//!                 let stream = hosts[one].open_substream(now, root, Open::default()).unwrap();
//!                 hosts[one].write_record(now, stream, b"hello").unwrap();
//!             }
//!             // The second accepts the stream and reads the record.
//!             Some(Event::Stream(_, root, StreamEvent::Child)) => {
//!                 let stream = hosts[one].accept_substream(now, root).unwrap();
//!                 break 'conversation hosts[one].read_record(now, stream, &mut record).unwrap();
//!             }
//!             _ => {}
//!         }
//!     }
//! };
//! assert_eq!(&record[..received.len], b"hello");
//! ```
//!
//! A host that lends its tables' memory instead of an allocator's finds their rows in [`rows`]; an
//! environment with its own cryptography implements [`crypto::Crypto`]. The other modules are the
//! inside: fuzzers, proofs and benchmarks get them by the feature `internals`, which promises
//! nothing. `docs/ARCHITECTURE.md` has the picture, `docs/PROTOCOL.md` the law.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]
#![cfg_attr(
    not(feature = "internals"),
    allow(
        dead_code,
        rustdoc::private_intra_doc_links,
        unreachable_pub,
        unused_imports,
        reason = "what is public inside is for tests, fuzzers, proofs and benchmarks too"
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "sim"))]
extern crate std;

pub mod crypto;
mod limits;
pub mod rows;
#[cfg(feature = "sim")]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    reason = "a test tool"
)]
pub mod sim;
pub mod transcript;

#[cfg(not(feature = "internals"))]
mod bytes;
#[cfg(not(feature = "internals"))]
mod channel;
#[cfg(not(feature = "internals"))]
mod host;
#[cfg(not(feature = "internals"))]
mod id;
#[cfg(not(feature = "internals"))]
mod negotiation;
#[cfg(not(feature = "internals"))]
mod noise;
#[cfg(not(feature = "internals"))]
mod path;
#[cfg(not(feature = "internals"))]
mod recovery;
#[cfg(not(feature = "internals"))]
mod session;
#[cfg(not(feature = "internals"))]
mod storage;
#[cfg(not(feature = "internals"))]
mod stream;
#[cfg(not(feature = "internals"))]
mod time;
#[cfg(not(feature = "internals"))]
mod wire;

#[cfg(feature = "internals")]
pub mod bytes;
#[cfg(feature = "internals")]
pub mod channel;
#[cfg(feature = "internals")]
pub mod host;
#[cfg(feature = "internals")]
pub mod id;
#[cfg(feature = "internals")]
pub mod negotiation;
#[cfg(feature = "internals")]
pub mod noise;
#[cfg(feature = "internals")]
pub mod path;
#[cfg(feature = "internals")]
pub mod recovery;
#[cfg(feature = "internals")]
pub mod session;
#[cfg(feature = "internals")]
pub mod storage;
#[cfg(feature = "internals")]
pub mod stream;
#[cfg(feature = "internals")]
pub mod time;
#[cfg(feature = "internals")]
pub mod wire;

pub use bytes::{Full as WriterFull, MAX_VARINT, Writer};
pub use channel::{
    ChannelStats, DropCounts, Dropped as ChannelDropped, KeyDirection, KeyEpoch, KeyLimits,
    KeysTold, Totals,
};
#[cfg(feature = "rustcrypto")]
pub use crypto::RustCrypto;
pub use crypto::{Crypto, Suite};
pub use host::{
    Accepting, Config, ConfigError, ConnectError, Dial, Event, Host, Ignored, InstanceWish,
    InstanceWishError, Limits, MAX_PACKET_BYTES, MIN_IDLE_TIMEOUT, MIN_PACKET_BYTES, Replayable,
    SessionHandle, SessionInfo, Stats, Storage, Transmit, TryError, UnknownSession, UnknownStream,
};
pub use id::{
    ChannelId, HOST_ID_LEN, HOST_ID_TEXT_LEN, HostId, HostIdError, Instance, Priority, Side,
    StreamId,
};
pub use negotiation::limits::{HANDSHAKE_TIMEOUT, MAX_EARLY_LEN, MAX_ROUTES, NEXT_ADDRESS_DELAY};
pub use negotiation::{CookieMode, Dropped as NegotiationDropped, PROCESS_LEN, Source};
pub use noise::NoiseError;
pub use path::Path;
pub use recovery::congestion::Algorithm;
pub use recovery::ecn::Codepoint;
pub use recovery::received::AckPolicy;
pub use session::{CloseReason, ClosedBy, SessionEvent, SessionState};
pub use storage::{Account, FEW_PARTIES, Full, Shares, may_join};
pub use stream::{
    DatagramError, DatagramForm, DatagramOptions, DatagramOutcome, DatagramSent, DatagramTicket,
    MAX_ID_WINDOW, MAX_SERVICE_REQUEST_BYTES, Open, OpenError, ROOT_BYTES, ReadError, ReceiveState,
    RecordRead, STREAM_BYTES, SendState, ServiceError, ServiceRequest, StreamConfig, StreamEvent,
    StreamHandle, StreamInfo, StreamLimits, WriteError, WriteOptions,
};
pub use time::{Duration, Instant, micros};
pub use wire::{CloseCause, PacketError, StreamCode, TransportCode};
