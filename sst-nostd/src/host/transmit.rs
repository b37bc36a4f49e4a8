//! What a host hands out to be sent.

use crate::path::Path;
use crate::recovery::ecn::Codepoint;

/// Packets to send: `len` bytes at the start of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From and to where.
    pub path: Path,
    /// Bytes in the buffer.
    pub len: usize,
    /// Where the buffer holds several packets, the length of each but the last, which may be
    /// shorter.
    pub segment_len: Option<usize>,
    /// The codepoint of their IP headers.
    pub ecn: Codepoint,
}
