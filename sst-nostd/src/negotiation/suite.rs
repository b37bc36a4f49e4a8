//! Which cipher seals a channel: offered by the initiator, chosen by the responder.

use crate::crypto::{Crypto, Suite};
use crate::wire::Suites;
use crate::wire::TransportCode;

const CHACHA: u8 = Suite::ChaCha20Poly1305 as u8;
const AES: u8 = Suite::Aes256Gcm as u8;

/// What an initiator offers, the one it likes best first.
#[must_use]
pub fn offered_suites(crypto: &impl Crypto) -> Suites {
    let offer = match (crypto.supports(Suite::Aes256Gcm), crypto.prefers_aes()) {
        (true, true) => Suites::new(&[AES, CHACHA]),
        (true, false) => Suites::new(&[CHACHA, AES]),
        (false, _) => None,
    };
    offer.unwrap_or_default()
}

/// What a responder chooses from an offer: AES if both ends like it best, or if the initiator has
/// nothing else; otherwise ChaCha20-Poly1305, which is fast and constant-time everywhere.
///
/// # Errors
/// [`TransportCode::SUITE`] if there is nothing in common.
pub fn choose_suite(crypto: &impl Crypto, offer: &Suites) -> Result<Suite, TransportCode> {
    let has_aes = crypto.supports(Suite::Aes256Gcm);
    let offered = offer.as_slice();
    if has_aes && crypto.prefers_aes() && offered.first() == Some(&AES) {
        return Ok(Suite::Aes256Gcm);
    }
    if offered.contains(&CHACHA) {
        return Ok(Suite::ChaCha20Poly1305);
    }
    if has_aes && offered.contains(&AES) {
        return Ok(Suite::Aes256Gcm);
    }
    Err(TransportCode::SUITE)
}

/// The suite of that number, if it was offered and is to be had.
pub(super) fn accepted_suite(crypto: &impl Crypto, offer: &Suites, number: u8) -> Option<Suite> {
    let suite = Suite::try_from(number).ok()?;
    (offer.as_slice().contains(&number) && crypto.supports(suite)).then_some(suite)
}
