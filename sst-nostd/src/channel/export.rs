//! [`KeyEpoch`]: packet keys handed out, for tools that look into captured packets.
//!
//! Whoever has such a key reads what it sealed. Nothing here is called unless the host's
//! configuration asks for it.

use core::fmt;

use zeroize::Zeroize;

use super::Channel;
use super::keys::Exported;
use crate::crypto::{Crypto, KEY_LEN, NONCE_LEN, Suite};

/// Which packets a key is for, seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDirection {
    /// Those it receives.
    Receive,
    /// Those it sends.
    Send,
}

/// The key of one direction for one epoch (docs/PROTOCOL.md, Keys). Erased when dropped.
///
/// A packet's nonce is `iv` exclusive-or its number, big-endian, aligned at the end; its associated
/// data is its header.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyEpoch {
    /// Whose packets.
    pub direction: KeyDirection,
    /// How often the key was updated before.
    pub epoch: u64,
    /// The cipher.
    pub suite: Suite,
    /// The cipher's key.
    pub key: [u8; KEY_LEN],
    /// What nonces are made from.
    pub iv: [u8; NONCE_LEN],
}

impl KeyEpoch {
    fn new(direction: KeyDirection, exported: Exported) -> Self {
        let Exported { epoch, suite, key, iv } = exported;
        Self { direction, epoch, suite, key, iv }
    }
}

impl Drop for KeyEpoch {
    fn drop(&mut self) {
        self.key.zeroize();
        self.iv.zeroize();
    }
}

impl fmt::Debug for KeyEpoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key goes only where it was asked for.
        out.debug_struct("KeyEpoch")
            .field("direction", &self.direction)
            .field("epoch", &self.epoch)
            .field("suite", &self.suite)
            .finish_non_exhaustive()
    }
}

/// The epochs whose keys were handed out: each is told once.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeysTold {
    next_receive_epoch: u64,
    next_send_epoch: u64,
}

impl KeysTold {
    /// No key was told.
    pub const NONE: Self = Self { next_receive_epoch: 0, next_send_epoch: 0 };

    /// Whether `channel` has come to an epoch that was not told.
    pub fn is_behind<C: Crypto>(&self, channel: &Channel<C>) -> bool {
        channel.receive_keys.epoch() >= self.next_receive_epoch
            || channel.send_keys.epoch() >= self.next_send_epoch
    }

    /// The next key of `channel` that was not told.
    pub fn take<C: Crypto>(&mut self, channel: &Channel<C>) -> Option<KeyEpoch> {
        if channel.send_keys.epoch() >= self.next_send_epoch {
            self.next_send_epoch = channel.send_keys.epoch().saturating_add(1);
            return Some(KeyEpoch::new(KeyDirection::Send, channel.send_keys.export()));
        }
        if channel.receive_keys.epoch() >= self.next_receive_epoch {
            self.next_receive_epoch = channel.receive_keys.epoch().saturating_add(1);
            return Some(KeyEpoch::new(KeyDirection::Receive, channel.receive_keys.export()));
        }
        None
    }
}
