//! Who waits for what: three wakers for each stream, one for each session.

use embassy_sync::waitqueue::WakerRegistration;
use sst_nostd::{SessionHandle, StreamEvent};

/// What a task can wait for on a stream. Two tasks that wait for the same wake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Something to read, the end, or a reset.
    Read,
    /// Room to write, everything delivered, or the peer wants no more.
    Write,
    /// Children and datagrams, either way.
    Tree,
}

/// Who waits on one stream.
#[derive(Default)]
pub(crate) struct StreamWaiters {
    read: WakerRegistration,
    write: WakerRegistration,
    tree: WakerRegistration,
}

/// Who waits for one session, and whether it waits to be accepted itself.
#[derive(Default)]
pub(crate) struct SessionWaiters {
    pub(crate) waiter: WakerRegistration,
    pub(crate) incoming: Option<SessionHandle>,
}

impl Interest {
    /// Who wants to know about `event`.
    pub(crate) const fn of(event: StreamEvent) -> Option<Self> {
        match event {
            StreamEvent::Readable | StreamEvent::Reset(_) => Some(Self::Read),
            StreamEvent::Writable
            | StreamEvent::Finished
            | StreamEvent::Expired
            | StreamEvent::Stopped(_) => Some(Self::Write),
            StreamEvent::Child
            | StreamEvent::ChildCredit
            | StreamEvent::Datagram
            | StreamEvent::DatagramSpace => Some(Self::Tree),
            _ => None,
        }
    }
}

impl StreamWaiters {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self {
            read: WakerRegistration::new(),
            write: WakerRegistration::new(),
            tree: WakerRegistration::new(),
        }
    }

    pub(crate) const fn of(&mut self, interest: Interest) -> &mut WakerRegistration {
        match interest {
            Interest::Read => &mut self.read,
            Interest::Write => &mut self.write,
            Interest::Tree => &mut self.tree,
        }
    }

    pub(crate) fn wake_all(&mut self) {
        self.read.wake();
        self.write.wake();
        self.tree.wake();
    }
}

impl SessionWaiters {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self { waiter: WakerRegistration::new(), incoming: None }
    }
}
