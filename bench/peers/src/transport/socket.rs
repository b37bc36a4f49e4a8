//! UDP sockets with the same buffers for everyone.

use std::net::{SocketAddr, UdpSocket};

use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};

use crate::Fallible;

/// What each socket has in each direction, in bytes.
const BUFFER_BYTES: usize = 4 << 20;
/// The largest UDP payload anyone may send: what fits Ethernet over IPv4.
pub(crate) const MAX_PAYLOAD_LEN: usize = 1_472;

/// A bound socket on loopback that does not block.
pub(crate) fn udp() -> Fallible<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    // Past the administrator's limit, where that is permitted.
    if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
    }
    socket.set_send_buffer_size(BUFFER_BYTES)?;
    Ok(socket.into())
}
