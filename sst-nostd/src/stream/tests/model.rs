//! What a perfect stream does, and the conditions it is tried under.

use super::*;

/// In place of a byte: a mark.
pub(super) const MARK: u16 = 256;

/// One direction of a perfect stream.
#[derive(Default)]
pub(super) struct Half {
    pub(super) written: Vec<u16>,
    pub(super) read: usize,
    pub(super) is_finished: bool,
    /// The sender gave it up, or may have: only a prefix need arrive.
    pub(super) is_cut: bool,
    /// The reader has seen the end.
    pub(super) is_ended: bool,
}

impl Half {
    pub(super) fn take(&mut self, got: &[u8], skip_marks: bool) {
        for byte in got {
            while skip_marks && self.written.get(self.read) == Some(&MARK) {
                self.read += 1;
            }
            assert_eq!(self.written.get(self.read), Some(&u16::from(*byte)), "at {}", self.read);
            self.read += 1;
        }
    }
}

impl Half {
    /// Reading bytes may have taken the mark behind the last of them.
    pub(super) fn skip_marks_to(&mut self, position: usize) {
        assert!(self.written[self.read..position].iter().all(|item| *item == MARK));
        self.read = position;
    }
}

/// Roomy or tiny windows, credit and tables, as the seed says.
pub(super) fn profile(seed: u64) -> (StreamConfig, StreamLimits) {
    let mut random = Random::new(seed ^ 0x5157);
    let mut config = CONFIG;
    let mut limits = ROOMY;
    if random.chance(300) {
        config.stream_window = 1 + random.below(300) as u32;
        config.session_window = 1 + random.below(600);
        config.send_buffer = 2 + random.below(300) as u32;
        config.datagram_bytes = random.below(400) as u32;
    }
    if random.chance(300) {
        config.root_children = random.below(4) as u32;
        config.children = random.below(3) as u32;
        config.id_window = 1 + random.below(6);
    }
    if random.chance(400) {
        limits.streams = 2 + random.below(6) as u32;
        limits.parents = 1 + random.below(4) as u32;
        limits.gapped = 2 + random.below(3) as u32;
        limits.range_rows = 1 + random.below(4) as u32;
        limits.blocks = 4 + random.below(8) as u32;
        limits.block_bytes = 64;
    }
    config.takes_turns = random.chance(500);
    (config, limits)
}
