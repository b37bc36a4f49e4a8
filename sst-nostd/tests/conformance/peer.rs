//! A peer that says whatever a row of the table has it say, in either role of XK, with suite 1.

use sst_nostd::crypto::{Aead, InsecureFixedRng, KeyPair, kdf};
use sst_nostd::noise::{Handshake, Pattern, Role};
use sst_nostd::wire::SealedHeader;
use sst_nostd::wire::negotiation::{Finish, Init};
use sst_nostd::wire::parameters::channel_in;
use sst_nostd::{ChannelId, Crypto, HostId, RustCrypto, Suite, Writer};

/// How the peer names its channel.
const CHANNEL: [u8; 4] = [0x11, 0x22, 0x33, 0x44];
const EPHEMERAL: [u8; 32] = [0x5e; 32];

pub(crate) struct Peer {
    crypto: RustCrypto<InsecureFixedRng>,
    statics: KeyPair,
    handshake: Option<Handshake>,
    /// The host's name of the channel.
    host_channel: Option<ChannelId>,
    number: u64,
}

impl Peer {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        let crypto = RustCrypto::new(InsecureFixedRng::new(1));
        let statics = KeyPair::from_secret(&crypto, &secret);
        Self { crypto, statics, handshake: None, host_channel: None, number: 1 }
    }

    pub(crate) fn id(&self) -> HostId {
        HostId::new(*self.statics.public())
    }

    fn begin(&mut self, role: Role, prologue: &[u8], peer: Option<HostId>) {
        let peer = peer.map(|peer| *peer.as_bytes());
        let parts = [b"SST1".as_slice(), prologue];
        let handshake =
            Handshake::new(Pattern::Xk, role, &parts, &self.statics, EPHEMERAL, peer).unwrap();
        self.handshake = Some(handshake);
    }

    fn write(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0; payload.len() + 200];
        let handshake = self.handshake.as_mut().expect("begun");
        let len = handshake.write_message(&self.crypto, payload, &mut out).expect("written");
        out.truncate(len);
        out
    }

    fn read(&mut self, message: &[u8]) -> Vec<u8> {
        let mut out = vec![0; message.len()];
        let handshake = self.handshake.as_mut().expect("begun");
        let len = handshake.read_message(&self.crypto, message, &mut out).expect("read");
        out.truncate(len);
        out
    }

    /// An INIT to `host` with this list of parameters.
    pub(crate) fn init(&mut self, host: &HostId, list: &[u8]) -> Vec<u8> {
        let len = (list.len() + 48) as u16;
        let mut packet = vec![0xc1, 1, 1, 0];
        packet.extend(CHANNEL);
        packet.extend(len.to_be_bytes());
        self.begin(Role::Initiator, &packet, Some(*host));
        packet.extend(self.write(list));
        packet.resize(packet.len().max(480) + 16, 0);
        let key = kdf::hash(&[b"SST1 check", host.as_bytes()]);
        let check = kdf::mac16(&key, &[&packet]);
        packet.extend(check);
        packet
    }

    /// The list in a REPLY.
    pub(crate) fn on_reply(&mut self, packet: &[u8]) -> Vec<u8> {
        assert_eq!(packet[..5], [[0xc2].as_slice(), &CHANNEL].concat());
        let (covered, check) = packet.split_last_chunk().expect("a check");
        assert_eq!(*check, kdf::mac16(&self.reply_key(), &[covered]));
        let list = self.read(&covered[5..]);
        self.host_channel = channel_in(&list);
        list
    }

    pub(crate) fn finish(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0xc3];
        packet.extend(self.host_channel.expect("named").to_bytes());
        packet.extend(self.write(payload));
        packet
    }

    /// The REPLY with this list to an INIT.
    pub(crate) fn reply(&mut self, packet: &[u8], list: &[u8]) -> Vec<u8> {
        let init = Init::parse(packet).expect("an INIT");
        self.begin(Role::Responder, &init.prologue(), None);
        self.read(init.noise);
        let mut reply = vec![0xc2];
        reply.extend(init.channel.to_bytes());
        let key = self.reply_key();
        reply.extend(self.write(list));
        let check = kdf::mac16(&key, &[&reply]);
        reply.extend(check);
        reply
    }

    /// The key of a REPLY's check.
    fn reply_key(&self) -> [u8; 32] {
        self.handshake.as_ref().expect("begun").side_key(b"SST1 reply")
    }

    /// The frames in a FINISH.
    pub(crate) fn on_finish(&mut self, packet: &[u8]) -> Vec<u8> {
        let finish = Finish::parse(packet).expect("a FINISH");
        self.read(finish.noise)
    }

    /// A sealed packet with these frames, and its number.
    pub(crate) fn seal(&mut self, payload: &[u8]) -> (Vec<u8>, u64) {
        let number = self.number;
        self.number += 1;
        let header = SealedHeader::new(false, self.host_channel.expect("named"), number, 0);
        let mut packet = vec![0; header.encoded_len()];
        header.encode(&mut Writer::new(&mut packet)).expect("fits");
        let (aead, nonce) = self.keys(true, number);
        let mut body = payload.to_vec();
        let tag = aead.seal(&nonce, &packet, &mut body).expect("sealed");
        packet.extend(body);
        packet.extend(tag);
        (packet, number)
    }

    /// The frames in a sealed packet, and its number.
    pub(crate) fn open(&self, packet: &[u8]) -> (Vec<u8>, u64) {
        let header = SealedHeader::parse(packet).expect("sealed");
        assert_eq!(header.channel.to_bytes(), CHANNEL);
        let number = header.widen(0);
        let (head, sealed) = packet.split_at(header.encoded_len());
        let (body, tag) = sealed.split_last_chunk().expect("a tag");
        let mut body = body.to_vec();
        let (aead, nonce) = self.keys(false, number);
        aead.open(&nonce, head, &mut body, tag).expect("opens");
        (body, number)
    }

    fn keys(&self, is_mine: bool, number: u64) -> (impl Aead + use<>, [u8; 12]) {
        let handshake = self.handshake.as_ref().expect("begun");
        let split = handshake.split().expect("finished");
        let key = if is_mine { split.initiator_to_responder } else { split.responder_to_initiator };
        let secret = kdf::expand_label(&key, b"sst secret", &[1]);
        let key = kdf::expand_label(&secret, b"sst key", b"");
        let iv = kdf::expand_label(&secret, b"sst iv", b"");
        let mut nonce: [u8; 12] = iv[..12].try_into().expect("long enough");
        for (byte, part) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= part;
        }
        (self.crypto.aead(Suite::ChaCha20Poly1305, &key).expect("suite 1"), nonce)
    }
}
