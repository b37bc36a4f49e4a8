//! A random scenario: a few hosts, bad links, applications that do everything they may; then the
//! links heal, and everything must have arrived or ended in a typed error; then all is let go
//! of, and nothing may remain.

mod advance;
mod application;
mod end;
mod operations;
mod plan;
mod run;

pub use run::play;

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use crate::host::SessionHandle;
use crate::id::{HostId, Instance};
use crate::stream::StreamHandle;

use super::model::Model;
use super::network::Network;
use super::random::Random;

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The same for two runs in which the same happened.
    pub trace: u64,
    /// Bytes that applications have read.
    pub bytes: u64,
    /// Datagrams that applications have received.
    pub datagrams: u64,
    /// Sessions that were made.
    pub sessions: u64,
    /// Packets sent.
    pub packets: u64,
    /// How the scenario ended: nothing, or what was wrong.
    pub fault: Option<String>,
}

/// A session as an application knows it.
#[derive(Clone, Debug)]
struct Known {
    handle: SessionHandle,
    peer: usize,
    is_ready: bool,
    is_closed: bool,
}

/// The sending half of a stream as its application knows it.
#[derive(Clone, Debug)]
struct Outgoing {
    number: u64,
    /// Bytes or records to write in all.
    target: u64,
    /// Bytes of the record being written that the host has taken.
    in_record: usize,
    is_over: bool,
}

/// The receiving half of a stream as its application knows it.
#[derive(Clone, Debug)]
struct Incoming {
    way: Way,
    /// The number it began with.
    number: Option<u64>,
    /// What arrived before the number was known, with its place.
    early: Vec<(u64, Vec<u8>)>,
    /// Bytes read.
    read: u64,
    /// Records read.
    records: u64,
    in_record: usize,
    is_over: bool,
}

/// How a half is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Bytes,
    Records,
    Unordered,
}

/// A stream that an application holds.
#[derive(Clone, Debug)]
struct Held {
    session: SessionHandle,
    instance: Option<Instance>,
    stream: StreamHandle,
    peer: usize,
    id: u64,
    outgoing: Option<Outgoing>,
    incoming: Option<Incoming>,
    /// It reads only now and then.
    is_lazy: bool,
    /// It was given a lifetime.
    is_mortal: bool,
    /// It asked for a child and was told to wait.
    wants_child: bool,
}

/// A stream's name: handles have no order of their own.
type Key = (u32, u32);

/// One application.
#[derive(Default)]
struct Application {
    sessions: Vec<Known>,
    streams: BTreeMap<Key, Held>,
    /// Numbers of the datagrams whose outcome was asked for, by ticket.
    tickets: BTreeMap<Key, u64>,
}

struct Scenario {
    seed: u64,
    random: Random,
    network: Network,
    applications: Vec<Application>,
    ids: Vec<HostId>,
    /// Who dialled whom in which instance: two hosts may have one identity.
    bonds: Vec<(Instance, usize, usize)>,
    model: Model,
    fault: Option<String>,
    /// Applications take everything at once, and begin nothing new.
    is_healing: bool,
    bytes: u64,
    datagrams: u64,
    sessions: u64,
    packets: u64,
}

impl Scenario {
    fn outcome(self) -> Outcome {
        Outcome {
            trace: self.network.trace(),
            bytes: self.bytes,
            datagrams: self.datagrams,
            sessions: self.sessions,
            packets: self.packets,
            fault: self.fault,
        }
    }

    fn fail(&mut self, what: String) {
        let at = self.network.now().since(super::START);
        self.fault.get_or_insert(format!("seed {} at {at:?}: {what}", self.seed));
    }
}

fn key(stream: StreamHandle) -> Key {
    (stream.index(), stream.generation())
}
