//! Uses more stack than there is: `cargo xtask board test` looks whether that is told.
#![no_std]
#![no_main]

use core::hint::black_box;

use board_qemu::{semihosting, stack, uart};

#[cortex_m_rt::entry]
fn main() -> ! {
    uart::start();
    stack::guard();
    uart::print("diving");
    let depth = dive(1);
    uart::print_args(format_args!("came back from {depth}"));
    semihosting::exit(1)
}

/// Goes down for ever.
#[inline(never)]
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn dive(depth: u32) -> u32 {
    let room = black_box([depth; 64]);
    dive(depth + 1) + room.iter().sum::<u32>()
}
