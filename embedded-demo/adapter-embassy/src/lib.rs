//! Every call of embassy-net there is: joins a network, and carries packets for [`face`].
//!
//! To run on another network stack, write this file again: [`Carrier`] is four functions.
#![no_std]
#![forbid(unsafe_code)]

use core::future::Future;
use core::net::{Ipv4Addr, SocketAddr};
use core::pin::pin;
use core::task::{Context, Poll};

use embassy_net::driver::Driver;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{Config, Stack, StackResources};
use embassy_time::Timer;
use face::{Carrier, Instant};
use static_cell::StaticCell;

pub use embassy_net::Runner;

/// The UDP socket, and the one that DHCP uses.
const SOCKETS: usize = 1 + cfg!(feature = "dhcp") as usize;
/// Packets that arrived and wait for their turn: a burst is cut to these.
const MAX_WAITING_IN: usize = 4;
/// Their bytes together: that many small ones, or two of full size.
const WAITING_IN_BYTES: usize = 2400;
/// The longest packet that can be sent, in bytes of UDP payload.
const MAX_OUT_BYTES: usize = 1200;

/// How the board gets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// It is told.
    Static {
        /// The board's own.
        address: Ipv4Addr,
        /// How many bits of it name the network.
        prefix_bits: u8,
        /// Who knows the way to other networks.
        gateway: Option<Ipv4Addr>,
    },
    /// It asks.
    #[cfg(feature = "dhcp")]
    Dhcp,
}

/// Memory for a network: a static of the board's.
pub struct Resources {
    stack: StaticCell<StackResources<SOCKETS>>,
    in_meta: StaticCell<[PacketMetadata; MAX_WAITING_IN]>,
    in_bytes: StaticCell<[u8; WAITING_IN_BYTES]>,
    out_meta: StaticCell<[PacketMetadata; 1]>,
    out_bytes: StaticCell<[u8; MAX_OUT_BYTES]>,
}

/// The network, once joined.
#[derive(Clone, Copy)]
pub struct Network {
    stack: Stack<'static>,
    resources: &'static Resources,
}

/// One UDP port, as a carrier of packets.
pub struct Port(UdpSocket<'static>);

impl Address {
    /// `192.0.2.7/24`, the gateway being the network's first address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix_bits) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let prefix_bits: u8 = prefix_bits.parse().ok().filter(|bits| (1..=30).contains(bits))?;
        let network = address.to_bits() & u32::MAX << (32 - u32::from(prefix_bits));
        let gateway = Some(Ipv4Addr::from_bits(network | 1));
        Some(Self::Static { address, prefix_bits, gateway })
    }
}

impl Resources {
    /// Memory that nobody uses yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            stack: StaticCell::new(),
            in_meta: StaticCell::new(),
            in_bytes: StaticCell::new(),
            out_meta: StaticCell::new(),
            out_bytes: StaticCell::new(),
        }
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::new()
    }
}

/// Joins the network that `driver` is on. The runner must run in a task of its own. `seed` is
/// random: it picks ports and transaction numbers.
///
/// # Panics
/// If `resources` are in use already.
pub fn join<D: Driver>(
    driver: D,
    resources: &'static Resources,
    address: Address,
    seed: u64,
) -> (Network, Runner<'static, D>) {
    let config = match address {
        Address::Static { address, prefix_bits, gateway } => {
            Config::ipv4_static(embassy_net::StaticConfigV4 {
                address: embassy_net::Ipv4Cidr::new(address, prefix_bits.min(32)),
                gateway,
                dns_servers: Default::default(),
            })
        }
        #[cfg(feature = "dhcp")]
        Address::Dhcp => Config::dhcpv4(Default::default()),
    };
    let memory = resources.stack.init_with(StackResources::new);
    let (stack, runner) = embassy_net::new(driver, config, memory, seed);
    (Network { stack, resources }, runner)
}

impl Network {
    /// Waits until the board has an address; which.
    pub async fn address(self) -> Ipv4Addr {
        loop {
            self.stack.wait_config_up().await;
            if let Some(config) = self.stack.config_v4() {
                return config.address.address();
            }
        }
    }

    /// Opens the port that SST uses.
    ///
    /// # Panics
    /// If it is open already.
    #[must_use]
    pub fn open(self, port: u16) -> Port {
        let resources = self.resources;
        let mut socket = UdpSocket::new(
            self.stack,
            resources.in_meta.init_with(|| [PacketMetadata::EMPTY; MAX_WAITING_IN]),
            resources.in_bytes.init_with(|| [0; WAITING_IN_BYTES]),
            resources.out_meta.init_with(|| [PacketMetadata::EMPTY; 1]),
            resources.out_bytes.init_with(|| [0; MAX_OUT_BYTES]),
        );
        // It fails only for port 0 and for a socket in use, and this one is new.
        let _ = socket.bind(port);
        Port(socket)
    }
}

impl Carrier for Port {
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<(SocketAddr, usize)> {
        loop {
            match self.0.poll_recv_from(buffer, cx) {
                Poll::Ready(Ok((len, from))) => return Poll::Ready((from.endpoint.into(), len)),
                // Longer than this host said that it takes: not for us.
                Poll::Ready(Err(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_send_ready(cx)
    }

    fn send(&mut self, to: SocketAddr, packet: &[u8]) {
        let SocketAddr::V4(to) = to else { return };
        // There is room for one packet of any size, or `poll_ready` had said no.
        let _ =
            self.0.poll_send_to(packet, to, &mut Context::from_waker(core::task::Waker::noop()));
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let until = embassy_time::Instant::from_micros(until.as_micros());
        // The queue of timers keeps the earliest moment of each task, so nothing need be kept here.
        pin!(Timer::at(until)).poll(cx)
    }
}

/// The time since the board started: the clock of [`Port`].
#[must_use]
pub fn now() -> Instant {
    Instant::from_micros(embassy_time::Instant::now().as_micros())
}
