//! Links the core for a board with nothing on it.
//!
//! There is no global allocator, so code that allocates does not build. The panic handler calls a
//! function that nobody defines, so code from which the optimiser cannot remove every panic does
//! not link. The program is never run.
#![no_std]
#![no_main]

mod drive;

use core::hint::black_box;
use core::panic::PanicInfo;

/// What the core is driven with: known to nobody at compile time.
static mut INPUT: [u8; 2048] = [0; 2048];

/// Where the board would begin.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text._start")]
pub extern "C" fn _start() -> ! {
    loop {
        let place = black_box(&raw mut INPUT);
        // SAFETY: nothing else refers to INPUT: there is one thread, and no interrupt is enabled.
        let input: &mut [u8; 2048] = unsafe { &mut *place };
        black_box(drive::drive(input));
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
