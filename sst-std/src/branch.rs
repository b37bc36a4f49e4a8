//! [`Branch`]: what every stream and the session itself can do: have children and datagrams.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use sst_nostd::{self as core, Duration, StreamCode, StreamHandle, StreamId};

use crate::delivery::{DatagramOptions, Delivery};
use crate::error::{DatagramError, OpenError};
use crate::listener::Listener;
use crate::session::SessionRef;
use crate::shared::Inner;
use crate::stream::Stream;
use crate::waiter::Waiter;
use crate::waiters::Interest;

pub use sst_nostd::{DatagramForm, StreamInfo};

/// A place in a session's tree of streams, and the remote control of its stream.
///
/// [`Session`](crate::Session) (the root) and [`Stream`] dereference to it. Clones are cheap and
/// name the same stream; the stream's memory is kept until the last is dropped, but the stream
/// itself ends when its [`Stream`] or both halves of it do.
#[derive(Clone)]
pub struct Branch {
    pub(crate) stream: Arc<StreamRef>,
}

/// One stream's place in the host; let go when the last handle is.
pub(crate) struct StreamRef {
    pub(crate) session: Arc<SessionRef>,
    pub(crate) handle: StreamHandle,
    is_root: bool,
}

/// How to open a substream.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// let open = sst_std::OpenOptions::new().priority(5).lifetime(Duration::from_millis(200));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    pub(crate) priority: Option<i8>,
    pub(crate) lifetime: Option<Duration>,
    pub(crate) is_service: bool,
}

impl OpenOptions {
    /// The parent's priority, no lifetime.
    #[must_use]
    pub const fn new() -> Self {
        Self { priority: None, lifetime: None, is_service: false }
    }

    /// Higher goes first; what is not said is inherited from the parent.
    #[must_use]
    pub const fn priority(self, priority: i8) -> Self {
        Self { priority: Some(priority), ..self }
    }

    /// Abandons what is not delivered this long after it was opened.
    #[must_use]
    pub const fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    pub(crate) const fn service(self) -> Self {
        Self { is_service: true, ..self }
    }
}

impl Branch {
    pub(crate) fn new(session: Arc<SessionRef>, handle: StreamHandle, is_root: bool) -> Self {
        Self { stream: Arc::new(StreamRef { session, handle, is_root }) }
    }

    /// Opens a child stream. The peer hears of it at once; nothing is waited for unless the peer
    /// accepts no more children for now.
    ///
    /// Cancel-safe: a dropped future has opened nothing.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// # Examples
    /// ```
    /// # use sst_std::{OpenOptions, Session};
    /// # async fn example(session: Session) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut photos = session.open_substream(OpenOptions::new()).await?;
    /// let mut urgent = photos.open_substream(OpenOptions::new().priority(9)).await?;
    /// urgent.write_record(b"first").await?;
    /// urgent.finish().await?;
    /// # Ok(()) }
    /// ```
    pub async fn open_substream(&self, options: OpenOptions) -> Result<Stream, OpenError> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_open_substream(cx, &mut waiter, options)).await
    }

    /// [`open_substream`](Self::open_substream) as a poll function.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn poll_open_substream(
        &self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        options: OpenOptions,
    ) -> Poll<Result<Stream, OpenError>> {
        let StreamRef { session, handle, .. } = &*self.stream;
        let OpenOptions { priority, lifetime, is_service } = options;
        let open = core::Open { priority, lifetime, service: is_service };
        let opened = waiter.lend(&session.shared, |seat| {
            session.poll_stream(cx, seat, *handle, Interest::Open, |inner, now| {
                match inner.host.open_substream(now, *handle, open) {
                    Ok(stream) => Poll::Ready(Ok(stream)),
                    Err(error) => session.open_error(inner, error),
                }
            })
        });
        opened.map_ok(|opened| Stream::new(Self::new(session.clone(), opened, false)))
    }

    /// Lets the peer open children here: `backlog` more than are accepted, at any time.
    ///
    /// # Examples
    /// ```
    /// # use sst_std::Session;
    /// # async fn example(session: Session) {
    /// let mut listener = session.listen(16);
    /// while let Some(child) = listener.accept().await {
    ///     println!("{:?}", child.info());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn listen(&self, backlog: u32) -> Listener {
        let handle = self.stream.handle;
        self.stream.session.shared.act(|inner, now| {
            let _ = inner.host.listen(now, handle, backlog);
        });
        Listener::new(self.clone())
    }

    /// Sends a best-effort datagram of any size up to the peer's limit. With a lifetime, it is
    /// abandoned if it has not left by then.
    ///
    /// It leaves with the priority of this place in the tree, before the stream's own bytes: a
    /// session's datagrams wait for streams of a priority above 0, unless the
    /// [session](crate::Session) is given a higher one.
    ///
    /// Waits only if too many are waiting to leave. Cancel-safe: a dropped future sent nothing.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub async fn send_datagram(
        &self,
        bytes: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<DatagramForm, DatagramError> {
        let options = DatagramOptions { lifetime, ..DatagramOptions::new() };
        Ok(self.send_datagram_with(bytes, options).await?.form())
    }

    /// [`send_datagram`](Self::send_datagram), and tells what becomes of it.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub async fn send_tracked_datagram(
        &self,
        bytes: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<Delivery, DatagramError> {
        let options = DatagramOptions { lifetime, ..DatagramOptions::new() };
        self.send_datagram_with(bytes, options.tracked()).await
    }

    /// Sends a message that arrives whole, and arrives: a datagram that is sent again if lost.
    /// The peer receives it with [`Branch::recv_datagram`]. Order among messages is not kept.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub async fn send_message(&self, bytes: &[u8]) -> Result<DatagramForm, DatagramError> {
        Ok(self.send_datagram_with(bytes, DatagramOptions::new().reliable()).await?.form())
    }

    /// [`send_message`](Self::send_message), and tells what becomes of it.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub async fn send_tracked_message(&self, bytes: &[u8]) -> Result<Delivery, DatagramError> {
        self.send_datagram_with(bytes, DatagramOptions::new().reliable().tracked()).await
    }

    /// What the four calls above are made of: sends a datagram as `options` say.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub async fn send_datagram_with(
        &self,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Result<Delivery, DatagramError> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_send_datagram(cx, &mut waiter, bytes, options)).await
    }

    /// [`send_datagram_with`](Self::send_datagram_with) as a poll function.
    ///
    /// # Errors
    /// [`DatagramError`].
    pub fn poll_send_datagram(
        &self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Poll<Result<Delivery, DatagramError>> {
        let StreamRef { session, handle, .. } = &*self.stream;
        let attempt = |inner: &mut Inner, now| {
            use core::DatagramError as Core;
            let error = match inner.send_datagram(now, *handle, bytes, options) {
                Ok(sent) => return (Poll::Ready(Ok(sent)), bytes.len()),
                Err(Core::Blocked) => return (Poll::Pending, 0),
                Err(Core::NoCapacity) => DatagramError::NoCapacity,
                Err(Core::TooLarge(limit)) => {
                    DatagramError::TooLarge { limit: usize::try_from(limit).unwrap_or(usize::MAX) }
                }
                Err(Core::SessionClosed) => inner.closed(session.handle).into(),
                Err(_) => session.gone(inner),
            };
            (Poll::Ready(Err(error)), 0)
        };
        let sent = waiter.lend(&session.shared, |seat| {
            session.poll_sending(cx, seat, *handle, Interest::Send, attempt)
        });
        sent.map_ok(|(form, tracked)| Delivery::new(session.clone(), form, tracked))
    }

    /// The next datagram that arrived for this place in the tree.
    ///
    /// Cancel-safe: a dropped future took nothing.
    ///
    /// # Errors
    /// [`DatagramError`], once nothing more can arrive.
    pub async fn recv_datagram(&self) -> Result<Vec<u8>, DatagramError> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| self.poll_recv_datagram(cx, &mut waiter)).await
    }

    /// [`recv_datagram`](Self::recv_datagram) as a poll function.
    ///
    /// # Errors
    /// [`DatagramError`], once nothing more can arrive.
    pub fn poll_recv_datagram(
        &self,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
    ) -> Poll<Result<Vec<u8>, DatagramError>> {
        let StreamRef { session, handle, .. } = &*self.stream;
        // Whoever waits for a datagram, perhaps for hours, needs no memory for it yet.
        let mut datagram = Vec::new();
        let attempt = |inner: &mut Inner, now| {
            loop {
                return match inner.host.recv_datagram(now, *handle, &mut datagram) {
                    Ok(Some((len, _))) => Poll::Ready(Ok(len)),
                    Ok(None) | Err(core::ReadError::Blocked) if inner.is_closed(session.handle) => {
                        Poll::Ready(Err(inner.closed(session.handle).into()))
                    }
                    Ok(None) | Err(core::ReadError::Blocked) => Poll::Pending,
                    Err(core::ReadError::BufferTooSmall(needed)) => {
                        datagram.resize(needed.max(datagram.len() + 1), 0);
                        continue;
                    }
                    Err(core::ReadError::SessionClosed) => {
                        Poll::Ready(Err(inner.closed(session.handle).into()))
                    }
                    Err(_) => Poll::Ready(Err(session.gone(inner))),
                };
            }
        };
        let len = waiter.lend(&session.shared, |seat| {
            session.poll_stream(cx, seat, *handle, Interest::Receive, attempt)
        });
        let len = ready!(len)?;
        datagram.truncate(len);
        Poll::Ready(Ok(datagram))
    }

    /// Sets how urgent this stream's sending is, from now on. Higher goes first; `None` for the
    /// parent's priority.
    pub fn set_priority(&self, priority: Option<i8>) {
        let handle = self.stream.handle;
        self.stream.session.shared.act(|inner, now| {
            let _ = inner.host.set_priority(now, handle, priority);
        });
    }

    /// Asks the peer to send this stream with that priority. A well-meaning peer does.
    pub fn request_priority(&self, priority: i8) {
        let handle = self.stream.handle;
        self.stream.session.shared.act(|inner, now| {
            let _ = inner.host.request_priority(now, handle, priority);
        });
    }

    /// How urgent this stream's sending is; `None` once the stream is gone.
    #[must_use]
    pub fn priority(&self) -> Option<i8> {
        self.info().map(|info| info.priority)
    }

    /// From now, abandons what is not delivered within `lifetime`; `None` for never.
    pub fn set_lifetime(&self, lifetime: Option<Duration>) {
        let handle = self.stream.handle;
        self.stream.session.shared.act(|inner, now| {
            let _ = inner.host.set_lifetime(now, handle, lifetime);
        });
    }

    /// Ends this host's sending at once; what is not delivered is lost. `code` is at most
    /// 2^32 - 1, which stands for larger ones, too.
    pub fn reset(&self, code: u64) {
        self.reset_as(StreamCode::application_nearest(code));
    }

    /// Tells the peer that nothing more will be read here. `code` as in [`reset`](Self::reset).
    pub fn stop(&self, code: u64) {
        self.stop_as(StreamCode::application_nearest(code));
    }

    /// Says no to a stream that the peer opened: resets and stops it, with
    /// [`CODE_REFUSED`](crate::CODE_REFUSED).
    pub fn refuse(&self) {
        self.reset_as(StreamCode::REFUSED);
        self.stop_as(StreamCode::REFUSED);
    }

    /// [`reset`](Self::reset) with a code that may be the transport's.
    pub(crate) fn reset_as(&self, code: StreamCode) {
        let handle = self.stream.handle;
        self.stream.session.shared.act(|inner, now| inner.host.reset(now, handle, code));
    }

    /// [`stop`](Self::stop) with a code that may be the transport's.
    pub(crate) fn stop_as(&self, code: StreamCode) {
        let handle = self.stream.handle;
        self.stream.session.shared.act(|inner, now| inner.host.stop(now, handle, code));
    }

    /// Numbers about the stream; `None` once it is gone.
    #[must_use]
    pub fn info(&self) -> Option<StreamInfo> {
        self.stream.session.shared.lock().host.stream_info(self.stream.handle)
    }

    /// True while the peer may still want what is written here: work for it is in vain otherwise.
    #[cfg(all(feature = "net", unix))]
    pub(crate) fn is_wanted(&self) -> bool {
        let StreamRef { session, handle, .. } = &*self.stream;
        let inner = session.shared.lock();
        let info = inner.host.stream_info(*handle);
        !inner.is_closed(session.handle)
            && info.is_some_and(|info| info.send_state == core::SendState::Open)
    }

    /// Its name in the session; `None` once it is gone.
    #[must_use]
    pub fn stream_id(&self) -> Option<StreamId> {
        self.info().map(|info| info.id)
    }
}

impl std::fmt::Debug for Branch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Branch").field("handle", &self.stream.handle).finish_non_exhaustive()
    }
}

impl Drop for StreamRef {
    fn drop(&mut self) {
        if self.is_root {
            return;
        }
        let handle = self.handle;
        let mut woken = Vec::new();
        self.session.shared.act(|inner, now| {
            inner.slots.remove_stream(handle, &mut woken);
            inner.host.release(now, handle);
        });
        woken.into_iter().for_each(Waker::wake);
    }
}
