//! [`CookieJar`]: proof that an initiator receives at the address it sends from.
//!
//! A cookie is a tag over the address and the initiator's ephemeral key, under a secret that
//! changes every 15 seconds. The secret of each period follows from one root and the count of
//! periods, so that an idle host has nothing to rotate, and nothing is kept for a cookie made.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use zeroize::Zeroize;

use crate::crypto::{Crypto, KEY_LEN, RandomError, kdf};
use crate::negotiation::limits::COOKIE_ROTATION;
use crate::time::{Instant, micros};
use crate::wire::negotiation::COOKIE_LEN;

/// Makes and knows again the cookies of one host. The root is erased when dropped.
pub struct CookieJar {
    root: [u8; KEY_LEN],
}

impl CookieJar {
    /// A jar with a root of its own.
    ///
    /// # Errors
    /// [`RandomError`] from the environment.
    pub fn new(crypto: &mut impl Crypto) -> Result<Self, RandomError> {
        let mut jar = Self { root: [0; KEY_LEN] };
        crypto.random(&mut jar.root)?;
        Ok(jar)
    }

    /// The cookie, now, of an initiator at this address with this ephemeral key.
    #[must_use]
    pub fn make(&self, now: Instant, from: SocketAddr, ephemeral: &[u8; 32]) -> [u8; COOKIE_LEN] {
        self.make_in(period(now), from, ephemeral)
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
        let current = period(now);
        // The cookie says the parity of its period, so that one tag is computed, not two.
        let made_now = u64::from(first & 1) == current & 1;
        let made_in = if made_now { Some(current) } else { current.checked_sub(1) };
        made_in.is_some_and(|made_in| kdf::equal(&self.make_in(made_in, from, ephemeral), cookie))
    }

    fn make_in(&self, period: u64, from: SocketAddr, ephemeral: &[u8; 32]) -> [u8; COOKIE_LEN] {
        let mut secret = kdf::expand_label(&self.root, b"sst cookie", &period.to_be_bytes());
        let address = match from.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let port = from.port().to_be_bytes();
        let mut cookie = kdf::mac16(&secret, &[&address.octets(), &port, ephemeral]);
        secret.zeroize();
        let [first, ..] = &mut cookie;
        *first = *first & !1 | (period & 1) as u8;
        cookie
    }
}

impl Drop for CookieJar {
    fn drop(&mut self) {
        self.root.zeroize();
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CookieJar(..)")
    }
}

fn period(now: Instant) -> u64 {
    now.as_micros().checked_div(micros(COOKIE_ROTATION)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    const EPHEMERAL: [u8; 32] = [3; 32];

    fn jar() -> CookieJar {
        CookieJar { root: [7; 32] }
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    fn from(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_cookie_lives_for_two_periods_and_no_longer() {
        let from = from("192.0.2.1:40000");
        for made in [0, 7, 15, 29, 1000] {
            let cookie = jar().make(at(made), from, &EPHEMERAL);
            let end = (made / 15 + 2) * 15;
            for seconds in made..made + 120 {
                let is_valid = jar().is_valid(at(seconds), from, &EPHEMERAL, &cookie);
                assert_eq!(is_valid, seconds < end, "{made} {seconds}");
            }
            assert!(end - made >= 15 && end - made <= 30);
            assert!(!jar().is_valid(at(made + 31), from, &EPHEMERAL, &cookie));
        }
    }

    #[test]
    fn a_cookie_is_for_one_address_port_and_ephemeral_key() {
        let here = from("192.0.2.1:40000");
        let cookie = jar().make(at(3), here, &EPHEMERAL);
        assert!(jar().is_valid(at(4), here, &EPHEMERAL, &cookie));
        for other in ["192.0.2.2:40000", "192.0.2.1:40001", "[2001:db8::1]:40000"] {
            assert!(!jar().is_valid(at(4), from(other), &EPHEMERAL, &cookie), "{other}");
        }
        assert!(!jar().is_valid(at(4), here, &[4; 32], &cookie));
        assert!(!CookieJar { root: [8; 32] }.is_valid(at(4), here, &EPHEMERAL, &cookie));
        for bit in 0..128 {
            let mut wrong = cookie;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!jar().is_valid(at(4), here, &EPHEMERAL, &wrong), "{bit}");
        }
    }

    #[test]
    fn an_address_is_the_same_in_both_families() {
        let cookie = jar().make(at(3), from("192.0.2.1:9"), &EPHEMERAL);
        assert!(jar().is_valid(at(3), from("[::ffff:192.0.2.1]:9"), &EPHEMERAL, &cookie));
    }
}
