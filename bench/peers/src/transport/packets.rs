//! [`Packets`]: a UDP socket with segmentation offload both ways, without a runtime.

use std::io::{ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::socket::udp;
use crate::Fallible;

/// Batches in one receiving call, and the largest there is.
const BATCHES: usize = 8;
const BATCH_LEN: usize = 65_536;

pub(super) struct Packets {
    pub(super) socket: UdpSocket,
    state: UdpSocketState,
    room: Vec<u8>,
}

impl Packets {
    pub(super) fn new() -> Fallible<Self> {
        let socket = udp()?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state, room: vec![0; BATCHES * BATCH_LEN] })
    }

    /// Sends packets of `segment_len` bytes, the last perhaps shorter; waits for room.
    pub(super) fn send(
        &self,
        batch: &[u8],
        segment_len: usize,
        destination: SocketAddr,
    ) -> Fallible<()> {
        let segment_size = (segment_len < batch.len()).then_some(segment_len);
        let contents = batch;
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        loop {
            match self.state.try_send((&self.socket).into(), &transmit) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Hands over what is there now, one packet after the other.
    pub(super) fn receive(
        &mut self,
        mut handle: impl FnMut(SocketAddr, &mut [u8]),
    ) -> Fallible<()> {
        let Self { socket, state, room } = self;
        let mut metas = [RecvMeta::default(); BATCHES];
        let mut buffers = room.chunks_exact_mut(BATCH_LEN);
        let mut buffers: [_; BATCHES] =
            std::array::from_fn(|_| IoSliceMut::new(buffers.next().unwrap_or_default()));
        let count = match state.recv((&*socket).into(), &mut buffers, &mut metas) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error.into()),
        };
        for (buffer, meta) in buffers.iter_mut().zip(&metas).take(count) {
            for packet in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                handle(meta.addr, packet);
            }
        }
        Ok(())
    }

    /// Waits until something came, at most so long.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Fallible<()> {
        let timeout = timeout.map(Timespec::try_from).transpose()?;
        poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], timeout.as_ref())?;
        Ok(())
    }

    pub(super) fn local(&self) -> Fallible<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}
