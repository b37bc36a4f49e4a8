//! [`Partial`]: what has come of a record whose mark has not.

/// Bytes of a record, and room for more. All work here is in proportion to the bytes that come:
/// room is cleared once, when it is made, and doubles.
#[derive(Debug, Default)]
pub(crate) struct Partial {
    /// Filled up to `filled`; what follows is cleared.
    bytes: Vec<u8>,
    filled: usize,
    /// How many of them plain reads have taken since.
    taken: usize,
}

/// How much room is made at first.
const FIRST_LEN: usize = 4_096;

impl Partial {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), filled: 0, taken: 0 }
    }

    /// How many bytes there are.
    pub(crate) const fn len(&self) -> usize {
        self.filled - self.taken
    }

    /// How much memory it has.
    pub(crate) const fn memory(&self) -> usize {
        self.bytes.len()
    }

    /// How much it has once there is [`room`](Self::room).
    pub(crate) fn memory_with_room(&self, max_bytes: usize) -> usize {
        if self.filled < self.bytes.len() {
            return self.bytes.len();
        }
        let max_bytes = max_bytes.max(self.len() + 1).saturating_add(self.taken);
        self.filled.saturating_mul(2).clamp(FIRST_LEN, FIRST_LEN.max(max_bytes))
    }

    /// Room for more bytes, so that there are at most `max_bytes`; at least one byte of it.
    pub(crate) fn room(&mut self, max_bytes: usize) -> &mut [u8] {
        let len = self.memory_with_room(max_bytes);
        // The exact length: what the allocator adds of its own would be cleared, too.
        self.bytes.reserve_exact(len - self.bytes.len());
        self.bytes.resize(len, 0);
        let max_bytes = max_bytes.max(self.len() + 1).saturating_add(self.taken);
        let end = self.bytes.len().min(max_bytes);
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// So many bytes of the room are filled.
    pub(crate) fn on_filled(&mut self, len: usize) {
        self.filled = self.filled.saturating_add(len).min(self.bytes.len());
        if self.filled == 0 {
            // Whoever waits for a record, perhaps for hours, needs no memory for it yet.
            self.bytes = Vec::new();
        }
    }

    /// Moves as many bytes to `buffer` as it has room for; how many.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let held = self.bytes.get(self.taken..self.filled).unwrap_or_default();
        let len = held.len().min(buffer.len());
        buffer[..len].copy_from_slice(&held[..len]);
        self.taken += len;
        if self.len() == 0 {
            *self = Self::new();
        }
        len
    }

    /// All of it.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let Self { mut bytes, filled, taken } = std::mem::take(self);
        bytes.truncate(filled);
        bytes.drain(..taken);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What work there is: bytes cleared to make room, and bytes moved because of it.
    #[test]
    fn a_long_record_costs_in_proportion_to_its_bytes() {
        const RECORD_LEN: usize = 64 << 20;
        for piece in [1_200, 1] {
            let (mut partial, mut cleared, mut moved, mut came) = (Partial::new(), 0, 0, 0);
            // One byte at a time only at the end, where each would cost most.
            while partial.len() < RECORD_LEN {
                let (before, address) = (partial.bytes.len(), partial.bytes.as_ptr());
                let is_near_end = partial.len() >= RECORD_LEN - 100_000;
                let wanted = if is_near_end { piece } else { 1_200 };
                let len = partial.room(RECORD_LEN).len().min(wanted);
                partial.on_filled(len);
                came += 1;
                cleared += partial.bytes.len() - before;
                if partial.bytes.as_ptr() != address {
                    moved += before;
                }
            }
            assert!(cleared <= RECORD_LEN, "{cleared} cleared in {came} pieces");
            assert!(moved <= RECORD_LEN, "{moved} moved in {came} pieces");
            assert!(partial.bytes.capacity() <= RECORD_LEN);
            assert_eq!(partial.take().len(), RECORD_LEN);
        }
    }

    #[test]
    fn plain_reads_take_what_a_record_read_has_collected() {
        let mut partial = Partial::new();
        partial.room(9)[..5].copy_from_slice(b"hello");
        partial.on_filled(5);
        let mut buffer = [0; 2];
        assert_eq!((partial.read(&mut buffer), &buffer, partial.len()), (2, b"he", 3));
        partial.room(4)[..1].copy_from_slice(b"!");
        partial.on_filled(1);
        assert_eq!(partial.room(4).len(), 1, "one byte more than allowed tells that it is longer");
        assert_eq!(partial.take(), b"llo!");
        assert_eq!((partial.read(&mut buffer), partial.len()), (0, 0));
        partial.room(9);
        partial.on_filled(0);
        assert_eq!(partial.bytes.capacity(), 0);
    }
}
