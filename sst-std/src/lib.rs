//! Structured Stream Transport on an operating system: tokio, UDP with segmentation offload, and
//! keys in files. The protocol itself is in [`sst_nostd`].
//!
//! Begin with [`Endpoint`]: it has an [`Identity`], makes a [`Session`] with the host a [`Url`]
//! names, and accepts sessions of others. A session is the root of a tree of [`Stream`]s; any of
//! them can have children ([`Branch::open_substream`], [`Branch::listen`]), carry bytes or records,
//! and send datagrams of up to 64 KiB.
//!
//! Three rules hold everywhere:
//!
//! * **An end is meant.** `finish` ends a stream and returns when the peer has everything. A handle
//!   that is dropped, or a task that panics, *resets*: the peer sees the difference.
//! * **Closing delivers.** [`Session::close`] first delivers what was finished;
//!   [`Session::abort`] does not.
//! * **Cancelling is safe.** A dropped future has taken nothing that is then lost; the one
//!   exception, a record half written, is refused a continuation.
//!
//! Readers that pause hold up the others of their session only once they hold all that it may hold
//! unread: [`Session::crowded`] tells when, [`Session::largest_unread`] which they are.
//!
//! ```no_run
//! use sst_std::{Config, Endpoint, Identity, OpenOptions};
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::bind(Config::new(Identity::load_or_create("key")?)).await?;
//! let session = endpoint.connect(&std::env::args().nth(1).unwrap_or_default().parse()?).await?;
//! let mut stream = session.open_substream(OpenOptions::new().priority(1)).await?;
//! stream.write_record(b"hello").await?;
//! stream.finish().await?;
//! println!("{:?}", stream.read_record(1_000).await?);
//! session.close(0, "done").await;
//! # Ok(()) }
//! ```

mod addresses;
mod alarm;
#[cfg(feature = "net")]
mod at_once;
#[cfg(feature = "net")]
mod bind;
mod branch;
mod carrier;
mod clock;
mod config;
mod crypto;
mod delivery;
#[cfg(feature = "net")]
mod driver;
mod endpoint;
mod error;
#[cfg(all(feature = "net", unix))]
pub mod files;
#[cfg(feature = "gateway")]
pub mod gateway;
#[cfg(feature = "net")]
mod gather;
mod identity;
mod incoming;
#[cfg(feature = "net")]
mod intake;
mod kept;
mod key_log;
mod listener;
mod lists;
#[cfg(feature = "net")]
mod outbox;
mod partial;
mod read_half;
mod service;
mod session;
mod shared;
#[cfg(feature = "net")]
mod shares;
mod stream;
#[cfg(feature = "net")]
mod udp;
mod url;
mod waiter;
mod waiters;
#[cfg(feature = "net")]
mod watched;
mod write_half;

// Tests beside the code start from the same two hosts as those of the public interface.
#[cfg(test)]
extern crate self as sst_std;
#[cfg(all(test, feature = "net"))]
#[path = "../tests/two_hosts/mod.rs"]
mod two_hosts;

pub use branch::{Branch, DatagramForm, OpenOptions, StreamInfo};
pub use carrier::{Carrier, Surroundings};
pub use config::{Accepting, Algorithm, Config, CookieMode, InstanceWish, MAX_BUSY_POLL};
#[cfg(feature = "net")]
pub use crypto::{AwsLc, AwsLcAead, AwsLcSecret};
pub use delivery::{DatagramOptions, Delivery};
pub use endpoint::{Endpoint, Stats};
pub use error::{
    BindError, By, CODE_DROPPED, CODE_NO_CAPACITY, CODE_PROTOCOL_UNKNOWN, CODE_REFUSED,
    CODE_SERVICE_UNKNOWN, Code, ConnectError, DatagramError, OpenError, ReadError, ServiceError,
    SessionClosed, TRANSPORT_STREAM_CODE, WriteError, describe_stream_code,
};
#[cfg(feature = "net")]
pub use gather::gathering;
pub use identity::{Identity, IdentityError};
pub use listener::Listener;
pub use read_half::ReadHalf;
pub use service::{Offer, ServiceListener, ServiceRequest};
pub use session::{Session, SessionStats, Unread};
#[cfg(feature = "net")]
pub use shares::{Share, Shares};
pub use sst_nostd::{DatagramOutcome, HostId, Instance, StreamId, Suite};
pub use stream::Stream;
pub use url::{DEFAULT_PORT, Url, UrlError};
pub use waiter::Waiter;
pub use write_half::WriteHalf;

/// The conversations that every face of SST holds alike, in JSON: docs/SCENARIOS.md tells how to
/// read them. They are in this crate so that the packages made of it have them, too.
pub const SCENARIOS: &str = include_str!("scenarios.json");

/// The example that newcomers see first, compiled with those of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
