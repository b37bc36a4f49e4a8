//! [`SendKeys`]: the keys that seal what this host sends, and when it begins the next epoch.

use zeroize::zeroize_stack;

use super::epoch::{DERIVATION_BYTES, EpochKey, Exported, Secret};
use super::{ChannelSecrets, KeyLimits};
use crate::crypto::{Aead, Crypto, Suite, TAG_LEN};
use crate::time::Instant;

/// The keys that seal what we send.
pub(in crate::channel) struct SendKeys<A> {
    secret: Secret,
    current: EpochKey<A>,
    suite: Suite,
    epoch: u64,
    sealed_packets: u64,
    /// The first packet number of this epoch.
    first_number: u64,
    /// Whether the peer has acknowledged a packet of this epoch.
    is_acked: bool,
    begun_at: Instant,
}

impl<A: Aead> SendKeys<A> {
    /// The keys of epoch 0; `None` if the suite is not supported.
    pub(in crate::channel) fn new<C>(
        crypto: &C,
        secrets: &ChannelSecrets,
        now: Instant,
    ) -> Option<Self>
    where
        C: Crypto<Aead = A>,
    {
        let secret = Secret(secrets.send);
        Some(Self {
            current: secret.key(crypto, secrets.suite)?,
            secret,
            suite: secrets.suite,
            epoch: 0,
            sealed_packets: 0,
            first_number: 0,
            is_acked: false,
            begun_at: now,
        })
    }

    /// Begins the next epoch with packet `number`. Returns false, unchanged, without a key for it.
    pub(in crate::channel) fn update<C>(&mut self, crypto: &C, now: Instant, number: u64) -> bool
    where
        C: Crypto<Aead = A>,
    {
        if !self.derive_next(crypto) {
            return false;
        }
        zeroize_stack::<DERIVATION_BYTES>();
        self.epoch = self.epoch.saturating_add(1);
        self.sealed_packets = 0;
        self.first_number = number;
        self.is_acked = false;
        self.begun_at = now;
        true
    }

    #[inline(never)]
    fn derive_next<C>(&mut self, crypto: &C) -> bool
    where
        C: Crypto<Aead = A>,
    {
        let secret = self.secret.next();
        let Some(key) = secret.key(crypto, self.suite) else { return false };
        self.secret = secret;
        self.current = key;
        true
    }

    /// Lets the cipher rest until [`wake`](Self::wake).
    pub(in crate::channel) fn rest(&mut self) {
        self.current.aead.rest();
    }

    pub(in crate::channel) fn is_resting(&self) -> bool {
        self.current.aead.is_resting()
    }

    /// Makes the cipher again if it was put to rest: a packet is to be sealed.
    #[inline]
    pub(in crate::channel) fn wake<C>(&mut self, crypto: &C)
    where
        C: Crypto<Aead = A>,
    {
        self.secret.wake(crypto, self.suite, &mut self.current);
    }

    /// Seals `body` in place as packet `number`; returns the tag.
    ///
    /// `None` once the key has sealed twice what it may, and if the cipher refuses the length.
    pub(in crate::channel) fn seal(
        &mut self,
        limits: &KeyLimits,
        number: u64,
        header: &[u8],
        body: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        if self.is_spent(limits) {
            return None;
        }
        let tag = self.current.aead.seal(&self.current.nonce(number), header, body)?;
        self.sealed_packets = self.sealed_packets.saturating_add(1);
        Some(tag)
    }

    /// The peer has acknowledged packet `number`.
    pub(in crate::channel) fn on_acked(&mut self, number: u64) {
        self.is_acked |= number >= self.first_number;
    }

    /// Whether it is time for the next epoch and the peer surely has this one.
    pub(in crate::channel) fn wants_update(&self, limits: &KeyLimits, now: Instant) -> bool {
        let worn = self.sealed_packets >= limits.sealed_packets;
        let aged = now.since(self.begun_at) >= limits.age_timeout;
        self.is_acked && (worn || aged)
    }

    /// Whether one packet more is all that may be sealed.
    pub(in crate::channel) fn is_nearly_spent(&self, limits: &KeyLimits) -> bool {
        self.sealed_packets.saturating_add(1) >= limits.sealed_packets.saturating_mul(2)
    }

    pub(in crate::channel) fn is_spent(&self, limits: &KeyLimits) -> bool {
        self.sealed_packets >= limits.sealed_packets.saturating_mul(2)
    }

    /// Whether the peer surely has a packet of this epoch.
    pub(in crate::channel) const fn is_acked(&self) -> bool {
        self.is_acked
    }

    pub(in crate::channel) const fn suite(&self) -> Suite {
        self.suite
    }

    pub(in crate::channel) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(in crate::channel) const fn phase(&self) -> bool {
        self.epoch & 1 == 1
    }

    pub(in crate::channel) fn export(&self) -> Exported {
        self.secret.export(self.epoch, self.suite)
    }
}
