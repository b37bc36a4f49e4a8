//! The core on plain smoltcp: no embassy, no futures. The application owns a [`Node`], calls the
//! host's own functions, and calls [`Node::poll`] afterwards and whenever something may have come.
//!
//! The example `two_boards` joins two of them by a wire in memory.
#![no_std]
#![forbid(unsafe_code)]

use core::net::{IpAddr, SocketAddr};

use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::udp;
use smoltcp::wire::IpAddress;
use sst_nostd::{Codepoint, Crypto, Host, Instant, Path};

/// Turns made in one call: a flood must not keep the application from its work.
const MAX_TURNS: usize = 16;

/// A host and the network stack it is on.
pub struct Node<'a, D: Device, C: Crypto> {
    device: D,
    interface: Interface,
    sockets: SocketSet<'a>,
    port: SocketHandle,
    /// Holds one packet at a time, either way.
    packet: &'a mut [u8],
    /// The host itself.
    pub host: Host<'a, C>,
}

impl<'a, D: Device, C: Crypto> Node<'a, D, C> {
    /// Carries `host` on `interface`. `socket` is bound to the port that SST is to use, and has its
    /// place in `sockets`; `packet` is as long as the configuration's `max_packet_bytes`.
    pub fn new(
        device: D,
        interface: Interface,
        mut sockets: SocketSet<'a>,
        socket: udp::Socket<'a>,
        packet: &'a mut [u8],
        host: Host<'a, C>,
    ) -> Self {
        let port = sockets.add(socket);
        Self { device, interface, sockets, port, packet, host }
    }

    /// Carries packets both ways until nothing moves; when to call again if nothing comes before.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        let moment = smoltcp::time::Instant::from_micros(now.as_micros().cast_signed());
        for _ in 0..MAX_TURNS {
            self.interface.poll(moment, &mut self.device, &mut self.sockets);
            if self.host.poll_timeout().is_some_and(|at| at <= now) {
                self.host.handle_timeout(now);
            }
            let has_received = self.receive(now);
            let has_sent = self.transmit(now);
            if !has_received && !has_sent {
                break;
            }
        }
        let stack = self.interface.poll_at(moment, &self.sockets);
        let stack = stack.map(|at| Instant::from_micros(at.total_micros().max(0).cast_unsigned()));
        [stack, self.host.poll_timeout()].into_iter().flatten().min()
    }

    /// The network's device, for those who feed it by hand.
    pub fn device(&mut self) -> &mut D {
        &mut self.device
    }

    fn receive(&mut self, now: Instant) -> bool {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.port);
        let mut has_received = false;
        while socket.can_recv() {
            has_received = true;
            // One that is longer than this host said that it takes is not for us.
            let Ok((len, from)) = socket.recv_slice(self.packet) else { continue };
            let IpAddress::Ipv4(address) = from.endpoint.addr;
            let peer = SocketAddr::new(IpAddr::V4(address), from.endpoint.port);
            let packet = self.packet.get_mut(..len).unwrap_or_default();
            let path = Path { local: None, peer };
            // What is ignored is counted by the host.
            let _ = self.host.handle_packet(now, path, Codepoint::NotEct, packet);
        }
        has_received
    }

    fn transmit(&mut self, now: Instant) -> bool {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.port);
        let mut has_sent = false;
        while socket.can_send() {
            let Some(transmit) = self.host.poll_transmit(now, self.packet, 1) else { break };
            has_sent = true;
            let packet = self.packet.get(..transmit.len).unwrap_or_default();
            if let SocketAddr::V4(peer) = transmit.path.peer {
                // What cannot be sent is lost, as packets are.
                let _ = socket.send_slice(packet, peer);
            }
        }
        has_sent
    }
}
