//! [`Capture`]: packets in a file, in the format of tcpdump, with nanoseconds.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A file of this format whose times have nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
/// `LINKTYPE_RAW`: IP packets, nothing before them.
const RAW: u32 = 101;
const MAX_PACKET_LEN: u32 = 65_535;
const FILE_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;

/// One moment by two clocks: all captures of a laboratory reckon from the same.
pub(crate) type Moment = (Instant, SystemTime);

/// Where packets are written to.
pub(crate) struct Capture {
    file: BufWriter<File>,
    began: Moment,
}

impl Capture {
    pub(crate) fn create(path: &Path, began: Moment) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&MAGIC.to_le_bytes())?;
        file.write_all(&[2, 0, 4, 0])?;
        // The zone is UTC, and the accuracy unknown.
        file.write_all(&[0; 8])?;
        file.write_all(&MAX_PACKET_LEN.to_le_bytes())?;
        file.write_all(&RAW.to_le_bytes())?;
        Ok(Self { file, began })
    }

    pub(crate) fn write(&mut self, at: Instant, packet: &[u8]) -> io::Result<()> {
        let since = self.began.1 + at.saturating_duration_since(self.began.0);
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        // 32 bits of seconds last until 2106.
        let numbers = [since.as_secs() as u32, since.subsec_nanos(), packet.len() as u32];
        for number in numbers.into_iter().chain([packet.len() as u32]) {
            self.file.write_all(&number.to_le_bytes())?;
        }
        self.file.write_all(packet)
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A packet of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Since 1970.
    pub at: Duration,
    /// From its IP header on.
    pub packet: Vec<u8>,
}

/// Every packet of a capture that the laboratory wrote, in its order.
///
/// # Errors
/// The file cannot be read, or ends within a packet.
pub fn read_capture(path: &Path) -> io::Result<Vec<Captured>> {
    let bytes = std::fs::read(path)?;
    let cut_short = || io::Error::new(io::ErrorKind::UnexpectedEof, "a capture cut short");
    let mut rest = bytes.get(FILE_HEADER_LEN..).ok_or_else(cut_short)?;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (header, after) =
            rest.split_first_chunk::<RECORD_HEADER_LEN>().ok_or_else(cut_short)?;
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let at = Duration::new(number(0).into(), number(4));
        let (packet, after) = after.split_at_checked(number(8) as usize).ok_or_else(cut_short)?;
        all.push(Captured { at, packet: packet.to_vec() });
        rest = after;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_half_a_packet_is_an_error() {
        let path = std::env::temp_dir().join(format!("lab-capture-{}", std::process::id()));
        let began = Instant::now();
        let mut capture = Capture::create(&path, (began, SystemTime::now())).unwrap();
        let later = began + Duration::from_micros(1_500);
        capture.write(began, b"one").unwrap();
        capture.write(later, b"another").unwrap();
        capture.finish().unwrap();
        let all = read_capture(&path).unwrap();
        let packets: Vec<_> = all.iter().map(|one| one.packet.as_slice()).collect();
        assert_eq!(packets, [b"one".as_slice(), b"another"]);
        assert_eq!(all[1].at - all[0].at, later - began);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(read_capture(&path).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        std::fs::remove_file(&path).unwrap();
    }
}
