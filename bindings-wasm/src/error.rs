//! Errors on their way out: one array of facts, from which the TypeScript makes an `SstError`.

use js_sys::Array;
use sst_std::{
    BindError, By, Code, ConnectError, DatagramError, OpenError, ReadError, ServiceError,
    SessionClosed, WriteError,
};
use wasm_bindgen::JsValue;

/// What went wrong, in the words of `js/errors.ts`.
pub(crate) struct Fault {
    code: &'static str,
    source: &'static str,
    scope: &'static str,
    stream_code: Option<u64>,
    closed: Option<Box<SessionClosed>>,
    message: String,
}

impl Fault {
    /// A fault that this host alone is responsible for.
    pub(crate) fn local(
        code: &'static str,
        scope: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let (stream_code, closed) = (None, None);
        Self { code, source: "local", scope, stream_code, closed, message: message.into() }
    }

    fn by_peer(code: &'static str, stream_code: u64, message: String) -> Self {
        let stream_code = Some(stream_code);
        Self { code, source: "peer", scope: "stream", stream_code, closed: None, message }
    }

    fn closed(code: &'static str, closed: SessionClosed) -> Self {
        let (source, message) = (source(&closed), closed.to_string());
        let closed = Some(Box::new(closed));
        Self { code, source, scope: "session", stream_code: None, closed, message }
    }
}

/// Who ended a session, in the words of `js/errors.ts`.
pub(crate) fn source(closed: &SessionClosed) -> &'static str {
    match closed.by() {
        By::Peer => "peer",
        By::Timeout => "timeout",
        _ => "local",
    }
}

/// A session's code, and whether it is the protocol's own.
pub(crate) fn close_code(closed: &SessionClosed) -> (f64, bool) {
    match closed.code() {
        Code::Application(code) => (code as f64, false),
        Code::Transport(code) => (code as f64, true),
    }
}

impl From<Fault> for JsValue {
    fn from(fault: Fault) -> Self {
        let Fault { code, source, scope, stream_code, closed, message } = fault;
        let (close_code, is_transport) = match &closed {
            Some(closed) => {
                let (code, is_transport) = close_code(closed);
                (Self::from_f64(code), is_transport)
            }
            None => (Self::NULL, false),
        };
        let reason = closed.as_ref().map_or("", |closed| closed.reason());
        let stream_code = stream_code.map_or(Self::NULL, |code| Self::from_f64(code as f64));
        array([
            code.into(),
            source.into(),
            scope.into(),
            stream_code,
            close_code,
            is_transport.into(),
            reason.into(),
            message.into(),
        ])
    }
}

/// A JavaScript array.
pub(crate) fn array<const N: usize>(values: [JsValue; N]) -> JsValue {
    let array = Array::new();
    for value in values {
        array.push(&value);
    }
    array.into()
}

impl From<BindError> for Fault {
    fn from(error: BindError) -> Self {
        let _ = error;
        Self::local("configuration", "endpoint", "the configuration is not possible")
    }
}

impl From<ConnectError> for Fault {
    /// In words of our own: the addresses are made up, and would say nothing.
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::EndpointClosed => {
                Self::local("endpoint-closed", "endpoint", "the endpoint is closed")
            }
            ConnectError::Myself(_) => Self::local("myself", "session", "that is this host itself"),
            ConnectError::NoAnswer { .. } => {
                let message = "no answer: nothing is there, or it is another host than asked for";
                Self { source: "timeout", ..Self::local("no-answer", "session", message) }
            }
            ConnectError::NoCapacity => {
                let message = "this host has no room for another session";
                Self::local("no-capacity", "endpoint", message)
            }
            ConnectError::Refused(closed) => Self::closed("refused", closed),
            _ => Self::local("random", "endpoint", "there are no random bytes"),
        }
    }
}

impl From<SessionClosed> for Fault {
    fn from(closed: SessionClosed) -> Self {
        Self::closed("session-closed", closed)
    }
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        let message = error.to_string();
        match error {
            OpenError::NoCapacity => Self::local("no-capacity", "stream", message),
            OpenError::Session(closed) => closed.into(),
            _ => Self::local("parent-gone", "stream", message),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        let message = error.to_string();
        match error {
            ReadError::RecordTooLong { .. } => Self::local("record-too-long", "stream", message),
            ReadError::Reset(code) => Self::by_peer("reset", code, message),
            ReadError::Session(closed) => closed.into(),
            ReadError::NoCapacity => Self::local("no-capacity", "stream", message),
            ReadError::UnfinishedRecord { .. } => {
                Self::local("record-unfinished", "stream", message)
            }
            _ => Self::local("ended", "stream", message),
        }
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::Expired => {
                Self { source: "timeout", ..Self::local("expired", "stream", message) }
            }
            WriteError::Finished => Self::local("finished", "stream", message),
            WriteError::RecordTorn => Self::local("record-torn", "stream", message),
            WriteError::Session(closed) => closed.into(),
            WriteError::Stopped(code) => Self::by_peer("stopped", code, message),
            _ => Self::local("ended", "stream", message),
        }
    }
}

impl From<DatagramError> for Fault {
    fn from(error: DatagramError) -> Self {
        let message = error.to_string();
        match error {
            DatagramError::NoCapacity => Self::local("no-capacity", "datagram", message),
            DatagramError::Session(closed) => closed.into(),
            DatagramError::TooLarge { .. } => Self::local("too-large", "datagram", message),
            _ => Self::local("parent-gone", "datagram", message),
        }
    }
}

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Open(error) => error.into(),
            ServiceError::Read(error) => error.into(),
            ServiceError::Write(error) => error.into(),
            _ => Self::local("malformed", "stream", error.to_string()),
        }
    }
}
