//! How deep the stack ever was: the start-up code painted it.

const PAINT: u32 = 0xcccc_cccc;

unsafe extern "C" {
    static _stack_end: u32;
    static _stack_start: u32;
}

/// The most bytes of stack used so far.
pub fn used() -> usize {
    let (low, high) = (&raw const _stack_end, &raw const _stack_start);
    let words = (high.addr() - low.addr()) / 4;
    // SAFETY: between the two symbols is the stack, and reading it changes nothing.
    let painted = (0..words).take_while(|&at| unsafe { low.add(at).read_volatile() } == PAINT);
    (words - painted.count()) * 4
}
