//! [`Session`]: one peer.

use core::future::poll_fn;
use core::ops::Deref;
use core::task::{Context, Poll};

use sst_nostd::{
    CloseReason, HostId, MAX_SERVICE_REQUEST_BYTES, OpenError, ServiceRequest, SessionHandle,
    WriteError, Writer,
};

use crate::branch::{Branch, OpenOptions};
use crate::endpoint::Endpoint;
use crate::stream::Stream;

/// The longest name of a service and of a protocol together that a board asks for, in bytes.
const MAX_NAMES_BYTES: usize = 64;
const _: () = assert!(MAX_NAMES_BYTES < MAX_SERVICE_REQUEST_BYTES);

/// The bond with one peer. Dropped, it ends at once; [`close`](Self::close) delivers first.
///
/// It dereferences to the [`Branch`] of its root: children and datagrams.
pub struct Session {
    root: Branch,
    handle: SessionHandle,
}

impl Session {
    pub(crate) fn new(endpoint: Endpoint, handle: SessionHandle) -> Self {
        let mut session = Self { root: Branch::new(endpoint, handle, None), handle };
        session.find_root();
        session
    }

    /// A session has its root once it is ready.
    pub(crate) fn find_root(&mut self) {
        let endpoint = self.root.endpoint();
        let root = endpoint.lock().host.root(self.handle);
        self.root = Branch::new(endpoint, self.handle, root);
    }

    /// Who the peer is; unknown only until it has proved itself.
    #[must_use]
    pub fn peer(&self) -> Option<HostId> {
        self.root.endpoint().lock().host.session_info(self.handle).and_then(|info| info.peer)
    }

    /// Opens a stream to a service of the peer. A refusal shows when it is read.
    ///
    /// # Errors
    /// [`OpenError`]; `NoCapacity` also if the names are longer than 64 bytes together.
    pub async fn open_service(&self, service: &str, protocol: &str) -> Result<Stream, OpenError> {
        let mut request = [0; MAX_NAMES_BYTES];
        let mut writer = Writer::new(&mut request);
        let names = ServiceRequest { service, protocol };
        names.encode(&mut writer).map_err(|_| OpenError::NoCapacity)?;
        let stream = self.root.open_substream(OpenOptions::new().service()).await?;
        match stream.write_record(writer.written()).await {
            Ok(()) => Ok(stream),
            Err(WriteError::SessionClosed) => Err(OpenError::SessionClosed),
            Err(_) => Err(OpenError::UnknownStream),
        }
    }

    /// Delivers what was written, then ends the session with `code` and `reason`.
    pub async fn close(&self, code: u64, reason: &str) -> Option<CloseReason> {
        // An unknown session is closed already.
        let _ =
            self.root.endpoint().act(|inner, now| inner.host.close(now, self.handle, code, reason));
        self.closed().await
    }

    /// Waits until the session is over; why it is, if that is known.
    pub async fn closed(&self) -> Option<CloseReason> {
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// Why the session is over; `None` while it lasts.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.root.endpoint().lock().host.close_reason(self.handle)
    }

    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<Option<CloseReason>> {
        let mut inner = self.root.endpoint().lock();
        if inner.is_closed(self.handle) {
            return Poll::Ready(inner.host.close_reason(self.handle));
        }
        inner.wait_session(self.handle, cx.waker());
        Poll::Pending
    }
}

impl Deref for Session {
    type Target = Branch;

    fn deref(&self) -> &Branch {
        &self.root
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.root.endpoint().act(|inner, now| inner.host.release_session(now, self.handle));
    }
}
