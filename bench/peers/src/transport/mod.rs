//! What the contestants have in common, as far as the workloads need it: a file each.

mod credentials;
mod h2;
mod limit;
mod packets;
#[cfg(feature = "quiche")]
mod quiche;
mod quinn;
mod s2n;
mod socket;
mod sst;
mod tcp;

use std::future::Future;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::Fallible;
use crate::task::{Card, Figures, Peer, Task};
use crate::work;

/// Sessions made of a server and clients.
pub(crate) trait Transport: 'static {
    type Server: Send;
    /// A session that begins: its handshake may not be over.
    type Arrival: Send + 'static;
    type Guest: Guest;
    type Client: Send + Sync + 'static;
    type Session: Session;

    /// True if a client has one session with a server at a time, so that more of them take more
    /// clients.
    const HAS_ONE_SESSION: bool = false;

    fn serve(task: &Task) -> impl Future<Output = Fallible<(Self::Server, Card)>>;

    fn accept(server: &mut Self::Server) -> impl Future<Output = Option<Self::Arrival>> + Send;

    fn meet(arrival: Self::Arrival) -> impl Future<Output = Fallible<Self::Guest>> + Send;

    fn client(task: &Task, card: &Card) -> impl Future<Output = Fallible<Self::Client>> + Send;

    fn connect(client: &Self::Client) -> impl Future<Output = Fallible<Self::Session>> + Send;
}

/// A session as its server has it.
pub(crate) trait Guest: Send + 'static {
    type Stream: Stream;

    fn accept(&mut self) -> impl Future<Output = Option<Self::Stream>> + Send;

    /// The length of the next datagram; `None` when nothing more can come, or ever could.
    fn receive_datagram(&mut self) -> impl Future<Output = Option<usize>> + Send {
        std::future::ready(None)
    }
}

/// A session as its client has it.
pub(crate) trait Session: Send + Sync + 'static {
    type Stream: Stream;

    fn open(&self) -> impl Future<Output = Fallible<Self::Stream>> + Send;

    /// Sends a datagram, as soon as there is room for it.
    fn send_datagram(&self, bytes: Bytes) -> impl Future<Output = Fallible<()>> + Send {
        drop(bytes);
        std::future::ready(Err("has no datagrams".into()))
    }

    /// Ends it now.
    fn close(self);
}

/// Bytes in order, both ways.
pub(crate) trait Stream: Send + 'static {
    /// Sends all of it, as soon as there is room.
    fn send(&mut self, bytes: Bytes) -> impl Future<Output = Fallible<()>> + Send;

    /// Ends this direction; does not wait for the peer.
    fn finish(&mut self) -> impl Future<Output = Fallible<()>> + Send;

    /// Sends all of it and ends this direction, with one call where there is one for that.
    fn send_last(&mut self, bytes: Bytes) -> impl Future<Output = Fallible<()>> + Send {
        async {
            self.send(bytes).await?;
            self.finish().await
        }
    }

    /// At least one byte; none at the end.
    fn read(&mut self, room: &mut [u8]) -> impl Future<Output = Fallible<usize>> + Send;

    /// As [`read`](Self::read), for those who only count: without a copy where that can be had.
    fn skip(&mut self, room: &mut [u8]) -> impl Future<Output = Fallible<usize>> + Send {
        self.read(room)
    }
}

/// Is the server of a task, for good.
pub(crate) fn serve(task: &Task) -> Fallible<()> {
    let runtime = runtime()?;
    match task.peer {
        Peer::Sst => runtime.block_on(work::serve::<sst::Sst>(task)),
        Peer::Quinn => runtime.block_on(work::serve::<quinn::Quinn>(task)),
        Peer::S2n | Peer::S2nTls => runtime.block_on(work::serve::<s2n::S2n>(task)),
        Peer::H2 => runtime.block_on(work::serve::<h2::H2>(task)),
        Peer::Tls | Peer::Tcp => runtime.block_on(work::serve::<tcp::Tcp>(task)),
        Peer::Udp => limit::serve(task),
        #[cfg(feature = "quiche")]
        Peer::Quiche => quiche::serve(task),
        #[cfg(not(feature = "quiche"))]
        Peer::Quiche => Err("built without quiche".into()),
    }
}

/// Is the client of a task: what it measured. `server` is the process id of the other side.
pub(crate) fn drive(task: &Task, card: &Card, server: u32) -> Fallible<Figures> {
    match task.peer {
        Peer::Sst => drive_in_task::<sst::Sst>(*task, card.clone(), server),
        Peer::Quinn => drive_in_task::<quinn::Quinn>(*task, card.clone(), server),
        Peer::S2n | Peer::S2nTls => drive_in_task::<s2n::S2n>(*task, card.clone(), server),
        Peer::H2 => drive_in_task::<h2::H2>(*task, card.clone(), server),
        Peer::Tls | Peer::Tcp => drive_in_task::<tcp::Tcp>(*task, card.clone(), server),
        Peer::Udp => limit::drive(task, card, server),
        #[cfg(feature = "quiche")]
        Peer::Quiche => quiche::drive(task, card, server),
        #[cfg(not(feature = "quiche"))]
        Peer::Quiche => Err("built without quiche".into()),
    }
}

/// In a task, as programs do their work: the runtime looks at the future that it blocks on only
/// after it has asked the system for news once more.
fn drive_in_task<T: Transport>(task: Task, card: Card, server: u32) -> Fallible<Figures> {
    runtime()?.block_on(async {
        tokio::spawn(async move { work::drive::<T>(&task, &card, server).await }).await?
    })
}

/// One thread: there is one core.
fn runtime() -> Fallible<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
