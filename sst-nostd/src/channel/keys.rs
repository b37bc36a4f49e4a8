//! The keys of one channel and their epochs (docs/PROTOCOL.md, Keys and Key update).
//!
//! Each direction has a chain of secrets. An epoch's key and iv come from its secret, the next
//! secret from the one before, so that a stolen key does not open what was sealed before it. One
//! bit of the header, the key phase, is the epoch's lowest bit.

use zeroize::{Zeroize, zeroize_stack};

use super::Dropped;
use crate::crypto::kdf::{expand_label, expand_labels};
use crate::crypto::{Aead, Crypto, KEY_LEN, NONCE_LEN, Suite, TAG_LEN};
use crate::time::{Duration, Instant};

/// How long and for how much one key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimits {
    /// Packets sealed in an epoch before the next is begun. Sealing stops at twice as many.
    pub sealed_packets: u64,
    /// Age of an epoch at which the next is begun, if there is anything to send.
    pub age_timeout: Duration,
    /// Packets that failed to open before the channel must be closed.
    pub failed_opens: u64,
}

impl KeyLimits {
    /// The limits of `suite`.
    ///
    /// RFC 9001 section 6.6 gives AES-GCM 2^23 packets; ChaCha20-Poly1305 has no limit of its own
    /// below 2^62, 2^32 is ours. 2^36 failed opens is RFC 9001's figure for ChaCha20-Poly1305 and
    /// far inside that for AES-GCM. The two minutes are WireGuard's.
    #[must_use]
    pub const fn of(suite: Suite) -> Self {
        let sealed_packets = match suite {
            Suite::ChaCha20Poly1305 => 1 << 32,
            Suite::Aes256Gcm => 1 << 23,
        };
        Self { sealed_packets, age_timeout: Duration::from_secs(120), failed_opens: 1 << 36 }
    }
}

/// How deep on the stack the derivation of a key goes, in bytes.
const DERIVATION_BYTES: usize = 2 << 10;

/// What a negotiation leaves for its channel: one secret for each direction. Erased when dropped.
pub struct ChannelSecrets {
    send: [u8; KEY_LEN],
    receive: [u8; KEY_LEN],
    suite: Suite,
}

impl ChannelSecrets {
    /// From the two keys of Noise's Split, ours to send first, and the suite agreed on.
    #[must_use]
    pub fn from_split(send: &[u8; KEY_LEN], receive: &[u8; KEY_LEN], suite: Suite) -> Self {
        let context = [u8::from(suite)];
        Self {
            send: expand_label(send, b"sst secret", &context),
            receive: expand_label(receive, b"sst secret", &context),
            suite,
        }
    }

    /// The suite agreed on.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }
}

impl Drop for ChannelSecrets {
    fn drop(&mut self) {
        self.send.zeroize();
        self.receive.zeroize();
    }
}

/// The keys that seal what we send.
pub(super) struct SendKeys<A> {
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
    pub(super) fn new<C>(crypto: &C, secrets: &ChannelSecrets, now: Instant) -> Option<Self>
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
    pub(super) fn update<C>(&mut self, crypto: &C, now: Instant, number: u64) -> bool
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

    /// Seals `body` in place as packet `number`; returns the tag.
    ///
    /// `None` once the key has sealed twice what it may, and if the cipher refuses the length.
    pub(super) fn seal(
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
    pub(super) fn on_acked(&mut self, number: u64) {
        self.is_acked |= number >= self.first_number;
    }

    /// Whether it is time for the next epoch and the peer surely has this one.
    pub(super) fn wants_update(&self, limits: &KeyLimits, now: Instant) -> bool {
        let worn = self.sealed_packets >= limits.sealed_packets;
        let aged = now.since(self.begun_at) >= limits.age_timeout;
        self.is_acked && (worn || aged)
    }

    /// Whether one packet more is all that may be sealed.
    pub(super) fn is_nearly_spent(&self, limits: &KeyLimits) -> bool {
        self.sealed_packets.saturating_add(1) >= limits.sealed_packets.saturating_mul(2)
    }

    pub(super) fn is_spent(&self, limits: &KeyLimits) -> bool {
        self.sealed_packets >= limits.sealed_packets.saturating_mul(2)
    }

    /// Whether the peer surely has a packet of this epoch.
    pub(super) const fn is_acked(&self) -> bool {
        self.is_acked
    }

    pub(super) const fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) const fn phase(&self) -> bool {
        self.epoch & 1 == 1
    }

    pub(super) fn export(&self) -> Exported {
        self.secret.export(self.epoch, self.suite)
    }
}

/// The keys that open what we receive: this epoch's, for a while the one before, and the next once
/// a packet has asked for it.
pub(super) struct ReceiveKeys<A> {
    secret: Secret,
    current: EpochKey<A>,
    previous: Option<EpochKey<A>>,
    /// Kept once made: a forged phase bit must not cost a derivation each time.
    next: Option<EpochKey<A>>,
    suite: Suite,
    epoch: u64,
    /// The lowest packet number that opened in this epoch.
    lowest: Option<u64>,
    discard_at: Option<Instant>,
    failed_opens: u64,
}

/// Which key a packet has to be opened with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Candidate {
    Current,
    Next,
    Previous,
}

impl<A: Aead> ReceiveKeys<A> {
    /// The keys of epoch 0; `None` if the suite is not supported.
    pub(super) fn new<C>(crypto: &C, secrets: &ChannelSecrets) -> Option<Self>
    where
        C: Crypto<Aead = A>,
    {
        let secret = Secret(secrets.receive);
        Some(Self {
            current: secret.key(crypto, secrets.suite)?,
            secret,
            previous: None,
            next: None,
            suite: secrets.suite,
            epoch: 0,
            lowest: None,
            discard_at: None,
            failed_opens: 0,
        })
    }

    /// Opens `body` in place. Returns whether this packet began a new epoch.
    ///
    /// # Errors
    /// [`Dropped::AeadLimit`], [`Dropped::OldKey`] or [`Dropped::Unauthentic`]. Nothing has changed
    /// then but the count of failures.
    pub(super) fn open<C>(
        &mut self,
        crypto: &C,
        packet: &SealedParts<'_>,
        body: &mut [u8],
        limits: &KeyLimits,
    ) -> Result<bool, Dropped>
    where
        C: Crypto<Aead = A>,
    {
        if self.is_exhausted(limits) {
            return Err(Dropped::AeadLimit);
        }
        let candidate = self.candidate(packet);
        if candidate == Candidate::Next && self.next.is_none() {
            self.derive_next(crypto);
            zeroize_stack::<DERIVATION_BYTES>();
        }
        let key = match candidate {
            Candidate::Current => Some(&self.current),
            Candidate::Next => self.next.as_ref(),
            Candidate::Previous => self.previous.as_ref(),
        };
        let key = key.ok_or(Dropped::OldKey)?;
        let opened = key.aead.open(&key.nonce(packet.number), packet.header, body, &packet.tag);
        if opened.is_err() {
            self.failed_opens = self.failed_opens.saturating_add(1);
            return Err(Dropped::Unauthentic);
        }
        match candidate {
            Candidate::Previous => {}
            Candidate::Current => {
                let lowest = self.lowest.unwrap_or(packet.number);
                self.lowest = Some(lowest.min(packet.number));
            }
            Candidate::Next => self.advance(packet.number),
        }
        Ok(candidate == Candidate::Next)
    }

    /// When to erase the key of the epoch before.
    pub(super) fn set_discard_at(&mut self, at: Instant) {
        self.discard_at = Some(at);
    }

    /// Erases the key of the epoch before if its time has come.
    pub(super) fn on_timeout(&mut self, now: Instant) {
        if self.discard_at.is_some_and(|at| at <= now) {
            self.previous = None;
            self.discard_at = None;
        }
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.discard_at
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn export(&self) -> Exported {
        self.secret.export(self.epoch, self.suite)
    }

    pub(super) const fn is_exhausted(&self, limits: &KeyLimits) -> bool {
        self.failed_opens >= limits.failed_opens
    }

    /// The sender's epochs go up with its packet numbers, so the number tells on which side of this
    /// epoch a packet of the other phase lies.
    fn candidate(&self, packet: &SealedParts<'_>) -> Candidate {
        if packet.phase == (self.epoch & 1 == 1) {
            Candidate::Current
        } else if self.lowest.is_some_and(|lowest| packet.number < lowest) {
            Candidate::Previous
        } else {
            Candidate::Next
        }
    }

    #[inline(never)]
    fn derive_next<C>(&mut self, crypto: &C)
    where
        C: Crypto<Aead = A>,
    {
        self.next = self.secret.next().key(crypto, self.suite);
    }

    fn advance(&mut self, number: u64) {
        if !self.take_next() {
            return;
        }
        zeroize_stack::<DERIVATION_BYTES>();
        self.epoch = self.epoch.saturating_add(1);
        self.lowest = Some(number);
    }

    /// Makes the next key this epoch's, and this epoch's the one before. They change places, and
    /// what was before is erased where it lies: to take a key out would leave a copy behind.
    #[inline(never)]
    fn take_next(&mut self) -> bool {
        let Some(next) = &mut self.next else { return false };
        core::mem::swap(&mut self.current, next);
        core::mem::swap(&mut self.previous, &mut self.next);
        self.next = None;
        self.secret = self.secret.next();
        true
    }
}

/// A sealed packet but for its text.
pub(super) struct SealedParts<'p> {
    pub(super) number: u64,
    pub(super) phase: bool,
    pub(super) header: &'p [u8],
    pub(super) tag: [u8; TAG_LEN],
}

/// A key in the open, on its way to [`KeyEpoch`](super::KeyEpoch).
pub(super) struct Exported {
    pub(super) epoch: u64,
    pub(super) suite: Suite,
    pub(super) key: [u8; KEY_LEN],
    pub(super) iv: [u8; NONCE_LEN],
}

struct EpochKey<A> {
    aead: A,
    iv: [u8; NONCE_LEN],
}

impl<A> EpochKey<A> {
    fn nonce(&self, number: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        nonce
    }
}

struct Secret([u8; KEY_LEN]);

impl Secret {
    fn key<C: Crypto>(&self, crypto: &C, suite: Suite) -> Option<EpochKey<C::Aead>> {
        let mut exported = self.export(0, suite);
        let aead = crypto.aead(suite, &exported.key);
        exported.key.zeroize();
        Some(EpochKey { aead: aead?, iv: exported.iv })
    }

    fn export(&self, epoch: u64, suite: Suite) -> Exported {
        let [key, long_iv] = expand_labels(&self.0, [&b"sst key"[..], b"sst iv"]);
        let mut iv = [0; NONCE_LEN];
        iv.iter_mut().zip(long_iv).for_each(|(to, from)| *to = from);
        Exported { epoch, suite, key, iv }
    }

    fn next(&self) -> Self {
        Self(expand_label(&self.0, b"sst next", b""))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
