//! [`Peer`]: a peer that is no host: it dials as it must, then seals whatever it is told to.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use sst_nostd::crypto::{Aead, KEY_LEN, KeyPair, kdf};
use sst_nostd::negotiation::{Call, Initiator, Ready};
use sst_nostd::noise::Pattern;
use sst_nostd::wire::{Frame, MAX_FRAMES, Parameters, SealedHeader};
use sst_nostd::{ChannelId, Crypto, HostId, Instant, Path, Side, Writer};
use sst_std::{AwsLc, AwsLcAead, AwsLcSecret};

/// How long an answer may take before the INIT goes again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
const MAX_TRIES: usize = 20;
/// What every path takes.
const PACKET_LEN: usize = 1_200;
const TAG_LEN: usize = 16;
/// What a dial takes the server's address to be: the socket knows the true one.
const THERE: Path =
    Path { local: None, peer: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1)) };

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// A dial that has not been answered.
pub(crate) struct Dial {
    crypto: AwsLc,
    initiator: Initiator<AwsLcSecret>,
    id: HostId,
    server: HostId,
}

/// A peer whose session is up.
pub(crate) struct Peer {
    aead: AwsLcAead,
    iv: [u8; 12],
    channel: ChannelId,
    pub(crate) side: Side,
    number: u64,
}

impl Dial {
    /// With an identity and a key that are new.
    pub(crate) fn new(server: HostId) -> Result<Self, Failure> {
        Self::offering(server, &Parameters::default())
    }

    /// The same, that promises the server what the parameters say.
    pub(crate) fn offering(server: HostId, parameters: &Parameters) -> Result<Self, Failure> {
        let mut crypto = AwsLc::new();
        let mut random = [0; 2 * KEY_LEN + 4];
        crypto.random(&mut random).map_err(|_| "no randomness")?;
        let (secret, rest) = random.split_first_chunk().ok_or("short")?;
        let (ephemeral, number) = rest.split_first_chunk().ok_or("short")?;
        let number = u32::from_be_bytes(number.try_into()?);
        let statics = KeyPair::from_secret(&crypto, secret);
        let call = Call {
            pattern: Pattern::Xk,
            path: THERE,
            statics: &statics,
            peer: Some(server),
            parameters,
            channel: ChannelId::new(number | 1).ok_or("zero")?,
            ephemeral,
        };
        let initiator = Initiator::new(&crypto, Instant::ZERO, &call)
            .map_err(|error| format!("no call: {error:?}"))?;
        let id = HostId::new(*statics.public());
        Ok(Self { crypto, initiator, id, server })
    }

    /// The INIT, with the cookie if one came.
    pub(crate) fn init(&mut self) -> Vec<u8> {
        let mut out = vec![0; PACKET_LEN];
        let len = self.initiator.write_init(Instant::ZERO, THERE, &mut out).unwrap_or(0);
        out.truncate(len);
        out
    }

    /// True if the packet was a cookie for this dial.
    pub(crate) fn take_cookie(&mut self, packet: &[u8]) -> bool {
        self.initiator.handle_cookie(THERE, packet).is_ok()
    }

    /// True if the packet was the REPLY to this dial.
    fn take_reply(&mut self, packet: &[u8]) -> bool {
        self.initiator.handle_reply(&self.crypto, Instant::ZERO, THERE, packet).is_ok()
    }

    /// Negotiates to the end.
    pub(crate) fn finish(mut self, socket: &UdpSocket, to: SocketAddr) -> Result<Peer, Failure> {
        let mut buffer = [0; 2_000];
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        for _ in 0..MAX_TRIES {
            socket.send_to(&self.init(), to)?;
            while let Ok((len, _)) = socket.recv_from(&mut buffer) {
                if self.take_cookie(&buffer[..len]) {
                    socket.send_to(&self.init(), to)?;
                } else if self.take_reply(&buffer[..len]) {
                    return self.confirm(socket, to);
                }
            }
        }
        Err("the server does not answer".into())
    }

    fn confirm(mut self, socket: &UdpSocket, to: SocketAddr) -> Result<Peer, Failure> {
        let mut finish = [0; PACKET_LEN];
        let (ready, len) = self
            .initiator
            .agree_and_seal(&self.crypto, &[], &mut finish)
            .map_err(|error| format!("no FINISH: {error:?}"))?;
        socket.send_to(&finish[..len], to)?;
        let side = Side::of(&self.id, &self.server, true);
        Peer::new(&self.crypto, &ready, side)
    }
}

impl Peer {
    fn new(crypto: &AwsLc, ready: &Ready, side: Side) -> Result<Self, Failure> {
        let split = &ready.split.initiator_to_responder;
        let secret = kdf::expand_label(split, b"sst secret", &[u8::from(ready.suite)]);
        let key = kdf::expand_label(&secret, b"sst key", b"");
        let iv = kdf::expand_label(&secret, b"sst iv", b"");
        let aead = crypto.aead(ready.suite, &key).ok_or("no such cipher")?;
        let iv = *iv.first_chunk().ok_or("short")?;
        Ok(Self { aead, iv, channel: ready.peer_channel, side, number: 1 })
    }

    /// A packet with as many of the frames as it takes; they are taken from the iterator.
    pub(crate) fn packet<'f>(&mut self, frames: impl Iterator<Item = Frame<'f>>) -> Vec<u8> {
        let header = SealedHeader::new(false, self.channel, self.number, 0);
        let mut buffer = [0; PACKET_LEN - TAG_LEN];
        let mut writer = Writer::new(&mut buffer);
        let head_len = header.encoded_len();
        let mut len = usize::from(header.encode(&mut writer).is_ok()) * head_len;
        for frame in frames.take(MAX_FRAMES) {
            if frame.encode(&mut writer).is_err() || writer.remaining_len() < 64 {
                break;
            }
            len = writer.written().len();
        }
        let mut packet = writer.written()[..len.max(head_len)].to_vec();
        let (head, body) = packet.split_at_mut(head_len);
        let tag = self.aead.seal(&self.nonce(), head, body).unwrap_or_default();
        packet.extend_from_slice(&tag);
        self.number += 1;
        packet
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, part) in nonce.iter_mut().rev().zip(self.number.to_le_bytes()) {
            *byte ^= part;
        }
        nonce
    }
}
