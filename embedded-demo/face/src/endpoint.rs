//! [`Endpoint`]: this board's identity, and its sessions.

use core::cell::{RefCell, RefMut};
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll, ready};

use embassy_sync::waitqueue::WakerRegistration;
use provider::Provider;
use sst_nostd::{
    Config, ConfigError, ConnectError, Dial, Host, HostId, Instant, Path, SessionHandle,
    SessionState, Stats,
};
use static_cell::StaticCell;

use crate::entropy::Entropy;
use crate::inner::Inner;
use crate::memory::Memory;
use crate::session::Session;

/// Where an endpoint lives: a static of the application's.
pub type Room = StaticCell<RefCell<Inner>>;

/// One host. Copies are the same host.
#[derive(Clone, Copy)]
pub struct Endpoint(&'static RefCell<Inner>);

impl Endpoint {
    /// Makes the host in `room`, with the rows of `memory`. It carries nothing until
    /// [`carry`](Self::carry) runs. `clock` must never go back.
    ///
    /// # Errors
    /// [`ConfigError`].
    ///
    /// # Panics
    /// If `room` or `memory` is in use already: call it once.
    pub fn new<const S: usize, const T: usize, const B: usize, const P: usize>(
        room: &'static Room,
        memory: &'static Memory<S, T, B, P>,
        config: Config,
        entropy: Entropy,
        clock: fn() -> Instant,
    ) -> Result<Self, ConfigError> {
        let host = Host::new(config, memory.lend(), Provider::new(entropy), clock())?;
        let (sessions, streams) = memory.waiters();
        let (carrier, accepting) = (WakerRegistration::new(), WakerRegistration::new());
        let inner = Inner { host, clock, carrier, accepting, streams, sessions };
        Ok(Self(room.init(RefCell::new(inner))))
    }

    /// This host's identity.
    #[must_use]
    pub fn id(self) -> HostId {
        self.lock().host.id()
    }

    /// What was counted, and what is held now.
    #[must_use]
    pub fn stats(self) -> Stats {
        self.lock().host.stats()
    }

    /// The next peer that dialled and has proved its identity.
    pub fn accept(self) -> impl Future<Output = Session> {
        poll_fn(move |cx| self.poll_accept(cx))
    }

    /// Dials a peer, and waits until it has proved itself.
    ///
    /// # Errors
    /// [`ConnectError`] if nobody was dialled; the session ends, with a reason, if nobody answered.
    pub fn connect(
        self,
        at: SocketAddr,
        id: &HostId,
    ) -> impl Future<Output = Result<Session, ConnectError>> {
        let dial = Dial::new(Path { local: None, peer: at }, Some(*id));
        // Made now, so that a caller who gives up lets go of it.
        let mut dialled = self
            .act(|inner, now| inner.host.connect(now, dial))
            .map(|handle| Some((Session::new(self, handle), handle)));
        poll_fn(move |cx| {
            if let Ok(Some((_, handle))) = &dialled {
                ready!(self.poll_connected(cx, *handle));
            }
            let session = dialled.as_mut().map_err(|error| *error)?.take();
            session.map_or(Poll::Pending, |(mut session, _)| {
                session.find_root();
                Poll::Ready(Ok(session))
            })
        })
    }

    fn poll_accept(self, cx: &mut Context<'_>) -> Poll<Session> {
        let mut inner = self.lock();
        let incoming = inner.sessions.iter_mut().find_map(|waiters| waiters.incoming.take());
        if incoming.is_none() {
            inner.accepting.register(cx.waker());
        }
        drop(inner);
        incoming.map_or(Poll::Pending, |handle| Poll::Ready(Session::new(self, handle)))
    }

    fn poll_connected(self, cx: &mut Context<'_>, session: SessionHandle) -> Poll<()> {
        let mut inner = self.lock();
        let state = inner.host.session_state(session);
        if state == Some(SessionState::Connecting) {
            inner.wait_session(session, cx.waker());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Does something to the host, then has the carrier look what there is to send.
    pub(crate) fn act<T>(self, action: impl FnOnce(&mut Inner, Instant) -> T) -> T {
        let mut inner = self.lock();
        let now = inner.now();
        let answer = action(&mut inner, now);
        inner.carrier.wake();
        answer
    }

    /// The shared part. Wakers only mark tasks, and nothing here calls the application, so it is
    /// never taken twice.
    pub(crate) fn lock(self) -> RefMut<'static, Inner> {
        self.0.borrow_mut()
    }
}
