//! Runs embassy's tasks, and sleeps by WFI when none is ready. (Embassy's own loop sleeps by WFE,
//! which QEMU does not take for sleep: it would use a whole processor of its host.)

use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::asm::wfi;
use cortex_m::interrupt;
use embassy_executor::{Spawner, raw::Executor};
use static_cell::StaticCell;

static IS_PENDING: AtomicBool = AtomicBool::new(false);

/// Called when a task becomes ready.
#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    IS_PENDING.store(true, Ordering::Release);
}

/// Runs for ever.
pub fn run(start: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();

    let executor: &'static Executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    start(executor.spawner());
    loop {
        IS_PENDING.store(false, Ordering::Release);
        // SAFETY: this is the only place that polls, and it is not reached from a task.
        unsafe { executor.poll() };
        // An interrupt between the test and the sleep would be missed, so none is taken there; WFI
        // ends all the same when one comes.
        interrupt::disable();
        if !IS_PENDING.load(Ordering::Acquire) {
            wfi();
        }
        // SAFETY: they were enabled before.
        unsafe { interrupt::enable() };
    }
}
