//! Services: the first record of a SERVICE stream names a service and a protocol, in place of a
//! port number. Source: docs/PROTOCOL.md section 7.

use core::str;

use crate::bytes::{Full, Reader, Writer};

/// The longest request record, in bytes: it fits one packet.
pub const MAX_SERVICE_REQUEST_BYTES: usize = 1024;

/// What a service stream asks for.
///
/// ```text
/// service length   varint
/// service          UTF-8
/// protocol length  varint
/// protocol         UTF-8
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceRequest<'a> {
    /// The service, such as `files`.
    pub service: &'a str,
    /// How to speak to it, such as `1`.
    pub protocol: &'a str,
}

/// Why a record is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// A name is not UTF-8.
    NotText,
    /// Bytes follow the protocol.
    TooLong,
    /// The record ends early.
    Truncated,
}

impl<'a> ServiceRequest<'a> {
    /// Reads a request record.
    ///
    /// # Errors
    /// [`ServiceError`]: reset and stop the stream.
    pub fn parse(record: &'a [u8]) -> Result<Self, ServiceError> {
        if record.len() > MAX_SERVICE_REQUEST_BYTES {
            return Err(ServiceError::TooLong);
        }
        let mut reader = Reader::new(record);
        let service = reader.varint_bytes().map_err(|_| ServiceError::Truncated)?;
        let protocol = reader.varint_bytes().map_err(|_| ServiceError::Truncated)?;
        if !reader.is_empty() {
            return Err(ServiceError::TooLong);
        }
        let service = str::from_utf8(service).map_err(|_| ServiceError::NotText)?;
        let protocol = str::from_utf8(protocol).map_err(|_| ServiceError::NotText)?;
        Ok(Self { service, protocol })
    }

    /// Writes the request record.
    ///
    /// # Errors
    /// [`Full`] if it does not fit, which it always does in [`MAX_SERVICE_REQUEST_BYTES`] if the
    /// names together are at most 1,020 bytes.
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put_varint_bytes(self.service.as_bytes())?;
        out.put_varint_bytes(self.protocol.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_round_trip() {
        for (service, protocol) in [("", ""), ("files", "1"), ("größe", "ünï")] {
            let request = ServiceRequest { service, protocol };
            let mut buf = [0; MAX_SERVICE_REQUEST_BYTES];
            let mut writer = Writer::new(&mut buf);
            request.encode(&mut writer).expect("fits");
            assert_eq!(ServiceRequest::parse(writer.written()), Ok(request));
        }
    }

    // Spec: R-7.12-2.
    #[test]
    fn malformed_requests_are_errors() {
        assert_eq!(ServiceRequest::parse(&[]), Err(ServiceError::Truncated));
        assert_eq!(ServiceRequest::parse(&[2, b'a']), Err(ServiceError::Truncated));
        assert_eq!(ServiceRequest::parse(&[1, 0xff, 0]), Err(ServiceError::NotText));
        assert_eq!(ServiceRequest::parse(&[0, 0, 0]), Err(ServiceError::TooLong));
        assert_eq!(ServiceRequest::parse(&[0; 1025]), Err(ServiceError::TooLong));
    }
}
