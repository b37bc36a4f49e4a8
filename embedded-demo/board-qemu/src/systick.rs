//! The clock: SysTick, which every Cortex-M has. It ticks once a millisecond, and says how far it
//! is between two ticks.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// The processor's clock, in cycles a microsecond.
const CYCLES_PER_MICRO: u32 = 25;
const CYCLES_PER_TICK: u32 = 1000 * CYCLES_PER_MICRO;

struct SysTickClock {
    /// Whole ticks since the start.
    millis: Mutex<Cell<u64>>,
    /// The earliest moment that a task waits for, in microseconds.
    alarm: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: SysTickClock = SysTickClock {
    millis: Mutex::new(Cell::new(0)),
    alarm: Mutex::new(Cell::new(u64::MAX)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for SysTickClock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| {
            let mut elapsed = CYCLES_PER_TICK - 1 - SYST::get_current();
            let mut millis = self.millis.borrow(cs).get();
            if SCB::is_systick_pending_now() {
                // A tick that is not counted yet: which side of it was the first look?
                elapsed = CYCLES_PER_TICK - 1 - SYST::get_current();
                millis += 1;
            }
            millis * 1000 + u64::from(elapsed / CYCLES_PER_MICRO)
        })
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            if self.queue.borrow(cs).borrow_mut().schedule_wake(at, waker) {
                self.ring(cs);
            }
        });
    }
}

impl SysTickClock {
    /// Wakes who is due, and notes who is next.
    fn ring(&self, cs: CriticalSection<'_>) {
        let next = self.queue.borrow(cs).borrow_mut().next_expiration(self.now());
        self.alarm.borrow(cs).set(next);
    }
}

/// Whether a tick waits to be counted.
trait Pending {
    fn is_systick_pending_now() -> bool;
}

impl Pending for SCB {
    fn is_systick_pending_now() -> bool {
        const SYSTICK_PENDING: u32 = 1 << 26;
        // SAFETY: reading ICSR changes nothing.
        unsafe { (*SCB::PTR).icsr.read() & SYSTICK_PENDING != 0 }
    }
}

/// Starts the clock.
pub fn start() {
    // SAFETY: nothing else uses SysTick.
    let mut systick = unsafe { cortex_m::Peripherals::steal() }.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(CYCLES_PER_TICK - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

/// Microseconds since the start.
pub fn micros() -> u64 {
    CLOCK.now()
}

#[cortex_m_rt::exception]
fn SysTick() {
    critical_section::with(|cs| {
        let millis = CLOCK.millis.borrow(cs);
        millis.set(millis.get() + 1);
        if CLOCK.alarm.borrow(cs).get() <= millis.get() * 1000 {
            CLOCK.ring(cs);
        }
    });
}
