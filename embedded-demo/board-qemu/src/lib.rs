//! What QEMU's `mps2-an386` has: a clock, a network, a serial port; and what only an emulated
//! board has: randomness and an end by semihosting, and a count of its instructions.
#![no_std]

pub mod counter;
pub mod executor;
mod faults;
pub mod lan9118;
mod registers;
pub mod semihosting;
pub mod stack;
pub mod systick;
pub mod uart;
