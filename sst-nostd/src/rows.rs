//! The rows of a host's tables, for those who lend their memory to
//! [`Storage::lent`](crate::Storage::lent) instead of an allocator. They are made empty, and mean
//! nothing to those who lend them.

pub use crate::channel::{SentPacket, SentReceipt};
pub use crate::host::{ChannelRow, LentHost, NegotiationRow};
pub use crate::session::Session;
pub use crate::storage::{Row, TimerSlot};
pub use crate::stream::{
    Gaps, LentStreams, Nursery, Party, Ranges, Row as StreamRow, StreamStorage, TrackedDatagram,
};
