//! What a dial may ask for.

use core::fmt;
use core::str::FromStr;

use crate::channel::Path;
use crate::crypto::Crypto;
use crate::id::{HostId, Instance};

use super::config::Accepting;
use super::means::Means;

/// Whom to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Where the peer is.
    pub path: Path,
    /// Who it is. `None` asks whoever answers for its identity, which then must be compared
    /// with something: anyone could have answered.
    pub id: Option<HostId>,
    /// Which session with it.
    pub instance: InstanceWish,
}

impl Dial {
    /// A dial to `id` at `path`, in the instance that suits the host.
    #[must_use]
    pub const fn new(path: Path, id: Option<HostId>) -> Self {
        Self { path, id, instance: InstanceWish::Usual }
    }
}

/// Which session with a peer a dial is for. An *instance* names one of several that two identities
/// have; the one without a name is theirs in common, and whoever dials it anew replaces it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceWish {
    /// What suits the host: one that accepts everyone takes the session without an instance, or one
    /// that it has begun; one that does not gets a session of its own with each dial.
    #[default]
    Usual,
    /// The session without an instance.
    Unnamed,
    /// A new session, beside all others.
    Fresh,
    /// The session with this instance, which both hosts were given before. Not with a host of the
    /// same identity: neither could tell which of the two it is.
    Named(Instance),
}

impl InstanceWish {
    /// The instance that a new session gets.
    pub(super) fn instance<C: Crypto>(
        self,
        means: &mut Means<C>,
    ) -> Result<Option<Instance>, ConnectError> {
        match self {
            Self::Named(instance) => Ok(Some(instance)),
            Self::Unnamed => Ok(None),
            Self::Usual if means.config.accepting == Accepting::Everyone => Ok(None),
            Self::Usual | Self::Fresh => {
                means.new_instance().map(Some).map_err(|_| ConnectError::Random)
            }
        }
    }
}

/// The text names no instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceWishError;

impl fmt::Display for InstanceWishError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("it is none of usual, unnamed, fresh, and no instance of 16 digits")
    }
}

impl core::error::Error for InstanceWishError {}

/// `usual`, `unnamed`, `fresh`, or an instance as it is printed.
impl FromStr for InstanceWish {
    type Err = InstanceWishError;

    fn from_str(text: &str) -> Result<Self, InstanceWishError> {
        match text {
            "usual" => return Ok(Self::Usual),
            "unnamed" => return Ok(Self::Unnamed),
            "fresh" => return Ok(Self::Fresh),
            _ => {}
        }
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).map_err(|_| InstanceWishError)?;
        let instance = Instance::new(number.to_be_bytes()).filter(|_| is_hex);
        instance.map(Self::Named).ok_or(InstanceWishError)
    }
}

/// Why nobody was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// A table of this host is full: let go of sessions first.
    NoCapacity,
    /// The identity is this host's own, and the dial is for the session without an instance, or
    /// for one whose instance this host was given.
    OwnIdentity,
    /// This host's parameters cannot be expressed.
    Parameters,
    /// Randomness failed: no keys can be made.
    Random,
}

/// Why a dial is not tried in another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryError {
    /// It is answered, or over: there is nothing left to try.
    NotDialling,
    /// It is tried in [`MAX_ROUTES`](crate::negotiation::limits::MAX_ROUTES) places.
    TooMany,
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_wish_is_read_from_its_word_or_the_instance() {
        let instance = Instance::new([0, 1, 2, 3, 4, 5, 6, 0xff]).unwrap();
        assert_eq!(instance.to_string().parse(), Ok(InstanceWish::Named(instance)));
        assert_eq!("fresh".parse(), Ok(InstanceWish::Fresh));
        assert_eq!("usual".parse(), Ok(InstanceWish::Usual));
        assert_eq!("unnamed".parse(), Ok(InstanceWish::Unnamed));
        for wrong in ["", "Fresh", "0000000000000000", "+000000000000001", "00010203040506f"] {
            assert_eq!(wrong.parse::<InstanceWish>(), Err(InstanceWishError), "{wrong}");
        }
    }
}
