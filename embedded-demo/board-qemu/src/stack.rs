//! The stack: how deep it ever was, as the start-up code painted it; and what lies below, where
//! nobody may go.

use cortex_m::asm::{dsb, isb};
use cortex_m::peripheral::{MPU, SCB};

const PAINT: u32 = 0xcccc_cccc;

/// The guard is larger than any frame, so that none steps over it. A power of two: the processor
/// protects no other regions.
const GUARD_BITS: u32 = 13;
const GUARD_BYTES: usize = 1 << GUARD_BITS;

/// In the protection unit's registers (ARMv7-M Architecture Reference Manual, B3.5): no access by
/// anyone, this size, in force; the rest of memory as without the unit; the region's number is 0.
const NO_ACCESS: u32 = 1 << 28 | (GUARD_BITS - 1) << 1 | 1;
const DEFAULTS_BELOW: u32 = 1 << 2 | 1;
const REGION_IS_VALID: u32 = 1 << 4;
/// In the fault status: data where none may be, by an instruction or by an exception's entry.
const ACCESS_FAULTS: u32 = 1 << 1 | 1 << 4;

unsafe extern "C" {
    static _stack_end: u32;
    static _stack_start: u32;
}

/// Puts the guard between the variables and the stack: from now on a stack that grows too deep is a
/// fault, and not a variable of somebody else's.
pub fn guard() {
    let start = guard_start();
    // SAFETY: the unit is nobody else's, and what lies in the region is nobody's.
    unsafe {
        let unit = &*MPU::PTR;
        unit.rbar.write(start as u32 | REGION_IS_VALID);
        unit.rasr.write(NO_ACCESS);
        unit.ctrl.write(DEFAULTS_BELOW);
    }
    dsb();
    isb();
}

/// Whether a fault came of the guard.
pub(crate) fn has_overflowed() -> bool {
    // SAFETY: reading the register changes nothing.
    let status = unsafe { (*SCB::PTR).cfsr.read() };
    status & ACCESS_FAULTS != 0
}

/// The most bytes of stack used so far.
pub fn used() -> usize {
    let high = (&raw const _stack_start).addr();
    let low = guard_start() + GUARD_BYTES;
    let words = (high - low) / 4;
    let low = core::ptr::with_exposed_provenance::<u32>(low);
    // SAFETY: between the guard and the stack's start is the stack; reading it changes nothing.
    let painted = (0..words).take_while(|&at| unsafe { low.add(at).read_volatile() } == PAINT);
    (words - painted.count()) * 4
}

fn guard_start() -> usize {
    (&raw const _stack_end).addr().next_multiple_of(GUARD_BYTES)
}
