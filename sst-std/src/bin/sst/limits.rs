//! The limits that whoever runs a server may want to choose: docs/LIMITS.md says what each is for.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use clap::Args;
use sst_std::{Config, Identity};

/// Where the defaults are: the limits of a configuration do not depend on whose it is.
static DEFAULTS: LazyLock<Config> = LazyLock::new(|| Config::new(Identity::from_secret(&[1; 32])));

/// More sessions than anyone's descriptors and processors are good for; each has its rows.
const MOST_SESSIONS: i64 = 1 << 16;
const MOST_STREAMS: i64 = 1 << 21;
/// Budgets are counted in 32 bits where there is one for each stream.
const MOST_STREAM_BYTES: u64 = 1 << 31;
const MOST_BYTES: u64 = 1 << 36;
/// What a small host's session may hold (docs/LIMITS.md): with less, nothing much comes along.
const LEAST_BUDGET: u64 = 64 << 10;
/// How many streams that nobody reads yet leave a session's budget to those that are read. Files
/// that are put wait for places with their contents begun: as many as a session has requests, and
/// as many again in one directory that are not accepted.
const UNREAD_STREAMS: u64 = 256;

#[derive(Args)]
#[command(next_help_heading = "Limits (docs/LIMITS.md; SIZE in bytes, or as 64K, 16M, 1G)")]
pub(crate) struct Limits {
    /// Sessions at a time.
    #[arg(long, value_name = "N", default_value_t = DEFAULTS.max_sessions)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MOST_SESSIONS))]
    max_sessions: u32,
    /// Sessions at a time with one identity.
    #[arg(long, value_name = "N", default_value_t = DEFAULTS.max_sessions_per_peer)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MOST_SESSIONS))]
    max_sessions_per_peer: u32,
    /// Peers come from one address, a proxy's perhaps: it may have all the sessions, not only as
    /// many as are left for others.
    #[arg(long)]
    one_source: bool,
    /// Streams at a time, over all sessions.
    #[arg(long, value_name = "N", default_value_t = DEFAULTS.max_streams)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MOST_STREAMS))]
    max_streams: u32,
    /// Memory for what is sent and not acknowledged, or received and not read, over all sessions.
    #[arg(long, value_name = "SIZE", default_value_t = Size(DEFAULTS.max_buffer_bytes))]
    #[arg(value_parser = size::<{ 1 << 20 }, MOST_BYTES>)]
    max_memory: Size,
    /// What a session may hold unread.
    #[arg(long, value_name = "SIZE", default_value_t = Size(DEFAULTS.session_budget))]
    #[arg(value_parser = size::<LEAST_BUDGET, MOST_BYTES>)]
    session_budget: Size,
    /// What a peer may send on a stream before any of it is read; at most a 256th of what its
    /// session may hold.
    #[arg(long, value_name = "SIZE", default_value_t = Size(DEFAULTS.stream_window.into()))]
    #[arg(value_parser = size::<1_024, MOST_STREAM_BYTES>)]
    stream_window: Size,
    /// The most that this grows to while the reader keeps up.
    #[arg(long, value_name = "SIZE", default_value_t = Size(DEFAULTS.max_stream_window.into()))]
    #[arg(value_parser = size::<1_024, MOST_STREAM_BYTES>)]
    max_stream_window: Size,
    /// What a stream takes from its writer before any of it was sent.
    #[arg(long, value_name = "SIZE", default_value_t = Size(DEFAULTS.send_buffer.into()))]
    #[arg(value_parser = size::<1_024, MOST_STREAM_BYTES>)]
    send_buffer: Size,
}

impl Limits {
    /// Sets them. Where two do not fit, the one about a part gives way to the one about the whole.
    pub(crate) fn set(&self, config: &mut Config) {
        config.max_sessions = self.max_sessions;
        config.max_sessions_per_peer = self.max_sessions_per_peer;
        config.shares_by_source = !self.one_source;
        config.max_streams = self.max_streams;
        config.max_buffer_bytes = self.max_memory.0;
        config.session_budget = self.session_budget.0;
        let most = self.max_stream_window.0.max(self.stream_window.0).min(self.session_budget.0);
        config.max_stream_window = u32::try_from(most).unwrap_or(u32::MAX);
        let first = self.stream_window.0.min(most).min(self.session_budget.0 / UNREAD_STREAMS);
        config.stream_window = u32::try_from(first).unwrap_or(u32::MAX);
        config.send_buffer = u32::try_from(self.send_buffer.0).unwrap_or(u32::MAX);
    }
}

/// A number of bytes, with K, M or G for powers of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

const UNITS: [(&str, u64); 3] = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of = |(letter, unit): (&str, u64)| Some((text.strip_suffix(letter)?, unit));
        let (number, unit) = UNITS.into_iter().find_map(of).unwrap_or((text, 1));
        let number: Option<u64> = number.parse().ok();
        let bytes = number.and_then(|number| number.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| format!("{text} is not a size, such as 65536, 64K or 1G"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((letter, unit)) => write!(out, "{}{letter}", self.0 / unit),
            None => write!(out, "{}", self.0),
        }
    }
}

/// A size from `LEAST` to `MOST`.
fn size<const LEAST: u64, const MOST: u64>(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if (LEAST..=MOST).contains(&size.0) {
        return Ok(size);
    }
    Err(format!("{size} is not from {} to {}", Size(LEAST), Size(MOST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_back_as_they_were() {
        for (text, bytes) in [("0", 0), ("1", 1), ("64K", 65_536), ("3M", 3 << 20), ("1G", 1 << 30)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)));
            assert_eq!(Size(bytes).to_string(), text);
        }
        for text in
            ["", "K", "-1", "1.5M", "64k", "1 M", "99999999999999999999", "18446744073709551615K"]
        {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        assert!(size::<2, 8>("1").is_err() && size::<2, 8>("9").is_err());
        assert_eq!((size::<2, 8>("2"), size::<2, 8>("8")), (Ok(Size(2)), Ok(Size(8))));
    }
}
