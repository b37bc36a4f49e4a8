//! Hardware registers: the one place that reads and writes them.

/// A block of 32-bit registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers(usize);

impl Registers {
    /// The block at `base`.
    ///
    /// # Safety
    /// There must be a device at `base`, with registers at all offsets that are used, and it must
    /// not write to memory by itself.
    pub(crate) const unsafe fn at(base: usize) -> Self {
        Self(base)
    }

    pub(crate) fn read(self, offset: usize) -> u32 {
        // SAFETY: `at`'s caller promised a register there.
        unsafe { ((self.0 + offset) as *const u32).read_volatile() }
    }

    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: as above.
        unsafe { ((self.0 + offset) as *mut u32).write_volatile(value) }
    }
}
