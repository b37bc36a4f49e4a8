//! Links the core for a board with nothing on it.
//!
//! There is no global allocator, so code that allocates does not build. The panic handler calls a
//! function that nobody defines, so code from which the optimiser cannot remove every panic does
//! not link. The program is never run.
#![no_std]
#![no_main]

mod drive;
mod memory;
mod streams;
mod stub;

use core::hint::black_box;
use core::panic::PanicInfo;

use sst_nostd::{Host, Instant};

use drive::{Input, Known};
use stub::StubCrypto;

/// What the core is driven with: known to nobody at compile time.
static mut INPUT: [u8; 2048] = [0; 2048];

/// Where the board would begin.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text._start")]
pub extern "C" fn _start() -> ! {
    let mut start = Input(input());
    let config = drive::config(&mut start);
    let crypto = StubCrypto { seed: start.word() };
    // SAFETY: the board starts once.
    let storage = unsafe { memory::lend() };
    let Ok(host) = Host::new(config, storage, crypto, Instant::from_micros(start.word())) else {
        halt()
    };
    // SAFETY: as before.
    let host = unsafe { memory::keep(host) };
    let mut known = Known::default();
    loop {
        drive::drive(host, &mut known, input());
        black_box(&known.sum);
    }
}

/// What came in.
fn input() -> &'static mut [u8; 2048] {
    let place = black_box(&raw mut INPUT);
    // SAFETY: there is one thread, no interrupt is enabled, and each caller is done with it before
    // the next one asks.
    unsafe { &mut *place }
}

fn halt() -> ! {
    loop {
        black_box(());
    }
}

#[cfg(not(feature = "count"))]
unsafe extern "C" {
    /// Not defined anywhere. If the linker asks for it, a panic can be reached: build with feature
    /// `count` to see from where.
    fn sst_core_can_panic() -> !;
}

#[cfg(not(feature = "count"))]
#[panic_handler]
fn on_panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: the linker refuses to make a program in which this call is reachable.
    unsafe { sst_core_can_panic() }
}

#[cfg(feature = "count")]
#[panic_handler]
#[inline(never)]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    black_box(info);
    loop {}
}
