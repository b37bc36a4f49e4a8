//! Why a host does nothing about a packet.

use crate::channel::Dropped;
use crate::negotiation;

/// Why a packet was ignored. Each reason has a counter in [`Stats`](super::Stats); nothing else
/// changed, and nothing needs to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ignored {
    /// Its channel would not open it.
    Channel(Dropped),
    /// A LOST packet without the right token.
    FalseLost,
    /// It is of no kind there is.
    Kind,
    /// The negotiation did not want it.
    Negotiation(negotiation::Dropped),
    /// A table is full.
    NoCapacity,
    /// This host answers no calls now.
    NotAccepting,
    /// No channel or negotiation has its id.
    UnknownChannel,
}
