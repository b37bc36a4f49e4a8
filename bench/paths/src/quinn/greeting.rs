//! [`Greeting`]: what takes the place of TLS. Each end tells its transport parameters, and believes
//! the other; the keys are known ([`keys`](super::keys)).

use std::any::Any;
use std::io::Cursor;
use std::sync::Arc;

use quinn_proto::crypto::{
    ClientConfig, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig,
    Session, UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};
use sst_nostd::crypto::Suite;

use super::keys::{keys, packet_keys};

/// What the server says before it has keys, and the client after it has.
const READY: u8 = 1;

/// Begins greetings, at either end.
pub(super) struct Greetings(pub(super) Option<Suite>);

struct Greeting {
    side: Side,
    suite: Option<Suite>,
    parameters: TransportParameters,
    /// What came and was not understood yet.
    received: Vec<u8>,
    theirs: Option<TransportParameters>,
    /// The peer has said [`READY`].
    is_ready: bool,
    /// How often something was written.
    written: u8,
}

impl Greetings {
    fn begin(&self, side: Side, parameters: &TransportParameters) -> Box<dyn Session> {
        Box::new(Greeting {
            side,
            suite: self.0,
            parameters: *parameters,
            received: Vec::new(),
            theirs: None,
            is_ready: false,
            written: 0,
        })
    }
}

impl ClientConfig for Greetings {
    fn start_session(
        self: Arc<Self>,
        _version: u32,
        _server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        Ok(self.begin(Side::Client, params))
    }
}

impl ServerConfig for Greetings {
    fn initial_keys(
        &self,
        _version: u32,
        _dst_cid: &ConnectionId,
    ) -> Result<Keys, UnsupportedVersion> {
        Ok(keys(self.0))
    }

    fn retry_tag(&self, _version: u32, _orig_dst_cid: &ConnectionId, _packet: &[u8]) -> [u8; 16] {
        [0; 16]
    }

    fn start_session(
        self: Arc<Self>,
        _version: u32,
        params: &TransportParameters,
    ) -> Box<dyn Session> {
        self.begin(Side::Server, params)
    }
}

impl Greeting {
    /// Understands what came whole: parameters behind their length, or [`READY`].
    fn understand(&mut self) -> Result<(), TransportError> {
        let expects_ready = self.side.is_client() != self.theirs.is_some();
        if expects_ready && !self.is_ready && self.received.first() == Some(&READY) {
            self.received.remove(0);
            self.is_ready = true;
        }
        let Some((len, rest)) = self.received.split_first_chunk::<2>() else { return Ok(()) };
        if let Some(text) = rest.get(..usize::from(u16::from_be_bytes(*len))) {
            let theirs = TransportParameters::read(self.side, &mut Cursor::new(text))?;
            self.theirs = Some(theirs);
            self.received.clear();
        }
        Ok(())
    }

    fn write_parameters(&self, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        self.parameters.write(&mut text);
        out.extend_from_slice(&(text.len() as u16).to_be_bytes());
        out.extend_from_slice(&text);
    }
}

impl Session for Greeting {
    fn initial_keys(&self, _dst_cid: &ConnectionId, _side: Side) -> Keys {
        keys(self.suite)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        !(self.is_ready && self.theirs.is_some())
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.received.extend_from_slice(buf);
        self.understand()?;
        Ok(false)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        Ok(self.theirs)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let has_keys = match (self.side, self.written) {
            (Side::Client, 0) => {
                self.write_parameters(buf);
                false
            }
            (Side::Client, 1) if self.is_ready => true,
            (Side::Client, 2) if self.theirs.is_some() => {
                buf.push(READY);
                true
            }
            (Side::Server, 0) if self.theirs.is_some() => {
                buf.push(READY);
                true
            }
            (Side::Server, 1) => {
                self.write_parameters(buf);
                true
            }
            _ => return None,
        };
        self.written += 1;
        has_keys.then(|| keys(self.suite))
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        Some(packet_keys(self.suite))
    }

    fn is_valid_retry(
        &self,
        _orig_dst_cid: &ConnectionId,
        _header: &[u8],
        _payload: &[u8],
    ) -> bool {
        false
    }

    fn export_keying_material(
        &self,
        _output: &mut [u8],
        _label: &[u8],
        _context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        Err(ExportKeyingMaterialError)
    }
}
