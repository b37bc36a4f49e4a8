//! [`KeyLog`]: writes packet keys to a file, for tools that look into captured packets.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use sst_nostd::{KeyDirection, KeyEpoch, Suite};
use tracing::warn;

/// An open key log. One line for each epoch of each direction:
/// `sst1 DIRECTION EPOCH SUITE KEY IV HANDSHAKE-HASH`, the last three in hexadecimal.
pub(crate) struct KeyLog(File);

impl KeyLog {
    /// Opens the file to add to it; if it is new, only its owner may read it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Never waits, whatever the file is: a pipe that nobody reads is an error, a full one loses
        // lines.
        #[cfg(all(feature = "net", unix))]
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0),
        );
        Ok(Self(options.open(path)?))
    }

    /// Adds one line, in one write: several processes may share the file.
    pub(crate) fn write(&mut self, epoch: &KeyEpoch, handshake_hash: &[u8; 32]) {
        if let Err(error) = self.0.write_all(line(epoch, handshake_hash).as_bytes()) {
            warn!(%error, "the key log could not be written");
        }
    }
}

fn line(epoch: &KeyEpoch, handshake_hash: &[u8; 32]) -> String {
    let direction = match epoch.direction {
        KeyDirection::Receive => "receive",
        KeyDirection::Send => "send",
    };
    let suite = match epoch.suite {
        Suite::Aes256Gcm => "aes256gcm",
        Suite::ChaCha20Poly1305 => "chacha20poly1305",
    };
    let (number, key, iv) = (epoch.epoch, hex(&epoch.key), hex(&epoch.iv));
    format!("sst1 {direction} {number} {suite} {key} {iv} {}\n", hex(handshake_hash))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
