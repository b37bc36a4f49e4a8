//! [`ParametersError`]: why a list of parameters is not accepted.

use crate::bytes::{Truncated, VarintError};
use crate::wire::codes::TransportCode;

/// Why a list of parameters is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametersError {
    /// Two entries of one type.
    Duplicate,
    /// The list does not parse, or a value has not the length or the form of its type.
    Encoding,
    /// A value outside its limits.
    Illegal,
    /// An unknown entry that must be understood.
    Mandatory,
    /// An entry that belongs to the other message.
    Misplaced,
    /// An entry that must be there is not.
    Missing,
    /// More than [`MAX_ENTRIES`](super::parameters::MAX_ENTRIES).
    TooMany,
}

impl ParametersError {
    /// What to tell the peer.
    #[must_use]
    pub const fn code(self) -> TransportCode {
        match self {
            Self::Mandatory => TransportCode::MANDATORY_EXTENSION,
            _ => TransportCode::PARAMETERS,
        }
    }
}

impl From<Truncated> for ParametersError {
    fn from(_: Truncated) -> Self {
        Self::Encoding
    }
}

impl From<VarintError> for ParametersError {
    fn from(_: VarintError) -> Self {
        Self::Encoding
    }
}
