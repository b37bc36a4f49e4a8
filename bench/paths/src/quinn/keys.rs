//! Keys for quinn-proto that everyone knows: packets and their headers are protected by the cipher
//! that is asked for, or by none.

use aws_lc_rs::aead::quic::{AES_256, CHACHA20, HeaderProtectionKey};
use bytes::BytesMut;
use quinn_proto::crypto::{
    AeadKey, CryptoError, HandshakeTokenKey, HeaderKey, HmacKey, KeyPair, Keys, PacketKey,
};
use sst_nostd::crypto::{Aead, Crypto, KEY_LEN, NONCE_LEN, Suite, TAG_LEN};
use sst_std::AwsLc;

const KEY: [u8; KEY_LEN] = [7; KEY_LEN];
/// Bytes of a packet that its header's mask depends on.
const SAMPLE_LEN: usize = 16;
/// Bytes that a packet number is long at most.
const MAX_NUMBER_LEN: usize = 4;

/// Seals packets.
struct Packets(Option<<AwsLc as Crypto>::Aead>);

/// Masks headers.
struct Headers(Option<HeaderProtectionKey>);

/// Signs and seals what no one reads.
pub(super) struct Opaque;

/// The keys of a packet number space.
pub(super) fn keys(suite: Option<Suite>) -> Keys {
    let header = || -> Box<dyn HeaderKey> { Box::new(Headers(suite.and_then(header_key))) };
    Keys { header: KeyPair { local: header(), remote: header() }, packet: packet_keys(suite) }
}

/// The keys of packets alone.
pub(super) fn packet_keys(suite: Option<Suite>) -> KeyPair<Box<dyn PacketKey>> {
    let aead = || suite.and_then(|suite| AwsLc::new().aead(suite, &KEY));
    KeyPair { local: Box::new(Packets(aead())), remote: Box::new(Packets(aead())) }
}

fn header_key(suite: Suite) -> Option<HeaderProtectionKey> {
    let algorithm = match suite {
        Suite::Aes256Gcm => &AES_256,
        Suite::ChaCha20Poly1305 => &CHACHA20,
    };
    HeaderProtectionKey::new(algorithm, &KEY).ok()
}

impl PacketKey for Packets {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let (header, rest) = buf.split_at_mut(header_len);
        let (text, slot) = rest.split_at_mut(rest.len() - TAG_LEN);
        let tag = match &self.0 {
            Some(aead) => aead.seal(&nonce(packet), header, text).unwrap_or_default(),
            None => [0; TAG_LEN],
        };
        slot.copy_from_slice(&tag);
    }

    fn decrypt(
        &self,
        packet: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), CryptoError> {
        let len = payload.len().checked_sub(TAG_LEN).ok_or(CryptoError)?;
        if let Some(aead) = &self.0 {
            let (text, tag) = payload.split_last_chunk_mut().ok_or(CryptoError)?;
            aead.open(&nonce(packet), header, text, tag).map_err(|_| CryptoError)?;
        }
        payload.truncate(len);
        Ok(())
    }

    fn tag_len(&self) -> usize {
        TAG_LEN
    }

    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }

    fn integrity_limit(&self) -> u64 {
        u64::MAX
    }
}

impl HeaderKey for Headers {
    fn decrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        let Some(mask) = self.mask(pn_offset, packet) else { return };
        unmask_first(packet, mask);
        mask_number(pn_offset, packet, mask);
    }

    fn encrypt(&self, pn_offset: usize, packet: &mut [u8]) {
        let Some(mask) = self.mask(pn_offset, packet) else { return };
        mask_number(pn_offset, packet, mask);
        unmask_first(packet, mask);
    }

    fn sample_size(&self) -> usize {
        SAMPLE_LEN
    }
}

impl Headers {
    fn mask(&self, pn_offset: usize, packet: &[u8]) -> Option<[u8; 5]> {
        let sample = packet.get(pn_offset + MAX_NUMBER_LEN..)?.get(..SAMPLE_LEN)?;
        self.0.as_ref()?.new_mask(sample).ok()
    }
}

/// Masks the bits of the first byte that are masked, or unmasks them.
fn unmask_first(packet: &mut [u8], mask: [u8; 5]) {
    let is_long = packet[0] & 0x80 != 0;
    packet[0] ^= mask[0] & if is_long { 0x0f } else { 0x1f };
}

/// Masks a packet number, or unmasks it; the first byte, which has its length, is in the clear.
fn mask_number(pn_offset: usize, packet: &mut [u8], mask: [u8; 5]) {
    let len = usize::from(packet[0] & 3) + 1;
    for (byte, mask) in packet[pn_offset..pn_offset + len].iter_mut().zip(&mask[1..]) {
        *byte ^= mask;
    }
}

fn nonce(packet: u64) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&packet.to_be_bytes());
    nonce
}

impl HmacKey for Opaque {
    /// Tokens of connection ids differ, and are no end of a packet.
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.fill(0xa5);
        for (out, byte) in signature_out.iter_mut().zip(data) {
            *out ^= byte;
        }
    }

    fn signature_len(&self) -> usize {
        KEY_LEN
    }

    fn verify(&self, _data: &[u8], _signature: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}

impl HandshakeTokenKey for Opaque {
    fn aead_from_hkdf(&self, _random_bytes: &[u8]) -> Box<dyn AeadKey> {
        Box::new(Self)
    }
}

impl AeadKey for Opaque {
    fn seal(&self, _data: &mut Vec<u8>, _additional_data: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }

    fn open<'a>(
        &self,
        data: &'a mut [u8],
        _additional_data: &[u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        Ok(data)
    }
}
