//! What can go wrong, one enum per operation. Each says who ended what, with which code and
//! reason, as far as that is known.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sst_nostd::{self as core, HostId};

/// Codes of streams from here up belong to the protocol; smaller ones to applications.
pub const TRANSPORT_STREAM_CODE: u64 = 1 << 32;
/// The peer let go of its handle without finishing.
pub const CODE_DROPPED: u64 = TRANSPORT_STREAM_CODE;
/// The host on the other side has no room for the stream.
pub const CODE_NO_CAPACITY: u64 = TRANSPORT_STREAM_CODE + 2;
/// The other side offers no service of that name.
pub const CODE_SERVICE_UNKNOWN: u64 = TRANSPORT_STREAM_CODE + 4;
/// The other side offers the service, but not by that protocol.
pub const CODE_PROTOCOL_UNKNOWN: u64 = TRANSPORT_STREAM_CODE + 5;
/// The other side does not want this.
pub const CODE_REFUSED: u64 = TRANSPORT_STREAM_CODE + 6;

/// Who ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum By {
    /// This host.
    Local,
    /// The other host.
    Peer,
    /// Silence.
    Timeout,
}

/// The code that came with an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Chosen by an application.
    Application(u64),
    /// Chosen by the protocol (docs/PROTOCOL.md, transport codes).
    Transport(u64),
}

/// Why a session ended: by whom, with which code, in whose words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(self))]
pub struct SessionClosed {
    by: By,
    code: Code,
    reason: String,
}

/// Why an endpoint could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A setting is outside its legal range.
    #[error("the configuration is not possible: {0:?}")]
    Config(core::ConfigError),
    /// Another program has the port.
    #[error("{address}: the port is in use")]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("{address}: {source}")]
    Io {
        /// The address asked for.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
    /// The key log cannot be opened.
    #[error("key log {}: {source}", path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system does not give the memory that the limits ask for: those of sessions and streams,
    /// and the bytes of all buffers.
    #[error("there is no memory for so many sessions, streams and bytes of buffers: ask for less")]
    Memory,
    /// No tokio runtime is running here, in which the endpoint's task could.
    #[error("there is no tokio runtime here, in which an endpoint lives")]
    NoRuntime,
    /// Two bind addresses have the same IP: packets could not be told which to leave by.
    #[error("{address}: another bind address has the same IP")]
    SameIp {
        /// The second one.
        address: SocketAddr,
    },
}

/// Why a session could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint was closed.
    #[error("the endpoint is closed")]
    EndpointClosed,
    /// The address could not be found.
    #[error("{host}: {source}")]
    Lookup {
        /// The name looked up.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The identity is this host's own. Two endpoints with one identity can have a session, but not
    /// one without an instance, which is what an endpoint that accepts dials.
    #[error("{0} is this host itself")]
    Myself(HostId),
    /// No answer. A host of another identity answers nothing at all, so this is also what a wrong
    /// identity looks like.
    #[error("{}", no_answer(addresses, *waited, system.as_deref()))]
    NoAnswer {
        /// Where the packets went, or should have.
        addresses: Vec<SocketAddr>,
        /// How long an answer was waited for.
        waited: Duration,
        /// What the system said, if it sent the last packet to none of these addresses.
        system: Option<String>,
    },
    /// This host has no room for another session.
    #[error("this host has no room for another session")]
    NoCapacity,
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The peer, or the protocol, said no.
    #[error("refused: {0}")]
    Refused(SessionClosed),
}

fn no_answer(addresses: &[SocketAddr], waited: Duration, system: Option<&str>) -> String {
    let places: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let places = places.join(", ");
    match system {
        Some(said) => format!("no answer from {places} within {waited:?}: cannot send: {said}"),
        None => format!(
            "no answer from {places} within {waited:?}: nothing is there, something on the way \
             drops UDP, or the identity in the URL is not the host's"
        ),
    }
}

/// Why a substream could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// This host has no room for another stream.
    #[error("this host has no room for another stream")]
    NoCapacity,
    /// The parent is gone.
    #[error("the parent stream is gone")]
    ParentGone,
    /// The session ended.
    #[error("{0}")]
    Session(#[from] SessionClosed),
}

/// Why nothing more can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream is gone: reset, stopped or let go by this host.
    #[error("the stream was ended by this host")]
    Ended,
    /// This host has no memory for more of the record. What has come stays.
    #[error("this host has no room for more of the record")]
    NoCapacity,
    /// A record longer than the caller allows. It stays; a higher limit reads it.
    #[error("a record is longer than {limit} bytes")]
    RecordTooLong {
        /// The caller's limit, in bytes.
        limit: usize,
    },
    /// The peer reset the stream with this code.
    #[error("the peer reset the stream: {}", describe_stream_code(*.0))]
    Reset(u64),
    /// The session ended.
    #[error("{0}")]
    Session(#[from] SessionClosed),
    /// The stream ended inside a record: the peer finished without a mark after its last bytes.
    /// They stay: plain reads give them.
    #[error("the stream ended inside a record, after {len} bytes of it")]
    UnfinishedRecord {
        /// How many bytes of it there are.
        len: usize,
    },
}

/// Why nothing more can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The stream is gone: reset or let go by this host.
    #[error("the stream was ended by this host")]
    Ended,
    /// The stream's lifetime ended before everything was delivered.
    #[error("the stream's lifetime ended")]
    Expired,
    /// The stream was finished before.
    #[error("the stream is finished already")]
    Finished,
    /// The write of a record was cancelled half way; only a reset can follow.
    #[error("a record was left half written")]
    RecordTorn,
    /// The session ended.
    #[error("{0}")]
    Session(#[from] SessionClosed),
    /// The peer asked this host to stop, with this code.
    #[error("the peer wants no more: {}", describe_stream_code(*.0))]
    Stopped(u64),
}

/// Why a datagram could not be sent or received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// This host has no room for it.
    #[error("this host has no room for another datagram")]
    NoCapacity,
    /// The stream it belongs to is gone.
    #[error("the parent stream is gone")]
    ParentGone,
    /// The session ended.
    #[error("{0}")]
    Session(#[from] SessionClosed),
    /// The peer takes none of this size.
    #[error("the peer takes datagrams of at most {limit} bytes")]
    TooLarge {
        /// The largest it takes, in bytes.
        limit: usize,
    },
}

/// Why a service could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Service and protocol names together are longer than a request may be.
    #[error("the names of service and protocol are too long")]
    NamesTooLong,
    /// No substream for it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The answer could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The request could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl SessionClosed {
    /// Who ended it.
    #[must_use]
    pub const fn by(&self) -> By {
        self.by
    }

    /// With which code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// In whose words; often empty.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// True if the peer does not want this host because of who it is.
    #[must_use]
    pub fn is_identity_refused(&self) -> bool {
        self.by == By::Peer && self.code == Code::Transport(IDENTITY_REFUSED)
    }

    /// True if the peer had no room for the session: nothing of it was taken, and another try may
    /// succeed.
    #[must_use]
    pub fn is_without_room(&self) -> bool {
        self.by == By::Peer && self.code == Code::Transport(NO_CAPACITY)
    }

    pub(crate) fn new(by: By, code: Code, reason: &str) -> Self {
        Self { by, code, reason: reason.into() }
    }

    pub(crate) fn endpoint_gone() -> Self {
        Self::new(By::Local, Code::Transport(SHUTDOWN), "the endpoint is closed")
    }
}

const IDENTITY_REFUSED: u64 = 9;
const NO_CAPACITY: u64 = 12;
const SHUTDOWN: u64 = 19;

fn describe(closed: &SessionClosed) -> String {
    let who = match closed.by {
        By::Local => "session closed by this host",
        By::Peer => "session closed by the peer",
        By::Timeout => "session timed out",
    };
    let code = match closed.code {
        Code::Transport(code) => match transport_name(code) {
            Some("") => String::new(),
            Some(name) => format!(", {name}"),
            None => format!(", transport code {code}"),
        },
        Code::Application(0) => String::new(),
        Code::Application(code) => format!(", code {code}"),
    };
    if closed.reason.is_empty() {
        format!("{who}{code}")
    } else {
        format!("{who}{code}: {}", closed.reason.escape_debug())
    }
}

const fn transport_name(code: u64) -> Option<&'static str> {
    Some(match code {
        0 => "",
        1 => "internal error",
        2 => "flow control broken",
        3 => "stream state broken",
        4 => "child limit broken",
        5 => "final size broken",
        6 => "malformed frame",
        7 => "protocol broken",
        8 => "invalid acknowledgement",
        9 => "identity refused",
        10 => "duplicate session",
        11 => "cipher used up",
        12 => "no capacity",
        13 => "version",
        14 => "mandatory extension unknown",
        15 => "no common cipher",
        16 => "bad parameters",
        17 => "bad stream id",
        18 => "replaced by a newer session",
        19 => "host shut down",
        21 => "too much taken",
        22 => "the peer lost its state (it restarted)",
        _ => return None,
    })
}

/// A stream code in words.
#[must_use]
pub fn describe_stream_code(code: u64) -> String {
    let name = match code.checked_sub(TRANSPORT_STREAM_CODE) {
        None => return format!("code {code}"),
        Some(0) => "handle dropped",
        Some(1) => "lifetime ended",
        Some(2) => "no capacity",
        Some(3) => "parent stream gone",
        Some(4) => "no such service",
        Some(5) => "no such protocol",
        Some(6) => "refused",
        Some(7) => "session closed",
        Some(code) => return format!("transport code {code}"),
    };
    name.into()
}

impl From<SessionClosed> for io::Error {
    fn from(error: SessionClosed) -> Self {
        let kind = match error.by {
            By::Local => io::ErrorKind::NotConnected,
            By::Timeout => io::ErrorKind::TimedOut,
            By::Peer => io::ErrorKind::ConnectionAborted,
        };
        Self::new(kind, error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Session(closed) => return closed.into(),
            ReadError::Reset(_) => io::ErrorKind::ConnectionReset,
            ReadError::Ended => io::ErrorKind::NotConnected,
            ReadError::NoCapacity => io::ErrorKind::OutOfMemory,
            ReadError::RecordTooLong { .. } => io::ErrorKind::InvalidData,
            ReadError::UnfinishedRecord { .. } => io::ErrorKind::UnexpectedEof,
        };
        Self::new(kind, error)
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match error {
            WriteError::Session(closed) => return closed.into(),
            WriteError::Stopped(_) => io::ErrorKind::ConnectionReset,
            WriteError::Expired => io::ErrorKind::TimedOut,
            WriteError::Ended | WriteError::Finished | WriteError::RecordTorn => {
                io::ErrorKind::BrokenPipe
            }
        };
        Self::new(kind, error)
    }
}

macro_rules! other_to_io {
    ($($error:ty),*) => {$(
        impl From<$error> for io::Error {
            fn from(error: $error) -> Self {
                Self::other(error)
            }
        }
    )*};
}
other_to_io!(BindError, ConnectError, DatagramError, OpenError, ServiceError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_and_say_who_and_why() {
        let closed = SessionClosed::new(By::Peer, Code::Transport(9), "not on\nthe list");
        assert_eq!(
            closed.to_string(),
            "session closed by the peer, identity refused: not on\\nthe list"
        );
        let closed = SessionClosed::new(By::Local, Code::Application(0), "");
        assert_eq!(closed.to_string(), "session closed by this host");
        assert_eq!(
            ReadError::Reset(CODE_SERVICE_UNKNOWN).to_string(),
            "the peer reset the stream: no such service"
        );
        assert_eq!(WriteError::Stopped(7).to_string(), "the peer wants no more: code 7");
    }

    #[test]
    fn io_errors_keep_the_kind_and_the_cause() {
        let error = io::Error::from(ReadError::Reset(1));
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let inner = error.into_inner().unwrap();
        assert_eq!(inner.downcast_ref::<ReadError>(), Some(&ReadError::Reset(1)));
        let timeout = SessionClosed::new(By::Timeout, Code::Transport(0), "");
        assert_eq!(io::Error::from(WriteError::Session(timeout)).kind(), io::ErrorKind::TimedOut);
    }
}
