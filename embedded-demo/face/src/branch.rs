//! [`Branch`]: what the root of a session and every stream can do: have children and datagrams.

use core::future::poll_fn;
use core::task::{Context, Poll};

use sst_nostd::{
    DatagramError, DatagramForm, DatagramOptions, Duration, Instant, Open, OpenError, ReadError,
    SessionHandle, StreamCode, StreamHandle,
};

use crate::endpoint::Endpoint;
use crate::entropy::BoardHost;
use crate::stream::Stream;
use crate::waiters::Interest;

/// How to open a substream.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions(Open);

/// A place in the tree of streams. Copies are the same place, and keep nothing alive.
#[derive(Clone, Copy)]
pub struct Branch {
    endpoint: Endpoint,
    session: SessionHandle,
    /// `None`: the root of a session that never became ready.
    stream: Option<StreamHandle>,
}

impl OpenOptions {
    /// The parent's priority, no lifetime.
    #[must_use]
    pub const fn new() -> Self {
        Self(Open { priority: None, service: false, lifetime: None })
    }

    /// Higher goes first; what is not said is inherited from the parent.
    #[must_use]
    pub const fn priority(self, priority: i8) -> Self {
        Self(Open { priority: Some(priority), ..self.0 })
    }

    /// Abandons what is not delivered this long after it was opened.
    #[must_use]
    pub const fn lifetime(self, lifetime: Duration) -> Self {
        Self(Open { lifetime: Some(lifetime), ..self.0 })
    }

    pub(crate) const fn service(self) -> Self {
        Self(Open { service: true, ..self.0 })
    }
}

impl Branch {
    pub(crate) const fn new(
        endpoint: Endpoint,
        session: SessionHandle,
        stream: Option<StreamHandle>,
    ) -> Self {
        Self { endpoint, session, stream }
    }

    /// Opens a child stream, with no round trip; waits only if the peer takes no more for now.
    ///
    /// # Errors
    /// [`OpenError`], never `Blocked`.
    pub fn open_substream(
        &self,
        options: OpenOptions,
    ) -> impl Future<Output = Result<Stream, OpenError>> {
        poll_fn(move |cx| {
            let opened = self.poll(cx, Interest::Tree, |host, now, stream| {
                match host.open_substream(now, stream.ok_or(OpenError::SessionClosed)?, options.0) {
                    Err(OpenError::Blocked) => Ok(None),
                    opened => opened.map(Some),
                }
            });
            opened.map_ok(|stream| self.child(stream))
        })
    }

    /// Which of the host's sessions this is in: less than the number of sessions there may be, and
    /// another one's as soon as this one is over.
    #[must_use]
    pub const fn session_index(&self) -> usize {
        self.session.index() as usize
    }

    /// Lets the peer open children here: `backlog` more than are accepted, at any time. False if
    /// there is no room for another parent.
    #[must_use]
    pub fn listen(&self, backlog: u32) -> bool {
        let Some(stream) = self.stream else { return false };
        self.endpoint.act(|inner, now| inner.host.listen(now, stream, backlog)).is_ok()
    }

    /// The next child that the peer opened; `None` once the session is over or the stream gone.
    pub fn accept_substream(&self) -> impl Future<Output = Option<Stream>> {
        poll_fn(move |cx| {
            let accepted = self.poll(cx, Interest::Tree, |host, now, stream| {
                match stream.filter(|stream| host.stream_info(*stream).is_some()) {
                    Some(stream) => Ok(host.accept_substream(now, stream)),
                    None => Err(()),
                }
            });
            accepted.map(|accepted| Some(self.child(accepted.ok()?)))
        })
    }

    /// Sends one datagram, of any size up to the peer's limit.
    ///
    /// # Errors
    /// [`DatagramError`], never `Blocked`.
    pub fn send_datagram(
        &self,
        bytes: &[u8],
        lifetime: Option<Duration>,
    ) -> impl Future<Output = Result<DatagramForm, DatagramError>> {
        poll_fn(move |cx| self.poll_send_datagram(cx, bytes, lifetime))
    }

    /// Sends a datagram that is sent again if it is lost. The order is not kept.
    ///
    /// # Errors
    /// As [`send_datagram`](Self::send_datagram).
    pub fn send_message(
        &self,
        bytes: &[u8],
    ) -> impl Future<Output = Result<DatagramForm, DatagramError>> {
        let options = DatagramOptions { lifetime: None, reliable: true };
        poll_fn(move |cx| self.poll_send(cx, bytes, options))
    }

    /// [`send_datagram`](Self::send_datagram), for futures written by hand.
    pub fn poll_send_datagram(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        lifetime: Option<Duration>,
    ) -> Poll<Result<DatagramForm, DatagramError>> {
        self.poll_send(cx, bytes, DatagramOptions { lifetime, reliable: false })
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Poll<Result<DatagramForm, DatagramError>> {
        self.poll(cx, Interest::Tree, |host, now, stream| {
            let stream = stream.ok_or(DatagramError::SessionClosed)?;
            match host.send_datagram(now, stream, bytes, options) {
                Err(DatagramError::Blocked) => Ok(None),
                sent => sent.map(Some),
            }
        })
    }

    /// The next datagram, at the start of `buffer`: its length.
    ///
    /// # Errors
    /// [`ReadError`]; `BufferTooSmall` leaves it where it is.
    pub fn recv_datagram(
        &self,
        buffer: &mut [u8],
    ) -> impl Future<Output = Result<usize, ReadError>> {
        poll_fn(move |cx| self.poll_recv_datagram(cx, buffer))
    }

    /// [`recv_datagram`](Self::recv_datagram), for futures written by hand.
    pub fn poll_recv_datagram(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, ReadError>> {
        self.poll(cx, Interest::Tree, |host, now, stream| {
            let received =
                host.recv_datagram(now, stream.ok_or(ReadError::SessionClosed)?, buffer)?;
            Ok(received.map(|(len, _)| len))
        })
    }

    /// Sets the priority of what is sent here and below; `None` follows the parent.
    pub fn set_priority(&self, priority: Option<i8>) {
        if let Some(stream) = self.stream {
            // A stream that is gone has no priority.
            let _ = self.endpoint.act(|inner, now| inner.host.set_priority(now, stream, priority));
        }
    }

    /// The priority in force of what is sent here; `None` if the stream is gone.
    #[must_use]
    pub fn priority(&self) -> Option<i8> {
        self.info().map(|info| info.priority)
    }

    /// Delivers what was written, then ends the whole session, without waiting for it.
    pub fn close_session(&self, code: u64, reason: &str) {
        // A session that is unknown is closed already.
        let _ = self.endpoint.act(|inner, now| inner.host.close(now, self.session, code, reason));
    }

    /// Ends the whole session at once.
    pub fn abort_session(&self, code: u64, reason: &str) {
        let _ = self.endpoint.act(|inner, now| inner.host.abort(now, self.session, code, reason));
    }

    /// Gives up what is sent on this stream; the peer hears `code`.
    pub fn reset(&self, code: StreamCode) {
        if let Some(stream) = self.stream {
            self.endpoint.act(|inner, now| inner.host.reset(now, stream, code));
        }
    }

    /// Asks the peer to send no more on this stream.
    pub fn stop(&self, code: StreamCode) {
        if let Some(stream) = self.stream {
            self.endpoint.act(|inner, now| inner.host.stop(now, stream, code));
        }
    }

    pub(crate) const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Asks the host; `Ok(None)` waits until something happens that `interest` wants to know.
    pub(crate) fn poll<T, E>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        ask: impl FnOnce(&mut BoardHost, Instant, Option<StreamHandle>) -> Result<Option<T>, E>,
    ) -> Poll<Result<T, E>>
    where
        E: Ended,
    {
        self.endpoint.act(|inner, now| match ask(&mut inner.host, now, self.stream).transpose() {
            Some(answer) => Poll::Ready(answer),
            None if inner.is_closed(self.session) => Poll::Ready(Err(E::SESSION_CLOSED)),
            None => {
                if let Some(stream) = self.stream {
                    inner.wait(stream, interest, cx.waker());
                }
                Poll::Pending
            }
        })
    }

    const fn child(&self, stream: StreamHandle) -> Stream {
        Stream::new(Self::new(self.endpoint, self.session, Some(stream)))
    }

    pub(crate) fn info(&self) -> Option<sst_nostd::StreamInfo> {
        self.endpoint.lock().host.stream_info(self.stream?)
    }

    /// Whether the peer opened this stream to ask for a service.
    #[must_use]
    pub fn is_service(&self) -> bool {
        self.info().is_some_and(|info| info.is_service)
    }

    pub(crate) const fn handle(&self) -> Option<StreamHandle> {
        self.stream
    }

    pub(crate) fn release(&self) {
        if let Some(stream) = self.stream {
            self.endpoint.act(|inner, now| inner.host.release(now, stream));
        }
    }
}

/// An error that can say that the session is over.
pub(crate) trait Ended {
    const SESSION_CLOSED: Self;
}

impl Ended for () {
    const SESSION_CLOSED: Self = ();
}

impl Ended for OpenError {
    const SESSION_CLOSED: Self = Self::SessionClosed;
}

impl Ended for DatagramError {
    const SESSION_CLOSED: Self = Self::SessionClosed;
}

impl Ended for ReadError {
    const SESSION_CLOSED: Self = Self::SessionClosed;
}

impl Ended for sst_nostd::WriteError {
    const SESSION_CLOSED: Self = Self::SessionClosed;
}
