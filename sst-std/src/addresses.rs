//! Addresses in one form, in the order in which they are tried, and what the system says of them.

#[cfg(feature = "net")]
use std::collections::VecDeque;
#[cfg(feature = "net")]
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use sst_nostd::MAX_ROUTES;

/// Where packets could not be sent to is remembered for so many addresses: those of some dials.
#[cfg(feature = "net")]
const MAX_REFUSALS: usize = 64;

/// The same address in the form in which addresses are compared: IPv4 as IPv4, and a scope where
/// the address means nothing without it.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    let scope = match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
        _ => 0,
    };
    match address.ip().to_canonical() {
        IpAddr::V6(ip) => SocketAddrV6::new(ip, address.port(), 0, scope).into(),
        ip => SocketAddr::new(ip, address.port()),
    }
}

/// The addresses of one host in the order in which they are tried: each once, IPv6 and IPv4 in
/// turn, beginning with what the resolver likes best, and no more than a dial has room for (RFC
/// 8305 section 4).
pub(crate) fn in_turn(found: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut rest: Vec<SocketAddr> = Vec::new();
    for address in found.into_iter().map(plain) {
        if !rest.contains(&address) {
            rest.push(address);
        }
    }
    let mut turns: Vec<SocketAddr> = Vec::with_capacity(rest.len());
    while !rest.is_empty() && turns.len() < MAX_ROUTES {
        let is_other = |address: &SocketAddr| {
            turns.last().is_none_or(|last| last.is_ipv4() != address.is_ipv4())
        };
        let next = rest.iter().position(is_other).unwrap_or(0);
        turns.push(rest.remove(next));
    }
    turns
}

/// Where the system refuses to send at present, and what it says. Without sockets it has no say.
#[derive(Default)]
pub(crate) struct Refusals(#[cfg(feature = "net")] VecDeque<(SocketAddr, String)>);

impl Refusals {
    #[cfg(feature = "net")]
    pub(crate) fn note(&mut self, peer: SocketAddr, error: &io::Error) {
        self.clear(peer);
        if self.0.len() >= MAX_REFUSALS {
            self.0.pop_front();
        }
        self.0.push_back((peer, error.to_string()));
    }

    /// A packet went there.
    #[cfg(feature = "net")]
    pub(crate) fn clear(&mut self, peer: SocketAddr) {
        self.0.retain(|(other, _)| *other != peer);
    }

    /// What the system said, if it sent the last packet to none of `peers`.
    #[cfg(feature = "net")]
    pub(crate) fn of(&self, peers: &[SocketAddr]) -> Option<String> {
        let of = |peer| self.0.iter().find(|(other, _)| other == peer).map(|(_, error)| error);
        let said: Option<Vec<&String>> = peers.iter().map(of).collect();
        said?.first().map(|error| (*error).clone())
    }

    #[cfg(not(feature = "net"))]
    #[expect(clippy::unused_self, reason = "as with sockets")]
    pub(crate) const fn of(&self, _peers: &[SocketAddr]) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    // Spec: R-5.10-5.
    #[test]
    fn both_families_have_their_turn_and_each_address_one() {
        let found =
            ["[::1]:9", "[2001:db8::1]:9", "[::ffff:127.0.0.1]:9", "127.0.0.1:9", "1.2.3.4:9"];
        let turns = in_turn(found.map(address));
        let expected = ["[::1]:9", "127.0.0.1:9", "[2001:db8::1]:9", "1.2.3.4:9"];
        assert_eq!(turns, expected.map(address));
        let many = (1..=20).map(|port| SocketAddr::new([127, 0, 0, 1].into(), port));
        assert_eq!(in_turn(many).len(), MAX_ROUTES);
    }

    #[test]
    fn a_scope_is_kept_where_an_address_means_nothing_without_it() {
        assert_eq!(plain(address("[fe80::1%3]:9")).to_string(), "[fe80::1%3]:9");
        assert_eq!(plain(address("[2001:db8::1%3]:9")), address("[2001:db8::1]:9"));
        assert_ne!(plain(address("[fe80::1%3]:9")), plain(address("[fe80::1%4]:9")));
    }

    #[cfg(feature = "net")]
    #[test]
    fn the_system_is_quoted_if_nothing_could_be_sent_anywhere() {
        let (one, two) = (address("1.2.3.4:5"), address("[::1]:5"));
        let mut refusals = Refusals::default();
        refusals.note(one, &io::Error::other("no route"));
        assert_eq!(refusals.of(&[one]).as_deref(), Some("no route"));
        assert_eq!(refusals.of(&[one, two]), None);
        refusals.clear(one);
        assert_eq!(refusals.of(&[one]), None);
        for port in 0..1000 {
            refusals.note(SocketAddr::new([9, 9, 9, 9].into(), port), &io::Error::other("x"));
        }
        assert_eq!(refusals.0.len(), MAX_REFUSALS);
    }
}
