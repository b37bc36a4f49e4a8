//! [`Listener`]: accepts the substreams a peer opens under one stream.

use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::branch::Branch;
use crate::error::SessionClosed;
use crate::stream::Stream;
use crate::waiter::Waiter;
use crate::waiters::Interest;

/// Accepts children of one stream; made by [`Branch::listen`].
///
/// Several tasks may each have a listener of the same stream: every child goes to one of them.
#[derive(Debug)]
pub struct Listener {
    parent: Branch,
    /// For [`poll_accept`](Self::poll_accept).
    waiter: Waiter,
}

impl Listener {
    pub(crate) const fn new(parent: Branch) -> Self {
        Self { parent, waiter: Waiter::new() }
    }

    /// The next child the peer opened; `None` when the session or the parent has ended.
    ///
    /// Cancel-safe: a dropped future accepted nothing.
    pub async fn accept(&mut self) -> Option<Stream> {
        let mut waiter = Waiter::new();
        poll_fn(|cx| poll_accept(&self.parent, cx, &mut waiter)).await
    }

    /// [`accept`](Self::accept) as a poll function. The listener keeps the task's waker until the
    /// next poll, or until it is dropped.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Stream>> {
        poll_accept(&self.parent, cx, &mut self.waiter)
    }

    /// Why nothing more comes, if that is because the session ended.
    #[must_use]
    pub fn close_reason(&self) -> Option<SessionClosed> {
        let session = &self.parent.stream.session;
        let inner = session.shared.lock();
        inner.is_closed(session.handle).then(|| inner.closed(session.handle))
    }
}

fn poll_accept(parent: &Branch, cx: &mut Context<'_>, waiter: &mut Waiter) -> Poll<Option<Stream>> {
    let reference = &*parent.stream;
    let session = &reference.session;
    let accepted = waiter.lend(&session.shared, |seat| {
        session.poll_stream(cx, seat, reference.handle, Interest::Accept, |inner, now| match inner
            .host
            .accept_substream(now, reference.handle)
        {
            Some(child) => Poll::Ready(Some(child)),
            None if inner.is_closed(session.handle) => Poll::Ready(None),
            None if inner.host.stream_info(reference.handle).is_none() => Poll::Ready(None),
            None => Poll::Pending,
        })
    });
    accepted.map(|child| child.map(|child| Stream::new(Branch::new(session.clone(), child, false))))
}
