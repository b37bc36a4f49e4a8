//! Captured packets, as far as their sizes and order go.

use std::path::Path;

/// One packet.
pub(crate) struct Packet {
    /// Seconds since 1970.
    pub(crate) at: f64,
    /// Of the whole packet, IP header included, in bytes.
    pub(crate) len: usize,
    /// What UDP or TCP carries, in bytes.
    pub(crate) payload_len: usize,
    /// TCP's number of the first byte; 0 for UDP.
    pub(crate) sequence: u32,
}

const TCP: u8 = 6;
const UDP_HEADER_LEN: usize = 8;

/// Every packet of a capture the laboratory wrote.
pub(crate) fn read(path: &Path) -> Result<Vec<Packet>, String> {
    let all = lab::read_capture(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(all.iter().filter_map(|one| parse(one.at.as_secs_f64(), &one.packet)).collect())
}

fn parse(at: f64, packet: &[u8]) -> Option<Packet> {
    let ip_len = usize::from(packet.first()? & 0x0f) * 4;
    let inside = packet.get(ip_len..)?;
    let (header_len, sequence) = if *packet.get(9)? == TCP {
        let sequence = u32::from_be_bytes(*inside.get(4..)?.first_chunk()?);
        (usize::from(inside.get(12)? >> 4) * 4, sequence)
    } else {
        (UDP_HEADER_LEN, 0)
    };
    let payload_len = inside.len().checked_sub(header_len)?;
    Some(Packet { at, len: packet.len(), payload_len, sequence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_headers() {
        let mut packet = vec![0; 20 + 32 + 100];
        (packet[0], packet[9], packet[32]) = (0x45, TCP, 8 << 4);
        packet[24..28].copy_from_slice(&7_u32.to_be_bytes());
        let parsed = parse(1.0, &packet).unwrap();
        assert_eq!((parsed.len, parsed.payload_len, parsed.sequence), (152, 100, 7));
        packet[9] = 17;
        assert_eq!(parse(1.0, &packet).unwrap().payload_len, 124);
        assert!(parse(1.0, &packet[..12]).is_none());
    }
}
