//! What a wire does to a packet's bytes: marks, and damage.

/// Bytes of a UDP payload among which one is changed.
const DAMAGED_LEN: usize = 50;
const TCP: u8 = 6;
const UDP: u8 = 17;
const UDP_HEADER_LEN: usize = 8;
const TCP_HEADER_LEN: usize = 20;
/// The two bits of congestion notification: set both, and the packet has met congestion.
const CE: u8 = 0b11;

/// Marks an IPv4 packet as having met congestion, if its sender allows it.
pub(crate) fn mark(packet: &mut [u8]) -> bool {
    let Some(&[version, traffic]) = packet.first_chunk::<2>() else { return false };
    if traffic & CE == 0 {
        return false;
    }
    packet[1] |= CE;
    // The checksum is over 16-bit words; this is the lower half of the first.
    change_checksum(packet, 10, [version, traffic], [version, traffic | CE]);
    true
}

/// Changes one byte near the beginning of what TCP or UDP carries; `draw` is which, 0 to 1.
///
/// UDP's checksum is made to fit, or the kernel would take the damage for loss and no protocol
/// above ever see it. TCP has nothing but its checksum: there it is the kernel that must see.
pub(crate) fn corrupt(packet: &mut [u8], draw: f64) -> bool {
    let Some(&[first, ..]) = packet.first_chunk::<20>() else { return false };
    let header_len = usize::from(first & 0x0f) * 4;
    let (payload, checksum) = match packet[9] {
        UDP => (header_len + UDP_HEADER_LEN, Some(header_len + 6)),
        TCP => (header_len + TCP_HEADER_LEN, None),
        _ => return false,
    };
    let span = packet.len().saturating_sub(payload).min(DAMAGED_LEN);
    if span == 0 {
        return false;
    }
    let at = payload + (draw * span as f64) as usize;
    let word = (at & !1).min(packet.len().saturating_sub(2));
    let old = [packet[word], packet[word + 1]];
    // Never the same byte again, whatever it was.
    packet[at] ^= 1 + (draw * 65_536.0) as u8 % 255;
    if let Some(checksum) = checksum
        && at & !1 == word
    {
        change_checksum(packet, checksum, old, [packet[word], packet[word + 1]]);
    } else if let Some(checksum) = checksum {
        // An odd last byte: its word ends with a zero that is not in the packet.
        change_checksum(packet, checksum, [old[1], 0], [packet[at], 0]);
    }
    true
}

/// As RFC 1624 does it: from the words that changed alone.
fn change_checksum(packet: &mut [u8], at: usize, old: [u8; 2], new: [u8; 2]) {
    let Some(checksum) = packet.get_mut(at..at + 2) else { return };
    let before = u16::from_be_bytes([checksum[0], checksum[1]]);
    let sum = u32::from(!before) + u32::from(!u16::from_be_bytes(old));
    let mut sum = sum + u32::from(u16::from_be_bytes(new));
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    checksum.copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ones' complement sum; all ones over what holds its own checksum.
    fn sum(bytes: &[u8]) -> u16 {
        let words = bytes.chunks(2).map(|word| {
            u32::from(u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]))
        });
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// A UDP packet whose two checksums are right. The pseudo-header's part is left out of the
    /// second: it is the same before and after.
    fn packet(payload_len: usize, traffic: u8) -> Vec<u8> {
        let mut packet = vec![0x45, traffic, 0, 0, 0, 0, 0, 0, 64, UDP, 0, 0];
        packet.extend_from_slice(&[10, 77, 0, 1, 10, 77, 0, 2]);
        packet.extend_from_slice(&[0x1b, 0x58, 0x1b, 0x58, 0, 0, 0, 0]);
        packet.extend((0..payload_len).map(|at| at as u8));
        let header = (!sum(&packet[..20])).to_be_bytes();
        packet[10..12].copy_from_slice(&header);
        let body = (!sum(&packet[20..])).to_be_bytes();
        packet[26..28].copy_from_slice(&body);
        packet
    }

    #[test]
    fn marked_only_where_the_sender_allows_it_and_the_checksum_stays_right() {
        let (mut plain, mut able) = (packet(10, 0), packet(10, 0b10));
        assert!(!mark(&mut plain));
        assert_eq!(plain, packet(10, 0));
        assert!(mark(&mut able));
        assert_eq!(able[1], CE);
        assert_eq!(sum(&able[..20]), 0xffff);
    }

    #[test]
    fn one_byte_of_udp_changes_and_its_checksum_hides_it() {
        for payload_len in [1, 2, 3, 49, 50, 51, 1_200] {
            for draw in [0.0, 0.3, 0.999_9] {
                let (before, mut after) = (packet(payload_len, 0), packet(payload_len, 0));
                assert!(corrupt(&mut after, draw));
                let changed = before[28..].iter().zip(&after[28..]).filter(|(a, b)| a != b);
                assert_eq!(changed.count(), 1, "{payload_len} {draw}");
                assert_eq!(sum(&after[20..]), 0xffff, "{payload_len} {draw}");
            }
        }
        assert!(!corrupt(&mut packet(0, 0), 0.5));
    }
}
