//! [`Failure`]: what went wrong, on its way to the exception classes of `sst._errors`.

use std::io;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use sst_std::{
    BindError, By, Code, ConnectError, DatagramError, IdentityError, OpenError, ReadError,
    ServiceError, SessionClosed, UrlError, WriteError,
};

/// Everything that can go wrong, without any Python in it: it is made without the GIL.
#[derive(Debug)]
pub(crate) enum Failure {
    Bind(BindError),
    Connect(ConnectError),
    Datagram(DatagramError),
    /// Used in a child that `os.fork` made.
    Forked,
    Identity(IdentityError),
    Io(io::Error),
    Open(OpenError),
    Read(ReadError),
    Released,
    Service(ServiceError),
    Session(SessionClosed),
    Url(UrlError),
    Value(String),
    Write(WriteError),
}

/// Arguments of an exception.
#[derive(Default)]
struct Detail {
    code: Option<u64>,
    is_transport: bool,
    by: Option<&'static str>,
    reason: String,
    limit: Option<usize>,
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| failure.raise(py).unwrap_or_else(|error| error))
    }
}

impl Failure {
    fn raise(self, py: Python<'_>) -> PyResult<PyErr> {
        let (class, message, detail) = self.describe();
        static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
        let errors = ERRORS.get_or_try_init(py, || py.import("sst._errors").map(Bound::unbind))?;
        let named = PyDict::new(py);
        named.set_item("code", detail.code)?;
        named.set_item("is_transport", detail.is_transport)?;
        named.set_item("by", detail.by)?;
        named.set_item("reason", detail.reason)?;
        named.set_item("limit", detail.limit)?;
        let error = errors.bind(py).getattr("make")?.call((class, message), Some(&named))?;
        Ok(PyErr::from_value(error))
    }

    /// The name of the class, the message, and the rest.
    fn describe(self) -> (&'static str, String, Detail) {
        let plain = |class, message: String| (class, message, Detail::default());
        match self {
            Self::Bind(error) => bind(&error),
            Self::Connect(error) => connect(error),
            Self::Datagram(DatagramError::Session(closed)) => session(&closed),
            Self::Datagram(error) => datagram(&error),
            Self::Forked => plain(
                "ForkedError",
                "this object belongs to the process that made it; a forked child makes its own"
                    .into(),
            ),
            Self::Identity(error) => plain("IdentityError", error.to_string()),
            Self::Io(error) => plain("Error", error.to_string()),
            Self::Open(error) => open(&error),
            Self::Read(error) => read(&error),
            Self::Released => plain("StreamEnded", "the stream was ended by this host".into()),
            Self::Service(error) => service(error),
            Self::Session(closed) => session(&closed),
            Self::Url(error) => plain("InvalidUrl", error.to_string()),
            Self::Value(message) => plain("ValueError", message),
            Self::Write(error) => write(&error),
        }
    }
}

fn bind(error: &BindError) -> (&'static str, String, Detail) {
    let class = match error {
        BindError::InUse { .. } => "AddressInUse",
        _ => "BindError",
    };
    (class, error.to_string(), Detail::default())
}

fn connect(error: ConnectError) -> (&'static str, String, Detail) {
    let message = error.to_string();
    match error {
        ConnectError::EndpointClosed => ("EndpointClosed", message, Detail::default()),
        ConnectError::Lookup { .. } => ("AddressUnknown", message, Detail::default()),
        ConnectError::NoAnswer { .. } => ("NoAnswer", message, Detail::default()),
        ConnectError::NoCapacity => ("NoCapacity", message, Detail::default()),
        ConnectError::Refused(closed) => {
            let class = match closed.is_identity_refused() {
                true => "IdentityRefused",
                false => "ConnectionRefused",
            };
            (class, message, detail(&closed))
        }
        _ => ("ConnectError", message, Detail::default()),
    }
}

fn datagram(error: &DatagramError) -> (&'static str, String, Detail) {
    let message = error.to_string();
    match error {
        DatagramError::NoCapacity => ("NoCapacity", message, Detail::default()),
        DatagramError::TooLarge { limit } => {
            ("DatagramTooLarge", message, Detail { limit: Some(*limit), ..Detail::default() })
        }
        _ => ("ParentGone", message, Detail::default()),
    }
}

fn open(error: &OpenError) -> (&'static str, String, Detail) {
    match error {
        OpenError::NoCapacity => ("NoCapacity", error.to_string(), Detail::default()),
        OpenError::Session(closed) => session(closed),
        _ => ("ParentGone", error.to_string(), Detail::default()),
    }
}

fn read(error: &ReadError) -> (&'static str, String, Detail) {
    let message = error.to_string();
    match error {
        ReadError::RecordTooLong { limit } => {
            ("RecordTooLong", message, Detail { limit: Some(*limit), ..Detail::default() })
        }
        ReadError::Reset(code) => ("StreamReset", message, by_peer(*code)),
        ReadError::Session(closed) => session(closed),
        ReadError::NoCapacity => ("NoCapacity", message, Detail::default()),
        ReadError::UnfinishedRecord { .. } => ("UnfinishedRecord", message, Detail::default()),
        _ => ("StreamEnded", message, local()),
    }
}

fn service(error: ServiceError) -> (&'static str, String, Detail) {
    match error {
        ServiceError::Open(error) => open(&error),
        ServiceError::Read(error) => read(&error),
        ServiceError::Write(error) => write(&error),
        _ => ("ServiceError", error.to_string(), Detail::default()),
    }
}

fn session(closed: &SessionClosed) -> (&'static str, String, Detail) {
    let class = match closed.by() {
        By::Timeout => "SessionTimedOut",
        _ if closed.is_identity_refused() => "IdentityRefused",
        _ => "SessionClosed",
    };
    (class, closed.to_string(), detail(closed))
}

fn write(error: &WriteError) -> (&'static str, String, Detail) {
    let message = error.to_string();
    match error {
        WriteError::Expired => ("StreamExpired", message, local()),
        WriteError::Finished => ("StreamFinished", message, local()),
        WriteError::RecordTorn => ("RecordTorn", message, local()),
        WriteError::Session(closed) => session(closed),
        WriteError::Stopped(code) => ("StreamStopped", message, by_peer(*code)),
        _ => ("StreamEnded", message, local()),
    }
}

fn detail(closed: &SessionClosed) -> Detail {
    let (code, is_transport) = match closed.code() {
        Code::Application(code) => (code, false),
        Code::Transport(code) => (code, true),
    };
    let by = match closed.by() {
        By::Peer => "peer",
        By::Timeout => "timeout",
        _ => "local",
    };
    let reason = closed.reason().into();
    Detail { code: Some(code), is_transport, by: Some(by), reason, limit: None }
}

fn by_peer(code: u64) -> Detail {
    let is_transport = code >= sst_std::TRANSPORT_STREAM_CODE;
    Detail { code: Some(code), is_transport, by: Some("peer"), ..Detail::default() }
}

fn local() -> Detail {
    Detail { by: Some("local"), ..Detail::default() }
}

impl From<io::Error> for Failure {
    /// Reads and writes of bytes give their errors in this wrapping.
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<ReadError>() {
            Ok(error) => return Self::Read(error),
            Err(error) => error,
        };
        let error = match error.downcast::<WriteError>() {
            Ok(error) => return Self::Write(error),
            Err(error) => error,
        };
        match error.downcast::<SessionClosed>() {
            Ok(closed) => Self::Session(closed),
            Err(error) => Self::Io(error),
        }
    }
}

macro_rules! from {
    ($($error:ty => $variant:ident),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}
from!(
    BindError => Bind,
    ConnectError => Connect,
    DatagramError => Datagram,
    IdentityError => Identity,
    OpenError => Open,
    ReadError => Read,
    ServiceError => Service,
    UrlError => Url,
    WriteError => Write,
);
