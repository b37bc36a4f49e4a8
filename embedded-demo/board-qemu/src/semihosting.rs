//! Calls of the machine that QEMU runs on: random bytes, and the end. Real boards have neither, so
//! this is no part of the application.

use core::arch::asm;

use face::NoEntropy;

const OPEN: u32 = 0x01;
const READ: u32 = 0x06;
const CLOSE: u32 = 0x02;
const EXIT_EXTENDED: u32 = 0x20;
const APPLICATION_EXIT: u32 = 0x2_0026;
const MODE_READ_BINARY: usize = 1;

/// Fills `bytes` from the machine's random device.
///
/// # Errors
/// [`NoEntropy`] if it has none, or semihosting is off.
pub fn random(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    const NAME: &[u8] = b"/dev/urandom\0";
    let file = call(OPEN, &[NAME.as_ptr().addr(), MODE_READ_BINARY, NAME.len() - 1]);
    if file == -1 {
        return Err(NoEntropy);
    }
    let missing = call(READ, &[file as usize, bytes.as_mut_ptr().addr(), bytes.len()]);
    call(CLOSE, &[file as usize]);
    if missing == 0 { Ok(()) } else { Err(NoEntropy) }
}

/// Ends QEMU.
pub fn exit(status: usize) -> ! {
    loop {
        call(EXIT_EXTENDED, &[APPLICATION_EXIT as usize, status]);
    }
}

fn call(operation: u32, arguments: &[usize]) -> i32 {
    let answer: i32;
    // SAFETY: the arguments of each call above point to memory that is valid while it runs.
    unsafe {
        asm!(
            "bkpt #0xab",
            inout("r0") operation => answer,
            in("r1") arguments.as_ptr(),
            options(nostack),
        );
    }
    answer
}
