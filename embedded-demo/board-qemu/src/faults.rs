//! Panics and faults: said, and then the end of QEMU with a status of its own.

use core::panic::PanicInfo;

use crate::{semihosting, stack, uart};

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        uart::print_args(format_args!("panic at {}:{}", place.file(), place.line()));
    }
    semihosting::exit(101)
}

#[cortex_m_rt::exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    if stack::has_overflowed() {
        uart::print("fault: stack overflow");
        semihosting::exit(103)
    }
    uart::print("hard fault");
    semihosting::exit(102)
}
