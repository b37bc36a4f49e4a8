//! [`ReceiveKeys`]: the keys that open what the peer sends, of up to three epochs at a time.

use zeroize::zeroize_stack;

use super::epoch::{DERIVATION_BYTES, EpochKey, Exported, Secret};
use super::{ChannelSecrets, KeyLimits};
use crate::channel::Dropped;
use crate::crypto::{Aead, Crypto, Suite, TAG_LEN};
use crate::time::Instant;

/// The keys that open what we receive: this epoch's, for a while the one before, and the next once
/// a packet has asked for it.
pub(in crate::channel) struct ReceiveKeys<A> {
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
    pub(in crate::channel) fn new<C>(crypto: &C, secrets: &ChannelSecrets) -> Option<Self>
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
    pub(in crate::channel) fn open<C>(
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
        // Whatever the packet's epoch is, this one's may soon be the one before.
        self.secret.wake(crypto, self.suite, &mut self.current);
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

    /// Lets the cipher rest until the next packet.
    pub(in crate::channel) fn rest(&mut self) {
        self.current.aead.rest();
        // A forged packet may have had it made; one that is not forged has it made again.
        self.next = None;
    }

    pub(in crate::channel) fn is_resting(&self) -> bool {
        self.current.aead.is_resting()
    }

    /// When to erase the key of the epoch before.
    pub(in crate::channel) fn set_discard_at(&mut self, at: Instant) {
        self.discard_at = Some(at);
    }

    /// Erases the key of the epoch before if its time has come.
    pub(in crate::channel) fn on_timeout(&mut self, now: Instant) {
        if self.discard_at.is_some_and(|at| at <= now) {
            self.previous = None;
            self.discard_at = None;
        }
    }

    pub(in crate::channel) const fn deadline(&self) -> Option<Instant> {
        self.discard_at
    }

    pub(in crate::channel) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(in crate::channel) fn export(&self) -> Exported {
        self.secret.export(self.epoch, self.suite)
    }

    pub(in crate::channel) const fn is_exhausted(&self, limits: &KeyLimits) -> bool {
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
pub(in crate::channel) struct SealedParts<'p> {
    pub(in crate::channel) number: u64,
    pub(in crate::channel) phase: bool,
    pub(in crate::channel) header: &'p [u8],
    pub(in crate::channel) tag: [u8; TAG_LEN],
}
