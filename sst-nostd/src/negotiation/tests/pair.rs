//! Two hosts and the packets between them.

use core::cell::Cell;
use core::convert::Infallible;
use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::vec::Vec;

use rand_core::{TryCryptoRng, TryRng};

use crate::bytes::Writer;
use crate::crypto::{
    AgreeError, ChaCha, Crypto, KeyPair, RandomError, RustCrypto, SharedSecret, Suite,
};
use crate::id::{ChannelId, HostId};
use crate::negotiation::check::ReplyKey;
use crate::negotiation::*;
use crate::noise::{Handshake, Pattern, Role};
use crate::path::Path;
use crate::time::{Duration, Instant};
use crate::wire::Parameters;
use crate::wire::negotiation::{Init, Reply, init_prologue};

/// Counts what is done on the curve, and has opinions about AES.
pub(super) struct TestCrypto {
    inner: RustCrypto<Numbers>,
    pub(super) has_aes: bool,
    pub(super) prefers_aes: bool,
    pub(super) operations: Cell<u32>,
}

/// Bytes that are never the same and always the same again (xorshift64*).
pub(in crate::negotiation) struct Numbers(pub(in crate::negotiation) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl TryRng for Numbers {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut().for_each(|byte| *byte = self.next() as u8);
        Ok(())
    }
}

impl TryCryptoRng for Numbers {}

impl Crypto for TestCrypto {
    type Aead = ChaCha;
    type Secret = [u8; 32];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.inner.random(out)
    }

    fn load(&self, bytes: &[u8; 32]) -> [u8; 32] {
        *bytes
    }

    fn public_key(&self, secret: &[u8; 32]) -> [u8; 32] {
        self.operations.set(self.operations.get() + 1);
        self.inner.public_key(secret)
    }

    fn agree(&self, secret: &[u8; 32], public: &[u8; 32]) -> Result<SharedSecret, AgreeError> {
        self.operations.set(self.operations.get() + 1);
        self.inner.agree(secret, public)
    }

    fn aead(&self, suite: Suite, key: &[u8; 32]) -> Option<ChaCha> {
        self.inner.aead(suite, key)
    }

    fn supports(&self, suite: Suite) -> bool {
        self.has_aes || self.inner.supports(suite)
    }

    fn prefers_aes(&self) -> bool {
        self.prefers_aes
    }
}

/// Where the responder is.
pub(super) const TO: Path = Path {
    local: None,
    peer: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 9), 8661)),
};

/// `seconds` after the origin.
pub(super) fn at(seconds: u64) -> Instant {
    Instant::ZERO.after(Duration::from_secs(seconds))
}

pub(super) fn parameters(who: u8) -> Parameters {
    Parameters {
        idle_timeout: Some(Duration::from_secs(u64::from(who))),
        child_credit: 100 + u64::from(who),
        reset_token: Some([who; 16]),
        ..Parameters::default()
    }
}

pub(super) const IDLE: HalfOpen = HalfOpen { count: 0, limit: 16 };

/// An initiator that is about to call a responder's host.
pub(super) struct Pair {
    pub(super) crypto: TestCrypto,
    pub(super) pattern: Pattern,
    pub(super) initiator_keys: KeyPair,
    pub(super) responder_keys: KeyPair,
    pub(super) parameters: Parameters,
    pub(super) initiator: Initiator,
    pub(super) front: Front,
    pub(super) from: SocketAddr,
    ephemeral: [u8; 32],
    ephemeral_count: u8,
}

impl Pair {
    pub(super) fn new(pattern: Pattern) -> Self {
        let config = FrontConfig { answers_strangers: true, ..FrontConfig::default() };
        Self::with(pattern, config)
    }

    pub(super) fn with(pattern: Pattern, config: FrontConfig) -> Self {
        let mut crypto = TestCrypto {
            inner: RustCrypto::new(Numbers(77)),
            has_aes: false,
            prefers_aes: false,
            operations: Cell::new(0),
        };
        let initiator_keys = KeyPair::generate(&mut crypto).unwrap();
        let responder_keys = KeyPair::generate(&mut crypto).unwrap();
        let parameters = parameters(1);
        let peer = HostId::new(*responder_keys.public());
        let call = Call {
            pattern,
            path: TO,
            statics: &initiator_keys,
            peer: pattern.knows_responder().then_some(peer),
            parameters: &parameters,
            channel: ChannelId::new(0x1111_1111).unwrap(),
            ephemeral: &[3; 32],
        };
        let initiator = Initiator::new(&crypto, at(0), &call).unwrap();
        let front = Front::new(&mut crypto, &peer, config).unwrap();
        let from = "192.0.2.1:40000".parse().unwrap();
        Self {
            crypto,
            pattern,
            initiator_keys,
            responder_keys,
            parameters,
            initiator,
            front,
            from,
            ephemeral: [3; 32],
            ephemeral_count: 9,
        }
    }

    pub(super) fn call(&self, pattern: Pattern) -> Call<'_> {
        Call {
            pattern,
            path: TO,
            statics: &self.initiator_keys,
            peer: pattern.knows_responder().then_some(self.responder_id()),
            parameters: &self.parameters,
            channel: ChannelId::new(0x1111_1111).unwrap(),
            ephemeral: &self.ephemeral,
        }
    }

    pub(super) fn initiator_id(&self) -> HostId {
        HostId::new(*self.initiator_keys.public())
    }

    pub(super) fn responder_id(&self) -> HostId {
        HostId::new(*self.responder_keys.public())
    }

    /// The key of the checks in this call.
    pub(super) fn check_key(&self) -> CheckKey {
        let responder = self.responder_id();
        CheckKey::new(Some(&responder).filter(|_| self.pattern.knows_responder()))
    }

    pub(super) fn write_init(&mut self) -> Vec<u8> {
        let mut out = [0; 1200];
        let len = self.initiator.write_init(at(0), TO, &mut out).unwrap();
        out[..len].to_vec()
    }

    /// What the front says at `now`, and the packet it writes.
    pub(super) fn meet<'a>(&mut self, now: Instant, packet: &'a [u8]) -> (Verdict<'a>, Vec<u8>) {
        let mut out = [0; 512];
        let verdict =
            self.front.check_init(&mut self.crypto, now, packet, self.from, IDLE, &mut out);
        let len = match verdict {
            Verdict::SendCookie(len) | Verdict::SendVersion(len) => len,
            Verdict::Accept(_) | Verdict::Drop(_) => 0,
        };
        (verdict, out[..len].to_vec())
    }

    /// Brings an INIT past the front, with a cookie if it must have one.
    pub(super) fn pass_front(&mut self, packet: &[u8]) -> Vec<u8> {
        match self.meet(at(0), packet) {
            (Verdict::Accept(_), _) => packet.to_vec(),
            (Verdict::SendCookie(_), cookie) => {
                self.initiator.handle_cookie(TO, &cookie).unwrap();
                let packet = self.write_init();
                assert!(matches!(self.meet(at(0), &packet).0, Verdict::Accept(_)));
                packet
            }
            other => panic!("{other:?}"),
        }
    }

    /// A responder with an ephemeral key of its own.
    pub(super) fn respond(&mut self, packet: &[u8]) -> Result<Responder, Dropped> {
        self.ephemeral_count = self.ephemeral_count.wrapping_add(1);
        let (init, ephemeral) = (Init::parse(packet).unwrap(), [self.ephemeral_count; 32]);
        let channel = ChannelId::new(0x2222_2222).unwrap();
        Responder::new(&self.crypto, at(0), &self.responder_keys, &init, channel, ephemeral)
    }

    /// A call up to the REPLY, taken by the initiator.
    pub(super) fn answered(&mut self) -> Responder {
        let init = self.write_init();
        let packet = self.pass_front(&init);
        let mut responder = self.respond(&packet).unwrap();
        responder.accept(&self.crypto, at(0), &parameters(2)).unwrap();
        self.initiator.handle_reply(&self.crypto, at(0), TO, responder.reply()).unwrap();
        responder
    }

    /// A call to its end: what each end has, and the frames that the responder got.
    pub(super) fn complete(&mut self, payload: &[u8]) -> (Ready, Ready, Vec<u8>) {
        let mut responder = self.answered();
        let payload = if self.pattern == Pattern::Ik { &[] } else { payload };
        let mut finish = [0; 1200];
        let (ours, len) =
            self.initiator.agree_and_seal(&self.crypto, payload, &mut finish).unwrap();
        if self.pattern == Pattern::Ik {
            return (ours, responder.take_unconfirmed().unwrap(), Vec::new());
        }
        let mut received = [0; 1200];
        let finished = responder.handle_finish(&self.crypto, at(0), &finish[..len], &mut received);
        let (theirs, len) = finished.unwrap();
        (ours, theirs, received[..len].to_vec())
    }

    /// An XK INIT with that list of parameters, and the handshake that it began.
    pub(super) fn init_with(&self, list: &[u8]) -> (Vec<u8>, Handshake) {
        let channel = ChannelId::new(5).unwrap();
        let prologue = init_prologue(number(Pattern::Xk), channel, 48 + list.len());
        let responder = Some(*self.responder_keys.public());
        let parts: [&[u8]; 2] = [b"SST1", &prologue];
        let keys = &self.initiator_keys;
        let mut handshake =
            Handshake::new(Pattern::Xk, Role::Initiator, &parts, keys, [8; 32], responder).unwrap();
        let mut noise = [0; 400];
        let len = handshake.write_message(&self.crypto, list, &mut noise).unwrap();
        let pattern = number(Pattern::Xk);
        let noise = &noise[..len];
        let init = Init { pattern, channel, noise, cookie: [0; 16], check: [0; 16] };
        let mut out = [0; 512];
        init.encode(512, &mut Writer::new(&mut out)).unwrap();
        (checked(self.check_key(), &out), handshake)
    }

    /// A REPLY to `packet` with that list of parameters.
    pub(super) fn reply_with(&self, packet: &[u8], list: &[u8]) -> (Vec<u8>, Handshake) {
        let init = Init::parse(packet).unwrap();
        let parts: [&[u8]; 2] = [b"SST1", &init.prologue()];
        let keys = &self.responder_keys;
        let mut handshake =
            Handshake::new(self.pattern, Role::Responder, &parts, keys, [8; 32], None).unwrap();
        handshake.read_message(&self.crypto, init.noise, &mut [0; 1200]).unwrap();
        let mut noise = [0; 400];
        let key = ReplyKey::of(&handshake);
        let len = handshake.write_message(&self.crypto, list, &mut noise).unwrap();
        let reply = Reply { channel: init.channel, noise: &noise[..len], check: [0; 16] };
        let mut out = [0; 500];
        let mut writer = Writer::new(&mut out);
        reply.encode(&mut writer).unwrap();
        let mut packet = writer.written().to_vec();
        let covered_len = packet.len() - 16;
        let check = key.check(&packet[..covered_len]);
        packet[covered_len..].copy_from_slice(&check);
        (packet, handshake)
    }
}

/// The INIT with the check that belongs to it.
pub(super) fn checked(key: CheckKey, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let covered_len = packet.len() - 16;
    let check = key.init(&packet[..covered_len]);
    packet[covered_len..].copy_from_slice(&check);
    packet
}
