//! How much a session and a host keep ready: for servers and desktops, or for boards.
//!
//! Each is a size of a row, so it is decided when the core is built: with the feature `large`, or
//! without. Neither is seen on the wire but by how much disorder and how many peers at one moment
//! it copes with; what is beyond a limit is refused or comes again, as everywhere.

/// Built for servers and desktops.
const IS_LARGE: bool = cfg!(feature = "large");

/// Words of the replay window: 2,048 numbers, more than any reordering worth accepting; or the
/// least that docs/PROTOCOL.md, R-6.4-1 allows.
pub(crate) const REPLAY_WORDS: usize = if IS_LARGE { 32 } else { 16 };

/// Ranges of received packets remembered. Each costs a few bytes in every acknowledgement; a path
/// with more holes than this within a round trip loses packets, not order.
pub const RECEIVED_RANGES: usize = if IS_LARGE { 16 } else { 8 };

/// Runs of lost packets remembered. Reordering that declares packets lost too soon is seen in the
/// newest few; older ones teach nothing more.
pub(crate) const LOST_RUNS: usize = if IS_LARGE { 4 } else { 2 };

/// The most separate ranges one stream keeps, in each of its uses. Beyond it a packet is not
/// acknowledged, or bytes are sent twice: the peer cannot make this host hold more. A long path's
/// queue that overflows loses every other packet of a round trip: at 10 Mbit/s and half a second,
/// three hundred.
pub(crate) const STREAM_RANGES: usize = if IS_LARGE { 1024 } else { 8 };

/// How many of them one row of the table holds: more than most streams ever need.
pub(crate) const RANGES_PER_ROW: usize = if IS_LARGE { 32 } else { 8 };

/// Words of each window of stream ids; the window a host may grant is 64 times this. With 16, at
/// 128 bytes a direction, 1,024 streams can be opened in one round trip.
pub(crate) const ID_WORDS: usize = if IS_LARGE { 16 } else { 1 };

/// The most refused streams awaiting the peer's reset. More are not acknowledged.
pub(crate) const REFUSALS: usize = if IS_LARGE { 8 } else { 4 };

/// Answers without state that wait for the caller to send them. More are not made: who asked asks
/// again. A source has no more of them than there are places free; 32 are what a turn of a busy
/// socket brings.
pub(crate) const ANSWERS: usize = if IS_LARGE { 32 } else { 2 };

/// The longest FINISH that a host sends, frames included, since it is kept whole until the peer has
/// it: as long as any packet; or so long that no row of a board grows for it.
pub(crate) const FINISH_BYTES: usize = if IS_LARGE { 1200 } else { 512 };

/// How many reasons that applications or peers gave for the ends of sessions are kept in words, for
/// all sessions together. Own reasons need no room.
pub(crate) const LAST_WORDS: usize = if IS_LARGE { 64 } else { 2 };

/// How many buckets the sources of calls share, two for each. With 1,024, of 8 KiB together, twenty
/// sources that flood stop one other in six hundred.
pub(crate) const SOURCE_BUCKETS: usize = if IS_LARGE { 1024 } else { 16 };
