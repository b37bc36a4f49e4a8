//! [`Ways`]: the sockets where a page finds its peer. One, at the address where the page's HTTP
//! arrived; and if that is this machine talking to itself, a second one at an address that others
//! know it by: Firefox has no candidates on the loopback interface and pairs with none there.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use tokio::net::UdpSocket;

/// The sockets, and their addresses, of which the page is told.
pub(super) struct Ways(Vec<(UdpSocket, SocketAddr)>);

impl Ways {
    /// For a page that asked at `asked`; `given` is an address to be found at, whatever that is.
    pub(super) async fn bind(asked: IpAddr, given: Option<IpAddr>) -> io::Result<Self> {
        let first = given.unwrap_or(asked).to_canonical();
        let mut ways = vec![bind(first).await?];
        if given.is_none()
            && let Some(other) = beside(first)
        {
            // Without it most pages do as well.
            ways.extend(bind(other).await.ok());
        }
        Ok(Self(ways))
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|(_, address)| *address)
    }

    /// The address to name the page's peer by.
    pub(super) fn name(&self) -> Option<SocketAddr> {
        self.addresses().next()
    }

    /// Returns when a packet may be there. May be dropped and called again.
    pub(super) async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| {
            let ready = self.0.iter().map(|(socket, _)| socket.poll_recv_ready(cx));
            // Every one is asked: each has to know whom to wake.
            ready.fold(Poll::Pending, |before, one| if before.is_ready() { before } else { one })
        })
        .await
    }

    /// A packet that is there: its length, where it is from, and where it came to.
    pub(super) fn try_recv(
        &self,
        buffer: &mut [u8],
    ) -> io::Result<(usize, SocketAddr, SocketAddr)> {
        for (socket, address) in &self.0 {
            match socket.try_recv_from(buffer) {
                Ok((len, source)) => return Ok((len, source, *address)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Sends from one of the addresses.
    pub(super) fn try_send(&self, from: SocketAddr, to: SocketAddr, packet: &[u8]) -> bool {
        let way = self.0.iter().find(|(_, address)| *address == from);
        way.is_some_and(|(socket, _)| socket.try_send_to(packet, to).is_ok())
    }
}

async fn bind(ip: IpAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind((ip, 0)).await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// An address of this machine that means it on its network, too, if `ip` means it only here.
fn beside(ip: IpAddr) -> Option<IpAddr> {
    if !ip.is_loopback() {
        return None;
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut others = interfaces.iter().map(if_addrs::Interface::ip);
    others.find(|other| other.is_ipv4() == ip.is_ipv4() && is_for_others(*other))
}

/// Neither loopback nor of one link alone.
fn is_for_others(ip: IpAddr) -> bool {
    let is_of_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !ip.is_loopback() && !ip.is_unspecified() && !is_of_link
}
