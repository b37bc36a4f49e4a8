//! Turning valgrind's counter on and off: it counts only what lies between. Populating a table
//! with 100,000 things would take it an hour otherwise. Without valgrind nothing happens.

/// Requests of callgrind, numbered from the letters C and T (`valgrind/callgrind.h`).
const START: u64 = (b'C' as u64) << 24 | (b'T' as u64) << 16 | 4;
const STOP: u64 = START + 1;

/// Counts the instructions of `work`.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> T {
    request(START);
    let result = work();
    request(STOP);
    result
}

/// The instructions that a processor ignores and valgrind takes as a call
/// (`valgrind/valgrind.h`).
#[cfg(target_arch = "x86_64")]
fn request(number: u64) {
    let words: [u64; 6] = [number, 0, 0, 0, 0, 0];
    // SAFETY: four rotations that make a whole turn, and an exchange of a register with itself:
    // nothing changes but rdx, which is named.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") 0_u64 => _,
            inout("rdi") 0_u64 => _,
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_number: u64) {}
