//! [`Task`]: what is measured once: who, with which cipher, doing what, how much of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::Fallible;

/// What was measured, by name (see [`crate::measure`]).
pub(crate) type Figures = BTreeMap<String, f64>;

/// Who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// `sst-std`.
    Sst,
    /// quinn with rustls.
    Quinn,
    /// s2n-quic with rustls, by which its cipher can be chosen.
    S2n,
    /// s2n-quic as it is by default, with s2n-tls.
    S2nTls,
    /// quiche with BoringSSL.
    Quiche,
    /// HTTP/2 over rustls: the crate h2.
    H2,
    /// TCP with rustls.
    Tls,
    /// Kernel TCP, in the clear.
    Tcp,
    /// UDP with segmentation offload, and the bare AEAD if there is one: a limit, not a peer.
    Udp,
}

/// What a packet is sealed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cipher {
    None,
    Aes128,
    Aes256,
    Chacha,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// `count` bytes over one stream, to a receiver that counts them.
    Bulk,
    /// `count` requests of 100 bytes, each on a fresh stream, with replies of 1 KiB.
    Requests,
    /// `count` new sessions, each with one echo.
    Sessions,
    /// `count` sessions that are there and no more.
    IdleSessions,
    /// `count` open streams of one session that are there and no more.
    IdleStreams,
    /// `count` datagrams of 1,000 bytes.
    Datagrams,
    /// `count` times 64 bytes there and back on an open stream.
    Pingpong,
}

/// One measurement to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) peer: Peer,
    pub(crate) cipher: Cipher,
    pub(crate) work: Work,
    pub(crate) count: u64,
}

/// What a client has to know of its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) address: SocketAddr,
    /// Its certificate (DER) or identity, if it has one.
    pub(crate) key: Vec<u8>,
}

/// How many requests or new sessions are under way at a time.
pub(crate) const PARALLEL: u64 = 100;

impl Task {
    /// How many streams at a time a server has to permit.
    pub(crate) const fn streams(&self) -> u32 {
        match self.work {
            // A few for the warming up.
            Work::IdleStreams => self.count as u32 + 100,
            _ => 256,
        }
    }

    /// True if silence must not end a session.
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.work, Work::IdleSessions | Work::IdleStreams)
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} by {:?} with {:?}", self.work, self.peer, self.cipher)
    }
}

impl Card {
    pub(crate) const fn new(address: SocketAddr, key: Vec<u8>) -> Self {
        Self { address, key }
    }

    pub(crate) fn parse(text: &str) -> Fallible<Self> {
        Ok(serde_json::from_str(text)?)
    }

    /// Tells whoever started this server that it is there.
    pub(crate) fn announce(&self) -> Fallible<()> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}
