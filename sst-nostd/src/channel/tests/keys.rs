//! Key updates and key limits.

use core::cell::Cell;

use serde_json::Value;

use super::super::keys::{ReceiveKeys, SealedParts, SendKeys};
use super::super::*;
use super::pair::{CLEAN, Faults, NoRandom, Pair, Random};
use super::{ROUGH, assert_all_arrived};
use crate::crypto::{AgreeError, ChaCha, KeyPair, RandomError, RustCrypto, SharedSecret};

fn limited(sealed_packets: u64) -> ChannelConfig {
    let limits =
        KeyLimits { sealed_packets, age_timeout: Duration::from_secs(120), failed_opens: 1 << 36 };
    ChannelConfig { key_limits: Some(limits), ..ChannelConfig::default() }
}

fn epochs(pair: &Pair) -> [u64; 4] {
    let [a, b] = [0, 1].map(|side| &pair.sides[side].channel);
    [a.send_keys.epoch(), b.receive_keys.epoch(), b.send_keys.epoch(), a.receive_keys.epoch()]
}

// Spec: R-6.8-3, R-6.8-4.
#[test]
fn keys_are_updated_again_and_again_under_reordering_and_loss() {
    for seed in 0..20 {
        let faults = Faults { lost_percent: 5, jitter_micros: 20_000, ..CLEAN };
        let mut pair = Pair::with(seed, faults, &limited(60));
        pair.enqueue(0, 0..600);
        pair.run_until(200, Pair::is_done);
        pair.run(1);
        assert_all_arrived(&pair, [600, 0], seed);
        let [ours, theirs, ..] = epochs(&pair);
        assert!(ours >= 4, "seed {seed}: {ours} updates");
        assert!(ours - theirs <= 1);
        for side in &pair.sides {
            assert_eq!(side.channel.stats().dropped.of(Dropped::Unauthentic), 0, "seed {seed}");
        }
    }
}

// Spec: R-6.8-4, R-13.13-1.
#[test]
fn simultaneous_updates_end_in_one_epoch() {
    for seed in 0..40 {
        let mut pair = Pair::new(seed, Faults { jitter_micros: 40_000, lost_percent: 10, ..CLEAN });
        let mut random = Random::new(seed);
        for round in 0..10 {
            pair.enqueue(0, round * 10..round * 10 + 10);
            pair.enqueue(1, round * 10..round * 10 + 10);
            for side in 0..2 {
                if random.percent(70) {
                    pair.sides[side].channel.update_keys();
                }
            }
            pair.run_until(1, |_| false);
        }
        pair.faults = CLEAN;
        pair.run_until(60, Pair::is_done);
        pair.enqueue(0, 100..103);
        pair.enqueue(1, 100..103);
        pair.run_until(60, Pair::is_done);
        assert_all_arrived(&pair, [103, 103], seed);
        let [a, b, c, d] = epochs(&pair);
        assert!(a == b && b == c && c == d && a >= 3, "seed {seed}: {:?}", epochs(&pair));
    }
}

// Spec: R-6.8-2.
#[test]
fn an_update_waits_until_the_epoch_is_acknowledged() {
    let mut pair = Pair::new(1, CLEAN);
    pair.sides[0].channel.update_keys();
    pair.enqueue(0, 0..3);
    let now = pair.now;
    let side = &mut pair.sides[0];
    while side.transmit(&pair.crypto, now).is_some() {}
    assert_eq!(side.channel.send_keys.epoch(), 0);
    pair.sides[0].channel.retire(&mut pair.sides[0].sent);
    pair.sides[0].settle();
    pair.run(2);
    pair.enqueue(0, 3..5);
    pair.run(2);
    assert_eq!(epochs(&pair), [1; 4]);
}

// Spec: R-6.8-3, R-6.8-5, R-13.13-1.
#[test]
fn an_old_epoch_opens_for_three_probe_timeouts_only() {
    let mut pair = Pair::new(2, CLEAN);
    pair.enqueue(0, 0..20);
    pair.run_until(5, Pair::is_done);
    pair.log = Some(std::vec::Vec::new());
    let now = pair.now;
    pair.enqueue(0, 20..22);
    let (_, old) = pair.sides[0].transmit(&pair.crypto, now).unwrap();
    let (_, older) = pair.sides[0].transmit(&pair.crypto, now).unwrap();
    pair.sides[0].channel.update_keys();
    pair.enqueue(0, 22..24);
    pair.run_until(1, |pair| pair.sides[1].channel.receive_keys.epoch() == 1);
    let receiver = &mut pair.sides[1];
    assert!(receiver.channel.open(&pair.crypto, pair.now, &mut old.clone()).is_ok());
    let at = receiver.channel.receive_keys.deadline().unwrap();
    assert_eq!(at, pair.now.after(receiver.channel.pto_base() * 3));
    let result = receiver.channel.open(&pair.crypto, at, &mut older.clone());
    assert_eq!(result, Err(Dropped::OldKey));
}

// Spec: R-6.8-1, R-7.11-1.
#[test]
fn an_old_enough_key_is_updated_when_there_is_something_to_send() {
    let config = ChannelConfig { idle_timeout: None, ..ChannelConfig::default() };
    let mut pair = Pair::with(3, CLEAN, &config);
    pair.enqueue(0, 0..3);
    pair.run(119);
    assert_eq!(epochs(&pair), [0; 4]);
    pair.run(100);
    assert_eq!(epochs(&pair), [0; 4], "an idle channel does nothing");
    pair.enqueue(0, 3..6);
    pair.run(2);
    assert_eq!(epochs(&pair), [1; 4]);
}

// Spec: R-6.8-6, R-13.11-2.
#[test]
fn sealing_stops_at_twice_the_limit() {
    let mut pair = Pair::with(4, Faults { lost_percent: 100, ..CLEAN }, &limited(10));
    let (mut buffer, permit) = ([0; 1500], Permit::AckOnly);
    let now = pair.now;
    let side = &mut pair.sides[0];
    for sealed in 0..20 {
        assert_eq!(side.channel.is_exhausted(), sealed >= 19, "one is left to say so");
        let begun = side.channel.begin_packet(&pair.crypto, now, permit, &mut buffer, &side.sent);
        side.channel.seal_packet(now, begun.unwrap(), &mut side.sent).unwrap();
    }
    assert!(side.channel.is_exhausted());
    let begun = side.channel.begin_packet(&pair.crypto, now, permit, &mut buffer, &side.sent);
    assert_eq!(begun.unwrap_err(), BeginError::KeyLimit);
}

// Spec: R-6.8-7, R-13.11-2.
#[test]
fn so_many_failed_opens_end_the_channel() {
    let mut config = limited(1 << 32);
    config.key_limits.as_mut().unwrap().failed_opens = 1000;
    let mut pair = Pair::with(5, ROUGH, &config);
    pair.enqueue(0, 0..2);
    let (_, good) = pair.sides[0].transmit(&pair.crypto, pair.now).unwrap();
    let receiver = &mut pair.sides[1].channel;
    for _ in 0..1000 {
        assert!(!receiver.is_exhausted());
        let mut bad = good.clone();
        bad[20] ^= 1;
        assert_eq!(receiver.open(&pair.crypto, pair.now, &mut bad), Err(Dropped::Unauthentic));
    }
    assert!(receiver.is_exhausted());
    let result = receiver.open(&pair.crypto, pair.now, &mut good.clone());
    assert_eq!(result, Err(Dropped::AeadLimit));
}

// Spec: R-6.2-1, R-13.11-1.
#[test]
fn both_directions_and_every_epoch_have_keys_of_their_own() {
    let mut pair = Pair::new(6, CLEAN);
    let mut seals = std::collections::BTreeSet::new();
    for epoch in 0..3 {
        for side in &mut pair.sides {
            let keys = &mut side.channel.send_keys;
            let limits = KeyLimits::of(Suite::ChaCha20Poly1305);
            assert!(seals.insert(keys.seal(&limits, 1, b"", &mut [0; 32]).unwrap()));
            assert!(seals.insert(keys.seal(&limits, 2, b"", &mut [0; 32]).unwrap()));
            assert!(keys.update(&pair.crypto, pair.now, epoch));
        }
    }
}

const KEYS: &str = include_str!("../../../tests/vectors/protocol/section_06_keys.json");
const PACKETS: &str = include_str!("../../../tests/vectors/protocol/section_06_packet.json");

fn hex(value: &Value) -> std::vec::Vec<u8> {
    crate::crypto::fixtures::bytes(value.as_str().unwrap())
}

/// The worked packets of docs/PROTOCOL.md: the key schedule, the nonce and the header together.
// Spec: R-4.3-2, R-4.3-3, R-6.2-1, R-13.11-1.
#[test]
fn the_packets_of_the_worked_example_are_sealed_byte_for_byte() {
    let pair = Pair::new(7, CLEAN);
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    let split = hex(&keys["split_key"]).try_into().unwrap();
    let secrets = ChannelSecrets::from_split(&split, &[0; 32], Suite::ChaCha20Poly1305);
    let mut send = SendKeys::new(&pair.crypto, &secrets, pair.now).unwrap();
    let limits = KeyLimits::of(Suite::ChaCha20Poly1305);
    let packets: Value = serde_json::from_str(PACKETS).unwrap();
    // sst-std has the other suite.
    for entry in packets["vectors"].as_array().unwrap().iter().filter(|entry| entry["suite"] == 1) {
        let number = entry["packet_number"].as_u64().unwrap();
        while send.epoch() < entry["epoch"].as_u64().unwrap() {
            assert!(send.update(&pair.crypto, pair.now, number));
        }
        let header = hex(&entry["header"]);
        assert_eq!(send.phase(), header[0] & 0x40 != 0);
        let mut body = hex(&entry["frames"]);
        let tag = send.seal(&limits, number, &header, &mut body).unwrap();
        assert_eq!([header, body, tag.to_vec()].concat(), hex(&entry["packet"]), "{number}");
    }
}

// Spec: R-6.8-1, R-6.8-6, R-6.8-7.
#[test]
fn an_epoch_ends_at_its_limit_and_not_before() {
    let suites = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];
    let limits = suites.map(KeyLimits::of);
    assert_eq!(limits.map(|limits| limits.sealed_packets), [1 << 32, 1 << 23]);
    assert!(limits.iter().all(|limits| limits.failed_opens == 1 << 36));
    assert!(limits.iter().all(|limits| limits.age_timeout == Duration::from_secs(120)));
    let mut pair = Pair::with(8, CLEAN, &limited(60));
    let (crypto, now) = (&pair.crypto, pair.now);
    let channel = &mut pair.sides[0].channel;
    let limits = KeyLimits { sealed_packets: 60, ..limits[0] };
    for sealed in 0..60 {
        assert!(!channel.send_keys.wants_update(&limits, now), "{sealed}");
        channel.send_keys.seal(&limits, sealed, b"", &mut [0; 8]).unwrap();
    }
    assert!(!channel.send_keys.wants_update(&limits, now), "nothing was acknowledged");
    channel.send_keys.on_acked(59);
    assert!(channel.send_keys.wants_update(&limits, now));
    assert!(channel.send_keys.update(crypto, now, 60));
    channel.send_keys.on_acked(60);
    let micros = now.as_micros();
    let at = |seconds: u64| Instant::from_micros(micros + seconds * 1_000_000);
    assert!(!channel.send_keys.wants_update(&limits, at(119)));
    assert!(channel.send_keys.wants_update(&limits, at(120)));
}

/// Counts the keys it is given.
struct Counting {
    inner: RustCrypto<NoRandom>,
    keys: Cell<u32>,
}

impl Crypto for Counting {
    type Aead = ChaCha;
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

    fn aead(&self, suite: Suite, key: &[u8; 32]) -> Option<ChaCha> {
        self.keys.set(self.keys.get() + 1);
        self.inner.aead(suite, key)
    }

    fn supports(&self, suite: Suite) -> bool {
        self.inner.supports(suite)
    }
}

// Spec: R-6.8-8.
#[test]
fn the_next_key_is_made_once_however_many_packets_claim_it() {
    let inner = RustCrypto::new(NoRandom);
    let crypto = Counting { inner, keys: Cell::new(0) };
    let suite = Suite::ChaCha20Poly1305;
    let secrets = ChannelSecrets::from_split(&[1; 32], &[2; 32], suite);
    let mut keys = ReceiveKeys::new(&crypto, &secrets).unwrap();
    let before = crypto.keys.get();
    for number in 1000..1100 {
        let packet = SealedParts { number, phase: true, header: &[], tag: [0; 16] };
        assert!(keys.open(&crypto, &packet, &mut [0; 20], &KeyLimits::of(suite)).is_err());
    }
    assert_eq!((crypto.keys.get(), keys.epoch()), (before + 1, 0));
}

// Spec: R-6.2-2.
#[test]
fn whatever_holds_a_secret_erases_it_in_the_end() {
    use core::mem::needs_drop;
    assert!(needs_drop::<KeyPair>() && needs_drop::<SharedSecret>());
    assert!(needs_drop::<crate::noise::Handshake>() && needs_drop::<crate::noise::Split>());
    assert!(needs_drop::<ChannelSecrets>() && needs_drop::<KeyEpoch>());
    assert!(needs_drop::<SendKeys<ChaCha>>() && needs_drop::<ReceiveKeys<ChaCha>>());
    assert!(needs_drop::<crate::negotiation::ResetKey>());
    assert!(needs_drop::<crate::negotiation::CookieJar>());
}
