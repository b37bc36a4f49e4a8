//! [`Carrier`]: an endpoint without sockets. Whoever holds it brings and takes the packets, over
//! whatever there is, and gives it turns.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_nostd::{Codepoint as Ecn, Duration, Host, Path};
use tracing::trace;

use crate::clock::{Clock, Since};
use crate::config::Config;
use crate::crypto::{liking, primitives};
use crate::endpoint::{Endpoint, host_config, open_key_log, storage_for};
use crate::error::BindError;
use crate::shared::{Acted, Lifeline, Phase, Shared};

/// What an endpoint without sockets must be told about the place it runs in.
#[derive(Clone)]
pub struct Surroundings {
    /// The time since any moment of the caller's choice. If it goes back, it stands still.
    pub clock: Since,
    /// Where peers send to, if that has names; only [`Endpoint::local_addrs`] tells it on.
    pub local: Vec<SocketAddr>,
    /// Random bytes, keys included, that come again with the same seed. DANGER: whoever knows the
    /// seed knows the keys; for tests only. `None`: the system's randomness.
    pub seed: Option<u64>,
}

/// The other side of an endpoint without sockets: its packets, its timers, its turns.
///
/// The endpoint and its sessions and streams are the same as over sockets; their futures need no
/// runtime. Bring packets with [`handle_packet`](Self::handle_packet), then
/// [`turn`](Self::turn), then take packets until [`poll_transmit`](Self::poll_transmit) has no
/// more; do that again when [`poll_timeout`](Self::poll_timeout) says so or
/// [`poll_work`](Self::poll_work) is ready.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use sst_std::{Config, Endpoint, Identity, Surroundings};
///
/// let clock = Arc::new(|| Duration::ZERO);
/// let surroundings = Surroundings { clock, local: Vec::new(), seed: None };
/// let config = Config::new(Identity::generate()?);
/// let (endpoint, mut carrier) = Endpoint::detached(config, surroundings)?;
/// assert!(carrier.poll_transmit(&mut [0; 1_500]).is_none()); // nothing to say yet
/// drop(endpoint);
/// carrier.turn();
/// assert!(carrier.poll_transmit(&mut [0; 1_500]).is_none() && carrier.has_ended());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Carrier {
    shared: Arc<Shared>,
    woken: Vec<Waker>,
}

impl Endpoint {
    /// An endpoint without sockets, and the [`Carrier`] that must be served for it to do anything.
    /// [`Config::bind`] means nothing here.
    ///
    /// # Errors
    /// [`BindError::Config`], [`BindError::KeyLog`] or [`BindError::Memory`].
    pub fn detached(
        config: Config,
        surroundings: Surroundings,
    ) -> Result<(Self, Carrier), BindError> {
        let clock = Clock::given(surroundings.clock);
        let mut primitives = liking(primitives(), config.suite);
        if let Some(seed) = surroundings.seed {
            primitives = primitives.foretold(seed);
        }
        let key_log = config.key_log.as_deref().map(open_key_log).transpose()?;
        let storage = storage_for(&config)?;
        let host = Host::new(host_config(&config), storage, primitives, clock.now())
            .map_err(BindError::Config)?;
        let shared = Arc::new(Shared::new(host, clock, surroundings.local, config, key_log));
        let endpoint = Self::new(Arc::new(Lifeline(shared.clone())));
        Ok((endpoint, Carrier { shared, woken: Vec::new() }))
    }
}

impl Carrier {
    /// Takes in one packet, which is changed in place. Garbage is dropped, and counted in
    /// [`Endpoint::stats`].
    pub fn handle_packet(&mut self, from: SocketAddr, packet: &mut [u8]) {
        let now = self.shared.clock.now();
        let path = Path { local: None, peer: from };
        let mut inner = self.shared.lock();
        if let Err(why) = inner.host.handle_packet(now, path, Ecn::NotEct, packet) {
            trace!(peer = %from, ?why, "packet dropped");
        }
    }

    /// Writes the next packet that is to leave, and tells where to and how long it is. Call it
    /// until there is none. A packet never is longer than `buffer`; 1,280 bytes are enough for
    /// every message, more for larger packets where the path takes them.
    pub fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let now = self.shared.clock.now();
        let mut inner = self.shared.lock();
        loop {
            if let Some(transmit) = inner.host.poll_transmit(now, buffer, 1) {
                return Some((transmit.path.peer, transmit.len));
            }
            // Sending makes room, and that is news.
            if inner.drain_events(now, &mut self.woken) == Acted::No {
                break;
            }
        }
        inner.end_if_stopping(&mut self.woken);
        drop(inner);
        self.wake();
        None
    }

    /// Serves the timers that are due and wakes the tasks whose events have come. Afterwards there
    /// may be packets to take.
    pub fn turn(&mut self) {
        let now = self.shared.clock.now();
        self.shared.lock().turn(now, &mut self.woken);
        self.wake();
    }

    /// When the next turn is due if nothing else happens, on the caller's clock.
    pub fn poll_timeout(&mut self) -> Option<Duration> {
        self.shared.lock().poll_timeout().map(Clock::since_origin)
    }

    /// Ready when a call of the application may have left something to send or to tell: then take
    /// a turn and the packets. The task is woken when that happens.
    pub fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.shared.lock();
        let has_acted = inner.driver.is_none();
        inner.driver = Some(cx.waker().clone());
        if has_acted || inner.phase == Phase::Stopping { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether the endpoint was closed, or every handle of it is gone: nothing comes any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.shared.lock().phase == Phase::Stopped
    }

    fn wake(&mut self) {
        for waker in self.woken.drain(..) {
            waker.wake();
        }
    }
}

impl Drop for Carrier {
    /// Nobody carries packets any more: whoever waits for something hears of it.
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        let mut inner = self.shared.lock();
        inner.abandon(now, &mut self.woken);
        drop(inner);
        self.wake();
    }
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Carrier").field("id", &self.shared.id).finish_non_exhaustive()
    }
}
