//! Counts instructions: the board's free-running counter, read under QEMU's `-icount shift=6`.

use crate::registers::Registers;

// SAFETY: FPGAIO of the mps2 boards.
const FPGAIO: Registers = unsafe { Registers::at(0x4002_8000) };
const COUNTER: usize = 0x18;
/// The counter runs at 25 MHz, and with `shift=6` an instruction takes 64 ns.
const NANOS_PER_TICK: u64 = 40;
const NANOS_PER_INSTRUCTION: u64 = 64;

/// A moment, to count from.
#[derive(Clone, Copy)]
pub struct Counter(u32);

impl Counter {
    /// Now.
    #[must_use]
    pub fn start() -> Self {
        Self(FPGAIO.read(COUNTER))
    }

    /// Instructions since then, up to two and a half minutes' worth.
    #[must_use]
    pub fn instructions(self) -> u64 {
        let ticks = FPGAIO.read(COUNTER).wrapping_sub(self.0);
        u64::from(ticks) * NANOS_PER_TICK / NANOS_PER_INSTRUCTION
    }
}
