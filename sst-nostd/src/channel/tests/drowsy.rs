//! [`Drowsy`]: a provider whose ciphers can be put to rest, as those of aws-lc.

use core::cell::Cell;

use super::super::Dropped;
use super::pair::{CLEAN, NoRandom, Pair};
use crate::crypto::{
    Aead, AgreeError, ChaCha, Crypto, OpenError, RandomError, RustCrypto, SharedSecret, Suite,
};
use crate::time::Duration;

pub(super) struct Drowsy {
    inner: RustCrypto<NoRandom>,
    /// Ciphers made so far.
    made: Cell<u32>,
}

impl Drowsy {
    pub(super) fn new() -> Self {
        Self { inner: RustCrypto::new(NoRandom), made: Cell::new(0) }
    }
}

impl Crypto for Drowsy {
    type Aead = DrowsyAead;
    type Secret = [u8; 32];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.inner.random(out)
    }

    fn load(&self, bytes: &[u8; 32]) -> [u8; 32] {
        *bytes
    }

    fn public_key(&self, secret: &[u8; 32]) -> [u8; 32] {
        self.inner.public_key(secret)
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> Result<SharedSecret, AgreeError> {
        self.inner.agree(secret, public)
    }

    fn aead(&self, suite: Suite, key: &[u8; 32]) -> Option<DrowsyAead> {
        self.made.set(self.made.get() + 1);
        self.inner.aead(suite, key).map(|aead| DrowsyAead(Some(aead)))
    }

    fn supports(&self, suite: Suite) -> bool {
        self.inner.supports(suite)
    }
}

pub(super) struct DrowsyAead(Option<ChaCha>);

impl Aead for DrowsyAead {
    const RESTS: bool = true;

    fn seal(&self, nonce: &[u8; 12], associated: &[u8], in_out: &mut [u8]) -> Option<[u8; 16]> {
        self.0.as_ref()?.seal(nonce, associated, in_out)
    }

    fn open(
        &self,
        nonce: &[u8; 12],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), OpenError> {
        self.0.as_ref().ok_or(OpenError)?.open(nonce, associated, in_out, tag)
    }

    fn rest(&mut self) {
        self.0 = None;
    }

    fn is_resting(&self) -> bool {
        self.0.is_none()
    }
}

fn are_resting(pair: &Pair) -> bool {
    let mut channels = pair.sides.iter().map(|side| &side.channel);
    channels.all(|channel| channel.send_keys.is_resting() && channel.receive_keys.is_resting())
}

#[test]
fn ciphers_rest_after_a_second_of_silence_and_the_next_packet_wakes_them() {
    let mut pair = Pair::new(1, CLEAN);
    for round in 0..5u64 {
        let begun_at = pair.now;
        pair.enqueue(0, round..round + 1);
        if round == 3 {
            pair.sides[0].channel.update_keys();
        }
        pair.run_until(20, are_resting);
        assert!(are_resting(&pair) && pair.now.since(begun_at) >= Duration::from_secs(1));
        assert_eq!(pair.sides[1].arrived.len() as u64, round + 1);
    }
    assert!(pair.sides.iter().all(|side| side.channel.stats().dropped.total() == 0));
    let updates = pair.sides.iter().map(|side| side.channel.stats().totals.key_updates);
    assert!(updates.sum::<u64>() >= 2, "the epoch changed after a rest");
    let steps = pair.steps;
    pair.run_until(5, |_| false);
    assert!(pair.steps <= steps + 1, "a rest asks for nothing more");
}

#[test]
fn a_forged_packet_wakes_a_cipher_only_once_a_rest() {
    let mut pair = Pair::new(1, CLEAN);
    pair.enqueue(0, 0..1);
    pair.run_until(20, are_resting);
    pair.enqueue(0, 1..2);
    let now = pair.now;
    let (_, mut packet) = pair.sides[0].transmit(&pair.crypto, now).unwrap();
    *packet.last_mut().unwrap() ^= 1;
    let made = pair.crypto.made.get();
    let side = &mut pair.sides[1];
    for _ in 0..2 {
        let opened = side.channel.open(&pair.crypto, now, &mut packet.clone());
        assert_eq!(opened, Err(Dropped::Unauthentic));
        assert!(!side.channel.receive_keys.is_resting(), "until its timer is looked at");
    }
    assert_eq!(pair.crypto.made.get(), made + 1);
    side.channel.on_timeout(now, &mut side.sent);
    assert!(side.channel.receive_keys.is_resting());
}
