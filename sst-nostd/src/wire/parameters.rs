//! [`Parameters`]: what each host tells the other about itself in the negotiation.
//!
//! A list of (type, length, value). An odd type must be understood, an unknown even one is skipped.
//! Type 0 ends the list. Source: `docs/PROTOCOL.md`, "Parameters".
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, MAX_VARINT, Reader, Writer, varint_len};
use crate::id::{ChannelId, Instance};
use crate::time::{Duration, micros};
use crate::wire::packet::BASE_PACKET_BYTES;
use crate::wire::parameters_error::ParametersError;
use crate::wire::refusal::{REFUSAL, Refusal};
use crate::wire::suites::Suites;

/// The most entries in a list: twice what version 1 defines, to leave room for extensions.
pub const MAX_ENTRIES: usize = 32;
/// The longest encoded list: every known entry at its longest, without a refusal; and what is left
/// of an INIT of the smallest size that carries early data.
pub const MAX_PARAMETERS_LEN: usize = 160;
/// The longest time a host may hold back an acknowledgement. More would be no acknowledgement.
pub const MAX_ACK_DELAY: Duration = Duration::from_secs(16);

const END: u64 = 0x00;
const CHANNEL: u64 = 0x01;
const IDLE_TIMEOUT: u64 = 0x02;
const ACK_DELAY: u64 = 0x04;
const SESSION_WINDOW: u64 = 0x06;
const STREAM_WINDOW: u64 = 0x08;
const ROOT_CHILD_CREDIT: u64 = 0x0a;
const CHILD_CREDIT: u64 = 0x0c;
const PACKET: u64 = 0x0e;
const DATAGRAM: u64 = 0x10;
const SUITES: u64 = 0x12;
const SUITE: u64 = 0x13;
const ID_WINDOW: u64 = 0x14;
const RESET_TOKEN: u64 = 0x16;
const TOOK_CALL: u64 = 0x1c;
const INSTANCE: u64 = 0x1e;

/// Which message a list travels in: some entries belong to one only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The initiator's.
    Init,
    /// The responder's.
    Reply,
}

/// What a host tells its peer about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The responder's channel. In a REPLY only, and there always.
    pub channel: Option<ChannelId>,
    /// The session ends after this time without a packet; `None` is never. Whole milliseconds.
    pub idle_timeout: Option<Duration>,
    /// The longest time that acknowledgements are held back. Whole microseconds, at most
    /// [`MAX_ACK_DELAY`].
    pub max_ack_delay: Duration,
    /// How many positions the peer may use on all streams together, to begin with.
    pub session_window_bytes: u64,
    /// How many positions the peer may use on each stream, to begin with.
    pub stream_window_bytes: u64,
    /// How many streams the peer may open from the root, to begin with.
    pub root_child_credit: u64,
    /// How many streams the peer may open from any other stream, to begin with.
    pub child_credit: u64,
    /// The largest packet accepted, in bytes: at least [`BASE_PACKET_BYTES`].
    pub max_packet_bytes: u16,
    /// The largest datagram accepted, in bytes; 0 is none.
    pub max_datagram_bytes: u64,
    /// The cipher suites that the initiator can use. In an INIT only.
    pub suites: Suites,
    /// The cipher suite that the responder chose. In a REPLY only, and there always.
    pub suite: Option<u8>,
    /// How far ahead of the lowest unseen stream of the peer its newest may be.
    pub id_window: u64,
    /// Proof, in a LOST packet, that this host sent it.
    pub reset_token: Option<[u8; 16]>,
    /// The initiator took a peer's call shortly before. In an INIT only.
    pub took_call: bool,
    /// Which of several sessions of the two identities is meant; `None` is the one without a name.
    pub instance: Option<Instance>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            channel: None,
            idle_timeout: Some(Duration::from_secs(30)),
            max_ack_delay: Duration::from_millis(25),
            session_window_bytes: 65_536,
            stream_window_bytes: 16_384,
            root_child_credit: 16,
            child_credit: 4,
            max_packet_bytes: BASE_PACKET_BYTES as u16,
            max_datagram_bytes: 0,
            suites: Suites::default(),
            suite: None,
            id_window: 64,
            reset_token: None,
            took_call: false,
            instance: None,
        }
    }
}

/// A list as it came: parameters, or a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// The parameters.
    pub parameters: Parameters,
    /// The responder does not want the session. The parameters then mean nothing.
    pub refusal: Option<Refusal<'a>>,
}

impl Parameters {
    /// Reads a list.
    ///
    /// # Errors
    /// [`ParametersError`]: the peer is wrong, or wants more than we know.
    pub fn parse(bytes: &[u8], carrier: Carrier) -> Result<Parsed<'_>, ParametersError> {
        let mut parsed = Parsed { parameters: Self::default(), refusal: None };
        let mut seen = [END; MAX_ENTRIES];
        let mut seen_count = 0_usize;
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let kind = reader.varint()?;
            if kind == END {
                break;
            }
            let value = reader.varint_bytes()?;
            if seen.contains(&kind) {
                return Err(ParametersError::Duplicate);
            }
            *seen.get_mut(seen_count).ok_or(ParametersError::TooMany)? = kind;
            seen_count = seen_count.saturating_add(1);
            parsed.take(kind, value, carrier)?;
            // Here, so that of several faults the first in the list decides the code.
            parsed.parameters.check()?;
        }
        let Self { channel, suite, .. } = parsed.parameters;
        let is_complete = channel.is_some() && suite.is_some() || parsed.refusal.is_some();
        if carrier == Carrier::Reply && !is_complete {
            return Err(ParametersError::Missing);
        }
        Ok(parsed)
    }

    /// Puts the list: what differs from the defaults.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or a value that no list can hold; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let start = writer.position();
        self.put(writer).inspect_err(|_| writer.truncate(start))
    }

    /// Checks values that have limits of their own.
    ///
    /// # Errors
    /// [`ParametersError::Illegal`] if one is outside its limits.
    pub fn check(&self) -> Result<(), ParametersError> {
        let is_legal = self.max_ack_delay <= MAX_ACK_DELAY
            && usize::from(self.max_packet_bytes) >= BASE_PACKET_BYTES;
        if is_legal { Ok(()) } else { Err(ParametersError::Illegal) }
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if let Some(channel) = self.channel {
            put_entry(writer, CHANNEL, &channel.to_bytes())?;
        }
        if let Some(suite) = self.suite {
            put_entry(writer, SUITE, &[suite])?;
        }
        if self.suites != Suites::default() {
            put_entry(writer, SUITES, self.suites.as_slice())?;
        }
        let (ours, defaults) = (self.numbers(), Self::default().numbers());
        for ((kind, number), (_, default)) in ours.into_iter().zip(defaults) {
            if number != default {
                writer.put_varint(kind)?;
                writer.put_varint(varint_len(number) as u64)?;
                writer.put_varint(number)?;
            }
        }
        if let Some(instance) = self.instance {
            put_entry(writer, INSTANCE, &instance.to_bytes())?;
        }
        self.reset_token.map_or(Ok(()), |token| put_entry(writer, RESET_TOKEN, &token))
    }

    /// The entries that are one number each.
    fn numbers(&self) -> [(u64, u64); 10] {
        let idle_millis = self.idle_timeout.map_or(0, millis);
        [
            (IDLE_TIMEOUT, idle_millis),
            (ACK_DELAY, micros(self.max_ack_delay)),
            (SESSION_WINDOW, self.session_window_bytes),
            (STREAM_WINDOW, self.stream_window_bytes),
            (ROOT_CHILD_CREDIT, self.root_child_credit),
            (CHILD_CREDIT, self.child_credit),
            (PACKET, u64::from(self.max_packet_bytes)),
            (DATAGRAM, self.max_datagram_bytes),
            (ID_WINDOW, self.id_window),
            (TOOK_CALL, u64::from(self.took_call)),
        ]
    }
}

impl<'a> Parsed<'a> {
    fn take(
        &mut self,
        kind: u64,
        value: &'a [u8],
        carrier: Carrier,
    ) -> Result<(), ParametersError> {
        let parameters = &mut self.parameters;
        match (kind, carrier) {
            (CHANNEL | SUITE | REFUSAL, Carrier::Init) | (SUITES | TOOK_CALL, Carrier::Reply) => {
                return Err(ParametersError::Misplaced);
            }
            (CHANNEL, _) => {
                let channel = ChannelId::new(u32::from_be_bytes(array(value)?));
                parameters.channel = Some(channel.ok_or(ParametersError::Illegal)?);
            }
            (SUITE, _) => parameters.suite = Some(u8::from_be_bytes(array(value)?)),
            (SUITES, _) => {
                parameters.suites = Suites::new(value).ok_or(ParametersError::Illegal)?;
            }
            (RESET_TOKEN, _) => parameters.reset_token = Some(array(value)?),
            (INSTANCE, _) => {
                let instance = Instance::new(array(value)?);
                parameters.instance = Some(instance.ok_or(ParametersError::Illegal)?);
            }
            (REFUSAL, _) => self.refusal = Some(Refusal::parse(value)?),
            _ => return parameters.take_number(kind, value),
        }
        Ok(())
    }
}

impl Parameters {
    fn take_number(&mut self, kind: u64, value: &[u8]) -> Result<(), ParametersError> {
        match kind {
            IDLE_TIMEOUT => {
                let timeout = Duration::from_millis(number(value)?);
                self.idle_timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
            }
            ACK_DELAY => self.max_ack_delay = Duration::from_micros(number(value)?),
            SESSION_WINDOW => self.session_window_bytes = number(value)?,
            STREAM_WINDOW => self.stream_window_bytes = number(value)?,
            ROOT_CHILD_CREDIT => self.root_child_credit = number(value)?,
            CHILD_CREDIT => self.child_credit = number(value)?,
            PACKET => {
                let bytes = u16::try_from(number(value)?);
                self.max_packet_bytes = bytes.map_err(|_| ParametersError::Illegal)?;
            }
            DATAGRAM => self.max_datagram_bytes = number(value)?,
            ID_WINDOW => self.id_window = number(value)?,
            TOOK_CALL => {
                self.took_call = match number(value)? {
                    0 => false,
                    1 => true,
                    _ => return Err(ParametersError::Illegal),
                }
            }
            _ if kind.is_multiple_of(2) => {}
            _ => return Err(ParametersError::Mandatory),
        }
        Ok(())
    }
}

/// The channel id in a list that is not accepted otherwise, so that its sender can be told.
#[must_use]
pub fn channel_in(list: &[u8]) -> Option<ChannelId> {
    let mut reader = Reader::new(list);
    for _ in 0..MAX_ENTRIES {
        let kind = reader.varint().ok().filter(|kind| *kind != END)?;
        let value = reader.varint_bytes().ok()?;
        if kind == CHANNEL {
            return ChannelId::new(u32::from_be_bytes(array(value).ok()?));
        }
    }
    None
}

/// What stands behind the list: early frames, in the INIT of an IK negotiation. The list is one
/// that parses.
#[must_use]
pub fn early_in(list: &[u8]) -> &[u8] {
    let mut reader = Reader::new(list);
    for _ in 0..=MAX_ENTRIES {
        match reader.varint() {
            Ok(END) => return reader.rest(),
            Ok(_) if reader.varint_bytes().is_ok() => {}
            _ => break,
        }
    }
    &[]
}

/// Puts the end of the list, behind which early frames stand.
///
/// # Errors
/// [`Full`]; nothing was put.
pub fn put_end(writer: &mut Writer<'_>) -> Result<(), Full> {
    writer.put_varint(END)
}

/// Whole milliseconds, at most what a list can hold.
fn millis(duration: Duration) -> u64 {
    let millis = duration.as_secs().saturating_mul(1000);
    millis.saturating_add(u64::from(duration.subsec_millis())).min(MAX_VARINT)
}

fn put_entry(writer: &mut Writer<'_>, kind: u64, value: &[u8]) -> Result<(), Full> {
    writer.put_varint(kind)?;
    writer.put_varint_bytes(value)
}

fn array<const N: usize>(value: &[u8]) -> Result<[u8; N], ParametersError> {
    value.try_into().map_err(|_| ParametersError::Encoding)
}

fn number(value: &[u8]) -> Result<u64, ParametersError> {
    let mut reader = Reader::new(value);
    let number = reader.varint()?;
    if reader.is_empty() { Ok(number) } else { Err(ParametersError::Encoding) }
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
