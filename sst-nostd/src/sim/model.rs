//! What a perfect network would deliver: every byte follows from the number of the half it was
//! written to and its place there, so that nothing need be kept to know what must arrive.

use std::vec::Vec;

use crate::id::Instance;
use crate::stream::{DatagramForm, DatagramOutcome};
use crate::wire::StreamCode;

use super::random::mix;

/// Every half and every datagram begins with its number.
pub(super) const NUMBER_BYTES: usize = 8;

/// How a half is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Bytes,
    Records,
}

/// What was written to one half of a stream.
#[derive(Clone, Debug)]
pub(super) struct Half {
    pub(super) sender: usize,
    pub(super) receiver: usize,
    /// Which of the sessions of the two.
    pub(super) instance: Option<Instance>,
    /// The id of its stream.
    pub(super) stream: u64,
    pub(super) shape: Shape,
    /// Bytes that the sender's host has taken.
    pub(super) written: u64,
    /// Whole records that it has taken.
    pub(super) records: u64,
    pub(super) is_finished: bool,
    /// The sender gave it up, or had to.
    pub(super) is_abandoned: bool,
}

/// A datagram that a host has taken.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) sender: usize,
    pub(super) receiver: usize,
    pub(super) parent: u64,
    pub(super) len: usize,
    pub(super) form: DatagramForm,
    pub(super) outcome: Option<DatagramOutcome>,
    pub(super) is_received: bool,
}

impl Datagram {
    /// Its sender says that no part of it was ever sent.
    fn has_not_left(&self) -> bool {
        let was_stale = self.outcome == Some(DatagramOutcome::Expired);
        let is_stateless = self.form == DatagramForm::Stateless;
        self.outcome == Some(DatagramOutcome::Discarded) || (was_stale && is_stateless)
    }
}

/// Everything that was sent.
#[derive(Default)]
pub(super) struct Model {
    pub(super) halves: Vec<Half>,
    pub(super) datagrams: Vec<Datagram>,
    /// Datagrams too short to be numbered, sent and received, by sender and receiver.
    short: [[(u64, u64); 8]; 8],
}

impl Model {
    pub(super) fn add_half(&mut self, half: Half) -> u64 {
        self.halves.push(half);
        self.halves.len() as u64 - 1
    }

    pub(super) fn half(&mut self, number: u64) -> Option<&mut Half> {
        self.halves.get_mut(usize::try_from(number).ok()?)
    }

    /// The number that the next datagram gets.
    pub(super) fn next_datagram(&self) -> u64 {
        self.datagrams.len() as u64
    }

    /// A host has taken the datagram made with [`Model::next_datagram`].
    pub(super) fn on_datagram_sent(&mut self, datagram: Datagram) {
        if datagram.len < NUMBER_BYTES {
            self.short[datagram.sender][datagram.receiver].0 += 1;
        }
        self.datagrams.push(datagram);
    }

    /// A host tells what became of a datagram: once, and nothing that cannot be.
    pub(super) fn on_outcome(
        &mut self,
        number: u64,
        outcome: DatagramOutcome,
    ) -> Result<(), &'static str> {
        let found = usize::try_from(number).ok().and_then(|n| self.datagrams.get_mut(n));
        let Some(datagram) = found else { return Err("an outcome of nothing") };
        if datagram.outcome.replace(outcome).is_some() {
            return Err("a second outcome");
        }
        let is_possible = match (datagram.form, outcome) {
            (DatagramForm::Stateless, outcome) => outcome != DatagramOutcome::Refused,
            (DatagramForm::Substream, DatagramOutcome::Lost | DatagramOutcome::Discarded) => false,
            (DatagramForm::Substream, _) => true,
        };
        if !is_possible || (datagram.is_received && datagram.has_not_left()) {
            return Err("an outcome that cannot be");
        }
        Ok(())
    }

    /// A host forgot everything: what it had received, it may receive again.
    pub(super) fn on_restart(&mut self, receiver: usize) {
        for datagram in self.datagrams.iter_mut().filter(|d| d.receiver == receiver) {
            datagram.is_received = false;
        }
        for counts in &mut self.short {
            counts[receiver].1 = 0;
        }
    }

    /// Whether a datagram was sent so, and has not arrived before.
    pub(super) fn on_datagram(
        &mut self,
        sender: usize,
        receiver: usize,
        parent: u64,
        bytes: &[u8],
    ) -> Result<(), &'static str> {
        let Some(number) = bytes.first_chunk() else {
            let (sent, received) = &mut self.short[sender][receiver];
            *received += 1;
            let is_right = bytes.iter().all(|byte| *byte == SHORT);
            return if is_right && *received <= *sent { Ok(()) } else { Err("a short datagram") };
        };
        let number = u64::from_be_bytes(*number);
        let found = usize::try_from(number).ok().and_then(|n| self.datagrams.get_mut(n));
        let Some(datagram) = found else { return Err("a datagram nobody sent") };
        if (datagram.sender, datagram.receiver) != (sender, receiver) || datagram.parent != parent {
            return Err("a datagram of somebody else");
        }
        if datagram.has_not_left() {
            return Err("a datagram that never left");
        }
        if core::mem::replace(&mut datagram.is_received, true) {
            return Err("a datagram came twice");
        }
        let is_right = datagram.len == bytes.len() && is_content(DATAGRAM | number, 0, bytes);
        if is_right { Ok(()) } else { Err("a datagram was altered") }
    }
}

/// Numbers of datagrams make other bytes than those of halves.
const DATAGRAM: u64 = 1 << 62;
/// What datagrams too short for a number are made of.
const SHORT: u8 = 0xD6;

/// The bytes of a datagram.
pub(super) fn datagram(number: u64, len: usize) -> Vec<u8> {
    if len < NUMBER_BYTES {
        return core::iter::repeat_n(SHORT, len).collect();
    }
    content(DATAGRAM | number, 0, len)
}

/// Bytes of a half (or datagram) from `offset` on.
pub(super) fn content(number: u64, offset: u64, len: usize) -> Vec<u8> {
    (offset..offset + len as u64).map(|at| byte_at(number, at)).collect()
}

/// Whether `bytes` are those of a half from `offset` on.
pub(super) fn is_content(number: u64, offset: u64, bytes: &[u8]) -> bool {
    bytes.iter().zip(offset..).all(|(byte, at)| *byte == byte_at(number, at))
}

fn byte_at(number: u64, at: u64) -> u8 {
    let plain = number & !DATAGRAM;
    match at {
        0..8 => plain.to_be_bytes()[at as usize],
        _ => (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at.wrapping_mul(0xff51_afd7_ed55_8ccd))
            .to_be_bytes()[1],
    }
}

/// How long the record with this index is. The first holds the number.
pub(super) fn record_len(number: u64, index: u64) -> usize {
    let chance = mix(number << 20 ^ index);
    let len = match chance % 16 {
        0 => 0,
        1 => (chance >> 8) % 6000,
        2 => (chance >> 8) % 1500,
        _ => (chance >> 8) % 120,
    };
    len as usize + if index == 0 { NUMBER_BYTES } else { 0 }
}

/// Codes that an honest end of a half may carry although the sender's application did not
/// choose it.
pub(super) fn is_own_code(code: StreamCode) -> bool {
    code.as_application().is_none()
}
