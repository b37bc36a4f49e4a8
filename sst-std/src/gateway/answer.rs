//! [`Answerer`]: from a page's offer to a WebRTC connection that waits for the page.
//!
//! The gateway is *ICE lite*: it answers checks and never sends one. So an offer cannot make it
//! send to an address of somebody else's choice, and the candidates in the offer, whether they are
//! addresses or names that only the page's network knows, are not needed and not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::crypto::from_feature_flags;
use str0m::{Candidate, Rtc, RtcConfig};

use super::error::GatewayError;
use super::settings::MAX_PACKET_BYTES;

/// Bytes that wait in a data channel or travel unacknowledged; what comes on top is dropped. It
/// bounds a channel to this much in a round trip (35 Mbit/s at 30 ms), and the delay that a full
/// queue adds to what it takes to send this much. SST sees the drops and slows down.
pub(super) const DEEP_BYTES: usize = 128 * 1_024;

/// A packet of [`MAX_PACKET_BYTES`] is one chunk of SCTP in one record of DTLS: 77 bytes more.
/// Otherwise each would travel as two, and be lost twice as often.
const MAX_UDP_BYTES: usize = 1_400;
const _: () = assert!(MAX_PACKET_BYTES + 100 < MAX_UDP_BYTES);

/// Makes connections, all with one certificate that lives as long as the gateway.
pub(super) struct Answerer {
    config: RtcConfig,
}

impl Answerer {
    pub(super) fn new() -> Result<Self, GatewayError> {
        let crypto: CryptoProvider = from_feature_flags();
        let certificate: DtlsCert = (crypto.dtls_provider.generate_certificate())
            .ok_or_else(|| GatewayError::Certificate { problem: "not supported".into() })?;
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::new(crypto))
            .set_dtls_cert(certificate)
            .set_ice_lite(true)
            .clear_codecs()
            .set_mtu(MAX_UDP_BYTES..=usize::MAX)
            .set_sctp_max_buffered_amount(DEEP_BYTES);
        Ok(Self { config })
    }

    /// A connection for the page that made `offer`, which finds it at `addresses`; and the answer.
    ///
    /// # Errors
    /// What is wrong with the offer.
    pub(super) fn answer(
        &self,
        offer: &str,
        addresses: impl Iterator<Item = SocketAddr>,
        now: Instant,
    ) -> Result<(Rtc, String), String> {
        let offer = readable(offer)?;
        let offer = SdpOffer::from_sdp_string(&offer).map_err(|error| error.to_string())?;
        let mut rtc = self.config.clone().build(now);
        for address in addresses {
            let candidate = Candidate::host(address, "udp").map_err(|error| error.to_string())?;
            if rtc.add_local_candidate(candidate).is_none() {
                return Err(format!("{address} cannot be offered to a page"));
            }
        }
        let answer = rtc.sdp_api().accept_offer(offer).map_err(|error| error.to_string())?;
        Ok((rtc, answer.to_sdp_string()))
    }
}

/// An offer of one data channel and nothing else, without its candidates.
fn readable(offer: &str) -> Result<String, String> {
    if !offer.starts_with("v=0") {
        return Err("it is not SDP".into());
    }
    let mut media = offer.lines().filter(|line| line.starts_with("m="));
    let is_channel = media.next().is_some_and(|line| line.starts_with("m=application "));
    if !is_channel || media.next().is_some() {
        return Err("it must offer a data channel and nothing else".into());
    }
    let kept = offer.lines().filter(|line| !line.starts_with("a=candidate:"));
    Ok(kept.flat_map(|line| [line, "\r\n"]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_not_read() {
        let offer = "v=0\r\nm=application 9 x\r\na=candidate:1 1 udp 1 abc.local 9 typ host\r\n";
        assert_eq!(readable(offer).unwrap(), "v=0\r\nm=application 9 x\r\n");
    }

    #[test]
    fn only_a_data_channel_is_answered() {
        for offer in ["", "hello", "v=0\r\n", "v=0\r\nm=audio 9 x\r\n"] {
            assert!(readable(offer).is_err(), "{offer}");
        }
        assert!(readable("v=0\r\nm=application 9 x\r\nm=video 9 x\r\n").is_err());
    }
}
