//! A peer for tests that seals whatever it is told to, and opens what comes back.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::vec;
use std::vec::Vec;

use crate::bytes::Writer;
use crate::crypto::{Aead, Crypto, InsecureFixedRng, KeyPair, RustCrypto, kdf};
use crate::id::{ChannelId, HostId, Instance, Side, StreamId};
use crate::negotiation::{Call, Initiator, Ready};
use crate::noise::Pattern;
use crate::path::Path;
use crate::time::Instant;
use crate::wire::{Attributes, Frame, Open, Parameters, SealedHeader, StreamFrame};

/// Where the peer takes its host to be: the tests hand packets about themselves.
const NOWHERE: Path =
    Path { local: None, peer: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1)) };

pub(super) struct RawPeer {
    crypto: RustCrypto<InsecureFixedRng>,
    statics: KeyPair,
    peer: HostId,
    initiator: Initiator,
    ready: Option<Ready>,
    pub(super) number: u64,
}

impl RawPeer {
    /// One with the identity of that secret, about to dial `peer`.
    pub(super) fn new(secret: u8, peer: HostId, pattern: Pattern, offer: &Parameters) -> Self {
        Self::with([secret; 32], [secret; 32], peer, pattern, offer)
    }

    /// One of as many as are wanted.
    pub(super) fn numbered(number: u32, peer: HostId, pattern: Pattern) -> Self {
        let mut secret = [0x77; 32];
        secret[..4].copy_from_slice(&number.to_be_bytes());
        Self::with(secret, secret, peer, pattern, &Parameters::default())
    }

    /// One of many processes with one identity, each in an instance of its own.
    pub(super) fn process(number: u32, peer: HostId, pattern: Pattern) -> Self {
        let mut ephemeral = [0x66; 32];
        ephemeral[..4].copy_from_slice(&number.to_be_bytes());
        let instance = Instance::new(u64::from(number + 1).to_be_bytes());
        let offer = Parameters { instance, ..Parameters::default() };
        Self::with([0x44; 32], ephemeral, peer, pattern, &offer)
    }

    fn with(
        secret: [u8; 32],
        ephemeral: [u8; 32],
        peer: HostId,
        pattern: Pattern,
        offer: &Parameters,
    ) -> Self {
        let crypto = RustCrypto::new(InsecureFixedRng::new(9));
        let statics = KeyPair::from_secret(&crypto, &secret);
        let call = Call {
            pattern,
            path: NOWHERE,
            statics: &statics,
            peer: Some(peer).filter(|_| pattern != Pattern::Xx),
            parameters: offer,
            channel: ChannelId::new(0x7777_7777).unwrap(),
            ephemeral: &ephemeral.map(|byte| byte ^ 0x55),
        };
        let initiator = Initiator::new(&crypto, Instant::ZERO, &call).unwrap();
        Self { crypto, statics, peer, initiator, ready: None, number: 1 }
    }

    pub(super) fn id(&self) -> HostId {
        HostId::new(*self.statics.public())
    }

    /// The host that it dials.
    pub(super) const fn peer(&self) -> HostId {
        self.peer
    }

    pub(super) fn init(&mut self) -> Vec<u8> {
        let mut out = vec![0; 1200];
        let len = self.initiator.write_init(Instant::ZERO, NOWHERE, &mut out).unwrap();
        out.truncate(len);
        out
    }

    /// Takes a COOKIE: the next INIT has it.
    pub(super) fn take_cookie(&mut self, cookie: &[u8]) {
        self.initiator.handle_cookie(NOWHERE, cookie).unwrap();
    }

    /// Takes the REPLY, and makes FINISH with that payload; empty in IK.
    pub(super) fn finish(&mut self, reply: &[u8], payload: &[u8]) -> Vec<u8> {
        self.initiator.handle_reply(&self.crypto, Instant::ZERO, NOWHERE, reply).unwrap();
        let mut out = vec![0; 1200];
        let (ready, len) = self.initiator.agree_and_seal(&self.crypto, payload, &mut out).unwrap();
        self.ready = Some(ready);
        out.truncate(len);
        out
    }

    /// A sealed packet with that payload.
    pub(super) fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        let ready = self.ready.as_ref().unwrap();
        let header = SealedHeader::new(false, ready.peer_channel, self.number, self.number);
        let mut packet = vec![0; header.encoded_len()];
        header.encode(&mut Writer::new(&mut packet)).unwrap();
        let mut body = payload.to_vec();
        let (aead, nonce) = self.keys(&ready.split.initiator_to_responder, self.number);
        let tag = aead.seal(&nonce, &packet, &mut body).unwrap();
        self.number += 1;
        packet.extend_from_slice(&body);
        packet.extend_from_slice(&tag);
        packet
    }

    /// What a sealed packet of the host holds.
    pub(super) fn open(&self, packet: &[u8]) -> Vec<u8> {
        let ready = self.ready.as_ref().unwrap();
        let header = SealedHeader::parse(packet).unwrap();
        assert_eq!(header.channel, ready.channel);
        let (aead, nonce) = self.keys(&ready.split.responder_to_initiator, header.widen(0));
        let (head, sealed) = packet.split_at(header.encoded_len());
        let (body, tag) = sealed.split_last_chunk().unwrap();
        let mut body = body.to_vec();
        aead.open(&nonce, head, &mut body, tag).expect("opens");
        body
    }

    fn keys(&self, split: &[u8; 32], number: u64) -> (impl Aead + use<>, [u8; 12]) {
        let suite = self.ready.as_ref().unwrap().suite;
        let secret = kdf::expand_label(split, b"sst secret", &[u8::from(suite)]);
        let key = kdf::expand_label(&secret, b"sst key", b"");
        let iv = kdf::expand_label(&secret, b"sst iv", b"");
        let mut nonce: [u8; 12] = iv[..12].try_into().unwrap();
        for (byte, part) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= part;
        }
        (self.crypto.aead(suite, &key).unwrap(), nonce)
    }
}

/// The frames, one after the other.
pub(super) fn payload(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut out = vec![0; 4000];
    let mut writer = Writer::new(&mut out);
    for frame in frames {
        frame.encode(&mut writer).unwrap();
    }
    writer.written().to_vec()
}

/// The frame by which `peer` opens a stream, its `counter`th, from the root.
pub(super) fn opening(peer: &RawPeer, counter: u64) -> Frame<'static> {
    let side = Side::of(&peer.id(), &peer.peer(), true);
    let id = StreamId::new(counter, side).unwrap();
    let attributes = Attributes::default();
    let open = Some(Open { parent: StreamId::ROOT, attributes, priority: None });
    Frame::Stream(StreamFrame { id, offset: 0, data: b"", mark: false, fin: false, open })
}
