//! [`Endpoint`]: one identity, from which sessions are made.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use sst_nostd::{
    self as core, Dial, Duration, HostId, Limits, NEXT_ADDRESS_DELAY, Path, SessionHandle,
    SessionState, Storage,
};
use tracing::{debug, warn};

use crate::addresses::in_turn;
use crate::alarm::within;
use crate::config::{Accepting, Config, InstanceWish};
use crate::crypto::Primitives;
use crate::error::{BindError, By, ConnectError, SessionClosed};
use crate::key_log::KeyLog;
use crate::session::{Session, SessionRef};
use crate::shared::{Lifeline, Phase, Shared};
use crate::url::Url;
use crate::waiter::Waiter;
use crate::waiters::Place;

pub use sst_nostd::Stats;

/// How long [`Endpoint::close`] waits for peers before it closes anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A host: it starts sessions and, if it accepts, answers them. Clones are cheap and name the same
/// endpoint; it goes on until the last clone, session and stream is dropped.
///
/// Nothing the network does ends an endpoint: no ICMP message, no socket error, no flood.
#[derive(Clone)]
pub struct Endpoint {
    lifeline: Arc<Lifeline>,
}

impl Endpoint {
    pub(crate) const fn new(lifeline: Arc<Lifeline>) -> Self {
        Self { lifeline }
    }

    /// Starts a session with the host a URL names; looks up its address first.
    ///
    /// An endpoint that only dials has a session of its own from each call, as with TCP or QUIC:
    /// neither ends the other's, and the peer accepts each. An endpoint that accepts has one
    /// session with each peer, whoever began it, and a call finds that session if it is there:
    /// whoever closes it closes it for all who hold it, and the peer accepts it once. Where both
    /// dial each other, they must meet in one. [`Config::instance`] and
    /// [`connect_in`](Self::connect_in) say otherwise.
    ///
    /// Cancel-safe: a dropped future leaves no session.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self, url: &Url) -> Result<Session, ConnectError> {
        let addresses = url
            .resolve_all()
            .await
            .map_err(|source| ConnectError::Lookup { host: url.host().into(), source })?;
        self.connect_to_any(Some(url.id()), &addresses).await
    }

    /// Starts a session with the host `id` at `address`; with `None`, with whoever answers there
    /// ([`Config::answers_unknown`]), to be asked for its identity afterwards
    /// ([`Session::peer_id`]).
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect_to(
        &self,
        id: Option<HostId>,
        address: SocketAddr,
    ) -> Result<Session, ConnectError> {
        self.connect_in(id, &[address], self.lifeline.0.instance).await
    }

    /// Starts a session with the host `id` at whichever of its addresses answers first: each is
    /// tried a quarter of a second after the one before, as long as nobody has answered, at most
    /// eight of them.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect_to_any(
        &self,
        id: Option<HostId>,
        addresses: &[SocketAddr],
    ) -> Result<Session, ConnectError> {
        self.connect_in(id, addresses, self.lifeline.0.instance).await
    }

    /// The same, in a session that is chosen: [`InstanceWish::Named`] where both hosts were given
    /// its instance and dial each other, as after an introduction.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect_in(
        &self,
        id: Option<HostId>,
        addresses: &[SocketAddr],
        instance: InstanceWish,
    ) -> Result<Session, ConnectError> {
        let addresses = in_turn(addresses.iter().copied());
        let waited = self.lifeline.0.connect_timeout;
        if addresses.is_empty() {
            return Err(ConnectError::NoAnswer { addresses, waited, system: None });
        }
        let attempts = async {
            // A negotiation is given up after ten seconds; whoever is more patient begins another.
            loop {
                if let Some(session) = self.dial(id, &addresses, instance).await? {
                    return Ok(session);
                }
            }
        };
        let answer = within(&self.lifeline.0, waited, attempts).await;
        answer.unwrap_or_else(|| {
            let system = self.lifeline.0.lock().refusals.of(&addresses);
            Err(ConnectError::NoAnswer { addresses, waited, system })
        })
    }

    /// One negotiation; `None` if nobody answered.
    async fn dial(
        &self,
        id: Option<HostId>,
        addresses: &[SocketAddr],
        instance: InstanceWish,
    ) -> Result<Option<Session>, ConnectError> {
        let shared = &self.lifeline.0;
        let Some((&first, others)) = addresses.split_first() else { return Ok(None) };
        let path = |peer| Path { local: None, peer };
        let handle = shared.act(|inner, now| {
            if inner.phase != Phase::Open {
                return Err(ConnectError::EndpointClosed);
            }
            let dial = Dial { instance, ..Dial::new(path(first), id) };
            let handle = inner.host.connect(now, dial).map_err(|error| match error {
                core::ConnectError::NoCapacity => ConnectError::NoCapacity,
                core::ConnectError::OwnIdentity => ConnectError::Myself(shared.id),
                _ => ConnectError::Random,
            })?;
            inner.slots.add_session(handle);
            let mut after = Duration::ZERO;
            for &other in others {
                after += NEXT_ADDRESS_DELAY;
                // There is nothing to try if a session with that host is up already.
                let _ = inner.host.try_also(now, handle, path(other), after);
            }
            Ok(handle)
        })?;
        debug!(?id, ?addresses, "connecting");
        // Giving up drops the reference, and that the negotiation.
        let reference = SessionRef::new(&self.lifeline, handle);
        match self.ready(handle).await {
            Ok(()) => Session::new(reference).map(Some).ok_or(ConnectError::EndpointClosed),
            Err(closed) if closed.by() == By::Timeout => Ok(None),
            Err(closed) => Err(ConnectError::Refused(closed)),
        }
    }

    /// The next session a peer started; `None` once the endpoint is closed.
    ///
    /// Cancel-safe: a dropped future accepted nothing.
    pub async fn accept(&self) -> Option<Session> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_accept(cx, &mut waiter)).await
    }

    /// [`accept`](Self::accept) as a poll function.
    pub fn poll_accept(&self, cx: &mut Context<'_>, waiter: &mut Waiter) -> Poll<Option<Session>> {
        loop {
            let next = waiter.poll(cx, &self.lifeline.0, Place::Accepting, |inner, _| match inner
                .incoming
                .pop()
            {
                Some(handle) => Poll::Ready(Some(handle)),
                None if inner.phase != Phase::Open => Poll::Ready(None),
                None => Poll::Pending,
            });
            let Some(handle) = ready!(next) else { return Poll::Ready(None) };
            // One that is gone already has no root.
            if let Some(session) = Session::new(SessionRef::new(&self.lifeline, handle)) {
                return Poll::Ready(Some(session));
            }
        }
    }

    /// Whether peers may start sessions, from now on; with [`Accepting::Expected`], only those that
    /// this endpoint is dialling itself in the same instance.
    pub fn set_accepting(&self, accepting: impl Into<Accepting>) {
        let accepting = accepting.into();
        self.lifeline.0.act(|inner, _| inner.host.set_accepting(accepting));
    }

    /// Tells the endpoint that the machine's addresses or its way to the network have changed, for
    /// those who hear of that: every peer is then asked at once whether it can be heard, and learns
    /// where this host is now. Without it, an endpoint finds out by silence: after two probe
    /// timeouts, or a second if it only receives.
    pub fn network_changed(&self) {
        self.lifeline.0.act(|inner, now| inner.host.network_changed(now, None));
    }

    /// Ends every session in an orderly way, for at most five seconds, then ends the endpoint.
    pub async fn close(&self) {
        let shared = &self.lifeline.0;
        let mut woken = Vec::new();
        let open = shared.act(|inner, now| {
            if inner.phase == Phase::Open {
                inner.phase = Phase::Closing;
            }
            inner.host.set_accepting(false);
            inner.slots.wake_accepting(&mut woken);
            let open = inner.unfinished_sessions();
            for &session in &open {
                let _ = inner.host.shut_down(now, session, true);
            }
            open
        });
        woken.into_iter().for_each(Waker::wake);
        let _ = within(shared, CLOSE_TIMEOUT, all_over(shared, open)).await;
        shared.act(|inner, _| {
            if inner.phase != Phase::Stopped {
                inner.phase = Phase::Stopping;
            }
        });
        let mut waiter = Waiter::new();
        poll_fn(|cx| {
            waiter.poll(cx, shared, Place::Ending, |inner, _| match inner.phase {
                Phase::Stopped => Poll::Ready(()),
                _ => Poll::Pending,
            })
        })
        .await;
    }

    /// Who this host is.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.lifeline.0.id
    }

    /// Where it receives: the bound addresses, with the ports the system chose.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.lifeline.0.local
    }

    /// Numbers about the whole endpoint since it started.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.lifeline.0.lock().host.stats()
    }

    #[cfg(all(test, feature = "net"))]
    pub(crate) fn shared(&self) -> &Shared {
        &self.lifeline.0
    }

    /// Waits until the negotiation is over.
    async fn ready(&self, session: SessionHandle) -> Result<(), SessionClosed> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| {
            waiter.poll(cx, &self.lifeline.0, Place::Session(session), |inner, _| {
                match inner.state(session) {
                    Some(SessionState::Connecting) => Poll::Pending,
                    Some(SessionState::Ready | SessionState::Draining) => Poll::Ready(Ok(())),
                    _ => Poll::Ready(Err(inner.closed(session))),
                }
            })
        })
        .await
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shared { id, local, .. } = &*self.lifeline.0;
        out.debug_struct("Endpoint").field("id", id).field("local", local).finish_non_exhaustive()
    }
}

/// Waits until the sessions are over for the host, too: until then, CLOSE may have to be repeated.
async fn all_over(shared: &Arc<Shared>, mut sessions: Vec<SessionHandle>) {
    let mut waiter = Waiter::new();
    poll_fn(|cx| {
        waiter.poll(cx, shared, Place::Ending, |inner, _| {
            while let Some(&session) = sessions.last() {
                if !inner.is_over(session) {
                    return Poll::Pending;
                }
                sessions.pop();
            }
            Poll::Ready(())
        })
    })
    .await;
}

pub(crate) fn host_config(config: &Config) -> core::Config {
    let mut to = core::Config::large(*config.identity.secret());
    to.accepting = config.accept.into();
    to.lost_scope = config.lost_scope;
    to.answers_unknown = config.answers_unknown;
    to.cookies = config.cookies;
    to.algorithm = config.algorithm;
    to.has_ecn = true;
    to.idle_timeout = config.idle_timeout;
    to.keep_alive = config.keep_alive;
    to.shares_by_source = config.shares_by_source;
    to.max_sessions_per_peer = config.max_sessions_per_peer;
    to.max_packet_bytes = usize::from(config.max_packet_bytes);
    to.exports_keys = config.key_log.is_some();
    to.streams.root_children = config.root_child_credit;
    to.streams.children = config.child_credit;
    to.streams.datagram_bytes = config.max_datagram_bytes;
    to.streams.datagram_queue_bytes = config.datagram_queue_bytes;
    to.streams.stream_window = config.stream_window;
    to.streams.max_stream_window = config.max_stream_window;
    to.streams.session_window = to.streams.session_window.min(config.session_budget);
    to.streams.session_budget = config.session_budget;
    to.streams.send_buffer = config.send_buffer;
    to
}

/// The memory of an endpoint, reserved now.
pub(crate) fn storage_for(config: &Config) -> Result<Storage<'static, Primitives>, BindError> {
    let limits = Limits::of(config.max_sessions, config.max_streams, config.max_buffer_bytes);
    let storage = Storage::owned(&limits);
    if storage.has_room_for(&limits) { Ok(storage) } else { Err(BindError::Memory) }
}

pub(crate) fn open_key_log(path: &std::path::Path) -> Result<KeyLog, BindError> {
    warn!(path = %path.display(), "packet keys are written to a file: not for use in production");
    KeyLog::open(path).map_err(|source| BindError::KeyLog { path: path.into(), source })
}
