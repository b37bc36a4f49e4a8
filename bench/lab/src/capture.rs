//! [`Capture`]: packets in a file, in the format of tcpdump, with nanoseconds.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A file of this format whose times have nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
/// `LINKTYPE_RAW`: IP packets, nothing before them.
const RAW: u32 = 101;
const MAX_PACKET_LEN: u32 = 65_535;

/// Where packets are written to.
pub(crate) struct Capture {
    file: BufWriter<File>,
    began: (Instant, SystemTime),
}

impl Capture {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&MAGIC.to_le_bytes())?;
        file.write_all(&[2, 0, 4, 0])?;
        // The zone is UTC, and the accuracy unknown.
        file.write_all(&[0; 8])?;
        file.write_all(&MAX_PACKET_LEN.to_le_bytes())?;
        file.write_all(&RAW.to_le_bytes())?;
        Ok(Self { file, began: (Instant::now(), SystemTime::now()) })
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
