//! A host in the network, with its clock and its address.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::vec;
use std::vec::Vec;

use crate::crypto::RustCrypto;
use crate::host::{Config, Host, Limits, Storage};
use crate::time::Instant;

use super::nat::Nat;
use super::random::Random;

/// A host of the simulation.
pub type SimHost = Host<'static, RustCrypto<Random>>;

/// The port all hosts of a simulation begin with.
const PORT: u16 = 8661;

/// How a host's clock differs from the simulation's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Added to the simulation's time, in microseconds; may be negative.
    pub offset_micros: i64,
    /// What it shows while it stands still.
    stopped: Option<Instant>,
}

impl Clock {
    /// What it shows.
    pub(super) fn read(&self, now: Instant) -> Instant {
        let shown = now.as_micros().saturating_add_signed(self.offset_micros);
        self.stopped.unwrap_or(Instant::from_micros(shown))
    }

    /// It stands still from `now` on, or goes on.
    pub fn set_stopped(&mut self, now: Instant, is_stopped: bool) {
        self.stopped = is_stopped.then(|| self.read(now));
    }

    /// When it will show `at`. `None` while it stands still before it.
    fn shows(&self, at: Instant) -> Option<Instant> {
        if self.stopped.is_some() {
            return None;
        }
        let back = self.offset_micros.saturating_neg();
        Some(Instant::from_micros(at.as_micros().saturating_add_signed(back)))
    }
}

/// A host, its clock and its address.
pub struct Node {
    /// The host.
    pub host: SimHost,
    /// Its clock.
    pub clock: Clock,
    /// Where it is; behind a NAT, where it thinks it is.
    pub address: SocketAddr,
    /// Where it is, too.
    pub others: Vec<IpAddr>,
    /// Whether it knows to which of its addresses a packet came.
    pub tells_local: bool,
    /// A filter before it lets packets from this address through and no others.
    pub hears_only: Option<IpAddr>,
    /// What hides it.
    pub nat: Option<Nat>,
    /// The most packets it hands out at once.
    pub max_segments: usize,
    pub(super) buffer: Vec<u8>,
    pub(super) is_dirty: bool,
    /// When the simulation must call it.
    pub(super) due_at: Option<Instant>,
    /// The latest time the host was told.
    told: Instant,
    /// Things done at `busy_at`, to find hosts that spin.
    pub(super) steps: u32,
    pub(super) busy_at: Instant,
    config: Config,
    limits: Limits,
    random: Random,
}

impl Node {
    pub(super) fn new(
        index: usize,
        config: Config,
        limits: Limits,
        mut random: Random,
        now: Instant,
    ) -> Self {
        let host = start(config, &limits, &mut random, now);
        let address = Ipv4Addr::new(10, 0, 0, index as u8 + 1);
        Self {
            host,
            clock: Clock::default(),
            address: SocketAddr::new(IpAddr::V4(address), PORT),
            others: vec![],
            tells_local: false,
            hears_only: None,
            nat: None,
            max_segments: 1,
            buffer: vec![0; 65_536],
            is_dirty: true,
            due_at: None,
            told: now,
            steps: 0,
            busy_at: now,
            config,
            limits,
            random,
        }
    }

    /// Whether packets to `address` come here.
    pub(super) fn is_at(&self, address: SocketAddr) -> bool {
        address.port() == self.address.port() && self.has(address.ip())
    }

    /// Where a packet comes from that names `local`. One that names an address which this host does
    /// not have is lost, as it is on a network that has moved on.
    pub(super) fn source(&self, local: Option<IpAddr>) -> Option<SocketAddr> {
        let ip = local.unwrap_or(self.address.ip());
        self.has(ip).then(|| SocketAddr::new(ip, self.address.port()))
    }

    fn has(&self, ip: IpAddr) -> bool {
        ip == self.address.ip() || self.others.contains(&ip)
    }

    /// What the host is held to.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The time as the host is told it.
    pub(super) fn read_clock(&mut self, now: Instant) -> Instant {
        let local = self.clock.read(now);
        self.told = self.told.max(local);
        local
    }

    /// The host forgets everything but who it is.
    pub(super) fn restart(&mut self, now: Instant) {
        let local = self.clock.read(now);
        self.told = local;
        self.host = start(self.config, &self.limits, &mut self.random, local);
    }

    /// Asks the host when to call it again.
    pub(super) fn renew_due(&mut self, now: Instant) {
        self.due_at = self.host.poll_timeout().and_then(|at| {
            // What is due by the latest time the host has seen is due, wherever the clock went.
            if at <= self.told { Some(now) } else { self.clock.shows(at).map(|at| at.max(now)) }
        });
    }

    /// Counts one thing done at `now`; tells how many there were.
    pub(super) fn step(&mut self, now: Instant) -> u32 {
        if self.busy_at != now {
            self.busy_at = now;
            self.steps = 0;
        }
        self.steps += 1;
        self.steps
    }
}

fn start(config: Config, limits: &Limits, random: &mut Random, now: Instant) -> SimHost {
    let crypto = RustCrypto::new(random.fork());
    Host::new(config, Storage::owned(limits), crypto, now).expect("a legal configuration")
}
