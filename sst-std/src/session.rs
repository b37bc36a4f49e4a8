//! [`Session`]: the bond with one peer, and the root of its tree of streams.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_nostd::{self as core, HostId, Instance, Instant, SessionHandle, StreamHandle, StreamId};

#[cfg(feature = "net")]
use crate::at_once::wipe_stack;
use crate::branch::Branch;
use crate::error::{DatagramError, OpenError, SessionClosed};
use crate::shared::{Inner, Lifeline, Shared};
use crate::waiter::{Seat, Waiter};
use crate::waiters::{Interest, Place};

pub use sst_nostd::ChannelStats as SessionStats;

/// A session with a peer whose identity is proved. Clones are cheap and name the same session.
///
/// It is the root of the session's streams: everything a [`Branch`] can do, it can. When the last
/// clone and the last stream of it are dropped, the session is aborted: to be sure that everything
/// arrives, [`finish`](crate::Stream::finish) the streams or [`close`](Session::close).
///
/// # Examples
/// ```
/// use sst_std::{Config, Endpoint, Identity, OpenOptions, Url};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = Config::new(Identity::generate()?);
/// config.bind = vec!["127.0.0.1:0".parse()?];
/// config.accept = true;
/// let here = Endpoint::bind(config.clone()).await?;
/// config.identity = Identity::generate()?;
/// let there = Endpoint::bind(config).await?;
///
/// let url = Url::new(there.id(), there.local_addrs()[0], "");
/// let session = here.connect(&url).await?;
/// let mut stream = session.open_substream(OpenOptions::new()).await?;
/// stream.write_record(b"hello").await?;
///
/// let theirs = there.accept().await.expect("the endpoint is open");
/// let mut child = theirs.listen(1).accept().await.expect("the session is open");
/// assert_eq!(child.read_record(100).await?.as_deref(), Some(&b"hello"[..]));
/// session.close(0, "bye").await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    root: Branch,
}

/// How many streams [`Session::largest_unread`] tells at most: they are sorted under the lock.
const MAX_TOLD: usize = 1_024;

/// What one stream holds that nobody has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its name in the session: its own side's [`stream_id`](Branch::stream_id).
    pub stream: StreamId,
    /// Bytes and marks that arrived and were not read.
    pub unread: u64,
}

/// One session's place in the host.
pub(crate) struct SessionRef {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: SessionHandle,
    /// Keeps the driver going as long as there is a session.
    _lifeline: Arc<Lifeline>,
}

impl Session {
    /// The session, once it has a root; `None` if it is gone already.
    pub(crate) fn new(reference: Arc<SessionRef>) -> Option<Self> {
        let handle = reference.handle;
        let root = reference.shared.lock().host.root(handle);
        Some(Self { root: Branch::new(reference, root?, true) })
    }

    /// Who the peer is. It has proved it.
    #[must_use]
    pub fn peer_id(&self) -> HostId {
        let reference = self.reference();
        let peer = reference.shared.lock().peer(reference.handle);
        peer.unwrap_or(HostId::new([0; 32]))
    }

    /// Which of several sessions with that peer it is; `None` for the one without a name.
    #[must_use]
    pub fn instance(&self) -> Option<Instance> {
        let reference = self.reference();
        reference.shared.lock().instance(reference.handle)
    }

    /// Who this host is in it.
    #[must_use]
    pub fn local_id(&self) -> HostId {
        self.reference().shared.id
    }

    /// Where the peer is now; `None` while there is no channel to it.
    #[must_use]
    pub fn peer_address(&self) -> Option<SocketAddr> {
        let reference = self.reference();
        let info = reference.shared.lock().host.session_info(reference.handle)?;
        info.path.map(|path| path.peer)
    }

    /// Round trip, losses and volumes; `None` while there is no channel to the peer.
    #[must_use]
    pub fn stats(&self) -> Option<SessionStats> {
        let reference = self.reference();
        reference.shared.lock().host.session_info(reference.handle)?.channel
    }

    /// How many datagrams came and were dropped, the oldest first, because nobody received them in
    /// time: see [`Config::datagram_queue_bytes`](crate::Config::datagram_queue_bytes).
    #[must_use]
    pub fn dropped_datagrams(&self) -> u64 {
        let reference = self.reference();
        let info = reference.shared.lock().host.session_info(reference.handle);
        info.map_or(0, |info| info.dropped_datagrams)
    }

    /// How much arrived in this session and was not read yet, in bytes and marks, over all its
    /// streams.
    #[must_use]
    pub fn unread(&self) -> u64 {
        let reference = self.reference();
        reference.shared.lock().unread(reference.handle)
    }

    /// Waits until the session is *crowded*: its peer has something to send, and what nobody reads
    /// has used up the [budget](crate::Config::session_budget).
    /// [`largest_unread`](Self::largest_unread) then names the streams that hold it. To read them,
    /// or to [`stop`](Branch::stop) them, lets the others go on; to do neither lets this session
    /// wait, and no other one.
    ///
    /// It is told once each time, to one of those who wait, and also to who asks a little later.
    ///
    /// Cancel-safe: a dropped future has missed nothing.
    ///
    /// # Errors
    /// [`SessionClosed`], once the session has ended.
    ///
    /// # Examples
    /// ```
    /// # use sst_std::{Session, SessionClosed};
    /// /// Gives up whatever holds most, rather than let all wait for it.
    /// async fn keep_going(session: Session) -> SessionClosed {
    ///     loop {
    ///         if let Err(closed) = session.crowded().await {
    ///             return closed;
    ///         }
    ///         for held in session.largest_unread(8) {
    ///             eprintln!("stream {:?} holds {} unread bytes", held.stream, held.unread);
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn crowded(&self) -> Result<(), SessionClosed> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_crowded(cx, &mut waiter)).await
    }

    /// [`crowded`](Self::crowded) as a poll function.
    ///
    /// # Errors
    /// [`SessionClosed`], once the session has ended.
    pub fn poll_crowded(
        &self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
    ) -> Poll<Result<(), SessionClosed>> {
        let SessionRef { shared, handle, .. } = &**self.reference();
        waiter.poll(cx, shared, Place::Session(*handle), |inner, _| {
            if inner.is_closed(*handle) {
                Poll::Ready(Err(inner.closed(*handle)))
            } else if inner.take_crowded(*handle) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
    }

    /// The streams of this session that hold most of what is [unread](Self::unread), most first:
    /// at most `most` of them, and at most 1,024. Looks at every stream of the endpoint: a question
    /// for when the session is [crowded](Self::crowded).
    #[must_use]
    pub fn largest_unread(&self, most: usize) -> Vec<Unread> {
        let mut largest = vec![(self.root.stream.handle, 0); most.min(MAX_TOLD)];
        let reference = self.reference();
        let inner = reference.shared.lock();
        let count = inner.host.largest_unread(reference.handle, &mut largest);
        largest.truncate(count);
        let told = |(stream, unread)| {
            let info = inner.host.stream_info(stream)?;
            Some(Unread { stream: info.id, unread })
        };
        largest.into_iter().filter_map(told).collect()
    }

    /// Waits for the end of the session, whoever ends it, and tells why.
    ///
    /// Cancel-safe.
    pub async fn closed(&self) -> SessionClosed {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_closed(cx, &mut waiter)).await
    }

    /// [`closed`](Self::closed) as a poll function.
    pub fn poll_closed(&self, cx: &mut Context<'_>, waiter: &mut Waiter) -> Poll<SessionClosed> {
        self.reference().poll_closed(cx, waiter)
    }

    /// Why the session ended; `None` while it has not.
    #[must_use]
    pub fn close_reason(&self) -> Option<SessionClosed> {
        let reference = self.reference();
        let inner = reference.shared.lock();
        inner.is_closed(reference.handle).then(|| inner.closed(reference.handle))
    }

    /// Ends the session in an orderly way: delivers what was written and finished, then tells the
    /// peer `code` and `reason` (at most 128 bytes are kept). Returns when that is done, or when
    /// the session ended in another way.
    ///
    /// Dropping the future does not stop the closing.
    pub async fn close(&self, code: u64, reason: &str) -> SessionClosed {
        let reference = self.reference();
        reference.shared.act(|inner, now| {
            let _ = inner.host.close(now, reference.handle, code, reason);
        });
        self.closed().await
    }

    /// Ends the session now; what is not delivered is lost.
    pub fn abort(&self, code: u64, reason: &str) {
        let reference = self.reference();
        reference.shared.act(|inner, now| {
            let _ = inner.host.abort(now, reference.handle, code, reason);
        });
    }

    pub(crate) fn reference(&self) -> &Arc<SessionRef> {
        &self.root.stream.session
    }
}

impl Deref for Session {
    type Target = Branch;

    fn deref(&self) -> &Branch {
        &self.root
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Session").field("peer", &self.peer_id()).finish_non_exhaustive()
    }
}

impl SessionRef {
    /// Takes charge of a session the host made, and that the slots know.
    pub(crate) fn new(lifeline: &Arc<Lifeline>, handle: SessionHandle) -> Arc<Self> {
        Arc::new(Self { shared: lifeline.0.clone(), handle, _lifeline: lifeline.clone() })
    }

    /// Why the session ended, once it has.
    pub(crate) fn poll_closed(
        &self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
    ) -> Poll<SessionClosed> {
        waiter.poll(cx, &self.shared, Place::Session(self.handle), |inner, _| {
            if inner.is_closed(self.handle) {
                Poll::Ready(inner.closed(self.handle))
            } else {
                Poll::Pending
            }
        })
    }

    /// Tries something on a stream of the session; if it must wait, the task is woken when
    /// `interest` is due.
    pub(crate) fn poll_stream<T>(
        &self,
        cx: &mut Context<'_>,
        seat: &mut Seat,
        stream: StreamHandle,
        interest: Interest,
        attempt: impl FnOnce(&mut Inner, Instant) -> Poll<T>,
    ) -> Poll<T> {
        let mut driver = None;
        let place = Place::Stream(self.handle, stream, interest);
        let answer = seat.poll(cx, &self.shared, place, |inner, now| {
            let answer = attempt(inner, now);
            if answer.is_ready() {
                driver = inner.driver.take();
            }
            answer
        });
        self.shared.tell(driver);
        answer
    }

    /// [`poll_stream`](Self::poll_stream) for an attempt that tells how many bytes it wrote.
    pub(crate) fn poll_sending<T>(
        &self,
        cx: &mut Context<'_>,
        seat: &mut Seat,
        stream: StreamHandle,
        interest: Interest,
        attempt: impl FnOnce(&mut Inner, Instant) -> (Poll<T>, usize),
    ) -> Poll<T> {
        #[cfg(not(feature = "net"))]
        return self.poll_stream(cx, seat, stream, interest, |inner, now| attempt(inner, now).0);
        #[cfg(feature = "net")]
        {
            let mut has_sent = false;
            let answer = self.poll_stream(cx, seat, stream, interest, |inner, now| {
                let (answer, bytes) = attempt(inner, now);
                has_sent = bytes > 0 && inner.send_if_full(bytes, now);
                answer
            });
            if has_sent {
                wipe_stack();
            }
            answer
        }
    }

    /// What a failed open means here; pending if waiting helps.
    pub(crate) fn open_error<T>(
        &self,
        inner: &Inner,
        error: core::OpenError,
    ) -> Poll<Result<T, OpenError>> {
        Poll::Ready(Err(match error {
            core::OpenError::Blocked if !inner.is_closed(self.handle) => return Poll::Pending,
            core::OpenError::NoCapacity => OpenError::NoCapacity,
            _ if inner.is_closed(self.handle) => inner.closed(self.handle).into(),
            core::OpenError::SessionClosed => inner.closed(self.handle).into(),
            _ => OpenError::ParentGone,
        }))
    }

    /// A stream is unknown to the host: because its session ended, or by itself.
    pub(crate) fn gone(&self, inner: &Inner) -> DatagramError {
        if inner.is_closed(self.handle) {
            inner.closed(self.handle).into()
        } else {
            DatagramError::ParentGone
        }
    }
}

impl Drop for SessionRef {
    fn drop(&mut self) {
        let mut woken = Vec::new();
        self.shared.act(|inner, now| inner.drop_session(now, self.handle, &mut woken));
        woken.into_iter().for_each(Waker::wake);
    }
}
