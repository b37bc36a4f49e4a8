//! The Noise Protocol Framework, revision 34, for one set of primitives and three patterns:
//! `Noise_{XK,XX,IK}_25519_ChaChaPoly_BLAKE2s`.
//!
//! Byte for byte what the framework says, so that any other implementation can be the peer. Only
//! handshakes: after [`Handshake::split`] the keys belong to the channel.

mod handshake;
mod pattern;
mod symmetric;

pub use handshake::{Handshake, MAX_MESSAGE_LEN, NoiseError, Split};
pub use pattern::{Pattern, Role, Token};
