//! Why a session or a stream ended, as numbers on the wire.
//!
//! A peer may send numbers that we do not know, so these are numbers with names, not enums.

use core::fmt;

/// Why a session ends, or a negotiation is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransportCode(u64);

impl TransportCode {
    /// Nothing is wrong: the application closed.
    pub const NONE: Self = Self(0);
    /// A fault of the sender's own.
    pub const INTERNAL: Self = Self(1);
    /// More bytes than a window allowed.
    pub const FLOW_CONTROL: Self = Self(2);
    /// A frame that the state of its stream does not allow.
    pub const STREAM_STATE: Self = Self(3);
    /// More child streams than the credit allowed.
    pub const CHILD_LIMIT: Self = Self(4);
    /// The final position of a stream changed, or was passed.
    pub const FINAL_SIZE: Self = Self(5);
    /// A frame that does not parse.
    pub const FRAME_ENCODING: Self = Self(6);
    /// Any other breach of the protocol.
    pub const PROTOCOL: Self = Self(7);
    /// A packet was acknowledged that was never sent.
    pub const ACK_INVALID: Self = Self(8);
    /// The host does not talk to this peer.
    pub const IDENTITY_REFUSED: Self = Self(9);
    /// Both hosts dialled; the other negotiation won.
    pub const DUPLICATE_SESSION: Self = Self(10);
    /// Too many packets failed to open under the session's keys.
    pub const AEAD_LIMIT: Self = Self(11);
    /// The host has no room for another session.
    pub const NO_CAPACITY: Self = Self(12);
    /// No common version.
    pub const VERSION: Self = Self(13);
    /// An extension that must be understood is not.
    pub const MANDATORY_EXTENSION: Self = Self(14);
    /// No common cipher suite.
    pub const SUITE: Self = Self(15);
    /// Illegal parameters.
    pub const PARAMETERS: Self = Self(16);
    /// A stream id that its opener may not use.
    pub const STREAM_ID: Self = Self(17);
    /// A newer session of the same peer took this one's place.
    pub const REPLACED: Self = Self(18);
    /// The host shuts down.
    pub const SHUTDOWN: Self = Self(19);
    /// The session that a negotiation was to resume is not here. For a later version.
    pub const RESUME_GONE: Self = Self(20);
    /// The peer goes on taking more than its share of this host.
    pub const OVERUSE: Self = Self(21);
    /// The peer lost the session (LOST). A host tells its application so; it is never sent.
    pub const STATE_LOST: Self = Self(22);

    /// The code with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Its name in `docs/PROTOCOL.md`, if it has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::NONE => "NONE",
            Self::INTERNAL => "INTERNAL",
            Self::FLOW_CONTROL => "FLOW_CONTROL",
            Self::STREAM_STATE => "STREAM_STATE",
            Self::CHILD_LIMIT => "CHILD_LIMIT",
            Self::FINAL_SIZE => "FINAL_SIZE",
            Self::FRAME_ENCODING => "FRAME_ENCODING",
            Self::PROTOCOL => "PROTOCOL",
            Self::ACK_INVALID => "ACK_INVALID",
            Self::IDENTITY_REFUSED => "IDENTITY_REFUSED",
            Self::DUPLICATE_SESSION => "DUPLICATE_SESSION",
            Self::AEAD_LIMIT => "AEAD_LIMIT",
            Self::NO_CAPACITY => "NO_CAPACITY",
            Self::VERSION => "VERSION",
            Self::MANDATORY_EXTENSION => "MANDATORY_EXTENSION",
            Self::SUITE => "SUITE",
            Self::PARAMETERS => "PARAMETERS",
            Self::STREAM_ID => "STREAM_ID",
            Self::REPLACED => "REPLACED",
            Self::SHUTDOWN => "SHUTDOWN",
            Self::RESUME_GONE => "RESUME_GONE",
            Self::OVERUSE => "OVERUSE",
            Self::STATE_LOST => "STATE_LOST",
            _ => return None,
        })
    }
}

/// Why a stream was reset, or its peer asked to stop: the application's number, or ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamCode(u64);

impl StreamCode {
    /// Codes from here on are the transport's, those below are the application's.
    const TRANSPORT: u64 = 1 << 32;

    /// The application let go of the stream without ending it.
    pub const DROPPED: Self = Self(Self::TRANSPORT);
    /// Its data was too old to be of use.
    pub const EXPIRED: Self = Self(Self::TRANSPORT | 1);
    /// The host has no room for the stream.
    pub const NO_CAPACITY: Self = Self(Self::TRANSPORT | 2);
    /// The stream it was opened from is gone.
    pub const PARENT_GONE: Self = Self(Self::TRANSPORT | 3);
    /// The host has no such service.
    pub const SERVICE_UNKNOWN: Self = Self(Self::TRANSPORT | 4);
    /// The service does not speak that protocol.
    pub const PROTOCOL_UNKNOWN: Self = Self(Self::TRANSPORT | 5);
    /// The application does not want the stream.
    pub const REFUSED: Self = Self(Self::TRANSPORT | 6);
    /// The session ended.
    pub const SESSION_CLOSED: Self = Self(Self::TRANSPORT | 7);

    /// A code of the application's own.
    #[must_use]
    pub const fn application(code: u32) -> Self {
        Self(code as u64)
    }

    /// The application's code nearest to this number: those above 2^32 - 1 are not the
    /// application's.
    #[must_use]
    pub const fn application_nearest(number: u64) -> Self {
        if number < Self::TRANSPORT { Self(number) } else { Self(Self::TRANSPORT - 1) }
    }

    /// The code with this number on the wire.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The application's number, if it is the application's.
    #[must_use]
    pub const fn as_application(self) -> Option<u32> {
        if self.0 < Self::TRANSPORT { Some(self.0 as u32) } else { None }
    }

    /// Its name in `docs/PROTOCOL.md`, if it is the transport's and has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DROPPED => "DROPPED",
            Self::EXPIRED => "EXPIRED",
            Self::NO_CAPACITY => "NO_CAPACITY",
            Self::PARENT_GONE => "PARENT_GONE",
            Self::SERVICE_UNKNOWN => "SERVICE_UNKNOWN",
            Self::PROTOCOL_UNKNOWN => "PROTOCOL_UNKNOWN",
            Self::REFUSED => "REFUSED",
            Self::SESSION_CLOSED => "SESSION_CLOSED",
            _ => return None,
        })
    }
}

impl fmt::Display for TransportCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => out.pad(name),
            None => write!(out, "code {}", self.0),
        }
    }
}

impl fmt::Debug for TransportCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TransportCode({self})")
    }
}

impl fmt::Display for StreamCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.as_application()) {
            (Some(name), _) => out.pad(name),
            (None, Some(code)) => write!(out, "application code {code}"),
            (None, None) => write!(out, "code {}", self.0),
        }
    }
}

impl fmt::Debug for StreamCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "StreamCode({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    // Spec: R-9.2-2.
    #[test]
    fn transport_codes_0_to_22_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> =
            (0..23).map(|code| TransportCode::new(code).name().unwrap()).collect();
        assert_eq!(names.len(), 23);
        assert_eq!(TransportCode::new(23).name(), None);
        let text = format!("{} {}", TransportCode::SHUTDOWN, TransportCode::new(23));
        assert_eq!(text, "SHUTDOWN code 23");
    }

    // Spec: R-11.2-2.
    #[test]
    fn an_application_s_code_is_never_taken_for_one_of_the_transport_s() {
        for (number, code) in [(0, 0), (7, 7), ((1 << 32) - 1, u32::MAX), (1 << 32, u32::MAX)] {
            assert_eq!(StreamCode::application_nearest(number), StreamCode::application(code));
        }
        assert_eq!(StreamCode::application_nearest(u64::MAX).as_application(), Some(u32::MAX));
    }

    // Spec: R-11.2-1.
    #[test]
    fn stream_codes_tell_the_application_from_the_transport() {
        assert_eq!(StreamCode::application(u32::MAX).as_application(), Some(u32::MAX));
        assert_eq!(StreamCode::DROPPED.as_application(), None);
        assert_eq!(StreamCode::SESSION_CLOSED.as_u64(), (1 << 32) + 7);
        let codes = [StreamCode::application(3), StreamCode::EXPIRED, StreamCode::new(1 << 40)];
        let text = codes.map(|code| format!("{code}"));
        assert_eq!(text, ["application code 3", "EXPIRED", "code 1099511627776"]);
    }
}
