//! [`CookieJar`]: proof that an initiator receives at the address it sends from.
//!
//! A cookie is a tag over the address and the initiator's ephemeral key, under a secret that is
//! replaced every 15 seconds. Nothing is kept for a cookie made. Source: `docs/PROTOCOL.md`
//! section 5.5.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use zeroize::Zeroize;

use crate::crypto::{Crypto, KEY_LEN, RandomError, kdf};
use crate::negotiation::limits::COOKIE_ROTATION;
use crate::time::{Instant, micros};
use crate::wire::negotiation::COOKIE_LEN;

/// Makes and knows again the cookies of one host. Its secrets are erased when dropped.
#[derive(Default)]
pub struct CookieJar {
    /// Of the latest period in which a cookie was asked for: an idle host has nothing to rotate.
    current: Option<Secret>,
    /// Of the period just before that one.
    previous: Option<Secret>,
}

/// The secret of one period of 15 seconds, counted from the caller's origin of time.
struct Secret {
    period: u64,
    bytes: [u8; KEY_LEN],
}

impl CookieJar {
    /// A jar without secrets: they come when they are needed.
    #[must_use]
    pub const fn new() -> Self {
        Self { current: None, previous: None }
    }

    /// The cookie, now, of an initiator at this address with this ephemeral key.
    ///
    /// # Errors
    /// [`RandomError`] if a new secret is due and there is no randomness for it.
    pub fn make(
        &mut self,
        crypto: &mut impl Crypto,
        now: Instant,
        from: SocketAddr,
        ephemeral: &[u8; 32],
    ) -> Result<[u8; COOKIE_LEN], RandomError> {
        self.turn(crypto, now)?;
        self.current.as_ref().map(|secret| secret.make(from, ephemeral)).ok_or(RandomError)
    }

    /// True if `cookie` was made for this initiator within this period of 15 seconds or the one
    /// before.
    #[must_use]
    pub fn is_valid(
        &self,
        now: Instant,
        from: SocketAddr,
        ephemeral: &[u8; 32],
        cookie: &[u8; COOKIE_LEN],
    ) -> bool {
        let [first, ..] = cookie;
        let now = self.latest(now);
        // The cookie says the parity of its period, so that one tag is computed, not two.
        let secrets = [self.current.as_ref(), self.previous.as_ref()].into_iter().flatten();
        let mut secrets = secrets.filter(|secret| {
            let is_young = now.saturating_sub(secret.period) <= 1;
            is_young && u64::from(first & 1) == secret.period & 1
        });
        let secret = secrets.next();
        secret.is_some_and(|secret| kdf::equal(&secret.make(from, ephemeral), cookie))
    }

    fn turn(&mut self, crypto: &mut impl Crypto, now: Instant) -> Result<(), RandomError> {
        let now = self.latest(now);
        let age = self.current.as_ref().map(|secret| now.saturating_sub(secret.period));
        if age == Some(0) {
            return Ok(());
        }
        let mut next = Secret { period: now, bytes: [0; KEY_LEN] };
        crypto.random(&mut next.bytes)?;
        self.previous = self.current.take().filter(|_| age == Some(1));
        self.current = Some(next);
        Ok(())
    }

    /// The period of `now`, or of the latest secret if the clock went back.
    fn latest(&self, now: Instant) -> u64 {
        let period = now.as_micros().checked_div(micros(COOKIE_ROTATION)).unwrap_or(0);
        self.current.as_ref().map_or(period, |secret| period.max(secret.period))
    }
}

impl Secret {
    fn make(&self, from: SocketAddr, ephemeral: &[u8; 32]) -> [u8; COOKIE_LEN] {
        let address = match from.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let port = from.port().to_be_bytes();
        // On two links the same address may be two hosts.
        let scope = match from {
            SocketAddr::V6(from) if from.scope_id() != 0 => Some(from.scope_id().to_be_bytes()),
            _ => None,
        };
        let scope = scope.as_ref().map_or(&[][..], |scope| scope);
        let mut cookie = kdf::mac16(&self.bytes, &[&address.octets(), &port, ephemeral, scope]);
        let [first, ..] = &mut cookie;
        *first = *first & !1 | (self.period & 1) as u8;
        cookie
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CookieJar(..)")
    }
}

#[cfg(all(test, feature = "rustcrypto"))]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;
    use crate::crypto::fixtures::{NoRandomness, bytes, key};
    use crate::negotiation::tests::pair::Numbers;
    use crate::time::Duration;

    const EPHEMERAL: [u8; 32] = [3; 32];

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    fn from(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// A jar, and the cookie that it makes at `seconds` for 192.0.2.1:40000.
    fn made(seconds: u64) -> (CookieJar, [u8; COOKIE_LEN]) {
        let mut jar = CookieJar::new();
        let mut crypto = RustCrypto::new(Numbers(5));
        let cookie = jar.make(&mut crypto, at(seconds), from("192.0.2.1:40000"), &EPHEMERAL);
        (jar, cookie.unwrap())
    }

    /// The worked examples of docs/PROTOCOL.md: IPv4, IPv6, and an address with a scope.
    #[test]
    fn cookies_cover_the_address_its_port_and_its_scope() {
        const FILE: &str = include_str!("../../tests/vectors/protocol/section_05_cookie.json");
        let file: serde_json::Value = serde_json::from_str(FILE).unwrap();
        let secret = Secret {
            bytes: key(file["cookie"]["secret"].as_str().unwrap()),
            period: file["cookie"]["epoch"].as_u64().unwrap(),
        };
        let ephemeral = key(file["cookie"]["ephemeral"].as_str().unwrap());
        let entries = file["cookies"].as_array().unwrap();
        assert_eq!(entries.len(), 3);
        for entry in entries {
            let part = |name: &str| bytes(entry[name].as_str().unwrap());
            let octets: [u8; 16] = part("address").try_into().unwrap();
            let address = core::net::Ipv6Addr::from(octets);
            let scope = part("scope").try_into().map_or(0, u32::from_be_bytes);
            let port = entry["port"].as_u64().unwrap() as u16;
            let from = match address.to_ipv4_mapped() {
                Some(address) => SocketAddr::from((address, port)),
                None => core::net::SocketAddrV6::new(address, port, 0, scope).into(),
            };
            assert_eq!(secret.make(from, &ephemeral).to_vec(), part("cookie"), "{from}");
        }
    }

    // Spec: R-5.5-1, R-13.9-1.
    #[test]
    fn a_cookie_lives_for_two_periods_and_no_longer() {
        let here = from("192.0.2.1:40000");
        for seconds in [0, 7, 15, 29, 1000] {
            let end = (seconds / 15 + 2) * 15;
            assert!(end - seconds >= 15 && end - seconds <= 30);
            // A quiet host keeps its secret, a busy one replaces it: the end is the same.
            for is_busy in [false, true] {
                let (mut jar, cookie) = made(seconds);
                let mut crypto = RustCrypto::new(Numbers(6));
                for later in seconds..seconds + 120 {
                    if is_busy {
                        jar.make(&mut crypto, at(later), here, &[9; 32]).unwrap();
                    }
                    let is_valid = jar.is_valid(at(later), here, &EPHEMERAL, &cookie);
                    assert_eq!(is_valid, later < end, "{seconds} {later} {is_busy}");
                }
            }
        }
    }

    // Spec: R-13.9-1.
    #[test]
    fn a_cookie_is_for_one_address_port_and_ephemeral_key() {
        let here = from("192.0.2.1:40000");
        let (jar, cookie) = made(3);
        assert!(jar.is_valid(at(4), here, &EPHEMERAL, &cookie));
        let (mut jar, mut crypto) = (jar, RustCrypto::new(Numbers(6)));
        let scoped = jar.make(&mut crypto, at(3), from("[fe80::1%2]:40000"), &EPHEMERAL).unwrap();
        assert!(jar.is_valid(at(4), from("[fe80::1%2]:40000"), &EPHEMERAL, &scoped));
        for other in ["[fe80::1%3]:40000", "[fe80::1]:40000"] {
            assert!(
                !jar.is_valid(at(4), from(other), &EPHEMERAL, &scoped),
                "another link: {other}"
            );
        }
        for other in ["192.0.2.2:40000", "192.0.2.1:40001", "[2001:db8::1]:40000"] {
            assert!(!jar.is_valid(at(4), from(other), &EPHEMERAL, &cookie), "{other}");
        }
        assert!(!jar.is_valid(at(4), here, &[4; 32], &cookie));
        assert!(jar.is_valid(at(4), from("[::ffff:192.0.2.1]:40000"), &EPHEMERAL, &cookie));
        for bit in 0..128 {
            let mut wrong = cookie;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!jar.is_valid(at(4), here, &EPHEMERAL, &wrong), "{bit}");
        }
        assert!(!CookieJar::new().is_valid(at(4), here, &EPHEMERAL, &cookie));
    }

    // Spec: R-5.5-1.
    #[test]
    fn every_period_has_a_secret_of_its_own_even_if_the_clock_goes_back() {
        let here = from("192.0.2.1:40000");
        let (mut jar, first) = made(100);
        let mut crypto = RustCrypto::new(Numbers(6));
        let mut make = |seconds| jar.make(&mut crypto, at(seconds), here, &EPHEMERAL).unwrap();
        assert_eq!(make(90), first);
        assert_eq!(make(20), first);
        assert_ne!(make(105), first);
        assert_ne!(make(120), first, "the parity is the same again");
    }

    #[test]
    fn without_randomness_there_are_no_cookies() {
        let mut crypto = RustCrypto::new(NoRandomness);
        let made = CookieJar::new().make(&mut crypto, at(1), from("192.0.2.1:1"), &EPHEMERAL);
        assert_eq!(made, Err(RandomError));
    }

    /// The worked example of `docs/PROTOCOL.md`.
    #[test]
    fn the_cookie_of_the_worked_example() {
        let secret = key("6c6cb976fa4de1d8663802ce454f2c20522c2c1266972935fea9c1b25dd8ce95");
        let ephemeral = key("66f5b3df0b6ba8e28b3308ee8c457f8b790315f5e8945a50e543e98066418898");
        let cookie = Secret { period: 7, bytes: secret }.make(from("192.0.2.33:40000"), &ephemeral);
        assert_eq!(cookie[..], bytes("59960f57e76732aea416b0fbe8d3b780"));
    }
}
