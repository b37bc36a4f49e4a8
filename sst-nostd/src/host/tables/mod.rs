//! The tables of a host. Each owns its rows and everything that must agree with them: the indices
//! by which rows are found, the counts of who holds them, the timers that wake them and the queues
//! they wait in. So nobody else has to keep those true.

mod channels;
mod negotiation_row;
mod negotiations;
mod sessions;

pub use channels::ChannelRow;
pub(super) use channels::{Channels, UNSETTLED};
pub use negotiation_row::NegotiationRow;
pub(super) use negotiation_row::{BARE_FINISH_BYTES, Confirm, For, Kind, TurnedAway, may_try};
pub(super) use negotiations::Negotiations;
pub use sessions::SessionHandle;
pub(super) use sessions::{QUIET_TIMEOUT, Sessions};
