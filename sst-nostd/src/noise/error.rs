//! [`NoiseError`]: why a handshake message was not written or not taken.

/// Why a handshake did not go on. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseError {
    /// A public key of the peer is a point of low order.
    Agree,
    /// The caller's buffer cannot take the message or the payload.
    BufferTooSmall,
    /// The handshake has no more messages.
    Finished,
    /// The pattern needs the peer's static key beforehand.
    KeyMissing,
    /// The pattern has the peer send its static key: it cannot be given beforehand.
    KeyUnexpected,
    /// The handshake has more messages before it can be split.
    NotFinished,
    /// It is the peer who writes the next message, or we who do.
    NotOurTurn,
    /// The message is not authentic.
    Open,
    /// The environment does not have ChaCha20-Poly1305, which it must.
    Suite,
    /// The message is longer than [`MAX_MESSAGE_LEN`](super::MAX_MESSAGE_LEN).
    TooLong,
    /// The message is too short for its keys and tags.
    TooShort,
}
